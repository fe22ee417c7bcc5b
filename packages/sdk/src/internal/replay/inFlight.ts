import * as Effect from "effect/Effect"

/**
 * Which calls are in flight, so that two that could have taken each other's recording can be told of.
 *
 * @internal
 */
export class InFlight {
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
