/**
 * A program that runs one key of a flow that asks for tools: `<baseUrl> <folder> <stored | taken>`.
 * Stores the state of each pause in the folder before a tool runs. Started again, it goes on from the stored state
 * (`stored`), or takes the run of the key over. Prints the result, or the tag of the error. The API key comes from the environment.
 */
import { FlowService, isNoukaiError, Noukai, PausedState, Tools } from "@effect-noukai/sdk"
import { Effect, Schema } from "effect"
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const [baseUrl = "", folder = "", mode] = process.argv.slice(2)

const flow = "acme/test/asking"

const file = join(folder, "state.json")

const weather = Tools.tool({
  name: "weather",
  description: "The weather of a city",
  parameters: Schema.Struct({ city: Schema.String }),
  handler: ({ city }) =>
    Effect.as(
      Effect.delay(Effect.sync(() => appendFileSync(join(folder, "tools"), `${city}\n`)), "5 millis"),
      `sunny in ${city}`
    )
})

const tools = Tools.make(weather)

/** Stores a state whole, or not at all. */
const onPause = (state: PausedState) =>
  Effect.sync(() => {
    writeFileSync(`${file}.new`, JSON.stringify(state))
    renameSync(`${file}.new`, file)
  })

const begun = Effect.flatMap(
  FlowService,
  (flows) => flows.executeOnce("key", flow, { message: "Lisbon?", tools, onPause, takeOver: true })
)

const stored = Effect.gen(function*() {
  const flows = yield* FlowService
  const state = yield* Schema.decode(Schema.parseJson(PausedState))(readFileSync(file, "utf8"))
  const answers = state.toolCalls.map(({ arguments: given, id }) => ({
    toolCallId: id,
    content: `sunny in ${JSON.parse(given).city}`
  }))
  return yield* flows.resume(flow, state, answers, { tools, onPause })
})

const program: Effect.Effect<
  { readonly status: string; readonly result?: unknown },
  Effect.Effect.Error<typeof begun | typeof stored>,
  FlowService
> = mode === "stored" && existsSync(file) ? stored : begun

process.stdout.write(
  await Effect.runPromise(
    program.pipe(
      Effect.map((done) => `done ${JSON.stringify(done.result)}`),
      Effect.catchAll((error) => Effect.succeed(isNoukaiError(error) ? error._tag : String(error))),
      Effect.provide(Noukai.layer({ baseUrl }))
    )
  )
)
