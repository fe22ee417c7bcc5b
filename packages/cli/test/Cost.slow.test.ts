/** `noukai cost`. */
import { Emulator, type EmulatorOptions } from "@effect-noukai/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ctrlC, noukai, watched } from "./support/command.js"
import { environment, ran, requests, serverAndClient } from "./support/server.js"

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
