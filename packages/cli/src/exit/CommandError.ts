/** Errors of commands. */
import * as Data from "effect/Data"
import { exitCodes } from "./exitCode.js"

/** The failure of a command, with its exit code. */
export class CommandError extends Data.TaggedError("CommandError")<{
  /** Empty if the command has printed the reason already. */
  readonly message: string
  readonly code: number
  /** Advice, one line each. */
  readonly advice?: ReadonlyArray<string> | undefined
  /** The tag of the package's error. */
  readonly kind?: string | undefined
}> {}

/** Wrong arguments, flags or settings. Nothing was sent. */
export class UsageError extends Data.TaggedError("UsageError")<{
  readonly message: string
}> {}

/** The error of a wrong argument, flag or setting. */
export const wrong = (message: string): UsageError => new UsageError({ message })

/** The failure of a command whose use was right. */
export const failed = (message: string, advice?: ReadonlyArray<string>): CommandError =>
  new CommandError({ code: exitCodes.failed, message, advice })

/** The failure of a command that has printed the reason already. */
export const reported = (code: number = exitCodes.failed): CommandError => new CommandError({ code, message: "" })
