/** The form about a new run. */
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { type Draft, draftOf, type Entry, inputOf, startingAt } from "../../page/src/againForm.js"
import type { RunForm } from "../../page/src/api.js"

const flow = "acme/shop/answer"

const form = (of: Partial<RunForm> = {}): RunForm => ({
  studio: "one",
  canStart: true,
  versions: ["production"],
  steps: [],
  later: [],
  costs: [],
  notes: [],
  input: { flow },
  ...of
})

const schema = {
  type: "object",
  required: ["level", "tone", "tags"],
  $defs: { tone: { enum: ["kind", "dry", 3, null], description: "How it sounds" } },
  properties: {
    note: { type: "string", minLength: 2, maxLength: 4, title: "Note" },
    tone: { $ref: "#/$defs/tone" },
    level: { type: "integer", minimum: 1, maximum: 10 },
    share: { type: ["number", "null"], default: 0.5 },
    isLoud: { type: "boolean" },
    maybe: { anyOf: [{ type: "string" }, { type: "null" }] },
    either: { oneOf: [{ const: "a" }, { enum: ["b", "c"] }, { type: "null" }] },
    tags: { type: "array", items: { type: "string" } },
    more: { type: "object" },
    any: {},
    loops: { $ref: "#/properties/loops" }
  }
}

const entry = (draft: Draft, name: string): Entry => draft.entries.find(({ field }) => field.name === name)!

/** The draft with the texts of some parameters. */
const filled = (draft: Draft, texts: { readonly [name: string]: string | undefined }): Draft => ({
  ...draft,
  entries: draft.entries.map((one) =>
    Object.hasOwn(texts, one.field.name) ? { ...one, text: texts[one.field.name] } : one
  )
})

const required = { level: "3", tone: "\"dry\"", tags: "[]" }

describe("fields of a JSON Schema", () => {
  it("have the kind of their type, required ones first", () => {
    const { entries } = draftOf(form({ parametersSchema: schema }))
    assert.deepStrictEqual(
      entries.map(({ field: { kind, name }, text }) => [name, kind, text]),
      [
        ["tone", "choice", undefined],
        ["level", "integer", ""],
        ["tags", "json", ""],
        ["note", "text", undefined],
        ["share", "number", undefined],
        ["isLoud", "choice", undefined],
        ["maybe", "text", undefined],
        ["either", "choice", undefined],
        ["more", "json", undefined],
        ["any", "json", undefined],
        ["loops", "json", undefined]
      ]
    )
    const draft = draftOf(form({ parametersSchema: schema }))
    assert.deepStrictEqual(entry(draft, "tone").field.choices, ["\"kind\"", "\"dry\"", "3", "null"])
    assert.deepStrictEqual(entry(draft, "either").field.choices, ["\"a\"", "\"b\"", "\"c\"", "null"])
    assert.strictEqual(entry(draft, "tone").field.description, "How it sounds")
    assert.strictEqual(entry(draft, "level").field.takes, "a whole number, 1 to 10")
    assert.strictEqual(entry(draft, "share").field.takes, "a number, 0.5 if left out")
    assert.strictEqual(entry(draft, "note").field.takes, "2 to 4 characters")
    assert.strictEqual(entry(draft, "tags").field.takes, "a JSON array")
  })

  it("take their values, and parameters that the schema does not have stay", () => {
    const draft = draftOf(form({
      parametersSchema: schema,
      input: {
        flow,
        parameters: { level: "high", tone: "dry", tags: ["a"], extra: { a: 1 }, share: null, note: "abc" }
      }
    }))
    assert.deepStrictEqual([entry(draft, "level").text, entry(draft, "level").isJson], ["\"high\"", true])
    assert.deepStrictEqual([entry(draft, "share").text, entry(draft, "share").isJson], ["null", true])
    assert.deepStrictEqual([entry(draft, "tone").text, entry(draft, "note").text], ["\"dry\"", "abc"])
    assert.deepStrictEqual([entry(draft, "extra").field.isDeclared, entry(draft, "extra").text], [
      false,
      "{\n  \"a\": 1\n}"
    ])
  })

  it("begin at a later step with the outputs of the steps before it", () => {
    const known = form({
      steps: [{ stepId: "a", output: "1" }, { stepId: "b", output: "{\"x\":2}" }, { stepId: "c" }],
      later: [{ stepId: "b" }, { stepId: "c" }, { stepId: "d" }]
    })
    const draft = draftOf(known)
    const at = (stepId: string | undefined) => ({ ...draft, ...startingAt(known, draft, stepId) })
    assert.deepStrictEqual(inputOf(flow, false, at("c")).input, {
      flow,
      startAt: { stepIndex: 2, outputs: { a: 1, b: { x: 2 } } }
    })
    // an output that is not stored is to be written
    assert.deepStrictEqual([...inputOf(flow, false, at("d")).problems.keys()], ["output 2"])
    // others are those of steps that still run
    const replaced = { ...at("b"), outputs: [...at("b").outputs, { stepId: "b", text: "new", isJson: false }] }
    assert.deepStrictEqual(inputOf(flow, false, replaced).input, {
      flow,
      inputOverrides: { b: "new" },
      startAt: { stepIndex: 1, outputs: { a: 1 } }
    })
    assert.deepStrictEqual([...inputOf(flow, false, { ...at("c"), outputs: [] }).problems], [
      ["outputs", "The run needs the outputs of the steps before it begins: a, b."]
    ])
    assert.deepStrictEqual([...inputOf(flow, false, { ...at("b"), version: "draft" }).problems.keys()], [
      "outputs",
      "from"
    ])
    assert.deepStrictEqual(at(undefined).from, undefined)
    assert.deepStrictEqual(at("none").from, undefined)
  })

  it("are checked before anything is sent", () => {
    const draft = draftOf(form({ parametersSchema: schema }))
    const problems = (texts: { readonly [name: string]: string | undefined }) => {
      const changed = filled(draft, { ...required, ...texts })
      return Object.fromEntries(
        [...inputOf(flow, false, changed).problems].map(([place, problem]) => [
          changed.entries[Number(place.slice("parameter ".length))]?.field.name ?? place,
          problem
        ])
      )
    }
    assert.deepStrictEqual(problems({}), {})
    assert.deepStrictEqual(problems({ level: undefined, tone: undefined }), {
      level: "The flow needs this parameter.",
      tone: "The flow needs this parameter."
    })
    assert.deepStrictEqual(problems({ level: "" }), { level: "Enter a whole number." })
    assert.deepStrictEqual(problems({ level: "1.5" }), { level: "Enter a whole number." })
    assert.deepStrictEqual(problems({ level: "11" }), { level: "Enter a number, 1 to 10." })
    assert.deepStrictEqual(problems({ level: "0x5", share: "Infinity" }), {
      level: "Enter a whole number.",
      share: "Enter a number."
    })
    assert.match(problems({ share: "12345678901234567890" }).share!, /more digits/)
    assert.deepStrictEqual(problems({ note: "12345" }), { note: "Enter 2 to 4 characters." })
    assert.match(problems({ tags: "[1," }).tags!, /^This is not JSON: .+\.$/)
    assert.match(problems({ tags: " " }).tags!, /^Enter JSON/)
    assert.deepStrictEqual(problems({ tone: "\"loud\"" }), { tone: "Choose a value." })
    const { input } = inputOf(
      flow,
      false,
      filled(draft, { ...required, share: " 2.5e1 ", note: "ab", isLoud: "false" })
    )
    assert.deepStrictEqual(input, {
      flow,
      parameters: { tone: "dry", level: 3, tags: [], note: "ab", share: 25, isLoud: false }
    })
  })

  it("are made of any schema, or none", () => {
    for (
      const parametersSchema of [
        undefined,
        null,
        true,
        7,
        "x",
        [],
        { properties: 1 },
        { properties: { a: true, b: null, c: 1, d: { type: ["string", "number"] }, e: { enum: [] } }, required: "a" },
        { $ref: "#/a/b/c" },
        { $ref: "#" },
        JSON.parse("{\"properties\":{\"__proto__\":{\"type\":\"string\"},\"constructor\":{\"type\":\"toString\"}}}")
      ]
    ) {
      const draft = draftOf(form({ parametersSchema }))
      assert.isTrue(
        draft.entries.every(({ field, text }) => text === undefined && ["text", "json"].includes(field.kind))
      )
    }
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, nth) => [`p${nth}`, { type: "string" }]))
    assert.strictEqual(draftOf(form({ parametersSchema: { properties: many } })).entries.length, 300)
    const long = { properties: { a: { enum: Array.from({ length: 5_000 }, (_, nth) => nth) } } }
    assert.strictEqual(draftOf(form({ parametersSchema: long })).entries[0]!.field.kind, "json")
  })
})

describe("the input of a form", () => {
  it("is the input that it began with, unless somebody edits it", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.dictionary(
          FastCheck.string({ minLength: 1 }).filter((name) =>
            name.trim() !== "" && name !== "attachments" && name !== "message"
          ),
          FastCheck.jsonValue(),
          { noNullPrototype: true }
        ),
        FastCheck.option(FastCheck.string(), { nil: undefined }),
        FastCheck.option(FastCheck.constantFrom("draft", "7"), { nil: undefined }),
        (parameters, message, version) => {
          const input = {
            flow,
            ...message !== undefined && { message },
            ...Object.keys(parameters).length > 0 && { parameters },
            ...version !== undefined && { version }
          }
          for (const parametersSchema of [undefined, schema]) {
            const read = inputOf(flow, false, draftOf(form({ input, parametersSchema, needsMessage: false })))
            const missing = parametersSchema?.required.some((name) => !Object.hasOwn(parameters, name)) ?? false
            if (!missing) {
              assert.strictEqual(JSON.stringify(read.input), JSON.stringify(input), [...read.problems].join())
            } else assert.isUndefined(read.input)
          }
        }
      ),
      { numRuns: 300 }
    )
  })

  it("has the message once", () => {
    const draft = draftOf(form({ input: { flow, message: "a", parameters: { message: "b" } } }))
    assert.match(inputOf(flow, false, draft).problems.get("message")!, /Leave out one/)
    assert.deepStrictEqual(inputOf(flow, false, { ...draft, message: undefined }).input, {
      flow,
      parameters: { message: "b" }
    })
    const none = draftOf(form({ needsMessage: true }))
    assert.match(inputOf(flow, true, none).problems.get("message")!, /needs a message/)
    assert.isDefined(inputOf(flow, true, { ...none, message: "x" }).input)
  })

  it("has a version, a limit, images and outputs that a run can have", () => {
    const draft = draftOf(form())
    const problemsOf = (change: Partial<Draft>) =>
      Object.fromEntries(inputOf(flow, false, { ...draft, ...change }).problems)
    assert.deepStrictEqual(problemsOf({ version: "" }), {})
    assert.deepStrictEqual(Object.keys(problemsOf({ version: "v3" })), ["version"])
    assert.deepStrictEqual(Object.keys(problemsOf({ version: "0" })), ["version"])
    for (const limit of ["0", "-1", "1e3", "a", "0.000", "$1", "1,5", "."]) {
      assert.deepStrictEqual(Object.keys(problemsOf({ limit })), ["limit"], limit)
    }
    assert.strictEqual(inputOf(flow, false, { ...draft, limit: " .25 " }).input?.maxCostUsd, "0.25")
    const outputs = [{ stepId: "a", text: "{", isJson: true }]
    assert.match(problemsOf({ outputs })["output 0"]!, /not JSON/)
    assert.deepStrictEqual(
      Object.keys(problemsOf({ version: "draft", limit: "1", outputs: [{ stepId: "a", text: "x", isJson: false }] })),
      ["limit", "outputs"]
    )
    const image = { url: "https://img.example.com/dog.png", mime_type: "image/png" } as const
    assert.deepStrictEqual(problemsOf({ attachments: [image] }), {})
    for (const url of ["http://img.example.com/dog.png", "javascript:alert(1)", "", "dog.png"]) {
      assert.deepStrictEqual(Object.keys(problemsOf({ attachments: [image, { ...image, url }] })), ["attachment 1"])
    }
    assert.deepStrictEqual(Object.keys(problemsOf({ attachments: Array.from({ length: 11 }, () => image) })), [
      "attachment 10"
    ])
  })

  it("has no parameter twice, and none without a name", () => {
    const draft = draftOf(form({ input: { flow, parameters: { a: 1, b: 2 } } }))
    const [a, b] = draft.entries as [Entry, Entry]
    const named = (name: string) => ({ ...draft, entries: [a, { ...b, field: { ...b.field, name } }] })
    assert.match(inputOf(flow, false, named("a")).problems.get("parameter 1")!, /another parameter/)
    assert.match(inputOf(flow, false, named(" ")).problems.get("parameter 1")!, /Enter the name/)
    assert.match(inputOf(flow, false, named("attachments")).problems.get("parameter 1")!, /reserved/)
    const proto = inputOf(flow, false, named("__proto__")).input?.parameters
    assert.strictEqual(JSON.stringify(proto), "{\"a\":1,\"__proto__\":2}")
  })
})
