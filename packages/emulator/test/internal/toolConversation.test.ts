import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import {
  askingMessage,
  checkAnswered,
  type Message,
  resultsOf,
  roundsOf
} from "../../src/internal/wire/toolConversation.js"

const call = (id: string, name: string) => ({ id, type: "function" as const, function: { name, arguments: "{}" } })

const answer = (id: string, content: string, key: string): Message => ({ role: "tool", [key]: id, content })

describe("tool conversations", () => {
  it.prop(
    "tool-results: whatever the casing, a round is answered when each call is, once",
    [
      FastCheck.uniqueArray(FastCheck.string({ minLength: 1 }), { minLength: 1, maxLength: 5 }),
      FastCheck.constantFrom("snake" as const, "camel" as const),
      FastCheck.constantFrom("tool_call_id", "toolCallId")
    ],
    ([ids, casing, key]) => {
      const asking = askingMessage(ids.map((id) => call(id, "find")), casing, { extra: null })
      const answers = ids.map((id) => answer(id, "x", key))
      const right = [asking, ...answers]
      assert.isTrue(Either.isRight(checkAnswered(right, ids)))
      assert.isTrue(Either.isRight(checkAnswered([asking, ...[...answers].reverse()], ids)))
      assert.isTrue(Either.isLeft(checkAnswered(right.slice(0, -1), ids)))
      assert.isTrue(Either.isLeft(checkAnswered([...right, answers[0]!], ids)))
      assert.isTrue(Either.isLeft(checkAnswered([...right, answer(`${ids.join("")}?`, "x", key)], ids)))
      assert.isTrue(Either.isLeft(checkAnswered(right, [...ids, `${ids.join("")}?`])))
      assert.strictEqual(roundsOf([...right, ...right]).length, 2)
    }
  )

  it("the newest result of a tool counts; text that is no JSON stays text", () => {
    const messages = [
      askingMessage([call("1", "find"), call("2", "__proto__")], "snake", undefined),
      answer("1", "{ \"n\": 1 }", "tool_call_id"),
      answer("2", "plain", "tool_call_id"),
      askingMessage([call("3", "find")], "snake", undefined),
      answer("3", "{\"n\":2}", "tool_call_id")
    ]
    const { results, texts, tools } = resultsOf(messages)
    assert.deepStrictEqual(tools.find, { n: 2 })
    assert.strictEqual(texts.find, "{\"n\":2}")
    assert.deepStrictEqual(results, [{ n: 1 }, "plain", { n: 2 }])
    assert.strictEqual(Object.getPrototypeOf(tools), Object.prototype)
  })

  it("tool-results: a conversation without a request is none", () => {
    assert.isTrue(Either.isLeft(checkAnswered([])))
    assert.isTrue(Either.isLeft(checkAnswered([{ role: "assistant", content: "hi" }])))
    assert.isTrue(Either.isLeft(checkAnswered([{ role: "assistant", tool_calls: [1, { id: 2 }, { id: "x" }] }])))
  })

  const ask = askingMessage([call("c1", "find"), call("c2", "count")], "snake", undefined)
  const said: ReadonlyArray<readonly [name: string, messages: ReadonlyArray<Message>, message: string]> = [
    [
      "a result without a role",
      [ask, answer("c1", "x", "tool_call_id"), { tool_call_id: "c2", content: "y" }],
      "Not answered: c2. The result of c2 has no role: it needs role \"tool\"."
    ],
    [
      "results without a role, in the other casing",
      [ask, { toolCallId: "c1", content: "x" }, { toolCallId: "c2", role: null, content: "y" }],
      "Not answered: c1, c2. The result of c1 has no role: it needs role \"tool\"."
    ],
    [
      "a result of another role",
      [ask, answer("c1", "x", "tool_call_id"), { role: "user", tool_call_id: "c2", content: "y" }],
      "Not answered: c2. The result of c2 has the role \"user\": it needs role \"tool\"."
    ],
    [
      "a result that names no call",
      [ask, answer("c1", "x", "tool_call_id"), { role: "tool", content: "y" }],
      "Not answered: c2. A message of role \"tool\" has no tool_call_id."
    ],
    ["no results", [ask], "Not answered: c1, c2."],
    ["a result of no call", [ask, answer("c9", "x", "tool_call_id")], "No call has the id c9."],
    [
      "an asking message without a role",
      [{ tool_calls: ask.tool_calls! }, answer("c1", "x", "tool_call_id")],
      "toolCallMessages has no assistant message with tool calls: the message with the calls has no role, and needs role \"assistant\"."
    ],
    ["no messages", [], "toolCallMessages has no assistant message with tool calls."]
  ]
  for (const [name, messages, message] of said) {
    it(`codes: the refusal of ${name} says what is missing`, () => {
      const checked = checkAnswered(messages)
      assert.isTrue(Either.isLeft(checked))
      if (Either.isLeft(checked)) {
        assert.deepStrictEqual(checked.left.detail, { code: "TOOL_RESULTS_MISMATCH", message })
      }
    })
  }
})
