/**
 * Runs once per key, over requests of which each is sent once: a session is made of the key, and looked up before
 * anything is sent.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import { globalValue } from "effect/GlobalValue"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { WireEvent, WireEventOf } from "../../FlowEvent.js"
import type { NoukaiConfig } from "../../NoukaiConfig.js"
import * as Errors from "../../NoukaiError.js"
import type { Trace } from "../../Trace.js"
import { digitsIn, digitsOf, withDigits } from "../core/digits.js"
import { newError } from "../core/makeError.js"
import { clientClosed } from "../core/repeatability.js"
import { isEndedStatus } from "../core/runProblem.js"
import { endedBy, monotonic, type Pause, toMillis } from "../core/time.js"
import type { Refusal, Requests, Streams } from "../operations/operations.js"
import type * as Operation from "../operations/requests.js"
import { format } from "../options/address.js"
import { beforeARun, further } from "../options/callOptions.js"
import { annotateSession } from "../telemetry/spans.js"
import { fold, noResult, traceState } from "./runFold.js"
import * as Standing from "./standing.js"

type Failure = Errors.CallError | Errors.OnceError | Refusal

/** An operation that runs once per key: how its run is begun, and given when it is found. */
interface OnceOperation<Q extends Standing.KeyRequest, A> {
  readonly name: "execute" | "submit"
  /** Sends the run under a session. */
  readonly send: (request: Q, sessionId: string) => Effect.Effect<A, Failure>
  readonly found: (request: Q, run: Standing.FoundRun) => Effect.Effect<A, Failure>
  /** The outcome of another call for this one. */
  readonly shared: (request: Q, outcome: Operation.OnceResponse<A>) => Effect.Effect<Operation.OnceResponse<A>, Failure>
}

/** The end of the call that led, and whether it sent its run. */
interface Led<A> {
  readonly exit: Exit.Exit<Operation.OnceResponse<A>, Failure>
  readonly sent: Errors.Sent
}

/** A call that leads: other calls of its key follow its end. */
interface Leader {
  readonly operation: string
  readonly rerunFailed: boolean
  readonly done: Deferred.Deferred<Led<unknown>>
}

/** The calls that lead, by what they run; of all clients of the process. */
const leaders = globalValue("@effect-noukai/sdk/once/leaders", () => new Map<string, Leader>())

/**
 * Failures of the client of a call or of its budget, which another one need not have: its client may be open and have
 * another key, and it may be in no budget.
 */
const isOfItsCaller = (error: Failure): boolean =>
  error._tag === "AuthenticationError" || error._tag === "PermissionDeniedError" ||
  error._tag === "BudgetExceededError" || (error._tag === "InvalidRequestError" && error.field === "maxCostUsd") ||
  error._tag === "ReplayForbiddenError" || (error._tag === "APIConnectionError" && error.code === clientClosed)

/**
 * Whether a call ended without an outcome of its key. A waiting call of the same key then takes its place. This is so
 * after an interruption, a total timeout, a defect, or a refusal by the client or the budget; and after a timeout of an
 * attempt, if the waiting call `hasTimeLeft`.
 */
const isOfItsOwn = (exit: Exit.Exit<unknown, Failure>, hasTimeLeft: boolean): boolean =>
  Exit.isFailure(exit) &&
  Option.match(Cause.failureOption(exit.cause), {
    onNone: () => true,
    onSome: (error) => error._tag === "APITimeoutError" ? hasTimeLeft : isOfItsCaller(error)
  })

/** Whether a failure of a request shows that its run began: an answer names it, or was that of a run. */
const showsARun = ({ _tag, executionId, statusCode }: Failure): boolean =>
  executionId !== undefined || (_tag === "UnexpectedResponseError" && statusCode !== undefined && statusCode < 300)

const endedWith = (exit: Exit.Exit<unknown, Failure>, is: (error: Failure) => boolean): boolean =>
  Exit.isFailure(exit) && Option.exists(Cause.failureOption(exit.cause), is)

const isRunInProgress = ({ _tag }: Failure): boolean => _tag === "RunInProgressError"

/** Whether the key of a client was refused, and no run began. */
const isRefusedKey = (error: Failure): boolean =>
  (error._tag === "AuthenticationError" || error._tag === "PermissionDeniedError") && !showsARun(error)

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

/** Whether a run has ended, or is past the step in which it paused. A step in a loop may pause again. */
const hasPassed = ({ flowRun, steps }: Trace, stepId: string | null | undefined): boolean => {
  const ofStep = steps.filter((step) => step.stepId === stepId && step.loopIndex === undefined)
  const latest = Math.max(...ofStep.map(({ attempt }) => attempt))
  return isEndedStatus(flowRun.status) ||
    ofStep.some(({ attempt, status }) => attempt === latest && (status === "completed" || status === "skipped"))
}

/** The time in which an event comes that the trace has shown to follow. */
const patience = "5 seconds"

/**
 * Follows a run to its end or to the pause at which it waits, and gives what `execute` would answer there; `undefined`
 * where the server does not say. It only reads. Of a pause nothing tells that no further event has been stored, so
 * that it is taken for the last one when the trace is read before a further event arrives, and does not know more.
 * Where the trace knows more, the event has to come soon.
 *
 * Fails with the retryable errors of reads, and with `UnexpectedResponseError` if the run completed and no event carried
 * its result.
 */
export const runPosition = (
  trace: Requests["trace"],
  traceStream: (request: Operation.TraceStreamRequest) => Stream.Stream<WireEvent, Errors.CallError>,
  { executionId, flow, method, options }: Omit<Operation.RunRequest, "progress">
): Effect.Effect<Operation.ExecuteResponse | undefined, Errors.CallError> => {
  const { retryPost: _, ...reading } = options
  const facts = { method, flow: format(flow), executionId }
  const detail = "the events of the run ended before a terminal event"
  const cut = newError(Errors.APIConnectionError, { ...facts, detail, sent: "yes", isRetryable: true })
  const request = () => ({ method, options: reading, progress: { sent: "no" as const }, flow, executionId })
  return Effect.scoped(Effect.gen(function*() {
    let state = traceState(facts.flow, executionId, undefined)
    /** Whether the stream of events has ended, at a pause. */
    let isOver = false
    /** The end at a pause, once the trace has been read. */
    let atPause: Effect.Effect<Option.Option<never>, Errors.CallError> = Effect.succeedNone
    const anotherRead = (stepId: string | null | undefined): Effect.Effect<void> =>
      Effect.matchEffect(Effect.suspend(() => trace({ ...request(), isUnrecorded: true })), {
        onFailure: (error) => {
          atPause = error.isRetryable ? Effect.fail(error) : Effect.succeedNone
          return Effect.void
        },
        onSuccess: (read) => {
          const passed = hasPassed(read, stepId)
          atPause = passed ? Effect.fail(cut) : Effect.succeedNone
          return passed && !isOver ? Effect.sleep(patience) : Effect.void
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
      const events = yield* (pause === undefined ? next : endedBy(
        next,
        anotherRead(pause.stepId),
        Effect.suspend(() => atPause)
      ))
      if (Option.isNone(events)) return pause && pausedAt(executionId, pause)
      for (const event of events.value) {
        state = fold(state, event)
        const { end } = state
        if (end?._tag === "unexpected") return undefined
        if (end?._tag === "failed") return { status: "failed", executionId, result: end.result } as const
        if (end?._tag !== "completed") continue
        if (end.result !== undefined) {
          const { digits, value: result } = end.result
          return withDigits({ status: "completed", executionId, result } as const, digitsIn([["result", digits]]))
        }
        return yield* newError(Errors.UnexpectedResponseError, { ...facts, reason: noResult })
      }
    }
  }))
}

/** Runs once per key: what is found is given, what is absent is sent. */
export const make = (
  requests: Pick<Requests, "execute" | "pollJob" | "session" | "submitJob" | "trace">,
  { attemptTimeout, origin }: Pick<NoukaiConfig.Service, "attemptTimeout" | "origin">,
  pause: Pause,
  traceStream: Streams["traceStream"]
): Pick<Requests, "executeOnce" | "submitOnce"> => {
  const seen: Standing.SeenRuns = new Map()

  const once = <Q extends Standing.KeyRequest, A extends { readonly executionId?: string | undefined }>(
    operation: OnceOperation<Q, A>
  ) => {
    /** Looks, and sends what is absent, unless an earlier call may have sent it. */
    const decide = (request: Q, sentBefore: Errors.Sent): Effect.Effect<Operation.OnceResponse<A>, Failure> =>
      Effect.gen(function*() {
        const found = yield* Standing.standing(requests.session, pause, request, seen)
        if (found._tag === "found") {
          const { sessionId } = found.run
          yield* annotateSession(sessionId)
          return { response: yield* operation.found(request, found.run), reused: true, sessionId }
        }
        const { sessionId } = found
        if (sentBefore !== "no") {
          return yield* newError(Errors.APIConnectionError, {
            method: request.method,
            flow: format(request.flow),
            detail: "another call here may have begun its run, and none is seen yet",
            sent: "unknown"
          })
        }
        if (found._tag === "missing") {
          const executionId = seen.get(sessionId)
          return yield* Standing.notStored(request, undefined, "missing", { executionId, sessionId })
        }
        yield* annotateSession(sessionId)
        const sent = Effect.tapError(
          operation.send(request, sessionId),
          (error) => Effect.sync(() => showsARun(error) && Standing.remember(seen, sessionId, error.executionId))
        )
        return { response: yield* sent, reused: false, sessionId }
      })

    /**
     * Leads, or follows another call of the key. All leaders of one name run the same. An attempt of its own would end at
     * the instant `ends`.
     */
    const run = (
      request: Q,
      name: string,
      ends: number,
      sentBefore: Errors.Sent
    ): Effect.Effect<Operation.OnceResponse<A>, Failure> => {
      const again = (sent: Errors.Sent) => run(request, name, ends, further(sentBefore, sent))
      const follow = (leader: Leader, { exit, sent }: Led<A>): Effect.Effect<Operation.OnceResponse<A>, Failure> =>
        Effect.flatMap(monotonic, (now) => {
          if (isOfItsOwn(exit, now < ends)) return again(sent)
          // the leader may not take it over
          if (request.takeOver === true && endedWith(exit, isRunInProgress)) return again("unknown")
          if (Exit.isFailure(exit)) return Effect.failCause(exit.cause)
          const outcome = exit.value
          // a run of the other operation is looked up, and may not be listed yet
          if (leader.operation !== operation.name) return again(outcome.reused ? "no" : "unknown")
          // what was found may have failed
          if (outcome.reused && request.rerunFailed && !leader.rerunFailed) return again("no")
          return operation.shared(request, outcome)
        })
      return Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => {
          const leader = leaders.get(name)
          if (leader !== undefined) {
            return restore(Effect.flatMap(Deferred.await(leader.done), (led) => follow(leader, led as Led<A>)))
          }
          const done = Deferred.unsafeMake<Led<unknown>>(FiberId.none)
          leaders.set(name, { operation: operation.name, rerunFailed: request.rerunFailed, done })
          return Effect.onExit(restore(decide(request, sentBefore)), (exit) =>
            Effect.sync(() => {
              leaders.delete(name)
              const sent = endedWith(exit, isRefusedKey) ? sentBefore : further(sentBefore, request.progress.sent)
              Deferred.unsafeDone(done, Exit.succeed({ exit, sent }))
            }))
        })
      )
    }

    return (request: Q): Effect.Effect<Operation.OnceResponse<A>, Failure> =>
      Effect.gen(function*() {
        const session = yield* Standing.onceSession(request, 1)
        const attempt = toMillis(request.options.attemptTimeout ?? attemptTimeout) ?? 0
        const outcome = yield* run(request, `${origin} ${session}`, (yield* monotonic) + attempt, "no")
        if (outcome.sessionId !== undefined) Standing.remember(seen, outcome.sessionId, outcome.response.executionId)
        return outcome
      })
  }

  /** A request of a run, which is sent once whatever the caller says of others. */
  const sentOnce = <Q extends Standing.KeyRequest>(request: Q, sessionId: string) => ({
    ...request,
    sessionId,
    options: { ...request.options, retryPost: false }
  })

  /** A run that goes on, followed to its end or its pause for a call that takes it over. */
  const takenOver = (
    request: Operation.ExecuteOnceRequest,
    { execution: { executionId, triggerType } }: Standing.FoundRun,
    error: Errors.RunInProgressError
  ): Effect.Effect<Operation.ExecuteResponse, Failure> =>
    request.takeOver !== true || triggerType === "job"
      ? Effect.fail(error)
      : Effect.flatMap(
        Effect.mapError(runPosition(requests.trace, traceStream, { ...request, executionId }), beforeARun),
        (response) => response === undefined ? Effect.fail(error) : Effect.succeed(response)
      )

  return {
    executeOnce: once<Operation.ExecuteOnceRequest, Operation.ExecuteResponse>({
      name: "execute",
      send: (request, sessionId) => requests.execute(sentOnce(request, sessionId)),
      found: (request, run) =>
        Effect.catchTag(
          Standing.executed(requests.pollJob, request, run),
          "RunInProgressError",
          (error) => takenOver(request, run, error)
        ),
      shared: (request, { response, sessionId }) =>
        response.status === "tool_calls_required"
          ? Effect.fail(
            Standing.inProgress(request, {
              execution: { executionId: response.executionId ?? "" },
              sessionId: sessionId ?? ""
            }, "it waits for tool results, which another call here gives")
          )
          : Effect.succeed({ response, reused: true, sessionId })
    }),
    submitOnce: once<Operation.SubmitOnceRequest, Operation.SubmitJobResponse>({
      name: "submit",
      send: (request, sessionId) => requests.submitJob(sentOnce(request, sessionId)),
      found: Standing.submitted,
      shared: (_, { response, sessionId }) => Effect.succeed({ response, reused: true, sessionId })
    })
  }
}
