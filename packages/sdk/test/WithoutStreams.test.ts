/** The layers that leave out the code of streams: everything else is as it was, and streams are typed refusals. */
import { Flow, Noukai, NoukaiReplay, TraceScope } from "@effect-noukai/sdk"
import * as FlowService from "@effect-noukai/sdk/FlowService"
import * as NoukaiHttp from "@effect-noukai/sdk/NoukaiHttp"
import * as RunService from "@effect-noukai/sdk/RunService"
import { recording } from "@effect-noukai/sdk/testing"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Stream } from "effect"
import { config } from "./support/client.js"
import * as Wire from "./support/WireServer.js"

const done = { status: "completed", result: { text: "ok" }, flowId: "fl_1", blockCount: 2, executionId: "ex-1" }

const agent = "acme/support/agent"

const input = { message: "hi" }

const lean = FlowService.layerWithoutStreams.pipe(Layer.provideMerge(NoukaiHttp.layerWithoutStreams))

const over = (server: Wire.WireServer) => Layer.build(Layer.provide(lean, config({ baseUrl: server.baseUrl })))

describe("FlowService.layerWithoutStreams", () => {
  it.scopedLive("sends what FlowService.layer sends", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.json(200, done), Wire.json(200, done))
      const full = yield* Layer.build(
        Layer.provide(Noukai.layerServices, config({ baseUrl: server.baseUrl }))
      )
      for (const context of [full, yield* over(server)]) {
        const result = yield* Context.get(context, FlowService.FlowService).execute(Flow.make(agent), input)
        assert.deepStrictEqual(result.result, { text: "ok" })
      }
      const [before, after] = server.requests
      assert.strictEqual(after!.body, `{"message":"hi","trace":false}`)
      assert.deepStrictEqual(after, before)
    }))

  it.scopedLive("refuses events and steps with a typed error that says what to provide, and sends nothing", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve()
      const flows = Context.get(yield* over(server), FlowService.FlowService)
      for (const name of ["events", "steps"] as const) {
        const error = yield* Effect.flip(Stream.runDrain(flows[name](agent, input)))
        assert.strictEqual(error._tag, "InvalidRequestError")
        assert.strictEqual(error.method, `FlowService.${name}`)
        assert.include(error.message, "provide FlowService.layer for streams")
      }
      assert.strictEqual(server.requests.length, 0)
    }))

  it.effect("replays a recording, over any `NoukaiHttp`", () =>
    Effect.gen(function*() {
      const flows = yield* Effect.provide(FlowService.FlowService, FlowService.layerWithoutStreams)
      assert.strictEqual((yield* flows.execute(agent, input)).result, "recorded")
    }).pipe(Effect.provide(NoukaiReplay.fromCassette(recording({ flow: agent, message: "hi", result: "recorded" })))))
})

describe("NoukaiHttp.layerWithoutStreams", () => {
  it.scopedLive("refuses the streams of services above it, and sends nothing", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve()
      const services = yield* Layer.build(
        Layer.mergeAll(FlowService.layer, RunService.layer).pipe(
          Layer.provide(NoukaiHttp.layerWithoutStreams),
          Layer.provide(config({ baseUrl: server.baseUrl }))
        )
      )
      const errors = yield* Effect.all([
        Effect.flip(Stream.runDrain(Context.get(services, FlowService.FlowService).events(agent, input))),
        Effect.flip(Stream.runDrain(Context.get(services, RunService.RunService).liveTrace(agent, "ex-1")))
      ])
      assert.deepStrictEqual(errors.map((error) => error._tag === "InvalidRequestError" && error.field), [
        "layer",
        "layer"
      ])
      assert.strictEqual(server.requests.length, 0)
    }))

  it.scopedLive("asks the scope as NoukaiHttp.layer does: inside a replay nothing goes live", () =>
    Effect.gen(function*() {
      const id = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
      const server = yield* Wire.serve(Wire.json(200, {
        sessionId: id,
        executions: [{
          executionId: "ex-9",
          flowId: "fl_1",
          slug: "agent",
          triggerType: "execute",
          status: "completed",
          traceCaptureMode: "full",
          snapshotsAvailable: true,
          steps: [{ stepId: "s", attempt: 1, status: "completed", outputSnapshot: "recorded" }]
        }]
      }))
      const result = yield* Effect.provide(
        TraceScope.replay(id)(Effect.flatMap(FlowService.FlowService, (flows) => flows.execute(agent, input))),
        Layer.provide(lean, config({ baseUrl: server.baseUrl, replayEnabled: true }))
      )
      assert.strictEqual(result.result, "recorded")
      assert.deepStrictEqual(server.requests.map(({ path }) => path), [`/api/v1/seq/sessions/${id}`])
    }))
})
