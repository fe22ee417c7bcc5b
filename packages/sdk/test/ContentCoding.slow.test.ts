/** Bodies that a proxy compressed are read, so that a run that was billed keeps its result. */
import {
  APIConnectionError,
  FlowService,
  InsufficientCreditsError,
  RunService,
  UnexpectedResponseError
} from "@effect-noukai/sdk"
import * as Relay from "@effect-noukai/sdk/Relay"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Context, Effect, Layer, Option, Stream } from "effect"
import * as Zlib from "node:zlib"
import * as Frames from "./support/eventFrames.js"
import { flowsOver, type Over, transports } from "./support/transports.js"
import * as Wire from "./support/WireServer.js"

const flow = "acme/spelling/grade"

const result = { feedback: "é".repeat(300), score: 7 }

const completed = { status: "completed", result, flowId: "f", blockCount: 1, executionId: "ex-1" }

const compressors: Record<string, (text: string) => Uint8Array> = {
  gzip: (text) => Zlib.gzipSync(text),
  br: (text) => Zlib.brotliCompressSync(text),
  deflate: (text) => Zlib.deflateSync(text)
}

/** An answer that was compressed on its way. */
const encoded = (coding: string, status: number, text: string, cut = 0): Wire.Answer => (response) => {
  const body = compressors[coding]!(text)
  response.writeHead(status, { "content-encoding": coding, "x-request-id": "req-1" })
  response.end(body.subarray(0, body.length - cut))
}

const client = (over: Over, answers: ReadonlyArray<Wire.Answer>) =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(...answers)
    const services = yield* flowsOver(over, server, { maxRetries: 0, attemptTimeout: "20 seconds" })
    return { server, flows: Context.get(services, FlowService), runs: Context.get(services, RunService) }
  })

const events = Frames.runStarted + Frames.stepStarted("a") + Frames.stepCompleted("a") + Frames.flowCompleted(result)

for (const over of transports) {
  describe(`over ${over.name}`, () => {
    it.scopedLive("headers: no coding is asked for", () =>
      Effect.gen(function*() {
        const { flows, server } = yield* client(over, [Wire.json(200, completed), Frames.events(events)])
        yield* flows.execute(flow, { message: "hi" })
        yield* Stream.runDrain(flows.events(flow, { message: "hi" }))
        assert.deepStrictEqual(server.requests.map(({ headers }) => headers["accept-encoding"]), [
          "identity",
          "identity"
        ])
      }))

    for (const coding of Object.keys(compressors)) {
      it.scopedLive(`${coding}: a result, events, an error and a read come as if they were plain`, () =>
        Effect.gen(function*() {
          const problem = JSON.stringify({ detail: { code: "INSUFFICIENT_CREDITS", message: "none left" } })
          const { flows, runs } = yield* client(over, [
            encoded(coding, 200, JSON.stringify(completed)),
            encoded(coding, 200, events),
            encoded(coding, 402, problem),
            encoded(coding, 402, problem),
            encoded(
              coding,
              200,
              JSON.stringify({ flowRun: { id: "ex-1", flowId: "f", status: "completed" }, steps: [] })
            )
          ])
          const done = yield* flows.execute(flow, { message: "hi" })
          assert.deepStrictEqual(done.result, result)
          assert.strictEqual(done.requestId, "req-1")
          const seen = yield* Stream.runCollect(flows.events(flow, { message: "hi" }))
          assert.deepStrictEqual(Chunk.toReadonlyArray(seen).map(({ type }) => type), [
            "run_started",
            "step_started",
            "step_completed",
            "flow_completed"
          ])
          for (
            const call of [
              flows.execute(flow, { message: "hi" }),
              Stream.runDrain(flows.events(flow, { message: "hi" }))
            ]
          ) {
            const error = yield* Effect.flip(call)
            assert.instanceOf(error, InsufficientCreditsError)
            assert.deepInclude(error, { code: "INSUFFICIENT_CREDITS", detail: "none left", responseBody: problem })
          }
          assert.strictEqual((yield* runs.trace(flow, "ex-1")).flowRun.id, "ex-1")
        }))
    }

    it.scopedLive("a coding that nobody knows is named, and no status is lost to it", () =>
      Effect.gen(function*() {
        const odd = (status: number) => Wire.json(status, completed, { "content-encoding": "snappy" })
        const { flows } = yield* client(over, [odd(200), odd(200), odd(402), odd(402)])
        const execute = flows.execute(flow, { message: "hi" })
        const stream = Stream.runDrain(flows.events(flow, { message: "hi" }))
        for (const call of [execute, stream]) {
          const error = yield* Effect.flip(call)
          assert.instanceOf(error, UnexpectedResponseError)
          assert.include((error as UnexpectedResponseError).reason, "unknown content coding, \"snappy\"")
          assert.strictEqual((error as UnexpectedResponseError).statusCode, 200)
        }
        for (const call of [execute, stream]) {
          assert.instanceOf(yield* Effect.flip(call), InsufficientCreditsError)
        }
      }))

    it.scopedLive("a body that is cut off is an error, and no success", () =>
      Effect.gen(function*() {
        for (const coding of Object.keys(compressors)) {
          const { flows } = yield* client(over, [
            encoded(coding, 200, JSON.stringify(completed), 20),
            encoded(coding, 200, events, 20)
          ])
          const error = yield* Effect.flip(flows.execute(flow, { message: "hi" }))
          assert.isTrue(error instanceof APIConnectionError || error instanceof UnexpectedResponseError, String(error))
          const pull = yield* Stream.toPull(flows.events(flow, { message: "hi" }))
          const ended = Option.getOrThrow(yield* Effect.flip(Effect.forever(pull)))
          assert.instanceOf(ended, APIConnectionError)
        }
      }))
  })
}

it.scopedLive("a relay's answer is read too", () =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(encoded("br", 200, JSON.stringify(completed)))
    const relay = Relay.layer({ url: `${server.baseUrl}/relay` })
    const flows = Context.get(yield* Layer.build(Layer.orDie(relay)), FlowService)
    assert.deepStrictEqual((yield* flows.execute(flow, { message: "hi" })).result, result)
    assert.strictEqual(server.requests[0]!.headers["accept-encoding"], "identity")
  }))
