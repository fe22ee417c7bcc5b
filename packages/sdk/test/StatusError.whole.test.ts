/** Statuses and error bodies on the wire (docs/wire.md#errors): a row per status and body shape. */
import { type CallError, isNoukaiError, JobService, type NoukaiError, RunService } from "@effect-noukai/sdk"
import * as Errors from "@effect-noukai/sdk/NoukaiError"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, FastCheck, Schema, Stream } from "effect"
import { clientFor, plantedKey, servicesFor } from "./support/client.js"
import { anyText } from "./support/fuzz.js"
import { size } from "./support/size.js"
import * as Wire from "./support/WireServer.js"

const failure = (answer: Wire.Answer) =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(answer)
    const flows = yield* clientFor(server, { maxRetries: 0 })
    const error = yield* Effect.flip(flows.execute("acme/support/greet", { message: "hi" }))
    assert.strictEqual(server.requests.length, 1)
    return error
  })

const problem = { detail: { code: "SOME_CODE", message: "what happened" } }

describe("statuses: status to class", () => {
  const rows: ReadonlyArray<readonly [number, NoukaiError["_tag"], retryable: boolean]> = [
    [301, "FlowExecutionError", false],
    [307, "FlowExecutionError", false],
    [400, "FlowExecutionError", false],
    [401, "AuthenticationError", false],
    [402, "InsufficientCreditsError", false],
    [403, "PermissionDeniedError", false],
    [404, "FlowNotFoundError", false],
    [405, "FlowExecutionError", false],
    [408, "FlowExecutionError", false],
    [409, "FlowExecutionError", false],
    [410, "FlowExecutionError", false],
    [413, "FlowExecutionError", false],
    [422, "FlowExecutionError", false],
    [429, "RateLimitError", true],
    [500, "FlowExecutionError", false],
    [502, "FlowExecutionError", false],
    [503, "FlowExecutionError", false],
    [504, "FlowExecutionError", false]
  ]
  for (const [status, tag, retryable] of rows) {
    it.scopedLive(`${status} is ${tag}`, () =>
      Effect.gen(function*() {
        const error = yield* failure(Wire.json(status, problem, { "X-Request-ID": "req-51ab" }))
        assert.strictEqual(error._tag, tag)
        assert.strictEqual(error.statusCode, status)
        assert.strictEqual(error.code, "SOME_CODE")
        assert.strictEqual(error.requestId, "req-51ab")
        assert.strictEqual(error.flow, "acme/support/greet")
        assert.strictEqual(error.detail, "what happened")
        assert.strictEqual(error.responseBody, JSON.stringify(problem))
        assert.strictEqual(error.isRetryable, retryable)
        assert.instanceOf(error, Errors.NoukaiError as never)
        assert.include(error.message, "acme/support/greet")
        assert.include(error.message, "what happened")
        assert.include(error.message, "SOME_CODE")
        assert.include(error.message, "req-51ab")
        if (tag === "FlowExecutionError") {
          assert.include(
            error.message,
            status < 500 && status !== 408 ? "the request was refused" : "the server failed"
          )
        }
      }))
  }
})

describe("a status of a run", () => {
  it.scopedLive("that an error names failed, and so did one that met its limit of rounds", () =>
    Effect.gen(function*() {
      const named = yield* failure(Wire.json(500, { detail: { ...problem.detail, executionId: "ex-1" } }))
      assert.include(named.message, "the run failed: what happened")
      const limit = yield* failure(Wire.json(409, { detail: { code: "TOOL_ITERATION_LIMIT", message: "too many" } }))
      assert.include(limit.message, "the run failed: too many")
    }))

  it.scopedLive("is not told by a read that is refused", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(...Array.from({ length: 3 }, () => Wire.json(400, problem)))
      const services = yield* servicesFor(server, { maxRetries: 0 })
      const runs = Context.get(services, RunService)
      const job = yield* Context.get(services, JobService).attach("a/b/c", "ex-1")
      const reads: ReadonlyArray<Effect.Effect<unknown, CallError>> = [
        runs.trace("a/b/c", "ex-1"),
        job.poll(),
        Stream.runDrain(runs.liveTrace("a/b/c", "ex-1"))
      ]
      for (const read of reads) {
        const error = yield* Effect.flip(read)
        assert.strictEqual(error.executionId, "ex-1")
        assert.include(error.message, "the request was refused: what happened")
      }
    }))
})

describe("errors: body shapes", () => {
  const rows: ReadonlyArray<readonly [string, Wire.Answer, code: string | undefined, detail: string | undefined]> = [
    ["detail object", Wire.json(400, problem), "SOME_CODE", "what happened"],
    [
      "detail object with extra keys",
      Wire.json(400, { detail: { ...problem.detail, hint: 1 } }),
      "SOME_CODE",
      "what happened"
    ],
    ["detail object without a code", Wire.json(400, { detail: { message: "m" } }), undefined, "m"],
    ["odd types inside", Wire.json(400, { detail: { code: 7, message: ["m"] } }), undefined, undefined],
    ["detail text", Wire.json(400, { detail: "Not allowed" }), undefined, "Not allowed"],
    [
      "validation list",
      Wire.json(422, {
        detail: [
          { loc: ["body", "stepIndex"], msg: "value is not a valid integer", type: "type_error.integer" },
          { loc: ["body"], msg: "field required" }
        ]
      }),
      undefined,
      "stepIndex: value is not a valid integer; field required"
    ],
    ["an odd list", Wire.json(422, { detail: [1, null, {}] }), undefined, undefined],
    ["empty", Wire.text(502, ""), undefined, undefined],
    [
      "a proxy's page",
      Wire.text(
        502,
        "<html><head><style>b{}</style><title>502</title></head><body><h1>Bad  gateway</h1></body></html>"
      ),
      undefined,
      "502 Bad gateway"
    ],
    ["text", Wire.text(500, "upstream connect error"), undefined, "upstream connect error"],
    ["a JSON array", Wire.text(500, "[1]"), undefined, "[1]"],
    ["null", Wire.text(500, "null"), undefined, "null"],
    ["a JSON text", Wire.json(500, "words"), undefined, "words"],
    ["a JSON text that is a code", Wire.json(403, "FORBIDDEN"), "FORBIDDEN", "FORBIDDEN"],
    ["an empty JSON text", Wire.json(500, ""), undefined, undefined],
    ["message", Wire.json(500, { message: "words" }), undefined, "words"],
    ["message and code", Wire.json(500, { code: "SOME_CODE", message: "words" }), "SOME_CODE", "words"],
    ["error text", Wire.json(500, { error: "words" }), undefined, "words"],
    ["error text that is a code", Wire.json(403, { error: "FORBIDDEN" }), "FORBIDDEN", "FORBIDDEN"],
    [
      "error text that names, beside a message",
      Wire.json(500, { error: "Bad Request", message: "words" }),
      undefined,
      "words"
    ],
    ["error object", Wire.json(500, { error: { code: "SOME_CODE", message: "words" } }), "SOME_CODE", "words"],
    ["error object without a message", Wire.json(500, { error: { kind: 1 } }), undefined, "{\"error\":{\"kind\":1}}"],
    ["detail before error", Wire.json(500, { detail: "words", error: "Internal Server Error" }), undefined, "words"],
    ["detail null, error text", Wire.json(500, { detail: null, error: "words" }), undefined, "words"],
    ["detail object with error text", Wire.json(500, { detail: { error: "words" } }), undefined, "words"],
    ["error object with detail text", Wire.json(500, { error: { detail: "words" } }), undefined, "words"],
    ["a list of texts", Wire.json(422, { detail: ["one", "two"] }), undefined, "one; two"]
  ]
  for (const [name, answer, code, detail] of rows) {
    it.scopedLive(name, () =>
      Effect.gen(function*() {
        const error = yield* failure(answer)
        assert.strictEqual(error.code, code)
        assert.strictEqual(error.detail, detail)
        assert.notMatch(error.message, /\[object Object\]|undefined|None/)
        assert.isUndefined(error.requestId)
      }))
  }

  it.scopedLive("executionId beside a text or a list is kept", () =>
    Effect.gen(function*() {
      for (const detail of ["text", [{ msg: "m" }]]) {
        assert.strictEqual((yield* failure(Wire.json(422, { detail, executionId: "ex-7" }))).executionId, "ex-7")
      }
    }))

  it.scopedLive("error.executionId is kept", () =>
    Effect.gen(function*() {
      const error = yield* failure(Wire.json(500, { error: { message: "m", executionId: "ex-1" } }))
      assert.strictEqual(error.executionId, "ex-1")
    }))

  it.scopedLive("detail.executionId is kept", () =>
    Effect.gen(function*() {
      const error = yield* failure(
        Wire.json(402, { detail: { code: "CREDITS_EXHAUSTED", message: "m", executionId: "ex-1" } })
      )
      assert.strictEqual(error.executionId, "ex-1")
    }))

  it.scopedLive("a body is kept up to 64 KiB", () =>
    Effect.gen(function*() {
      const error = yield* failure(Wire.text(500, "é".repeat(100_000)))
      assert.strictEqual(Buffer.byteLength(error.responseBody!), 65_536)
    }))

  it.scopedLive("401 keeps WWW-Authenticate", () =>
    Effect.gen(function*() {
      const error = yield* failure(Wire.json(401, problem, { "WWW-Authenticate": "Bearer realm=x" }))
      assert.strictEqual(error._tag === "AuthenticationError" && error.wwwAuthenticate, "Bearer realm=x")
    }))

  it.scopedLive("a key that the server repeats is scrubbed", () =>
    Effect.gen(function*() {
      const error = yield* failure(
        Wire.json(401, { detail: { code: plantedKey, message: `bad key ${plantedKey}` } }, {
          "X-Request-ID": plantedKey
        })
      )
      assert.notInclude(JSON.stringify(error) + String(error) + error.responseBody + error.requestId, plantedKey)
    }))
})

describe("statuses: Retry-After of a 429", () => {
  const rows: ReadonlyArray<readonly [string, (seconds: number | undefined) => void]> = [
    ["12", (seconds) => assert.strictEqual(seconds, 12)],
    ["0.5", (seconds) => assert.strictEqual(seconds, 0.5)],
    ["0", (seconds) => assert.strictEqual(seconds, 0)],
    ["Wed, 21 Oct 2015 07:28:00 GMT", (seconds) => assert.strictEqual(seconds, 0)],
    ["Wednesday, 21-Oct-15 07:28:00 GMT", (seconds) => assert.strictEqual(seconds, 0)],
    ["Wed Oct 21 07:28:00 2015", (seconds) => assert.strictEqual(seconds, 0)],
    ["Sun Nov  6 08:49:37 2044", (seconds) => assert.isTrue(seconds! > 1e8)],
    ["Sun Nov 6 2044", (seconds) => assert.isUndefined(seconds)],
    ["Soon, maybe 5", (seconds) => assert.isUndefined(seconds)],
    ["soon", (seconds) => assert.isUndefined(seconds)],
    ["-5", (seconds) => assert.isUndefined(seconds)],
    ["1e9x", (seconds) => assert.isUndefined(seconds)],
    ["1e400", (seconds) => assert.isUndefined(seconds)],
    ["NaN", (seconds) => assert.isUndefined(seconds)],
    ["Infinity", (seconds) => assert.isUndefined(seconds)],
    ["9".repeat(400), (seconds) => assert.strictEqual(seconds, Number.MAX_SAFE_INTEGER)],
    [`0.${"3".repeat(400)}`, (seconds) => assert.isTrue(seconds! > 0.3 && seconds! < 0.4)],
    ["Fri, 31 Dec 9999 23:59:59 GMT", (seconds) => assert.isTrue(seconds! > 1e9 && Number.isFinite(seconds))]
  ]
  const secondsOf = (value: string) =>
    Effect.map(
      failure(Wire.json(429, problem, { "Retry-After": value })),
      (error) => error._tag === "RateLimitError" ? error.retryAfter : -1
    )
  it.scopedLive("a date in 90 seconds", () =>
    Effect.map(
      Effect.suspend(() => secondsOf(new Date(Date.now() + 90_000).toUTCString())),
      (seconds) => assert.isTrue(seconds! > 80 && seconds! <= 90)
    ))
  it.scopedLive("a date in 90 seconds, as asctime writes it, is in GMT", () =>
    Effect.map(
      Effect.suspend(() => {
        const [weekday, day, month, year, time] = new Date(Date.now() + 90_000).toUTCString().split(/,? /)
        return secondsOf(`${weekday} ${month} ${day!.replace(/^0/, " ")} ${time} ${year}`)
      }),
      (seconds) => assert.isTrue(seconds! > 80 && seconds! <= 90)
    ))
  for (const [value, check] of rows) {
    it.scopedLive(value, () => Effect.map(secondsOf(value), check))
  }

  it.scopedLive("none", () =>
    Effect.map(
      failure(Wire.json(429, problem)),
      (error) => assert.isUndefined(error._tag === "RateLimitError" ? error.retryAfter : -1)
    ))
})

describe("the classes", () => {
  it("a timeout is a connection error to instanceof", () => {
    const timeout = new Errors.APITimeoutError({ method: "m", clock: "idle", sent: "yes", isRetryable: false })
    assert.instanceOf(timeout, Errors.APIConnectionError)
    assert.isTrue(isNoukaiError(timeout))
    assert.isFalse(isNoukaiError(new Error("x")))
    assert.isFalse(
      new Errors.FlowNotFoundError({ method: "m", isRetryable: false }) instanceof Errors.APIConnectionError
    )
  })

  it("the eight replay errors are ReplayError", () => {
    const error = new Errors.ReplayMissError({ method: "m", isRetryable: false })
    assert.isTrue(error instanceof Errors.ReplayError)
    assert.isTrue(error instanceof Errors.NoukaiError)
    assert.isFalse(new Errors.FlowNotFoundError({ method: "m", isRetryable: false }) instanceof Errors.ReplayError)
  })

  const round = [
    Errors.RateLimitError,
    Errors.FlowExecutionError,
    Errors.InvalidRequestError,
    Errors.APITimeoutError,
    Errors.UnexpectedResponseError
  ]
  for (const Class of round) {
    it.prop(`${Class.name} survives encoding`, { error: Class as never as Schema.Schema<NoukaiError> }, ({ error }) => {
      const codec = Class as never as Schema.Schema<NoukaiError, unknown>
      const again = Schema.decodeUnknownSync(codec)(structuredClone(Schema.encodeSync(codec)(error)))
      assert.strictEqual(again._tag, error._tag)
      assert.strictEqual(again.message, error.message)
    })
  }
})

it.live.prop(
  "any body of any error status comes to a typed error with a readable message",
  {
    status: FastCheck.integer({ min: 300, max: 599 }),
    body: FastCheck.oneof(FastCheck.json(), anyText(), FastCheck.constant("{\"detail\":"))
  },
  ({ body, status }) =>
    Effect.scoped(Effect.gen(function*() {
      if (status === 304) return
      const error = yield* failure(Wire.text(status, body))
      assert.isTrue(isNoukaiError(error))
      assert.strictEqual(error.statusCode, status)
      assert.notInclude(error.message, "[object Object]")
    })),
  { fastCheck: { numRuns: size(60, 8) } }
)
