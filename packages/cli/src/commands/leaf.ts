/** A command that does something: what it takes is known at once, what it does is loaded when it is called. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { CommandError, UsageError } from "../exit/CommandError.js"
import type { Terminal, Voice } from "../terminal/Terminal.js"
import * as Terminals from "../terminal/Terminal.js"

/** The work of a command on its input. */
export type Handle<Input> = (input: Input) => Effect.Effect<void, CommandError, Terminal>

/** A handler that is loaded when it is called. */
export const loaded = <Input extends Voice & { readonly jq: Option.Option<string> }>(
  load: () => Promise<{ readonly handle: Handle<Input> }>
) =>
(input: Input): Effect.Effect<void, CommandError | UsageError> =>
  Effect.gen(function*() {
    const { handle } = yield* Effect.promise(load)
    if (Option.isNone(input.jq)) return yield* handle(input)
    const { filtered } = yield* Effect.promise(() => import("../terminal/jq.js"))
    yield* filtered(input.jq.value, handle(input))
  }).pipe(Effect.provide(Terminals.layer({ quiet: input.quiet, verbose: input.verbose })))
