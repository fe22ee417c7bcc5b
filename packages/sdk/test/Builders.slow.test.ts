/** The builders of the testing module, and with them: whatever is recorded replays as what it was. */
import { completed, cut, events, failed, paused, recording, respond, session } from "@effect-noukai/report/testing"
import {
  Cassette,
  Flow,
  FlowExecutionError,
  FlowService,
  NoukaiRecord,
  NoukaiReplay,
  RateLimitError,
  ReplayCassette,
  Tools
} from "@effect-noukai/sdk"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import { type Script } from "@effect-noukai/sdk/testing"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Either, FastCheck, Schema, Stream } from "effect"
import { join } from "node:path"
import { ExecuteResponse } from "../src/internal/operations/requests.js"
import { WireEvent } from "../src/internal/operations/wireEvent.js"
import { arbitraries } from "./support/arbitraries.js"
import { folder } from "./support/folder.js"
import { size } from "./support/size.js"

const flow = "acme/spelling/grade-3"

const scripted = <A, E>(script: Script, program: (flows: FlowService.Service) => Effect.Effect<A, E>) =>
  Effect.flatMap(FlowService, program).pipe(Effect.provide(layerScripted(script)))

const outcomeOf = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(
    Effect.either(effect),
    (either) =>
      JSON.parse(
        JSON.stringify(
          either._tag === "Left" ? { ...either.left, cause: undefined, method: undefined } : either.right ?? null
        )
      )
  )

const allEvents = (flows: FlowService.Service) =>
  Effect.gen(function*() {
    const seen: Array<unknown> = []
    const end = yield* outcomeOf(
      Stream.runForEach(flows.events(flow, { message: "hi" }), (event) => Effect.sync(() => seen.push(event)))
    )
    return JSON.parse(JSON.stringify([seen, end]))
  })

describe("results", () => {
  it.effect("completed, failed, paused", () =>
    scripted(
      { execute: [completed(1), failed({ code: "X", message: "no" }), paused([{ name: "f" }]), completed(2)] },
      (flows) =>
        Effect.gen(function*() {
          assert.strictEqual((yield* flows.execute(flow, {})).result, 1)
          const error = yield* Effect.flip(flows.execute(flow, {}))
          assert.deepInclude(error, { _tag: "FlowExecutionError", code: "X", detail: "no" })
          const done = yield* flows.execute(flow, {
            tools: Tools.handle([{ type: "function", function: { name: "f" } }], (calls) =>
              Effect.sync(() => {
                assert.deepStrictEqual(calls, [{ id: "tc_1", name: "f", arguments: "{}" }])
                return [{ toolCallId: "tc_1", content: "ok" }]
              }))
          })
          assert.strictEqual(done.result, 2)
        })
    ))
})

describe("events", () => {
  it.effect("a run, a cut, a pause", () =>
    scripted({
      step: [
        respond(...events.run({ classify: "order", answer: { text: "Monday" } })),
        cut([events.runStarted(), events.stepStarted("a")]),
        cut([], () => new RateLimitError({ method: "test", isRetryable: true })),
        respond(events.runStarted(), events.toolCallsRequired("a", [{ name: "f", arguments: { x: 1 } }]))
      ]
    }, (flows) =>
      Effect.gen(function*() {
        const steps = yield* Stream.runCollect(flows.steps(flow, {}))
        assert.deepStrictEqual(Chunk.toReadonlyArray(steps).map(({ output, stepId }) => [stepId, output]), [
          ["classify", "order"],
          ["answer", { text: "Monday" }]
        ])
        assert.strictEqual((yield* Effect.flip(Stream.runDrain(flows.events(flow, {}))))._tag, "APIConnectionError")
        assert.strictEqual((yield* Effect.flip(Stream.runDrain(flows.events(flow, {}))))._tag, "RateLimitError")
        const tools = [{ type: "function", function: { name: "f" } }] as const
        const last = yield* Stream.runLast(flows.events(flow, { tools }))
        assert.deepInclude(last._tag === "Some" ? last.value : {}, {
          type: "tool_calls_required",
          toolCalls: [{ id: "tc_1", name: "f", arguments: "{\"x\":1}" }]
        })
      })))
})

describe("cassettes", () => {
  it.effect("a session", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      assert.deepInclude(yield* flows.execute(flow, {}), { result: { score: 8 }, executionId: "ex_1" })
      const steps = yield* Stream.runCollect(flows.steps("acme/x/answer", {}))
      assert.deepStrictEqual(Chunk.toReadonlyArray(steps).map(({ output }) => output), ["order", "Monday"])
      const error = yield* Effect.flip(flows.execute(flow, {}))
      assert.deepInclude(error, { _tag: "FlowExecutionError", code: "CREDITS_EXHAUSTED", stepId: "grade" })
      yield* ReplayCassette.verify
    }).pipe(Effect.provide(NoukaiReplay.fromCassette(session(
      { slug: "grade-3", result: { score: 8 } },
      { slug: "answer", trigger: "step", steps: { classify: "order", answer: "Monday" } },
      { slug: "grade-3", error: { stepId: "grade", code: "CREDITS_EXHAUSTED" } },
      { slug: "grade-3", trigger: "job", result: 1 }
    )))))

  it.effect("a recording", () =>
    Effect.gen(function*() {
      const flows = yield* FlowService
      const bad = yield* flows.execute(flow, { message: "Teh cat sat.", parameters: { difficulty: "hard" } })
      assert.strictEqual(bad.result, 4)
      assert.strictEqual((yield* flows.execute(flow, { message: "The cat sat." })).result, 8)
      const error = yield* Effect.flip(flows.execute(flow, { message: "No cat sat.", version: 2 }))
      assert.deepInclude(error, { _tag: "FlowExecutionError", code: "X", method: "FlowService.execute" })
      const steps = yield* Stream.runCollect(flows.steps(flow, { message: "Step by step." }))
      assert.deepStrictEqual(Chunk.toReadonlyArray(steps).map(({ output }) => output), [1, 2])
      const cutOff = yield* Effect.flip(Stream.runDrain(flows.steps(flow, { message: "Cut." })))
      assert.strictEqual(cutOff._tag, "RateLimitError")
      yield* ReplayCassette.verify
    }).pipe(Effect.provide(NoukaiReplay.fromCassette(recording(
      { flow, message: "The cat sat.", result: 8 },
      { flow, message: "Teh cat sat.", parameters: { difficulty: "hard" }, result: 4 },
      {
        flow,
        version: 2,
        message: "No cat sat.",
        error: new FlowExecutionError({ method: "test", code: "X", isRetryable: false })
      },
      { flow, message: "Step by step.", steps: { a: 1, b: 2 } },
      { flow, message: "Cut.", steps: { a: 1 }, error: new RateLimitError({ method: "test", isRetryable: true }) }
    )))))

  it.effect("a recording for a typed program with tools, whose handlers are not called", () => {
    const Grade = Flow.make(flow, {
      parameters: Schema.Struct({ difficulty: Schema.Literal("easy", "hard") }),
      result: Schema.Struct({ score: Schema.Number })
    })
    const tools = Tools.make(Tools.tool({
      name: "lookup",
      description: "Looks a word up",
      parameters: Schema.Struct({ word: Schema.String }),
      handler: () => Effect.fail("the handler was called" as const)
    }))
    const declared = [{ type: "function", function: { name: "f", parameters: { type: "object" } } }] as const
    const input = { message: "hi", parameters: { difficulty: "hard" } } as const
    return Effect.gen(function*() {
      const flows = yield* FlowService
      assert.strictEqual((yield* flows.execute(Grade, { ...input, tools, toolChoice: "required" })).result.score, 8)
      const steps = yield* Stream.runCollect(flows.steps(Grade, { ...input, tools }))
      assert.deepStrictEqual(Chunk.toReadonlyArray(steps).map(({ output }) => output), [1, { score: 2 }])
      const done = yield* flows.execute(flow, { message: "hi", tools: declared })
      assert.deepStrictEqual<unknown>(done.status === "completed" && done.result, 3)
      // they are a part of the call, as in a recording
      const error = yield* Effect.flip(flows.execute(Grade, input))
      assert.strictEqual(error._tag, "ReplayMissError")
      yield* ReplayCassette.verify
    }).pipe(Effect.provide(NoukaiReplay.fromCassette(recording(
      { flow, ...input, tools, toolChoice: "required", result: { score: 8 } },
      { flow, ...input, tools, steps: { a: 1, b: { score: 2 } } },
      { flow, message: "hi", tools: declared, result: 3 }
    ))))
  })

  it.effect("a recording of calls with every option that a request has", () => {
    const options = {
      parameters: { difficulty: "hard" },
      blockOverrides: { grade: { model: "m" } },
      attachments: [{ url: "https://a.example/b.png", mime_type: "image/png" }],
      tools: [{ type: "function", function: { name: "f" } }],
      toolChoice: "auto",
      snapshots: true
    } as const
    const conversation = { ...options, messages: [{ role: "user", content: "hi" }] } as const
    const step = { ...options, message: "hi", inputOverrides: { a: 1 } } as const
    const empty = { message: "hi", messages: [] }
    return Effect.gen(function*() {
      const flows = yield* FlowService
      assert.strictEqual((yield* flows.execute(flow, { ...conversation })).status, "completed")
      assert.strictEqual((yield* flows.execute(flow, empty)).status, "completed")
      const steps = yield* Stream.runCollect(flows.steps(flow, { ...step }))
      assert.deepStrictEqual(Chunk.toReadonlyArray(steps).map(({ output }) => output), [1])
      yield* ReplayCassette.verify
    }).pipe(Effect.provide(NoukaiReplay.fromCassette(recording(
      { flow, ...conversation, result: 8 },
      { flow, ...empty, result: 9 },
      { flow, ...step, steps: { a: 1 } }
    ))))
  })

  it.prop("are read as they are written", [
    FastCheck.oneof<[FastCheck.Arbitrary<Cassette.Cassette>, FastCheck.Arbitrary<Cassette.Cassette>]>(
      arbitraries.session,
      arbitraries.recording
    )
  ], ([cassette]) => {
    const text = Cassette.encode(cassette)
    const read = Either.getOrThrow(Cassette.decode(JSON.parse(text)))
    assert.deepStrictEqual(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(cassette)))
    assert.strictEqual(Cassette.encode(read), text)
  })
})

describe("arbitraries", () => {
  it.prop(
    "responses and events are what their schemas say",
    [arbitraries.response, arbitraries.run],
    ([response, run]) => {
      assert.isTrue(Schema.is(ExecuteResponse)(response))
      assert.isTrue(run.every(Schema.is(WireEvent)))
    }
  )

  it.effect.prop(
    "a run ends as runs do",
    [arbitraries.run],
    ([run]) =>
      scripted({ step: [respond(...run)] }, (flows) =>
        Effect.gen(function*() {
          const last = yield* Stream.runLast(flows.events(flow, {}))
          assert.strictEqual<unknown>(last._tag === "Some" && last.value.type, run.at(-1)!.type)
        }))
  )
})

describe("whatever is recorded replays as what it was (property)", () => {
  // each writes a file and reads it
  const files = { fastCheck: { numRuns: size(100, 6) } }

  const recorded = <A>(script: Script, program: (flows: FlowService.Service) => Effect.Effect<A>) =>
    Effect.scoped(Effect.gen(function*() {
      const path = join(yield* folder, "c.json")
      const run = Effect.flatMap(FlowService, program)
      const before = yield* Effect.provide(run, NoukaiRecord.toFile(path, { mode: "all", live: layerScripted(script) }))
      const after = yield* Effect.provide(Effect.zipLeft(run, ReplayCassette.verify), NoukaiReplay.fromFile(path))
      assert.deepStrictEqual(after, before)
    }))

  it.effect.prop(
    "events, and where they were cut",
    [arbitraries.run, FastCheck.nat(8)],
    ([run, at]) => recorded({ step: [at < run.length ? cut(run.slice(0, at)) : respond(...run)] }, allEvents),
    files
  )

  it.effect.prop(
    "results, failures and pauses",
    [arbitraries.response, arbitraries.json],
    ([response, message]) =>
      recorded({ execute: [Effect.succeed(response)] }, (flows) =>
        outcomeOf(flows.execute(flow, {
          message: JSON.stringify(message),
          tools: [{ type: "function", function: { name: "get_weather" } }]
        }))),
    files
  )
})

it.effect("thousands of recorded calls are loaded, found in any order, and all consumed", () =>
  Effect.gen(function*() {
    const count = size(10_000, 500)
    const cassette = recording(
      ...Array.from({ length: count }, (_, n) => ({ flow, message: `m ${n}`, result: { n } }))
    )
    const read = yield* Cassette.decode(JSON.parse(Cassette.encode(cassette)))
    const program = Effect.gen(function*() {
      const flows = yield* FlowService
      for (let n = 0; n < count; n++) {
        const asked = (n * 7919) % count
        const { result } = yield* flows.execute(flow, { message: `m ${asked}` })
        assert.deepStrictEqual(result, { n: asked })
      }
      yield* ReplayCassette.verify
    })
    yield* Effect.provide(program, NoukaiReplay.fromCassette(read))
  }))
