/** Responses that nobody reads: their runs stop at a bounded amount of text, and end with their pages. */
import { flowPage } from "@effect-noukai/adapters/web"
import { Noukai } from "@effect-noukai/promise"
import { assert, describe, it, vi } from "vitest"
import { heap } from "../../sdk/test/support/heap.js"
import * as P from "./support/pages.js"

/** Of each mode. 5,000 take minutes. */
const count = Number(process.env.PAGE_RESPONSES ?? "500")

const event = (name: string, data: object) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`

/** The outputs of a step, each of which is another text of a page: more than may wait for one. */
const outputs = Array.from({ length: 24 }, (_, index) => `${index} ${"x".repeat(1_000)}`)

/** A service whose only step writes as fast as it is read. */
const writing = () => {
  const counts = { open: 0, begun: 0 }
  const encoder = new TextEncoder()
  const respond = (): Response => {
    const executionId = `ex_${counts.begun++}`
    counts.open++
    let sent = 0
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(encoder.encode(
          event("run_started", { executionId, flowId: "fl_1", stepCount: 1 }) +
            event("step_started", { stepId: "say", stepIndex: 0 })
        ))
      },
      pull: (controller) => {
        const outputData = outputs[sent++]
        if (outputData !== undefined) {
          return controller.enqueue(encoder.encode(event("step_output", { stepId: "say", outputData })))
        }
        controller.enqueue(encoder.encode(
          event("step_completed", { stepId: "say", output: outputs.at(-1) }) + event("flow_completed", { executionId })
        ))
        controller.close()
        counts.open--
      },
      cancel: () => {
        counts.open--
      }
    }, { highWaterMark: 0 })
    return new Response(body, { headers: { "content-type": "text/event-stream" } })
  }
  const fetch = async (input: RequestInfo | URL): Promise<Response> =>
    /\/sessions\//.test(input instanceof Request ? input.url : String(input))
      ? Response.json({ detail: "Session not found" }, { status: 404 })
      : respond()
  return { counts, fetch }
}

describe("responses that nobody reads", () => {
  it.each(["stop", "continue"] as const)("hold little memory with %s, and let go of it", async (onDisconnect) => {
    const { counts, fetch } = writing()
    const client = new Noukai({ apiKey: "nk_test_unused", env: "dev", port: 9, fetch, maxRetries: 0 })
    vi.spyOn(console, "warn").mockImplementation(() => {})
    const { POST } = flowPage({
      client,
      flow: "acme/support/chat",
      onDisconnect,
      authorize: () => true,
      owner: () => "all"
    })
    const post = (chat: string) =>
      POST(
        new Request("http://localhost/api", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ id: chat, messages: [P.user("m", "Hi")] })
        })
      )
    const before = heap()
    const responses: Array<Response> = []
    for (let chat = 0; chat < count; chat++) {
      responses.push(await post(`chat-${chat}`))
      // the test runner has a turn, too
      if (chat % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await vi.waitFor(() => assert.strictEqual(counts.begun, count), { timeout: 60_000 })
    const each = (heap() - before) / count
    assert.isBelow(each, 200_000)
    for (const response of responses) await response.body?.cancel()
    await vi.waitFor(() => assert.strictEqual(counts.open, 0), { timeout: 60_000 })
    await client.close()
    responses.length = 0
    await vi.waitFor(() => assert.isBelow((heap() - before) / count, 20_000), { timeout: 60_000 })
    vi.restoreAllMocks()
  }, 900_000)
})
