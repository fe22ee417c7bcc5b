/** A command with a handler. */
import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { voice } from "../arguments/flags.js"
import type { CommandError } from "../exit/CommandError.js"
import { type Failure, toCommandError } from "../exit/failing.js"
import * as Terminal from "../terminal/Terminal.js"

/** The values of flags and arguments. */
export type InputOf<Config extends Command.Command.Config> = Command.Command.ParseConfig<Config>

/** A command. Its input is known to its file alone. */
export type Leaf = <A>(
  use: <Input>(command: Command.Command<string, never, CommandError, Input>) => A
) => A

type Inputs<Config extends Command.Command.Config> = InputOf<{ readonly input: Config; readonly voice: typeof voice }>

/**
 * Creates a command. It has the flags of `config`, and --quiet, --verbose and --jq. Errors that the handler does not
 * map itself count as errors of a read.
 */
export const leaf = <const Config extends Command.Command.Config>(
  name: string,
  does: string,
  config: Config,
  handle: (input: Inputs<Config>["input"]) => Effect.Effect<void, Failure, Terminal.Terminal>
): Leaf => {
  const command = Command.make(
    name,
    { input: config, voice },
    ({ input, voice: { jq, ...voice } }) => {
      const given: object = input
      const known = "flow" in given && typeof given.flow === "string" ? { flow: given.flow } : {}
      return Effect.gen(function*() {
        if (Option.isNone(jq)) return yield* handle(input)
        const { filtered } = yield* Effect.promise(() => import("../terminal/jq.js"))
        yield* filtered(jq.value, handle(input))
      }).pipe(
        Effect.mapError((error) => toCommandError(error, "reads", given, known)),
        Effect.provide(Terminal.layer(voice))
      )
    }
  )
  return (use) => use(Command.withDescription(command, does))
}
