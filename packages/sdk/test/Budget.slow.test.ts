/** `Budget`: what calls reserve, what they settle, and what is never sent, by the ledger of the emulator. */
import { Emulator, type Flow as EmulatedFlow } from "@effect-noukai/emulator"
import {
  Budget,
  BudgetExceededError,
  type CallError,
  type FlowCursor,
  type FlowEvent,
  FlowService,
  JobService,
  Noukai,
  NoukaiReplay,
  PausedState,
  ReplayCassette,
  type Tools,
  TraceScope
} from "@effect-noukai/sdk"
import * as Job from "@effect-noukai/sdk/Job"
import * as Relay from "@effect-noukai/sdk/Relay"
import { assert, describe, it } from "@effect/vitest"
import {
  Chunk,
  Context,
  Duration,
  Effect,
  Either,
  Exit,
  Fiber,
  Layer,
  Redacted,
  Schema,
  Stream,
  TestClock
} from "effect"
import { clientFor, servicesFor } from "./support/client.js"
import { events, frame } from "./support/eventFrames.js"
import { cassette, execution } from "./support/sessions.js"
import { json, serve, silence, text } from "./support/WireServer.js"

const cheap: EmulatedFlow = {
  ref: "acme/test/cheap",
  steps: [{ kind: "template", id: "a", output: "{{message}}", costUsd: "0.1" }]
}

/** Three steps of $0.1, $0.2 and $1. */
const dear: EmulatedFlow = {
  ref: "acme/test/dear",
  steps: [
    { kind: "template", id: "a", output: 1, costUsd: "0.1" },
    { kind: "template", id: "b", output: 2, costUsd: "0.2" },
    { kind: "template", id: "c", output: "done", costUsd: "1" }
  ]
}

/** A loop, whose events tell no cost: only the end of its run does. */
const looping: EmulatedFlow = {
  ref: "acme/test/looping",
  steps: [{ kind: "loop", id: "all", times: 3, steps: [{ kind: "template", id: "a", output: 1, costUsd: "0.1" }] }]
}

const slow: EmulatedFlow = {
  ref: "acme/test/slow",
  steps: [
    { kind: "template", id: "a", output: 1, costUsd: "0.1" },
    { kind: "template", id: "b", output: "done", costUsd: "0.1", duration: "1 minute" }
  ]
}

const asking: EmulatedFlow = {
  ref: "acme/test/asking",
  steps: [
    { kind: "template", id: "a", output: 1, costUsd: "0.3" },
    { kind: "tool", id: "ask", rounds: [[{ name: "find" }]], output: "done", costUsd: "0.2" }
  ]
}

const failing: EmulatedFlow = {
  ref: "acme/test/failing",
  steps: [{ kind: "template", id: "a", output: 1, costUsd: "0.1" }, { kind: "fail", id: "b", code: "X" }]
}

const off: EmulatedFlow = {
  ref: "acme/test/off",
  capture: "off",
  steps: [{ kind: "template", id: "a", output: 1, costUsd: "0.1" }]
}

const world = Layer.provideMerge(
  Noukai.layerServices,
  Emulator.layer({
    flows: [cheap, dear, slow, looping, asking, failing, off],
    organisations: { acme: { capture: "full" } },
    config: { maxRetries: 0 }
  })
)

const ledger = Effect.flatMap(Emulator, (emulator) => emulator.ledger)

const asked = (endpoint: string) =>
  Effect.map(ledger, ({ requests }) => requests.filter((request) => request.endpoint === endpoint).length)

const declarations = [{ type: "function" as const, function: { name: "find" } }]

const resultsOf = (calls: ReadonlyArray<Tools.ToolCall>) => calls.map(({ id }) => ({ toolCallId: id, content: "x" }))

const message = "hi"

const amounts = (budget: Budget.Budget) =>
  Effect.map(Budget.state(budget), ({ leftUsd, reservedUsd, spentUsd }) => [spentUsd, reservedUsd, leftUsd])

const exceeded = (error: unknown, fields: object) => {
  assert.instanceOf(error, BudgetExceededError)
  assert.deepInclude({ ...error }, { _tag: "BudgetExceededError", isRetryable: false, ...fields })
}

describe("Budget.make", () => {
  for (
    const [field, options] of [
      ["limitUsd", { limitUsd: -1 }],
      ["limitUsd", { limitUsd: NaN }],
      ["limitUsd", { limitUsd: "much" }],
      ["limitUsd", {}],
      ["perRun", { limitUsd: 1, perRun: 0 }],
      ["perRun", { limitUsd: 1, perRun: "-0.1" }],
      ["perRun", { limitUsd: 1, perRun: null }],
      ["options", null]
    ] as const
  ) {
    it.effect(`refuses ${field} of ${JSON.stringify(options)}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Budget.make(options as unknown as Budget.Options))
        assert.deepInclude({ ...error }, { _tag: "InvalidRequestError", field })
      }))
  }

  it.effect("keeps exact decimals, however small", () =>
    Effect.gen(function*() {
      const budget = yield* Budget.make({ limitUsd: "0.30000000000000000001", perRun: 1e-7 })
      assert.deepInclude({ limitUsd: budget.limitUsd, perRun: budget.perRun }, {
        limitUsd: "0.30000000000000000001",
        perRun: "0.0000001"
      })
      assert.deepStrictEqual(yield* amounts(budget), ["0", "0", "0.30000000000000000001"])
    }))
})

describe("a call in a budget", () => {
  it.scoped("reserves before it is sent, fails at once where that does not fit, and settles from its trace", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const budget = yield* Budget.make({ limitUsd: "0.9", perRun: "0.4" })
      const execute = flows.execute("acme/test/cheap", { message })
      const outcomes = yield* Budget.within(
        Effect.all([execute, execute, execute].map(Effect.either), { concurrency: "unbounded" }),
        budget
      )
      assert.deepStrictEqual(outcomes.map(Either.isRight), [true, true, false])
      exceeded(Either.flip(outcomes[2]!).pipe(Either.getOrThrow), {
        limitUsd: "0.9",
        leftUsd: "0.1",
        neededUsd: "0.4",
        method: "FlowService.execute",
        flow: "acme/test/cheap"
      })
      assert.isUndefined((outcomes[2] as Either.Left<CallError, never>).left.executionId)
      assert.deepInclude(yield* ledger, { runsStarted: 2, billedUsd: "0.2" })
      assert.deepStrictEqual(yield* amounts(budget), ["0.2", "0", "0.7"])
      // one step each, and one read each to settle it
      assert.strictEqual((yield* ledger).requestsReceived, 4)
      yield* execute.pipe(Budget.within(budget))
      assert.deepStrictEqual(yield* amounts(budget), ["0.3", "0", "0.6"])
    }).pipe(Effect.provide(world)))

  it.scoped("needs an amount to reserve", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const jobs = yield* JobService
      const budget = yield* Budget.make({ limitUsd: 1 })
      const errors = yield* Effect.all([
        Effect.flip(flows.execute("acme/test/cheap", { message })),
        Effect.flip(Stream.runDrain(flows.events("acme/test/cheap", { message }))),
        Effect.flip(flows.executeOnce("key", "acme/test/cheap", { message })),
        Effect.flip(jobs.submit("acme/test/cheap", { message }))
      ]).pipe(Budget.within(budget))
      for (const error of errors) {
        assert.deepInclude({ ...error }, { _tag: "InvalidRequestError", field: "maxCostUsd" })
      }
      assert.strictEqual((yield* ledger).runsStarted, 0)
      const done = yield* flows.execute("acme/test/cheap", { message, maxCostUsd: 1 }).pipe(Budget.within(budget))
      assert.strictEqual(done.result, "hi")
      const full = yield* Effect.flip(
        flows.execute("acme/test/cheap", { message, maxCostUsd: 1 }).pipe(Budget.within(budget))
      )
      exceeded(full, { leftUsd: "0.9", neededUsd: "1" })
    }).pipe(Effect.provide(world)))

  it.scoped("without its own limit uses what the budget has left, and is stopped between steps beyond that", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const wide = yield* Budget.make({ limitUsd: 2, perRun: "0.05" })
      const done = yield* flows.execute("acme/test/dear", { message }).pipe(Budget.within(wide))
      assert.strictEqual(done.result, "done")
      assert.deepStrictEqual(yield* amounts(wide), ["1.3", "0", "0.7"])
      assert.deepStrictEqual(
        (yield* ledger).requests.map(({ endpoint }) => endpoint),
        ["step", "trace", "step", "trace", "step", "trace"]
      )

      const tight = yield* Budget.make({ limitUsd: "0.25", perRun: "0.05" })
      const error = yield* Effect.flip(flows.execute("acme/test/dear", { message }).pipe(Budget.within(tight)))
      exceeded(error, { limitUsd: "0.25", executionId: (yield* ledger).runs[1]!.executionId })
      assert.strictEqual((yield* ledger).billedUsd, "1.6")
      assert.deepStrictEqual(yield* amounts(tight), ["0.3", "0", "-0.05"])
      const from = (error as BudgetExceededError).cursor!
      assert.strictEqual(from.stepIndex, 2)
      const again = yield* Effect.flip(
        flows.execute("acme/test/cheap", { message, maxCostUsd: "0.01" }).pipe(Budget.within(tight))
      )
      exceeded(again, { leftUsd: "-0.05" })

      // in another budget only the rest of the run counts
      const other = yield* Budget.make({ limitUsd: 2, perRun: 1 })
      yield* Stream.runDrain(flows.events("acme/test/dear", { from })).pipe(Budget.within(other))
      assert.deepStrictEqual(yield* amounts(other), ["1", "0", "1"])
      assert.strictEqual((yield* ledger).billedUsd, "2.6")
    }).pipe(Effect.provide(world)))

  it.scoped("with its own limit is stopped by that, and settled", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const budget = yield* Budget.make({ limitUsd: 5 })
      const error = yield* Effect.flip(
        flows.execute("acme/test/dear", { message, maxCostUsd: "0.2" }).pipe(Budget.within(budget))
      )
      assert.deepInclude({ ...error }, { _tag: "CostLimitError", spentUsd: "0.3" })
      assert.deepStrictEqual(yield* amounts(budget), ["0.3", "0", "4.7"])
    }).pipe(Effect.provide(world)))

  it.scoped("of messages or of the draft is one request, and is settled", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const budget = yield* Budget.make({ limitUsd: 3, perRun: "0.5" })
      yield* flows.execute("acme/test/dear", { messages: [{ role: "user", content: "hi" }] }).pipe(
        Budget.within(budget)
      )
      yield* flows.execute("acme/test/dear", { message, version: "draft" }).pipe(Budget.within(budget))
      assert.deepStrictEqual(yield* amounts(budget), ["2.6", "0", "0.4"])
      exceeded(
        yield* Effect.flip(
          flows.execute("acme/test/dear", { message, version: "draft" }).pipe(Budget.within(budget))
        ),
        { neededUsd: "0.5", leftUsd: "0.4" }
      )
      assert.strictEqual(yield* asked("execute"), 2)
    }).pipe(Effect.provide(world)))

  it.scoped("reaches forked fibers and services that were built before", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const service = { grade: flows.execute("acme/test/cheap", { message }) }
      const budget = yield* Budget.make({ limitUsd: "0.25", perRun: "0.1" })
      const fibers = yield* Effect.forEach([1, 2, 3, 4], () => Effect.fork(service.grade)).pipe(Budget.within(budget))
      const exits = yield* Effect.forEach(fibers, Fiber.await)
      assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, true, false, false])
      assert.strictEqual((yield* ledger).runsStarted, 2)
      yield* service.grade
      assert.deepStrictEqual(yield* amounts(budget), ["0.2", "0", "0.05"])
    }).pipe(Effect.provide(world)))

  it.scoped("in a budget inside another one reserves in both, and nothing where one has no room", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const outer = yield* Budget.make({ limitUsd: "0.45", perRun: "0.3" })
      const inner = yield* Budget.make({ limitUsd: "0.4", perRun: "0.2" })
      const call = flows.execute("acme/test/cheap", { message })
      yield* call.pipe(Budget.within(inner), Budget.within(inner), Budget.within(outer))
      assert.deepStrictEqual(yield* amounts(outer), ["0.1", "0", "0.35"])
      assert.deepStrictEqual(yield* amounts(inner), ["0.1", "0", "0.3"])
      yield* call.pipe(Budget.within(outer))
      const error = yield* Effect.flip(call.pipe(Budget.within(outer)))
      exceeded(error, { limitUsd: "0.45", leftUsd: "0.25", neededUsd: "0.3" })
      yield* call.pipe(Budget.within(inner), Budget.within(outer))
      exceeded(yield* Effect.flip(call.pipe(Budget.within(inner), Budget.within(outer))), { limitUsd: "0.45" })
      assert.deepStrictEqual(yield* amounts(inner), ["0.2", "0", "0.2"])
      assert.strictEqual((yield* ledger).runsStarted, 3)
    }).pipe(Effect.provide(world)))
})

describe("a cost that is not known", () => {
  const withFault = <A, E, R>(endpoint: string, fault: string, self: Effect.Effect<A, E, R>) =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint }, script: [fault] })
      const exit = yield* Effect.exit(self)
      yield* emulator.clearFaults
      return exit
    })

  for (
    const [name, endpoint, fault, spent, reserved] of [
      ["a refusal releases the reserve", "step", "402", "0", "0"],
      ["a rate limit releases the reserve", "step", "429:retry=0", "0", "0"],
      ["a server error keeps the reserve", "step", "503", "0", "0.4"],
      ["a request without an answer keeps the reserve", "step", "reset", "0", "0.4"],
      ["a cut run that goes on keeps the reserve", "step", "cut:e1", "0", "0.4"],
      ["a trace that cannot be read keeps the reserve", "trace", "500", "0", "0.4"],
      ["a success is settled", "trace", "ok", "0.1", "0"]
    ] as const
  ) {
    it.scopedLive(name, () =>
      Effect.gen(function*() {
        const flows = yield* FlowService
        const budget = yield* Budget.make({ limitUsd: 1, perRun: "0.4" })
        yield* withFault(endpoint, fault, flows.execute("acme/test/cheap", { message }).pipe(Budget.within(budget)))
        assert.deepStrictEqual((yield* amounts(budget)).slice(0, 2), [spent, reserved])
        const streamed = yield* Budget.make({ limitUsd: 1, perRun: "0.4" })
        const events = flows.events("acme/test/cheap", { message })
        yield* withFault(endpoint, fault, Stream.runDrain(events).pipe(Budget.within(streamed)))
        assert.deepStrictEqual((yield* amounts(streamed)).slice(0, 2), [spent, reserved])
      }).pipe(Effect.provide(world)))
  }

  it.scoped.each(["401", "403", "404"])(
    "is at least what the events of a run told where its trace answers with %s",
    (fault) =>
      Effect.gen(function*() {
        const flows = yield* FlowService
        const emulator = yield* Emulator
        yield* emulator.addFaults({ match: { endpoint: "trace" }, script: [fault], repeat: true })
        const calls = [
          flows.execute("acme/test/cheap", { message }),
          Stream.runDrain(flows.events("acme/test/cheap", { message })),
          Stream.runDrain(flows.steps("acme/test/cheap", { message })),
          flows.execute("acme/test/cheap", { message, maxCostUsd: "0.01" })
        ]
        for (const call of calls) {
          const budget = yield* Budget.make({ limitUsd: "0.20", perRun: "0.01" })
          const before = (yield* ledger).runsStarted
          for (let n = 0; n < 20; n++) yield* Effect.ignore(call.pipe(Budget.within(budget)))
          // the last run may cost more than is left
          assert.strictEqual((yield* ledger).runsStarted - before, 2)
          assert.deepStrictEqual(yield* amounts(budget), ["0", "0.2", "0"])
        }
        assert.strictEqual((yield* ledger).billedUsd, "0.8")
      }).pipe(Effect.provide(world))
  )

  it.scoped("is at least the total that the end of a run told, where no event and no trace tells it", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "trace" }, script: ["403"], repeat: true })
      const calls = [
        flows.execute("acme/test/looping", { message }),
        Stream.runDrain(flows.events("acme/test/looping", { message })),
        Stream.runDrain(flows.steps("acme/test/looping", { message }))
      ]
      for (const call of calls) {
        const budget = yield* Budget.make({ limitUsd: "0.50", perRun: "0.01" })
        const before = (yield* ledger).runsStarted
        for (let n = 0; n < 20; n++) yield* Effect.ignore(call.pipe(Budget.within(budget)))
        assert.strictEqual((yield* ledger).runsStarted - before, 2)
        assert.deepStrictEqual(yield* amounts(budget), ["0", "0.6", "-0.1"])
      }
    }).pipe(Effect.provide(world)))

  it.scoped("counts each told cost at once, also of a run that is left, and stops the run that has no more room", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "trace" }, script: ["403"], repeat: true })
      const budget = yield* Budget.make({ limitUsd: 2, perRun: "0.01" })
      const seen: Array<ReadonlyArray<string>> = []
      const noting = Stream.tap(
        flows.events("acme/test/dear", { message, runRemaining: true }),
        ({ type }) =>
          type === "step_completed"
            ? Effect.map(amounts(budget), (now) => void seen.push(now))
            : Effect.void
      )
      yield* Stream.runDrain(Budget.withinStream(noting, budget))
      assert.deepStrictEqual(seen.at(-1), ["0", "1.3", "0.7"])
      const left = Stream.takeUntil(
        flows.events("acme/test/dear", { message, runRemaining: true }),
        (event) => event.type === "step_completed" && event.stepId === "b"
      )
      const small = yield* Budget.make({ limitUsd: "0.25", perRun: "0.01" })
      yield* Stream.runDrain(Budget.withinStream(left, small))
      const [, reserved] = yield* amounts(small)
      assert.isTrue(Number(reserved) >= 0.3, reserved)
      const tight = yield* Budget.make({ limitUsd: "0.25", perRun: "0.01" })
      for (
        const call of [
          flows.execute("acme/test/dear", { message }),
          Stream.runDrain(flows.events("acme/test/dear", { message }))
        ]
      ) {
        const error = yield* Effect.flip(call.pipe(Budget.within(tight)))
        exceeded(error, { limitUsd: "0.25" })
      }
      // the second call had no room for its reserve
      assert.strictEqual((yield* ledger).runsStarted, 3)
      assert.deepStrictEqual(yield* amounts(tight), ["0", "0.3", "-0.05"])
    }).pipe(Effect.provide(world)))

  const unnamed = (status: string, result: unknown) => json(200, { status, result, flowId: "f", blockCount: 1 })
  const refused = (status: number, code: string) => json(status, { detail: { code, message: "no" } })

  for (
    const [name, answer, left] of [
      ["a run that completed and that no answer named", unnamed("completed", 1), "0.2"],
      ["a run that failed and that no answer named", unnamed("failed", { code: "X" }), "0.2"],
      ["credits that ran out during a run that no answer named", refused(402, "CREDITS_EXHAUSTED"), "0.2"],
      ["too many rounds of a run that no answer named", refused(409, "TOOL_ITERATION_LIMIT"), "0.2"],
      ["a redirection", text(307, "", { location: "/elsewhere" }), "0.2"],
      ["a refusal that names no run", refused(402, "INSUFFICIENT_CREDITS"), "1"],
      ["a refusal of the input", refused(400, "TOOLS_INVALID"), "1"]
    ] as const
  ) {
    it.scopedLive(`${name} leaves $${left} of $1`, () =>
      Effect.gen(function*() {
        const server = yield* serve(answer, json(404, { detail: "session not found" }), answer)
        const flows = yield* clientFor(server, { maxRetries: 0 })
        const budget = yield* Budget.make({ limitUsd: 1, perRun: "0.8" })
        const call = flows.execute("acme/test/cheap", { messages: [{ role: "user", content: "hi" }] })
        yield* Effect.ignore(call.pipe(Budget.within(budget)))
        assert.deepStrictEqual(yield* amounts(budget), ["0", left === "1" ? "0" : "0.8", left])
        const keyed = yield* Budget.make({ limitUsd: 1, perRun: "0.8" })
        yield* Effect.ignore(flows.executeOnce("key", "acme/test/cheap", { message }).pipe(Budget.within(keyed)))
        assert.deepStrictEqual(yield* amounts(keyed), ["0", left === "1" ? "0" : "0.8", left])
      }))
  }

  for (const costUsd of [0.1, "USD 0.1", "-0.1"]) {
    it.scopedLive(`a step that cost ${JSON.stringify(costUsd)} keeps the reserve, and stops a run between its steps`, () =>
      Effect.gen(function*() {
        const traced = json(200, {
          flowRun: { id: "ex-1", flowId: "f", status: "completed" },
          steps: [{ stepId: "a", attempt: 1, status: "completed", costUsd }]
        })
        const done = json(200, { status: "completed", result: 1, executionId: "ex-1", flowId: "f", blockCount: 1 })
        const stepped = events(
          frame("run_started", { executionId: "ex-1", stepCount: 2 }),
          frame("step_completed", { stepId: "a", output: 1, costUsd }),
          frame("step_paused", { executionId: "ex-1", nextStepIndex: 1 })
        )
        const server = yield* serve(done, traced, stepped, traced, traced, stepped, traced)
        const flows = yield* clientFor(server, { maxRetries: 0 })
        const budget = yield* Budget.make({ limitUsd: 1, perRun: "0.4" })
        yield* flows.execute("a/b/c", { messages: [{ role: "user", content: "hi" }] }).pipe(Budget.within(budget))
        assert.deepStrictEqual(yield* amounts(budget), ["0", "0.4", "0.6"])
        const stopped = yield* Effect.flip(flows.execute("a/b/c", { message }).pipe(Budget.within(budget)))
        exceeded(stopped, { executionId: "ex-1" })
        assert.deepStrictEqual(yield* amounts(budget), ["0", "0.8", "0.2"])
        const limited = yield* Effect.flip(flows.execute("a/b/c", { message, maxCostUsd: 1 }))
        assert(limited._tag === "CostLimitError")
        assert.include(String(limited.cause), "the cost of a step is missing, or is not a decimal of at least 0")
      }))
  }

  it.scopedLive.each(["run\ud800", ".."])(
    "a run with an id that no path can carry keeps the reserve: %j",
    (executionId) =>
      Effect.gen(function*() {
        const done = json(200, { status: "completed", result: 1, executionId, flowId: "f", blockCount: 1 })
        const streamed = events(
          frame("run_started", { executionId, stepCount: 1 }),
          frame("step_completed", { stepId: "a", output: 1 }),
          frame("flow_completed", { executionId, result: 1 })
        )
        const server = yield* serve(done, streamed)
        const flows = yield* clientFor(server, { maxRetries: 0 })
        const budget = yield* Budget.make({ limitUsd: 1, perRun: "0.4" })
        const run = { messages: [{ role: "user", content: "hi" }] } as const
        assert.strictEqual((yield* flows.execute("a/b/c", run).pipe(Budget.within(budget))).status, "completed")
        assert.strictEqual((yield* flows.execute("a/b/c", { message }).pipe(Budget.within(budget))).status, "completed")
        assert.deepStrictEqual(yield* amounts(budget), ["0", "0.8", "0.2"])
        assert.lengthOf(server.requests, 2)
      })
  )

  it.scopedLive("a streamed run that no event named keeps the reserve", () =>
    Effect.gen(function*() {
      const server = yield* serve(
        events(frame("step_completed", { stepId: "a", output: 1 }), frame("flow_completed", { result: 1 }))
      )
      const flows = yield* clientFor(server)
      const budget = yield* Budget.make({ limitUsd: 1, perRun: "0.4" })
      yield* Stream.runDrain(flows.events("acme/test/cheap", { message })).pipe(Budget.within(budget))
      assert.deepStrictEqual(yield* amounts(budget), ["0", "0.4", "0.6"])
    }))

  it.scopedLive("a run whose steps are not stored keeps the reserve; a failed run is settled", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const budget = yield* Budget.make({ limitUsd: 1, perRun: "0.4" })
      yield* flows.execute("acme/test/off", { message }).pipe(Budget.within(budget))
      assert.deepStrictEqual(yield* amounts(budget), ["0", "0.4", "0.6"])
      yield* Effect.flip(flows.execute("acme/test/failing", { message }).pipe(Budget.within(budget)))
      assert.deepStrictEqual(yield* amounts(budget), ["0.1", "0.4", "0.5"])
    }).pipe(Effect.provide(world)))

  it.scopedLive("a connection that is refused releases the reserve", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const budget = yield* Budget.make({ limitUsd: 1, perRun: "0.4" })
      const error = yield* Effect.flip(flows.execute("a/b/c", { message }).pipe(Budget.within(budget)))
      assert.deepInclude({ ...error }, { _tag: "APIConnectionError", sent: "no" })
      assert.deepStrictEqual(yield* amounts(budget), ["0", "0", "1"])
    }).pipe(
      Effect.provide(
        Noukai.layer({ apiKey: Redacted.make("nk_test_x"), baseUrl: "http://127.0.0.1:1/api/v1", maxRetries: 0 })
      )
    ))

  it.scoped("an interrupted run keeps its reserve, and nothing is read", () =>
    Effect.gen(function*() {
      const { awaitEvent } = yield* Emulator
      const flows = yield* FlowService
      const budget = yield* Budget.make({ limitUsd: 1, perRun: "0.4" })
      const ids = new Set<string>()
      const running = (self: Effect.Effect<unknown, unknown>) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(self.pipe(Budget.within(budget)))
          const { executionId } = (yield* awaitEvent((event) =>
            event.type === "StepStarted" && event.stepId === "b" && !ids.has(event.executionId)
          )) as { readonly executionId: string }
          ids.add(executionId)
          yield* Fiber.interrupt(fiber)
        })
      yield* running(flows.execute("acme/test/slow", { message }))
      yield* running(Stream.runDrain(flows.events("acme/test/slow", { message })))
      assert.deepStrictEqual(yield* amounts(budget), ["0", "0.8", "0.2"])
      // each read once before its second step
      assert.strictEqual(yield* asked("trace"), 2)
    }).pipe(Effect.provide(world)))

  it.scopedLive("a call that is interrupted before its request leaves releases its reserve", () =>
    Effect.gen(function*() {
      const server = yield* serve(silence, json(404, { detail: { code: "SESSION_NOT_FOUND" } }))
      const services = yield* servicesFor(server, { maxConcurrency: 1 })
      const flows = Context.get(services, FlowService)
      const jobs = Context.get(services, JobService)
      const first = yield* Effect.fork(flows.execute("a/b/c", { message }))
      yield* server.arrived(1)
      const budget = yield* Budget.make({ limitUsd: 1, perRun: "0.4" })
      const calls: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        flows.execute("a/b/c", { message }),
        flows.execute("a/b/c", { messages: [{ role: "user", content: "hi" }] }),
        Stream.runDrain(flows.events("a/b/c", { message })),
        jobs.submit("a/b/c", { message }),
        flows.executeOnce("key", "a/b/c", { message })
      ]
      for (const call of calls) {
        const waiting = yield* Effect.fork(call.pipe(Budget.within(budget)))
        yield* Effect.repeat(Effect.zipRight(Effect.yieldNow(), Budget.state(budget)), {
          until: ({ reservedUsd }) => reservedUsd === "0.4"
        })
        yield* Fiber.interrupt(waiting)
        assert.deepStrictEqual(yield* amounts(budget), ["0", "0", "1"])
      }
      assert.strictEqual(server.requests.filter(({ method }) => method === "POST").length, 1)
      yield* Fiber.interrupt(first)
    }))

  it.scoped("the read of the cost takes no longer than the call may, and 10 seconds at most", () =>
    Effect.gen(function*() {
      const done = json(200, { status: "completed", result: 1, executionId: "ex-1", flowId: "f", blockCount: 1 })
      const started = events(
        frame("run_started", { executionId: "ex-1", stepCount: 1 }),
        frame("step_completed", { stepId: "a", output: 1 }),
        frame("flow_completed", { executionId: "ex-1", result: 1 })
      )
      const server = yield* serve(done, silence, started, silence, done, silence)
      const flows = yield* clientFor(server)
      const budget = yield* Budget.make({ limitUsd: 2, perRun: "0.4" })
      const run = { messages: [{ role: "user", content: "hi" }] } as const
      let asked = 0
      for (
        const [call, seconds] of [
          [Effect.asVoid(flows.execute("a/b/c", { ...run, timeout: "1 second" })), 1],
          [Stream.runDrain(flows.events("a/b/c", { message, timeout: "1 second" })), 1],
          [Effect.asVoid(flows.execute("a/b/c", run)), 10]
        ] as const
      ) {
        const fiber = yield* Effect.fork(Effect.exit(call.pipe(Budget.within(budget))))
        yield* server.arrived(asked += 2)
        yield* TestClock.adjust(Duration.seconds(seconds))
        assert.isTrue(Exit.isSuccess(yield* Fiber.join(fiber)))
      }
      assert.deepStrictEqual(yield* amounts(budget), ["0", "1.2", "0.8"])
    }))

  it.scoped("a timeout keeps the reserve of a step that goes on", () =>
    Effect.gen(function*() {
      const { awaitEvent } = yield* Emulator
      const flows = yield* FlowService
      const budget = yield* Budget.make({ limitUsd: 1, perRun: "0.4" })
      const fiber = yield* Effect.fork(
        Effect.flip(flows.execute("acme/test/slow", { message, timeout: "1 second" }).pipe(Budget.within(budget)))
      )
      yield* awaitEvent((event) => event.type === "StepStarted" && event.stepId === "b")
      yield* TestClock.adjust(Duration.seconds(1))
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "APITimeoutError")
      assert.deepStrictEqual((yield* amounts(budget)).slice(0, 2), ["0", "0.4"])
    }).pipe(Effect.provide(world)))
})

const types = <A, E, R>(stream: Stream.Stream<FlowEvent.FlowEvent<A>, E, R>) =>
  Effect.map(Stream.runCollect(stream), (events) => Chunk.toReadonlyArray(events).map(({ type }) => type))

describe("streams in a budget", () => {
  it.scoped("reserve when they are pulled, are checked between steps, and are settled at their end", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const budget = yield* Budget.make({ limitUsd: "1.5", perRun: "0.4" })
      const events = flows.events("acme/test/dear", { message })
      yield* types(events).pipe(Budget.within(budget))
      assert.deepStrictEqual(yield* amounts(budget), ["1.3", "0", "0.2"])
      exceeded(yield* Effect.flip(Stream.runDrain(Budget.withinStream(events, budget))), { neededUsd: "0.4" })
      assert.strictEqual((yield* ledger).runsStarted, 1)
      const small = yield* Budget.make({ limitUsd: "0.2", perRun: "0.1" })
      const stopped = yield* Effect.flip(
        Stream.runDrain(flows.steps("acme/test/dear", { message })).pipe(
          Budget.within(small)
        )
      )
      exceeded(stopped, {})
      assert.strictEqual((stopped as BudgetExceededError).cursor?.stepIndex, 2)
      assert.deepStrictEqual((yield* amounts(small)).slice(0, 2), ["0.3", "0"])
    }).pipe(Effect.provide(world)))

  it.scoped("left between steps are settled, left during one keep their reserve", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const budget = yield* Budget.make({ limitUsd: 2, perRun: "0.4" })
      yield* flows.events("acme/test/dear", { message }).pipe(
        Stream.takeUntil(({ type }) => type === "step_paused"),
        Stream.runDrain,
        Budget.within(budget)
      )
      assert.deepStrictEqual((yield* amounts(budget)).slice(0, 2), ["0.1", "0"])
      yield* flows.events("acme/test/cheap", { message }).pipe(
        Stream.takeUntil(({ type }) => type === "flow_completed"),
        Stream.runDrain,
        Budget.within(budget)
      )
      assert.deepStrictEqual((yield* amounts(budget)).slice(0, 2), ["0.2", "0"])
      yield* flows.events("acme/test/slow", { message, runRemaining: true }).pipe(
        Stream.takeUntil(({ type }) => type === "step_completed"),
        Stream.runDrain,
        Budget.within(budget)
      )
      assert.deepStrictEqual((yield* amounts(budget)).slice(0, 2), ["0.2", "0.4"])
    }).pipe(Effect.provide(world)))

  it.scoped("pause for tools without a reserve, and take one again when they go on", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const budget = yield* Budget.make({ limitUsd: "0.8", perRun: "0.5" })
      const input = { message, tools: declarations }
      // the first stream is still open while the second one runs
      const last = yield* flows.events("acme/test/asking", input).pipe(
        Stream.flatMap((event) =>
          event.type === "tool_calls_required" ? event.resume(resultsOf(event.toolCalls)) : Stream.make(event)
        ),
        Stream.runLast,
        Budget.within(budget)
      )
      assert.strictEqual(last._tag === "Some" && last.value.type, "flow_completed")
      assert.deepStrictEqual(yield* amounts(budget), ["0.5", "0", "0.3"])
    }).pipe(Effect.provide(world)))
})

describe("runs that continue in a budget", () => {
  it.scoped("a pause is settled, and its answer counts only what it adds, in another process too", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const budget = yield* Budget.make({ limitUsd: "0.9", perRun: "0.5" })
      const paused = yield* flows.execute("acme/test/asking", { message, tools: declarations }).pipe(
        Budget.within(budget)
      )
      if (paused.status !== "tool_calls_required") return assert.fail(paused.status)
      assert.deepStrictEqual(yield* amounts(budget), ["0.3", "0", "0.6"])
      const stored = JSON.stringify(yield* Schema.encode(PausedState)(paused.state))
      const state = yield* Schema.decode(Schema.parseJson(PausedState))(stored)
      const results = resultsOf(state.toolCalls)

      const full = yield* Budget.make({ limitUsd: "0.4", perRun: "0.5" })
      const refused = yield* Effect.flip(paused.resume(results).pipe(Budget.within(full)))
      exceeded(refused, { executionId: state.executionId })
      assert.deepStrictEqual((refused as BudgetExceededError).state, state)
      assert.strictEqual(yield* asked("step"), 2)

      const other = yield* Budget.make({ limitUsd: "0.5", perRun: "0.5" })
      const done = yield* Effect.flatMap(FlowService, (elsewhere) => elsewhere.resume(state.flow, state, results)).pipe(
        Effect.provide(Noukai.layerServices),
        Budget.within(other)
      )
      assert.strictEqual(done.status === "completed" && done.result, "done")
      assert.deepStrictEqual(yield* amounts(other), ["0.2", "0", "0.3"])
      assert.deepInclude(yield* ledger, { runsStarted: 1, billedUsd: "0.5" })
    }).pipe(Effect.provide(world)))

  it.scoped("a state of an execute without a budget is checked between its tool rounds", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const paused = yield* flows.execute("acme/test/asking", { message, tools: declarations })
      if (paused.status !== "tool_calls_required") return assert.fail(paused.status)
      const budget = yield* Budget.make({ limitUsd: "0.5", perRun: "0.2" })
      const done = yield* flows.resume("acme/test/asking", paused.state, resultsOf(paused.toolCalls)).pipe(
        Budget.within(budget)
      )
      assert.strictEqual(done.status, "completed")
      assert.deepStrictEqual(yield* amounts(budget), ["0.2", "0", "0.3"])
      assert.strictEqual(yield* asked("step"), 0)
    }).pipe(Effect.provide(world)))
})

describe("a run that continues while its trace is behind its events", () => {
  const from: FlowCursor = {
    version: 1,
    flow: "acme/test/three",
    flowVersion: "production",
    executionId: "ex-1",
    stepIndex: 1,
    stepCount: 3,
    outputs: { a: 1 },
    lastStepId: "a",
    rounds: 0
  }
  const traced = (...steps: ReadonlyArray<readonly [stepId: string, status: string, costUsd: string]>) =>
    json(200, {
      flowRun: { id: "ex-1", flowId: "f", status: "running" },
      steps: steps.map(([stepId, status, costUsd]) => ({ stepId, attempt: 1, status, costUsd }))
    })
  const behind = traced(["a", "completed", "5"])
  const ended = (stepId: string, costUsd: string) => frame("step_completed", { stepId, output: 1, costUsd })
  const pausedAt = (nextStepIndex: number) => frame("step_paused", { executionId: "ex-1", nextStepIndex })
  const over = frame("flow_completed", { executionId: "ex-1", result: 1 })

  for (
    const [name, before, after] of [
      ["is behind", behind, behind],
      ["is up to date", behind, traced(["a", "completed", "5"], ["b", "completed", "2"])],
      ["is partly behind", behind, traced(["a", "completed", "5"], ["b", "completed", "1"])],
      ["knew a part of the step that was paused", traced(["a", "completed", "5"], ["b", "running", "1"]), behind]
    ] as const
  ) {
    it.scopedLive(`counts what its events tell where the trace ${name}`, () =>
      Effect.gen(function*() {
        const server = yield* serve(before, events(ended("b", "2"), over), after)
        const flows = yield* clientFor(server)
        const budget = yield* Budget.make({ limitUsd: 10, perRun: "1" })
        yield* Stream.runDrain(flows.events(from.flow, { from })).pipe(Budget.within(budget))
        assert.deepStrictEqual(yield* amounts(budget), name.includes("part of") ? ["1", "0", "9"] : ["2", "0", "8"])
      }))
  }

  it.scopedLive("is stopped by its limit, in a budget and outside", () =>
    Effect.gen(function*() {
      const answers = [behind, events(ended("b", "2"), pausedAt(2)), behind]
      const server = yield* serve(...answers, ...answers, behind)
      const flows = yield* clientFor(server)
      const budget = yield* Budget.make({ limitUsd: 10 })
      const call = Effect.flip(Stream.runDrain(flows.events(from.flow, { from, maxCostUsd: 6 })))
      assert.deepInclude({ ...(yield* call) }, { _tag: "CostLimitError", spentUsd: "7" })
      assert.deepInclude({ ...(yield* call.pipe(Budget.within(budget))) }, { _tag: "CostLimitError", spentUsd: "7" })
      assert.deepStrictEqual(yield* amounts(budget), ["2", "0", "8"])
    }))
})

describe("executeOnce in a budget", () => {
  it.scoped("reserves and settles what it runs, and nothing for what it finds", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const budget = yield* Budget.make({ limitUsd: "1.5", perRun: "0.4" })
      const once = flows.executeOnce("key", "acme/test/dear", { message }).pipe(Budget.within(budget))
      assert.isFalse((yield* once).reused)
      assert.deepStrictEqual(yield* amounts(budget), ["1.3", "0", "0.2"])
      assert.isTrue((yield* once).reused)
      assert.deepStrictEqual(yield* amounts(budget), ["1.3", "0", "0.2"])
      const other = flows.executeOnce("other", "acme/test/dear", { message })
      exceeded(yield* Effect.flip(other.pipe(Budget.within(budget))), { method: "FlowService.executeOnce" })
      assert.strictEqual((yield* ledger).runsStarted, 1)
    }).pipe(Effect.provide(world)))

  it.scoped("a call of the same key that has room runs in place of one that has none", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const none = yield* Budget.make({ limitUsd: 0, perRun: "0.4" })
      const once = flows.executeOnce("key", "acme/test/cheap", { message })
      const [refused, done] = yield* Effect.all([Effect.either(once.pipe(Budget.within(none))), Effect.either(once)], {
        concurrency: 2
      })
      exceeded(Either.getOrThrow(Either.flip(refused)), { limitUsd: "0" })
      assert.isTrue(Either.isRight(done))
    }).pipe(Effect.provide(world)))
})

describe("jobs in a budget", () => {
  it.scopedLive("hold their reserve until a poll sees their end, and are settled once", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const budget = yield* Budget.make({ limitUsd: "0.9", perRun: "0.4" })
      const submit = jobs.submit("acme/test/dear", { message }).pipe(Budget.within(budget))
      const first = yield* submit
      const second = yield* submit
      exceeded(yield* Effect.flip(submit), { method: "JobService.submit", leftUsd: "0.1" })
      assert.deepStrictEqual(yield* amounts(budget), ["0", "0.8", "0.1"])
      assert.strictEqual((yield* first.wait()).status, "completed")
      assert.deepStrictEqual(yield* amounts(budget), ["1.3", "0.4", "-0.8"])
      yield* first.wait()
      yield* Stream.runDrain(Job.waitAll([first, second]))
      assert.deepStrictEqual(yield* amounts(budget), ["2.6", "0", "-1.7"])
      assert.strictEqual(yield* asked("trace"), 2)
      assert.strictEqual((yield* ledger).billedUsd, "2.6")
    }).pipe(Effect.provide(world)))

  it.scoped("the timeout of a submission does not limit the read of the cost at the end", () =>
    Effect.gen(function*() {
      const started = json(202, { executionId: "ex-1", status: "started" })
      const server = yield* serve(started, json(200, { executionId: "ex-1", status: "completed", result: 1 }), silence)
      const jobs = Context.get(yield* servicesFor(server), JobService)
      const budget = yield* Budget.make({ limitUsd: 1, perRun: "0.4" })
      const job = yield* jobs.submit("a/b/c", { message, timeout: "1 second" }).pipe(Budget.within(budget))
      const ended = yield* Effect.fork(job.result())
      yield* server.arrived(3)
      yield* TestClock.adjust("9 seconds")
      assert.isNull(ended.unsafePoll())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(ended), 1)
    }))

  it.scopedLive("submitOnce reserves for what it submits alone; a failed submission releases", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const jobs = yield* JobService
      const budget = yield* Budget.make({ limitUsd: "0.5", perRun: "0.4" })
      const submit = jobs.submitOnce("key", "acme/test/cheap", { message }).pipe(Budget.within(budget))
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["402"] })
      yield* Effect.flip(submit)
      assert.deepStrictEqual(yield* amounts(budget), ["0", "0", "0.5"])
      const job = yield* submit
      assert.isTrue((yield* submit).reused)
      assert.deepStrictEqual(yield* amounts(budget), ["0", "0.4", "0.1"])
      yield* job.result()
      assert.deepStrictEqual(yield* amounts(budget), ["0.1", "0", "0.4"])
    }).pipe(Effect.provide(world)))
})

describe("replays, fakes and relays", () => {
  it.effect("a replay reserves nothing", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const budget = yield* Budget.make({ limitUsd: 0, perRun: 1 })
      const { result } = yield* flows.execute("acme/test/cheap", { message }).pipe(Budget.within(budget))
      assert.strictEqual(result, "recorded")
      yield* Stream.runDrain(flows.events("acme/test/cheap", { message })).pipe(Budget.within(budget))
      yield* ReplayCassette.verify
      assert.deepStrictEqual(yield* amounts(budget), ["0", "0", "0"])
    }).pipe(
      Effect.provide(NoukaiReplay.fromCassette(cassette(
        execution("cheap", "execute", "recorded"),
        execution("cheap", "step", "stepped")
      )))
    ))

  it.scoped("a replay of one request inside a live program reserves nothing", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const sessionId = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
      const call = flows.execute("acme/test/cheap", { message })
      yield* call.pipe(TraceScope.withSession(sessionId))
      const budget = yield* Budget.make({ limitUsd: 0, perRun: 1 })
      const { result } = yield* call.pipe(TraceScope.replay(sessionId), Budget.within(budget))
      assert.strictEqual(result, "hi")
      assert.strictEqual((yield* ledger).runsStarted, 1)
    }).pipe(Effect.provide(Layer.provideMerge(
      Noukai.layerServices,
      Emulator.layer({
        flows: [cheap],
        organisations: { acme: { capture: "full" } },
        config: { replayEnabled: true }
      })
    ))))

  it.effect("a fake costs nothing", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const budget = yield* Budget.make({ limitUsd: 0 })
      const { result } = yield* flows.execute("acme/test/cheap", { message }).pipe(Budget.within(budget))
      assert.strictEqual(result, "faked")
    }).pipe(Effect.provide(Noukai.layerTest(() => Effect.succeed("faked")))))

  it.effect("a relay reserves, and keeps what it cannot read", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const budget = yield* Budget.make({ limitUsd: "0.5", perRun: "0.4" })
      const call = flows.execute("acme/test/cheap", { message }).pipe(Budget.within(budget))
      assert.strictEqual((yield* call).result, "relayed")
      exceeded(yield* Effect.flip(call), { leftUsd: "0.1" })
    }).pipe(
      Effect.provide(Relay.layerFetch({ url: "http://relay.test/agent", flow: "acme/test/cheap" }, () =>
        Promise.resolve(
          new Response(
            JSON.stringify({ status: "completed", result: "relayed", flowId: "f", blockCount: 1, executionId: "e-1" }),
            { headers: { "content-type": "application/json" } }
          )
        )))
    ))
})

describe("code that is no Effect", () => {
  it.effect("finds the budgets of the fiber, and those that it is run in", () =>
    Effect.gen(function*() {
      const one = yield* Budget.make({ limitUsd: 1 })
      const two = yield* Budget.make({ limitUsd: 2 })
      assert.deepStrictEqual(Budget.ambient(), [])
      const seen = yield* TraceScope.promise(async () => {
        await Promise.resolve()
        const before = Budget.ambient()
        return [
          before,
          await Budget.runIn(two, async () => {
            await Promise.resolve()
            return Budget.ambient()
          })
        ]
      }).pipe(Budget.within(one))
      assert.deepStrictEqual(seen, [[one], [one, two]])
      assert.deepStrictEqual(yield* Budget.current.pipe(Budget.within(one)), [one])
    }))

  it("refuses what is no budget", () => {
    const none = {} as Budget.Budget
    assert.throws(() => Effect.runSync(Effect.void.pipe(Budget.within(none))), /make it with Budget\.make/)
  })
})
