/** Looks the run of a key up: its session, the runs that were found there, and their outcome. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Errors from "../../NoukaiError.js"
import { amended, invalid, known, newError } from "../core/makeError.js"
import { isEndedStatus, isOfRun, otherRun } from "../core/runProblem.js"
import type { Pause } from "../core/time.js"
import { uuidOf } from "../kit/names.js"
import { type Digits, digitsAt, digitsIn, digitsOf, withDigits } from "../kit/plainJson.js"
import type { Requests } from "../operations/operations.js"
import type * as Operation from "../operations/requests.js"
import { runOf } from "../operations/sessionRun.js"
import { type FlowAddress, type FlowVersion, format, segment } from "../options/address.js"
import { beforeARun } from "../options/callOptions.js"

/** A run that was found under a key. */
export interface FoundRun {
  readonly execution: Operation.SessionExecution
  readonly sessionId: string
}

/**
 * The finding under a key: the session that no run has yet, the run that was found, or the session of a run that this
 * client has begun or found before, and that is not listed now.
 */
export type Found =
  | { readonly _tag: "absent"; readonly sessionId: string }
  | { readonly _tag: "missing"; readonly sessionId: string }
  | { readonly _tag: "found"; readonly run: FoundRun }

export type KeyRequest = Operation.OnceRequest & RunKey

/** More attempts than any caller makes: a server that finds a failed run in every session would be asked for ever. */
const maxAttempts = 1_000

/** The names of a run that was found. */
type NamedRun = { readonly execution: Pick<Operation.SessionExecution, "executionId">; readonly sessionId: string }

const factsOf = ({ flow, method }: KeyRequest, run?: NamedRun) => ({
  method,
  flow: format(flow),
  executionId: run?.execution.executionId,
  sessionId: run?.sessionId
})

const unexpected = (asked: KeyRequest, run: NamedRun | undefined, reason: string, more: object = {}) =>
  newError(Errors.UnexpectedResponseError, { ...factsOf(asked, run), reason, ...more })

export const notStored = (
  asked: KeyRequest,
  run: NamedRun | undefined,
  reason: Errors.ResultNotStoredError["reason"],
  more: object = {}
): Errors.ResultNotStoredError => newError(Errors.ResultNotStoredError, { ...factsOf(asked, run), reason, ...more })

export const inProgress = (asked: KeyRequest, run: NamedRun, detail?: string): Errors.RunInProgressError =>
  // a call of the same key never starts a second run
  newError(Errors.RunInProgressError, { ...factsOf(asked, run), detail, isRetryable: true })

/** The runs of a session, each once. A session that the server does not know has none. */
const listed = (
  session: Requests["session"],
  asked: KeyRequest,
  sessionId: string
): Effect.Effect<ReadonlyArray<Operation.SessionExecution>, Errors.CallError | Errors.OnceError> => {
  return session({
    method: asked.method,
    options: asked.options,
    progress: { sent: "no" },
    sessionId,
    mayBeAbsent: true
  }).pipe(
    Effect.map(({ executions }) => [...new Map(executions.map((one) => [one.executionId, one])).values()]),
    Effect.catchTags({
      ReplaySessionNotFoundError: ({ code, detail, isAbsent, requestId, responseBody, statusCode }) => {
        if (isAbsent === true) return Effect.succeed([])
        const reason =
          "the look-up of the key got a 404 that does not say that its session does not exist, so nothing was " +
          "sent; check the base URL and any gateway, or set `isSessionNotFound` of the client"
        return Effect.fail(unexpected(asked, undefined, reason, { statusCode, code, detail, requestId, responseBody }))
      },
      ReplaySessionExpiredError: ({ code, detail, requestId, statusCode }) =>
        Effect.fail(notStored(asked, undefined, "expired", { sessionId, statusCode, code, detail, requestId }))
    }),
    Effect.mapError((error) => amended(beforeARun(error), { flow: format(asked.flow) }))
  )
}

/** Whether a run is a failure to who asks for its result; the queue says so itself. */
const endedBadly = (execution: Operation.SessionExecution): boolean => {
  const { status, triggerType } = execution
  return status === "failed" || status === "cancelled" ||
    (status === "completed" && triggerType !== "job" && runOf(execution).ending._tag === "failed")
}

/**
 * Looks a key up. A run that failed or was cancelled may have been followed by another attempt, so that the
 * attempts are walked to the first that is absent. Where something would be sent because of an absence, or where the
 * run was seen before, by this client, it is looked at again after the time to settle.
 */
export const find = Effect.fnUntraced(function*(
  session: Requests["session"],
  pause: Pause,
  asked: KeyRequest,
  seen: SeenRuns
): Effect.fn.Return<Found, Errors.CallError | Errors.OnceError> {
  let before: FoundRun | undefined
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const sessionId = yield* onceSession(asked, attempt)
    const isNeeded = before === undefined || asked.rerunFailed
    let runs = yield* listed(session, asked, sessionId)
    if (runs.length === 0 && (isNeeded || seen.has(sessionId)) && asked.settle > 0) {
      yield* pause(asked.settle)
      runs = yield* listed(session, asked, sessionId)
    }
    const [execution] = runs
    if (execution === undefined) {
      if (seen.has(sessionId)) return { _tag: "missing", sessionId }
      return before === undefined || isNeeded ? { _tag: "absent", sessionId } : { _tag: "found", run: before }
    }
    if (runs.length > 1) {
      const executionIds = runs.map(({ executionId }) => executionId)
      const { flow, method } = factsOf(asked)
      return yield* newError(Errors.AmbiguousRunError, { method, flow, executionIds, sessionId })
    }
    remember(seen, sessionId, execution.executionId)
    before = { execution, sessionId }
    if (!endedBadly(execution)) return { _tag: "found", run: before }
  }
  return yield* unexpected(
    asked,
    before,
    `${maxAttempts} runs of this key have failed, or the server finds one in every session`
  )
})

/** The flow and version that run under a key. */
export interface RunKey {
  readonly method: string
  readonly flow: FlowAddress
  readonly version: FlowVersion
  readonly key: string
}

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16))

/** The namespace of the sessions of keys. It must never change. */
const namespace = bytesOf("3b1f6a0e58c44b0c9f0e7d2a94c1b6e5")

/** The name of an attempt, as text that no two of them share. It must never change. */
const nameOf = ({ flow: { org, project, slug }, key, version }: RunKey, attempt: number): string =>
  JSON.stringify([org, project, slug, String(version), key, attempt])

/** The most characters of a key. All of it is hashed at once, and a longer one is a payload rather than a name. */
const longestKey = 65_536

/**
 * The session of an attempt at a key, from 1: a UUID of version 5, so that every process finds it.
 *
 * @see RFC 9562, 5.5
 */
export const onceSession = (keyed: RunKey, attempt: number): Effect.Effect<string, Errors.InvalidRequestError> =>
  Effect.suspend(() => {
    const { key, method } = keyed
    if (key.length > longestKey) {
      const reason = `has ${key.length} characters, and may have ${longestKey}: use a shorter one, or a hash of it`
      return Effect.fail(invalid(method, "key", reason))
    }
    // pages that are not served securely have none
    const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle
    if (subtle === undefined) {
      return Effect.fail(invalid(method, "key", "needs the platform's crypto.subtle, which is missing here"))
    }
    const name = new TextEncoder().encode(nameOf(keyed, attempt))
    const bytes = new Uint8Array(namespace.length + name.length)
    bytes.set(namespace)
    bytes.set(name, namespace.length)
    return Effect.map(Effect.promise(() => subtle.digest("SHA-1", bytes)), (hash) => uuidOf(new Uint8Array(hash), 5))
  })

/** The look-up of a key, as a recording keeps it and a replay asks for it. */
export const lookUpOf = (
  { method, ...keyed }: KeyRequest
): Effect.Effect<Operation.SessionRequest, Errors.InvalidRequestError> =>
  Effect.map(
    onceSession({ method, ...keyed }, 1),
    (sessionId) => ({ method, options: {}, progress: { sent: "no" }, sessionId })
  )

/** A session with the run that a look-up found. */
export const foundSession = (
  sessionId: string,
  { executionId = "", isStepped }: Operation.BegunRun
): Operation.SessionResponse => ({
  sessionId,
  executions: [{
    executionId,
    status: "running",
    snapshotsAvailable: false,
    steps: [],
    ...(isStepped === undefined ? undefined : { triggerType: isStepped ? "step" : "execute" })
  }]
})

/** The run of such a session. */
export const runOfSession = ({ executions: [run] }: Operation.SessionResponse): Operation.BegunRun => ({
  ...known({ executionId: run?.executionId || undefined }),
  ...(run?.triggerType === undefined ? undefined : { isStepped: run.triggerType === "step" })
})

/** The number of sessions that are remembered; the oldest are forgotten. */
const capacity = 10_000

/**
 * The sessions in which a client has begun or found a run, with the id of the run if it is known. If the server does not
 * list such a session later, the run still exists.
 */
export type SeenRuns = Map<string, string | undefined>

export const remember = (seen: SeenRuns, sessionId: string, executionId: string | undefined): void => {
  const known = executionId ?? seen.get(sessionId)
  seen.delete(sessionId)
  seen.set(sessionId, known)
  const [oldest] = seen.keys()
  if (seen.size > capacity && oldest !== undefined) seen.delete(oldest)
}

const ended = (
  { execution: { executionId, flowId } }: FoundRun,
  status: "completed" | "failed",
  result: unknown,
  digits?: Digits | undefined
): Operation.ExecuteEnded =>
  withDigits({ status, result, ...known({ executionId, flowId }) }, digitsIn([["result", digits]]))

type Outcome = Effect.Effect<Operation.ExecuteEnded, Errors.CallError | Errors.OnceError>

/** The outcome of a run from what its session keeps: its last output. */
const fromSession = (asked: KeyRequest, run: FoundRun): Outcome => {
  const { snapshotsAvailable, traceCaptureMode } = run.execution
  const { ending, last } = runOf(run.execution)
  const detail = traceCaptureMode === undefined ? undefined : `its capture mode was ${traceCaptureMode}`
  const lost = (reason: Errors.ResultNotStoredError["reason"]) => Effect.fail(notStored(asked, run, reason, { detail }))
  switch (ending._tag) {
    case "failed":
      return Effect.succeed(ended(run, "failed", ending.error ?? "its session does not say why", ending.digits))
    case "unfinished":
      return Effect.fail(inProgress(asked, run, ending.reason))
    case "completed":
      if (traceCaptureMode === "redacted") return lost("redacted")
      if (!snapshotsAvailable || last?.outputSnapshot === undefined) return lost("capture")
      return last.truncated ? lost("truncated") : Effect.succeed(ended(run, "completed", ending.result, ending.digits))
  }
}

/** The outcome of a run from the queue, which keeps the result of a job in every capture mode. */
const fromJob = (
  asked: KeyRequest,
  run: FoundRun,
  response: Operation.PollJobResponse
): Outcome => {
  const { error, executionId, result, status } = response
  if (!isOfRun(run.execution.executionId, executionId)) {
    return Effect.fail(unexpected(asked, run, otherRun(executionId)))
  }
  switch (status) {
    case "completed":
      return Effect.succeed(ended(run, "completed", result, digitsAt(digitsOf(response), "result")))
    case "failed":
    case "cancelled": {
      const reason = error ?? (status === "failed" ? result : "the job was cancelled")
      const field = (error ?? undefined) === undefined ? "result" : "error"
      return Effect.succeed(ended(run, "failed", reason, digitsAt(digitsOf(response), field)))
    }
    case "pending":
    case "running":
      return Effect.fail(inProgress(asked, run))
    default:
      return Effect.fail(unexpected(asked, run, `unknown status ${JSON.stringify(status)}`))
  }
}

const checkSlug = (asked: KeyRequest, run: FoundRun): Effect.Effect<void, Errors.UnexpectedResponseError> => {
  const { slug = "" } = run.execution
  return slug === "" || slug === asked.flow.slug
    ? Effect.void
    : Effect.fail(unexpected(asked, run, `its run is of another flow, ${slug}`))
}

/** The outcome of a run that was found, in place of running again. */
export const executed = Effect.fnUntraced(function*(
  pollJob: Requests["pollJob"],
  asked: KeyRequest,
  run: FoundRun
): Effect.fn.Return<Operation.ExecuteEnded, Errors.CallError | Errors.OnceError> {
  const { execution: { executionId, status, triggerType } } = run
  yield* checkSlug(asked, run)
  if (status === "pending" || status === "running") return yield* inProgress(asked, run)
  if (!isEndedStatus(status)) {
    return yield* unexpected(asked, run, `the run of this key has an unknown status, ${JSON.stringify(status)}`)
  }
  if (triggerType !== "job") return yield* fromSession(asked, run)
  const { flow, method, options } = asked
  const polled = pollJob({ method, options, progress: { sent: "no" }, flow, executionId })
  return yield* fromJob(asked, run, yield* Effect.mapError(polled, beforeARun))
})

/** The run that was found, for a call that follows its events. */
export const begun = (asked: KeyRequest, run: FoundRun): Effect.Effect<Operation.BegunRun, Errors.CallError> => {
  const { executionId, triggerType } = run.execution
  return Effect.as(checkSlug(asked, run), { executionId, isStepped: triggerType === "step" })
}

/** The job that was found, in place of another one. */
export const submitted = Effect.fnUntraced(function*(
  asked: KeyRequest,
  run: FoundRun
): Effect.fn.Return<Operation.SubmitJobResponse, Errors.CallError> {
  const { execution: { executionId, flowId, triggerType } } = run
  yield* checkSlug(asked, run)
  if (triggerType !== undefined && triggerType !== "job") {
    const reason = `was used by a run that is no job, ${executionId}: ask for it with executeOnce`
    return yield* invalid(asked.method, "key", reason, { flow: format(asked.flow), executionId })
  }
  // polls have the id in their path
  if (Either.isLeft(segment(asked.method, "executionId", executionId))) {
    const named = JSON.stringify(executionId)
    return yield* unexpected(asked, run, `the job of this key has the executionId ${named}, which a path cannot carry`)
  }
  return known({ executionId, flowId })
})
