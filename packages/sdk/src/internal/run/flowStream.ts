/**
 * The streams of a run: from its beginning, from a cursor, and from the answer to a pause.
 *
 * @see contract 7.4–7.6
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { FlowCursor } from "../../FlowCursor.js"
import type { CallError, CostLimitError } from "../../NoukaiError.js"
import { spanNames } from "../../Telemetry.js"
import { invalid } from "../errors/makeError.js"
import * as Metrics from "../telemetry/metrics.js"
import * as Spans from "../telemetry/spans.js"
import { monotonic } from "../time/clock.js"
import type { ToolResult } from "../tools/tool.js"
import { answeredPause, answersOf } from "../tools/toolRound.js"
import type { DeliveredRunEvent } from "./deliveredEvent.js"
import { isOver } from "./streamCursor.js"
import type { Origin, Settings } from "./streamSettings.js"
import { type EventPull, StreamWalk } from "./streamWalk.js"

type RunStream<E, R> = Stream.Stream<DeliveredRunEvent, E | CallError | CostLimitError, R>

const resume = <E, R>(
  settings: Settings<E, R>,
  cursor: FlowCursor,
  results: ReadonlyArray<ToolResult>
): RunStream<never, never> => {
  const { pending } = cursor
  const facts = { flow: settings.addressText, executionId: cursor.executionId }
  if (pending === undefined) return Stream.fail(invalid(settings.method, "results", "answer no pause", facts))
  const answers = answersOf(settings.method, pending.toolCalls ?? [], results, facts)
  if (Either.isLeft(answers)) return Stream.fail(answers.left)
  const answered = { ...cursor, pending: answeredPause(pending, answers.right) }
  // only a pause that is answered by hand is resumed, so there is no handler
  const manual: Settings<never, never> = { ...settings, answering: { _tag: "manual" } }
  return run(manual, { cursor: answered, begun: true, mayBeOver: isOver(cursor) })
}

/** Limits each pull by the rest of the total timeout. */
const timed = <E, R>(walk: StreamWalk<E, R>, total: number): Effect.Effect<EventPull<E, R>> =>
  Effect.map(monotonic, (begin): EventPull<E, R> => {
    const onTimeout = () => Option.some(walk.timedOut(total))
    return Effect.flatMap(monotonic, (now) => {
      const left = begin + total - now
      return left > 0
        ? Effect.timeoutFail(walk.pull, { duration: Duration.millis(left), onTimeout })
        : Effect.failSync(onTimeout)
    })
  })

/**
 * The events of a run, from an origin to its end or its next pause for the caller.
 *
 * @internal
 */
export const run = <E, R>(settings: Settings<E, R>, origin: Origin): RunStream<E, R> =>
  Stream.unwrapScoped(
    Effect.withFiberRuntime<RunStream<E, R>, never, Scope.Scope>((fiber) =>
      Effect.gen(function*() {
        const scope = yield* Effect.scope
        const name = settings.only === "steps" ? spanNames.steps : spanNames.events
        const spans = Spans.streamSpans(fiber, name, settings.address, settings.version)
        const walk = new StreamWalk(
          settings,
          origin,
          scope,
          spans,
          (cursor, results) => resume(settings, cursor, results)
        )
        const ended = Metrics.executionStarted(fiber, settings.only)
        yield* Effect.addFinalizer((exit) => Effect.sync(() => ended(walk.end(exit))))
        const pull = settings.timeout === undefined ? walk.pull : yield* timed(walk, settings.timeout)
        return Stream.repeatEffectChunkOption(pull)
      })
    )
  )
