import { type FlowCursor, type Noukai, NoukaiError, type PausedState } from "@effect-noukai/promise"

const flow = "noukai/samples/tools-enabled"

const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }]

/** A place where states stay when the process ends: a table, a file. */
export interface Store {
  readonly save: (text: string) => Promise<void>
}

/** Stores each pause before anything answers it. */
export const ask = (noukai: Noukai, store: Store) =>
  noukai.flow(flow).execute({
    message: "What is the weather in Lisbon?",
    tools,
    onPause: (state) => store.save(JSON.stringify(state))
  })

/** Answers a stored pause, in another process, next week. */
export const answer = async (noukai: Noukai, text: string, content: string) => {
  const state = JSON.parse(text) as PausedState
  const toolResults = state.toolCalls.map(({ id }) => ({ tool_call_id: id, content }))
  return await noukai.flow(state.flow).resume(state, { toolResults })
}

/** Goes on after cuts by itself, and tells where to go on if that was not enough. */
export const watch = async (noukai: Noukai, from?: FlowCursor) => {
  try {
    for await (const event of noukai.flow("noukai/samples/two-step").events({ message: "A17", from, heal: true })) {
      if (event.type === "flow_completed") return event.result
    }
  } catch (error) {
    if (error instanceof NoukaiError && error.cursor !== undefined) return { goOnFrom: error.cursor }
    throw error
  }
}
