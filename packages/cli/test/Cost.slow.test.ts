/** `noukai cost`. */
import { Emulator, type EmulatorOptions } from "@effect-noukai/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { ctrlC, noukai, watched } from "./support/command.js"
import { environment, folder, ran, requests, serverAndClient } from "./support/server.js"

const flow = "acme/test/paid"

const options: EmulatorOptions = {
  flows: [
    {
      ref: flow,
      steps: [
        {
          kind: "template",
          id: "a",
          output: "x",
          tokens: { prompt: 3, completion: 1 },
          costUsd: "0.1",
          model: "small"
        },
        {
          kind: "template",
          id: "b",
          output: "x",
          tokens: { prompt: 30, completion: 10 },
          costUsd: "0.00000000000000000003",
          model: "large"
        }
      ]
    },
    {
      ref: "acme/test/lettered",
      steps: ["日本語", "🦊✅", "e\u0301te\u0301", "việt", "latin-1"].map((model, no) => ({
        kind: "template",
        id: `step-${no}`,
        output: "x",
        tokens: { prompt: 1, completion: 1 },
        costUsd: "0.01",
        model
      }))
    },
    {
      ref: "acme/test/untold",
      steps: [
        { kind: "template", id: "a", output: "x", tokens: { prompt: 3, completion: 1 }, costUsd: "0.1" },
        { kind: "template", id: "b", output: "x", tokens: { prompt: 30, completion: 10 } },
        { kind: "template", id: "c", output: "x" }
      ]
    },
    { ref: "acme/test/dark", capture: "off", steps: [{ kind: "template", id: "a", output: "x", costUsd: "1" }] }
  ]
}

describe("noukai cost", () => {
  it.live("tells cost, tokens and time of each run, in all and by model, to the last digit", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const [a, b] = [yield* ran(flow, "1"), yield* ran(flow, "2")]
      const { code, stderr, stdout } = yield* noukai(["cost", flow, a, b, a], { env })
      assert.deepStrictEqual([code, stderr], [0, ""])
      const lines = stdout.split("\n")
      assert.match(lines[0]!, /^run +status +time +tokens +cost$/)
      assert.match(lines[1]!, new RegExp(`^${a} +completed +\\d+ ms +44 +\\$0\\.10000000000000000003$`))
      assert.match(lines[2]!, new RegExp(`^${b} `))
      assert.match(lines[3]!, /^all +\d+ ms +88 +\$0\.20000000000000000006$/)
      assert.match(stdout, /^small +6 +2 +\$0\.2$/m)
      assert.match(stdout, /^large +60 +20 +\$0\.00000000000000000006$/m)
      const { failed, runs, total } = JSON.parse((yield* noukai(["cost", flow, a, b, "--json"], { env })).stdout)
      assert.deepStrictEqual(failed, [])
      assert.deepStrictEqual(runs.map((run: { executionId: string }) => run.executionId), [a, b])
      assert.strictEqual(total.costUsd, "0.20000000000000000006")
      assert.isTrue(total.isKnown)
      assert.notProperty(total, "cost")
    }).pipe(Effect.provide(serverAndClient(options))))

  it.live("puts values below each other whatever letters they have", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const { stdout } = yield* noukai(["cost", "acme/test/lettered", yield* ran("acme/test/lettered", "1")], { env })
      const models = stdout.split("\n").slice(3, 9)
      assert.deepStrictEqual(models, [
        "model    prompt  completion   cost",
        "日本語        1           1  $0.01",
        "🦊✅          1           1  $0.01",
        "e\u0301te\u0301           1           1  $0.01",
        "việt          1           1  $0.01",
        "latin-1       1           1  $0.01"
      ])
    }).pipe(Effect.provide(serverAndClient(options))))

  it.live("says that a cost is unknown where no steps are stored", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const id = yield* ran("acme/test/dark", "1")
      const text = yield* noukai(["cost", "acme/test/dark", id], { env })
      assert.strictEqual(text.code, 0)
      assert.match(text.stdout, new RegExp(`^${id} +completed +unknown$`, "m"))
      assert.match(text.stdout, /unknown: 1 run without stored steps\n$/)
      const { runs, total } = JSON.parse((yield* noukai(["cost", "acme/test/dark", id, "--json"], { env })).stdout)
      assert.deepStrictEqual([runs[0].isKnown, total.isKnown], [false, false])
    }).pipe(Effect.provide(serverAndClient(options))))

  it.live("says at least where a step used tokens and has no cost, in every command", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const untold = "acme/test/untold"
      const started = yield* noukai(["run", untold, "hi", "--stream", "--verbose"], { env })
      assert.deepStrictEqual([started.code, started.stderr.includes("cost unknown")], [0, true], started.stderr)
      const id = yield* ran(untold, "1")
      const text = yield* noukai(["cost", untold, id], { env })
      assert.match(text.stdout, new RegExp(`^${id} +completed +\\d+ ms +44 +at least \\$0\\.1$`, "m"))
      assert.match(text.stdout, /unknown: the cost of 1 step is missing, or cannot be read\n$/)
      assert.match((yield* noukai(["runs", untold], { env })).stdout, new RegExp(`^${id} .* at least \\$0\\.1$`, "m"))
      assert.match((yield* noukai(["trace", untold, id], { env })).stdout, /at least \$0\.1$/m)
      const { runs, total } = JSON.parse((yield* noukai(["cost", untold, id, "--json"], { env })).stdout)
      assert.deepInclude(runs[0], { isKnown: false, unknownCosts: 1, costUsd: "0.1" })
      assert.deepInclude(total, { isKnown: false, unknownCosts: 1, costUsd: "0.1" })
    }).pipe(Effect.provide(serverAndClient(options))))

  it.live("of several runs the worst code counts, and the rest is shown", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = yield* environment
      const id = yield* ran(flow, "1")
      const one = yield* noukai(["cost", flow, "unknown"], { env })
      assert.deepStrictEqual([one.code, one.stdout], [7, ""])
      const { code, stderr, stdout } = yield* noukai(["cost", flow, "unknown", id], { env })
      assert.strictEqual(code, 7)
      assert.match(stdout, new RegExp(`^${id} +completed`, "m"))
      assert.match(stderr, /1 of 2 runs could not be read\n {2}unknown: /)
      yield* emulator.addFaults({ match: { endpoint: "trace" }, script: ["403", "delay:500", "403"] })
      const worst = yield* noukai(["cost", flow, id, "unknown", "--json"], { env })
      assert.strictEqual(worst.code, 3)
      const { failed, total } = JSON.parse(worst.stdout)
      assert.sameMembers(failed.map(({ code }: { code: number }) => code), [3, 7])
      assert.isFalse(total.isKnown)
    }).pipe(Effect.provide(serverAndClient(options))))

  it.live("wrong usage sends nothing", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const wrong = [[flow], [flow, "id", ".."], ["a/b", "id"], [flow, "id", "--jsonl"]]
      const ended = yield* Effect.forEach(wrong, (args) => noukai(["cost", ...args], { env }), { concurrency: 2 })
      assert.deepStrictEqual(ended.map(({ code, stdout }) => [code, stdout]), wrong.map(() => [2, ""]))
      assert.deepStrictEqual(yield* requests, [])
    }).pipe(Effect.provide(serverAndClient(options))))

  it.scopedLive("adds up the runs of a period, whose end is not included, of a flow or of this machine", () =>
    Effect.gen(function*() {
      const env = { ...yield* environment, XDG_STATE_HOME: yield* folder }
      yield* noukai(["run", flow, "1"], { env })
      yield* noukai(["run", flow, "2"], { env })
      const { runs } = JSON.parse((yield* noukai(["cost", flow, "--json"], { env })).stdout)
      assert.lengthOf(runs, 2)
      const [seen] = JSON.parse((yield* noukai(["runs", flow, "--json", "--limit", "1"], { env })).stdout)
      const started: string = seen.started_at ?? seen.startedAt
      const found = (...args: ReadonlyArray<string>) =>
        Effect.map(noukai(["cost", ...args, "--json"], { env }), ({ code, stdout }) => {
          const ids: ReadonlyArray<string> = JSON.parse(stdout).runs.map((run: { executionId: string }) =>
            run.executionId
          )
          return [code, ids.length, ids.includes(seen.id)]
        })
      assert.deepStrictEqual(yield* found(flow, "--since", "2020-01-01", "--until", "2999-01-01"), [0, 2, true])
      // the run that began at the end is not in it, and that at the start is
      assert.deepStrictEqual(yield* found(flow, "--since", "1d", "--until", started), [0, 1, false])
      assert.deepStrictEqual(yield* found(flow, "--since", started, "--until", "2999-01-01"), [0, 1, true])
      assert.deepStrictEqual(yield* found("--since", "1d", "--until", "2999-01-01"), [0, 2, true])
      assert.deepStrictEqual(yield* found("--since", "2020-01-01", "--until", "1h"), [0, 0, false])
      assert.deepStrictEqual(yield* found(flow, "--since", "2020-01-01", "--until", "2020-02-01"), [0, 0, false])
    }).pipe(Effect.provide(serverAndClient(options))))

  it.live("refuses a period that is wrong before anything is read", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
        [
          ["--since", "2026-12-01", "--until", "2026-11-01"],
          /--since 2026-12-01 is not before --until 2026-11-01: swap/
        ],
        [["--since", "2026-11-01", "--until", "2026-11-01"], /is not before/],
        [["--since", "1h", "--until", "2h"], /is not before/],
        [["--until", "2026-11-01"], /--until requires --since/],
        [["--since", "2026-11-01", "--until", "soon"], /--until takes .*, not "soon"/],
        [["--since", "2026-11-01", "--until", "2026-02-30"], /--until takes .*, not "2026-02-30"/],
        [["--since", "2026-11-01 nonsense"], /--since takes .*, not "2026-11-01 nonsense"/]
      ]
      for (const [args, said] of wrong) {
        for (const  of of[[flow], []]) {
          const { code, stderr, stdout } = yield* noukai(["cost", ...of, ...args], {
            env: { ...env, TZ: "Asia/Tokyo" }
          })
          assert.deepStrictEqual([code, stdout], [2, ""])
          assert.match(stderr, said)
        }
      }
      assert.deepStrictEqual(yield* requests, [])
    }).pipe(Effect.provide(serverAndClient(options))))

  it.scopedLive(
    "says at least, and ends with 1, where the list does not reach back to --since",
    () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        const cheap = "acme/test/cheap"
        for (let run = 0; run < 101; run++) yield* ran(cheap, String(run))
        // the hosted server lists one page
        const hosted = yield* Effect.acquireRelease(
          Effect.async<Server>((resume) => {
            const server = createServer((request, response) => {
              const url = new URL(request.url!, emulator.url)
              if (url.pathname.endsWith("/flow-runs")) {
                for (const name of ["cursor", "offset"]) url.searchParams.delete(name)
              }
              void fetch(url, { headers: { authorization: request.headers.authorization! } }).then(async (answer) => {
                const body = (await answer.text()).replace(/"next_?[cC]ursor":"[^"]*"/, "\"next_cursor\":null")
                response.writeHead(answer.status, { "content-type": "application/json" }).end(body)
              })
            })
            server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
          }),
          (server) => Effect.sync(() => void server.close().closeAllConnections())
        )
        const cwd = yield* folder
        const env = {
          ...yield* environment,
          NOUKAI_BASE_URL: `http://127.0.0.1:${(hosted.address() as AddressInfo).port}/api/v1`,
          XDG_STATE_HOME: cwd
        }
        const last = yield* ran(cheap, "x")
        yield* noukai(["trace", cheap, last], { env })
        const args = ["cost", cheap, "--since", "1d", "--until", "2999-01-01"]
        const { code, stderr, stdout } = yield* noukai(args, { env })
        assert.strictEqual(code, 1, stderr)
        assert.match(stdout, /^all .* at least \$1$/m)
        assert.match(
          stderr,
          /the server lists only the newest 100 runs, and they do not reach back to --since\n.*at least/
        )
        const json = yield* noukai([...args, "--json"], { env })
        assert.strictEqual(json.code, 1)
        const { runs, total } = JSON.parse(json.stdout)
        assert.deepStrictEqual([runs.length, total.isKnown, total.costUsd], [100, false, "1"])
        // a start within the listed runs is reached
        const moment = runs.at(-1).startedAt ?? new Date().toISOString()
        assert.strictEqual((yield* noukai(["cost", cheap, "--since", moment], { env })).code, 0)
      }).pipe(Effect.provide(serverAndClient({
        flows: [{ ref: "acme/test/cheap", steps: [{ kind: "template", id: "a", output: "x", costUsd: "0.01" }] }]
      }))),
    120_000
  )

  it.live("ends with 130 when it is interrupted", () =>
    Effect.scoped(Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = yield* environment
      const id = yield* ran(flow, "1")
      yield* emulator.addFaults({ match: { endpoint: "trace" }, script: ["delay:60000"] })
      const command = yield* watched(["cost", flow, id], { env })
      yield* emulator.awaitEvent((event) => event.type === "Waiting" && event.ms === 60_000)
      yield* command.type(ctrlC)
      assert.strictEqual(yield* command.code, 130)
    })).pipe(Effect.provide(serverAndClient(options))))
})
