/** The planted key is in no error, log line, span or hook event, however it is printed. */
import { FlowService, isNoukaiError } from "@effect-noukai/sdk"
import { layer as flowLayer } from "@effect-noukai/sdk/FlowService"
import * as Config from "@effect-noukai/sdk/NoukaiConfig"
import { layerHttpClient } from "@effect-noukai/sdk/NoukaiHttp"
import { FetchHttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Logger, LogLevel, Redacted, Schedule, Schema } from "effect"
import { inspect } from "node:util"
import * as Errors from "../src/NoukaiError.js"
import { clientFor, config, plantedKey } from "./support/client.js"
import { spanLog } from "./support/tracer.js"
import * as Wire from "./support/WireServer.js"

/** Everything that a person or a program may print of a value. */
const printed = (value: unknown): string =>
  [
    String(value),
    JSON.stringify(value),
    JSON.stringify(value, Object.getOwnPropertyNames(value ?? {})),
    inspect(value, { depth: 20, showHidden: true, getters: true }),
    value instanceof Error ? `${value.stack}\n${inspect(value.cause, { depth: 20, showHidden: true })}` : ""
  ].join("\n")

const assertClean = (what: unknown): void => {
  const text = printed(what)
  assert.notInclude(text, plantedKey)
  assert.notInclude(text, plantedKey.slice(8))
}

const answers: ReadonlyArray<readonly [string, Wire.Answer]> = [
  [
    "401 that repeats it",
    Wire.json(401, { detail: { code: plantedKey, message: plantedKey, executionId: plantedKey } })
  ],
  ["429 text", Wire.text(429, plantedKey, { "Retry-After": plantedKey, "X-Request-ID": plantedKey })],
  ["422 list", Wire.json(422, { detail: [{ loc: ["body", plantedKey], msg: plantedKey }] })],
  ["500 HTML", Wire.text(500, `<p>${plantedKey}</p>`)],
  ["302", Wire.text(302, "", { location: `http://127.0.0.1/${plantedKey}` })],
  ["reset", Wire.reset],
  ["truncated", Wire.truncated(plantedKey)],
  ["200 of a wrong shape", Wire.json(200, { status: plantedKey, executionId: plantedKey })],
  ["200 of an unknown status", Wire.json(200, { status: "melted", result: { by: plantedKey }, [plantedKey]: 1 })],
  ["200 text", Wire.text(200, plantedKey, { "X-Request-ID": plantedKey })],
  [
    "a failed run",
    Wire.json(200, {
      status: "failed",
      result: { code: plantedKey, message: plantedKey },
      flowId: "f",
      blockCount: 1,
      executionId: plantedKey
    })
  ]
]

const everything = (run: (flows: FlowService.Service) => Effect.Effect<unknown, unknown>, flows: FlowService.Service) =>
  Effect.gen(function*() {
    const seen: Array<unknown> = []
    const tracer = spanLog((...all) => void seen.push(...all))
    const logger = Logger.make((entry) => seen.push(entry.message, Cause.pretty(entry.cause), [...entry.annotations]))
    const exit = yield* Effect.exit(run(flows)).pipe(
      Effect.tap((exit) => Effect.logError("the call", exit)),
      Effect.withTracer(tracer),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Logger.withMinimumLogLevel(LogLevel.All)
    )
    assert.isTrue(Exit.isFailure(exit))
    if (Exit.isFailure(exit)) {
      const error = Cause.squash(exit.cause)
      assert.isTrue(isNoukaiError(error))
      for (const value of [exit, exit.cause, Cause.pretty(exit.cause), error]) assertClean(value)
    }
    seen.forEach(assertClean)
  })

describe("over undici", () => {
  for (const [name, answer] of answers) {
    it.scopedLive(name, () =>
      Effect.gen(function*() {
        const server = yield* Wire.serve(answer, answer)
        const events: Array<unknown> = []
        const flows = yield* clientFor(server, {
          retry: Schedule.recurs(1),
          retryPost: true,
          logPayloads: true,
          log: (event) => events.push(event)
        })
        yield* everything((flows) => flows.execute("a/b/c", { message: "hi" }), flows)
        events.forEach(assertClean)
      }))
  }

  it.scopedLive("refused, and a call that fails its checks", () =>
    Effect.gen(function*() {
      const flows = yield* clientFor({ baseUrl: "http://127.0.0.1:1" })
      yield* everything((flows) => flows.execute("a/b/c", {}), flows)
      yield* everything((flows) => flows.execute("a//c", { headers: { "x y": "1" } }), flows)
    }))
})

describe("over HttpClient", () => {
  for (const [name, answer] of answers) {
    it.scopedLive(name, () =>
      Effect.gen(function*() {
        const server = yield* Wire.serve(answer)
        const services = flowLayer.pipe(
          Layer.provide(layerHttpClient),
          Layer.provide([FetchHttpClient.layer, config({ baseUrl: server.baseUrl, maxRetries: 0 })])
        )
        const context = yield* Layer.build(services)
        yield* everything(
          (flows) => flows.execute("a/b/c", { message: "hi" }),
          yield* Effect.provide(FlowService, context)
        )
      }))
  }
})

describe("configuration", () => {
  it.effect("a refused key is not shown", () =>
    Effect.gen(function*() {
      for (const key of [`${plantedKey}\n`, plantedKey.slice(3)]) {
        const error = yield* Effect.flip(Config.make({ apiKey: Redacted.make(key) }))
        assertClean(error)
      }
    }))

  it.effect("the configuration itself prints no key", () =>
    Effect.gen(function*() {
      assertClean(yield* Config.make({ apiKey: Redacted.make(plantedKey) }))
    }))
})

it("every error class encodes to JSON without more than its fields", () => {
  const encoded = Schema.encodeSync(Errors.RateLimitError)(
    new Errors.RateLimitError({ method: "m", isRetryable: true, retryAfter: 1 })
  )
  assert.deepStrictEqual(JSON.parse(JSON.stringify(encoded)), {
    _tag: "RateLimitError",
    method: "m",
    isRetryable: true,
    retryAfter: 1
  })
})
