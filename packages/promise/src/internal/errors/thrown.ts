import * as Data from "effect/Data"

/**
 * An error thrown by the caller's code: a tool handler, or the body of a scope. A promise rejects with `reason` itself.
 */
export class Thrown extends Data.TaggedError("Thrown")<{ readonly reason: unknown }> {}
