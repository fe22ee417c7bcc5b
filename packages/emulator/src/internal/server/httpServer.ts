/**
 * The HTTP server: connections, limits and the fibers that answer. It uses Node's own server, because faults need its
 * sockets.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import type * as Net from "node:net"
import { EmulatorError } from "../../EmulatorError.js"
import type { ConnectionEntry } from "../../EmulatorLedger.js"
import type { Ids } from "../store/ids.js"
import type { Ledger, OpenEntry } from "../store/ledger.js"

export interface ServerOptions {
  readonly host: string
  readonly port: number
  readonly maxHeaderBytes: number
  readonly maxConnections: number
  /** The time in ms for a whole request to arrive. */
  readonly requestTimeout: number
  /** The time in ms that a connection may be idle between requests. */
  readonly keepAliveTimeout: number
}

/** One request and the means to answer it. */
export interface Exchange {
  readonly id: string
  readonly connection: Connection
  readonly request: Http.IncomingMessage
  readonly response: Http.ServerResponse
  /** Completes when the connection is closed or the whole response was written. */
  readonly closed: Effect.Effect<void>
}

export interface Connection {
  readonly socket: Net.Socket
  readonly entry: OpenEntry<ConnectionEntry>
  /** Whether a fault closes the connection, not the client or the server. */
  faulted: boolean
  endedByClient: boolean
}

const reasons: { readonly [code: string]: readonly [status: number, code: string, message: string] } = {
  HPE_HEADER_OVERFLOW: [431, "HEADERS_TOO_LARGE", "The headers are too large."],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "REQUEST_TIMEOUT", "The request took too long to arrive."]
}

const malformed = [400, "BAD_REQUEST", "That is not an HTTP request."] as const

/** Answers bytes that are not a request. Writes to the socket, because Node's parser has stopped. */
const refuse = (socket: Net.Socket, requestId: string, errorCode: string | undefined): void => {
  const [status, code, message] = reasons[errorCode ?? ""] ?? malformed
  const body = JSON.stringify({ detail: { code, message } })
  socket.end(
    `HTTP/1.1 ${status} ${Http.STATUS_CODES[status]}\r\n` +
      `X-Request-ID: ${requestId}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
  )
}

const listenError = (error: NodeJS.ErrnoException, options: ServerOptions): EmulatorError =>
  error.code === "EADDRINUSE"
    ? new EmulatorError({
      reason: "PortInUse",
      message:
        `Port ${options.port} of ${options.host} is taken by another process. Choose another one: \`port\`, or --port.`,
      cause: error
    })
    : new EmulatorError({
      reason: "Listen",
      message: `Cannot listen on ${options.host}:${options.port}: ${error.message}`,
      cause: error
    })

/**
 * Listens for the life of the scope. Returns the port. When the scope closes, every connection and every answering
 * fiber ends.
 */
export const listen = (
  options: ServerOptions,
  ledger: Ledger,
  ids: Ids,
  handle: (exchange: Exchange) => Effect.Effect<void>
): Effect.Effect<number, EmulatorError, Scope.Scope> =>
  Effect.gen(function*() {
    const run = yield* FiberSet.makeRuntime<never, void, never>()
    const connections = new WeakMap<Net.Socket, Connection>()

    const server = Http.createServer({
      maxHeaderSize: options.maxHeaderBytes,
      requestTimeout: options.requestTimeout,
      headersTimeout: options.requestTimeout,
      keepAliveTimeout: options.keepAliveTimeout,
      connectionsCheckingInterval: Math.min(1_000, options.requestTimeout),
      noDelay: true
    })
    server.maxConnections = options.maxConnections
    server.timeout = 0

    server.on("connection", (socket) => {
      const connection: Connection = {
        socket,
        entry: ledger.connectionOpened(),
        faulted: false,
        endedByClient: false
      }
      connections.set(socket, connection)
      socket.on("end", () => {
        connection.endedByClient = true
      })
      // a reset by the client counts as a close by the client
      socket.on("error", () => {
        connection.endedByClient = true
      })
      socket.on("close", () => {
        ledger.connectionClosed(
          connection.entry,
          connection.faulted ? "fault" : connection.endedByClient ? "client" : "server"
        )
      })
    })

    const onRequest = (request: Http.IncomingMessage, response: Http.ServerResponse): void => {
      const connection = connections.get(request.socket)
      if (connection === undefined) return
      connection.entry.requests++
      response.sendDate = false
      const closed = Deferred.unsafeMake<void>(FiberId.none)
      response.on("close", () => Deferred.unsafeDone(closed, Effect.void))
      run(handle({ id: ids.request(), connection, request, response, closed: Deferred.await(closed) }))
    }
    server.on("request", onRequest)
    server.on("checkExpectation", onRequest)
    server.on("clientError", (error: NodeJS.ErrnoException, socket: Net.Socket) => {
      if (error.code === "ECONNRESET" || !socket.writable) socket.destroy()
      else refuse(socket, ids.request(), error.code)
    })

    yield* Effect.acquireRelease(
      Effect.async<void, EmulatorError>((resume) => {
        const onError = (error: NodeJS.ErrnoException) => resume(Effect.fail(listenError(error, options)))
        server.once("error", onError)
        try {
          server.listen({ host: options.host, port: options.port, backlog: 1_024 }, () => {
            server.off("error", onError)
            resume(Effect.void)
          })
        } catch (cause) {
          // Node throws an invalid port
          onError(cause as NodeJS.ErrnoException)
        }
      }),
      () =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    const address = server.address()
    return typeof address === "object" && address !== null ? address.port : options.port
  })
