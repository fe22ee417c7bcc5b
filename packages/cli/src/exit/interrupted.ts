/** Notes for an interrupted command whose run may have begun. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { hint, type ServerFlags } from "../terminal/shell.js"
import { Terminal } from "../terminal/Terminal.js"

/** Prints on an interruption how to find the run. */
export const findable = (
  once: Option.Option<string>,
  sessionId: string,
  server: ServerFlags,
  { isListed, isGiven }: { readonly isListed: string; readonly isGiven: string },
  known: () => string | undefined = () => undefined
) =>
<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Terminal> =>
  Effect.onInterrupt(effect, () =>
    Effect.gen(function*() {
      const terminal = yield* Terminal
      const session = hint(server, "session show", [sessionId])
      const run = known()
      if (run !== undefined) {
        yield* terminal.note(`interrupted; ${run}`)
        return yield* terminal.note(`to see its session: ${session}`)
      }
      yield* terminal.note(
        Option.isNone(once)
          ? `interrupted; to see whether ${isListed}: ${session}`
          : `interrupted; the same command again returns ${isGiven}`
      )
    }))
