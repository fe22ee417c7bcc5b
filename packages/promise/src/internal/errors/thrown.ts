import * as Data from "effect/Data"

/**
 * What code of the caller's threw: a tool handler, the body of a scope. A promise rejects with `reason` itself.
 *
 * @internal
 */
export class Thrown extends Data.TaggedError("Thrown")<{ readonly reason: unknown }> {}
