/** `POST …/execute` on the wire: a row per field of 5.1 and 5.3, per rule of 5.4 and 5.5. */
import * as Testing from "@effect-noukai/report/testing"
import { type ExecuteInput, Flow, FlowService } from "@effect-noukai/sdk"
import { layer as flowLayer } from "@effect-noukai/sdk/FlowService"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import * as Scripted from "@effect-noukai/sdk/testing"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, LogLevel, Schema } from "effect"
import { clientFor, plantedKey } from "./support/client.js"
import * as Wire from "./support/WireServer.js"

const done = { status: "completed", result: { text: "ok" }, flowId: "fl_1", blockCount: 2, executionId: "ex-1" }

const ok = Wire.json(200, done, { "X-Request-ID": "req-1" })

/** Runs one call and gives what was received. */
const received = (input: ExecuteInput, flow = "acme/support/greet") =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(ok)
    const flows = yield* clientFor(server)
    yield* flows.execute(flow, input)
    assert.strictEqual(server.requests.length, 1)
    return server.requests[0]!
  })

describe("request (5.1, 2)", () => {
  const rows: ReadonlyArray<readonly [name: string, input: ExecuteInput, body: string]> = [
    ["message", { message: "hi" }, `{"message":"hi","trace":false}`],
    ["an empty message is sent", { message: "" }, `{"message":"","trace":false}`],
    ["no message at all: parameters may satisfy the flow (C6)", {}, `{"trace":false}`],
    [
      "parameters, with their nulls",
      { message: "hi", parameters: { tone: "dry", note: null } },
      `{"message":"hi","parameters":{"tone":"dry","note":null},"trace":false}`
    ],
    [
      "messages (5.4), extra keys untouched",
      {
        messages: [
          { role: "user", content: "Where is A17?" },
          { role: "assistant", content: null, toolCalls: [{ id: "tc_1" }] },
          { role: "tool", toolCallId: "tc_1", name: "lookup", content: "shipped", extra: 1 },
          { role: "user", content: "Which carrier?" }
        ]
      },
      `{"messages":[{"role":"user","content":"Where is A17?"},{"role":"assistant","content":null,"toolCalls":[{"id":"tc_1"}]},{"role":"tool","toolCallId":"tc_1","name":"lookup","content":"shipped","extra":1},{"role":"user","content":"Which carrier?"}],"trace":false}`
    ],
    ["an empty list of messages counts as absent", { messages: [], message: "hi" }, `{"message":"hi","trace":false}`],
    [
      "blockOverrides",
      { message: "hi", blockOverrides: { classify: { model: "small" } } },
      `{"message":"hi","blockOverrides":{"classify":{"model":"small"}},"trace":false}`
    ],
    [
      "attachments (5.5): kind is filled in",
      {
        message: "hi",
        attachments: [{ url: "https://i.example.com/d.png", mime_type: "image/png", filename: "d.png" }]
      },
      `{"message":"hi","attachments":[{"kind":"url","url":"https://i.example.com/d.png","mime_type":"image/png","filename":"d.png"}],"trace":false}`
    ],
    ["snapshots", { message: "hi", snapshots: true }, `{"message":"hi","trace":true}`],
    [
      "undefined options are not sent",
      { message: "hi", parameters: undefined, sessionId: undefined },
      `{"message":"hi","trace":false}`
    ]
  ]
  for (const [name, input, body] of rows) {
    it.scopedLive(name, () => Effect.map(received(input), (request) => assert.strictEqual(request.body, body)))
  }

  it.scopedLive("headers: the headers of every request", () =>
    Effect.gen(function*() {
      const { headers, method } = yield* received({ message: "hi" })
      assert.strictEqual(method, "POST")
      assert.strictEqual(headers.authorization, `Bearer ${plantedKey}`)
      assert.strictEqual(headers["x-noukai-api-version"], "2026-05-31")
      assert.strictEqual(headers["content-type"], "application/json")
      assert.strictEqual(headers.accept, "application/json")
      assert.match(headers["user-agent"]!, /^effect-noukai\/\d+\.\d+\.\d+ \(node\/[\d.]+; \w+\)$/)
      assert.notProperty(headers, "x-session-id")
      assert.strictEqual(headers["accept-encoding"], "identity")
    }))

  it.scopedLive("headers: X-Session-Id when there is a session, also an empty one (10.2)", () =>
    Effect.gen(function*() {
      const id = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
      assert.strictEqual((yield* received({ message: "hi", sessionId: id })).headers["x-session-id"], id)
      assert.strictEqual((yield* received({ message: "hi", sessionId: "" })).headers["x-session-id"], "")
    }))

  it.scopedLive("headers: extra headers are sent, reserved ones dropped, the caller's record untouched, no leak", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(ok, ok)
      const flows = yield* clientFor(server)
      const headers = {
        "X-Team": "blue",
        AUTHORIZATION: "Bearer other",
        "x-noukai-api-version": "1",
        "User-Agent": "me",
        "X-Request-ID": "mine",
        "content-type": "text/plain",
        Cookie: "a=b"
      }
      const before = { ...headers }
      yield* flows.execute("a/b/c", { message: "hi", headers })
      yield* flows.execute("a/b/c", { message: "hi" })
      assert.deepStrictEqual(headers, before)
      const [first, second] = server.requests
      assert.strictEqual(first!.headers["x-team"], "blue")
      assert.strictEqual(first!.headers.authorization, `Bearer ${plantedKey}`)
      assert.strictEqual(first!.headers["x-noukai-api-version"], "2026-05-31")
      assert.notProperty(first!.headers, "cookie")
      assert.notProperty(first!.headers, "x-request-id")
      assert.strictEqual(first!.headers["content-type"], "application/json")
      assert.notProperty(second!.headers, "x-team")
    }))

  const paths: ReadonlyArray<readonly [string, ExecuteInput, string]> = [
    ["default is production, the base path (C1)", {}, "/api/v1/seq/acme/support/greet/execute"],
    ["production", { version: "production" }, "/api/v1/seq/acme/support/greet/execute"],
    ["draft is v0", { version: "draft" }, "/api/v1/seq/acme/support/greet/v0/execute"],
    ["0 is the draft", { version: 0 }, "/api/v1/seq/acme/support/greet/v0/execute"],
    ["N is vN", { version: 12 }, "/api/v1/seq/acme/support/greet/v12/execute"]
  ]
  for (const [name, input, path] of paths) {
    it.scopedLive(`3: ${name}`, () =>
      Effect.map(received({ message: "hi", ...input }), (request) => assert.strictEqual(request.path, path)))
  }
})

describe("checks before anything is sent", () => {
  const image = { url: "https://i.example.com/d.png", mime_type: "image/png" } as const
  const rows: ReadonlyArray<readonly [name: string, input: object, field: string]> = [
    ["messages: message and messages", { message: "hi", messages: [{ role: "user", content: "hi" }] }, "messages"],
    ["message must be a string", { message: 7 }, "message"],
    ["messages: an entry without a role", { messages: [{ content: "hi" }] }, "messages[0].role"],
    [
      "messages: the role system",
      { messages: [{ role: "user" }, { role: "system", content: "x" }] },
      "messages[1].role"
    ],
    ["messages: an entry that is no object", { messages: ["hi"] }, "messages[0]"],
    ["messages that are no array", { messages: "hi" }, "messages"],
    ["execute: parameters named attachments", { parameters: { attachments: [] } }, "parameters.attachments"],
    ["parameters that are no object", { parameters: [1] }, "parameters"],
    ["parameters that are not JSON", { parameters: { n: 1n } }, "parameters.n"],
    ["messages that are not JSON", { messages: [{ role: "user", n: 1n }] }, "messages[0].n"],
    ["headers: a session id among the headers", { headers: { "X-Session-Id": "s" } }, "headers[\"X-Session-Id\"]"],
    ["overrides that are no object", { blockOverrides: [] }, "blockOverrides"],
    ["an override that is no object", { blockOverrides: { a: 1 } }, "blockOverrides[\"a\"]"],
    ["attachments: 11 attachments", { attachments: Array.from({ length: 11 }, () => image) }, "attachments"],
    ["attachments: http", { attachments: [{ ...image, url: "http://i.example.com/d.png" }] }, "attachments[0].url"],
    ["attachments: not a URL", { attachments: [{ ...image, url: "dog.png" }] }, "attachments[0].url"],
    [
      "attachments: 2,049 characters",
      { attachments: [image, { ...image, url: `https://i.example.com/${"a".repeat(2049 - 22)}` }] },
      "attachments[1].url"
    ],
    ["attachments: another kind", { attachments: [{ ...image, kind: "file" }] }, "attachments[0].kind"],
    [
      "attachments: another mime type",
      { attachments: [{ ...image, mime_type: "image/tiff" }] },
      "attachments[0].mime_type"
    ],
    ["attachments: filename with a slash", { attachments: [{ ...image, filename: "a/b" }] }, "attachments[0].filename"],
    [
      "attachments: filename with a backslash",
      { attachments: [{ ...image, filename: "a\\b" }] },
      "attachments[0].filename"
    ],
    ["attachments: filename with dots", { attachments: [{ ...image, filename: "..b" }] }, "attachments[0].filename"],
    [
      "attachments: filename of 256",
      { attachments: [{ ...image, filename: "a".repeat(256) }] },
      "attachments[0].filename"
    ],
    ["tools: 65 tools", {
      tools: Array.from({ length: 65 }, (_, i) => ({ type: "function", function: { name: `t${i}` } }))
    }, "tools"],
    [
      "tools: a tool name",
      { tools: [{ type: "function", function: { name: "no spaces" } }] },
      "tools[0].function.name"
    ],
    ["tools: a tool twice", {
      tools: [{ type: "function", function: { name: "a" } }, { type: "function", function: { name: "a" } }]
    }, "tools[1].function.name"],
    ["toolChoice", { tools: [{ type: "function", function: { name: "a" } }], toolChoice: "any" }, "toolChoice"],
    ["toolChoice of an undeclared tool", {
      tools: [{ type: "function", function: { name: "a" } }],
      toolChoice: { type: "function", function: { name: "b" } }
    }, "toolChoice.function.name"],
    ["negative version", { version: -1 }, "version"],
    ["fractional version", { version: 1.5 }, "version"],
    ["boolean version", { version: true }, "version"],
    ["other version", { version: "latest" }, "version"],
    ["maxToolRounds", { maxToolRounds: -1 }, "maxToolRounds"],
    ["toolConcurrency", { toolConcurrency: 0 }, "toolConcurrency"],
    ["attemptTimeout", { attemptTimeout: "soon" }, "attemptTimeout"],
    ["connectTimeout", { connectTimeout: -1 }, "connectTimeout"],
    ["timeout", { timeout: NaN }, "timeout"],
    ["a session id with a line break", { sessionId: "a\r\nx: y" }, "sessionId"],
    ["a header with a line break", { headers: { "X-A": "a\r\nb: c" } }, "headers[\"X-A\"]"],
    ["a header name with a space", { headers: { "X A": "a" } }, "headers[\"X A\"]"],
    ["a header that frames the message", { headers: { "Content-Length": "3" } }, "headers[\"Content-Length\"]"]
  ]
  for (const [name, input, field] of rows) {
    it.scopedLive(name, () =>
      Effect.gen(function*() {
        const server = yield* Wire.serve()
        const flows = yield* clientFor(server)
        const error = yield* Effect.flip(
          flows.execute(
            "acme/support/greet",
            ("messages" in input && !("message" in input) ? input : { message: "hi", ...input }) as ExecuteInput
          ).pipe(
            Effect.provideService(FlowService, flows)
          )
        )
        assert.strictEqual(error._tag, "InvalidRequestError")
        assert.strictEqual(error._tag === "InvalidRequestError" && error.field, field)
        assert.strictEqual(server.requests.length, 0)
        assert.isFalse(error.isRetryable)
      }))
  }
})

describe("response (5.3)", () => {
  const answer = (body: unknown) =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(Wire.json(200, body, { "X-Request-ID": "req-9" }))
      const flows = yield* clientFor(server)
      return yield* flows.execute("a/b/c", { message: "hi", sessionId: "s" })
    })

  it.scopedLive("completed, with every field", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* answer(done), {
        status: "completed",
        result: { text: "ok" },
        executionId: "ex-1",
        flowId: "fl_1",
        blockCount: 2,
        sessionId: "s",
        requestId: "req-9"
      })
    }))

  it.scopedLive("executionId may be missing or null; unknown keys are ignored", () =>
    Effect.gen(function*() {
      const { executionId: _, ...bare } = done
      assert.isUndefined((yield* answer(bare)).executionId)
      assert.isUndefined((yield* answer({ ...done, executionId: null, extra: 1 })).executionId)
    }))

  for (const result of [null, "text", 0, false, [1], { a: null }]) {
    it.scopedLive(`result ${JSON.stringify(result)}`, () =>
      Effect.map(answer({ ...done, result }), (value) => assert.deepStrictEqual(value.result, result)))
  }

  it.scopedLive("a failed run is a FlowExecutionError with what the run said", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        answer({ ...done, status: "failed", result: { code: "MODEL_DOWN", message: "the model is away" } })
      )
      assert.strictEqual(error._tag, "FlowExecutionError")
      assert.strictEqual(error.code, "MODEL_DOWN")
      assert.strictEqual(error.executionId, "ex-1")
      assert.strictEqual(error.requestId, "req-9")
      assert.deepStrictEqual(error._tag === "FlowExecutionError" && error.result, {
        code: "MODEL_DOWN",
        message: "the model is away"
      })
      assert.strictEqual(
        error.message,
        "FlowService.execute a/b/c: the run failed: the model is away (code MODEL_DOWN, execution ex-1, request req-9)"
      )
      assert.isFalse(error.isRetryable)
    }))

  it.scopedLive("a body that does not fit is told in one line, with the places", () =>
    Effect.gen(function*() {
      const empty = yield* Effect.flip(answer({}))
      assert.strictEqual(empty._tag, "UnexpectedResponseError")
      assert.notInclude(empty.message, "\n")
      assert.match(empty.message, /status: is missing/)
      const paused = yield* Effect.flip(answer({ status: "tool_calls_required" }))
      assert.notInclude(paused.message, "\n")
      assert.include(paused.message, "pausedAtStep: is missing")
    }))

  it.scopedLive("a pause when no tools were sent carries the execution id", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(answer({
        status: "tool_calls_required",
        executionId: "ex-7",
        pausedAtStep: "s",
        iterationsUsed: 1,
        toolCallMessages: [],
        toolCalls: [],
        accumulatedOutputs: {}
      }))
      assert.deepInclude(error, {
        _tag: "UnexpectedResponseError",
        code: "TOOL_CALLS_UNANSWERED_CLIENT",
        executionId: "ex-7"
      })
    }))

  const misfits: ReadonlyArray<readonly [string, Wire.Answer, RegExp]> = [
    ["empty", Wire.text(200, ""), /the body is empty/],
    ["HTML", Wire.text(200, "<html><body>Welcome</body></html>"), /the body is HTML/],
    ["cut JSON of full length", Wire.text(200, `{"status":"compl`), /the body is not JSON/],
    ["an array", Wire.json(200, []), /unexpected response/],
    ["null", Wire.json(200, null), /unexpected response/],
    ["an unknown status", Wire.json(200, { ...done, status: "melted" }), /unknown status "melted"/],
    ["204", Wire.text(204, ""), /the body is empty/]
  ]
  for (const [name, wire, message] of misfits) {
    it.scopedLive(`C-${name}: UnexpectedResponseError with the body`, () =>
      Effect.gen(function*() {
        const server = yield* Wire.serve(wire)
        const flows = yield* clientFor(server)
        const error = yield* Effect.flip(flows.execute("a/b/c", { message: "hi" }))
        assert.strictEqual(error._tag, "UnexpectedResponseError")
        assert.match(error.message, message)
        assert.isString(error.responseBody)
        assert.strictEqual(server.requests.length, 1)
      }))
  }

  it.scopedLive("the execution id of a body that does not fit is kept", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(answer({ status: "melted", executionId: "ex-5" }))
      assert.strictEqual(error.executionId, "ex-5")
    }))
})

describe("typed flows", () => {
  const Grade = Flow.make("acme/spelling/grade-3", {
    parameters: Schema.Struct({ since: Schema.Date, level: Schema.NumberFromString }),
    result: Schema.Struct({ score: Schema.NumberFromString })
  })

  const scripted = (result: unknown) => layerScripted({ execute: [Testing.completed(result)] })

  it.effect("parameters are encoded through the schema", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const script = yield* Scripted.ScriptedHttp
      const done = yield* flows.execute(Grade, { parameters: { since: new Date(0), level: 3 } })
      assert.strictEqual(done.result.score, 7)
      const [call] = yield* script.requests("execute")
      assert.deepStrictEqual(call!.body.parameters, { since: "1970-01-01T00:00:00.000Z", level: "3" })
    }).pipe(Effect.provide(scripted({ score: "7" }))))

  it.effect("parameters that do not fit fail before anything is sent", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const script = yield* Scripted.ScriptedHttp
      const error = yield* Effect.flip(
        flows.execute(Grade, { parameters: { since: "yesterday", level: 3 } as never })
      )
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.include(error.message, "at since: expected a potentially invalid Date instance, got \"yesterday\"")
      assert.lengthOf(yield* script.calls, 0)
    }).pipe(Effect.provide(scripted({ score: "7" }))))

  it.effect("a result that does not fit carries the raw value and the execution id", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const error = yield* Effect.flip(flows.execute(Grade, { parameters: { since: new Date(0), level: 3 } }))
      assert.strictEqual(error._tag, "UnexpectedResponseError")
      assert.deepStrictEqual(error._tag === "UnexpectedResponseError" && error.value, { score: "many" })
      assert.strictEqual(error.executionId, "ex_test")
      assert.match(error.message, /does not fit the schema of the flow: at score: /)
    }).pipe(Effect.provide(scripted({ score: "many" }))))
})

describe("message size (5.4)", () => {
  it.effect("warns once when the messages pass 0.9 MB, and sends them", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const messages = [{ role: "user", content: "x".repeat(900_001) }] as const
      const warnings: Array<unknown> = []
      const logger = Logger.make(({ logLevel, message }) => {
        if (logLevel === LogLevel.Warning) warnings.push(message)
      })
      const call = Effect.provide(
        flows.execute("a/b/c", { messages }),
        Logger.replace(Logger.defaultLogger, logger)
      )
      yield* call
      yield* call
      assert.lengthOf(warnings, 1)
      assert.match(String(warnings[0]), /1,000,000 bytes/)
      const script = yield* Scripted.ScriptedHttp
      assert.lengthOf(yield* script.calls, 2)
    }).pipe(
      Effect.provide(Layer.provideMerge(
        flowLayer,
        layerScripted({ execute: [Testing.completed(1), Testing.completed(1)] })
      ))
    ))
})
