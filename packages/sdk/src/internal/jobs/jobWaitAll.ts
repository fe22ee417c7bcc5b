/**
 * Waiting for many jobs: which of them is polled when.
 *
 * @see contract 8.4
 */
import * as Arr from "effect/Array"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Mailbox from "effect/Mailbox"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { CallError, InvalidRequestError } from "../../NoukaiError.js"
import { invalid } from "../core/makeError.js"
import { monotonic, timeLimit, toMillis } from "../core/time.js"
import * as Limiter from "../http/limiter.js"
import { type Rate, resolveRate } from "../http/limiter.js"
import { clientClosed, pollDelay, scheduleDriver } from "../http/retry.js"
import * as Fields from "../options/callOptions.js"
import * as JobPoll from "./jobPoll.js"

const method = "Job.waitAll"

/** The number of outcomes that are held for a slow reader, beside those of polls that are under way. */
const outcomesHeld = 16

/** The shortest and the longest time between two polls of a job, in milliseconds. */
const shortest = 2000
const longest = 60_000

/** A job whose polls fail in passing is given up after so many of them in a row, over so many milliseconds. */
const patience = { failures: 5, ms: 300_000 } as const

/** The options of waiting for many jobs. */
export interface WaitAllOptions<in A = unknown> {
  /**
   * The limit of the whole wait, from its start. Polls in flight are interrupted then. 0: each job is polled once.
   * Default: no limit.
   */
  readonly timeout?: Duration.DurationInput | undefined
  /**
   * The times of the polls of each job, given the status seen last. The first poll is made at once. A schedule that
   * ends gives up its job. Default: a quarter of the time that the job has been waited for, at least 2 seconds and at
   * most a minute; longer, up to a minute, while it is younger than three of four jobs were that have ended.
   */
  readonly schedule?: Schedule.Schedule<unknown, JobPoll.JobStatus<A>> | undefined
  /** The number of polls that are under way at once. Default: 8. */
  readonly concurrency?: number | undefined
  /**
   * The number of polls that begin in a time: a number is per second, or `{ limit, interval }`. What is over it is
   * polled later, the longest overdue first. Default: 20.
   */
  readonly rate?: number | Rate | undefined
}

const waitAllOptions = Fields.decoder<WaitAllOptions<never>>("options", () => ({
  timeout: Fields.duration,
  schedule: Fields.schedule,
  concurrency: Fields.count(1),
  rate: Fields.rate
}))

/** A job, and how waiting for it ended. */
interface Outcome<J, A> {
  readonly job: J
  readonly outcome: Exit.Exit<JobPoll.JobEnded<A>, CallError>
}

/** Whether an error is of all jobs: each of them would meet it. */
const isOfAll = (error: CallError): boolean =>
  error._tag === "AuthenticationError" || (error._tag === "APIConnectionError" && error.code === clientClosed)

/** The number of durations that are kept of jobs that ended, and from which on they say something. */
const durationsKept = 128
const durationsNeeded = 8

/** The duration which three of four jobs exceed, in milliseconds; 0 while too few have ended. */
const typicalOf = (durations: ReadonlyArray<number>): number =>
  durations.length < durationsNeeded ? 0 : Arr.sort(durations, Order.number)[Math.floor(durations.length / 4)]!

/** The jobs of an iterable, read once. */
function takeJobs<J>(jobs: Iterable<J>): Either.Either<ReadonlyArray<J>, InvalidRequestError> {
  const wrong = (cause?: unknown) =>
    invalid(method, "jobs", "must be jobs, as submit and attach return them", { cause })
  if (!Predicate.isIterable(jobs) || typeof jobs === "string") return Either.left(wrong())
  return Either.filterOrLeft(
    Either.try({ try: () => Array.from(jobs), catch: wrong }),
    (all) => all.every(JobPoll.isPollable),
    () => wrong()
  )
}

const isStream = <J, E, R>(
  jobs: Iterable<J> | Stream.Stream<J, E, R>
): jobs is Stream.Stream<J, E, R> => Predicate.hasProperty(jobs, Stream.StreamTypeId)

/** The stream `Job.waitAll`: a fiber for each job polls in its turn, and tells the outcome. */
export const waitAll = <J extends JobPoll.Pollable<A>, A, E, R>(
  jobs: Iterable<J> | Stream.Stream<J, E, R>,
  given: WaitAllOptions<A>
): Stream.Stream<Outcome<J, A>, CallError | E, R> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const { concurrency = 8, rate = 20, schedule, timeout: limit } = yield* waitAllOptions(method, given)
    const source = isStream(jobs) ? jobs : Stream.fromIterable(yield* takeJobs(jobs))
    const timeout = toMillis(limit) ?? Infinity
    const told = yield* Mailbox.make<Outcome<J, A>, CallError | E>({ capacity: outcomesHeld })
    const limiter = yield* Limiter.make({ maxConcurrency: concurrency, rate: resolveRate(rate) })
    // a stream for each job would take five times the memory
    const waiting = yield* FiberSet.make()
    /** The ids of the jobs whose outcome has not been told. */
    const untold = new Set<string>()
    const durations: Array<number> = []
    let begun = 0
    let allGiven = false
    /** The instant before which the server wants no poll. */
    let notBefore = 0
    let isOver = false

    const tell = (job: J, outcome: Outcome<J, A>["outcome"]) =>
      Effect.map(told.offer({ job, outcome }), () => {
        untold.delete(job.executionId)
      })

    /** Polls a job when its turn comes. A slow reader slows the polls down, since the turn ends with the telling. */
    const pollInTurn = (job: J, since: number) => {
      const { leave, turn } = limiter.request(true, Effect.never)
      // a retry of the client would hide a 429 from the polls of the other jobs
      const poll = timeout === 0 ? job.poll : job[JobPoll.handleParts]?.poll({ retry: Schedule.stop }) ?? job.poll
      return Effect.gen(function*() {
        yield* turn
        // where the pause does not end by itself the client is closed, as the poll will tell
        while (notBefore > (yield* monotonic) && (yield* JobPoll.pauseOfHandle(job)(notBefore - (yield* monotonic)))) {
          yield* limiter.request(false, Effect.never).turn
        }
        const status = yield* Effect.tapErrorTag(poll, "RateLimitError", (error) =>
          Effect.map(monotonic, (now) => {
            notBefore = Math.max(notBefore, now + pollDelay(error))
          }))
        if (JobPoll.isEnded(status)) {
          durations.push((yield* monotonic) - since)
          if (durations.length > durationsKept) durations.shift()
          yield* tell(job, Exit.succeed(status))
        }
        return status
      }).pipe(
        Effect.tapError((error) =>
          Effect.sync(() => {
            isOver ||= isOfAll(error)
          })
        ),
        // no other poll begins after an error of all jobs
        Effect.ensuring(Effect.suspend(() => isOver ? Effect.void : Effect.sync(leave)))
      )
    }

    /** A quarter of the age of a job; more while it is younger than most that have ended were. */
    const delayAt = (age: number) =>
      Math.max(Math.min(Math.max(age / 4, shortest), longest), Math.min(typicalOf(durations) - age, longest))

    const waitFor = (job: J) =>
      Effect.gen(function*() {
        const since = yield* monotonic
        const rules: JobPoll.PollRules<A> = {
          executionId: job.executionId,
          poll: pollInTurn(job, since),
          next: schedule === undefined
            ? () => Effect.map(monotonic, (now) => delayAt(now - since))
            : scheduleDriver(schedule),
          pause: JobPoll.pauseOfHandle(job),
          patience,
          // one that comes later has probably just been submitted, and will take as long as the others
          firstAfter: schedule === undefined ? Math.min(typicalOf(durations), longest) : 0
        }
        let seen = yield* JobPoll.nextPoll(rules, undefined)
        while (untold.has(job.executionId)) {
          if (timeout === 0) return
          const next = yield* JobPoll.nextPoll(rules, Option.getOrUndefined(seen))
          if (Option.isNone(next)) return yield* JobPoll.gaveUp(job, method, Option.getOrUndefined(seen))
          seen = next
        }
      }).pipe(
        Effect.catchAll((error) => isOfAll(error) ? Effect.fail(error) : tell(job, Exit.fail(error))),
        Effect.catchAllCause((cause) => told.failCause(cause))
      )

    const beginAll = Stream.runForEach(source, (job) =>
      Effect.gen(function*() {
        yield* takeJobs([job])
        if (untold.has(job.executionId)) return
        untold.add(job.executionId)
        begun++
        yield* FiberSet.run(waiting, waitFor(job))
      }))
    const all = Effect.zipRight(
      beginAll,
      Effect.suspend(() => {
        allGiven = true
        return FiberSet.awaitEmpty(waiting)
      })
    )
    const end = (detail: string) => {
      if (untold.size === 0 && allGiven) return told.end
      const rest = untold.size === 0
        ? `the source of jobs has not ended, and its ${begun} jobs so far have`
        : `${untold.size} of ${begun} jobs have not ended`
      return told.fail(JobPoll.gaveUp({}, method, undefined, `${detail}; ${rest}`))
    }
    const ended = timeout === 0 || timeout === Infinity
      ? Effect.as(all, "after one poll of each")
      : timeLimit(Effect.as(all, ""), timeout, Effect.as(FiberSet.clear(waiting), `after ${timeout} ms`))
    // streams may open where interruption waits, but the polls must end with the stream
    yield* Effect.forkScoped(Effect.interruptible(
      Effect.matchCauseEffect(ended, { onFailure: (cause) => told.failCause(cause), onSuccess: end })
    ))
    return Mailbox.toStream(told)
  }))
