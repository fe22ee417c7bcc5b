/**
 * The transport of every runtime but Node: the global `fetch`. It does not tell when a request is on a socket, so there
 * is no connect clock, the first-byte clock starts with the call, and `sent` is `"unknown"` until there is a response.
 * What a runtime's `fetch` hides stays hidden. That of Node 20 ends cleanly a chunked body that is cut on a connection
 * that was to close, a body of no known length that is reset, and a compressed one that is cut off; of one that is not
 * compressed as it says, it gives nothing more.
 *
 * @internal
 */
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

  constructor(private readonly request: TransportRequest) {}

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
    this.receiver?.onEnd()
  }

  private onError(error: unknown): void {
    this.receiver?.onError(error)
  }

  abort(): void {
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

/**
 * Over the global `fetch`.
 *
 * @internal
 */
export const make: MakeTransport = () => transportOver((request) => new FetchWire(request))
