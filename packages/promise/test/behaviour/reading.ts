/** Jobs, runs and logs (8, 9, 12.3). */
import { AsyncLocalStorage } from "node:async_hooks"
import { answers, collect, hello, outcome, type Parsed, seen, tools, twoStep, type World } from "../support/world.js"
import { type Behaviour, differs, same } from "./Behaviour.js"

const wait = { timeout: 5_000, pollInterval: 5 }

const job = (world: World, flow = twoStep) => world.client().flow(flow).executeAsync({ message: "hi" })

/** Without what the emulator's clock says, and without what says nothing. */
const timeless = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(
    value,
    (key, field) =>
      field === null ? undefined : /^(started|completed)At$|^(duration|wall|busy)Ms$/.test(key) ? "…" : field
  ))

/** The phases of one call. */
const phases = async (
  world: World,
  options: Parsed,
  call: (noukai: ReturnType<World["client"]>) => Promise<unknown>
): Promise<Array<Parsed>> => {
  const events: Array<Parsed> = []
  await call(world.client({ ...options, onLog: (event) => events.push(event) })).catch(() => {})
  return events
}

/** A retry, but for when it was. */
const untimed = ({ delay: _, ...event }: Parsed): Parsed => event

export const reading: ReadonlyArray<Behaviour> = [
  same("jobs: a job, waited for", async (world) => {
    const submitted = await job(world)
    const status = await submitted.wait(wait)
    return [submitted.executionId, submitted.flowId, status, await submitted.poll(), seen(world)[0]]
  }),
  same("polls: a job that failed is a status", async (world) => {
    const { status } = await (await job(world, "noukai/tests/failing")).wait(wait)
    return status
  }),
  same("polls: a job that is not there yet is pending", async (world) => {
    world.emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["row:1000"] })
    return (await job(world)).poll()
  }),
  same("polls: a wait that is too short", async (world) => {
    const submitted = await job(world, "noukai/tests/slow")
    const { rejected } = await outcome(world, () => submitted.wait({ timeout: 20, pollInterval: 5 })) as Parsed
    return [rejected.name, rejected.noukai]
  }),
  differs(
    "wait",
    "polls: what a wait that was too short tells",
    { reference: undefined, ours: "the execution id" },
    async (world) => {
      const submitted = await job(world, "noukai/tests/slow")
      const { rejected } = await outcome(world, () => submitted.wait({ timeout: 20, pollInterval: 5 })) as Parsed
      return rejected.executionId === submitted.executionId ? "the execution id" : rejected.executionId
    }
  ),
  differs(
    "cancelled",
    "a job that is cancelled",
    { reference: "APITimeoutError", ours: "cancelled" },
    async (world) => {
      world.emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["cancel"] })
      const submitted = await job(world)
      const { rejected, value } = await outcome(
        world,
        // the reference asks until its time has run out
        () => submitted.wait({ timeout: world.name === "reference" ? 100 : 60_000, pollInterval: 5 })
      ) as Parsed
      return rejected?.name ?? value.status
    }
  ),
  differs(
    "gateways",
    "polls: a 404 of a gateway, 5 seconds after the submission",
    { reference: "FlowNotFoundError", ours: "completed" },
    async (world) => {
      const submitted = await job(world) as Parsed
      // our handle of a job that was submitted elsewhere has no grace; the reference has grace and no such handle
      const late = world.name === "ours" ? world.client().job(twoStep, submitted.executionId) : submitted
      if (world.name === "reference") submitted._submittedAt -= 5_000
      const body = encodeURIComponent(JSON.stringify({ message: "no Route matched with those values" }))
      world.emulator.addFaults({ match: { endpoint: "pollJob" }, script: [`404:body=${body}`] })
      const { rejected, value } = await outcome(world, () => late.wait(wait)) as Parsed
      return rejected?.name ?? value.status
    }
  ),
  differs(
    "abort",
    "a signal that is aborted between two polls",
    { reference: "APIConnectionError", ours: "stop" },
    async (world) => {
      const controller = new AbortController()
      const submitted = await job(world, "noukai/tests/slow")
      const waiting = outcome(
        world,
        () => submitted.wait({ timeout: 300, pollInterval: 100, signal: controller.signal })
      )
      while (seen(world).length < 2) await new Promise((resolve) => setImmediate(resolve))
      controller.abort("stop")
      const { rejected } = await waiting as Parsed
      return rejected.name ?? rejected
    }
  ),
  same("jobs: a version and a session id of a job", async (world) => {
    const sessionId = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
    await world.client().flow("noukai/tests/versions").executeAsync({ message: "hi", version: 1, sessionId })
    return [seen(world), world.emulator.ledger().runs.map((run) => run.sessionId)]
  }),
  differs(
    "queued",
    "tools: a job with what the queue does not take",
    { reference: [["tools", 1], ["toolHandler", 1], ["attachments", 1]], ours: [] },
    async (world) => {
      const flow = world.client().flow(twoStep)
      const extras = {
        tools,
        toolHandler: answers,
        attachments: [{ kind: "url", url: "https://img.example.com/dog.png" }]
      }
      const sent: Array<[string, number]> = []
      for (const [name, value] of Object.entries(extras)) {
        const before = world.emulator.ledger().requestsReceived
        const options: Record<string, unknown> = { message: "hi", [name]: value }
        await outcome(world, () => flow.executeAsync(options))
        const count = world.emulator.ledger().requestsReceived - before
        if (count > 0) sent.push([name, count])
      }
      return sent
    }
  ),
  same("statuses: a job that cannot be submitted", async (world) => {
    world.emulator.addFaults({ script: ["402"] })
    return outcome(world, () => job(world))
  }),

  same("traces: a trace", async (world) => {
    const { executionId } = await world.client().flow(twoStep).execute({ message: "hi" })
    return timeless(await world.client().flow(twoStep).run(executionId!).trace())
  }),
  same("step-traces: one step: the latest attempt, one, all, and in a loop", async (world) => {
    const flow = world.client().flow("noukai/tests/loop")
    const { executionId } = await flow.execute()
    const run = flow.run(executionId!)
    return timeless([
      run.executionId,
      await run.stepTrace("say"),
      await run.stepTrace("say", { attempt: "latest", loopIndex: 0 }),
      await run.stepTrace("say", { attempt: 1, loopIndex: 1 }),
      await run.stepTrace("say", { attempt: "all" })
    ])
  }),
  differs(
    "nulls",
    "a field without a value",
    { reference: [true, null], ours: [false, undefined] },
    async (world) => {
      const { executionId } = await world.client().flow(hello).execute({ message: "hi" })
      const { steps } = await world.client().flow(hello).run(executionId!).trace()
      return ["errorContext" in steps[0]!, steps[0]!.loopIndex]
    }
  ),
  same(
    "runs: a run that is not there",
    (world) => outcome(world, () => world.client().flow(hello).run("ex-0").trace())
  ),
  same("live-traces: a live trace", async (world) => {
    const { executionId } = await world.client().flow(twoStep).execute({ message: "hi" })
    const events = await collect(world.client().flow(twoStep).run(executionId!).liveTrace())
    return events.map((event) => [event.type, (event as Parsed).output, (event as Parsed).result])
  }),
  differs(
    "live trace",
    "the index of a completed step in a live trace",
    { reference: [undefined, undefined], ours: [0, 1] },
    async (world) => {
      const { executionId } = await world.client().flow(twoStep).execute({ message: "hi" })
      const events = await collect(world.client().flow(twoStep).run(executionId!).liveTrace())
      return events.flatMap((event) => event.type === "step_completed" ? [event.stepIndex] : [])
    }
  ),
  differs(
    "summary",
    "the summary of a trace",
    {
      reference: undefined,
      ours: {
        durationMs: "…",
        wallMs: "…",
        busyMs: "…",
        waitingMs: 0,
        tokens: { prompt: 271, completion: 30, total: 301 },
        costUsd: "0.00121",
        unknownCosts: 0
      }
    },
    async (world) => {
      const { executionId } = await world.client().flow(twoStep).execute({ message: "hi" })
      const { summary } = await world.client().flow(twoStep).run(executionId!).trace()
      return summary && timeless(summary)
    }
  ),

  same(
    "log-events: what onLog sees of a call",
    (world) => phases(world, {}, (noukai) => noukai.flow(hello).execute({ message: "hi" }))
  ),
  same("log-events: what onLog sees of a call that failed", async (world) => {
    world.emulator.addFaults({ script: ["402"] })
    return phases(world, {}, (noukai) => noukai.flow(hello).execute({ message: "hi" }))
  }),
  same("log-events: logPayloads adds the response", async (world) => {
    const events = await phases(world, { logPayloads: true }, (noukai) => noukai.flow(hello).execute({ message: "hi" }))
    return events.map((event) => event.responseBody)
  }),
  same("retries, log-events: a read is repeated, and onLog sees it", async (world) => {
    const events = await phases(world, {}, async (noukai) => {
      const { executionId } = await noukai.flow(hello).execute({ message: "hi" })
      world.emulator.addFaults({ script: ["503"] })
      await noukai.flow(hello).run(executionId ?? "").trace()
    })
    return events.map((event) => event.phase)
  }),
  differs(
    "run paths",
    "where a run is looked for that a path refuses or misses",
    { reference: ["/seq"], ours: ["/seq", "/flow-runs"] },
    async (world) => {
      await phases(world, {}, (noukai) => noukai.flow(hello).run("ex-0").trace())
      return world.emulator.ledger().requests.map(({ target }) => /^\/api\/v1(\/[^/]+)/.exec(target)?.[1])
    }
  ),
  differs(
    "retry event",
    "log-events: what a retry tells",
    { reference: [0, undefined], ours: [1, "number"] },
    async (world) => {
      world.emulator.addFaults({ script: ["503"] })
      const events = await phases(world, {}, (noukai) => noukai.flow(hello).run("ex-0").trace())
      const retry = events.find((event) => event.phase === "retry")
      return [untimed(retry).attempt, retry.delay === undefined ? undefined : typeof retry.delay]
    }
  ),
  differs(
    "error event",
    "what onLog sees of a connection that is reset",
    { reference: ["request"], ours: ["request", "error"] },
    async (world) => {
      world.emulator.addFaults({ script: ["reset"] })
      const events = await phases(world, {}, (noukai) => noukai.flow(hello).execute({ message: "hi" }))
      return events.map((event) => event.phase)
    }
  ),
  same("onLog is called in the asynchronous context of the call", async (world) => {
    const context = new AsyncLocalStorage<string>()
    const seen: Array<unknown> = []
    const noukai = world.client({ onLog: ({ phase }) => seen.push([phase, context.getStore()]) })
    await context.run("execute", () => noukai.flow(hello).execute({ message: "hi" }))
    await context.run("steps", () => collect(noukai.flow(twoStep).steps({ message: "hi" })))
    return seen
  }),
  same("log-events: what onLog throws is ignored", async (world) => {
    const noukai = world.client({
      onLog: () => {
        throw new Error("a bad hook")
      }
    })
    return outcome(world, () => noukai.flow(hello).execute({ message: "hi" }))
  })
]
