import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { WireEvent } from "../../FlowEvent.js"
import type { CallError } from "../../NoukaiError.js"
import { forwardThrough } from "./forwardThrough.js"
import { onceThrough } from "./onceThrough.js"
import { type HttpService, orElse, type Requests, streaming, type Streams } from "./operations.js"
import type { ExecuteBody } from "./runRequests.js"

/** The defect of all other operations: a test that needs them takes another layer. */
const notFaked = () =>
  Effect.dieMessage("layerTest only runs flows: use Noukai.layerScripted for jobs, traces and sessions")

/** A service whose runs complete at once, in one step, with the result of `f`. */
export const fakeHttp = (
  f: (slug: string, input: ExecuteBody) => Effect.Effect<unknown, CallError>
): HttpService => {
  const step: Streams["step"] = (request) => {
    const { attachments, blockOverrides, message, parameters, toolChoice, tools, trace } = request.body
    const body = { message, parameters, blockOverrides, attachments, tools, toolChoice, trace }
    const events = (result: unknown): ReadonlyArray<WireEvent> => [
      { type: "run_started", executionId: "ex_test", flowId: "fl_test", stepCount: 1 },
      { type: "step_started", stepId: "test" },
      { type: "step_completed", stepId: "test", output: result },
      { type: "flow_completed", executionId: "ex_test", result }
    ]
    return Stream.unwrap(Effect.map(f(request.flow.slug, body), (result) => Stream.fromIterable(events(result))))
  }
  const execute: Requests["execute"] = (request) =>
    Effect.map(f(request.flow.slug, request.body), (result) => ({
      status: "completed",
      result,
      flowId: "fl_test",
      blockCount: 1,
      executionId: "ex_test"
    }))
  return {
    defaults: { org: "test", project: "test" },
    request: orElse({ execute, forward: forwardThrough(execute), ...onceThrough(execute, notFaked) }, notFaked),
    stream: streaming({ step }, () => Stream.fromEffect(notFaked()))
  }
}
