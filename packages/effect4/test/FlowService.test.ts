import {
  APIConnectionError,
  APITimeoutError,
  AuthenticationError,
  Flow,
  FlowExecutionError,
  FlowNotFoundError,
  FlowService,
  InvalidRequestError,
  Noukai,
  NoukaiLive,
  Tools,
  UnexpectedResponseError
} from "@effect-noukai/effect4"
import {
  Cause,
  Config,
  ConfigProvider,
  Context,
  Data,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  Redacted,
  Schedule,
  Schema,
  Stream
} from "effect"
import { TestClock } from "effect/testing"
import { assert, describe, it } from "vitest"
import { causeOf, key, world } from "./support/world.js"

const { emulator, live, run } = world()

const grade = Flow.make("acme/t/grade", {
  parameters: Schema.Struct({ since: Schema.DateFromString }),
  result: Schema.Struct({ score: Schema.Number, at: Schema.DateFromString })
})

class Mine extends Data.TaggedError("Mine")<{ readonly n: number }> {}

class Weather
  extends Context.Service<Weather, { readonly of: (city: string) => Effect.Effect<string, Mine> }>()("Weather")
{}

const weather = Tools.tool({
  name: "get_weather",
  parameters: Schema.Struct({ city: Schema.String }),
  handler: ({ city }) => Effect.flatMap(Weather, ({ of }) => of(city))
})

const withWeather = (of: (city: string) => Effect.Effect<string, Mine>) => Layer.succeed(Weather, { of })

const sent = (endpoint: string) => emulator().ledger().requests.filter((one) => one.endpoint === endpoint).length

const waiting = (finalized: { done: boolean }, began: Deferred.Deferred<void>) =>
  withWeather(() =>
    Effect.gen(function*() {
      yield* Deferred.succeed(began, undefined)
      return yield* Effect.never
    }).pipe(Effect.onExit(() =>
      Effect.andThen(
        Effect.sleep(20),
        Effect.sync(() => {
          finalized.done = true
        })
      )
    ))
  )

describe("layers", () => {
  it("read the environment through the ConfigProvider, and refuse a wrong key as their error", async () => {
    const env = (values: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromUnknown(values))
    const opened = (layer: Layer.Layer<Noukai.Services, AuthenticationError | InvalidRequestError>) =>
      Effect.provide(Effect.flatMap(FlowService, (flows) => flows.execute("acme/t/echo", { message: "hi" })), layer)
    const missing = await Effect.runPromise(Effect.flip(opened(NoukaiLive).pipe(Effect.provide(env({})))))
    assert.instanceOf(missing, AuthenticationError)
    const options = {
      apiKey: Config.Redacted("MY_KEY"),
      env: Config.succeed("dev" as const),
      port: Config.succeed(emulator().port)
    }
    const configured = opened(Noukai.layerConfig(options))
    const done = await Effect.runPromise(Effect.provide(configured, env({ MY_KEY: key })))
    assert.strictEqual(done.status, "completed")
    const unset = await Effect.runPromise(Effect.flip(Effect.provide(configured, env({}))))
    assert.deepInclude(unset, { _tag: "InvalidRequestError", field: "configuration" })
    const wrong = await Effect.runPromise(Effect.flip(Effect.provide(Effect.void, live({ port: -1 }))))
    assert.instanceOf(wrong, InvalidRequestError)
    assert.strictEqual((wrong as InvalidRequestError).field, "port")
  })

  it("are closed with their scope, and end the calls in flight", async () => {
    const exit = await Effect.runPromiseExit(Effect.gen(function*() {
      const flows = yield* Effect.provide(FlowService, live())
      return yield* flows.execute("acme/t/echo", { message: "hi" })
    }))
    const error = Cause.squash(causeOf(exit))
    assert.instanceOf(error, APIConnectionError)
    assert.strictEqual((error as APIConnectionError).sent, "no")
  })

  it("stay two clients in nested provides", async () => {
    const other = { apiKey: Redacted.make("nk_other"), sessionId: "7b0f3f6e-3c5f-4f25-9d3f-1d7a51f5a222" }
    const ids = await run(Effect.gen(function*() {
      const outer = yield* FlowService
      const inner = yield* Effect.provide(FlowService, live(other))
      const inside = yield* Effect.provide(
        Effect.flatMap(FlowService, (flows) => flows.execute("acme/t/echo", { message: "hi" })),
        live(other)
      )
      const done = yield* outer.execute("acme/t/echo", { message: "hi" })
      return [outer === inner, inside.sessionId, done.sessionId] as const
    }))
    assert.deepStrictEqual(ids, [false, other.sessionId, undefined])
  })

  it("fake runs, with what would be sent", async () => {
    const fake = Noukai.layerTest((slug, { message, parameters }) =>
      slug === "broken"
        ? Effect.fail(failedRun)
        : Effect.succeed({ score: 1, at: "2026-01-01T00:00:00.000Z", message, parameters })
    )
    const failedRun = new FlowExecutionError({ method: "test", message: "no", isRetryable: false })
    const program = Effect.gen(function*() {
      const flows = yield* FlowService
      const done = yield* flows.execute(grade, { parameters: { since: new Date(0) } })
      const error = yield* Effect.flip(flows.execute("a/b/broken", { message: "hi" }))
      return [done.result.at.getTime(), error] as const
    })
    const [at, error] = await Effect.runPromise(Effect.provide(program, fake))
    assert.strictEqual(at, Date.UTC(2026, 0, 1))
    assert.strictEqual(error, failedRun)
  })
})

describe("execute", () => {
  it("encodes parameters and decodes the result", () =>
    run(Effect.gen(function*() {
      const flows = yield* FlowService
      const { result } = yield* flows.execute(grade, { parameters: { since: new Date(0) } })
      assert.strictEqual(result.score, 7)
      assert.instanceOf(result.at, Date)
      const echo = Flow.make("acme/t/echo", { parameters: Schema.Struct({ since: Schema.DateFromString }) })
      const echoed = yield* flows.execute(echo, { message: "hi", parameters: { since: new Date(0) } })
      assert.deepNestedInclude(echoed.result, { "parameters.since": "1970-01-01T00:00:00.000Z" })
      assert.isDefined(echoed.raw)
      assert.notProperty(JSON.parse(JSON.stringify(echoed)), "raw")
    })))

  it("fails with classes, tags and fields", () =>
    run(Effect.gen(function*() {
      const flows = yield* FlowService
      const missing = yield* Effect.flip(flows.execute("acme/t/none", { message: "hi" }))
      assert.instanceOf(missing, FlowNotFoundError)
      const caught = yield* flows.execute("acme/t/failing", { message: "hi" }).pipe(
        Effect.catchTag("FlowExecutionError", ({ code, executionId }) => Effect.succeed([code, typeof executionId]))
      )
      assert.deepStrictEqual(caught as unknown, ["MODEL_DOWN", "string"])
      const misfit = Flow.make("acme/t/grade", { result: Schema.Struct({ score: Schema.String }) })
      const error = yield* Effect.flip(flows.execute(misfit, { message: "hi" }))
      assert.instanceOf(error, UnexpectedResponseError)
      assert.deepInclude((error as UnexpectedResponseError).result, { score: 7 })
      assert.isString(error.executionId)
      const refused = yield* Effect.flip(flows.execute("acme/t/echo", { message: "hi", timeout: -1 }))
      assert.deepInclude(refused, { _tag: "InvalidRequestError", field: "timeout" })
      const invalid = yield* Effect.flip(flows.execute(grade, { parameters: { since: "no" as never } }))
      assert.deepInclude(invalid, { _tag: "InvalidRequestError", field: "parameters" })
      for (const error of [missing, misfit, refused, invalid]) {
        assert.notInclude(JSON.stringify(error) + String(error) + String((error as Error).stack), key)
      }
    })))

  it("is interrupted, and its connection closes", () =>
    run(Effect.gen(function*() {
      const flows = yield* FlowService
      const fiber = yield* Effect.forkChild(flows.execute("acme/t/slow", { message: "hi" }))
      while (sent("execute") === 0) yield* Effect.sleep(2)
      yield* Fiber.interrupt(fiber)
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
    })))

  it("has its timers on another clock than TestClock", () =>
    run(
      Effect.gen(function*() {
        const flows = yield* FlowService
        // the clock stands still: the client's timeout ends the call, and its retry waits for the delay of the schedule
        const timedOut = yield* Effect.flip(flows.execute("acme/t/slow", { message: "hi", timeout: "20 millis" }))
        assert.instanceOf(timedOut, APITimeoutError)
        emulator().addFaults({ match: { endpoint: "execute" }, script: ["429"] })
        const retry = Schedule.spaced("5 millis")
        assert.strictEqual((yield* flows.execute("acme/t/echo", { message: "hi", retry })).status, "completed")
        assert.isTrue(emulator().ledger().requests.some(({ status }) => status === 429))
        // the clock goes on: Effect's timeout ends the call, and the client's shorter one does not
        const call = Effect.timeoutOption(
          flows.execute("acme/t/slow", { message: "hi", timeout: "30 minutes" }),
          "1 hour"
        )
        const before = sent("execute")
        const fiber = yield* Effect.forkChild(call)
        while (sent("execute") === before) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        yield* TestClock.adjust("2 hours")
        assert.isTrue(Option.isNone(yield* Fiber.join(fiber)))
      }).pipe(Effect.provide(TestClock.layer()))
    ))

  it("runs once per key", () =>
    run(Effect.gen(function*() {
      const flows = yield* FlowService
      const first = yield* flows.executeOnce("key", grade, { parameters: { since: new Date(0) } })
      const second = yield* flows.executeOnce("key", grade, { parameters: { since: new Date(0) } })
      assert.deepStrictEqual([first.reused, second.reused, second.result.score], [false, true, 7])
      assert.strictEqual(emulator().ledger().runsStarted, 1)
    })))
})

describe("tools", () => {
  it("answer with services of the caller, and fail as they fail", () =>
    run(Effect.gen(function*() {
      const flows = yield* FlowService
      const asked = flows.execute("acme/t/tool", { message: "hi", tools: [weather] })
      const done = yield* Effect.provide(asked, withWeather((city) => Effect.succeed(`18 in ${city}`)))
      assert.include(JSON.stringify(done.result), "18 in Lisbon")
      const mine = new Mine({ n: 1 })
      assert.strictEqual(yield* Effect.flip(Effect.provide(asked, withWeather(() => Effect.fail(mine)))), mine)
      const defect = new Error("a bug")
      const exit = yield* Effect.exit(Effect.provide(asked, withWeather(() => Effect.die(defect))))
      assert.deepStrictEqual(causeOf(exit).reasons.map((reason) => reason._tag), ["Die"])
      assert.strictEqual(Cause.squash(causeOf(exit)), defect)
      const reported = yield* Effect.provide(
        flows.execute("acme/t/tool", { message: "hi", tools: [weather], onToolFailure: "report" }),
        withWeather(() => Effect.fail(mine))
      )
      assert.include(JSON.stringify(reported.result), "error")
      const set = Tools.handle(
        [{ type: "function", function: { name: "get_weather" } }],
        (calls) => Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: "by hand" })))
      )
      const handled = yield* flows.execute("acme/t/tool", { message: "hi", tools: set })
      assert.include(JSON.stringify(handled.result), "by hand")
    })))

  it("send wrong arguments back to the model, and encode what they return", () =>
    run(Effect.gen(function*() {
      const flows = yield* FlowService
      const dated = Tools.tool({
        name: "get_weather",
        parameters: Schema.Struct({ city: Schema.String }),
        success: Schema.Struct({ at: Schema.DateFromString }),
        handler: () => Effect.succeed({ at: new Date(0) })
      })
      const done = yield* flows.execute("acme/t/tool", { message: "hi", tools: Tools.make(dated) })
      assert.include(JSON.stringify(done.result), "1970-01-01")
      const wrong = Tools.tool({
        name: "get_weather",
        parameters: Schema.Struct({ city: Schema.Number }),
        handler: () => Effect.die("it must not run")
      })
      const sentBack = yield* flows.execute("acme/t/tool", { message: "hi", tools: [wrong] })
      assert.include(JSON.stringify(sentBack.result), "bad arguments")
    })))

  it("end with their finalizers when the call is interrupted", async () => {
    for (const operation of ["execute", "events"] as const) {
      await run(Effect.gen(function*() {
        const flows = yield* FlowService
        const began = yield* Deferred.make<void>()
        const finalized = { done: false }
        const asked: Effect.Effect<unknown, unknown, Weather> = operation === "execute"
          ? flows.execute("acme/t/tool", { message: "hi", tools: [weather] })
          : Stream.runDrain(flows.events("acme/t/tool", { message: "hi", tools: [weather] }))
        const fiber = yield* Effect.forkChild(Effect.provide(asked, waiting(finalized, began)))
        yield* Deferred.await(began)
        yield* Fiber.interrupt(fiber)
        assert.isTrue(finalized.done, operation)
      }))
    }
  })

  it("end with their finalizers when another tool fails", () =>
    run(Effect.gen(function*() {
      const flows = yield* FlowService
      const finalized = { done: false }
      const began = yield* Deferred.make<void>()
      const mixed = withWeather((city) =>
        city === "A"
          ? Effect.onExit(Effect.andThen(Deferred.succeed(began, undefined), Effect.never), () =>
            Effect.andThen(
              Effect.sleep(20),
              Effect.sync(() => {
                finalized.done = true
              })
            ))
          : Effect.andThen(Deferred.await(began), Effect.fail(new Mine({ n: 2 })))
      )
      const error = yield* flows.execute("acme/t/two-tools", { message: "hi", tools: [weather] }).pipe(
        Effect.provide(mixed),
        Effect.flip
      )
      assert.deepInclude(error, { _tag: "Mine", n: 2 })
      assert.isTrue(finalized.done)
    })))

  it("by hand pause the run, which goes on here or from its stored state", () =>
    run(Effect.gen(function*() {
      const flows = yield* FlowService
      const tools = [{ type: "function", function: { name: "get_weather" } }] as const
      const states: Array<string> = []
      const paused = yield* flows.execute("acme/t/tool", {
        message: "hi",
        tools,
        onPause: (state) => Effect.sync(() => void states.push(JSON.stringify(state)))
      })
      assert(paused.status === "tool_calls_required")
      const results = paused.toolCalls.map(({ id }) => ({ toolCallId: id, content: "18" }))
      const state = JSON.parse(states[0]!)
      const done = yield* flows.resume("acme/t/tool", state, results)
      assert.strictEqual(done.status, "completed")
      const again = yield* paused.resume(results)
      assert.strictEqual(again.status, "completed")
      const mine = new Mine({ n: 3 })
      const failed = flows.execute("acme/t/tool", { message: "hi", tools, onPause: () => Effect.fail(mine) })
      assert.strictEqual(yield* Effect.flip(failed), mine)
    })))
})

describe("events", () => {
  it("are emitted one per pull, and the rest is never asked for", () =>
    run(Effect.gen(function*() {
      const flows = yield* FlowService
      const three = yield* flows.steps("acme/t/many", { message: "hi" }).pipe(Stream.take(3), Stream.runCollect)
      assert.lengthOf(Array.from(three), 3)
      assert.isAtMost(sent("step"), 4)
    })))

  it("decode their result, and fail with the cursor, from which they go on", () =>
    run(Effect.gen(function*() {
      const flows = yield* FlowService
      const all = yield* Stream.runCollect(flows.events(grade, { parameters: { since: new Date(0) } }))
      const last = Array.from(all).at(-1)!
      assert(last.type === "flow_completed")
      assert.instanceOf(last.result.at, Date)

      emulator().addFaults({ match: { endpoint: "step" }, script: ["ok", "cut:e1"] })
      const cut = yield* Effect.flip(Stream.runDrain(flows.events("acme/t/two", { message: "hi" })))
      assert.instanceOf(cut, APIConnectionError)
      assert.strictEqual(cut.cursor?.stepIndex, 1)
      assert.notInclude(JSON.stringify(cut), "outputs")
      const rest = yield* Stream.runCollect(flows.steps("acme/t/two", { from: JSON.parse(JSON.stringify(cut.cursor)) }))
      assert.deepStrictEqual(Array.from(rest, ({ stepId }) => stepId), ["b"])
    })))

  it("heal by a schedule", () =>
    run(Effect.gen(function*() {
      const flows = yield* FlowService
      emulator().addFaults({ match: { endpoint: "step" }, script: ["ok", "cut:e1"] })
      const events = flows.events("acme/t/two", { message: "hi", heal: Schedule.recurs(2) })
      assert.strictEqual(Array.from(yield* Stream.runCollect(events)).at(-1)!.type, "flow_completed")
    })))

  it("are interrupted while they wait", () =>
    run(Effect.gen(function*() {
      const flows = yield* FlowService
      const fiber = yield* Effect.forkChild(Stream.runDrain(flows.events("acme/t/slow", { message: "hi" })))
      while (sent("step") === 0) yield* Effect.sleep(2)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Cause.hasInterruptsOnly(causeOf(yield* Fiber.await(fiber))))
    })))

  it("go on with the answer to a pause", () =>
    run(Effect.gen(function*() {
      const flows = yield* FlowService
      const tools = [{ type: "function", function: { name: "get_weather" } }] as const
      const pause = Array.from(yield* Stream.runCollect(flows.events("acme/t/tool", { message: "hi", tools }))).at(-1)!
      assert(pause.type === "tool_calls_required")
      const rest = pause.resume(pause.toolCalls.map(({ id }) => ({ toolCallId: id, content: "18" })))
      assert.strictEqual(Array.from(yield* Stream.runCollect(rest)).at(-1)!.type, "flow_completed")
    })))
})
