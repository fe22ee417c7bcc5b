/**
 * The transport of Node: undici's `dispatch`, which costs little more than the socket does. Undici's own timers are
 * off; the clocks are the fiber's.
 */
import { undiciParts } from "#undici"
import * as Effect from "effect/Effect"
import type { Dispatcher } from "undici"
import { type Receiver, transportOver, type Wire } from "./exchange.js"
import * as Fetch from "./fetch.js"
import type { MakeTransport, TransportRequest } from "./HttpTransport.js"
import * as UndiciConnections from "./undiciConnections.js"
import type { Connection, Connections } from "./undiciConnections.js"

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
        UndiciConnections.make(parts),
        (connections) => transportOver((request) => new ConnectionWire(request, connections))
      )
  })
