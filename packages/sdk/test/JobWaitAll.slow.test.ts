/** Waiting for many jobs: which is polled when, and what comes out of it. */
import * as Emulators from "@effect-noukai/emulator/Emulator"
import {
  APITimeoutError,
  AuthenticationError,
  Flow,
  InvalidRequestError,
  type Job as JobHandle,
  JobService,
  Noukai
} from "@effect-noukai/sdk"
import * as Job from "@effect-noukai/sdk/Job"
import * as Jobs from "@effect-noukai/sdk/JobService"
import { layerTransport } from "@effect-noukai/sdk/NoukaiHttp"
import { assert, describe, it } from "@effect/vitest"
import {
  Chunk,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  FiberId,
  Layer,
  Option,
  Schedule,
  Schema,
  Scope,
  Stream
} from "effect"
import type { HttpTransport, TextResponse } from "../src/internal/http/HttpTransport.js"
import { config } from "./support/client.js"
import { HandClock, turn } from "./support/clock.js"
import { size } from "./support/size.js"
import { servicesOver, transports } from "./support/transports.js"
import * as Wire from "./support/WireServer.js"

const minute = 60_000
const hour = 60 * minute

type Answer = readonly [status: number, body: unknown, headers?: Record<string, string>]

const running: Answer = [200, { status: "running" }]
const completed: Answer = [200, { status: "completed", result: 1 }]

interface Poll {
  readonly id: string
  readonly at: number
}

/** A server of jobs in virtual time, which goes on whenever all that runs is asleep. */
const world = (answer: (id: string, now: number, polls: number) => Answer | "silence", maxRetries = 0) => {
  const clock = new HandClock()
  const polls: Array<Poll> = []
  const counts = new Map<string, number>()
  let open = 0
  let most = 0
  const transport: HttpTransport = {
    send: ({ path }) =>
      Effect.suspend(() => {
        const id = path.slice(path.lastIndexOf("/") + 1)
        const now = clock.unsafeCurrentTimeMillis()
        const n = (counts.get(id) ?? 0) + 1
        counts.set(id, n)
        polls.push({ id, at: now })
        const given = answer(id, now, n)
        most = Math.max(most, ++open)
        const [status, body, headers = {}] = given === "silence" ? [0, undefined] : given
        const response: TextResponse = { status, text: JSON.stringify(body), header: (name) => headers[name] }
        return Effect.ensuring(
          given === "silence" ? Effect.never : Effect.as(Effect.yieldNow(), response),
          Effect.sync(() => open--)
        )
      }),
    open: () => Effect.dieMessage("no streams here"),
    pause: (ms) => Effect.as(Effect.sleep(ms), true)
  }
  const layer = Jobs.layer.pipe(
    Layer.provide(layerTransport(() => Effect.succeed(transport))),
    Layer.provide(
      config({
        baseUrl: "http://127.0.0.1:1/api/v1",
        connectTimeout: Duration.infinity,
        attemptTimeout: Duration.infinity,
        maxRetries
      })
    )
  )
  /** Runs to the end of the effect, and notes when each outcome was told. */
  const run = <A, E>(effect: Effect.Effect<A, E, JobService>) =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(effect)
      while (fiber.unsafePoll() === null) {
        yield* turn
        if (clock.sleeping > 0) clock.wakeNext()
      }
      return yield* Fiber.join(fiber)
    }).pipe(Effect.provide(layer), Effect.withClock(clock))
  return { clock, counts, now: () => clock.unsafeCurrentTimeMillis(), polls, run, most: () => most }
}

const attached = <A = unknown>(ids: ReadonlyArray<string>, flow: Flow.FlowRef<never, A> = "a/b/c") =>
  Effect.flatMap(JobService, (jobs) => Effect.forEach(ids, (id) => jobs.attach(flow, id)))

const idsOf = (count: number): ReadonlyArray<string> => Array.from({ length: count }, (_, n) => `ex-${n}`)

const told = (outcomes: Iterable<Job.JobOutcome>) =>
  [...outcomes].map(({ job, outcome }) => [
    job.executionId,
    Exit.match(outcome, {
      onFailure: (cause) => cause._tag === "Fail" ? cause.error._tag : cause._tag,
      onSuccess: ({ status }) => status
    })
  ])

const waitFor = (ids: ReadonlyArray<string>, options?: Job.WaitAllOptions) =>
  Effect.flatMap(attached(ids), (jobs) => Stream.runCollect(Job.waitAll(jobs, options)))

describe("how often", () => {
  it.live("thousands of jobs that end over an hour: each told once, with no more polls than the rate allows", () => {
    const count = size(10_000, 200)
    const perSecond = size(5, 1)
    // in no order of their ids
    const endsAt = (id: string) => (Number(id.slice(3)) * 7919 % count) * hour / count
    const { most, now, polls, run } = world((id, now) => now >= endsAt(id) ? completed : running)
    return Effect.gen(function*() {
      const late: Array<number> = []
      const seen = new Set<string>()
      yield* run(
        Effect.flatMap(
          attached(idsOf(count)),
          (jobs) =>
            Stream.runForEach(Job.waitAll(jobs, { rate: perSecond }), ({ job, outcome }) =>
              Effect.sync(() => {
                assert.isTrue(Exit.isSuccess(outcome))
                seen.add(job.executionId)
                late.push(now() - endsAt(job.executionId))
              }))
        )
      )
      assert.strictEqual(seen.size, count)
      assert.lengthOf(late, count)
      assert.isAtLeast(Math.min(...late), 0)
      // all are asked in turn, which takes the longer the more of them run
      const around = count / perSecond * 1000
      assert.isAtMost(Math.max(...late), around + minute)
      assert.isAtMost(now(), hour + around)
      assert.isAtMost(polls.length, perSecond * (now() / 1000 + 1))
      assert.isAtMost(polls.length, size(4, 20) * count)
      assert.deepStrictEqual(polls.slice(perSecond).filter(({ at }, n) => at - polls[n]!.at < 1000), [])
      assert.isAtMost(most(), 8)
    })
  })

  it.live("a job is polled the less often the longer it takes, and at least once a minute", () => {
    const endsAt = (id: string) => Number(id.slice(3)) * minute
    const { counts, now, run } = world((id, now) => now >= endsAt(id) ? completed : running)
    return Effect.gen(function*() {
      yield* run(
        Effect.flatMap(
          attached(idsOf(61)),
          (jobs) =>
            Stream.runForEach(
              Job.waitAll(jobs, { rate: 10_000 }),
              ({ job }) => Effect.sync(() => assert.isAtMost(now() - endsAt(job.executionId), minute))
            )
        )
      )
      // within the first minutes a quarter of its age, then once a minute
      for (const [id, polls] of counts) {
        const minutes = endsAt(id) / minute
        assert.isAtMost(polls, 21 + Math.max(minutes - 4, 0))
      }
      assert.isAtMost(counts.get("ex-60")!, 77)
    })
  })

  it.live("a job that comes later is polled at once, whatever the others took", () => {
    const began = new Map<string, number>()
    const { counts, now, polls, run } = world((id, now) => now - began.get(id)! >= 40_000 ? completed : running)
    return Effect.gen(function*() {
      const submitted = Stream.fromIterable(idsOf(20)).pipe(
        Stream.schedule(Schedule.spaced("10 seconds")),
        Stream.mapEffect((id) =>
          Effect.suspend(() => {
            began.set(id, now())
            return Effect.map(attached([id]), ([job]) => job!)
          })
        )
      )
      const outcomes = yield* run(Effect.flatMap(
        JobService,
        (jobs) => Stream.runCollect(Job.waitAll(Stream.provideService(submitted, JobService, jobs)))
      ))
      assert.strictEqual(Chunk.size(outcomes), 20)
      for (const id of idsOf(20)) {
        assert.strictEqual(polls.find((poll) => poll.id === id)!.at, began.get(id))
        assert.strictEqual(counts.get(id), counts.get("ex-0"))
      }
    })
  })

  it.live("a schedule of one's own is walked for each job; one that ends gives up its job", () => {
    const { polls, run } = world((id, now) => id === "ex-0" && now >= 4000 ? completed : running)
    return Effect.gen(function*() {
      const outcomes = yield* run(
        waitFor(["ex-0", "ex-1"], { schedule: Schedule.intersect(Schedule.spaced("2 seconds"), Schedule.recurs(3)) })
      )
      assert.deepStrictEqual(told(outcomes), [["ex-0", "completed"], ["ex-1", "APITimeoutError"]])
      assert.deepStrictEqual(polls.filter(({ id }) => id === "ex-1").map(({ at }) => at), [0, 2000, 4000, 6000])
      const last = Chunk.unsafeLast(outcomes).outcome
      const error = Option.getOrThrow(Exit.causeOption(last))
      assert.deepInclude(error._tag === "Fail" ? error.error : error, {
        clock: "wait",
        executionId: "ex-1",
        lastStatus: "running",
        detail: "the schedule has ended; last seen \"running\""
      })
    })
  })

  it.live("whoever reads slowly slows down the polling", () => {
    const { polls, run } = world(() => completed)
    return Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      let read = 0
      const outcomes = yield* run(Effect.flatMap(attached(idsOf(500)), (jobs) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(Stream.runCollect(
            Stream.tap(Job.waitAll(jobs, { rate: 100_000 }), () => {
              read++
              return Deferred.await(gate)
            })
          ))
          yield* Effect.repeatN(turn, 50)
          assert.strictEqual(read, 1)
          // what was read at once, what is held, and the polls under way
          assert.isAtMost(polls.length, 16 + 16 + 8)
          yield* Deferred.succeed(gate, void 0)
          return yield* Fiber.join(fiber)
        })))
      assert.strictEqual(Chunk.size(outcomes), 500)
      assert.lengthOf(polls, 500)
    })
  })
})

describe("what comes out", () => {
  const Score = Flow.make("a/b/c", { result: Schema.Struct({ score: Schema.Number }) })

  it.live("what ends one job does not end the others", () => {
    const answers: { readonly [id: string]: Answer } = {
      done: [200, { status: "completed", result: { score: 1 } }],
      failed: [200, { status: "failed", error: "it broke" }],
      cancelled: [200, { status: "cancelled" }],
      unfit: [200, { status: "completed", result: "none" }],
      gone: [404, { detail: { code: "JOB_NOT_FOUND" } }],
      forbidden: [403, {}],
      another: [200, { status: "completed", executionId: "ex-9", result: { score: 1 } }],
      strange: [200, { status: "sleeping", result: 1 }]
    }
    const { run } = world((id, now) => id === "late" ? now >= minute ? answers["done"]! : running : answers[id]!)
    return Effect.gen(function*() {
      const ids = [...Object.keys(answers), "late"]
      const outcomes = yield* run(
        Effect.flatMap(attached(ids, Score), (jobs) => Stream.runCollect(Job.waitAll(jobs)))
      )
      assert.deepStrictEqual(Object.fromEntries(told(outcomes)), {
        done: "completed",
        failed: "failed",
        cancelled: "cancelled",
        unfit: "UnexpectedResponseError",
        gone: "FlowNotFoundError",
        forbidden: "PermissionDeniedError",
        another: "UnexpectedResponseError",
        strange: "UnexpectedResponseError",
        late: "completed"
      })
      const { outcome } = Chunk.unsafeLast(outcomes)
      assert.deepNestedInclude(outcome, { "value.result": { score: 1 } })
    })
  })

  it.live("a poll that failed in passing is repeated; after five in a row over 300 s it is the outcome", () => {
    const { polls, run } = world((id, _, n) => id === "down" ? [502, {}] : n < 4 ? [503, {}] : completed)
    return Effect.gen(function*() {
      const outcomes = yield* run(waitFor(["shaky", "down"]))
      assert.deepStrictEqual(told(outcomes), [["shaky", "completed"], ["down", "FlowExecutionError"]])
      const down = polls.filter(({ id }) => id === "down")
      assert.isAtLeast(down.at(-1)!.at, 300_000)
      assert.isAtMost(down.at(-1)!.at, 300_000 + minute)
    })
  })

  it.live("Retry-After of a 429 delays all, by at most a minute", () => {
    const { polls, run } = world((id, now, n) =>
      id === "ex-0" && n === 1 ? [429, {}, { "retry-after": "3600" }] : now >= 10_000 ? completed : running
    )
    return Effect.gen(function*() {
      yield* run(waitFor(["ex-0", "ex-1", "ex-2"], { concurrency: 1 }))
      assert.deepStrictEqual(polls.slice(0, 2), [{ id: "ex-0", at: 0 }, { id: "ex-1", at: minute }])
    })
  })

  for (const maxRetries of [0, 1, 3]) {
    it.live(`no poll begins after a 429 before Retry-After is over, with ${maxRetries} retries of the client`, () => {
      const refusals = [[0, "3"], [4000, "12"], [20_000, "45"]] as const
      const refused = new Set<number>()
      const { polls, run } = world((_, now) => {
        const due = refusals.find(([at]) => now >= at && !refused.has(at))
        if (due === undefined) return now >= 90_000 ? completed : running
        refused.add(due[0])
        windows.push([polls.length, now, now + Number(due[1]) * 1000])
        return [429, {}, { "retry-after": due[1] }]
      }, maxRetries)
      const windows: Array<readonly [polls: number, from: number, to: number]> = []
      return Effect.gen(function*() {
        const outcomes = yield* run(waitFor(idsOf(20), { concurrency: 3 }))
        assert.isTrue(told(outcomes).every(([, outcome]) => outcome === "completed"))
        assert.lengthOf(windows, refusals.length)
        for (const [before, from, to] of windows) {
          // two more may be under way when the answer arrives
          const early = polls.slice(before).filter(({ at }) => at < to)
          assert.isAtMost(early.length, 2)
          assert.isTrue(early.every(({ at }) => at === from))
        }
      })
    })
  }

  it.live("Retry-After of another failure delays the next poll of that job alone", () => {
    const { polls, run } = world((id, now, n) =>
      id === "ex-0" && n === 1 ? [503, {}, { "retry-after": "30" }] : now >= 10_000 ? completed : running
    )
    return Effect.gen(function*() {
      yield* run(waitFor(["ex-0", "ex-1"]))
      assert.strictEqual(polls.filter(({ id }) => id === "ex-0")[1]!.at, 30_000)
      assert.strictEqual(polls.filter(({ id }) => id === "ex-1")[1]!.at, 2000)
    })
  })

  it.live("a key that is refused fails the stream, after what is known", () => {
    const { polls, run } = world((_, __, n) => polls.length < 3 && n === 1 ? completed : [401, {}])
    return Effect.gen(function*() {
      const seen: Array<string> = []
      const error = yield* run(Effect.flip(Effect.flatMap(attached(idsOf(100)), (jobs) =>
        Stream.runForEach(
          Job.waitAll(jobs, { concurrency: 1 }),
          ({ job }) => Effect.sync(() => seen.push(job.executionId))
        ))))
      assert.instanceOf(error, AuthenticationError)
      assert.deepStrictEqual(seen, ["ex-0", "ex-1"])
      assert.lengthOf(polls, 3)
    })
  })

  it.live("a job that is given twice is polled and told once; no jobs end at once", () => {
    const { polls, run } = world(() => completed)
    return Effect.gen(function*() {
      const outcomes = yield* run(waitFor(["ex-0", "ex-1", "ex-0"]))
      assert.deepStrictEqual(told(outcomes), [["ex-0", "completed"], ["ex-1", "completed"]])
      assert.lengthOf(polls, 2)
      assert.isTrue(Chunk.isEmpty(yield* run(waitFor([]))))
      const none: Stream.Stream<JobHandle> = Stream.empty
      assert.isTrue(Chunk.isEmpty(yield* run(Stream.runCollect(Job.waitAll(none)))))
    })
  })

  it.live("the failure of a stream of jobs is that of the wait, after what is known", () => {
    const { run } = world(() => completed)
    return Effect.gen(function*() {
      const outcomes: Array<string> = []
      const error = yield* run(Effect.flip(Effect.flatMap(attached(["ex-0"]), (jobs) => {
        const source = Stream.concat(
          Stream.fromIterable(jobs),
          Stream.fromEffect(Effect.zipRight(Effect.sleep("1 minute"), Effect.fail("no more")))
        )
        return Stream.runForEach(Job.waitAll(source), ({ job }) => Effect.sync(() => outcomes.push(job.executionId)))
      })))
      assert.strictEqual(error, "no more")
      assert.deepStrictEqual(outcomes, ["ex-0"])
    })
  })
})

describe("the end of the wait", () => {
  it.live("at the timeout it fails, and says how many are left; polls under way are interrupted", () => {
    const { clock, most, polls, run } = world((id) => id === "ex-0" ? completed : id === "ex-1" ? "silence" : running)
    return Effect.gen(function*() {
      const outcomes: Array<string> = []
      const error = yield* run(Effect.flip(Effect.flatMap(attached(idsOf(4)), (jobs) =>
        Stream.runForEach(
          Job.waitAll(jobs, { timeout: "10 minutes" }),
          ({ job }) => Effect.sync(() => outcomes.push(job.executionId))
        ))))
      assert.instanceOf(error, APITimeoutError)
      assert.deepInclude(error, {
        method: "Job.waitAll",
        clock: "wait",
        sent: "yes",
        isRetryable: true,
        detail: "after 600000 ms; 3 of 4 jobs have not ended"
      })
      assert.deepStrictEqual(outcomes, ["ex-0"])
      assert.strictEqual(clock.unsafeCurrentTimeMillis(), 10 * minute)
      assert.strictEqual(clock.sleeping, 0)
      assert.isTrue(polls.every(({ at }) => at < 10 * minute))
      assert.isAtMost(most(), 4)
    })
  })

  it.live("at the timeout it fails while more jobs may come, though those that came have ended", () => {
    const { run } = world(() => completed)
    return Effect.gen(function*() {
      const error = yield* run(Effect.flip(Effect.flatMap(attached(["ex-0"]), (jobs) =>
        Stream.runDrain(
          Job.waitAll(Stream.concat(Stream.fromIterable(jobs), Stream.never), { timeout: "10 minutes" })
        ))))
      assert.deepInclude(error, {
        _tag: "APITimeoutError",
        clock: "wait",
        detail: "after 600000 ms; the source of jobs has not ended, and its 1 jobs so far have"
      })
    })
  })

  it.live("a timeout of 0 polls each once", () => {
    const { counts, run } = world((id) => id === "ex-0" ? completed : running)
    return Effect.gen(function*() {
      assert.deepStrictEqual(told(yield* run(waitFor(["ex-0"], { timeout: 0 }))), [["ex-0", "completed"]])
      const error = yield* run(Effect.flip(waitFor(["ex-1", "ex-2"], { timeout: 0 })))
      assert.deepInclude(error, { clock: "wait", detail: "after one poll of each; 2 of 2 jobs have not ended" })
      assert.deepStrictEqual([...counts.values()], [1, 1, 1])
    })
  })

  it.live("interruption, and taking no more, end the polling at once", () => {
    const { clock, polls, run } = world((id) => id === "ex-0" ? completed : id === "ex-1" ? "silence" : running)
    return Effect.gen(function*() {
      const first = yield* run(
        Effect.flatMap(attached(idsOf(5)), (jobs) => Stream.runCollect(Stream.take(Job.waitAll(jobs), 1)))
      )
      assert.deepStrictEqual(told(first), [["ex-0", "completed"]])
      const asked = polls.length
      assert.strictEqual(clock.sleeping, 0)
      yield* run(Effect.flatMap(attached(["ex-3"]), (jobs) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(Stream.runDrain(Job.waitAll(jobs)))
          yield* Effect.sleep("1 second")
          yield* Fiber.interruptAs(fiber, FiberId.none)
        })))
      assert.strictEqual(clock.sleeping, 0)
      assert.lengthOf(polls, asked + 1)
    })
  })

  it.live("closing the scope of its pull ends the polling too", () => {
    const { clock, polls, run } = world(() => running)
    return Effect.gen(function*() {
      yield* run(Effect.flatMap(attached(["ex-0"]), (jobs) =>
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          const pull = yield* Scope.extend(Stream.toPull(Job.waitAll(jobs)), scope)
          const fiber = yield* Effect.fork(pull)
          yield* Effect.sleep("1 second")
          yield* Fiber.interrupt(fiber)
          yield* Scope.close(scope, Exit.void)
        })))
      assert.strictEqual(clock.sleeping, 0)
      assert.lengthOf(polls, 1)
    })
  })

  it.scopedLive("closing the client ends it, whoever sleeps", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.json(200, { status: "running" }))
      const scope = yield* Scope.make()
      const services = yield* servicesOver(transports[0]!, server, {}, scope)
      const fiber = yield* Effect.fork(
        Effect.provide(waitFor(["ex-0"], { schedule: Schedule.spaced("1 hour") }), services)
      )
      yield* server.arrived(1)
      yield* Effect.repeatN(turn, 20)
      yield* Scope.close(scope, Exit.void)
      const error = yield* Effect.flip(Fiber.join(fiber))
      assert.deepInclude(error, { _tag: "APIConnectionError", code: "CLIENT_CLOSED" })
      assert.lengthOf(server.requests, 1)
    }))

  const wrong: ReadonlyArray<readonly [what: string, jobs: unknown, options: unknown, field: string]> = [
    ["no jobs", undefined, {}, "jobs"],
    ["text", "ex-0", {}, "jobs"],
    ["ids", ["ex-0"], {}, "jobs"],
    ["what only looks like jobs", [{ executionId: "ex-0", poll: 1 }], {}, "jobs"],
    ["a stream of ids", Stream.make("ex-0"), {}, "jobs"],
    [
      "an iterable that throws",
      {
        [Symbol.iterator]: () => {
          throw new Error("no")
        }
      },
      {},
      "jobs"
    ],
    ["options that are none", [], null, "options"],
    ["a clock of less than nothing", [], { timeout: -1 }, "timeout"],
    ["a schedule that is none", [], { schedule: {} }, "schedule"],
    ["no place", [], { concurrency: 0 }, "concurrency"],
    ["a rate of nothing", [], { rate: 0 }, "rate"],
    ["a rate without an interval", [], { rate: { limit: 1 } }, "rate.interval"]
  ]
  for (const [what, jobs, options, field] of wrong) {
    it.effect(`refused: ${what}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Stream.runDrain(Job.waitAll(jobs as never, options as never)))
        assert.instanceOf(error, InvalidRequestError)
        assert.deepInclude(error, { method: "Job.waitAll", field })
      }))
  }
})

it.scopedLive("60 jobs of the emulator, over sockets", () =>
  Effect.gen(function*() {
    const jobs = yield* JobService
    const handles = yield* Effect.forEach(
      Array.from({ length: 60 }, (_, n) => n),
      (n) => jobs.submit(n % 10 === 0 ? "acme/test/failing" : "acme/test/brief", { message: `${n}` }),
      { concurrency: 8 }
    )
    const outcomes = yield* Stream.runCollect(
      Job.waitAll(handles, { schedule: Schedule.spaced("5 millis"), rate: 10_000 })
    )
    const statuses = told(outcomes).map(([, status]) => status)
    assert.lengthOf(statuses.filter((status) => status === "completed"), 54)
    assert.lengthOf(statuses.filter((status) => status === "failed"), 6)
    assert.strictEqual(new Set(told(outcomes).map(([id]) => id)).size, 60)
  }).pipe(Effect.provide(Layer.provideMerge(
    Noukai.layerServices,
    Emulators.layer({
      flows: [
        { ref: "acme/test/brief", steps: [{ kind: "template", id: "a", output: 1, duration: "5 millis" }] },
        { ref: "acme/test/failing", steps: [{ kind: "fail", id: "a", code: "X", message: "it broke" }] }
      ]
    })
  ))))
