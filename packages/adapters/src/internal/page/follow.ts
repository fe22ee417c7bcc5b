/** Reads the runs of turns: finds them by their sessions, and follows them by their live traces. Starts and bills nothing. */
import type { FlowAddress } from "@effect-noukai/sdk/Flow"
import type { FlowEvent, ToolCallsRequired } from "@effect-noukai/sdk/FlowEvent"
import { isEndedStatus } from "@effect-noukai/sdk/kit/runs/forward"
import type { CallError, SessionError } from "@effect-noukai/sdk/NoukaiError"
import type { RunService } from "@effect-noukai/sdk/RunService"
import type { SessionExecution, SessionService } from "@effect-noukai/sdk/SessionService"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

/** A session may lag behind its run: it is looked at again for 2 seconds. */
const again = Schedule.intersect(Schedule.spaced("250 millis"), Schedule.recurs(8))

/** Finds the run of a session, if there is one. */
export const runOf = (
  sessions: SessionService.Service,
  sessionId: string
): Effect.Effect<Option.Option<SessionExecution>, SessionError> =>
  sessions.get(sessionId).pipe(
    Effect.flatMap(({ executions }) => Effect.fromNullable(executions.at(-1))),
    Effect.retry({
      schedule: again,
      while: ({ _tag }) => _tag === "ReplaySessionNotFoundError" || _tag === "NoSuchElementException"
    }),
    Effect.asSome,
    Effect.catchTags({
      NoSuchElementException: () => Effect.succeedNone,
      ReplaySessionNotFoundError: () => Effect.succeedNone
    })
  )

/** Reading again after a cut costs nothing. */
const heal = Schedule.intersect(Schedule.exponential("200 millis"), Schedule.recurs(6))

/** The run that is followed. */
export interface Followed {
  readonly flow: FlowAddress
  readonly executionId: string
  /** Whether a process runs it at this moment. */
  readonly isHeld: Effect.Effect<boolean>
}

/** The time after which the store is asked again whether a run at a pause goes on. */
const patience = "500 millis"

/** Waits until nobody runs the step that paused, and says whether the run waits for results. */
const isWaiting = (
  runs: RunService.Service,
  { executionId, flow, isHeld }: Followed,
  { stepId }: ToolCallsRequired
): Effect.Effect<boolean, CallError> =>
  Effect.zipRight(
    Effect.repeat(isHeld, { while: identity<boolean>, schedule: Schedule.spaced(patience) }),
    Effect.map(runs.trace(flow, executionId), ({ flowRun, steps }) => {
      const ofStep = steps.filter((step) => step.stepId === stepId && step.loopIndex === undefined)
      const latest = Math.max(...ofStep.map(({ attempt }) => attempt))
      const isPast = ofStep.some(({ attempt, status }) =>
        attempt === latest && (status === "completed" || status === "skipped")
      )
      return !isEndedStatus(flowRun.status) && !isPast
    })
  )

/**
 * The events of a run, to its end or to the pause at which it waits. A pause is the last event if nobody runs it and its
 * trace knows no more, before a further event arrives.
 */
export const followed = (runs: RunService.Service, run: Followed): Stream.Stream<FlowEvent, CallError> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const pull = yield* Stream.toPull(runs.liveTrace(run.flow, run.executionId, { heal }))
    let pause: ToolCallsRequired | undefined
    const afterPause = (pause: ToolCallsRequired) =>
      Effect.scoped(Effect.gen(function*() {
        const next = yield* Effect.forkScoped(pull)
        const waits = Effect.mapError(isWaiting(runs, run, pause), Option.some)
        const end = Effect.flatMap(waits, (waits) => waits ? Effect.fail(Option.none()) : Effect.never)
        return yield* Effect.raceFirst(Fiber.join(next), end)
      }))
    const next = Effect.suspend(() => pause === undefined ? pull : afterPause(pause))
    return Stream.repeatEffectChunkOption(Effect.tap(next, (events) => {
      const last = Option.getOrUndefined(Chunk.last(events))
      pause = last?.type === "tool_calls_required" ? last : undefined
    }))
  }))
