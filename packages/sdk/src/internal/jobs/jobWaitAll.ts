/**
 * Waiting for many jobs: which of them is polled when.
 *
 * @see docs/wire.md#polls
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Mailbox from "effect/Mailbox"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { CallError } from "../../NoukaiError.js"
import { type Checked, invalid, readable } from "../core/makeError.js"
import { monotonic, timeLimit, toMillis } from "../core/time.js"
import * as Limiter from "../http/limiter.js"
import { type Rate, resolveRate } from "../http/limiter.js"
import { pollDelay, scheduleDriver } from "../http/retry.js"
import { callbackOfHandle } from "../kit/callback.js"
import { clientClosed } from "../kit/repeatability.js"
import * as CallOptions from "../options/callOptions.js"
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
   * ends gives up its job. Default: a quarter of the time since the wait for the job began, at least 2 seconds and at
   * most a minute.
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

const waitAllOptions = CallOptions.decoder<WaitAllOptions<never>>("options", () => ({
  timeout: CallOptions.duration,
  schedule: CallOptions.schedule,
  concurrency: CallOptions.count(1),
  rate: CallOptions.rate
}))

/** A job, and how waiting for it ended. */
interface Outcome<J, A> {
  readonly job: J
  readonly outcome: Exit.Exit<JobPoll.JobEnded<A>, CallError>
}

/** Whether an error is of all jobs: each of them would meet it. */
const isOfAll = (error: CallError): boolean =>
  error._tag === "AuthenticationError" || (error._tag === "APIConnectionError" && error.code === clientClosed)

/** The jobs of an iterable, read once. */
function takeJobs<J>(jobs: Iterable<J>): Checked<ReadonlyArray<J>> {
  return readable(method, "jobs", () => {
    const all = Predicate.isIterable(jobs) && typeof jobs !== "string" ? Array.from(jobs) : undefined
    return all?.every(JobPoll.isPollable) === true
      ? Either.right(all)
      : Either.left(invalid(method, "jobs", "must be jobs, as submit and attach return them"))
  })
}

const isStream = <J, E, R>(
  jobs: Iterable<J> | Stream.Stream<J, E, R>
): jobs is Stream.Stream<J, E, R> => Predicate.hasProperty(jobs, Stream.StreamTypeId)

function sourceOf<J, E, R>(jobs: Iterable<J> | Stream.Stream<J, E, R>): Checked<Stream.Stream<J, E, R>> {
  return readable(
    method,
    "jobs",
    () => isStream(jobs) ? Either.right(jobs) : Either.map(takeJobs(jobs), Stream.fromIterable)
  )
}

/** A wait for many jobs. */
interface Wait<J, A, E> {
  /** The limit of the whole wait, in milliseconds. 0: each job is polled once. */
  readonly timeout: number
  readonly schedule: WaitAllOptions<A>["schedule"]
  readonly outcomes: Mailbox.Mailbox<Outcome<J, A>, CallError | E>
  readonly limiter: Effect.Effect.Success<ReturnType<typeof Limiter.make>>
  /** A fiber for each job: a stream for each would take five times the memory. */
  readonly fibers: FiberSet.FiberSet
  /** The ids of the jobs without an outcome. */
  readonly open: Set<string>
  begun: number
  /** The source of jobs has ended. */
  allBegun: boolean
  /** The instant before which the server wants no poll. */
  notBefore: number
  /** An error of all jobs has ended the wait. */
  isOver: boolean
}

const offer = <J extends JobPoll.Pollable<A>, A, E>(wait: Wait<J, A, E>, job: J, outcome: Outcome<J, A>["outcome"]) =>
  Effect.map(wait.outcomes.offer({ job, outcome }), () => {
    wait.open.delete(job.executionId)
  })

/** Polls a job when its turn comes. A slow reader slows the polls down, because the turn ends after the offer. */
const pollInTurn = <J extends JobPoll.Pollable<A>, A, E>(wait: Wait<J, A, E>, job: J) => {
  const { leave, turn } = wait.limiter.request(true, Effect.never)
  // a retry of the client would hide a 429 from the polls of the other jobs
  const poll = wait.timeout === 0 ? job.poll() : job.poll({ retry: Schedule.stop })
  const pause = JobPoll.pauseOfHandle(job)
  return Effect.gen(function*() {
    yield* turn
    // a pause that is cut short means a closed client, and the poll fails with that
    while (wait.notBefore > (yield* monotonic) && (yield* pause(wait.notBefore - (yield* monotonic)))) {
      yield* wait.limiter.request(false, Effect.never).turn
    }
    const status = yield* Effect.tapErrorTag(poll, "RateLimitError", (error) =>
      Effect.map(monotonic, (now) => {
        wait.notBefore = Math.max(wait.notBefore, now + pollDelay(error))
      }))
    if (JobPoll.isEnded(status)) yield* offer(wait, job, Exit.succeed(status))
    return status
  }).pipe(
    Effect.tapError((error) =>
      Effect.sync(() => {
        wait.isOver ||= isOfAll(error)
      })
    ),
    // no other poll begins after an error of all jobs
    Effect.ensuring(Effect.suspend(() => wait.isOver ? Effect.void : Effect.sync(leave)))
  )
}

/** Polls a job until it ends, and offers its outcome. */
const waitFor = <J extends JobPoll.Pollable<A>, A, E>(wait: Wait<J, A, E>, job: J) =>
  Effect.gen(function*() {
    const since = yield* monotonic
    const own: JobPoll.PollRules<A> = {
      executionId: job.executionId,
      poll: pollInTurn(wait, job),
      next: wait.schedule === undefined
        ? () => Effect.map(monotonic, (now) => Math.min(Math.max((now - since) / 4, shortest), longest))
        : scheduleDriver(wait.schedule),
      pause: JobPoll.pauseOfHandle(job),
      patience
    }
    const rules = wait.timeout === 0
      ? own
      : JobPoll.awaitingNudge(own, callbackOfHandle(job), wait.schedule !== undefined)
    let seen = yield* JobPoll.nextPoll(rules, undefined)
    while (wait.open.has(job.executionId)) {
      if (wait.timeout === 0) return
      const next = yield* JobPoll.nextPoll(rules, Option.getOrUndefined(seen))
      if (Option.isNone(next)) return yield* JobPoll.gaveUp(job, method, Option.getOrUndefined(seen))
      seen = next
    }
  }).pipe(
    Effect.catchAll((error) => isOfAll(error) ? Effect.fail(error) : offer(wait, job, Exit.fail(error))),
    Effect.catchAllCause((cause) => wait.outcomes.failCause(cause))
  )

/** Begins a fiber for each job of the source, and waits for all of them. */
const waitForEach = <J extends JobPoll.Pollable<A>, A, E, R>(wait: Wait<J, A, E>, source: Stream.Stream<J, E, R>) =>
  Stream.runForEach(source, (job) =>
    Effect.gen(function*() {
      yield* takeJobs([job])
      if (wait.open.has(job.executionId)) return
      wait.open.add(job.executionId)
      wait.begun++
      yield* FiberSet.run(wait.fibers, waitFor(wait, job))
    })).pipe(Effect.zipRight(Effect.suspend(() => {
      wait.allBegun = true
      return FiberSet.awaitEmpty(wait.fibers)
    })))

const end = <J, A, E>({ allBegun, begun, open, outcomes }: Wait<J, A, E>, detail: string) => {
  if (open.size === 0 && allBegun) return outcomes.end
  const rest = open.size === 0
    ? `the source of jobs has not ended, and its ${begun} jobs so far have`
    : `${open.size} of ${begun} jobs have not ended`
  return outcomes.fail(JobPoll.gaveUp({}, method, undefined, `${detail}; ${rest}`))
}

/** The stream `Job.waitAll`. */
export const waitAll = <J extends JobPoll.Pollable<A>, A, E, R>(
  jobs: Iterable<J> | Stream.Stream<J, E, R>,
  given: WaitAllOptions<A>
): Stream.Stream<Outcome<J, A>, CallError | E, R> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const { concurrency = 8, rate = 20, schedule, timeout: limit } = yield* waitAllOptions(method, given)
    const source = yield* sourceOf(jobs)
    const timeout = toMillis(limit) ?? Infinity
    const wait: Wait<J, A, E> = {
      timeout,
      schedule,
      outcomes: yield* Mailbox.make<Outcome<J, A>, CallError | E>({ capacity: outcomesHeld }),
      limiter: yield* Limiter.make({ maxConcurrency: concurrency, rate: resolveRate(rate) }),
      fibers: yield* FiberSet.make(),
      open: new Set(),
      begun: 0,
      allBegun: false,
      notBefore: 0,
      isOver: false
    }
    const all = waitForEach(wait, source)
    const ended = timeout === 0 || timeout === Infinity
      ? Effect.as(all, "after one poll of each")
      : timeLimit(Effect.as(all, ""), timeout, Effect.as(FiberSet.clear(wait.fibers), `after ${timeout} ms`))
    // streams may open where interruption waits, but the polls must end with the stream
    yield* Effect.forkScoped(Effect.interruptible(Effect.matchCauseEffect(ended, {
      onFailure: (cause) => wait.outcomes.failCause(cause),
      onSuccess: (detail) => end(wait, detail)
    })))
    return Mailbox.toStream(wait.outcomes)
  }))
