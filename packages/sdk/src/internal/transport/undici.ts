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
import { Agent, buildConnector, Client, Pool } from "undici"
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

/**
 * The open sockets of a transport, connecting ones included: undici lets go of a connection attempt, and of a pool after
 * a failed one, without closing what is under way.
 */
class Sockets {
  private readonly open = new Set<Socket>()
  private closed = false
  private readonly connect = buildConnector({ timeout: 0 })

  readonly connector = (
    options: buildConnector.Options,
    callback: buildConnector.Callback
  ): Socket | undefined => {
    if (this.closed) {
      callback(new Error("the client is closed"), null)
      return undefined
    }
    const socket: unknown = this.connect(options, callback)
    if (!isSocket(socket)) {
      return undefined
    }
    this.open.add(socket)
    socket.once("close", () => this.open.delete(socket))
    return socket
  }

  /** Destroys every socket and waits until they are closed. */
  readonly close: Effect.Effect<void> = Effect.async((resume) => {
    this.closed = true
    let left = this.open.size
    if (left === 0) {
      return resume(Effect.void)
    }
    for (const socket of this.open) {
      socket.once("close", () => {
        left--
        if (left === 0) {
          resume(Effect.void)
        }
      })
      socket.destroy(stopped)
    }
  })
}

/** A connection of undici's that shows its socket to the request that waits for it. */
class Connection extends Client {
  socket: Socket | undefined = undefined

  constructor(origin: string | URL, sockets: Sockets) {
    super(origin, {
      connect: (options, callback) => {
        this.socket = sockets.connector(options, callback)
      }
    })
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (options instanceof Outgoing) {
      options.connection = this
    }
    return super.dispatch(options, handler)
  }
}

class Outgoing implements Dispatcher.DispatchOptions {
  readonly origin: string
  readonly path: string
  readonly method: "GET" | "POST"
  readonly headers: Record<string, string>
  readonly body: string | null
  readonly headersTimeout = 0
  readonly bodyTimeout = 0
  /** Where an own agent put the request. */
  connection: Connection | undefined = undefined

  constructor(request: TransportRequest) {
    this.origin = request.origin
    this.path = request.path
    this.method = request.method
    this.headers = request.headers
    this.body = request.body ?? null
  }
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

  protected dispatch(dispatcher: Pick<Dispatcher, "dispatch">): void {
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
    if (this.controller === undefined) {
      this.outgoing.connection?.socket?.destroy(stopped)
    } else {
      this.controller.abort(stopped)
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
      this.over = true
      this.cancelTimer()
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
    // A body that ends with its connection has no other mark of its end, and undici takes a reset for one.
    const error = this.outgoing.connection?.socket?.errored
    if (error) {
      this.failWith(error)
      return
    }
    this.over = true
    this.cancelTimer()
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

  run(dispatcher: Pick<Dispatcher, "dispatch">): Effect.Effect<TextResponse, TransportError> {
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

  run(dispatcher: Pick<Dispatcher, "dispatch">): Effect.Effect<StreamResponse, TransportError> {
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

const fromDispatcher = (dispatcher: Pick<Dispatcher, "dispatch">): HttpTransport => ({
  send: (request) =>
    Effect.withFiberRuntime((fiber) => new SendExchange(request, timers.ofFiber(fiber)).run(dispatcher)),
  open: (request) =>
    Effect.withFiberRuntime((fiber) => {
      const exchange = new OpenExchange(request, timers.ofFiber(fiber))
      return Effect.zipRight(Effect.addFinalizer(() => exchange.close), exchange.run(dispatcher))
    })
})

const ownAgent: Effect.Effect<Agent, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const sockets = new Sockets()
      const agent = new Agent({
        factory: (origin) => new Pool(origin, { factory: (url) => new Connection(url, sockets) })
      })
      return { agent, sockets }
    }),
    ({ agent, sockets }) => Effect.zipRight(Effect.promise(() => agent.destroy(stopped)), sockets.close)
  ),
  ({ agent }) => agent
)

/**
 * Over an own `Agent`, destroyed with its sockets when the scope ends, or over the given `dispatcher`. A dispatcher that
 * cannot dispatch fails each call with a `ConnectionFailure`.
 *
 * @internal
 */
export const make: MakeTransport = ({ dispatcher }) =>
  dispatcher === undefined
    ? Effect.map(ownAgent, fromDispatcher)
    : Effect.succeed(fromDispatcher(dispatcher as Dispatcher))
