/** A real HTTP server on a free port that answers from a script and keeps every byte it was sent. */
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import * as Http from "node:http"
import type { AddressInfo, Socket } from "node:net"

export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: Http.IncomingHttpHeaders
  readonly body: string
}

export type Answer = (response: Http.ServerResponse, request: Received) => void

export interface WireServer {
  readonly baseUrl: string
  readonly requests: ReadonlyArray<Received>
  /** Completes when a request has arrived whole, the n-th from 1. */
  readonly arrived: (n: number) => Effect.Effect<Received>
  /** Completes when no connection is open, idle ones included. */
  readonly allClosed: Effect.Effect<void>
  /** Completes when each response has ended, or its connection is closed. */
  readonly allEnded: Effect.Effect<void>
}

export const json = (status: number, body: unknown, headers: Record<string, string> = {}): Answer => (response) => {
  response.writeHead(status, { "content-type": "application/json", ...headers })
  response.end(JSON.stringify(body))
}

export const text = (status: number, body: string, headers: Record<string, string> = {}): Answer => (response) => {
  response.writeHead(status, headers)
  response.end(body)
}

/** Never answers. */
export const silence: Answer = () => {}

/** Sends headers and part of a body, then nothing. */
export const stallInBody = (part: string): Answer => (response) => {
  response.writeHead(200, { "content-type": "application/json" })
  response.write(part)
}

/** Resets the connection before any answer. */
export const reset: Answer = (response) => {
  response.socket!.resetAndDestroy()
}

/** Sends part of a body of a longer declared length, then closes. */
export const truncated = (part: string): Answer => (response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": String(part.length + 100) })
  response.write(part, () => response.socket!.destroy())
}

export const serve = (...answers: ReadonlyArray<Answer>): Effect.Effect<WireServer, never, Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<{ server: Http.Server; state: WireServer }>((resume) => {
        const requests: Array<Received> = []
        const sockets = new Set<Socket>()
        const responses = new Set<Http.ServerResponse>()
        const waiting: Array<() => void> = []
        const notify = () => waiting.splice(0).forEach((check) => check())
        const until = (done: () => boolean): Effect.Effect<void> =>
          Effect.async((resume) => {
            const check = () => done() ? resume(Effect.void) : void waiting.push(check)
            check()
          })
        const server = Http.createServer((request, response) => {
          const chunks: Array<Buffer> = []
          responses.add(response)
          response.on("close", () => {
            responses.delete(response)
            notify()
          })
          request.on("data", (chunk: Buffer) => chunks.push(chunk))
          request.on("end", () => {
            const received: Received = {
              method: request.method!,
              path: request.url!,
              headers: request.headers,
              body: Buffer.concat(chunks).toString("utf8")
            }
            requests.push(received)
            notify()
            const answer = answers[requests.length - 1] ?? text(599, "the script has no answer for this request")
            answer(response, received)
          })
        })
        server.on("connection", (socket) => {
          sockets.add(socket)
          socket.on("error", () => {})
          socket.on("close", () => {
            sockets.delete(socket)
            notify()
          })
        })
        server.listen(0, "127.0.0.1", () => {
          const { port } = server.address() as AddressInfo
          resume(Effect.succeed({
            server,
            state: {
              baseUrl: `http://127.0.0.1:${port}/api/v1`,
              requests,
              arrived: (n) => Effect.map(until(() => requests.length >= n), () => requests[n - 1]!),
              allClosed: until(() => sockets.size === 0),
              allEnded: until(() => responses.size === 0)
            }
          }))
        })
      }),
      ({ server }) =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    ),
    ({ state }) => state
  )
