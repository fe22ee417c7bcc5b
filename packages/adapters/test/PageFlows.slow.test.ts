/** A flow in a page over sockets, on each server: its text, its steps, its tools, its refusals, and what is billed. */
import { randomUUID } from "node:crypto"
import { assert, beforeEach, describe, it } from "vitest"
import * as P from "./support/pages.js"

const pages = P.withPages()

beforeEach(() => {
  P.weatherCalls.length = 0
  pages.gate.open()
})

/** The planted texts that no page may get by default. */
const isClean = ({ text }: P.Read, input = true): void => {
  for (const planted of [P.plantedCost, "nk_test", "planted-output", ...input ? ["planted-input"] : []]) {
    assert.notInclude(text, planted)
  }
}

describe.each(P.servers)("flowPage on $name", ({ start }) => {
  it("streams the steps and the text of a run, and bills one run", async () => {
    const url = await start(pages, { flow: "acme/support/chat" })
    const before = pages.runs()
    const response = await P.post(url, randomUUID(), [P.user("m1", "hello")])
    const read = await P.read(response)
    assert.deepStrictEqual(read.chunks, [
      { type: "start", messageId: P.idOf(read) },
      { type: "start-step" },
      { type: "data-step", id: "look#1", data: { stepId: "look", index: 0, name: "Look it up", status: "running" } },
      { type: "data-step", id: "look#1", data: { stepId: "look", index: 0, name: "Look it up", status: "completed" } },
      { type: "finish-step" },
      { type: "start-step" },
      { type: "data-step", id: "say#1", data: { stepId: "say", index: 1, name: "say", status: "running" } },
      { type: "text-start", id: "text-1" },
      { type: "text-delta", id: "text-1", delta: "You" },
      { type: "text-delta", id: "text-1", delta: " said" },
      { type: "text-delta", id: "text-1", delta: ": hello" },
      { type: "text-end", id: "text-1" },
      { type: "data-step", id: "say#1", data: { stepId: "say", index: 1, name: "say", status: "completed" } },
      { type: "finish-step" },
      { type: "data-result", id: "result", data: "You said: hello" },
      { type: "finish" }
    ])
    assert.isTrue(read.isDone)
    isClean(read)
    assert.strictEqual(pages.runs(), before + 1)
    assert.strictEqual(response.headers.get("x-vercel-ai-ui-message-stream"), "v1")
    assert.strictEqual(response.headers.get("x-accel-buffering"), "no")
    assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/)
    assert.match(response.headers.get("cache-control") ?? "", /no-store, no-transform/)
  })

  it("runs tools of the page and of the server in one pause", async () => {
    const url = await start(pages, { flow: "acme/support/tools" })
    const chat = randomUUID()
    const before = pages.runs()
    const first = await P.read(await P.post(url, chat, [P.user("m1", "planted-input")]))
    const calls = first.chunks.flatMap((chunk) => chunk.type === "tool-input-available" ? [chunk] : [])
    assert.deepStrictEqual(
      calls.map(({ input, providerExecuted, toolName }) => ({ toolName, input, providerExecuted })),
      [
        { toolName: "get_weather", input: null, providerExecuted: true },
        { toolName: "confirm", input: { text: "Sure?" }, providerExecuted: undefined }
      ]
    )
    assert.deepStrictEqual(first.chunks.slice(-2), [{ type: "finish-step" }, { type: "finish" }])
    // the tool of the server runs when the page has answered
    assert.deepStrictEqual(P.weatherCalls, [])
    const id = P.idOf(first)
    const answer = P.answered(id, [[calls[1]!.toolCallId, { yes: true }]])
    const second = await P.read(await P.post(url, chat, [answer]))
    assert.deepStrictEqual(P.weatherCalls, ["Lisbon"])
    assert.deepStrictEqual(second.chunks.slice(0, 3), [
      { type: "start", messageId: id },
      { type: "start-step" },
      { type: "tool-output-available", toolCallId: calls[0]!.toolCallId, output: null, providerExecuted: true }
    ])
    assert.strictEqual(P.textOf(second), "18 °C in Lisbon, {\"yes\":true}")
    assert.deepStrictEqual(second.chunks.at(-1), { type: "finish" })
    isClean(first)
    isClean(second)
    assert.strictEqual(pages.runs(), before + 1)
    // the same results again
    const third = await P.post(url, chat, [answer])
    assert.strictEqual(third.status, 409)
    assert.strictEqual(await third.text(), "{\"code\":\"NO_PAUSE\"}")
  })

  it("shows a chat again from another request, and cancels it", async () => {
    const url = await start(pages, { flow: "acme/support/gated", onDisconnect: "continue" })
    const chat = randomUUID()
    pages.gate.shut()
    const running = await P.post(url, chat, [P.user("m1", "Hi")])
    const busy = await P.post(url, chat, [P.user("m2", "Hi")])
    assert.deepStrictEqual([busy.status, await busy.json()], [409, { code: "RUN_IN_PROGRESS" }])
    const again = await P.resume(url, chat)
    assert.strictEqual(again.status, 200)
    assert.strictEqual((await P.resume(url, chat, { "x-user": "ben" })).status, 204)
    pages.gate.open()
    const [one, two] = await Promise.all([P.read(running), P.read(again)])
    assert.deepStrictEqual(two.chunks, one.chunks)
    assert.strictEqual(P.textOf(one), "Hi two!")
    assert.strictEqual((await P.resume(url, chat)).status, 204)
    assert.strictEqual((await P.cancel(url, chat)).status, 404)
    pages.gate.shut()
    const cancelled = await P.post(url, chat, [P.user("m3", "Hi")])
    assert.strictEqual((await P.cancel(url, chat)).status, 204)
    const read = await P.read(cancelled)
    assert.deepStrictEqual(read.chunks.at(-1), { type: "error", errorText: "{\"code\":\"CANCELLED\"}" })
    assert.isTrue(read.isDone)
    pages.gate.open()
  })

  it("stops a run when the page leaves, and lets the chat go on", async () => {
    const url = await start(pages, { flow: "acme/support/gated" })
    const chat = randomUUID()
    pages.gate.shut()
    const leaving = new AbortController()
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ id: chat, messages: [P.user("m1", "Hi")] }),
      signal: leaving.signal
    })
    const reader = response.body!.getReader()
    let text = ""
    while (!text.includes("\"second\"")) text += new TextDecoder().decode((await reader.read()).value)
    leaving.abort()
    pages.gate.open()
    let next = await P.post(url, chat, [P.user("m2", "Hello")])
    // the server hears of the end of a connection after a moment
    while (next.status === 409) next = await P.post(url, chat, [P.user("m2", "Hello")])
    assert.strictEqual(P.textOf(await P.read(next)), "Hello two!")
    const steps = pages.emulator().ledger().requests.filter(({ endpoint, flow }) =>
      endpoint === "step" && flow === "acme/support/gated"
    )
    assert.isAbove(steps.length, 0)
  })

  it("refuses what it cannot take, and sends nothing", async () => {
    const url = await start(pages, { flow: "acme/support/chat", maxBodyBytes: 500 })
    const { requestsReceived } = pages.emulator().ledger()
    const send = async (init: RequestInit, at = url) => {
      const response = await fetch(at, init)
      return [response.status, await response.json()]
    }
    const body = JSON.stringify({ id: "c", messages: [P.user("m", "Hi")] })
    const json = { "content-type": "application/json" }
    assert.deepStrictEqual(await send({ method: "POST", headers: { ...json, "x-user": "nobody" }, body }), [
      403,
      { code: "FORBIDDEN" }
    ])
    assert.deepStrictEqual(await send({ method: "PUT", headers: json, body }), [405, { code: "METHOD_NOT_ALLOWED" }])
    assert.deepStrictEqual(await send({ method: "GET" }, `${url}/a%ff/stream`), [404, { code: "NOT_FOUND" }])
    assert.deepStrictEqual(await send({ method: "GET" }), [404, { code: "NOT_FOUND" }])
    assert.deepStrictEqual(await send({ method: "POST", headers: { "content-type": "text/plain" }, body }), [
      415,
      { code: "UNSUPPORTED_MEDIA_TYPE" }
    ])
    const long = JSON.stringify({ id: "c", messages: [P.user("m", "x".repeat(600))] })
    assert.deepStrictEqual(await send({ method: "POST", headers: json, body: long }), [413, { code: "BODY_TOO_LARGE" }])
    for (const wrong of [[null], {}, { id: "c" }, { id: "c", messages: [] }, { id: "c", messages: [null] }]) {
      assert.deepStrictEqual(await send({ method: "POST", headers: json, body: JSON.stringify(wrong) }), [
        400,
        { code: Array.isArray(wrong) ? "INVALID_JSON" : "INVALID_MESSAGES" }
      ])
    }
    assert.strictEqual(pages.emulator().ledger().requestsReceived, requestsReceived)
  })
})
