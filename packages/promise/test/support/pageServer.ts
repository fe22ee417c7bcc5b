/** A server of `flowPage` whose responses a test scripts, as a `fetch`. */
import type { Chunk } from "@effect-noukai/adapters/Page"

export interface PageRequest {
  readonly method: string
  readonly url: string
  /** The parsed body. */
  readonly body: ReturnType<typeof JSON.parse>
  readonly headers: Headers
  readonly signal: AbortSignal | null | undefined
}

/** A response whose chunks are sent one by one. */
export interface Streaming {
  readonly response: Response
  readonly send: (...chunks: ReadonlyArray<Chunk>) => void
  readonly text: (text: string) => void
  readonly end: () => void
  readonly cut: () => void
}

export const streaming = (): Streaming => {
  const encoder = new TextEncoder()
  let controller: ReadableStreamDefaultController<Uint8Array>
  const body = new ReadableStream<Uint8Array>({ start: (given) => void (controller = given) })
  const text = (part: string) => controller.enqueue(encoder.encode(part))
  return {
    response: new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8" } }),
    text,
    send: (...chunks) => text(chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join("")),
    end: () => {
      text("data: [DONE]\n\n")
      controller.close()
    },
    cut: () => controller.error(new TypeError("the connection was lost"))
  }
}

/** A response that is sent at once. */
export const streamOf = (...chunks: ReadonlyArray<Chunk>): Response => {
  const stream = streaming()
  stream.send(...chunks)
  stream.end()
  return stream.response
}

/** A response that is cut after its chunks have been read. */
export const cutAfter = (...chunks: ReadonlyArray<Chunk>): Response => {
  const frames = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`)
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const next = frames.shift()
      if (next === undefined) controller.error(new TypeError("the connection was lost"))
      else controller.enqueue(new TextEncoder().encode(next))
    }
  })
  return new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8" } })
}

export const refused = (status: number, code: string): Response => Response.json({ code }, { status })

export const noContent = (): Response => new Response(null, { status: 204 })

export const start = (messageId = "run-1"): Chunk => ({ type: "start", messageId })

/** The chunks of a run of one step with a text. */
export const textRun = (text: string, messageId = "run-1"): ReadonlyArray<Chunk> => [
  start(messageId),
  { type: "start-step" },
  { type: "data-step", id: "answer#1", data: { stepId: "answer", index: 0, name: "Answer", status: "running" } },
  { type: "text-start", id: "text-1" },
  { type: "text-delta", id: "text-1", delta: text },
  { type: "text-end", id: "text-1" },
  { type: "data-step", id: "answer#1", data: { stepId: "answer", index: 0, name: "Answer", status: "completed" } },
  { type: "finish-step" },
  { type: "data-result", id: "result", data: text },
  { type: "finish" }
]

/** The chunks of a run that waits for calls of the page. */
export const pause = (
  calls: Readonly<Record<string, readonly [name: string, input: unknown]>>,
  messageId = "run-1"
): ReadonlyArray<Chunk> => [
  start(messageId),
  { type: "start-step" },
  ...Object.entries(calls).map(([toolCallId, [toolName, input]]): Chunk => ({
    type: "tool-input-available",
    toolCallId,
    toolName,
    input
  })),
  { type: "finish-step" },
  { type: "finish" }
]

type Responder = Response | ((request: PageRequest) => Response | Promise<Response>)

/** A `fetch` that answers one request with each of the responses. A request without one fails. */
export const pageServer = (...responses: ReadonlyArray<Responder>) => {
  const requests: Array<PageRequest> = []
  const left = [...responses]
  const answer = async (url: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const request: PageRequest = {
      method: init.method ?? "GET",
      url: String(url),
      body: typeof init.body === "string" ? JSON.parse(init.body) : undefined,
      headers: new Headers(init.headers),
      signal: init.signal
    }
    requests.push(request)
    const next = left.shift()
    if (next === undefined) throw new TypeError("fetch failed")
    return typeof next === "function" ? next(request) : next
  }
  return { requests, fetch: answer as typeof fetch, then: (...more: ReadonlyArray<Responder>) => left.push(...more) }
}
