import * as Data from "effect/Data"

/**
 * An error of the caller's code: of a tool handler, or of the body of a scope. The promise rejects with `reason`.
 */
export class Thrown extends Data.TaggedError("Thrown")<{ readonly reason: unknown }> {}
