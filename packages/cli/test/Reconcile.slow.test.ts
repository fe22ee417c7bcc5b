/** `noukai reconcile`: a ledger or a cassette against the server. */
import { Emulator } from "@effect-noukai/emulator"
import { JobService } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import { folder, list, write } from "../../sdk/test/support/folder.js"
import { noukai } from "./support/command.js"
import { environment, ran, requests, serverAndClient } from "./support/server.js"

const flow = "acme/test/priced"

const session = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

const server = serverAndClient({
  capture: "full",
  flows: [{ ref: flow, steps: [{ kind: "template", id: "a", output: "{{message}}", costUsd: "0.00123" }] }]
})

const rows = Effect.gen(function*() {
  const cwd = yield* folder
  yield* write(join(cwd, "rows.jsonl"), Array.from({ length: 4 }, (_, n) => `{"id":"r${n}","text":"t"}\n`).join(""))
  return cwd
})

const run = [
  "batch",
  "run",
  "b",
  flow,
  "--input",
  "rows.jsonl",
  "--key",
  "id",
  "--message-field",
  "text",
  "--cost"
]

const json = (text: string) => text.trim().split("\n").map((line) => JSON.parse(line))

describe("noukai reconcile", () => {
  it.scopedLive("agrees with the ledger of a batch, to the last digit, and sends only reads", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rows
      const first = yield* noukai(run, { env, cwd })
      assert.strictEqual(first.code, 0, first.stderr)
      const before = (yield* requests).length
      const told = yield* noukai(["reconcile", "b.ledger"], { env, cwd })
      assert.deepStrictEqual(told, {
        code: 0,
        stdout: "4 agree; $0.00492 here, $0.00492 at the server\n",
        stderr: ""
      })
      const reads = (yield* requests).slice(before)
      assert.strictEqual(reads.length, 8)
      assert.isTrue(reads.every((request) => request.startsWith("GET")))
      const [summary] = json((yield* noukai(["reconcile", "b.ledger", "--json", "--id", "b"], { env, cwd })).stdout)
      assert.deepStrictEqual([summary.kind, summary.counts.agrees, summary.seenUsd], ["summary", 4, "0.00492"])
    }).pipe(Effect.provide(server)))

  it.scopedLive("names what does not agree, and settles uncertain rows only when it is asked", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rows
      const emulator = yield* Emulator
      // the first row is in doubt, and runs a second time under its session
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["500", "500", "500", "500"] })
      const doubtful = yield* noukai([...run, "--grace", "100ms"], { env, cwd })
      assert.strictEqual(doubtful.code, 1, doubtful.stderr)
      const told = yield* noukai(["reconcile", "b.ledger", "--json"], { env, cwd })
      assert.strictEqual(told.code, 1)
      const findings = json(told.stdout)
      const [first] = findings.filter(({ kind }) => kind === "uncertain")
      assert.include(first.reason, "that proves nothing")
      const jobs = yield* JobService
      yield* jobs.submit(flow, { message: "late", sessionId: first.expected.sessionId })
      const found = yield* noukai(["reconcile", "b.ledger"], { env, cwd })
      assert.strictEqual(found.code, 1)
      assert.match(found.stdout, new RegExp(`^b missing-here {3}${first.expected.key}: its session has the run`, "m"))
      const asked = yield* noukai(["reconcile", "b.ledger", "--settle"], { env, cwd })
      assert.match(asked.stdout, new RegExp(`^b settled {8}${first.expected.key}: its session has the run`, "m"))
      assert.match(asked.stdout, /; 1 settled\n$/)
      const [row] = json((yield* noukai(["batch", "results", "b", "--select", first.expected.key], { cwd })).stdout)
      assert.include(row.evidence, "which is not known here")
    }).pipe(Effect.provide(server)))

  it.scopedLive("reads a cassette, and calls an expired session unknown", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* folder
      const emulator = yield* Emulator
      yield* ran(flow, "a", { sessionId: session })
      assert.strictEqual(
        (yield* noukai(["session", "save", session, "s.json", "--org", "acme", "--project", "test"], { env, cwd }))
          .code,
        0
      )
      const agreed = yield* noukai(["reconcile", "s.json"], { env, cwd })
      const summary = "1 agree; at least $0 here, $0.00123 at the server (costs that are not known: 1 here)\n"
      assert.deepStrictEqual([agreed.code, agreed.stdout], [0, summary])
      yield* emulator.expireSession(session)
      const gone = yield* noukai(["reconcile", "s.json"], { env, cwd })
      assert.strictEqual(gone.code, 1)
      assert.match(gone.stdout, /^unknown {8}run 1: its session cannot be read/)
      assert.deepStrictEqual(yield* list(cwd), ["s.json"])
    }).pipe(Effect.provide(server)))

  it.scopedLive("refuses other files and wrong flags, before anything is sent", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const cwd = yield* rows
      for (
        const [args, said] of [
          [["none.ledger"], "there is no file none.ledger"],
          [["rows.jsonl"], "rows.jsonl"],
          [["rows.jsonl", "--settle"], "--settle and --id require a ledger"],
          [["rows.jsonl", "--rate", "0"], "--rate must be at least 1"]
        ] as const
      ) {
        const { code, stderr, stdout } = yield* noukai(["reconcile", ...args], { env, cwd })
        assert.deepStrictEqual([code, stdout], [2, ""])
        assert.include(stderr, said)
      }
      assert.deepStrictEqual(yield* requests, [])
    }).pipe(Effect.provide(server)))
})
