/** A command that does something: what it takes is known at once, what it does is loaded when it is called. */
import * as Effect from "effect/Effect"
import type { CommandError } from "../exit/CommandError.js"
import type { Terminal, Voice } from "../terminal/Terminal.js"
import * as Terminals from "../terminal/Terminal.js"

/** The work of a command on its input. */
export type Handle<Input> = (input: Input) => Effect.Effect<void, CommandError, Terminal>

/** A handler that is loaded when it is called. */
export const loaded =
  <Input extends Voice>(load: () => Promise<{ readonly handle: Handle<Input> }>) =>
  (input: Input): Effect.Effect<void, CommandError> =>
    Effect.flatMap(Effect.promise(load), ({ handle }) => handle(input)).pipe(
      Effect.provide(Terminals.layer({ quiet: input.quiet, verbose: input.verbose }))
    )
