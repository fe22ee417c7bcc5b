/** Tool calling on `/execute` (docs/wire.md#tools), on wire bytes. */
import { Emulator, startEmulator } from "@effect-noukai/emulator"
import {
  type ExecuteInput,
  FlowService,
  Noukai,
  type PausedResult,
  PausedState,
  type ToolDeclaration,
  Tools
} from "@effect-noukai/sdk"
import type { AnyParameters } from "@effect-noukai/sdk/Flow"
import { spanNames } from "@effect-noukai/sdk/Telemetry"
import { Tool, Toolkit } from "@effect/ai"
import { assert, describe, it } from "@effect/vitest"
import {
  Data,
  Deferred,
  Effect,
  Exit,
  FastCheck,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Schedule,
  Schema,
  TestClock
} from "effect"
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { Agent, buildConnector } from "undici"
import { bundledProgram } from "./support/bundledProgram.js"
import { clientFor } from "./support/client.js"
import { collecting } from "./support/tracer.js"
import * as Wire from "./support/WireServer.js"

const connector = buildConnector({})

const declarations: ReadonlyArray<ToolDeclaration> = [{
  type: "function",
  function: { name: "lookup_order", parameters: { type: "object", properties: { id: { type: "string" } } } }
}]

const assistant = (...calls: ReadonlyArray<readonly [id: string, name: string, args: string]>) => ({
  role: "assistant",
  content: null,
  tool_calls: calls.map(([id, name, args]) => ({ id, type: "function", function: { name, arguments: args } })),
  refusal: null,
  vendor: { keep: [1, null] }
})

const pause = (
  iterationsUsed: number,
  calls: ReadonlyArray<readonly [id: string, name: string, args: string]>,
  more: object = {}
) =>
  Wire.json(200, {
    status: "tool_calls_required",
    executionId: "ex-1",
    pausedAtStep: "triage",
    iterationsUsed,
    toolCallMessages: [{ role: "system", content: "x" }, assistant(...calls)],
    toolCalls: assistant(...calls).tool_calls,
    accumulatedOutputs: { classify: { label: "order", note: null } },
    flowId: "fl_1",
    blockCount: 2,
    ...more
  })

const done = Wire.json(200, { status: "completed", result: "done", flowId: "fl_1", blockCount: 2, executionId: "ex-1" })

const call = ["tc_1", "lookup_order", "{\"id\":\"A17\"}"] as const

const answering = (content: Tools.ToolResult["content"] = "shipped") =>
  Tools.handle(declarations, (calls) => Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content }))))

const bodies = (server: Wire.WireServer) => server.requests.map((request) => JSON.parse(request.body))

describe("tool-results: the loop", () => {
  it.scopedLive("the resume carries the pause verbatim, the results, and everything of the first call", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause(1, [call]), done)
      const flows = yield* clientFor(server)
      const outcome = yield* flows.execute("acme/support/triage", {
        message: "Where is A17?",
        parameters: { tone: "dry" },
        blockOverrides: { triage: { model: "small" } },
        attachments: [{ url: "https://i.example.com/a.png", mime_type: "image/png" }],
        tools: answering(),
        toolChoice: "auto",
        snapshots: true,
        version: 3,
        sessionId: "s-1",
        headers: { "X-Team": "blue" }
      })
      assert.strictEqual(outcome.result, "done")
      assert.strictEqual(outcome.sessionId, "s-1")
      const [first, second] = server.requests
      assert.strictEqual(
        first!.body,
        `{"message":"Where is A17?","parameters":{"tone":"dry"},"blockOverrides":{"triage":{"model":"small"}},"attachments":[{"kind":"url","url":"https://i.example.com/a.png","mime_type":"image/png"}],"tools":[{"type":"function","function":{"name":"lookup_order","parameters":{"type":"object","properties":{"id":{"type":"string"}}}}}],"toolChoice":"auto","trace":true}`
      )
      assert.strictEqual(
        second!.body,
        `{"parameters":{"tone":"dry"},"blockOverrides":{"triage":{"model":"small"}},"attachments":[{"kind":"url","url":"https://i.example.com/a.png","mime_type":"image/png"}],"tools":[{"type":"function","function":{"name":"lookup_order","parameters":{"type":"object","properties":{"id":{"type":"string"}}}}}],"toolChoice":"auto","trace":true,"executionId":"ex-1","pausedAtStep":"triage","iterationsUsed":1,"toolCallMessages":[{"role":"system","content":"x"},{"role":"assistant","content":null,"tool_calls":[{"id":"tc_1","type":"function","function":{"name":"lookup_order","arguments":"{\\"id\\":\\"A17\\"}"}}],"refusal":null,"vendor":{"keep":[1,null]}},{"role":"tool","tool_call_id":"tc_1","content":"shipped"}],"accumulatedOutputs":{"classify":{"label":"order","note":null}}}`
      )
      for (const request of server.requests) {
        assert.strictEqual(request.path, "/api/v1/seq/acme/support/triage/v3/execute")
        assert.strictEqual(request.headers["x-session-id"], "s-1")
        assert.strictEqual(request.headers["x-team"], "blue")
      }
    }))

  it.scopedLive("the handler sees every call of the round, once, and its results go in its order of calls", () =>
    Effect.gen(function*() {
      const seen: Array<ReadonlyArray<string>> = []
      const server = yield* Wire.serve(
        pause(1, [call, ["tc_2", "lookup_order", "{}"]]),
        pause(2, [["tc_3", "lookup_order", ""]]),
        done
      )
      const flows = yield* clientFor(server)
      yield* flows.execute("a/b/c", {
        tools: Tools.handle(declarations, (calls) =>
          Effect.sync(() => {
            seen.push(calls.map(({ id }) => id))
            return calls.map(({ id }) => ({ toolCallId: id, content: { id } })).reverse()
          }))
      })
      assert.deepStrictEqual(seen, [["tc_1", "tc_2"], ["tc_3"]])
      const [, second, third] = bodies(server)
      assert.deepStrictEqual(second.toolCallMessages.slice(2), [
        { role: "tool", tool_call_id: "tc_1", content: "{\"id\":\"tc_1\"}" },
        { role: "tool", tool_call_id: "tc_2", content: "{\"id\":\"tc_2\"}" }
      ])
      assert.strictEqual(third.iterationsUsed, 2)
    }))

  it.scopedLive("results mirror the casing of the pause", () =>
    Effect.gen(function*() {
      const camel = {
        toolCallMessages: [{ role: "assistant", content: null, toolCalls: [{ id: "tc_1" }] }]
      }
      const server = yield* Wire.serve(pause(1, [call], camel), done)
      const flows = yield* clientFor(server)
      yield* flows.execute("a/b/c", { tools: answering() })
      assert.deepStrictEqual(bodies(server)[1].toolCallMessages, [
        { role: "assistant", content: null, toolCalls: [{ id: "tc_1" }] },
        { role: "tool", toolCallId: "tc_1", content: "shipped" }
      ])
    }))

  it.scopedLive("results: null outputs are echoed as {}, absent calls come from the last assistant message", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(
        pause(1, [call], { accumulatedOutputs: null, toolCalls: undefined, flowId: undefined, blockCount: null }),
        done
      )
      const flows = yield* clientFor(server)
      yield* flows.execute("a/b/c", { tools: answering() })
      assert.deepStrictEqual(bodies(server)[1].accumulatedOutputs, {})
      assert.deepStrictEqual(bodies(server)[1].toolCallMessages.at(-1), {
        role: "tool",
        tool_call_id: "tc_1",
        content: "shipped"
      })
    }))

  for (
    const [content, sent] of [["text", "text"], [{ a: 1 }, "{\"a\":1}"], [null, "null"], [7, "7"], ["", ""]] as const
  ) {
    it.scopedLive(`tool-results: content ${JSON.stringify(content)} is sent as a string`, () =>
      Effect.gen(function*() {
        const server = yield* Wire.serve(pause(1, [call]), done)
        const flows = yield* clientFor(server)
        yield* flows.execute("a/b/c", { tools: answering(content) })
        assert.strictEqual(bodies(server)[1].toolCallMessages.at(-1).content, sent)
      }))
  }
})

describe("tool-results: maxToolRounds", () => {
  const rounds = (maxToolRounds: number | undefined, pauses: number) =>
    Effect.gen(function*() {
      let runs = 0
      const server = yield* Wire.serve(
        ...Array.from({ length: pauses }, (_, i) => pause(i + 1, [[`tc_${i}`, "lookup_order", "{}"]])),
        done
      )
      const flows = yield* clientFor(server)
      const exit = yield* Effect.either(flows.execute("a/b/c", {
        maxToolRounds,
        tools: Tools.handle(declarations, (calls) =>
          Effect.sync(() => {
            runs += 1
            return calls.map(({ id }) => ({ toolCallId: id, content: "x" }))
          }))
      }))
      return { exit, runs, requests: server.requests.length }
    })

  it.scopedLive("10 by default: the 11th pause fails, before the handler is called again", () =>
    Effect.gen(function*() {
      const { exit, requests, runs } = yield* rounds(undefined, 11)
      assert.strictEqual(runs, 10)
      assert.strictEqual(requests, 11)
      const error = exit._tag === "Left" ? exit.left : undefined
      assert.strictEqual(error?._tag, "ToolCallLimitError")
      assert.strictEqual(error?.code, "TOOL_CALL_LIMIT_CLIENT")
      assert.strictEqual(error?.executionId, "ex-1")
      assert.include(error?.message, "maxToolRounds")
    }))

  it.scopedLive("10 pauses are fine", () =>
    Effect.map(rounds(undefined, 10), ({ exit, runs }) => {
      assert.strictEqual(exit._tag, "Right")
      assert.strictEqual(runs, 10)
    }))

  it.scopedLive("0 means never", () =>
    Effect.map(rounds(0, 1), ({ exit, requests, runs }) => {
      assert.strictEqual(exit._tag === "Left" && exit.left._tag, "ToolCallLimitError")
      assert.strictEqual(runs, 0)
      assert.strictEqual(requests, 1)
    }))
})

describe("results are checked before anything is sent", () => {
  const rows: ReadonlyArray<readonly [string, ReadonlyArray<Tools.ToolResult>, RegExp]> = [
    ["missing", [], /no result for "tc_1"/],
    ["extra", [{ toolCallId: "tc_1", content: "x" }, { toolCallId: "tc_9", content: "x" }], /"tc_9" was not asked for/],
    ["duplicate", [{ toolCallId: "tc_1", content: "x" }, { toolCallId: "tc_1", content: "y" }], /answered twice/],
    ["without content", [{ toolCallId: "tc_1" } as never], /content/],
    ["content that is not JSON", [{ toolCallId: "tc_1", content: 1n as never }], /not a bigint/],
    ["no array", {} as never, /array/]
  ]
  for (const [name, results, reason] of rows) {
    it.scopedLive(`${name}, from a handler and by hand`, () =>
      Effect.gen(function*() {
        const server = yield* Wire.serve(pause(1, [call]), pause(1, [call]))
        const flows = yield* clientFor(server)
        const automatic = yield* Effect.flip(
          flows.execute("a/b/c", { tools: Tools.handle(declarations, () => Effect.succeed(results)) })
        )
        const paused = yield* flows.execute("a/b/c", { tools: declarations })
        assert.strictEqual(paused.status, "tool_calls_required")
        const manual = yield* Effect.flip((paused as PausedResult).resume(results))
        for (const error of [automatic, manual]) {
          assert.strictEqual(error._tag, "InvalidRequestError")
          assert.match(error.message, reason)
          assert.strictEqual(error.executionId, "ex-1")
        }
        assert.lengthOf(server.requests, 2)
      }))
  }
})

class Offline extends Data.TaggedError("Offline")<{ readonly host: string }> {
  override get message() {
    return `${this.host} is offline`
  }
}

describe("a failing handler", () => {
  const failing = Tools.handle(declarations, () => Effect.fail(new Offline({ host: "db" })))

  it.scopedLive("fails the run with its own error by default; nothing more is sent", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause(1, [call]))
      const flows = yield* clientFor(server)
      const error = yield* Effect.flip(flows.execute("a/b/c", { tools: failing }))
      assert.strictEqual(error._tag, "Offline")
      assert.lengthOf(server.requests, 1)
    }))

  it.scopedLive("is reported to the model if asked", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause(1, [call, ["tc_2", "lookup_order", "{}"]]), done)
      const flows = yield* clientFor(server)
      yield* flows.execute("a/b/c", { tools: failing, onToolFailure: "report" })
      assert.deepStrictEqual(
        bodies(server)[1].toolCallMessages.slice(2).map((message: { content: string }) => message.content),
        ["{\"error\":\"db is offline\"}", "{\"error\":\"db is offline\"}"]
      )
    }))

  it.scopedLive("interrupted in mid-handler: the handler is interrupted, nothing more is sent, no socket stays", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause(1, [call]))
      const started = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<Exit.Exit<unknown, unknown>>()
      const fiber = yield* Effect.fork(Effect.scoped(Effect.gen(function*() {
        const flows = yield* clientFor(server)
        yield* flows.execute("a/b/c", {
          tools: Tools.handle(declarations, () =>
            Effect.never.pipe(
              Effect.onExit((exit) => Deferred.succeed(ended, exit)),
              Effect.tap(Effect.void),
              (self) => Effect.zipRight(Deferred.succeed(started, undefined), self)
            ))
        })
      })))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.isInterrupted(yield* Deferred.await(ended)))
      yield* server.allEnded
      assert.lengthOf(server.requests, 1)
    }))

  it.scoped("the total clock covers the handler, and says that a run exists", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause(1, [call]))
      const started = yield* Deferred.make<void>()
      const flows = yield* clientFor(server)
      const fiber = yield* Effect.fork(Effect.flip(flows.execute("a/b/c", {
        timeout: "1 minutes",
        tools: Tools.handle(declarations, () => Effect.zipRight(Deferred.succeed(started, undefined), Effect.never))
      })))
      yield* Deferred.await(started)
      yield* TestClock.adjust("1 minutes")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag === "APITimeoutError" && error.clock, "total")
      assert.strictEqual(error._tag === "APITimeoutError" && error.executionId, "ex-1")
      assert.strictEqual(error._tag === "APITimeoutError" && error.sent, "yes")
      assert.isFalse(error._tag === "APITimeoutError" && error.isRetryable)
    }))
})

describe("a call that goes on with a pause", () => {
  it.scoped("has the total clock of the call before it, and one of its own", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause(1, [call]), Wire.silence)
      const flows = yield* clientFor(server)
      const paused = (yield* flows.execute("a/b/c", { tools: declarations, timeout: "1 minutes" })) as PausedResult
      yield* TestClock.adjust("1 minutes")
      const fiber = yield* Effect.fork(Effect.flip(paused.resume([{ toolCallId: "tc_1", content: "x" }])))
      yield* server.arrived(2)
      yield* TestClock.adjust("1 minutes")
      const error = yield* Fiber.join(fiber)
      assert.deepInclude(error, { _tag: "APITimeoutError", clock: "total", executionId: "ex-1", sent: "unknown" })
    }))

  it.scopedLive("has a span of its own, which its request names", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause(1, [call]), done)
      const flows = yield* clientFor(server)
      const { opened, tracer } = collecting()
      yield* Effect.gen(function*() {
        const paused = (yield* flows.execute("a/b/c", { tools: declarations })) as PausedResult
        yield* paused.resume([{ toolCallId: "tc_1", content: "x" }])
      }).pipe(Effect.withTracer(tracer))
      assert.lengthOf(opened.filter(({ span }) => span.name === spanNames.execute), 2)
      assert.deepStrictEqual(server.requests.map(({ headers }) => headers.traceparent !== undefined), [true, true])
    }))
})

describe("what fails after a run exists", () => {
  it.scopedLive("a 429 on an automatic resume is not retryable: running the call again would start a second run", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause(1, [call]), Wire.json(429, {}), pause(1, [call]), done)
      const flows = yield* clientFor(server)
      const error = yield* Effect.flip(
        Effect.retry(flows.execute("a/b/c", { tools: answering() }), {
          while: (error) => error.isRetryable,
          times: 1
        })
      )
      assert.strictEqual(error._tag, "RateLimitError")
      assert.strictEqual(error.executionId, "ex-1")
      assert.isFalse(error.isRetryable)
      assert.lengthOf(server.requests, 2)
    }))

  it.scopedLive("a 429 on an automatic resume has the state, from which the run goes on", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause(1, [call]), Wire.json(429, {}), done)
      const flows = yield* clientFor(server)
      const error = yield* Effect.flip(flows.execute("a/b/c", { tools: answering() }))
      assert(error._tag === "RateLimitError" && error.state !== undefined)
      assert.match(error.message, /; go on from the state of this error$/)
      const outcome = yield* flows.resume("a/b/c", error.state, [{ toolCallId: "tc_1", content: "shipped" }])
      assert.strictEqual(outcome.status, "completed")
      assert.deepStrictEqual(bodies(server)[2].toolCallMessages, bodies(server)[1].toolCallMessages)
    }))

  it.scopedLive("a 429 on the first post of a resume by hand is retryable: it starts nothing", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause(1, [call]), Wire.json(429, {}), done)
      const flows = yield* clientFor(server)
      const paused = (yield* flows.execute("a/b/c", { tools: declarations })) as PausedResult
      const outcome = yield* Effect.retry(paused.resume([{ toolCallId: "tc_1", content: "x" }]), {
        while: (error) => error.isRetryable,
        times: 1
      })
      assert.strictEqual(outcome.status, "completed")
    }))

  it.scopedLive("a resume that never left is sent again, and its error says that the call has sent a run", () =>
    Effect.gen(function*() {
      const events: Array<string> = []
      const server = yield* Wire.serve((response, request) => {
        pause(1, [call])(response, request)
      })
      let refuse = false
      const flows = yield* clientFor(server, {
        retry: Schedule.recurs(1),
        log: (event) => events.push(event.phase),
        dispatcher: new Agent({
          keepAliveTimeout: 1,
          pipelining: 0,
          connect: (options, callback) => refuse ? callback(new Error("refused"), null) : connector(options, callback)
        })
      })
      const error = yield* Effect.flip(flows.execute("a/b/c", {
        tools: Tools.handle(declarations, (calls) =>
          Effect.sync(() => {
            refuse = true
            return calls.map(({ id }) => ({ toolCallId: id, content: "x" }))
          }))
      }))
      assert.strictEqual(error._tag === "APIConnectionError" && error.sent, "yes")
      assert.notInclude(error.message, "nothing was sent")
      assert.isFalse(error.isRetryable)
      assert.deepStrictEqual(events.slice(2), ["request", "error", "retry", "request", "error"])
    }))
})

describe("ids of tool calls", () => {
  it.scopedLive("the same call twice in one pause runs once and is answered once", () =>
    Effect.gen(function*() {
      let runs = 0
      const server = yield* Wire.serve(pause(1, [call, ["tc_1", "lookup_order", "{ \"id\": \"A17\" }"]]), done)
      const flows = yield* clientFor(server)
      yield* flows.execute("a/b/c", {
        tools: Tools.handle(declarations, (calls) =>
          Effect.sync(() => {
            runs += calls.length
            return calls.map(({ id }) => ({ toolCallId: id, content: "x" }))
          }))
      })
      assert.strictEqual(runs, 1)
      assert.lengthOf(bodies(server)[1].toolCallMessages, 3)
    }))

  it.scopedLive("one id for two different calls fails before the handler runs", () =>
    Effect.gen(function*() {
      let runs = 0
      const server = yield* Wire.serve(pause(1, [call, ["tc_1", "lookup_order", "{}"]]))
      const flows = yield* clientFor(server)
      const error = yield* Effect.flip(flows.execute("a/b/c", {
        tools: Tools.handle(declarations, () =>
          Effect.sync(() => {
            runs += 1
            return []
          }))
      }))
      assert.strictEqual(error._tag, "UnexpectedResponseError")
      assert.strictEqual(error.executionId, "ex-1")
      assert.strictEqual(runs, 0)
    }))

  it.scopedLive("a call that cannot be read fails the run before the handler answers the others", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause(1, [call], {
        toolCalls: null,
        toolCallMessages: [{ role: "assistant", tool_calls: [...assistant(call).tool_calls, { id: 7 }] }]
      }))
      const flows = yield* clientFor(server)
      const error = yield* Effect.flip(flows.execute("a/b/c", { tools: answering() }))
      assert.strictEqual(error._tag, "UnexpectedResponseError")
    }))

  it.scopedLive("an empty list of calls is read from the last assistant message", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause(1, [call], { toolCalls: [] }), done)
      const flows = yield* clientFor(server)
      yield* flows.execute("a/b/c", { tools: answering() })
      assert.strictEqual(bodies(server)[1].toolCallMessages.at(-1).tool_call_id, "tc_1")
    }))
})

describe("by hand", () => {
  it.scopedLive("a state of an impossible version is refused before anything is sent", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause(1, [call]))
      const flows = yield* clientFor(server)
      const { state } = (yield* flows.execute("a/b/c", { tools: declarations })) as PausedResult
      for (const flowVersion of [-1, 1.5, NaN]) {
        const error = yield* Effect.flip(flows.resume("a/b/c", { ...state, flowVersion }, []))
        assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "state")
      }
      assert.lengthOf(server.requests, 1)
    }))

  it.scopedLive("the pause is a value: resumable twice, nothing is posted until resume is run", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause(1, [call]), pause(2, [["tc_2", "lookup_order", "{}"]]), done, done)
      const flows = yield* clientFor(server)
      const paused = yield* flows.execute("a/b/c", { tools: declarations, sessionId: "s-2" })
      assert.strictEqual(paused.status, "tool_calls_required")
      if (paused.status !== "tool_calls_required") return
      assert.deepStrictEqual(paused.toolCalls, [{ id: "tc_1", name: "lookup_order", arguments: "{\"id\":\"A17\"}" }])
      assert.strictEqual(paused.sessionId, "s-2")
      const resumed = paused.resume([{ toolCallId: "tc_1", content: "x" }])
      assert.lengthOf(server.requests, 1)
      const again = yield* resumed
      assert.strictEqual(again.status, "tool_calls_required")
      if (again.status !== "tool_calls_required") return
      const last = yield* again.resume([{ toolCallId: "tc_2", content: "y" }])
      assert.strictEqual(last.status === "completed" && last.sessionId, "s-2")
      yield* resumed
      assert.lengthOf(server.requests, 4)
      assert.strictEqual(server.requests[3]!.body, server.requests[1]!.body)
      for (const request of server.requests) assert.strictEqual(request.headers["x-session-id"], "s-2")
    }))

  it.scopedLive("the state survives JSON, and resume goes on from it with a handler", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause(1, [call]), pause(2, [["tc_2", "lookup_order", "{}"]]), done)
      const flows = yield* clientFor(server)
      const paused = yield* flows.execute("a/b/c", {
        message: "hi",
        parameters: { tone: "dry", none: null },
        tools: declarations,
        toolChoice: "required",
        version: "draft",
        sessionId: "s-3"
      })
      const stored = JSON.stringify((paused as PausedResult).state)
      const state = yield* Schema.decode(Schema.parseJson(PausedState))(stored)
      const outcome = yield* flows.resume("a/b/c", state, [{ toolCallId: "tc_1", content: "x" }], {
        tools: answering()
      })
      assert.strictEqual(outcome.result, "done")
      const [first, second, third] = bodies(server)
      for (const body of [second, third]) {
        assert.deepStrictEqual(body.parameters, first.parameters)
        assert.deepStrictEqual(body.tools, first.tools)
        assert.strictEqual(body.toolChoice, "required")
        assert.notProperty(body, "message")
      }
      for (const request of server.requests) {
        assert.strictEqual(request.path, "/api/v1/seq/a/b/c/v0/execute")
        assert.strictEqual(request.headers["x-session-id"], "s-3")
      }
    }))

  it.scopedLive("a step called __proto__ survives JSON and reaches the server", () =>
    Effect.gen(function*() {
      const accumulatedOutputs: unknown = JSON.parse(`{"__proto__":{"label":"order"}}`)
      const server = yield* Wire.serve(pause(1, [call], { accumulatedOutputs }), done)
      const flows = yield* clientFor(server)
      const { state } = (yield* flows.execute("a/b/c", { tools: declarations })) as PausedResult
      const stored = Schema.parseJson(PausedState)
      const back = yield* Schema.decode(stored)(yield* Schema.encode(stored)(state))
      yield* flows.resume("a/b/c", back, [{ toolCallId: "tc_1", content: "x" }])
      assert.include(server.requests[1]!.body, `"accumulatedOutputs":{"__proto__":{"label":"order"}}`)
    }))

  it.scopedLive("a state of another flow, or no state, is refused before anything is sent", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause(1, [call]))
      const flows = yield* clientFor(server)
      const paused = (yield* flows.execute("a/b/c", { tools: declarations })) as PausedResult
      for (const [flow, state] of [["a/b/other", paused.state], ["a/b/c", {}], ["a/b/c", null]] as const) {
        const error = yield* Effect.flip(flows.resume(flow, state as PausedState, []))
        assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "state")
      }
      assert.lengthOf(server.requests, 1)
    }))
})

describe("Tools.make", () => {
  const weather = Tools.tool({
    name: "get_weather",
    description: "The weather of a city",
    parameters: Schema.Struct({
      city: Schema.String.annotations({ description: "Its name" }),
      days: Schema.optional(Schema.NumberFromString)
    }),
    success: Schema.Struct({ at: Schema.Date }),
    handler: ({ city, days }) => Effect.succeed({ at: new Date(city.length + (days ?? 0)) })
  })

  const rounds = (
    pauses: ReadonlyArray<ReadonlyArray<readonly [id: string, name: string, args: string]>>,
    tools: Tools.ToolSet<unknown, never>,
    input: ExecuteInput = {}
  ) =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(...pauses.map((calls, i) => pause(i + 1, calls)), done)
      const flows = yield* clientFor(server)
      const exit = yield* Effect.either(
        flows.execute("a/b/c", { ...input, tools } as ExecuteInput<AnyParameters, typeof tools>)
      )
      return {
        exit,
        bodies: bodies(server),
        contents: bodies(server).at(-1).toolCallMessages?.slice(2).map(
          (message: { content: string }) => message.content
        ) as ReadonlyArray<string>
      }
    })

  it.scopedLive("the JSON Schema on the wire is derived; arguments are decoded, results encoded", () =>
    Effect.gen(function*() {
      const { bodies, contents } = yield* rounds(
        [[["tc_1", "get_weather", "{\"city\":\"Oslo\",\"days\":\"3\"}"]]],
        Tools.make(weather)
      )
      assert.deepStrictEqual(bodies[0].tools, [{
        type: "function",
        function: {
          name: "get_weather",
          description: "The weather of a city",
          parameters: {
            type: "object",
            required: ["city"],
            properties: {
              city: { type: "string", description: "Its name" },
              days: { type: "string", description: "a string to be decoded into a number" }
            },
            additionalProperties: false
          }
        }
      }])
      assert.deepStrictEqual(contents, ["{\"at\":\"1970-01-01T00:00:00.007Z\"}"])
    }))

  it.scopedLive("a tool without parameters has an object schema, and anything but an object is refused", () =>
    Effect.gen(function*() {
      const none = Tools.make(Tools.tool({ name: "none", parameters: Schema.Struct({}), handler: () => Effect.void }))
      const { bodies } = yield* rounds([], none)
      assert.deepStrictEqual(bodies[0].tools[0].function.parameters, {
        type: "object",
        properties: {},
        required: [],
        additionalProperties: false
      })
      const text = Tools.make(Tools.tool({ name: "text", parameters: Schema.String, handler: () => Effect.void }))
      const server = yield* Wire.serve()
      const flows = yield* clientFor(server)
      const error = yield* Effect.flip(flows.execute("a/b/c", { tools: text }))
      assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "tools.text.parameters")
    }))

  it.scopedLive("bad arguments and unknown tools go back to the model, which may correct itself", () =>
    Effect.gen(function*() {
      const { contents, exit } = yield* rounds(
        [[
          ["tc_1", "get_weather", "{\"city\":"],
          ["tc_2", "get_weather", "{\"city\":7}"],
          ["tc_3", "get_news", "{}"]
        ]],
        Tools.make(weather)
      )
      assert.strictEqual(exit._tag, "Right")
      assert.match(contents[0]!, /bad arguments: the arguments are not JSON/)
      assert.match(contents[1]!, /bad arguments: at city: expected a string \(Its name\), got 7/)
      assert.match(contents[2]!, /unknown tool: .*get_news.*the tools are get_weather/)
    }))

  it.scopedLive("three such rounds in a row for one tool end the run; a good one in between starts anew", () =>
    Effect.gen(function*() {
      const bad = (id: string) => [[id, "get_weather", "{}"] as const]
      const good = (id: string) => [[id, "get_weather", "{\"city\":\"Oslo\"}"] as const]
      const ended = yield* rounds([bad("1"), bad("2"), bad("3")], Tools.make(weather))
      const error = ended.exit._tag === "Left" ? ended.exit.left as { readonly _tag: string } : undefined
      assert.strictEqual(error?._tag, "ToolCallLimitError")
      assert.include(String(error), "get_weather")
      assert.lengthOf(ended.bodies, 3)
      const fine = yield* rounds([bad("1"), bad("2"), good("3"), bad("4"), bad("5")], Tools.make(weather))
      assert.strictEqual(fine.exit._tag, "Right")
    }))

  describe("the ids of calls in several rounds", () => {
    type Calls = ReadonlyArray<readonly [id: string, name: string, args: string]>

    /** Runs the pauses, whose tool numbers its answers, and gives those that were sent for each pause. */
    const answersTo = (pauses: ReadonlyArray<readonly [iterationsUsed: number, calls: Calls, more?: object]>) =>
      Effect.gen(function*() {
        let runs = 0
        const server = yield* Wire.serve(...pauses.map(([used, calls, more]) => pause(used, calls, more)), done)
        const flows = yield* clientFor(server)
        const outcome = yield* flows.execute("a/b/c", {
          maxToolRounds: 100,
          tools: Tools.make(Tools.tool({
            name: "count",
            parameters: Schema.Struct({ n: Schema.optional(Schema.Number) }),
            handler: ({ n = 0 }) => Effect.sync(() => `run ${++runs} with ${n}`)
          }))
        })
        assert.strictEqual(outcome.status, "completed")
        return bodies(server).slice(1).map(({ toolCallMessages }) =>
          toolCallMessages.filter(({ role }: { role: string }) => role === "tool").map((
            { content }: { content: string }
          ) => content)
        )
      })

    const count = (n: number, id = "call_0") => [id, "count", n === 0 ? "{}" : JSON.stringify({ n })] as const
    const outputs = (poll: number) => ({ accumulatedOutputs: { poll } })

    it.scopedLive.each<
      [string, ReadonlyArray<readonly [number, Calls, object?]>, ReadonlyArray<ReadonlyArray<string>>]
    >([
      ["other arguments in the next round", [[1, [count(1)]], [2, [count(2)]]], [["run 1 with 1"], ["run 2 with 2"]]],
      ["equal arguments in the next round", [[1, [count(0)]], [2, [count(0)]]], [["run 1 with 0"], ["run 2 with 0"]]],
      [
        "a round with another call",
        [[1, [count(0)]], [2, [count(0), count(0, "call_1")]]],
        [["run 1 with 0"], ["run 2 with 0", "run 3 with 0"]]
      ],
      ["another step", [[1, [count(0)]], [1, [count(0)], { pausedAtStep: "b" }]], [["run 1 with 0"], ["run 2 with 0"]]],
      [
        "another iteration of a loop, by its arguments",
        [[1, [count(1)]], [1, [count(2)]]],
        [["run 1 with 1"], ["run 2 with 2"]]
      ],
      [
        "another iteration of a loop, by its outputs",
        [[1, [count(0)], outputs(1)], [1, [count(0)], outputs(2)]],
        [["run 1 with 0"], ["run 2 with 0"]]
      ],
      [
        "a pause that comes again runs nothing",
        [[1, [count(0)]], [1, [count(0)]], [2, [count(0)]], [2, [count(0)]]],
        [["run 1 with 0"], ["run 1 with 0"], ["run 2 with 0"], ["run 2 with 0"]]
      ]
    ])(
      "%s",
      ([, pauses, expected]) =>
        Effect.map(answersTo(pauses), (answers) => assert.deepStrictEqual<unknown>(answers, expected))
    )

    it.scopedLive("every round runs once, however ids and arguments come again", () =>
      Effect.promise(() =>
        FastCheck.assert(
          FastCheck.asyncProperty(
            FastCheck.array(
              FastCheck.record({
                calls: FastCheck.uniqueArray(
                  FastCheck.tuple(FastCheck.constantFrom("call_0", "call_1", "call_2"), FastCheck.nat(2)),
                  { minLength: 1, selector: ([id]) => id }
                ),
                times: FastCheck.integer({ min: 1, max: 3 })
              }),
              { minLength: 1, maxLength: 6 }
            ),
            async (asked) => {
              let runs = 0
              const expected = asked.flatMap(({ calls, times }) => {
                const answers = calls.map(([, n]) => `run ${++runs} with ${n}`)
                return Array.from({ length: times }, () => answers)
              })
              const pauses = asked.flatMap(({ calls, times }, round) =>
                Array.from({ length: times }, () => [round + 1, calls.map(([id, n]) => count(n, id))] as const)
              )
              assert.deepStrictEqual(await Effect.runPromise(Effect.scoped(answersTo(pauses))), expected)
            }
          ),
          { numRuns: 30 }
        )
      ))
  })

  it.scopedLive("toolConcurrency bounds the calls of a round; 4 by default", () =>
    Effect.gen(function*() {
      for (const [toolConcurrency, most] of [[undefined, 4], [1, 1], [10, 6]] as const) {
        let open = 0
        let peak = 0
        const slow = Tools.make(Tools.tool({
          name: "slow",
          parameters: Schema.Struct({}),
          handler: () =>
            Effect.acquireUseRelease(
              Effect.sync(() => {
                open += 1
                peak = Math.max(peak, open)
              }),
              () => Effect.yieldNow(),
              () =>
                Effect.sync(() => {
                  open -= 1
                })
            )
        }))
        const calls = Array.from({ length: 6 }, (_, i) => [`tc_${i}`, "slow", "{}"] as const)
        yield* rounds([calls], slow, { toolConcurrency })
        assert.strictEqual(peak, most)
      }
    }))

  it.scopedLive("onToolFailure: report tells the model which call failed, the others are answered", () =>
    Effect.gen(function*() {
      const mixed = Tools.make(
        Tools.tool({
          name: "bad",
          parameters: Schema.Struct({}),
          handler: () => Effect.fail(new Offline({ host: "db" }))
        }),
        Tools.tool({ name: "good", parameters: Schema.Struct({}), handler: () => Effect.void })
      )
      const calls = [["tc_1", "bad", "{}"], ["tc_2", "good", "{}"]] as const
      const { contents } = yield* rounds([calls], mixed, { onToolFailure: "report" })
      assert.deepStrictEqual(contents, ["{\"error\":\"db is offline\"}", "null"])
      const failed = yield* rounds([calls], mixed)
      assert.strictEqual(failed.exit._tag === "Left" && (failed.exit.left as Offline)._tag, "Offline")
    }))

  it.scopedLive("parameters that no JSON Schema can say are refused before anything is sent", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve()
      const flows = yield* clientFor(server)
      const error = yield* Effect.flip(flows.execute("a/b/c", {
        tools: Tools.make(Tools.tool({
          name: "odd",
          parameters: Schema.Struct({ at: Schema.DateFromSelf }),
          handler: () => Effect.void
        }))
      }))
      assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "tools.odd.parameters")
      assert.lengthOf(server.requests, 0)
    }))
})

describe("an @effect/ai toolkit", () => {
  const GetWeather = Tool.make("get_weather", {
    description: "The weather of a city",
    parameters: { city: Schema.String },
    success: Schema.String,
    failure: Schema.String
  })
  const Forget = Tool.make("forget", { parameters: {}, success: Schema.Void })
  const Kit = Toolkit.make(GetWeather, Forget)
  const handlers = Kit.toLayer({
    get_weather: ({ city }) => city === "Atlantis" ? Effect.fail("it sank") : Effect.succeed(`sun in ${city}`),
    forget: () => Effect.void
  })
  const tooling = Effect.map(Kit, Tools.fromToolkit)

  const run = (calls: ReadonlyArray<readonly [string, string, string]>, input: ExecuteInput = {}) =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause(1, calls), done, pause(1, calls), done)
      const flows = yield* clientFor(server)
      const tools = yield* tooling
      const exit = yield* Effect.either(flows.execute("a/b/c", { ...input, tools }))
      return { exit, bodies: bodies(server) }
    }).pipe(Effect.provide(handlers))

  it.scopedLive("declares its tools and answers through its handlers", () =>
    Effect.gen(function*() {
      const { bodies, exit } = yield* run([["tc_1", "get_weather", "{\"city\":\"Oslo\"}"], ["tc_2", "forget", ""]])
      assert.strictEqual(exit._tag, "Right")
      assert.deepStrictEqual(bodies[0].tools.map((tool: ToolDeclaration) => tool.function.name), [
        "get_weather",
        "forget"
      ])
      assert.deepStrictEqual(bodies[0].tools[0].function.parameters.required, ["city"])
      assert.deepStrictEqual(
        bodies[1].toolCallMessages.slice(2).map((message: { content: string }) => message.content),
        ["sun in Oslo", "null"]
      )
    }))

  it.scoped("the total clock covers its handlers, and says which run there is", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve(pause(1, [["tc_1", "get_weather", "{\"city\":\"Oslo\"}"]]))
      const flows = yield* clientFor(server)
      const started = yield* Deferred.make<void>()
      const hanging = Kit.toLayer({
        get_weather: () => Effect.zipRight(Deferred.succeed(started, undefined), Effect.never),
        forget: () => Effect.void
      })
      const fiber = yield* Effect.fork(
        Effect.flip(Effect.provide(
          Effect.flatMap(tooling, (tools) => flows.execute("a/b/c", { tools, timeout: "1 minutes" })),
          hanging
        ))
      )
      yield* Deferred.await(started)
      yield* TestClock.adjust("1 minutes")
      const error = yield* Fiber.join(fiber)
      assert(typeof error === "object")
      assert.deepInclude(error, { _tag: "APITimeoutError", clock: "total", executionId: "ex-1", sent: "yes" })
    }))

  it.scopedLive("without its handlers, or as it is, is refused before anything is sent", () =>
    Effect.gen(function*() {
      const server = yield* Wire.serve()
      const flows = yield* clientFor(server)
      const wrong: ReadonlyArray<unknown> = [
        Tools.fromToolkit(Kit as never),
        Tools.fromToolkit({} as never),
        Tools.fromToolkit(undefined as never),
        Kit,
        yield* Effect.provide(Kit, handlers)
      ]
      for (const tools of wrong) {
        const error = yield* Effect.flip(flows.execute("a/b/c", { tools: tools as never }))
        assert.deepInclude(error, { _tag: "InvalidRequestError", field: "tools" })
      }
      assert.lengthOf(server.requests, 0)
    }))

  it.scopedLive("bad arguments and unknown tools go back to the model; failures fail or are reported", () =>
    Effect.gen(function*() {
      const wrong = yield* run([["tc_1", "get_weather", "{}"], ["tc_2", "nope", "{}"]])
      assert.match(wrong.bodies[1].toolCallMessages.at(-2).content, /bad arguments/)
      assert.match(wrong.bodies[1].toolCallMessages.at(-1).content, /unknown tool/)
      const sunk = [["tc_1", "get_weather", "{\"city\":\"Atlantis\"}"]] as const
      const failed = yield* run(sunk)
      assert.strictEqual(failed.exit._tag === "Left" && failed.exit.left, "it sank")
      const reported = yield* run(sunk, { onToolFailure: "report" })
      assert.strictEqual(reported.bodies[1].toolCallMessages.at(-1).content, "{\"error\":\"it sank\"}")
    }))

  it.scopedLive("provider-defined tools are refused", () =>
    Effect.gen(function*() {
      const Search = Tool.providerDefined({
        id: "x.search",
        toolkitName: "Search",
        providerName: "search",
        args: {},
        success: Schema.Void
      })({})
      const server = yield* Wire.serve()
      const flows = yield* clientFor(server)
      const tools = yield* Effect.map(Toolkit.make(Search), (toolkit) =>
        Tools.fromToolkit<never, never>(toolkit as never))
      const error = yield* Effect.flip(flows.execute("a/b/c", { tools }))
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.lengthOf(server.requests, 0)
    }))
})

it.scopedLive("a warning as the conversation nears the server's limit, at 200 entries", () =>
  Effect.gen(function*() {
    const warnings: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel === LogLevel.Warning) warnings.push(String(message))
    })
    const long = { toolCallMessages: [...Array.from({ length: 200 }, () => ({ role: "user" })), assistant(call)] }
    const server = yield* Wire.serve(pause(1, [call], long), done)
    const flows = yield* clientFor(server)
    yield* Effect.provide(
      flows.execute("a/b/c", { tools: answering() }),
      Logger.replace(Logger.defaultLogger, logger)
    )
    assert.lengthOf(warnings, 1)
    assert.match(warnings[0]!, /202 entries/)
  }))

it.scopedLive("spans: a round span below the execution, and a tool span below the round", () =>
  Effect.gen(function*() {
    const { opened, tracer } = collecting()
    const server = yield* Wire.serve(pause(1, [call, ["tc_2", "lookup_order", "{}"]]), done)
    const flows = yield* clientFor(server)
    yield* Effect.withTracer(flows.execute("a/b/c", { tools: answering() }), tracer)
    const parentOf = (i: number) => {
      const { parent } = opened[i]!.span
      return parent._tag === "Some" && parent.value._tag === "Span" ? parent.value.name : undefined
    }
    assert.deepStrictEqual(opened.map(({ span }) => span.name), [
      "noukai.flow.execute",
      "noukai.agent.round",
      "execute_tool lookup_order",
      "execute_tool lookup_order"
    ])
    assert.strictEqual(parentOf(1), "noukai.flow.execute")
    assert.strictEqual(parentOf(2), "noukai.agent.round")
    assert.strictEqual(parentOf(3), "noukai.agent.round")
    assert.strictEqual(opened[3]!.attributes.get("gen_ai.tool.call.id"), "tc_2")
    for (const { exit } of opened) assert.isTrue(exit !== undefined && Exit.isSuccess(exit))
  }))

describe("on the emulator", () => {
  it.scopedLive("tools-enabled runs with a typed tool; one run on the ledger", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const emulator = yield* Emulator
      const done = yield* flows.execute("noukai/samples/tools-enabled", {
        message: "weather?",
        tools: Tools.make(Tools.tool({
          name: "get_weather",
          parameters: Schema.Struct({ city: Schema.String }),
          handler: ({ city }) => Effect.succeed(`18 °C in ${city}`)
        }))
      })
      assert.deepStrictEqual(done.result, { text: "The weather, as get_weather says: 18 °C in Lisbon" })
      assert.lengthOf((yield* emulator.ledger).runs, 1)
    }).pipe(Effect.provide(Layer.provideMerge(Noukai.layerServices, Emulator.layer()))))

  it("a pause is stored by one process and answered by another", async () => {
    await using emulator = await startEmulator()
    const program = await bundledProgram(new URL("./support/approvalProcess.ts", import.meta.url))
    const run = async (...args: ReadonlyArray<string>) => {
      const own = [program, emulator.baseUrl, emulator.apiKey, ...args]
      return (await promisify(execFile)(process.execPath, own)).stdout.trim()
    }
    const stored = await run()
    assert.strictEqual(JSON.parse(stored).pausedAtStep, "assistant")
    assert.deepStrictEqual(JSON.parse(await run(stored)), { text: "The weather, as get_weather says: rain" })
    assert.lengthOf(emulator.ledger().runs, 1)
  })
})
