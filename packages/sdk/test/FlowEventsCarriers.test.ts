/** Outputs and results wherever they travel (docs/wire.md#outputs): over real sockets, over scripts, and against a model. */
import { Flow, FlowCursor, type FlowEvent, RunService, UnexpectedResponseError } from "@effect-noukai/sdk"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import { layer as runLayer } from "@effect-noukai/sdk/RunService"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, FastCheck, Layer, Schedule, Schema, Stream } from "effect"
import { clientFor } from "./support/client.js"
import { events as respondWith, frame } from "./support/eventFrames.js"
import { bodies, cut, requests, respond, scripted, toolPause } from "./support/scripted.js"
import { serve } from "./support/WireServer.js"

type Wire = FlowEvent.WireEvent

const flow = "acme/support/greet"

const collect = <A, E, R>(stream: Stream.Stream<A, E, R>) =>
  Effect.map(Stream.runCollect(stream), Chunk.toReadonlyArray)

const started = (stepId: string): Wire => ({ type: "step_started", stepId })
const partial = (stepId: string, outputData: unknown): Wire => ({ type: "step_output", stepId, outputData })
const output = (stepId: string, outputContext: unknown): Wire => ({ type: "step_output", stepId, outputContext })
const completed = (stepId: string, more: object = {}): Wire => ({ type: "step_completed", stepId, ...more })
const begun = (stepCount?: number): Wire => ({
  type: "run_started",
  executionId: "ex-1",
  ...(stepCount === undefined ? undefined : { stepCount })
})
const paused = (nextStepIndex: number): Wire => ({ type: "step_paused", nextStepIndex })
const over: Wire = { type: "flow_completed", executionId: "ex-1" }

const outputsOf = (events: ReadonlyArray<FlowEvent.FlowEvent>) =>
  events.flatMap((event) => event.type === "step_completed" ? ["output" in event ? event.output : "absent"] : [])

const endOf = (events: ReadonlyArray<FlowEvent.FlowEvent>) => {
  const last = events.at(-1)
  return last?.type === "flow_completed"
    ? { ..."result" in last && { result: last.result }, from: last.resultFrom }
    : last
}

const executionId = "ex-1"

/** The events of the hosted server for two steps. */
const hosted = [
  respondWith(
    frame("run_started", { executionId, stepCount: 2 }),
    frame("step_started", { stepId: "a", stepIndex: 0 }),
    frame("step_input", { stepId: "a", inputContext: { message: "hi" } }),
    frame("step_output", { stepId: "a", outputContext: { label: "order" } }),
    frame("step_completed", { stepId: "a", durationMs: 3, costUsd: "0.1" }),
    frame("step_paused", { executionId, nextStepIndex: 1 })
  ),
  respondWith(
    frame("step_started", { stepId: "b", stepIndex: 0 }),
    frame("step_output", { stepId: "b", outputContext: { text: "Monday" } }),
    frame("step_completed", { stepId: "b" }),
    frame("flow_completed", { executionId, summary: { steps: 2 } })
  )
] as const

const Typed = Flow.make(flow, { result: Schema.Struct({ text: Schema.String }) })

describe("the hosted shape over real sockets", () => {
  it.scopedLive("events, their cursors and the second request have the outputs", () =>
    Effect.gen(function*() {
      const server = yield* serve(...hosted)
      const seen = yield* Effect.flatMap(clientFor(server), (all) => collect(all.events(Typed, { message: "hi" })))
      assert.deepStrictEqual(outputsOf(seen), [{ label: "order" }, { text: "Monday" }])
      assert.deepStrictEqual(endOf(seen), { result: { text: "Monday" }, from: "last_step" })
      const input = seen.find((event) => event.type === "step_input")
      assert.deepStrictEqual(input?.inputData, { message: "hi" })
      const second = JSON.parse(server.requests[1]!.body)
      assert.deepStrictEqual(second.accumulatedOutputs, { a: { label: "order" } })
    }))

  it.scopedLive("steps have the outputs, and say where they come from", () =>
    Effect.gen(function*() {
      const server = yield* serve(...hosted)
      const seen = yield* Effect.flatMap(clientFor(server), (all) => collect(all.steps(flow, { message: "hi" })))
      assert.deepStrictEqual(seen.map((step) => [step.output, step.outputFrom]), [
        [{ label: "order" }, "step_output"],
        [{ text: "Monday" }, "step_output"]
      ])
    }))
})

describe("the carriers of an output", () => {
  const run = (...events: ReadonlyArray<Wire>) =>
    scripted([respond(begun(), ...events, over)], (all) => collect(all.events(flow, { runRemaining: true })))

  it.effect("the completed step's own comes first, null too", () =>
    Effect.gen(function*() {
      const seen = yield* run(started("a"), output("a", 1), completed("a", { output: null }))
      assert.deepStrictEqual(outputsOf(seen), [null])
      assert.deepStrictEqual(endOf(seen), { result: null, from: "last_step" })
    }))

  it.effect("outputContext comes before outputData, whatever their order; of each the last one counts", () =>
    Effect.gen(function*() {
      const seen = yield* run(
        started("a"),
        output("a", 1),
        output("a", null),
        partial("a", "late"),
        completed("a"),
        partial("b", 1),
        partial("b", 2),
        completed("b")
      )
      assert.deepStrictEqual(outputsOf(seen), [null, 2])
    }))

  it.effect("interleaved steps and rounds of a loop keep to themselves", () =>
    Effect.gen(function*() {
      const seen = yield* run(
        started("a"),
        started("b"),
        output("a", "a1"),
        output("b", "b1"),
        completed("b"),
        completed("a"),
        started("a"),
        completed("a")
      )
      assert.deepStrictEqual(outputsOf(seen), ["b1", "a1", "absent"])
      assert.deepStrictEqual(endOf(seen), { from: undefined })
    }))

  it.effect("one that comes after its step enters the cursor alone, and the result", () =>
    Effect.gen(function*() {
      const seen = yield* run(started("a"), completed("a"), output("a", "late"))
      assert.deepStrictEqual(outputsOf(seen), ["absent"])
      assert.deepStrictEqual(endOf(seen), { result: "late", from: "last_step" })
    }))

  it.effect("one that comes late does not replace what the step said itself", () =>
    Effect.gen(function*() {
      const seen = yield* run(started("a"), completed("a", { output: "own" }), output("a", "late"))
      assert.deepStrictEqual(endOf(seen), { result: "own", from: "last_step" })
    }))

  it.effect("what is not known is an absent key, in events, in cursors and on the wire", () =>
    scripted(
      [respond(begun(2), started("a"), completed("a"), paused(1)), respond(started("b"), completed("b"), over)],
      (all) =>
        Effect.gen(function*() {
          const seen = yield* collect(all.events(flow, {}))
          assert.deepStrictEqual(outputsOf(seen), ["absent", "absent"])
          assert.deepStrictEqual(endOf(seen), { from: undefined })
          assert.isFalse(JSON.stringify(seen).includes("null"))
          assert.deepStrictEqual((yield* bodies)[1]?.accumulatedOutputs, {})
          const step = seen.find((event) => event.type === "step_completed")
          assert.deepStrictEqual(step?.cursor.outputs, {})
        })
    ))

  it.effect("nothing is carried over a tool pause", () =>
    scripted(
      [
        respond(begun(1), started("a"), output("a", "before"), toolPause("a", "tc_1")),
        respond(started("a"), completed("a"), over)
      ],
      (all) =>
        Effect.gen(function*() {
          const first = yield* collect(all.events(flow, { tools: [{ type: "function", function: { name: "f" } }] }))
          const pause = first.at(-1)
          assert.strictEqual(pause?.type, "tool_calls_required")
          if (pause?.type !== "tool_calls_required") return
          const seen = yield* collect(pause.resume([{ toolCallId: "tc_1", content: "x" }]))
          assert.deepStrictEqual(outputsOf(seen), ["absent"])
        })
    ))

  it.effect("nothing is carried over a cut that is healed", () =>
    scripted(
      [
        cut(begun(1), started("a"), output("a", "before")),
        respond(started("a"), completed("a"), over)
      ],
      (all) =>
        Effect.gen(function*() {
          const seen = yield* collect(all.events(flow, { heal: Schedule.recurs(1) }))
          assert.deepStrictEqual(outputsOf(seen), ["absent"])
        })
    ))

  it.effect("a typed flow without any carrier of a result fails, and names the run", () =>
    scripted([respond(begun(1), started("a"), completed("a"), over)], (all) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(all.events(Typed, {})))
        assert.instanceOf(error, UnexpectedResponseError)
        assert.strictEqual(error.executionId, "ex-1")
        assert.include(error.message, "no event carried its result")
      })))
})

describe("cursors", () => {
  it.effect("one that went through JSON goes on with the right result, whatever its step ids", () =>
    scripted(
      [
        respond(
          begun(2),
          started("10"),
          output("10", "ten"),
          completed("10"),
          started("2"),
          output("2", "two"),
          completed("2")
        ),
        respond(over)
      ],
      (all) =>
        Effect.gen(function*() {
          const broken = yield* Effect.flip(collect(all.events(flow, { runRemaining: true })))
          const { cursor } = broken as unknown as { readonly cursor: FlowCursor }
          const stored = Schema.parseJson(FlowCursor)
          const from = yield* Schema.decode(stored)(yield* Schema.encode(stored)(cursor))
          assert.strictEqual(from.lastStepId, "2")
          const seen = yield* collect(all.events(flow, { from }))
          assert.deepStrictEqual(endOf(seen), { result: "two", from: "last_step" })
          const [, again] = yield* bodies
          assert.deepStrictEqual(again?.accumulatedOutputs, { 10: "ten" })
        })
    ))

  it.effect("without the step that completed last the result is absent, never guessed", () =>
    scripted([respond(over)], (all) =>
      Effect.gen(function*() {
        const from: FlowCursor = {
          version: 1,
          flow,
          flowVersion: "production",
          executionId: "ex-1",
          stepIndex: 2,
          outputs: { 10: "ten", 2: "two" },
          rounds: 0
        }
        assert.deepStrictEqual(endOf(yield* collect(all.events(flow, { from }))), { from: undefined })
      })))

  it.effect("a step called __proto__ survives JSON", () =>
    scripted(
      [respond(
        begun(2),
        ...JSON.parse(`[{"type":"step_completed","stepId":"__proto__","output":{"a":1}}]`),
        paused(1)
      )],
      (all) =>
        Effect.gen(function*() {
          const seen = yield* collect(Stream.take(all.events(flow, {}), 3))
          const stored = Schema.parseJson(FlowCursor)
          const { cursor } = seen[2] as FlowEvent.StepPaused
          const back = yield* Schema.decode(stored)(yield* Schema.encode(stored)(cursor))
          assert.deepStrictEqual(Object.entries(back.outputs), [["__proto__", { a: 1 }]])
        })
    ))
})

describe("the id of a run", () => {
  it.effect("runId names a run that has no executionId", () =>
    scripted(
      [
        respond({ type: "run_started", runId: "r-1" }, started("a"), completed("a"), paused(1)),
        respond(started("b"), completed("b"), { type: "flow_completed", executionId: "r-1" })
      ],
      (all) =>
        Effect.gen(function*() {
          const seen = yield* collect(all.events(flow, {}))
          assert.strictEqual(seen[0]?.type === "run_started" && seen[0].executionId, "r-1")
          assert.strictEqual((yield* bodies)[1]?.executionId, "r-1")
        })
    ))

  it.effect.each(
    [
      over,
      paused(1),
      { ...begun(), executionId: "ex-2" } as Wire,
      toolPause("a", "tc_1")
    ].map((event) => [event.type, { ...event, executionId: "ex-2" } as Wire] as const)
  )(
    "%s of another run is nobody's",
    ([, event]) =>
      scripted([respond(begun(2), started("a"), completed("a"), event)], (all) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(
            collect(all.events(flow, { tools: [{ type: "function", function: { name: "f" } }] }))
          )
          assert.instanceOf(error, UnexpectedResponseError)
          assert.strictEqual(error.executionId, "ex-1")
          assert.include(error.message, "another run, ex-2")
          assert.strictEqual((yield* requests).length, 1)
        }))
  )
})

describe("live traces", () => {
  const trace = (...events: ReadonlyArray<Wire>) =>
    Effect.flatMap(RunService, (runs) => collect(runs.liveTrace(Typed, "ex-1"))).pipe(
      Effect.provide(Layer.provide(runLayer, layerScripted({ traceStream: [respond(...events)] })))
    )

  it.effect("have outputs and the result of the hosted shape", () =>
    Effect.gen(function*() {
      const seen = yield* trace(begun(1), started("a"), output("a", { text: "x" }), completed("a"), over)
      assert.deepStrictEqual(outputsOf(seen), [{ text: "x" }])
      assert.deepStrictEqual(endOf(seen), { result: { text: "x" }, from: "last_step" })
    }))

  it.effect("are of the run that was asked for", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(trace(begun(1), completed("a"), { ...over, executionId: "ex-2" } as Wire))
      assert.strictEqual(error._tag, "UnexpectedResponseError")
    }))
})

describe("raw", () => {
  it.scopedLive("is the JSON of an event as it was received, and shows up nowhere else", () =>
    Effect.gen(function*() {
      const strange = { stepId: "a", type: "mine", extra: { deep: [1, null] }, durationMs: "soon", output: 1 }
      const server = yield* serve(respondWith(
        frame("run_started", { executionId, stepCount: 1, region: "eu" }),
        frame("step_completed", strange),
        frame("novelty", { a: 1 }),
        frame("flow_completed", { executionId, result: 1, trailer: true })
      ))
      const seen = yield* Effect.flatMap(clientFor(server), (all) => collect(all.events(flow, {})))
      assert.deepStrictEqual(seen.map((event) => event.raw), [
        { executionId, stepCount: 1, region: "eu" },
        strange,
        { a: 1 },
        { executionId, result: 1, trailer: true }
      ])
      for (const event of seen) assert.isFalse(Object.keys(event).includes("raw"))
      assert.isFalse(JSON.stringify(seen).includes("region"))
    }))
})

/** A model of the outputs of a run, in a few lines. */
const model = (responses: ReadonlyArray<ReadonlyArray<Wire>>) => {
  const known: Record<string, unknown> = {}
  const seen: Array<unknown> = []
  let last: string | undefined
  for (const events of responses) {
    const current: Record<string, { context?: { value: unknown }; data?: { value: unknown } }> = {}
    const takenFrom: Record<string, number> = {}
    for (const event of events) {
      if (event.type === "step_started") {
        delete current[event.stepId]
        delete takenFrom[event.stepId]
      }
      if (event.type === "step_output") {
        const carried = current[event.stepId] ??= {}
        if ("outputContext" in event) carried.context = { value: event.outputContext }
        else carried.data = { value: event.outputData }
        const rank = "outputContext" in event ? 2 : 1
        if (rank >= (takenFrom[event.stepId] ?? 4)) {
          known[event.stepId] = event.outputContext ?? event.outputData
          takenFrom[event.stepId] = rank
        }
      }
      if (event.type !== "step_completed") continue
      const carried = current[event.stepId]
      const value = "output" in event ? { value: event.output } : carried?.context ?? carried?.data
      takenFrom[event.stepId] = "output" in event ? 3 : carried?.context ? 2 : carried?.data ? 1 : 0
      delete current[event.stepId]
      last = event.stepId
      seen.push(value === undefined ? "absent" : value.value)
      if (value === undefined) delete known[event.stepId]
      else known[event.stepId] = value.value
    }
  }
  return { known, seen, result: last !== undefined && last in known ? { result: known[last] } : {} }
}

const stepIds = ["a", "2", "10"] as const

const anyEvent: FastCheck.Arbitrary<Wire> = FastCheck.tuple(
  FastCheck.constantFrom(...stepIds),
  FastCheck.integer({ min: 0, max: 9 }),
  FastCheck.constantFrom("started", "partial", "output", "completed", "completed", "own")
).map(([stepId, value, kind]) => {
  switch (kind) {
    case "started":
      return started(stepId)
    case "partial":
      return partial(stepId, value)
    case "output":
      return output(stepId, value)
    case "own":
      return completed(stepId, { output: value })
    default:
      return completed(stepId)
  }
})

const anyResponse = FastCheck.array(anyEvent, { maxLength: 12 })

describe("random interleavings", () => {
  it.effect.prop(
    "give what the model gives: in events, in the next request, in the result",
    [FastCheck.array(anyResponse, { minLength: 1, maxLength: 4 }), FastCheck.boolean()],
    ([generated, throughJson]) => {
      // a pause that no step led to ends a run sooner or later; each response completes one
      const all = generated.map((events, place) => [...events, completed(stepIds[place % 3]!, { output: place })])
      const responses = all.map((events, place) =>
        respond(
          ...place === 0 ? [begun()] : [],
          ...events,
          place === all.length - 1 ? over : paused(place + 1)
        )
      )
      return scripted(responses, (service) =>
        Effect.gen(function*() {
          const seen: Array<FlowEvent.FlowEvent> = []
          if (!throughJson) seen.push(...yield* collect(service.events(flow, {})))
          else {
            const stored = Schema.parseJson(FlowCursor)
            let from: FlowCursor | undefined
            for (let place = 0; place < all.length; place++) {
              const part = yield* collect(
                Stream.takeUntil(service.events(flow, from === undefined ? {} : { from }), (event) =>
                  event.type === "step_paused")
              )
              seen.push(...part)
              const last = part.at(-1)
              if (last?.type === "step_paused") {
                from = yield* Schema.decode(stored)(yield* Schema.encode(stored)(last.cursor))
              }
            }
          }
          const expected = model(all)
          assert.deepStrictEqual(outputsOf(seen), expected.seen)
          const { from: _, ...result } = endOf(seen) as { readonly from: unknown }
          assert.deepStrictEqual(result, expected.result)
          const posted = (yield* bodies).map((body) =>
            body.accumulatedOutputs
          )
          assert.deepStrictEqual(posted, all.map((_, place) => model(all.slice(0, place)).known))
        }))
    }
  )

  it.effect.prop(
    "cut anywhere and healed: the last attempt at a step counts",
    [anyResponse, FastCheck.nat(11), FastCheck.integer({ min: 0, max: 9 })],
    ([events, at, value]) => {
      const begins = events.filter((event) => event.type !== "step_completed").slice(0, at)
      const attempt = [started("a"), output("a", value), completed("a")]
      return scripted([cut(begun(1), ...begins), respond(...attempt, over)], (service) =>
        Effect.gen(function*() {
          const seen = yield* collect(service.events(flow, { heal: Schedule.recurs(1) }))
          assert.deepStrictEqual(outputsOf(seen), model([attempt]).seen)
          assert.deepStrictEqual(endOf(seen), { result: value, from: "last_step" })
        }))
    }
  )
})
