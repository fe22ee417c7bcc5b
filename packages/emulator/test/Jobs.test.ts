import { Emulator, type Flow, samples } from "@effect-noukai/emulator"
import { layer } from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { call } from "./client.js"
import { parseEvents } from "./eventStream.js"

const hello = "/seq/noukai/samples/hello-world"

const flows: ReadonlyArray<Flow> = [
  ...samples,
  { ref: "acme/test/slow", steps: [{ kind: "template", id: "a", output: "late", duration: "5 minutes" }] },
  { ref: "acme/test/failing", steps: [{ kind: "fail", id: "a", code: "X", message: "it broke", status: 502 }] },
  {
    ref: "acme/test/versioned",
    steps: [{ kind: "template", id: "a", output: "draft" }],
    versions: { 1: { steps: [{ kind: "template", id: "a", output: "one" }] } }
  }
]

const run = layer({ flows })

const submit = (path: string, body: object, headers = {}) =>
  call((client) => client.post(`${path}/jobs`, body, headers))

const poll = (path: string, executionId: string) => call((client) => client.get(`${path}/jobs/${executionId}`))

const ended = (status: string) => (event: { readonly type: string; readonly status?: unknown }) =>
  event.type === "RunEnded" && event.status === status

describe("jobs", () => {
  it.scoped("jobs: the recorded body of the Python client is taken with 202", () =>
    Effect.gen(function*() {
      const { json, status } = yield* submit(hello, {
        message: "hi",
        parameters: {},
        iterationsUsed: 0,
        accumulatedOutputs: {},
        trace: false
      })
      assert.strictEqual(status, 202)
      assert.strictEqual(json.status, "started")
      assert.match(json.flowId, /^fl_/)
      assert.strictEqual(json.blockCount, 1)
      yield* (yield* Emulator).awaitEvent(ended("completed"))
      const polled = yield* poll(hello, json.executionId)
      assert.deepStrictEqual(polled.json, {
        executionId: json.executionId,
        status: "completed",
        result: { text: "Hello! You said: hi" }
      })
    }).pipe(Effect.provide(run)))

  it.scoped("polls: pending, then running, then completed, on the emulator's clock", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const path = "/seq/acme/test/slow"
      const { json } = yield* submit(path, {})
      assert.deepStrictEqual((yield* poll(path, json.executionId)).json, {
        executionId: json.executionId,
        status: "pending"
      })
      yield* TestClock.adjust("10 seconds")
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      assert.strictEqual((yield* poll(path, json.executionId)).json.status, "running")
      yield* TestClock.adjust("5 minutes")
      yield* emulator.awaitEvent(ended("completed"))
      assert.strictEqual((yield* poll(path, json.executionId)).json.result, "late")
    }).pipe(Effect.provide(layer({ flows, jobs: { queueDelay: "10 seconds" } }))))

  it.scoped("polls: a failed job has an error text", () =>
    Effect.gen(function*() {
      const { json } = yield* submit("/seq/acme/test/failing", {})
      yield* (yield* Emulator).awaitEvent(ended("failed"))
      assert.deepStrictEqual((yield* poll("/seq/acme/test/failing", json.executionId)).json, {
        executionId: json.executionId,
        status: "failed",
        error: "it broke",
        code: "X"
      })
    }).pipe(Effect.provide(run)))

  it.scoped("polls: a row delay hides the job and its run for so long", () =>
    Effect.gen(function*() {
      const { json } = yield* submit(hello, { message: "hi" })
      const hidden = yield* poll(hello, json.executionId)
      assert.strictEqual(hidden.status, 404)
      assert.strictEqual(hidden.json.detail.code, "JOB_NOT_FOUND")
      const hiddenRun = yield* call((client) => client.get(`${hello}/runs/${json.executionId}`))
      assert.strictEqual(hiddenRun.status, 404)
      yield* TestClock.adjust("2999 millis")
      assert.strictEqual((yield* poll(hello, json.executionId)).status, 404)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* poll(hello, json.executionId)).status, 200)
    }).pipe(Effect.provide(layer({ jobs: { rowDelay: "3 seconds" } }))))

  it.scoped("polls: the fault row:<ms> does the same for one job", () =>
    Effect.gen(function*() {
      const { json } = yield* submit(hello, { message: "hi" }, { "x-noukai-emulator-fault": "row:1000" })
      assert.strictEqual((yield* poll(hello, json.executionId)).status, 404)
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual((yield* poll(hello, json.executionId)).status, 200)
    }).pipe(Effect.provide(run)))

  it.scoped("a job is cancelled by fault, before it runs and while it does", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const path = "/seq/acme/test/slow"
      const { json } = yield* submit(path, {}, { "x-noukai-emulator-fault": "cancel:60000" })
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      yield* TestClock.adjust("1 minute")
      yield* emulator.awaitEvent((event) => event.type === "StepEnded")
      assert.deepStrictEqual((yield* poll(path, json.executionId)).json, {
        executionId: json.executionId,
        status: "cancelled"
      })
      const ledger = yield* emulator.ledger
      assert.strictEqual(ledger.steps[0]!.outcome, "interrupted")
      assert.strictEqual(ledger.runs[0]!.status, "cancelled")
      const live = yield* call((client) => client.get(`${path}/runs/${json.executionId}/trace/stream`))
      assert.strictEqual(parseEvents(live.text).at(-1)!.event, "step_error")
    }).pipe(Effect.provide(run)))

  it.scoped("the fault cancel ends a job before it has run a step", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const { json } = yield* submit(hello, { message: "hi" }, { "x-noukai-emulator-fault": "cancel" })
      yield* emulator.awaitEvent(ended("cancelled"))
      assert.strictEqual((yield* poll(hello, json.executionId)).json.status, "cancelled")
      assert.strictEqual((yield* emulator.ledger).stepsRun, 0)
    }).pipe(Effect.provide(run)))

  it.scoped("cancelJob ends a job that has not ended, once", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const path = "/seq/acme/test/slow"
      const { json } = yield* submit(path, {})
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      assert.isTrue(yield* emulator.cancelJob(json.executionId))
      assert.isFalse(yield* emulator.cancelJob(json.executionId))
      assert.isFalse(yield* emulator.cancelJob("nope"))
      assert.strictEqual((yield* poll(path, json.executionId)).json.status, "cancelled")
    }).pipe(Effect.provide(run)))

  const refused: ReadonlyArray<[name: string, path: string, body: object, status: number, code: string]> = [
    [
      "tools",
      hello,
      { message: "a", tools: [{ type: "function", function: { name: "x" } }] },
      400,
      "TOOLS_REQUIRE_SYNC_EXECUTE"
    ],
    ["no message", hello, {}, 400, "MISSING_MESSAGE"],
    ["an unknown flow", "/seq/acme/test/nope", {}, 404, "FLOW_NOT_FOUND"],
    ["a reserved parameter", hello, { parameters: { attachments: 1 } }, 400, "PARAMETER_NAME_RESERVED"]
  ]
  for (const [name, path, body, status, code] of refused) {
    it.scoped(`jobs: ${name}: ${status} ${code}`, () =>
      Effect.gen(function*() {
        const answer = yield* submit(path, body)
        assert.strictEqual(answer.status, status)
        assert.strictEqual(answer.json.detail.code, code)
      }).pipe(Effect.provide(run)))
  }

  it.scoped("jobs: callbacks are checked", () =>
    Effect.gen(function*() {
      const good = yield* submit(hello, {
        message: "a",
        callbackUrl: "https://example.com/x",
        callbackEvents: ["flow.completed", "flow.failed"]
      })
      assert.strictEqual(good.status, 202)
      for (const body of [{ callbackUrl: "http://example.com" }, { callbackEvents: ["flow.paused"] }]) {
        assert.strictEqual((yield* submit(hello, { message: "a", ...body })).status, 422)
      }
    }).pipe(Effect.provide(run)))

  it.scoped("versions: a job takes a version, its poll has none", () =>
    Effect.gen(function*() {
      for (const [version, expected] of [["", "one"], ["/v0", "draft"], ["/v1", "one"]] as const) {
        const emulator = yield* Emulator
        const { json } = yield* submit(`/seq/acme/test/versioned${version}`, {})
        yield* emulator.awaitEvent((event) => event.type === "RunEnded" && event.executionId === json.executionId)
        assert.strictEqual((yield* poll("/seq/acme/test/versioned", json.executionId)).json.result, expected)
      }
    }).pipe(Effect.provide(run)))

  it.scoped("polls: the job of another flow, and an execution that is no job, are not found", () =>
    Effect.gen(function*() {
      const { json } = yield* submit(hello, { message: "a" })
      assert.strictEqual((yield* poll("/seq/acme/test/slow", json.executionId)).status, 404)
      const executed = yield* call((client) => client.post(`${hello}/execute`, { message: "a" }))
      assert.strictEqual((yield* poll(hello, executed.json.executionId)).status, 404)
    }).pipe(Effect.provide(run)))

  it.scoped("a full queue is a 503, and what was refused is cancelled", () =>
    Effect.gen(function*() {
      const path = "/seq/acme/test/slow"
      const emulator = yield* Emulator
      yield* submit(path, {})
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      assert.strictEqual((yield* submit(path, {})).status, 202)
      const full = yield* submit(path, {})
      assert.strictEqual(full.status, 503)
      assert.strictEqual(full.json.detail.code, "QUEUE_FULL")
      assert.deepStrictEqual((yield* emulator.ledger).runs.map((made) => made.status), [
        "running",
        "pending",
        "cancelled"
      ])
    }).pipe(Effect.provide(layer({ flows, jobs: { workers: 1, capacity: 1 } }))))
})
