/** The facts of traces in the rows of lists. */
import type { Run } from "@effect-noukai/studio/RunsApi"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import { masked, maskOf } from "../src/internal/text.js"
import { firstLine, toldOf } from "../src/internal/told.js"
import { until } from "./support/client.js"
import { hello, start } from "./support/emulated.js"
import { type ScriptedRun, traceOf } from "./support/scripted.js"
import * as Stories from "./support/stories.js"

const of = (run: Partial<ScriptedRun>) => toldOf(traceOf({ id: "run", ...run }))

describe("the facts of a trace", () => {
  it("are the error that no later attempt mended, the lines of input and output, tokens and models", () => {
    assert.deepStrictEqual(toldOf(traceOf(Stories.failed)), {
      error: "PROVIDER_ERROR",
      problem: "The model did not return JSON.",
      input: "Teh cat",
      output: "{\"words\":[\"Teh\",\"cat\"]}"
    })
    assert.deepStrictEqual(toldOf(traceOf(Stories.completed)), {
      input: "The cat sat.",
      output: "Well done.",
      tokens: 1_020,
      model: "small, large"
    })
    assert.deepStrictEqual(of({}), {})
  })

  it("are texts of messages, and JSON of other values with all digits", () => {
    const lines = (input: unknown, output: unknown) => {
      const { input: first, output: last } = of({ steps: [{ id: "a", at: 0, ms: 1, input, output }] })
      return [first, last]
    }
    const messages = [{ role: "system", content: "Be kind." }, { role: "user", content: "\n  Hello\nthere" }]
    assert.deepStrictEqual(lines({ messages }, { role: "assistant", content: "Good day." }), ["Hello", "Good day."])
    assert.deepStrictEqual(lines({ message: "", level: 3 }, [1, 2]), ["{\"message\":\"\",\"level\":3}", "[1,2]"])
    assert.deepStrictEqual(lines({ rows: ["x".repeat(70_000)], total: 1 }, "a".repeat(300)), ["{rows, total}", "…"])
    assert.deepStrictEqual(lines("one\u2028two", "word ".repeat(100)), ["one", `${"word ".repeat(40).trim()}…`])
  })

  it("name the error of a run without a code by its message, and nothing of a run that mended it", () => {
    const steps = [{ id: "a", at: 0, ms: 1, error: "no model\nat all" }]
    assert.deepStrictEqual(of({ status: "failed", steps }), { error: "no model" })
    assert.deepStrictEqual(of({ steps: [...steps, { id: "a", attempt: 2, at: 2, ms: 1, output: "ok" }] }), {
      output: "ok"
    })
    assert.deepStrictEqual(of({ status: "failed" }), {})
  })

  it("never have a part of a secret", () => {
    const secret = "sk-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZg=="
    const mask = maskOf([secret])
    fc.assert(
      fc.property(
        fc.constantFrom(secret, "nk_live_abcdefgh_0123456789abcdef0123456789abcdef"),
        fc.integer({ min: 0, max: 240 }),
        fc.constantFrom(" ", "\"", ":", "=", "x ", "\\n"),
        fc.boolean(),
        (key, before, sign, isJson) => {
          const text = `${"a b".repeat(80).slice(0, before)}${sign}${key} and more`
          const line = mask(firstLine(isJson ? JSON.stringify({ text }) : text))
          const ending = key.slice(key.startsWith("nk_") ? 8 : 0)
          for (let at = 0; at + 8 <= ending.length; at++) assert.notInclude(line, ending.slice(at, at + 8))
        }
      ),
      { numRuns: 300 }
    )
    assert.strictEqual(masked(firstLine("the key nk_live_abcdefgh")), "the key nk_live_…")
  })
})

describe("the rows of an emulator", () => {
  it.scopedLive("tell what the traces of its listed runs do, and those of failed runs their errors", () =>
    Effect.gen(function*() {
      const { execute, page } = yield* start()
      yield* execute(hello, { message: "Good\nmorning" })
      yield* Effect.flip(execute("acme/test/fails"))
      const rows = yield* until(
        Effect.map(page.json("/api/runs"), ({ runs }) => runs),
        (runs: ReadonlyArray<Run>) => runs.length === 2 && runs[0]!.error !== undefined && runs[1]!.output !== undefined
      )
      const [failed, completed] = rows
      assert.include(failed, { status: "failed", error: "BUSY", problem: "try" })
      assert.include(completed, { input: "Good" })
      // what is known is found
      const found = yield* page.json("/api/runs?text=busy")
      assert.strictEqual(found.total, 1)
    }))
})
