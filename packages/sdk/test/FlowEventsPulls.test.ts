/** Pulls that are interrupted and made again: a heartbeat must not cost a run, a step or a tool call. */
import {
  type CallError,
  FlowExecutionError,
  FlowService,
  NoukaiHttp,
  RunService,
  Tools,
  UnexpectedResponseError
} from "@effect-noukai/sdk"
import type { Options } from "@effect-noukai/sdk/NoukaiConfig"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Context, Deferred, Effect, Fiber, Option, Schedule, type Scope, Stream, TestClock } from "effect"
import { clientFor, servicesFor } from "./support/client.js"
import { sleepingUntil, turn } from "./support/clock.js"
import { events as respondWith, frame, open, runStarted as runStartedFrame } from "./support/eventFrames.js"
import {
  bodies,
  cut,
  flowCompleted,
  lost,
  requests,
  respond,
  type Response,
  runStarted,
  scripted,
  stepCompleted,
  stepPaused,
  stepStarted,
  toolPause
} from "./support/scripted.js"
import { type Answer, json, serve } from "./support/WireServer.js"

const flow = "acme/support/greet"

const collect = <A, E, R>(stream: Stream.Stream<A, E, R>) =>
  Effect.map(Stream.runCollect(stream), Chunk.toReadonlyArray)

type Services = Effect.Effect.Success<ReturnType<typeof servicesFor>>

const idleTimeout = 200

const request = () => ({
  method: "test",
  flow: { org: "acme", project: "support", slug: "greet" },
  options: { idleTimeout },
  progress: { sent: "no" as const }
})

type EventsOf = (services: Services) => Stream.Stream<{ readonly type: string }, CallError>

/** Every stream of a response. */
const streams: ReadonlyArray<readonly [name: string, streamOf: EventsOf]> = [
  [
    "FlowService.events",
    (services) => Context.get(services, FlowService).events(flow, { message: "hi", idleTimeout })
  ],
  [
    "RunService.liveTrace",
    (services) => Context.get(services, RunService).liveTrace(flow, "ex-1", { idleTimeout })
  ],
  [
    "a step of NoukaiHttp",
    (services) =>
      Context.get(services, NoukaiHttp).stream("step", {
        ...request(),
        body: { stepIndex: 0 } as never,
        version: "production",
        sessionId: undefined
      })
  ],
  [
    "a trace of NoukaiHttp",
    (services) => Context.get(services, NoukaiHttp).stream("traceStream", { ...request(), executionId: "ex-1" })
  ]
]

const whole = respondWith(runStartedFrame, frame("flow_completed", { executionId: "ex-1", result: 1 }))

const typesOf = (events: Iterable<{ readonly type: string }>) => Array.from(events, ({ type }) => type)

/** A stream whose first pull was interrupted when its request had arrived, and the answer that is still to come. */
const interruptedOpening = <A, E, R>(
  answer: Answer,
  streamOf: (server: { readonly baseUrl: string }) => Effect.Effect<Stream.Stream<A, E, R>, never, Scope.Scope>
) =>
  Effect.gen(function*() {
    let give: () => void = () => {}
    const server = yield* serve((response, request) => {
      give = () => answer(response, request)
    })
    const pull = yield* Stream.toPull(yield* streamOf(server))
    const arrived = server.arrived(1)
    const first = yield* Effect.fork(pull)
    yield* arrived
    yield* Fiber.interrupt(first)
    return { server, pull, answer: () => give() }
  })

describe.each(streams)("%s, a pull of which is interrupted and made again", (_, streamOf) => {
  it.scopedLive("waits for the response that is being opened", () =>
    Effect.gen(function*() {
      const opening = interruptedOpening(whole, (server) => Effect.map(servicesFor(server), streamOf))
      const { answer, pull, server } = yield* opening
      const second = yield* Effect.fork(pull)
      yield* turn
      answer()
      const seen = typesOf(yield* Fiber.join(second))
      while (seen.at(-1) !== "flow_completed") seen.push(...typesOf(yield* pull))
      assert.deepStrictEqual(seen, ["run_started", "flow_completed"])
      assert.lengthOf(server.requests, 1)
    }))

  it.scoped("counts the silence of the server on", () =>
    Effect.gen(function*() {
      const server = yield* serve(open([runStartedFrame]))
      const pull = yield* Stream.toPull(streamOf(yield* servicesFor(server)))
      assert.deepStrictEqual(typesOf(yield* pull), ["run_started"])
      for (let beat = 0; beat < 3; beat++) {
        const fiber = yield* Effect.fork(pull)
        yield* sleepingUntil(idleTimeout)
        yield* TestClock.adjust(50)
        yield* Fiber.interrupt(fiber)
      }
      const last = yield* Effect.fork(Effect.flip(pull))
      yield* TestClock.adjust(50)
      const error = yield* Fiber.join(last)
      assert.deepInclude(Option.getOrThrow(error), { _tag: "APITimeoutError", clock: "idle" })
    }))

  it.scopedLive("leaves the limits of its client at its end, before its scope closes", () =>
    Effect.gen(function*() {
      const server = yield* serve(whole, whole)
      const services = yield* servicesFor(server, { maxConcurrency: 1 })
      for (const _ of [1, 2]) {
        const pull = yield* Stream.toPull(streamOf(services))
        while (Option.isSome(yield* Effect.option(pull)));
      }
      assert.lengthOf(server.requests, 2)
    }))
})

describe("a pull that is interrupted and made again", () => {
  const clients: ReadonlyArray<readonly [string, Options]> = [
    ["", {}],
    [", when somebody listens", { log: () => {} }],
    [", within a limit", { maxConcurrency: 1 }]
  ]
  it.scopedLive.each(clients)(
    "waits for the same response: one run, however many heartbeats%s",
    ([, options]) =>
      Effect.gen(function*() {
        const { answer, pull, server } = yield* interruptedOpening(
          respondWith(
            runStartedFrame,
            frame("step_completed", { stepId: "a", output: 1 }),
            frame("flow_completed", { executionId: "ex-1", result: 1 })
          ),
          (server) => Effect.map(clientFor(server, options), (flows) => flows.events(flow, { message: "hi" }))
        )
        const second = yield* Effect.fork(pull)
        yield* turn
        yield* Fiber.interrupt(second)
        const third = yield* Effect.fork(pull)
        yield* turn
        answer()
        const chunk = yield* Fiber.join(third)
        assert.deepStrictEqual(Chunk.toReadonlyArray(chunk).map((event) => event.type), [
          "run_started",
          "step_completed",
          "flow_completed"
        ])
        assert.lengthOf(server.requests, 1)
      })
  )

  it.scoped("waits on for the retry of what was refused, which is sent once", () =>
    Effect.gen(function*() {
      const server = yield* serve(
        json(429, { detail: { code: "RATE_LIMIT" } }, { "retry-after": "10" }),
        respondWith(runStartedFrame, frame("flow_completed", { executionId: "ex-1", result: 1 }))
      )
      const flows = yield* clientFor(server)
      const pull = yield* Stream.toPull(flows.events(flow, { message: "hi" }))
      const first = yield* Effect.fork(pull)
      yield* sleepingUntil(10_000)
      yield* Fiber.interrupt(first)
      const second = yield* Effect.fork(pull)
      yield* TestClock.adjust("10 seconds")
      const chunk = yield* Fiber.join(second)
      assert.strictEqual(Chunk.unsafeHead(chunk).type, "run_started")
      assert.lengthOf(server.requests, 2)
    }))

  it.scoped("a stream that is left while a retry waits sends nothing more", () =>
    Effect.gen(function*() {
      const server = yield* serve(json(429, { detail: { code: "RATE_LIMIT" } }, { "retry-after": "10" }))
      const flows = yield* clientFor(server)
      yield* Effect.scoped(Effect.gen(function*() {
        const pull = yield* Stream.toPull(flows.events(flow, { message: "hi" }))
        const fiber = yield* Effect.fork(pull)
        yield* sleepingUntil(10_000)
        yield* Fiber.interrupt(fiber)
      }))
      yield* TestClock.adjust("1 minute")
      yield* Effect.replicateEffect(turn, 5)
      assert.lengthOf(server.requests, 1)
    }))

  it.scopedLive("between two steps it posts the next step once", () =>
    Effect.gen(function*() {
      let answer: () => void = () => {}
      const late: Answer = (response, request) => {
        answer = () =>
          respondWith(
            frame("step_completed", { stepId: "b", output: 2 }),
            frame("flow_completed", { executionId: "ex-1", result: 2 })
          )(response, request)
      }
      const server = yield* serve(
        respondWith(
          runStartedFrame,
          frame("step_completed", { stepId: "a", output: 1 }),
          frame("step_paused", { executionId: "ex-1", nextStepIndex: 1 })
        ),
        late
      )
      const flows = yield* clientFor(server)
      const pull = yield* Stream.toPull(flows.events(flow, { message: "hi" }))
      yield* pull
      const first = yield* Effect.fork(pull)
      yield* server.arrived(2)
      yield* Fiber.interrupt(first)
      const second = yield* Effect.fork(pull)
      answer()
      yield* Fiber.join(second)
      assert.lengthOf(server.requests, 2)
    }))

  it.scopedLive("a stream that is left closes the connection that nobody waits for any more", () =>
    Effect.gen(function*() {
      const server = yield* serve(open([]))
      const flows = yield* clientFor(server)
      yield* Effect.scoped(Effect.gen(function*() {
        const pull = yield* Stream.toPull(flows.events(flow, { message: "hi" }))
        const fiber = yield* Effect.fork(pull)
        yield* server.arrived(1)
        yield* Fiber.interrupt(fiber)
      }))
      yield* server.allEnded
    }))

  it.effect("a tool handler runs once, and its answer is posted once", () =>
    Effect.gen(function*() {
      let ran = 0
      const gate = yield* Deferred.make<void>()
      const began = yield* Deferred.make<void>()
      const tools = Tools.handle([{ type: "function", function: { name: "lookup_order" } }], (calls) =>
        Effect.gen(function*() {
          ran++
          yield* Deferred.succeed(began, undefined)
          yield* Deferred.await(gate)
          return calls.map(({ id }) => ({ toolCallId: id, content: "x" }))
        }))
      yield* scripted(
        [
          respond(runStarted(1), stepStarted("a"), toolPause("a", "tc_1")),
          respond(stepCompleted("a"), flowCompleted(1))
        ],
        (flows) =>
          Effect.scoped(Effect.gen(function*() {
            const pull = yield* Stream.toPull(flows.events(flow, { tools }))
            yield* pull
            for (let beat = 0; beat < 5; beat++) {
              const waiting = yield* Effect.fork(pull)
              yield* Deferred.await(began)
              yield* Fiber.interrupt(waiting)
            }
            yield* Deferred.succeed(gate, undefined)
            yield* pull
            assert.strictEqual(ran, 1)
            assert.lengthOf(yield* requests, 2)
          }))
      )
    }))

  it.effect("heartbeats over timeoutOption cost nothing", () =>
    Effect.gen(function*() {
      const slow: Response = Stream.concat(
        Stream.drain(Stream.fromEffect(Effect.sleep("1 minute"))),
        respond(runStarted(1), stepCompleted("a"), flowCompleted(1))
      )
      yield* scripted([slow], (flows) =>
        Effect.scoped(Effect.gen(function*() {
          const pull = yield* Stream.toPull(flows.events(flow, {}))
          const beating = Effect.timeoutOption(pull, "10 seconds").pipe(
            Effect.repeat({ until: Option.isSome })
          )
          const fiber = yield* Effect.fork(beating)
          yield* TestClock.adjust("3 minutes")
          assert.isTrue(Option.isSome(yield* Fiber.join(fiber)))
          assert.lengthOf(yield* requests, 1)
        })))
    }))

  it.effect("the wait before a healed request is not cut short, and not begun again", () =>
    scripted(
      [cut(runStarted(1), stepStarted("a")), respond(stepCompleted("a"), flowCompleted(1))],
      (flows) =>
        Effect.scoped(Effect.gen(function*() {
          const pull = yield* Stream.toPull(flows.events(flow, { heal: Schedule.spaced("1 minute") }))
          yield* pull
          const first = yield* Effect.fork(pull)
          yield* TestClock.adjust("30 seconds")
          yield* Fiber.interrupt(first)
          const second = yield* Effect.fork(pull)
          yield* TestClock.adjust("29 seconds")
          assert.lengthOf(yield* requests, 1)
          yield* TestClock.adjust("1 seconds")
          yield* Fiber.join(second)
          assert.lengthOf(yield* requests, 2)
        }))
    ))
})

describe("pauses without end", () => {
  const onlyPauses = (first: Response) => [
    first,
    ...Array.from({ length: 200 }, (_, n) => respond(stepPaused(n + 2)))
  ]

  it.effect("a server that only ever pauses is given up, with the cursor", () =>
    scripted(onlyPauses(respond(runStarted(), stepPaused(1))), (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(flows.steps(flow, {})))
        assert.instanceOf(error, UnexpectedResponseError)
        assert.include(error.message, "without having completed a new step")
        assert.strictEqual(error.cursor?.executionId, "ex-1")
        assert.isAtMost((yield* requests).length, 16)
      })))

  it.effect("a pause beyond the steps that the flow has is given up at once", () =>
    scripted(onlyPauses(respond(runStarted(2), stepPaused(1))), (flows) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(collect(flows.events(flow, {})))
        assert.instanceOf(error, UnexpectedResponseError)
        assert.lengthOf(yield* requests, 3)
      })))

  it.effect("the same step completed again and again is no progress", () =>
    scripted(
      [
        respond(runStarted(), stepCompleted("a"), stepPaused(1)),
        ...Array.from({ length: 200 }, (_, n) => respond(stepCompleted("a"), stepPaused(n + 2)))
      ],
      (flows) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(collect(flows.steps(flow, {})))
          assert.instanceOf(error, UnexpectedResponseError)
          assert.isAtMost((yield* requests).length, 20)
        })
    ))

  it.effect("skipped steps are legitimate", () =>
    scripted(
      [
        respond(runStarted(4), stepCompleted("a"), stepPaused(1)),
        respond(stepPaused(2)),
        respond(stepPaused(3)),
        respond(stepCompleted("d"), flowCompleted(1))
      ],
      (flows) =>
        Effect.gen(function*() {
          const seen = yield* collect(flows.steps(flow, {}))
          assert.deepStrictEqual(seen.map(({ stepId }) => stepId), ["a", "d"])
          assert.deepStrictEqual((yield* bodies).map(({ stepIndex }) => stepIndex), [0, 1, 2, 3])
        })
    ))

  it.effect("healing is not renewed by a step that was completed before", () =>
    scripted(
      [
        cut(runStarted(), stepCompleted("a")),
        ...Array.from({ length: 100 }, () => cut(stepCompleted("a")))
      ],
      (flows) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(collect(flows.events(flow, { heal: Schedule.recurs(4) })))
          assert.strictEqual(error._tag, "APIConnectionError")
          assert.lengthOf(yield* requests, 5)
        })
    ))

  it.effect("a flow of no steps is never asked for step -1", () =>
    scripted([cut(runStarted(0)), respond(flowCompleted(null))], (flows) =>
      Effect.gen(function*() {
        yield* collect(flows.events(flow, { heal: Schedule.recurs(1) }))
        assert.deepStrictEqual((yield* bodies).map(({ stepIndex }) => stepIndex), [0, 0])
      })))
})

describe("errors are values", () => {
  it.effect("one that is shared by two streams stays as it was, and each stream fails with its own", () =>
    Effect.gen(function*() {
      const shared = lost()
      const before = JSON.stringify(shared)
      const broken = (executionId: string): Response =>
        Stream.concat(
          respond({ type: "run_started", executionId }, stepCompleted("a")),
          Stream.fail(shared)
        )
      const failure = (executionId: string) =>
        scripted([broken(executionId)], (flows) => Effect.flip(collect(flows.events(flow, {}))))
      const one = yield* failure("ex-1")
      const two = yield* failure("ex-2")
      assert.strictEqual(JSON.stringify(shared), before)
      assert.isUndefined(shared.cursor)
      assert.deepStrictEqual([one.executionId, two.executionId], ["ex-1", "ex-2"])
      assert.strictEqual((one as typeof shared).cursor?.executionId, "ex-1")
      assert.strictEqual(one._tag, "APIConnectionError")
      assert.instanceOf(one, shared.constructor as never)
    }))

  it.effect("a frozen error is no defect", () =>
    Effect.gen(function*() {
      const frozen = Object.freeze(new FlowExecutionError({ method: "m", isRetryable: false, statusCode: 500 }))
      const error = yield* scripted([
        Stream.concat(respond(runStarted(1)), Stream.fail(frozen))
      ], (flows) => Effect.flip(collect(flows.events(flow, {}))))
      assert.strictEqual(error._tag, "FlowExecutionError")
      assert.strictEqual(error.executionId, "ex-1")
    }))
})

describe("the chunks of a long run", () => {
  const ran = (steps: number) =>
    scripted(
      [respond(
        runStarted(steps),
        ...Array.from({ length: steps }, (_, i) => stepCompleted(`step-${i}`)),
        flowCompleted("done")
      )],
      (flows) => collect(Stream.chunks(flows.events(flow, { message: "hi", runRemaining: true })))
    )

  it.effect("end with the end of the run alone, so that whoever keeps the last chunk keeps no outputs", () =>
    Effect.gen(function*() {
      const chunks = (yield* ran(300)).map(Chunk.toReadonlyArray)
      assert.deepStrictEqual(chunks.at(-1)?.map(({ type }) => type), ["flow_completed"])
      assert.deepStrictEqual(
        chunks.flat().flatMap((event) => event.type === "step_completed" ? [event.stepId] : []),
        Array.from({ length: 300 }, (_, i) => `step-${i}`)
      )
      assert.strictEqual(chunks.flat().length, 302)
    }))

  it.effect("are as they came where there are few", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual((yield* ran(3)).map(Chunk.size), [5])
    }))
})
