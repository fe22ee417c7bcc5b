/** Reads where a run is: at its end, or at the pause at which it waits. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { WireEvent, WireEventOf } from "../../FlowEvent.js"
import * as Errors from "../../NoukaiError.js"
import type { Trace } from "../../Trace.js"
import { newError } from "../core/makeError.js"
import { isEndedStatus } from "../core/runProblem.js"
import { endedBy, timeLimit } from "../core/time.js"
import { digitsIn, digitsOf, type Exact, withDigits } from "../kit/plainJson.js"
import type { Requests } from "../operations/operations.js"
import type * as Operation from "../operations/requests.js"
import { format } from "../options/address.js"
import { fold, noResult, startOf, traceState } from "./runFold.js"
import type { StreamSettings } from "./streamHealing.js"

const pausedAt = (
  executionId: string,
  event: WireEventOf<"tool_calls_required">
): Operation.ExecutePaused | undefined => {
  const { accumulatedOutputs, iterationsUsed, stepId, toolCallMessages, toolCalls } = event
  if (typeof stepId !== "string") return undefined
  const paused: Operation.ExecutePaused = {
    status: "tool_calls_required",
    executionId,
    pausedAtStep: stepId,
    iterationsUsed: iterationsUsed ?? 0,
    toolCallMessages,
    toolCalls: toolCalls ?? undefined,
    accumulatedOutputs: accumulatedOutputs ?? undefined
  }
  return withDigits(paused, digitsOf(event))
}

/** Reads the trace of a run. */
export const traceOf = (
  { address: flow, http, method, options }: Pick<
    StreamSettings<never, never>,
    "address" | "http" | "method" | "options"
  >,
  executionId: string
): ReturnType<Requests["trace"]> =>
  http.request("trace", { method, options, progress: { sent: "no" }, flow, executionId })

/** Whether a step has come to its end without a failure. */
export const isDone = ({ status }: Pick<Trace["steps"][number], "status">): boolean =>
  status === "completed" || status === "skipped"

/** Whether a run has ended, or is past the step in which it paused. A step in a loop may pause again. */
export const hasPassed = ({ flowRun, steps }: Trace, stepId: string | null | undefined): boolean => {
  const ofStep = steps.filter((step) => step.stepId === stepId && step.loopIndex === undefined)
  const latest = Math.max(...ofStep.map(({ attempt }) => attempt))
  return isEndedStatus(flowRun.status) || ofStep.some((step) => step.attempt === latest && isDone(step))
}

/** The time in which an event comes that the trace has shown to follow. */
const patience = "5 seconds"

/**
 * Follows a run to its end or to the pause at which it waits, and gives what `execute` would answer there; `undefined`
 * where the server does not say. It only reads. Of a pause nothing tells that no further event has been stored, so
 * that it is taken for the last one when the trace is read before a further event arrives, and does not know more.
 * Where the trace knows more, the event has to come soon.
 *
 * With `silence` it is `undefined` for a run without an event for so many milliseconds.
 *
 * Fails with the retryable errors of reads, and with `UnexpectedResponseError` if the run completed and no event carried
 * its result.
 */
export const runPosition = (
  trace: Requests["trace"],
  traceStream: (request: Operation.TraceStreamRequest) => Stream.Stream<WireEvent, Errors.CallError>,
  { executionId, flow, method, options }: Omit<Operation.RunRequest, "progress">,
  silence?: number | undefined
): Effect.Effect<Operation.ExecuteResponse | undefined, Errors.CallError> => {
  const facts = { method, flow: format(flow), executionId }
  const detail = "the events of the run ended before a terminal event"
  const cut = newError(Errors.APIConnectionError, { ...facts, detail, sent: "yes", isRetryable: true })
  const request = () => ({ method, options, progress: { sent: "no" as const }, flow, executionId })
  const ended = (status: "completed" | "failed", { digits, value: result }: Exact): Operation.ExecuteEnded =>
    withDigits({ status, executionId, result }, digitsIn([["result", digits]]))
  return Effect.scoped(Effect.gen(function*() {
    let state = traceState(startOf(facts.flow, "production", { executionId }), undefined)
    /** Whether the stream of events has ended, at a pause. */
    let isOver = false
    /** The end at a pause, once the trace has been read. */
    let atPause: Exit.Exit<Option.Option<never>, Errors.CallError> = Exit.succeed(Option.none())
    const readAtPause = (stepId: string | null | undefined) =>
      Effect.matchEffect(Effect.suspend(() => trace({ ...request(), isUnrecorded: true })), {
        onFailure: (error) => error.isRetryable ? Effect.fail(error) : Effect.succeedNone,
        onSuccess: (read) => {
          if (!hasPassed(read, stepId)) return Effect.succeedNone
          return isOver ? Effect.fail(cut) : Effect.delay(Effect.fail(cut), patience)
        }
      })
    const pull = yield* Stream.toPull(traceStream(request()))
    while (true) {
      const pause = state.end?._tag === "tools" ? state.end.event : undefined
      const next = Effect.catchAll(Effect.asSome(pull), (end) =>
        Option.match(end, {
          onNone: () => {
            isOver = true
            return pause === undefined ? Effect.fail(cut) : Effect.never
          },
          // an event that cannot be read here is not known; one that can be read later is an error
          onSome: (error) => error.isRetryable ? Effect.fail(error) : Effect.succeedNone
        }))
      const events = yield* pause !== undefined
        ? endedBy(
          next,
          Effect.map(Effect.exit(readAtPause(pause.stepId)), (exit) => atPause = exit),
          Effect.suspend(() => atPause)
        )
        : silence !== undefined
        ? timeLimit(next, silence, Effect.succeedNone)
        : next
      if (Option.isNone(events)) return pause && pausedAt(executionId, pause)
      for (const event of events.value) {
        state = fold(state, event)
        const { end } = state
        if (end?._tag === "unexpected") return undefined
        if (end?._tag === "failed") return ended("failed", end)
        if (end?._tag !== "completed") continue
        if (end.result !== undefined) return ended("completed", end.result)
        return yield* newError(Errors.UnexpectedResponseError, { ...facts, reason: noResult })
      }
    }
  }))
}
