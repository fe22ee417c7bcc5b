import * as Layer from "effect/Layer"

/**
 * A layer that is built for each place where it is provided. A program builds each layer once for each reference to it,
 * whatever it is provided with there: a shared layer that requires an account, or what answers for one, would give the
 * account of one place to all others, and a live client to a replay.
 *
 * @internal
 */
export const own: <A, E, R>(layer: Layer.Layer<A, E, R>) => Layer.Layer<A, E, R> = Layer.fresh
