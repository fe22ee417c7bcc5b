/** The input of a run, from flags and arguments. */
import type { SimpleOption } from "@effect-noukai/sdk/kit/runOptions"
import * as Args from "@effect/cli/Args"
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Struct from "effect/Struct"
import { type UsageError, wrong } from "../exit/CommandError.js"
import { Terminal } from "../terminal/Terminal.js"
import { argument, flag, flowVersion, optional, parameter } from "./flags.js"
import * as Values from "./values.js"

/** The flags of the options whose values have a kind. The message is an argument. A flag that is not set leaves its option out. */
export const simpleFlags = {
  snapshots: Options.map(flag("snapshots", "Store inputs and outputs of all steps."), (isSet) => isSet || undefined)
} satisfies { readonly [K in Exclude<SimpleOption, "message">]: Options.Options<unknown> }

/** The options that {@link simpleFlags} set. The SDK checks them. */
export const simpleOf = (flags: Command.Command.ParseConfig<typeof simpleFlags>) =>
  Struct.pick(flags, ...Struct.keys(simpleFlags))

/** The flags and arguments of a command that begins a run. */
export const runFlags = {
  message: Args.optional(argument("message", "The message; - reads stdin (default: piped stdin).")),
  messageFile: optional("message-file", "Read the message from this file; - reads stdin."),
  parameter: parameter("Set a parameter: key=text or key:=JSON. Repeatable."),
  parameters: optional("params", "Read parameters from this JSON file; - reads stdin."),
  version: flowVersion,
  ...simpleFlags
}

type RunFlags = Command.Command.ParseConfig<typeof runFlags>

/** The text that is piped to a command without other input. `undefined` if nothing is piped. */
const piped: Effect.Effect<string | undefined, UsageError, Terminal> = Effect.gen(function*() {
  if (process.stdin.isTTY) return undefined
  const terminal = yield* Terminal
  yield* Effect.forkScoped(Effect.delay(
    terminal.note("waiting for the message on stdin; give a message, or add </dev/null to run without one"),
    "2 seconds"
  ))
  const text = yield* Values.textOf("the message", "-")
  return text === "" ? undefined : text
}).pipe(Effect.scoped)

/** Reads and checks the input of a run. `another` is one more flag that may read stdin. */
export const runInput = Effect.fnUntraced(function*(
  flags: RunFlags,
  another: Option.Option<string> = Option.none(),
  isWithout = false
) {
  if (Option.isSome(flags.message) && Option.isSome(flags.messageFile)) {
    return yield* wrong("give the message as an argument or as --message-file, not both")
  }
  const onStdin = [flags.message, flags.messageFile, flags.parameters, another].filter(Option.contains("-")).length
  if (onStdin > 1) return yield* wrong("only one argument or flag can read stdin: use - once")
  const version = yield* Values.when(flags.version, Values.flowVersion)
  const hasInput = Option.isSome(flags.message) || Option.isSome(flags.messageFile) ||
    isWithout || Option.isSome(flags.parameters) || flags.parameter.length > 0 || onStdin > 0
  const message = !hasInput
    ? yield* piped
    : Option.contains(flags.message, "-")
    ? yield* Values.textOf("the message", "-")
    : Option.getOrUndefined(flags.message) ??
      (yield* Values.when(flags.messageFile, (path) => Values.textOf("--message-file", path)))
  const parameters = yield* Values.parameters(flags.parameter, flags.parameters)
  if (message !== undefined && parameters !== undefined && Object.hasOwn(parameters, "message")) {
    return yield* wrong("give the message once: the parameter \"message\" sets it too")
  }
  return { message, parameters, version, ...simpleOf(flags) }
})
