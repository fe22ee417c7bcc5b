/** One request and its response, over any wire: the clocks, the limits, the progress, and the waiting fiber. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import type { Sent } from "../../NoukaiError.js"
import * as timers from "../core/time.js"
import type { Cancel, Pause, Timers } from "../core/time.js"
import * as Http from "./HttpTransport.js"
import * as Decoding from "./nodeDecoding.js"

type GetHeader = (name: string) => string | undefined

/** The events of a wire, in this order. */
export interface Receiver {
  /** The request is about to be written, as far as the wire knows. */
  readonly onSocket: () => void
  /** A response begins; one of status 1xx is not the last. */
  readonly onHead: (status: number, header: GetHeader) => void
  readonly onBody: (bytes: Uint8Array) => void
  readonly onEnd: () => void
  /** The exchange failed; `sent` where the wire knows better. */
  readonly onError: (error: unknown, sent?: Sent) => void
}

/** Carries one request and its response. Paused, it stops reading the socket; a few bytes may still come. */
export interface Wire extends Decoding.Pausable {
  readonly start: (receiver: Receiver) => void
  /** Closes the socket. Later events of the wire are ignored. */
  readonly abort: () => void
}

/** A request that ends with the transport. */
interface ClosableExchange {
  readonly transportClosed: () => void
}

class Closing {
  isClosed = false
  readonly underWay = new Set<ClosableExchange>()

  close(): void {
    this.isClosed = true
    for (const one of [...this.underWay]) one.transportClosed()
    this.underWay.clear()
  }

  /**
   * Sleeps until the end comes, or for these milliseconds. A request that follows the end fails; a replayed call sleeps
   * on as before.
   */
  readonly pause: Pause = (ms) =>
    Effect.withFiberRuntime((fiber) =>
      Effect.async<boolean>((resume) => {
        let cancel = () => {}
        const stop = () => {
          this.underWay.delete(one)
          cancel()
        }
        const wake = (slept: boolean) => {
          stop()
          resume(Effect.succeed(slept))
        }
        const one: ClosableExchange = { transportClosed: () => wake(false) }
        this.underWay.add(one)
        // the clock may fire before it returns
        if (Number.isFinite(ms)) cancel = timers.ofFiber(fiber).after(ms, () => wake(true))
        return Effect.sync(stop)
      })
    )
}

/** Makes the end of a transport, which comes with the end of the scope. */
const makeClosing: Effect.Effect<Closing, never, Scope> = Effect.acquireRelease(
  Effect.sync(() => new Closing()),
  (closing) => Effect.sync(() => closing.close())
)

const noTimer: Cancel = () => {}

const none: ReadonlyArray<never> = []

abstract class Exchange implements Receiver, ClosableExchange {
  protected cancelTimer: Cancel = noTimer
  protected cancelWholeTimer: Cancel = noTimer
  /** Whether the response has ended, or is not wanted any more. */
  protected over = false
  /** Whether the wire has no more events. */
  private wireOver = false
  /** The decoders of the codings of the body, if it has any. */
  private stages: ReadonlyArray<Decoding.BodyDecoder> = none

  constructor(
    protected readonly request: Http.TransportRequest,
    protected readonly wire: Wire,
    protected readonly timers: Timers,
    private readonly closing: Closing
  ) {}

  protected abstract started(): void
  protected abstract head(status: number, header: GetHeader, isEncoded: boolean): void
  protected abstract body(bytes: Uint8Array): void
  protected abstract ended(): void
  protected abstract failed(error: Http.TransportError): void

  onSocket(): void {
    if (this.request.progress.sent === "no") this.request.progress.sent = "unknown"
    this.started()
  }

  onHead(status: number, header: GetHeader): void {
    this.request.progress.sent = "yes"
    if (this.over || status < 200) return
    const encoding = header("content-encoding")
    this.head(status, header, encoding !== undefined)
    if (encoding !== undefined && !this.over) this.decode(status, encoding)
  }

  private decode(status: number, encoding: string): void {
    const undecodable = (coding: string, isKnown: boolean) =>
      this.fail(new Http.BodyUndecodable({ coding, isKnown, status }))
    const stages = Decoding.decode(encoding, {
      body: (bytes) => this.onDecoded(bytes),
      end: () => this.complete(),
      broken: (error) => this.breakOff(error),
      undecodable: (coding) => undecodable(coding, true)
    }, this.wire)
    if (typeof stages === "string") return undecodable(stages, false)
    this.stages = stages
  }

  /** The stage at which the bytes of the body are paused. */
  protected get flow(): Decoding.Pausable {
    return this.stages[0] ?? this.wire
  }

  onBody(bytes: Uint8Array): void {
    if (this.over || bytes.length === 0) return
    const outer = this.stages.at(-1)
    if (outer === undefined) this.body(bytes)
    else outer.body(bytes)
  }

  private onDecoded(bytes: Uint8Array): void {
    if (!this.over) this.body(bytes)
  }

  onEnd(): void {
    if (this.over || this.wireOver) return
    this.wireOver = true
    const outer = this.stages.at(-1)
    if (outer === undefined) this.complete()
    else outer.end()
  }

  private complete(): void {
    if (this.over) return
    this.finish()
    this.ended()
  }

  onError(error: unknown, sent?: Sent): void {
    if (this.over || this.wireOver) return
    this.wireOver = true
    const outer = this.stages.at(-1)
    if (outer === undefined) this.breakOff(error, sent)
    else outer.broken(error)
  }

  private breakOff(error: unknown, sent: Sent = this.request.progress.sent): void {
    this.fail(connectionFailure(error, sent, this.request.headers))
  }

  transportClosed(): void {
    this.fail(new Http.TransportClosed({ sent: this.request.progress.sent }))
  }

  start(): void {
    const { attemptTimeout, connectTimeout } = this.request
    if (attemptTimeout !== undefined) {
      this.cancelWholeTimer = this.timers.after(attemptTimeout, () => this.expire("attempt", attemptTimeout))
    }
    if (connectTimeout !== undefined) {
      this.cancelTimer = this.timers.after(connectTimeout, () => this.expire("connect", connectTimeout))
    }
    this.closing.underWay.add(this)
    this.wire.start(this)
  }

  private finish(): void {
    this.over = true
    this.closing.underWay.delete(this)
    this.cancelTimer()
    this.cancelTimer = noTimer
    this.cancelWholeTimer()
    for (const stage of this.stages) stage.stop()
  }

  protected stop(): void {
    if (!this.over) {
      this.finish()
      // a wire that has ended has given its connection back
      if (!this.wireOver) this.wire.abort()
    }
  }

  protected fail(error: Http.TransportError): void {
    if (!this.over) {
      this.stop()
      this.failed(error)
    }
  }

  protected expire(clock: Http.TransportClock, after: number): void {
    this.fail(new Http.ClockExpired({ clock, after, sent: this.request.progress.sent }))
  }
}

/** A decoder of whole texts, which removes a byte order mark. */
const utf8 = new TextDecoder()

type Resume = (result: Effect.Effect<Http.TextResponse, Http.TransportError>) => void

const noHeader: GetHeader = () => undefined

const noResume: Resume = () => {}

class SendExchange extends Exchange {
  private status = 0
  private header = noHeader
  private parts: Array<Uint8Array> = []
  private size = 0
  private limit: number
  private resume = noResume

  constructor(protected override readonly request: Http.SendRequest, wire: Wire, clock: Timers, closing: Closing) {
    super(request, wire, clock, closing)
    this.limit = request.maxBytes
  }

  readonly run: Effect.Effect<Http.TextResponse, Http.TransportError> = Effect.async((resume) => {
    this.resume = resume
    this.start()
    return Effect.sync(() => this.stop())
  })

  protected started(): void {
    this.cancelTimer()
  }

  protected head(status: number, header: GetHeader, isEncoded: boolean): void {
    this.status = status
    this.header = header
    if (!Http.isOk(status)) {
      this.limit = Math.min(this.limit, Http.maxBytes)
      this.cancelTimer = this.timers.after(Http.timeout, () => this.expire("attempt", Http.timeout))
    } // The length that is announced is that of the encoded body.
    else if (!isEncoded && Number(header("content-length")) > this.limit) {
      this.failTooLarge()
    }
  }

  protected body(bytes: Uint8Array): void {
    this.parts.push(bytes)
    this.size += bytes.length
    if (this.size > this.limit) this.failTooLarge()
  }

  private failTooLarge(): void {
    this.fail(new Http.BodyTooLarge({ maxBytes: this.limit, status: this.status }))
  }

  protected ended(): void {
    const text = utf8.decode(Http.concat(this.parts, this.size))
    this.give(Effect.succeed({ status: this.status, header: this.header, text }))
  }

  /** Ends with the status of an error, and the part of its body that came. */
  protected failed(error: Http.TransportError): void {
    if (this.status === 0 || Http.isOk(this.status) || error._tag === "TransportClosed") {
      this.give(Effect.fail(error))
    } else this.ended()
  }

  /** Resumes the fiber, and then holds neither the response nor the fiber: the request may be held for much longer. */
  private give(result: Effect.Effect<Http.TextResponse, Http.TransportError>): void {
    const { resume } = this
    this.resume = noResume
    this.header = noHeader
    this.parts = []
    resume(result)
  }
}

/** The number of waiting bytes above which the wire is paused. */
const maxQueued = 64 * 1024

/** The bounds, in bytes and milliseconds, within which a complete response is read to its end. */
const maxRest = { bytes: 64 * 1024, ms: 100 } as const

type Head = Effect.Effect<Http.StreamResponse, Http.TransportError>

type PullResult = Effect.Effect<ReadonlyArray<Uint8Array>, Option.Option<Http.TransportError>>

class OpenExchange extends Exchange {
  private resumeHead: ((result: Head) => void) | undefined = undefined
  private resumePull: ((result: PullResult) => void) | undefined = undefined
  private queue: Array<Uint8Array> = []
  private queued = 0
  private hasBody = false
  private isComplete = false
  /** The bytes that came after a complete response was closed; `undefined` before. */
  private rest: number | undefined = undefined
  /** The outcome of `pull` when the queue is empty and nothing more will come. */
  private end: PullResult | undefined = undefined

  constructor(protected override readonly request: Http.OpenRequest, wire: Wire, clock: Timers, closing: Closing) {
    super(request, wire, clock, closing)
  }

  /** Sends the request. An interruption closes the response. */
  readonly response: Head = Effect.async((resume) => {
    this.resumeHead = resume
    this.start()
    return Effect.sync(this.close)
  })

  readonly close = (): void => {
    if (this.over) return
    const closed = new Http.ConnectionFailure({
      reason: "the response is closed",
      sent: this.request.progress.sent,
      cause: undefined
    })
    if (!this.isComplete) return this.fail(closed)
    const { queued } = this
    this.rest = 0
    this.queue = []
    this.queued = 0
    this.end = Effect.fail(Option.some(closed))
    this.cancelTimer()
    this.cancelTimer = this.timers.after(maxRest.ms, () => this.stop())
    if (queued > maxQueued) this.flow.resume()
  }

  private readonly markComplete = (): void => {
    this.isComplete = true
  }

  private readonly take: PullResult = Effect.sync(() => {
    const { queue, queued } = this
    this.queue = []
    this.queued = 0
    if (queued > maxQueued) this.flow.resume()
    return queue
  })

  private readonly wait: PullResult = Effect.async((resume) => {
    this.resumePull = resume
    const { idleTimeout } = this.request
    if (this.hasBody && idleTimeout !== undefined) {
      this.cancelTimer = this.timers.after(idleTimeout, () => this.expire("idle", idleTimeout))
    }
    return Effect.sync(() => {
      this.resumePull = undefined
      if (this.hasBody) this.cancelTimer()
    })
  })

  private readonly pull: PullResult = Effect.suspend(() => this.queued > 0 ? this.take : this.end ?? this.wait)

  protected started(): void {
    this.cancelTimer()
    const { firstByteTimeout } = this.request
    if (firstByteTimeout !== undefined) {
      this.cancelTimer = this.timers.after(firstByteTimeout, () => this.expire("firstByte", firstByteTimeout))
    }
  }

  protected head(status: number, header: GetHeader): void {
    const { markComplete: complete, pull } = this
    this.wakeHead(Effect.succeed({ status, header, pull, complete }))
  }

  protected body(bytes: Uint8Array): void {
    if (this.rest !== undefined) {
      this.rest += bytes.length
      if (this.rest > maxRest.bytes) this.stop()
      return
    }
    this.hasBody = true
    this.queue.push(bytes)
    this.queued += bytes.length
    if (this.queued > maxQueued) this.flow.pause()
    this.cancelTimer()
    // the queue is taken when the fiber runs, so that it gets all bytes of this read of the socket
    this.wakePull(this.take)
  }

  protected ended(): void {
    if (this.rest !== undefined) return
    this.end = Effect.fail(Option.none())
    this.wakePull(this.end)
  }

  protected failed(error: Http.TransportError): void {
    if (this.rest !== undefined) return
    this.end = Effect.fail(Option.some(error))
    this.wakeHead(Effect.fail(error))
    this.wakePull(this.end)
  }

  private wakeHead(result: Head): void {
    const resume = this.resumeHead
    // cleared before the call, since the resumed fiber may wait for the next one at once
    this.resumeHead = undefined
    resume?.(result)
  }

  private wakePull(result: PullResult): void {
    const resume = this.resumePull
    this.resumePull = undefined
    resume?.(result)
  }
}

const refused = Effect.fail(new Http.TransportClosed({ sent: "no" }))

/** A transport over wires, one for each request of a fiber. */
export const transportOver = (
  wire: (request: Http.TransportRequest, fiber: Fiber.RuntimeFiber<unknown, unknown>) => Wire
): Effect.Effect<Http.HttpTransport, never, Scope> =>
  Effect.map(makeClosing, (closing) => {
    return {
      send: (request) =>
        Effect.withFiberRuntime((fiber) =>
          closing.isClosed
            ? refused
            : new SendExchange(request, wire(request, fiber), timers.ofFiber(fiber), closing).run
        ),
      open: (request) =>
        Effect.withFiberRuntime((fiber) => {
          if (closing.isClosed) return refused
          const { close, response } = new OpenExchange(request, wire(request, fiber), timers.ofFiber(fiber), closing)
          return Effect.zipRight(Effect.addFinalizer(() => Effect.sync(close)), response)
        }),
      pause: closing.pause
    }
  })

const maxDepth = 8

const causeOf = (error: unknown): unknown =>
  typeof error === "object" && error !== null && "cause" in error ? error.cause : undefined

const innermost = (error: unknown): unknown => {
  let current = error
  for (let depth = 0; depth < maxDepth; depth++) {
    const cause = causeOf(current)
    if (typeof cause !== "object" || cause === null) return current
    current = cause
  }
  return current
}

const codeOf = (error: unknown): string | undefined =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined

/** The messages of an error. After attempts at several addresses: only the messages of the attempts. */
const messagesOf = (error: unknown): string => {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(messagesOf).join(", ")
  if (error instanceof Error && error.message !== "") return error.message
  return codeOf(error) ?? "connection failed"
}

/** The least length of a header value that is removed: a shorter one is too common in messages, and no secret. */
const minSecret = 8

const withoutValues = (message: string, headers: Record<string, string>): string => {
  let safe = message
  for (const value of Object.values(headers)) {
    for (const word of [value, ...value.split(/\s+/)]) {
      if (word.length >= minSecret) safe = safe.replaceAll(word, "<redacted>")
    }
  }
  return safe
}

/** @param headers the request's, so that their values can be kept out */
export const connectionFailure = (
  error: unknown,
  sent: Sent,
  headers: Record<string, string>
): Http.ConnectionFailure => {
  const original = innermost(error)
  const reason = withoutValues(messagesOf(original), headers)
  const cause = new Error(reason)
  cause.name = original instanceof Error ? original.name : "Error"
  const code = codeOf(original)
  return new Http.ConnectionFailure({
    reason,
    sent,
    cause: code === undefined ? cause : Object.assign(cause, { code })
  })
}
