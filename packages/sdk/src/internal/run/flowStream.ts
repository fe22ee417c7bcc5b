/**
 * The streams of a run: from its beginning, from a cursor, and from the answer to a pause.
 *
 * @see contract 7.4–7.6
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { FlowCursor } from "../../FlowCursor.js"
import type { CallError, InvalidRequestError } from "../../NoukaiError.js"
import { spanNames } from "../../Telemetry.js"
import { clockOf } from "../core/fiber.js"
import { amended, invalid } from "../core/makeError.js"
import { deferred, fromSource, type Source } from "../core/streamPull.js"
import { monotonic, timeLimit, unsafeMonotonic } from "../core/time.js"
import * as Metrics from "../telemetry/metrics.js"
import * as Spans from "../telemetry/spans.js"
import type { DeliveredRunEvent } from "./deliveredEvent.js"
import { RunCosts } from "./runCosts.js"
import { isOver } from "./runFold.js"
import type { Origin, StreamSettings } from "./streamHealing.js"
import { type EventPull, StreamWalk } from "./streamWalk.js"
import type { ToolResult } from "./tool.js"
import { answeredPause, answersOf } from "./toolRound.js"

type RunStream<E, R> = Stream.Stream<DeliveredRunEvent, E | CallError, R>

const resume = <E, R>(
  settings: StreamSettings<E, R>,
  paused: RunCosts | undefined,
  cursor: FlowCursor,
  results: ReadonlyArray<ToolResult>
): RunStream<never, never> => {
  const { pending } = cursor
  const facts = { flow: settings.addressText, executionId: cursor.executionId }
  const refused = (error: InvalidRequestError) => Stream.fail(amended(error, {}, () => cursor))
  if (pending === undefined) return refused(invalid(settings.method, "results", "answer no pause", facts))
  const answers = answersOf(settings.method, pending.toolCalls ?? [], results, facts)
  if (Either.isLeft(answers)) return refused(answers.left)
  const answered = { ...cursor, pending: answeredPause(pending, answers.right) }
  // only a pause that is answered by hand is resumed, so there is no handler
  const manual: StreamSettings<never, never> = { ...settings, answering: { _tag: "manual" } }
  const origin: Origin = { cursor: answered, begun: true, mayBeOver: isOver(cursor) }
  const begun = Effect.withFiberRuntime<Source<DeliveredRunEvent, CallError>>((fiber) =>
    Effect.succeed(begin(fiber, manual, origin))
  )
  // the stream that paused may still be open, and holds no more of its budgets than it has cost
  const settled = paused?.settle({ executionId: cursor.executionId, sent: "yes", goesOn: false }) ?? Effect.void
  return fromSource(() => deferred(Effect.zipRight(settled, begun)))
}

/** Limits each pull by the rest of the total timeout. */
const timed = <E, R>(walk: StreamWalk<E, R>, clock: Clock.Clock, total: number): EventPull<E, R> => {
  const end = unsafeMonotonic(clock) + total
  const timedOut = Effect.failSync(() => Option.some(walk.timedOut(total)))
  return Effect.flatMap(monotonic, (now) => end > now ? timeLimit(walk.pull, end - now, timedOut) : timedOut)
}

/** The events of a run, from an origin to its end or its next pause for the caller, as a fiber begins to read them. */
export const begin = <E, R>(
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  settings: StreamSettings<E, R>,
  origin: Origin
): Source<DeliveredRunEvent, E | CallError, R> => {
  const name = settings.only === "steps" ? spanNames.steps : spanNames.events
  const costs = RunCosts.of(fiber, settings)
  const walk = new StreamWalk(
    settings,
    origin,
    costs,
    Spans.streamSpans(fiber, name, { ...settings, executionId: origin.cursor.executionId }),
    Metrics.executionStarted(fiber, settings.only, settings.address),
    (cursor, results) => resume(settings, costs, cursor, results)
  )
  const { timeout } = settings
  return {
    pull: timeout === undefined ? walk.pull : timed(walk, clockOf(fiber), timeout),
    close: costs === undefined ? walk.close : (exit) =>
      Effect.zipRight(
        walk.close(exit),
        Effect.suspend(() => walk.callEnd === undefined ? Effect.void : costs.settle(walk.callEnd))
      )
  }
}
