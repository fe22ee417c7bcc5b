import { createRelayFlow } from "@effect-noukai/promise"

/** In the browser. `url` may be relative there. */
export const ask = async (url: string, message: string) => {
  const agent = createRelayFlow({ url })
  const run = await agent.execute({ message })
  return run.result
}
