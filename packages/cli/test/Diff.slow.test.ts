/** `noukai diff`: two runs, and a run and a saved session. */
import type { EmulatorOptions } from "@effect-noukai/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { size } from "../../sdk/test/support/size.js"
import { noukai } from "./support/command.js"
import { environment, folder, ran, requests, serverAndClient } from "./support/server.js"

const flow = "acme/test/orders"

const session = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

const options: EmulatorOptions = {
  capture: "full",
  flows: [{
    ref: flow,
    steps: [
      { kind: "template", id: "classify", output: "order", tokens: { prompt: 1, completion: 2 }, costUsd: "0.00031" },
      { kind: "loop", id: "each", times: 2, steps: [{ kind: "template", id: "track", output: "x {{message}}" }] },
      { kind: "template", id: "draft", output: "{{message}}!", costUsd: "0.1" }
    ]
  }]
}

const ended = (
  { code, stderr, stdout }: { readonly code: number; readonly stdout: string; readonly stderr: string }
) => ({
  code,
  stdout,
  stderr
})

describe("noukai diff", () => {
  it.scopedLive("names the steps that differ, and where the runs part", () =>
    Effect.gen(function*() {
      const env = { ...yield* environment, XDG_STATE_HOME: yield* folder }
      const [one, two, same] = [yield* ran(flow, "hi"), yield* ran(flow, "ho"), yield* ran(flow, "hi")]
      const { code, stderr, stdout } = yield* noukai(["diff", `${flow}/${one}`, `${flow}/${two}`], { env })
      assert.deepStrictEqual([code, stderr], [1, ""])
      assert.match(stdout, new RegExp(`^${one} → ${two}: completed\n> the runs part here`))
      assert.match(stdout, /^> changed {2}classify: input; /m)
      assert.match(stdout, /^ {2}changed {2}track \[1\]: .*output; /m)
      assert.match(stdout, /^cost \$0\.10031 → \$0\.10031 \(\+\$0\)$/m)

      // the ids alone are enough once they were seen
      const json = yield* noukai(["diff", one, two, "--json"], { env })
      assert.deepStrictEqual([json.code, json.stderr], [1, ""])
      const { counts, partsAt, verdict } = JSON.parse(json.stdout)
      assert.deepStrictEqual([counts.missing, counts.new, partsAt, verdict], [0, 0, 0, "different"])

      const equal = yield* noukai(["diff", `${flow}/${one}`, `${flow}/${same}`, "--no-history"], { env })
      assert.strictEqual(equal.code, 0, equal.stdout)
      assert.match(equal.stdout, /\n5 steps the same, 0 changed, 0 missing, 0 new, 0 moved\n/)
    }).pipe(Effect.provide(serverAndClient(options))))

  it.scopedLive("compares a run with a saved session", () =>
    Effect.gen(function*() {
      const env = { ...yield* environment, XDG_STATE_HOME: yield* folder }
      const cwd = yield* folder
      const [one, two] = [
        yield* ran(flow, "hi", { sessionId: session }),
        yield* ran(flow, "ho", { sessionId: session })
      ]
      assert.strictEqual((yield* noukai(["session", "save", session, "saved.json"], { env, cwd })).code, 0)
      const diff = (...args: ReadonlyArray<string>) => Effect.map(noukai(["diff", ...args], { env, cwd }), ended)
      // the run of the session with the same id
      const same = yield* diff(`${flow}/${one}`, "saved.json")
      assert.strictEqual(same.code, 0, same.stdout)
      assert.include(same.stdout, "cost $0.10031 → unknown\n")
      assert.strictEqual((yield* diff(`${flow}/${one}`, `saved.json#${two}`)).code, 1)
      assert.strictEqual((yield* diff(`saved.json#${one}`, `saved.json#${two}`)).code, 1)
      const other = yield* ran(flow, "hi")
      const open = yield* diff(`${flow}/${other}`, "saved.json")
      assert.strictEqual(open.code, 2)
      assert.include(open.stderr, `saved.json has 2 runs, choose one: saved.json#ID, from ${one}, ${two}`)
      assert.strictEqual((yield* diff(`saved.json#none`, `${flow}/${one}`)).code, 2)
    }).pipe(Effect.provide(serverAndClient(options))))

  it.scopedLive("does not call runs the same whose payloads are not stored", () =>
    Effect.gen(function*() {
      const env = yield* environment
      const id = yield* ran(flow, "hi")
      const { code, stdout } = yield* noukai(["diff", `${flow}/${id}`, `${flow}/${id}`], { env })
      assert.strictEqual(code, 1)
      assert.include(stdout, "payloads were not compared: one of the runs has none stored\n")
    }).pipe(Effect.provide(serverAndClient({ ...options, capture: "metadata_only" }))))

  it.scopedLive("refuses a run that it does not know, and says which", () =>
    Effect.gen(function*() {
      const env = { ...yield* environment, XDG_STATE_HOME: yield* folder }
      const unseen = yield* noukai(["diff", session, session], { env })
      assert.strictEqual(unseen.code, 2)
      assert.include(unseen.stderr, `has not seen run ${session}`)
      assert.deepStrictEqual(yield* requests, [])
      const unknown = yield* noukai(["diff", `${flow}/${session}`, `${flow}/${session}`], { env })
      assert.deepStrictEqual([unknown.code, unknown.stdout], [7, ""])
    }).pipe(Effect.provide(serverAndClient(options))))

  it.scopedLive("reads what a hostile server sends: thousands of steps, control characters, keys, nonsense numbers, deep values", () =>
    Effect.gen(function*() {
      const steps = size(10_000, 2_000)
      let sent = 0
      const server = createServer((_, response) => {
        const n = sent++
        const deep = "[".repeat(3_000) + n + "]".repeat(3_000)
        const parts = Array.from(
          { length: steps },
          (_, at) =>
            `{"stepId":${JSON.stringify(at % 2 ? "\u001b]0;x\u0007" : `s${at}\n`)},"attempt":1,"status":"completed",
          "durationMs":${at % 3 === 0 ? "1e999" : `-${at}.5`},"costUsd":${at % 5 === 0 ? "\"-1\"" : "\"0.1e-9\""},
          "inputContext":${at === 7 ? deep : `{"key":"nk_live_${"k".repeat(20)}${n}","__proto__":{"x":${n}}}`}}`
        )
        response.setHeader("content-type", "application/json")
        response.end(`{"flowRun":{"id":"r\u2028${n}","status":"\\u001b[31m"},"steps":[${parts.join(",")}]}`)
      })
      yield* Effect.acquireRelease(
        Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
        () => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const env = {
        NOUKAI_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        NOUKAI_API_KEY: "nk_test",
        XDG_STATE_HOME: yield* folder
      }
      for (const flags of [[], ["--json"]]) {
        const { code, stderr, stdout } = yield* noukai(["diff", `${flow}/${session}`, `${flow}/${session}`, ...flags], {
          env
        })
        assert.strictEqual(code, 1, stderr)
        assert.notInclude(stdout + stderr, "kkkk")
        // eslint-disable-next-line no-control-regex
        if (flags.length === 0) assert.notMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028]/)
        else assert.strictEqual(JSON.parse(stdout).steps.length, steps)
      }
    }))
})
