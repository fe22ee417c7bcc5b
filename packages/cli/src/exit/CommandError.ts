/** Errors of commands. */
import * as Data from "effect/Data"

/** The failure of a command, with its exit code. */
export class CommandError extends Data.TaggedError("CommandError")<{
  /** Empty if the command has printed the reason already. */
  readonly message: string
  readonly code: number
  /** Advice, one line each. */
  readonly advice?: ReadonlyArray<string>
  /** The tag of the package's error. */
  readonly kind?: string
}> {}

/** Wrong arguments, flags or settings. Nothing was sent. */
export class UsageError extends Data.TaggedError("UsageError")<{
  readonly message: string
}> {}

/** The error of a wrong argument, flag or setting. */
export const wrong = (message: string): UsageError => new UsageError({ message })
