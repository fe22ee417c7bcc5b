/** The ids of sessions and runs in the spans of flows (docs/wire.md#spans). */
import { FlowService, JobService, TraceScope } from "@effect-noukai/sdk"
import { attributeKeys } from "@effect-noukai/sdk/Telemetry"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Stream } from "effect"
import { clientFor, servicesFor } from "./support/client.js"
import * as Frames from "./support/eventFrames.js"
import { echo, executeOnce, sessionOf, setup } from "./support/once.js"
import { otherId, sessionId } from "./support/sessions.js"
import { collecting, type Opened } from "./support/tracer.js"
import * as Wire from "./support/WireServer.js"

const flow = "acme/support/greet"

const done = Wire.json(200, { status: "completed", result: 1, flowId: "f", blockCount: 1, executionId: "ex-1" })

const toolCalls = [{ id: "tc_1", type: "function", function: { name: "find", arguments: "{}" } }]

const pause = Wire.json(200, {
  status: "tool_calls_required",
  executionId: "ex-1",
  pausedAtStep: "a",
  iterationsUsed: 1,
  toolCallMessages: [{ role: "assistant", tool_calls: toolCalls }],
  toolCalls
})

const find = { type: "function", function: { name: "find" } } as const

type IdsOf = ReturnType<typeof idsOf>

const idsOf = ({ attributes, span }: Opened): readonly [string, unknown, unknown] => [
  span.name,
  attributes.get(attributeKeys.sessionId),
  attributes.get(attributeKeys.executionId)
]

const tracedIds = <A, E, R>(body: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const { opened, tracer } = collecting()
    yield* Effect.withTracer(body, tracer)
    return opened.filter(({ span }) => /^noukai\.flow\.(?!step$)/.test(span.name)).map(idsOf)
  })

it.scopedLive("session.id: the session of the call, else of the scope, else of the client", () =>
  Effect.gen(function*() {
    const flows = yield* clientFor(yield* Wire.serve(done, done, done), { sessionId })
    const given = yield* tracedIds(flows.execute(flow, { sessionId: otherId }))
    const scoped = yield* tracedIds(TraceScope.withSession(otherId)(flows.execute(flow, {})))
    const client = yield* tracedIds(flows.execute(flow, {}))
    assert.deepStrictEqual([...given, ...scoped, ...client], [
      ["noukai.flow.execute", otherId, "ex-1"],
      ["noukai.flow.execute", otherId, "ex-1"],
      ["noukai.flow.execute", sessionId, "ex-1"]
    ])
  }))

it.scopedLive("session.id: of streams, jobs and resumed runs", () =>
  Effect.gen(function*() {
    const accepted = Wire.json(202, { executionId: "ex-1" })
    const server = yield* Wire.serve(...Frames.twoSteps, ...Frames.twoSteps, accepted, pause, done)
    const services = yield* servicesFor(server)
    const flows = Context.get(services, FlowService)
    const ids = yield* tracedIds(Effect.gen(function*() {
      yield* Stream.runDrain(flows.events(flow, { message: "hi", sessionId }))
      yield* Stream.runDrain(flows.steps(flow, { message: "hi", sessionId }))
      yield* Context.get(services, JobService).submit(flow, { sessionId })
      const paused = yield* flows.execute(flow, { tools: [find], sessionId })
      assert(paused.status === "tool_calls_required")
      yield* flows.resume(flow, paused.state, [{ toolCallId: "tc_1", content: "x" }])
    }))
    assert.deepStrictEqual(
      ids,
      ["events", "steps", "execute_async", "execute", "execute"].map((name) => [
        `noukai.flow.${name}`,
        sessionId,
        "ex-1"
      ])
    )
  }))

it.scopedLive("both ids of calls that fail, by their error or by the run that they go on with", () =>
  Effect.gen(function*() {
    const refused = Wire.json(402, { detail: { code: "CREDITS_EXHAUSTED", message: "m", executionId: "ex-1" } })
    const server = yield* Wire.serve(refused, refused, refused, pause, Wire.json(500, {}))
    const services = yield* servicesFor(server, { maxRetries: 0 })
    const flows = Context.get(services, FlowService)
    const ids = yield* tracedIds(Effect.gen(function*() {
      yield* Effect.either(flows.execute(flow, { sessionId }))
      yield* Effect.either(Stream.runDrain(flows.events(flow, { message: "hi", sessionId })))
      yield* Effect.either(Context.get(services, JobService).submit(flow, { sessionId }))
      const paused = yield* flows.execute(flow, { tools: [find], sessionId })
      assert(paused.status === "tool_calls_required")
      yield* Effect.flip(flows.resume(flow, paused.state, [{ toolCallId: "tc_1", content: "x" }]))
    }))
    assert.deepStrictEqual(
      ids,
      ["execute", "events", "execute_async", "execute", "execute"].map((name) => [
        `noukai.flow.${name}`,
        sessionId,
        "ex-1"
      ])
    )
  }))

it.scopedLive("an error of another flow, which a handler ran, leaves the ids of this one", () =>
  Effect.gen(function*() {
    const other = Wire.json(402, { detail: { code: "CREDITS_EXHAUSTED", message: "m", executionId: "ex-2" } })
    const flows = yield* clientFor(yield* Wire.serve(pause, other), { maxRetries: 0 })
    const { opened, tracer } = collecting()
    const inner = flows.execute("acme/support/other", { sessionId: otherId })
    const call = flows.execute(flow, {
      tools: [find],
      sessionId,
      onPause: () => Effect.asVoid(inner)
    })
    const error = yield* Effect.flip(Effect.withTracer(call, tracer))
    assert.propertyVal(error, "executionId", "ex-2")
    assert.deepStrictEqual(opened.map(idsOf), [
      ["noukai.flow.execute", sessionId, undefined],
      ["noukai.flow.execute", otherId, "ex-2"]
    ])
  }))

describe("runs once per key", () => {
  it.scoped("session.id is that of the key, also of runs that were found or failed", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const ids = yield* tracedIds(Effect.gen(function*() {
        yield* executeOnce("row 1", echo)
        yield* executeOnce("row 1", echo)
        // the key of a run that is not a job
        yield* Effect.flip(jobs.submitOnce("row 1", echo, { message: "hi" }))
        yield* jobs.submitOnce("row 2", echo, { message: "hi" })
        yield* Effect.flip(executeOnce("row 1", "acme/test/failing"))
        yield* Effect.flip(executeOnce("row 1", "acme/test/absent"))
      }))
      const [[, , run], , , [, , job], [, , failed]] = ids as [IdsOf, IdsOf, IdsOf, IdsOf, IdsOf]
      for (const id of [run, job, failed]) assert.isString(id)
      const session = yield* sessionOf(echo, "row 1")
      const failing = yield* sessionOf("acme/test/failing", "row 1")
      assert.deepStrictEqual(ids, [
        ["noukai.flow.execute", session, run],
        ["noukai.flow.execute", session, run],
        ["noukai.flow.execute_async", session, run],
        ["noukai.flow.execute_async", yield* sessionOf(echo, "row 2"), job],
        ["noukai.flow.execute", failing, failed],
        ["noukai.flow.execute", yield* sessionOf("acme/test/absent", "row 1"), undefined]
      ])
    }).pipe(Effect.provide(setup())))
})
