/** `noukai trace`. */
import { Emulator, type EmulatorOptions } from "@effect-noukai/emulator"
import { RunService } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ctrlC, noukai, watched } from "./support/command.js"
import { environment, ran, requests, serverAndClient } from "./support/server.js"

const flow = "acme/test/orders"

const options: EmulatorOptions = {
  capture: "full",
  flows: [{
    ref: flow,
    steps: [
      {
        kind: "template",
        id: "classify",
        output: "order",
        tokens: { prompt: 100, completion: 20 },
        costUsd: "0.00031",
        model: "small"
      },
      { kind: "loop", id: "each", times: 2, steps: [{ kind: "template", id: "track", output: "x" }] },
      { kind: "fail", id: "draft", code: "UNAVAILABLE", message: "no model" }
    ]
  }]
}

const escape = "\u001b"

describe("noukai trace", () => {
  it.live("draws the steps in 80 columns without colours when it is piped", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const id = yield* ran(flow, "hi")
      const { code, stderr, stdout } = yield* noukai(["trace", flow, id], { env })
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.notInclude(stdout, escape)
      const lines = stdout.split("\n")
      assert.strictEqual(lines[0], `Run ${id}`)
      assert.match(stdout, /^ {2}classify +█.* ms +120 +\$0\.00031$/m)
      assert.match(stdout, /^ {4}track \[1\] +█/m)
      assert.match(stdout, /^✕ draft .*\n {4}UNAVAILABLE: no model\n {4}input: \{/m)
      assert.isTrue(lines.every((line) => [...line].length <= 80), stdout)
    }).pipe(Effect.provide(serverAndClient(options))))

  it.live("is as wide as its terminal, and has colours unless NO_COLOR or TERM=dumb says otherwise", () =>
    Effect.scoped(Effect.gen(function*() {
      const env = yield* environment
      const id = yield* ran(flow, "hi")
      const shown = (columns: number, more: { readonly [name: string]: string } = {}) =>
        Effect.scoped(Effect.gen(function*() {
          const command = yield* watched(["trace", flow, id], { env: { ...env, ...more }, columns })
          assert.strictEqual(yield* command.code, 0)
          return command.output()
        }))
      const widest = (text: string) =>
        // eslint-disable-next-line no-control-regex
        Math.max(...text.replace(/\u001b\[[0-9;?]*[a-zA-Z]/g, "").split(/\r?\n/).map((line) => [...line].length))
      const [narrow, wide, plain, dumb] = yield* Effect.all([
        shown(80),
        shown(200),
        shown(200, { NO_COLOR: "1" }),
        shown(200, { TERM: "dumb" })
      ])
      assert.isAtMost(widest(narrow), 80)
      assert.isAtLeast(widest(wide), 150)
      assert.isAtMost(widest(wide), 200)
      for (const text of [narrow, wide]) assert.include(text, `${escape}[31m✕`)
      for (const text of [plain, dumb]) {
        assert.notInclude(text, `${escape}[3`)
        assert.include(text, "✕ draft")
      }
    })).pipe(Effect.provide(serverAndClient(options))))

  it.live("gives the picture, the spans, or the trace as the server said it", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const id = yield* ran(flow, "hi")
      const svg = yield* noukai(["trace", flow, id, "--svg"], { env })
      assert.match(svg.stdout, /^<svg [^]*<\/svg>\n$/)
      const html = yield* noukai(["trace", flow, id, "--html"], { env })
      assert.match(html.stdout, /^<!DOCTYPE html>[^]*<\/html>\n$/)
      assert.lengthOf(html.stdout.match(/<details/g)!, 5)
      const otlp = JSON.parse((yield* noukai(["trace", flow, id, "--otlp"], { env })).stdout)
      assert.lengthOf(otlp.resourceSpans[0].scopeSpans[0].spans, 6)
      const json = yield* noukai(["trace", flow, id, "--json"], { env })
      const trace = yield* Effect.flatMap(RunService, (runs) => runs.trace(flow, id))
      assert.deepStrictEqual(JSON.parse(json.stdout), trace.raw)
    }).pipe(Effect.provide(serverAndClient(options))))

  it.live("wrong usage sends nothing: two forms at once, no id, an id that is none, an address that is none", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const wrong = [[flow, "id", "--svg", "--json"], [flow], [flow, ".."], ["a/b", "id"]]
      const ended = yield* Effect.forEach(wrong, (args) => noukai(["trace", ...args], { env }), { concurrency: 2 })
      assert.deepStrictEqual(ended.map(({ code, stdout }) => [code, stdout]), wrong.map(() => [2, ""]))
      assert.include(ended[0]!.stderr, "one of --svg, --html, --otlp and --json")
      assert.deepStrictEqual(yield* requests, [])
    }).pipe(Effect.provide(serverAndClient(options))))

  it.live("an unknown run is 7, a key that may not read is 3, a server that is not there 7", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = yield* environment
      const id = yield* ran(flow, "hi")
      assert.strictEqual((yield* noukai(["trace", flow, "unknown"], { env })).code, 7)
      yield* emulator.addFaults({ match: { endpoint: "trace" }, script: ["403", "403"] })
      assert.strictEqual((yield* noukai(["trace", flow, id], { env })).code, 3)
      const elsewhere = { ...env, NOUKAI_BASE_URL: "http://127.0.0.1:1" }
      assert.strictEqual((yield* noukai(["trace", flow, id], { env: elsewhere })).code, 7)
    }).pipe(Effect.provide(serverAndClient(options))))

  it.live("ends with 130 when it is interrupted", () =>
    Effect.scoped(Effect.gen(function*() {
      const emulator = yield* Emulator
      const env = yield* environment
      const id = yield* ran(flow, "hi")
      yield* emulator.addFaults({ match: { endpoint: "trace" }, script: ["delay:60000"] })
      const command = yield* watched(["trace", flow, id], { env })
      yield* emulator.awaitEvent((event) => event.type === "Waiting" && event.ms === 60_000)
      yield* command.type(ctrlC)
      assert.strictEqual(yield* command.code, 130)
    })).pipe(Effect.provide(serverAndClient(options))))
})
