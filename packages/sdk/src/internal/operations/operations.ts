/**
 * The services that are made of the table of operations. Calls are answered live, from a replay, by a relay or
 * by a script, and callers cannot tell the difference.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import type * as E from "../../NoukaiError.js"
import { APITimeoutError } from "../../NoukaiError.js"
import type { AnyFiber } from "../core/fiber.js"
import { accepted, type Checked, newError, problem, type RefusalFacts } from "../core/makeError.js"
import { limitOf, timeLimit } from "../core/time.js"
import * as Address from "../options/address.js"
import type { FlowAddress, FlowRef, FlowVersion } from "../options/address.js"
import type { Progress, RequestContext, TimedReadOptions } from "../options/callOptions.js"
import * as CallOptions from "../options/callOptions.js"
import { checkSchemas } from "../options/flowCodec.js"
import { isHeaderValue } from "../options/headers.js"
import type { CallDefaults, HttpService, Refusal, Requests, Streams } from "./requests.js"
import { scopeOf } from "./scope.js"

export type { CallDefaults, HttpService, Refusal, Requests, Streams } from "./requests.js"

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
export const resolveFlow = (http: HttpService, method: string, flow: FlowRef<never>): Checked<FlowTarget> =>
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
  decode: CallOptions.Decode<A>,
  given: A
): Checked<CallTarget<A>> =>
  Either.flatMap(resolveFlow(http, method, flow), ({ address, addressText }) =>
    Either.map(
      decode(method, given, { flow: addressText }),
      (input) => ({ address, addressText, input, total: totalOf(http, input.timeout) })
    ))

const sessionIdOf = (
  fiber: AnyFiber,
  http: HttpService,
  explicit: string | undefined
): string | undefined => {
  if (explicit !== undefined) return explicit
  const scope = scopeOf(fiber)
  return scope === undefined || (scope.mode === "capture" && http.defaults.replayedSessionId !== undefined)
    ? http.defaults.sessionId
    : scope.sessionId
}

/**
 * The session of a run: the call's own, else the scope's, else the client's. In the replay of a session, a capture's
 * session is the recorded one. Ids of scopes may come with a request from outside, so they too are checked here.
 */
export const resolveSession = (
  fiber: AnyFiber,
  http: HttpService,
  explicit: string | undefined,
  call: { readonly method: string; readonly flow: string }
): Checked<string | undefined> => {
  const sessionId = sessionIdOf(fiber, http, explicit)
  const found = sessionId === undefined || isHeaderValue(sessionId)
    ? undefined
    : problem("sessionId", "must be text that a header can carry")
  return accepted(call.method, sessionId, found, { flow: call.flow })
}

/** A call that may begin a run. */
export interface RunTarget<A> extends CallTarget<A> {
  readonly version: FlowVersion
  readonly sessionId: string | undefined
}

interface ScopedOptions {
  readonly timeout?: Duration.DurationInput | undefined
  readonly version?: FlowVersion | undefined
  readonly sessionId?: string | undefined
}

/** Resolves a call that may begin a run: also its version and its session. */
export function resolveRun<A extends ScopedOptions>(
  fiber: AnyFiber,
  http: HttpService,
  method: string,
  flow: FlowRef<never>,
  decode: CallOptions.Decode<A>,
  given: A
): Checked<RunTarget<A>> {
  return Either.flatMap(resolveCall(http, method, flow, decode, given), (call) => {
    const { addressText, input } = call
    return Either.map(
      resolveSession(fiber, http, input.sessionId, { method, flow: addressText }),
      (sessionId) => ({ version: Address.versionOf(input.version), sessionId, ...call })
    )
  })
}

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
