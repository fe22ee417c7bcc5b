/**
 * The transport of every runtime but Node: the global `fetch`. It does not tell when a request is on a socket, so there
 * is no connect clock, the first-byte clock starts with the call, and `sent` is `"unknown"` until there is a response.
 * What a runtime's `fetch` hides stays hidden: its own time limits, and in Node 20 the cut of a chunked response whose
 * connection was to close.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
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
import { redirectStatus } from "./redirect.js"

type Reader = ReadableStreamDefaultReader<Uint8Array>

const noTimer: Cancel = () => {}

const transportResponse = (response: Response): TransportResponse => ({
  status: redirectStatus(response.status),
  header: (name) => response.headers.get(name) ?? undefined
})

/** One request and its response. Everything it starts ends with `stop`. */
abstract class Exchange {
  private readonly controller = new AbortController()
  protected cancelTimer: Cancel = noTimer
  /** The response has ended, or nobody wants it. */
  protected over = false

  constructor(
    protected readonly request: TransportRequest,
    protected readonly timers: Timers,
    /** The exchanges of the transport that are under way. */
    private readonly underWay: Set<Exchange>
  ) {}

  protected abstract onResponse(response: Response): void
  /** Tells whoever waits. */
  protected abstract onFailure(error: TransportError): void

  protected start(): void {
    const { body, headers, method, origin, path, progress } = this.request
    let init: RequestInit
    try {
      init = { method, headers: new Headers(headers), redirect: "manual", signal: this.controller.signal }
    } catch (error) {
      this.failWith(error)
      return
    }
    this.underWay.add(this)
    progress.sent = "unknown"
    fetch(origin + path, body === undefined ? init : { ...init, body }).then(
      (response) => {
        progress.sent = "yes"
        if (!this.over) {
          this.onResponse(response)
        }
      },
      (error: unknown) => this.failWith(error)
    )
  }

  protected finish(): void {
    this.over = true
    this.cancelTimer()
    this.underWay.delete(this)
  }

  /** Ends the exchange and has the runtime close its connection. */
  protected stop(): void {
    if (!this.over) {
      this.finish()
      this.controller.abort()
    }
  }

  protected fail(error: TransportError): void {
    if (!this.over) {
      this.stop()
      this.onFailure(error)
    }
  }

  protected failWith(error: unknown): void {
    this.fail(connectionFailure(error, this.request.progress.sent, this.request.headers))
  }

  protected expire(clock: TransportClock, after: number): void {
    this.fail(new ClockExpired({ clock, after, sent: this.request.progress.sent }))
  }

  close(): void {
    this.fail(
      new ConnectionFailure({ reason: "the response is closed", sent: this.request.progress.sent, cause: undefined })
    )
  }
}

const decodeBody = (chunks: ReadonlyArray<Uint8Array>, size: number): string => {
  const text = new TextDecoder()
  if (chunks.length === 1) {
    return text.decode(chunks[0]!)
  }
  const body = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    body.set(chunk, at)
    at += chunk.length
  }
  return text.decode(body)
}

class SendExchange extends Exchange {
  private readonly chunks: Array<Uint8Array> = []
  private size = 0
  private resume: (result: Effect.Effect<TextResponse, TransportError>) => void = () => {}

  constructor(protected override readonly request: SendRequest, clocks: Timers, underWay: Set<Exchange>) {
    super(request, clocks, underWay)
  }

  readonly run: Effect.Effect<TextResponse, TransportError> = Effect.async((resume) => {
    this.resume = resume
    const { attemptTimeout } = this.request
    if (attemptTimeout !== undefined) {
      this.cancelTimer = this.timers.after(attemptTimeout, () => this.expire("attempt", attemptTimeout))
    }
    this.start()
    return Effect.sync(() => this.stop())
  })

  protected onResponse(response: Response): void {
    const head = transportResponse(response)
    const { maxBytes } = this.request
    if (response.body === null) {
      this.succeed(head)
    } else if (response.headers.get("content-encoding") === null && Number(head.header("content-length")) > maxBytes) {
      this.fail(new BodyTooLarge({ maxBytes, status: head.status }))
    } else {
      this.read(head, response.body.getReader())
    }
  }

  private read(head: TransportResponse, reader: Reader): void {
    reader.read().then(
      ({ done, value }) => {
        if (this.over) {
          return
        }
        if (done) {
          this.succeed(head)
          return
        }
        this.size += value.length
        if (this.size > this.request.maxBytes) {
          this.fail(new BodyTooLarge({ maxBytes: this.request.maxBytes, status: head.status }))
          return
        }
        this.chunks.push(value)
        this.read(head, reader)
      },
      (error: unknown) => this.failWith(error)
    )
  }

  private succeed({ header, status }: TransportResponse): void {
    this.finish()
    this.resume(Effect.succeed({ status, header, text: decodeBody(this.chunks, this.size) }))
  }

  protected onFailure(error: TransportError): void {
    this.resume(Effect.fail(error))
  }
}

type Pulled = Effect.Effect<Uint8Array, Option.Option<TransportError>>

class OpenExchange extends Exchange {
  private resumeHead: ((result: Effect.Effect<StreamResponse, TransportError>) => void) | undefined = undefined
  private resumePull: ((result: Pulled) => void) | undefined = undefined
  private reader: Reader | undefined = undefined
  private reading = false
  private arrived: Uint8Array | undefined = undefined
  private hasBody = false
  /** What `pull` gives when nothing more will come. */
  private ended: Pulled | undefined = undefined

  constructor(protected override readonly request: OpenRequest, clocks: Timers, underWay: Set<Exchange>) {
    super(request, clocks, underWay)
  }

  readonly run: Effect.Effect<StreamResponse, TransportError> = Effect.async((resume) => {
    this.resumeHead = resume
    const { firstByteTimeout } = this.request
    if (firstByteTimeout !== undefined) {
      this.cancelTimer = this.timers.after(firstByteTimeout, () => this.expire("firstByte", firstByteTimeout))
    }
    this.start()
    return Effect.sync(() => this.stop())
  })

  protected onResponse(response: Response): void {
    if (response.body === null) {
      this.end()
    } else {
      this.reader = response.body.getReader()
      // The first-byte clock has to see the first bytes, whether or not somebody asked for them.
      this.read(this.reader)
    }
    const { header, status } = transportResponse(response)
    this.resumeHead?.(Effect.succeed({ status, header, pull: this.pull }))
    this.resumeHead = undefined
  }

  private read(reader: Reader): void {
    this.reading = true
    reader.read().then(
      ({ done, value }) => {
        if (this.over) {
          return
        }
        if (done) {
          this.end()
        } else if (value.length === 0) {
          this.read(reader)
        } else {
          this.reading = false
          this.hasBody = true
          this.cancelTimer()
          this.arrived = value
          this.wake(this.pull)
        }
      },
      (error: unknown) => this.failWith(error)
    )
  }

  /** Reads nothing ahead: what nobody takes stays with the runtime, which then stops reading the socket. */
  private readonly pull: Pulled = Effect.suspend(() => {
    const bytes = this.arrived
    this.arrived = undefined
    return bytes === undefined ? this.ended ?? this.wait : Effect.succeed(bytes)
  })

  private readonly wait: Pulled = Effect.async((resume) => {
    this.resumePull = resume
    const { idleTimeout } = this.request
    if (this.hasBody && idleTimeout !== undefined) {
      this.cancelTimer = this.timers.after(idleTimeout, () => this.expire("idle", idleTimeout))
    }
    if (!this.reading && this.reader !== undefined) {
      this.read(this.reader)
    }
    return Effect.sync(() => {
      this.resumePull = undefined
      if (this.hasBody) {
        this.cancelTimer()
      }
    })
  })

  private end(): void {
    this.finish()
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

const transport = (underWay: Set<Exchange>): HttpTransport => ({
  send: (request) => Effect.withFiberRuntime((fiber) => new SendExchange(request, timers.ofFiber(fiber), underWay).run),
  open: (request) =>
    Effect.withFiberRuntime((fiber) => {
      const exchange = new OpenExchange(request, timers.ofFiber(fiber), underWay)
      return Effect.zipRight(Effect.addFinalizer(() => Effect.sync(() => exchange.close())), exchange.run)
    })
})

/**
 * Over the global `fetch`; the end of the scope aborts what is under way.
 *
 * @internal
 */
export const make: MakeTransport = () =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Set<Exchange>()),
      (underWay) => Effect.sync(() => underWay.forEach((exchange) => exchange.close()))
    ),
    transport
  )
