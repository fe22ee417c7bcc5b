// a rejected promise has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/** Waits for many jobs with the SDK, and returns the jobs of the caller. */
import * as SdkJob from "@effect-noukai/sdk/Job"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Job, type JobOutcome, type WaitAllOptions } from "../../Job.js"
import type { NoukaiError } from "../../NoukaiError.js"
import type { Client } from "../client/client.js"
import type { Services } from "../client/lifetime.js"
import { promiseError } from "../errors/promiseError.js"
import { Thrown } from "../errors/thrown.js"
import { intervalOf, millisOf, reading, refusal } from "../options/reading.js"
import { type Names, takeKnown } from "../options/unknown.js"
import { EventIterator } from "../stream/eventIterator.js"
import type { StreamToRead } from "../stream/streamReader.js"
import { jobStatus } from "./jobStatus.js"

const operation = "noukai.waitAll"

const names: Names<WaitAllOptions> = { timeout: true, pollInterval: true, concurrency: true, rate: true, signal: true }

type Jobs = Iterable<Job> | AsyncIterable<Job>

const wrongJobs = "must be jobs from executeAsync or noukai.job"

const isAsync = (jobs: Jobs): jobs is AsyncIterable<Job> => Predicate.isObject(jobs) && Symbol.asyncIterator in jobs

/** The jobs of the caller by the handles of the SDK. */
class Handles {
  private readonly jobs = new WeakMap<object, Job>()

  readonly of = (job: Job): Effect.Effect<SdkJob.Job, unknown, Services> =>
    Effect.suspend(() => {
      const handle = Job.handleOf(job)
      return handle === undefined
        ? Effect.fail(new Thrown({ reason: refusal(operation, "jobs", wrongJobs) }))
        : Effect.map(handle, (found) => {
          this.jobs.set(found, job)
          return found
        })
    })

  readonly outcome = ({ job, outcome }: SdkJob.JobOutcome): JobOutcome | undefined => {
    const own = this.jobs.get(job)
    if (own === undefined) return undefined
    return Exit.match(outcome, {
      onFailure: (cause) => ({ job: own, error: promiseError(Cause.squash(cause)) as NoukaiError }),
      onSuccess: (status) => ({ job: own, status: jobStatus(status) })
    })
  }
}

/** The jobs as they come. Its end does not wait for `return`, which a generator runs only after a pending `next`. */
const streamOf = (jobs: AsyncIterable<Job>): Stream.Stream<Job, Thrown> =>
  Stream.acquireRelease(
    Effect.try({
      try: () => reading(operation, "jobs", () => jobs[Symbol.asyncIterator]()),
      catch: (reason) => new Thrown({ reason })
    }),
    (iterator) => Effect.forkDaemon(Effect.ignore(Effect.tryPromise(async () => iterator.return?.())))
  ).pipe(Stream.flatMap((iterator) =>
    Stream.fromAsyncIterable(
      { [Symbol.asyncIterator]: () => ({ next: () => iterator.next() }) },
      (reason) => new Thrown({ reason })
    )
  ))

/** Emits the outcome of each job as it ends. */
export const waitAll = (
  client: Client,
  jobs: Jobs,
  options: WaitAllOptions | undefined
): EventIterator<SdkJob.JobOutcome, JobOutcome> => {
  const handles = new Handles()
  const asked = () =>
    takeKnown(operation, options, names, (given): StreamToRead<SdkJob.JobOutcome> => {
      const interval = intervalOf(operation, "pollInterval", given.pollInterval)
      const settings: SdkJob.WaitAllOptions = {
        timeout: millisOf(operation, "timeout", given.timeout),
        schedule: interval === undefined ? undefined : Schedule.spaced(interval),
        concurrency: given.concurrency ?? undefined,
        rate: given.rate ?? undefined
      }
      const arriving = reading(operation, "jobs", () => isAsync(jobs) ? streamOf(jobs) : undefined)
      if (arriving !== undefined) {
        return Effect.succeed(SdkJob.waitAll(Stream.mapEffect(arriving, handles.of), settings))
      }
      const known = reading(operation, "jobs", () => Predicate.isIterable(jobs) ? Array.from<Job>(jobs) : undefined)
      if (known === undefined) throw refusal(operation, "jobs", wrongJobs)
      return Effect.map(Effect.forEach(known, handles.of), (found) => SdkJob.waitAll(found, settings))
    })
  return new EventIterator(client, operation, asked, handles.outcome)
}
