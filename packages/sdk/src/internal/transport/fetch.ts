/**
 * The transport of every runtime but Node: the global `fetch`. It does not tell when a request is on a socket, so there
 * is no connect clock, the first-byte clock starts with the call, and `sent` is `"unknown"` until there is a response.
 * What a runtime's `fetch` hides stays hidden. That of Node 20 ends cleanly a chunked body that is cut on a connection
 * that was to close, and a body of no known length that is reset.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { Receiver, Wire } from "./exchange.js"
import { transportOver } from "./exchange.js"
import type { MakeTransport, TransportRequest } from "./HttpTransport.js"
import { redirectStatus } from "./redirect.js"

type Reader = ReadableStreamDefaultReader<Uint8Array>

class FetchWire implements Wire {
  private readonly controller = new AbortController()
  private receiver: Receiver | undefined = undefined
  private reader: Reader | undefined = undefined
  private paused = false
  private reading = false

  constructor(
    private readonly request: TransportRequest,
    /** The wires of the transport that are under way. */
    private readonly underWay: Set<FetchWire>
  ) {}

  start(receiver: Receiver): void {
    this.receiver = receiver
    const { body, headers, method, origin, path } = this.request
    let init: RequestInit
    try {
      init = { method, headers: new Headers(headers), redirect: "manual", signal: this.controller.signal }
    } catch (error) {
      receiver.onError(error)
      return
    }
    this.underWay.add(this)
    receiver.onSocket()
    fetch(origin + path, body === undefined ? init : { ...init, body }).then(
      (response) => this.onResponse(receiver, response),
      (error: unknown) => this.onError(error)
    )
  }

  private onResponse(receiver: Receiver, response: Response): void {
    receiver.onHead(redirectStatus(response.status), (name) => response.headers.get(name) ?? undefined)
    if (response.body === null) {
      this.onEnd()
    } else {
      this.reader = response.body.getReader()
      this.read(this.reader)
    }
  }

  private read(reader: Reader): void {
    if (this.paused || this.reading) {
      return
    }
    this.reading = true
    reader.read().then(
      ({ done, value }) => {
        this.reading = false
        if (done) {
          this.onEnd()
        } else {
          this.receiver?.onBody(value)
          this.read(reader)
        }
      },
      (error: unknown) => this.onError(error)
    )
  }

  private onEnd(): void {
    this.underWay.delete(this)
    this.receiver?.onEnd()
  }

  onError(error: unknown): void {
    this.underWay.delete(this)
    this.receiver?.onError(error)
  }

  abort(): void {
    this.underWay.delete(this)
    this.controller.abort()
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
    if (this.reader !== undefined) {
      this.read(this.reader)
    }
  }
}

const closed = new Error("the client is closed")

/**
 * Over the global `fetch`; the end of the scope aborts what is under way.
 *
 * @internal
 */
export const make: MakeTransport = () =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Set<FetchWire>()),
      (underWay) => Effect.sync(() => underWay.forEach((wire) => wire.onError(closed)))
    ),
    (underWay) => transportOver((request) => new FetchWire(request, underWay))
  )
