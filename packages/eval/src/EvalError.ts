/**
 * The errors of evals. A failed check is not an error: it is a verdict.
 *
 * @since 0.1.0
 */
import type { BatchError, BatchLockedError, BatchNotFoundError } from "@effect-noukai/batch/BatchError"
import type {
  AuthenticationError,
  CassetteError,
  InvalidRequestError,
  ReplayNoSnapshotsError
} from "@effect-noukai/sdk"
import * as Schema from "effect/Schema"

/**
 * A definition, an option or a file that cannot be used. Nothing was sent and nothing was written.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidEvalError extends Schema.TaggedError<InvalidEvalError>("@effect-noukai/eval/InvalidEvalError")(
  "InvalidEvalError",
  {
    /** The operation, `Eval.run`, or the path of the file. */
    at: Schema.String,
    /** The option or the place in the file that is wrong: `checks.score`. */
    field: Schema.String,
    /** The rule that it breaks. */
    reason: Schema.String
  }
) {
  override get message(): string {
    return `${this.at}: ${this.field} ${this.reason}`
  }
}

/**
 * A file of an eval cannot be read or written: a definition, a baseline, a folder of cassettes.
 *
 * @since 0.1.0
 * @category errors
 */
export class EvalFileError extends Schema.TaggedError<EvalFileError>("@effect-noukai/eval/EvalFileError")(
  "EvalFileError",
  {
    /** The path of the file. */
    path: Schema.String,
    reason: Schema.String,
    cause: Schema.optional(Schema.Defect)
  }
) {
  override get message(): string {
    return `${this.path}: ${this.reason}`
  }
}

/**
 * The ledger has no run of this eval, or none with this id.
 *
 * @since 0.1.0
 * @category errors
 */
export class EvalNotFoundError extends Schema.TaggedError<EvalNotFoundError>("@effect-noukai/eval/EvalNotFoundError")(
  "EvalNotFoundError",
  {
    /** The name of the eval. */
    eval: Schema.String,
    /** The id of the run, if one was requested. */
    run: Schema.optionalWith(Schema.String, { exact: true }),
    /** Whether a run that is not complete, or one that is, was requested. */
    isIncomplete: Schema.optionalWith(Schema.Boolean, { exact: true })
  }
) {
  override get message(): string {
    const run = this.run !== undefined
      ? `run ${JSON.stringify(this.run)}`
      : this.isIncomplete === undefined
      ? "run"
      : `${this.isIncomplete ? "incomplete" : "complete"} run`
    return `the ledger has no ${run} of the eval ${JSON.stringify(this.eval)}`
  }
}

/**
 * The errors of the operations on evals.
 *
 * @since 0.1.0
 * @category errors
 */
export type EvalError =
  | InvalidEvalError
  | EvalFileError
  | EvalNotFoundError
  | BatchError
  | BatchLockedError
  | BatchNotFoundError
  | AuthenticationError
  | CassetteError
  | InvalidRequestError
  | ReplayNoSnapshotsError
