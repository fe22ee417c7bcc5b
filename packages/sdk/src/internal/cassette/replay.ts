/** `NoukaiHttp` over recordings: every call has its recorded outcome. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as Errors from "../../NoukaiError.js"
import { invalid, newError } from "../core/makeError.js"
import type { Match } from "../core/replayReport.js"
import { monotonic } from "../core/time.js"
import { forwardThrough, onResponse } from "../operations/fake.js"
import { type CallDefaults, type HttpService, orElse } from "../operations/operations.js"
import type * as Operation from "../operations/requests.js"
import { isSameSession } from "../operations/scope.js"
import type { WireEvent } from "../operations/wireEvent.js"
import { format } from "../options/address.js"
import type { RequestContext } from "../options/callOptions.js"
import { lookUpOf, runOfSession } from "../run/keyedRun.js"
import * as Codec from "./codec.js"
import { restore } from "./layout.js"
import { anew, type Gap, Matching, type ProgramCall, type Recordings } from "./matching.js"
import * as Recording from "./recording.js"
import { type Redaction, redactQuestion } from "./redaction.js"
import { answerOf, recordingsOf } from "./sessionRecordings.js"

/** A replay that was opened. */
export interface OpenReplay {
  readonly http: HttpService
  /** Fails if there are recordings that no call has taken. */
  readonly verify: (method: string) => Effect.Effect<void, Errors.ReplayLeftoverError>
}

interface Options {
  readonly redact: Redaction
  readonly defaults: CallDefaults
  /** The service for calls that were not recorded. Absent: they fail. */
  readonly otherwise?: HttpService | undefined
  /** Is called with the place of each recording that a call takes. */
  readonly reach?: ((place: number) => void) | undefined
  /** Fetches another session that a call names. Absent: such a call fails. */
  readonly fetch?:
    | ((request: Operation.SessionRequest) => Effect.Effect<Operation.SessionResponse, Errors.SessionError>)
    | undefined
}

export interface CassetteOptions extends Options {
  /** The operation that errors name. */
  readonly method: string
  /** The name of the cassette, for people. */
  readonly source: string
  readonly match: Match
}

/** Opens the replay of a cassette of either kind. */
export const openCassette = (
  cassette: Recording.SessionCassette | Recording.RecordedCassette,
  options: CassetteOptions
): Effect.Effect<OpenReplay, Errors.ReplayNoSnapshotsError> => {
  const { match, method, redact, source } = options
  if (cassette.kind === "session") {
    return Effect.map(recordingsOf(method, cassette.session, redact.text), (recordings) => open(recordings, options))
  }
  // both sides are redacted, so that recordings from before a redaction are found
  const recordings = restore(cassette).map((one): Recording.Interaction => ({ ...one, ...redactQuestion(one, redact) }))
  return Effect.succeed(open({ source, match, recordings }, options))
}

const nothing: Redaction = { hasPaths: false, call: identity, payload: identity, text: identity }

/** Opens the replay of a session that was fetched. */
export const openSession = (
  method: string,
  session: Operation.SessionResponse,
  options: Pick<Options, "defaults" | "fetch">
): Effect.Effect<OpenReplay, Errors.ReplayNoSnapshotsError> =>
  Effect.map(recordingsOf(method, session), (recordings) => open(recordings, { ...options, redact: nothing }))

/** The time for which the last status of a job that had not ended is repeated, in milliseconds. */
const pollGrace = 5_000

const left: Gap = { reason: "the recorded program left the stream here; later events were not recorded", fix: anew }

const unpolled: Gap = { reason: "the recorded program no longer polled this job, which had not ended" }

/** The error of a recorded answer that does not fit its endpoint, although it was checked when the cassette was read. */
const spoiled = (method: string, reason: string, flow?: string): Errors.UnexpectedResponseError =>
  newError(Errors.UnexpectedResponseError, {
    method,
    flow,
    reason: `the recording does not fit: ${reason}`
  })

/** An error that an operation can fail with; another one cannot have been recorded for it. */
const only =
  <E extends Codec.RecordableError>(method: string, fits: (error: Codec.RecordableError) => error is E) =>
  (error: Codec.RecordableError): E | Errors.UnexpectedResponseError =>
    fits(error) ? error : spoiled(method, `${method} does not fail with ${error._tag}`)

const notOfCalls: ReadonlySet<string> = new Set(["RunInProgressError", "ResultNotStoredError", "AmbiguousRunError"])

const isOfCall = (error: Codec.RecordableError): error is Errors.CallError => !notOfCalls.has(error._tag)

const notOfSessions: ReadonlySet<string> = new Set(
  "PermissionDeniedError FlowNotFoundError BudgetExceededError CostLimitError ReplayNoSnapshotsError".split(" ")
)

const isOfSession = (error: Codec.RecordableError): error is Errors.SessionError => !notOfSessions.has(error._tag)

/** A replay in progress. */
interface Replay extends Options {
  /** The session that is replayed. Absent: its recordings are a cassette's. */
  readonly session: Operation.SessionResponse | undefined
  readonly own: Matching
  /** The recordings of other sessions that calls named, by their ids. */
  readonly others: Map<string, Matching>
  readonly fetching: Effect.Semaphore
  /** The instants at which jobs were submitted, by their ids. */
  readonly submitted: Map<string, number>
  /** Runs that began outside the recording. A server may give one the id of a recorded run. */
  readonly begunElsewhere: Set<string>
}

const isForeign = ({ session }: Replay, sessionId: string | undefined): sessionId is string =>
  session !== undefined && sessionId !== undefined && !isSameSession(sessionId, session.sessionId)

const spoiledFor = ({ operation, question }: ProgramCall) => (reason: string): Errors.UnexpectedResponseError =>
  spoiled(operation, reason, question.flow)

const failing = (asked: ProgramCall, error: Recording.RecordedError): Effect.Effect<never, Codec.RecordableError> =>
  Effect.flatMap(Either.mapLeft(Codec.decodeError(error, asked.operation), spoiledFor(asked)), Effect.fail)

const asking = (
  replay: Replay,
  endpoint: Recording.RecordedOperation,
  request: Recording.AnyRequest
): Either.Either<ProgramCall, Errors.InvalidRequestError> => {
  const question = Recording.questionOf(endpoint, request)
  const isRun = endpoint === "execute" || endpoint === "step"
  return question === undefined
    ? Either.left(invalid(request.method, "body", "must be JSON: no cycles, no BigInt"))
    : Either.right({
      operation: request.method,
      question: redactQuestion(question, replay.redact),
      run: Recording.executionIdOf(question),
      sessionId: isRun && isForeign(replay, request.sessionId) ? request.sessionId : undefined
    })
}

/** The recordings of the session that a call names. Another session is fetched once, and counted on its own. */
const matchingFor = (
  { fetch, fetching, others, own, redact }: Replay,
  asked: ProgramCall
): Effect.Effect<Matching, Errors.CallError> => {
  const { operation: method, sessionId } = asked
  if (sessionId === undefined) return Effect.succeed(own)
  if (sessionId === "") return Effect.fail(own.refuse(asked, "the call says that it belongs to no session"))
  if (fetch === undefined) {
    return Effect.fail(own.refuse(asked, `the call belongs to another session, ${sessionId}`))
  }
  const id = sessionId.toLowerCase()
  return fetching.withPermits(1)(Effect.gen(function*() {
    const known = others.get(id)
    if (known !== undefined) return known
    const fetched = yield* fetch({ method, options: {}, progress: { sent: "no" }, sessionId })
    const matching = new Matching(yield* recordingsOf(method, fetched, redact.text))
    others.set(id, matching)
    return matching
  }))
}

/** A call of a program, with the recordings among which its own one is. */
interface Entered {
  readonly replay: Replay
  readonly matching: Matching
  readonly asked: ProgramCall
  readonly now: number
}

const enter = Effect.fnUntraced(function*(
  replay: Replay,
  endpoint: Recording.RecordedOperation,
  request: Recording.AnyRequest
) {
  const asked = yield* asking(replay, endpoint, request)
  const matching = yield* matchingFor(replay, asked)
  yield* matching.entering(asked)
  const entered: Entered = { replay, matching, asked, now: yield* monotonic }
  return entered
})

/**
 * Notes when a job was submitted, and whether a run began outside the recording, since its later calls are then made
 * there. Calls that only read a run change nothing.
 */
const noteBeginning =
  ({ asked, now, replay: { begunElsewhere, submitted } }: Entered, isElsewhere: boolean) => (answer: object): void => {
    const id = asked.run === undefined && "executionId" in answer ? answer.executionId : undefined
    if (typeof id !== "string") return
    if (asked.question.endpoint === "submitJob") submitted.set(id, now)
    if (isElsewhere) begunElsewhere.add(id)
    else begunElsewhere.delete(id)
  }

/** The status of a job at its present age; `undefined` if it had not ended, and is polled for longer than it was. */
const statusNow = (
  { asked, now, replay: { submitted } }: Entered,
  { answer, at = [] }: Recording.Recording
): Recording.Status | undefined => {
  if (!("statuses" in answer)) return undefined
  const { statuses } = answer
  const id = asked.run ?? ""
  const began = submitted.get(id) ?? now - (at[0] ?? 0)
  submitted.set(id, began)
  const age = now - began
  const until = Recording.hasEnded(statuses) ? Infinity : at[statuses.length] ?? Infinity
  if (age > until + pollGrace) return undefined
  const later = statuses.findIndex((_, n) => n > 0 && (at[n] ?? 0) > age)
  return statuses.at(later < 0 ? -1 : later - 1)
}

/** The recording of a call; `undefined` if it is made elsewhere. */
const find = (entered: Entered): Either.Either<Recording.Recording | undefined, Errors.CallError> => {
  const { asked, matching, replay: { begunElsewhere, otherwise, reach } } = entered
  if (asked.run !== undefined && begunElsewhere.has(asked.run)) return Either.right(undefined)
  const found = matching.find(asked)
  if (found !== undefined) {
    reach?.(found.place)
    const isBeyond = "statuses" in found.recording.answer && statusNow(entered, found.recording) === undefined
    if (!isBeyond) return Either.right(found.recording)
    return otherwise === undefined ? Either.left(matching.unfinished(asked, unpolled)) : Either.right(undefined)
  }
  return otherwise === undefined || matching.goesOn(asked)
    ? Either.left(matching.miss(asked))
    : Either.right(undefined)
}

/** The answer of a recording to a call. Warns of payloads that were cut. */
const answerNow = (entered: Entered, request: Recording.AnyRequest, recording: Recording.Recording) =>
  Effect.gen(function*() {
    const { asked } = entered
    const { answer } = recording
    if ("statuses" in answer) return statusNow(entered, recording) ?? answer.statuses[0]
    if (!("run" in answer)) return answer
    const { run } = answer
    const flow = request.flow === undefined ? "" : format(request.flow)
    if (run.truncated.length > 0) {
      const steps = run.truncated.map((id) => JSON.stringify(id)).join(", ")
      yield* Effect.logWarning(
        `${request.method} ${flow}: snapshots of ${steps} in execution ${run.execution.executionId} were cut when they ` +
          "were stored; what is replayed may not be what the run gave"
      )
    }
    const from = Predicate.isRecord(request.body) ? Number(request.body.stepIndex ?? 0) : 0
    const { question: { endpoint } } = asked
    return answerOf(run, { method: request.method, endpoint, flow, from, isFirst: asked.run === undefined })
  }).pipe(Effect.tap((answer) =>
    Effect.sync(() => {
      // the call was sent when it was recorded; an error says so itself
      if (!("error" in answer)) request.progress.sent = "yes"
    })
  ))

/** The recorded outcome of a call, or the answer of `elsewhere` to a call that was not recorded. */
const recordedOr = <K extends Operation.AnsweredOperation, E>(
  replay: Replay,
  endpoint: K,
  request: Codec.OperationRequest<K> & RequestContext,
  elsewhere: (otherwise: HttpService) => Effect.Effect<Codec.OperationResponse<K>, E>
): Effect.Effect<Codec.OperationResponse<K>, E | Codec.RecordableError> =>
  Effect.gen(function*() {
    const entered = yield* enter(replay, endpoint, request)
    const { asked, matching } = entered
    const recording = yield* find(entered)
    if (recording === undefined) {
      const answer = yield* elsewhere(replay.otherwise!)
      noteBeginning(entered, true)(answer)
      return answer
    }
    const answer = yield* answerNow(entered, request, recording)
    if ("gap" in answer) return yield* matching.unfinished(asked, answer.gap)
    if ("error" in answer) return yield* failing(asked, answer.error)
    if (!("value" in answer)) return yield* spoiledFor(asked)("it is of another endpoint")
    const value = yield* Either.mapLeft(Codec.decodeValue(endpoint, answer), spoiledFor(asked))
    noteBeginning(entered, false)(value)
    return value
  }).pipe(Effect.scoped)

const one = (replay: Replay) =>
<K extends Operation.AnsweredOperation>(
  endpoint: K,
  request: Codec.OperationRequest<K> & RequestContext
): Effect.Effect<Codec.OperationResponse<K>, Errors.CallError> =>
  Effect.mapError(
    recordedOr(replay, endpoint, request, (otherwise) => otherwise.request(endpoint, request)),
    only(request.method, isOfCall)
  )

/** A call that runs once per key is recorded as its run, so that nothing is looked up. */
const once = <K extends "execute" | "submitJob", E>(
  replay: Replay,
  endpoint: K,
  request: Codec.OperationRequest<K>,
  elsewhere: (otherwise: HttpService) => Effect.Effect<Operation.OnceResponse<Codec.OperationResponse<K>>, E>
): Effect.Effect<Operation.OnceResponse<Codec.OperationResponse<K>>, E | Codec.RecordableError> =>
  onResponse(
    request,
    Effect.suspend(() => elsewhere(replay.otherwise!)),
    (response) => recordedOr(replay, endpoint, request, () => response)
  )

/** Whether a walk of a key goes by its own requests, by another recording that comes first, or is made elsewhere. */
const wayOf = (
  replay: Replay,
  { flow, method, options, progress, version }: Operation.FlowRequest,
  { body }: Operation.Walk<unknown>,
  endpoint: Recording.RecordedOperation,
  other: Recording.AnyRequest
): "walk" | "other" | "elsewhere" => {
  const numberOf = (endpoint: Recording.RecordedOperation, request: Recording.AnyRequest): number =>
    Either.match(asking(replay, endpoint, request), {
      onLeft: () => Infinity,
      onRight: (asked) => replay.own.numberOf(asked)
    })
  const [ofWalk, ofOther] = [
    numberOf("step", { flow, method, options, progress, version, body }),
    numberOf(endpoint, other)
  ]
  return ofOther < ofWalk ? "other" : ofWalk === Infinity && replay.otherwise !== undefined ? "elsewhere" : "walk"
}

const walked = <A>({ sessionId, walk }: {
  readonly sessionId: string | undefined
  readonly walk: Operation.Walk<A>
}): Effect.Effect<Operation.OnceResponse<A>, Errors.CallError> =>
  Effect.map(walk.begin(sessionId), (response) => ({ response, reused: false, sessionId }))

const executeOnce = (
  replay: Replay,
  request: Operation.ExecuteOnceRequest
) => {
  const { walk } = request
  const isWalked = walk !== undefined && wayOf(replay, request, walk, "execute", request) === "walk"
  return isWalked
    ? walked({ ...request, walk })
    : once(replay, "execute", request, (live) => live.request("executeOnce", request))
}

const eventsOnce = (
  replay: Replay,
  request: Operation.EventsOnceRequest
) =>
  Effect.flatMap(lookUpOf(request), (lookUp) => {
    switch (wayOf(replay, request, request.walk, "session", lookUp)) {
      case "walk":
        return walked(request)
      case "elsewhere":
        return replay.otherwise!.request("eventsOnce", request)
      case "other":
        return Effect.map(
          recordedOr(replay, "session", lookUp, (live) => live.request("session", lookUp)),
          (session) => ({ response: runOfSession(session), reused: true, sessionId: session.sessionId })
        )
    }
  })

const eventsOf = (
  { asked, matching }: Entered,
  answer: Effect.Effect.Success<ReturnType<typeof answerNow>>
): Stream.Stream<WireEvent, Errors.CallError> => {
  const failed = (error: Recording.RecordedError) =>
    Stream.fromEffect(Effect.mapError(failing(asked, error), only(asked.operation, isOfCall)))
  if ("error" in answer) return failed(answer.error)
  if (!("events" in answer)) return Stream.fail(spoiledFor(asked)("it is of another endpoint"))
  const events = Codec.decodeEvents(answer.events)
  if (Either.isLeft(events)) return Stream.fail(spoiledFor(asked)(events.left))
  const recorded = Stream.fromIterable(events.right)
  const { end } = answer
  if (end === "done") return recorded
  if (typeof end !== "string" && "error" in end) return Stream.concat(recorded, failed(end.error))
  const gap = end === "left" ? left : end.gap
  return Stream.concat(recorded, Stream.suspend(() => Stream.fail(matching.unfinished(asked, gap))))
}

/** Whether a run that is walked in place of an `execute` was recorded as one, before another that it could take. */
const isOfExecute = (
  { asked, matching, replay }: Entered,
  request: Operation.EventStreams[keyof Operation.EventStreams]
): boolean => {
  if (!("asExecute" in request) || request.asExecute === undefined || asked.run !== undefined) return false
  const whole = asking(replay, "execute", { ...request, body: request.asExecute })
  return Either.isRight(whole) && matching.numberOf(whole.right) < matching.numberOf(asked)
}

const many = <K extends keyof Operation.EventStreams>(
  replay: Replay,
  endpoint: K,
  request: Operation.EventStreams[K]
): Stream.Stream<WireEvent, Errors.CallError> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const entered = yield* enter(replay, endpoint, request)
    const { asked, matching } = entered
    if (isOfExecute(entered, request)) return yield* matching.asExecute(asked)
    const recording = yield* find(entered)
    const events = recording === undefined
      ? replay.otherwise!.stream(endpoint, request)
      : eventsOf(entered, yield* answerNow(entered, request, recording))
    const note = noteBeginning(entered, recording === undefined)
    return Stream.tap(events, (event) => Effect.sync(() => note(event)))
  }))

const fetched = (
  replay: Replay,
  request: Operation.SessionRequest
): Effect.Effect<Operation.SessionResponse, Errors.SessionError> => {
  const { fetch, own, session } = replay
  if (session === undefined) return Effect.mapError(one(replay)("session", request), only(request.method, isOfSession))
  if (!isForeign(replay, request.sessionId)) return Effect.succeed(session)
  if (fetch !== undefined) return fetch(request)
  const question = { endpoint: "session", flow: undefined, version: undefined, input: undefined } as const
  return Effect.fail(own.refuse(
    { operation: request.method, question, sessionId: request.sessionId },
    `another session, ${request.sessionId}, cannot be fetched here`
  ))
}

const open = (recordings: Recordings, options: Options): OpenReplay => {
  const { session } = recordings
  const replay: Replay = {
    ...options,
    session,
    own: new Matching(recordings),
    others: new Map(),
    fetching: Effect.unsafeMakeSemaphore(1),
    submitted: new Map(),
    begunElsewhere: new Set()
  }
  const http: HttpService = {
    defaults: session === undefined
      ? options.defaults
      : { ...options.defaults, sessionId: session.sessionId, replayedSessionId: session.sessionId },
    request: orElse({
      forward: forwardThrough((request) => one(replay)("execute", request)),
      eventsOnce: (request) => eventsOnce(replay, request),
      executeOnce: (request) => executeOnce(replay, request),
      submitOnce: (request) => once(replay, "submitJob", request, (live) => live.request("submitOnce", request)),
      session: (request) => fetched(replay, request)
      // every other operation fails with any `CallError`
    }, one(replay) as HttpService["request"]),
    stream: (endpoint, request) => many(replay, endpoint, request)
  }
  return { http, verify: (method) => replay.own.verify(method) }
}
