/** `GET /seq/sessions/{id}` on the wire (docs/wire.md#sessions). */
import { NoukaiReplay } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { config, httpFor, plantedKey } from "./support/client.js"
import { body, execution, sessionId } from "./support/sessions.js"
import * as Wire from "./support/WireServer.js"

const fetchFrom = (answers: ReadonlyArray<Wire.Answer>, id: string = sessionId) =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(...answers)
    const http = yield* httpFor(server, { retry: Schedule.recurs(1), sessionId: "client-default" })
    const result = yield* Effect.either(
      http.request("session", { method: "test", options: {}, progress: { sent: "no" }, sessionId: id })
    )
    return { result, requests: server.requests }
  })

const failed = (answers: ReadonlyArray<Wire.Answer>, id?: string) =>
  Effect.flatMap(fetchFrom(answers, id), ({ requests, result }) =>
    result._tag === "Left"
      ? Effect.succeed({ error: result.left, requests })
      : Effect.dieMessage("the fetch should have failed"))

it.scopedLive("sessions: one GET, with the key and no session header", () =>
  Effect.gen(function*() {
    const { requests, result } = yield* fetchFrom([Wire.json(200, body())])
    assert.strictEqual(result._tag, "Right")
    assert.lengthOf(requests, 1)
    const [request] = requests
    assert.strictEqual(request!.method, "GET")
    assert.strictEqual(request!.path, `/api/v1/seq/sessions/${sessionId}`)
    assert.strictEqual(request!.headers.authorization, `Bearer ${plantedKey}`)
    assert.notProperty(request!.headers, "x-session-id")
    assert.strictEqual(request!.body, "")
  }))

it.scopedLive("sessions: every field, with the nulls of the wire", () =>
  Effect.gen(function*() {
    const { result } = yield* fetchFrom([Wire.json(200, {
      sessionId,
      executions: [{
        executionId: "ex-1",
        flowId: null,
        slug: null,
        triggerType: null,
        status: "completed",
        startedAt: null,
        completedAt: null,
        traceCaptureMode: null,
        snapshotsAvailable: true,
        errorAtStep: null,
        steps: [{
          stepId: "a",
          attempt: 2,
          loopIndex: null,
          status: "completed",
          startedAt: null,
          completedAt: null,
          durationMs: null,
          inputSnapshot: null,
          outputSnapshot: null,
          errorSnapshot: null,
          truncated: false,
          blockId: "legacy"
        }],
        unknown: 1
      }, { executionId: "ex-2", status: "running" }]
    })])
    assert.deepStrictEqual(result._tag === "Right" && result.right, {
      sessionId,
      executions: [{
        executionId: "ex-1",
        status: "completed",
        snapshotsAvailable: true,
        steps: [{
          stepId: "a",
          attempt: 2,
          status: "completed",
          inputSnapshot: null,
          outputSnapshot: null,
          errorSnapshot: null,
          truncated: false
        }]
      }, { executionId: "ex-2", status: "running", snapshotsAvailable: false, steps: [] }]
    })
  }))

it.scopedLive("retries: a read is retried", () =>
  Effect.gen(function*() {
    const { requests, result } = yield* fetchFrom([Wire.json(503, {}), Wire.json(200, body())])
    assert.strictEqual(result._tag, "Right")
    assert.lengthOf(requests, 2)
  }))

describe("sessions: an id that is no UUID fails before any network", () => {
  const ids = [
    "",
    "x",
    "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c0",
    `${sessionId}0`,
    ` ${sessionId}`,
    `${sessionId}\n`,
    "5d1c9f447a0b4f5e9a550f6f5f2f9c01",
    "../../../../keys?x=1#",
    "gd1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
  ]
  for (const id of ids) {
    it.scopedLive(JSON.stringify(id), () =>
      Effect.gen(function*() {
        const { error, requests } = yield* failed([Wire.json(200, body())], id)
        assert.strictEqual(error._tag, "ReplayInvalidSessionError")
        assert.strictEqual(error.statusCode, 400)
        assert.lengthOf(requests, 0)
      }))
  }

  it.scopedLive("any case and any version is a UUID", () =>
    Effect.gen(function*() {
      for (const id of [sessionId.toUpperCase(), "00000000-0000-0000-0000-000000000000"]) {
        const { requests } = yield* fetchFrom([Wire.json(200, body())], id)
        assert.strictEqual(requests[0]!.path, `/api/v1/seq/sessions/${id}`)
      }
    }))
})

describe("sessions: errors by status", () => {
  const rows: ReadonlyArray<readonly [status: number, tag: string]> = [
    [400, "ReplayInvalidSessionError"],
    [401, "AuthenticationError"],
    [402, "InsufficientCreditsError"],
    [403, "ReplayForbiddenError"],
    [404, "ReplaySessionNotFoundError"],
    [410, "ReplaySessionExpiredError"],
    [429, "RateLimitError"],
    [500, "FlowExecutionError"],
    [422, "FlowExecutionError"]
  ]
  for (const [status, tag] of rows) {
    it.scopedLive(`${status}: ${tag}`, () =>
      Effect.gen(function*() {
        const answer = Wire.json(status, { detail: { code: "CODE", message: "said so" } }, { "X-Request-ID": "req-1" })
        const { error } = yield* failed([answer, answer])
        assert.strictEqual(error._tag, tag)
        assert.strictEqual(error.statusCode, status)
        assert.strictEqual(error.code, "CODE")
        assert.strictEqual(error.detail, "said so")
        assert.strictEqual(error.requestId, "req-1")
        assert.notInclude(JSON.stringify(error), plantedKey)
      }))
  }

  it.scopedLive("no response: APIConnectionError", () =>
    Effect.gen(function*() {
      const { error } = yield* failed([Wire.reset, Wire.reset])
      assert.strictEqual(error._tag, "APIConnectionError")
    }))

  it.scopedLive("a 2xx that is no session: UnexpectedResponseError", () =>
    Effect.gen(function*() {
      for (
        const answer of [
          Wire.text(200, ""),
          Wire.text(200, "<html>"),
          Wire.json(200, { executions: [] }),
          Wire.json(200, [])
        ]
      ) {
        const { error } = yield* failed([answer])
        assert.strictEqual(error._tag, "UnexpectedResponseError")
      }
    }))
})

it.scopedLive("2.5, 10: NoukaiReplay.fromSession sends the fetch and nothing else", () =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(Wire.json(200, body(execution("c", "execute", 1))))
    yield* Layer.build(NoukaiReplay.fromSession(sessionId)).pipe(
      Effect.provide(config({ baseUrl: server.baseUrl })),
      Effect.scoped
    )
    assert.lengthOf(server.requests, 1)
  }))
