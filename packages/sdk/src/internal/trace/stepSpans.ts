/**
 * The spans of the steps of a run that has ended, read from its trace and opened below the span of its call.
 *
 * @see docs/wire.md#spans
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import { spanNames } from "../../Telemetry.js"
import { type AnyFiber, tracerOf, withFiber } from "../core/fiber.js"
import { timeLimit } from "../core/time.js"
import type { HttpService } from "../operations/operations.js"
import type { Trace } from "../operations/requests.js"
import type { FlowAddress } from "../options/address.js"
import { sumTokens, tokenAttributes } from "../telemetry/attributes.js"
import * as Metrics from "../telemetry/metrics.js"
import { annotate, openSpan } from "../telemetry/spans.js"
import { stepAttributes, timelineOf } from "./timeline.js"

/** The time that a call may wait for its trace, in milliseconds. */
const patience = 5_000

interface EndedRun {
  readonly http: HttpService
  readonly method: string
  readonly address: FlowAddress
  /** Whether the steps were read from streams, which have counted their tokens and costs. */
  readonly isWalked: () => boolean
  /** Whether the spans have the inputs, outputs and errors of the steps. */
  readonly withPayloads: boolean
}

const readTrace = ({ address, http, method }: EndedRun, executionId: string) =>
  http.request("trace", {
    method,
    flow: address,
    executionId,
    options: {},
    progress: { sent: "no" },
    // a replay has the spans of its own calls, and no option that asks for those of steps
    isUnrecorded: true
  })

const openSpans = (
  fiber: AnyFiber,
  tracer: Tracer.Tracer,
  parent: Option.Option<Tracer.AnySpan>,
  { address, http, isWalked, withPayloads }: EndedRun,
  trace: Trace
): void => {
  const { isDated, steps } = timelineOf(trace)
  if (!isDated) return
  const spans: Array<Tracer.Span> = []
  // a loop may be listed after its iterations
  const open = (index: number): Tracer.Span => {
    const known = spans[index]
    if (known !== undefined) return known
    const placed = steps[index]!
    const above = placed.loop === undefined ? parent : Option.some(open(placed.loop))
    const attributes = stepAttributes(placed, withPayloads)
    return spans[index] = openSpan(fiber, tracer, spanNames.step, above, placed.start, "internal", attributes)
  }
  for (const index of steps.keys()) open(index)
  for (const [index, { end, step }] of steps.entries()) {
    spans[index]!.end(
      end,
      step.status === "failed" ? Exit.fail(`step ${JSON.stringify(step.stepId)} failed`) : Exit.void
    )
  }
  if (!isWalked()) Metrics.countSteps(Metrics.labelsOfCall(fiber, address, http.defaults.server), trace.steps)
  if (Option.isSome(parent) && parent.value._tag === "Span") {
    annotate(parent.value, tokenAttributes(sumTokens(trace.steps)))
  }
}

/** The end of a call. A run that it found and did not run has no spans in it. */
interface EndedCall {
  readonly status: string
  readonly executionId?: string | undefined
  readonly reused?: boolean | undefined
}

/**
 * Adds the spans of the steps, and their tokens and costs to the metrics, to a call that has ended with a run. Best
 * effort: nothing that goes wrong here, and no trace that is late, changes the outcome of the call; it is logged, at
 * level debug.
 */
export const withStepSpans = <A extends EndedCall, E, R>(
  run: EndedRun,
  self: Effect.Effect<A, E, R>,
  idOf: (error: E) => string | undefined
): Effect.Effect<A, E, R> => {
  const after = (executionId: string | undefined): Effect.Effect<void> =>
    executionId === undefined ? Effect.void : withFiber((fiber) => {
      const tracer = tracerOf(fiber)
      if (tracer === undefined) return Effect.void
      const parent = Context.getOption(fiber.currentContext, Tracer.ParentSpan)
      return readTrace(run, executionId).pipe(
        (trace) => timeLimit(trace, patience, Effect.fail("it was not read in time")),
        Effect.map((trace) => openSpans(fiber, tracer, parent, run, trace)),
        Effect.catchAllCause((cause) => Effect.logDebug(`the steps of run ${executionId} have no spans`, cause))
      )
    })
  return self.pipe(
    Effect.tap(({ executionId, reused, status }) =>
      status === "completed" && reused !== true ? after(executionId) : Effect.void
    ),
    Effect.tapError((error) => after(idOf(error)))
  )
}
