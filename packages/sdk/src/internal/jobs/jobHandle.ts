/** The handle of a job. */
import * as Effect from "effect/Effect"
import type { Job, OnceJob, WaitOptions } from "../../Job.js"
import type { CallError } from "../../NoukaiError.js"
import { spanNames } from "../../Telemetry.js"
import { known } from "../errors/makeError.js"
import * as Spans from "../telemetry/spans.js"
import { pauseOf } from "../time/clock.js"
import { type JobTarget, keeping, label, poll, type PollOptions } from "./jobPoll.js"
import type { JobStatus } from "./jobStatus.js"
import { updates } from "./jobUpdates.js"
import { defaultSchedule, resultOfStatus, wait } from "./jobWait.js"

/** The facts of a submission beside the execution id. */
export interface SubmissionFacts {
  readonly flowId?: string | undefined
  readonly blockCount?: number | undefined
  readonly sessionId?: string | undefined
}

const spanned = <A extends JobStatus, E>(
  { address, executionId }: JobTarget,
  name: string,
  self: Effect.Effect<A, E>
): Effect.Effect<A, E> => Spans.readSpan(name, { address, executionId }, (status) => ({ status: label(status) }), self)

const polled = (
  target: JobTarget,
  { timeout, ...options }: PollOptions = {}
): Effect.Effect<JobStatus, CallError> => spanned(target, spanNames.jobPoll, poll(target, "Job.poll", options, timeout))

/** Keeps what the operations on handles need of their client. */
const kept = <A extends object>(target: JobTarget, handle: A): A =>
  keeping(handle, { pause: pauseOf(target.http), poll: (options) => polled(target, options) })

export const make = (target: JobTarget, facts: SubmissionFacts): Job => {
  const { address, executionId } = target
  const ended = (method: string, options: WaitOptions | undefined) =>
    spanned(target, spanNames.jobWait, wait(target, method, options))
  const pause = pauseOf(target.http)
  return kept(target, {
    executionId,
    ...known<SubmissionFacts>(facts),
    poll: polled(target),
    wait: (options) => ended("Job.wait", options),
    result: (options) =>
      Effect.flatMap(ended("Job.result", options), (status) => resultOfStatus(target, "Job.result", status)),
    updates: Spans.readStreamSpan(
      spanNames.jobUpdates,
      { address, executionId },
      updates(poll(target, "Job.updates", {}), executionId, defaultSchedule, pause)
    )
  })
}

/** The handle of a job that runs once per key. */
export const makeOnce = (target: JobTarget, facts: SubmissionFacts, reused: boolean): OnceJob =>
  kept(target, { ...make(target, facts), reused })
