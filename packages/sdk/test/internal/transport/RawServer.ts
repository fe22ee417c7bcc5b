/**
 * A TCP server that does nothing by itself: a test reads the bytes of a request and writes those of a response.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { type AddressInfo, createServer, type Socket } from "node:net"

export interface Connection {
  readonly socket: Socket
  /** The next whole request, head and body, as text. */
  readonly request: Effect.Effect<string>
  /** Completes when the socket is closed, from whatever side. */
  readonly closed: Effect.Effect<void>
  /** The bytes that came in and were not read as a request. */
  readonly received: () => string
  /** Completes when the bytes are handed to the system. */
  readonly write: (bytes: string | Uint8Array) => Effect.Effect<void>
}

export interface RawServer {
  readonly origin: string
  readonly port: number
  /** The next connection. */
  readonly accept: Effect.Effect<Connection>
  /** How many connections there were. */
  readonly connections: () => number
}

const wholeRequest = (text: string): number => {
  const end = text.indexOf("\r\n\r\n")
  if (end === -1) {
    return -1
  }
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end))?.[1] ?? 0)
  return text.length >= end + 4 + length ? end + 4 + length : -1
}

const connection = (socket: Socket): Connection => {
  const closed = Deferred.unsafeMake<void>(FiberId.none)
  let pending = ""
  let wake = (): void => {}
  socket.on("data", (chunk) => {
    pending += chunk.toString("latin1")
    wake()
  })
  socket.on("error", () => {})
  socket.on("close", () => Deferred.unsafeDone(closed, Effect.void))
  return {
    socket,
    request: Effect.async((resume) => {
      const look = (): void => {
        const end = wholeRequest(pending)
        if (end !== -1) {
          const request = pending.slice(0, end)
          pending = pending.slice(end)
          wake = () => {}
          resume(Effect.succeed(request))
        }
      }
      wake = look
      look()
    }),
    closed: Deferred.await(closed),
    received: () => pending,
    write: (bytes) =>
      Effect.async((resume) => {
        socket.write(bytes, () => resume(Effect.void))
      })
  }
}

/** On a free port of the loopback; its sockets are destroyed with the scope. */
export const make = (options?: { readonly allowHalfOpen?: boolean }): Effect.Effect<RawServer, never, Scope.Scope> =>
  Effect.gen(function*() {
    const accepted = yield* Queue.unbounded<Connection>()
    const sockets = new Set<Socket>()
    const server = createServer({ allowHalfOpen: options?.allowHalfOpen ?? false, noDelay: true }, (socket) => {
      sockets.add(socket)
      accepted.unsafeOffer(connection(socket))
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.async<void>((resume) => {
          sockets.forEach((socket) => socket.destroy())
          server.close(() => resume(Effect.void))
        })
    )
    const { port } = server.address() as AddressInfo
    return { origin: `http://127.0.0.1:${port}`, port, accept: Queue.take(accepted), connections: () => sockets.size }
  })

/** A whole response with a `Content-Length`. */
export const response = (body: string, head = "HTTP/1.1 200 OK"): string =>
  `${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

export const chunkedHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

export const chunk = (body: string): string => `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n`

export const lastChunk = "0\r\n\r\n"
