/**
 * A program that streams the run of one key: `<baseUrl> <silence in ms> [take]`. Prints the type of each event, or the tag
 * of the error. The API key comes from the environment.
 */
import { FlowService, Noukai } from "@effect-noukai/sdk"
import { Effect, Stream } from "effect"

const [baseUrl = "", silence, take] = process.argv.slice(2)

const program = Effect.flatMap(FlowService, (flows) =>
  Stream.runForEach(
    flows.eventsOnce("key", "acme/test/three", { message: "hi", silence: Number(silence), takeOver: take === "take" }),
    (event) => Effect.sync(() => process.stdout.write(`${event.type}\n`))
  ))

await Effect.runPromise(
  program.pipe(
    Effect.catchAll((error) => Effect.sync(() => process.stdout.write(`${error._tag}\n`))),
    Effect.provide(Noukai.layer({ baseUrl }))
  )
)
