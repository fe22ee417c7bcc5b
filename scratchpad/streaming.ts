import { FlowService } from "@effect-noukai/sdk"
import { Console, Effect, Schedule, Stream } from "effect"

const flow = "noukai/samples/two-step"
const patience = Schedule.intersect(Schedule.exponential("200 millis"), Schedule.recurs(5))

// survives cuts, once the run is named: goes on from the last completed step, and never starts a second run
export const watched = Effect.gen(function*() {
  const flows = yield* FlowService
  yield* flows.events(flow, { message: "Where is my order?", heal: patience }).pipe(
    Stream.runForEach((event) => {
      switch (event.type) {
        case "step_started":
          return Console.log(`  step ${event.stepIndex}    ${event.name} …`)
        case "step_completed":
          return Console.log(`            ${JSON.stringify(event.output)}`)
        case "flow_completed":
          return Console.log(`  result    ${JSON.stringify(event.result)}`)
        default:
          return Effect.void
      }
    })
  )
})

// without `heal`, a cut is a typed error that carries the place to go on from; here, after a look at it
export const byHand = Effect.gen(function*() {
  const flows = yield* FlowService
  return yield* flows.steps(flow, { message: "Where is my order?" }).pipe(
    Stream.catchTag("APIConnectionError", (error) =>
      error.cursor?.executionId === undefined
        ? Stream.fail(error) // nothing to go on from: whether a run exists, `error.sent` says
        : flows.steps(flow, { from: error.cursor })),
    Stream.map((step) => step.output),
    Stream.runCollect
  )
})
