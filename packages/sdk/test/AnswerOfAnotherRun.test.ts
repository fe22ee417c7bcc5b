/** An answer belongs to the run that was asked: one that names another is nobody's result, and nothing is posted to it. */
import { Budget, JobService, type PausedResult, Tools, UnexpectedResponseError } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Context, Effect, Stream } from "effect"
import { clientFor, servicesFor } from "./support/client.js"
import { events, frame } from "./support/eventFrames.js"
import { json, serve } from "./support/WireServer.js"

const tool = { type: "function", function: { name: "lookup" } } as const

const call = { id: "tc_1", type: "function", function: { name: "lookup", arguments: "{}" } }

const paused = (executionId: string) =>
  json(200, {
    status: "tool_calls_required",
    executionId,
    pausedAtStep: "a",
    iterationsUsed: 1,
    toolCallMessages: [{ role: "assistant", content: null, tool_calls: [call] }],
    toolCalls: [call],
    accumulatedOutputs: {}
  })

const completed = (more: object) =>
  json(200, { status: "completed", result: "foreign", flowId: "f", blockCount: 1, ...more })

const handled = Tools.handle(
  [tool],
  (calls) => Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: "x" })))
)

const results = [{ toolCallId: "tc_1", content: "x" }]

const refused = (error: unknown) => {
  assert.instanceOf(error, UnexpectedResponseError)
  assert.strictEqual(error.executionId, "ex-1")
  assert.include(error.message, "another run, ex-2")
  assert.isFalse(error.isRetryable)
}

describe("execute", () => {
  for (
    const [name, second] of [["completes", completed({ executionId: "ex-2" })], ["pauses", paused("ex-2")]] as const
  ) {
    it.scopedLive(`a resume by the handler that another run ${name} for`, () =>
      Effect.gen(function*() {
        const server = yield* serve(paused("ex-1"), second)
        const flows = yield* clientFor(server)
        refused(yield* Effect.flip(flows.execute("a/b/c", { message: "hi", tools: handled })))
        assert.lengthOf(server.requests, 2)
      }))

    it.scopedLive(`a resume by hand that another run ${name} for`, () =>
      Effect.gen(function*() {
        const server = yield* serve(paused("ex-1"), second, second)
        const flows = yield* clientFor(server)
        const pause = (yield* flows.execute("a/b/c", { message: "hi", tools: [tool] })) as PausedResult
        refused(yield* Effect.flip(pause.resume(results)))
        refused(yield* Effect.flip(flows.resume("a/b/c", pause.state, results)))
        assert.lengthOf(server.requests, 3)
      }))
  }

  for (const more of [{}, { executionId: null }, { executionId: "" }, { executionId: "ex-1" }]) {
    it.scopedLive(`a resume that is answered with ${JSON.stringify(more)} is of this run`, () =>
      Effect.gen(function*() {
        const server = yield* serve(paused("ex-1"), completed(more))
        const flows = yield* clientFor(server)
        const done = yield* flows.execute("a/b/c", { message: "hi", tools: handled })
        assert.strictEqual(done.executionId, "ex-1")
      }))
  }
})

describe("streams", () => {
  it.scopedLive("an end that another run answers, whose result is kept", () =>
    Effect.gen(function*() {
      const answer = events(
        frame("run_started", { executionId: "ex-1", stepCount: 1 }),
        frame("step_completed", { stepId: "a", output: 1 }),
        frame("flow_completed", { executionId: "ex-2", result: "foreign" })
      )
      const server = yield* serve(answer, answer)
      const flows = yield* clientFor(server)
      for (
        const run of [
          Stream.runDrain(flows.events("a/b/c", { message: "hi" })),
          flows.execute("a/b/c", { message: "hi", maxCostUsd: 1 })
        ]
      ) {
        const error = yield* Effect.flip(run)
        refused(error)
        assert.propertyVal(error, "result", "foreign")
      }
    }))
})

describe("jobs", () => {
  const submitted = json(202, { executionId: "ex-1", status: "started" })

  it.scopedLive("a poll, a wait and updates that another run answers", () =>
    Effect.gen(function*() {
      const foreign = completed({ executionId: "ex-2" })
      const server = yield* serve(submitted, foreign, foreign, foreign, foreign)
      const jobs = Context.get(yield* servicesFor(server), JobService)
      const job = yield* jobs.submit("a/b/c", { message: "hi" })
      refused(yield* Effect.flip(job.poll()))
      refused(yield* Effect.flip(job.wait()))
      refused(yield* Effect.flip(job.result()))
      refused(yield* Effect.flip(Effect.map(Stream.runCollect(job.updates), Chunk.toReadonlyArray)))
    }))

  it.scopedLive("a poll that another run answers settles nothing of a budget", () =>
    Effect.gen(function*() {
      const server = yield* serve(submitted, completed({ executionId: "ex-2" }))
      const jobs = Context.get(yield* servicesFor(server), JobService)
      const budget = yield* Budget.make({ limitUsd: 1, perRun: "0.9" })
      const job = yield* Budget.within(jobs.submit("a/b/c", { message: "hi" }), budget)
      refused(yield* Effect.flip(job.poll()))
      assert.deepInclude(yield* Budget.state(budget), { spentUsd: "0", reservedUsd: "0.9" })
      assert.lengthOf(server.requests, 2)
    }))
})
