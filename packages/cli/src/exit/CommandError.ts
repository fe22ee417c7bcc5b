/** Why a command ends without what it was asked for. */
import * as Data from "effect/Data"

/** A command that ends with a code, and says why. */
export class CommandError extends Data.TaggedError("CommandError")<{
  /** Empty where nothing is to be said. */
  readonly message: string
  readonly code: number
  /** The remedies, a line each. */
  readonly advice?: ReadonlyArray<string>
  /** The tag of the error of a package that it was. */
  readonly kind?: string
}> {}

/** Arguments, flags or settings that are wrong: nothing was sent. */
export class UsageError extends Data.TaggedError("UsageError")<{
  readonly message: string
}> {}
