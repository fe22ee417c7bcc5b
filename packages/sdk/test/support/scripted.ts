/** Responses of `/step` for the scripted `NoukaiHttp`, and its requests. */
import { APIConnectionError, type FlowCursor, type FlowEvent, FlowService } from "@effect-noukai/sdk"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import type { CallError } from "@effect-noukai/sdk/NoukaiError"
import { type Script, ScriptedHttp } from "@effect-noukai/sdk/testing"
import { Effect, type Layer, Stream } from "effect"
import type { StepRequest } from "../../src/internal/operations/requests.js"

export type Response = Stream.Stream<FlowEvent.WireEvent, CallError>

export const runStarted = (stepCount?: number): FlowEvent.WireEvent => ({
  type: "run_started",
  executionId: "ex-1",
  ...(stepCount === undefined ? undefined : { stepCount })
})

export const stepStarted = (stepId: string): FlowEvent.WireEvent => ({ type: "step_started", stepId, stepIndex: 0 })

export const stepOutput = (stepId: string, outputData: unknown): FlowEvent.WireEvent => ({
  type: "step_output",
  stepId,
  outputData
})

export const stepCompleted = (stepId: string, output: unknown = { of: stepId }): FlowEvent.WireEvent => ({
  type: "step_completed",
  stepId,
  output
})

export const stepPaused = (nextStepIndex?: number): FlowEvent.WireEvent => ({
  type: "step_paused",
  ...(nextStepIndex === undefined ? undefined : { nextStepIndex })
})

export const flowCompleted = (result: unknown): FlowEvent.WireEvent => ({ type: "flow_completed", result })

export const toolCall = (id: string) => ({
  id,
  type: "function",
  function: { name: "lookup_order", arguments: "{\"id\":\"A17\"}" }
})

export const assistant = (...ids: ReadonlyArray<string>) => ({
  role: "assistant",
  content: null,
  tool_calls: ids.map(toolCall)
})

export const toolPause = (
  stepId: string,
  id: string,
  more?: Partial<Extract<FlowEvent.WireEvent, { type: "tool_calls_required" }>>
): FlowEvent.WireEvent => ({
  type: "tool_calls_required",
  executionId: "ex-1",
  stepId,
  iterationsUsed: 1,
  toolCallMessages: [assistant(id)],
  toolCalls: [toolCall(id)],
  ...more
})

/** A response that ends cleanly. */
export const respond = (...events: ReadonlyArray<FlowEvent.WireEvent>): Response => Stream.fromIterable(events)

export const lost = (): APIConnectionError =>
  new APIConnectionError({ method: "test", detail: "reset", sent: "yes", isRetryable: false })

/** A response that breaks after its events. */
export const cut = (...events: ReadonlyArray<FlowEvent.WireEvent>): Response =>
  Stream.concat(respond(...events), Stream.failSync(lost))

export const two = {
  first: [runStarted(2), stepStarted("classify"), stepCompleted("classify"), stepPaused(1)],
  second: [stepStarted("answer"), stepOutput("answer", 1), stepCompleted("answer"), flowCompleted({ of: "answer" })]
}

/** Where a run of {@link two} stands between its steps. */
export const between = (flow: string): FlowCursor => ({
  version: 1,
  flow,
  flowVersion: "production",
  executionId: "ex-1",
  stepIndex: 1,
  stepCount: 2,
  outputs: { classify: { of: "classify" } },
  rounds: 0
})

const layerOf = (script: Script): Layer.Layer<FlowService | ScriptedHttp> => layerScripted(script)

/** Runs `body` on a service that answers `/step` with these responses. */
export const scripted = <A, E, R>(
  step: ReadonlyArray<Response>,
  body: (flows: FlowService.Service) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, FlowService | ScriptedHttp>> =>
  Effect.flatMap(FlowService, body).pipe(Effect.provide(layerOf({ step })))

export const requests: Effect.Effect<ReadonlyArray<StepRequest>, never, ScriptedHttp> = Effect.flatMap(
  ScriptedHttp,
  (http) => http.requests("step")
)

/** The bodies that were posted, as JSON has them. */
export const bodies: Effect.Effect<ReadonlyArray<Record<string, unknown>>, never, ScriptedHttp> = Effect.map(
  requests,
  (all) => all.map(({ body }) => JSON.parse(JSON.stringify(body)))
)
