/**
 * Polling a job: one poll, with the grace after a submission, and the stream of polls up to the last status.
 *
 * @see contract 8.2, 8.3
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { APITimeoutError, type CallError, type NoukaiError, UnexpectedResponseError } from "../../NoukaiError.js"
import { withRaw } from "../core/json.js"
import { known, unchecked } from "../core/makeError.js"
import { isOfRun, otherRun } from "../core/runProblem.js"
import { monotonic, type Pause } from "../core/time.js"
import { isTransient, pollDelay } from "../http/retry.js"
import { totalOf, totalTimeout } from "../operations/call.js"
import type { HttpService } from "../operations/operations.js"
import type { PollJobResponse } from "../operations/requests.js"
import type { FlowAddress, FlowRef } from "../options/address.js"
import type { Progress, ReadOptions } from "../options/callOptions.js"
import { decodeResult } from "../options/flowCodec.js"
import { isEndedStatus, type RunCosts } from "../run/runCosts.js"
import { isEnded, type JobCompleted, type JobPending, type JobStatus } from "./jobStatus.js"

/** The facts that a handle has of its job. */
export interface JobTarget {
  readonly http: HttpService
  readonly flow: FlowRef<never>
  readonly address: FlowAddress
  readonly addressText: string
  readonly executionId: string
  /** The costs of the job, which hold a part of its budgets until it has ended. */
  readonly costs: RunCosts | undefined
  /** The instant of the monotonic clock, in milliseconds, before which a 404 means `pending`. */
  readonly graceEnds: number
}

export const pending = (executionId: string): JobPending => ({ status: "pending", executionId })

/** The server's name of a status. */
export const label = (status: JobStatus): string => status.status === "unknown" ? status.reported : status.status

/**
 * Whether a failed poll tells nothing about the job, so that the next one may be answered. A 404 of a gateway is one.
 */
export const isPassing = (error: NoukaiError): boolean =>
  error._tag === "APITimeoutError" || isTransient(error) || (error._tag === "FlowNotFoundError" && !error.isAbsent)

const completed = (
  target: JobTarget,
  method: string,
  response: PollJobResponse
): Effect.Effect<JobCompleted, UnexpectedResponseError> =>
  Effect.map(
    decodeResult(target.flow, {
      method,
      address: target.addressText,
      executionId: target.executionId,
      requestId: response.requestId
    }, response.result),
    (result) => withRaw({ status: "completed", executionId: target.executionId, result }, response.raw)
  )

/** The error of an answer that tells nothing of the job. A result in it is kept. */
const unexpected = (
  { addressText, executionId }: JobTarget,
  method: string,
  { requestId, result }: PollJobResponse,
  reason: string
): UnexpectedResponseError =>
  new UnexpectedResponseError(
    known({ method, flow: addressText, executionId, requestId, reason, result, isRetryable: false }),
    unchecked
  )

/** An unknown status is not the last one, unless it has a result, which would otherwise be lost. */
const unknown = (
  target: JobTarget,
  method: string,
  response: PollJobResponse
): Effect.Effect<JobStatus, UnexpectedResponseError> => {
  const { executionId } = target
  const { raw, result, status } = response
  return result === undefined || result === null
    ? Effect.succeed(withRaw({ status: "unknown", executionId, reported: status }, raw))
    : Effect.fail(
      unexpected(target, method, response, `unknown status ${JSON.stringify(status)}`)
    )
}

const statusOf = (
  target: JobTarget,
  method: string,
  response: PollJobResponse
): Effect.Effect<JobStatus, UnexpectedResponseError> => {
  const { executionId } = target
  const { error, raw, result, status } = response
  if (!isOfRun(executionId, response.executionId)) {
    return Effect.fail(
      unexpected(target, method, response, otherRun(response.executionId))
    )
  }
  switch (status) {
    case "completed":
      return completed(target, method, response)
    case "failed":
    case "cancelled":
      return Effect.succeed(withRaw({ status, executionId, error: error ?? result }, raw))
    case "pending":
    case "running":
      return Effect.succeed(withRaw({ status, executionId }, raw))
    default:
      return unknown(target, method, response)
  }
}

/** Polls once. `timeout` limits the poll with its attempts; without one the client's does. */
export const poll = Effect.fnUntraced(function*(
  target: JobTarget,
  method: string,
  options: ReadOptions,
  timeout?: Duration.DurationInput
): Effect.fn.Return<JobStatus, CallError> {
  const { address: flow, addressText, costs, executionId, http } = target
  const asked = yield* monotonic
  const progress: Progress = { sent: "no" }
  const total = totalOf(http, timeout)
  let hasEnded = false
  const answered = Effect.matchEffect(http.request("pollJob", { method, options, progress, flow, executionId }), {
    onFailure: (error) =>
      error._tag === "FlowNotFoundError" && asked < target.graceEnds
        ? Effect.succeed(pending(executionId))
        : Effect.fail(error),
    onSuccess: (response): Effect.Effect<JobStatus, CallError> => {
      hasEnded = isEndedStatus(response.status)
      return statusOf(target, method, response)
    }
  })
  const facts = { method, flow: addressText, executionId: () => executionId, onlyReads: true }
  const exit = yield* Effect.exit(totalTimeout(answered, total, facts, progress))
  if (hasEnded && costs !== undefined) yield* costs.settle({ executionId, sent: "yes", goesOn: false })
  return yield* exit
})

/** The polls that may fail in a row, and the milliseconds over which they do. */
interface Patience {
  readonly failures: number
  readonly ms: number
}

const endless: Patience = { failures: 1, ms: Infinity }

/** The rules by which one job is polled. */
export interface PollRules<A> {
  readonly executionId: string
  readonly poll: Effect.Effect<JobStatus<A>, CallError>
  /** The milliseconds to the next poll, given the status seen last; `undefined` when no other follows. */
  readonly next: (status: JobStatus<A>) => Effect.Effect<number | undefined>
  /** Default: no limit. */
  readonly patience?: Patience | undefined
}

/** The outcome of the polls so far. */
export interface PollOutcome<A = unknown> {
  readonly status: JobStatus<A> | undefined
  /** The failure of the latest poll, if it failed. */
  readonly failure: CallError | undefined
  /** The polls that have failed in a row, and the instant of the first of them. */
  readonly failures: number
  readonly failingSince: number
}

/** Polls a job once more. A poll that fails in passing is an outcome; any other failure, and the end of the patience, fail. */
export const pollAfter = <A>(
  seen: PollOutcome<A> | undefined,
  { patience = endless, poll }: PollRules<A>
): Effect.Effect<PollOutcome<A>, CallError> =>
  Effect.flatMap(Effect.zip(Effect.either(poll), monotonic), ([polled, now]) => {
    if (Either.isRight(polled)) {
      return Effect.succeed<PollOutcome<A>>({
        status: polled.right,
        failure: undefined,
        failures: 0,
        failingSince: now
      })
    }
    const failure = polled.left
    const { failures, failingSince } = seen?.failure === undefined ? { failures: 0, failingSince: now } : seen
    return isPassing(failure) && (failures + 1 < patience.failures || now - failingSince < patience.ms)
      ? Effect.succeed<PollOutcome<A>>({ status: seen?.status, failure, failures: failures + 1, failingSince })
      : Effect.fail(failure)
  })

/** The milliseconds from an outcome to the next poll; `undefined` when none follows. */
export const delayAfter = <A>(
  seen: PollOutcome<A>,
  { executionId, next, patience = endless }: PollRules<A>
): Effect.Effect<number | undefined> =>
  Effect.zipWith(next(seen.status ?? pending(executionId)), monotonic, (delay, now) => {
    const left = seen.failures + 1 < patience.failures ? Infinity : seen.failingSince + patience.ms - now
    return delay && Math.max(delay, Math.min(pollDelay(seen.failure), Math.max(left, 0)))
  })

/** The rules of a reader that waits between the polls. */
export interface WaitRules<A> extends PollRules<A> {
  readonly pause: Pause
  /** The instant of the monotonic clock from which on no poll begins, if the reader ends the wait there. */
  readonly deadline?: number | undefined
}

/** Polls a job at once and then by its rules, up to and with the last status. */
export const polls = <A>(makeRules: () => WaitRules<A>): Stream.Stream<PollOutcome<A>, CallError> =>
  Stream.suspend(() => {
    const rules = makeRules()
    return Stream.unfoldEffect(undefined as PollOutcome<A> | undefined, (seen) =>
      Effect.gen(function*() {
        if (seen?.status !== undefined && isEnded(seen.status)) return Option.none()
        if (seen !== undefined) {
          const delay = yield* delayAfter(seen, rules)
          if (delay === undefined) return Option.none()
          // a poll that begins at the deadline could not be answered in time
          const left = (rules.deadline ?? Infinity) - (yield* monotonic)
          yield* rules.pause(delay < left ? delay : Infinity)
        }
        const outcome = yield* pollAfter(seen, rules)
        return Option.some([outcome, outcome])
      }))
  })

/** The changes of the status, up to and with the last one. */
export const updates = <A>(rules: () => WaitRules<A>): Stream.Stream<JobStatus<A>, CallError> =>
  polls(() => ({ patience: { failures: 1, ms: 300_000 }, ...rules() })).pipe(
    Stream.filterMap(({ failure, status }) => failure === undefined ? Option.fromNullable(status) : Option.none()),
    Stream.changesWith((before, after) => label(before) === label(after))
  )

/** The error of a wait that has ended before its jobs. */
export const gaveUp = (
  target: Partial<Pick<JobTarget, "addressText" | "executionId">>,
  method: string,
  seen: PollOutcome | undefined,
  detail: string
): APITimeoutError => {
  const lastStatus = seen?.status === undefined ? undefined : label(seen.status)
  return new APITimeoutError(
    known({
      method,
      flow: target.addressText,
      executionId: target.executionId,
      detail: lastStatus === undefined ? detail : `${detail}; last seen ${JSON.stringify(lastStatus)}`,
      clock: "wait",
      sent: "yes",
      lastStatus,
      isRetryable: true,
      cause: seen?.failure
    }),
    unchecked
  )
}

export const scheduleEnded = "the schedule has ended"
