/** Bodies and addresses that a page may send: none of them is a failure of the server, and none starts more than one run. */
import type { PageRequest } from "@effect-noukai/adapters/Page"
import { flowPage } from "@effect-noukai/adapters/web"
import * as FC from "effect/FastCheck"
import { assert, describe, it } from "vitest"
import { anyText, brokenBytes, brokenJson, fuzzAsync, fuzzTimeout, oddHeader } from "../../../sdk/test/support/fuzz.js"
import * as P from "../support/pages.js"

const pages = P.withPages()

const message = FC.oneof(
  FC.constant(P.user("m1", "Hi")),
  FC.constant(P.answered("ex_1", [["call_1", { yes: true }]])),
  FC.record({
    id: FC.oneof(anyText({ maxLength: 4 }), FC.constant("m1")),
    role: FC.constantFrom("user", "assistant", "system", "tool"),
    parts: FC.array(FC.oneof(
      FC.record({ type: FC.constantFrom("text", "tool-confirm", "file"), text: FC.oneof(anyText(), FC.constant(1)) }),
      FC.record({
        type: FC.constant("dynamic-tool"),
        toolCallId: FC.anything(),
        state: FC.constant("output-available")
      }),
      FC.constantFrom(null, 1, "text", [])
    ))
  })
)

const body = FC.record({
  id: FC.oneof(FC.constant("chat"), anyText({ maxLength: 4 })),
  messages: FC.array(message, { maxLength: 3 }),
  trigger: FC.constantFrom("submit-message", "regenerate-message", undefined, "other")
})

const page = () => {
  const seen: Array<PageRequest> = []
  const { GET, POST } = flowPage({
    client: pages.client(),
    flow: "acme/support/chat",
    maxBodyBytes: 20_000,
    authorize: (_, asked) => {
      seen.push(asked)
      return true
    },
    owner: () => "all"
  })
  return { GET, POST, seen }
}

describe("a page", () => {
  it("answers any body with a refusal or a run", async () => {
    const { POST, seen } = page()
    await fuzzAsync(
      FC.tuple(
        brokenBytes(brokenJson(body)),
        FC.oneof({ weight: 5, arbitrary: FC.constant("application/json") }, oddHeader)
      ),
      60,
      async ([bytes, contentType]) => {
        const before = pages.runs()
        seen.length = 0
        const response = await POST(
          new Request("http://localhost/api", {
            method: "POST",
            headers: { "content-type": contentType.replace(/[^\x20-\x7e]/g, "") },
            body: Uint8Array.from(bytes)
          })
        )
        const text = await response.text()
        assert.include([200, 400, 409, 413, 415], response.status, text)
        assert.isAtMost(pages.runs() - before, 1)
        for (const { chat, messages } of seen) {
          assert.isAbove(chat.length, 0)
          assert.isTrue(messages.every(({ id, parts }) => typeof id === "string" && Array.isArray(parts)))
        }
        if (response.status === 200) assert.isTrue(P.parse(text).isDone)
        else assert.match((JSON.parse(text) as { code: string }).code, /^[A-Z_]+$/)
      }
    )
  }, fuzzTimeout)

  it("answers any address", async () => {
    const { GET } = page()
    await fuzzAsync(
      FC.oneof(anyText().map(encodeURIComponent), FC.constantFrom("%", "%ff", "..", "a/b", "", "a%00b", "?id=a", "#")),
      20,
      async (path) => {
        const response = await GET(new Request(`http://localhost/api/${path}/stream`))
        assert.include([204, 404], response.status)
      }
    )
  }, fuzzTimeout)
})
