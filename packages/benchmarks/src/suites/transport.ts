import { Agent, request } from "undici"
import { startRawServer } from "../RawServer.js"
import type { Suite } from "../Suite.js"

const path = "/api/v1/seq/bench/bench/flow/execute"
const headers = { authorization: "Bearer nk_test_0", "content-type": "application/json" }
const body = JSON.stringify({ message: "The cat sat on the mat.", parameters: {}, trace: false })

/** Runs `call` `batch` times, `inFlight` at once. */
export const inFlight = (inFlight: number, batch: number, call: () => Promise<void>) => async (): Promise<number> => {
  let left = batch
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      await call()
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  return batch
}

const assertCompleted = (text: string): void => {
  const value: unknown = JSON.parse(text)
  if (typeof value !== "object" || value === null || !("status" in value) || value.status !== "completed") {
    throw new Error("not a completed run")
  }
}

/** A call over the transport against a bare `undici.request`, both with `JSON.parse`. */
export const transport: Suite = {
  name: "transport",
  prepare: async () => {
    const server = await startRawServer()
    const agent = new Agent()
    const bare = async (): Promise<void> => {
      const response = await request(`${server.origin}${path}`, { method: "POST", headers, body, dispatcher: agent })
      assertCompleted(await response.body.text())
    }
    return {
      groups: [1, 32].map((n) => ({
        name: `execute, ${n} in flight`,
        baseline: "undici.request",
        rows: [{ name: "undici.request", run: inFlight(n, 64, bare) }]
      })),
      close: async () => {
        await agent.destroy()
        await server.close()
      }
    }
  }
}
