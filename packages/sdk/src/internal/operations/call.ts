/** Resolves a call of a flow before anything is sent: the flow, the input, the total timeout. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { APITimeoutError, type InvalidRequestError } from "../../NoukaiError.js"
import { newError, type RefusalFacts } from "../core/makeError.js"
import { limitOf, timeLimit } from "../core/time.js"
import * as Address from "../options/address.js"
import type { FlowAddress, FlowRef } from "../options/address.js"
import type { Progress, RequestContext, RunOptions } from "../options/callOptions.js"
import * as Fields from "../options/fields.js"
import { checkSchemas } from "../options/flowCodec.js"
import type { HttpService } from "./operations.js"

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
export const ofRead = { ...Fields.ofCall, timeout: Fields.duration }

export const runOptions = Fields.decoder<RunOptions>("options", () => ofRead)

/** Limits one read by the total timeout. */
export const timedRead = <A, E>(
  http: HttpService,
  method: string,
  options: RunOptions,
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
