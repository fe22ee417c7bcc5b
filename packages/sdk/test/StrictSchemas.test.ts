/** Schemas that refuse keys which they do not know: they take values with numbers that JavaScript cannot hold. */
import { Flow, FlowService, Tools } from "@effect-noukai/sdk"
import { JobService } from "@effect-noukai/sdk/JobService"
import { parseJson } from "@effect-noukai/sdk/kit/plainJson"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Context, Effect, Schema, Stream } from "effect"
import { servicesFor } from "./support/client.js"
import * as Wire from "./support/WireServer.js"

const big = "12345678901234567890"
const value = `{"id":${big},"list":[{"id":${big}}]}`
const read = JSON.parse(value) as { readonly id: number; readonly list: ReadonlyArray<{ readonly id: number }> }

const strict = { parseOptions: { onExcessProperty: "error" } } as const

const Item = Schema.Struct({ id: Schema.Number })
const OfEffect = Schema.Struct({ id: Schema.Number, list: Schema.Array(Item.annotations(strict)) }).annotations(strict)

/** Whether an object has these keys and no symbols, as `"+": "reject"` of ArkType wants it. */
const hasKeys = (value: object, ...keys: ReadonlyArray<string>): boolean =>
  Reflect.ownKeys(value).every((key) => key === "length" || keys.includes(String(key)))

const OfLibrary: Flow.StandardSchema<typeof read> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (given) => {
      const value = given as typeof read
      return hasKeys(value, "id", "list") && hasKeys(value.list, "0") && value.list.every((one) => hasKeys(one, "id"))
        ? { value }
        : { issues: [{ message: "has excess keys" }] }
    }
  }
}

const body = (text: string): Wire.Answer => Wire.text(200, text, { "content-type": "application/json" })
const frame = (name: string, data: string): string => `event: ${name}\ndata: ${data}\n\n`
const done = body(`{"status":"completed","result":${value},"flowId":"f","blockCount":1,"executionId":"ex-1"}`)
const streamed: Wire.Answer = (response) => {
  response.writeHead(200, { "content-type": "text/event-stream" })
  response.end(
    frame("run_started", `{"executionId":"ex-1","stepCount":1}`) +
      frame("step_completed", `{"stepId":"a","output":${value}}`) +
      frame("flow_completed", `{"executionId":"ex-1","result":${value}}`)
  )
}
const pause = body(
  `{"status":"tool_calls_required","executionId":"ex-1","pausedAtStep":"ask","iterationsUsed":1,"accumulatedOutputs":{},` +
    `"toolCallMessages":[{"role":"assistant","tool_calls":[{"id":"t1","type":"function","function":{"name":"look",` +
    `"arguments":${JSON.stringify(value)}}}]}]}`
)

const servicesOf = (...answers: ReadonlyArray<Wire.Answer>) =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(...answers)
    const services = yield* servicesFor(server)
    return { server, flows: Context.get(services, FlowService), jobs: Context.get(services, JobService) }
  })

for (const [name, schema] of [["Effect", OfEffect], ["another library", OfLibrary]] as const) {
  const Typed = Flow.make("a/b/c", { parameters: schema, result: schema })

  describe(`a strict schema of ${name} with long numbers`, () => {
    it.scopedLive("takes results", () =>
      Effect.gen(function*() {
        const { flows, jobs } = yield* servicesOf(
          done,
          streamed,
          body(`{"executionId":"ex-1","status":"completed","result":${value}}`)
        )
        const { result } = yield* flows.execute(Typed, { parameters: read })
        assert.deepStrictEqual(result, read)
        const events = yield* Stream.runCollect(flows.events(Typed, { parameters: read, runRemaining: true }))
        const last = Chunk.unsafeLast(events)
        assert.deepStrictEqual(last.type === "flow_completed" && last.result, read)
        const status = yield* Effect.flatMap(jobs.attach(Typed, "ex-1"), (job) => job.poll())
        assert.deepStrictEqual(status.status === "completed" && status.result, read)
      }))

    it.scopedLive("takes parameters, which are sent as they came", () =>
      Effect.gen(function*() {
        const { flows, server } = yield* servicesOf(done)
        yield* flows.execute(Typed, { parameters: parseJson(value) as typeof read })
        assert.include(server.requests[0]?.body, `"parameters":${value}`)
      }))
  })
}

it.scopedLive("a strict schema of a tool takes arguments with long numbers", () =>
  Effect.gen(function*() {
    const { flows, server } = yield* servicesOf(pause, done)
    const seen: Array<unknown> = []
    const look = Tools.tool({
      name: "look",
      parameters: OfEffect,
      handler: (given) => Effect.sync(() => seen.push(given))
    })
    yield* flows.execute("a/b/c", { message: "hi", tools: Tools.make(look) })
    assert.deepStrictEqual(seen, [read])
    assert.notInclude(server.requests[1]?.body, "bad arguments")
  }))

it.scopedLive("a toolkit gets arguments without hidden keys", () =>
  Effect.gen(function*() {
    const { flows } = yield* servicesOf(pause, done)
    const seen: Array<boolean> = []
    const toolkit = {
      tools: { look: { name: "look", parametersSchema: OfEffect } },
      handle: (_name: never, given: typeof read) =>
        Effect.sync(() => {
          seen.push(hasKeys(given, "id", "list") && hasKeys(given.list, "0") && hasKeys(given.list[0]!, "id"))
          return { isFailure: false, encodedResult: 1 }
        })
    }
    yield* flows.execute("a/b/c", { message: "hi", tools: Tools.fromToolkit<never, never>(toolkit as never) })
    assert.deepStrictEqual(seen, [true])
  }))
