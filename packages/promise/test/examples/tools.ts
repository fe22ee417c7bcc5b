import type { Noukai } from "@effect-noukai/promise"

const tools = [{
  type: "function",
  function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } }
}]

const weatherIn = async (city: string, signal?: AbortSignal) => {
  signal?.throwIfAborted()
  return `18 °C in ${city}`
}

/** The client calls the handler as often as the flow asks, and goes on by itself. */
export const withHandler = (noukai: Noukai) =>
  noukai.flow("noukai/samples/tools-enabled").execute({
    message: "What is the weather in Lisbon?",
    tools,
    toolHandler: (calls, { signal }) =>
      Promise.all(calls.map(async (call) => ({
        tool_call_id: call.id,
        content: await weatherIn(JSON.parse(call.function.arguments).city, signal)
      }))),
    maxToolRounds: 5
  })

/** Or the run pauses, and you answer when you like. */
export const byHand = async (noukai: Noukai) => {
  let run = await noukai.flow("noukai/samples/tools-enabled").execute({ message: "And in Porto?", tools })
  while (run.requiresToolCalls) {
    const toolResults = run.toolCalls.map((call) => ({ tool_call_id: call.id, content: "18 °C" }))
    run = await run.resume({ toolResults })
  }
  return run
}
