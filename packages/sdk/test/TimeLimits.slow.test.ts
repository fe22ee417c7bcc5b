/**
 * The timeouts of all operations over real sockets: a failed sibling ends the call at once, the timeout ends it in an
 * uninterruptible region, and a caller that is interrupted there still receives its result.
 */
import { Emulator, type Flow as EmulatedFlow } from "@effect-noukai/emulator"
import { FlowService, JobService, Noukai, RunService, SessionService, Tools } from "@effect-noukai/sdk"
import * as Job from "@effect-noukai/sdk/Job"
import { Tool, Toolkit } from "@effect/ai"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Option, Schema, Stream, TestClock } from "effect"
import { turn } from "./support/clock.js"
import { share } from "./support/size.js"

const echo = "acme/test/echo"
const asking = "acme/test/asking"
const sessionId = "0191f3a4-7c1e-7000-8000-3b1f6a0e58c4"
const message = "hi"

const find = { name: "find", arguments: { at: "Oslo" } }

const flows: ReadonlyArray<EmulatedFlow> = [
  { ref: "acme/test/slow", steps: [{ kind: "template", id: "a", output: 1, duration: "1 hour" }] },
  { ref: echo, steps: [{ kind: "template", id: "a", output: { said: "{{message}}" } }] },
  {
    ref: asking,
    steps: [{ kind: "tool", id: "ask", rounds: [[find], [find]], output: "found" }]
  }
]

const declaration = {
  type: "function",
  function: { name: "find", parameters: { type: "object", properties: { at: { type: "string" } } } }
} as const

const Kit = Toolkit.make(Tool.make("find", { parameters: { at: Schema.String }, success: Schema.String }))
const kitLayer = Kit.toLayer({ find: ({ at }) => Effect.succeed(`sun in ${at}`) })

const handled = Tools.handle(
  [declaration],
  (calls) => Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: "sun" })))
)

type Needs = Emulator | FlowService | JobService | RunService | SessionService

interface Row {
  readonly name: string
  /** The endpoint that stalls, and the number of its request. */
  readonly at: { readonly endpoint: string; readonly nth?: number }
  /** Prepares the call, before the endpoint stalls. */
  readonly prepare: Effect.Effect<(timeout: number | undefined) => Effect.Effect<unknown, unknown>, unknown, Needs>
  /** The clock of the error; absent of a call without a timeout of its own. */
  readonly clock?: "total" | "wait"
}

const aRun = Effect.flatMap(FlowService, (service) => service.execute(echo, { message, sessionId, snapshots: true }))

/** The answer to a pause. */
const aPause = Effect.gen(function*() {
  const service = yield* FlowService
  const paused = yield* service.execute(asking, { message, tools: [declaration] })
  assert(paused.status === "tool_calls_required")
  const results = paused.toolCalls.map(({ id }) => ({ toolCallId: id, content: "sun" }))
  return (timeout: number | undefined) => service.resume(asking, paused.state, results, { timeout })
})

const aJob = Effect.gen(function*() {
  const job = yield* (yield* JobService).submit(echo, { message })
  yield* (yield* Emulator).awaitEvent((event) => event.type === "RunEnded")
  return job
})

const flowRow = (
  name: string,
  endpoint: string,
  call: (service: FlowService.Service, timeout: number | undefined) => Effect.Effect<unknown, unknown>,
  nth?: number
): Row => ({
  name,
  at: nth === undefined ? { endpoint } : { endpoint, nth },
  prepare: Effect.map(FlowService, (service) => (timeout) => call(service, timeout)),
  clock: "total"
})

const jobRow = (
  name: string,
  clock: "total" | "wait" | undefined,
  call: (job: Job.Job, timeout: number | undefined) => Effect.Effect<unknown, unknown>
): Row => ({
  name,
  at: { endpoint: "pollJob" },
  prepare: Effect.map(aJob, (job) => (timeout) => call(job, timeout)),
  ...(clock === undefined ? undefined : { clock })
})

const runRow = (
  name: string,
  endpoint: string,
  call: (
    runs: RunService.Service,
    run: { readonly executionId: string; readonly flowId: string },
    timeout: number | undefined
  ) => Effect.Effect<unknown, unknown>
): Row => ({
  name,
  at: { endpoint },
  prepare: Effect.gen(function*() {
    const runs = yield* RunService
    const { executionId = "", flowId = "" } = yield* aRun
    return (timeout) => call(runs, { executionId, flowId }, timeout)
  }),
  ...(name === "liveTrace" ? undefined : { clock: "total" })
})

const rows: ReadonlyArray<Row> = [
  flowRow("execute", "execute", (service, timeout) => service.execute(echo, { message, timeout })),
  flowRow(
    "execute with handlers",
    "execute",
    (service, timeout) => service.execute(asking, { message, timeout, tools: handled }),
    2
  ),
  flowRow(
    "execute with a toolkit of @effect/ai",
    "execute",
    (service, timeout) =>
      Effect.map(Kit, Tools.fromToolkit).pipe(
        Effect.flatMap((tools) => service.execute(asking, { message, timeout, tools })),
        Effect.provide(kitLayer)
      ),
    2
  ),
  { name: "resume", at: { endpoint: "execute" }, prepare: aPause, clock: "total" },
  {
    name: "resume of a pause that was answered before",
    at: { endpoint: "trace" },
    prepare: Effect.tap(aPause, (answer) => answer(undefined)),
    clock: "total"
  },
  flowRow("events", "step", (service, timeout) => Stream.runCollect(service.events(echo, { message, timeout }))),
  flowRow(
    "events with handlers",
    "step",
    (service, timeout) => Stream.runCollect(service.events(asking, { message, timeout, tools: handled })),
    2
  ),
  flowRow("steps", "step", (service, timeout) => Stream.runCollect(service.steps(echo, { message, timeout }))),
  flowRow("executeOnce", "execute", (service, timeout) => service.executeOnce("k", echo, { message, timeout })),
  flowRow(
    "executeOnce, looking its key up",
    "session",
    (service, timeout) => service.executeOnce("k", echo, { message, timeout })
  ),
  {
    name: "submit",
    at: { endpoint: "submitJob" },
    prepare: Effect.map(JobService, (jobs) => (timeout) => jobs.submit(echo, { message, timeout })),
    clock: "total"
  },
  {
    name: "submitOnce",
    at: { endpoint: "submitJob" },
    prepare: Effect.map(JobService, (jobs) => (timeout) => jobs.submitOnce("k", echo, { message, timeout })),
    clock: "total"
  },
  jobRow("Job.poll", "total", (job, timeout) => job.poll({ timeout })),
  jobRow("job.wait", "wait", (job, timeout) => job.wait({ timeout })),
  jobRow("job.result", "wait", (job, timeout) => job.result({ timeout })),
  jobRow("job.updates", undefined, (job) => Stream.runCollect(job.updates)),
  jobRow("Job.waitAll", "wait", (job, timeout) => Stream.runCollect(Job.waitAll([job], { timeout }))),
  runRow("trace", "trace", (runs, { executionId }, timeout) => runs.trace(echo, executionId, { timeout })),
  runRow(
    "stepTrace",
    "stepTrace",
    (runs, { executionId }, timeout) => runs.stepTrace(echo, executionId, "a", { timeout })
  ),
  runRow("cost", "trace", (runs, { executionId }, timeout) => runs.cost(echo, executionId, { timeout })),
  runRow("summary", "runSummary", (runs, { executionId }, timeout) => runs.summary(echo, executionId, { timeout })),
  runRow("list", "runList", (runs, { flowId }, timeout) => Stream.runCollect(runs.list({ flowId, timeout }))),
  runRow("liveTrace", "traceStream", (runs, { executionId }) => Stream.runCollect(runs.liveTrace(echo, executionId))),
  {
    name: "sessions.get",
    at: { endpoint: "session" },
    prepare: Effect.gen(function*() {
      yield* aRun
      const sessions = yield* SessionService
      return (timeout) => sessions.get(sessionId, { timeout })
    }),
    clock: "total"
  }
]

const setup = Layer.provideMerge(
  Noukai.layerServices,
  Emulator.layer({ flows, organisations: { acme: { capture: "full" } } })
)

/** A call whose request does not get an answer for so many milliseconds. */
const stalled = ({ at, prepare }: Row, ms: number) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator
    const call = yield* prepare
    yield* emulator.addFaults({ match: at, script: [`delay:${ms}`], repeat: true })
    const arrived = emulator.awaitEvent((event) => event.type === "Waiting" && event.ms === ms)
    const closed = emulator.awaitEvent((event) => event.type === "RequestEnded" && event.outcome === "client")
    return { call, arrived, closed }
  })

const minute = 60_000

const hour = 60 * minute

/** Ends a call by the failure of its sibling, which comes when the request of the call has arrived. */
const besideAFailure = (row: Row, timeout: number | undefined) =>
  Effect.gen(function*() {
    const { arrived, call, closed } = yield* stalled(row, hour)
    const failing = Effect.zipRight(arrived, Effect.fail("sibling"))
    const exit = yield* Effect.exit(Effect.all([call(timeout), failing], { concurrency: 2 }))
    assert.strictEqual(Exit.isFailure(exit) && Option.getOrNull(Cause.failureOption(exit.cause)), "sibling")
    yield* closed
  }).pipe(Effect.provide(setup))

describe("a call whose sibling fails ends at once, and closes its request", () => {
  it.scoped.each(share(rows, 0, 2))("$name", (row) => besideAFailure(row, minute))
  it.scoped.each(share(rows, 1, 2))("$name, without a timeout", (row) => besideAFailure(row, undefined))
})

describe("a call that sleeps ends at once when its sibling fails", () => {
  const running = Effect.flatMap(JobService, (jobs) => jobs.submit("acme/test/slow", { message }))
  const sleeping: ReadonlyArray<readonly [string, Row["at"], string, Effect.Effect<unknown, unknown, Needs>]> = [
    ["job.wait", { endpoint: "pollJob" }, "ok", Effect.flatMap(running, (job) => job.wait())],
    ["job.updates", { endpoint: "pollJob" }, "ok", Effect.flatMap(running, (job) => Stream.runDrain(job.updates))],
    [
      "Job.waitAll",
      { endpoint: "pollJob" },
      "ok",
      Effect.flatMap(running, (job) => Stream.runDrain(Job.waitAll([job])))
    ],
    [
      "a retry",
      { endpoint: "session" },
      "429:retry=15",
      Effect.flatMap(SessionService, (sessions) => sessions.get(sessionId, { timeout: minute }))
    ],
    [
      "executeOnce, before it looks again",
      { endpoint: "session" },
      "ok",
      Effect.flatMap(
        FlowService,
        (service) => service.executeOnce("k", echo, { message, settle: minute, timeout: hour })
      )
    ]
  ]

  it.scoped.each(sleeping)("%s", ([, match, fault, call]) =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match, script: [fault], repeat: true })
      const answered = emulator.awaitEvent((event) =>
        event.type === "RequestEnded" && event.endpoint === match.endpoint
      )
      const failing = answered.pipe(Effect.zipRight(Effect.repeatN(turn, 20)), Effect.zipRight(Effect.fail("sibling")))
      assert.strictEqual(yield* Effect.flip(Effect.all([call, failing], { concurrency: 2 })), "sibling")
      const { requests } = yield* emulator.ledger
      assert.lengthOf(requests.filter(({ endpoint }) => endpoint === match.endpoint), 1)
    }).pipe(Effect.provide(setup)))
})

describe("a timeout ends a call in an uninterruptible region, and closes its request", () => {
  it.scoped.each(rows.filter(({ clock }) => clock !== undefined))("$name", (row) =>
    Effect.gen(function*() {
      const { arrived, call, closed } = yield* stalled(row, hour)
      const caller = yield* Effect.fork(Effect.uninterruptible(Effect.flip(call(minute))))
      yield* arrived
      yield* TestClock.adjust("59999 millis")
      assert.isNull(caller.unsafePoll())
      yield* TestClock.adjust("1 millis")
      assert.deepInclude(yield* Fiber.join(caller), { _tag: "APITimeoutError", clock: row.clock })
      yield* closed
    }).pipe(Effect.provide(setup)))
})

describe("a caller that is interrupted in an uninterruptible region receives its result", () => {
  const interrupted = (row: Row, timeout: number | undefined) =>
    Effect.gen(function*() {
      const { arrived, call } = yield* stalled(row, 5_000)
      const ended = yield* Deferred.make<unknown, unknown>()
      const caller = yield* Effect.fork(Effect.uninterruptible(Effect.intoDeferred(call(timeout), ended)))
      yield* arrived
      yield* Fiber.interruptFork(caller)
      yield* turn
      yield* TestClock.adjust("5 seconds")
      assert.isDefined(yield* Deferred.await(ended))
    }).pipe(Effect.provide(setup))

  it.scoped.each(share(rows, 1, 2))("$name", (row) => interrupted(row, minute))
  it.scoped.each(share(rows, 0, 2))("$name, without a timeout", (row) => interrupted(row, undefined))
})
