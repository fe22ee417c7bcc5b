/** The statuses of a job as a stream. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { CallError } from "../../NoukaiError.js"
import { invalid, problem } from "../errors/makeError.js"
import { checkSchedule } from "../input/checks.js"
import { guarded } from "../input/take.js"
import { pollDelay, scheduleDriver } from "../retry/retry.js"
import { monotonic, type Pause } from "../time/clock.js"
import { isPassing, label, noJob, pauseOfHandle, pending } from "./jobPoll.js"
import { isEnded, type JobStatus } from "./jobStatus.js"

/** The time for which polls may fail in a row, in milliseconds. */
const patience = 300_000

interface UpdateState<A> {
  status: JobStatus<A> | undefined
  failure: CallError | undefined
  /** The time of the first failed poll since the last answered one. */
  failingSince: number | undefined
  first: boolean
}

/** The changes of the status, up to and with the last one. */
export const updates = <A>(
  poll: Effect.Effect<JobStatus<A>, CallError>,
  executionId: string,
  schedule: Schedule.Schedule<unknown, JobStatus<A>>,
  sleep: Pause
): Stream.Stream<JobStatus<A>, CallError> =>
  Stream.unwrap(Effect.sync(() => {
    const next = scheduleDriver(schedule)
    const watch: UpdateState<A> = { status: undefined, failure: undefined, failingSince: undefined, first: true }

    const pause: Effect.Effect<void, Option.Option<CallError>> = Effect.suspend(() => {
      if (watch.first) {
        watch.first = false
        return Effect.void
      }
      return Effect.flatMap(
        Effect.zip(next(watch.status ?? pending(executionId)), monotonic),
        ([delay, now]) => {
          if (delay === undefined) return Effect.fail(Option.none())
          const left = watch.failingSince === undefined ? patience : Math.max(watch.failingSince + patience - now, 0)
          return sleep(Math.max(delay, Math.min(pollDelay(watch.failure), left)))
        }
      )
    })

    const pull: Effect.Effect<JobStatus<A>, Option.Option<CallError>> = Effect.gen(function*() {
      while (watch.status === undefined || !isEnded(watch.status)) {
        yield* pause
        const outcome = yield* Effect.either(poll)
        const at = yield* monotonic
        if (Either.isLeft(outcome)) {
          watch.failure = outcome.left
          watch.failingSince ??= at
          if (!isPassing(outcome.left) || at - watch.failingSince >= patience) {
            return yield* Effect.fail(Option.some(outcome.left))
          }
          continue
        }
        const before = watch.status
        watch.status = outcome.right
        watch.failure = undefined
        watch.failingSince = undefined
        if (before === undefined || label(before) !== label(outcome.right)) return outcome.right
      }
      return yield* Effect.fail(Option.none())
    })

    return Stream.repeatEffectOption(pull)
  }))

/** The stream `Job.updates`, of a caller's job and schedule. */
export const ofJob = <A>(
  job: { readonly executionId: string; readonly poll: Effect.Effect<JobStatus<A>, CallError> },
  schedule: Schedule.Schedule<unknown, JobStatus<A>>
): Stream.Stream<JobStatus<A>, CallError> =>
  Stream.suspend(() => {
    const method = "Job.updates"
    const checked = guarded(method, "job", () => {
      const { executionId, poll } = job
      const found = Effect.isEffect(poll) && typeof executionId === "string"
        ? checkSchedule("schedule", schedule ?? null)
        : problem("job", noJob)
      return found === undefined
        ? Either.right(updates(poll, executionId, schedule, pauseOfHandle(job)))
        : Either.left(invalid(method, found.field, found.reason))
    })
    return Either.isLeft(checked) ? Stream.fail(checked.left) : checked.right
  })
