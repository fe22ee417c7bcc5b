/** Runs once per key that pause for tools: `onPause`, and going on elsewhere. */
import { Emulator, type Flow as EmulatedFlow } from "@effect-noukai/emulator"
import { FlowService, Tools } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { executeOnce, flows, posts, runs, setup } from "./support/once.js"

const asking: EmulatedFlow = {
  ref: "acme/test/asking",
  steps: [{ kind: "tool", id: "ask", rounds: [[{ name: "weather", arguments: { city: "Lisbon" } }]], output: "sunny" }]
}

const declaration = { type: "function", function: { name: "weather" } } as const

describe("a run that pauses", () => {
  const withTools = setup({ flows: [...flows, asking] })

  it.scoped("onPause is given the state before a handler is called, and what it stores resumes elsewhere", () =>
    Effect.gen(function*() {
      const service = yield* FlowService
      const seen: Array<string> = []
      const died = yield* Deferred.make<string>()
      const call = yield* Effect.fork(service.executeOnce("k", asking.ref, {
        onPause: (state) =>
          Effect.sync(() => {
            seen.push("stored")
            return JSON.stringify(state)
          }).pipe(Effect.flatMap((text) => Deferred.succeed(died, text)), Effect.asVoid),
        tools: Tools.handle([declaration], () => {
          seen.push("handled")
          return Effect.never
        })
      }))
      const text = yield* Deferred.await(died)
      while (seen.length < 2) yield* Effect.yieldNow()
      yield* Fiber.interrupt(call)
      assert.deepStrictEqual(seen, ["stored", "handled"])
      // another process: the run is found, and cannot go on by itself
      assert.strictEqual((yield* Effect.flip(executeOnce("k", asking.ref)))._tag, "RunInProgressError")
      const state = JSON.parse(text)
      const done = yield* service.resume(asking.ref, state, [{ toolCallId: state.toolCalls[0].id, content: "warm" }])
      assert.deepInclude(done, { status: "completed", result: "sunny", executionId: state.executionId })
      assert.deepInclude(yield* executeOnce("k", asking.ref), { result: "sunny", reused: true })
      assert.lengthOf(yield* runs, 1)
    }).pipe(Effect.provide(withTools)))

  it.scoped("its failure fails the call, and no tool runs", () =>
    Effect.gen(function*() {
      const service = yield* FlowService
      let handled = 0
      const tools = Tools.handle([declaration], (calls) => {
        handled++
        return Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: "warm" })))
      })
      const onPause = () => Effect.fail("disk full" as const)
      const error = yield* Effect.flip(service.execute(asking.ref, { tools, onPause }))
      assert.strictEqual(error, "disk full")
      assert.strictEqual(handled, 0)
      assert.lengthOf(yield* posts, 1)
    }).pipe(Effect.provide(withTools)))

  it.scoped("it is called for pauses that are answered by hand, and by resume", () =>
    Effect.gen(function*() {
      const service = yield* FlowService
      const seen: Array<string> = []
      const onPause = ({ executionId }: { readonly executionId: string }) =>
        Effect.sync(() => void seen.push(executionId))
      const twice: EmulatedFlow = {
        ref: "acme/test/twice",
        steps: [{
          kind: "tool",
          id: "ask",
          rounds: [[{ name: "weather", arguments: {} }], [{ name: "weather", arguments: {} }]],
          output: "done"
        }]
      }
      yield* Effect.flatMap(Emulator, (emulator) => emulator.putFlows(twice))
      const paused = yield* service.executeOnce("k", twice.ref, { tools: [declaration], onPause })
      assert(paused.status === "tool_calls_required")
      assert.isFalse(paused.reused)
      const answer = (calls: ReadonlyArray<Tools.ToolCall>) =>
        calls.map(({ id }) => ({ toolCallId: id, content: "warm" }))
      const again = yield* service.resume(twice.ref, paused.state, answer(paused.toolCalls), { onPause })
      assert(again.status === "tool_calls_required")
      const done = yield* again.resume(answer(again.toolCalls))
      assert.strictEqual(done.status, "completed")
      assert.deepStrictEqual(seen, [paused.executionId, paused.executionId])
    }).pipe(Effect.provide(withTools)))

  it.scoped("a call that comes while another one answers is told so", () =>
    Effect.gen(function*() {
      const service = yield* FlowService
      const errors: Array<string> = []
      const done = yield* service.executeOnce("k", asking.ref, {
        tools: Tools.handle([declaration], (calls) =>
          Effect.gen(function*() {
            errors.push((yield* Effect.flip(executeOnce("k", asking.ref)).pipe(Effect.orDie))._tag)
            return calls.map(({ id }) => ({ toolCallId: id, content: "warm" }))
          }))
      })
      assert.deepStrictEqual([done.status, errors], ["completed", ["RunInProgressError"]])
    }).pipe(Effect.provide(withTools)))
})
