/**
 * Where a run is now, read from its events: for a program that was killed while the run went on, and does not have the
 * last answer.
 *
 * @see contract 9.3
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { WireEvent, WireEventOf } from "../../FlowEvent.js"
import { APIConnectionError, type CallError, UnexpectedResponseError } from "../../NoukaiError.js"
import { unchecked } from "../core/makeError.js"
import { endedBy } from "../core/time.js"
import type { ExecutePaused, ExecuteResponse, RunRequest, TraceStreamRequest } from "../operations/requests.js"
import { format } from "../options/address.js"
import { fold, noResult, traceState } from "./runFold.js"

interface Facts {
  readonly method: string
  readonly flow: string
  readonly executionId: string
}

const cut = (facts: Facts): APIConnectionError =>
  new APIConnectionError({
    ...facts,
    detail: "the events of the run ended before a terminal event",
    sent: "yes",
    isRetryable: true
  }, unchecked)

const pausedAt = (
  executionId: string,
  { accumulatedOutputs, iterationsUsed, stepId, toolCallMessages, toolCalls }: WireEventOf<"tool_calls_required">
): ExecutePaused | undefined =>
  typeof stepId !== "string" ? undefined : {
    status: "tool_calls_required",
    executionId,
    pausedAtStep: stepId,
    iterationsUsed,
    toolCallMessages,
    toolCalls: toolCalls ?? undefined,
    accumulatedOutputs: accumulatedOutputs ?? undefined
  }

/**
 * Follows a run to its end or to the pause at which it waits, and gives what `execute` would answer there; `undefined`
 * where the server does not say. It only reads. Of a pause nothing tells that no further event has been stored, so
 * that it is taken for the last one when another read is answered before a further event arrives.
 *
 * Fails with the retryable errors of reads, and with `UnexpectedResponseError` if the run completed and no event carried
 * its result.
 */
export const runPosition = (
  trace: (request: RunRequest) => Effect.Effect<unknown, CallError>,
  traceStream: (request: TraceStreamRequest) => Stream.Stream<WireEvent, CallError>,
  { executionId, flow, method, options }: Omit<RunRequest, "progress">
): Effect.Effect<ExecuteResponse | undefined, CallError> => {
  const { retryPost: _, ...reading } = options
  const facts: Facts = { method, flow: format(flow), executionId }
  const request = () => ({ method, options: reading, progress: { sent: "no" as const }, flow, executionId })
  const anotherRead = Effect.suspend(() => Effect.ignore(trace({ ...request(), isUnrecorded: true })))
  return Effect.scoped(Effect.gen(function*() {
    let state = traceState(facts.flow, executionId, undefined)
    const pull = yield* Stream.toPull(traceStream(request()))
    while (true) {
      const pause = state.end?._tag === "tools" ? state.end.event : undefined
      const next = Effect.catchAll(Effect.asSome(pull), (end) =>
        Option.match(end, {
          onNone: () => pause === undefined ? Effect.fail(cut(facts)) : Effect.succeedNone,
          // an event that cannot be read here is not known; one that can be read later is an error
          onSome: (error) => error.isRetryable ? Effect.fail(error) : Effect.succeedNone
        }))
      const events = yield* (pause === undefined ? next : endedBy(next, anotherRead, Effect.succeedNone))
      if (Option.isNone(events)) return pause && pausedAt(executionId, pause)
      for (const event of events.value) {
        state = fold(state, event)
        const { end } = state
        if (end?._tag === "unexpected") return undefined
        if (end?._tag === "failed") return { status: "failed", executionId, result: end.result } as const
        if (end?._tag !== "completed") continue
        if (end.result !== undefined) return { status: "completed", executionId, result: end.result.value } as const
        return yield* new UnexpectedResponseError({ ...facts, reason: noResult, isRetryable: false }, unchecked)
      }
    }
  }))
}
