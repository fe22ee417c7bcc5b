/** Bodies that no emulator sends: fields that nobody declared, none where one is expected, odd types. */
import { outcome, type Parsed, tools, type World } from "../support/world.js"
import { type Behaviour, differs, same } from "./Behaviour.js"

const flow = "acme/support/answer"

const more = { model: "m-1", usage: { tokens: 7, by: null }, region: null }

const completed = { status: "completed", result: { text: "ok" }, flowId: "fl_1", blockCount: 2, executionId: "ex-1" }

const call = {
  index: 0,
  id: "tc_1",
  type: "function",
  function: { name: "lookup_order", arguments: "{}", strict: true }
}

const paused = {
  status: "tool_calls_required",
  executionId: "ex-1",
  pausedAtStep: "triage",
  iterationsUsed: 1,
  toolCallMessages: [{ role: "assistant", content: null, tool_calls: [call] }],
  toolCalls: [call],
  accumulatedOutputs: { classify: { label: "order" } },
  flowId: "fl_1",
  blockCount: 2
}

const step = { stepId: "classify", attempt: 1, status: "completed" }

const run = { id: "ex-1", flowId: "fl_1", status: "completed" }

/** With and without what is not data. */
const whole = (value: Parsed): unknown => [value, JSON.stringify(value), value.requiresToolCalls]

const execute = async (world: World, body: unknown, options: object = {}) =>
  outcome(world, async () => whole(await world.answeredWith(body).flow(flow).execute({ message: "hi", ...options })))

const poll = (world: World, body: unknown) =>
  outcome(
    world,
    async () => whole(await (await world.answeredWith({ executionId: "ex-1" }, body).flow(flow).executeAsync()).poll())
  )

const trace = (world: World, body: unknown) =>
  outcome(world, async () => whole(await world.answeredWith(body).flow(flow).run("ex-1").trace()))

const stepTrace = (world: World, body: unknown, options?: { readonly attempt: "all" }) =>
  outcome(
    world,
    async () => whole(await world.answeredWith(body).flow(flow).run("ex-1").stepTrace("classify", options))
  )

export const receiving: ReadonlyArray<Behaviour> = [
  same("the calls that a handler is given, with fields that nobody declared", (world) =>
    outcome(world, async () => {
      const seen: Array<unknown> = []
      await world.answeredWith(paused, completed).flow(flow).execute({
        message: "hi",
        tools,
        toolHandler: (calls) => {
          seen.push(calls, JSON.stringify(calls))
          return [{ tool_call_id: "tc_1", content: "shipped" }]
        }
      })
      return seen
    })),
  same("a result with fields that nobody declared", (world) => execute(world, { ...completed, ...more })),
  same("their order, in JSON", (world) => execute(world, { ...more, ...completed })),
  same(
    "a failed run with fields that nobody declared",
    (world) => execute(world, { ...completed, ...more, status: "failed", result: "no model" })
  ),
  same(
    "a result and its session",
    (world) => execute(world, { ...completed, ...more }, { sessionId: "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01" })
  ),
  same("a result that says no more than it must", (world) => execute(world, { status: "completed", result: 1 })),
  same("a result that is not there", (world) => execute(world, { status: "completed" })),
  same("a result without a value", (world) => execute(world, { ...completed, result: null })),
  same("a failed run that says no more than it must", (world) => execute(world, { status: "failed", result: "no" })),
  same(
    "results: nulls in a result",
    (world) => execute(world, { ...completed, flowId: null, blockCount: null, executionId: null })
  ),
  same(
    "results: odd types in a result",
    (world) => execute(world, { ...completed, flowId: 7, blockCount: "2", executionId: {} })
  ),
  same("a pause with fields that nobody declared", (world) => execute(world, { ...paused, ...more }, { tools })),
  same("a pause that says no more than it must", (world) => {
    const { blockCount: _, flowId: __, ...bare } = paused
    return execute(world, bare, { tools })
  }),
  same("what a handler comes to has the fields of the last answer", (world) =>
    outcome(world, async () =>
      whole(
        await world.answeredWith({ ...paused, ...more }, { ...completed, second: true }).flow(flow).execute({
          message: "hi",
          tools,
          toolHandler: (calls) => calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: "shipped" }))
        })
      ))),
  differs(
    "pauses",
    "results: a pause without toolCalls",
    { reference: [undefined, null], ours: ["tc_1", {}] },
    async (world) => {
      const { toolCalls: _, ...bare } = paused
      const { value } = await outcome(
        world,
        () => world.answeredWith({ ...bare, accumulatedOutputs: null }).flow(flow).execute({ message: "hi", tools })
      ) as Parsed
      return [value.toolCalls?.[0].id, value.accumulatedOutputs]
    }
  ),
  differs(
    "unknown statuses",
    "results: a status that nobody knows, next to a result",
    {
      reference: { status: "melted", result: { text: "ok" } },
      ours: { error: "UnexpectedResponseError", result: { text: "ok" } }
    },
    async (world) => {
      try {
        const { result, status } = await world.answeredWith({ ...completed, status: "melted" }).flow(flow)
          .execute() as Parsed
        return { status, result }
      } catch (error) {
        return { error: (error as Error).name, result: (error as { readonly result?: unknown }).result }
      }
    }
  ),

  ...["pending", "running", "completed", "failed", "cancelled", "resting"].map((status) =>
    same(
      `polls: a job that is ${status}, with fields that nobody declared`,
      (world) => poll(world, { executionId: "ex-1", ...more, status, progress: 0.5 })
    )
  ),
  differs(
    "unknown statuses",
    "polls: a job whose status nobody knows, next to a result",
    { reference: { result: 1 }, ours: "UnexpectedResponseError" },
    async (world) => {
      const { rejected, value } = await poll(world, { executionId: "ex-1", status: "melted", result: 1 }) as Parsed
      return rejected?.name ?? { result: value[0].result }
    }
  ),
  same(
    "polls: a completed job",
    (world) => poll(world, { executionId: "ex-1", ...more, status: "completed", result: 1 })
  ),
  same(
    "polls: nulls of a completed job",
    (world) => poll(world, { executionId: "ex-1", status: "completed", result: null, error: null })
  ),
  same("polls: a failed job", (world) => poll(world, { executionId: "ex-1", ...more, status: "failed", error: "no" })),
  differs(
    "job errors",
    "polls: a failed job whose error is an object",
    { reference: { code: "X" }, ours: "{\"code\":\"X\"}" },
    async (world) => {
      const { value } = await poll(world, { executionId: "ex-1", status: "failed", error: { code: "X" } }) as Parsed
      return value[0].error
    }
  ),

  same("traces: a trace with fields that nobody declared", (world) =>
    trace(world, {
      ...more,
      flowRun: { ...run, ...more, durationMs: 12 },
      steps: [{ ...step, ...more, tokens: { prompt: 1, completion: 2, total: 3, cached: 1 } }, { ...more, ...step }]
    })),
  same("traces: a trace that says no more than it must", (world) => trace(world, { flowRun: run, steps: [step] })),
  same("traces: odd types in a trace", (world) =>
    trace(world, {
      flowRun: { ...run, flowId: 7, durationMs: "12", stepCount: {} },
      steps: [{ ...step, durationMs: "12", costUsd: 0.1, tokens: "3", truncated: "yes" }]
    })),
  same(
    "traces: a summary that the server sends",
    (world) => trace(world, { flowRun: run, steps: [], summary: { costUsd: "0.1" } })
  ),
  same(
    "step-traces: a step with fields that nobody declared",
    (world) => stepTrace(world, { ...step, ...more, attempts: 2 })
  ),
  same(
    "step-traces: all attempts, with fields that nobody declared",
    (world) => stepTrace(world, { ...more, stepId: "classify", attempts: [{ ...step, ...more }] }, { attempt: "all" })
  )
]
