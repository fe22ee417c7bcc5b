/** Pauses that are answered again: by a process that was started again, or after a response that was lost. */
import { Emulator, type EmulatorOptions, type Flow as EmulatedFlow } from "@effect-noukai/emulator"
import { Flow, FlowService, type PausedState, Tools } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule, Schema, TestClock } from "effect"
import { setup as emulated } from "./support/once.js"

const call = (city: string, id?: string) => ({ name: "weather", arguments: { city }, ...(id && { id }) })

/** Asks twice in one step and once in the next, and costs what each step costs. */
const asking: EmulatedFlow = {
  ref: "acme/test/asking",
  steps: [
    { kind: "template", id: "before", output: "?", costUsd: "0.001" },
    {
      kind: "tool",
      id: "first",
      rounds: [[call("Lisbon"), call("Porto")], [call("Faro")]],
      output: 1,
      costUsd: "0.01"
    },
    { kind: "tool", id: "second", rounds: [[call("Sines")]], output: "{{tools.weather}}", costUsd: "0.1" },
    { kind: "template", id: "after", output: { said: "{{input}}" }, costUsd: "1" }
  ]
}

const setup = (options: EmulatorOptions = {}) => emulated({ flows: [asking], ...options })

const declaration = { type: "function", function: { name: "weather" } } as const

const answersOf = ({ toolCalls }: Pick<PausedState, "toolCalls">) =>
  toolCalls.map(({ arguments: given, id }) => ({ toolCallId: id, content: `sunny in ${JSON.parse(given).city}` }))

/** Handlers that note what they are asked. */
const handling = (asked: Array<string>) =>
  Tools.handle([declaration], (toolCalls) => {
    for (const { arguments: given } of toolCalls) asked.push(JSON.parse(given).city)
    return Effect.succeed(answersOf({ toolCalls }))
  })

/** The state of the first pause, as it was stored. */
const firstPause = (ref = asking.ref) =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    const paused = yield* flows.execute(ref, { message: "?", tools: [declaration] })
    assert(paused.status === "tool_calls_required")
    const state: PausedState = JSON.parse(JSON.stringify(paused.state))
    return state
  })

const resume = (state: PausedState, input: object = {}) =>
  Effect.flatMap(FlowService, (flows) => flows.resume(state.flow, state, answersOf(state), input))

const ledger = Effect.flatMap(Emulator, (emulator) => emulator.ledger)

const posts = Effect.map(ledger, ({ requests }) => requests.filter(({ method }) => method === "POST").length)

/** Every step was paid once. */
const paidOnce = Effect.gen(function*() {
  const { billedUsd, runs } = yield* ledger
  assert.deepStrictEqual([billedUsd, runs.map(({ status }) => status)], ["1.111", ["completed"]])
})

describe("a stored pause that was answered before", () => {
  it.scoped("leads to the result of the run that has ended since", () =>
    Effect.gen(function*() {
      const state = yield* firstPause()
      const asked: Array<string> = []
      const done = yield* resume(state, { tools: handling(asked) })
      assert.deepStrictEqual(asked, ["Faro", "Sines"])
      const before = yield* posts
      const again = yield* resume(state, { tools: handling(asked) })
      assert(again.status === "completed")
      assert.deepStrictEqual(again.result, { said: "sunny in Sines" })
      assert.deepInclude(again, { executionId: state.executionId })
      assert.deepStrictEqual(again.result, (done as typeof again).result)
      // the refused answer, and no tool
      assert.deepStrictEqual([yield* posts, asked.length], [before + 1, 2])
      yield* paidOnce
    }).pipe(Effect.provide(setup())))

  for (const streamOutputs of ["hosted", "documented"] as const) {
    it.scoped(`has its result from whichever event carries it, and decoded: ${streamOutputs}`, () =>
      Effect.gen(function*() {
        const flows = yield* FlowService
        const state = yield* firstPause()
        yield* resume(state, { tools: handling([]) })
        const Said = Flow.make(asking.ref, { result: Schema.Struct({ said: Schema.String }) })
        const done = yield* flows.resume(Said, state, answersOf(state), { tools: handling([]) })
        assert.strictEqual(done.result.said, "sunny in Sines")
      }).pipe(Effect.provide(setup({ streamOutputs }))))
  }

  it.scoped("leads to the pause that followed it, in the same step or a later one", () =>
    Effect.gen(function*() {
      const first = yield* firstPause()
      const second = yield* resume(first)
      assert(second.status === "tool_calls_required")
      for (const again of [yield* resume(first), yield* resume(first)]) {
        assert(again.status === "tool_calls_required")
        assert.deepStrictEqual(JSON.parse(JSON.stringify(again.state)), JSON.parse(JSON.stringify(second.state)))
      }
      const third = yield* resume(second.state)
      assert(third.status === "tool_calls_required")
      const stored: Array<PausedState> = []
      const onPause = (state: PausedState) => Effect.sync(() => void stored.push(state))
      const asked: Array<string> = []
      // two pauses behind
      const done = yield* resume(first, { tools: handling(asked), onPause })
      assert(done.status === "completed")
      assert.deepStrictEqual(done.result, { said: "sunny in Sines" })
      assert.deepStrictEqual([asked, stored.map(({ pausedAtStep }) => pausedAtStep)], [["Sines"], ["second"]])
      yield* paidOnce
    }).pipe(Effect.provide(setup())))

  it.scoped("waits for a run that goes on", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const ref = "acme/test/slow"
      yield* emulator.putFlows({
        ref,
        steps: [
          { kind: "tool", id: "ask", rounds: [[call("Lisbon")]], output: 1 },
          { kind: "template", id: "long", output: "done", duration: "1 minute" }
        ]
      })
      const state = yield* firstPause(ref)
      const first = yield* Effect.fork(resume(state))
      yield* emulator.awaitEvent((event) => event.type === "StepStarted" && event.stepId === "long")
      yield* Fiber.interrupt(first)
      const again = yield* Effect.fork(resume(state))
      yield* emulator.awaitEvent((event) => event.type === "RequestReceived" && event.endpoint === "traceStream")
      yield* TestClock.adjust("1 minute")
      assert.deepInclude(yield* Fiber.join(again), { status: "completed", result: "done" })
      assert.lengthOf((yield* ledger).runs, 1)
    }).pipe(Effect.provide(setup())))

  it.scoped("fails as the run did", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const ref = "acme/test/failing"
      yield* emulator.putFlows({
        ref,
        steps: [
          { kind: "tool", id: "ask", rounds: [[call("Lisbon")]], output: 1 },
          { kind: "fail", id: "broken", code: "X", message: "it broke" }
        ]
      })
      const state = yield* firstPause(ref)
      yield* Effect.flip(resume(state))
      const error = yield* Effect.flip(resume(state))
      assert.deepInclude({ ...error }, {
        _tag: "FlowExecutionError",
        status: "failed",
        code: "X",
        detail: "it broke",
        executionId: state.executionId
      })
    }).pipe(Effect.provide(setup())))

  it.scoped("by the resume of a result whose response was lost", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const flows = yield* FlowService
      const paused = yield* flows.execute(asking.ref, { message: "?", tools: [declaration] })
      assert(paused.status === "tool_calls_required")
      yield* emulator.addFaults({ match: { endpoint: "execute" }, script: ["reset:late"] })
      const lost = yield* Effect.flip(paused.resume(answersOf(paused)))
      assert.deepInclude({ ...lost }, { _tag: "APIConnectionError", sent: "unknown" })
      const next = yield* paused.resume(answersOf(paused))
      assert(next.status === "tool_calls_required")
      assert.deepStrictEqual(next.toolCalls.map(({ arguments: given }) => JSON.parse(given).city), ["Faro"])
    }).pipe(Effect.provide(setup())))

  it.scoped("with calls whose ids come again is answered once more, and paid once", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.putFlows({
        ref: asking.ref,
        steps: [
          { kind: "template", id: "before", output: "?", costUsd: "0.001" },
          {
            kind: "tool",
            id: "first",
            rounds: [[call("Lisbon", "call_0")], [call("Faro", "call_0")]],
            output: "{{tools.weather}}",
            costUsd: "0.11"
          },
          { kind: "template", id: "after", output: { said: "{{input}}" }, costUsd: "1" }
        ]
      })
      const state = yield* firstPause()
      yield* resume(state)
      const done = yield* resume(state, { tools: handling([]) })
      assert(done.status === "completed")
      assert.deepStrictEqual(done.result, { said: "sunny in Faro" })
      yield* paidOnce
    }).pipe(Effect.provide(setup())))

  it.scoped("within an uninterruptible region too", () =>
    Effect.gen(function*() {
      const state = yield* firstPause()
      yield* resume(state)
      const again = yield* Effect.uninterruptible(resume(state))
      assert.strictEqual(again.status, "tool_calls_required")
    }).pipe(Effect.provide(setup())))
})

describe("an answer that is refused", () => {
  it.scoped.each(["EXECUTION_ID_INVALID", "PAUSED_STEP_INVALID", "TOOL_RESULTS_MISMATCH"])(
    "with %s stays refused where the run waits there still, and can be given again",
    (code) =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        const state = yield* firstPause()
        yield* emulator.addFaults({ match: { endpoint: "execute" }, script: [`400:${code}`] })
        const error = yield* Effect.flip(resume(state))
        assert.deepInclude({ ...error }, { _tag: "FlowExecutionError", code, statusCode: 400 })
        assert.strictEqual((yield* resume(state, { tools: handling([]) })).status, "completed")
        yield* paidOnce
      }).pipe(Effect.provide(setup()))
  )

  it.scoped.each(["401", "403", "404", "501"])(
    "stays refused where the run cannot be read: %s",
    (fault) =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        const state = yield* firstPause()
        yield* resume(state)
        yield* emulator.addFaults({ match: { endpoint: "traceStream" }, script: [fault], repeat: true })
        const error = yield* Effect.flip(resume(state))
        assert.deepInclude({ ...error }, { _tag: "FlowExecutionError", code: "TOOL_RESULTS_MISMATCH" })
      }).pipe(Effect.provide(setup({ config: { retry: Schedule.stop } })))
  )

  it.scoped.each(["503", "429", "reset", "cut:b10", "cut:e2", "end:e2", "html"])(
    "may be given again where the run cannot be read now: %s",
    (fault) =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        const state = yield* firstPause()
        yield* resume(state)
        yield* emulator.addFaults({ match: { endpoint: "traceStream" }, script: [fault], repeat: true })
        assert.isTrue((yield* Effect.flip(resume(state))).isRetryable)
        yield* emulator.clearFaults
        assert.strictEqual((yield* resume(state, { tools: handling([]) })).status, "completed")
        yield* paidOnce
      }).pipe(Effect.provide(setup({ config: { retry: Schedule.stop } })))
  )

  it.scoped("for another reason is not looked into", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const state = yield* firstPause()
      yield* emulator.addFaults({ match: { endpoint: "execute" }, script: ["400:TOOLS_INVALID"] })
      assert.deepInclude({ ...(yield* Effect.flip(resume(state))) }, { code: "TOOLS_INVALID" })
      const { requests } = yield* ledger
      assert.lengthOf(requests.filter(({ endpoint }) => endpoint === "traceStream"), 0)
    }).pipe(Effect.provide(setup())))
})
