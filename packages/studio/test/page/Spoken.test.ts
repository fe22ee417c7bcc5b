import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { type SpokenMessage, spokenOf } from "../../page/src/spoken.js"

const said = (value: unknown, role: "user" | "assistant" = "user") => spokenOf(JSON.stringify(value), role)

const message = (role: string, text: string): SpokenMessage => ({
  role,
  said: [{ kind: "text", value: text }],
  calls: [],
  rest: undefined
})

describe("what is said in a payload", () => {
  it("is a text, a message, or the text among other fields", () => {
    assert.deepStrictEqual(said("hi"), { messages: [message("user", "hi")], rest: undefined })
    assert.deepStrictEqual(said({ message: "hi" }), { messages: [message("user", "hi")], rest: undefined })
    assert.deepStrictEqual(said({ message: "hi", level: 3, none: null }), {
      messages: [message("user", "hi")],
      rest: "{\"level\":3}"
    })
    assert.deepStrictEqual(said({ text: "so", score: 1 }, "assistant"), {
      messages: [message("assistant", "so")],
      rest: "{\"score\":1}"
    })
    assert.deepStrictEqual(said({ role: "assistant", content: "so" }, "assistant"), {
      messages: [message("assistant", "so")],
      rest: undefined
    })
    assert.deepStrictEqual(
      said({ messages: [{ role: "system", content: "be kind" }, { role: "user", content: "hi" }], level: 3 }),
      { messages: [message("system", "be kind"), message("user", "hi")], rest: "{\"level\":3}" }
    )
  })

  it("is nothing in data", () => {
    for (const data of [{ score: 1 }, [1, 2], 3, null, true, {}, [], { message: 3 }, { message: "" }, [{ role: 1 }]]) {
      assert.isUndefined(said(data), JSON.stringify(data))
    }
    assert.isUndefined(spokenOf("{\"message\":", "user"))
    assert.isUndefined(said("x".repeat(300_000)))
  })

  it("has the answers of tools beside their calls, also where an id comes again", () => {
    const call = (id: string, city: string) => ({
      id,
      type: "function",
      function: { name: "weather", arguments: `{"city":"${city}"}` }
    })
    const spoken = said([
      { role: "assistant", content: null, tool_calls: [call("c1", "Rome"), call("c2", "Oslo")] },
      { role: "tool", tool_call_id: "c2", content: "cold" },
      { role: "tool", tool_call_id: "c1", content: { celsius: 30 } },
      { role: "assistant", content: "again", tool_calls: [call("c1", "Bonn")] },
      { role: "tool", tool_call_id: "c1", content: "mild" },
      { role: "tool", tool_call_id: "c9", content: "nobody asked" }
    ])!
    assert.deepStrictEqual(
      spoken.messages.map(({ calls, role }) => [role, ...calls.map(({ answer, given }) => [given, answer?.value])]),
      [
        ["assistant", ["{\"city\":\"Rome\"}", "{\"celsius\":30}"], ["{\"city\":\"Oslo\"}", "cold"]],
        ["assistant", ["{\"city\":\"Bonn\"}", "mild"]],
        ["tool"]
      ]
    )
    assert.deepStrictEqual(spoken.messages[2], {
      ...message("tool", "nobody asked"),
      rest: "{\"tool_call_id\":\"c9\"}"
    })
  })

  it("keeps parts that are no text, calls of another form, and long numbers", () => {
    const parts = said({
      role: "user",
      content: [{ type: "text", text: "look" }, { type: "image", url: "x" }],
      name: "Ann"
    })!
    assert.deepStrictEqual(parts.messages[0]!.said, [
      { kind: "text", value: "look" },
      { kind: "json", value: "{\"type\":\"image\",\"url\":\"x\"}" }
    ])
    assert.strictEqual(parts.messages[0]!.rest, "{\"name\":\"Ann\"}")
    const odd = said({ role: "assistant", content: "", tool_calls: [{ call: 1 }] })!
    assert.strictEqual(odd.messages[0]!.rest, "{\"tool_calls\":[{\"call\":1}]}")
    assert.strictEqual(
      spokenOf("{\"message\":\"hi\",\"id\":12345678901234567890}", "user")!.rest,
      "{\"id\":12345678901234567890}"
    )
  })

  it("is read of any JSON, and loses no text", () => {
    const text = fc.string({ minLength: 1 })
    const anything = fc.jsonValue({ maxDepth: 3 })
    const messages = fc.array(
      fc.record({ role: text, content: fc.oneof(text, anything), extra: anything }, { requiredKeys: ["role"] }),
      { minLength: 1 }
    )
    const payload = fc.oneof(
      anything,
      messages,
      fc.record({ messages, other: anything }),
      fc.record({ message: text, other: anything })
    )
    fc.assert(fc.property(payload, fc.constantFrom("user" as const, "assistant" as const), (value, role) => {
      const json = JSON.stringify(value)
      const spoken = spokenOf(json, role)
      if (spoken === undefined) return
      const shown = JSON.stringify(spoken)
      const words = new Set<string>()
      JSON.parse(json, (_, part: unknown) => {
        if (typeof part === "string") words.add(part)
        return part
      })
      // in the text of other JSON, a text is quoted once more
      for (const word of words) {
        const once = JSON.stringify(word).slice(1, -1)
        assert.isTrue(shown.includes(once) || shown.includes(JSON.stringify(once).slice(1, -1)), word)
      }
    }))
  })
})
