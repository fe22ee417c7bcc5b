import * as Effect from "effect/Effect"
import {
  AmbiguousRunError,
  type CallError,
  type InvalidRequestError,
  type OnceError,
  ResultNotStoredError,
  RunInProgressError,
  UnexpectedResponseError
} from "../../NoukaiError.js"
import { amended, invalid, known, unchecked } from "../core/makeError.js"
import { isOfRun, otherRun } from "../core/runProblem.js"
import type { Pause } from "../core/time.js"
import type { Requests } from "../operations/operations.js"
import type {
  ExecuteEnded,
  OnceRequest,
  PollJobResponse,
  SessionExecution,
  SubmitJobResponse
} from "../operations/requests.js"
import { runOf } from "../operations/sessionRun.js"
import { type FlowAddress, type FlowVersion, format } from "../options/address.js"

/** A run that was found under a key. */
export interface FoundRun {
  readonly execution: SessionExecution
  readonly sessionId: string
}

/**
 * The finding under a key: the session that no run has yet, the run that was found, or the session of a run that this
 * client has begun or found before, and that is not listed now.
 */
export type Standing =
  | { readonly _tag: "absent"; readonly sessionId: string }
  | { readonly _tag: "missing"; readonly sessionId: string }
  | { readonly _tag: "found"; readonly run: FoundRun }

export type KeyRequest = OnceRequest & RunKey

/** More attempts than any caller makes: a server that finds a failed run in every session would be asked for ever. */
const maxAttempts = 1_000

const facts = ({ flow, method }: KeyRequest) => ({ method, flow: format(flow), isRetryable: false })

/** The error of a read. Nothing of a run was sent for it. */
export const beforeARun = <E extends CallError | OnceError>(error: E): E =>
  error._tag === "APIConnectionError" || error._tag === "APITimeoutError" ? amended(error, { sent: "no" }) : error

/** The runs of a session, each once. A session that the server does not know has none. */
const listed = (
  session: Requests["session"],
  asked: KeyRequest,
  sessionId: string
): Effect.Effect<ReadonlyArray<SessionExecution>, CallError | OnceError> => {
  const { retryPost: _, ...options } = asked.options
  return session({ method: asked.method, options, progress: { sent: "no" }, sessionId }).pipe(
    Effect.map(({ executions }) => [...new Map(executions.map((one) => [one.executionId, one])).values()]),
    Effect.catchTag(
      "ReplaySessionNotFoundError",
      ({ code, detail, isAbsent, requestId, responseBody, statusCode }) =>
        isAbsent === true ? Effect.succeed([]) : Effect.fail(
          new UnexpectedResponseError(
            known({
              ...facts(asked),
              reason:
                "the look-up of the key got a 404 that does not say that its session does not exist, so nothing was " +
                "sent; check the base URL and any gateway, or set `isSessionNotFound` of the client",
              statusCode,
              code,
              detail,
              requestId,
              responseBody
            }),
            unchecked
          )
        )
    ),
    Effect.catchTag("ReplaySessionExpiredError", ({ code, detail, requestId, statusCode }) =>
      Effect.fail(
        new ResultNotStoredError(
          known({
            ...facts(asked),
            reason: "expired",
            sessionId,
            statusCode,
            code,
            detail,
            requestId
          }),
          unchecked
        )
      )),
    Effect.mapError(beforeARun)
  )
}

const onlyOne = (
  asked: KeyRequest,
  sessionId: string,
  runs: ReadonlyArray<SessionExecution>
): Effect.Effect<SessionExecution | undefined, AmbiguousRunError> =>
  runs.length <= 1 ? Effect.succeed(runs[0]) : Effect.fail(
    new AmbiguousRunError({
      ...facts(asked),
      executionIds: runs.map(({ executionId }) => executionId),
      sessionId
    }, unchecked)
  )

/** Whether a run is a failure to who asks for its result; the queue says so itself. */
const endedBadly = (execution: SessionExecution): boolean => {
  const { status, triggerType } = execution
  return status === "failed" || status === "cancelled" ||
    (status === "completed" && triggerType !== "job" && runOf(execution).ending._tag === "failed")
}

/**
 * Looks a key up. A run that failed or was cancelled may have been followed by another attempt, so that the
 * attempts are walked to the first that is absent. Where something would be sent because of an absence, or where the
 * run was seen before, by this client, it is looked at again after the time to settle.
 */
export const standing = (
  session: Requests["session"],
  pause: Pause,
  asked: KeyRequest,
  seen: SeenRuns
): Effect.Effect<Standing, CallError | OnceError> => {
  const look = (sessionId: string) =>
    Effect.flatMap(listed(session, asked, sessionId), (runs) => onlyOne(asked, sessionId, runs))

  const walk = (attempt: number, before: FoundRun | undefined): Effect.Effect<Standing, CallError | OnceError> =>
    Effect.flatMap(onceSession(asked, attempt), (sessionId) => {
      const isNeeded = before === undefined || asked.rerunFailed
      const looked = (isNeeded || seen.has(sessionId)) && asked.settle > 0
        ? Effect.flatMap(
          look(sessionId),
          (found) => found === undefined ? Effect.zipRight(pause(asked.settle), look(sessionId)) : Effect.succeed(found)
        )
        : look(sessionId)
      return Effect.flatMap(looked, (execution): Effect.Effect<Standing, CallError | OnceError> => {
        if (execution === undefined) {
          if (seen.has(sessionId)) return Effect.succeed({ _tag: "missing", sessionId })
          return Effect.succeed(isNeeded ? { _tag: "absent", sessionId } : { _tag: "found", run: before })
        }
        seen.add(sessionId, execution.executionId)
        const run: FoundRun = { execution, sessionId }
        if (!endedBadly(execution)) return Effect.succeed({ _tag: "found", run })
        return attempt < maxAttempts ? walk(attempt + 1, run) : Effect.fail(
          new UnexpectedResponseError({
            ...facts(asked),
            executionId: execution.executionId,
            reason: `${maxAttempts} runs of this key have failed, or the server finds one in every session`
          }, unchecked)
        )
      })
    })

  return walk(1, undefined)
}

/** The flow and version that run under a key. */
export interface RunKey {
  readonly method: string
  readonly flow: FlowAddress
  readonly version: FlowVersion
  readonly key: string
}

/** The namespace of the sessions of keys, `3b1f6a0e-58c4-4b0c-9f0e-7d2a94c1b6e5`. It must never change. */
const namespace = Uint8Array.from([
  0x3b,
  0x1f,
  0x6a,
  0x0e,
  0x58,
  0xc4,
  0x4b,
  0x0c,
  0x9f,
  0x0e,
  0x7d,
  0x2a,
  0x94,
  0xc1,
  0xb6,
  0xe5
])

/** The name of an attempt, as text that no two of them share. It must never change. */
const nameOf = ({ flow: { org, project, slug }, key, version }: RunKey, attempt: number): string =>
  JSON.stringify([org, project, slug, String(version), key, attempt])

const uuidOf = (hash: Uint8Array): string => {
  hash[6] = (hash[6]! & 0x0f) | 0x50
  hash[8] = (hash[8]! & 0x3f) | 0x80
  const hex = Array.from(hash.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("")
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")
}

/**
 * The session of an attempt at a key, from 1: a UUID of version 5, so that every process finds it.
 *
 * @see RFC 9562, 5.5
 */
export const onceSession = (keyed: RunKey, attempt: number): Effect.Effect<string, InvalidRequestError> =>
  Effect.suspend(() => {
    // pages that are not served securely have none
    const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle
    if (subtle === undefined) {
      return Effect.fail(invalid(keyed.method, "key", "needs the platform's crypto.subtle, which is missing here"))
    }
    const name = new TextEncoder().encode(nameOf(keyed, attempt))
    const bytes = new Uint8Array(namespace.length + name.length)
    bytes.set(namespace)
    bytes.set(name, namespace.length)
    return Effect.map(Effect.promise(() => subtle.digest("SHA-1", bytes)), (hash) => uuidOf(new Uint8Array(hash)))
  })

/** The number of sessions that are remembered; the oldest are forgotten. */
const capacity = 10_000

/** The sessions in which a client has begun or found a run: that one of them is absent later is no evidence. */
export interface SeenRuns {
  /** Remembers a run, with its id where it is known. */
  readonly add: (sessionId: string, executionId: string | undefined) => void
  readonly has: (sessionId: string) => boolean
  readonly executionId: (sessionId: string) => string | undefined
}

export const make = (): SeenRuns => {
  const seen = new Map<string, string | undefined>()
  return {
    add: (sessionId, executionId) => {
      const known = executionId ?? seen.get(sessionId)
      seen.delete(sessionId)
      seen.set(sessionId, known)
      const [oldest] = seen.keys()
      if (seen.size > capacity && oldest !== undefined) seen.delete(oldest)
    },
    has: (sessionId) => seen.has(sessionId),
    executionId: (sessionId) => seen.get(sessionId)
  }
}

/** The names of a run that was found. */
interface NamedRun {
  readonly execution: { readonly executionId: string }
  readonly sessionId: string
}

const factsOf = (asked: KeyRequest, { execution, sessionId }: NamedRun) => ({
  method: asked.method,
  flow: format(asked.flow),
  executionId: execution.executionId,
  sessionId
})

export const inProgress = (asked: KeyRequest, run: NamedRun, detail?: string): RunInProgressError =>
  // a call of the same key never starts a second run
  new RunInProgressError(known({ ...factsOf(asked, run), detail, isRetryable: true }), unchecked)

const notStored = (asked: KeyRequest, run: FoundRun, reason: ResultNotStoredError["reason"]): ResultNotStoredError => {
  const { traceCaptureMode } = run.execution
  return new ResultNotStoredError({
    ...factsOf(asked, run),
    reason,
    ...(traceCaptureMode === undefined ? undefined : { detail: `its capture mode was ${traceCaptureMode}` }),
    isRetryable: false
  }, unchecked)
}

const unexpected = (asked: KeyRequest, run: FoundRun, reason: string): UnexpectedResponseError =>
  new UnexpectedResponseError({ ...factsOf(asked, run), reason, isRetryable: false }, unchecked)

const ofSlug = (asked: KeyRequest, { execution }: FoundRun): boolean =>
  execution.slug === undefined || execution.slug === "" || execution.slug === asked.flow.slug

const ended = (
  { execution: { executionId, flowId } }: FoundRun,
  status: "completed" | "failed",
  result: unknown
): ExecuteEnded => ({ status, result, executionId, ...(flowId === undefined ? undefined : { flowId }) })

/** The outcome of a run from what its session keeps. */
const fromSession = (
  asked: KeyRequest,
  run: FoundRun
): Effect.Effect<ExecuteEnded, UnexpectedResponseError | OnceError> => {
  const { execution } = run
  const { ending, last } = runOf(execution)
  switch (ending._tag) {
    case "failed":
      return Effect.succeed(ended(run, "failed", ending.error ?? "its session does not say why"))
    case "unfinished":
      return Effect.fail(inProgress(asked, run, ending.reason))
    case "completed":
      if (execution.traceCaptureMode === "redacted") return Effect.fail(notStored(asked, run, "redacted"))
      if (!execution.snapshotsAvailable || last?.outputSnapshot === undefined) {
        return Effect.fail(notStored(asked, run, "capture"))
      }
      return last.truncated
        ? Effect.fail(notStored(asked, run, "truncated"))
        : Effect.succeed(ended(run, "completed", ending.result))
  }
}

const fromJob = (
  asked: KeyRequest,
  run: FoundRun,
  { error, executionId, result, status }: PollJobResponse
): Effect.Effect<ExecuteEnded, UnexpectedResponseError | OnceError> => {
  if (!isOfRun(run.execution.executionId, executionId)) {
    return Effect.fail(unexpected(asked, run, otherRun(executionId)))
  }
  switch (status) {
    case "completed":
      return Effect.succeed(ended(run, "completed", result))
    case "failed":
      return Effect.succeed(ended(run, "failed", error ?? result))
    case "cancelled":
      return Effect.succeed(ended(run, "failed", error ?? "the job was cancelled"))
    case "pending":
    case "running":
      return Effect.fail(inProgress(asked, run))
    default:
      return Effect.fail(unexpected(asked, run, `unknown status ${JSON.stringify(status)}`))
  }
}

/**
 * The outcome of a run that was found, in place of running again. The queue keeps the result of a job whatever the
 * capture mode is; the result of another run is the last output that its session keeps.
 */
export const executed = (
  pollJob: Requests["pollJob"],
  asked: KeyRequest,
  run: FoundRun
): Effect.Effect<ExecuteEnded, CallError | OnceError> => {
  const { execution: { executionId, status, triggerType } } = run
  if (!ofSlug(asked, run)) {
    return Effect.fail(unexpected(asked, run, `its run is of another flow, ${run.execution.slug}`))
  }
  switch (status) {
    case "pending":
    case "running":
      return Effect.fail(inProgress(asked, run))
    case "completed":
    case "failed":
    case "cancelled": {
      if (triggerType !== "job") return fromSession(asked, run)
      const { retryPost: _, ...options } = asked.options
      const { flow, method } = asked
      return Effect.flatMap(
        Effect.mapError(pollJob({ method, options, progress: { sent: "no" }, flow, executionId }), beforeARun),
        (polled) => fromJob(asked, run, polled)
      )
    }
    default:
      return Effect.fail(unexpected(asked, run, `the run of this key has an unknown status, ${JSON.stringify(status)}`))
  }
}

/** The job that was found, in place of another one. */
export const submitted = (asked: KeyRequest, run: FoundRun): Effect.Effect<SubmitJobResponse, CallError> => {
  const { execution: { executionId, flowId, triggerType } } = run
  if (!ofSlug(asked, run)) {
    return Effect.fail(unexpected(asked, run, `its run is of another flow, ${run.execution.slug}`))
  }
  if (triggerType !== undefined && triggerType !== "job") {
    const reason = `was used by a run that is no job, ${executionId}: ask for it with executeOnce`
    return Effect.fail(invalid(asked.method, "key", reason, { flow: format(asked.flow), executionId }))
  }
  return Effect.succeed({ executionId, ...(flowId === undefined ? undefined : { flowId }) })
}
