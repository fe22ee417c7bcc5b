/** `noukai eval` with several candidates, over an emulator. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import { folder, list, read, write } from "../../sdk/test/support/folder.js"
import { noukai } from "./support/command.js"
import { environment, runs, server } from "./support/server.js"

const says = (word: string) =>
  ({ steps: [{ kind: "template", id: "say", output: { word }, costUsd: "0.001" }] }) as const

const flows = [{
  ref: "acme/test/word",
  ...says("{{message}}"),
  versions: { 1: says("{{message}}"), 2: says("{{message}}!") }
}] as const

const definition = `name: word
flow: acme/test/word
cases: [{ id: a }, { id: b }]
key: id
input: { message: { $case: id } }
sides:
  loud: { version: draft, blockOverrides: { say: { output: { word: "{{message}}!!" } } } }
checks:
  word: { equals: { $case: id }, at: word }
  cheap: { maxCostUsd: "0.002" }
`

const evaluation = Effect.gen(function*() {
  const cwd = yield* folder
  yield* write(join(cwd, "word.eval.yaml"), definition)
  return { cwd, env: yield* environment }
})

const call = (command: string, ...flags: ReadonlyArray<string>) => ["eval", command, "word.eval.yaml", ...flags]

const sides = ["--candidate", "draft", "--candidate", "loud", "--candidate", "2", "--baseline", "1"]

describe("noukai eval with several candidates", () => {
  it.scopedLive("runs each case of each side once, and reports one table", () =>
    Effect.gen(function*() {
      const options = yield* evaluation
      const plan = yield* noukai(call("plan", ...sides), options)
      assert.include(plan.stdout, "candidates  acme/test/word@draft, loud, acme/test/word@2\n")
      assert.include(plan.stdout, "runs        8\n")
      const ran = yield* noukai(call("run", ...sides, "--html", "word.html", "--summary", "word.md"), options)
      assert.deepStrictEqual([ran.code, (yield* runs).length], [1, 8])
      assert.include(ran.stdout, "word: 3 candidates against 1 of acme/test/word, 2 cases\n")
      assert.match(ran.stdout, /\nloud +0 % \(0–66\) +2 +0 +0.500 +0\n/)
      assert.isTrue(ran.stdout.endsWith("\nfailed: 1 of 3 candidates passes: draft\n"), ran.stdout)
      assert.include(yield* read(join(options.cwd, "word.html")), "<h3>loud</h3>")
      assert.include(yield* read(join(options.cwd, "word.md")), "| loud | 0/2, 0 % (0 % to 66 %) |")
      const listed = yield* noukai(call("runs"), options)
      assert.match(listed.stdout, /draft, loud, 2 +1 +2/)

      const matrix = JSON.parse((yield* noukai(call("report", "--json"), options)).stdout)
      assert.deepStrictEqual(
        [matrix.gate, matrix.reports.map(({ gate }: { readonly gate: string }) => gate)],
        ["failed", ["passed", "failed", "failed"]]
      )
      // one of them, as if it had run alone
      const one = yield* noukai(call("report", "--candidate", "loud", "--csv", "loud.csv"), options)
      assert.deepStrictEqual(one.code, 1)
      assert.include(one.stdout, "word: loud against 1 of acme/test/word, 2 cases\n")
      assert.include(yield* read(join(options.cwd, "loud.csv")), "a!!")
      assert.strictEqual((yield* noukai(call("report", "--candidate", "draft"), options)).code, 0)
      const none = yield* noukai(call("report", "--candidate", "3"), options)
      assert.deepStrictEqual([none.code, none.stdout], [2, ""])
      assert.include(none.stderr, "--candidate is none of the run")
      assert.include(none.stderr, "it has draft, loud, 2")
      assert.strictEqual((yield* runs).length, 8)

      const unnamed = yield* noukai(call("bless"), options)
      assert.strictEqual(unnamed.code, 2)
      assert.include(unnamed.stderr, "has 3 candidates: name one with --candidate")
      const blessed = yield* noukai(call("bless", "--candidate", "draft"), options)
      assert.strictEqual(blessed.code, 0, blessed.stderr)
      assert.include(yield* read(join(options.cwd, "word.baseline.json")), "\"version\": \"draft\"")
      const again = yield* noukai(
        call("run", "--candidate", "loud", "--candidate", "2", "--baseline", "word.baseline.json"),
        options
      )
      assert.include(again.stdout, "2 candidates against draft (stored) of acme/test/word")
      assert.deepStrictEqual([again.code, (yield* runs).length], [1, 10])
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("refuses a format of one candidate, and sides that are wrong, before anything is sent", () =>
    Effect.gen(function*() {
      const options = yield* evaluation
      const refused = (reason: string, ...flags: ReadonlyArray<string>) =>
        Effect.gen(function*() {
          const { code, stderr } = yield* noukai(call("run", ...flags), options)
          assert.include(stderr, reason)
          assert.strictEqual(code, 2, stderr)
        })
      yield* refused("--csv has one candidate", ...sides, "--csv", "word.csv")
      yield* refused("--jsonl has one candidate", ...sides, "--jsonl")
      yield* refused("--candidate has 2 twice", "--candidate", "2", "--candidate", "2")
      yield* refused("--candidate takes production", "--candidate", "soft")
      yield* refused("must be 1 to 7 sides", ...Array.from({ length: 8 }, (_, n) => ["--candidate", `${n + 3}`]).flat())
      assert.deepStrictEqual(yield* runs, [])
      assert.deepStrictEqual(yield* list(options.cwd), ["word.eval.yaml"])
      yield* write(join(options.cwd, "word.eval.yaml"), definition.replace("loud:", "draft:"))
      yield* refused("word.eval.yaml:7: sides.draft has a name that is a version")
      yield* write(
        join(options.cwd, "word.eval.yaml"),
        definition.replace("{ say: { output: { word: \"{{message}}!!\" } } }", "{ say: 1 }")
      )
      yield* refused("word.eval.yaml:7: sides.loud.blockOverrides.say is wrong")
    }).pipe(Effect.provide(server({ flows }))))
})
