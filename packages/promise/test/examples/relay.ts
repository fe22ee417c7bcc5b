import { createRelayFlow } from "@effect-noukai/promise"

/** In the browser. `url` is the whole path, such as "/agent/execute"; `headers` are what `authorize` looks at. */
export const ask = async (url: string, message: string) => {
  const agent = createRelayFlow({ url, headers: { authorization: "Bearer my-login" } })
  const run = await agent.execute({ message })
  return run.result
}
