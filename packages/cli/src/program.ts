/** Runs a command whose arguments are checked. */
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { stripVTControlCharacters } from "node:util"
import { described } from "./arguments/described.js"
import type { Grammar } from "./arguments/grammar.js"
import { called } from "./commands/commands.js"
import { CommandError } from "./exit/CommandError.js"
import { exitCodes } from "./exit/exitCode.js"
import { said, say } from "./exit/failure.js"
import { version } from "./version.js"

/** Silences the parser's own output. */
const quietly = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Console.consoleWith((console) => Effect.withConsole(effect, { ...console, error: () => Effect.void }))

const environment = Layer.mergeAll(
  NodeFileSystem.layer,
  NodePath.layer,
  NodeTerminal.layer,
  CliConfig.layer({ isCaseSensitive: true, showBuiltIns: false, showTypes: false })
)

/** Returns the failure of a wrong use. The parser's message has colours and several lines. */
const wrongUse = (error: ValidationError.ValidationError, { flags }: Grammar): CommandError => {
  const missing = (_: string, between: string, name: string) => {
    const hasValues = flags.some(({ names, values }) => names.includes(name) && values?.includes(" | "))
    return `${between && "; "}${name} is required${hasValues ? ": --help lists its values" : ""}`
  }
  return new CommandError({
    kind: "UsageError",
    code: exitCodes.usage,
    message: stripVTControlCharacters(HelpDoc.toAnsiText(error.error)).trim().replace(/\s+/g, " ")
      .replace(/( ?)Expected to find option: '(--[\w-]+)'/g, missing)
  })
}

/** Prints why a command failed, and returns its exit code. */
export const codeOf = (exit: Exit.Exit<void, CommandError>, isJson: boolean): number => {
  if (Exit.isSuccess(exit)) return exitCodes.done
  if (Cause.isInterruptedOnly(exit.cause)) return exitCodes.interrupted
  const error = Cause.squash(exit.cause)
  if (error instanceof CommandError) return said(error, isJson)
  for (const line of `noukai: ${Cause.pretty(exit.cause)}`.split("\n")) say(line)
  return exitCodes.failed
}

/** Runs a command with the streams, environment and folder of the process. */
export const run = (args: ReadonlyArray<string>): Effect.Effect<void, CommandError> =>
  Effect.gen(function*() {
    const { args: rest, command } = yield* Effect.promise(() => called(args))
    yield* command((command) => Command.run(command, { name: "noukai", version })(["node", "noukai", ...rest])).pipe(
      Effect.mapError((error) => ValidationError.isValidationError(error) ? wrongUse(error, command(described)) : error)
    )
  }).pipe(quietly, Effect.provide(environment))

/** Runs a command. The first signal interrupts it, a second one ends the process at once. */
export const start = (args: ReadonlyArray<string>, isJson: boolean, end: (code: number) => void): void => {
  const fiber = Effect.runFork(run(args))
  let signals = 0
  const heard = () => {
    if (++signals > 1) process.exit(exitCodes.interrupted)
    Effect.runFork(Fiber.interrupt(fiber))
  }
  process.on("SIGINT", heard).on("SIGTERM", heard).on("SIGHUP", heard)
  fiber.addObserver((exit) => end(codeOf(exit, isJson)))
}
