import { Emulator, type Flow, samples } from "@effect-noukai/emulator"
import { layer } from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import { call, type Parsed } from "./client.js"
import { outputOf, parseEvents } from "./eventStream.js"

const twoStep = "/seq/noukai/samples/two-step"

const flows: ReadonlyArray<Flow> = [
  ...samples,
  {
    ref: "acme/test/flaky",
    capture: "full",
    steps: [
      {
        kind: "template",
        id: "a",
        output: "ok",
        duration: 10,
        failsFirst: { times: 2, code: "BUSY", message: "later" }
      },
      { kind: "fail", id: "b", code: "X", message: "no", status: 500 }
    ]
  },
  {
    ref: "acme/test/loop",
    capture: "full",
    steps: [{
      kind: "loop",
      id: "each",
      over: ["x", "y"],
      steps: [{ kind: "template", id: "in", output: { at: "{{loop.item}}" }, failsFirst: { times: 1 } }]
    }]
  },
  { ref: "acme/test/big", capture: "full", steps: [{ kind: "template", id: "a", output: "{{message}}" }] },
  { ref: "acme/test/off", capture: "off", steps: [{ kind: "template", id: "a", output: 1 }] },
  {
    ref: "acme/test/private",
    capture: "redacted",
    steps: [{ kind: "template", id: "a", output: { text: "{{message}}", n: 1 } }]
  },
  {
    ref: "acme/test/slow",
    steps: [
      { kind: "template", id: "a", output: 1, duration: "1 minute" },
      { kind: "template", id: "b", output: 2, duration: "1 minute" }
    ]
  }
]

const run = layer({ flows })

const execute = (path: string, body: object) =>
  Effect.gen(function*() {
    yield* call((client) => client.post(`${path}/execute`, body))
    return (yield* (yield* Emulator).ledger).runs.at(-1)!.executionId
  })

const get = (path: string) => call((client) => client.get(path))

describe("runs", () => {
  it.scoped("traces: the trace of a run, with what the mode metadata_only stores", () =>
    Effect.gen(function*() {
      const id = yield* execute(twoStep, { message: "hi" })
      const { json } = yield* get(`${twoStep}/runs/${id}/trace`)
      assert.match(json.flowRun.flowId, /^fl_/)
      assert.deepStrictEqual(json, {
        flowRun: {
          id,
          flowId: json.flowRun.flowId,
          status: "completed",
          triggerType: "execute",
          startedAt: "1970-01-01T00:00:00.000Z",
          completedAt: "1970-01-01T00:00:00.000Z",
          durationMs: 0,
          stepCount: 2
        },
        steps: [
          {
            stepId: "classify",
            attempt: 1,
            loopIndex: null,
            status: "completed",
            startedAt: "1970-01-01T00:00:00.000Z",
            completedAt: "1970-01-01T00:00:00.000Z",
            durationMs: 0,
            modelUsed: "example-model",
            tokens: { prompt: 120, completion: 9, total: 129 },
            costUsd: "0.00031",
            inputContext: null,
            outputContext: null,
            errorContext: null,
            inputSizeBytes: 16,
            outputSizeBytes: 30,
            truncated: false
          },
          { ...json.steps[1], stepId: "answer", inputSizeBytes: 30, inputContext: null }
        ]
      })
    }).pipe(Effect.provide(layer({ flows, capture: "metadata_only" }))))

  it.scoped("a failed step with a cost is billed, and its attempts of failsFirst are not", () =>
    Effect.gen(function*() {
      const used = { costUsd: "0.2", tokens: { prompt: 3, completion: 1 } }
      const steps: Flow["steps"] = [
        { kind: "template", id: "a", output: 1, costUsd: "0.1", failsFirst: { times: 1 } },
        { kind: "function", id: "c", run: () => Effect.fail({ code: "NO", message: "no" }), ...used }
      ]
      const emulator = yield* Emulator
      yield* emulator.putFlows(
        { ref: "acme/test/fails", steps: [...steps.slice(0, 1), { kind: "fail", id: "b", code: "X", ...used }] },
        { ref: "acme/test/throws", steps }
      )
      for (const flow of ["fails", "throws"]) {
        const id = yield* execute(`/seq/acme/test/${flow}`, { message: "hi" })
        const { json } = yield* get(`/seq/acme/test/${flow}/runs/${id}/trace`)
        assert.deepStrictEqual(
          json.steps.map(({ costUsd, status, tokens }: Parsed) => [status, costUsd, tokens]),
          [
            ["failed", null, null],
            ["completed", "0.1", null],
            ["failed", "0.2", { prompt: 3, completion: 1, total: 4 }]
          ]
        )
        const ledger = yield* emulator.ledger
        assert.strictEqual(ledger.runs.at(-1)!.billedUsd, "0.3")
        assert.deepStrictEqual(ledger.steps.slice(-3).map(({ billedUsd }) => billedUsd), ["0", "0.1", "0.2"])
      }
      const [account] = (yield* emulator.accounts).filter(({ org }) => org === "acme")
      assert.deepStrictEqual([account!.creditsUsd, account!.billedUsd], ["0.4", "0.6"])
    }).pipe(Effect.provide(layer({ flows, organisations: { acme: { credits: "1" } } }))))

  it.scoped("payloads are kept unless it is told otherwise", () =>
    Effect.gen(function*() {
      const id = yield* execute(twoStep, { message: "hi" })
      const { json } = yield* get(`${twoStep}/runs/${id}/trace`)
      assert.deepStrictEqual(json.steps[0].inputContext, { message: "hi" })
    }).pipe(Effect.provide(run)))

  it.scoped("capture: trace true keeps payloads", () =>
    Effect.gen(function*() {
      const id = yield* execute(twoStep, { message: "hi", trace: true })
      const { json } = yield* get(`${twoStep}/runs/${id}/trace`)
      assert.deepStrictEqual(json.steps.map((step: Parsed) => [step.inputContext, step.outputContext]), [
        [{ message: "hi" }, { label: "order", about: "hi" }],
        [{ label: "order", about: "hi" }, { text: "About your order: hi" }]
      ])
    }).pipe(Effect.provide(run)))

  it.scoped("capture: off stores no steps, also when trace is asked for", () =>
    Effect.gen(function*() {
      const id = yield* execute("/seq/acme/test/off", { trace: true })
      assert.deepStrictEqual((yield* get(`/seq/acme/test/off/runs/${id}/trace`)).json.steps, [])
      assert.strictEqual((yield* get(`/seq/acme/test/off/runs/${id}/steps/a/trace`)).status, 404)
    }).pipe(Effect.provide(run)))

  it.scoped("capture: redacted hides addresses and long numbers", () =>
    Effect.gen(function*() {
      const id = yield* execute("/seq/acme/test/private", { message: "I am bob@example.com, call +49 170 1234567" })
      const { json } = yield* get(`/seq/acme/test/private/runs/${id}/trace`)
      assert.deepStrictEqual(json.steps[0].outputContext, {
        text: "I am [redacted], call +[redacted]",
        n: 1
      })
    }).pipe(Effect.provide(run)))

  it.scoped("capture: an organisation's mode holds for its flows, a flow's own comes first", () =>
    Effect.gen(function*() {
      const id = yield* execute(twoStep, { message: "hi" })
      assert.isObject((yield* get(`${twoStep}/runs/${id}/trace`)).json.steps[0].outputContext)
    }).pipe(Effect.provide(layer({ flows, organisations: { noukai: { capture: "full" } } }))))

  it.scoped("traces: a payload over 64 KiB is cut, and says so", () =>
    Effect.gen(function*() {
      const id = yield* execute("/seq/acme/test/big", { message: "x".repeat(70_000) })
      const [step] = (yield* get(`/seq/acme/test/big/runs/${id}/trace`)).json.steps
      assert.isTrue(step.truncated)
      assert.strictEqual(step.outputSizeBytes, 70_002)
      assert.strictEqual(step.outputContext.truncated.length, 65_536)
      const whole = yield* execute("/seq/acme/test/big", { message: "x".repeat(65_000) })
      const [small] = (yield* get(`/seq/acme/test/big/runs/${whole}/trace`)).json.steps
      assert.isFalse(small.truncated)
      assert.deepStrictEqual(small.outputContext, { output: "x".repeat(65_000) })
    }).pipe(Effect.provide(run)))

  it.scoped("step-traces: latest, one, all attempts", () =>
    Effect.gen(function*() {
      const path = "/seq/acme/test/flaky"
      const emulator = yield* Emulator
      const fiber = yield* Effect.fork(execute(path, {}))
      for (let attempt = 1; attempt <= 3; attempt++) {
        yield* emulator.awaitEvent((event) => event.type === "StepStarted" && event.attempt === attempt)
        yield* TestClock.adjust("10 millis")
      }
      const id = yield* Fiber.join(fiber)
      const latest = yield* get(`${path}/runs/${id}/steps/a/trace`)
      assert.strictEqual(latest.json.attempt, 3)
      assert.strictEqual(latest.json.status, "completed")
      assert.deepStrictEqual(latest.json.outputContext, { output: "ok" })
      const first = yield* get(`${path}/runs/${id}/steps/a/trace?attempt=1`)
      assert.strictEqual(first.json.status, "failed")
      assert.strictEqual(first.json.durationMs, 10)
      assert.strictEqual(first.json.completedAt, "1970-01-01T00:00:00.010Z")
      assert.deepStrictEqual(first.json.errorContext, { code: "BUSY", message: "later" })
      assert.isNull(first.json.outputContext)
      const all = yield* get(`${path}/runs/${id}/steps/a/trace?attempt=all`)
      assert.strictEqual(all.json.stepId, "a")
      assert.deepStrictEqual(all.json.attempts.map((step: Parsed) => [step.attempt, step.status]), [
        [1, "failed"],
        [2, "failed"],
        [3, "completed"]
      ])
      for (const attempt of ["0", "x", "latest", "-1"]) {
        const bad = yield* get(`${path}/runs/${id}/steps/a/trace?attempt=${attempt}`)
        assert.strictEqual(bad.status, 422)
        assert.deepStrictEqual(bad.json.detail[0].loc, ["query", "attempt"])
      }
      assert.strictEqual((yield* get(`${path}/runs/${id}/steps/a/trace?attempt=4`)).status, 404)
      assert.strictEqual((yield* get(`${path}/runs/${id}/steps/z/trace`)).json.detail.code, "RUN_NOT_FOUND")
    }).pipe(Effect.provide(run)))

  it.scoped("step-traces: loop_index picks an iteration, and combines with attempt", () =>
    Effect.gen(function*() {
      const path = "/seq/acme/test/loop"
      const id = yield* execute(path, {})
      const steps = `${path}/runs/${id}/steps/in/trace`
      assert.deepStrictEqual((yield* get(`${steps}?loop_index=0`)).json.outputContext, { at: "x" })
      assert.deepStrictEqual((yield* get(`${steps}?loop_index=1`)).json.loopIndex, 1)
      assert.strictEqual((yield* get(`${steps}?loop_index=1&attempt=1`)).json.status, "failed")
      assert.strictEqual((yield* get(`${steps}?loop_index=1&attempt=all`)).json.attempts.length, 2)
      assert.strictEqual((yield* get(`${steps}?attempt=all`)).json.attempts.length, 4)
      assert.strictEqual((yield* get(`${steps}?loop_index=2`)).status, 404)
    }).pipe(Effect.provide(run)))

  it.scoped("runs: the summary of a run, completed and failed", () =>
    Effect.gen(function*() {
      const id = yield* execute(twoStep, { message: "hi" })
      const { json } = yield* get(`${twoStep}/runs/${id}`)
      assert.strictEqual(json.id, id)
      assert.strictEqual(json.status, "completed")
      const failed = yield* execute("/seq/acme/test/loop", {}).pipe(
        Effect.zipRight(call((client) => client.post("/seq/acme/test/off/step", { stepIndex: 0 }))),
        Effect.zipRight(Effect.flatMap(Emulator, (emulator) => emulator.ledger))
      )
      assert.deepStrictEqual(failed.runs.map((made) => made.trigger), ["execute", "execute", "step"])
      const step = yield* get(`/seq/acme/test/off/runs/${failed.runs.at(-1)!.executionId}`)
      assert.strictEqual(step.json.triggerType, "step")
    }).pipe(Effect.provide(run)))

  it.scoped("runs: an unknown run, and the run of another flow, are 404 RUN_NOT_FOUND", () =>
    Effect.gen(function*() {
      const id = yield* execute(twoStep, { message: "hi" })
      for (const suffix of ["", "/trace", "/trace/stream", "/steps/classify/trace"]) {
        for (const path of [`${twoStep}/runs/nope${suffix}`, `/seq/acme/test/loop/runs/${id}${suffix}`]) {
          const answer = yield* get(path)
          assert.strictEqual(answer.status, 404, path)
          assert.strictEqual(answer.json.detail.code, "RUN_NOT_FOUND")
        }
      }
    }).pipe(Effect.provide(run)))

  it.scoped("live-traces: the live trace replays what was stored and ends with flow_completed", () =>
    Effect.gen(function*() {
      const id = yield* execute(twoStep, { message: "hi" })
      const { headers, text } = yield* get(`${twoStep}/runs/${id}/trace/stream`)
      assert.include(headers.get("content-type"), "text/event-stream")
      const events = parseEvents(text)
      assert.deepStrictEqual(events.map(({ event }) => event).filter((event) => event !== "step_output"), [
        "run_started",
        "step_started",
        "step_completed",
        "step_started",
        "step_completed",
        "flow_completed"
      ])
      assert.deepStrictEqual(outputOf(events, "answer"), { text: "About your order: hi" })
    }).pipe(Effect.provide(run)))

  for (const streamOutputs of ["hosted", "documented"] as const) {
    it.scoped(`live-traces, outputs: the live trace of a step with many partial outputs has the first and the last (${streamOutputs})`, () =>
      Effect.gen(function*() {
        const path = "/seq/acme/test/chatty"
        const id = yield* execute(path, {})
        const events = parseEvents((yield* get(`${path}/runs/${id}/trace/stream`)).text)
        for (const stepId of ["a", "b"]) {
          const carried = events.filter(({ data, event }) => event === "step_output" && data.stepId === stepId)
            .map(({ data }) => data.outputContext ?? data.outputData)
          assert.deepStrictEqual(carried.slice(0, 100), Array.from({ length: 100 }, () => "more"))
          assert.deepStrictEqual(carried.slice(100), streamOutputs === "hosted" ? [`${stepId} done`] : ["more"])
          assert.strictEqual(outputOf(events, stepId), `${stepId} done`)
        }
        assert.strictEqual(events.at(-1)!.event, "flow_completed")
      }).pipe(Effect.provide(layer({
        streamOutputs,
        flows: [{
          ref: "acme/test/chatty",
          steps: ["a", "b"].map((id) => ({
            kind: "template",
            id,
            output: `${id} done`,
            partials: ["more"],
            repeatPartials: 150
          }))
        }]
      }))))
  }

  it.scoped("live-traces: a run under way is tailed until its end", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const path = "/seq/acme/test/slow"
      const submitted = yield* call((client) => client.post(`${path}/jobs`, {}))
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      const live = yield* call((client) =>
        client.request("GET", `${path}/runs/${submitted.json.executionId}/trace/stream`)
      )
      const reader = live.body!.pipeThrough(new TextDecoderStream()).getReader()
      let text = ""
      const until = (name: string, count: number) =>
        Effect.promise(async () => {
          while (parseEvents(text).filter(({ event }) => event === name).length < count) {
            text += (await reader.read()).value ?? ""
          }
        })
      yield* until("step_started", 1)
      yield* TestClock.adjust("1 minute")
      yield* until("step_started", 2)
      yield* emulator.awaitEvent((event) => event.type === "StepStarted" && event.stepId === "b")
      yield* TestClock.adjust("1 minute")
      yield* until("flow_completed", 1)
      assert.strictEqual(parseEvents(text).at(-1)!.event, "flow_completed")
      assert.isTrue((yield* Effect.promise(() => reader.read())).done)
    }).pipe(Effect.provide(run)))

  it.scoped("live-traces: a failed run ends with step_error", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const path = "/seq/acme/test/flaky"
      const fiber = yield* Effect.fork(execute(path, {}))
      for (let attempt = 1; attempt <= 3; attempt++) {
        yield* emulator.awaitEvent((event) => event.type === "StepStarted" && event.attempt === attempt)
        yield* TestClock.adjust("10 millis")
      }
      const id = yield* Fiber.join(fiber)
      const { text } = yield* get(`${path}/runs/${id}/trace/stream`)
      assert.strictEqual(parseEvents(text).at(-1)!.event, "step_error")
    }).pipe(Effect.provide(run)))

  it.scoped("lists-of-runs: flow-runs lists newest first, by status, up to a limit", () =>
    Effect.gen(function*() {
      const ids: Array<string> = []
      for (let count = 0; count < 22; count++) ids.push(yield* execute(twoStep, { message: "hi" }))
      const flowId = (yield* (yield* Emulator).ledger).runs[0]!.flowId
      const list = (rest: string) => get(`/flow-runs?flow_id=${flowId}${rest}`)
      const first = yield* list("")
      assert.strictEqual(first.json.runs.length, 20)
      assert.strictEqual(first.json.runs[0].id, ids.at(-1))
      assert.strictEqual((yield* list("&limit=100&status=completed&cursor=x")).json.runs.length, 22)
      assert.deepStrictEqual((yield* list("&status=failed")).json.runs, [])
      for (const rest of ["&limit=0", "&limit=101", "&limit=x", "&status=pending"]) {
        assert.strictEqual((yield* list(rest)).status, 422, rest)
      }
      assert.deepStrictEqual((yield* get("/flow-runs")).json.detail[0].loc, ["query", "flow_id"])
      assert.strictEqual((yield* get("/flow-runs?flow_id=fl_none")).status, 404)
    }).pipe(Effect.provide(run)))

  it.scoped("lists-of-runs: the flow-runs family serves the same run", () =>
    Effect.gen(function*() {
      const id = yield* execute(twoStep, { message: "hi" })
      for (const suffix of ["", "/trace", "/trace/stream", "/steps/classify/trace"]) {
        const seq = yield* get(`${twoStep}/runs/${id}${suffix}`)
        const flowRuns = yield* get(`/flow-runs/${id}${suffix}`)
        assert.strictEqual(flowRuns.status, 200)
        assert.strictEqual(flowRuns.text, seq.text)
      }
    }).pipe(Effect.provide(run)))

  it.scoped("lists-of-runs: a key of another project is 403", () =>
    Effect.gen(function*() {
      const id = yield* execute(twoStep, { message: "hi" })
      const flowId = (yield* (yield* Emulator).ledger).runs[0]!.flowId
      for (const path of [`/flow-runs/${id}`, `/flow-runs?flow_id=${flowId}`, `${twoStep}/runs/${id}`]) {
        const status = yield* call((client) =>
          client.request("GET", path, { key: "nk_live_bbbbbbbb_2" }).then((response) => response.status)
        )
        assert.strictEqual(status, 403)
      }
    }).pipe(Effect.provide(layer({
      flows,
      keys: [
        { key: "nk_live_aaaaaaaa_1", org: "noukai", project: "samples" },
        { key: "nk_live_bbbbbbbb_2", org: "acme", project: "test" }
      ]
    }))))

  it.scoped("pauses: a resumed step is one attempt in the trace", () =>
    Effect.gen(function*() {
      const path = "/seq/noukai/samples/tools-enabled"
      const pause = yield* call((client) => client.post(`${path}/execute`, { message: "a" }))
      const open = yield* get(`${path}/runs/${pause.json.executionId}/trace`)
      assert.deepStrictEqual(open.json.steps.map((step: Parsed) => step.status), ["running"])
      yield* call((client) =>
        client.post(`${path}/execute`, {
          ...pause.json,
          toolCallMessages: [
            ...pause.json.toolCallMessages,
            { role: "tool", toolCallId: pause.json.toolCalls[0].id, content: "x" }
          ]
        })
      )
      const done = yield* get(`${path}/runs/${pause.json.executionId}/trace`)
      assert.deepStrictEqual(done.json.steps.map((step: Parsed) => [step.attempt, step.status]), [[1, "completed"]])
    }).pipe(Effect.provide(run)))
})
