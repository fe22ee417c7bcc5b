/** A TCP server on a free port that answers every request with one fault, byte by byte as written. */
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import * as Net from "node:net"

/** An act on a connection once a whole request has arrived on it. */
export type Act = (socket: Net.Socket) => void

export interface FaultServer {
  readonly port: number
  /** Requests that arrived whole. */
  readonly requests: () => number
  /** Completes when so many connections have arrived. */
  readonly connected: (count: number) => Effect.Effect<void>
  /** Completes when so many whole requests have arrived. */
  readonly requested: (count: number) => Effect.Effect<void>
  /** Completes when no connection is open. */
  readonly allClosed: Effect.Effect<void>
}

const isWhole = (bytes: Buffer): boolean => {
  const end = bytes.indexOf("\r\n\r\n")
  if (end === -1) return false
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(bytes.toString("latin1", 0, end))?.[1] ?? 0)
  return bytes.length >= end + 4 + length
}

/** `onConnection` is for what goes wrong before there is a request; it says whether it took the connection over. */
export const serveFault = (
  act: Act,
  onConnection: (socket: Net.Socket) => boolean = () => false
): Effect.Effect<FaultServer, never, Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<{ readonly server: Net.Server; readonly state: FaultServer }>((resume) => {
        const sockets = new Set<Net.Socket>()
        const waiting: Array<() => void> = []
        let connections = 0
        let requests = 0
        const notify = () => waiting.splice(0).forEach((check) => check())
        const until = (done: () => boolean): Effect.Effect<void> =>
          Effect.async((resume) => {
            const check = () => done() ? resume(Effect.void) : void waiting.push(check)
            check()
          })
        const server = Net.createServer((socket) => {
          connections++
          sockets.add(socket)
          socket.on("error", () => {})
          socket.on("close", () => {
            sockets.delete(socket)
            notify()
          })
          notify()
          if (onConnection(socket)) return
          let bytes = Buffer.alloc(0)
          socket.on("data", (chunk) => {
            bytes = Buffer.concat([bytes, chunk])
            if (!isWhole(bytes)) return
            bytes = Buffer.alloc(0)
            requests++
            act(socket)
            notify()
          })
        })
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          resume(Effect.succeed({
            server,
            state: {
              port: typeof address === "object" && address !== null ? address.port : 0,
              requests: () => requests,
              connected: (count) => until(() => connections >= count),
              requested: (count) => until(() => requests >= count),
              allClosed: until(() => sockets.size === 0)
            }
          }))
        })
      }),
      ({ server }) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
    ),
    ({ state }) => state
  )
