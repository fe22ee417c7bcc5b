/** A key that a server repeats in the escapes of JSON is in no error, event, log or span either. */
import { FlowService } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Context, Effect, Redacted, Schedule, Stream } from "effect"
import type { ServerResponse } from "node:http"
import { inspect } from "node:util"
import { frame } from "./support/eventFrames.js"
import { share } from "./support/size.js"
import { spanLog } from "./support/tracer.js"
import { flowsOver, type Over, transports } from "./support/transports.js"
import * as Wire from "./support/WireServer.js"

const flow = "acme/spelling/grade"

const key = "nk_test_planted8/0123456789/abcdef"

const unicode = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`

/** Ways to write the key in JSON. */
const writings: Record<string, string> = {
  "plain": key,
  "\\/": key.replaceAll("/", "\\/"),
  "\\u002f": key.replaceAll("/", "\\u002f"),
  "\\u002F": key.replaceAll("/", "\\u002F"),
  "all of it": Array.from(key, unicode).join(""),
  "in JSON in a text": JSON.stringify(key.replaceAll("/", "\\/")).slice(1, -1)
}

/** Whatever may be printed of a value, and what its texts are. */
const printed = (value: unknown): string =>
  [
    inspect(value, { depth: 20, showHidden: true, getters: true }),
    JSON.stringify(value),
    value instanceof Error ? `${String(value)} ${value.stack} ${inspect(value.cause, { depth: 20 })}` : ""
  ].join("\n")

const assertClean = (value: unknown): void => {
  const text = printed(value).replace(/\\+(?:u002f|\/)/gi, "/")
  assert.notInclude(text, "planted8")
  assert.notInclude(text, "0123456789/abcdef")
  assert.notInclude(text, unicode("p") + unicode("l"))
}

const answer = (status: number, body: string): Wire.Answer => (response) => {
  response.writeHead(status, { "content-type": "application/json" })
  response.end(body)
}

const answers = (written: string): Record<string, Wire.Answer> => ({
  "an error": answer(401, `{"detail":{"code":"${written}","message":"bad ${written}","executionId":"${written}"}}`),
  "a validation error": answer(422, `{"detail":[{"loc":["body","${written}"],"msg":"${written}"}]}`),
  "a page": answer(502, `<p>"${"x".repeat(180)} ${written}"</p>`),
  "a failed run": answer(
    200,
    `{"status":"failed","result":{"code":"${written}","message":"${written}"},"flowId":"f","blockCount":1,"executionId":"${written}"}`
  ),
  "an unknown status": answer(200, `{"status":"${written}","executionId":"${written}"}`),
  "no JSON": answer(200, `"${written}`)
})

const seen = (over: Over, given: Wire.Answer) =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(given, given)
    const events: Array<unknown> = []
    const services = yield* flowsOver(over, server, {
      apiKey: Redacted.make(key),
      retry: Schedule.recurs(0),
      logPayloads: true,
      log: (event) => events.push(event)
    })
    return { flows: Context.get(services, FlowService), events }
  })

const tracing = () => {
  const spans: Array<unknown> = []
  return { spans, tracer: spanLog((...seen) => void spans.push(...seen)) }
}

const tried = transports.filter(({ name }) => ["undici", "fetch", "HttpClient of node:http"].includes(name))

for (const [at, over] of tried.entries()) {
  describe(`over ${over.name}`, () => {
    for (const [way, written] of share(Object.entries(writings), at, tried.length)) {
      for (const [what, given] of Object.entries(answers(written))) {
        it.scopedLive(`${what}, the key written ${way}`, () =>
          Effect.gen(function*() {
            const { events, flows } = yield* seen(over, given)
            const { spans, tracer } = tracing()
            for (
              const call of [
                flows.execute(flow, { message: "hi" }),
                Stream.runDrain(flows.events(flow, { message: "hi" }))
              ]
            ) {
              const error = yield* Effect.flip(Effect.withTracer(call, tracer))
              assertClean(error)
            }
            assert.isAbove(spans.length, 0)
            spans.forEach(assertClean)
            events.forEach(assertClean)
          }))
      }

      it.scopedLive(`events, the key written ${way}, however they are cut`, () =>
        Effect.gen(function*() {
          const body = [
            `event: run_started\ndata: {"executionId":"ex-1","flowId":"${written}"}\n\n`,
            `event: step_output\ndata: {"stepId":"a","outputData":{"${written}":"${written}"}}\n\n`,
            `event: ${key}\ndata: {"text":"${written}"}\n\n`,
            `event: step_error\ndata: {"stepId":"a","error":{"code":"${written}","message":"${written}"}}\n\n`,
            frame("flow_completed", { executionId: "ex-1", result: 1 })
          ].join("")
          for (const size of [7, body.length]) {
            const { events, flows } = yield* seen(over, inPieces(body, size))
            const stream = flows.events(flow, { message: "hi" })
            const all = yield* Stream.runCollect(Stream.catchAll(stream, (error) => Stream.make(error)))
            assert.isAbove(Chunk.size(all), 3)
            Chunk.forEach(all, assertClean)
            events.forEach(assertClean)
          }
        }))
    }
  })
}

const inPieces = (body: string, size: number): Wire.Answer => (response: ServerResponse) => {
  response.writeHead(200, { "content-type": "text/event-stream" })
  const next = (at: number): void => {
    if (at >= body.length) response.end()
    else response.write(body.slice(at, at + size), () => setImmediate(() => next(at + size)))
  }
  next(0)
}

it.scopedLive("the key in the body of an error that breaks off within it", () =>
  Effect.gen(function*() {
    const cut: Wire.Answer = (response) => {
      response.writeHead(403, { "content-type": "application/json" })
      response.write(`{"detail":"${key.slice(0, -2)}`, () => response.socket!.destroy())
    }
    const { events, flows } = yield* seen(transports[0]!, cut)
    for (
      const call of [flows.execute(flow, { message: "hi" }), Stream.runDrain(flows.events(flow, { message: "hi" }))]
    ) {
      const error = yield* Effect.flip(call)
      assert.strictEqual(error._tag, "PermissionDeniedError")
      assertClean(error)
    }
    events.forEach(assertClean)
  }))
