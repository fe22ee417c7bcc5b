/**
 * The handle of a job.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { Job, OnceJob, WaitOptions } from "../../Job.js"
import { spanNames } from "../../Telemetry.js"
import { known } from "../errors/makeError.js"
import * as Spans from "../telemetry/spans.js"
import { pauseOf } from "../time/clock.js"
import { type JobTarget, label, pausing, poll } from "./jobPoll.js"
import type { JobStatus } from "./jobStatus.js"
import { updates } from "./jobUpdates.js"
import { defaultSchedule, resultOfStatus, wait } from "./jobWait.js"

/**
 * The facts of a submission beside the execution id.
 *
 * @internal
 */
export interface SubmissionFacts {
  readonly flowId?: string | undefined
  readonly blockCount?: number | undefined
  readonly sessionId?: string | undefined
}

/** @internal */
export const make = (target: JobTarget, facts: SubmissionFacts): Job => {
  const { address, executionId } = target
  const spanned = <A extends JobStatus, E>(name: string, self: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Spans.readSpan(name, { address, executionId }, (status) => ({ status: label(status) }), self)
  const ended = (method: string, options: WaitOptions | undefined) =>
    spanned(spanNames.jobWait, wait(target, method, options))
  const pause = pauseOf(target.http)
  return pausing({
    executionId,
    ...known<SubmissionFacts>(facts),
    poll: spanned(spanNames.jobPoll, poll(target, "Job.poll", {})),
    wait: (options) => ended("Job.wait", options),
    result: (options) =>
      Effect.flatMap(ended("Job.result", options), (status) => resultOfStatus(target, "Job.result", status)),
    updates: Spans.readStreamSpan(
      spanNames.jobUpdates,
      { address, executionId },
      updates(poll(target, "Job.updates", {}), executionId, defaultSchedule, pause)
    )
  }, pause)
}

/**
 * The handle of a job that runs once per key.
 *
 * @internal
 */
export const makeOnce = (target: JobTarget, facts: SubmissionFacts, reused: boolean): OnceJob =>
  pausing({ ...make(target, facts), reused }, pauseOf(target.http))
