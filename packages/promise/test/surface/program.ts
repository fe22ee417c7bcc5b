/**
 * A program against the description of `@noukai/sdk` 0.5.1. One project compiles it against that, another one against
 * ours, and a test runs it with ours: nothing in it changes.
 */
import type * as Sdk from "@noukai/sdk"

type Module = typeof Sdk

/** The tools of a page. */
const tools: Record<string, unknown>[] = [{ type: "function", function: { name: "get_weather" } }]

/** A handler that is written for results in the casing of 0.4. */
const toolHandler = (calls: Record<string, unknown>[]): Record<string, unknown>[] =>
  calls.map((call) => ({ role: "tool", toolCallId: call.id, content: "sunny" }))

/** A log of phases, typed by the package. */
const noting = (phases: string[]): Sdk.NoukaiOptions["onLog"] => ({ method = "", phase }) => {
  phases.push(`${phase} ${method}`.trim())
}

/** Follows a result, whichever it is. */
const follow = async (result: Sdk.ExecuteResult | Sdk.PausedResult): Promise<unknown> => {
  if (!result.requiresToolCalls) return result.status === "completed" ? result.result : undefined
  return await follow(await result.resume({ toolResults: toolHandler(result.toolCalls) }))
}

/** The names of steps and the type of each event. */
const watch = async (events: AsyncIterable<Sdk.StreamEvent>): Promise<string[]> => {
  const seen: string[] = []
  for await (const event of events) {
    if (event.type === "step_completed") seen.push(event.stepId)
    else if (event.type === "tool_calls_required") await event.resume({ toolResults: toolHandler(event.toolCalls) })
    else seen.push(event.type)
  }
  return seen
}

/** How an error reads. */
const explain = (sdk: Module, error: unknown): string => {
  if (error instanceof sdk.RateLimitError) return `rate limit ${error.retryAfter ?? 0}`
  if (error instanceof sdk.FlowNotFoundError && error.code === sdk.ServerErrorCode.FLOW_NOT_FOUND) return "no flow"
  if (error instanceof sdk.NoukaiError) return `${error.name} ${error.statusCode ?? ""}`
  return error instanceof Error ? "an Error" : "something else"
}

export const program = async (sdk: Module, apiKey: string, relayUrl: string) => {
  const phases: string[] = []
  await using noukai = new sdk.Noukai({ apiKey, env: "dev", maxRetries: 0, timeout: 30_000, onLog: noting(phases) })
  const flow = noukai.flow({ org: "noukai", project: "samples", slug: "two-step" })
  const history: Sdk.ChatMessage[] = [{ role: "user", content: "hi" }]
  const talk = await noukai.flow("noukai/samples/hello-world").execute({ messages: history, version: "production" })
  const weather = noukai.flow("noukai/samples/tools-enabled")
  const job = await flow.executeAsync({ message: "hi", trace: true })
  const status: Sdk.JobStatus["status"] | "cancelled" = (await job.wait({ timeout: 5000, pollInterval: 10 })).status
  const trace = await flow.run(job.executionId).trace({ timeout: 5000 })
  const steps: string[] = []
  for await (const { name, stepId } of flow.steps({ message: "hi" })) steps.push(name ?? stepId)
  const agent: Sdk.RelayFlow = new sdk.RelayFlow({ url: relayUrl, timeout: 30 })
  const asked = await agent.execute({ message: "hi", tools, toolHandler, maxToolRounds: 3 })
  const transport: Sdk.ExecuteTransport = new sdk.RelayExecuteTransport({ url: relayUrl, timeout: 30 })
  const sent = await transport.send({ message: "hi" } satisfies Sdk.ExecuteRequest as Record<string, unknown>)
  const session = await sdk.replayScope(async () => {
    await flow.execute({ message: "hi" })
    return [sdk.currentSessionId(), sdk.currentScope()?.mode]
  }, { capture: true, transport: noukai._transport })
  const errors: string[] = []
  const wrong = [
    () => noukai.flow("noukai/samples/not-there").execute(),
    () => flow.execute({ version: -1 }),
    () => flow.execute({ message: "a", messages: history })
  ]
  for (const run of wrong) errors.push(await run().then(() => "none", (error: unknown) => explain(sdk, error)))
  try {
    flow.events({ version: "draft" })
  } catch (error) {
    errors.push(explain(sdk, error))
  }
  return {
    talk: await follow(talk),
    tools: await follow(await weather.execute({ message: "hi", tools })),
    handled: await follow(await weather.execute({ message: "hi", tools, toolHandler })),
    status,
    traced: trace.steps.map(({ status }) => status),
    steps,
    events: await watch(flow.events({ message: "hi", runRemaining: true })),
    agent: [agent instanceof sdk.RelayFlow, asked.status],
    sent: sent.status,
    session: [typeof session[0], session[1]],
    errors,
    phases: [...new Set(phases)]
  }
}
