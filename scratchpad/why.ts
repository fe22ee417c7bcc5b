import { Emulator } from "@effect-noukai/emulator"
import * as Waterfall from "@effect-noukai/report/Waterfall"
import { FlowService, Noukai, RunService } from "@effect-noukai/sdk"
import { Effect, Layer } from "effect"

const flow = "acme/support/reply"

// a flow whose second step fails
const FailingEmulator = Emulator.layer({
  flows: [{
    ref: flow,
    steps: [
      { kind: "template", id: "classify", output: "parcel", costUsd: "0.0003", duration: "120 millis" },
      {
        kind: "fail",
        id: "draft",
        code: "MODEL_OVERLOADED",
        message: "The model is overloaded.",
        duration: "80 millis"
      }
    ]
  }]
})

// on a FlowExecutionError, returns the trace of the run as text
export const why = Effect.gen(function*() {
  const flows = yield* FlowService
  const runs = yield* RunService
  return yield* flows.execute(flow, { message: "Where is my parcel?" }).pipe(
    Effect.map(({ result }) => JSON.stringify(result)),
    Effect.catchTag("FlowExecutionError", (error) =>
      error.executionId === undefined
        ? Effect.fail(error)
        : Effect.map(runs.trace(flow, error.executionId), (trace) => Waterfall.toText(trace)))
  )
}).pipe(Effect.provide(Layer.provide(Noukai.layerServices, FailingEmulator)))
