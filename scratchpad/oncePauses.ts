import { type ExecuteResult, FlowService, PausedState, Tools } from "@effect-noukai/sdk"
import { Effect, Schema } from "effect"

const flow = "noukai/samples/tools-enabled"

const weather = Tools.tool({
  name: "get_weather",
  description: "The weather of a city",
  parameters: Schema.Struct({ city: Schema.String }),
  handler: ({ city }) => Effect.succeed(`sunny in ${city}`)
})

/** Where states survive a crash: a table, a file. */
export interface States {
  readonly put: (key: string, text: string) => Effect.Effect<void>
  readonly get: (key: string) => Effect.Effect<string | undefined>
}

// the state of each pause is stored before a tool runs
export const ask = (key: string, states: States) =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    const done = yield* flows.executeOnce(key, flow, {
      message: "Lisbon?",
      tools: Tools.make(weather),
      onPause: (state) => states.put(key, JSON.stringify(state))
    })
    return done.result
  })

// after a crash, and if no other process runs the key: goes on with the run, wherever it is
export const askAgain = (key: string) =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    const done = yield* flows.executeOnce(key, flow, {
      message: "Lisbon?",
      tools: Tools.make(weather),
      takeOver: true
    })
    return done.result
  })

// a pause that is answered later: goes on from the stored state
export const goOn = (key: string, states: States, results: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    const text = yield* states.get(key)
    if (text === undefined) return yield* ask(key, states)
    const state = yield* Schema.decode(Schema.parseJson(PausedState))(text)
    const answers = state.toolCalls.map(({ id }, n) => ({ toolCallId: id, content: results[n] ?? "" }))
    const done: ExecuteResult = yield* flows.resume(flow, state, answers, {
      tools: Tools.make(weather),
      onPause: (next) => states.put(key, JSON.stringify(next))
    })
    return done.result
  })
