import * as Effect from "effect/Effect"

/** Sleeps for some milliseconds, `Infinity` for ever; `false` when it was woken before. */
export type Pause = (ms: number) => Effect.Effect<boolean>

/** @internal */
export const sleep: Pause = (ms) => Number.isFinite(ms) ? Effect.as(Effect.sleep(ms), true) : Effect.never

/**
 * How what asks a client sleeps between two requests: the end of the client wakes it.
 *
 * @internal
 */
export const pauseOf = ({ defaults }: { readonly defaults: { readonly pause?: Pause | undefined } }): Pause =>
  defaults.pause ?? sleep
