/** Scopes: where Promise code and Effect code call each other (10). */
import type { RunningEmulator } from "@effect-noukai/emulator"
import {
  currentScope,
  currentSessionId,
  InvalidRequestError,
  Noukai,
  replayScope,
  trace,
  traceScope
} from "@effect-noukai/promise"
import { NoukaiPromise } from "@effect-noukai/promise/effect"
import { TraceScope } from "@effect-noukai/sdk"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import * as Sdk from "@effect-noukai/sdk/Noukai"
import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
import { Effect, Layer, ManagedRuntime, Redacted } from "effect"
import { afterAll, afterEach, assert, beforeAll, describe, it, vi } from "vitest"
import { size } from "../../sdk/test/support/size.js"
import { collect, hello, rejection, resultOf, startWorldEmulator, tools, twoStep, weather } from "./support/world.js"

const many = size(50, 15)

let emulator: RunningEmulator
let noukai: Noukai

beforeAll(async () => {
  emulator = await startWorldEmulator()
  noukai = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port })
})

afterEach(async () => {
  await emulator.reset()
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

afterAll(async () => {
  await noukai.close()
  await emulator.close()
})

const sessions = () => emulator.ledger().runs.map(({ sessionId }) => sessionId)

const execute = (client = noukai) => client.flow(hello).execute({ message: "hi" })

/** A session with one run of hello-world. */
const recorded = async (): Promise<string> => (await traceScope(() => execute())).sessionId!

describe("traceScope", () => {
  it("is also called replayScope", () => {
    assert.strictEqual(replayScope, traceScope)
  })

  it("tells what it is", async () => {
    const inside = await traceScope(() => [currentScope(), currentSessionId()] as const)
    assert.deepStrictEqual(inside[0], { mode: "capture", sessionId: inside[1]! })
    const id = await recorded()
    vi.stubEnv("NOUKAI_REPLAY_ENABLED", "1")
    const replaying = await traceScope(async () => {
      await execute()
      return currentScope()
    }, { replaySessionId: id, client: noukai })
    assert.deepStrictEqual(replaying, { mode: "replay", sessionId: id })
  })

  it("resolves with a failed run in a replay as it did live", async () => {
    const call = () => noukai.flow("noukai/tests/failing").execute({ message: "hi" })
    let live: unknown
    const { sessionId } = await traceScope(async () => {
      live = await call()
      return { sessionId: currentSessionId() }
    })
    assert.deepInclude(live, { status: "failed", result: { code: "MODEL_DOWN", message: "no model" } })
    const { runsStarted } = emulator.ledger()
    vi.stubEnv("NOUKAI_REPLAY_ENABLED", "1")
    const replayed = await traceScope(call, { replaySessionId: sessionId!, client: noukai })
    assert.deepStrictEqual(JSON.parse(JSON.stringify(replayed)), JSON.parse(JSON.stringify(live)))
    assert.strictEqual(emulator.ledger().runsStarted, runsStarted)
  })

  it("many at once see only their own session", async () => {
    const ids = await Promise.all(Array.from({ length: many }, () =>
      traceScope(async () => {
        const before = currentSessionId()
        const { sessionId } = await execute()
        for (const step of await collect(noukai.flow(twoStep).steps({ message: "hi" }))) assert.isDefined(step.stepId)
        assert.deepStrictEqual([sessionId, currentSessionId()], [before!, before])
        return before
      })))
    assert.strictEqual(new Set(ids).size, many)
    for (const id of ids) assert.strictEqual(sessions().filter((other) => other === id).length, 2)
  })

  it("many replays at once start nothing", async () => {
    const ids = await Promise.all(Array.from({ length: many }, recorded))
    vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
    await Promise.all(
      ids.map((id) =>
        traceScope(async () => assert.strictEqual((await execute()).sessionId, id), {
          replaySessionId: id,
          client: noukai
        })
      )
    )
    assert.strictEqual(emulator.ledger().runsStarted, many)
  })

  it("reaches into a tool handler, and what that calls", async () => {
    const inside = await traceScope(async () => {
      await noukai.flow(weather).execute({
        message: "hi",
        tools,
        toolHandler: async (calls) => {
          await execute()
          return calls.map(({ id }) => ({ tool_call_id: id, content: currentSessionId() }))
        }
      })
      return currentSessionId()
    })
    assert.deepStrictEqual(sessions(), [inside!, inside!])
  })

  it("a replay holds for every client, and for scopes inside", async () => {
    const id = await recorded()
    vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
    const other = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port })
    const result = await traceScope(
      () => traceScope(() => traceScope(() => execute(other), { capture: false })),
      { replaySessionId: id, client: noukai }
    )
    assert.strictEqual(result.sessionId, id)
    assert.strictEqual(emulator.ledger().runsStarted, 1)
    await other.close()
  })

  it("the gate is looked at for each scope", async () => {
    const id = await recorded()
    const warnings = vi.spyOn(console, "warn").mockImplementation(() => {})
    vi.stubEnv("NOUKAI_REPLAY_ENABLED", "off")
    await traceScope(() => execute(), { replaySessionId: id, client: noukai })
    assert.strictEqual(emulator.ledger().runsStarted, 2)
    assert.match(String(warnings.mock.calls[0]), /NOUKAI_REPLAY_ENABLED is off/)
    vi.stubEnv("NOUKAI_REPLAY_ENABLED", "YES")
    await traceScope(() => execute(), { replaySessionId: id, client: noukai })
    assert.strictEqual(emulator.ledger().runsStarted, 2)
  })

  it("a replay without a client is refused, a capture needs none", async () => {
    vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
    const id = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
    const error = await rejection(traceScope(() => execute(), { replaySessionId: id }))
    assert.instanceOf(error, InvalidRequestError)
    vi.stubEnv("NOUKAI_REPLAY_ENABLED", "false")
    assert.isString(await traceScope(currentSessionId, { replaySessionId: id }))
    assert.strictEqual(emulator.ledger().requestsReceived, 0)
  })

  it("of a closed client is refused before its function runs", async () => {
    const closed = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port })
    await closed.close()
    let ran = false
    const error = await rejection(traceScope(() => {
      ran = true
    }, { client: closed }))
    assert.strictEqual((error as Error).name, "APIConnectionError")
    assert.isFalse(ran)
  })
})

describe("trace", () => {
  it("gives each call of a function a scope of its own, and passes its arguments", async () => {
    const traced = trace(async (a: number, b: string) => {
      await execute()
      return `${a} ${b}`
    })
    assert.strictEqual(await traced(1, "one"), "1 one")
    assert.strictEqual(await traced(2, "two"), "2 two")
    assert.strictEqual(new Set(sessions()).size, 2)
  })
})

const live = () =>
  Sdk.layerServices.pipe(Layer.provide(Layer.effect(
    NoukaiConfig.NoukaiConfig,
    NoukaiConfig.make({
      apiKey: Redacted.make(emulator.apiKey),
      baseUrl: emulator.baseUrl,
      replayEnabled: true,
      org: "noukai",
      project: "samples"
    })
  )))

describe("NoukaiPromise.inScope", () => {
  const scoped = <A>(use: (client: Noukai) => Promise<A>) =>
    Effect.flatMap(NoukaiPromise.inScope(noukai), (client) => Effect.promise(() => use(client)))

  /** More than one call, with waiting in between. */
  const work = async (client: Noukai) => {
    await null
    const { sessionId } = await execute(client)
    await collect(client.flow(twoStep).events({ message: "hi" }))
    return sessionId
  }

  it("binds every call to the scope of the fiber", async () => {
    const id = await Effect.runPromise(TraceScope.capture(scoped(work)))
    assert.deepStrictEqual(sessions(), [id, id])
  })

  it("many fibers keep apart", async () => {
    const captured = TraceScope.capture(scoped(work))
    const ids = await Effect.runPromise(
      Effect.all(Array.from({ length: many }, () => captured), { concurrency: "unbounded" })
    )
    assert.strictEqual(new Set(ids).size, many)
    assert.deepStrictEqual(new Set(sessions()), new Set(ids))
  })

  it("a replay of the fiber answers the client", async () => {
    const id = await recorded()
    const program = TraceScope.replay(id)(scoped(async (client) => {
      await null
      return (await execute(client)).sessionId
    }))
    assert.strictEqual(await Effect.runPromise(Effect.provide(program, live())), id)
    assert.strictEqual(emulator.ledger().runsStarted, 1)
  })

  it("binds what a tool handler calls, also later", async () => {
    const asking = (client: Noukai) =>
      client.flow(weather).execute({
        message: "hi",
        tools,
        toolHandler: async (calls) => {
          await null
          await execute()
          return calls.map(({ id }) => ({ tool_call_id: id, content: currentSessionId() }))
        }
      })
    const id = await Effect.runPromise(
      TraceScope.capture(Effect.zipRight(scoped(asking), TraceScope.currentSessionId))
    )
    assert.deepStrictEqual(sessions(), [id, id])
  })

  it("binds to no scope where there is none", async () => {
    const bound = await Effect.runPromise(NoukaiPromise.inScope(noukai))
    await traceScope(() => execute(bound))
    assert.deepStrictEqual(sessions(), [undefined])
  })

  it("is closed with the client that it binds", async () => {
    const client = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port })
    const bound = await Effect.runPromise(NoukaiPromise.inScope(client))
    await client.close()
    assert.strictEqual((await rejection(execute(bound)) as Error).name, "APIConnectionError")
  })
})

describe("in a replay", () => {
  const replayed = <A>(sessionId: string, use: () => Promise<A>): Promise<A> => {
    vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
    return traceScope(use, { client: noukai, replaySessionId: sessionId })
  }

  const bound = (scope?: TraceScope.Scope) => Effect.runPromise(TraceScope.within(scope)(NoukaiPromise.inScope(noukai)))

  const capturing: TraceScope.Scope = {
    mode: "capture",
    sessionId: "0e1f2a3b-4c5d-6e7f-8091-a2b3c4d5e6f7",
    http: undefined
  }

  it("a client that is bound to no scope, or to a capture, starts nothing", async () => {
    for (const scope of [undefined, capturing]) {
      const client = await bound(scope)
      const id = await recorded()
      const before = emulator.ledger().runsStarted
      const again = await replayed(id, async () => {
        await null
        return await execute(client)
      })
      assert.strictEqual(again.sessionId, id)
      assert.strictEqual(emulator.ledger().runsStarted, before)
    }
  })

  it("nor does its stream", async () => {
    const client = await bound(capturing)
    const { sessionId } = await traceScope(async () => {
      const events = await collect(noukai.flow(twoStep).events({ message: "hi" }))
      return { events, sessionId: currentSessionId()! }
    })
    const again = await replayed(sessionId, () => collect(client.flow(twoStep).events({ message: "hi" })))
    assert.strictEqual(again.at(-1)?.type, "flow_completed")
    assert.strictEqual(emulator.ledger().runsStarted, 1)
  })

  it("a client that an Effect binds is bound to the replay, whatever its context says", async () => {
    const id = await recorded()
    const program = TraceScope.replay(id)(
      Effect.provideService(NoukaiPromise.inScope(noukai), TraceScope, capturing).pipe(
        Effect.flatMap((client) => Effect.promise(() => execute(client)))
      )
    )
    assert.strictEqual((await Effect.runPromise(Effect.provide(program, live()))).sessionId, id)
    assert.strictEqual(emulator.ledger().runsStarted, 1)
  })

  it("code that is put into another scope stays in it", async () => {
    const id = await recorded()
    for (const scope of [undefined, capturing]) {
      const again = await replayed(id, () => TraceScope.runIn(scope, () => execute()))
      assert.strictEqual(again.sessionId, id)
    }
    assert.strictEqual(emulator.ledger().runsStarted, 1)
  })
})

describe("a client that is not bound", () => {
  it("sees the scope of the fiber that calls it", async () => {
    await Effect.runPromise(TraceScope.capture(Effect.promise(() => execute())))
    assert.isString(sessions()[0])
  })

  it("sees the scope of TraceScope.promise, also later", async () => {
    const id = await Effect.runPromise(TraceScope.capture(TraceScope.promise(async () => {
      await null
      await execute()
      return currentSessionId()
    })))
    assert.deepStrictEqual(sessions(), [id!])
  })
})

describe("NoukaiPromise.fromRuntime", () => {
  it("is a client over the services of the runtime, with its defaults", async () => {
    const runtime = ManagedRuntime.make(live())
    const client = await NoukaiPromise.fromRuntime(runtime)
    assert.strictEqual((await client.flow("hello-world").execute({ message: "hi" })).status, "completed")
    assert.deepStrictEqual([client.defaultOrg, client.defaultProject], ["noukai", "samples"])
    await client.close()
    assert.strictEqual((await rejection(execute(client)) as Error).name, "APIConnectionError")
    const again = await NoukaiPromise.fromRuntime(runtime)
    assert.strictEqual((await execute(again)).status, "completed")
    await runtime.dispose()
  })

  it("takes a fake", async () => {
    const http = layerScripted({
      execute: [Effect.succeed({ status: "completed", result: 1, flowId: "f", blockCount: 1 })]
    })
    const runtime = ManagedRuntime.make(Layer.provideMerge(Sdk.layerOverHttp, http))
    const client = await NoukaiPromise.fromRuntime(runtime)
    assert.strictEqual(resultOf(await client.flow("a/b/c").execute()), 1)
    await runtime.dispose()
  })

  it("replays if the runtime's configuration says so, whatever the environment", async () => {
    const id = await recorded()
    const runtime = ManagedRuntime.make(live())
    const client = await NoukaiPromise.fromRuntime(runtime)
    await traceScope(() => execute(client), { replaySessionId: id, client })
    assert.strictEqual(emulator.ledger().runsStarted, 1)
    await runtime.dispose()
  })

  it("rejects with what the layers fail with, in the client's own classes", async () => {
    const runtime = ManagedRuntime.make(Sdk.layer({ apiKey: Redacted.make("sk-1") }))
    assert.strictEqual((await rejection(NoukaiPromise.fromRuntime(runtime)) as Error).name, "AuthenticationError")
    await runtime.dispose()
  })

  it("ends with its signal", async () => {
    const runtime = ManagedRuntime.make(live())
    const client = await NoukaiPromise.fromRuntime(runtime, { signal: AbortSignal.abort("enough") })
    assert.strictEqual(await rejection(execute(client)), "enough")
    await runtime.dispose()
  })
})
