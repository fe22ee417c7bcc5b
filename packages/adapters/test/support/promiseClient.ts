/** The client of an app that is written in promises. */
import { type ExecuteResult, Noukai, type PausedResult } from "@effect-noukai/promise"
import { assert, vi } from "vitest"
import { plantedKey, type Setup } from "./world.js"

export interface OpenClient {
  readonly client: Noukai
  readonly close: () => Promise<void>
}

/** The result of a run that has completed. */
export const resultOf = (run: ExecuteResult | PausedResult): unknown =>
  run.status === "completed" ? run.result : assert.fail(`the run is ${run.status}`)

/** The gate is the environment's, as it is for users. */
export const openClient = ({ emulator, onScope, onWarning, replayEnabled }: Setup): OpenClient => {
  vi.stubEnv("NOUKAI_REPLAY_ENABLED", replayEnabled ? "true" : "false")
  const warn = vi.spyOn(console, "warn").mockImplementation((...line: ReadonlyArray<unknown>) =>
    onWarning?.(line.map(String).join(" "))
  )
  const client = new Noukai({
    apiKey: plantedKey,
    env: "dev",
    port: emulator.port,
    maxRetries: 0,
    onLog: (event) => "mode" in event ? onScope?.(event.phase, event.sessionId ?? "") : undefined
  })
  return {
    client,
    close: async () => {
      await client.close()
      warn.mockRestore()
      vi.unstubAllEnvs()
    }
  }
}
