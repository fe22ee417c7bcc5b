/** Runs of a key that another process began and left: `takeOver` goes on with them. */
import { Emulator, type EmulatorOptions, type Flow as EmulatedFlow } from "@effect-noukai/emulator"
import { FlowService, type PausedState, Tools } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule, TestClock } from "effect"
import type { ServerResponse } from "node:http"
import { clientFor } from "./support/client.js"
import { events, frame, open } from "./support/eventFrames.js"
import { executeOnce, flows, runs, sessionOf, setup as emulated } from "./support/once.js"
import { body, execution } from "./support/sessions.js"
import { type Answer, json, serve } from "./support/WireServer.js"

const ref = "acme/test/asking"

const asking: EmulatedFlow = {
  ref,
  steps: [
    { kind: "template", id: "before", output: "?", costUsd: "0.01" },
    {
      kind: "tool",
      id: "ask",
      rounds: [[{ name: "one" }], [{ name: "two" }]],
      output: "{{tools.two}}",
      costUsd: "0.1"
    },
    { kind: "template", id: "after", output: { said: "{{input}}" }, costUsd: "1" }
  ]
}

const setup = (options: EmulatorOptions = {}) => emulated({ flows: [...flows, asking], ...options })

const declarations = ["one", "two"].map((name) => ({ type: "function", function: { name } }) as const)

const handling = (asked: Array<string>, wait: Effect.Effect<void> = Effect.void) =>
  Tools.handle(declarations, (calls) =>
    Effect.map(wait, () =>
      calls.map(({ id, name }) => {
        asked.push(name)
        return { toolCallId: id, content: `it is ${name}` }
      })))

/** The run of a process that died in its first pause. */
const left = () =>
  Effect.gen(function*() {
    const service = yield* FlowService
    const sessionId = yield* sessionOf(ref, "k")
    const paused = yield* service.execute(ref, {
      message: "?",
      sessionId,
      snapshots: true,
      tools: declarations
    })
    assert(paused.status === "tool_calls_required")
    return paused.executionId
  })

const takeOver = (tools?: unknown, input: object = {}) => executeOnce("k", ref, { takeOver: true, tools, ...input })

const paidOnce = Effect.gen(function*() {
  const { billedUsd, runs } = yield* Effect.flatMap(Emulator, (emulator) => emulator.ledger)
  assert.deepStrictEqual([billedUsd, runs.map(({ status }) => status)], ["1.11", ["completed"]])
})

describe("takeOver", () => {
  it.scoped("answers the pause of a run that was left, and pays each step once", () =>
    Effect.gen(function*() {
      const executionId = yield* left()
      const asked: Array<string> = []
      assert.strictEqual(
        (yield* Effect.flip(executeOnce("k", ref, { tools: handling(asked) })))._tag,
        "RunInProgressError"
      )
      assert.deepStrictEqual(asked, [])
      const states: Array<PausedState> = []
      const done = yield* takeOver(handling(asked), {
        parameters: { tone: "dry" },
        onPause: (state: PausedState) => Effect.sync(() => void states.push(state))
      })
      assert.deepInclude(done, { status: "completed", result: { said: "it is two" }, reused: true, executionId })
      assert.deepStrictEqual(asked, ["one", "two"])
      assert.deepStrictEqual(states.map(({ iterationsUsed, rounds }) => [iterationsUsed, rounds]), [[1, 0], [2, 1]])
      assert.deepInclude(states[0], { parameters: { tone: "dry" }, sessionId: yield* sessionOf(ref, "k") })
      assert.deepInclude(yield* takeOver(), { result: { said: "it is two" }, reused: true })
      yield* paidOnce
    }).pipe(Effect.provide(setup())))

  it.scoped("hands the pause over where tools are answered by hand", () =>
    Effect.gen(function*() {
      const executionId = yield* left()
      const service = yield* FlowService
      const paused = yield* service.executeOnce("k", ref, { message: "hi", takeOver: true, tools: declarations })
      assert(paused.status === "tool_calls_required")
      assert.deepInclude(paused, { reused: true, executionId })
      const answer = ({ toolCalls }: { readonly toolCalls: ReadonlyArray<Tools.ToolCall> }) =>
        toolCalls.map(({ id, name }) => ({ toolCallId: id, content: `it is ${name}` }))
      const next = yield* paused.resume(answer(paused))
      assert(next.status === "tool_calls_required")
      const done = yield* next.resume(answer(next))
      assert.deepInclude(done, { status: "completed", result: { said: "it is two" } })
      yield* paidOnce
    }).pipe(Effect.provide(setup())))

  it.scoped("waits for a run that is at work", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const service = yield* FlowService
      const slow = "acme/test/slow"
      const sessionId = yield* sessionOf(slow, "k")
      yield* Effect.fork(service.execute(slow, { sessionId, snapshots: true }))
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      const call = yield* Effect.fork(executeOnce("k", slow, { takeOver: true }))
      yield* emulator.awaitEvent((event) => event.type === "RequestReceived" && event.endpoint === "traceStream")
      yield* TestClock.adjust("1 minute")
      assert.deepInclude(yield* Fiber.join(call), { result: { late: true }, reused: true })
      assert.lengthOf(yield* runs, 1)
    }).pipe(Effect.provide(setup())))

  it.scoped("changes nothing where there is no run, and where it has ended", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      assert.deepInclude(yield* takeOver(handling(asked)), { reused: false, result: { said: "it is two" } })
      assert.deepInclude(yield* takeOver(handling(asked)), { reused: true, result: { said: "it is two" } })
      assert.deepStrictEqual(asked, ["one", "two"])
      yield* paidOnce
    }).pipe(Effect.provide(setup())))

  it.scoped("of two calls at one time answers once", () =>
    Effect.gen(function*() {
      yield* left()
      const asked: Array<string> = []
      const outcomes = yield* Effect.all([
        Effect.either(takeOver(handling(asked))),
        Effect.either(takeOver(handling(asked)))
      ], { concurrency: 2 })
      assert.deepStrictEqual(outcomes.map(({ _tag }) => _tag).sort(), ["Left", "Right"])
      assert.deepStrictEqual(asked, ["one", "two"])
      yield* paidOnce
    }).pipe(Effect.provide(setup())))

  it.scoped("of a call that follows one without it goes on", () =>
    Effect.gen(function*() {
      yield* left()
      const [other, own] = yield* Effect.all([
        Effect.flip(executeOnce("k", ref, { tools: handling([]) })),
        takeOver(handling([]))
      ], { concurrency: 2 })
      assert.deepStrictEqual([other._tag, own.status], ["RunInProgressError", "completed"])
      yield* paidOnce
    }).pipe(Effect.provide(setup())))

  it.scoped("needs the tools of the run", () =>
    Effect.gen(function*() {
      const executionId = yield* left()
      const error = yield* Effect.flip(takeOver())
      assert.deepInclude({ ...error }, {
        _tag: "UnexpectedResponseError",
        code: "TOOL_CALLS_UNANSWERED_CLIENT",
        executionId
      })
      assert.strictEqual((yield* takeOver(handling([]))).status, "completed")
    }).pipe(Effect.provide(setup())))

  it.scoped.each(["401", "403", "404", "501"])(
    "leaves the run in progress where it may not be read: %s",
    (fault) =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        const executionId = yield* left()
        yield* emulator.addFaults({ match: { endpoint: "traceStream" }, script: [fault], repeat: true })
        const error = yield* Effect.flip(takeOver(handling([])))
        assert.deepInclude({ ...error }, { _tag: "RunInProgressError", executionId })
      }).pipe(Effect.provide(setup()))
  )

  it.scoped.each(["503", "reset", "cut:e2"])(
    "may be called again where the run cannot be read now: %s",
    (fault) =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        yield* left()
        yield* emulator.addFaults({ match: { endpoint: "traceStream" }, script: [fault] })
        const error = yield* Effect.flip(takeOver(handling([])))
        assert.deepStrictEqual([error.isRetryable, "sent" in error ? error.sent : "no"], [true, "no"])
        assert.strictEqual((yield* takeOver(handling([]))).status, "completed")
        yield* paidOnce
      }).pipe(Effect.provide(setup({ config: { retry: Schedule.stop } })))
  )

  const call = { id: "tc_1", type: "function", function: { name: "one", arguments: "{}" } }
  const begun = frame("run_started", { executionId: "ex-1" })
  const asked = frame("step_paused_for_tool_calls", {
    executionId: "ex-1",
    stepId: "ask",
    stepIndex: 0,
    iterationsUsed: 1,
    toolCallMessages: [{ role: "assistant", content: null, tool_calls: [call] }],
    toolCalls: [call]
  })
  const running: Answer = (response, request) => {
    const run = execution("asking", "execute", null, { executionId: "ex-1", status: "running", steps: [] })
    json(200, { ...body(run), sessionId: request.path.split("/").at(-1) })(response, request)
  }
  const traced = (status: string, ...steps: ReadonlyArray<object>) =>
    json(200, { flowRun: { id: "ex-1", flowId: "f", status }, steps }, { connection: "close" })
  const ofAsk = (attempt: number, status: string, more?: object) => ({ stepId: "ask", attempt, status, ...more })

  it.scopedLive.each(
    [
      ["the run has ended", traced("completed")],
      ["the step has completed", traced("running", ofAsk(1, "completed"))],
      ["its latest attempt was skipped", traced("running", ofAsk(1, "failed"), ofAsk(2, "skipped"))]
    ] as const
  )("reads on after a pause where the trace says that %s", ([name, trace]) =>
    Effect.gen(function*() {
      let stream: ServerResponse | undefined
      const server = yield* serve(
        running,
        open([begun, asked], (response) => stream = response),
        (response, request) => {
          // what follows the pause is sent when the client has read the trace
          response.socket?.on("close", () =>
            stream?.end(
              frame("step_completed", { stepId: "ask", output: 1 }) +
                frame("flow_completed", { executionId: "ex-1", result: "done" })
            ))
          trace(response, request)
        }
      )
      const flows = yield* clientFor(server)
      const names: Array<string> = []
      const found = yield* flows.executeOnce(name, ref, { message: "?", takeOver: true, tools: handling(names) })
      assert.deepInclude(found, { status: "completed", result: "done", reused: true })
      assert.deepStrictEqual(names, [])
      assert.isTrue(server.requests.every(({ method }) => method === "GET"))
    }))

  it.scopedLive.each(
    [
      ["the trace cannot be read now", open([begun, asked]), json(503, {})],
      [
        "the events end there, and the step has completed",
        events(begun, asked),
        traced("running", ofAsk(1, "completed"))
      ]
    ] as const
  )("answers no pause that may be over: %s", ([name, stream, trace]) =>
    Effect.gen(function*() {
      const server = yield* serve(running, stream, trace)
      const flows = yield* clientFor(server, { maxRetries: 0 })
      const names: Array<string> = []
      const input = { message: "?", takeOver: true, tools: handling(names) }
      const error = yield* Effect.flip(flows.executeOnce(name, ref, input))
      assert.deepStrictEqual([error.isRetryable, names], [true, []])
      assert.lengthOf(server.requests, 3)
    }))

  it.scopedLive("hands over the second pause of a step in a loop", () =>
    Effect.gen(function*() {
      const again = [asked, frame("step_completed", { stepId: "ask", output: 1 }), asked]
      const server = yield* serve(
        running,
        open([begun, ...again]),
        traced("running", ofAsk(1, "completed", { loopIndex: 0 }))
      )
      const flows = yield* clientFor(server)
      const paused = yield* flows.executeOnce("loop", ref, { message: "?", takeOver: true, tools: declarations })
      assert.strictEqual(paused.status, "tool_calls_required")
    }))

  it.scoped("is a flag", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(executeOnce("k", ref, { takeOver: "yes" }))
      assert.deepInclude({ ...error }, { _tag: "InvalidRequestError", field: "takeOver" })
    }).pipe(Effect.provide(setup())))
})
