/**
 * The transport of Node: undici's `dispatch`, which costs little more than the socket does. Undici's own timers are
 * off; the clocks are the fiber's.
 */
import { undiciParts } from "#undici"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { buildConnector as Connector, Client, Dispatcher } from "undici"
import { type Receiver, transportOver, type Wire } from "./exchange.js"
import * as Fetch from "./fetch.js"
import type { MakeTransport, TransportRequest } from "./HttpTransport.js"
import type { UndiciParts } from "./undiciRequired.js"

type Controller = Dispatcher.DispatchController
type Headers = Parameters<NonNullable<Dispatcher.DispatchHandler["onResponseStart"]>>[2]

/** The reason of the abort of a finished exchange; it reaches no caller. */
const stopped = new Error("stopped")

/** The value of a header: the first of a repeated one, but all codings. */
const valueOf = (headers: Headers, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === "object" ? name === "content-encoding" ? value.join() : value[0] : value
}

abstract class UndiciWire implements Wire, Dispatcher.DispatchHandler {
  protected receiver: Receiver | undefined = undefined
  protected controller: Controller | undefined = undefined

  constructor(protected readonly request: TransportRequest) {}

  /** The dispatcher of the request; it may throw. */
  protected abstract dispatcher(): Pick<Dispatcher, "dispatch">
  abstract abort(): void

  start(receiver: Receiver): void {
    this.receiver = receiver
    const { body, headers, method, origin, path } = this.request
    try {
      this.dispatcher().dispatch(
        { origin, path, method, headers, body: body ?? null, headersTimeout: 0, bodyTimeout: 0 },
        this
      )
    } catch (error) {
      receiver.onError(error)
    }
  }

  pause(): void {
    this.controller?.pause()
  }

  resume(): void {
    this.controller?.resume()
  }

  onRequestStart(controller: Controller): void {
    this.controller = controller
    this.receiver?.onSocket()
  }

  onResponseStart(_: Controller, status: number, headers: Headers): void {
    this.receiver?.onHead(status, (name) => valueOf(headers, name))
  }

  onResponseData(_: Controller, chunk: Uint8Array): void {
    this.receiver?.onBody(chunk)
  }

  onResponseEnd(): void {
    this.leave()?.onEnd()
  }

  onResponseError(_: unknown, error: Error): void {
    this.leave()?.onError(error)
  }

  /**
   * Releases the receiver: undici keeps a request for longer than it runs, and the objects of the call would outlive
   * many collections with it.
   */
  protected leave(): Receiver | undefined {
    const { receiver } = this
    this.receiver = undefined
    this.controller = undefined
    return receiver
  }
}

/** The part of a socket that is used. */
interface Socket {
  readonly errored: Error | null
  readonly destroy: (error: Error) => unknown
  readonly once: (event: "close", listener: () => void) => unknown
}

const isSocket = (value: unknown): value is Socket =>
  typeof value === "object" && value !== null && "destroy" in value && "once" in value

/**
 * One connection at a time, which is made anew when it has been closed. Undici does not show the socket that it
 * connects and lets an attempt go on when nobody waits for it any more; this does neither.
 */
class Connection {
  readonly client: Client
  private socket: Socket | undefined = undefined

  constructor(readonly origin: string, private readonly connections: Connections) {
    this.client = new connections.parts.Client(origin, {
      connect: (options, callback) => this.connectSocket(options, callback)
    })
  }

  private connectSocket(options: Connector.Options, callback: Connector.Callback): void {
    // undici returns the socket, though its type does not say so
    const socket: unknown = this.connections.connect(options, callback)
    if (isSocket(socket)) {
      this.socket = socket
      this.connections.opened(socket)
      socket.once("close", () => this.connections.closed(socket, this))
    }
  }

  /** The error of the socket, if it had one. */
  get errored(): Error | null {
    return this.socket?.errored ?? null
  }

  /** Frees the connection for the next request, after its response has been read. */
  release(): void {
    this.connections.release(this)
  }

  /** Closes the socket, also one that is still connecting, and takes no more requests. */
  end(reason: Error): void {
    this.connections.ended(this)
    this.socket?.destroy(reason)
    void this.client.destroy(reason)
  }
}

const closed = new Error("the client is closed")

/**
 * The connections of a transport, by origin. Undici's own pool opens a second socket for a call that follows another
 * one, because the first is marked as free only later, and its agent loses a pool after a failed attempt.
 */
export class Connections {
  readonly connect: Connector.connector
  private readonly all = new Set<Connection>()
  private readonly sockets = new Set<Socket>()
  /** The idle connections, the latest one last: it is taken first, so that the others of a burst time out. */
  private readonly idle = new Map<string, Array<Connection>>()

  constructor(readonly parts: UndiciParts) {
    this.connect = parts.buildConnector({ timeout: 0 })
  }

  /** An idle connection, or a new one. */
  acquire(origin: string): Connection {
    const connection = this.idle.get(origin)?.pop() ?? new Connection(origin, this)
    this.all.add(connection)
    return connection
  }

  release(connection: Connection): void {
    if (connection.client.destroyed) {
      return
    }
    const idle = this.idle.get(connection.origin)
    if (idle === undefined) {
      this.idle.set(connection.origin, [connection])
    } else {
      idle.push(connection)
    }
  }

  opened(socket: Socket): void {
    this.sockets.add(socket)
  }

  closed(socket: Socket, connection: Connection): void {
    this.sockets.delete(socket)
    const idle = this.idle.get(connection.origin)
    const at = idle === undefined ? -1 : idle.lastIndexOf(connection)
    if (at !== -1) {
      idle!.splice(at, 1)
      connection.end(closed)
    }
  }

  ended(connection: Connection): void {
    this.all.delete(connection)
  }

  /** Ends every connection and waits until its socket is closed. No connection may be acquired after that. */
  readonly close: Effect.Effect<void> = Effect.async((resume) => {
    this.idle.clear()
    this.all.forEach((connection) => connection.end(closed))
    let left = this.sockets.size
    if (left === 0) {
      resume(Effect.void)
    }
    this.sockets.forEach((socket) =>
      socket.once("close", () => {
        left--
        if (left === 0) {
          resume(Effect.void)
        }
      })
    )
  })
}

const makeConnections = (parts: UndiciParts): Effect.Effect<Connections, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => new Connections(parts)),
    (connections) => connections.close
  )

class ConnectionWire extends UndiciWire {
  private connection: Connection | undefined = undefined

  constructor(request: TransportRequest, private readonly connections: Connections) {
    super(request)
  }

  protected dispatcher(): Pick<Dispatcher, "dispatch"> {
    this.connection = this.connections.acquire(this.request.origin)
    return this.connection.client
  }

  abort(): void {
    this.connection?.end(stopped)
  }

  override onResponseEnd(): void {
    // the end of a body without a length is the end of its connection, for which undici also takes a reset
    const error = this.connection?.errored
    if (error) {
      this.onResponseError(undefined, error)
    } else {
      this.connection?.release()
      super.onResponseEnd()
    }
  }

  override onResponseError(controller: unknown, error: Error): void {
    // it is not taken again
    this.connection?.end(stopped)
    super.onResponseError(controller, error)
  }
}

class DispatcherWire extends UndiciWire {
  private aborted = false

  constructor(request: TransportRequest, private readonly given: Pick<Dispatcher, "dispatch">) {
    super(request)
  }

  protected dispatcher(): Pick<Dispatcher, "dispatch"> {
    return this.given
  }

  abort(): void {
    this.aborted = true
    this.controller?.abort(stopped)
  }

  override onRequestStart(controller: Controller): void {
    if (this.aborted) {
      controller.abort(stopped)
    } else {
      super.onRequestStart(controller)
    }
  }
}

let isWarned = false

const warned = Effect.suspend(() => {
  if (isWarned) return Effect.void
  isWarned = true
  return Effect.logWarning(
    "Noukai requests go through fetch, because undici 7 was not found: connectTimeout has no effect, and sent is " +
      "\"unknown\" where it would be \"no\"; install undici@7 beside the bundle of this program"
  )
})

/**
 * The transport over own connections, closed when the scope ends, or over the given `dispatcher`. A dispatcher that
 * cannot dispatch fails each call with a `ConnectionFailure`. In a bundle without undici it is that over `fetch`.
 */
export const make: MakeTransport = (options) =>
  Effect.suspend(() => {
    const { dispatcher } = options
    if (dispatcher !== undefined) {
      return transportOver((request) => new DispatcherWire(request, dispatcher as Dispatcher))
    }
    const parts = undiciParts()
    return parts === undefined
      ? Effect.zipRight(warned, Fetch.make(options))
      : Effect.flatMap(
        makeConnections(parts),
        (connections) => transportOver((request) => new ConnectionWire(request, connections))
      )
  })
