/**
 * Event streams, of `/step` and of the live trace: opened inside the stream, decoded in its pull, once per arrival of
 * bytes.
 *
 * @see contract 7.2
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { type AnyFiber, metricLabelsOf, type UpdateLabels } from "../core/fiber.js"
import { fromProgram, fromSource } from "../core/streamPull.js"
import { milliseconds } from "../core/time.js"
import { endsResponse, type WireEvent } from "../operations/wireEvent.js"
import type { RequestContext, StreamOptions } from "../options/callOptions.js"
import * as Metrics from "../telemetry/metrics.js"
import * as Spans from "../telemetry/spans.js"
import { type Attempt, attempts, type Caller, type Endpoint, limitedOpening, lost, observed, refusal } from "./call.js"
import { readText } from "./exchange.js"
import * as Http from "./HttpTransport.js"
import { chunkScrubber } from "./request.js"
import type { LiveError } from "./retrying.js"
import { decodeEvent, SseDecoder } from "./sse.js"
import { unexpected } from "./statusError.js"

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

const prepare = (
  caller: Caller,
  endpoint: StreamEndpoint,
  traceparent: string | undefined
): Either.Either<Http.OpenRequest, InvalidRequestError> =>
  Either.gen(function*() {
    const { method, options } = endpoint.context
    const limit = (clock: "attemptTimeout" | "firstByteTimeout" | "idleTimeout") =>
      milliseconds(method, clock, options[clock] ?? caller.config[clock])
    const request = yield* caller.prepare(endpoint, "text/event-stream", traceparent)
    return endpoint.isExecute
      ? { ...request, attemptTimeout: yield* limit("attemptTimeout") }
      : { ...request, firstByteTimeout: yield* limit("firstByteTimeout"), idleTimeout: yield* limit("idleTimeout") }
  })

type StreamAttempt = Attempt<Http.OpenRequest, StreamEndpoint>

/** The response of an attempt. One that is not 2xx is read and fails. */
const open = (caller: Caller, attempt: StreamAttempt): Effect.Effect<Http.StreamResponse, LiveError, Scope.Scope> =>
  limitedOpening(
    caller,
    attempt.endpoint,
    Effect.flatMap(
      observed(caller, attempt, caller.config.logPayloads, caller.transport.open(attempt.request)),
      (response) =>
        Http.isOk(response.status)
          ? Effect.succeed(response)
          : readText(response, Http.maxBytes).pipe(
            Effect.catchAll((failure) => lost(caller, attempt, failure)),
            Effect.flatMap(({ text }) => refusal(caller, attempt.endpoint, response, caller.scrub.cut(text)))
          )
    )
  )

/** The labels for the usage of a stream. */
const labelsOf = (fiber: AnyFiber, { flow }: StreamEndpoint): UpdateLabels =>
  flow === undefined ? metricLabelsOf(fiber) : Metrics.labelsWithFlow(fiber, flow)

type Emit = (events: ReadonlyArray<WireEvent>) => Effect.Effect<void>

/** Reads a response to its end. Emits at once all the events that one arrival of bytes completed. */
const read = (
  caller: Caller,
  attempt: StreamAttempt,
  response: Http.StreamResponse,
  fiber: AnyFiber,
  emit: Emit
): Effect.Effect<void, LiveError> => {
  const { endpoint } = attempt
  const facts = caller.facts(endpoint)
  let events: Array<WireEvent> = []
  let warnings: Array<string> = []
  let error: LiveError | undefined
  let ending = false

  const fail = (reason: string): void => {
    error ??= unexpected(facts, response, "", reason)
  }
  const meter = new Metrics.Meter(labelsOf(fiber, endpoint))
  const { scrub, see } = chunkScrubber(caller.scrub)
  const decoder = new SseDecoder(
    (name, data) => {
      if (error !== undefined) return
      const event = decodeEvent(
        name === undefined ? undefined : scrub(name),
        scrub(data),
        (text) => warnings.push(text)
      )
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
  /** Emits the events so far, and goes on unless one of them was wrong. */
  const settle = (goOn: Effect.Effect<void, LiveError>): Effect.Effect<void, LiveError> => {
    const after = error === undefined ? goOn : Effect.fail(error)
    const chunk = events
    events = []
    if (chunk.length > 0) meter.count()
    const emitted = chunk.length === 0 ? after : Effect.zipRight(emit(chunk), after)
    return warnings.length === 0 ? emitted : Effect.zipRight(report, emitted)
  }
  const next: Effect.Effect<void, LiveError> = Effect.matchEffect(response.pull, {
    onFailure: (failure) => {
      if (Option.isSome(failure)) return lost(caller, attempt, failure.value)
      ending = true
      tooLarge(decoder.end())
      return settle(Effect.void)
    },
    onSuccess: (parts) => {
      for (const bytes of parts) tooLarge(decoder.push(bytes))
      return settle(next)
    }
  })
  return next
}

/** Opens a stream and reads it. Further attempts are made only if the request never left or was refused. */
const run = (caller: Caller, endpoint: StreamEndpoint, emit: Emit): Effect.Effect<void, LiveError> =>
  Effect.withFiberRuntime((fiber) => {
    const { httpMethod: method, isExecute: retryPost, path } = endpoint
    const prepared = prepare(caller, endpoint, Spans.traceparent(fiber))
    const info = (attempt: number) => ({ method, path, attempt, streaming: true as const })
    const ended = Metrics.streamOpened(fiber)
    return attempts(
      caller,
      fiber,
      endpoint,
      prepared,
      { isPost: true, retryPost, info },
      (made) => Effect.map(open(caller, made), (response) => read(caller, made, response, fiber, emit))
    ).pipe(Effect.flatten, Effect.scoped, Effect.ensuring(Effect.sync(ended)))
  })

/**
 * The events of an endpoint. The request is made within the first pull and goes on when that is interrupted; it is
 * never repeated here once the stream has begun. The socket closes with the stream.
 */
export const events = (caller: Caller, endpoint: StreamEndpoint): Stream.Stream<WireEvent, LiveError> =>
  fromSource(() => fromProgram((emit) => run(caller, endpoint, emit)))
