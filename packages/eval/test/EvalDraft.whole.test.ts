/** Definitions that are drafted from cases: what is guessed, and that each of them loads and plans. */
import { BatchStore } from "@effect-noukai/batch"
import { Eval, EvalFile } from "@effect-noukai/eval"
import type { DraftOptions } from "@effect-noukai/eval/EvalOptions"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import { join } from "node:path"
import { parse } from "yaml"
import { folder, list, write } from "../../sdk/test/support/folder.js"
import { size } from "../../sdk/test/support/size.js"

const flow = "acme/test/says"

const quoted = (cell: string) =>
  /[",\r\n;\t]|^\s|\s$/.test(cell) || cell === "" ? `"${cell.replaceAll("\"", "\"\"")}"` : cell

const csvOf = (rows: ReadonlyArray<ReadonlyArray<string>>) =>
  `${rows.map((row) => row.map(quoted).join(",")).join("\n")}\n`

/** Drafts a definition for the text of a file of cases, writes it, loads it and plans by it. */
const drafting = (file: string, text: string, options: Partial<DraftOptions> = {}) =>
  Effect.gen(function*() {
    const cwd = yield* folder
    const path = join(cwd, "my.eval.yaml")
    yield* write(join(cwd, file), text)
    const store = BatchStore.layerFile(join(cwd, "a.ledger"))
    const draft = yield* Effect.provide(EvalFile.draft({ path, flow, cases: join(cwd, file), ...options }), store)
    assert.deepStrictEqual(yield* list(cwd), [file])
    yield* write(path, draft.text)
    if (draft.cases !== undefined) yield* write(draft.cases.path, draft.cases.text)
    const loaded = yield* EvalFile.load(path)
    const plan = yield* Effect.provide(Eval.plan(loaded), store)
    assert.deepStrictEqual(plan, draft.plan)
    return { ...draft, yaml: parse(draft.text) }
  })

const refused = (file: string, text: string, options: Partial<DraftOptions> = {}) =>
  Effect.map(Effect.flip(drafting(file, text, options)), ({ _tag, message }) => `${_tag}: ${message}`)

describe("EvalFile.draft", () => {
  it.scoped("guesses the key, the message, the expected result and the types of a CSV", () =>
    Effect.gen(function*() {
      const { cases, guesses, plan, text, yaml } = yield* drafting(
        "words.csv",
        "level,Id,Prompt,answer,zip,ok,score\n1,w1,absance,absence,01234,TRUE,\n2,w2,5,accept,99999,false,1.5\n"
      )
      assert.strictEqual(cases, undefined)
      assert.deepStrictEqual(yaml, {
        name: "my",
        flow,
        cases: "words.csv",
        case: {
          properties: {
            level: { type: "number" },
            Id: { type: "string" },
            Prompt: { type: "string" },
            answer: { type: "string" },
            zip: { type: "string" },
            ok: { type: "boolean" },
            score: { type: ["number", "null"] }
          },
          required: ["Id", "Prompt", "answer"]
        },
        key: "Id",
        input: { message: { $case: "Prompt" } },
        checks: { same: { equals: { $case: "answer" } } }
      })
      assert.deepStrictEqual(guesses, [
        "key: the column \"Id\"",
        "message: the column \"Prompt\"",
        "expected: the column \"answer\""
      ])
      assert.deepStrictEqual([plan.cases, plan.runs], [2, 2])
      assert.include(text, "# Guessed: the key is the column \"Id\". It must be unique.\nkey: Id\n")
      assert.include(text, "parameters: { name: {\"$case\":\"level\"} }")
    }))

  it.scoped("takes the first unique column as key, or numbers the cases in a file of their own", () =>
    Effect.gen(function*() {
      const unique = yield* drafting("a.csv", "lang,text\nen,one\nen,two\n")
      assert.deepStrictEqual([unique.yaml.key, unique.yaml.input, unique.cases], [
        "text",
        { message: { $case: "text" } },
        undefined
      ])
      assert.deepStrictEqual(unique.yaml.checks, { cheap: { maxCostUsd: "1" } })
      const none = yield* drafting("a.csv", "id,text,n\nx,one,1\nx,one,\n")
      assert.deepStrictEqual([none.yaml.key, none.yaml.cases], ["id_", "my.cases.jsonl"])
      assert.strictEqual(
        none.cases?.text,
        "{\"id_\":\"row 1\",\"id\":\"x\",\"text\":\"one\",\"n\":1}\n{\"id_\":\"row 2\",\"id\":\"x\",\"text\":\"one\",\"n\":null}\n"
      )
    }))

  it.scoped("reads JSON lines, whole inputs, and cases that are given", () =>
    Effect.gen(function*() {
      const lines = yield* drafting(
        "a.jsonl",
        "{\"id\":1,\"text\":\"a\",\"label\":{\"n\":1}}\n{\"id\":2,\"text\":\"b\",\"label\":null,\"more\":[1]}\n"
      )
      assert.deepStrictEqual(lines.yaml.case.properties, {
        id: { type: "number" },
        text: { type: "string" },
        label: { type: ["object", "null"] },
        more: { type: "array" }
      })
      const given = yield* drafting("unused.txt", "", {
        cases: [{ key: "[\"a\",1]", input: { message: "hi", parameters: { level: 3 } }, expected: { said: "hi" } }],
        operation: "execute"
      })
      assert.deepStrictEqual([given.yaml.input, given.yaml.key, given.yaml.operation], [
        { $case: "input" },
        "key",
        "execute"
      ])
      assert.include(given.cases?.text, "\"parameters\":{\"level\":3}")
    }))

  it.scoped("takes the columns that are named", () =>
    Effect.gen(function*() {
      const { yaml } = yield* drafting("a.csv", "a.b,c d,\"e\"\"f\"\n1,hello,2\n2,world,3\n", {
        key: "a.b",
        message: "c d",
        expected: "e\"f"
      })
      assert.deepStrictEqual([yaml.key, yaml.input, yaml.checks], [
        "[\"a.b\"]",
        { message: { $case: "c d" } },
        { same: { equals: { $case: "e\"f" } } }
      ])
      const missing = yield* refused("a.csv", "id,text\n1,a\n", { message: "txt" })
      assert.strictEqual(
        missing,
        "InvalidEvalError: EvalFile.draft: message \"txt\" is not a column: did you mean text?"
      )
    }))

  it.scoped("refuses what is not a table, with its place", () =>
    Effect.gen(function*() {
      assert.include(yield* refused("a.csv", ""), "a.csv")
      assert.include(yield* refused("a.csv", "id,text\n"), "cases are missing: there is not one case")
      assert.include(yield* refused("a.csv", "id,id\n1,2\n"), "BatchSourceError: ")
      assert.include(yield* refused("a.csv", "id,text\n1\n"), "a.csv:2: the case cannot be read: ")
      assert.include(yield* refused("a.jsonl", "{\"id\":1}\n[1]\n"), "a.jsonl:2: the case is [1]: it must be an object")
      assert.include(yield* refused("a.jsonl", "{\"a\":1}\n{\"b\":1}\n"), "message is in no column that every case has")
      assert.include(
        yield* refused("a.csv", "id,text\n1,a\n1,b\n", { key: "id" }),
        "a.csv:3: key \"1\" is already used by a.csv:2"
      )
      assert.include(yield* refused("a.csv", "id,text\n1,a\n", { flow: "a/b" }), "flow")
      assert.include(
        yield* refused("a.jsonl", "{\"id\":\"a\",\"text\":\"a\",\"label\":12345678901234567890}\n"),
        "InvalidEvalError: a.jsonl:1"
      )
    }))

  it.effect("of any CSV loads and plans, or is refused", () =>
    Effect.promise(() => {
      const odd = fc.oneof(
        fc.constantFrom(
          "id",
          "text",
          "$case",
          "$run",
          "$text",
          "a.b",
          "[\"x\"]",
          "['y']",
          " ",
          "length",
          "__proto__",
          "constructor"
        ),
        fc.constantFrom(
          "",
          "é",
          "a\"b",
          "a'b",
          "a\nb",
          "#",
          ": ",
          "- a",
          "{}",
          "null",
          "1",
          "answer",
          "message",
          "&a",
          "*a"
        ),
        fc.string({ maxLength: 8 })
      )
      const cell = fc.oneof(
        fc.constantFrom("", "1", "-0", "01", "1.50", "true", "FALSE", "12345678901234567890", "null", "{{x}}", "a\nb"),
        fc.string({ maxLength: 8 })
      )
      const table = fc.array(odd, { minLength: 1, maxLength: 5 }).chain((head) =>
        fc.array(fc.array(cell, { minLength: head.length, maxLength: head.length }), { maxLength: 4 }).map((
          rows
        ) => [head, ...rows])
      )
      let loaded = 0
      return fc.assert(
        fc.asyncProperty(table, async (rows) => {
          const result = await Effect.runPromise(Effect.scoped(Effect.either(drafting("a.csv", csvOf(rows)))))
          if (result._tag === "Right") {
            loaded++
          } else {
            assert.include(
              ["InvalidEvalError", "BatchSourceError", "InvalidBatchError"],
              result.left._tag,
              result.left.message
            )
          }
        }),
        { numRuns: size(150, 20) }
      ).then(() => assert.isAtLeast(loaded, size(20, 1)))
    }))
})
