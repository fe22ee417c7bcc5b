import * as Data from "effect/Data"

/**
 * What code that is no Effect has thrown, whatever it is.
 *
 * @internal
 */
export class Thrown extends Data.TaggedError("Thrown")<{ readonly reason: unknown }> {}
