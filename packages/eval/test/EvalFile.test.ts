import * as BatchSource from "@effect-noukai/batch/BatchSource"
import { Check, Eval, EvalFile, type EvalRun } from "@effect-noukai/eval"
import type { InvalidEvalError } from "@effect-noukai/eval/EvalError"
import { Flow } from "@effect-noukai/sdk"
import { assert, describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Schema, Stream } from "effect"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parse as parseYaml } from "yaml"
import { casesOf, checked, type Definition, type EvalCase } from "../src/internal/definition.js"
import { fitting, fromTexts } from "../src/internal/jsonSchema.js"
import { outcomesOf } from "../src/internal/verdict.js"

const csv = "id,text,expected\na,The cat sat.,3\nb,\"Dear Sir,\",4\n"

const json = {
  $schema: "./node_modules/@effect-noukai/eval/eval.schema.json",
  name: "spelling",
  flow: "acme/spelling/grade-3",
  cases: "cases.csv",
  case: {
    type: "object",
    properties: { id: { type: "string" }, text: { type: "string" }, expected: { type: "number" } },
    required: ["id", "text", "expected"]
  },
  key: "id",
  input: { message: { $case: "text" }, parameters: { difficulty: "hard" } },
  checks: {
    score: { equals: { $case: "expected" }, at: "score" },
    near: { near: { $case: "expected" }, within: 1, at: "score" },
    polite: {
      judge: "acme/judges/politeness",
      version: 3,
      input: { message: { $text: ["Is this polite? ", { $run: "result.text" }] } },
      at: "polite",
      reason: "why"
    },
    strict: { judge: "acme/judges/politeness", input: {}, pass: { near: 1, within: 0.2 } },
    draft: { step: "draft", check: { contains: "sir", ignoreCase: true, at: "text" } },
    search: { calls: "search", max: 2, arguments: { query: { $case: "text" } } },
    shape: { schema: { type: "object", properties: { score: { type: "integer", maximum: 5 } }, required: ["score"] } },
    form: { matches: "^[A-Z]", at: "text" },
    alike: { similar: { $case: "text" }, min: 0.9, ignoreCase: true, at: "text" },
    cheap: { maxCostUsd: "0.002" },
    fast: { maxDuration: "2 seconds" }
  },
  thresholds: { maxRegressed: "significant", minPassRate: 0.9, checks: { score: { maxRegressed: 1 } } }
}

const yaml = `
name: spelling
flow: acme/spelling/grade-3
cases: cases.csv
case:
  type: object
  properties: { id: { type: string }, text: { type: string }, expected: { type: number } }
  required: [id, text, expected]
key: id
input:
  message: { $case: text }
  parameters: { difficulty: hard }
checks:
  score: { equals: { $case: expected }, at: score }
  cheap:
    maxCostUsd: "0.002"
`

const Case = Schema.Struct({ id: Schema.String, text: Schema.String, expected: Schema.NumberFromString })

/** The same eval in TypeScript. */
const typed = (folder: string) =>
  Eval.make("spelling", {
    flow: "acme/spelling/grade-3",
    cases: BatchSource.fromCsv(join(folder, "cases.csv")),
    case: Case,
    key: (c) => c.id,
    input: (c) => ({ message: c.text, parameters: { difficulty: "hard" } })
  }, {
    score: Check.equals(Check.field("expected"), { at: "score" }),
    cheap: Check.maxCostUsd("0.002")
  })

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "noukai-eval-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)

const asDefinition = (of: unknown) => of as Definition

const collected = (of: Definition) => Stream.runCollect(casesOf(of)) as Effect.Effect<Chunk.Chunk<EvalCase>, unknown>

const refusal = (definition: object | string) =>
  EvalFile.parse(
    typeof definition === "string" ? definition : JSON.stringify(definition, null, 2),
    "/tests/a.eval.json"
  ).pipe(
    Effect.flip,
    Effect.map(({ message }) => message)
  )

describe("EvalFile", () => {
  it.scoped("JSON, YAML and TypeScript give the same cases, inputs, checks and hashes", () =>
    Effect.gen(function*() {
      const path = yield* folder
      yield* Effect.promise(() => writeFile(join(path, "cases.csv"), csv))
      const files = [["spelling.eval.yaml", yaml], ["spelling.eval.json", JSON.stringify(parseYaml(yaml))]] as const
      const loaded = yield* Effect.forEach(files, ([name, text]) =>
        Effect.zipRight(
          Effect.promise(() => writeFile(join(path, name), text)),
          EvalFile.load(join(path, name))
        ))
      const all = [...loaded, typed(path)].map((one) => asDefinition(one))
      const [first, ...others] = yield* Effect.forEach(all, (one) =>
        Effect.all([checked("test", one), collected(one), Effect.succeed(one.operation)]))
      assert.strictEqual(first![1].length, 2)
      assert.deepStrictEqual(Chunk.unsafeHead(first![1]), {
        no: 1,
        at: "cases.csv:2",
        key: "a",
        value: { id: "a", text: "The cat sat.", expected: 3 },
        input: { message: "The cat sat.", parameters: { difficulty: "hard" } },
        hash: (Chunk.unsafeHead(first![1]) as { hash: string }).hash
      })
      for (const other of others) {
        assert.deepStrictEqual(other, first)
      }
    }))

  it.effect("every form of a check checks", () =>
    Effect.gen(function*() {
      const { checks, operation, thresholds } = asDefinition(
        yield* EvalFile.parse(JSON.stringify(json), "/tests/spelling.eval.json")
      )
      assert.strictEqual(operation, "jobs")
      assert.deepStrictEqual<unknown>(thresholds, json.thresholds)
      const value = { id: "a", text: "The cat sat.", expected: 3 }
      const run: EvalRun = {
        key: "a",
        flow: "acme/spelling/grade-3",
        version: "draft",
        trial: 1,
        state: "done",
        result: { score: 4, text: "Dear Sir" },
        steps: { draft: { text: "Sir" } },
        calls: [{ id: "c1", tool: "search", arguments: { query: "The cat sat." } }],
        costUsd: "0.0021",
        durationMs: 2001
      }
      assert.deepStrictEqual(checks.polite?.judge?.input(value, run), { message: "Is this polite? Dear Sir" })
      const judged = {
        polite: { state: "done", result: { polite: false, why: "too short" } },
        strict: { state: "done", result: 0.7 }
      } as const
      const outcomes = yield* outcomesOf(checks, value, run, judged) as Effect.Effect<
        { [check: string]: { verdict: string; reason: string } }
      >
      assert.deepStrictEqual(
        Object.fromEntries(
          Object.entries(outcomes).map(([name, { reason, verdict }]) => [name, `${verdict}: ${reason}`])
        ),
        {
          score: "fail: score: got 4, expected 3",
          near: "pass: score: 4 is within 1 of 3",
          polite: "fail: too short",
          strict: "fail: got 0.7, expected 1 within 0.2",
          draft: "pass: step draft: text: contains \"sir\"",
          search: "pass: 1 calls of search, expected 0 to 2",
          shape: "pass: fits the schema",
          form: "pass: text: matches /^[A-Z]/u",
          alike: "fail: text: the similarity is 0.3333, required is 0.9",
          cheap: "fail: costs 0.0021 USD, allowed are 0.002",
          fast: "fail: took 2001 ms, allowed are 2000"
        }
      )
      const negated = Object.fromEntries(Object.entries(json.checks).map(([name, check]) => [name, { not: check }]))
      const opposite = asDefinition(yield* EvalFile.parse(JSON.stringify({ ...json, checks: negated }), "a.eval.json"))
      const others = yield* outcomesOf(opposite.checks, value, run, judged) as Effect.Effect<typeof outcomes>
      for (const name of Object.keys(checks)) {
        assert.strictEqual(others[name]?.verdict, outcomes[name]?.verdict === "pass" ? "fail" : "pass", name)
      }
      const mean = { minMean: 0.8, weights: { score: 2, fast: 0 } }
      const byMean = asDefinition(yield* EvalFile.parse(JSON.stringify({ ...json, ...mean }), "a.eval.json"))
      assert.include(yield* checked("test", byMean).pipe(Effect.map(({ mean }) => mean?.weights)), {
        score: 2,
        fast: 0,
        near: 1
      })
      assert.match(
        yield* refusal({ ...json, weights: { score: 2 } }),
        /^a\.eval\.json:\d+: weights require minMean/
      )
      const place = { score: { not: { contains: "x" }, at: "nothing" } }
      const placed = asDefinition(
        yield* EvalFile.parse(JSON.stringify({ ...json, checks: place, thresholds: {} }), "a")
      )
      assert.include((yield* outcomesOf(placed.checks, value, run) as Effect.Effect<typeof others>)["score"], {
        verdict: "fail"
      })
    }))

  it.effect("a wrong definition is refused in one line, with the line of the file", () =>
    Effect.gen(function*() {
      const wrong = (change: object) => refusal({ ...json, ...change })
      const check = (spec: unknown) => wrong({ checks: { score: spec } })
      assert.match(yield* refusal("{ \"name\": \"a\", "), /^a\.eval\.json:1: the file is not whole JSON or YAML: /)
      assert.match(
        yield* refusal("name: a\nname: b\n"),
        /^a\.eval\.json:2: the file is not whole JSON or YAML: Map keys must be unique/
      )
      assert.match(yield* refusal("just text"), /^a\.eval\.json:1: the file is wrong: /)
      assert.strictEqual(yield* wrong({ flow: undefined }), "a.eval.json:1: flow is wrong: is missing")
      assert.strictEqual(yield* wrong({ key: 3 }), "a.eval.json:25: key is wrong: Expected string, actual 3")
      const noNumber = yaml.replace("maxCostUsd: \"0.002\"", "near: .nan")
      assert.match(
        yield* refusal(noNumber),
        /^a\.eval\.json:\d+: checks\.cheap\.near is wrong: Expected .*, actual "\.nan"/
      )
      assert.match(
        yield* refusal(`${yaml}thresholds: { maxCostRatio: 1e999 }\n`),
        /^a\.eval\.json:\d+: thresholds\.maxCostRatio is wrong/
      )
      assert.match(
        yield* wrong({ input: { mesage: "The cat sat." } }),
        /^a\.eval\.json:\d+: input\.mesage is wrong: is unexpected, expected: "message"/
      )
      assert.match(yield* wrong({ chekcs: {} }), /^a\.eval\.json:\d+: chekcs is wrong: is unexpected/)
      assert.strictEqual(
        yield* wrong({ name: "a/b" }),
        "a.eval.json:3: name must be 1 to 100 letters, digits, spaces and any of . _ -, and begin with a letter or a digit"
      )
      assert.strictEqual(yield* wrong({ checks: {} }), "a.eval.json:34: checks must have at least one check")
      assert.match(yield* check({ equal: 1 }), /^a\.eval\.json:35: checks\.score must have one of equals, contains, /)
      assert.match(
        yield* check({ equals: 1, ats: "a" }),
        /^a\.eval\.json:37: checks\.score\.ats is wrong: is unexpected/
      )
      assert.match(yield* check({ matches: "(" }), /^a\.eval\.json:35: checks\.score must be a regular expression: /)
      assert.match(yield* check({ maxCostUsd: "much" }), /^a\.eval\.json:35: checks\.score must be an amount/)
      assert.match(
        yield* check({ step: "draft", check: { near: "x" } }),
        /^a\.eval\.json:38: checks\.score\.check\.near is wrong: /
      )
      assert.match(
        yield* check({ schema: { type: "object", onOf: [] } }),
        /^a\.eval\.json:38: checks\.score\.schema\.onOf is not a keyword of JSON Schema: did you mean oneOf\?$/
      )
      assert.match(
        yield* wrong({ case: { properties: { id: { type: "text" } } } }),
        /^a\.eval\.json:9: case\.properties\.id\.type must be one of array, boolean, .*, not "text"$/
      )
      assert.match(yield* check({ schema: 3 }), /^a\.eval\.json:36: checks\.score\.schema must be a JSON Schema: /)
      assert.match(
        yield* check({ step: "s", check: { schema: { items: { $ref: "https://example.com/a.json" } } } }),
        /^a\.eval\.json:40: checks\.score\.check\.schema\.items\.\$ref "https:\/\/example\.com\/a\.json" is not in the schema/
      )
      assert.match(
        yield* wrong({ thresholds: { minPassRate: 90 } }),
        /^a\.eval\.json:\d+: thresholds\.minPassRate is wrong: must be a number from 0 to 1/
      )
      assert.match(
        yield* wrong({ thresholds: { checks: { other: {} } } }),
        /thresholds\.checks\.other is not the name of a check$/
      )
      const missing = yield* Effect.flip(EvalFile.load("/nowhere/a.eval.json"))
      assert.strictEqual(missing.message, "/nowhere/a.eval.json: there is no such file or folder")
    }))

  it.effect("a template with a mistake is refused before anything is paid", () =>
    Effect.gen(function*() {
      const check = (spec: unknown) => refusal({ ...json, checks: { score: spec } })
      const judge = (message: unknown) => check({ judge: "acme/judges/a", input: { message } })
      const wrong: ReadonlyArray<readonly [refusal: Effect.Effect<string, unknown>, message: string]> = [
        [judge({ $cse: "text" }), "checks.score.input has $cse, which is not a template: did you mean $case?"],
        [judge({ $run: "reslt.text" }), "has $run \"reslt.text\", and a run has no reslt: did you mean result?"],
        [judge({ $run: "result.words.length" }), "has the $run \"result.words.length\", where length is not a field"],
        [judge({ $text: "Hello" }), "has $text \"Hello\": it must be a list of texts"],
        [
          refusal({ ...json, input: { message: { $run: "result" } } }),
          "input has $run, which only the input of a judge"
        ],
        [check({ equals: { $Case: "text" } }), "has $Case, which is not a template: did you mean $case?"],
        [check({ equals: { $case: "text", at: "n" } }), "has $case with other fields: a template is alone"],
        [check({ equals: { $case: 5 } }), "has $case 5: it must be a path"],
        [check({ calls: "a", arguments: { q: [{ $csae: "x" }] } }), "has $csae, which is not a template"],
        [
          refusal({ ...json, operation: "exec" }),
          "operation is wrong: Expected \"jobs\" or \"execute\", actual \"exec\""
        ],
        [check({ equals: { $ref: "text" }, ats: 1 }), "checks.score.ats is wrong"]
      ]
      for (const [refused, message] of wrong) assert.include(yield* refused, message)
    }))

  it.scoped("refuses a number of a case or of a check that is another one than was written", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const file = {
        name: "orders",
        flow: "acme/shop/order",
        case: { properties: { id: {}, order: { type: "integer" } } },
        key: "id",
        input: { message: "hi" },
        checks: { order: { equals: { $case: "order" } } }
      }
      const digits = "a number has too many digits: make it a text"
      const wrong: ReadonlyArray<readonly [string, object, string]> = [
        ["{\"id\":9007199254740992}", {}, `key cannot be made: ${digits}`],
        ["{\"id\":\"a\",\"order\":9007199254740993}", {}, `checks.order has no expected value: ${digits}`],
        ["{\"id\":\"a\",\"order\":[{\"no\":-1e400}]}", {}, `checks.order has no expected value: ${digits}`],
        ["id,order\na,9007199254740993\n", {}, `checks.order has no expected value: ${digits}`],
        [
          "{\"id\":\"a\"}",
          { checks: { order: { equals: { no: 9007199254740992 } } } },
          `checks.order has no expected value: ${digits}`
        ],
        [
          "{\"id\":\"a\",\"order\":9007199254740993}",
          { checks: { a: { equals: 1 } }, input: { message: { $text: ["Order ", { $case: "order" }] } } },
          `input cannot be made: ${digits}`
        ],
        [
          "{\"id\":\"a\",\"order\":1}",
          { input: { parameters: { no: 9007199254740992 } } },
          `input cannot be made: ${digits}`
        ]
      ]
      for (const [rows, change, said] of wrong) {
        const cases = rows.startsWith("{") ? "cases.jsonl" : "cases.csv"
        yield* Effect.promise(() => writeFile(join(path, cases), rows))
        const text = JSON.stringify({ ...file, case: cases === "cases.csv" ? file.case : undefined, cases, ...change })
        const one = asDefinition(yield* EvalFile.parse(text, join(path, "a.eval.json")))
        const error = (yield* Effect.flip(collected(one))) as InvalidEvalError
        assert.match(error.message, new RegExp(`^${cases}:\\d: ${said}$`))
      }
      const rows = [{ id: 9007199254740991, order: -9007199254740991, unused: 1e300 }]
      const near = { near: 6.022e23, relative: 0.1 }
      const text = JSON.stringify({ ...file, case: undefined, cases: rows, checks: { ...file.checks, near } })
      const one = asDefinition(yield* EvalFile.parse(text, "a.eval.json"))
      assert.include(Chunk.unsafeHead(yield* collected(one)), { key: "9007199254740991" })
    }))

  it.effect("a case names the checks that judge it, in a list or a text, and all judge it otherwise", () =>
    Effect.gen(function*() {
      const sets = (rows: ReadonlyArray<object>) =>
        Effect.flatMap(
          EvalFile.parse(
            JSON.stringify({
              ...json,
              case: undefined,
              cases: rows.map((row, n) => ({ id: n, text: "x", expected: 1, ...row })),
              input: {},
              checks: { score: { equals: { $case: "expected" } }, "a b": { maxCostUsd: 1 }, b: { maxCostUsd: 2 } },
              thresholds: {},
              checksOf: "meta.checks"
            }),
            "a.eval.json"
          ),
          (one) => Effect.map(collected(asDefinition(one)), Chunk.toReadonlyArray)
        )
      const named = (checks: unknown) => ({ meta: { checks } })
      const read = yield* sets([
        {},
        named(null),
        named([]),
        named(" "),
        named("b, a b"),
        named("score b"),
        named(["b"])
      ])
      assert.deepStrictEqual(
        read.map(({ checks }) => checks === undefined ? "all" : [...checks]),
        ["all", "all", "all", "all", ["b", "a b"], ["score", "b"], ["b"]]
      )
      // the field that an absent check expects may be missing
      assert.strictEqual((yield* sets([{ ...named("b"), expected: undefined }])).length, 1)
      const refused = (checks: unknown) =>
        Effect.map(Effect.flip(sets([{}, named(checks)])), (error) => (error as InvalidEvalError).message)
      assert.deepStrictEqual(yield* Effect.forEach(["b, scroe", ["constructor"], [777], 7, {}], refused), [
        "row 2: the list of its checks has \"scroe\": did you mean score?",
        "row 2: the list of its checks has \"constructor\": the checks are score, a b, b",
        "row 2: the list of its checks has 777: the checks are score, a b, b",
        "row 2: the list of its checks is 7: it must be a list of names",
        "row 2: the list of its checks is {}: it must be a list of names"
      ])
    }))

  it("the published JSON Schema is that of the files, and accepts and refuses what they do", async () => {
    const schema = EvalFile.jsonSchema()
    await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot("../eval.schema.json")
    const required = createRequire(import.meta.url)("ajv")
    const isValid = new (required.Ajv ?? required)({ strict: false }).compile(schema)
    assert.isTrue(isValid(json), JSON.stringify(isValid.errors))
    assert.isTrue(isValid(parseYaml(yaml)))
    assert.isFalse(isValid({ ...json, chekcs: {} }))
    assert.isFalse(isValid({ ...json, checks: { score: { equal: 1 } } }))
    assert.isFalse(isValid({ ...json, checks: { score: { step: "a", check: { near: "x" } } } }))
    assert.isFalse(isValid({ ...json, thresholds: { minPassRate: 90 } }))
  })
})

describe("the JSON Schema of cases and results", () => {
  const fits = (schema: unknown, value: unknown) =>
    Effect.map(
      Effect.either(Schema.decodeUnknown(fitting(schema))(value)),
      (decoded) => decoded._tag === "Right" ? true : Flow.formatMismatch(decoded.left)
    )

  const person = {
    type: "object",
    properties: {
      name: { type: "string", minLength: 1, maxLength: 3, pattern: "^\\p{L}+$" },
      age: { type: ["integer", "null"], minimum: 0, maximum: 150 },
      kind: { enum: ["a", "b"] },
      tags: { type: "array", items: { anyOf: [{ const: 1 }, { type: "string" }] } }
    },
    required: ["name"],
    additionalProperties: false
  }

  it.effect("says in one line why a value does not fit", () =>
    Effect.gen(function*() {
      assert.isTrue(yield* fits(person, { name: "Añ", age: null, kind: "b", tags: [1, "x"] }))
      assert.isTrue(yield* fits(true, undefined))
      assert.deepStrictEqual(
        yield* Effect.forEach(
          [
            null,
            {},
            { name: "Anna" },
            { name: "a1" },
            { name: "a", age: 1.5 },
            { name: "a", age: -1 },
            { name: "a", kind: "c" },
            { name: "a", tags: ["x", 2] },
            { name: "a", more: 1 }
          ],
          (value) => fits(person, value)
        ),
        [
          "it is null, which is not an object",
          "name is missing",
          "name is \"Anna\", with a maxLength of 3",
          "name is \"a1\", which does not match ^\\p{L}+$",
          "age is 1.5, which is not an integer or null",
          "age is -1, with a minimum of 0",
          "kind is \"c\", not \"a\" or \"b\"",
          "tags.1 fits none of anyOf",
          "more is not a property"
        ]
      )
    }))

  it.effect("says what a cell is that does not fit", () =>
    Effect.gen(function*() {
      const number = { properties: { n: { type: "number" } }, required: ["n"] }
      const refused = (n: string) => fits(number, fromTexts(number)({ n }))
      assert.deepStrictEqual(yield* Effect.forEach(["1,5", "x", "Infinity", ""], refused), [
        "n is \"1,5\", which is not a number",
        "n is \"x\", which is not a number",
        "n is \"Infinity\", which is not a number",
        "n is missing"
      ])
      assert.strictEqual(yield* fits(number, { n: NaN }), "n is NaN, which is not a number")
    }))

  it("reads the numbers and booleans of CSV", () => {
    const schema = { properties: { n: { type: "number" }, ok: { type: "boolean" } } }
    const row = { n: "1.5", ok: "true", text: "2" }
    assert.deepStrictEqual(fromTexts(schema)(row), { n: 1.5, ok: true, text: "2" })
    // as spreadsheets write them
    assert.deepStrictEqual(fromTexts(schema)({ n: "", ok: "TRUE" }), { ok: true })
    assert.deepStrictEqual(fromTexts(schema)({ n: " 2 ", ok: "False" }), { n: 2, ok: false })
    assert.deepStrictEqual(fromTexts(schema)({ n: "1,5", ok: "yes" }), { n: "1,5", ok: "yes" })
    for (const n of ["0x10", "0b1", "1e", "."]) assert.deepStrictEqual(fromTexts(schema)({ n }), { n })
    const nullable = { properties: { n: { type: ["number", "null"] }, s: { type: ["string", "number"] } } }
    assert.deepStrictEqual(fromTexts(nullable)({ n: "", s: "5" }), { n: null, s: "5" })
    assert.deepStrictEqual(fromTexts(nullable)({ n: "5", s: "" }), { n: 5, s: "" })
    assert.deepStrictEqual(fromTexts(undefined)(row), row)
  })
})
