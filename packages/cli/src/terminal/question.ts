/** Questions to who sits at the terminal. */
import * as Effect from "effect/Effect"
import { createInterface } from "node:readline"
import { plain } from "./Terminal.js"

/** Whether the answer is yes. Anything else is no, and so is the end of what is typed. */
export const confirmed = (question: string): Effect.Effect<boolean> =>
  Effect.acquireUseRelease(
    // the terminal stays as it is, so that Ctrl-C comes as a signal
    Effect.sync(() => createInterface({ input: process.stdin, terminal: false })),
    (lines) =>
      Effect.async<boolean>((resume) => {
        process.stderr.write(`${plain(question)} [y/N] `)
        lines.once("line", (line) => resume(Effect.succeed(/^y(es)?$/i.test(line.trim()))))
        lines.once("close", () => resume(Effect.succeed(false)))
      }),
    // stdin is paused with it
    (lines) => Effect.sync(() => lines.close())
  )
