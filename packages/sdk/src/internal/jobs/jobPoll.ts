/**
 * Polling a job: its status, one poll, and the stream of polls up to the last status.
 *
 * @see docs/wire.md#polls
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Errors from "../../NoukaiError.js"
import { withRaw } from "../core/json.js"
import { accepted, type Checked, known, newError, problem, readable } from "../core/makeError.js"
import { isEndedStatus, isOfRun, otherRun, type ServerProblem, serverProblem } from "../core/runProblem.js"
import { monotonic, type Pause, sleep } from "../core/time.js"
import { pollDelay, scheduleDriver } from "../http/retry.js"
import { handleParts, type JobCallback, waitsOf } from "../kit/callback.js"
import { digitsAt, digitsIn, digitsOf, withDigits } from "../kit/plainJson.js"
import { repeatability } from "../kit/repeatability.js"
import { type HttpService, timedRead } from "../operations/operations.js"
import type { PollJobResponse } from "../operations/requests.js"
import type { FlowAddress, FlowRef } from "../options/address.js"
import type { ReadOptions, TimedReadOptions } from "../options/callOptions.js"
import * as CallOptions from "../options/callOptions.js"
import { decodeResult } from "../options/flowCodec.js"
import type { RunCosts } from "../run/runCosts.js"

interface PolledStatus {
  readonly executionId: string
  /**
   * The answer to the poll as the server sent it, unknown keys included, without the key. Not enumerable. Absent where
   * no server answered: for a job so new that the server does not show it yet.
   */
  readonly raw?: unknown
}

/** A job in the queue, or so new that the server does not show it yet. */
export interface JobPending extends PolledStatus {
  readonly status: "pending"
}

/** A job that has begun. */
export interface JobRunning extends PolledStatus {
  readonly status: "running"
}

/** A job that succeeded, with its result. */
export interface JobCompleted<out A = unknown> extends PolledStatus {
  readonly status: "completed"
  readonly result: A
}

/** A job that failed. */
export interface JobFailed extends PolledStatus {
  readonly status: "failed"
  /** The error as the server sent it: text, or an object. */
  readonly error: unknown
}

/** A job that was cancelled. */
export interface JobCancelled extends PolledStatus {
  readonly status: "cancelled"
  /** The error as the server sent it, if any. */
  readonly error: unknown
}

/**
 * A status that this version does not know; it is not the last one. Next to a result it is an `UnexpectedResponseError`
 * instead, which has the result.
 */
export interface JobUnknown extends PolledStatus {
  readonly status: "unknown"
  /** The status as the server names it. */
  readonly reported: string
}

/** The status of a job. */
export type JobStatus<A = unknown> =
  | JobPending
  | JobRunning
  | JobCompleted<A>
  | JobFailed
  | JobCancelled
  | JobUnknown

/** The last status of a job. */
export type JobEnded<A = unknown> = JobCompleted<A> | JobFailed | JobCancelled

/** Whether a status is the last one. */
export function isEnded<A>(status: JobStatus<A>): status is JobEnded<A> {
  return status.status === "completed" || status.status === "failed" || status.status === "cancelled"
}

/**
 * Returns the code and the message of a job that failed or was cancelled. The error of such a job may be text only; its
 * code is then read from beside it.
 */
export const problemOf = ({ error, raw }: JobFailed | JobCancelled): ServerProblem => {
  const { code } = serverProblem(raw)
  return known({ code, ...serverProblem(error) })
}

/** The server's name of a status. */
export const label = (status: JobStatus): string => status.status === "unknown" ? status.reported : status.status

const pending = (executionId: string): JobPending => ({ status: "pending", executionId })

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
  /** The webhook of the job. Absent: it has none, or not for this process. */
  readonly callback?: JobCallback | undefined
}

const statusOf = (
  { addressText, executionId, flow }: JobTarget,
  method: string,
  response: PollJobResponse
): Effect.Effect<JobStatus, Errors.UnexpectedResponseError> => {
  const { error, raw, requestId, result, status } = response
  // a result is kept
  const unexpected = (reason: string) =>
    Effect.fail(
      newError(Errors.UnexpectedResponseError, { method, flow: addressText, executionId, requestId, reason, result })
    )
  if (!isOfRun(executionId, response.executionId)) return unexpected(otherRun(response.executionId))
  switch (status) {
    case "completed":
      return Effect.map(
        decodeResult(flow, { method, address: addressText, executionId, requestId }, result),
        (result) =>
          withDigits(
            withRaw({ status, executionId, result }, raw),
            digitsIn([["result", digitsAt(digitsOf(response), "result")]])
          )
      )
    case "failed":
    case "cancelled":
      return Effect.succeed(
        withDigits(
          withRaw({ status, executionId, error: error ?? result }, raw),
          digitsIn([["error", digitsAt(digitsOf(response), (error ?? undefined) === undefined ? "result" : "error")]])
        )
      )
    case "pending":
    case "running":
      return Effect.succeed(withRaw({ status, executionId }, raw))
    default:
      // an unknown status is not the last one, unless it has a result, which would otherwise be lost
      return result === undefined || result === null
        ? Effect.succeed(withRaw({ status: "unknown", executionId, reported: status }, raw))
        : unexpected(`unknown status ${JSON.stringify(status)}`)
  }
}

/** Polls once. */
export const pollTarget = Effect.fnUntraced(function*(
  target: JobTarget,
  method: string,
  options: TimedReadOptions
): Effect.fn.Return<JobStatus, Errors.CallError> {
  const { address: flow, addressText, costs, executionId, http } = target
  const asked = yield* monotonic
  let hasEnded = false
  const facts = { flow: addressText, executionId }
  const limited = timedRead(
    http,
    method,
    options,
    facts,
    (context) =>
      Effect.matchEffect(http.request("pollJob", { ...context, flow, executionId }), {
        onFailure: (error) =>
          error._tag === "FlowNotFoundError" && asked < target.graceEnds
            ? Effect.succeed(pending(executionId))
            : Effect.fail(error),
        onSuccess: (response) => {
          hasEnded = isEndedStatus(response.status) && isOfRun(executionId, response.executionId)
          return statusOf(target, method, response)
        }
      })
  )
  if (costs === undefined) return yield* limited
  const exit = yield* Effect.exit(limited)
  if (hasEnded) yield* costs.settle({ executionId, sent: "yes" })
  return yield* exit
})

/** The rules by which one job is polled. */
export interface PollRules<A> {
  readonly executionId: string
  readonly poll: Effect.Effect<JobStatus<A>, Errors.CallError>
  /** The milliseconds to the first poll. Absent: it is made at once. */
  readonly first?: number
  /** The milliseconds to the next poll, given the status seen last; `undefined` when no other follows. */
  readonly next: (status: JobStatus<A>) => Effect.Effect<number | undefined>
  readonly pause: Pause
  /** The limit of failures in a row: by number and, in milliseconds, by time. Both must be exceeded. Default: no limit. */
  readonly patience?: { readonly failures: number; readonly ms: number }
  /** The instant of the monotonic clock from which on no poll begins, if the reader ends the wait there. */
  readonly deadline?: number
}

/** The outcome of the polls so far. */
export interface PollOutcome<A = unknown> {
  readonly status: JobStatus<A> | undefined
  /** The failure of the latest poll, if it failed. */
  readonly failure: Errors.CallError | undefined
  /** The polls that have failed in a row, and the instant of the first of them. */
  readonly failures: number
  readonly failingSince: number
}

/** Whether a failed poll tells nothing about the job, so that the next one may be answered. */
const isPassing = (error: Errors.NoukaiError): boolean => repeatability(error).passes !== "never"

/**
 * Polls a job once more after an outcome, or for the first time: at the instant of its rules. `None` after the last
 * status, and at the end of the schedule. A poll that fails in passing is an outcome; any other failure, and the end of
 * the patience, fail.
 */
export const nextPoll = Effect.fnUntraced(function*<A>(
  rules: PollRules<A>,
  seen: PollOutcome<A> | undefined
): Effect.fn.Return<Option.Option<PollOutcome<A>>, Errors.CallError> {
  const { deadline = Infinity, patience = { failures: 1, ms: Infinity }, pause, poll } = rules
  if (seen !== undefined) {
    if (seen.status !== undefined && seen.failure === undefined && isEnded(seen.status)) return Option.none()
    const delay = yield* rules.next(seen.status ?? pending(rules.executionId))
    if (delay === undefined) return Option.none()
    const now = yield* monotonic
    const left = seen.failures + 1 < patience.failures ? Infinity : seen.failingSince + patience.ms - now
    const wait = Math.max(delay, Math.min(pollDelay(seen.failure), Math.max(left, 0)))
    // a poll that begins at the deadline could not be answered in time
    yield* pause(wait < deadline - now ? wait : Infinity)
  } else if (rules.first !== undefined) {
    yield* pause(Math.min(rules.first, (deadline - (yield* monotonic)) / 2))
  }
  const polled = yield* Effect.either(poll)
  const now = yield* monotonic
  if (Either.isRight(polled)) {
    return Option.some({ status: polled.right, failure: undefined, failures: 0, failingSince: now })
  }
  const failure = polled.left
  const { failures, failingSince } = seen?.failure === undefined ? { failures: 0, failingSince: now } : seen
  const isPatient = failures + 1 < patience.failures || now - failingSince < patience.ms
  return isPatient && isPassing(failure)
    ? Option.some({ status: seen?.status, failure, failures: failures + 1, failingSince })
    : yield* failure
})

/** The rules of polls that wait for the webhook of the job first, and poll in its place where the caller set no schedule. */
export const awaitingNudge = <A>(
  rules: PollRules<A>,
  callback: JobCallback | undefined,
  hasSchedule: boolean
): PollRules<A> => {
  const waits = waitsOf(callback)
  if (waits === undefined) return rules
  const next = () => hasSchedule ? undefined : waits.next()
  return {
    ...rules,
    ...known({ first: next() }),
    poll: Effect.tap(rules.poll, (status) => isEnded(status) ? waits.ended : Effect.void),
    next: (status) =>
      Effect.suspend(() => {
        const wait = next()
        return wait === undefined ? rules.next(status) : Effect.succeed(wait)
      }),
    pause: (ms) => Effect.raceFirst(rules.pause(ms), waits.nudged)
  }
}

/** Polls a job at once and then by its rules, up to and with the last status. The stream runs once, as its rules do. */
export const polls = <A = unknown>(rules: PollRules<A>): Stream.Stream<PollOutcome<A>, Errors.CallError> =>
  Stream.unfoldEffect(
    undefined as PollOutcome<A> | undefined,
    (seen) => Effect.map(nextPoll(rules, seen), Option.map((outcome) => [outcome, outcome] as const))
  )

/** The changes of the status, up to and with the last one. The stream runs once, as its rules do. */
export function updatesOf<A>(rules: PollRules<A>): Stream.Stream<JobStatus<A>, Errors.CallError> {
  return polls({ patience: { failures: 1, ms: 300_000 }, ...rules }).pipe(
    Stream.filterMap(({ failure, status }) => failure === undefined ? Option.fromNullable(status) : Option.none()),
    Stream.changesWith((before, after) => label(before) === label(after))
  )
}

/** The error of a wait that has ended before its jobs. */
export const gaveUp = (
  target: Partial<Pick<JobTarget, "addressText" | "executionId">>,
  method: string,
  seen: PollOutcome | undefined,
  detail = "the schedule has ended"
): Errors.APITimeoutError => {
  const lastStatus = seen?.status === undefined ? undefined : label(seen.status)
  return newError(Errors.APITimeoutError, {
    method,
    flow: target.addressText,
    executionId: target.executionId,
    detail: lastStatus === undefined ? detail : `${detail}; last seen ${JSON.stringify(lastStatus)}`,
    clock: "wait",
    sent: "yes",
    lastStatus,
    isRetryable: true,
    cause: seen?.failure
  })
}

/** The options of one poll. */
export interface PollOptions {
  /** The limit of the poll with its attempts; 0 runs out before anything is sent. Default: the client's, none. */
  readonly timeout?: Duration.DurationInput | undefined
  /** The schedule of retries; `Schedule.stop` for a single attempt. Default: the client's. */
  readonly retry?: ReadOptions["retry"]
}

/** The operations of a handle that are not part of its interface. */
export interface HandleParts {
  /** The sleep of its client. */
  readonly pause: Pause
  readonly callback: JobCallback | undefined
}

/** The part of a handle that is needed to poll it. One that was made elsewhere has no `handleParts`. */
export interface Pollable<A> {
  readonly executionId: string
  readonly poll: (options?: PollOptions) => Effect.Effect<JobStatus<A>, Errors.CallError>
  readonly [handleParts]?: HandleParts
}

/** The sleep of a handle's client. */
export const pauseOfHandle = (job: Pollable<unknown>): Pause => job[handleParts]?.pause ?? sleep

export const isPollable = (job: unknown): boolean =>
  Predicate.isRecord(job) && Predicate.isFunction(job["poll"]) && typeof job["executionId"] === "string"

const checked = (method: string, field: string, fits: () => boolean, reason: string): Checked<void> =>
  readable(method, field, () => accepted(method, undefined, fits() ? undefined : problem(field, reason)))

export const pollOptions = CallOptions.decoder<PollOptions>(
  "options",
  () => ({ timeout: CallOptions.duration, retry: CallOptions.schedule })
)

/** `Job.updates`. */
export function updates<A>(
  job: Pollable<A>,
  schedule: Schedule.Schedule<unknown, JobStatus<A>>
): Stream.Stream<JobStatus<A>, Errors.CallError> {
  return Stream.unwrap(Effect.gen(function*() {
    const method = "Job.updates"
    yield* checked(method, "job", () => isPollable(job), "must be a job, as submit and attach return it")
    yield* checked(method, "schedule", () => Schedule.isSchedule(schedule), "must be a Schedule")
    return updatesOf({
      executionId: job.executionId,
      poll: job.poll(),
      next: scheduleDriver(schedule),
      pause: pauseOfHandle(job)
    })
  }))
}
