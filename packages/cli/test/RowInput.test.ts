/** How a row becomes what is run for it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { type Mapping, rowInput } from "../src/commands/batch/definition.js"

const none: Mapping = {
  key: "id",
  messageField: Option.none(),
  messageTemplate: Option.none(),
  parameter: [],
  snapshots: undefined
}

const row = { id: 7, text: "The {{cat}}", level: 3, tags: ["a"], nothing: null }

const input = (flags: Partial<Mapping>, of: unknown = row) =>
  Effect.map(rowInput({ ...none, ...flags }), (made) => JSON.parse(JSON.stringify(made.input(of))))

describe("rowInput", () => {
  it.effect("takes the fields of a row for its parameters unless told otherwise", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* input({}), { parameters: row })
      assert.deepStrictEqual(yield* input({ messageField: Option.some("text") }), { message: "The {{cat}}" })
    }))

  it.effect("puts fields into a message, whatever they hold", () =>
    Effect.gen(function*() {
      const messageTemplate = Option.some("{{ level }}: {{text}} {{tags}} }}")
      assert.deepStrictEqual(yield* input({ messageTemplate }), { message: "3: The {{cat}} [\"a\"] }}" })
    }))

  it.effect("refuses a template whose field is not closed, or is none", () =>
    Effect.gen(function*() {
      for (
        const text of [
          "{{",
          "Grade: {{text",
          "{{text}} {{level",
          "{{text} }",
          "{{}}",
          "{{ }}",
          "{{a {{text}}",
          "{{{{text}}"
        ]
      ) {
        const template = yield* Effect.flip(rowInput({ ...none, messageTemplate: Option.some(text) }))
        assert.match(template.message, /^--message-template has an unclosed or empty \{\{/, text)
        const parameter = yield* Effect.flip(rowInput({ ...none, parameter: [`tone=${text}`] }))
        assert.match(parameter.message, /^-p tone has an unclosed or empty \{\{/, text)
      }
      // JSON is left alone, and braces that open nothing
      for (const parameter of ["a:={\"b\":\"{{\"}", "a={\"b\":{\"c\":1}}", "a=}} {"]) {
        yield* rowInput({ ...none, parameter: [parameter] })
      }
    }))

  it.effect("gives a field that stands alone as it is, and text or JSON otherwise", () =>
    Effect.gen(function*() {
      const parameter = ["level={{level}}", "all=of {{level}}", "none={{nothing}}", "fixed:={\"a\":\"{{level}}\"}"]
      assert.deepStrictEqual(yield* input({ parameter, snapshots: true }), {
        snapshots: true,
        parameters: { level: 3, all: "of 3", none: null, fixed: { a: "{{level}}" } }
      })
    }))

  it.effect("has keys of texts and numbers", () =>
    Effect.gen(function*() {
      const { key } = yield* rowInput(none)
      assert.deepStrictEqual([key(row), key({ id: "a" })], ["7", "a"])
      assert.throws(() => key({ id: {} }), "its field \"id\" is neither a text nor a number")
      assert.throws(() => key({}), "it has no field \"id\"")
      assert.throws(() => key({ "id ": "a", b: 1 }), "it has no field \"id\"; its fields are \"id \", \"b\"")
      assert.throws(() => key(["id"]), "it is not an object with fields")
    }))

  it.effect("has no key, text or parameter of a number that is another one than was written", () =>
    Effect.gen(function*() {
      const made = yield* Effect.all([
        rowInput({ ...none, messageField: Option.some("id") }),
        rowInput({ ...none, messageTemplate: Option.some("{{id}}") }),
        rowInput({ ...none, parameter: ["id={{id}}"] }),
        rowInput({ ...none, parameter: ["id=no {{id}}"] }),
        rowInput(none)
      ])
      for (const id of ["9007199254740993", "-9007199254740993", "9007199254740992.5", "1e300", "1e400", "-1e400"]) {
        for (const use of [...made.map(({ input }) => input), ...made.map(({ key }) => key)]) {
          assert.throws(
            () => use(JSON.parse(`{"text":"a","id":${id}}`)),
            "its field \"id\" is a number with too many digits: make it a text"
          )
        }
        for (const { input } of made) {
          assert.throws(
            () => input(JSON.parse(`{"id":[{"a":${id}}]}`)),
            "its field \"id\" has a number with too many digits: make it a text"
          )
        }
      }
      // a field that is not used may have any number
      assert.strictEqual(made[0].input(JSON.parse("{\"id\":1,\"other\":1e300}")).message, "1")
      const { input, key } = made[1]
      assert.deepStrictEqual([key({ id: 9007199254740991 }), key({ id: 1.5 })], ["9007199254740991", "1.5"])
      assert.strictEqual(input({ id: [-9007199254740991, 0.1, null] }).message, "[-9007199254740991,0.1,null]")
    }))

  it.effect("has nothing for a row that lacks a field", () =>
    Effect.gen(function*() {
      const made = yield* rowInput({
        ...none,
        messageTemplate: Option.some("{{nothing}}"),
        parameter: ["a={{toString}}"]
      })
      assert.throws(() => made.input(row), "its field \"nothing\" is null")
      assert.throws(() => made.input({ nothing: "" }), "it has no field \"toString\"; its fields are \"nothing\"")
    }))

  it.effect("refuses two messages, and a parameter that is given twice", () =>
    Effect.gen(function*() {
      const twice = { ...none, messageField: Option.some("a"), messageTemplate: Option.some("b") }
      assert.match((yield* Effect.flip(rowInput(twice))).message, /not both/)
      assert.match((yield* Effect.flip(rowInput({ ...none, parameter: ["a=1", "a=2"] }))).message, /given twice/)
      for (const parameter of [["'a=b"], ["\"a=b"], ["=b"]]) {
        assert.match((yield* Effect.flip(rowInput({ ...none, parameter }))).message, /on Windows, between double/)
      }
      for (const given of [{ messageField: Option.some("a") }, { messageTemplate: Option.some("b") }]) {
        for (const parameter of ["message=foo", "message:=1"]) {
          const error = yield* Effect.flip(rowInput({ ...none, ...given, parameter: [parameter] }))
          assert.strictEqual(error.message, "give the message once: the parameter \"message\" sets it too")
        }
      }
      assert.deepStrictEqual(yield* input({ parameter: ["message={{text}}"] }), { parameters: { message: row.text } })
    }))
})
