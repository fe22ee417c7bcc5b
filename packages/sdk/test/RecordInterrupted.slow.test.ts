/** Recordings of programs that are interrupted: what is written, and how it is recorded again. */
import * as Testing from "@effect-noukai/report/testing"
import {
  Cassette,
  FlowService,
  JobService,
  NoukaiHttp,
  NoukaiRecord,
  NoukaiReplay,
  ReplayCassette,
  Tools
} from "@effect-noukai/sdk"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import type { Options } from "@effect-noukai/sdk/NoukaiRecord"
import type * as Scripted from "@effect-noukai/sdk/testing"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Layer, Schema, Stream, TestClock } from "effect"
import { join } from "node:path"
import { make as makeHttp } from "../src/NoukaiHttp.js"
import { folder, read } from "./support/folder.js"
import { httpOf } from "./support/http.js"
import {
  flowCompleted,
  respond,
  type Response,
  runStarted,
  stepCompleted,
  stepPaused,
  stepStarted
} from "./support/scripted.js"

const flow = "acme/test/a"

const file = Effect.map(folder, (dir) => join(dir, "cassette.json"))

const noLive = Layer.effect(NoukaiHttp, Effect.dieMessage("live was built"))

/** A service that answers each message with itself, those in `silent` never, and notes what it was sent. */
const echo = (silent: ReadonlyArray<string> = []) => {
  const sent: Array<string> = []
  const live = Layer.succeed(
    NoukaiHttp,
    makeHttp(httpOf({
      execute: ({ body }) =>
        Effect.suspend(() => {
          const message = String(body.message)
          sent.push(message)
          return silent.includes(message) ? Effect.never : Testing.completed(message, { executionId: `ex-${message}` })
        })
    }))
  )
  return { sent, live }
}

const say = (message: string, ref = flow) =>
  Effect.flatMap(FlowService, (flows) => Effect.map(flows.execute(ref, { message }), ({ result }) => result))

const toFile = (path: string, live: Layer.Layer<NoukaiHttp>, options: Options = {}) =>
  NoukaiRecord.toFile(path, { mode: "once", live, ...options })

const recordingOf = (path: string) =>
  Effect.flatMap(
    Cassette.load(path),
    (cassette) => cassette.kind === "recording" ? Effect.succeed(cassette) : Effect.dieMessage("it is a session")
  )

const exists = (path: string) => Effect.map(Effect.exit(Cassette.load(path)), Exit.isSuccess)

const howToRecord = /delete the file or record with mode "all"; if the call is additional, mode "new" keeps the others/
const howToRecordAnew = /mode "all", or delete the file/

/** Runs an effect until it is idle, lets the time pass, and gives its exit. */
const after = <A, E, R>(duration: Duration.DurationInput, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(effect)
    yield* TestClock.adjust(duration)
    return yield* Fiber.await(fiber)
  })

/** The ways in which a call in flight comes to nothing. */
const ways: {
  readonly [way: string]: (
    call: Effect.Effect<unknown, unknown, FlowService>
  ) => Effect.Effect<unknown, unknown, FlowService>
} = {
  "Effect.timeout": (call) => after("1 second", Effect.timeout(call, "1 second")),
  "a race": (call) => Effect.race(call, Effect.zipRight(Effect.yieldNow(), Effect.succeed("won"))),
  "a raceFirst": (call) => Effect.raceFirst(call, Effect.zipRight(Effect.yieldNow(), Effect.succeed("won"))),
  "a failing sibling": (call) =>
    Effect.exit(Effect.all([call, Effect.zipRight(Effect.yieldNow(), Effect.fail("x"))], { concurrency: 2 })),
  "Fiber.interrupt": (call) =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(call)
      yield* Effect.yieldNow()
      return yield* Fiber.interrupt(fiber)
    }),
  "the end of the scope": (call) => Effect.scoped(Effect.zipRight(Effect.forkScoped(call), Effect.yieldNow())),
  "the end of the layer": (call) => Effect.zipRight(Effect.forkDaemon(call), Effect.yieldNow())
}

describe("a call that is interrupted", () => {
  for (const [way, interrupted] of Object.entries(ways)) {
    it.scoped(`${way}: is not written, and \`once\` records it again, beside what was recorded`, () =>
      Effect.gen(function*() {
        const path = yield* file
        const first = echo(["b"])
        yield* Effect.provide(
          Effect.zipRight(say("a"), Effect.exit(interrupted(say("b")))),
          toFile(path, first.live)
        )
        assert.deepStrictEqual(first.sent, ["a", "b"])
        assert.notInclude(yield* read(path), "unanswered")
        const partly = yield* recordingOf(path)
        assert.isTrue(partly.incomplete)
        assert.deepStrictEqual(partly.entries.map(({ input }) => (input as { message: string }).message), ["a"])

        // in a replay it fails at once, and says how to record again
        for (const replay of [NoukaiReplay.fromFile(path), toFile(path, noLive, { mode: "none" })]) {
          const error = yield* Effect.flip(Effect.provide(Effect.zipRight(say("a"), say("b")), replay))
          assert.strictEqual(error._tag, "ReplayMissError")
          assert.match(error.message.split("\n")[0]!, howToRecord)
        }

        // "a" is not paid again; what follows the interrupted call is recorded too
        const second = echo()
        const results = yield* Effect.provide(Effect.all([say("a"), say("b"), say("c")]), toFile(path, second.live))
        assert.deepStrictEqual(results, ["a", "b", "c"])
        assert.deepStrictEqual(second.sent, ["b", "c"])
        const whole = yield* recordingOf(path)
        assert.isUndefined(whole.incomplete)
        assert.lengthOf(whole.entries, 3)

        // and now it is a recording like any other
        const third = yield* Effect.provide(
          Effect.zipLeft(Effect.all([say("a"), say("b"), say("c")]), ReplayCassette.verify),
          toFile(path, noLive)
        )
        assert.deepStrictEqual(third, ["a", "b", "c"])
        const miss = yield* Effect.flip(Effect.provide(say("d"), toFile(path, noLive)))
        assert.strictEqual(miss._tag, "ReplayMissError")
      }))

    it.scoped(`${way}: alone, leaves no file, and \`once\` records it again`, () =>
      Effect.gen(function*() {
        const path = yield* file
        yield* Effect.provide(Effect.exit(interrupted(say("b"))), toFile(path, echo(["b"]).live))
        assert.isFalse(yield* exists(path))
        assert.strictEqual(yield* Effect.provide(say("b"), toFile(path, echo().live)), "b")
        assert.strictEqual(yield* Effect.provide(say("b"), toFile(path, noLive)), "b")
      }))
  }

  it.scoped("by the interruption of the program: also between two calls", () =>
    Effect.gen(function*() {
      const path = yield* file
      const program = Effect.zipRight(say("a"), Effect.never)
      const fiber = yield* Effect.fork(Effect.provide(program, toFile(path, echo().live)))
      yield* Effect.repeat(Effect.yieldNow(), { until: () => fiber.id() !== undefined, times: 50 })
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      assert.isTrue((yield* recordingOf(path)).incomplete)
      const { live, sent } = echo()
      assert.deepStrictEqual(yield* Effect.provide(Effect.all([say("a"), say("b")]), toFile(path, live)), ["a", "b"])
      assert.deepStrictEqual(sent, ["b"])
      assert.isUndefined((yield* recordingOf(path)).incomplete)
    }))

  it.scoped("by a defect is recorded again too", () =>
    Effect.gen(function*() {
      const path = yield* file
      const live = Layer.succeed(
        NoukaiHttp,
        makeHttp(httpOf({
          execute: ({ body }) => body.message === "b" ? Effect.dieMessage("a bug") : Testing.completed(body.message)
        }))
      )
      yield* Effect.exit(Effect.provide(Effect.all([say("a"), say("b")]), toFile(path, live)))
      const again = echo()
      yield* Effect.provide(Effect.all([say("a"), say("b")]), toFile(path, again.live))
      assert.deepStrictEqual(again.sent, ["b"])
    }))

  it.scoped("a failure of the program is none: the recording is whole, and what is new is a miss", () =>
    Effect.gen(function*() {
      const path = yield* file
      yield* Effect.exit(Effect.provide(Effect.zipRight(say("a"), Effect.fail("x")), toFile(path, echo().live)))
      assert.isUndefined((yield* recordingOf(path)).incomplete)
      const error = yield* Effect.flip(Effect.provide(say("b"), toFile(path, noLive)))
      assert.match(error.message, howToRecord)
    }))

  it.scoped("that is interrupted again is recorded at the next try", () =>
    Effect.gen(function*() {
      const path = yield* file
      const slow = Effect.exit(ways["Effect.timeout"]!(say("b")))
      for (let round = 0; round < 3; round++) {
        const { live, sent } = echo(["b"])
        yield* Effect.provide(Effect.zipRight(say("a"), slow), toFile(path, live))
        assert.deepStrictEqual(sent, round === 0 ? ["a", "b"] : ["b"])
        assert.isTrue((yield* recordingOf(path)).incomplete)
      }
      assert.strictEqual(yield* Effect.provide(say("b"), toFile(path, echo().live)), "b")
    }))

  it.scoped("position: no later recording takes the place of one that was interrupted", () =>
    Effect.gen(function*() {
      const path = yield* file
      const options = { match: "position" } as const
      const program = (
        slow: (call: Effect.Effect<unknown, unknown, FlowService>) => Effect.Effect<unknown, unknown, FlowService>
      ) => Effect.all([say("a"), Effect.option(slow(say("b"))), say("c"), say("other", "acme/test/other")])
      const first = echo(["b"])
      yield* Effect.provide(
        program((call) => Effect.flatten(after("1 second", Effect.timeout(call, "1 second")))),
        toFile(path, first.live, options)
      )
      const { live, sent } = echo()
      yield* Effect.provide(program((call) => call), toFile(path, live, options))
      assert.deepStrictEqual(sent, ["b", "c"])
      const seen = yield* Effect.provide(
        Effect.zipLeft(
          Effect.all([say("a"), say("b"), say("c"), say("other", "acme/test/other")]),
          ReplayCassette.verify
        ),
        toFile(path, noLive, options)
      )
      assert.deepStrictEqual(seen, ["a", "b", "c", "other"])
    }))

  it.scoped("strict: it is recorded again in its place", () =>
    Effect.gen(function*() {
      const path = yield* file
      const options = { match: "strict" } as const
      const slow = Effect.exit(ways["Effect.timeout"]!(say("b")))
      yield* Effect.provide(Effect.all([say("a"), slow, say("c")]), toFile(path, echo(["b"]).live, options))
      const all = Effect.all([say("a"), say("b"), say("c")])
      const { live, sent } = echo()
      assert.deepStrictEqual(yield* Effect.provide(all, toFile(path, live, options)), ["a", "b", "c"])
      assert.deepStrictEqual(sent, ["b"])
      assert.deepStrictEqual(
        yield* Effect.provide(Effect.zipLeft(all, ReplayCassette.verify), toFile(path, noLive, options)),
        ["a", "b", "c"]
      )
    }))

  it.scoped("all: what is interrupted does not empty the file", () =>
    Effect.gen(function*() {
      const path = yield* file
      yield* Effect.provide(say("a"), toFile(path, echo().live))
      const before = yield* read(path)
      yield* Effect.provide(ways["Effect.timeout"]!(say("a")), toFile(path, echo(["a"]).live, { mode: "all" }))
      assert.strictEqual(yield* read(path), before)
    }))
})

it.scoped("all: what is recorded after a save is written, though the file held it before", () =>
  Effect.gen(function*() {
    const path = yield* file
    const both = Effect.zipRight(Effect.zipRight(say("a"), NoukaiRecord.save), say("b"))
    yield* Effect.provide(both, toFile(path, echo().live))
    const before = yield* read(path)
    yield* Effect.provide(both, toFile(path, echo().live, { mode: "all" }))
    assert.strictEqual(yield* read(path), before)
  }))

it.scoped("a save in the middle of a call is incomplete until the call has ended", () =>
  Effect.gen(function*() {
    const path = yield* file
    yield* Effect.provide(
      Effect.gen(function*() {
        yield* say("a")
        const fiber = yield* Effect.fork(say("b"))
        yield* Effect.yieldNow()
        yield* NoukaiRecord.save
        assert.isTrue((yield* recordingOf(path)).incomplete)
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
      }),
      toFile(
        path,
        Layer.succeed(
          NoukaiHttp,
          makeHttp(httpOf({
            execute: ({ body }) =>
              body.message === "b" ? Effect.delay(Testing.completed("b"), "1 second") : Testing.completed("a")
          }))
        )
      )
    )
    const { entries, incomplete } = yield* recordingOf(path)
    assert.isUndefined(incomplete)
    assert.lengthOf(entries, 2)
  }))

describe("a run with tools", () => {
  const tools = <E>(handler: Effect.Effect<string, E>) =>
    Tools.make(Tools.tool({
      name: "lookup",
      description: "Looks it up",
      parameters: Schema.Struct({}),
      handler: () => handler
    }))
  const execute = <E>(handler: Effect.Effect<string, E>) =>
    Effect.flatMap(
      FlowService,
      (flows) => Effect.map(flows.execute(flow, { message: "hi", tools: tools(handler) }), ({ result }) => result)
    )
  const events = <E>(handler: Effect.Effect<string, E>) =>
    Effect.flatMap(
      FlowService,
      (flows) => Stream.runLast(flows.events(flow, { message: "hi", tools: tools(handler) }))
    )
  const pause = Testing.paused([{ name: "lookup" }], { executionId: "ex-1" })
  const pauseEvents = respond(
    Testing.events.runStarted({ executionId: "ex-1" }),
    Testing.events.stepStarted("s"),
    Testing.events.toolCallsRequired("s", [{ name: "lookup" }], { executionId: "ex-1" })
  )
  const doneEvents = respond(stepCompleted("s", "done"), flowCompleted("done"))
  const rounds = {
    execute: {
      run: execute,
      hanging: { execute: [pause, Effect.never] },
      good: { execute: [pause, Testing.completed("done", { executionId: "ex-1" })] }
    },
    events: {
      run: events,
      hanging: { step: [pauseEvents, Stream.never] },
      good: { step: [pauseEvents, doneEvents] }
    }
  } as const

  for (const [name, { good, hanging, run }] of Object.entries(rounds)) {
    for (
      const [when, handler, script] of [
        ["in its handler", Effect.never, good],
        ["while its answer is awaited", Effect.succeed("found"), hanging]
      ] as const
    ) {
      it.scoped(`${name}, interrupted ${when}: the whole run is recorded again`, () =>
        Effect.gen(function*() {
          const path = yield* file
          const slow = after("1 second", Effect.timeout(run(handler), "1 second"))
          yield* Effect.provide(
            Effect.zipRight(say("a"), slow),
            toFile(
              path,
              layerScripted({
                ...script,
                execute: [
                  Testing.completed("a", { executionId: "ex-0" }),
                  ...("execute" in script ? script.execute : [])
                ]
              })
            )
          )
          const partly = yield* recordingOf(path)
          assert.isTrue(partly.incomplete)
          assert.lengthOf(partly.entries, 1)
          yield* Effect.provide(run(Effect.succeed("found")), toFile(path, layerScripted(good)))
          assert.isUndefined((yield* recordingOf(path)).incomplete)
          yield* Effect.provide(
            Effect.all([say("a"), run(Effect.succeed("found")), ReplayCassette.verify]),
            toFile(path, noLive)
          )
        }))
    }

    it.scoped(`${name}: a replay that is interrupted takes nothing from the file`, () =>
      Effect.gen(function*() {
        const path = yield* file
        yield* Effect.provide(run(Effect.succeed("found")), toFile(path, layerScripted(good)))
        const before = yield* read(path)
        yield* Effect.provide(
          after("1 second", Effect.timeout(run(Effect.never), "1 second")),
          toFile(path, noLive, { mode: "new" })
        )
        assert.strictEqual(yield* read(path), before)
      }))
  }
})

describe("a stream", () => {
  const whole = [runStarted(2), stepStarted("s"), stepCompleted("s", 1), flowCompleted(1)]
  const reading = (use: (events: Stream.Stream<unknown, unknown>) => Effect.Effect<unknown, unknown>) =>
    Effect.flatMap(FlowService, (flows) => use(flows.events(flow, { message: "hi" })))
  const scripted = (...step: ReadonlyArray<Response>) => layerScripted({ step })

  it.scoped("that its reader leaves early replays the same events, and fails when it is read further", () =>
    Effect.gen(function*() {
      const path = yield* file
      const two = reading((events) => Effect.map(Stream.runCollect(Stream.take(events, 2)), (seen) => seen.length))
      yield* Effect.provide(two, toFile(path, scripted(Stream.concat(respond(...whole.slice(0, 3)), Stream.never))))
      assert.isUndefined((yield* recordingOf(path)).incomplete)
      assert.strictEqual(yield* Effect.provide(Effect.zipLeft(two, ReplayCassette.verify), toFile(path, noLive)), 2)
      for (const mode of ["once", "none", "new"] as const) {
        const seen: Array<unknown> = []
        const error = yield* Effect.flip(
          Effect.provide(
            Effect.flatMap(
              FlowService,
              (flows) =>
                Stream.runForEach(flows.events(flow, { message: "hi" }), (event) => Effect.sync(() => seen.push(event)))
            ),
            toFile(path, noLive, { mode })
          )
        )
        assert.isAtLeast(seen.length, 2)
        assert.strictEqual(error._tag, "ReplayMissError")
        assert.match(error.message.split("\n")[0]!, howToRecordAnew)
        assert.strictEqual(error._tag === "ReplayMissError" && error.cursor?.executionId, "ex-1")
      }
    }))

  const interruptions: { readonly [when: string]: readonly [Response, Effect.Effect<unknown, unknown, FlowService>] } =
    {
      "before its first event": [
        Stream.never,
        after("1 second", Effect.timeout(reading(Stream.runDrain), "1 second"))
      ],
      "between its events": [
        Stream.concat(respond(...whole.slice(0, 3)), Stream.never),
        after("1 second", Effect.timeout(reading(Stream.runDrain), "1 second"))
      ],
      "while its reader works": [
        respond(...whole.slice(0, 3)),
        after("1 second", Effect.timeout(reading(Stream.runForEach(() => Effect.never)), "1 second"))
      ],
      "by interruptAfter": [
        Stream.concat(respond(...whole.slice(0, 3)), Stream.never),
        after("1 second", reading((events) => Stream.runDrain(Stream.interruptAfter(events, "1 second"))))
      ]
    }
  for (const [when, [response, program]] of Object.entries(interruptions)) {
    it.scoped(`that is interrupted ${when} is recorded again`, () =>
      Effect.gen(function*() {
        const path = yield* file
        yield* Effect.provide(program, toFile(path, scripted(response)))
        assert.isFalse(yield* exists(path))
        yield* Effect.provide(reading(Stream.runDrain), toFile(path, scripted(respond(...whole))))
        yield* Effect.provide(reading(Stream.runDrain), toFile(path, noLive))
      }))
  }

  it.scoped("that is interrupted in a later step is recorded again from the first one", () =>
    Effect.gen(function*() {
      const path = yield* file
      const first = respond(runStarted(2), stepStarted("s"), stepCompleted("s", 1), stepPaused(1))
      const second = respond(stepStarted("t"), stepCompleted("t", 2), flowCompleted(2))
      yield* Effect.provide(
        after("1 second", Effect.timeout(reading(Stream.runDrain), "1 second")),
        toFile(path, scripted(first, Stream.never))
      )
      assert.isFalse(yield* exists(path))
      yield* Effect.provide(reading(Stream.runDrain), toFile(path, scripted(first, second)))
      yield* Effect.provide(Effect.zipLeft(reading(Stream.runDrain), ReplayCassette.verify), toFile(path, noLive))
    }))

  it.scoped("that is over when its reader is interrupted is recorded", () =>
    Effect.gen(function*() {
      const path = yield* file
      const slow = reading(
        Stream.runForEach((event) => (event as { type: string }).type === "flow_completed" ? Effect.never : Effect.void)
      )
      yield* Effect.provide(
        after("1 second", Effect.timeout(slow, "1 second")),
        toFile(path, scripted(respond(...whole)))
      )
      yield* Effect.provide(reading(Stream.runDrain), toFile(path, noLive))
    }))
})

describe("a job", () => {
  const script = (...statuses: ReadonlyArray<string>): Scripted.Script => ({
    submitJob: [Effect.succeed({ executionId: "ex-1" })],
    pollJob: statuses.map((status) =>
      Effect.succeed({ executionId: "ex-1", status, ...(status === "completed" ? { result: "done" } : undefined) })
    )
  })
  const waiting = (timeout: Duration.DurationInput) =>
    Effect.flatMap(
      JobService,
      (jobs) =>
        Effect.flatMap(jobs.submit(flow, { message: "hi" }), (job) => Effect.timeoutOption(job.result(), timeout))
    )

  it.scoped("whose wait is interrupted is not paid again: `once` goes on to poll it", () =>
    Effect.gen(function*() {
      const path = yield* file
      // it is polled at 0, 2 and 4 seconds
      yield* Effect.provide(
        after("5 seconds", waiting("5 seconds")),
        toFile(path, layerScripted(script("pending", "running", "running")))
      )
      assert.isTrue((yield* recordingOf(path)).incomplete)
      // the same program replays without asking anybody
      yield* Effect.provide(after("5 seconds", waiting("5 seconds")), toFile(path, noLive))
      // a longer wait goes on where the recording stopped, and does not submit again
      const live = layerScripted({ pollJob: script("completed").pollJob })
      const exit = yield* Effect.provide(after("60 seconds", waiting("60 seconds")), toFile(path, live))
      assert.deepStrictEqual(JSON.parse(JSON.stringify(exit)).value, { _id: "Option", _tag: "Some", value: "done" })
      const { entries, incomplete } = yield* recordingOf(path)
      assert.isUndefined(incomplete)
      assert.lengthOf(entries, 2)
      const replayed = yield* Effect.provide(after("60 seconds", waiting("60 seconds")), toFile(path, noLive))
      assert.deepStrictEqual(replayed, exit)
    }))

  it.scoped("whose wait is interrupted ends in a miss when it is waited for longer in a replay", () =>
    Effect.gen(function*() {
      const path = yield* file
      yield* Effect.provide(
        after("5 seconds", waiting("5 seconds")),
        toFile(path, layerScripted(script("pending", "running", "running")))
      )
      const exit = yield* Effect.provide(after("12 seconds", waiting("5 minutes")), NoukaiReplay.fromFile(path))
      const error = yield* Effect.flip(exit)
      assert.strictEqual(error._tag, "ReplayMissError")
      assert.match(error.message, howToRecord)
    }))
})

describe("a call whose own clock runs out", () => {
  const timeout = Duration.seconds(5)
  const recorded = (script: Scripted.Script, program: Effect.Effect<unknown, unknown, FlowService>) =>
    Effect.gen(function*() {
      const path = yield* file
      const exit = yield* Effect.provide(after("5 seconds", program), toFile(path, layerScripted(script)))
      assert.isUndefined((yield* recordingOf(path)).incomplete)
      return [exit, yield* Effect.provide(Effect.exit(program), toFile(path, noLive))] as const
    })
  const errorOf = (exit: Exit.Exit<unknown, unknown>) =>
    Exit.isFailure(exit) ? JSON.parse(JSON.stringify(Cause.squash(exit.cause))) : exit

  it.scoped("fails with the recorded error, without waiting", () =>
    Effect.gen(function*() {
      const call = Effect.flatMap(FlowService, (flows) => flows.execute(flow, { message: "hi", timeout }))
      const [live, replayed] = yield* recorded({ execute: [Effect.never] }, call)
      assert.deepInclude(errorOf(live), { _tag: "APITimeoutError", clock: "total" })
      assert.deepStrictEqual(errorOf(replayed), errorOf(live))
    }))

  it.scoped("so does a stream, after its events", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const call = Effect.flatMap(FlowService, (flows) =>
        Stream.runForEach(flows.events(flow, { message: "hi", timeout }), ({ type }) =>
          Effect.sync(() =>
            seen.push(type)
          )))
      const [live, replayed] = yield* recorded({ step: [Stream.concat(respond(runStarted(1)), Stream.never)] }, call)
      assert.deepInclude(errorOf(live), { _tag: "APITimeoutError", clock: "total", executionId: "ex-1" })
      assert.deepStrictEqual(errorOf(replayed), errorOf(live))
      assert.deepStrictEqual(seen, ["run_started", "run_started"])
    }))
})

it.scoped("a call in flight is given up when the layer closes, and is not waited for", () =>
  Effect.gen(function*() {
    const path = yield* file
    const begun = yield* Deferred.make<void>()
    yield* Effect.provide(
      Effect.gen(function*() {
        yield* say("a")
        yield* Effect.forkDaemon(
          Effect.flatMap(FlowService, (flows) =>
            Stream.runForEach(flows.events(flow, { message: "hi" }), () => Deferred.succeed(begun, void 0)))
        )
        yield* Deferred.await(begun)
      }),
      toFile(
        path,
        layerScripted({
          execute: [Testing.completed("a")],
          step: [Stream.concat(respond(runStarted(1)), Stream.never)]
        })
      )
    )
    const { entries, incomplete } = yield* recordingOf(path)
    assert.isTrue(incomplete)
    assert.deepStrictEqual(
      entries.map(({ endpoint }) =>
        endpoint
      ),
      ["execute"]
    )
  }))
