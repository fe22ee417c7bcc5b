/**
 * Runs once per key, over requests that are each sent once: a session is made of the key, and looked up before
 * anything is sent.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import { globalValue } from "effect/GlobalValue"
import * as Option from "effect/Option"
import type { NoukaiConfig } from "../../NoukaiConfig.js"
import * as Errors from "../../NoukaiError.js"
import { newError } from "../core/makeError.js"
import { monotonic, type Pause, toMillis } from "../core/time.js"
import { clientClosed } from "../kit/repeatability.js"
import type { Refusal, Requests, Streams } from "../operations/operations.js"
import type * as Operation from "../operations/requests.js"
import { format } from "../options/address.js"
import { beforeARun, further } from "../options/callOptions.js"
import { annotateSession } from "../telemetry/spans.js"
import * as KeyedRun from "./keyedRun.js"
import { runPosition } from "./runPosition.js"

type Failure = Errors.CallError | Errors.OnceError | Refusal

/** An operation that runs once per key: how its run is begun, and given when it is found. */
interface OnceOperation<Q extends KeyedRun.KeyRequest, A extends AnyRun> {
  readonly name: "events" | "execute" | "submit"
  /** Sends the run under a session. */
  readonly send: (request: Q, sessionId: string) => Effect.Effect<A, Failure>
  readonly found: (request: Q, run: KeyedRun.FoundRun) => Effect.Effect<A, Failure>
  /** The run with an id, for calls that need no more than the id. */
  readonly named?: (executionId: string) => A
  /** The error of a call that may not share the outcome of another one. */
  readonly unshared?: (request: Q, outcome: Operation.OnceResponse<A>) => Failure | undefined
}

/** The end of the call that led, and whether it sent its run. */
interface Led<A> {
  readonly exit: Exit.Exit<Operation.OnceResponse<A>, Failure>
  readonly sent: Errors.Sent
}

/** The facts of a run that calls of all operations know. */
interface AnyRun {
  readonly executionId?: string | undefined
}

/** A call that leads: other calls of its key follow its end. */
interface Leader {
  readonly operation: string
  readonly rerunFailed: boolean
  readonly done: Deferred.Deferred<Led<AnyRun>>
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

const endedWith = (exit: Exit.Exit<unknown, Failure>, is: (error: Failure) => boolean): boolean =>
  Exit.isFailure(exit) && Option.exists(Cause.failureOption(exit.cause), is)

/**
 * Whether a call ended without an outcome of its key. A waiting call of the same key then takes its place. This is so
 * after an interruption, a total timeout, a defect, or a refusal by the client or the budget; and after a timeout of an
 * attempt, if the waiting call `hasTimeLeft`.
 */
const isOfItsOwn = (exit: Exit.Exit<unknown, Failure>, hasTimeLeft: boolean): boolean =>
  Exit.isFailure(exit) &&
  !endedWith(exit, (error) => error._tag === "APITimeoutError" ? !hasTimeLeft : !isOfItsCaller(error))

/** Whether a failure of a request shows that its run began: an answer names it, or was the answer of a run. */
const showsARun = ({ _tag, executionId, statusCode }: Failure): boolean =>
  executionId !== undefined || (_tag === "UnexpectedResponseError" && statusCode !== undefined && statusCode < 300)

/** Whether the key of a client was refused, and no run began. */
const isRefusedKey = (error: Failure): boolean =>
  (error._tag === "AuthenticationError" || error._tag === "PermissionDeniedError") && !showsARun(error)

/** The client of runs that run once per key. */
interface OnceClient {
  readonly requests: Pick<Requests, "execute" | "pollJob" | "session" | "submitJob" | "trace">
  readonly traceStream: Streams["traceStream"]
  readonly config: Pick<NoukaiConfig.Service, "attemptTimeout" | "origin">
  readonly pause: Pause
  readonly seen: KeyedRun.SeenRuns
}

/** A call of an operation that runs once per key. All leaders of one `name` run the same. */
interface OnceCall<Q extends KeyedRun.KeyRequest, A extends AnyRun> {
  readonly client: OnceClient
  readonly operation: OnceOperation<Q, A>
  readonly request: Q
  readonly name: string
  /** The instant at which an attempt of its own would end. */
  readonly ends: number
}

type Outcome<A> = Effect.Effect<Operation.OnceResponse<A>, Failure>

/** Looks, and sends what is absent, unless an earlier call may have sent it. */
const decide = <Q extends KeyedRun.KeyRequest, A extends AnyRun>(
  { client: { pause, requests, seen }, operation, request }: OnceCall<Q, A>,
  sentBefore: Errors.Sent
): Outcome<A> =>
  Effect.gen(function*() {
    const found = yield* KeyedRun.find(requests.session, pause, request, seen)
    if (found._tag === "found") {
      const { sessionId } = found.run
      if (operation.name !== "events") yield* annotateSession(sessionId)
      return { response: yield* operation.found(request, found.run), reused: true, sessionId }
    }
    const { sessionId } = found
    const executionId = seen.get(sessionId)
    if (found._tag === "missing" && executionId !== undefined && operation.named !== undefined) {
      return { response: operation.named(executionId), reused: true, sessionId }
    }
    if (sentBefore !== "no") {
      return yield* newError(Errors.APIConnectionError, {
        method: request.method,
        flow: format(request.flow),
        detail: "another call here may have begun its run, and none is seen yet",
        sent: "unknown"
      })
    }
    if (found._tag === "missing") {
      return yield* KeyedRun.notStored(request, undefined, "missing", { executionId, sessionId })
    }
    if (operation.name !== "events") yield* annotateSession(sessionId)
    const sent = Effect.tapError(
      operation.send(request, sessionId),
      (error) => Effect.sync(() => showsARun(error) && KeyedRun.remember(seen, sessionId, error.executionId))
    )
    return { response: yield* sent, reused: false, sessionId }
  })

/** Takes the end of the call that led, or runs again. */
const follow = <Q extends KeyedRun.KeyRequest, A extends AnyRun>(
  call: OnceCall<Q, A>,
  sentBefore: Errors.Sent,
  leader: Leader,
  { exit, sent }: Led<A>
): Outcome<A> =>
  Effect.flatMap(monotonic, (now) => {
    const { client, ends, operation, request } = call
    const again = (sent: Errors.Sent) => run(call, further(sentBefore, sent))
    if (isOfItsOwn(exit, now < ends)) return again(sent)
    const isOther = leader.operation !== operation.name
    // the leader may not take it over
    if (
      (isOther || request.takeOver === true) && endedWith(exit, ({ _tag }) => _tag === "RunInProgressError")
    ) return again("unknown")
    // the failure of another operation may be of that one alone
    if (Exit.isFailure(exit)) return isOther ? again(sent) : Effect.failCause(exit.cause)
    const outcome = exit.value
    const { response: { executionId }, reused, sessionId } = outcome
    // what was found may have failed
    if (reused && request.rerunFailed && !leader.rerunFailed) return again("no")
    if (isOther) {
      // it is looked up, and may not be listed yet
      if (sessionId !== undefined) KeyedRun.remember(client.seen, sessionId, executionId)
      return again(reused ? "no" : "unknown")
    }
    const error = operation.unshared?.(request, outcome)
    return error === undefined ? Effect.succeed({ ...outcome, reused: true }) : Effect.fail(error)
  })

/** The time between two look-ups of a run that another call is beginning, in milliseconds. */
const lookAgain = 500

/** Waits until the run of the call that leads is listed. A run that goes on is watched before its call ends. */
const listed = <Q extends KeyedRun.KeyRequest, A extends AnyRun>(call: OnceCall<Q, A>): Outcome<A> =>
  Effect.gen(function*() {
    const { client: { pause, requests }, operation, request } = call
    while (yield* pause(lookAgain)) {
      const found = yield* Effect.option(
        KeyedRun.find(requests.session, pause, { ...request, settle: 0 }, new Map())
      )
      if (Option.isNone(found) || found.value._tag !== "found") continue
      const { run } = found.value
      return { response: yield* operation.found(request, run), reused: true, sessionId: run.sessionId }
    }
    return yield* Effect.never
  })

/** Leads, or follows another call of the key. */
const run = <Q extends KeyedRun.KeyRequest, A extends AnyRun>(
  call: OnceCall<Q, A>,
  sentBefore: Errors.Sent
): Outcome<A> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const { name, operation, request } = call
      const leader = leaders.get(name)
      if (leader !== undefined) {
        const led = Effect.flatMap(
          Deferred.await(leader.done),
          (led) => follow(call, sentBefore, leader, led as Led<A>)
        )
        const isWatched = operation.name === "events" && leader.operation !== "events"
        return restore(isWatched ? Effect.raceFirst(led, listed(call)) : led)
      }
      const done = Deferred.unsafeMake<Led<AnyRun>>(FiberId.none)
      leaders.set(name, { operation: operation.name, rerunFailed: request.rerunFailed, done })
      return Effect.onExit(restore(decide(call, sentBefore)), (exit) =>
        Effect.sync(() => {
          leaders.delete(name)
          const sent = endedWith(exit, isRefusedKey) ? sentBefore : further(sentBefore, request.progress.sent)
          Deferred.unsafeDone(done, Exit.succeed({ exit, sent }))
        }))
    })
  )

const once = <Q extends KeyedRun.KeyRequest, A extends AnyRun>(
  client: OnceClient,
  operation: OnceOperation<Q, A>
) =>
(request: Q): Outcome<A> =>
  Effect.gen(function*() {
    const { config: { attemptTimeout, origin }, seen } = client
    const session = yield* KeyedRun.onceSession(request, 1)
    const attempt = toMillis(request.options.attemptTimeout ?? attemptTimeout) ?? 0
    const ends = (yield* monotonic) + attempt
    const outcome = yield* run({ client, operation, request, name: `${origin} ${session}`, ends }, "no")
    if (outcome.sessionId !== undefined) KeyedRun.remember(seen, outcome.sessionId, outcome.response.executionId)
    return outcome
  })

/** A request of a run, which is sent once, although the caller may allow more for others. */
const sentOnce = <Q extends KeyedRun.KeyRequest>(request: Q, sessionId: string) => ({
  ...request,
  sessionId,
  options: { ...request.options, retryPost: false }
})

/** A run that goes on, followed to its end or its pause for a call that takes it over. */
const takenOver = (
  { requests, traceStream }: OnceClient,
  request: Operation.ExecuteOnceRequest,
  run: KeyedRun.FoundRun,
  error: Errors.RunInProgressError
): Effect.Effect<Operation.ExecuteResponse, Failure> => {
  const { executionId, triggerType } = run.execution
  if (request.takeOver !== true || triggerType === "job") return Effect.fail(error)
  const isStepped = triggerType === "step"
  const detail = "its steps are requested one by one, so that only eventsOnce with takeOver can go on with it"
  const left = Effect.fail(isStepped ? KeyedRun.inProgress(request, run, detail) : error)
  const silence = isStepped ? request.silence : undefined
  const position = runPosition(requests.trace, traceStream, { ...request, executionId }, silence)
  return Effect.flatMap(
    Effect.mapError(position, beforeARun),
    (response) =>
      response === undefined || (isStepped && response.status === "tool_calls_required")
        ? left
        : Effect.succeed(response)
  )
}

/** Runs once per key: what is found is given, what is absent is sent. */
export const make = (
  requests: OnceClient["requests"],
  config: OnceClient["config"],
  pause: Pause,
  traceStream: Streams["traceStream"]
): Pick<Requests, "eventsOnce" | "executeOnce" | "submitOnce"> => {
  const client: OnceClient = { requests, traceStream, config, pause, seen: new Map() }
  return {
    executeOnce: once<Operation.ExecuteOnceRequest, Operation.ExecuteResponse>(client, {
      name: "execute",
      send: (request, sessionId) => request.walk?.begin(sessionId) ?? requests.execute(sentOnce(request, sessionId)),
      found: (request, run) =>
        Effect.catchTag(
          KeyedRun.executed(requests.pollJob, request, run),
          "RunInProgressError",
          (error) => takenOver(client, request, run, error)
        ),
      unshared: (request, { response, sessionId = "" }) => {
        const { executionId = "", status } = response
        if (status !== "tool_calls_required") return undefined
        const run = { execution: { executionId }, sessionId }
        return KeyedRun.inProgress(request, run, "it waits for tool results, which another call here gives")
      }
    }),
    eventsOnce: once<Operation.EventsOnceRequest, Operation.BegunRun>(client, {
      name: "events",
      send: (request, sessionId) => request.walk.begin(sessionId),
      found: KeyedRun.begun,
      named: (executionId) => ({ executionId })
    }),
    submitOnce: once<Operation.SubmitOnceRequest, Operation.SubmitJobResponse>(client, {
      name: "submit",
      send: (request, sessionId) => requests.submitJob(sentOnce(request, sessionId)),
      found: KeyedRun.submitted
    })
  }
}
