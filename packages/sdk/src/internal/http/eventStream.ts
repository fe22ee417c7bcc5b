/**
 * Event streams, of `/step` and of the live trace: opened inside the stream, decoded in its pull, once per arrival of
 * bytes.
 *
 * @see contract 7.2
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { InvalidRequestError } from "../../NoukaiError.js"
import type { AttemptInfo } from "../../Telemetry.js"
import { type AnyFiber, metricLabelsOf, type UpdateLabels } from "../core/fiber.js"
import { Background, fromSource, type Pull, type Source } from "../core/streamPull.js"
import { milliseconds, timeLimit } from "../core/time.js"
import { endsResponse, type WireEvent } from "../operations/wireEvent.js"
import type { RequestContext, StreamOptions } from "../options/callOptions.js"
import * as Metrics from "../telemetry/metrics.js"
import * as Spans from "../telemetry/spans.js"
import type { EventSink } from "../telemetry/tell.js"
import { type Attempt, type Caller, type Endpoint, limitedOpening, lost, observed, refusal } from "./call.js"
import * as errorBody from "./HttpTransport.js"
import type { Opening, OpenRequest, StreamResponse, TransportError } from "./HttpTransport.js"
import { chunkScrubber, spentClock } from "./request.js"
import { attempted, type Attempts, type LiveError, retried } from "./retrying.js"
import { decodeEvent, SseDecoder } from "./sse.js"
import { fromTransport, unexpected } from "./statusError.js"

/** The request of an event stream. */
export interface StreamEndpoint extends Omit<Endpoint<never>, "decode"> {
  readonly context: RequestContext & { readonly options: StreamOptions }
  /**
   * Whether the request runs the steps that its events tell of: their tokens and costs are counted, and a pause ends the
   * response as the end of the run does. Those of a trace belong to another call.
   */
  readonly isRun: boolean
  /** Whether the request has the timeouts and retries of `execute`. */
  readonly isExecute: boolean
}

type WireEventPull = Pull<WireEvent, LiveError>

type OpenedEvents = Effect.Effect<WireEventPull, LiveError, Scope.Scope>

const prepare = (
  caller: Caller,
  endpoint: StreamEndpoint,
  traceparent: string | undefined
): Either.Either<OpenRequest, InvalidRequestError> =>
  Either.gen(function*() {
    const { method, options } = endpoint.context
    const request = yield* caller.prepare(endpoint, "text/event-stream", traceparent)
    if (endpoint.isExecute) {
      return {
        ...request,
        firstByteTimeout: undefined,
        idleTimeout: undefined,
        attemptTimeout: yield* milliseconds(
          method,
          "attemptTimeout",
          options.attemptTimeout ?? caller.config.attemptTimeout
        )
      }
    }
    return {
      ...request,
      firstByteTimeout: yield* milliseconds(
        method,
        "firstByteTimeout",
        options.firstByteTimeout ?? caller.config.firstByteTimeout
      ),
      idleTimeout: yield* milliseconds(method, "idleTimeout", options.idleTimeout ?? caller.config.idleTimeout)
    }
  })

/** The body of an error, as far as it comes in time. */
const readText = (response: StreamResponse): Effect.Effect<string> =>
  Effect.suspend(() => {
    const text = new TextDecoder()
    let bytes = 0
    let body = ""
    const more: Effect.Effect<string> = Effect.matchEffect(response.pull, {
      onFailure: () => Effect.succeed(body + text.decode()),
      onSuccess: (chunk) => {
        bytes += chunk.length
        body += text.decode(chunk, { stream: true })
        return bytes > errorBody.maxBytes ? Effect.succeed(body) : more
      }
    })
    return timeLimit(more, errorBody.timeout, Effect.sync(() => body))
  })

/** An attempt at an event stream. */
interface StreamAttempt extends Attempt {
  readonly endpoint: StreamEndpoint
  readonly request: OpenRequest
}

const open = (caller: Caller, attempt: StreamAttempt): OpenedEvents => {
  const opening = observed(caller, attempt, caller.config.logPayloads, caller.transport.open(attempt.request))
  return limitedOpening(
    caller,
    attempt.endpoint,
    Effect.flatMap(opening, (response) => accepted(caller, attempt, response))
  )
}

const accepted = (
  caller: Caller,
  attempt: StreamAttempt,
  response: StreamResponse
): Effect.Effect<WireEventPull, LiveError> =>
  errorBody.isOk(response.status)
    ? Effect.withFiberRuntime((fiber) => Effect.succeed(decoding(caller, attempt, response, fiber)))
    : Effect.flatMap(readText(response), (text) => refusal(caller, attempt.endpoint, response, caller.scrub.cut(text)))

/** The labels for the usage of a stream. */
const labelsOf = (fiber: AnyFiber, { flow }: StreamEndpoint): UpdateLabels =>
  flow === undefined ? metricLabelsOf(fiber) : Metrics.labelsWithFlow(fiber, flow)

/** The next events: all those that one arrival of bytes completed. */
const decoding = (
  caller: Caller,
  attempt: StreamAttempt,
  response: StreamResponse,
  fiber: AnyFiber
): WireEventPull => {
  const { endpoint } = attempt
  const facts = caller.facts(endpoint)
  let events: Array<WireEvent> = []
  let warnings: Array<string> = []
  let end: Option.Option<LiveError> | undefined
  let ending = false

  const fail = (reason: string): void => {
    end ??= Option.some(unexpected(facts, response, "", reason))
  }
  const warn = (text: string) => {
    warnings.push(text)
  }
  const meter = new Metrics.Meter(labelsOf(fiber, endpoint))
  const { scrub, see } = chunkScrubber(caller.scrub)
  const decoder = new SseDecoder(
    (name, data) => {
      if (end !== undefined) return
      const event = decodeEvent(name === undefined ? undefined : scrub(name), scrub(data), warn)
      if (event === undefined) return
      if (event.type !== "undecodable") {
        events.push(event)
        if (!endpoint.isRun) return
        if (event.type === "step_completed") {
          meter.add(event)
        } else if (endsResponse(event)) response.complete()
      } // What was cut off in the middle of a frame ends the stream there; it does not make the frame wrong.
      else if (!ending) fail(event.reason)
    },
    caller.config.maxFrameBytes,
    see
  )

  const tooLarge = (failure: { readonly limit: number } | undefined): void => {
    if (failure !== undefined) fail(`an event is longer than ${failure.limit} bytes`)
  }
  const report = Effect.suspend(() => {
    const [first, ...others] = warnings
    warnings = []
    const more = others.length === 0 ? "" : ` (and ${others.length} more)`
    return Effect.logWarning(`${facts.method} ${facts.flow ?? ""}: ${first}${more}`)
  })
  const settle: WireEventPull = Effect.suspend(() => {
    if (events.length > 0) {
      const chunk = Chunk.unsafeFromArray(events)
      events = []
      meter.count()
      return Effect.succeed(chunk)
    }
    return end === undefined ? next : Effect.fail(end)
  })
  const onBytes = (parts: ReadonlyArray<Uint8Array>): WireEventPull => {
    for (const bytes of parts) tooLarge(decoder.push(bytes))
    return warnings.length === 0 ? settle : Effect.zipRight(report, settle)
  }
  const onEnd = (failure: Option.Option<TransportError>): WireEventPull => {
    if (Option.isSome(failure)) {
      return Effect.catchAll(lost(caller, attempt, failure.value), (error) => {
        end = Option.some(error)
        return settle
      })
    }
    ending = true
    tooLarge(decoder.end())
    end ??= Option.none()
    return settle
  }
  const next: WireEventPull = Effect.suspend(() =>
    end === undefined
      ? Effect.matchEffect(response.pullParts, { onFailure: onEnd, onSuccess: onBytes })
      : Effect.fail(end)
  )
  return next
}

const closed = Effect.fail(Option.none())

/**
 * The reading of an event stream. The request is made within the first pull and goes on when that is interrupted; it is
 * never repeated here once the stream has begun. All but the plain case, in which nobody listens, no limit applies and
 * the first attempt succeeds, is left to a fiber of its own, which an interruption does not end either.
 */
class WireEventSource implements Source<WireEvent, LiveError> {
  private request!: OpenRequest
  private tell: EventSink | undefined
  private opening: Opening | undefined
  private opened: WireEventPull | undefined
  private background: Background | undefined
  private scope: Scope.CloseableScope | undefined
  private ended: (() => void) | undefined

  constructor(private readonly caller: Caller, private readonly endpoint: StreamEndpoint) {}

  readonly pull: WireEventPull = Effect.suspend(() => this.opened ?? this.open)

  private readonly open: WireEventPull = Effect.withFiberRuntime((fiber) => {
    if (this.opening !== undefined) return this.answered
    const { caller, endpoint } = this
    const request = prepare(caller, endpoint, Spans.traceparent(fiber))
    if (Either.isLeft(request)) return this.refuse(request.left)
    const spent = spentClock(request.right)
    if (spent !== undefined) return this.refuse(fromTransport(caller.facts(endpoint), spent))
    this.request = request.right
    this.ended = Metrics.streamOpened(fiber)
    this.tell = caller.sinkOf(fiber)
    if (this.tell !== undefined || caller.limiter !== undefined) return this.goOn(attempted(this.attempts))
    this.opening = caller.transport.begin(request.right, fiber)
    return this.answered
  })

  private refuse(error: LiveError): WireEventPull {
    this.opened = Effect.fail(Option.some(error))
    return this.opened
  }

  /** The first pull from the answer to the first attempt, to which nobody listens. */
  private readonly answered: WireEventPull = Effect.suspend(() =>
    Effect.matchEffect(this.opening!.response, {
      onFailure: (failure) => this.again(lost(this.caller, this.attemptAt(0), failure)),
      onSuccess: (response) => {
        if (!errorBody.isOk(response.status)) return this.again(accepted(this.caller, this.attemptAt(0), response))
        return Effect.withFiberRuntime((fiber) => {
          this.caller.budget.succeeded()
          this.opened = decoding(this.caller, this.attemptAt(0), response, fiber)
          return this.opened
        })
      }
    })
  )

  private attemptAt(n: number): StreamAttempt {
    const { endpoint, request, tell } = this
    return { endpoint, request, tell, info: this.infoOf(n) }
  }

  private infoOf(attempt: number): AttemptInfo {
    const { httpMethod: method, path } = this.endpoint
    return { method, path, attempt, streaming: true }
  }

  /** Further attempts are made only if the request never left or was refused. */
  private get attempts(): Attempts<WireEventPull, Scope.Scope> {
    const { caller, endpoint, tell } = this
    return {
      endpoint,
      isPost: true,
      retryPost: endpoint.isExecute,
      config: caller.config,
      budget: caller.budget,
      tell,
      info: (n) => this.infoOf(n),
      pause: caller.transport.pause,
      attempt: (n) => open(caller, this.attemptAt(n))
    }
  }

  private again(failed: Effect.Effect<WireEventPull, LiveError>): WireEventPull {
    return this.goOn(Effect.catchAll(failed, (error) => retried(this.attempts, error)))
  }

  /** Goes on in a fiber of its own. */
  private goOn(opened: OpenedEvents): WireEventPull {
    this.background = new Background()
    const opening = Effect.flatMap(Scope.make(), (scope) => {
      this.scope = scope
      return Scope.extend(opened, scope)
    })
    this.opened = Effect.matchEffect(this.background.once(opening), {
      onFailure: (error) => this.refuse(error),
      onSuccess: (pull) => this.opened = pull
    })
    return this.opened
  }

  readonly close = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
    const { background, ended, opening } = this
    this.ended = undefined
    opening?.close()
    // streams are kept by V8 for longer than they are read
    this.opening = undefined
    this.opened = closed
    if (background === undefined) {
      ended?.()
      return Effect.void
    }
    return Effect.uninterruptible(Effect.zipRight(
      background.interrupt,
      Effect.suspend(() => {
        ended?.()
        return this.scope === undefined ? Effect.void : Scope.close(this.scope, exit)
      })
    ))
  }
}

/** The events of an endpoint. The socket closes with the stream. */
export const events = (caller: Caller, endpoint: StreamEndpoint): Stream.Stream<WireEvent, LiveError> =>
  fromSource(() => new WireEventSource(caller, endpoint))
