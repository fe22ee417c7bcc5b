/** How the recording of a call is found, and what is said when it is not. */
import * as Scripted from "@effect-noukai/report/testing"
import {
  Cassette,
  FlowService,
  isNoukaiError,
  NoukaiHttp,
  NoukaiRecord,
  NoukaiReplay,
  ReplayCassette,
  type ReplayMissError
} from "@effect-noukai/sdk"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import { make as makeHttp } from "@effect-noukai/sdk/NoukaiHttp"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Layer, Logger, Random, Stream } from "effect"
import { join } from "node:path"
import { isSameRecording, layout, restore } from "../src/internal/cassette/layout.js"
import { Matching } from "../src/internal/cassette/matching.js"
import type { Interaction, RecordedCassette } from "../src/internal/cassette/recording.js"
import { differences, formatPath, parsePath } from "../src/internal/core/diff.js"
import { canonicalText } from "../src/internal/core/json.js"
import { folder, read } from "./support/folder.js"
import { httpOf } from "./support/http.js"
import { size } from "./support/size.js"

const flow = "acme/test/a"

/** Answers each message with itself, after as many turns as it says. */
const live = Layer.sync(NoukaiHttp, () => {
  let made = 0
  return makeHttp(httpOf(
    {
      execute: (request) =>
        Effect.suspend(() => {
          const n = ++made
          const turns = Number(request.body.message?.split(" ")[1] ?? 0)
          return Effect.as(Effect.replicateEffect(Effect.yieldNow(), turns, { discard: true }), {
            status: "completed" as const,
            result: { said: request.body.message, parameters: request.body.parameters ?? null, n },
            flowId: "fl_1",
            blockCount: 1,
            executionId: `ex-${n}`
          })
        })
    },
    {},
    {}
  ))
})

type Parameters = { readonly [key: string]: unknown }

const say = (message: string, parameters: Parameters = {}) =>
  Effect.flatMap(
    FlowService,
    (flows) => Effect.map(flows.execute(flow, { message, parameters }), ({ result }) => result)
  )

/** The cassette of a program. */
const cassetteOf = <E>(program: Effect.Effect<unknown, E, FlowService>) =>
  Effect.gen(function*() {
    const path = join(yield* folder, "c.json")
    yield* Effect.provide(program, NoukaiRecord.toFile(path, { mode: "all", live }))
    const cassette = yield* Cassette.load(path)
    return cassette as RecordedCassette
  })

const missOf = <E>(
  cassette: RecordedCassette,
  program: Effect.Effect<unknown, E, FlowService>,
  options: NoukaiReplay.Options = {}
): Effect.Effect<ReplayMissError, unknown> =>
  Effect.flatMap(
    Effect.flip(Effect.provide(program, NoukaiReplay.fromCassette(cassette, options))),
    (error: unknown) => {
      if (!isNoukaiError(error) || error._tag !== "ReplayMissError") return Effect.fail(error)
      // every miss says how to record again
      assert.match(
        error.message.split("\n")[0]!,
        /mode "all", or delete the file|delete the file or record with mode "all"/
      )
      return Effect.succeed(error)
    }
  )

const changesOf = (error: ReplayMissError) =>
  error.report?.differences.flatMap((difference) => difference.kind === "changed" ? difference.changes : [])

describe("input", () => {
  it.scoped("the n-th call with an equal input takes the n-th recording; keys may come in any order", () =>
    Effect.gen(function*() {
      const cassette = yield* cassetteOf(
        Effect.all([say("a", { x: 1, y: { z: 2 } }), say("b"), say("a", { x: 1, y: { z: 2 } })])
      )
      const replayed = yield* Effect.provide(
        Effect.zipLeft(
          Effect.all([say("b"), say("a", { y: { z: 2 }, x: 1 }), say("a", { x: 1, y: { z: 2 } })]),
          ReplayCassette.verify
        ),
        NoukaiReplay.fromCassette(cassette)
      )
      assert.deepStrictEqual(replayed.map((result) => (result as { n: number }).n), [2, 1, 3])
    }))

  it.scoped("flow and version are part of it", () =>
    Effect.gen(function*() {
      const call = (ref: string, version?: number) =>
        Effect.flatMap(FlowService, (flows) => flows.execute(ref, { message: "a", version }))
      const cassette = yield* cassetteOf(call("acme/test/a", 2))
      const other = yield* missOf(cassette, call("acme/test/a", 3))
      assert.deepStrictEqual(changesOf(other), [{ path: "$.version", expected: "2", actual: "3" }])
      const renamed = yield* missOf(cassette, call("acme/test/b", 2))
      assert.deepStrictEqual(changesOf(renamed), [{ path: "$.flow", expected: "acme/test/a", actual: "acme/test/b" }])
      const far = yield* missOf(cassette, call("acme/test/something-else", 2))
      assert.deepStrictEqual(far.report?.differences.map(({ kind }) => kind), ["extra"])
    }))

  it.scoped("shuffled interleavings of parallel calls: equal results each", () =>
    Effect.gen(function*() {
      const calls = Array.from({ length: 12 }, (_, n) => `${n % 5} ${(n * 7) % 4}`)
      const expected = new Map<string, Array<unknown>>()
      const cassette = yield* cassetteOf(
        Effect.forEach(calls, (message) =>
          Effect.tap(say(message), (result) => {
            const some = expected.get(message) ?? []
            some.push(result)
            expected.set(message, some)
          }), { concurrency: 4 })
      )
      for (let round = 0; round < size(1000, 40); round++) {
        const order = [...yield* Random.shuffle(calls)]
        const seen = new Map<string, Array<unknown>>()
        const one = (message: string) =>
          Effect.gen(function*() {
            const turns = yield* Random.nextIntBetween(0, 4)
            yield* Effect.replicateEffect(Effect.yieldNow(), turns, { discard: true })
            const result = yield* say(message)
            seen.set(message, [...seen.get(message) ?? [], result])
          })
        yield* Effect.provide(
          Effect.zipRight(Effect.forEach(order, one, { concurrency: "unbounded" }), ReplayCassette.verify),
          NoukaiReplay.fromCassette(cassette)
        )
        for (const [message, results] of expected) assert.sameDeepMembers(seen.get(message)!, results)
      }
    }).pipe(Effect.withRandom(Random.make("shuffled"))))

  it.scoped("used up", () =>
    Effect.gen(function*() {
      const error = yield* missOf(yield* cassetteOf(say("a")), Effect.zip(say("a"), say("a")))
      assert.match(error.message, /its recording is used up/)
      assert.deepInclude(error.report?.recordings, { matching: 1, total: 1 })
    }))
})

describe("position", () => {
  it.scoped("inputs are not looked at; calls at once are told of", () =>
    Effect.gen(function*() {
      const cassette = yield* cassetteOf(Effect.all([say("a"), say("b"), say("c")]))
      const lines: Array<string> = []
      const logger = Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => lines.push(String(message))))
      const replay = NoukaiReplay.fromCassette(cassette, { match: "position" })
      const results = yield* Effect.provide(Effect.all([say("x"), say("y"), say("z")]), replay)
      assert.deepStrictEqual(results.map((result) => (result as { said: string }).said), ["a", "b", "c"])
      assert.deepStrictEqual(lines, [])
      yield* Effect.all([say("x"), say("y"), say("z")], { concurrency: "unbounded" }).pipe(
        Effect.provide(replay),
        Effect.provide(logger)
      )
      assert.lengthOf(lines, 1)
      const error = yield* missOf(cassette, Effect.all([say("x"), say("y"), say("z"), say("w")]), { match: "position" })
      assert.strictEqual(error.report?.match, "position")
    }))
})

describe("strict", () => {
  it.scoped("calls in the recorded order; one that comes too early has moved", () =>
    Effect.gen(function*() {
      const cassette = yield* cassetteOf(Effect.all([say("a"), say("b"), say("c")]))
      const strict = { match: "strict" } as const
      yield* Effect.provide(
        Effect.zipRight(Effect.all([say("a"), say("b"), say("c")]), ReplayCassette.verify),
        NoukaiReplay.fromCassette(cassette, strict)
      )
      const moved = yield* missOf(cassette, Effect.all([say("a"), say("c")]), strict)
      assert.deepStrictEqual(
        moved.report?.differences.map((difference) =>
          difference.kind === "moved" && [difference.call.number, difference.recording.number]
        ),
        [[2, 3]]
      )
      assert.match(moved.message, /comes too early: recording 2 is next/)
      const changed = yield* missOf(cassette, Effect.all([say("a"), say("x")]), strict)
      assert.deepStrictEqual(changesOf(changed), [{ path: "$.message", expected: "b", actual: "x" }])
      const extra = yield* missOf(cassette, Effect.all([say("a"), say("b"), say("c"), say("c")]), strict)
      assert.deepStrictEqual(extra.report?.differences.map(({ kind }) => kind), ["extra"])
    }))
})

describe("recording calls again in another order", () => {
  const again = (match: "input" | "position" | "strict") =>
    Effect.gen(function*() {
      const path = join(yield* folder, "c.json")
      let runs = 0
      const said = (mode: "all" | "none", ...messages: ReadonlyArray<string>) =>
        Effect.provide(
          Effect.forEach(messages, (message) => say(message)),
          NoukaiRecord.toFile(path, {
            mode,
            match,
            live: layerScripted({
              execute: messages.map((message) => Scripted.completed(message, { executionId: `run-${++runs}` }))
            })
          })
        )
      yield* said("all", "a", "b")
      const first = yield* read(path)
      yield* said("all", "b", "a")
      const second = yield* read(path)
      return { said: yield* said("none", "b", "a"), isUntouched: first === second }
    })

  for (const match of ["position", "strict"] as const) {
    it.scoped(`under ${match}, where it counts: the file has the new order`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* again(match), { said: ["b", "a"], isUntouched: false })
      }))
  }

  it.scoped("under input, where it does not: the file is left as it is", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* again("input"), { said: ["b", "a"], isUntouched: true })
    }))
})

describe("leftovers", () => {
  it.scoped("what was never asked for is missing; what missed is changed or extra", () =>
    Effect.gen(function*() {
      const cassette = yield* cassetteOf(Effect.all([say("a", { deep: [1] }), say("b"), say("c")]))
      const program = Effect.gen(function*() {
        yield* say("b")
        yield* Effect.flip(say("a", { deep: [2] }))
        yield* Effect.flip(Effect.flatMap(FlowService, (flows) => flows.execute("other/other/other", {})))
        return yield* Effect.flip(ReplayCassette.verify)
      })
      const error = yield* Effect.provide(program, NoukaiReplay.fromCassette(cassette))
      assert.deepStrictEqual(error.report?.differences.map(({ kind }) => kind), ["changed", "extra", "missing"])
      assert.deepStrictEqual(error.executionIds, ["ex-1", "ex-3"])
      assert.include(error.message, "$.parameters.deep[0]: recorded 1, called with 2")
    }))
})

/** A JSON value with an object at its root, and no other root keys than these. */
const json = FastCheck.jsonValue({ maxDepth: 4 })

const parametersArbitrary = FastCheck.dictionary(
  FastCheck.string({ minLength: 1 }).filter((key) => key !== "attachments" && key !== "__proto__"),
  json,
  { minKeys: 1, maxKeys: 5 }
)

type Json = FastCheck.JsonValue

interface Mutation {
  readonly value: Json
  readonly path: ReadonlyArray<string | number>
}

/** Every way to change, remove or add one field of an object, at any depth. */
const mutations = (value: Json, path: ReadonlyArray<string | number> = []): ReadonlyArray<Mutation> => {
  const here = (item: Json): Json => item === "changed" ? "changed again" : "changed"
  if (Array.isArray(value)) {
    return value.flatMap((item, index) =>
      [{ value: here(item), path: [...path, index] }, ...mutations(item, [...path, index])].map((mutation) => ({
        ...mutation,
        value: value.map((old, place) => place === index ? mutation.value : old)
      }))
    )
  }
  if (typeof value !== "object" || value === null) return []
  const object = value as { readonly [key: string]: Json }
  const without = (key: string) => Object.fromEntries(Object.entries(object).filter(([name]) => name !== key))
  return [
    { value: { ...object, "a new key": 1 }, path: [...path, "a new key"] },
    ...Object.keys(object).filter((key) => key !== "__proto__").flatMap((key) => [
      { value: without(key), path: [...path, key] },
      { value: { ...object, [key]: here(object[key]!) }, path: [...path, key] },
      ...mutations(object[key]!, [...path, key]).map((mutation) => ({
        ...mutation,
        value: { ...object, [key]: mutation.value }
      }))
    ])
  ]
}

describe("the report of a changed call", () => {
  it.scoped("names exactly the field that was changed, removed or added (property)", () =>
    Effect.gen(function*() {
      const samples = FastCheck.sample(FastCheck.tuple(parametersArbitrary, FastCheck.nat()), {
        numRuns: size(60, 5),
        seed: 7
      })
      for (const [raw, pick] of samples) {
        const parameters = JSON.parse(JSON.stringify(raw)) as { readonly [key: string]: Json }
        const all = mutations(parameters)
        const mutation = all[pick % all.length]!
        const cassette = yield* cassetteOf(say("a", parameters))
        const error = yield* missOf(cassette, say("a", mutation.value as Parameters))
        assert.deepStrictEqual(
          changesOf(error)?.map(({ path }) => path),
          [formatPath(["parameters", ...mutation.path])],
          JSON.stringify([parameters, mutation])
        )
      }
    }))

  it.effect("also one of many, and outside its parameters (property)", () =>
    Effect.gen(function*() {
      const calls = Array.from(
        { length: size(600, 200) },
        (_, n) => ({ message: `sentence ${n}`, parameters: { n, of: { deep: [n, n] } } })
      )
      const cassette = Scripted.recording(...calls.map((call) => ({ flow, ...call, result: 1 })))
      const changes: ReadonlyArray<readonly [path: string, change: (call: typeof calls[number]) => object]> = [
        ["$.message", (call) => ({ ...call, message: "another" })],
        ["$.message", ({ parameters }) => ({ parameters })],
        ["$.parameters.n", ({ message, parameters }) => ({ message, parameters: { ...parameters, n: -1 } })],
        [
          "$.parameters.of.deep[1]",
          ({ message, parameters: { n } }) => ({ message, parameters: { n, of: { deep: [n, -1] } } })
        ],
        ["$.trace", (call) => ({ ...call, snapshots: true })],
        ["$.toolChoice", (call) => ({ ...call, toolChoice: "auto" })],
        ["$.blockOverrides", (call) => ({ ...call, blockOverrides: { a: { x: 1 } } })],
        ["$.version", (call) => ({ ...call, version: 2 })]
      ]
      const picks = FastCheck.sample(FastCheck.nat(calls.length - 1), { numRuns: changes.length, seed: 11 })
      for (const [n, [path, change]] of changes.entries()) {
        const pick = n === 0 ? calls.length - 1 : picks[n]!
        const error = yield* missOf(
          cassette,
          Effect.flatMap(FlowService, (flows) => flows.execute(flow, change(calls[pick]!)))
        )
        const [difference] = error.report!.differences
        assert.deepStrictEqual(changesOf(error)?.map((one) => one.path), [path])
        assert.strictEqual(difference?.kind === "changed" && difference.recording.number, pick + 1)
      }
    }))

  it.prop("paths are read as they are written", [
    FastCheck.array(FastCheck.oneof(FastCheck.string(), FastCheck.nat(99)))
  ], ([path]) => {
    assert.deepStrictEqual(parsePath(formatPath(path)), path)
  })

  it("what is no path is none", () => {
    for (const text of ["", "a", "$.", "$[", "$[x]", "$.a b", "$[\"a]", "$..a"]) assert.isUndefined(parsePath(text))
  })

  it.prop("equal values do not differ, and others do", { a: json, b: json }, (values) => {
    const { a, b } = JSON.parse(JSON.stringify(values)) as typeof values
    assert.deepStrictEqual(differences(a, a, 50), [])
    assert.strictEqual(differences(a, b, 50).length === 0, canonicalText(a) === canonicalText(b))
    assert.isAtMost(differences(a, b, 3).length, 3)
  })
})

/** Calls that follow from one another: runs with their ids, what goes on with them, and what asks about them. */
const interactionsArbitrary = FastCheck.array(
  FastCheck.record({
    message: FastCheck.oneof(FastCheck.constantFrom("a", "b", "<id:x>", "<id!:y>", "ex-1"), FastCheck.string()),
    result: json,
    goesOn: FastCheck.nat(5)
  }),
  { maxLength: 12 }
)

type Made = { readonly message: string; readonly result: Json; readonly goesOn: number }

const interactionsOf = (made: ReadonlyArray<Made>, run: string): ReadonlyArray<Interaction> => {
  const ids: Array<string> = []
  return made.map(({ goesOn, message, result }, n): Interaction => {
    const earlier = ids[goesOn]
    const id = earlier ?? `${run}-execution-${n}`
    if (earlier === undefined) ids.push(id)
    return {
      endpoint: "execute",
      flow,
      version: "production",
      input: JSON.parse(JSON.stringify({ message, ...(earlier === undefined ? undefined : { executionId: earlier }) })),
      answer: {
        value: JSON.parse(JSON.stringify({
          status: "completed",
          result,
          flowId: "f",
          blockCount: 1,
          executionId: id,
          requestId: `${run} ${n}`
        }))
      },
      at: undefined
    }
  })
}

describe("the file", () => {
  it.prop("what is laid out is restored, in its order", [interactionsArbitrary], ([made]) => {
    const interactions = interactionsOf(made as ReadonlyArray<Made>, "one")
    const cassette = layout(interactions, {})
    assert.deepStrictEqual(restore(JSON.parse(JSON.stringify(cassette))), interactions)
    assert.deepStrictEqual(layout(restore(cassette), {}), cassette)
  })

  it.prop("other ids and request ids make the same entries", [interactionsArbitrary], ([made]) => {
    const one = layout(interactionsOf(made as ReadonlyArray<Made>, "one"), {})
    const other = layout(interactionsOf(made as ReadonlyArray<Made>, "another"), {})
    assert.isTrue(isSameRecording(one, other, "strict"))
    assert.deepStrictEqual(one.entries, other.entries)
  })

  it.prop(
    "whatever the ids are, also those that callers know or runs share: each call finds its recording",
    [FastCheck.array(
      FastCheck.record({
        message: FastCheck.constantFrom("a", "b", "c"),
        id: FastCheck.constantFrom("a", "b", "x", "y", ""),
        goesOn: FastCheck.option(FastCheck.constantFrom("a", "b", "x", "y"), { nil: undefined })
      }),
      { maxLength: 12 }
    )],
    ([made]) => {
      const interactions = made.map(({ goesOn, id, message }, n): Interaction => ({
        endpoint: "execute",
        flow,
        version: "production",
        input: { message, ...(goesOn === undefined ? undefined : { executionId: goesOn }) },
        answer: { value: { status: "completed", result: n, flowId: "f", blockCount: 1, executionId: id } },
        at: undefined
      }))
      const restored = restore(JSON.parse(JSON.stringify(layout(interactions, {}))))
      for (const match of ["input", "strict", "position"] as const) {
        const matching = new Matching({ source: "test", match, recordings: restored })
        for (const interaction of interactions) {
          const { endpoint, flow, input, version } = interaction
          const found = matching.find({ operation: "test", question: { endpoint, flow, input, version } })
          if (match !== "position") assert.deepStrictEqual(found?.recording.input, input)
          assert.isDefined(found)
        }
        Effect.runSync(matching.verify("test"))
      }
    }
  )

  it.prop("entries are in the order of flow, fingerprint and occurrence", [interactionsArbitrary], ([made]) => {
    const { entries } = layout(interactionsOf(made as ReadonlyArray<Made>, "one"), {})
    const keys = entries.map(({ fingerprint, flow, occurrence }) =>
      `${flow} ${fingerprint} ${String(occurrence).padStart(6, "0")}`
    )
    assert.deepStrictEqual(keys, [...keys].sort())
  })

  it.scoped("what is volatile is apart: ids have names, times and costs are in meta", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "c.json")
      const program = Effect.flatMap(FlowService, (flows) => Stream.runDrain(flows.events(flow, { message: "hi" })))
      yield* Effect.provide(
        program,
        NoukaiRecord.toFile(path, {
          mode: "all",
          live: layerScripted({
            step: [Stream.make(
              { type: "run_started" as const, executionId: "0a6c2f5e-9d41", runId: "r-77", stepCount: 1 },
              {
                type: "step_completed" as const,
                stepId: "s",
                output: { costUsd: "mine" },
                durationMs: 412,
                costUsd: "0.1"
              },
              {
                type: "flow_completed" as const,
                executionId: "0a6c2f5e-9d41",
                result: { at: "0a6c2f5e-9d41" },
                summary: { costUsd: "0.1", steps: 1 }
              }
            )]
          })
        })
      )
      const cassette = (yield* Cassette.load(path)) as RecordedCassette
      const [entry] = cassette.entries
      const name = `${entry!.fingerprint.slice(0, 12)}.1`
      assert.deepStrictEqual(entry!.answer, {
        end: "done",
        events: [
          { executionId: `<id:${name}.1>`, runId: `<id:${name}.2>`, stepCount: 1, type: "run_started" },
          { output: { costUsd: "mine" }, stepId: "s", type: "step_completed" },
          {
            executionId: `<id:${name}.1>`,
            result: { at: `<id:${name}.1>` },
            summary: { steps: 1 },
            type: "flow_completed"
          }
        ]
      })
      assert.deepStrictEqual(cassette.meta, {
        ids: { [`${name}.1`]: "0a6c2f5e-9d41", [`${name}.2`]: "r-77" },
        entries: {
          [`${entry!.fingerprint}.1`]: {
            order: 1,
            values: {
              "$.events[1].costUsd": "0.1",
              "$.events[1].durationMs": 412,
              "$.events[2].summary.costUsd": "0.1"
            }
          }
        }
      })
    }))
})
