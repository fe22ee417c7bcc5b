/**
 * Waiting for many jobs: which of them is polled when.
 *
 * @see contract 8.4
 */
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Mailbox from "effect/Mailbox"
import * as Predicate from "effect/Predicate"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CallError, InvalidRequestError } from "../../NoukaiError.js"
import { invalid, type Problem, problem } from "../errors/makeError.js"
import { checkCount, checkDuration, checkSchedule } from "../input/checks.js"
import { guarded, type InputRules, take } from "../input/take.js"
import * as Limiter from "../limit/limiter.js"
import { type CheckedRate, checkRate, type Rate, resolveRate, takeRate } from "../limit/rate.js"
import { clientClosed, pollDelay, scheduleDriver } from "../retry/retry.js"
import { monotonic } from "../time/clock.js"
import { toMillis } from "../time/duration.js"
import { timeLimit } from "../time/timeLimit.js"
import { type Due, DueQueue } from "./dueQueue.js"
import { isPassing, pauseOfHandle, pending, type Pollable, pollAttempt } from "./jobPoll.js"
import { isEnded, type JobEnded, type JobStatus } from "./jobStatus.js"
import { gaveUp, outOfTime, type PollOutcome, scheduleEnded } from "./waitTimeout.js"

/** The number of durations that are kept of jobs that ended, and from which on they say something. */
const durationsKept = 128
const durationsNeeded = 8

/** The durations of jobs that ended lately. */
class Durations {
  private readonly kept: Array<number> = []
  private count = 0
  private known: number | undefined = undefined

  add(ms: number): void {
    this.kept[this.count++ % durationsKept] = ms
    this.known = undefined
  }

  /** The duration which three of four jobs exceed, in milliseconds; 0 while too few have ended. */
  get typical(): number {
    if (this.kept.length < durationsNeeded) return 0
    this.known ??= [...this.kept].sort((a, b) => a - b)[Math.floor(this.kept.length / 4)] ?? 0
    return this.known
  }
}

const method = "Job.waitAll"

const defaults = { concurrency: 8, rate: 20 } as const

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
  readonly schedule?: Schedule.Schedule<unknown, JobStatus<A>> | undefined
  /** The number of polls that are under way at once. Default: 8. */
  readonly concurrency?: number | undefined
  /**
   * The number of polls that begin in a time: a number is per second, or `{ limit, interval }`. What is over it is
   * polled later, the longest overdue first. Default: 20.
   */
  readonly rate?: number | Rate | undefined
}

/** A job, and how waiting for it ended. */
interface Outcome<J, A> {
  readonly job: J
  readonly outcome: Exit.Exit<JobEnded<A>, CallError>
}

/** A job that has not ended, as far as is known. */
interface Waiting<J, A> extends PollOutcome<A>, Due {
  readonly job: J
  readonly since: number
  failures: number
  failingSince: number
  /** The walk through a schedule of the caller's. */
  readonly next: ((status: JobStatus<A>) => Effect.Effect<number | undefined>) | undefined
}

interface WaitAllSettings<A> {
  /** Milliseconds; `Infinity`: none. */
  readonly timeout: number
  readonly schedule: WaitAllOptions<A>["schedule"]
  readonly concurrency: number
  readonly rate: CheckedRate
}

/** Whether an error is of all jobs: each of them would meet it. */
const isOfAll = (error: CallError): boolean =>
  error._tag === "AuthenticationError" || (error._tag === "APIConnectionError" && error.code === clientClosed)

class WaitAll<J extends Pollable<A>, A, E> {
  private readonly dueJobs = new DueQueue<Waiting<J, A>>()
  /** The ids of the jobs whose outcome has not been told. */
  private readonly untold = new Set<string>()
  private readonly durations = new Durations()
  private readonly latch = Effect.unsafeMakeLatch()
  private given = 0
  private underWay = 0
  private allGiven = false
  private isOver = false
  /** The instant before which the server wants no poll. */
  private notBefore = 0

  constructor(
    private readonly settings: WaitAllSettings<A>,
    private readonly told: Mailbox.Mailbox<Outcome<J, A>, CallError | E>
  ) {}

  /** Adds a job, unless it is waited for already. */
  add(job: J, now: number): void {
    if (this.untold.has(job.executionId)) return
    this.untold.add(job.executionId)
    this.given++
    const { schedule } = this.settings
    this.dueJobs.push({
      job,
      since: now,
      // one that comes later has probably just been submitted, and will take as long as the others
      due: schedule === undefined ? now + Math.min(this.durations.typical, longest) : now,
      turn: 0,
      status: undefined,
      failure: undefined,
      failures: 0,
      failingSince: now,
      next: schedule === undefined ? undefined : scheduleDriver(schedule)
    })
    this.latch.unsafeOpen()
  }

  /** Adds jobs as they come, up to the last one. */
  follow<R>(jobs: Stream.Stream<J, E, R>): Effect.Effect<void, never, R> {
    return jobs.pipe(
      Stream.runForEach((job) => {
        const taken = takeJobs([job])
        return Either.isLeft(taken)
          ? Effect.fail(taken.left)
          : Effect.map(monotonic, (now) => this.add(job, now))
      }),
      Effect.matchCauseEffect({
        onFailure: (cause) => this.failCause(cause),
        onSuccess: () => Effect.sync(() => this.close())
      })
    )
  }

  /** No job follows. */
  close(): void {
    this.allGiven = true
    this.latch.unsafeOpen()
  }

  private failCause(cause: Cause.Cause<CallError | E>): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.isOver = true
      this.latch.unsafeOpen()
      return this.told.failCause(cause)
    })
  }

  /** Polls until all have ended, or the time is over. */
  readonly run: Effect.Effect<void> = Effect.suspend(() => {
    const { timeout } = this.settings
    const polling = Effect.scoped(this.polling)
    const timed = timeout === 0 || timeout === Infinity
      ? Effect.as(polling, "after one poll of each")
      : timeLimit(Effect.as(polling, ""), timeout, Effect.succeed(outOfTime(timeout)))
    return Effect.flatMap(timed, (detail) =>
      this.untold.size === 0 && this.allGiven
        ? this.told.end
        : this.told.fail(
          gaveUp(
            {},
            method,
            { status: undefined, failure: undefined },
            this.untold.size === 0
              ? `${detail}; the source of jobs has not ended, and its ${this.given} jobs so far have`
              : `${detail}; ${this.untold.size} of ${this.given} jobs have not ended`
          )
        ))
  })

  private readonly polling: Effect.Effect<void, never, Scope.Scope> = Effect.gen(this, function*() {
    const { concurrency, rate } = this.settings
    const limiter = yield* Limiter.make({ maxConcurrency: concurrency, rate })
    const scope = yield* Effect.scope
    while (!this.isOver) {
      this.latch.unsafeClose()
      const { first } = this.dueJobs
      if (first === undefined) {
        if (this.allGiven && this.underWay === 0) return
        yield* this.latch.await
        continue
      }
      // whole milliseconds, so that a sleep is never too short by a rounding error
      const wait = Math.ceil(Math.max(first.due, this.notBefore) - (yield* monotonic))
      if (wait > 0) {
        const slept = yield* Effect.raceFirst(pauseOfHandle(first.job)(wait), Effect.as(this.latch.await, true))
        // its client is closed, as its poll will tell
        if (!slept) first.due = this.notBefore = 0
        continue
      }
      const leave = yield* limiter.turn
      // a poll that ended in the meantime may have been refused
      const waiting = this.isOver || this.notBefore > (yield* monotonic) ? undefined : this.dueJobs.pop()
      if (waiting === undefined) {
        yield* leave
        continue
      }
      this.underWay++
      const polled = Effect.ensuring(
        this.poll(waiting),
        Effect.zipRight(
          leave,
          Effect.sync(() => {
            this.underWay--
            this.latch.unsafeOpen()
          })
        )
      )
      yield* Effect.forkIn(Effect.catchAllCause(polled, (cause) => this.failCause(cause)), scope)
    }
  })

  private poll(waiting: Waiting<J, A>): Effect.Effect<void> {
    // a retry of the client would hide a 429 from the polls of the other jobs
    const poll = this.settings.timeout === 0 ? waiting.job.poll : pollAttempt(waiting.job)
    return Effect.flatMap(Effect.zip(Effect.either(poll), monotonic), ([outcome, now]) => {
      if (Either.isRight(outcome)) {
        if (isEnded(outcome.right)) {
          this.durations.add(now - waiting.since)
          return this.tell(waiting.job, Exit.succeed(outcome.right))
        }
        waiting.status = outcome.right
        waiting.failure = undefined
        waiting.failures = 0
        return this.again(waiting, now)
      }
      const error = outcome.left
      if (isOfAll(error)) return this.failCause(Cause.fail(error))
      if (!isPassing(error)) return this.tell(waiting.job, Exit.fail(error))
      waiting.failure = error
      if (waiting.failures++ === 0) waiting.failingSince = now
      if (waiting.failures >= patience.failures && now - waiting.failingSince >= patience.ms) {
        return this.tell(waiting.job, Exit.fail(error))
      }
      if (error._tag === "RateLimitError") this.notBefore = Math.max(this.notBefore, now + pollDelay(error))
      return this.again(waiting, now)
    })
  }

  private tell(job: J, outcome: Exit.Exit<JobEnded<A>, CallError>): Effect.Effect<void> {
    return Effect.map(this.told.offer({ job, outcome }), () => {
      this.untold.delete(job.executionId)
    })
  }

  private again(waiting: Waiting<J, A>, now: number): Effect.Effect<void> {
    if (this.settings.timeout === 0) return Effect.void
    const push = (delay: number) => {
      waiting.due = now + Math.max(delay, pollDelay(waiting.failure))
      this.dueJobs.push(waiting)
    }
    const { job, next, status } = waiting
    if (next === undefined) return Effect.sync(() => push(this.delayAt(now - waiting.since)))
    return Effect.flatMap(next(status ?? pending(job.executionId)), (delay) =>
      delay === undefined
        ? this.tell(job, Exit.fail(gaveUp({ executionId: job.executionId }, method, waiting, scheduleEnded)))
        : Effect.sync(() => push(delay)))
  }

  /** A quarter of its age; more while it is younger than most that have ended were. */
  private delayAt(age: number): number {
    return Math.max(Math.min(Math.max(age / 4, shortest), longest), Math.min(this.durations.typical - age, longest))
  }
}

const rulesOf = <A>(): InputRules<WaitAllOptions<A>, WaitAllOptions<A>> => ({
  field: "options",
  pick: (given) => ({
    timeout: given.timeout,
    schedule: given.schedule,
    concurrency: given.concurrency,
    rate: takeRate(given.rate)
  }),
  check: ({ concurrency, rate, schedule, timeout }) =>
    checkDuration("timeout", timeout) ??
      checkSchedule("schedule", schedule) ??
      checkCount("concurrency", concurrency, 1) ??
      checkRate(rate)
})

const notJobs = problem("jobs", "must be jobs, as submit and attach give them")

const checkJob = (job: unknown): Problem | undefined =>
  Predicate.isRecord(job) && Effect.isEffect(job["poll"]) && typeof job["executionId"] === "string"
    ? undefined
    : notJobs

/** The jobs of an iterable, read once. */
const takeJobs = <J>(jobs: Iterable<J>): Either.Either<ReadonlyArray<J>, InvalidRequestError> =>
  guarded(method, "jobs", () => {
    const all = Predicate.isIterable(jobs) && typeof jobs !== "string" ? Array.from(jobs) : undefined
    const found = all === undefined ? notJobs : all.map(checkJob).find(Predicate.isNotUndefined)
    return all === undefined || found !== undefined
      ? Either.left(invalid(method, notJobs.field, notJobs.reason))
      : Either.right(all)
  })

const isStream = <J, E, R>(
  jobs: Iterable<J> | Stream.Stream<J, E, R>
): jobs is Stream.Stream<J, E, R> => Predicate.hasProperty(jobs, Stream.StreamTypeId)

/** Streams may open where interruption waits, but what goes on in their scope must end with it. */
const inBackground = <R>(self: Effect.Effect<void, never, R>) => Effect.forkScoped(Effect.interruptible(self))

/** The stream `Job.waitAll`. */
export const waitAll = <J extends Pollable<A>, A, E, R>(
  jobs: Iterable<J> | Stream.Stream<J, E, R>,
  given: WaitAllOptions<A>
): Stream.Stream<Outcome<J, A>, CallError | E, R> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const { concurrency, rate, schedule, timeout } = yield* take(method, rulesOf<A>(), given)
    const known = isStream(jobs) ? [] : yield* takeJobs(jobs)
    const told = yield* Mailbox.make<Outcome<J, A>, CallError | E>({ capacity: outcomesHeld })
    const waiting = new WaitAll<J, A, E>({
      timeout: timeout === undefined ? Infinity : toMillis(timeout) ?? Infinity,
      schedule,
      concurrency: concurrency ?? defaults.concurrency,
      rate: resolveRate(rate ?? defaults.rate)
    }, told)
    const now = yield* monotonic
    for (const job of known) waiting.add(job, now)
    if (isStream(jobs)) {
      yield* inBackground(waiting.follow(jobs))
    } else waiting.close()
    yield* inBackground(waiting.run)
    return Mailbox.toStream(told)
  }))
