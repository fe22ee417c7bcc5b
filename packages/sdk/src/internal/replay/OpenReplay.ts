import * as Effect from "effect/Effect"
import type { ReplayLeftoverError } from "../../NoukaiError.js"
import type { HttpService } from "../operations/operations.js"

/** The calls in flight, to warn of two that could take each other's recording. */
export class CallsInFlight {
  private readonly running = new Map<string, number>()
  private readonly warned = new Set<string>()

  /** Warns once of each flow whose calls run at once. */
  readonly enter = (key: string, flow: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const count = this.running.get(key) ?? 0
      this.running.set(key, count + 1)
      if (count === 0 || this.warned.has(key)) return Effect.void
      this.warned.add(key)
      return Effect.logWarning(
        `replay: several calls of ${JSON.stringify(flow)} run at once; each takes the next recording as it begins, ` +
          "which need not be the one it had when they were recorded"
      )
    })

  readonly leave = (key: string): Effect.Effect<void> =>
    Effect.sync(() => {
      const count = (this.running.get(key) ?? 1) - 1
      if (count === 0) this.running.delete(key)
      else this.running.set(key, count)
    })
}

/** A replay that was opened. */
export interface OpenReplay {
  readonly http: HttpService
  readonly verify: (method: string) => Effect.Effect<void, ReplayLeftoverError>
}

/** Fails with the leftover recordings, if there are any when it runs. */
export const verifying = (
  leftover: (method: string) => ReplayLeftoverError | undefined
): OpenReplay["verify"] =>
(method) =>
  Effect.suspend(() => {
    const error = leftover(method)
    return error === undefined ? Effect.void : Effect.fail(error)
  })
