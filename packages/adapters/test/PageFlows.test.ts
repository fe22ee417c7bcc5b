/** A flow in a page over sockets, on each server: its text, its steps, its tools, and what is billed. */
import { randomUUID } from "node:crypto"
import { assert, describe, it } from "vitest"
import * as P from "./support/pages.js"

const pages = P.withPages()

describe.each(P.servers)("flowPage on $name", ({ start }) => {
  it("streams the steps and the text of a run, and bills one run", async () => {
    const url = await start(pages, { flow: "acme/support/chat" })
    const before = pages.runs()
    const response = await P.post(url, randomUUID(), [P.user("m1", "planted-input")])
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
      { type: "text-delta", id: "text-1", delta: ": planted-input" },
      { type: "text-end", id: "text-1" },
      { type: "data-step", id: "say#1", data: { stepId: "say", index: 1, name: "say", status: "completed" } },
      { type: "finish-step" },
      { type: "data-result", id: "result", data: "You said: planted-input" },
      { type: "finish" }
    ])
    assert.isTrue(read.isDone)
    assert.strictEqual(pages.runs(), before + 1)
    assert.strictEqual(response.headers.get("x-vercel-ai-ui-message-stream"), "v1")
    assert.strictEqual(response.headers.get("x-accel-buffering"), "no")
    assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/)
    assert.match(response.headers.get("cache-control") ?? "", /no-store, no-transform/)
  })
})
