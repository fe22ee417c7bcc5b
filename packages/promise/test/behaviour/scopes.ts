/** Scopes (10). */
import { assert } from "vitest"
import { collect, hello, outcome, type Parsed, tools, twoStep, weather, type World } from "../support/world.js"
import { type Behaviour, differs, same } from "./Behaviour.js"

const withGate = async <A>(value: string | undefined, run: () => Promise<A>): Promise<A> => {
  const before = process.env.NOUKAI_REPLAY_ENABLED
  if (value === undefined) delete process.env.NOUKAI_REPLAY_ENABLED
  else process.env.NOUKAI_REPLAY_ENABLED = value
  try {
    return await run()
  } finally {
    if (before === undefined) delete process.env.NOUKAI_REPLAY_ENABLED
    else process.env.NOUKAI_REPLAY_ENABLED = before
  }
}

/** Every session id, by the order in which it was first seen. */
const anonymous = (value: unknown, ids = new Map<string, string>()): unknown =>
  JSON.parse(JSON.stringify(value, (key, field) => {
    if (key === "requiresToolCalls") return undefined
    if (key !== "sessionId" || typeof field !== "string") return field
    const name = ids.get(field) ?? `session ${ids.size + 1}`
    ids.set(field, name)
    return name
  }))

const runs = (world: World) => world.emulator.ledger().runs.map(({ sessionId, trigger }) => ({ trigger, sessionId }))

/** Three runs, in two ways. */
const program = (noukai: ReturnType<World["client"]>) => async () => ({
  first: await noukai.flow(hello).execute({ message: "one" }),
  steps: (await collect(noukai.flow(twoStep).steps({ message: "two" }))).map(({ output, stepId, stepIndex }) => ({
    output,
    stepId,
    stepIndex
  })),
  second: await noukai.flow(hello).execute({ message: "three" })
})

const captured = async (
  world: World,
  body: (noukai: ReturnType<World["client"]>) => () => Promise<unknown> = program
) => {
  const noukai = world.client({ maxRetries: 0 })
  const result = await world.sdk.traceScope(body(noukai), { transport: noukai._transport })
  return { noukai, result, sessionId: world.emulator.ledger().runs[0]!.sessionId! }
}

const replay = (world: World, body: (noukai: ReturnType<World["client"]>) => () => unknown, id?: string) =>
  withGate("true", async () => {
    const { noukai, sessionId } = await captured(world)
    const live = world.emulator.ledger().runsStarted
    const result = await outcome(
      world,
      () => world.sdk.traceScope(body(noukai), { replaySessionId: id ?? sessionId, transport: noukai._transport })
    ) as Parsed
    return { ...result, live: world.emulator.ledger().runsStarted - live }
  })

/** A program twice: captured, then answered from what was captured. */
const replayed = (world: World, body: (noukai: ReturnType<World["client"]>) => () => Promise<unknown>) =>
  withGate("true", async () => {
    const { noukai, sessionId } = await captured(world, body)
    const live = world.emulator.ledger().runsStarted
    const result = await outcome(
      world,
      () => world.sdk.traceScope(body(noukai), { replaySessionId: sessionId, transport: noukai._transport })
    ) as Parsed
    return { ...result, live: world.emulator.ledger().runsStarted - live }
  })

const id = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

export const scopes: ReadonlyArray<Behaviour> = [
  same("scopes: a scope tags its runs with one id", async (world) => {
    const noukai = world.client()
    const inside = await world.sdk.traceScope(async () => ({
      sessionId: world.sdk.currentSessionId(),
      ...(await program(noukai)())
    }))
    return anonymous([inside, runs(world)])
  }),
  same("scopes: each scope has an id of its own, also side by side", async (world) => {
    const noukai = world.client()
    const scope = () =>
      world.sdk.traceScope(async () => {
        const before = world.sdk.currentSessionId()
        await noukai.flow(hello).execute({ message: "hi" })
        return before === world.sdk.currentSessionId() ? { sessionId: before } : "changed"
      })
    const ids = (await Promise.all([scope(), scope(), scope()])) as Array<Parsed>
    return [new Set(ids.map(({ sessionId }) => sessionId)).size, new Set(runs(world).map((run) => run.sessionId)).size]
  }),
  same("outside a scope there is no id", async (world) => [world.sdk.currentSessionId(), world.sdk.currentScope()]),
  same("a scope gives what its function gives, a promise or not", async (world) => [
    await world.sdk.traceScope(() => 1),
    await world.sdk.traceScope(async () => 2)
  ]),
  same("a scope rejects with what its function throws", (world) =>
    outcome(world, () =>
      world.sdk.traceScope(() => {
        throw new RangeError("mine")
      }))),
  same("scopes: capture false tags nothing", async (world) => {
    const noukai = world.client()
    await world.sdk.traceScope(() => noukai.flow(hello).execute({ message: "hi" }), { capture: false })
    return [runs(world), await world.sdk.traceScope(() => world.sdk.currentSessionId(), { capture: false })]
  }),
  same("a stream has the scope that it is read in", async (world) => {
    const steps = world.client().flow(twoStep).steps({ message: "hi" })
    await world.sdk.traceScope(() => collect(steps))
    return anonymous(runs(world))
  }),
  same("a session id of the call comes before the scope's", async (world) => {
    const noukai = world.client()
    await world.sdk.traceScope(() => noukai.flow(hello).execute({ message: "hi", sessionId: id }))
    return runs(world)
  }),
  differs(
    "order of ids",
    "a session id of the client and a scope",
    { reference: "the client's", ours: "the scope's" },
    async (world) => {
      const noukai = world.client({ sessionId: id })
      await world.sdk.traceScope(() => noukai.flow(hello).execute({ message: "hi" }))
      return runs(world)[0]!.sessionId === id ? "the client's" : "the scope's"
    }
  ),
  differs(
    "nested",
    "a scope in a scope",
    { reference: 2, ours: 1 },
    async (world) => {
      const inner = () => world.sdk.traceScope(() => world.sdk.currentSessionId())
      const ids = await world.sdk.traceScope(async () => [world.sdk.currentSessionId(), await inner()])
      return new Set(ids).size
    }
  ),
  same("replays: a replay gives what was captured and starts nothing", async (world) =>
    withGate("true", async () => {
      const { noukai, result, sessionId } = await captured(world)
      const replayed = await world.sdk.traceScope(program(noukai), {
        replaySessionId: sessionId,
        transport: noukai._transport
      })
      return anonymous([result, replayed, world.emulator.ledger().runsStarted])
    })),
  differs(
    "replayed pauses",
    "a run that was recorded up to its pause",
    { reference: ["completed", null, 0], ours: ["ReplayMissError", "REPLAY_UNFINISHED_CLIENT", 0] },
    async (world) => {
      const { live, rejected, value } = await replayed(
        world,
        (noukai) => () => noukai.flow(weather).execute({ message: "hi", tools })
      )
      return rejected === undefined ? [value.status, value.result, live] : [rejected.name, rejected.code, live]
    }
  ),
  differs(
    "replay events",
    "a loop in a replay",
    {
      reference: { steps: ["each", "say", "say"], result: { n: 1 } },
      ours: { steps: ["each"], result: [{ n: 0 }, { n: 1 }] }
    },
    async (world) => {
      const { value } = await replayed(
        world,
        (noukai) => () => collect(noukai.flow("noukai/tests/loop").events({ message: "hi" }))
      )
      return {
        steps: value.filter(({ type }: Parsed) => type === "step_completed").map(({ stepId }: Parsed) => stepId),
        result: value.at(-1).result
      }
    }
  ),
  differs(
    "scopes without transport",
    "a replay without a client",
    { reference: ["/api/v1/seq/sessions/" + id], ours: "InvalidRequestError" },
    (world) =>
      withGate("true", async () => {
        const asked: Array<string> = []
        const live = globalThis.fetch
        globalThis.fetch = (url, init) => {
          assert.isFalse(new Headers(init?.headers).has("authorization"))
          asked.push(new URL(String(url)).pathname)
          return Promise.resolve(Response.json({ detail: "no such session" }, { status: 404 }))
        }
        try {
          const { rejected } = await outcome(world, () =>
            world.sdk.traceScope(() => 1, { replaySessionId: id })) as Parsed
          return asked.length === 0 ? rejected.name : asked
        } finally {
          globalThis.fetch = live
        }
      })
  ),
  differs(
    "replayed JSON",
    "the JSON of a replayed result",
    { reference: true, ours: false },
    async (world) => {
      const { value } = await replay(world, (noukai) => async () => (await program(noukai)()).first)
      return JSON.stringify(value).includes("requiresToolCalls")
    }
  ),
  same("replays: a call that was not recorded", async (world) => {
    const { live, rejected } = await replay(world, (noukai) => () => noukai.flow(twoStep).execute({ message: "hi" }))
    return [live, rejected.name, rejected.noukai]
  }),
  same("replays: recordings that nothing asked for", async (world) => {
    const { live, rejected } = await replay(world, (noukai) => () => noukai.flow(hello).execute({ message: "one" }))
    return [live, rejected.name, rejected.noukai]
  }),
  same("replays: what the function throws comes before what is left over", async (world) => {
    const { live, rejected } = await replay(world, () => () => Promise.reject("mine"))
    return [live, rejected]
  }),
  ...[["sessions: an id that is none", "no-uuid"], ["sessions: a session that is not there", id]].map((
    [name, session]
  ) =>
    same(name!, async (world) => {
      let ran = false
      const { rejected } = await replay(world, () => () => {
        ran = true
      }, session)
      return [ran, rejected.name, rejected.noukai, rejected.statusCode]
    })
  ),
  same("sessions: a session that has expired", async (world) =>
    withGate("true", async () => {
      const { noukai, sessionId } = await captured(world)
      world.emulator.expireSession(sessionId)
      const { rejected } = await outcome(world, () =>
        world.sdk.traceScope(program(noukai), {
          replaySessionId: sessionId,
          transport: noukai._transport
        })) as Parsed
      return [rejected.name, rejected.statusCode]
    })),
  same("scopes: a session without payloads", async (world) =>
    withGate("true", async () => {
      world.emulator.putOrganisation("noukai", { capture: "metadata_only" })
      const { noukai, sessionId } = await captured(world)
      const { rejected } = await outcome(world, () =>
        world.sdk.traceScope(program(noukai), {
          replaySessionId: sessionId,
          transport: noukai._transport
        })) as Parsed
      return [rejected.name, rejected.noukai]
    })),
  differs(
    "replayed failures",
    "a run that failed in a session",
    { reference: ["FlowExecutionError", "MODEL_DOWN"], ours: "failed" },
    async (world) => {
      const failing = (noukai: ReturnType<World["client"]>) => () =>
        outcome(world, () => noukai.flow("noukai/tests/fails-second").execute({ message: "hi" }))
      const { value: { rejected, value } } = await replayed(world, failing)
      return rejected === undefined ? value.status : [rejected.name, rejected.code]
    }
  ),
  same(
    "replays: a recorded failure ends the events with step_error and flow_completed",
    async (world) =>
      withGate("true", async () => {
        const failing = (noukai: ReturnType<World["client"]>) => () =>
          collect(noukai.flow("noukai/tests/fails-second").events({ message: "hi" }))
        const { noukai, sessionId } = await captured(world, failing)
        const events = await world.sdk.traceScope(failing(noukai), {
          replaySessionId: sessionId,
          transport: noukai._transport
        })
        return events.map(({ error, output, result, stepId, summary, type }: Parsed) => ({
          type,
          stepId,
          output,
          code: error?.code,
          result: result ?? undefined,
          summary
        }))
      })
  ),
  same("with the gate off a replay is a capture", async (world) =>
    withGate(undefined, async () => {
      const { noukai, sessionId } = await captured(world)
      const inside = await world.sdk.traceScope(() => world.sdk.currentSessionId(), {
        replaySessionId: sessionId,
        transport: noukai._transport
      })
      return inside !== null && inside !== sessionId
    })),
  differs(
    "empty id",
    "an empty id",
    { reference: "ReplayInvalidSessionError", ours: "captured" },
    async (world) => {
      const { rejected } = await replay(world, () => () => "captured", "") as Parsed
      return rejected?.name ?? "captured"
    }
  ),
  differs(
    "jobs in replay",
    "a job in a replay",
    { reference: ["ReplayError", true, 0], ours: ["ReplayMissError", true, 0] },
    async (world) => {
      const { live, rejected } = await replay(
        world,
        (noukai) => () => noukai.flow(hello).executeAsync({ message: "hi" })
      )
      return [rejected.name, rejected.noukai, live]
    }
  ),
  differs(
    "reads in replay",
    "replays: a trace in a replay",
    { reference: "FlowNotFoundError", ours: "ReplayMissError" },
    async (world) => {
      const { rejected } = await replay(world, (noukai) => () => noukai.flow(hello).run("ex-0").trace())
      return rejected.name
    }
  ),
  differs(
    "scope state",
    "what currentScope tells",
    { reference: true, ours: false },
    async (world) => "fetchedSession" in (await world.sdk.traceScope(() => world.sdk.currentScope()) as object)
  ),
  same("log-events: onLog of the client is told of a scope", async (world) => {
    const events: Array<Parsed> = []
    const noukai = world.client({ onLog: (event) => events.push(event) })
    await world.sdk.traceScope(() => 1, { transport: noukai._transport })
    return anonymous(events)
  })
]
