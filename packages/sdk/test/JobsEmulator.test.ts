/** Jobs and traces against the emulator: queue, worker, row delay, cancelled and failing jobs, attempts, loops, capture. */
import { Emulator, type Flow as EmulatedFlow, samples } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import { Flow, FlowService, JobService, Noukai, RunService, Trace } from "@effect-noukai/sdk"
import * as Job from "@effect-noukai/sdk/Job"
import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Chunk, Effect, Fiber, Layer, Schedule, Schema, Stream, TestClock } from "effect"
import { sleepingUntil, turn } from "./support/clock.js"

const flows: ReadonlyArray<EmulatedFlow> = [
  ...samples,
  {
    ref: "acme/test/slow",
    steps: [
      { kind: "template", id: "a", output: 1, duration: "3 seconds", costUsd: "0.1" },
      { kind: "template", id: "b", output: { late: true }, duration: "4 seconds", costUsd: "0.2" }
    ]
  },
  { ref: "acme/test/failing", steps: [{ kind: "fail", id: "a", code: "X", message: "it broke", status: 502 }] },
  {
    ref: "acme/test/flaky",
    capture: "full",
    steps: [{
      kind: "template",
      id: "a",
      output: "ok",
      duration: 10,
      costUsd: "0.00031",
      failsFirst: { times: 2, code: "BUSY", message: "later" }
    }]
  },
  {
    ref: "acme/test/loop",
    capture: "full",
    steps: [{
      kind: "loop",
      id: "each",
      over: ["x", "y"],
      steps: [{ kind: "template", id: "in", output: { at: "{{loop.item}}" }, failsFirst: { times: 1 } }]
    }]
  },
  { ref: "acme/test/off", capture: "off", steps: [{ kind: "template", id: "a", output: 1 }] },
  {
    ref: "acme/test/hidden",
    capture: "redacted",
    steps: [{ kind: "template", id: "a", output: { text: "bob@example.com" } }]
  }
]

const setup = (options: Emulators.Options = {}) =>
  Layer.provideMerge(Noukai.layerServices, Emulators.layer({ flows, ...options }))

const pollInstants = Effect.map(
  Effect.flatMap(Emulator, (emulator) => emulator.ledger),
  (ledger) => ledger.requests.filter((request) => request.endpoint === "pollJob").map((request) => request.receivedAt)
)

/** Lets a wait go from poll to poll, as the server sees them. */
const walk = (instants: ReadonlyArray<number>) =>
  Effect.forEach(
    instants,
    (instant) => Effect.zipRight(instant === 0 ? Effect.void : sleepingUntil(instant), TestClock.setTime(instant)),
    {
      discard: true
    }
  )

const sleepersUntil = (instant: number) =>
  Effect.map(TestClock.sleeps(), (sleeps) => Chunk.size(Chunk.filter(sleeps, (at) => at === instant)))

/** Waits until so many sleep until an instant. */
const asleep = (instant: number, sleepers = 1) =>
  Effect.repeat(Effect.zipRight(turn, sleepersUntil(instant)), { until: (count) => count >= sleepers })

/**
 * Goes on to the last poll of a slow job that waits in the queue for a second: its steps end at 4 and 8 s, as the waits
 * between polls do. The clocks of requests that are over stay among the sleepers, and the connect clock is of 10 s, too.
 */
const workedThrough = Effect.gen(function*() {
  yield* Effect.all([asleep(1000), asleep(2000), TestClock.setTime(1000)])
  yield* Effect.all([asleep(4000), TestClock.setTime(2000)])
  yield* Effect.all([asleep(4000, 2), TestClock.setTime(4000)])
  yield* Effect.all([asleep(6000), asleep(8000), TestClock.setTime(6000)])
  const clocks = yield* sleepersUntil(10_000)
  yield* Effect.all([asleep(8000, 2), TestClock.setTime(8000)])
  yield* (yield* Emulator).awaitEvent((event) => event.type === "RunEnded")
  yield* Effect.all([asleep(10_000, clocks + 1), TestClock.setTime(10_000)])
})

const Slow = Flow.make("acme/test/slow", { result: Schema.Struct({ late: Schema.Boolean }) })

describe("jobs against the emulator", () => {
  it.scoped("submit, wait through queue and steps, typed result: polls at exactly 0, 2, 4 … 10 s", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const job = yield* jobs.submit(Slow, { message: "hi" })
      assert.isString(job.flowId)
      assert.strictEqual(job.blockCount, 2)
      const fiber = yield* Effect.fork(job.result())
      // the worker takes it at 1 s, and its two steps take 7 s
      yield* workedThrough
      assert.deepStrictEqual(yield* Fiber.join(fiber), { late: true })
      assert.deepStrictEqual(yield* pollInstants, [0, 2000, 4000, 6000, 8000, 10_000])
    }).pipe(Effect.provide(setup({ jobs: { queueDelay: "1 second" } }))))

  it.scoped("updates: pending, running, completed", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const job = yield* jobs.submit("acme/test/slow", { message: "hi" })
      const fiber = yield* Effect.fork(Stream.runCollect(job.updates))
      yield* workedThrough
      assert.deepStrictEqual(
        Chunk.toReadonlyArray(yield* Fiber.join(fiber)).map(({ status }) => status),
        ["pending", "running", "completed"]
      )
    }).pipe(Effect.provide(setup({ jobs: { queueDelay: "1 second" } }))))

  it.scoped("polls: a row that is late by less than 5 s is not noticed", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const job = yield* jobs.submit("noukai/samples/hello-world", { message: "hi" })
      const fiber = yield* Effect.fork(job.wait())
      yield* walk([2000, 4000, 6000])
      assert.deepStrictEqual(yield* Fiber.join(fiber), {
        status: "completed",
        executionId: job.executionId,
        result: { text: "Hello! You said: hi" }
      })
    }).pipe(Effect.provide(setup({ jobs: { rowDelay: "4500 millis" } }))))

  it.scoped("polls: a row that is late by more is a FlowNotFoundError", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const job = yield* jobs.submit("noukai/samples/hello-world", { message: "hi" })
      const fiber = yield* Effect.fork(Effect.flip(job.wait()))
      yield* walk([2000, 4000, 6000])
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag, "FlowNotFoundError")
      assert.strictEqual(error.code, "JOB_NOT_FOUND")
      assert.strictEqual(error.executionId, job.executionId)
    }).pipe(Effect.provide(setup({ jobs: { rowDelay: "7 seconds" } }))))

  it.scoped("a job that failed is a status for wait and an error for result", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const job = yield* jobs.submit("acme/test/failing", {})
      yield* (yield* Emulator).awaitEvent((event) => event.type === "RunEnded")
      const ended = yield* job.wait()
      assert.deepStrictEqual(ended, {
        status: "failed",
        executionId: job.executionId,
        error: "it broke"
      })
      assert.deepStrictEqual(ended.status === "failed" && Job.problemOf(ended), { code: "X", message: "it broke" })
      const error = yield* Effect.flip(job.result())
      assert.strictEqual(error._tag, "FlowExecutionError")
      assert.strictEqual(error.code, "X")
      assert.strictEqual(error.detail, "it broke")
      assert.strictEqual(error.executionId, job.executionId)
    }).pipe(Effect.provide(setup())))

  it.scoped("a job that is cancelled while it runs", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const jobs = yield* JobService
      const job = yield* jobs.submit("acme/test/slow", { message: "hi" })
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      assert.strictEqual((yield* job.poll()).status, "running")
      assert.isTrue(yield* emulator.cancelJob(job.executionId))
      assert.strictEqual((yield* job.wait()).status, "cancelled")
    }).pipe(Effect.provide(setup())))

  it.scoped("a passing 502 and a reset do not end the waiting, and the run is billed once", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const jobs = yield* JobService
      const job = yield* jobs.submit("noukai/samples/hello-world", { message: "hi" })
      yield* emulator.awaitEvent((event) => event.type === "RunEnded")
      yield* emulator.addFaults({ match: { endpoint: "pollJob" }, script: ["502:html", "reset"] })
      const fiber = yield* Effect.fork(job.wait({ schedule: Schedule.spaced("1 seconds") }))
      yield* walk([1000, 2000])
      assert.strictEqual((yield* Fiber.join(fiber)).status, "completed")
      assert.deepStrictEqual(yield* pollInstants, [0, 1000, 2000])
      assert.lengthOf((yield* emulator.ledger).runs, 1)
    }).pipe(Effect.provide(setup({ config: { maxRetries: 0 } }))))

  it.scoped("a submission that broke after it arrived is not repeated, and says so", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const jobs = yield* JobService
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["reset:late"] })
      const error = yield* Effect.flip(jobs.submit("noukai/samples/hello-world", { message: "hi" }))
      assert.strictEqual(error._tag === "APIConnectionError" && error.sent, "unknown")
      assert.isFalse(error.isRetryable)
      assert.lengthOf((yield* emulator.ledger).runs, 1)
    }).pipe(Effect.provide(setup({ config: { maxRetries: 3 } }))))

  it.scoped("the session of a job is recorded with it", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const sessionId = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
      yield* jobs.submit("noukai/samples/hello-world", { message: "hi", sessionId })
      const { runs } = yield* (yield* Emulator).ledger
      assert.deepStrictEqual(runs.map((run) => [run.trigger, run.sessionId]), [["job", sessionId]])
    }).pipe(Effect.provide(setup())))
})

/** The execution id of a run that has ended. */
const execute = (ref: string, input: { readonly message?: string; readonly snapshots?: boolean } = { message: "hi" }) =>
  Effect.gen(function*() {
    const service = yield* FlowService
    const fiber = yield* Effect.fork(Effect.exit(service.execute(ref, input)))
    while (fiber.unsafePoll() === null) yield* TestClock.adjust("1 seconds")
    return (yield* (yield* Emulator).ledger).runs.at(-1)!.executionId
  })

for (
  const [served, runPaths] of [["both", "seq"], ["both", "flow-runs"], ["both", "auto"], ["flow-runs", "auto"]] as const
) {
  describe(`runs against an emulator that serves ${served}, paths ${runPaths} (9, C26)`, () => {
    const program = <A, E>(
      body: Effect.Effect<A, E, RunService | FlowService | JobService | Emulator>
    ) => Effect.provide(body, setup({ runPaths: served, capture: "metadata_only", config: { runPaths } }))

    it.scoped("a trace, its totals, its summary, the list", () =>
      program(Effect.gen(function*() {
        const runs = yield* RunService
        const first = yield* execute("acme/spelling/grade-3")
        const second = yield* execute("acme/spelling/grade-3")
        const trace = yield* runs.trace("acme/spelling/grade-3", second)
        assert.strictEqual(trace.flowRun.id, second)
        assert.strictEqual(trace.flowRun.status, "completed")
        assert.deepStrictEqual(trace.steps.map(({ stepId }) => stepId), ["check", "grade"])
        assert.isFalse("inputContext" in trace.steps[0]!)
        const totals = Trace.totals(trace)
        assert.strictEqual(BigDecimal.format(totals.cost), "0.00075")
        assert.deepStrictEqual(totals.tokens, { prompt: 220, completion: 41, total: 261 })
        assert.deepStrictEqual(yield* runs.summary("acme/spelling/grade-3", second), trace.flowRun)
        const flowId = trace.flowRun.flowId!
        const ids = (list: ReadonlyArray<Trace.FlowRun>) => list.map(({ id }) => id)
        assert.sameMembers(ids([...yield* Stream.runCollect(runs.list({ flowId }))]), [first, second])
        assert.lengthOf([...yield* Stream.runCollect(Stream.take(runs.list({ flowId, limit: 1 }), 1))], 1)
        assert.lengthOf([...yield* Stream.runCollect(runs.list({ flowId, status: "failed" }))], 0)
      })))

    it.scoped("attempts: the latest, all, one", () =>
      program(Effect.gen(function*() {
        const runs = yield* RunService
        const id = yield* execute("acme/test/flaky")
        const latest = yield* runs.stepTrace("acme/test/flaky", id, "a")
        assert.strictEqual(latest.attempt, 3)
        assert.strictEqual(latest.status, "completed")
        const all = yield* runs.stepTrace("acme/test/flaky", id, "a", { attempt: "all" })
        assert.deepStrictEqual(all.attempts.map(({ attempt, status }) => [attempt, status]), [
          [1, "failed"],
          [2, "failed"],
          [3, "completed"]
        ])
        assert.strictEqual(BigDecimal.format(Trace.totals(all).cost), "0.00031")
        const second = yield* runs.stepTrace("acme/test/flaky", id, "a", { attempt: 2 })
        assert.deepInclude(second.errorContext, { code: "BUSY" })
        const missing = yield* Effect.flip(runs.stepTrace("acme/test/flaky", id, "a", { attempt: 9 }))
        assert.strictEqual(missing._tag, "FlowNotFoundError")
      })))

    it.scoped("iterations of a loop, with attempts of their own", () =>
      program(Effect.gen(function*() {
        const runs = yield* RunService
        const id = yield* execute("acme/test/loop")
        const at = (loopIndex: number) => runs.stepTrace("acme/test/loop", id, "in", { loopIndex })
        assert.deepStrictEqual((yield* at(0)).outputContext, { at: "x" })
        assert.deepStrictEqual((yield* at(1)).outputContext, { at: "y" })
        const all = yield* runs.stepTrace("acme/test/loop", id, "in", { attempt: "all", loopIndex: 1 })
        assert.deepStrictEqual(all.attempts.map(({ loopIndex, status }) => [loopIndex, status]), [
          [1, "failed"],
          [1, "completed"]
        ])
      })))

    it.scoped("capture: what is stored in each capture mode", () =>
      program(Effect.gen(function*() {
        const runs = yield* RunService
        const steps = (ref: string, input?: { readonly message?: string; readonly snapshots?: boolean }) =>
          Effect.flatMap(execute(ref, input), (id) => Effect.map(runs.trace(ref, id), (trace) => trace.steps))
        assert.lengthOf(yield* steps("acme/test/off"), 0)
        const [metadata] = yield* steps("noukai/samples/hello-world")
        assert.isUndefined(metadata!.outputContext)
        assert.isNumber(metadata!.outputSizeBytes)
        const [traced] = yield* steps("noukai/samples/hello-world", { message: "hi", snapshots: true })
        assert.deepStrictEqual(traced!.outputContext, { text: "Hello! You said: hi" })
        const [redacted] = yield* steps("acme/test/hidden")
        assert.deepStrictEqual(redacted!.outputContext, { text: "[redacted]" })
        const [long] = yield* steps("noukai/samples/hello-world", { message: "x".repeat(70_000), snapshots: true })
        assert.isTrue(long!.truncated)
      })))

    it.scoped("runs: an unknown run or step is a FlowNotFoundError with RUN_NOT_FOUND", () =>
      program(Effect.gen(function*() {
        const runs = yield* RunService
        const id = yield* execute("noukai/samples/hello-world")
        const errors = yield* Effect.all([
          Effect.flip(runs.trace("noukai/samples/hello-world", "nope/../nope")),
          Effect.flip(runs.summary("noukai/samples/hello-world", "nope")),
          Effect.flip(runs.stepTrace("noukai/samples/hello-world", id, "nope"))
        ])
        for (const error of errors) {
          assert.strictEqual(error._tag, "FlowNotFoundError")
          assert.strictEqual(error.code, "RUN_NOT_FOUND")
        }
      })))

    it.scoped("the trace of a job, and of a run that failed", () =>
      program(Effect.gen(function*() {
        const runs = yield* RunService
        const jobs = yield* JobService
        const job = yield* jobs.submit("acme/test/failing", {})
        yield* (yield* Emulator).awaitEvent((event) => event.type === "RunEnded")
        const trace = yield* runs.trace("acme/test/failing", job.executionId)
        assert.strictEqual(trace.flowRun.triggerType, "job")
        assert.strictEqual(trace.flowRun.status, "failed")
        assert.strictEqual(trace.steps[0]!.status, "failed")
        const failed = [...yield* Stream.runCollect(runs.list({ flowId: job.flowId!, status: "failed" }))]
        assert.deepStrictEqual(failed.map(({ id }) => id), [job.executionId])
      })))
  })
}
