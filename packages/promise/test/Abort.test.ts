/** Aborts, in every phase of a call: the server sees the close, the reason comes back, and nothing is left behind. */
import { Emulator } from "@effect-noukai/emulator"
import { type EventsOptions, InvalidRequestError, Noukai, type NoukaiOptions, traceScope } from "@effect-noukai/promise"
import { Effect, Exit, Layer, Redacted, Scope } from "effect"
import { afterAll, afterEach, assert, beforeAll, beforeEach, describe, it, vi } from "vitest"
import { flows, rejection, tools } from "./support/world.js"

type Running = Emulator.Service

let scope: Scope.CloseableScope
let emulator: Running
const unhandled: Array<unknown> = []
const note = (error: unknown) => unhandled.push(error)

beforeAll(async () => {
  process.on("unhandledRejection", note)
  scope = await Effect.runPromise(Scope.make())
  const context = await Effect.runPromise(Layer.buildWithScope(Layer.orDie(Emulator.layer({ flows })), scope))
  emulator = await Effect.runPromise(Effect.provide(Emulator, context))
})

afterEach(async () => {
  assert.deepStrictEqual(unhandled, [])
  await Effect.runPromise(emulator.reset)
})

afterAll(async () => {
  process.off("unhandledRejection", note)
  await Effect.runPromise(Scope.close(scope, Exit.void))
})

const client = (options: NoukaiOptions = {}) =>
  new Noukai({ apiKey: Redacted.value(emulator.apiKey), env: "dev", port: emulator.port, ...options })

const reason = { why: "the user left" }

/** The n-th time that a step begins. */
const stepStarted = (stepIndex = 0) =>
  Effect.runPromise(emulator.awaitEvent((event) => event.type === "StepStarted" && event.stepIndex === stepIndex))

const received = (endpoint: string) =>
  Effect.runPromise(emulator.awaitEvent((event) => event.type === "RequestReceived" && event.endpoint === endpoint))

const waiting = () => Effect.runPromise(emulator.awaitEvent((event) => event.type === "Waiting"))

/** The server saw the client close what was under way. */
const closedByClient = () =>
  Effect.runPromise(emulator.awaitEvent((event) => event.type === "ConnectionClosed" && event.by === "client"))

const requests = async () => (await Effect.runPromise(emulator.ledger)).requestsReceived

const faults = (...script: [string, ...Array<string>]) => Effect.runPromise(emulator.addFaults({ script }))

/** Both ways to abort. */
const both: ReadonlyArray<
  readonly [of: string, run: (signal: AbortSignal) => { client: Noukai; signal?: AbortSignal }]
> = [
  ["of the call", (signal) => ({ client: client(), signal })],
  ["of the client", (signal) => ({ client: client({ signal }) })]
]

for (const [of, made] of both) {
  describe(`the signal ${of}`, () => {
    const setUp = () => {
      const controller = new AbortController()
      const { client, signal } = made(controller.signal)
      return { client, options: { message: "hi", ...(signal === undefined ? {} : { signal }) }, controller }
    }

    it("before the call: nothing is sent", async () => {
      const { client, controller, options } = setUp()
      controller.abort(reason)
      const flow = client.flow("noukai/samples/two-step")
      assert.strictEqual(await rejection(flow.execute(options)), reason)
      assert.strictEqual(await rejection(flow.executeAsync(options)), reason)
      const loop = flow.events(options)[Symbol.asyncIterator]()
      assert.strictEqual(await rejection(loop.next()), reason)
      assert.deepStrictEqual(await loop.next(), { done: true, value: undefined })
      assert.strictEqual(await requests(), 0)
      await client.close()
    })

    it("before the headers", async () => {
      const { client, controller, options } = setUp()
      const call = rejection(client.flow("noukai/tests/slow").execute(options))
      await stepStarted()
      controller.abort(reason)
      assert.strictEqual(await call, reason)
      await closedByClient()
      await client.close()
    })

    it("within the body", async () => {
      const { client, controller, options } = setUp()
      await faults("stall:3600000:b20")
      const call = rejection(client.flow("noukai/samples/two-step").execute(options))
      await waiting()
      controller.abort(reason)
      assert.strictEqual(await call, reason)
      await closedByClient()
      await client.close()
    })

    it("while a stream is silent", async () => {
      const { client, controller, options } = setUp()
      const types: Array<string> = []
      const call = rejection((async () => {
        for await (const event of client.flow("noukai/tests/slow-second").events(options)) types.push(event.type)
      })())
      await stepStarted(1)
      controller.abort(reason)
      assert.strictEqual(await call, reason)
      await closedByClient()
      assert.include(types, "step_completed")
      await client.close()
    })

    it("while the loop is busy with an event", async () => {
      const { client, controller, options } = setUp()
      const loop = client.flow("noukai/tests/slow-second").events({ ...options, runRemaining: true })
      const iterator = loop[Symbol.asyncIterator]()
      await iterator.next()
      await stepStarted(1)
      controller.abort(reason)
      await closedByClient()
      assert.strictEqual(await rejection(iterator.next()), reason)
      assert.deepStrictEqual(await iterator.next(), { done: true, value: undefined })
      await client.close()
    })

    it("between two polls", async () => {
      const { client, controller, options } = setUp()
      const job = await client.flow("noukai/tests/slow").executeAsync(options)
      const { signal } = options as EventsOptions
      const wait = rejection(job.wait({ pollInterval: 3_600_000, timeout: 7_200_000, signal }))
      await received("pollJob")
      controller.abort(reason)
      assert.strictEqual(await wait, reason)
      await client.close()
    })

    it("within a poll", async () => {
      const { client, controller, options } = setUp()
      const job = await client.flow("noukai/tests/slow").executeAsync(options)
      await faults("delay:3600000")
      const { signal } = options as EventsOptions
      const poll = rejection(job.poll({ signal }))
      await waiting()
      controller.abort(reason)
      assert.strictEqual(await poll, reason)
      await closedByClient()
      await client.close()
    })

    for (const kind of ["execute", "events"] as const) {
      it(`in the handler of ${kind}, which is told`, async () => {
        const { client, controller, options } = setUp()
        let told: unknown
        const withTools = {
          ...options,
          tools,
          toolHandler: (_: unknown, context: { readonly signal: AbortSignal }) =>
            new Promise<never>((_, reject) => {
              context.signal.addEventListener("abort", () => {
                told = context.signal.reason
                reject(new Error("late, and for nobody"))
              })
              controller.abort(reason)
            })
        }
        const flow = client.flow("noukai/samples/tools-enabled")
        const call = kind === "execute" ? flow.execute(withTools) : (async () => {
          for await (const event of flow.events(withTools)) assert.notStrictEqual(event.type, "flow_completed")
        })()
        assert.strictEqual(await rejection(call), reason)
        assert.strictEqual(told, reason)
        assert.strictEqual(await requests(), 1)
        await client.close()
      })
    }

    it("while a pause waits for its answer", async () => {
      const { client, controller, options } = setUp()
      const paused = await client.flow("noukai/samples/tools-enabled").execute({ ...options, tools })
      assert.isTrue(paused.requiresToolCalls)
      controller.abort(reason)
      if (paused.requiresToolCalls) assert.strictEqual(await rejection(paused.resume({ toolResults: [] })), reason)
      assert.strictEqual(await requests(), 1)
      await client.close()
    })
  })
}

describe("a loop", () => {
  for (const how of ["break", "throw"] as const) {
    it(`closes its connection on ${how}`, async () => {
      const noukai = client()
      const run = async () => {
        for await (
          const event of noukai.flow("noukai/tests/slow-second").events({ message: "hi", runRemaining: true })
        ) {
          if (event.type !== "step_completed") continue
          if (how === "break") break
          throw reason
        }
      }
      if (how === "break") await run()
      else assert.strictEqual(await rejection(run()), reason)
      await closedByClient()
      await noukai.close()
    })
  }

  it("that is left while it waits for an event is done", async () => {
    const noukai = client()
    const loop = noukai.flow("noukai/tests/slow").events({ message: "hi" })[Symbol.asyncIterator]()
    await loop.next()
    await loop.next()
    const pending = loop.next()
    await stepStarted()
    assert.deepStrictEqual(await loop.return!(), { done: true, value: undefined })
    assert.deepStrictEqual(await pending, { done: true, value: undefined })
    await closedByClient()
    await noukai.close()
  })

  it("keeps no listener on the signals when it is over", async () => {
    const { count, signal } = countingSignal()
    const noukai = client({ signal })
    for await (const event of noukai.flow("noukai/samples/two-step").events({ message: "hi", signal })) {
      if (event.type === "step_paused") assert.strictEqual(count(), 1)
    }
    await noukai.flow("noukai/samples/two-step").execute({ message: "hi", signal })
    await rejection(noukai.flow("noukai/samples/nothing").execute({ message: "hi", signal }))
    assert.strictEqual(count(), 0)
    await noukai.close()
  })
})

describe("many calls under one signal", () => {
  it("put one listener on it, take it off again, and no runtime warns of a leak", async () => {
    const warnings: Array<unknown> = []
    const note = (warning: unknown) => warnings.push(warning)
    process.on("warning", note)
    const { count, signal } = countingSignal()
    const noukai = client({ signal })
    const other = client()
    const flow = noukai.flow("noukai/samples/two-step")
    const loops = Array.from({ length: 20 }, async () => {
      for await (const event of flow.events({ message: "hi", signal })) {
        assert.strictEqual(count(), 1)
        if (event.type === "flow_completed") return
      }
    })
    const calls = Array.from(
      { length: 20 },
      () => other.flow("noukai/samples/two-step").execute({ message: "hi", signal })
    )
    assert.strictEqual(count(), 1)
    await Promise.all([...loops, ...calls])
    assert.strictEqual(count(), 0)
    await flow.execute({ message: "hi" })
    assert.strictEqual(count(), 0)
    await new Promise((resolve) => setImmediate(resolve))
    process.off("warning", note)
    assert.deepStrictEqual(warnings, [])
    await noukai.close()
    await other.close()
  })

  it("all end with it, each with its reason", async () => {
    const controller = new AbortController()
    const noukai = client()
    const { signal } = controller
    const calls = Array.from(
      { length: 20 },
      () => rejection(noukai.flow("noukai/tests/slow").execute({ message: "hi", signal }))
    )
    await stepStarted()
    controller.abort(reason)
    for (const error of await Promise.all(calls)) assert.strictEqual(error, reason)
    assert.strictEqual(await rejection(noukai.flow("noukai/tests/slow").execute({ message: "hi", signal })), reason)
    await noukai.close()
  })
})

/** A signal that knows how many listen. */
const countingSignal = () => {
  const { signal } = new AbortController()
  let listeners = 0
  const add = signal.addEventListener.bind(signal)
  const remove = signal.removeEventListener.bind(signal)
  Object.assign(signal, {
    addEventListener: (...args: Parameters<typeof add>) => {
      listeners++
      add(...args)
    },
    removeEventListener: (...args: Parameters<typeof remove>) => {
      listeners--
      remove(...args)
    }
  })
  return { signal, count: () => listeners }
}

describe("a scope that is being opened", () => {
  const session = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

  const opening = (noukai: Noukai) => {
    let ran = false
    const scope = rejection(traceScope(() => {
      ran = true
    }, { client: noukai, replaySessionId: session }))
    return { scope, ran: () => ran }
  }

  beforeEach(() => {
    vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
    return faults("delay:3600000")
  })

  afterEach(() => vi.unstubAllEnvs())

  it("ends with the signal of the client, and its function does not run", async () => {
    const controller = new AbortController()
    const noukai = client({ signal: controller.signal })
    const { ran, scope } = opening(noukai)
    await waiting()
    controller.abort(reason)
    assert.strictEqual(await scope, reason)
    await closedByClient()
    assert.strictEqual(await opening(noukai).scope, reason)
    assert.strictEqual(await requests(), 1)
    assert.isFalse(ran())
    await noukai.close()
  })

  it("ends when the client is closed, and its function does not run", async () => {
    const noukai = client()
    const { ran, scope } = opening(noukai)
    await waiting()
    await noukai.close()
    assert.strictEqual((await scope as Error).name, "APIConnectionError")
    await closedByClient()
    assert.isFalse(ran())
  })
})

describe("a signal that is none", () => {
  it("rejects before anything is sent, and the client can be closed", async () => {
    const noukai = client()
    const error = await rejection(
      noukai.flow("noukai/samples/two-step").execute({ message: "hi", signal: {} as never })
    )
    assert.instanceOf(error, InvalidRequestError)
    assert.strictEqual((error as InvalidRequestError).field, "signal")
    await noukai.close()
    assert.strictEqual(await requests(), 0)
  })

  it("json: null is as good as absent", async () => {
    const noukai = client({ signal: null as never })
    const options = { message: "hi", signal: null as never }
    assert.strictEqual((await noukai.flow("noukai/samples/two-step").execute(options)).status, "completed")
    for await (const step of noukai.flow("noukai/samples/two-step").steps(options)) assert.isString(step.stepId)
    await noukai.close()
  })
})

describe("close", () => {
  it("ends what is under way, and waits until it has ended", async () => {
    const noukai = client()
    const execute = rejection(noukai.flow("noukai/tests/slow").execute({ message: "hi" }))
    await stepStarted()
    const events = noukai.flow("noukai/tests/slow").events({ message: "hi" })[Symbol.asyncIterator]()
    await events.next()
    await noukai.close()
    for (const error of [await execute, await rejection(events.next())]) {
      assert.strictEqual((error as Error).name, "APIConnectionError")
      assert.include((error as Error).message, "may exist and may be billed")
    }
    await Effect.runPromise(emulator.awaitClose)
  })

  it("in a handler does not wait for itself", async () => {
    const noukai = client()
    const call = rejection(
      noukai.flow("noukai/samples/tools-enabled").execute({
        message: "hi",
        tools,
        toolHandler: async () => {
          await noukai.close()
          return []
        }
      })
    )
    assert.strictEqual((await call as Error).name, "APIConnectionError")
  })

  it("leaves a scope to its function", async () => {
    const noukai = client()
    const result = await traceScope(async () => {
      await noukai.flow("noukai/samples/two-step").execute({ message: "hi" })
      await noukai.close()
      return "done"
    }, { client: noukai })
    assert.strictEqual(result, "done")
  })
})
