/**
 * The chunks of a page against the AI SDK: its schemas, and its chat over HTTP. Version 7 needs Node 22, so it is tested on
 * that Node alone.
 */
import type { Chunk } from "@effect-noukai/adapters/Page"
import type * as Ai from "ai6"
import { randomUUID } from "node:crypto"
import { assert, beforeEach, describe, it, vi } from "vitest"
import * as P from "./support/pages.js"

const pages = P.withPages()

const [major] = process.versions.node.split(".").map(Number)

const names = ["ai5", "ai6", ...(major ?? 0) >= 22 ? ["ai7"] : []]

const versions = await Promise.all(names.map(async (name) => ({ name, ai: await import(name) as typeof Ai })))

beforeEach(() => {
  P.weatherCalls.length = 0
  pages.gate.open()
})

/** One of each type of chunk, with all of its fields. The compiler refuses a table that misses a type. */
const samples: { readonly [T in Chunk["type"]]: Extract<Chunk, { readonly type: T }> } = {
  start: { type: "start", messageId: "ex_1" },
  "start-step": { type: "start-step" },
  "data-step": {
    type: "data-step",
    id: "say#1",
    data: { stepId: "say", index: 0, name: "Say", status: "completed", output: { any: [1] } }
  },
  "text-start": { type: "text-start", id: "text-1" },
  "text-delta": { type: "text-delta", id: "text-1", delta: "Hi" },
  "text-end": { type: "text-end", id: "text-1" },
  "tool-input-available": {
    type: "tool-input-available",
    toolCallId: "c1",
    toolName: "confirm",
    input: { a: 1 },
    providerExecuted: true
  },
  "tool-output-available": { type: "tool-output-available", toolCallId: "c1", output: null, providerExecuted: true },
  "finish-step": { type: "finish-step" },
  "data-result": { type: "data-result", id: "result", data: { score: 9 } },
  finish: { type: "finish" },
  error: { type: "error", errorText: "{\"code\":\"FLOW_FAILED\"}" }
}

/** The state of a chat, as a hook of a framework keeps it. */
class State implements Ai.ChatState<Ai.UIMessage> {
  status: Ai.ChatStatus = "ready"
  error: Error | undefined = undefined
  /** The texts that were shown, in order. */
  readonly shown: Array<string> = []

  constructor(public messages: Array<Ai.UIMessage> = []) {}

  readonly pushMessage = (message: Ai.UIMessage): void => {
    this.messages = [...this.messages, message]
  }

  readonly popMessage = (): void => {
    this.messages = this.messages.slice(0, -1)
  }

  readonly replaceMessage = (index: number, message: Ai.UIMessage): void => {
    this.messages = this.messages.map((one, at) => at === index ? structuredClone(message) : one)
    this.shown.push(textOf(message))
  }

  readonly snapshot = <T>(value: T): T => structuredClone(value)
}

const textOf = ({ parts }: Ai.UIMessage): string =>
  parts.flatMap((part) => part.type === "text" ? [part.text] : []).join("")

const chatOf = (ai: typeof Ai, url: string, id: string, more: Partial<Ai.ChatInit<Ai.UIMessage>> = {}) => {
  const state = new State()
  const requests: Array<string> = []
  class Chat extends ai.AbstractChat<Ai.UIMessage> {}
  const chat = new Chat({
    id,
    state,
    transport: new ai.DefaultChatTransport({
      api: url,
      fetch: async (input, init) => {
        requests.push(init?.method ?? "GET")
        return fetch(input, init)
      }
    }),
    ...more
  })
  return { chat, state, requests }
}

describe.each(versions)("the wire of $name", ({ ai }) => {
  it("has the schemas of all chunks, of real runs too", async () => {
    const url = await P.web.start(pages, { flow: "acme/support/tools", steps: "outputs" })
    const chat = randomUUID()
    const first = await P.read(await P.post(url, chat, [P.user("m", "Hi")]))
    const call = first.chunks.findLast((chunk) => chunk.type === "tool-input-available")
    const second = await P.read(
      await P.post(url, chat, [P.answered(P.idOf(first), [[call?.toolCallId ?? "", { yes: true }]])])
    )
    const failing = await P.web.start(pages, { flow: "acme/support/failing" })
    const failed = await P.read(await P.post(failing, chat, [P.user("m", "Hi")]))
    for (const chunk of [...Object.values(samples), ...first.chunks, ...second.chunks, ...failed.chunks]) {
      const outcome = await ai.uiMessageChunkSchema().validate?.(chunk)
      assert.isTrue(outcome?.success, JSON.stringify([chunk, outcome]))
    }
  })

  it("is a chat whose text grows", async () => {
    const url = await P.web.start(pages, { flow: "acme/support/chat" })
    const before = pages.runs()
    const { chat, requests, state } = chatOf(ai, url, randomUUID())
    await chat.sendMessage({ text: "hello" })
    assert.strictEqual(chat.status, "ready")
    assert.strictEqual(textOf(chat.messages[1]!), "You said: hello")
    assert.includeMembers(state.shown, ["You", "You said", "You said: hello"])
    const steps = chat.messages[1]!.parts.filter(({ type }) => type === "data-step")
    assert.deepStrictEqual(steps.map((part) => "data" in part ? part.data : undefined), [
      { stepId: "look", index: 0, name: "Look it up", status: "completed" },
      { stepId: "say", index: 1, name: "say", status: "completed" }
    ])
    assert.deepStrictEqual(requests, ["POST"])
    assert.strictEqual(pages.runs(), before + 1)
    await chat.regenerate()
    assert.strictEqual(textOf(chat.messages[1]!), "You said: hello")
    assert.strictEqual(pages.runs(), before + 2)
  })

  it("asks tools of the page, and sends one more request", async () => {
    const url = await P.web.start(pages, { flow: "acme/support/tools" })
    const before = pages.runs()
    const asked: Array<unknown> = []
    const { chat, requests } = chatOf(ai, url, randomUUID(), {
      sendAutomaticallyWhen: ai.lastAssistantMessageIsCompleteWithToolCalls,
      onToolCall: ({ toolCall }) => {
        if (toolCall.providerExecuted === true) return
        asked.push(toolCall.input)
        const result = { tool: toolCall.toolName, toolCallId: toolCall.toolCallId, output: { yes: true } }
        // version 5 has no newer name for it
        void chat.addToolResult(result)
      }
    })
    await chat.sendMessage({ text: "Hi" })
    await vi.waitFor(() => assert.strictEqual(textOf(chat.messages[1]!), "18 °C in Lisbon, {\"yes\":true}"), 30_000)
    await vi.waitFor(() => assert.strictEqual(chat.status, "ready"), 30_000)
    assert.deepStrictEqual(asked, [{ text: "Sure?" }])
    assert.deepStrictEqual(requests, ["POST", "POST"])
    assert.strictEqual(chat.messages.length, 2)
    assert.strictEqual(pages.runs(), before + 1)
  })

  it("goes on after a reload on another server", async () => {
    const turns = P.sharedTurns()
    const options = { flow: "acme/support/gated", onDisconnect: "continue", turns } as const
    const [one, two] = await Promise.all([P.web.start(pages, options), P.express.start(pages, options)])
    const before = pages.runs()
    const id = randomUUID()
    pages.gate.shut()
    const first = chatOf(ai, one, id)
    const sending = first.chat.sendMessage({ text: "Hi" })
    await vi.waitFor(() => assert.include(JSON.stringify(first.chat.messages), "\"second\""), 30_000)
    await first.chat.stop()
    await sending
    const second = chatOf(ai, two, id)
    second.state.messages = [first.chat.messages[0]!]
    const resumed = second.chat.resumeStream()
    await vi.waitFor(() => assert.include(JSON.stringify(second.chat.messages), "\"second\""), 30_000)
    pages.gate.open()
    await resumed
    assert.strictEqual(textOf(second.chat.messages[1]!), "Hi two!")
    assert.strictEqual(second.chat.messages.length, 2)
    assert.strictEqual(pages.runs(), before + 1)
  })

  it("has the code of an error alone", async () => {
    const url = await P.web.start(pages, { flow: "acme/support/failing" })
    const { chat } = chatOf(ai, url, randomUUID())
    await chat.sendMessage({ text: "Hi" })
    assert.strictEqual(chat.status, "error")
    assert.strictEqual(chat.error?.message, "{\"code\":\"MODEL_OVERLOADED\"}")
  })
})
