/** A process in which a pattern of a person takes for ever, text after text. */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Either } from "effect"
import { Pattern } from "../../src/Pattern.js"

const hanging = Either.getOrThrow(Pattern.fromText(process.argv[2]!))

const told = (text: string) => Effect.sync(() => void process.stdout.write(`${text}\n`))

NodeRuntime.runMain(
  // the handlers of signals are set after the first turn
  Effect.zipRight(
    Effect.delay(told("begun"), "1 millis"),
    Effect.forever(Effect.ignore(hanging.test(`${"a".repeat(40)}!`)))
  ).pipe(
    Effect.onInterrupt(() => told("interrupted"))
  ),
  { disableErrorReporting: true }
)
