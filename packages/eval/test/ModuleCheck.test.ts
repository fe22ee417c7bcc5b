/** Checks in modules that definitions of evals name. */
import { EvalFile, type EvalRun } from "@effect-noukai/eval"
import { afterEach, assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { join } from "node:path"
import { folder, write } from "../../sdk/test/support/folder.js"
import { casesOf, checked, type Definition } from "../src/internal/definition.js"
import { outcomesOf } from "../src/internal/verdict.js"

const checks = `
globalThis.loadedChecks = (globalThis.loadedChecks ?? 0) + 1
export const short = (value, run, { most }) => run.result.length <= most
export const same = async (value, run) => ({ verdict: run.result === value.text ? "pass" : "fail", reason: "same?", score: 0.5 })
export const rejects = async () => { throw new Error("no network") }
export const throws = () => { throw new Error("oops") }
export const seven = 7
export const check = {
  [Symbol.for("@effect-noukai/eval/Check")]: Symbol.for("@effect-noukai/eval/Check"),
  kind: "mine", definition: "mine", needs: { steps: ["s"], calls: false }, verdict: () => short
}
export default () => "yes"
`

const run: EvalRun = { key: "a", flow: "a/b/c", version: "draft", trial: 1, state: "done", result: "abc" }

const text = (specs: object, cases: ReadonlyArray<object> = [{ id: "a", text: "abc", most: 3 }]) =>
  JSON.stringify({ name: "a", flow: "acme/test/a", cases, key: "id", input: {}, checks: specs }, null, 2)

const parse = (path: string, specs: object, options?: EvalFile.ReadOptions) =>
  Effect.map(
    EvalFile.parse(text(specs), join(path, "a.eval.json"), options),
    (one) => one as unknown as Definition
  )

const said = (one: Definition, value: unknown = { text: "abc", most: 3 }) =>
  Effect.map(outcomesOf(one.checks, value, run), (outcomes) =>
    Object.fromEntries(
      Object.entries(outcomes).map(([name, { reason, verdict }]) => [name, `${verdict}: ${reason}`])
    )) as Effect.Effect<{ readonly [check: string]: string }>

describe("a check in a module", () => {
  afterEach(() => void Reflect.deleteProperty(globalThis, "loadedChecks"))

  it.scoped("is a function of the case, the run and its options, also an async one, or a check", () =>
    Effect.gen(function*() {
      const path = yield* folder
      yield* write(join(path, "lib.mjs"), checks)
      const module = "./lib.mjs"
      const one = yield* parse(path, {
        short: { module, export: "short", with: { most: { $case: "most" } } },
        long: { not: { module, export: "short", with: { most: 2 } } },
        part: { module, export: "short", with: { most: 1 }, at: "0" },
        same: { module, export: "same" },
        rejects: { module, export: "rejects" },
        throws: { module, export: "throws" },
        wrong: { module }
      })
      assert.deepStrictEqual(yield* said(one), {
        short: "pass: the check returned true",
        long: "pass: does not pass: the check returned false",
        part: "fail: the result has no 0",
        same: "pass: same?",
        rejects: "error: the check failed: no network",
        throws: "error: the check threw: oops",
        wrong: "error: the check returned \"yes\": return true, false or an outcome"
      })
      // once, for all checks
      assert.propertyVal(globalThis, "loadedChecks", 1)
      const { loads: _, verdict: __, ...check } = (yield* parse(path, { it: { module, export: "check" } }))
        .checks["it"]!
      assert.include(check, { kind: "module" })
      assert.deepStrictEqual(check.needs, { steps: ["s"], calls: false })
    }))

  it.scoped("is refused with the line of its mistake", () =>
    Effect.gen(function*() {
      const path = yield* folder
      yield* write(join(path, "lib.mjs"), checks)
      yield* write(join(path, "broken.mjs"), "export const = 1")
      yield* write(join(path, "throws.mjs"), "throw new Error('at the start')")
      const refused = (spec: object) => Effect.map(Effect.flip(parse(path, { it: spec })), ({ message }) => message)
      const module = "./lib.mjs"
      const wrong: ReadonlyArray<readonly [spec: object, message: string]> = [
        [
          { module: "./no.mjs" },
          "a.eval.json:15: checks.it.module \"./no.mjs\" cannot be read: there is no such file or folder"
        ],
        [{ module: "." }, "a.eval.json:15: checks.it.module \".\" cannot be read: it is a folder, not a file"],
        [{ module: "./broken.mjs" }, "a.eval.json:15: checks.it.module \"./broken.mjs\" cannot be loaded: "],
        [
          { module: "./throws.mjs" },
          "a.eval.json:15: checks.it.module \"./throws.mjs\" cannot be loaded: at the start"
        ],
        [
          { module, export: "shrot" },
          "a.eval.json:16: checks.it.export \"shrot\" is not in ./lib.mjs: did you mean short?"
        ],
        [
          { module, export: "seven" },
          "a.eval.json:16: checks.it.export is \"seven\", which is 7: it must be a function or a check"
        ],
        [
          { module, export: "check", with: {} },
          "a.eval.json:17: checks.it.with is for functions, and check is a check"
        ],
        [{ module, with: { a: { $csae: "b" } } }, "a.eval.json:16: checks.it.with has $csae, which is not a template"],
        [{ module, wiht: {} }, "a.eval.json:16: checks.it.wiht is wrong: is unexpected"]
      ]
      for (const [spec, message] of wrong) assert.include(yield* refused(spec), message)
      // a case without the field that an option names
      const one = yield* parse(path, { it: { module, export: "short", with: { most: { $case: "least" } } } })
      const error = yield* Effect.flip(Stream.runDrain(casesOf(one)) as Effect.Effect<void, Error>)
      assert.include(error.message, "checks.it has no expected value: the case has no least")
    }))

  it.scoped("has another definition when its file or its options change, and runs the changed code", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const file = join(path, "lib.mjs")
      const spec = (most: number) => ({ it: { module: "lib.mjs", export: "short", with: { most } } })
      const hashOf = (specs: object, options?: EvalFile.ReadOptions) =>
        Effect.map(
          Effect.flatMap(parse(path, specs, options), (one) => checked("test", one)),
          ({ hashes }) => hashes.checks["it"]
        )
      yield* write(file, checks)
      const first = yield* hashOf(spec(3))
      assert.strictEqual(yield* hashOf(spec(3)), first)
      assert.notStrictEqual(yield* hashOf(spec(4)), first)
      yield* write(file, checks.replace("run.result.length <= most", "false"))
      const second = yield* hashOf(spec(3))
      assert.notStrictEqual(second, first)
      assert.strictEqual(yield* hashOf(spec(3), { modules: false }), second)
      assert.deepStrictEqual(yield* said(yield* parse(path, spec(3))), { it: "fail: the check returned false" })
    }))

  it.scoped("does not run where modules are not loaded: its verdict is an error", () =>
    Effect.gen(function*() {
      const path = yield* folder
      yield* write(join(path, "lib.mjs"), `globalThis.ranFound = true\n${checks}`)
      const one = yield* parse(path, { it: { module: "lib.mjs", export: "no" }, not: { not: { module: "lib.mjs" } } }, {
        modules: false
      })
      const error =
        "error: the code of lib.mjs is not run here: name the definition yourself, such as with --eval of the studio"
      assert.deepStrictEqual(yield* said(one), { it: error, not: error })
      assert.notProperty(globalThis, "ranFound")
      yield* write(join(path, "a.eval.json"), text({ it: { module: "lib.mjs" } }))
      yield* EvalFile.load(join(path, "a.eval.json"), { modules: false })
      assert.notProperty(globalThis, "ranFound")
    }))
})
