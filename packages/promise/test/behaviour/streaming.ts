/** `flow.events` and `flow.steps` (7). */
import {
  answers,
  collect,
  hello,
  outcome,
  type Parsed,
  seen,
  tools,
  twoStep,
  twoTools,
  weather,
  type World
} from "../support/world.js"
import { type Behaviour, differs, same } from "./Behaviour.js"

type Events = Parameters<ReturnType<ReturnType<World["client"]>["flow"]>["events"]>[0]

/** The fields that the types of the events declare, without times; of those that only one client fills, see below. */
const declared = (event: Parsed): unknown => {
  const { runId: _, stepId, type, ...rest } = event
  const keys = ["executionId", "flowId", "inputData", "name", "output", "outputData", "stepCount", "stepIndex"]
    .concat("costUsd", "error", "iterationsUsed", "result", "summary", "tokens", "toolCalls")
    .concat("accumulatedOutputs", "toolCallMessages")
  const fields = Object.fromEntries(keys.flatMap((key) => rest[key] === undefined ? [] : [[key, rest[key]]]))
  if (type === "step_paused") delete fields.executionId
  return type === "step_paused" ? { type, ...fields } : { type, stepId, ...fields }
}

const events = (world: World, flow: string, options: Events = { message: "hi" }, most?: number) =>
  outcome(world, async () => (await collect(world.client().flow(flow).events(options), most)).map(declared))

const steps = (world: World, flow: string, options: Events = { message: "hi" }) =>
  outcome(world, async () => (await collect(world.client().flow(flow).steps(options), 10)).map(declared))

/** A fault on the first response, and how often the emulator ran a step for it. */
const faulty = async (world: World, fault: string, options: Events = { message: "hi" }) => {
  world.emulator.addFaults({ script: [fault] })
  const result = await events(world, twoStep, options, 30) as Parsed
  return {
    ...(result.rejected === undefined ? { events: result.value.map((event: Parsed) => event.type) } : result),
    requests: seen(world).length,
    stepsRun: world.emulator.ledger().stepsRun
  }
}

/** Answers the pauses of a loop by hand. */
const byHand = async (world: World, flow: string, options: Events) => {
  const out: Array<unknown> = []
  for await (const event of world.client().flow(flow).events(options)) {
    out.push(declared(event))
    if (event.type === "tool_calls_required") await event.resume({ toolResults: answers(event.toolCalls) })
  }
  return [out, world.emulator.ledger().runsStarted, seen(world)]
}

export const streaming: ReadonlyArray<Behaviour> = [
  same("order-of-events: every event of two steps, one request for each", async (world) => [
    await events(world, twoStep),
    seen(world)
  ]),
  same("order-of-events: runRemaining runs all steps in one request", async (world) => [
    await events(world, twoStep, { message: "hi", runRemaining: true }),
    seen(world)
  ]),
  same("cursor: steps gives completed steps alone", async (world) => [await steps(world, twoStep), seen(world)]),
  same("nothing is sent before the first event is asked for", async (world) => {
    world.client().flow(twoStep).events({ message: "hi" })
    world.client().flow(twoStep).steps({ message: "hi" })
    await new Promise((resolve) => setImmediate(resolve))
    return seen(world)
  }),
  same("a loop that has ended gives no more", async (world) => {
    const loop = world.client().flow(hello).events({ message: "hi" })
    const first = await collect(loop)
    return [first.length, await collect(loop), seen(world)]
  }),
  same("several events are asked for at once", async (world) => {
    const loop = world.client().flow(twoStep).events({ message: "hi" })[Symbol.asyncIterator]()
    const all = await Promise.all(Array.from({ length: 11 }, () => loop.next()))
    return all.map(({ done, value }) => done === true ? "done" : (value as Parsed).type)
  }),
  same("a step that fails is an event, the last one", (world) => events(world, "noukai/tests/fails-second")),
  same("overrides and parameters are taken", (world) =>
    steps(world, "noukai/tests/inputs", {
      message: "hi",
      parameters: { difficulty: "hard" },
      inputOverrides: { first: { difficulty: "overridden" } }
    })),
  same("the steps of a published version", async (world) => [
    await steps(world, "noukai/tests/versions", { message: "hi", version: 1 }),
    seen(world)
  ]),
  same("scopes: a session id goes on every request", async (world) => {
    await steps(world, twoStep, { message: "hi", sessionId: "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01" })
    return world.emulator.ledger().requests.map(({ headers }) => headers["x-session-id"])
  }),
  same("statuses: an error before the stream begins", async (world) => {
    world.emulator.addFaults({ script: ["402"] })
    return events(world, twoStep)
  }),
  same("leaving the loop ends it", async (world) => {
    const types: Array<string> = []
    for await (const event of world.client().flow(twoStep).events({ message: "hi" })) {
      types.push(event.type)
      if (event.type === "step_completed") break
    }
    return types
  }),
  ...["split:1", "comment", "unknown", "malformed", "bom"].map((fault) =>
    same(`frames: a response with ${fault}`, (world) => faulty(world, fault))
  ),
  differs(
    "endless",
    "a response that ends without saying so",
    { reference: [3, undefined], ours: [1, "APIConnectionError"] },
    async (world) => {
      const { rejected, requests } = await faulty(world, "end:e2") as Parsed
      return [requests, rejected?.name]
    }
  ),
  differs(
    "frames",
    "a response with CRLF",
    { reference: 3, ours: 2 },
    async (world) => (await faulty(world, "crlf")).stepsRun
  ),
  differs(
    "frames",
    "frames: a last event without its blank line",
    { reference: 8, ours: 9 },
    async (world) => (await faulty(world, "unterminated") as Parsed).events.length
  ),
  differs(
    "broken",
    "a response that breaks off",
    { reference: ["TypeError", false], ours: ["APIConnectionError", true] },
    async (world) => {
      const { rejected } = await faulty(world, "cut:e2") as Parsed
      return [rejected.name, rejected.noukai]
    }
  ),
  differs(
    "clock",
    "time-limits: the timeout of a stream is of its silences, not of its length",
    { reference: "AbortError", ours: 9 },
    async (world) => {
      const { rejected, value } = await outcome(world, async () => {
        world.emulator.addFaults({ script: ["drip:12:10", "drip:12:10"] })
        return collect(world.client().flow(twoStep).events({ message: "hi", timeout: 600 }))
      }) as Parsed
      return rejected?.name ?? value.length
    }
  ),
  differs(
    "promised fields",
    "the fields that the types promise: runId and the stepId of a pause",
    {
      reference: [undefined, undefined, undefined],
      ours: ["as executionId", "classify", "as executionId"]
    },
    async (world) => {
      const all = await collect(world.client().flow(twoStep).events({ message: "hi" })) as Array<Parsed>
      const { executionId } = all[0]
      const of = (type: string) => all.find((event) => event.type === type)
      const name = (runId: unknown) => runId === executionId ? "as executionId" : runId
      return [name(of("run_started").runId), of("step_paused").stepId, name(of("flow_completed").runId)]
    }
  ),
  same("fields that the types do not declare", async (world) => {
    const all = await collect(world.client().flow(twoStep).events({ message: "hi" })) as Array<Parsed>
    const paused = all.find((event) => event.type === "step_paused")
    return Object.keys(paused).filter((key) => !["type", "stepId", "stepIndex"].includes(key)).sort()
  }),
  differs(
    "failed steps",
    "a step that fails, in steps",
    { reference: ["step_completed", "step_error"], ours: ["step_completed", "FlowExecutionError", "MODEL_DOWN"] },
    async (world) => {
      const types: Array<string> = []
      try {
        for await (const step of world.client().flow("noukai/tests/fails-second").steps({ message: "hi" })) {
          types.push(step.type)
        }
      } catch (error) {
        types.push((error as Parsed).name, (error as Parsed).code)
      }
      return types
    }
  ),
  differs(
    "key order",
    "the order of keys",
    {
      reference: ["type", "stepId", "name", "output", "durationMs", "tokens", "costUsd", "stepIndex"],
      ours: ["type", "stepId", "stepIndex", "output", "name", "durationMs", "tokens", "costUsd"]
    },
    async (world) => {
      const all = await collect(world.client().flow(hello).events({ message: "hi" }))
      return Object.keys(all.find(({ type }) => type === "step_completed")!)
    }
  ),
  differs(
    "draft",
    "steps of the draft",
    { reference: "step_completed", ours: "InvalidRequestError" },
    async (world) => {
      const { rejected, value } = await steps(world, "noukai/tests/versions", {
        message: "hi",
        version: "draft"
      }) as Parsed
      return rejected?.name ?? value[0].type
    }
  ),
  differs(
    "attachments",
    "attachments of a stream",
    { reference: false, ours: true },
    async (world) => {
      const attachments = [{ kind: "url", url: "https://img.example.com/dog.png", mime_type: "image/png" }]
      await collect(world.client().flow(hello).events({ message: "hi", attachments } as Events))
      return "attachments" in JSON.parse(world.emulator.ledger().requests[0]!.body)
    }
  ),

  same("pauses: a handler answers, and no pause is seen", async (world) => [
    await events(world, weather, { message: "Lisbon?", tools, toolHandler: answers }),
    await steps(world, weather, { message: "Lisbon?", tools, toolHandler: answers }),
    seen(world)
  ]),
  same(
    "pauses: a pause by hand, after which the same loop goes on",
    (world) => byHand(world, weather, { message: "Lisbon?", tools })
  ),
  same(
    "pauses: a pause by hand in the second step",
    (world) => byHand(world, "noukai/tests/two-tools", { message: "hi", tools: twoTools })
  ),
  same("resume is no field of the event", async (world) => {
    const [pause] = (await collect(world.client().flow(weather).events({ message: "Lisbon?", tools }), 3)).slice(2)
    return [pause!.type, Object.keys(pause!).includes("resume")]
  }),
  same(
    "what a handler throws is what the loop throws",
    (world) => events(world, weather, { message: "hi", tools, toolHandler: () => Promise.reject("no weather today") })
  ),
  same("pauses: the limit of rounds", async (world) => {
    let rounds = 0
    const result = await events(world, "noukai/tests/forever", {
      message: "hi",
      tools,
      maxToolRounds: 2,
      toolHandler: (calls) => {
        rounds++
        return answers(calls)
      }
    })
    return [rounds, result]
  }),
  differs(
    "unresumed",
    "a pause that nobody answers",
    {
      reference: { pauses: 5, runs: 5, rejected: undefined },
      ours: { pauses: 1, runs: 1, rejected: "InvalidRequestError" }
    },
    async (world) => {
      let pauses = 0
      const { rejected } = await outcome(world, async () => {
        for await (const event of world.client().flow(weather).events({ message: "hi", tools })) {
          if (event.type === "tool_calls_required" && ++pauses === 5) break
        }
      }) as Parsed
      return { pauses, runs: world.emulator.ledger().stepsRun, rejected: rejected?.name }
    }
  ),
  differs(
    "unasked pause",
    "a pause for tool calls in steps without a handler",
    { reference: "tool_calls_required", ours: "UnexpectedResponseError" },
    async (world) => {
      const loop = world.client().flow(weather).steps({ message: "hi", tools })[Symbol.asyncIterator]()
      const { rejected, value } = await outcome(world, () => loop.next()) as Parsed
      return rejected?.name ?? value.value.type
    }
  ),
  same("a signal that is aborted while a stream is silent", async (world) => {
    const controller = new AbortController()
    const { rejected } = await outcome(world, async () => {
      const loop = world.client().flow("noukai/tests/slow-second").events({ message: "hi", signal: controller.signal })
      for await (const event of loop) {
        if (event.type === "step_started" && event.stepIndex === 1) setImmediate(() => controller.abort("stop"))
      }
    }) as Parsed
    return rejected.name ?? rejected
  })
]
