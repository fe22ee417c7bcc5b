/** Programs in a replay and in a tool round: what must hold however they are made. */
import { Flow, FlowService, type Noukai, NoukaiHttp, Tools, TraceScope } from "@effect-noukai/effect4"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Schema, Stream } from "effect"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { key, world } from "./support/world.js"

const { emulator, live, run } = world()

type Services = Noukai.Services

type Program = Effect.Effect<unknown, unknown, Services>

/** The ways in which a program goes around its scope. `outer` is the context outside the replay. */
const wrappings: Record<string, (self: Program, outer: Context.Context<Services>) => Program> = {
  provide: (self) => Effect.provide(self, live({ replayEnabled: true })),
  provideService: (self, outer) => Effect.provideService(self, FlowService, Context.get(outer, FlowService)),
  provideOuter: (self, outer) => Effect.provide(self, outer),
  updateContext: (self, outer) => Effect.updateContext(self, () => outer),
  fork: (self) => Effect.flatMap(Effect.forkChild(self), Fiber.join),
  forkDetach: (self) => Effect.flatMap(Effect.forkDetach(self), Fiber.join),
  race: (self) => Effect.raceFirst(self, Effect.never),
  all: (self) => Effect.map(Effect.all([self, Effect.sleep(1)], { concurrency: 2 }), ([first]) => first),
  runPromise: (self, outer) => Effect.promise(() => Effect.runPromise(Effect.provide(self, outer))),
  runFork: (self, outer) =>
    Effect.callback((resume) => {
      Effect.runForkWith(outer)(self).addObserver(resume)
    }),
  sleep: (self) => Effect.andThen(Effect.sleep(1), self),
  stream: (self) => Stream.runDrain(Stream.mapEffect(Stream.fromEffect(Effect.sleep(1)), () => self)),
  streamOfOuter: (self, outer) => Stream.runDrain(Stream.updateContext(Stream.fromEffect(self), () => outer)),
  capture: (self) => TraceScope.capture(self),
  captureStream: (self) => Stream.runDrain(TraceScope.captureStream(Stream.fromEffect(self))),
  withSession: (self) => TraceScope.withSession("6b0f3f6e-3c5f-4f25-9d3f-1d7a51f5a333")(self),
  layer: (self) => Effect.provide(self, Layer.effectDiscard(Effect.sleep(1))),
  interruption: (self) =>
    Effect.flatMap(Effect.forkChild(Effect.never), (fiber) => Effect.andThen(Fiber.interrupt(fiber), self))
}

const names = Object.keys(wrappings)

const asked = Effect.flatMap(FlowService, (flows) => flows.execute("acme/t/echo", { message: "hi", snapshots: true }))

const streamed = Effect.flatMap(FlowService, (flows) => Stream.runDrain(flows.events("acme/t/two", { message: "hi" })))

const service = () => live({ replayEnabled: true })

describe("a replay", () => {
  it("is never left", async () => {
    const chain = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 4 })
    await Effect.runPromise(Effect.provide(
      Effect.gen(function*() {
        const outer = yield* Effect.context<Services>()
        const { sessionId } = yield* TraceScope.capture(asked)
        const property = fc.asyncProperty(chain, fc.boolean(), fc.boolean(), async (chain, isStream, asStream) => {
          const call: Program = isStream ? streamed : asked
          const body = chain.reduceRight<Program>((self, name) => wrappings[name]!(self, outer), call)
          const replayed = asStream
            ? Stream.runDrain(TraceScope.replayStream(sessionId!)(Stream.fromEffect(body)))
            : TraceScope.replay(sessionId!)(body)
          const before = emulator().ledger().runsStarted
          await Effect.runPromiseExit(Effect.provide(replayed, outer))
          assert.strictEqual(emulator().ledger().runsStarted, before, chain.join(" > "))
        })
        yield* Effect.promise(() => fc.assert(property, { numRuns: 60 }))
      }),
      service()
    ))
  })

  it("answers each call of a program, whatever is around it", async () => {
    await Effect.runPromise(Effect.provide(
      Effect.gen(function*() {
        const outer = yield* Effect.context<Services>()
        const { sessionId } = yield* TraceScope.capture(asked)
        for (const name of names.filter((name) => name !== "withSession")) {
          const exit = yield* Effect.exit(TraceScope.replay(sessionId!)(wrappings[name]!(asked, outer)))
          assert.isTrue(Exit.isSuccess(exit), `${name}: ${Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""}`)
        }
      }),
      service()
    ))
  })

  it("is not entered by programs beside it", () =>
    run(
      Effect.gen(function*() {
        const { sessionId } = yield* TraceScope.capture(asked)
        const before = emulator().ledger().runsStarted
        const beside = Effect.andThen(Effect.sleep(5), asked)
        yield* Effect.all([TraceScope.replay(sessionId!)(Effect.andThen(Effect.sleep(10), asked)), beside], {
          concurrency: 2
        })
        assert.strictEqual(emulator().ledger().runsStarted, before + 1)
      }),
      { replayEnabled: true }
    ))
})

describe("a tool round", () => {
  const weather = (handler: Effect.Effect<string>) =>
    Tools.tool({ name: "get_weather", parameters: Schema.Struct({ city: Schema.String }), handler: () => handler })

  const operations = {
    execute: (tool: Tools.Tool<never, never>) =>
      Effect.flatMap(FlowService, (flows) => flows.execute("acme/t/tool", { message: "hi", tools: [tool] })),
    events: (tool: Tools.Tool<never, never>) =>
      Effect.flatMap(
        FlowService,
        (flows) => Stream.runDrain(flows.events("acme/t/tool", { message: "hi", tools: [tool] }))
      )
  }

  it("is interrupted at every await, with its finalizers awaited", async () => {
    for (const [name, operation] of Object.entries(operations)) {
      // the requests and the handler are what a round waits for; each turn interrupts a little later
      for (let turn = 0; turn < 12; turn++) {
        let began = 0
        let ended = 0
        const handler = Effect.acquireUseRelease(
          Effect.sync(() => {
            began++
          }),
          () => Effect.as(Effect.sleep(2), "18"),
          () =>
            Effect.andThen(
              Effect.sleep(1),
              Effect.sync(() => {
                ended++
              })
            )
        )
        await run(Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(operation(weather(handler)))
          yield* Effect.sleep(turn * 2)
          yield* Fiber.interrupt(fiber)
          assert.strictEqual(ended, began, `${name}, turn ${turn}`)
          const exit = yield* Fiber.await(fiber)
          if (Exit.isFailure(exit)) assert.isTrue(Cause.hasInterruptsOnly(exit.cause), Cause.pretty(exit.cause))
        }))
      }
    }
  })

  it("ends with the layer of its client", async () => {
    for (const operation of Object.values(operations)) {
      let ended = false
      const exit = await Effect.runPromise(Effect.gen(function*() {
        const began = yield* Deferred.make<void>()
        const handler = Effect.onExit(
          Effect.andThen(Deferred.succeed(began, undefined), Effect.never),
          () =>
            Effect.sync(() => {
              ended = true
            })
        )
        const context = yield* Deferred.make<Context.Context<Services>>()
        const layer = yield* Effect.forkChild(Effect.provide(
          Effect.flatMap(
            Effect.context<Services>(),
            (found) => Effect.andThen(Deferred.succeed(context, found), Deferred.await(began))
          ),
          live()
        ))
        const services = yield* Deferred.await(context)
        const call = yield* Effect.forkChild(Effect.provide(operation(weather(handler)), services))
        yield* Fiber.join(layer)
        return yield* Fiber.await(call)
      }))
      assert.isTrue(ended)
      assert.isTrue(Exit.isFailure(exit))
    }
  })
})

describe("a planted key", () => {
  it("is in no error, log, event or cause, and no rejection is unhandled", async () => {
    const unhandled: Array<unknown> = []
    const hear = (reason: unknown) => void unhandled.push(reason)
    process.on("unhandledRejection", hear)
    const seen: Array<string> = []
    const typed = Flow.make("acme/t/echo", { result: Schema.Struct({ no: Schema.String }) })
    try {
      await run(
        Effect.gen(function*() {
          const flows = yield* FlowService
          const http = yield* NoukaiHttp
          const exits: ReadonlyArray<Exit.Exit<unknown, unknown>> = yield* Effect.all([
            Effect.exit(flows.execute("acme/t/none", { message: key })),
            Effect.exit(flows.execute(typed, { message: "hi" })),
            Effect.exit(flows.execute("acme/t/failing", { message: "hi" })),
            Effect.exit(flows.execute("acme/t/echo", { message: "hi", headers: { authorization: "x" } })),
            Effect.exit(flows.executeOnce("", "acme/t/echo", { message: "hi" })),
            Effect.exit(Stream.runDrain(flows.steps("acme/t/failing", { message: "hi" }))),
            Effect.exit(Effect.timeoutOption(flows.execute("acme/t/slow", { message: "hi" }), "20 millis"))
          ])
          for (const exit of exits) {
            seen.push(JSON.stringify(exit), String(exit), Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "")
          }
          seen.push(
            JSON.stringify(http),
            JSON.stringify(yield* Effect.exit(flows.execute("acme/t/two", { message: "hi" })))
          )
        }),
        { log: (event) => seen.push(JSON.stringify(event)), logPayloads: true }
      )
      await new Promise((resolve) => setImmediate(resolve))
    } finally {
      process.off("unhandledRejection", hear)
    }
    // the message is the caller's own text
    for (const text of seen) assert.notInclude(text.replaceAll(`"message":"${key}"`, ""), key)
    assert.deepStrictEqual(unhandled, [])
  })
})
