import { Emulator, type EmulatorOptions, samples } from "@effect-noukai/emulator"
import { layer } from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { type Answer, call } from "./client.js"
import { parseEvents } from "./eventStream.js"

const hello = "/seq/noukai/samples/hello-world"
const twoStep = "/seq/noukai/samples/two-step"
const weather = "/seq/noukai/samples/tools-enabled"

const session = (number: number) => `5d1c9f44-7a0b-4f5e-9a55-${String(number).padStart(12, "0")}`

const keyOf = (project: string) => `nk_test_${project}_00000000000000000000000000000001`

const options: EmulatorOptions = {
  flows: samples,
  keys: [
    { key: keyOf("samples"), org: "noukai", project: "samples" },
    { key: keyOf("spelling"), org: "acme", project: "spelling" }
  ],
  limits: { runs: 2 }
}

const post = (path: string, body: object, headers = {}) => call((client) => client.post(path, body, headers))

const get = (path: string) => call((client) => client.get(path))

const statusFor = (project: string, path: string) =>
  call(async (client) => {
    const response = await client.request("GET", path, { key: keyOf(project) })
    await response.text()
    return response.status
  })

const execute = (sessionId?: string) =>
  Effect.map(
    post(`${hello}/execute`, { message: "hi" }, sessionId === undefined ? {} : { "x-session-id": sessionId }),
    ({ json }) => json.executionId as string
  )

const jobOf = (sessionId?: string) =>
  Effect.map(
    post(`${hello}/jobs`, { message: "hi" }, sessionId === undefined ? {} : { "x-session-id": sessionId }),
    ({ json }) => json.executionId as string
  )

/** As many as are kept. */
const others = Effect.repeatN(execute(), 1)

const isGone = ({ json, status }: Answer, what: string) => {
  assert.strictEqual(status, 410, what)
  assert.strictEqual(json.detail.code, "GONE", what)
  assert.include(json.detail.message, "limits.runs", what)
}

const unknown = "0a6c2f5e-9d41-4b0e-8f6b-2f3f0e5b7c11"

describe("runs that were evicted", () => {
  it.scoped("are 410 wherever they can be read; what never was is 404", () =>
    Effect.gen(function*() {
      const id = yield* execute()
      yield* others
      for (const base of [`${hello}/runs`, "/flow-runs"]) {
        for (const rest of ["", "/trace", "/trace/stream", "/steps/greet/trace"]) {
          isGone(yield* get(`${base}/${id}${rest}`), `${base}${rest}`)
          const never = yield* get(`${base}/${unknown}${rest}`)
          assert.strictEqual(never.json.detail.code, "RUN_NOT_FOUND", `${base}${rest}`)
          assert.strictEqual(never.status, 404)
        }
      }
      // under the path of another flow it never was
      assert.strictEqual((yield* get(`${twoStep}/runs/${id}/trace`)).status, 404)
      // nor is it a job
      assert.strictEqual((yield* get(`${hello}/jobs/${id}`)).status, 404)
    }).pipe(Effect.provide(layer(options))))

  it.scoped("are 403 to those who could not see them before", () =>
    Effect.gen(function*() {
      const id = yield* execute(session(1))
      yield* others
      for (const path of [`/flow-runs/${id}/trace`, `/seq/sessions/${session(1)}`]) {
        assert.strictEqual(yield* statusFor("spelling", path), 403, path)
        isGone(yield* get(path), path)
      }
    }).pipe(Effect.provide(layer(options))))

  it.scoped("are 410 as jobs, polled or cancelled", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const id = yield* jobOf()
      yield* emulator.awaitEvent((event) => event.type === "RunEnded" && event.executionId === id)
      yield* others
      isGone(yield* get(`${hello}/jobs/${id}`), "poll")
      assert.strictEqual((yield* get(`${twoStep}/jobs/${id}`)).status, 404)
      assert.strictEqual((yield* get(`${hello}/jobs/${unknown}`)).json.detail.code, "JOB_NOT_FOUND")
      assert.isFalse(yield* emulator.cancelJob(id))
      const cancelled = yield* Effect.promise(() =>
        fetch(`${emulator.url}/_emulator/jobs/${id}/cancel`, { method: "POST" })
      )
      assert.strictEqual(cancelled.status, 410)
    }).pipe(Effect.provide(layer(options))))

  it.scoped("are 410 to the next step and to the results of tools", () =>
    Effect.gen(function*() {
      const first = yield* post(`${twoStep}/step`, { stepIndex: 0, message: "hi" })
      const { executionId } = parseEvents(first.text)[0]!.data
      const paused = (yield* post(`${weather}/execute`, { message: "hi" })).json
      yield* others
      isGone(yield* post(`${twoStep}/step`, { executionId, stepIndex: 1 }), "step")
      isGone(
        yield* post(`${weather}/execute`, {
          ...paused,
          toolCallMessages: [
            ...paused.toolCallMessages,
            { role: "tool", tool_call_id: paused.toolCalls[0].id, content: "x" }
          ]
        }),
        "resume"
      )
      assert.strictEqual((yield* post(`${hello}/step`, { executionId, stepIndex: 0 })).status, 404)
    }).pipe(Effect.provide(layer(options))))

  it.scoped("are evicted when they take too many bytes together, too", () =>
    Effect.gen(function*() {
      const ids: Array<string> = []
      for (let count = 0; count < 12; count++) {
        const { json } = yield* post(`${hello}/execute`, { message: "x".repeat(100_000) })
        ids.push(json.executionId)
      }
      const statuses = yield* Effect.forEach(ids, (id) => Effect.map(get(`/flow-runs/${id}`), ({ status }) => status))
      assert.strictEqual(statuses.at(0), 410)
      assert.strictEqual(statuses.at(-1), 200)
      assert.deepStrictEqual([...statuses].sort().reverse(), statuses)
    }).pipe(Effect.provide(layer({ flows: samples, limits: { runBytes: 1_000_000 } }))))

  it.scoped("by the bytes of what their steps left, when those are run again and again", () =>
    Effect.gen(function*() {
      const first = yield* execute()
      const begun = yield* post(`${twoStep}/step`, { stepIndex: 0, message: "y".repeat(50_000) })
      const { executionId } = parseEvents(begun.text)[0]!.data
      assert.strictEqual((yield* get(`/flow-runs/${first}`)).status, 200)
      for (let count = 0; count < 10; count++) {
        assert.strictEqual((yield* post(`${twoStep}/step`, { executionId, stepIndex: 0 })).status, 200)
      }
      assert.strictEqual((yield* get(`/flow-runs/${first}`)).status, 410)
      // the newest stays, whatever it takes
      assert.strictEqual((yield* get(`/flow-runs/${executionId}`)).status, 200)
    }).pipe(Effect.provide(layer({ flows: samples, limits: { runBytes: 500_000 } }))))

  it.scoped("are forgotten by a reset alone", () =>
    Effect.gen(function*() {
      const id = yield* execute(session(1))
      yield* others
      yield* (yield* Emulator).reset
      assert.strictEqual((yield* get(`/flow-runs/${id}`)).status, 404)
      assert.strictEqual((yield* get(`/seq/sessions/${session(1)}`)).status, 404)
    }).pipe(Effect.provide(layer(options))))
})

describe("sessions that lost a run", () => {
  it.scoped("are 410, whole or in part; those that did not are as they were", () =>
    Effect.gen(function*() {
      yield* execute(session(1))
      yield* execute(session(2))
      yield* execute(session(2))
      isGone(yield* get(`/seq/sessions/${session(1)}`), "whole")
      assert.strictEqual((yield* get(`/seq/sessions/${session(2)}`)).json.executions.length, 2)
      yield* jobOf(session(3))
      isGone(yield* get(`/seq/sessions/${session(2)}`), "in part")
      assert.strictEqual((yield* get(`/seq/sessions/${session(3)}`)).status, 200)
      isGone(yield* get(`/seq/sessions/${session(2).toUpperCase()}`), "in capitals")
      assert.strictEqual((yield* get(`/seq/sessions/${session(9)}`)).status, 404)
      // and stay so when they go on
      yield* execute(session(1))
      isGone(yield* get(`/seq/sessions/${session(1)}`), "gone on")
    }).pipe(Effect.provide(layer(options))))
})

describe("more evicted runs than are remembered", () => {
  const few = layer({ flows: samples, limits: { runs: 2, evicted: 3 } })

  it.scoped("are not forgotten: new runs are 503, until a reset", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const ids = [yield* execute(session(0))]
      for (let count = 1; count < 5; count++) ids.push(yield* execute())
      const refused = [
        yield* post(`${hello}/execute`, { message: "hi" }),
        yield* post(`${twoStep}/step`, { stepIndex: 0, message: "hi" }),
        yield* post(`${hello}/jobs`, { message: "hi" })
      ]
      for (const { json, status } of refused) {
        assert.strictEqual(status, 503)
        assert.strictEqual(json.detail.code, "EVICTED_RUNS_LIMIT")
        assert.match(json.detail.message, /3 runs.*limits\.evicted/)
      }
      assert.strictEqual((yield* emulator.ledger).runsStarted, 5)
      const statuses = yield* Effect.forEach(ids, (id) => Effect.map(get(`/flow-runs/${id}`), ({ status }) => status))
      assert.deepStrictEqual(statuses, [410, 410, 410, 200, 200])
      assert.strictEqual((yield* get(`/seq/sessions/${session(0)}`)).status, 410)
      yield* emulator.reset
      yield* execute()
    }).pipe(Effect.provide(few)))

  it.scoped("do not keep the runs that are there from going on", () =>
    Effect.gen(function*() {
      for (let count = 0; count < 4; count++) yield* execute()
      const begun = yield* post(`${twoStep}/step`, { stepIndex: 0, message: "hi" })
      const { executionId } = parseEvents(begun.text)[0]!.data
      assert.strictEqual((yield* post(`${hello}/execute`, { message: "hi" })).status, 503)
      const rest = yield* post(`${twoStep}/step`, { executionId, stepIndex: 1 })
      assert.strictEqual(parseEvents(rest.text).at(-1)!.event, "flow_completed")
    }).pipe(Effect.provide(few)))

  it.scoped("with none remembered, the first that would have to go is refused", () =>
    Effect.gen(function*() {
      yield* execute()
      yield* execute()
      assert.strictEqual((yield* post(`${hello}/execute`, { message: "hi" })).status, 503)
    }).pipe(Effect.provide(layer({ flows: samples, limits: { runs: 2, evicted: 0 } }))))
})

describe("a session list that lags", () => {
  it.scoped("shows each run so long after its start, on the emulator's clock", () =>
    Effect.gen(function*() {
      const shown = () =>
        Effect.map(get(`/seq/sessions/${session(1)}`), ({ json, status }) =>
          status === 200
            ? json.executions.map((run: { readonly executionId: string }) => run.executionId)
            : status)
      const first = yield* execute(session(1))
      assert.strictEqual(yield* shown(), 404)
      yield* TestClock.adjust("1 second")
      const second = yield* execute(session(1))
      assert.strictEqual(yield* shown(), 404)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* shown(), [first])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* shown(), [first, second])
      // the run itself does not lag
      assert.strictEqual((yield* get(`/flow-runs/${yield* execute(session(1))}`)).status, 200)
    }).pipe(Effect.provide(layer({ flows: samples, sessions: { lag: "2 seconds" } }))))
})
