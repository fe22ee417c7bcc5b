/** `noukai runs`. */
import { Emulator, type EmulatorOptions } from "@effect-noukai/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { ctrlC, noukai, started, watched } from "./support/command.js"
import { environment, ran, requests, runs, serverAndClient } from "./support/server.js"

const flow = "acme/test/many"

const options: EmulatorOptions = {
  flows: [
    { ref: flow, steps: [{ kind: "template", id: "a", output: "x" }] },
    { ref: "acme/test/broken", steps: [{ kind: "fail", id: "a", code: "UNAVAILABLE", message: "no" }] }
  ]
}

/** Runs a flow so many times, and gives the server's id of the flow. */
const many = (count: number, ref = flow) =>
  Effect.gen(function*() {
    yield* Effect.forEach(Array.from({ length: count }, (_, n) => n), (n) => ran(ref, String(n)), { concurrency: 10 })
    return (yield* runs)[0]!.flowId
  })

describe("noukai runs", () => {
  it.live("lists the runs as a table, newest first, in 80 columns", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const flowId = yield* many(2)
      const { code, stderr, stdout } = yield* noukai(["runs", "--flow-id", flowId], { env })
      assert.deepStrictEqual([code, stderr], [0, ""])
      const [head, ...rows] = stdout.trimEnd().split("\n")
      assert.match(head!, /^id +status +started \(UTC\) +duration steps$/)
      assert.lengthOf(rows, 2)
      for (const row of rows) {
        assert.match(row, /^\S{36} completed \d{4}-\d\d-\d\d \d\d:\d\d +\d+ ms +1$/)
        assert.isAtMost(row.length, 80)
      }
      assert.sameMembers(rows.map((row) => row.slice(0, 36)), (yield* runs).map(({ executionId }) => executionId))
    }).pipe(Effect.provide(serverAndClient(options))))

  it.live("has seconds where there is room for them", () =>
    Effect.scoped(Effect.gen(function*() {
      const env = yield* environment
      const flowId = yield* many(1)
      const wide = yield* watched(["runs", "--flow-id", flowId], { env, columns: 200 })
      assert.strictEqual(yield* wide.code, 0)
      assert.match(wide.output(), /completed {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}/)
    })).pipe(Effect.provide(serverAndClient(options))))

  it.live("gives an array, or a line for each, page by page to the end or to the limit", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const flowId = yield* many(130)
      const list = (...args: ReadonlyArray<string>) => noukai(["runs", "--flow-id", flowId, ...args], { env })
      const lines = (yield* list("--jsonl")).stdout.trimEnd().split("\n").map((line) => JSON.parse(line))
      assert.lengthOf(lines, 130)
      assert.lengthOf((yield* requests).filter((request) => request.startsWith("GET")), 2)
      assert.deepStrictEqual(JSON.parse((yield* list("--json")).stdout), lines)
      assert.deepStrictEqual(JSON.parse((yield* list("--json", "--limit", "3")).stdout), lines.slice(0, 3))
    }).pipe(Effect.provide(serverAndClient(options))))

  it.live("lists those of a status; none is no failure", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const flowId = yield* many(1, "acme/test/broken")
      const list = (...args: ReadonlyArray<string>) => noukai(["runs", "--flow-id", flowId, ...args], { env })
      assert.match((yield* list("--status", "failed")).stdout, / failed /)
      assert.deepStrictEqual(yield* list("--status", "completed"), { code: 0, stdout: "", stderr: "no runs\n" })
      assert.deepStrictEqual(yield* list("--status", "completed", "--json"), { code: 0, stdout: "[]\n", stderr: "" })
    }).pipe(Effect.provide(serverAndClient(options))))

  it.live("stops quietly when nobody reads on", () =>
    Effect.scoped(Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = yield* environment
      const flowId = yield* many(330)
      // nobody reads any more when the second page comes
      yield* emulator.addFaults({ match: { endpoint: "runList" }, script: ["ok", "delay:500"] })
      const command = yield* started(["runs", "--flow-id", flowId, "--jsonl"], { env })
      yield* Effect.async<void>((resume) => {
        command.child.stdout!.once("data", () => {
          command.child.stdout!.destroy()
          resume(Effect.void)
        })
      })
      const { code, stderr } = yield* command.ended
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.isBelow((yield* requests).filter((request) => request.startsWith("GET")).length, 4)
    })).pipe(Effect.provide(serverAndClient(options))))

  it.live("says of an address that its id is not known, and what to do; nothing is sent", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const { code, stderr, stdout } = yield* noukai(["runs", flow], { env })
      assert.deepStrictEqual([code, stdout], [2, ""])
      assert.match(
        stderr,
        /listing runs requires the internal id of acme\/test\/man/
      )
      assert.match(stderr, /noukai trace acme\/test\/\w+ ID\n {2}or give the id, .*: noukai runs --flow-id ID\n/)
      const wrong = [["--since", "7"], [flow, "--flow-id", "f"], ["--flow-id", "f", "--status", "odd"], [
        "--flow-id",
        "f",
        "--limit",
        "0"
      ], [
        "--flow-id",
        "f",
        "--json",
        "--jsonl"
      ]]
      const ended = yield* Effect.forEach(wrong, (args) => noukai(["runs", ...args], { env }), { concurrency: 2 })
      assert.deepStrictEqual(ended.map(({ code, stdout }) => [code, stdout]), wrong.map(() => [2, ""]))
      assert.deepStrictEqual(yield* requests, [])
    }).pipe(Effect.provide(serverAndClient(options))))

  it.live("what came before a failure is given, and the failure has its code", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = yield* environment
      const flowId = yield* many(110)
      yield* emulator.addFaults({ match: { endpoint: "runList" }, script: ["ok", "403"] })
      const { code, stdout } = yield* noukai(["runs", "--flow-id", flowId, "--json"], { env })
      assert.strictEqual(code, 3)
      assert.lengthOf(JSON.parse(stdout), 100)
    }).pipe(Effect.provide(serverAndClient(options))))

  it.scopedLive("of a server that does not page, lists the newest, and says what to do", () =>
    Effect.gen(function*() {
      const page = JSON.stringify({
        runs: Array.from({ length: 100 }, (_, n) => ({ id: `run\u001b[2J-${n}`, status: "completed" }))
      })
      const hosted = yield* Effect.acquireRelease(
        Effect.async<Server>((resume) => {
          const server = createServer((_, response) =>
            void response.writeHead(200, { "content-type": "application/json" }).end(page)
          )
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => void server.close().closeAllConnections())
      )
      const { port } = hosted.address() as AddressInfo
      const env = {
        NOUKAI_BASE_URL: `http://127.0.0.1:${port}/api/v1`,
        NOUKAI_API_KEY: "nk_test_emulator_00000000000000000000000000000000"
      }
      const all = yield* noukai(["runs", "--flow-id", "f"], { env })
      assert.strictEqual(all.code, 1)
      assert.lengthOf(all.stdout.trimEnd().split("\n"), 101)
      assert.notInclude(all.stdout, "\u001b")
      assert.match(all.stderr, /--limit 100 lists the newest/)
      assert.strictEqual((yield* noukai(["runs", "--flow-id", "f", "--limit", "100"], { env })).code, 0)
    }))

  it.live("ends with 130 when it is interrupted", () =>
    Effect.scoped(Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = yield* environment
      const flowId = yield* many(1)
      yield* emulator.addFaults({ match: { endpoint: "runList" }, script: ["delay:60000"] })
      const command = yield* watched(["runs", "--flow-id", flowId], { env })
      yield* emulator.awaitEvent((event) => event.type === "Waiting" && event.ms === 60_000)
      yield* command.type(ctrlC)
      assert.strictEqual(yield* command.code, 130)
    })).pipe(Effect.provide(serverAndClient(options))))
})
