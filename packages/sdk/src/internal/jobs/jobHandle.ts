/**
 * The handles of jobs, and the operations on them.
 *
 * @see docs/wire.md#polls
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Job, WaitOptions } from "../../Job.js"
import { type CallError, FlowExecutionError } from "../../NoukaiError.js"
import { spanNames } from "../../Telemetry.js"
import { known, newError, receivedAs } from "../core/makeError.js"
import { limitOf, monotonic, pauseOf, timeLimit } from "../core/time.js"
import { scheduleDriver } from "../http/retry.js"
import { handleParts } from "../kit/callback.js"
import { ofRead } from "../operations/operations.js"
import * as CallOptions from "../options/callOptions.js"
import * as Spans from "../telemetry/spans.js"
import * as JobPoll from "./jobPoll.js"

/** The facts of a submission beside the execution id. */
export interface SubmissionFacts {
  readonly flowId?: string | undefined
  readonly blockCount?: number | undefined
  readonly sessionId?: string | undefined
}

const defaultSchedule: Schedule.Schedule<unknown> = Schedule.spaced("2 seconds")

const waitOptions = CallOptions.decoder<WaitOptions>("options", () => ({ ...ofRead, schedule: CallOptions.schedule }))

const defaultTimeout = Duration.seconds(300)

const wait = Effect.fnUntraced(function*(
  target: JobPoll.JobTarget,
  method: string,
  given: WaitOptions = {}
): Effect.fn.Return<JobPoll.JobEnded, CallError> {
  const { addressText, executionId, http } = target
  const { schedule, timeout = defaultTimeout, ...options } = yield* waitOptions(method, given, {
    flow: addressText,
    executionId
  })
  const ms = limitOf(timeout)
  const deadline = (yield* monotonic) + (ms ?? Infinity)
  const rules: JobPoll.PollRules<unknown> = {
    executionId,
    poll: JobPoll.pollTarget(target, method, options),
    next: scheduleDriver(schedule ?? defaultSchedule),
    pause: pauseOf(http),
    deadline
  }
  const polling = JobPoll.polls(
    ms === 0 ? rules : JobPoll.awaitingNudge(rules, target.callback, schedule !== undefined)
  )
  let last: JobPoll.PollOutcome | undefined
  const waiting = Stream.runForEach(ms === 0 ? Stream.take(polling, 1) : polling, (outcome) =>
    Effect.sync(() => {
      last = outcome
    }))
  const timedOut = Effect.failSync(() => JobPoll.gaveUp(target, method, last, `after ${ms} ms`))
  yield* ms === undefined || ms === 0 ? waiting : timeLimit(waiting, ms, timedOut)
  const status = last?.status
  if (status !== undefined && JobPoll.isEnded(status)) return status
  return yield* JobPoll.gaveUp(target, method, last, ms === 0 ? "after one poll" : undefined)
})

const notCompleted = (
  target: JobPoll.JobTarget,
  method: string,
  status: JobPoll.JobFailed | JobPoll.JobCancelled
): FlowExecutionError => {
  const problem = JobPoll.problemOf(status)
  return receivedAs(
    newError(FlowExecutionError, {
      method,
      flow: target.addressText,
      executionId: target.executionId,
      code: problem.code,
      detail: status.status === "cancelled" ? "the job was cancelled" : problem.message,
      result: status.error
    }),
    status.raw
  )
}

/** Makes the handle of a job; `more` are the fields of its kind. */
export const make = <More extends object>(
  target: JobPoll.JobTarget,
  facts: SubmissionFacts,
  more: More
): Job & More => {
  const { address, executionId, http } = target
  const spanned = <A extends JobPoll.JobStatus, E>(name: string, self: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Spans.readSpan(name, { address, executionId }, (status) => ({ status: JobPoll.label(status) }), self)
  const poll = (given: JobPoll.PollOptions = {}) =>
    Effect.flatMap(
      JobPoll.pollOptions("Job.poll", given, { flow: target.addressText, executionId }),
      (options) => spanned(spanNames.pollJob, JobPoll.pollTarget(target, "Job.poll", options))
    )
  const ended = (method: string, options: WaitOptions | undefined) =>
    spanned(spanNames.jobWait, wait(target, method, options))
  const parts: JobPoll.HandleParts = { pause: pauseOf(http), callback: target.callback }
  const handle = {
    executionId,
    ...known<SubmissionFacts>(facts),
    ...more,
    poll,
    wait: (options?: WaitOptions) => ended("Job.wait", options),
    result: (options?: WaitOptions) =>
      Effect.flatMap(ended("Job.result", options), (status) =>
        status.status === "completed"
          ? Effect.succeed(status.result)
          : Effect.fail(notCompleted(target, "Job.result", status))),
    updates: Stream.suspend(() =>
      Spans.readStreamSpan(
        spanNames.jobUpdates,
        { address, executionId },
        JobPoll.updatesOf({
          executionId,
          poll: JobPoll.pollTarget(target, "Job.updates", {}),
          next: scheduleDriver(defaultSchedule),
          pause: parts.pause
        })
      )
    )
  }
  return Object.defineProperty(handle, handleParts, { value: parts })
}
