/** `NoukaiHttp` over a recorded session: runs of flows are replayed, and every other operation is a miss. */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Stream from "effect/Stream"
import type { WireEvent } from "../../FlowEvent.js"
import {
  type CallError,
  FlowExecutionError,
  type ReplayMissError,
  ReplayNoSnapshotsError,
  type SessionError
} from "../../NoukaiError.js"
import { known, unchecked } from "../core/makeError.js"
import { problemOf } from "../core/runProblem.js"
import { forwardThrough, onceThrough } from "../operations/fake.js"
import { type CallDefaults, type HttpService, orElse, streaming } from "../operations/operations.js"
import { keepOriginal } from "../operations/rawEvent.js"
import type {
  ExecuteRequest,
  ExecuteResponse,
  SessionExecution,
  SessionRequest,
  SessionResponse,
  StepRequest
} from "../operations/requests.js"
import { isSameSession } from "../operations/scope.js"
import { isUnderWay, runOf, type RunOfSession, stoodAt } from "../operations/sessionRun.js"
import { type FlowAddress, type FlowVersion, format } from "../options/address.js"
import type { RequestContext } from "../options/callOptions.js"
import { closedBy } from "../run/deliveredEvent.js"
import { CallsInFlight, type OpenReplay, verifying } from "./recordedHttp.js"
import { type SessionCall, SessionMatching, type Trigger } from "./sessionMatching.js"

export interface Options {
  /** The operation that errors name. */
  readonly method: string
  /** Fetches another session that a call names; absent where none can be fetched. */
  readonly fetch: ((request: SessionRequest) => Effect.Effect<SessionResponse, SessionError>) | undefined
  /** The settings of the client for calls without their own. */
  readonly defaults: CallDefaults
  /** The redaction of the names of flows before the session was kept. Default: none. */
  readonly redact?: ((text: string) => string) | undefined
}

/** Whether a run stopped before its first step: it has no payloads, and no mode in which they would be captured. */
const hasNothingToCapture = ({ status, steps, traceCaptureMode }: SessionExecution): boolean =>
  status !== "completed" && steps.length === 0 && traceCaptureMode === undefined

/**
 * Fails unless every execution has its payloads.
 *
 * @see contract 10.3
 */
export const checkSnapshots = (
  method: string,
  session: SessionResponse
): Effect.Effect<void, ReplayNoSnapshotsError> => {
  const without = session.executions.filter((one) => !one.snapshotsAvailable && !hasNothingToCapture(one))
  const [first] = without
  if (first === undefined) return Effect.void
  const mode = first.traceCaptureMode === undefined ? "" : `, captured with mode ${first.traceCaptureMode}`
  return Effect.fail(
    new ReplayNoSnapshotsError({
      method,
      detail: `${without.length} of ${session.executions.length} executions, such as ${first.executionId} of ${
        first.slug === undefined ? "a deleted flow" : JSON.stringify(first.slug)
      }${mode}`,
      executionId: first.executionId,
      isRetryable: false
    }, unchecked)
  )
}

/** A session being replayed. */
class Replay {
  readonly matching: SessionMatching
  private readonly inFlight = new CallsInFlight()

  constructor(readonly session: SessionResponse, private readonly redact: (text: string) => string) {
    this.matching = new SessionMatching(session, redact)
  }

  readonly enter = (trigger: Trigger, flow: FlowAddress): Effect.Effect<void> => {
    const slug = this.redact(flow.slug)
    return this.inFlight.enter(`${trigger} ${slug}`, slug)
  }

  readonly leave = (trigger: Trigger, { slug }: FlowAddress): Effect.Effect<void> =>
    this.inFlight.leave(`${trigger} ${this.redact(slug)}`)
}

const openReplay = (
  method: string,
  session: SessionResponse,
  redact: (text: string) => string
): Effect.Effect<Replay, ReplayNoSnapshotsError> =>
  Effect.zipRight(
    checkSnapshots(method, session),
    Effect.suspend(() => {
      const replay = new Replay(session, redact)
      const { unmatchable } = replay.matching
      return unmatchable === 0 ? Effect.succeed(replay) : Effect.as(
        Effect.logWarning(
          `replay: ${unmatchable} of ${session.executions.length} recordings of session ${session.sessionId} are jobs ` +
            "or of flows that were deleted, and are passed over"
        ),
        replay
      )
    })
  )

interface FlowRequest extends RequestContext {
  readonly flow: FlowAddress
  readonly version: FlowVersion
  readonly sessionId: string | undefined
}

const askedOf = (
  request: FlowRequest,
  endpoint: string,
  executionId: string | undefined,
  isForeign: boolean
): SessionCall => ({
  method: request.method,
  endpoint,
  flow: request.flow,
  version: String(request.version),
  executionId,
  sessionId: isForeign ? request.sessionId : undefined
})

const failureOf = (request: FlowRequest, run: RunOfSession, stepId: string | undefined, error: unknown) => {
  const { code, detail } = problemOf(error)
  return new FlowExecutionError(
    known({
      method: request.method,
      flow: format(request.flow),
      executionId: run.execution.executionId,
      code,
      detail: detail ?? "the recording does not say why",
      stepId,
      result: error,
      isRetryable: false
    }),
    unchecked
  )
}

const warnOfTruncation = (request: FlowRequest, run: RunOfSession): Effect.Effect<void> =>
  run.truncated.length === 0 ? Effect.void : Effect.logWarning(
    `${request.method} ${format(request.flow)}: snapshots of ${
      run.truncated.map((id) => JSON.stringify(id)).join(", ")
    } ` +
      `in execution ${run.execution.executionId} were cut when they were stored; what is replayed may not be what the run gave`
  )

/** Opens the replay of a session. Warns of recordings that no call can take. */
export const open = (
  session: SessionResponse,
  options: Options
): Effect.Effect<OpenReplay, ReplayNoSnapshotsError> =>
  Effect.gen(function*() {
    const redact = options.redact ?? identity
    const own = yield* openReplay(options.method, session, redact)
    const one = yield* Effect.makeSemaphore(1)
    const others = new Map<string, Replay>()

    const isOwn = (sessionId: string | undefined): boolean =>
      sessionId === undefined || isSameSession(sessionId, session.sessionId)

    /** The replay of another session that a call names; fetched once, and counted on its own. */
    const other = (request: FlowRequest, sessionId: string, asked: SessionCall): Effect.Effect<Replay, CallError> => {
      const { fetch } = options
      if (sessionId === "") {
        return Effect.fail(own.matching.refuse(asked, "the call says that it belongs to no session"))
      }
      if (fetch === undefined) {
        return Effect.fail(own.matching.refuse(asked, `the call belongs to another session, ${sessionId}`))
      }
      const id = sessionId.toLowerCase()
      return one.withPermits(1)(Effect.suspend(() => {
        const known = others.get(id)
        if (known !== undefined) return Effect.succeed(known)
        return fetch({ method: request.method, options: {}, progress: { sent: "no" }, sessionId }).pipe(
          Effect.flatMap((fetched) => openReplay(request.method, fetched, redact)),
          Effect.tap((replay) => Effect.sync(() => others.set(id, replay)))
        )
      }))
    }

    const replayOf = (request: FlowRequest, asked: SessionCall): Effect.Effect<Replay, CallError> =>
      request.sessionId === undefined || isOwn(request.sessionId)
        ? Effect.succeed(own)
        : other(request, request.sessionId, asked)

    const recordingOf = (
      replay: Replay,
      trigger: Trigger,
      request: FlowRequest,
      asked: SessionCall,
      isExecute = false
    ): Effect.Effect<RunOfSession, ReplayMissError> => {
      const found = asked.executionId === undefined
        ? replay.matching.take(trigger, request.flow, asked, isExecute)
        : replay.matching.goOn(trigger, request.flow, asked)
      return Effect.flatMap(found, (execution) => {
        const run = runOf(execution)
        return Effect.as(warnOfTruncation(request, run), run)
      })
    }

    const response = (
      replay: Replay,
      request: ExecuteRequest,
      asked: SessionCall
    ): Effect.Effect<ExecuteResponse, CallError> =>
      Effect.flatMap(
        recordingOf(replay, "execute", request, asked),
        (run): Effect.Effect<ExecuteResponse, CallError> => {
          const { completed, ending, execution } = run
          switch (ending._tag) {
            case "completed":
              return Effect.succeed({
                status: "completed",
                result: ending.result,
                flowId: execution.flowId ?? "",
                blockCount: completed.length === 0 ? 1 : completed.length,
                executionId: execution.executionId
              })
            case "failed":
              return Effect.fail(failureOf(request, run, ending.stepId, ending.error))
            case "unfinished":
              return Effect.fail(replay.matching.unfinished(asked, stoodAt(run), ending.reason))
          }
        }
      )

    const execute = (request: ExecuteRequest): Effect.Effect<ExecuteResponse, CallError> => {
      const asked = askedOf(request, "execute", request.body.executionId, !isOwn(request.sessionId))
      return Effect.flatMap(replayOf(request, asked), (replay) =>
        Effect.acquireUseRelease(
          replay.enter("execute", request.flow),
          // the call yields once, as a wait for a response would, so that calls that run at once can be seen
          () => Effect.zipLeft(response(replay, request, asked), Effect.yieldNow()),
          () => replay.leave("execute", request.flow)
        ))
    }

    const events = (
      replay: Replay,
      request: StepRequest,
      asked: SessionCall
    ): Effect.Effect<Stream.Stream<WireEvent, CallError>, CallError> =>
      Effect.map(recordingOf(replay, "step", request, asked, request.asExecute !== undefined), (run) => {
        const recorded = Stream.fromIterable(eventsOf(run, request.body.stepIndex, asked.executionId === undefined))
        const { ending } = run
        switch (ending._tag) {
          case "completed":
            return recorded
          case "failed":
            return Stream.concat(recorded, Stream.fail(failureOf(request, run, ending.stepId, ending.error)))
          case "unfinished":
            return Stream.concat(
              recorded,
              Stream.suspend(() => Stream.fail(replay.matching.unfinished(asked, stoodAt(run), ending.reason)))
            )
        }
      })

    const step = (request: StepRequest): Stream.Stream<WireEvent, CallError> => {
      const asked = askedOf(request, "step", request.body.executionId, !isOwn(request.sessionId))
      return Stream.unwrapScoped(
        Effect.flatMap(replayOf(request, asked), (replay) =>
          Effect.zipRight(
            Effect.acquireRelease(
              replay.enter("step", request.flow),
              () => replay.leave("step", request.flow)
            ),
            events(replay, request, asked)
          ))
      )
    }

    const refuse = (
      endpoint: string,
      request: RequestContext & { readonly flow?: FlowAddress; readonly executionId?: string }
    ) =>
      Effect.suspend(() =>
        Effect.fail(own.matching.refuse({
          method: request.method,
          endpoint,
          flow: request.flow,
          version: undefined,
          executionId: request.executionId,
          sessionId: undefined
        }, "a session holds runs of flows, and neither jobs nor traces"))
      )

    const fetched = (request: SessionRequest): Effect.Effect<SessionResponse, SessionError> =>
      isOwn(request.sessionId)
        ? Effect.succeed(session)
        : options.fetch === undefined
        ? Effect.fail(own.matching.refuse({
          method: request.method,
          endpoint: "session",
          flow: undefined,
          version: undefined,
          executionId: undefined,
          sessionId: request.sessionId
        }, `another session, ${request.sessionId}, cannot be fetched here`))
        : options.fetch(request)

    const http: HttpService = {
      defaults: { ...options.defaults, sessionId: session.sessionId, replayedSessionId: session.sessionId },
      request: orElse({
        execute,
        forward: forwardThrough(execute),
        ...onceThrough(execute, (request) => refuse("submitJob", request)),
        session: fetched
      }, refuse),
      stream: streaming({ step }, (operation, request) => Stream.fromEffect(refuse(operation, request)))
    }
    return {
      http,
      verify: verifying((method) => own.matching.leftover(method))
    }
  })

/**
 * The events of a run from one of its steps on, as far as they were recorded. A failed run ends with the failed step,
 * if it is known, and with `flow_completed`; one that did not end with the beginning of the step that was under way. No
 * server sent the events, so that they have no JSON behind them.
 */
export const eventsOf = (run: RunOfSession, from: number, isFirst: boolean): ReadonlyArray<WireEvent> => {
  const { completed, ending, execution: { executionId, flowId }, last } = run
  const stepCount = completed.length + (ending._tag === "failed" && ending.stepId !== undefined ? 1 : 0)
  const events: Array<WireEvent> = isFirst
    ? [{
      type: "run_started",
      executionId,
      runId: executionId,
      ...(flowId === undefined ? undefined : { flowId }),
      ...(ending._tag === "unfinished" ? undefined : { stepCount })
    }]
    : []
  for (const [index, { output, stepId }] of completed.slice(from).entries()) {
    events.push({ type: "step_started", stepId, stepIndex: index }, { type: "step_completed", stepId, output })
  }
  const stepIndex = Math.max(0, completed.length - from)
  if (ending._tag === "unfinished" && last !== undefined && isUnderWay(last)) {
    events.push({ type: "step_started", stepId: last.stepId, stepIndex })
  }
  if (ending._tag === "completed") {
    events.push({ type: "flow_completed", executionId, runId: executionId, result: ending.result })
  }
  if (ending._tag === "failed" && ending.stepId !== undefined) {
    const { error, stepId } = ending
    const closing = {
      type: "flow_completed",
      executionId,
      runId: executionId,
      result: null,
      summary: { failedAtStep: stepId }
    } as const
    const failed = {
      type: "step_error",
      stepId,
      ...(error === undefined || error === null ? undefined : { error })
    } as const
    events.push(
      { type: "step_started", stepId, stepIndex },
      closedBy(failed, closing),
      closing
    )
  }
  for (const event of events) keepOriginal(event, undefined)
  return events
}
