/**
 * The services that are made of the table of operations. Calls are answered live, from a replay, by a relay or
 * by a script, and callers cannot tell the difference.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import type * as E from "../../NoukaiError.js"
import { APITimeoutError, type InvalidRequestError } from "../../NoukaiError.js"
import type { LogEvent } from "../../Telemetry.js"
import { newError, type RefusalFacts } from "../core/makeError.js"
import { limitOf, type Pause, timeLimit } from "../core/time.js"
import * as Address from "../options/address.js"
import type { FlowAddress, FlowRef } from "../options/address.js"
import type { Progress, RequestContext, TimedReadOptions } from "../options/callOptions.js"
import * as CallOptions from "../options/callOptions.js"
import { checkSchemas } from "../options/flowCodec.js"
import type { EventStreams, Operations } from "./requests.js"
import type { WireEvent } from "./wireEvent.js"

/** The settings of a client for calls without their own. */
export interface CallDefaults {
  readonly org?: string | undefined
  readonly project?: string | undefined
  readonly sessionId?: string | undefined
  /** The limit of a whole call. Absent or infinite: none. */
  readonly timeout?: Duration.Duration | undefined
  /** The paths of runs: `flow-runs` may have ids of its own. Default: `auto`. */
  readonly runPaths?: "auto" | "seq" | "flow-runs" | undefined
  /** Whether `TraceScope.replay` may replay. Default: false. */
  readonly replayEnabled?: boolean | undefined
  /** The server of the API, for spans. Absent where no request is sent to it. */
  readonly server?: { readonly address: string; readonly port: number } | undefined
  /** Whether calls that ended are given the spans of their steps. Default: false. */
  readonly stepSpans?: boolean | "payloads" | undefined
  /** The id of the replayed session, in a replay of one. */
  readonly replayedSessionId?: string | undefined
  /** A hook that sees scopes being entered and left; it never throws. */
  readonly log?: ((event: LogEvent) => void) | undefined
  /** Removes the key from text. */
  readonly scrub?: ((text: string) => string) | undefined
  /** Is called with the id of a run whose caller is interrupted before the run has ended. It never throws. */
  readonly interrupted?: ((executionId: string) => void) | undefined
  /** Sleeps until the time is over or the client is closed. Absent: the client is never closed. */
  readonly pause?: Pause | undefined
}

/** The error of an operation that an implementation does not answer. */
export type Refusal = E.InvalidRequestError | E.ReplayMissError

/** The HTTP API of Noukai: two functions over the table of operations. */
export interface HttpService {
  readonly defaults: CallDefaults
  readonly request: <K extends keyof Operations>(
    operation: K,
    input: Operations[K]["request"]
  ) => Effect.Effect<Operations[K]["response"], Operations[K]["error"] | Refusal>
  readonly stream: <K extends keyof EventStreams>(
    operation: K,
    input: EventStreams[K]
  ) => Stream.Stream<WireEvent, E.CallError>
}

/** A function for each operation with one response. */
export type Requests = {
  readonly [K in keyof Operations]: (
    input: Operations[K]["request"]
  ) => Effect.Effect<Operations[K]["response"], Operations[K]["error"] | Refusal>
}

/** A function for each operation with a stream of events. */
export type Streams = {
  readonly [K in keyof EventStreams]: (input: EventStreams[K]) => Stream.Stream<WireEvent, E.CallError>
}

/** The service of a whole table. */
export const fromTable = (defaults: CallDefaults, requests: Requests, streams: Streams): HttpService => ({
  defaults,
  request: (operation, input) => requests[operation](input),
  stream: (operation, input) => streams[operation](input)
})

/** The function `request` of a table with gaps; `otherwise` answers the operations that are not in it. */
export const orElse =
  (requests: Partial<Requests>, otherwise: HttpService["request"]): HttpService["request"] => (operation, input) => {
    const request: Requests[typeof operation] | undefined = requests[operation]
    return request === undefined ? otherwise(operation, input) : request(input)
  }

/** The function `stream` of a table with gaps; `otherwise` answers the streams that are not in it. */
export const streaming =
  (streams: Partial<Streams>, otherwise: HttpService["stream"]): HttpService["stream"] => (operation, input) => {
    const stream: Streams[typeof operation] | undefined = streams[operation]
    return stream === undefined ? otherwise(operation, input) : stream(input)
  }

/** The input of a call with the default session of a client that did not exist yet when the call was made. */
const tagged = <Q extends object>(input: Q, { defaults }: HttpService): Q =>
  "sessionId" in input && input.sessionId === undefined ? { ...input, sessionId: defaults.sessionId } : input

/** A service that is built at its first call. */
export const lazily = (
  defaults: CallDefaults,
  build: Effect.Effect<HttpService, Refusal | E.AuthenticationError>
): HttpService => ({
  defaults,
  request: (operation, input) => Effect.flatMap(build, (http) => http.request(operation, tagged(input, http))),
  stream: (operation, input) => Stream.unwrap(Effect.map(build, (http) => http.stream(operation, tagged(input, http))))
})

export interface FlowTarget {
  readonly address: FlowAddress
  readonly addressText: string
}

export interface CallTarget<B> extends FlowTarget {
  /** The checked input. */
  readonly input: B
  /** The total timeout of the call in milliseconds, if it has one. */
  readonly total: number | undefined
}

/** The flow of a reference. */
export const resolveFlow = (
  http: HttpService,
  method: string,
  flow: FlowRef<never>
): Either.Either<FlowTarget, InvalidRequestError> =>
  Either.flatMap(Address.resolve(method, flow, http.defaults), (address) => {
    const addressText = Address.format(address)
    return Either.map(checkSchemas(method, addressText, flow), () => ({ address, addressText }))
  })

/** The total timeout of a call in milliseconds: its own, else the client's; `undefined`: none. */
export const totalOf = (http: HttpService, timeout: Duration.DurationInput | undefined): number | undefined =>
  limitOf(timeout ?? http.defaults.timeout ?? Infinity)

export const resolveCall = <A extends { readonly timeout?: Duration.DurationInput | undefined }>(
  http: HttpService,
  method: string,
  flow: FlowRef<never>,
  decode: (method: string, given: A, facts: RefusalFacts) => Either.Either<A, InvalidRequestError>,
  given: A
): Either.Either<CallTarget<A>, InvalidRequestError> =>
  Either.flatMap(resolveFlow(http, method, flow), ({ address, addressText }) =>
    Either.map(
      decode(method, given, { flow: addressText }),
      (input) => ({ address, addressText, input, total: totalOf(http, input.timeout) })
    ))

/** The facts of a call that its timeout error carries. */
export interface TimedCall {
  readonly method: string
  readonly flow: string | undefined
  readonly executionId: () => string | undefined
  /** Whether the call starts nothing, and so may be made again. Default: false. */
  readonly onlyReads?: boolean
}

/** Limits a whole call: attempts, waits and tool rounds. Costs nothing without a limit. */
export const totalTimeout = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  ms: number | undefined,
  facts: TimedCall,
  progress: Progress
): Effect.Effect<A, E | APITimeoutError, R> => {
  if (ms === undefined) return self
  const timedOut = Effect.failSync(() => {
    const error = newError(APITimeoutError, {
      method: facts.method,
      flow: facts.flow,
      executionId: facts.executionId(),
      detail: `after ${ms} ms`,
      clock: "total",
      sent: progress.sent,
      isRetryable: facts.onlyReads === true || progress.sent === "no"
    })
    progress.timedOut?.(error)
    return error
  })
  // with a limit of 0 nothing may be sent
  return ms === 0 ? timedOut : timeLimit(self, ms, timedOut)
}

/** The options of every read. */
export const ofRead = { ...CallOptions.ofCall, timeout: CallOptions.duration }

export const runOptions = CallOptions.decoder<TimedReadOptions>("options", () => ofRead)

/** Limits one read by the total timeout. */
export const timedRead = <A, E>(
  http: HttpService,
  method: string,
  options: TimedReadOptions,
  { executionId, flow }: RefusalFacts,
  ask: (context: RequestContext) => Effect.Effect<A, E>
): Effect.Effect<A, E | APITimeoutError> =>
  Effect.suspend(() => {
    const progress: Progress = { sent: "no" }
    return totalTimeout(
      ask({ method, options, progress }),
      totalOf(http, options.timeout),
      { method, flow, executionId: () => executionId, onlyReads: true },
      progress
    )
  })
