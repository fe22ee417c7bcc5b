import { Emulator, EmulatorError, type Flow } from "@effect-noukai/emulator"
import { layer } from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { size } from "../../sdk/test/support/size.js"
import { call } from "./client.js"
import { outputOf, parseEvents } from "./eventStream.js"

const each = "/seq/acme/test/each"

const steps = size(5_000, 500)

const flows: ReadonlyArray<Flow> = [
  {
    ref: "acme/test/each",
    steps: [
      { kind: "template", id: "before", output: { n: 1 } },
      {
        kind: "loop",
        id: "each",
        over: "{{parameters.items}}",
        steps: [{ kind: "template", id: "in", output: "{{loop.index}}" }]
      }
    ]
  },
  {
    ref: "acme/test/chatty",
    steps: [{ kind: "template", id: "a", output: "done", partials: ["more"], repeatPartials: size(200_000, 30_000) }]
  },
  {
    ref: "acme/test/long",
    steps: Array.from({ length: steps }, (_, index) => ({ kind: "template", id: `s${index}`, output: index }))
  }
]

const run = layer({ flows })

const rounds = size(40_000, 4_000)

const parametersOf = (length: number) => ({ items: Array.from({ length }, (_, index) => index) })

/** While that request is answered others are, too. */
const meanwhile = <A>(request: Effect.Effect<A, never, Emulator>) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator
    const fiber = yield* Effect.fork(request)
    yield* emulator.awaitEvent((event) => event.type === "StepStarted")
    for (let count = 0; count < 5; count++) {
      assert.strictEqual((yield* call((client) => client.get("/keys/verify"))).status, 200)
    }
    const { requests, runs } = yield* emulator.ledger
    assert.isTrue(requests[0]!.outcome === "open" || runs[0]!.status === "running")
    return yield* Fiber.join(fiber)
  })

describe("loops of many rounds", () => {
  it.scoped("let others be answered on /execute, and give one output for each round", () =>
    Effect.gen(function*() {
      const parameters = parametersOf(rounds)
      const { json } = yield* meanwhile(call((client) => client.post(`${each}/execute`, { parameters })))
      assert.deepStrictEqual(json.result, parameters.items)
      const trace = yield* call((client) =>
        client.get(`${each}/runs/${json.executionId}/steps/in/trace?loop_index=${rounds - 1}`)
      )
      assert.strictEqual(trace.json.attempt, 1)
      assert.strictEqual((yield* (yield* Emulator).ledger).stepsRun, rounds + 1)
    }).pipe(Effect.provide(run)))

  it.scoped("let others be answered on /step and as jobs", () =>
    Effect.gen(function*() {
      const rounds = size(10_000, 3_000)
      const parameters = parametersOf(rounds)
      const emulator = yield* Emulator
      const { text } = yield* meanwhile(
        call((client) => client.post(`${each}/step`, { stepIndex: 0, runRemaining: true, parameters }))
      )
      assert.strictEqual(outputOf(parseEvents(text), "each").length, rounds)
      yield* emulator.reset
      const submitted = yield* meanwhile(call((client) => client.post(`${each}/jobs`, { parameters })))
      const { executionId } = submitted.json
      yield* emulator.awaitEvent((event) => event.type === "RunEnded" && event.executionId === executionId)
      const job = yield* call((client) => client.get(`${each}/jobs/${executionId}`))
      assert.strictEqual(job.json.result.length, rounds)
      // the live trace has the first rounds and the last, and the output of every step
      const live = yield* call((client) => client.get(`${each}/runs/${executionId}/trace/stream`))
      const events = parseEvents(live.text)
      const progress = events.filter(({ event }) => event === "step_progress").map(({ data }) =>
        data.completed as number
      )
      assert.deepStrictEqual(progress, [...Array.from({ length: 100 }, (_, index) => index + 1), rounds])
      assert.deepStrictEqual(outputOf(events, "before"), { n: 1 })
      assert.strictEqual(outputOf(events, "each").length, rounds)
    }).pipe(Effect.provide(run)))

  // quadratic work would take a minute for all of them
  it.scoped("take no longer for each round when there are more", () =>
    Effect.gen(function*() {
      const items = Array.from({ length: size(60_000, 6_000) }, () => 0)
      const { json } = yield* call((client) => client.post(`${each}/execute`, { parameters: { items } }))
      assert.strictEqual(json.result.length, items.length)
    }).pipe(Effect.provide(run)))

  it.scoped("can be run again: each round has another attempt", () =>
    Effect.gen(function*() {
      const items = [0, 1, 2]
      const first = yield* call((client) =>
        client.post(`${each}/step`, { stepIndex: 0, runRemaining: true, parameters: { items } })
      )
      const { executionId } = parseEvents(first.text)[0]!.data
      yield* call((client) => client.post(`${each}/step`, { executionId, stepIndex: 1 }))
      const trace = yield* call((client) => client.get(`${each}/runs/${executionId}/trace`))
      assert.deepStrictEqual(
        trace.json.steps.map((
          step: { readonly stepId: string; readonly attempt: number }
        ) => [step.stepId, step.attempt]),
        [["before", 1], ["each", 1], ["in", 1], ["in", 1], ["in", 1], ["each", 2], ["in", 2], ["in", 2], ["in", 2]]
      )
    }).pipe(Effect.provide(run)))
})

describe("other long work", () => {
  it.scoped("many partial outputs that nobody reads let others be answered", () =>
    Effect.gen(function*() {
      const { json } = yield* meanwhile(call((client) => client.post("/seq/acme/test/chatty/execute", {})))
      assert.strictEqual(json.result, "done")
    }).pipe(Effect.provide(run)))

  it.scoped("many steps are run, in one request or one by one", () =>
    Effect.gen(function*() {
      const path = "/seq/acme/test/long"
      const { json } = yield* call((client) => client.post(`${path}/execute`, {}))
      assert.strictEqual(json.result, steps - 1)
      const { text } = yield* call((client) => client.post(`${path}/step`, { stepIndex: 0, runRemaining: true }))
      const { executionId } = parseEvents(text)[0]!.data
      const last = yield* call((client) => client.post(`${path}/step`, { executionId, stepIndex: steps - 1 }))
      assert.strictEqual(outputOf(parseEvents(last.text), `s${steps - 1}`), steps - 1)
    }).pipe(Effect.provide(run)))
})

describe("the limits of a file hold in code", () => {
  const template = { kind: "template", id: "a", output: 1 } as const
  const loop = { kind: "loop", id: "each", steps: [template] } as const
  const wrong: ReadonlyArray<readonly [flow: Flow, path: string]> = [
    [{ ref: "a/b/c", steps: [{ ...loop, times: 10_001 }] }, "flows[0].steps[0].times"],
    [{ ref: "a/b/c", steps: [{ ...loop, times: -1 }] }, "flows[0].steps[0].times"],
    [{ ref: "a/b/c", steps: [{ ...loop, times: 1.5 }] }, "flows[0].steps[0].times"],
    [
      { ref: "a/b/c", steps: [], versions: { 1: { steps: [{ ...loop, times: 40_000 }] } } },
      "flows[0].versions.1.steps[0].times"
    ],
    [{ ref: "a/b/c", steps: [{ ...template, repeatPartials: 10_000_001 }] }, "flows[0].steps[0].repeatPartials"],
    [
      { ref: "a/b/c", steps: [{ ...template, failsFirst: { times: 101 } }] },
      "flows[0].steps[0].failsFirst.times"
    ],
    [
      { ref: "a/b/c", steps: [{ kind: "function", id: "f", failsFirst: { times: 101 }, run: () => 1 }] },
      "flows[0].steps[0].failsFirst.times"
    ],
    [
      { ref: "a/b/c", steps: [{ ...loop, times: 1, steps: [{ ...template, repeatPartials: 0 }] }] },
      "flows[0].steps[0].steps[0].repeatPartials"
    ],
    [
      { ref: "a/b/c", steps: [{ kind: "function", id: "f", costUsd: "much", run: () => 1 }] },
      "flows[0].steps[0].costUsd"
    ],
    [{ ref: "a/b/c", steps: [{ kind: "fail", id: "f", code: "X", status: 200 }] }, "flows[0].steps[0].status"]
  ]
  for (const [flow, path] of wrong) {
    it.scoped(`${path} of ${JSON.stringify(flow.steps)} is refused`, () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        const refused = yield* Effect.flip(emulator.putFlows(flow))
        assert.instanceOf(refused, EmulatorError)
        assert.strictEqual(refused.reason, "InvalidFlow")
        assert.strictEqual(refused.path, path)
      }).pipe(Effect.provide(run)))
  }

  it.scoped("what a file cannot hold is taken: functions, and durations of Effect", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.putFlows({
        ref: "a/b/c",
        versions: undefined,
        steps: [
          { ...loop, times: 10_000 },
          { kind: "function", id: "f", duration: Duration.zero, model: undefined, run: () => 1 },
          {
            ...loop,
            id: "again",
            times: 1,
            steps: [{ kind: "function", id: "g", duration: "0 millis", run: () => 2 }]
          },
          { kind: "function", id: "last", run: ({ outputs }) => [outputs.f ?? null, outputs.again ?? null] }
        ]
      })
      const { json } = yield* call((client) => client.post("/seq/a/b/c/execute", {}))
      assert.deepStrictEqual(json.result, [1, [2]])
    }).pipe(Effect.provide(run)))
})
