/** Gates of `noukai eval` where two features meet: marks, selections, sides, judges, and keys in all of them. */
import { hashOf } from "@effect-noukai/eval/Marks"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import { folder, read, write } from "../../sdk/test/support/folder.js"
import { noukai } from "./support/command.js"
import { environment, runs, server } from "./support/server.js"

const says = (word: string) =>
  ({ steps: [{ kind: "template", id: "say", output: { word }, costUsd: "0.001" }] }) as const

const judge = { steps: [{ kind: "template", id: "j", output: { ok: true }, costUsd: "0.0001" }] } as const

const flows = [
  { ref: "acme/test/word", ...says("{{message}}"), versions: { 1: says("{{message}}"), 2: says("{{message}}!") } },
  { ref: "acme/test/judge", ...judge, versions: { 1: judge } }
] as const

const head = `name: word
flow: acme/test/word
cases: cases.jsonl
key: id
input: { message: { $case: id } }
`

const equals = "checks: { word: { equals: { $case: id }, at: word } }\n"

const contains = "checks: { word: { contains: { $case: id }, at: word } }\n"

const casesOf = (...ids: ReadonlyArray<string>) => ids.map((id) => `${JSON.stringify({ id })}\n`).join("")

const evaluation = (definition: string, files: { readonly [name: string]: string } = {}) =>
  Effect.gen(function*() {
    const cwd = yield* folder
    const all = { "word.eval.yaml": head + definition, "cases.jsonl": casesOf("a", "b"), ...files }
    for (const [name, text] of Object.entries(all)) yield* write(join(cwd, name), text)
    return { cwd, env: yield* environment }
  })

const call = (command: string, ...flags: ReadonlyArray<string>) => ["eval", command, "word.eval.yaml", ...flags]

const mark = (key: string, word: string, verdict: string) => {
  const output = hashOf({ state: "done", result: { word } })
  return `${JSON.stringify({ key, output, verdict, at: "2026-01-01T00:00:00.000Z" })}\n`
}

describe("a gate", () => {
  it.scopedLive("with a limit for people is incomplete until a person has marked an output", () =>
    Effect.gen(function*() {
      const limit = "thresholds: { checks: { human: { minPassRate: 1 } } }\n"
      for (const mean of ["", "minMean: 0.5\n"]) {
        const options = yield* evaluation(equals + limit + mean)
        const ran = yield* noukai(call("run"), options)
        assert.strictEqual(ran.code, 4, ran.stdout)
        assert.include(ran.stdout, "incomplete: human: no case passes or fails")
        yield* write(join(options.cwd, "word.marks.jsonl"), mark("a", "a!", "good"))
        assert.strictEqual((yield* noukai(call("report"), options)).code, 4)
        yield* write(join(options.cwd, "word.marks.jsonl"), mark("a", "a", "good"))
        assert.strictEqual((yield* noukai(call("report"), options)).code, 0)
        yield* write(join(options.cwd, "word.marks.jsonl"), mark("a", "a", "bad"))
        assert.strictEqual((yield* noukai(call("report"), options)).code, 1)
      }
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("of the failing cases has those that a person marked as bad on the candidate alone", () =>
    Effect.gen(function*() {
      const options = yield* evaluation(contains, { "word.marks.jsonl": mark("a", "a!", "bad") })
      const sides = ["--candidate", "2", "--baseline", "1"]
      yield* noukai(call("run", ...sides), options)
      const plan = yield* noukai(call("plan", "--failing", ...sides), options)
      assert.match(plan.stdout, /^cases +1 of 2$/m)
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("of a selection of all cases is one of all cases, also when cases are added", () =>
    Effect.gen(function*() {
      const options = yield* evaluation(equals, { "cases.jsonl": casesOf("a", "ab") })
      assert.strictEqual((yield* noukai(call("run", "--select", "a*"), options)).code, 0)
      yield* write(join(options.cwd, "cases.jsonl"), casesOf("a", "ab", "b"))
      assert.strictEqual((yield* noukai(call("report"), options)).code, 4)
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("compares a side with a version where the input has the same overrides already", () =>
    Effect.gen(function*() {
      const options = yield* evaluation(
        `${equals}sides: { m: { version: draft, blockOverrides: { say: { model: x } } } }\n`
          .replace("checks", "operation: execute\nchecks")
      )
      const path = join(options.cwd, "word.eval.yaml")
      const text = yield* read(path)
      yield* write(path, text.replace("$case: id } }", "$case: id }, blockOverrides: { say: { model: x } } }"))
      const ran = yield* noukai(call("run", "--candidate", "draft", "--candidate", "m", "--baseline", "1"), options)
      assert.deepStrictEqual([ran.code, (yield* runs).length], [0, 6], ran.stderr)
    }).pipe(Effect.provide(server({ flows }))))
})

it.scopedLive("noukai eval score pays no judge before it knows that it can report", () =>
  Effect.gen(function*() {
    const options = yield* evaluation(
      "checks: { j: { judge: acme/test/judge, input: { message: { $run: result.word } }, at: ok } }\n"
    )
    yield* noukai(call("run", "--candidate", "draft", "--candidate", "2", "--baseline", "1"), options)
    const { length } = yield* runs
    for (const flags of [["--csv", "x.csv"], ["--candidate", "9"]]) {
      const refused = yield* noukai(call("score", "--judge-again", ...flags), options)
      assert.deepStrictEqual([refused.code, (yield* runs).length], [2, length], refused.stderr)
    }
    assert.strictEqual((yield* noukai(call("score", "--judge-again"), options)).code, 0)
    assert.isAbove((yield* runs).length, length)
  }).pipe(Effect.provide(server({ flows }))))

it.scopedLive("no command writes a key of the name of a side or of what it changes", () =>
  Effect.gen(function*() {
    const key = "nk_live_planted0_0123456789abcdef0123456789abcdef"
    const options = yield* evaluation(
      `${contains}sides: { ${key}: { version: draft, blockOverrides: { say: { model: "${key}" } } } }\n`
    )
    const sides = ["--candidate", "2", "--candidate", key, "--baseline", "1"]
    const printed = yield* Effect.forEach([
      call("plan", "--json", ...sides),
      call("run", "--html", "w.html", "--summary", "w.md", ...sides),
      call("runs", "--json"),
      call("report", "--json"),
      call("bless", "--candidate", key)
    ], (args) => noukai(args, options))
    const files = yield* Effect.forEach(
      ["w.html", "w.md", "word.baseline.json"],
      (name) => read(join(options.cwd, name))
    )
    const all = [...printed.flatMap(({ stderr, stdout }) => [stdout, stderr]), ...files]
    for (const text of all) assert.notInclude(text, "planted0")
    assert.deepStrictEqual(printed.map(({ code }) => code), [0, 0, 0, 0, 0])
  }).pipe(Effect.provide(server({ flows }))))
