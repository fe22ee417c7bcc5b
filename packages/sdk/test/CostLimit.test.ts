/** The cost of a run, and a limit of it: what is read, when a run is stopped, and how it goes on. */
import { Emulator, type Flow } from "@effect-noukai/emulator"
import { layer as emulatorLayer } from "@effect-noukai/emulator/Emulator"
import {
  CostLimitError,
  type FlowEvent,
  FlowService,
  Noukai,
  type PausedResult,
  RunService,
  type StepsInput,
  Tools
} from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Layer, Stream } from "effect"
import { checkPositiveAmount } from "../src/internal/core/cost.js"

const lines: Flow = {
  ref: "acme/test/lines",
  steps: [
    { kind: "template", id: "a", output: 1, costUsd: "0.1", tokens: { prompt: 3, completion: 1 }, model: "small" },
    { kind: "loop", id: "each", times: 3, steps: [{ kind: "template", id: "in", output: 2, costUsd: "0.2" }] },
    { kind: "template", id: "b", output: "done", costUsd: "1" }
  ]
}

const asking: Flow = {
  ref: "acme/test/asking",
  steps: [
    { kind: "template", id: "a", output: 1, costUsd: "0.3" },
    { kind: "tool", id: "ask", rounds: [[{ name: "find" }], [{ name: "find" }]], output: "done", costUsd: "0.1" }
  ]
}

const plain: Flow = {
  ref: "acme/test/plain",
  steps: [
    { kind: "template", id: "a", output: 1, costUsd: "0.1" },
    { kind: "template", id: "b", output: 2, costUsd: "0.2" },
    { kind: "template", id: "c", output: 3, costUsd: "1" }
  ]
}

const off: Flow = {
  ref: "acme/test/off",
  capture: "off",
  steps: [{ kind: "template", id: "a", output: 1, costUsd: "1" }]
}

const world = Layer.provideMerge(Noukai.layerServices, emulatorLayer({ flows: [lines, asking, plain, off] }))

const ledger = Effect.flatMap(Emulator, (emulator) => emulator.ledger)

const asked = (endpoint: string) =>
  Effect.map(ledger, ({ requests }) => requests.filter((request) => request.endpoint === endpoint).length)

const declarations = [{ type: "function" as const, function: { name: "find" } }]

const tools = Tools.handle(
  declarations,
  (calls) => Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: "x" })))
)

const types = <A, E, R>(stream: Stream.Stream<FlowEvent.FlowEvent<A>, E, R>) =>
  Effect.map(Stream.runCollect(stream), (events) => Chunk.toReadonlyArray(events).map(({ type }) => type))

describe("the cost of a run", () => {
  it.scoped("is read once, and is that of the ledger", () =>
    Effect.gen(function*() {
      const { executionId = "" } = yield* (yield* FlowService).execute("acme/test/lines", { message: "hi" })
      const cost = yield* (yield* RunService).cost("acme/test/lines", executionId)
      assert.deepInclude(cost, { executionId, status: "completed", isKnown: true, costUsd: "1.7" })
      assert.strictEqual(cost.costUsd, (yield* ledger).billedUsd)
      assert.deepStrictEqual(cost.steps.map(({ costUsd, stepId }) => [stepId, costUsd]), [
        ["a", "0.1"],
        ["each", "0"],
        ["in", "0.6"],
        ["b", "1"]
      ])
      assert.strictEqual(yield* asked("trace"), 1)
    }).pipe(Effect.provide(world)))

  it.scoped("is not known where no steps are stored", () =>
    Effect.gen(function*() {
      const { executionId = "" } = yield* (yield* FlowService).execute("acme/test/off", { message: "hi" })
      const cost = yield* (yield* RunService).cost("acme/test/off", executionId)
      assert.deepInclude(cost, { status: "completed", isKnown: false, costUsd: "0" })
    }).pipe(Effect.provide(world)))

  it.scoped("is in the summary of flow_completed, where the server sends it", () =>
    Effect.gen(function*() {
      const events = yield* Stream.runCollect((yield* FlowService).events("acme/test/lines", { message: "hi" }))
      const last = Chunk.unsafeLast(events)
      assert.deepStrictEqual(last.type === "flow_completed" && last.summary, { steps: 3, costUsd: "1.7" })
    }).pipe(Effect.provide(world)))
})

describe("maxCostUsd", () => {
  for (
    const maxCostUsd of [
      0,
      -0,
      "0",
      "0.00",
      "-0",
      -1,
      NaN,
      Infinity,
      "-0.1",
      "",
      "a lot",
      "$1",
      null,
      {},
      [1],
      true,
      1n
    ]
  ) {
    it.scoped(`${typeof maxCostUsd} ${String(maxCostUsd)} is refused before anything is sent`, () =>
      Effect.gen(function*() {
        const flows = yield* FlowService
        const input = { message: "hi", maxCostUsd } as unknown as StepsInput
        const errors = [
          yield* Effect.flip(flows.execute("acme/test/lines", input)),
          yield* Effect.flip(Stream.runDrain(flows.events("acme/test/lines", input))),
          yield* Effect.flip(Stream.runDrain(flows.steps("acme/test/lines", input)))
        ]
        for (const error of errors) {
          assert.strictEqual(error._tag, "InvalidRequestError")
          assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "maxCostUsd")
        }
        assert.strictEqual((yield* ledger).requestsReceived, 0)
      }).pipe(Effect.provide(world)))
  }

  it("amounts are numbers and decimal text", () => {
    for (const good of [0.25, 1e-7, 12, "0.00031", "1e2", ".5"]) {
      assert.isUndefined(checkPositiveAmount("maxCostUsd", good), String(good))
    }
  })

  it.scoped("a run within it, and one without it, is as ever; without it nothing is read", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      assert.strictEqual((yield* flows.execute("acme/test/asking", { message: "hi", tools })).result, "done")
      yield* types(flows.events("acme/test/lines", { message: "hi" }))
      assert.strictEqual(yield* asked("trace"), 0)
      const done = yield* flows.execute("acme/test/asking", { message: "hi", tools, maxCostUsd: 0.3 })
      assert.strictEqual(done.result, "done")
      // before the second step and before each of two tool rounds
      assert.strictEqual(yield* asked("trace"), 3)
      assert.strictEqual(
        (yield* types(flows.events("acme/test/lines", { message: "hi", maxCostUsd: "0.7" }))).at(-1),
        "flow_completed"
      )
    }).pipe(Effect.provide(world)))

  it.scoped("events stop before the next step, loops counted, and go on from the cursor", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const seen: Array<string> = []
      const error = yield* Effect.flip(
        Stream.runForEach(
          flows.events("acme/test/lines", { message: "hi", maxCostUsd: "0.69" }),
          (event) => Effect.sync(() => event.type === "step_completed" && seen.push(event.stepId))
        )
      )
      assert.instanceOf(error, CostLimitError)
      assert.deepInclude({ ...error }, { maxCostUsd: "0.69", spentUsd: "0.7", isRetryable: false })
      assert.include(error.message, "the run has cost $0.7, more than its limit of $0.69")
      assert.deepStrictEqual(seen, ["a", "each"])
      assert.strictEqual((yield* ledger).billedUsd, "0.7")
      const from = error.cursor!
      assert.strictEqual(from.stepIndex, 2)
      const again = yield* Effect.flip(types(flows.events("acme/test/lines", { from, maxCostUsd: "0.69" })))
      assert.deepInclude({ ...again }, { _tag: "CostLimitError", spentUsd: "0.7" })
      assert.strictEqual((yield* types(flows.events("acme/test/lines", { from }))).at(-1), "flow_completed")
      assert.deepInclude(yield* ledger, { runsStarted: 1, billedUsd: "1.7" })
    }).pipe(Effect.provide(world)))

  it.scoped("steps stop in the same way", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const error = yield* Effect.flip(
        Stream.runDrain(flows.steps("acme/test/lines", { message: "hi", maxCostUsd: 0.05 }))
      )
      assert.deepInclude({ ...error }, { _tag: "CostLimitError", spentUsd: "0.1" })
      assert.strictEqual((yield* ledger).billedUsd, "0.1")
    }).pipe(Effect.provide(world)))

  it.scoped("a response that runs to the end is not stopped", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const events = flows.events("acme/test/lines", { message: "hi", maxCostUsd: 0.05, runRemaining: true })
      assert.strictEqual((yield* types(events)).at(-1), "flow_completed")
    }).pipe(Effect.provide(world)))

  it.scoped("a pause answered by hand is stopped before its results are sent, in executions and streams", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const input = { message: "hi", tools: declarations, maxCostUsd: 0.2 }
      const result = (calls: ReadonlyArray<Tools.ToolCall>) => calls.map(({ id }) => ({ toolCallId: id, content: "x" }))
      const paused = (yield* flows.execute("acme/test/asking", { message: "hi", tools: declarations })) as PausedResult
      const error = yield* Effect.flip(
        flows.resume("acme/test/asking", paused.state, result(paused.toolCalls), { maxCostUsd: "0.29" })
      )
      assert.instanceOf(error, CostLimitError)
      assert.deepInclude({ ...error }, { spentUsd: "0.3", executionId: paused.executionId })
      assert.deepStrictEqual(error.state, paused.state)
      assert.isUndefined(error.cursor)
      assert.notInclude(JSON.stringify(error), "toolCallMessages")
      assert.strictEqual(yield* asked("execute"), 1)
      const done = yield* flows.resume("acme/test/asking", error.state!, result(paused.toolCalls), { tools })
      assert.strictEqual(done.status === "completed" && done.result, "done")

      const events = yield* Stream.runCollect(flows.events("acme/test/asking", { ...input, runRemaining: true }))
      const pause = Chunk.unsafeLast(events)
      if (pause.type !== "tool_calls_required") return assert.fail(pause.type)
      const streamed = yield* Effect.flip(Stream.runDrain(pause.resume(result(pause.toolCalls))))
      assert.instanceOf(streamed, CostLimitError)
      assert.strictEqual(yield* asked("step"), 1)
      const rest = flows.events("acme/test/asking", { from: streamed.cursor!, tools, runRemaining: true })
      assert.strictEqual((yield* types(rest)).at(-1), "flow_completed")
    }).pipe(Effect.provide(world)))

  it.scoped("a cost that cannot be read stops the run, which goes on without the limit; streams know what events told", () =>
    Effect.gen(function*() {
      const { addFaults } = yield* Emulator
      const flows = yield* FlowService
      yield* addFaults({ match: { endpoint: "trace" }, script: ["403", "403"] })
      const paused = (yield* flows.execute("acme/test/asking", { message: "hi", tools: declarations })) as PausedResult
      const results = paused.toolCalls.map(({ id }) => ({ toolCallId: id, content: "x" }))
      const error = yield* Effect.flip(
        flows.resume("acme/test/asking", paused.state, results, { tools, maxCostUsd: 5 })
      )
      assert.instanceOf(error, CostLimitError)
      assert.isUndefined(error.spentUsd)
      assert.include(error.message, "the cost of the run could not be read")
      assert.deepInclude(error.cause, { _tag: "PermissionDeniedError" })
      assert.isDefined(error.state)
      const streamed = yield* Effect.flip(types(flows.events("acme/test/lines", { message: "hi", maxCostUsd: 0.05 })))
      assert.deepInclude({ ...streamed }, { _tag: "CostLimitError", spentUsd: "0.1" })
    }).pipe(Effect.provide(world)))

  it.scoped("a stream from a cursor keeps what a trace knew of the steps before it, when a later one cannot be read", () =>
    Effect.gen(function*() {
      const { addFaults } = yield* Emulator
      const flows = yield* FlowService
      const first = yield* Effect.flip(types(flows.events("acme/test/plain", { message: "hi", maxCostUsd: 0.05 })))
      assert.instanceOf(first, CostLimitError)
      yield* addFaults({ match: { endpoint: "trace" }, script: ["ok", "403"] })
      const stopped = yield* Effect.flip(
        types(flows.events("acme/test/plain", { from: first.cursor!, maxCostUsd: "0.25" }))
      )
      assert.deepInclude({ ...stopped }, { _tag: "CostLimitError", spentUsd: "0.3" })
    }).pipe(Effect.provide(world)))
})

describe("a run over its limit", () => {
  it.scoped("calls no handler, nor what makes its effect", () =>
    Effect.gen(function*() {
      let called = 0
      const tools = Tools.handle(declarations, (calls) => {
        called++
        return Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: "x" })))
      })
      const flows = yield* FlowService
      const error = yield* Effect.flip(flows.execute("acme/test/asking", { message: "hi", tools, maxCostUsd: "0.2" }))
      assert.strictEqual(error._tag, "CostLimitError")
      assert.strictEqual(called, 0)
    }).pipe(Effect.provide(world)))
})
