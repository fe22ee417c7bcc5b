/** Replaying a session: a row per rule of docs/wire.md#replays, as callers see it. */
import {
  FlowService,
  JobService,
  NoukaiHttp,
  NoukaiReplay,
  ReplayCassette,
  type ReplayMissError,
  RunService,
  Tools
} from "@effect-noukai/sdk"
import { make as makeFlows } from "@effect-noukai/sdk/FlowService"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, FastCheck, Fiber, Logger, Stream } from "effect"
import { openSession } from "../src/internal/cassette/replay.js"
import type { SessionRequest } from "../src/internal/operations/requests.js"
import { cassette, execution, failedStep, otherId, session, sessionId, step } from "./support/sessions.js"

type Json = { readonly [key: string]: unknown }

type Provided = ReplayCassette | NoukaiHttp | JobService | RunService

const flow = (slug: string) => `acme/test/${slug}`

/** Runs a program in the replay of a session of these executions. */
const replay = <A, E>(
  executions: ReadonlyArray<Json>,
  program: (flows: FlowService.Service) => Effect.Effect<A, E, Provided>
) => Effect.flatMap(FlowService, program).pipe(Effect.provide(NoukaiReplay.fromCassette(cassette(...executions))))

const resultOf = (flows: FlowService.Service, slug: string, message = "hi") =>
  Effect.map(flows.execute(flow(slug), { message }), ({ result }) => result)

const eventsOf = (flows: FlowService.Service, slug: string) =>
  Effect.map(Stream.runCollect(flows.events(flow(slug), { message: "hi" })), Chunk.toReadonlyArray)

const stepsOf = (flows: FlowService.Service, slug: string) =>
  Effect.map(
    Stream.runCollect(flows.steps(flow(slug), { message: "hi" })),
    (steps) => Chunk.toReadonlyArray(steps).map(({ output, stepId }) => [stepId, output])
  )

/** Runs an effect and gives what it logged. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => lines.push(String(message))))
    return Effect.as(Effect.provide(effect, logger), lines)
  })

describe("replays: matching", () => {
  it.effect("the n-th call of a slug takes its n-th recording; the body is not looked at", () =>
    replay([
      execution("a", "execute", "a1"),
      execution("b", "execute", "b1"),
      execution("a", "execute", "a2")
    ], (flows) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* resultOf(flows, "a", "one"), "a1")
        assert.strictEqual(yield* resultOf(flows, "a", "other"), "a2")
        assert.strictEqual(yield* resultOf(flows, "b"), "b1")
      })))

  it.effect("org, project, version and parameters are not compared", () =>
    replay([execution("a", "execute", 1)], (flows) =>
      Effect.map(
        flows.execute("other/place/a", { version: 3, parameters: { x: 1 } }),
        ({ result }) => assert.strictEqual(result, 1)
      )))

  it.effect("execute and step are counted on their own; steps and events together", () =>
    replay([
      execution("a", "step", "s1"),
      execution("a", "execute", "e1"),
      execution("a", "step", "s2"),
      execution("a", "execute", "e2")
    ], (flows) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* resultOf(flows, "a"), "e1")
        assert.deepStrictEqual(yield* stepsOf(flows, "a"), [["only", "s1"]])
        assert.deepInclude((yield* eventsOf(flows, "a")).at(-1), { type: "flow_completed", result: "s2" })
        assert.strictEqual(yield* resultOf(flows, "a"), "e2")
        yield* ReplayCassette.verify
      })))

  it.effect("a stream takes its recording when it is run, each time anew, and not when it is made", () =>
    replay([execution("a", "step", 1), execution("a", "step", 2)], (flows) =>
      Effect.gen(function*() {
        const stream = flows.steps(flow("a"), { message: "hi" })
        assert.deepStrictEqual(yield* stepsOf(flows, "a"), [["only", 1]])
        const [second] = Chunk.toReadonlyArray(yield* Stream.runCollect(stream))
        assert.strictEqual(second?.output, 2)
      })))

  it.effect("a slug that was deleted, a job, an unknown trigger: never matched, and told of", () =>
    Effect.gen(function*() {
      const lines = yield* logged(replay([
        execution(null, "execute", 1),
        execution("", "execute", 2),
        execution("a", "job", 3),
        execution("a", null, 4),
        execution("a", "webhook", 5),
        execution("a", "execute", 6)
      ], (flows) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* resultOf(flows, "a"), 6)
          yield* ReplayCassette.verify
        })))
      assert.lengthOf(lines, 1)
      assert.match(lines[0]!, /5 of 6 recordings/)
    }))

  it.effect.prop(
    "any program of calls gets, per slug and trigger, the recordings in order, and then misses",
    {
      recorded: FastCheck.array(
        FastCheck.tuple(FastCheck.constantFrom("a", "b"), FastCheck.constantFrom("execute", "step"))
      ),
      called: FastCheck.array(
        FastCheck.tuple(FastCheck.constantFrom("a", "b"), FastCheck.constantFrom("execute", "step"))
      )
    },
    ({ called, recorded }) =>
      replay(
        recorded.map(([slug, trigger], index) => execution(slug, trigger, index)),
        (flows) =>
          Effect.gen(function*() {
            const seen = new Map<string, number>()
            const consumed = new Set<number>()
            for (const [slug, trigger] of called) {
              const key = `${slug} ${trigger}`
              const nth = seen.get(key) ?? 0
              seen.set(key, nth + 1)
              const expected = recorded.flatMap(([s, t], index) => s === slug && t === trigger ? [index] : [])[nth]
              const call = trigger === "execute"
                ? resultOf(flows, slug)
                : Effect.map(stepsOf(flows, slug), ([first]) => first?.[1])
              const outcome = yield* Effect.either(call)
              if (expected === undefined) {
                assert.strictEqual(outcome._tag === "Left" && outcome.left._tag, "ReplayMissError")
              } else {
                consumed.add(expected)
                assert.strictEqual(outcome._tag === "Right" && outcome.right, expected)
              }
            }
            const verified = yield* Effect.either(ReplayCassette.verify)
            assert.strictEqual(verified._tag, consumed.size === recorded.length ? "Right" : "Left")
          })
      )
  )
})

describe("replays: misses", () => {
  const miss = (
    executions: ReadonlyArray<Json>,
    call: (flows: FlowService.Service) => Effect.Effect<unknown, unknown>
  ) =>
    Effect.flatMap(
      Effect.flip(replay(executions, call)),
      (error) =>
        typeof error === "object" && error !== null && "_tag" in error && error._tag === "ReplayMissError"
          ? Effect.succeed(error as ReplayMissError)
          : Effect.die(error)
    )

  it.effect("says which call it was and what was recorded", () =>
    Effect.gen(function*() {
      const error = yield* miss([
        execution("a", "execute", 1, { executionId: "ex-1" }),
        execution("gone", "execute", 1, { slug: null })
      ], (flows) => Effect.zipRight(resultOf(flows, "a"), resultOf(flows, "a")))
      assert.strictEqual(error.method, "FlowService.execute")
      assert.strictEqual(error.flow, "acme/test/a")
      assert.isFalse(error.isRetryable)
      assert.deepStrictEqual(error.report, {
        match: "position",
        source: `session ${sessionId}`,
        reason: `this is call 2 of execute of "a", and 1 recording is there`,
        recordings: { matching: 1, total: 2, unmatchable: 1 },
        differences: [{
          kind: "extra",
          call: {
            number: 2,
            operation: "FlowService.execute",
            endpoint: "execute",
            flow: "acme/test/a",
            version: "production",
            nth: 2
          }
        }]
      })
      assert.strictEqual(
        error.message,
        `FlowService.execute acme/test/a: no recording for this call: this is call 2 of execute of "a", and 1 recording is there; to record it again, capture the request anew, or record with mode "all"
  extra: call 2, FlowService.execute acme/test/a
  session ${sessionId} holds 2 recordings, 1 of them such that no call can have them`
      )
    }))

  it.effect("nearest: the same flow, recorded another way", () =>
    Effect.gen(function*() {
      const error = yield* miss([execution("a", "step", 1, { executionId: "ex-1" })], (flows) => resultOf(flows, "a"))
      assert.include(
        error.message,
        `
  changed: call 1, FlowService.execute acme/test/a is nearest to recording 1, step a execution ex-1
    $.endpoint: recorded "step", called with "execute"`
      )
    }))

  it.effect("nearest: a flow of almost that name", () =>
    Effect.gen(function*() {
      const error = yield* miss([
        execution("checkout", "execute", 1),
        execution("grade-4", "execute", 1)
      ], (flows) => resultOf(flows, "grade-3"))
      assert.deepStrictEqual(error.report?.differences.flatMap((d) => d.kind === "changed" ? d.changes : []), [
        { path: "$.flow.slug", expected: "grade-4", actual: "grade-3" }
      ])
    }))

  it.effect("8.5, B-PY: jobs, polls, traces and lists are refused, and nothing goes live", () =>
    replay([execution("a", "job", 1)], () =>
      Effect.gen(function*() {
        const jobs = yield* JobService
        const runs = yield* RunService
        const job = yield* jobs.attach(flow("a"), "ex-1")
        const calls: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }>> = [
          jobs.submit(flow("a"), { message: "hi" }),
          job.poll(),
          job.wait(),
          runs.trace(flow("a"), "ex-1"),
          runs.stepTrace(flow("a"), "ex-1", "s"),
          Stream.runDrain(runs.liveTrace(flow("a"), "ex-1")),
          runs.summary(flow("a"), "ex-1"),
          Stream.runDrain(runs.list({ flowId: "fl_1" }))
        ]
        for (const call of calls) assert.strictEqual((yield* Effect.flip(call))._tag, "ReplayMissError")
      })))

  it.effect("a run that had not ended: what there is, and then a miss", () =>
    replay([
      execution("a", "execute", 1, { status: "running" }),
      execution("a", "step", 1, { status: "running" })
    ], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(resultOf(flows, "a"))
        assert.strictEqual(error._tag, "ReplayMissError")
        assert.match(error.message, /had not ended.*"running"/)
        const seen: Array<string> = []
        const cut = yield* Effect.flip(
          Stream.runForEach(
            flows.events(flow("a"), { message: "hi" }),
            ({ type }) => Effect.sync(() => seen.push(type))
          )
        )
        assert.deepStrictEqual(seen, ["run_started", "step_started", "step_completed"])
        assert.strictEqual(cut._tag, "ReplayMissError")
        yield* ReplayCassette.verify
      })))

  it.effect("a stream that is left before a run had ended is none the wiser", () =>
    replay([execution("a", "step", 1, { status: "running" })], (flows) =>
      Effect.gen(function*() {
        const first = yield* Stream.runHead(flows.steps(flow("a"), { message: "hi" }))
        assert.strictEqual(first._tag === "Some" && first.value.output, 1)
      })))
})

describe("replays: leftovers", () => {
  it.effect("ids sorted, and a report of what is missing", () =>
    replay([
      execution("a", "execute", 1, { executionId: "z" }),
      execution("a", "execute", 1, { executionId: "m" }),
      execution("b", "step", 1, { executionId: "a" })
    ], (flows) =>
      Effect.gen(function*() {
        yield* resultOf(flows, "a")
        const error = yield* Effect.flip(ReplayCassette.verify)
        assert.strictEqual(error._tag, "ReplayLeftoverError")
        assert.deepStrictEqual(error.executionIds, ["a", "m"])
        assert.deepStrictEqual(error.report?.differences, [
          { kind: "missing", recording: { number: 2, endpoint: "execute", flow: "a", executionId: "m" } },
          { kind: "missing", recording: { number: 3, endpoint: "step", flow: "b", executionId: "a" } }
        ])
        assert.strictEqual(
          error.message,
          `ReplayCassette.verify: recordings were never consumed: 2 of 3 recordings
  missing: recording 2, execute a execution m
  missing: recording 3, step b execution a
  session ${sessionId} holds 3 recordings`
        )
      })))

  it.effect("a call that missed and its nearest recording are one difference, and other misses are extra", () =>
    replay([execution("a", "step", 1)], (flows) =>
      Effect.gen(function*() {
        yield* Effect.flip(resultOf(flows, "a"))
        yield* Effect.flip(resultOf(flows, "zzzzzzzz"))
        const error = yield* Effect.flip(ReplayCassette.verify)
        assert.deepStrictEqual(error.report?.differences.map(({ kind }) => kind), ["changed", "extra"])
      })))
})

describe("replays: another session that a call names", () => {
  const setup = (other: ReadonlyArray<Json>) =>
    Effect.gen(function*() {
      const fetched: Array<string> = []
      const replayed = yield* openSession(
        "test",
        session(execution("a", "execute", "own1"), execution("a", "execute", "own2")),
        {
          defaults: {},
          fetch: (request: SessionRequest) =>
            Effect.as(Effect.sync(() => fetched.push(request.sessionId)), session(...other))
        }
      )
      const flows = yield* Effect.provideService(makeFlows, NoukaiHttp, replayed.http)
      return { fetched, flows, replayed }
    })

  it.effect("is fetched once, and counted on its own (B-PY-20)", () =>
    Effect.gen(function*() {
      const { fetched, flows, replayed } = yield* setup([
        execution("a", "execute", "other1"),
        execution("a", "execute", "other2")
      ])
      const run = (id?: string) => flows.execute(flow("a"), { message: "hi", sessionId: id })
      assert.strictEqual((yield* run()).result, "own1")
      const other = yield* run(otherId)
      assert.deepStrictEqual([other.result, other.sessionId], ["other1", otherId])
      assert.strictEqual((yield* run(otherId.toUpperCase())).result, "other2")
      assert.strictEqual((yield* run(sessionId.toUpperCase())).result, "own2")
      assert.strictEqual((yield* Effect.flip(run(otherId)))._tag, "ReplayMissError")
      assert.deepStrictEqual(fetched, [otherId])
      yield* replayed.verify("test")
    }))

  it.effect("is fetched once by calls that run at once", () =>
    Effect.gen(function*() {
      const { fetched, flows } = yield* setup(Array.from({ length: 10 }, (_, n) => execution("a", "execute", n)))
      const results = yield* Effect.forEach(
        Array.from({ length: 10 }),
        () => flows.execute(flow("a"), { sessionId: otherId }),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(results.map(({ result }) => result), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      assert.deepStrictEqual(fetched, [otherId])
    }))

  it.effect("must have its payloads too", () =>
    Effect.gen(function*() {
      const { flows } = yield* setup([execution("a", "execute", 1, { snapshotsAvailable: false })])
      const error = yield* Effect.flip(flows.execute(flow("a"), { sessionId: otherId }))
      assert.strictEqual(error._tag, "ReplayNoSnapshotsError")
    }))

  it.effect("an empty id says that the call belongs to none: nothing is recorded of it", () =>
    Effect.gen(function*() {
      const { fetched, flows } = yield* setup([])
      const error = yield* Effect.flip(flows.execute(flow("a"), { sessionId: "" }))
      assert.strictEqual(error._tag, "ReplayMissError")
      assert.deepStrictEqual(fetched, [])
    }))

  it.effect("a cassette cannot fetch it", () =>
    replay([execution("a", "execute", 1)], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(flows.execute(flow("a"), { sessionId: otherId }))
        assert.strictEqual(error._tag, "ReplayMissError")
        assert.include(error.message, otherId)
      })))
})

describe("replays: results", () => {
  it.effect("every field of a completed run", () =>
    replay([
      execution("a", "execute", null, { executionId: "ex-1", steps: [step("one", 1), step("two", { text: "x" })] }),
      execution("a", "execute", null, { executionId: "ex-2", flowId: null, steps: [] })
    ], (flows) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* flows.execute(flow("a"), {}), {
          status: "completed",
          result: { text: "x" },
          executionId: "ex-1",
          flowId: "fl_1",
          blockCount: 2,
          sessionId
        })
        assert.deepInclude(yield* flows.execute(flow("a"), {}), { flowId: "", blockCount: 1, result: null })
      })))

  it.effect("a recorded failure is a failure, with code, message, step and run", () =>
    replay([
      execution("a", "execute", null, {
        executionId: "ex-1",
        status: "failed",
        errorAtStep: "b",
        steps: [step("a", 1), failedStep("b", { code: "X", message: "no", extra: 1 })]
      }),
      execution("a", "execute", null, { status: "failed", errorAtStep: "gone" })
    ], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(flows.execute(flow("a"), {}))
        assert.strictEqual(error._tag, "FlowExecutionError")
        assert.deepInclude(error, {
          code: "X",
          detail: "no",
          stepId: "b",
          executionId: "ex-1",
          flow: "acme/test/a",
          isRetryable: false,
          result: { code: "X", message: "no", extra: 1 },
          // as the error of a live run that ended as failed
          status: "failed",
          flowId: "fl_1",
          blockCount: 2,
          sessionId
        })
        const bare = yield* Effect.flip(flows.execute(flow("a"), {}))
        assert.strictEqual(bare._tag, "FlowExecutionError")
        assert.deepInclude(bare, { stepId: "gone" })
        assert.notProperty(bare, "code")
      })))

  const failing = (trigger: string) =>
    execution("a", trigger, null, {
      status: "failed",
      errorAtStep: "b",
      steps: [step("a", 1), failedStep("b", { code: "X", message: "no" })]
    })

  it.effect("a failed stream: events end with step_error and flow_completed, steps with the error", () =>
    replay([failing("step"), failing("step")], (flows) =>
      Effect.gen(function*() {
        const events = yield* eventsOf(flows, "a")
        assert.deepStrictEqual(events.map(({ type }) => type), [
          "run_started",
          "step_started",
          "step_completed",
          "step_started",
          "step_error",
          "flow_completed"
        ])
        assert.deepInclude(events.at(-2), { stepId: "b", code: "X", message: "no" })
        assert.deepInclude(events.at(-1), { result: null, summary: { failedAtStep: "b" } })
        for (const event of events) assert.isUndefined(event.raw)
        const error = yield* Effect.flip(stepsOf(flows, "a"))
        assert.strictEqual(error._tag, "FlowExecutionError")
        assert.deepInclude(error, { code: "X", detail: "no", stepId: "b" })
      })))

  it.effect("a failed stream whose step is not known fails all the same", () =>
    replay([execution("a", "step", 1, { status: "failed" })], (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(eventsOf(flows, "a"))
        assert.strictEqual(error._tag, "FlowExecutionError")
      })))

  it.effect("steps gives completed steps alone; indices are of the whole flow", () =>
    replay([
      execution("a", "step", null, { steps: [step("one", 1), step("two", 2)] }),
      execution("a", "step", null, { steps: [step("one", 1), step("two", 2)] })
    ], (flows) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* stepsOf(flows, "a"), [["one", 1], ["two", 2]])
        const events = yield* eventsOf(flows, "a")
        assert.deepStrictEqual(
          events.map((event) => "stepIndex" in event ? `${event.type} ${event.stepIndex}` : event.type),
          ["run_started", "step_started 0", "step_completed 0", "step_started 1", "step_completed 1", "flow_completed"]
        )
      })))

  it.effect("a cursor of the replayed run goes on with it, without another recording", () =>
    replay(
      [execution("a", "step", null, { steps: [step("one", 1), step("two", 2)] })],
      (flows) =>
        Effect.gen(function*() {
          const [first] = Chunk.toReadonlyArray(
            yield* Stream.runCollect(Stream.take(flows.steps(flow("a"), { message: "hi" }), 1))
          )
          const rest = yield* Stream.runCollect(flows.steps(flow("a"), { from: first!.cursor }))
          assert.deepStrictEqual(Chunk.toReadonlyArray(rest).map(({ output, stepIndex }) => [output, stepIndex]), [[
            2,
            1
          ]])
          yield* ReplayCassette.verify
          const unknown = { ...first!.cursor, executionId: "ex-of-another-life" }
          const error = yield* Effect.flip(Stream.runCollect(flows.steps(flow("a"), { from: unknown })))
          assert.strictEqual(error._tag, "ReplayMissError")
        })
    ))

  it.effect("a conversation with tools has become its result: handlers are not called", () =>
    replay([execution("a", "execute", "answer")], (flows) =>
      Effect.gen(function*() {
        const declarations = [{ type: "function", function: { name: "f" } }] as const
        const done = yield* flows.execute(flow("a"), {
          tools: Tools.handle(declarations, () => Effect.dieMessage("the handler was called"))
        })
        assert.strictEqual(done.result, "answer")
      })))

  it.effect("a snapshot that was cut is told of", () =>
    Effect.gen(function*() {
      const lines = yield* logged(
        replay(
          [execution("a", "execute", null, { steps: [step("one", "x", { truncated: true })] })],
          (flows) => resultOf(flows, "a")
        )
      )
      assert.match(lines.join(), /"one".*were cut/)
    }))
})

describe("scopes: payloads", () => {
  for (
    const [name, more] of [
      ["snapshotsAvailable false", { snapshotsAvailable: false, traceCaptureMode: "metadata_only" }],
      ["not said", { snapshotsAvailable: null }]
    ] as const
  ) {
    it.effect(`any execution without them: ReplayNoSnapshotsError (${name})`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(replay(
          [execution("a", "execute", 1), execution("b", "job", 2, more)],
          () => Effect.dieMessage("the body ran")
        ))
        assert.strictEqual(error._tag, "ReplayNoSnapshotsError")
        assert.match(error.message, /1 of 2 executions/)
      }))
  }
})

describe("replays: calls of one flow at once", () => {
  it.effect("are told of, once; calls one after the other are not (B-PY-18, B-TS-14)", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 6 }, (_, n) => execution("a", n < 3 ? "execute" : "step", n))
      const sequential = yield* logged(replay(many, (flows) =>
        Effect.gen(function*() {
          for (let n = 0; n < 3; n++) {
            yield* resultOf(flows, "a")
            yield* eventsOf(flows, "a")
          }
        })))
      assert.deepStrictEqual(sequential, [])
      const atOnce = yield* logged(replay(many, (flows) =>
        Effect.all([resultOf(flows, "a"), resultOf(flows, "a"), resultOf(flows, "a")], { concurrency: "unbounded" })))
      assert.lengthOf(atOnce, 1)
      assert.match(atOnce[0]!, /several calls of "a" run at once/)
    }))

  it.effect("streams too; one that was left, by failure or interruption, is no longer in flight", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 4 }, (_, n) => execution("a", "step", n))
      const left = yield* logged(replay(many, (flows) =>
        Effect.gen(function*() {
          const stream = flows.events(flow("a"), { message: "hi" })
          yield* Effect.flip(Stream.runForEach(stream, () => Effect.fail("stop")))
          const begun = yield* Deferred.make<void>()
          const fiber = yield* Effect.fork(
            Stream.runForEach(stream, () => Effect.zipRight(Deferred.succeed(begun, void 0), Effect.never))
          )
          yield* Deferred.await(begun)
          yield* Fiber.interrupt(fiber)
          yield* Stream.runDrain(Stream.take(stream, 1))
          yield* Stream.runDrain(stream)
        })))
      assert.deepStrictEqual(left, [])
      const atOnce = yield* logged(replay(many, (flows) => {
        const stream = flows.events(flow("a"), { message: "hi" })
        return Stream.runDrain(Stream.zip(stream, stream))
      }))
      assert.lengthOf(atOnce, 1)
    }))

  it.effect("of different flows are nobody's business", () =>
    Effect.gen(function*() {
      const lines = yield* logged(replay(
        [execution("a", "execute", 1), execution("b", "execute", 2), execution("a", "step", 3)],
        (flows) =>
          Effect.all([resultOf(flows, "a"), resultOf(flows, "b"), eventsOf(flows, "a")], { concurrency: "unbounded" })
      ))
      assert.deepStrictEqual(lines, [])
    }))
})

it.effect("bare slugs belong where they did when this was recorded, unless the replay says otherwise", () =>
  Effect.gen(function*() {
    const recorded = { ...cassette(execution("a", "execute", 1)), client: { org: "acme", project: "test" } }
    const program = Effect.flatMap(FlowService, (flows) => flows.execute("a", {}))
    const done = yield* Effect.provide(program, NoukaiReplay.fromCassette(recorded))
    assert.strictEqual(done.result, 1)
    const elsewhere = NoukaiReplay.fromCassette(cassette(execution("b", "execute", 1)), { org: "o", project: "p" })
    const error = yield* Effect.flip(Effect.provide(program, elsewhere))
    assert.strictEqual(error._tag === "ReplayMissError" && error.flow, "o/p/a")
  }))
