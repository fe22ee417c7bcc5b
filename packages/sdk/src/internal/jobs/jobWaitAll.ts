/**
 * Waiting for many jobs: which of them is polled when.
 *
 * @see contract 8.4
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Mailbox from "effect/Mailbox"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Predicate from "effect/Predicate"
import * as RedBlackTree from "effect/RedBlackTree"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CallError, InvalidRequestError } from "../../NoukaiError.js"
import { invalid } from "../core/makeError.js"
import { monotonic, timeLimit, toMillis } from "../core/time.js"
import * as Limiter from "../http/limiter.js"
import { type Rate, resolveRate } from "../http/limiter.js"
import { clientClosed, pollDelay, scheduleDriver } from "../http/retry.js"
import * as Fields from "../options/fields.js"
import { options } from "../options/options.js"
import { delayAfter, gaveUp, pollAfter, type PollOutcome, type PollRules, scheduleEnded } from "./jobPoll.js"
import { isEnded, type JobEnded, type JobStatus } from "./jobStatus.js"
import { isPollable, pauseOfHandle, type Pollable, pollAttempt } from "./pollable.js"

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

/**
 * A job that has not ended, as far as is known. A fiber and a stream for each would take fifty times the memory, so that
 * only polls have them.
 */
interface PendingJob<J, A> {
  readonly job: J
  readonly since: number
  readonly rules: PollRules<A>
  seen: PollOutcome<A> | undefined
}

/** The instant of a poll, and its place among those of the same instant. */
type Due = readonly [due: number, turn: number]

/** Whether an error is of all jobs: each of them would meet it. */
const isOfAll = (error: CallError): boolean =>
  error._tag === "AuthenticationError" || (error._tag === "APIConnectionError" && error.code === clientClosed)

class WaitAll<J extends Pollable<A>, A, E> {
  private dueJobs = RedBlackTree.empty<Due, PendingJob<J, A>>(Order.tuple(Order.number, Order.number))
  /** The ids of the jobs whose outcome has not been told. */
  private readonly untold = new Set<string>()
  private readonly durations = new Durations()
  private readonly latch = Effect.unsafeMakeLatch()
  private given = 0
  private turns = 0
  private underWay = 0
  private allGiven = false
  private isOver = false
  /** The instant before which the server wants no poll. */
  private notBefore = 0

  constructor(
    private readonly schedule: WaitAllOptions<A>["schedule"],
    /** Milliseconds; `Infinity`: none. */
    private readonly timeout: number,
    private readonly limits: Parameters<typeof Limiter.make>[0],
    private readonly told: Mailbox.Mailbox<Outcome<J, A>, CallError | E>
  ) {}

  /** Adds a job, unless it is waited for already. */
  add(job: J, now: number): void {
    const { schedule } = this
    const { executionId } = job
    if (this.untold.has(executionId)) return
    this.untold.add(executionId)
    this.given++
    const rules: PollRules<A> = {
      executionId,
      // a retry of the client would hide a 429 from the polls of the other jobs
      poll: this.timeout === 0 ? job.poll : Effect.suspend(() => pollAttempt(job)),
      next: schedule === undefined
        ? () => Effect.map(monotonic, (later) => this.delayAt(later - now))
        : scheduleDriver(schedule),
      patience
    }
    // one that comes later has probably just been submitted, and will take as long as the others
    const due = schedule === undefined ? now + Math.min(this.durations.typical, longest) : now
    this.push({ job, since: now, rules, seen: undefined }, due)
  }

  private push(waiting: PendingJob<J, A>, due: number): void {
    this.dueJobs = RedBlackTree.insert(this.dueJobs, [due, this.turns++], waiting)
    this.latch.unsafeOpen()
  }

  /** No job follows. */
  close(): void {
    this.allGiven = true
    this.latch.unsafeOpen()
  }

  failCause(cause: Cause.Cause<CallError | E>): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.isOver = true
      this.latch.unsafeOpen()
      return this.told.failCause(cause)
    })
  }

  /** Polls until all have ended, or the time is over. */
  readonly run: Effect.Effect<void> = Effect.suspend(() => {
    const { timeout } = this
    const polling = Effect.scoped(this.polling)
    const timed = timeout === 0 || timeout === Infinity
      ? Effect.as(polling, "after one poll of each")
      : timeLimit(Effect.as(polling, ""), timeout, Effect.succeed(`after ${timeout} ms`))
    return Effect.flatMap(timed, (detail) => {
      const { given, untold } = this
      if (untold.size === 0 && this.allGiven) return this.told.end
      const rest = untold.size === 0
        ? `the source of jobs has not ended, and its ${given} jobs so far have`
        : `${untold.size} of ${given} jobs have not ended`
      return this.told.fail(gaveUp({}, method, undefined, `${detail}; ${rest}`))
    })
  })

  private readonly polling: Effect.Effect<void, never, Scope.Scope> = Effect.gen(this, function*() {
    const limiter = yield* Limiter.make(this.limits)
    const scope = yield* Effect.scope
    while (!this.isOver) {
      this.latch.unsafeClose()
      const first = Option.getOrUndefined(RedBlackTree.first(this.dueJobs))
      if (first === undefined) {
        if (this.allGiven && this.underWay === 0) return
        yield* this.latch.await
        continue
      }
      const [due, waiting] = first
      // whole milliseconds, so that a sleep is never too short by a rounding error
      const wait = Math.ceil(Math.max(due[0], this.notBefore) - (yield* monotonic))
      if (wait > 0 && (yield* Effect.raceFirst(pauseOfHandle(waiting.job)(wait), Effect.as(this.latch.await, true)))) {
        continue
      }
      // where the pause did not end by itself the client is closed, as the poll will tell
      if (wait > 0) this.notBefore = 0
      const { leave, turn } = limiter.request(true, Effect.never)
      yield* turn
      // a poll that ended in the meantime may have been refused
      if (this.isOver || this.notBefore > (yield* monotonic)) {
        yield* leave
        continue
      }
      this.dueJobs = RedBlackTree.removeFirst(this.dueJobs, due)
      this.underWay++
      const ended = Effect.sync(() => {
        this.underWay--
        this.latch.unsafeOpen()
      })
      yield* this.poll(waiting).pipe(
        Effect.catchAllCause((cause) => this.failCause(cause)),
        Effect.ensuring(Effect.zipRight(leave, ended)),
        Effect.forkIn(scope)
      )
    }
  })

  private poll(waiting: PendingJob<J, A>): Effect.Effect<void, CallError> {
    const { job, rules, since } = waiting
    const polled = Effect.tapError(rules.poll, (error) =>
      error._tag === "RateLimitError"
        ? Effect.map(monotonic, (now) => {
          this.notBefore = Math.max(this.notBefore, now + pollDelay(error))
        })
        : Effect.void)
    return Effect.gen(this, function*() {
      const seen = yield* pollAfter(waiting.seen, { ...rules, poll: polled })
      const now = yield* monotonic
      if (seen.failure === undefined && seen.status !== undefined && isEnded(seen.status)) {
        this.durations.add(now - since)
        return yield* this.tell(job, Exit.succeed(seen.status))
      }
      if (this.timeout === 0) return
      waiting.seen = seen
      const delay = yield* delayAfter(seen, rules)
      if (delay === undefined) return yield* gaveUp(job, method, seen, scheduleEnded)
      this.push(waiting, now + delay)
    }).pipe(
      Effect.catchAll((error) => isOfAll(error) ? Effect.fail(error) : this.tell(job, Exit.fail(error)))
    )
  }

  private tell(job: J, outcome: Exit.Exit<JobEnded<A>, CallError>): Effect.Effect<void> {
    return Effect.map(this.told.offer({ job, outcome }), () => {
      this.untold.delete(job.executionId)
    })
  }

  /** A quarter of its age; more while it is younger than most that have ended were. */
  private delayAt(age: number): number {
    return Math.max(Math.min(Math.max(age / 4, shortest), longest), Math.min(this.durations.typical - age, longest))
  }
}

const waitAllOptions = options<WaitAllOptions<never>>("options", () => ({
  timeout: Fields.duration,
  schedule: Fields.schedule,
  concurrency: Fields.count(1),
  rate: Fields.rate
}))

/** The jobs of an iterable, read once. */
const takeJobs = <J>(jobs: Iterable<J>): Either.Either<ReadonlyArray<J>, InvalidRequestError> => {
  const wrong = (cause?: unknown) =>
    invalid(method, "jobs", "must be jobs, as submit and attach return them", { cause })
  if (!Predicate.isIterable(jobs) || typeof jobs === "string") return Either.left(wrong())
  return Either.filterOrLeft(
    Either.try({ try: () => Array.from(jobs), catch: wrong }),
    (all) => all.every(isPollable),
    () => wrong()
  )
}

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
    const { concurrency = 8, rate = 20, schedule, timeout } = yield* waitAllOptions(method, given)
    const told = yield* Mailbox.make<Outcome<J, A>, CallError | E>({ capacity: outcomesHeld })
    const limits = { maxConcurrency: concurrency, rate: resolveRate(rate) }
    const waiting = new WaitAll<J, A, E>(schedule, toMillis(timeout) ?? Infinity, limits, told)
    const add = (job: J) => Effect.map(monotonic, (now) => waiting.add(job, now))
    const close = Effect.sync(() => waiting.close())
    if (isStream(jobs)) {
      const following = Stream.runForEach(jobs, (job) => Effect.zipRight(takeJobs([job]), add(job)))
      yield* inBackground(Effect.matchCauseEffect(following, {
        onFailure: (cause) => waiting.failCause(cause),
        onSuccess: () => close
      }))
    } else {
      yield* Effect.forEach(yield* takeJobs(jobs), add, { discard: true })
      yield* close
    }
    yield* inBackground(waiting.run)
    return Mailbox.toStream(told)
  }))
