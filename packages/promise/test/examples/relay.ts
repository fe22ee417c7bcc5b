import { createRelayFlow } from "@effect-noukai/promise/relay"

/** In the browser. `url` is the whole path, such as "/agent/execute". `fetch` adds the headers that `authorize` reads. */
export const ask = async (url: string, message: string) => {
  const agent = createRelayFlow({
    url,
    timeout: "30 seconds",
    fetch: (url, init) => {
      const headers = new Headers(init?.headers)
      headers.set("authorization", "Bearer my-login")
      return fetch(url, { ...init, headers })
    }
  })
  const run = await agent.execute({ message })
  return run.status === "completed" ? run.result : undefined
}
