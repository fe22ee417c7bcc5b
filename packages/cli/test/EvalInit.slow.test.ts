/** `noukai eval init`: definitions of files, of batches and of flows, which run as they are. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import { parse } from "yaml"
import { folder, list, read, write } from "../../sdk/test/support/folder.js"
import { noukai } from "./support/command.js"
import { environment, requests, runs, server } from "./support/server.js"

const says = { kind: "template", id: "say", output: { said: "{{message}}" }, costUsd: "0.001" } as const

const level = { kind: "template", id: "say", output: "{{parameters.level}}", costUsd: "0.001" } as const

const flows = [
  { ref: "acme/test/says", steps: [says], versions: { 1: { steps: [says] } } },
  { ref: "acme/test/level", steps: [level], versions: { 1: { steps: [level] } } }
] as const

const setting = Effect.gen(function*() {
  const cwd = yield* folder
  return { cwd, env: { ...yield* environment, XDG_STATE_HOME: cwd } }
})

describe("noukai eval init", () => {
  it.scopedLive("drafts a definition of a CSV that runs as it is, and replaces none", () =>
    Effect.gen(function*() {
      const options = yield* setting
      const { cwd } = options
      yield* write(join(cwd, "my words.csv"), "id,text,n\nw1,absance,1\nw2,acept,\n")
      const call = ["eval", "init", "my words.csv", "--flow", "acme/test/says"]
      const drafted = yield* noukai(call, options)
      assert.deepStrictEqual(drafted, {
        code: 0,
        stdout: "noukai eval plan 'my words.eval.yaml'\nnoukai eval run 'my words.eval.yaml'\n",
        stderr:
          "my words.eval.yaml: 2 cases of acme/test/says\nkey: the column \"id\"\nmessage: the column \"text\"\n" +
          "expected: no column; the only check is a limit of the cost\n"
      })
      assert.deepStrictEqual([yield* list(cwd), yield* requests], [["my words.csv", "my words.eval.yaml"], []])
      const text = yield* read(join(cwd, "my words.eval.yaml"))
      assert.deepStrictEqual(parse(text).name, "my words")
      const ran = yield* noukai(
        ["eval", "run", "my words.eval.yaml", "--candidate", "1", "--baseline", "none"],
        options
      )
      assert.deepStrictEqual([ran.code, (yield* runs).length], [0, 2])
      yield* write(join(cwd, "my words.eval.yaml"), "mine")
      const refused = yield* noukai(call, options)
      assert.deepStrictEqual([refused.code, refused.stderr.split("\n")[0]], [
        2,
        "noukai: my words.eval.yaml exists: replace it with --force"
      ])
      assert.strictEqual(yield* read(join(cwd, "my words.eval.yaml")), "mine")
      assert.strictEqual((yield* noukai([...call, "--force", "--message", "n", "--expected", "text"], options)).code, 0)
      assert.deepStrictEqual(parse(yield* read(join(cwd, "my words.eval.yaml"))).checks, {
        same: { equals: { $case: "text" } }
      })
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("drafts a definition of a batch, whose results are expected", () =>
    Effect.gen(function*() {
      const options = yield* setting
      const { cwd } = options
      yield* write(join(cwd, "rows.jsonl"), "{\"id\":\"a\",\"text\":\"one\"}\n{\"id\":\"b\",\"text\":\"two\"}\n")
      const rows = ["--input", "rows.jsonl", "--key", "id", "--message-field", "text", "--flow-version", "1"]
      const batch = yield* noukai(["batch", "run", "old", "acme/test/says", ...rows], options)
      assert.strictEqual(batch.code, 0, batch.stderr)
      const drafted = yield* noukai(["eval", "init", "--from-batch", "old.ledger"], options)
      assert.deepStrictEqual([drafted.code, drafted.stdout], [
        0,
        "noukai eval plan old.eval.yaml\nnoukai eval run old.eval.yaml\n"
      ], drafted.stderr)
      assert.strictEqual(
        yield* read(join(cwd, "old.cases.jsonl")),
        "{\"key\":\"a\",\"input\":{\"message\":\"one\"},\"expected\":{\"said\":\"one\"}}\n" +
          "{\"key\":\"b\",\"input\":{\"message\":\"two\"},\"expected\":{\"said\":\"two\"}}\n"
      )
      const paid = (yield* runs).length
      const ran = yield* noukai(
        ["eval", "run", "old.eval.yaml", "--ledger", "new.ledger", "--baseline", "none"],
        options
      )
      assert.deepStrictEqual([ran.code, (yield* runs).length], [0, paid + 2], ran.stdout)
      const other = yield* noukai(["eval", "init", "--from-batch", "old.ledger#new"], options)
      assert.deepStrictEqual([other.code, other.stderr.split("\n")[0]], [
        2,
        "noukai: --from-batch old.ledger#new: the ledger has no batch new (old)"
      ])
      const missing = yield* noukai(["eval", "init", "--from-batch", "no.ledger"], options)
      assert.deepStrictEqual([missing.code, yield* list(cwd)].flat().includes("no.ledger"), false)
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("drafts three cases of a flow, like its newest runs", () =>
    Effect.gen(function*() {
      const options = yield* setting
      const { cwd } = options
      const blank = yield* noukai(["eval", "init", "--flow", "acme/test/level"], options)
      assert.strictEqual(blank.code, 0, blank.stderr)
      assert.include(blank.stderr, "the parameters of acme/test/level are not known here")
      assert.include(
        yield* read(join(cwd, "level.cases.jsonl")),
        "{\"id\":\"case 3\",\"input\":{\"message\":\"Write the"
      )
      const input = ["hi", "-p", "level:=3", "--snapshots"]
      const ran = yield* noukai(["run", "acme/test/level", "--flow-version", "1", ...input], options)
      assert.strictEqual(ran.code, 0, ran.stderr)
      const known = yield* noukai(["eval", "init", "--flow", "acme/test/level", "--force"], options)
      assert.strictEqual(known.code, 0, known.stderr)
      const cases = (yield* read(join(cwd, "level.cases.jsonl"))).trim().split("\n").map((line) => JSON.parse(line))
      assert.deepStrictEqual(cases.map(({ input }) => input.parameters), [{ level: 3 }, { level: 3 }, { level: 3 }])
      const evaluated = yield* noukai(
        ["eval", "run", "level.eval.yaml", "--candidate", "1", "--baseline", "none"],
        options
      )
      assert.strictEqual(evaluated.code, 0, evaluated.stdout + evaluated.stderr)
    }).pipe(Effect.provide(server({ flows }))))

  it.scopedLive("is refused in one line, and writes nothing", () =>
    Effect.gen(function*() {
      const options = yield* setting
      const { cwd } = options
      yield* write(join(cwd, "a.csv"), "id,text\n1,a\n")
      for (
        const [flags, message] of [
          [["a.csv"], "give the flow of the cases"],
          [["a.csv", "--flow", "x/y"], "flow"],
          [["a.csv", "--flow", "acme/test/says", "--key", "no"], "--key \"no\" is not a column"],
          [["b.csv", "--flow", "acme/test/says"], "b.csv"],
          [["a.csv", "--from-batch", "a.ledger"], "not both"],
          [["a.csv", "--flow", "acme/test/says", "--out", "a.json"], "must end with .yaml"],
          [["a.csv", "--flow", "acme/test/says", "--out", "no/a.yaml"], "there is no such folder"]
        ] as const
      ) {
        const { code, stderr, stdout } = yield* noukai(["eval", "init", ...flags], options)
        assert.deepStrictEqual([code, stdout], [2, ""], stderr)
        assert.include(stderr.split("\n")[0], message)
      }
      assert.deepStrictEqual([yield* list(cwd), yield* requests], [["a.csv"], []])
    }).pipe(Effect.provide(server({ flows }))))
})
