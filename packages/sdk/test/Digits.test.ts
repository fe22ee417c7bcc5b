/**
 * Numbers that JavaScript cannot hold, in every place that passes values on: the text that came is the text that is sent,
 * stored and replayed.
 */
import { Cassette, FlowCursor, FlowService, NoukaiRecord, NoukaiReplay, PausedState } from "@effect-noukai/sdk"
import type { FlowEvent } from "@effect-noukai/sdk/FlowEvent"
import { JobService } from "@effect-noukai/sdk/JobService"
import { digitsOf, parseJson, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import { layerServices } from "@effect-noukai/sdk/Noukai"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Context, Effect, Either, Layer, Schema, Stream } from "effect"
import * as fc from "effect/FastCheck"
import { join } from "node:path"
import { clientFor, config, servicesFor } from "./support/client.js"
import { folder, read } from "./support/folder.js"
import * as Wire from "./support/WireServer.js"

const big = "12345678901234567890"
const all = `{"id":${big},"list":[0.12345678901234567890,1e400,-0,{"deep":-98765432109876543210.50}],"few":1.5}`

/** With its keys in the order of a recording. */
const inOrder = `{"few":1.5,"id":${big},"list":[0.12345678901234567890,1e400,-0]}`

const frame = (name: string, data: string): string => `event: ${name}\ndata: ${data}\n\n`
const sse = (...frames: ReadonlyArray<string>): Wire.Answer => (response) => {
  response.writeHead(200, { "content-type": "text/event-stream" })
  response.end(frames.join(""))
}
const body = (text: string): Wire.Answer => Wire.text(200, text, { "content-type": "application/json" })

const begin = frame("run_started", `{"executionId":"ex-1","stepCount":3}`)
const step = (stepId: string, output: string, next?: number): ReadonlyArray<string> => [
  frame("step_started", `{"stepId":"${stepId}"}`),
  frame("step_completed", `{"stepId":"${stepId}","output":${output}}`),
  ...(next === undefined ? [] : [frame("step_paused", `{"executionId":"ex-1","nextStepIndex":${next}}`)])
]
const end = (result: string) => frame("flow_completed", `{"executionId":"ex-1","result":${result}}`)

const messages = `[{"role":"assistant","content":${big},"tool_calls":[{"id":"t1","type":"function","function":` +
  `{"name":"look","arguments":{"id":${big}}}}]}]`
const pauseFields = `"executionId":"ex-1","iterationsUsed":1,"toolCallMessages":${messages},"accumulatedOutputs":` +
  `{"a":${big},"b":${all}}`
const pause = body(`{"status":"tool_calls_required","pausedAtStep":"ask",${pauseFields},"flowId":"f","blockCount":2}`)
const toolPause = frame("step_paused_for_tool_calls", `{"stepId":"ask","stepIndex":2,${pauseFields}}`)
const done = body(`{"status":"completed","result":${all},"flowId":"f","blockCount":2,"executionId":"ex-1"}`)

const trace = body(
  `{"flowRun":{"id":"ex-1","status":"running"},"steps":[{"stepId":"a","status":"completed","costUsd":"0.1"}]}`
)

const tools = [{ type: "function", function: { name: "look" } }] as const
const results = [{ toolCallId: "t1", content: "ok" }]

const stored = <A, I>(schema: Schema.Schema<A, I>, value: A): A => {
  const parse = Schema.parseJson(schema)
  return Schema.decodeSync(parse)(Schema.encodeSync(parse)(value))
}

const cursorsOf = (events: Chunk.Chunk<FlowEvent>) =>
  Chunk.toReadonlyArray(events).flatMap((event) => event.type === "step_paused" ? [event.cursor] : [])

const liveOf = (server: Wire.WireServer) => Layer.provide(layerServices, config({ baseUrl: server.baseUrl }))

const texts = (events: Chunk.Chunk<FlowEvent>) => Chunk.map(events, (event) => stringifyJson(event))

/** The text of a field of a body. */
const has = (text: string | undefined, field: string, value: string) =>
  assert.include(text ?? "", `"${field}":${value}`)

describe("numbers that JavaScript cannot hold", () => {
  it.scopedLive("outputs of streamed steps are sent back as they came, also from a stored cursor", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(
        sse(begin, ...step("a", big, 1)),
        sse(...step("b", all, 2)),
        sse(...step("c", "1"), end(big)),
        sse(...step("c", "1"), end(big)),
        sse(...step("c", "1"), end(big))
      )
      const flows = yield* clientFor(server)
      const events = yield* Stream.runCollect(flows.events("a/b/c", { message: "hi", runRemaining: false }))
      const outputs = `{"a":${big},"b":${all}}`
      has(server.requests[1]?.body, "accumulatedOutputs", `{"a":${big}}`)
      has(server.requests[2]?.body, "accumulatedOutputs", outputs)
      const cursor = cursorsOf(events)[1]!
      assert.strictEqual(cursor.outputs.a, Number(big))
      yield* Stream.runDrain(flows.events("a/b/c", { from: stored(FlowCursor, cursor) }))
      has(server.requests[3]?.body, "accumulatedOutputs", outputs)
      const changed = { ...cursor, outputs: { ...cursor.outputs, a: 7 } }
      yield* Stream.runDrain(flows.events("a/b/c", { from: JSON.parse(JSON.stringify(changed)) as FlowCursor }))
      has(server.requests[4]?.body, "accumulatedOutputs", `{"a":7,"b":${all}}`)
      const shown = Chunk.toReadonlyArray(events).filter(({ type }) =>
        type === "step_completed" || type === "flow_completed"
      )
        .map((event) => stringifyJson(event))
      assert.include(shown[0], `"output":${big}`)
      assert.include(shown[1], `"output":${all}`)
      assert.include(shown[3], `"result":${big}`)
    }))

  it.scopedLive("a walked run sends outputs and conversations as they came, in memory and stored", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(
        sse(begin, ...step("a", big, 1)),
        trace,
        sse(toolPause),
        trace,
        trace,
        sse(...step("ask", "2", 3)),
        trace,
        sse(...step("d", all), frame("flow_completed", `{"executionId":"ex-1"}`)),
        trace,
        trace,
        sse(...step("ask", big), end(big))
      )
      const flows = yield* clientFor(server)
      const paused = yield* flows.execute("a/b/c", { message: "hi", tools, maxCostUsd: 5 })
      assert.strictEqual(paused.status, "tool_calls_required")
      if (paused.status !== "tool_calls_required") return
      assert.strictEqual(paused.toolCalls[0]?.arguments, `{"id":${big}}`)
      const state = stored(PausedState, paused.state)
      const result = yield* flows.resume(state.flow, state, results, { maxCostUsd: 5 })
      const answer = server.requests.filter(({ path }) => path.endsWith("/step"))
      for (const sent of [answer[2]?.body]) {
        has(sent, "accumulatedOutputs", `{"a":${big},"b":${all}}`)
        has(sent, "toolCallMessages", messages.slice(0, -1))
      }
      has(answer[3]?.body, "accumulatedOutputs", `{"a":${big},"b":${all},"ask":2}`)
      assert.strictEqual(result.status, "completed")
      assert.include(stringifyJson(result), `"result":${all}`)
      const again = yield* paused.resume(results)
      assert.include(stringifyJson(again), `"result":${big}`)
      const last = server.requests.filter(({ path }) => path.endsWith("/step")).at(-1)
      has(last?.body, "toolCallMessages", messages.slice(0, -1))
    }))

  it.scopedLive("a pause of execute is answered with what came, in memory and stored", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause, done, done)
      const flows = yield* clientFor(server)
      const paused = yield* flows.execute("a/b/c", { message: "hi", tools })
      if (paused.status !== "tool_calls_required") return assert.fail("it did not pause")
      yield* paused.resume(results)
      const result = yield* flows.resume("a/b/c", stored(PausedState, paused.state), results)
      for (const { body } of server.requests.slice(1)) {
        has(body, "toolCallMessages", messages.slice(0, -1))
        has(body, "accumulatedOutputs", `{"a":${big},"b":${all}}`)
      }
      assert.include(stringifyJson(result), `"result":${all}`)
    }))

  it.scopedLive("a stored pause keeps those of its parameters, from one pause to the next", () =>
    Effect.gen(function*() {
      const finite = `{"list":[${big},{"deep":-${big}}]}`
      const server = yield* Wire.serve(pause, pause, done)
      const flows = yield* clientFor(server)
      const parameters = parseJson(`{"id":${big},"of":${finite}}`) as { readonly id: number }
      const paused = yield* flows.execute("a/b/c", { parameters, tools })
      if (paused.status !== "tool_calls_required") return assert.fail("it did not pause")
      const again = yield* flows.resume("a/b/c", stored(PausedState, paused.state), results, { tools })
      if (again.status !== "tool_calls_required") return assert.fail("it did not pause again")
      const content = parseJson(finite) as { readonly id: number }
      yield* flows.resume("a/b/c", stored(PausedState, again.state), [{ toolCallId: "t1", content }])
      for (const { body } of server.requests) has(body, "parameters", `{"id":${big},"of":${finite}}`)
      has(server.requests[2]?.body, "content", JSON.stringify(finite))
    }))

  it.scopedLive("a stored cursor of the first step keeps those of its parameters", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(sse(begin, ...step("a", "1", 1)), sse(begin, ...step("a", "1"), end("1")))
      const flows = yield* clientFor(server)
      const parameters = parseJson(`{"id":${big}}`) as { readonly id: number }
      const events = yield* Stream.runCollect(Stream.take(flows.events("a/b/c", { parameters }), 1))
      const [started] = Chunk.toReadonlyArray(events)
      if (started?.type !== "run_started") return assert.fail("it did not start")
      const from = stored(FlowCursor, { ...started.cursor, stepIndex: 0 })
      yield* Stream.runDrain(flows.events("a/b/c", { from }))
      has(server.requests[1]?.body, "parameters", `{"id":${big}}`)
    }))

  it.scopedLive("errors of failed runs and jobs have their digits", () =>
    Effect.gen(function*() {
      for (const value of [big, all]) {
        const failed = body(`{"status":"failed","result":${value},"flowId":"f","blockCount":2,"executionId":"ex-1"}`)
        const walked = sse(
          begin,
          frame("step_started", `{"stepId":"a"}`),
          frame("step_error", `{"stepId":"a","error":${value}}`),
          frame("flow_completed", `{"executionId":"ex-1","result":null,"summary":{"failedAtStep":"a"}}`)
        )
        const server = yield* Wire.serve(
          failed,
          walked,
          body(`{"executionId":"ex-1","status":"failed","error":${value}}`),
          body(`{"executionId":"ex-1","status":"cancelled","result":${value}}`)
        )
        const services = yield* servicesFor(server)
        const [flows, jobs] = [Context.get(services, FlowService), Context.get(services, JobService)]
        const error = yield* Effect.flip(flows.execute("a/b/c", { message: "hi" }))
        const ofWalk = yield* Effect.flip(flows.execute("a/b/c", { message: "hi", maxCostUsd: 5 }))
        for (const one of [error, ofWalk]) {
          if (one._tag !== "FlowExecutionError") return assert.fail(`it failed with ${one._tag}`)
          assert.strictEqual(stringifyJson({ result: one.result }, digitsOf(one)), `{"result":${value}}`)
        }
        const job = yield* jobs.attach("a/b/c", "ex-1")
        for (const status of [yield* job.poll(), yield* job.poll()]) {
          assert.include(stringifyJson(status), `"error":${value}`)
        }
      }
    }))

  it.scopedLive("the result of a job has its digits", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(body(`{"executionId":"ex-1","status":"completed","result":${big}}`))
      const jobs = Context.get(yield* servicesFor(server), JobService)
      const status = yield* Effect.flatMap(jobs.attach("a/b/c", "ex-1"), (job) => job.poll())
      assert.include(stringifyJson(status), `"result":${big}`)
    }))

  it.scopedLive("a recording keeps them, and a replay answers with them", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "digits.json")
      const program = Effect.gen(function*() {
        const flows = yield* FlowService
        const events = yield* Stream.runCollect(flows.events("a/b/c", { message: "hi", runRemaining: false }))
        const paused = yield* flows.execute("a/b/c", { message: "hi", tools })
        if (paused.status !== "tool_calls_required") return yield* Effect.dieMessage("it did not pause")
        const result = yield* paused.resume(results)
        return [
          ...texts(events),
          JSON.stringify(paused.state),
          stringifyJson(result)
        ]
      })
      const answers = [sse(begin, ...step("a", big, 1)), sse(...step("b", all), end(big)), pause, done]
      const server = yield* Wire.serve(...answers)
      const recorded = yield* program.pipe(
        Effect.provide(
          NoukaiRecord.toFile(path, { mode: "once", redact: { paths: ["**.secret"] }, live: liveOf(server) })
        )
      )
      const replayed = yield* Effect.provide(program, NoukaiReplay.fromFile(path))
      assert.deepStrictEqual(replayed, recorded)
      assert.include(recorded.at(-1), `"id":${big},"list":[0.12345678901234567890,1e400,-0,`)
      const text = yield* read(path)
      assert.include(text, big)
      assert.deepStrictEqual(Either.map(Cassette.decode(JSON.parse(text)), Cassette.encode), Either.right(text))
    }))

  it.scopedLive("a recording keeps those of inputs, and finds calls by them", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "inputs.json")
      const call = (id: string) =>
        Effect.flatMap(FlowService, (flows) =>
          flows.execute("a/b/c", {
            parameters: parseJson(`{"id":${id},"of":{"id":${id}}}`) as { readonly id: number }
          }))
      const [one, two] = [call(big), call("12345678901234567891")]
      const server = yield* Wire.serve(
        body("{\"status\":\"completed\",\"result\":1,\"executionId\":\"ex-1\"}"),
        body("{\"status\":\"completed\",\"result\":2,\"executionId\":\"ex-2\"}")
      )
      yield* Effect.provide(
        Effect.zip(one, two),
        NoukaiRecord.toFile(path, { mode: "once", match: "input", live: liveOf(server) })
      )
      has(server.requests[0]?.body, "parameters", `{"id":${big},"of":{"id":${big}}}`)
      assert.include(yield* read(path), big)
      const replayed = yield* Effect.provide(Effect.zip(two, one), NoukaiReplay.fromFile(path, { match: "input" }))
      assert.deepStrictEqual(replayed.map(({ result }) => result), [2, 1])
    }))

  it.scopedLive("runs once per key are recorded with them, and replayed", () =>
    Effect.gen(function*() {
      for (const value of [big, inOrder]) {
        const path = join(yield* folder, "once.json")
        const program = Effect.gen(function*() {
          const run = yield* FlowService.pipe(
            Effect.flatMap((flows) => flows.executeOnce("key", "a/b/c", { message: "hi" }))
          )
          const job = yield* Effect.flatMap(JobService, (jobs) => jobs.submitOnce("job", "a/b/c", { message: "hi" }))
          const failed = yield* Effect.flip(
            Effect.flatMap(FlowService, (flows) => flows.executeOnce("other", "a/b/c", { message: "hi" }))
          )
          return [
            stringifyJson(run),
            stringifyJson(yield* job.poll()),
            stringifyJson({ result: "result" in failed ? failed.result : undefined }, digitsOf(failed))
          ]
        })
        const missing = Wire.json(404, { detail: { code: "SESSION_NOT_FOUND", message: "no such session" } })
        const server = yield* Wire.serve(
          missing,
          body(`{"status":"completed","result":${value},"flowId":"f","blockCount":1,"executionId":"ex-1"}`),
          missing,
          body(`{"executionId":"ex-2","status":"started","flowId":"f","blockCount":1}`),
          missing,
          body(`{"status":"failed","result":${value},"flowId":"f","blockCount":1,"executionId":"ex-3"}`),
          body(`{"executionId":"ex-2","status":"completed","result":${value}}`)
        )
        const live = yield* program.pipe(
          Effect.provide(NoukaiRecord.toFile(path, { mode: "once", live: liveOf(server) }))
        )
        for (const text of live) assert.include(text, `"result":${value}`)
        const replayed = yield* Effect.provide(program, NoukaiReplay.fromFile(path))
        assert.deepStrictEqual(replayed, live.map((text) => text.replace(/,"sessionId":"[^"]+"/, "")))
      }
    }))

  it.scopedLive("a replay of a session answers with them, and fails with them", () =>
    Effect.gen(function*() {
      for (const value of [big, all]) {
        const run = (slug: string, triggerType: string, more: string) =>
          `{"executionId":"ex-${slug}-${triggerType}","flowId":"f","slug":"${slug}","triggerType":"${triggerType}",` +
          `"traceCaptureMode":"full","snapshotsAvailable":true,${more}}`
        const done =
          `"status":"completed","steps":[{"stepId":"a","attempt":1,"status":"completed","outputSnapshot":${value}}]`
        const failed = `"status":"failed","errorAtStep":"a","steps":[{"stepId":"a","attempt":1,"status":"failed",` +
          `"errorSnapshot":${value}}]`
        const runs = ["execute", "step"].flatMap((trigger) => [run("c", trigger, done), run("d", trigger, failed)])
        const id = "00000000-0000-4000-8000-000000000000"
        const server = yield* Wire.serve(body(`{"sessionId":"${id}","executions":[${runs.join(",")}]}`))
        const told = yield* Effect.gen(function*() {
          const flows = yield* FlowService
          const result = yield* flows.execute("a/b/c", { message: "hi" })
          const error = yield* Effect.flip(flows.execute("a/b/d", { message: "hi" }))
          const events = yield* Stream.runCollect(
            Stream.concat(flows.events("a/b/c", { message: "hi" }), flows.events("a/b/d", { message: "hi" }))
          )
          const failure = { result: "result" in error ? error.result : undefined }
          return [stringifyJson(result), stringifyJson(failure, digitsOf(error)), ...texts(events)]
        }).pipe(Effect.provide(
          NoukaiReplay.fromSession(id).pipe(
            Layer.provide(Layer.provideMerge(layerServices, config({ baseUrl: server.baseUrl })))
          )
        ))
        const lines = told.filter((line) => line.includes("123456789"))
        assert.lengthOf(lines, 5)
        for (const [place, name] of ["result", "result", "output", "result", "error"].entries()) {
          assert.include(lines[place], `"${name}":${value}`)
        }
      }
    }))

  it.scopedLive("a redaction removes the digits with their number", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "redacted.json")
      const server = yield* Wire.serve(
        body(
          `{"status":"completed","result":{"a":${big},"b":123456789012345678901234567890,"c":${big}1},"executionId":"ex-1"}`
        )
      )
      yield* FlowService.pipe(
        Effect.flatMap((flows) => flows.execute("a/b/c", { message: "hi" })),
        Effect.provide(
          NoukaiRecord.toFile(path, {
            mode: "once",
            redact: { paths: ["**.a"], patterns: [/\b\d{30}\b/] },
            live: liveOf(server)
          })
        )
      )
      const text = yield* read(path)
      assert.notMatch(text, /1234567890123456789(?!01)/)
      assert.include(text, `"b": "[redacted]"`)
      assert.include(text, `"c": "${big}1"`)
    }))

  const number = fc.tuple(
    fc.constantFrom("", "-"),
    fc.bigInt({ min: 1n, max: 10n ** 40n }),
    fc.constantFrom("", ".5", ".05e300")
  )
    .map((parts) => parts.join(""))

  it("numbers of any digits go from events into the next request", () =>
    fc.assert(
      fc.asyncProperty(fc.array(number, { minLength: 1, maxLength: 5 }), (numbers) =>
        Effect.runPromise(Effect.scoped(Effect.gen(function*() {
          const output = `{"all":[${numbers.join(",")}]}`
          const server = yield* Wire.serve(sse(begin, ...step("a", output, 1)), sse(...step("b", "1"), end("1")))
          const flows = yield* clientFor(server)
          yield* Stream.runDrain(flows.events("a/b/c", { message: "hi", runRemaining: false }))
          const sent = /"all":\[(.*?)\]/.exec(server.requests[1]?.body ?? "")?.[1]?.split(",")
          const isFew = (text: string) =>
            text.replace(/\D/g, "").length < 16 && !text.includes("e")
          assert.deepStrictEqual(sent, numbers.map((text) => isFew(text) ? String(Number(text)) : text))
        })))),
      { numRuns: 20 }
    ))
})

it("bodies without such numbers have no digits", () => {
  assert.isUndefined(digitsOf({ a: 1 }))
})
