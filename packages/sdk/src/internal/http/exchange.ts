/** One request and its response, over any wire: the clocks, the limits, the progress, and the waiting fiber. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type { Scope } from "effect/Scope"
import type { Sent } from "../../NoukaiError.js"
import { type AnyFiber, withFiber } from "../core/fiber.js"
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
  readonly start: (receiver: Receiver, request: Http.TransportRequest) => void
  /** Closes the socket. Later events of the wire are ignored. */
  readonly abort: () => void
}

/** The end of a transport, and the requests that end with it. */
class Closing {
  isClosed = false
  readonly underWay = new Set<Exchange>()
  private readonly end = Deferred.unsafeMake<void>(FiberId.none)

  close(): void {
    this.isClosed = true
    Deferred.unsafeDone(this.end, Exit.void)
    for (const one of [...this.underWay]) one.transportClosed()
    this.underWay.clear()
  }

  /**
   * Sleeps for these milliseconds, or until the end comes. After the end a request fails, and a replayed call sleeps as
   * before.
   */
  readonly pause: Pause = (ms) =>
    Effect.suspend(() =>
      this.isClosed
        ? timers.sleep(ms)
        : timers.endedBy(timers.sleep(ms), Deferred.await(this.end), Effect.succeed(false))
    )
}

/** Makes the end of a transport, which comes with the end of the scope. */
const makeClosing: Effect.Effect<Closing, never, Scope> = Effect.acquireRelease(
  Effect.sync(() => new Closing()),
  (closing) => Effect.sync(() => closing.close())
)

const noTimer: Cancel = () => {}

/** The number of waiting bytes above which the wire is paused. */
const maxQueued = 64 * 1024

/** The bounds, in bytes and milliseconds, within which a complete response is read to its end. */
const maxRest = { bytes: 64 * 1024, ms: 100 } as const

type Head = Effect.Effect<Http.StreamResponse, Http.TransportError>

type PullResult = Effect.Effect<ReadonlyArray<Uint8Array>, Option.Option<Http.TransportError>>

/** Not `Effect.fail`, which looks up the span of the fiber. */
const noMore: PullResult = Exit.fail(Option.none())

class Exchange implements Receiver {
  private cancelTimer: Cancel = noTimer
  private cancelWholeTimer: Cancel = noTimer
  private startedAt = 0
  /** Whether the response has ended, or is not wanted any more. */
  private over = false
  /** Whether the wire has no more events. */
  private wireOver = false
  /** The decoder of a body that came compressed. */
  private decoder: Decoding.BodyDecoder | undefined = undefined
  private resumeHead: ((result: Head) => void) | undefined = undefined
  private resumePull: ((result: PullResult) => void) | undefined = undefined
  private readonly queue: Array<Uint8Array> = []
  private queued = 0
  private hasBody = false
  private isComplete = false
  /** The bytes that came after a complete response was closed; `undefined` before. */
  private rest: number | undefined = undefined
  /** The outcome of `pull` when the queue is empty and nothing more will come. */
  private end: PullResult | undefined = undefined

  constructor(
    private readonly request: Http.OpenRequest,
    private readonly wire: Wire,
    private readonly timers: Timers,
    private readonly closing: Closing
  ) {}

  /** Sends the request. Its reader closes it at an interruption. */
  readonly response: Head = Effect.async<Http.StreamResponse, Http.TransportError>((resume) => {
    this.resumeHead = resume
    const { attemptTimeout, connectTimeout } = this.request
    if (attemptTimeout !== undefined) {
      this.cancelWholeTimer = this.timers.after(attemptTimeout, () => this.expire("attempt", attemptTimeout))
    }
    this.startedAt = this.timers.now()
    this.startTimer("connect", connectTimeout)
    this.closing.underWay.add(this)
    this.wire.start(this, this.request)
  })

  readonly close = (): void => {
    if (this.over) return
    const { sent } = this.request.progress
    const closed = new Http.ConnectionFailure({ reason: "the response is closed", sent, cause: undefined })
    if (!this.isComplete) return this.fail(closed)
    const { queued } = this
    this.rest = 0
    this.queue.splice(0)
    this.queued = 0
    this.end = Effect.fail(Option.some(closed))
    this.cancelTimer()
    this.cancelTimer = this.timers.after(maxRest.ms, () => this.stop())
    if (queued > maxQueued) this.flow.resume()
  }

  private readonly complete = (): void => {
    this.isComplete = true
  }

  private readonly take: PullResult = Effect.sync(() => {
    const { queued } = this
    const queue = this.queue.splice(0)
    this.queued = 0
    if (queued > maxQueued) this.flow.resume()
    return queue
  })

  private readonly wait: PullResult = Effect.async((resume) => {
    this.resumePull = resume
    if (this.hasBody) this.startTimer("idle", this.request.idleTimeout)
    return Effect.sync(() => {
      this.resumePull = undefined
      if (this.hasBody) this.cancelTimer()
    })
  })

  private readonly pull: PullResult = Effect.suspend(() => this.queued > 0 ? this.take : this.end ?? this.wait)

  onSocket(): void {
    const { connectTimeout = Infinity } = this.request
    // a process that was stopped while it connected sees this before its timers: another one may have sent the same since
    if (this.timers.now() - this.startedAt > connectTimeout) return this.expire("connect", connectTimeout)
    if (this.request.progress.sent === "no") this.request.progress.sent = "unknown"
    this.cancelTimer()
    this.startTimer("firstByte", this.request.firstByteTimeout)
  }

  onHead(status: number, header: GetHeader): void {
    this.request.progress.sent = "yes"
    if (this.over || status < 200) return
    const { complete, pull } = this
    this.wakeHead(Effect.succeed({ status, header, pull, complete }))
    const encoding = header("content-encoding")
    if (encoding !== undefined) this.decode(status, encoding)
  }

  private decode(status: number, encoding: string): void {
    const undecodable = (coding: string, isKnown: boolean) =>
      this.fail(new Http.BodyUndecodable({ coding, isKnown, status }))
    const decoder = Decoding.decode(encoding, {
      body: (bytes) => this.onDecoded(bytes),
      end: () => this.ended(),
      broken: (error) => this.breakOff(error),
      undecodable: (coding) => undecodable(coding, true)
    }, this.wire)
    if (typeof decoder === "string") return undecodable(decoder, false)
    this.decoder = decoder
  }

  private get flow(): Decoding.Pausable {
    return this.decoder ?? this.wire
  }

  onBody(bytes: Uint8Array): void {
    if (this.over || bytes.length === 0) return
    if (this.decoder === undefined) this.onDecoded(bytes)
    else this.decoder.body(bytes)
  }

  private onDecoded(bytes: Uint8Array): void {
    if (this.over) return
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

  onEnd(): void {
    if (this.over || this.wireOver) return
    this.wireOver = true
    if (this.decoder === undefined) this.ended()
    else this.decoder.end()
  }

  private ended(): void {
    if (this.over) return
    this.finish()
    if (this.rest === undefined) this.endWith(noMore)
  }

  onError(error: unknown, sent?: Sent): void {
    if (this.over || this.wireOver) return
    this.wireOver = true
    if (this.decoder === undefined) this.breakOff(error, sent)
    else this.decoder.broken(error)
  }

  private breakOff(error: unknown, sent: Sent = this.request.progress.sent): void {
    this.fail(connectionFailure(error, sent, this.request.headers))
  }

  transportClosed(): void {
    this.fail(new Http.TransportClosed({ sent: this.request.progress.sent }))
  }

  private startTimer(clock: Http.TransportClock, ms: number | undefined): void {
    if (ms !== undefined) this.cancelTimer = this.timers.after(ms, () => this.expire(clock, ms))
  }

  private expire(clock: Http.TransportClock, after: number): void {
    this.fail(new Http.ClockExpired({ clock, after, sent: this.request.progress.sent }))
  }

  private finish(): void {
    this.over = true
    this.closing.underWay.delete(this)
    this.cancelTimer()
    this.cancelTimer = noTimer
    this.cancelWholeTimer()
    this.decoder?.stop()
  }

  private stop(): void {
    if (this.over) return
    this.finish()
    // a wire that has ended has given its connection back
    if (!this.wireOver) this.wire.abort()
  }

  private fail(error: Http.TransportError): void {
    if (this.over) return
    this.stop()
    if (this.rest !== undefined) return
    this.wakeHead(Effect.fail(error))
    this.endWith(Effect.fail(Option.some(error)))
  }

  // resumes are cleared before they are called, since the resumed fiber may wait for the next one at once

  private wakeHead(result: Head): void {
    const resume = this.resumeHead
    this.resumeHead = undefined
    resume?.(result)
  }

  private wakePull(result: PullResult): void {
    const resume = this.resumePull
    this.resumePull = undefined
    resume?.(result)
  }

  private endWith(end: PullResult): void {
    this.end = end
    this.wakePull(end)
  }
}

/** A decoder of whole texts, which removes a byte order mark. */
const utf8 = new TextDecoder()

/**
 * Reads the body of a response. A body over the limit fails with `BodyTooLarge`. The status alone decides an error, so
 * its body is returned as far as it comes in time and within the limit.
 */
export const readText = (
  { header, pull, status }: Http.StreamResponse,
  limit: number
): Effect.Effect<Http.TextResponse, Http.TransportError> =>
  Effect.suspend(() => {
    const isError = !Http.isOk(status)
    const maxBytes = isError ? Math.min(limit, Http.maxBytes) : limit
    const parts: Array<Uint8Array> = []
    let size = 0
    const whole = Effect.sync(() => ({ status, header, text: utf8.decode(Http.concat(parts, size)) }))
    const tooLarge = isError ? whole : Effect.fail(new Http.BodyTooLarge({ maxBytes, status }))
    const more: Effect.Effect<Http.TextResponse, Http.TransportError> = Effect.matchEffect(pull, {
      onFailure: (end) =>
        Option.isNone(end) || (isError && end.value._tag !== "TransportClosed") ? whole : Effect.fail(end.value),
      onSuccess: (taken) => {
        for (const part of taken) {
          parts.push(part)
          size += part.length
        }
        return size > maxBytes ? tooLarge : more
      }
    })
    if (isError) return timers.timeLimit(more, Http.timeout, whole)
    // the announced length is the length of the encoded body
    return header("content-encoding") === undefined && Number(header("content-length")) > maxBytes ? tooLarge : more
  })

const refused = Effect.fail(new Http.TransportClosed({ sent: "no" }))

/** A transport over wires, one for each request of a fiber. */
export const transportOver = (
  wire: (fiber: AnyFiber) => Wire
): Effect.Effect<Http.HttpTransport, never, Scope> =>
  Effect.map(makeClosing, (closing) => {
    /** Runs `use` on an exchange that is not yet sent. */
    const exchange = <A, R>(
      request: Http.OpenRequest,
      use: (exchange: Exchange) => Effect.Effect<A, Http.TransportError, R>
    ) =>
      withFiber((fiber) =>
        closing.isClosed ? refused : use(new Exchange(request, wire(fiber), timers.ofFiber(fiber), closing))
      )
    return {
      send: (request) =>
        exchange(request, ({ close, response }) =>
          Effect.ensuring(
            Effect.flatMap(response, (head) => readText(head, request.maxBytes)),
            Effect.sync(close)
          )),
      open: (request, onClose) =>
        exchange(request, ({ close, response }) => {
          onClose(close)
          return Effect.onInterrupt(response, () => Effect.sync(close))
        }),
      pause: closing.pause
    }
  })

const maxDepth = 8

const innermost = (error: unknown, depth = 0): unknown => {
  const cause = Predicate.hasProperty(error, "cause") ? error.cause : undefined
  return depth < maxDepth && typeof cause === "object" && cause !== null ? innermost(cause, depth + 1) : error
}

const codeOf = (error: unknown): string | undefined =>
  Predicate.hasProperty(error, "code") && typeof error.code === "string" ? error.code : undefined

/** The messages of an error. After attempts at several addresses: only the messages of the attempts. */
const messagesOf = (error: unknown): string => {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(messagesOf).join(", ")
  if (error instanceof Error && error.message !== "") return error.message
  return codeOf(error) ?? "connection failed"
}

/** The least length of a header value that is removed: a shorter one is too common in messages, and no secret. */
const minSecret = 8

const withoutValues = (message: string, headers: Record<string, string>): string =>
  Object.values(headers)
    .flatMap((value) => [value, ...value.split(/\s+/)])
    .filter((word) => word.length >= minSecret)
    .reduce((safe, word) => safe.replaceAll(word, "<redacted>"), message)

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
