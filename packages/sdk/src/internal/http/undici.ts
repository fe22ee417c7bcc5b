/**
 * The transport of Node: undici's `dispatch`, which costs little more than the socket does. Undici's own timers are
 * off; the clocks are the fiber's.
 */
import { undiciParts } from "#undici"
import * as Effect from "effect/Effect"
import { Socket } from "node:net"
import type { buildConnector as Connector, Dispatcher, Pool } from "undici"
import { type Receiver, transportOver, type Wire } from "./exchange.js"
import * as Fetch from "./fetch.js"
import type { MakeTransport, TransportRequest } from "./HttpTransport.js"
import type { UndiciParts } from "./undiciRequired.js"

type Controller = Dispatcher.DispatchController
type Headers = Parameters<NonNullable<Dispatcher.DispatchHandler["onResponseStart"]>>[2]

/** The reason of the abort of a finished exchange; it reaches no caller. */
const stopped = new Error("stopped")

/** The value of a header: of a repeated one the first. */
const valueOf = (headers: Headers, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === "object" ? value[0] : value
}

/** Dispatches a request, and gives the socket that is connected for it alone, if there is one. */
type Dispatch = (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) => Socket | undefined

class UndiciWire implements Wire, Dispatcher.DispatchHandler {
  private receiver: Receiver | undefined = undefined
  private controller: Controller | undefined = undefined
  private connecting: Socket | undefined = undefined
  private isAborted = false

  constructor(private readonly dispatch: Dispatch) {}

  start(receiver: Receiver, { body, headers, method, origin, path }: TransportRequest): void {
    this.receiver = receiver
    try {
      this.connecting = this.dispatch(
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

  abort(): void {
    this.isAborted = true
    if (this.controller === undefined) this.connecting?.destroy(stopped)
    else this.controller.abort(stopped)
  }

  onRequestStart(controller: Controller): void {
    // one that nobody waits for any more is not written
    if (this.isAborted) return controller.abort(stopped)
    this.controller = controller
    this.connecting = undefined
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
   * Releases the receiver: undici keeps up to 256 requests of a connection after their end, and the objects of the
   * calls would outlive many collections with them.
   */
  private leave(): Receiver | undefined {
    const { receiver } = this
    this.receiver = undefined
    this.controller = undefined
    return receiver
  }
}

const closed = new Error("the client is closed")

/**
 * The pools of a transport, one for each origin, which keep free connections for 4 s. Not undici's `Agent`, which loses
 * a pool when one of its attempts to connect fails.
 */
class Pools {
  private readonly connect: Connector.connector
  private readonly pools = new Map<string, Pool>()
  private readonly sockets = new Set<Socket>()
  /** The last one that was made. */
  private socket: Socket | undefined = undefined

  constructor(private readonly parts: UndiciParts) {
    this.connect = parts.buildConnector({ timeout: 0 })
  }

  /** Undici connects within `dispatch`, does not show the socket, and goes on with it when nobody waits any more. */
  readonly dispatch: Dispatch = (options, handler) => {
    this.socket = undefined
    this.of(String(options.origin)).dispatch(options, handler)
    return this.socket
  }

  private of(origin: string): Pool {
    const known = this.pools.get(origin)
    if (known !== undefined) return known
    const pool = new this.parts.Pool(origin, {
      connect: (options, callback) => {
        // undici returns the socket, though its type does not say so
        const socket: unknown = this.connect(options, callback)
        if (!(socket instanceof Socket)) return
        this.socket = socket
        this.sockets.add(socket)
        socket.once("close", () => this.sockets.delete(socket))
      }
    })
    this.pools.set(origin, pool)
    return pool
  }

  /** Ends every connection and waits until its socket is closed. No request may follow. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const ends = Array.from(this.sockets, (socket) =>
      Effect.async<void>((resume) => {
        socket.once("close", () => resume(Effect.void))
        socket.destroy(closed)
      }))
    for (const pool of this.pools.values()) void pool.destroy(closed)
    return Effect.all(ends, { concurrency: "unbounded", discard: true })
  })
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
 * The transport over own pools, closed when the scope ends, or over the given `dispatcher`. A dispatcher that cannot
 * dispatch fails each call with a `ConnectionFailure`. In a bundle without undici it is that over `fetch`.
 */
export const make: MakeTransport = Effect.fnUntraced(function*(options) {
  const { dispatcher } = options
  if (dispatcher !== undefined) {
    return yield* transportOver(() =>
      new UndiciWire((given, handler) => {
        const to = dispatcher as Dispatcher
        to.dispatch(given, handler)
        return undefined
      })
    )
  }
  const parts = undiciParts()
  if (parts === undefined) return yield* Effect.zipRight(warned, Fetch.make(options))
  const pools = yield* Effect.acquireRelease(Effect.sync(() => new Pools(parts)), ({ close }) => close)
  return yield* transportOver(() => new UndiciWire(pools.dispatch))
})
