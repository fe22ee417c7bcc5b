/** The command `noukai`: from its arguments to its exit code. */
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
import { checked } from "./arguments/grammar.js"
import { help } from "./arguments/help.js"
import { grammar, root } from "./commands/root.js"
import { CommandError, UsageError } from "./exit/CommandError.js"
import { exitCodes } from "./exit/exitCode.js"
import { plain } from "./terminal/Terminal.js"
import { version } from "./version.js"

/** Takes the words of the parser, which would print more than their text. */
const quietly = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Console.consoleWith((console) => Effect.withConsole(effect, { ...console, error: () => Effect.void }))

const environment = Layer.mergeAll(
  NodeFileSystem.layer,
  NodePath.layer,
  NodeTerminal.layer,
  CliConfig.layer({ isCaseSensitive: true, showBuiltIns: false, showTypes: false })
)

const say = (text: string) => void process.stderr.write(`${plain(text)}\n`)

/** Says why a command ended, and gives its code. */
export const codeOf = (exit: Exit.Exit<void, CommandError | UsageError | ValidationError.ValidationError>): number => {
  if (Exit.isSuccess(exit)) return exitCodes.done
  if (Cause.isInterruptedOnly(exit.cause)) return exitCodes.interrupted
  const error = Cause.squash(exit.cause)
  if (error instanceof CommandError) {
    if (error.message !== "") say(`noukai: ${error.message}`)
    for (const advice of error.advice ?? []) say(`  ${advice}`)
    return error.code
  }
  if (error instanceof UsageError) {
    say(`noukai: ${error.message}`)
    say(`  ${error.command ?? "noukai"} --help`)
    return exitCodes.usage
  }
  if (ValidationError.isValidationError(error)) {
    // the words of the parser, which are in colours and several lines
    say(`noukai: ${stripVTControlCharacters(HelpDoc.toAnsiText(error.error)).trim().replace(/\s+/g, " ")}`)
    return exitCodes.usage
  }
  for (const line of `noukai: ${Cause.pretty(exit.cause)}`.split("\n")) say(line)
  return exitCodes.failed
}

/** The command over the streams, the environment and the folder that the process has when it runs. */
export const program = (
  args: ReadonlyArray<string>
): Effect.Effect<void, CommandError | UsageError | ValidationError.ValidationError> =>
  Effect.flatMap(checked(grammar, args), (asked) =>
    asked._tag === "help"
      ? Effect.sync(() => void process.stdout.write(help(asked.path, asked.grammar, process.stdout.columns ?? 80)))
      : Command.run(root, { name: "noukai", version })(["node", "noukai", ...asked.args])).pipe(
      quietly,
      Effect.provide(environment)
    )

/** Why a stream took no more, unless it is that nobody reads it any more. */
let lost: Error | undefined

const listenForLosses = () => {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") lost ??= error
  })
  process.stderr.on("error", () => {})
}

/** The code of a command whose result was written, or lost. */
const afterWriting = (code: number): number => {
  if (lost === undefined) return code
  say(`noukai: stdout cannot be written: ${lost.message}`)
  return code === exitCodes.done ? exitCodes.failed : code
}

/** Writes what is still to be written, and ends. */
const end = (code: number) => {
  const flush = (stream: NodeJS.WriteStream, then: () => void) =>
    stream.writableLength === 0 || stream.destroyed ? then() : stream.write("", then)
  // an error of a stream is told after the write that it is of
  const ended = () => Effect.runFork(Effect.sleep(0)).addObserver(() => process.exit(afterWriting(code)))
  flush(process.stdout, () => flush(process.stderr, ended))
}

/** Runs a command. The first signal lets it end what it has begun, a second one ends it at once. */
export const main = (args: ReadonlyArray<string>): void => {
  listenForLosses()
  if (args.length === 1 && args[0] === "--version") return void process.stdout.write(`${version}\n`)
  const fiber = Effect.runFork(program(args))
  let signals = 0
  const heard = () => {
    if (++signals > 1) process.exit(exitCodes.interrupted)
    Effect.runFork(Fiber.interrupt(fiber))
  }
  process.on("SIGINT", heard).on("SIGTERM", heard).on("SIGHUP", heard)
  fiber.addObserver((exit) => end(codeOf(exit)))
}
