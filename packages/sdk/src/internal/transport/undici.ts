/**
 * The transport of Node: undici's `dispatch`, which costs little more than the socket does. Undici's own timers are off;
 * the clocks here are the fiber's.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Dispatcher } from "undici"
import { buildConnector, Client } from "undici"
import type { Cancel, Timers } from "../timers.js"
import * as timers from "../timers.js"
import { connectionFailure } from "./connectionFailure.js"
import type {
  HttpTransport,
  MakeTransport,
  OpenRequest,
  SendRequest,
  StreamResponse,
  TextResponse,
  TransportClock,
  TransportError,
  TransportRequest,
  TransportResponse
} from "./HttpTransport.js"
import { BodyTooLarge, ClockExpired, ConnectionFailure } from "./HttpTransport.js"

type Headers = Parameters<NonNullable<Dispatcher.DispatchHandler["onResponseStart"]>>[2]

/** What of a socket matters here. */
interface Socket {
  readonly errored: Error | null
  readonly destroy: (error?: Error) => unknown
  readonly once: (event: "close", listener: () => void) => unknown
}

const isSocket = (value: unknown): value is Socket =>
  typeof value === "object" && value !== null && "destroy" in value && "once" in value

/** Given to undici when we end an exchange; nobody sees it. */
const stopped = new Error("stopped")

const noTimer: Cancel = () => {}

/** A request as undici takes it, and where it went. */
class Outgoing implements Dispatcher.DispatchOptions {
  readonly origin: string
  readonly path: string
  readonly method: "GET" | "POST"
  readonly headers: Record<string, string>
  readonly body: string | null
  readonly headersTimeout = 0
  readonly bodyTimeout = 0
  /** Our own; undefined over a given dispatcher. */
  connection: Connection | undefined = undefined

  constructor(request: TransportRequest) {
    this.origin = request.origin
    this.path = request.path
    this.method = request.method
    this.headers = request.headers
    this.body = request.body ?? null
  }
}

/**
 * One connection at a time, which is made anew when it has been closed. Undici does not show the socket that it connects
 * and lets an attempt go on when nobody waits for it any more; this does neither.
 */
class Connection extends Client {
  private socket: Socket | undefined = undefined

  constructor(
    readonly origin: string,
    private readonly connections: Connections
  ) {
    super(origin, { connect: (options, callback) => this.connectSocket(options, callback) })
  }

  private connectSocket(options: buildConnector.Options, callback: buildConnector.Callback): void {
    // It returns the socket, though its type does not say so.
    const socket: unknown = this.connections.connect(options, callback)
    if (isSocket(socket)) {
      this.socket = socket
      this.connections.opened(socket)
      socket.once("close", () => this.connections.closed(socket, this))
    }
  }

  /** A body that ends with its connection has no other mark of its end, and undici takes a reset for one. */
  get reset(): Error | null {
    return this.socket?.errored ?? null
  }

  release(): void {
    this.connections.release(this)
  }

  /** Closes the socket, also one that is still connecting, and takes no more requests. */
  end(): void {
    this.connections.ended(this)
    this.socket?.destroy(stopped)
    void this.destroy(stopped)
  }
}

/**
 * The connections of a transport, by origin. Undici's own pool gives a call that follows another one a second socket,
 * because it hears only later that the first is free, and its agent loses sight of a pool after a failed attempt.
 */
class Connections implements Dispatch {
  readonly connect = buildConnector({ timeout: 0 })
  private readonly all = new Set<Connection>()
  private readonly sockets = new Set<Socket>()
  /** The latest one last: it is taken first, so that what a burst left over times out. */
  private readonly idle = new Map<string, Array<Connection>>()
  private isClosed = false

  dispatch(request: Outgoing, handler: Dispatcher.DispatchHandler): boolean {
    if (this.isClosed) {
      throw new Error("the client is closed")
    }
    const connection = this.idle.get(request.origin)?.pop() ?? new Connection(request.origin, this)
    this.all.add(connection)
    request.connection = connection
    return connection.dispatch(request, handler)
  }

  release(connection: Connection): void {
    if (connection.destroyed) {
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
      connection.end()
    }
  }

  ended(connection: Connection): void {
    this.all.delete(connection)
  }

  /** Fails what is under way and waits until every socket is closed. */
  readonly close: Effect.Effect<void> = Effect.async((resume) => {
    this.isClosed = true
    this.idle.clear()
    this.all.forEach((connection) => connection.end())
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

/** What an exchange needs of a dispatcher, given or own. */
interface Dispatch {
  readonly dispatch: (request: Outgoing, handler: Dispatcher.DispatchHandler) => boolean
}

const first = (value: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof value === "object" ? value[0] : value

const transportResponse = (status: number, headers: Headers): TransportResponse => ({
  status,
  header: (name) => first(headers[name])
})

/** One request and its response, as undici reports them. */
abstract class Exchange implements Dispatcher.DispatchHandler {
  protected readonly outgoing: Outgoing
  protected controller: Dispatcher.DispatchController | undefined = undefined
  protected cancelTimer: Cancel = noTimer
  /** The response has ended, or nobody wants it. */
  protected over = false

  constructor(protected readonly request: TransportRequest, protected readonly timers: Timers) {
    this.outgoing = new Outgoing(request)
  }

  protected abstract onSocket(): void
  protected abstract onHead(status: number, headers: Headers): void
  protected abstract onBody(chunk: Buffer): void
  protected abstract onEnd(): void
  /** Tells whoever waits. */
  protected abstract onFailure(error: TransportError): void

  protected dispatch(dispatcher: Dispatch): void {
    try {
      dispatcher.dispatch(this.outgoing, this)
    } catch (error) {
      this.failWith(error)
    }
  }

  /** Ends the exchange and closes its socket, also one that is still connecting. */
  protected stop(): void {
    if (this.over) {
      return
    }
    this.over = true
    this.cancelTimer()
    if (this.outgoing.connection === undefined) {
      this.controller?.abort(stopped)
    } else {
      this.outgoing.connection.end()
    }
  }

  protected fail(error: TransportError): void {
    if (!this.over) {
      this.stop()
      this.onFailure(error)
    }
  }

  protected expire(clock: TransportClock, after: number): void {
    this.fail(new ClockExpired({ clock, after, sent: this.request.progress.sent }))
  }

  private failWith(error: unknown): void {
    if (!this.over) {
      this.stop()
      this.onFailure(connectionFailure(error, this.request.progress.sent, this.request.headers))
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    if (this.over) {
      controller.abort(stopped)
      return
    }
    if (this.request.progress.sent === "no") {
      this.request.progress.sent = "unknown"
    }
    this.onSocket()
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Headers): void {
    this.request.progress.sent = "yes"
    if (!this.over && status >= 200) {
      this.onHead(status, headers)
    }
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.over) {
      this.onBody(chunk)
    }
  }

  onResponseEnd(): void {
    if (this.over) {
      return
    }
    const { connection } = this.outgoing
    if (connection?.reset) {
      this.failWith(connection.reset)
      return
    }
    this.over = true
    this.cancelTimer()
    connection?.release()
    this.onEnd()
  }

  onResponseError(_: unknown, error: Error): void {
    this.failWith(error)
  }
}

const decodeBody = (chunks: ReadonlyArray<Buffer>, size: number): string => {
  const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)
  const hasMark = body.length >= 3 && body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf
  return body.toString("utf8", hasMark ? 3 : 0)
}

class SendExchange extends Exchange {
  private response: TransportResponse | undefined = undefined
  private readonly chunks: Array<Buffer> = []
  private size = 0
  private resume: (result: Effect.Effect<TextResponse, TransportError>) => void = () => {}

  constructor(protected override readonly request: SendRequest, clocks: Timers) {
    super(request, clocks)
  }

  run(dispatcher: Dispatch): Effect.Effect<TextResponse, TransportError> {
    return Effect.async((resume) => {
      this.resume = resume
      this.arm()
      this.dispatch(dispatcher)
      return Effect.sync(() => this.stop())
    })
  }

  /** One timer for both clocks: it is set to the nearer one, and set again only if the call lives that long. */
  private arm(): void {
    const { attemptTimeout, connectTimeout } = this.request
    if (connectTimeout !== undefined && (attemptTimeout === undefined || connectTimeout < attemptTimeout)) {
      this.cancelTimer = this.timers.after(connectTimeout, () => {
        if (this.controller === undefined) {
          this.expire("connect", connectTimeout)
        } else if (attemptTimeout !== undefined) {
          this.armAttempt(attemptTimeout, attemptTimeout - connectTimeout)
        }
      })
    } else if (attemptTimeout !== undefined) {
      this.armAttempt(attemptTimeout, attemptTimeout)
    }
  }

  private armAttempt(attemptTimeout: number, left: number): void {
    this.cancelTimer = this.timers.after(left, () => this.expire("attempt", attemptTimeout))
  }

  protected onSocket(): void {}

  protected onHead(status: number, headers: Headers): void {
    this.response = transportResponse(status, headers)
    if (Number(this.response.header("content-length")) > this.request.maxBytes) {
      this.failTooLarge(status)
    }
  }

  protected onBody(chunk: Buffer): void {
    this.size += chunk.length
    if (this.size > this.request.maxBytes) {
      this.failTooLarge(this.response!.status)
    } else {
      this.chunks.push(chunk)
    }
  }

  private failTooLarge(status: number): void {
    this.fail(new BodyTooLarge({ maxBytes: this.request.maxBytes, status }))
  }

  protected onEnd(): void {
    const { header, status } = this.response!
    this.resume(Effect.succeed({ status, header, text: decodeBody(this.chunks, this.size) }))
  }

  protected onFailure(error: TransportError): void {
    this.resume(Effect.fail(error))
  }
}

/** The socket is paused when so many bytes wait to be taken. */
const maxQueued = 64 * 1024

type Pulled = Effect.Effect<Uint8Array, Option.Option<TransportError>>

class OpenExchange extends Exchange {
  private resumeHead: ((result: Effect.Effect<StreamResponse, TransportError>) => void) | undefined = undefined
  private resumePull: ((result: Pulled) => void) | undefined = undefined
  private queue: Array<Buffer> = []
  private queued = 0
  private hasBody = false
  /** What `pull` gives when the queue is empty and nothing more will come. */
  private ended: Pulled | undefined = undefined

  constructor(protected override readonly request: OpenRequest, clocks: Timers) {
    super(request, clocks)
  }

  run(dispatcher: Dispatch): Effect.Effect<StreamResponse, TransportError> {
    return Effect.async((resume) => {
      this.resumeHead = resume
      const { connectTimeout } = this.request
      if (connectTimeout !== undefined) {
        this.cancelTimer = this.timers.after(connectTimeout, () => this.expire("connect", connectTimeout))
      }
      this.dispatch(dispatcher)
      return Effect.sync(() => this.stop())
    })
  }

  readonly close: Effect.Effect<void> = Effect.sync(() => {
    this.fail(
      new ConnectionFailure({ reason: "the response is closed", sent: this.request.progress.sent, cause: undefined })
    )
  })

  private readonly take: Pulled = Effect.sync(() => {
    const { queue, queued } = this
    this.queue = []
    this.queued = 0
    if (queued > maxQueued) {
      this.controller?.resume()
    }
    return queue.length === 1 ? queue[0]! : Buffer.concat(queue, queued)
  })

  private readonly wait: Pulled = Effect.async((resume) => {
    this.resumePull = resume
    const { idleTimeout } = this.request
    if (this.hasBody && idleTimeout !== undefined) {
      this.cancelTimer = this.timers.after(idleTimeout, () => this.expire("idle", idleTimeout))
    }
    return Effect.sync(() => {
      this.resumePull = undefined
      if (this.hasBody) {
        this.cancelTimer()
      }
    })
  })

  private readonly pull: Pulled = Effect.suspend(() => this.queued > 0 ? this.take : this.ended ?? this.wait)

  protected onSocket(): void {
    this.cancelTimer()
    const { firstByteTimeout } = this.request
    if (firstByteTimeout !== undefined) {
      this.cancelTimer = this.timers.after(firstByteTimeout, () => this.expire("firstByte", firstByteTimeout))
    }
  }

  protected onHead(status: number, headers: Headers): void {
    const { header } = transportResponse(status, headers)
    this.resumeHead?.(Effect.succeed({ status, header, pull: this.pull }))
    this.resumeHead = undefined
  }

  protected onBody(chunk: Buffer): void {
    if (chunk.length === 0) {
      return
    }
    this.hasBody = true
    this.queue.push(chunk)
    this.queued += chunk.length
    if (this.queued > maxQueued) {
      this.controller?.pause()
    }
    this.cancelTimer()
    // Taken when the fiber runs, so that it gets all that this read of the socket brought.
    this.wake(this.take)
  }

  protected onEnd(): void {
    this.ended = Effect.fail(Option.none())
    this.wake(this.ended)
  }

  protected onFailure(error: TransportError): void {
    this.ended = Effect.fail(Option.some(error))
    this.resumeHead?.(Effect.fail(error))
    this.resumeHead = undefined
    this.wake(this.ended)
  }

  private wake(result: Pulled): void {
    const resume = this.resumePull
    if (resume !== undefined) {
      this.resumePull = undefined
      resume(result)
    }
  }
}

const fromDispatcher = (dispatcher: Dispatch): HttpTransport => ({
  send: (request) =>
    Effect.withFiberRuntime((fiber) => new SendExchange(request, timers.ofFiber(fiber)).run(dispatcher)),
  open: (request) =>
    Effect.withFiberRuntime((fiber) => {
      const exchange = new OpenExchange(request, timers.ofFiber(fiber))
      return Effect.zipRight(Effect.addFinalizer(() => exchange.close), exchange.run(dispatcher))
    })
})

const ownConnections: Effect.Effect<Connections, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => new Connections()),
  (connections) => connections.close
)

/**
 * Over own connections, closed when the scope ends, or over the given `dispatcher`. A dispatcher that
 * cannot dispatch fails each call with a `ConnectionFailure`.
 *
 * @internal
 */
export const make: MakeTransport = ({ dispatcher }) =>
  dispatcher === undefined
    ? Effect.map(ownConnections, fromDispatcher)
    : Effect.succeed(fromDispatcher(dispatcher as Dispatcher))
