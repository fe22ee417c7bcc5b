import { Emulator, type Flow, samples } from "@effect-noukai/emulator"
import { layer } from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { call, type Parsed } from "./client.js"
import { parseEvents } from "./eventStream.js"

const session = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

const flows: ReadonlyArray<Flow> = [
  ...samples,
  {
    ref: "acme/test/failing",
    steps: [{ kind: "template", id: "a", output: 1 }, { kind: "fail", id: "b", code: "X", message: "no", status: 500 }]
  }
]

const run = layer({ flows, organisations: { noukai: { capture: "full" }, acme: { capture: "full" } } })

const post = (path: string, body: object, id: string | undefined = session) =>
  call((client) => client.post(path, body, id === undefined ? {} : { "x-session-id": id }))

const fetchSession = (id = session) => call((client) => client.get(`/seq/sessions/${id}`))

describe("sessions", () => {
  it.scoped("sessions: one execution per fresh execute, per step iteration and per job, in order", () =>
    Effect.gen(function*() {
      yield* post("/seq/noukai/samples/two-step/execute", { message: "hi" })
      const first = yield* post("/seq/noukai/samples/two-step/step", { stepIndex: 0, message: "hi" })
      const { executionId } = parseEvents(first.text)[0]!.data
      yield* post("/seq/noukai/samples/two-step/step", {
        executionId,
        stepIndex: 1,
        accumulatedOutputs: { classify: { label: "order" } }
      })
      yield* post("/seq/noukai/samples/hello-world/jobs", { message: "hi" })
      yield* (yield* Emulator).awaitEvent((event) => event.type === "RunStarted" && event.trigger === "job")
      yield* post("/seq/noukai/samples/hello-world/execute", { message: "hi" }, "")
      const { json, status } = yield* fetchSession()
      assert.strictEqual(status, 200)
      assert.strictEqual(json.sessionId, session)
      assert.deepStrictEqual(json.executions.map((made: Parsed) => [made.triggerType, made.slug]), [
        ["execute", "two-step"],
        ["step", "two-step"],
        ["job", "hello-world"]
      ])
      const [execute, step] = json.executions
      assert.strictEqual(step.executionId, executionId)
      assert.deepStrictEqual(Object.keys(execute).sort(), [
        "completedAt",
        "errorAtStep",
        "executionId",
        "flowId",
        "slug",
        "snapshotsAvailable",
        "startedAt",
        "status",
        "steps",
        "traceCaptureMode",
        "triggerType"
      ])
      assert.strictEqual(execute.traceCaptureMode, "full")
      assert.isTrue(execute.snapshotsAvailable)
      assert.isNull(execute.errorAtStep)
      assert.deepStrictEqual(execute.steps[0], {
        stepId: "classify",
        attempt: 1,
        loopIndex: null,
        status: "completed",
        startedAt: "1970-01-01T00:00:00.000Z",
        completedAt: "1970-01-01T00:00:00.000Z",
        durationMs: 0,
        inputSnapshot: { message: "hi" },
        outputSnapshot: { label: "order", about: "hi", __rendered_prompt__: "Classify: hi" },
        errorSnapshot: null,
        truncated: false
      })
      assert.strictEqual(step.steps.length, 2)
    }).pipe(Effect.provide(run)))

  it.scoped("sessions: a tool resume goes on with the recorded execution, though it carries no session header", () =>
    Effect.gen(function*() {
      const path = "/seq/noukai/samples/tools-enabled/execute"
      const { json: pause } = yield* post(path, { message: "a" })
      yield* call((client) =>
        client.post(path, {
          ...pause,
          toolCallMessages: [...pause.toolCallMessages, {
            role: "tool",
            tool_call_id: pause.toolCalls[0].id,
            content: "sun"
          }]
        })
      )
      const { json } = yield* fetchSession()
      assert.strictEqual(json.executions.length, 1)
      assert.strictEqual(json.executions[0].status, "completed")
      assert.strictEqual(json.executions[0].steps.length, 1)
      assert.include(json.executions[0].steps[0].outputSnapshot.text, "sun")
    }).pipe(Effect.provide(run)))

  it.scoped("sessions: a failed execution names the step and its error", () =>
    Effect.gen(function*() {
      yield* post("/seq/acme/test/failing/execute", {})
      const [execution] = (yield* fetchSession()).json.executions
      assert.strictEqual(execution.status, "failed")
      assert.strictEqual(execution.errorAtStep, "b")
      assert.deepStrictEqual(execution.steps[1].errorSnapshot, { code: "X", message: "no" })
      assert.strictEqual(execution.steps[1].status, "failed")
    }).pipe(Effect.provide(run)))

  it.scoped("capture, sessions: without payloads snapshotsAvailable is false; off has no mode either", () =>
    Effect.gen(function*() {
      yield* post("/seq/noukai/samples/hello-world/execute", { message: "a" })
      yield* post("/seq/noukai/samples/hello-world/execute", { message: "a", trace: true })
      yield* post("/seq/acme/test/failing/execute", {})
      const { json } = yield* fetchSession()
      assert.deepStrictEqual(
        json.executions.map((made: Parsed) => [made.traceCaptureMode, made.snapshotsAvailable, made.steps.length]),
        [["metadata_only", false, 1], ["full", true, 1], [null, false, 0]]
      )
      assert.isNull(json.executions[0].steps[0].outputSnapshot)
    }).pipe(Effect.provide(layer({ flows, capture: "metadata_only", organisations: { acme: { capture: "off" } } }))))

  it.scoped("sessions: a removed flow leaves a null slug", () =>
    Effect.gen(function*() {
      yield* post("/seq/noukai/samples/hello-world/execute", { message: "a" })
      yield* (yield* Emulator).removeFlow("noukai/samples/hello-world")
      assert.isNull((yield* fetchSession()).json.executions[0].slug)
    }).pipe(Effect.provide(run)))

  it.scoped("sessions: 400 malformed, 404 unknown, 410 expired; ids compare without case", () =>
    Effect.gen(function*() {
      yield* post("/seq/noukai/samples/hello-world/execute", { message: "a" })
      for (const id of ["x", "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c0", `${session}0`, "..%2Fkeys"]) {
        const bad = yield* fetchSession(id)
        assert.strictEqual(bad.status, 400, id)
        assert.strictEqual(bad.json.detail.code, "BAD_REQUEST")
      }
      const unknown = yield* fetchSession("00000000-0000-4000-8000-000000000000")
      assert.strictEqual(unknown.status, 404)
      assert.strictEqual((yield* fetchSession(session.toUpperCase())).json.executions.length, 1)
      yield* (yield* Emulator).expireSession(session)
      const expired = yield* fetchSession()
      assert.strictEqual(expired.status, 410)
      assert.strictEqual(expired.json.detail.code, "GONE")
    }).pipe(Effect.provide(run)))

  it.scoped("sessions: a header that is no UUID is a 400, an empty one is none", () =>
    Effect.gen(function*() {
      for (
        const [path, body] of [
          ["/seq/noukai/samples/hello-world/execute", { message: "a" }],
          ["/seq/noukai/samples/hello-world/step", { message: "a" }],
          ["/seq/noukai/samples/hello-world/jobs", { message: "a" }]
        ] as const
      ) {
        const bad = yield* post(path, body, "not-a-uuid")
        assert.strictEqual(bad.status, 400)
        assert.strictEqual(bad.json.detail.code, "BAD_REQUEST")
        assert.isBelow((yield* post(path, body, "")).status, 300)
      }
    }).pipe(Effect.provide(run)))

  it.scoped("sessions: the session of another project is 403", () =>
    Effect.gen(function*() {
      yield* post("/seq/noukai/samples/hello-world/execute", { message: "a" })
      const status = yield* call((client) =>
        client.request("GET", `/seq/sessions/${session}`, { key: "nk_b" }).then((response) => response.status)
      )
      assert.strictEqual(status, 403)
      assert.strictEqual((yield* fetchSession()).status, 200)
    }).pipe(Effect.provide(layer({
      keys: [{ key: "nk_a", org: "noukai", project: "samples" }, { key: "nk_b", org: "acme", project: "test" }]
    }))))

  it.scoped("keys: keys/verify says whose key it is", () =>
    Effect.gen(function*() {
      const bound = yield* call((client) => client.get("/keys/verify"))
      assert.deepStrictEqual(bound.json, { keyId: "aaaaaaaa", org: "noukai", project: "samples" })
      const unknown = yield* call((client) => client.request("GET", "/keys/verify", { key: "nk_x" }))
      assert.strictEqual(unknown.status, 401)
    }).pipe(Effect.provide(layer({
      keys: [{ key: "nk_test_aaaaaaaa_00000000000000000000000000000001", org: "noukai", project: "samples" }]
    }))))
})
