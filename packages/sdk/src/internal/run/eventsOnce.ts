/**
 * `FlowService.eventsOnce`: the events of the run of a key. Begins the run, or follows it by its live trace, and goes on
 * with it where its owner is gone.
 *
 * @see docs/wire.md#live-traces
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { FlowCursor } from "../../FlowCursor.js"
import type { FlowEvent } from "../../FlowEvent.js"
import {
  APITimeoutError,
  type CallError,
  type OnceError,
  RunInProgressError,
  type ToolCallLimitError
} from "../../NoukaiError.js"
import { amended, known, newError } from "../core/makeError.js"
import { isEndedStatus } from "../core/runProblem.js"
import { fromProgram, fromSource, type Source, toSource } from "../core/streamPull.js"
import { endedBy, pauseOf, toMillis } from "../core/time.js"
import { mayPassSoon } from "../http/retry.js"
import { type HttpService, totalTimeout } from "../operations/operations.js"
import type { BegunRun } from "../operations/requests.js"
import type { FlowRef } from "../options/address.js"
import { CallProgress, checkKey, type Progress } from "../options/callOptions.js"
import { begin, prepare, resume, type RunStream, streamOf } from "./flowEvents.js"
import { readTrace, type TracedRun } from "./liveTrace.js"
import { cursorAt, type RunState, stateAt } from "./runFold.js"
import { defaultSilence, eventsOnceInput, type EventsOnceInputOf } from "./runInput.js"
import { hasPassed, isDone, traceOf } from "./runPosition.js"
import { type Origin, RepeatedEvents, stepBody } from "./streamHealing.js"

/** The silence after a pause at which its caller may answer it, and after a fresh reading, in milliseconds. */
const quietPause = 500
const lastLook = 2_000

/** A trace that cannot be read, or is not there yet, is read again so often, with so many milliseconds between. */
const maxFailures = 5
const betweenReadings = 400

/** A run that another call began. */
interface FollowedRun<E, R> extends TracedRun {
  readonly sessionId: string | undefined
  /** The longest time without an event, in milliseconds. */
  readonly silence: number
  /** Whether pauses are given to the caller. */
  readonly isManual: boolean
  /** Whether the run is taken over after its silence. */
  readonly takesOver: boolean
  /** Goes on with the run. `told`: the costs of its steps so far. */
  readonly goOn: (cursor: FlowCursor, told: ReadonlyArray<string | undefined>) => RunStream<E, R>
}

/** Whether the trace of a run shows that it waits at a pause. A trace that may not be read leaves the pause. */
const isOpen = (run: TracedRun, stepId: string | undefined): Effect.Effect<boolean> =>
  Effect.match(traceOf(run, run.start.executionId ?? ""), {
    onFailure: (error) => !error.isRetryable,
    onSuccess: (trace) => !hasPassed(trace, stepId)
  })

/** Whether the trace of a run shows that none of its steps has completed. */
const isAtStart = (run: TracedRun): Effect.Effect<boolean> =>
  Effect.match(traceOf(run, run.start.executionId ?? ""), {
    onFailure: () => false,
    onSuccess: ({ flowRun, steps }) => !isEndedStatus(flowRun.status) && steps.every((step) => !isDone(step))
  })

/** The error of a run that another call began, and that this one does not follow to its end. */
const inProgress = (
  { addressText: flow, method, sessionId }: Pick<FollowedRun<never, never>, "addressText" | "method" | "sessionId">,
  executionId: string | undefined,
  detail: string
): RunInProgressError =>
  newError(RunInProgressError, { method, flow, executionId, sessionId, detail, isRetryable: true })

/** Gives events to the reader, and returns when it wants more. */
type Emit = (events: ReadonlyArray<FlowEvent>) => Effect.Effect<void>

/** Gives all events of a stream. */
const forward = <E, R>({ pull }: Source<FlowEvent, E, R>, emit: Emit): Effect.Effect<void, E, R> =>
  Effect.catchAll(
    Effect.forever(Effect.flatMap(pull, (events) => emit(Chunk.toReadonlyArray(events)))),
    (end) => Option.isSome(end) ? Effect.fail(end.value) : Effect.void
  )

/** Reads the trace once. Fails with `APITimeoutError` of the idle clock when no event comes for some time. */
const readOnce = <E, R>(run: FollowedRun<E, R>, patience: () => number, emit: Emit): Effect.Effect<void, CallError> =>
  Effect.suspend(() => {
    const { addressText: flow, method, start: { executionId } } = run
    const progress: Progress = { sent: "no" }
    const { close, pull } = toSource(readTrace(run, progress))
    const patiently = Effect.suspend(() => {
      const ms = patience()
      const facts = { method, flow, executionId, detail: `no event for ${ms} ms`, isRetryable: true } as const
      const error = newError(APITimeoutError, { ...facts, clock: "idle", sent: "no" })
      // a recording keeps a reading that it hears about before it is closed
      const told = Effect.delay(Effect.sync(() => progress.timedOut?.(error)), ms)
      return endedBy(pull, told, Effect.fail(Option.some(error)))
    })
    return Effect.onExit(forward({ pull: patiently, close }, emit), () => close(Exit.void))
  })

/** The events of a run that another call began. Pauses that others answer are left out. */
const follow = <E, R>(
  run: FollowedRun<E, R>,
  emit: Emit
): Effect.Effect<void, E | CallError | RunInProgressError, R> =>
  Effect.suspend(() => {
    const { goOn, http, isManual, silence, start, takesOver } = run
    const repeated = new RepeatedEvents()
    const told: Array<string | undefined> = []
    /** The state at the last event, and in this reading. */
    let latest: RunState = stateAt(start)
    let here: RunState | undefined
    let failures = 0
    let isLastLook = false

    const reached = (state: RunState) => {
      here = state
      if (state.completions >= latest.completions) latest = state
    }
    const isAtPause = () => isManual && here?.end?._tag === "tools"
    const patience = () =>
      here === undefined
        ? Math.max(silence, lastLook)
        : Math.min(silence, isAtPause() ? quietPause : isLastLook ? lastLook : silence)
    const isNew = (event: FlowEvent): boolean => {
      if (event.type === "tool_calls_required") return false
      if (!repeated.isNew(event)) return false
      if (event.type === "step_completed") told.push(event.costUsd)
      failures = 0
      isLastLook = false
      return true
    }
    const reading = Effect.suspend(() => {
      repeated.begin()
      here = undefined
      return readOnce({ ...run, reached }, patience, (events) => {
        const some = events.filter(isNew)
        return some.length > 0 ? emit(some) : Effect.void
      })
    })
    type Followed = Effect.Effect<void, E | CallError | RunInProgressError, R>
    const failing = (error: CallError | RunInProgressError) => Effect.fail(amended(error, {}, () => cursorAt(latest)))
    const takeOver: Followed = Effect.suspend(() =>
      Stream.runForEachChunk(goOn(cursorAt(latest), told), (events) => emit(Chunk.toReadonlyArray(events)))
    )
    const silent: Followed = Effect.suspend(() =>
      takesOver ? takeOver : failing(inProgress(run, start.executionId, `no event for ${silence} ms`))
    )
    const again = (error: CallError): Followed => {
      const mayCome = error._tag === "FlowNotFoundError" && !latest.begun
      if (failures >= maxFailures || !(mayCome || (error.isRetryable && mayPassSoon(error)))) {
        return failing(error)
      }
      failures++
      return Effect.zipRight(pauseOf(http)(betweenReadings), next)
    }
    const next: Followed = Effect.suspend(() =>
      Effect.catchAll(reading, (error): Followed => {
        if (error._tag !== "APITimeoutError" || error.clock !== "idle") return again(error)
        if (isAtPause()) {
          return Effect.flatMap(isOpen(run, latest.pending?.stepId), (open) => open ? takeOver : again(error))
        }
        // a run that was cut off before its first event may have none
        if (here === undefined && !latest.begun && failures > 0) {
          return Effect.flatMap(isAtStart(run), (is) => is ? silent : again(error))
        }
        // a place that was not read again would be one to pay from twice
        if (here === undefined || here.completions < latest.completions) return again(error)
        if (isLastLook) return silent
        // the connection may be silent where the run is not
        isLastLook = true
        return next
      })
    )
    return next
  })

type OnceStream<E, R> = RunStream<E | OnceError | ToolCallLimitError, R>

const method = "FlowService.eventsOnce"

export const eventsOnce =
  (http: HttpService) => <E, R>(key: string, flow: FlowRef<never>, given: EventsOnceInputOf<E, R>): OnceStream<E, R> =>
    fromSource(() =>
      fromProgram((emit) =>
        Effect.gen(function*() {
          yield* checkKey(method, key)
          const { cursor, fiber, input, settings } = yield* prepare<E, R, EventsOnceInputOf<E, R>>(
            http,
            { method, only: "events", decode: eventsOnceInput, snapshots: true },
            flow,
            given
          )
          const { rerunFailed = false, settle = 0, silence = defaultSilence, takeOver = false } = input
          const { address, addressText, options, total, version } = settings
          const context = yield* Effect.context<R>()
          const progress = new CallProgress()
          let begun: Source<FlowEvent, E | CallError | ToolCallLimitError, R> | undefined
          let first: Chunk.Chunk<FlowEvent> = Chunk.empty()
          let executionId: string | undefined

          const walk = (sessionId: string | undefined, origin: Omit<Origin, "progress">) =>
            streamOf(Effect.sync(() => begin(fiber, { ...settings, sessionId }, { ...origin, progress })))

          const beginIn = Effect.fnUntraced(
            function*(sessionId: string | undefined) {
              const from = { ...cursor, ...known({ sessionId }) }
              begun = toSource(walk(sessionId, { cursor: from, begun: false, mayBeOver: false }))
              first = yield* Effect.catchAll(
                begun.pull,
                Option.match({ onNone: () => Effect.succeed(Chunk.empty<never>()), onSome: Effect.fail })
              )
              for (const event of first) if (event.type === "run_started") executionId = event.executionId
              const run: BegunRun = { executionId, isStepped: true }
              return run
            },
            // no handler has run before the first event, so that no failure of one is among these
            Effect.mapError((error) => error as CallError),
            Effect.provide(context)
          )

          const asked = http.request("eventsOnce", {
            method,
            flow: address,
            version,
            sessionId: settings.sessionId,
            options,
            progress,
            key,
            rerunFailed,
            settle: toMillis(settle) ?? 0,
            takeOver,
            walk: { body: stepBody(stateAt(cursor), settings.everyRequest), begin: beginIn }
          })
          const facts = { method, flow: addressText, executionId: () => executionId }
          const { response, reused, sessionId } = yield* Effect.onError(
            totalTimeout(asked, total, facts, progress),
            (cause) => begun?.close(Exit.failCause(cause)) ?? Effect.void
          )
          if (!reused) {
            if (begun === undefined) return
            const source = begun
            return yield* Effect.onExit(
              Effect.zipRight(emit(Chunk.toReadonlyArray(first)), forward(source, emit)),
              source.close
            )
          }
          executionId = response.executionId
          if (executionId === undefined) {
            const detail = "another call has begun it, and its id is not known"
            return yield* inProgress({ addressText, method, sessionId }, undefined, detail)
          }
          const manual = { ...settings, sessionId, answering: { _tag: "manual" as const } }
          const followed = follow({
            ...settings,
            // `silence` is the clock of events
            options: { ...options, idleTimeout: Infinity, firstByteTimeout: Infinity },
            start: { ...cursor, executionId, ...known({ sessionId }) },
            sessionId,
            resume: (cursor, results) => resume(manual, undefined, cursor, results),
            silence: toMillis(silence) ?? 0,
            isManual: settings.answering?._tag === "manual",
            takesOver: takeOver && response.isStepped !== false,
            goOn: (cursor, told) => walk(sessionId, { cursor, begun: true, mayBeOver: true, told })
          }, emit)
          yield* totalTimeout(followed, total, { ...facts, onlyReads: true }, { sent: "no" })
        })
      )
    )
