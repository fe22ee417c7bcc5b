/**
 * The transport over `fetch`: the global one, in every runtime but Node, or a given one. `fetch` does not
 * show when a request is on a socket. So there is no connect clock, the first-byte clock starts with the call, and
 * `sent` is `"unknown"` until there is a response. Failures that a runtime's `fetch` hides stay hidden. The one of Node
 * 20 ends cleanly a chunked body that is cut on a connection that was to close, a body of unknown length that is reset,
 * and a compressed body that is cut off. It returns nothing of a body that is not compressed as its header says.
 */
import * as Predicate from "effect/Predicate"
import { type Receiver, transportOver, type Wire } from "./exchange.js"
import { type MakeTransport, redirectStatus, type TransportRequest } from "./HttpTransport.js"

/** The `fetch` of a runtime, or a replacement of it. */
export type Fetch = typeof globalThis.fetch

/** The bytes of a body, as they come. */
interface Bytes {
  readonly next: () => Promise<{ readonly done?: boolean | undefined; readonly value?: Uint8Array | undefined }>
  readonly cancel: () => unknown
}

interface BodyStream {
  readonly [Symbol.asyncIterator]?: () => AsyncIterator<Uint8Array>
}

async function* textOf(response: Response): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(await response.text())
}

/** The bytes of a body that is a stream of the web, a stream of Node, or only a text. */
const bytesOf = (response: Response): Bytes => {
  const { body } = response
  if (typeof body?.getReader === "function") {
    const reader = body.getReader()
    return { next: () => reader.read(), cancel: () => reader.cancel() }
  }
  const iterator = (body as BodyStream | null | undefined)?.[Symbol.asyncIterator]?.() ?? textOf(response)
  return { next: () => iterator.next(), cancel: () => iterator.return?.() }
}

const isResponse = (u: unknown): boolean =>
  Predicate.isRecord(u) && typeof u.status === "number" && Predicate.hasProperty(u.headers, "get")

class FetchWire implements Wire {
  private readonly controller = new AbortController()
  private receiver: Receiver | undefined = undefined
  private bytes: Bytes | undefined = undefined
  private paused = false
  private reading = false

  constructor(private readonly fetch: Fetch) {}

  start(receiver: Receiver, { body, headers, method, origin, path }: TransportRequest): void {
    this.receiver = receiver
    const { fetch } = this
    // headers may be refused; a given `fetch` may throw, and answer with any value
    new Promise<Response>((resolve) => {
      const { signal } = this.controller
      const init: RequestInit = { method, headers: new Headers(headers), redirect: "manual", signal }
      receiver.onSocket()
      resolve(fetch(origin + path, body === undefined ? init : { ...init, body }))
    }).then((response) => this.onResponse(receiver, response)).catch((error: unknown) => receiver.onError(error))
  }

  private onResponse(receiver: Receiver, response: Response): void {
    if (!isResponse(response)) throw new TypeError("fetch did not return a Response")
    this.bytes = bytesOf(response)
    receiver.onHead(redirectStatus(response.status), (name) => response.headers.get(name) ?? undefined)
    if (this.controller.signal.aborted) this.abort()
    else this.read(this.bytes)
  }

  private read(bytes: Bytes): void {
    if (this.paused || this.reading) return
    this.reading = true
    bytes.next().then(
      ({ done, value }) => {
        this.reading = false
        if (done) {
          this.bytes = undefined
          this.receiver?.onEnd()
        } else {
          if (value !== undefined) this.receiver?.onBody(value)
          this.read(bytes)
        }
      }
    ).catch((error: unknown) => this.receiver?.onError(error))
  }

  /** Cancels the body too, since a given `fetch` may ignore its signal. */
  abort(): void {
    const { bytes } = this
    this.bytes = undefined
    this.controller.abort()
    new Promise((resolve) => resolve(bytes?.cancel())).catch(() => {})
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
    if (this.bytes !== undefined) this.read(this.bytes)
  }
}

/** The transport over a given `fetch`. */
export const over = (fetch: Fetch): ReturnType<MakeTransport> => transportOver(() => new FetchWire(fetch))

/** The transport over the global `fetch` of each call. */
export const make: MakeTransport = () => over((url, init) => fetch(url, init))
