/** `execute` with `maxCostUsd`: walked step by step, and otherwise the same as without it. */
import { Emulator, type Flow as EmulatedFlow } from "@effect-noukai/emulator"
import {
  type CallError,
  CostLimitError,
  type ExecuteResult,
  Flow,
  type FlowEvent,
  FlowService,
  JobService,
  Noukai,
  NoukaiRecord,
  NoukaiReplay,
  type OnceError,
  type PausedResult,
  PausedState,
  ReplayCassette,
  Tools,
  TraceScope
} from "@effect-noukai/sdk"
import * as Relay from "@effect-noukai/sdk/Relay"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Duration, Effect, Fiber, Layer, Schedule, Schema, Stream, TestClock } from "effect"
import { copyFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { folder, read } from "./support/folder.js"
import { cassette, execution, step } from "./support/sessions.js"
import { collecting } from "./support/tracer.js"

const plain: EmulatedFlow = {
  ref: "acme/test/plain",
  steps: [
    { kind: "template", id: "a", output: 1, costUsd: "0.1" },
    { kind: "template", id: "b", output: 2, costUsd: "0.2" },
    { kind: "template", id: "c", output: { text: "{{message}} {{parameters.x}}" }, costUsd: "1" }
  ]
}

const asking: EmulatedFlow = {
  ref: "acme/test/asking",
  steps: [
    { kind: "template", id: "a", output: 1, costUsd: "0.3" },
    { kind: "tool", id: "ask", rounds: [[{ name: "find" }], [{ name: "find" }]], output: "done", costUsd: "0.1" },
    { kind: "template", id: "last", output: ["{{steps.a.output}}", "{{steps.ask.output}}"], costUsd: "0.1" }
  ]
}

const failing: EmulatedFlow = {
  ref: "acme/test/failing",
  steps: [
    { kind: "template", id: "a", output: 1, costUsd: "0.1" },
    { kind: "fail", id: "b", code: "MODEL_REFUSED", message: "it broke" }
  ]
}

const slow: EmulatedFlow = {
  ref: "acme/test/slow",
  steps: [
    { kind: "template", id: "a", output: 1, costUsd: "0.1" },
    { kind: "template", id: "b", output: 2, costUsd: "0.1", duration: "1 hour" }
  ]
}

/** Asks for tools, and then takes a minute. */
const slowly: EmulatedFlow = {
  ref: "acme/test/slowly",
  steps: [
    { kind: "template", id: "a", output: 1, costUsd: "0.3" },
    { kind: "tool", id: "ask", rounds: [[{ name: "find" }]], output: 2, costUsd: "0.2" },
    { kind: "template", id: "b", output: "done", costUsd: "0.1", duration: "1 minute" }
  ]
}

const worldOf = (streamOutputs: "hosted" | "documented" = "hosted", config?: { readonly retryPost?: boolean }) =>
  Layer.provideMerge(
    Noukai.layerServices,
    Emulator.layer({
      flows: [plain, asking, failing, slow, slowly],
      organisations: { acme: { capture: "full" } },
      streamOutputs,
      ...(config === undefined ? undefined : { config })
    })
  )

const world = worldOf()

const ledger = Effect.flatMap(Emulator, (emulator) => emulator.ledger)

const asked = (endpoint: string) =>
  Effect.map(ledger, ({ requests }) => requests.filter((request) => request.endpoint === endpoint).length)

const declarations = [{ type: "function" as const, function: { name: "find" } }]

const resultsOf = (calls: ReadonlyArray<Tools.ToolCall>) => calls.map(({ id }) => ({ toolCallId: id, content: "x" }))

const tools = Tools.handle(declarations, (calls) => Effect.succeed(resultsOf(calls)))

const types = <A, E, R>(stream: Stream.Stream<FlowEvent.FlowEvent<A>, E, R>) =>
  Effect.map(Stream.runCollect(stream), (events) => Chunk.toReadonlyArray(events).map(({ type }) => type))

const shown = ({ executionId: _, requestId: __, ...fields }: ExecuteResult | PausedResult) => fields

describe("execute with maxCostUsd", () => {
  it.scoped("stops before the next step once the run has cost more, and goes on from the cursor", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const error = yield* Effect.flip(flows.execute("acme/test/plain", { message: "hi", maxCostUsd: "0.25" }))
      assert.instanceOf(error, CostLimitError)
      const { billedUsd, requests, runs } = yield* ledger
      assert.strictEqual(billedUsd, "0.3")
      assert.deepInclude({ ...error }, {
        method: "FlowService.execute",
        maxCostUsd: "0.25",
        spentUsd: "0.3",
        executionId: runs[0]!.executionId,
        isRetryable: false
      })
      assert.deepStrictEqual(requests.map(({ endpoint }) => endpoint), ["step", "trace", "step", "trace"])
      assert.isUndefined(error.state)
      const from = error.cursor!
      assert.deepInclude(from, { executionId: runs[0]!.executionId, stepIndex: 2 })
      assert.strictEqual((yield* types(flows.events("acme/test/plain", { from }))).at(-1), "flow_completed")
      assert.deepInclude(yield* ledger, { runsStarted: 1, billedUsd: "1.3" })
    }).pipe(Effect.provide(world)))

  for (const streamOutputs of ["hosted", "documented"] as const) {
    it.scoped(`gives the result that execute gives, of a server with ${streamOutputs} outputs`, () =>
      Effect.gen(function*() {
        const flows = yield* FlowService
        const typed = Flow.make("acme/test/plain", {
          parameters: Schema.Struct({ x: Schema.NumberFromString }),
          result: Schema.Struct({ text: Schema.String })
        })
        const input = { message: "hi", parameters: { x: 7 }, sessionId: "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01" }
        const plainly = yield* flows.execute(typed, input)
        const limited = yield* flows.execute(typed, { ...input, maxCostUsd: 2 })
        assert.deepStrictEqual(shown(limited), shown(plainly))
        assert.strictEqual(limited.result.text, "hi 7")
        const { requests, runs } = yield* ledger
        assert.strictEqual(limited.executionId, runs[1]!.executionId)
        assert.strictEqual(runs[1]!.sessionId, input.sessionId)
        assert.isTrue(
          requests.every(({ endpoint, headers }) => endpoint === "trace" || headers["x-session-id"] === input.sessionId)
        )
      }).pipe(Effect.provide(worldOf(streamOutputs))))
  }

  it.scoped("a run that finished over its limit gives its result, since it is paid", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const done = yield* flows.execute("acme/test/plain", { message: "hi", maxCostUsd: "0.3" })
      assert.deepStrictEqual(done.result, { text: "hi " })
      assert.strictEqual((yield* ledger).billedUsd, "1.3")
    }).pipe(Effect.provide(world)))

  it.scoped("a failed run is the error that it is without a limit", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const facts = (error: CallError | CostLimitError) => {
        const { executionId: _, requestId: __, stepId: ___, ...fields } = { ...error } as Record<string, unknown>
        return fields
      }
      const plainly = yield* Effect.flip(flows.execute("acme/test/failing", { message: "hi" }))
      const limited = yield* Effect.flip(flows.execute("acme/test/failing", { message: "hi", maxCostUsd: 1 }))
      assert.deepInclude({ ...limited }, { _tag: "FlowExecutionError", code: "MODEL_REFUSED", stepId: "b" })
      assert.deepStrictEqual(facts(limited), facts(plainly))
    }).pipe(Effect.provide(world)))

  it.scoped("refuses what cannot be walked before anything is sent", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const jobs = yield* JobService
      const limited = { message: "hi", maxCostUsd: 1 }
      const once = limited as { readonly message: string }
      const errors: ReadonlyArray<CallError | CostLimitError | OnceError> = [
        yield* Effect.flip(flows.execute("acme/test/plain", { ...limited, version: "draft" })),
        yield* Effect.flip(flows.execute("acme/test/plain", { ...limited, version: 0 })),
        yield* Effect.flip(
          flows.execute("acme/test/plain", { maxCostUsd: 1, messages: [{ role: "user", content: "hi" }] })
        ),
        yield* Effect.flip(flows.executeOnce("key", "acme/test/plain", { ...limited, version: "draft" })),
        yield* Effect.flip(jobs.submit("acme/test/plain", once)),
        yield* Effect.flip(jobs.submitOnce("key", "acme/test/plain", once)),
        ...yield* Effect.forEach([0, -1, NaN, "0", "0.00", "-1", "soon"], (maxCostUsd) =>
          Effect.flip(flows.execute("acme/test/plain", { message: "hi", maxCostUsd })))
      ]
      for (const error of errors) {
        assert.deepInclude({ ...error }, { _tag: "InvalidRequestError", field: "maxCostUsd" })
        assert.include(String(error), "maxCostUsd")
      }
      assert.strictEqual((yield* ledger).requestsReceived, 0)
      assert.strictEqual((yield* flows.execute("acme/test/plain", { ...limited, messages: [] })).status, "completed")
    }).pipe(Effect.provide(world)))

  it.scoped("answers tool calls, and gives each pause to onPause, as execute does", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const pauses: Array<PausedState> = []
      const onPause = (state: PausedState) => Effect.sync(() => void pauses.push(state))
      const input = { message: "hi", tools, onPause }
      const plainly = yield* flows.execute("acme/test/asking", input)
      const limited = yield* flows.execute("acme/test/asking", { ...input, maxCostUsd: 1 })
      assert.deepStrictEqual(shown(limited), shown(plainly))
      assert.deepStrictEqual(limited.result, [1, "done"])
      const told = pauses.map(({ executionId: _, steps: __, toolCallMessages, toolCalls, ...state }) => ({
        ...state,
        calls: toolCalls.map(({ name }) => name),
        messages: toolCallMessages.length
      }))
      assert.deepStrictEqual(told.slice(2), told.slice(0, 2))
      assert.deepStrictEqual(pauses.map(({ rounds }) => rounds), [0, 1, 0, 1])
      assert.deepInclude(yield* ledger, { runsStarted: 2, billedUsd: "1" })
      assert.strictEqual(yield* asked("execute"), 3)
      const error = yield* Effect.flip(
        flows.execute("acme/test/asking", { message: "hi", tools, maxCostUsd: 1, maxToolRounds: 1 })
      )
      assert.strictEqual(error._tag, "ToolCallLimitError")
    }).pipe(Effect.provide(world)))

  it.scoped("a pause that is answered by hand goes on step by step, in another process too", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const input = { message: "hi", tools: declarations, maxCostUsd: "0.35" }
      const paused = yield* flows.execute("acme/test/asking", input)
      if (paused.status !== "tool_calls_required") return assert.fail(paused.status)
      const again = yield* paused.resume(resultsOf(paused.toolCalls))
      if (again.status !== "tool_calls_required") return assert.fail(again.status)
      const stored = JSON.stringify(yield* Schema.encode(PausedState)(again.state))
      const state = yield* Schema.decode(Schema.parseJson(PausedState))(stored)
      assert.deepStrictEqual(state, again.state)
      const results = resultsOf(state.toolCalls)

      const stopped = yield* Effect.flip(
        paused.resume(resultsOf(paused.toolCalls)).pipe(
          Effect.flatMap((more) => more.status === "completed" ? Effect.succeed(more) : more.resume(results))
        )
      )
      assert.instanceOf(stopped, CostLimitError)
      assert.strictEqual(stopped.spentUsd, "0.4")
      assert.strictEqual(stopped.cursor?.stepIndex, 2)

      const other = yield* Effect.flatMap(
        FlowService,
        (elsewhere) => elsewhere.resume("acme/test/asking", state, results)
      ).pipe(Effect.provide(Noukai.layerServices))
      assert.deepStrictEqual(other.status === "completed" && other.result, [1, "done"])
      assert.strictEqual(yield* asked("execute"), 0)
      assert.strictEqual((yield* ledger).runsStarted, 1)
    }).pipe(Effect.provide(world)))

  it.scoped("a run that is over its limit at a pause stops with the state and the cursor of the pause", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const paused = yield* flows.execute("acme/test/asking", { message: "hi", tools: declarations, maxCostUsd: 1 })
      if (paused.status !== "tool_calls_required") return assert.fail(paused.status)
      const { state } = paused
      const error = yield* Effect.flip(
        flows.resume("acme/test/asking", state, resultsOf(state.toolCalls), { maxCostUsd: "0.2" })
      )
      assert.instanceOf(error, CostLimitError)
      assert.deepStrictEqual(error.state, state)
      assert.strictEqual(yield* asked("step"), 2)
      const from = error.cursor!
      assert.deepStrictEqual(from.pending?.toolCalls, state.toolCalls)
      assert.strictEqual((yield* types(flows.events("acme/test/asking", { from, tools }))).at(-1), "flow_completed")
      assert.deepInclude(yield* ledger, { runsStarted: 1, billedUsd: "0.5" })
    }).pipe(Effect.provide(world)))

  for (const streamOutputs of ["hosted", "documented"] as const) {
    it.scoped(`a stored pause that was answered before runs no completed step again: ${streamOutputs}`, () =>
      Effect.gen(function*() {
        const { awaitEvent } = yield* Emulator
        const flows = yield* FlowService
        const paused = yield* flows.execute("acme/test/slowly", { message: "hi", tools: declarations, maxCostUsd: 2 })
        if (paused.status !== "tool_calls_required") return assert.fail(paused.status)
        const { state } = paused
        const resume = flows.resume("acme/test/slowly", state, resultsOf(state.toolCalls), { tools, maxCostUsd: 2 })
        // the process dies while the step after the pause runs
        const killed = yield* Effect.fork(resume)
        yield* awaitEvent((event) => event.type === "StepStarted" && event.stepId === "b")
        yield* Fiber.interrupt(killed)
        yield* awaitEvent((event) => event.type === "StepEnded" && event.stepId === "b")
        const restarted = yield* Effect.fork(Effect.either(resume))
        if (streamOutputs === "hosted") {
          yield* awaitEvent((event) => event.type === "StepStarted" && event.stepId === "b" && event.attempt === 2)
          yield* TestClock.adjust(Duration.minutes(1))
          const done = yield* Effect.flatten(Fiber.join(restarted))
          assert.strictEqual(done.status === "completed" && done.result, "done")
          const again = yield* resume
          assert.strictEqual(again.status === "completed" && again.result, "done")
          assert.strictEqual((yield* ledger).billedUsd, "0.6")
        } else {
          // this server keeps no outputs, and no step is run without those before it
          const refused = yield* Effect.flip(Effect.flatten(Fiber.join(restarted)))
          assert.deepInclude({ ...refused }, { _tag: "FlowExecutionError", code: "INVALID_FIRST_CALL" })
          assert.strictEqual((yield* ledger).billedUsd, "0.5")
        }
        assert.lengthOf(
          (yield* ledger).steps.filter(({ outcome, stepId }) => stepId === "ask" && outcome === "completed"),
          1
        )
      }).pipe(Effect.provide(worldOf(streamOutputs))))
  }

  /** The answer to the pause of a limited run. */
  const answerOfAPause = Effect.gen(function*() {
    const flows = yield* FlowService
    const paused = yield* flows.execute("acme/test/asking", { message: "hi", tools: declarations, maxCostUsd: 2 })
    assert(paused.status === "tool_calls_required")
    return flows.resume("acme/test/asking", paused.state, resultsOf(paused.toolCalls), { retry: Schedule.stop })
  })

  it.scoped.each([["503", true], ["429", true], ["reset", true], ["html", false]] as const)(
    "a stored pause of a run whose trace cannot be read now is not answered, and may be given again: %s",
    ([fault, isRetryable]) =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        const resume = yield* answerOfAPause
        assert.strictEqual((yield* resume).status, "tool_calls_required")
        const before = yield* asked("step")
        yield* emulator.addFaults({ match: { endpoint: "trace" }, script: [fault], repeat: true })
        const error = yield* Effect.flip(resume)
        assert.deepStrictEqual([error.isRetryable, "sent" in error ? error.sent : "no"], [isRetryable, "no"])
        assert.strictEqual(yield* asked("step"), before)
        yield* emulator.clearFaults
        assert.strictEqual((yield* resume).status, "tool_calls_required")
      }).pipe(Effect.provide(world))
  )

  it.scoped.each(["401", "403", "404"])(
    "a stored pause of a run that may not be read is answered: %s",
    (fault) =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        const resume = yield* answerOfAPause
        yield* emulator.addFaults({ match: { endpoint: "trace" }, script: [fault], repeat: true })
        assert.strictEqual((yield* resume).status, "tool_calls_required")
      }).pipe(Effect.provide(world))
  )

  it.scoped("is one span of execute", () =>
    Effect.gen(function*() {
      const { opened, tracer } = collecting()
      const flows = yield* FlowService
      yield* Effect.withTracer(flows.execute("acme/test/plain", { message: "hi", maxCostUsd: 2 }), tracer)
      assert.deepStrictEqual(opened.map(({ span }) => span.name), ["noukai.flow.execute"])
    }).pipe(Effect.provide(world)))
})

const retry = Schedule.recurs(1)

describe("the requests of a limited execute", () => {
  it.scopedLive("a refused first step is repeated, a later one is not, as with execute", () =>
    Effect.gen(function*() {
      const { addFaults } = yield* Emulator
      const flows = yield* FlowService
      yield* addFaults({ match: { endpoint: "step" }, script: ["429:retry=0"] })
      const done = yield* flows.execute("acme/test/plain", { message: "hi", maxCostUsd: 2, retry })
      assert.strictEqual(done.status, "completed")
      yield* addFaults({ match: { endpoint: "step" }, script: ["ok", "429:retry=0"] })
      const error = yield* Effect.flip(flows.execute("acme/test/plain", { message: "hi", maxCostUsd: 2 }))
      assert.deepInclude({ ...error }, { _tag: "RateLimitError", executionId: (yield* ledger).runs[1]!.executionId })
      assert.strictEqual("cursor" in error && error.cursor?.stepIndex, 1)
    }).pipe(Effect.provide(world)))

  it.scopedLive("a cut step fails with the cursor; retryPost repeats a request that had no answer", () =>
    Effect.gen(function*() {
      const { addFaults } = yield* Emulator
      const flows = yield* FlowService
      yield* addFaults({ match: { endpoint: "step" }, script: ["ok", "cut:e1"] })
      const error = yield* Effect.flip(flows.execute("acme/test/plain", { message: "hi", maxCostUsd: 2 }))
      assert.deepInclude({ ...error }, { _tag: "APIConnectionError", sent: "yes", isRetryable: false })
      assert.strictEqual("cursor" in error && error.cursor?.stepIndex, 1)
      yield* addFaults({ match: { endpoint: "step" }, script: ["reset"] })
      const failed = yield* Effect.flip(flows.execute("acme/test/plain", { message: "hi", maxCostUsd: 2 }))
      assert.deepInclude({ ...failed }, { _tag: "APIConnectionError", isRetryable: false })
      yield* addFaults({ match: { endpoint: "step" }, script: ["reset"] })
      const done = yield* flows.execute("acme/test/plain", { message: "hi", maxCostUsd: 2, retryPost: true, retry })
      assert.strictEqual(done.status, "completed")
    }).pipe(Effect.provide(world)))

  for (
    const [clock, options] of [["attempt", { attemptTimeout: "1 minute" }], ["total", { timeout: "1 minute" }]] as const
  ) {
    it.scoped(`ends at its ${clock} timeout with the run's id, on any clock`, () =>
      Effect.gen(function*() {
        const { awaitEvent } = yield* Emulator
        const flows = yield* FlowService
        const fiber = yield* Effect.fork(
          Effect.flip(flows.execute("acme/test/slow", { message: "hi", maxCostUsd: 2, ...options }))
        )
        yield* awaitEvent((event) => event.type === "StepStarted" && event.stepId === "b")
        yield* TestClock.adjust(Duration.minutes(1))
        const error = yield* Fiber.join(fiber)
        const [run] = (yield* ledger).runs
        assert.deepInclude({ ...error }, { _tag: "APITimeoutError", clock, sent: "yes", executionId: run!.executionId })
        yield* awaitEvent((event) => event.type === "RequestEnded" && event.outcome === "client")
      }).pipe(Effect.provide(world)))
  }

  it.scoped("are closed when it is interrupted", () =>
    Effect.gen(function*() {
      const { awaitEvent } = yield* Emulator
      const flows = yield* FlowService
      const fiber = yield* Effect.fork(flows.execute("acme/test/slow", { message: "hi", maxCostUsd: 2 }))
      yield* awaitEvent((event) => event.type === "StepStarted" && event.stepId === "b")
      yield* Fiber.interrupt(fiber)
      yield* awaitEvent((event) => event.type === "RequestEnded" && event.outcome === "client")
      yield* awaitEvent((event) => event.type === "StepEnded" && event.outcome === "interrupted")
    }).pipe(Effect.provide(world)))

  it.scoped("an interrupted caller in an uninterruptible region gets its paid result", () =>
    Effect.gen(function*() {
      const { awaitEvent } = yield* Emulator
      const flows = yield* FlowService
      const results: Array<unknown> = []
      const fiber = yield* flows.execute("acme/test/slow", {
        message: "hi",
        maxCostUsd: 2,
        attemptTimeout: "2 hours"
      }).pipe(
        Effect.tap(({ result }) => Effect.sync(() => results.push(result))),
        Effect.uninterruptible,
        Effect.fork
      )
      yield* awaitEvent((event) => event.type === "StepStarted" && event.stepId === "b")
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust(Duration.hours(1))
      yield* Fiber.join(interrupting)
      assert.deepStrictEqual(results, [2])
    }).pipe(Effect.provide(world)))
})

describe("layers without streams", () => {
  it.effect("refuse a limit before anything is sent", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const error = yield* Effect.flip(flows.execute("acme/test/plain", { message: "hi", maxCostUsd: 1 }))
      assert.deepInclude({ ...error }, { _tag: "InvalidRequestError", field: "maxCostUsd" })
    }).pipe(
      Effect.provide(Relay.layerFetch({ url: "http://127.0.0.1:1/agent", flow: "acme/test/plain" }, () => {
        throw new Error("nothing is sent")
      }))
    ))

  it.effect("a fake answers a limited execute", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const done = yield* flows.execute("acme/test/plain", { message: "hi", maxCostUsd: 1 })
      assert.deepStrictEqual(done.result, { slug: "plain", message: "hi" })
    }).pipe(Effect.provide(Noukai.layerTest((slug, { message }) => Effect.succeed({ slug, message })))))
})

describe("replays of a limited execute", () => {
  const limited = (flows: FlowService.Service, message = "hi") =>
    Effect.map(flows.execute("acme/test/plain", { message, maxCostUsd: 2 }), ({ result }) => result)

  it.scoped("a session that ran it live is replayed", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const program = Effect.gen(function*() {
        return [
          yield* limited(flows),
          yield* Effect.map(flows.execute("acme/test/plain", { message: "whole" }), ({ result }) => result),
          yield* limited(flows, "again")
        ]
      })
      const sessionId = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
      const live = yield* TraceScope.withSession(sessionId)(program)
      const { requestsReceived, runs } = yield* ledger
      assert.deepStrictEqual(runs.map(({ trigger }) => trigger), ["step", "execute", "step"])
      const replayed = yield* Effect.flatMap(FlowService, (flows) =>
        Effect.gen(function*() {
          return [
            yield* limited(flows),
            yield* Effect.map(flows.execute("acme/test/plain", { message: "whole" }), ({ result }) => result),
            yield* limited(flows, "again")
          ]
        })).pipe(
          Effect.zipLeft(ReplayCassette.verify),
          Effect.provide(NoukaiReplay.fromSession(sessionId).pipe(Layer.provide(Noukai.layerServices)))
        )
      assert.deepStrictEqual(replayed, live)
      assert.strictEqual((yield* ledger).requestsReceived, requestsReceived + 1)
    }).pipe(Effect.provide(world)))

  it.effect("takes runs of both triggers, the earlier one first", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      assert.strictEqual(yield* limited(flows), "executed")
      assert.strictEqual(yield* limited(flows), "stepped")
      const miss = yield* Effect.flip(flows.execute("acme/test/plain", { message: "hi", maxCostUsd: 2 }))
      assert.strictEqual(miss._tag, "ReplayMissError")
      yield* ReplayCassette.verify
    }).pipe(
      Effect.provide(NoukaiReplay.fromCassette(cassette(
        execution("plain", "execute", "executed", { steps: [step("a", 1), step("b", "executed")] }),
        execution("plain", "step", "stepped", { steps: [step("a", 1), step("b", "stepped")] })
      )))
    ))

  it.effect("events do not take a run of execute", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const miss = yield* Effect.flip(types(flows.events("acme/test/plain", { message: "hi", maxCostUsd: 2 })))
      assert.strictEqual(miss._tag, "ReplayMissError")
    }).pipe(Effect.provide(NoukaiReplay.fromCassette(cassette(execution("plain", "execute", "executed"))))))

  /** The calls of `fixtures/execute-without-a-limit.json`, which was recorded without limits: each is one request there. */
  const unlimited = Effect.gen(function*() {
    const flows = yield* FlowService
    const plainly = yield* flows.execute("acme/test/plain", { message: "hi", maxCostUsd: 0.05 })
    const answered = yield* flows.execute("acme/test/asking", { message: "hi", tools, maxCostUsd: "5" })
    const stopped = yield* Effect.flip(
      flows.execute("acme/test/asking", { message: "stop", tools, maxCostUsd: "0.29" })
    )
    const paused = yield* flows.execute("acme/test/asking", { message: "by hand", tools: declarations, maxCostUsd: 1 })
    if (paused.status !== "tool_calls_required") return assert.fail(paused.status)
    const resumed = yield* paused.resume(resultsOf(paused.toolCalls))
    return {
      results: [plainly.result, answered.result],
      stopped: stopped._tag === "CostLimitError" ? stopped.spentUsd : stopped._tag,
      resumed: resumed.status as string
    }
  })

  const expected = {
    results: [{ text: "hi" }, "done"],
    stopped: "0.3",
    resumed: "tool_calls_required"
  }

  const file = fileURLToPath(new URL("fixtures/execute-without-a-limit.json", import.meta.url))

  for (const match of ["input", "position", "strict"] as const) {
    it.scoped(`a recording without limits is replayed with them, matched by ${match}`, () =>
      unlimited.pipe(
        Effect.zipLeft(ReplayCassette.verify),
        Effect.map((seen) => assert.deepStrictEqual(seen, expected)),
        Effect.provide(NoukaiReplay.fromFile(file, { match }))
      ))
  }

  it.scoped("a recording without limits is replayed in the mode new, and nothing is sent", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "unlimited.json")
      copyFileSync(file, path)
      const seen = yield* Effect.provide(
        unlimited,
        NoukaiRecord.toFile(path, { mode: "new", live: Noukai.layerServices })
      )
      assert.deepStrictEqual(seen, expected)
      assert.strictEqual((yield* ledger).requestsReceived, 0)
      assert.strictEqual(yield* read(path), yield* read(file))
    }).pipe(Effect.provide(Emulator.layer({ flows: [plain, asking] }))))

  it.scoped("a new recording is replayed, with its stop", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "new.json")
      const program = Effect.gen(function*() {
        const flows = yield* FlowService
        const done = yield* flows.execute("acme/test/plain", { message: "hi", maxCostUsd: 2 })
        const answered = yield* flows.execute("acme/test/asking", { message: "hi", tools, maxCostUsd: 2 })
        const stopped = yield* Effect.flip(flows.execute("acme/test/plain", { message: "hi", maxCostUsd: "0.25" }))
        return [done.result, answered.result, stopped._tag === "CostLimitError" && stopped.spentUsd]
      })
      const recording = NoukaiRecord.toFile(path, { mode: "once", live: Noukai.layerServices })
      const live = yield* Effect.provide(program, recording)
      assert.deepStrictEqual(live, [{ text: "hi " }, [1, "done"], "0.3"])
      const { requestsReceived } = yield* ledger
      assert.deepStrictEqual(yield* Effect.provide(program, recording), live)
      assert.strictEqual((yield* ledger).requestsReceived, requestsReceived)
    }).pipe(Effect.provide(Emulator.layer({ flows: [plain, asking] }))))
})
