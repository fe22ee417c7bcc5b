/** `NoukaiHttp` over a recording: every call has its recorded outcome. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import type { WireEvent } from "../../FlowEvent.js"
import {
  type CallError,
  type InvalidRequestError,
  type OnceError,
  type ReplayLeftoverError,
  type SessionError,
  UnexpectedResponseError
} from "../../NoukaiError.js"
import { invalid, unchecked } from "../core/makeError.js"
import type { Match } from "../core/replayReport.js"
import { monotonic } from "../core/time.js"
import { forwardThrough, onResponse } from "../operations/fake.js"
import { type CallDefaults, type EventStreams, type HttpService, orElse } from "../operations/operations.js"
import type { OnceResponse } from "../operations/requests.js"
import type { RequestContext } from "../options/callOptions.js"
import * as Codec from "./codec.js"
import { decodeError, type RecordableError } from "./codec.js"
import { executionIdOf, hasEnded, type Interaction, questionOf } from "./interaction.js"
import type { RecordedAnswer, RecordedError, RecordedOperation } from "./RecordedCassette.js"
import { anew, type ProgramCall, RecordedMatching } from "./recordedMatching.js"
import { type Redaction, redactQuestion } from "./redaction.js"

export interface Options {
  /** The name of the replayed cassette, for people: `cassette grade.json`. */
  readonly source: string
  readonly match: Match
  readonly redact: Redaction
  readonly defaults: CallDefaults
  /** The service for calls that were not recorded; absent: they fail. */
  readonly otherwise: HttpService | undefined
  /** A function that is given the place of each recording that a call takes. */
  readonly reach?: ((place: number) => void) | undefined
}

/**
 * The error of a recorded answer that does not fit its endpoint, although it was checked when the cassette was read.
 */
const spoiled = (asked: ProgramCall, reason: string): UnexpectedResponseError =>
  new UnexpectedResponseError({
    method: asked.operation,
    ...(asked.question.flow === undefined ? undefined : { flow: asked.question.flow }),
    reason: `the recording does not fit: ${reason}`,
    isRetryable: false
  }, unchecked)

const interrupted = "the recorded program was interrupted before this call was answered"

const leftStream = "the recorded program left the stream here; later events were not recorded"

/** The time for which the last status of a job that had not ended is repeated, in milliseconds. */
const pollGrace = 5_000

const isOnce = (error: RecordableError): error is OnceError =>
  error._tag === "RunInProgressError" || error._tag === "ResultNotStoredError" || error._tag === "AmbiguousRunError"

const failingOnce = (asked: ProgramCall, error: RecordedError): Effect.Effect<never, RecordableError> =>
  Effect.flatMap(
    Either.mapLeft(decodeError(error, asked.operation), (reason) => spoiled(asked, reason)),
    Effect.fail
  )

/** The error of a call that does not run once; other errors cannot have been recorded for one. */
const withoutOnce = (asked: ProgramCall) => (error: RecordableError): CallError =>
  isOnce(error) ? spoiled(asked, `${asked.operation} does not fail with ${error._tag}`) : error

const failing = (asked: ProgramCall, error: RecordedError): Effect.Effect<never, CallError> =>
  Effect.mapError(failingOnce(asked, error), withoutOnce(asked))

/** The error of a session fetch; other errors cannot have been recorded for one. */
const ofSession = (asked: ProgramCall) => (error: CallError): SessionError => {
  switch (error._tag) {
    case "PermissionDeniedError":
    case "FlowNotFoundError":
    case "BudgetExceededError":
    case "ReplayNoSnapshotsError":
      return spoiled(asked, `a session fetch does not fail with ${error._tag}`)
    default:
      return error
  }
}

export const open = (interactions: ReadonlyArray<Interaction>, options: Options): OpenReplay => {
  const { match, otherwise, redact, source } = options
  // of both sides, lest a recording from before something was to be removed is found no more
  const redacted = interactions.map((one): Interaction => ({ ...one, ...redactQuestion(one, redact) }))
  const matching = new RecordedMatching(redacted, match, source)
  const inFlight = new CallsInFlight()
  const submitted = new Map<string, number>()
  /** Runs that began outside the recording. A server may give one the id of a recorded run. */
  const begunElsewhere = new Set<string>()

  /**
   * Notes whether a run began outside the recording, since its later calls are then made there; calls that only read a
   * run change nothing.
   */
  const markBeginning = (asked: ProgramCall, isElsewhere: boolean) => {
    const begins = asked.run === undefined
    return <A>(answer: A): A => {
      const id = begins && Predicate.hasProperty(answer, "executionId") ? answer.executionId : undefined
      if (typeof id === "string") {
        if (isElsewhere) begunElsewhere.add(id)
        else begunElsewhere.delete(id)
      }
      return answer
    }
  }

  const asking = (
    endpoint: RecordedOperation,
    request: RequestContext & { readonly body?: unknown }
  ): Either.Either<ProgramCall, InvalidRequestError> => {
    const question = questionOf(endpoint, request)
    return question === undefined
      ? Either.left(invalid(request.method, "body", "must be JSON: no cycles, no BigInt"))
      : Either.right({
        operation: request.method,
        question: redactQuestion(question, redact),
        run: executionIdOf(question)
      })
  }

  /** The recording of a call; `undefined` if it is made elsewhere. */
  const find = (asked: ProgramCall, now: number): Either.Either<Interaction | undefined, CallError> => {
    if (asked.run !== undefined && begunElsewhere.has(asked.run)) return Either.right(undefined)
    const found = matching.find(asked)
    if (found !== undefined) {
      options.reach?.(found.place)
      if (!isBeyond(asked, found.interaction, now)) return Either.right(found.interaction)
      return otherwise === undefined
        ? Either.left(matching.unfinished(asked, "the recorded program no longer polled this job, which had not ended"))
        : Either.right(undefined)
    }
    return otherwise === undefined || matching.goesOn(asked)
      ? Either.left(matching.miss(asked))
      : Either.right(undefined)
  }

  /** Lets a call yield once, so that calls that run at once can be seen. */
  const turn = <A, E>(asked: ProgramCall, use: Effect.Effect<A, E>): Effect.Effect<A, E> => {
    const key = matching.sharedKey(asked.question)
    return key === undefined ? use : Effect.acquireUseRelease(
      inFlight.enter(key, asked.question.flow ?? ""),
      () => Effect.zipLeft(use, Effect.yieldNow()),
      () => inFlight.leave(key)
    )
  }

  const remember = (asked: ProgramCall, value: unknown): Effect.Effect<void> =>
    asked.question.endpoint === "submitJob" && Predicate.isRecord(value) && typeof value.executionId === "string"
      ? Effect.map(monotonic, (now) => void submitted.set(value.executionId as string, now))
      : Effect.void

  /** The age of a job, in milliseconds. */
  const ageOf = (asked: ProgramCall, { at = [] }: Interaction, now: number): number => {
    const id = asked.run ?? ""
    const began = submitted.get(id) ?? now - (at[0] ?? 0)
    submitted.set(id, began)
    return now - began
  }

  /** The status of a job at its present age. */
  const statusNow = (asked: ProgramCall, interaction: Interaction, now: number): RecordedAnswer => {
    const { answer, at = [] } = interaction
    if (!("statuses" in answer)) return answer
    const age = ageOf(asked, interaction, now)
    const later = answer.statuses.findIndex((_, n) => n > 0 && (at[n] ?? 0) > age)
    return answer.statuses[later < 0 ? answer.statuses.length - 1 : later - 1]!
  }

  /** Whether a job that had not ended is polled for longer than it was when it was recorded. */
  const isBeyond = (asked: ProgramCall, interaction: Interaction, now: number): boolean => {
    const { answer, at = [] } = interaction
    if (!("statuses" in answer) || hasEnded(answer.statuses)) return false
    const until = at[answer.statuses.length]
    return until !== undefined && ageOf(asked, interaction, now) > until + pollGrace
  }

  /** Notes that a call was sent when it was recorded; an error says that itself. */
  const noteSent = ({ progress }: RequestContext, answer: RecordedAnswer): void => {
    if (!("error" in answer)) progress.sent = "yes"
  }

  const answerWith = <K extends Codec.AnsweredOperation>(
    endpoint: K,
    asked: ProgramCall,
    answer: RecordedAnswer
  ): Effect.Effect<Codec.OperationResponse<K>, RecordableError> => {
    if ("value" in answer) {
      return Effect.zipLeft(
        Either.mapLeft(Codec.decodeValue(endpoint, answer), (reason) => spoiled(asked, reason)),
        remember(asked, answer.value)
      )
    }
    if ("error" in answer) return failingOnce(asked, answer.error)
    return Effect.fail(
      "unanswered" in answer ? matching.unfinished(asked, interrupted) : spoiled(asked, "it is of another endpoint")
    )
  }

  /** The recorded outcome of a call, or what is answered elsewhere to a call that was not recorded. */
  const recordedOr = <K extends Codec.AnsweredOperation, E>(
    endpoint: K,
    request: Codec.OperationRequest<K> & RequestContext,
    elsewhere: (otherwise: HttpService) => Effect.Effect<Codec.OperationResponse<K>, E>
  ): Effect.Effect<Codec.OperationResponse<K>, E | RecordableError> =>
    Effect.suspend((): Effect.Effect<Codec.OperationResponse<K>, E | RecordableError> => {
      const asked = asking(endpoint, request)
      if (Either.isLeft(asked)) return Effect.fail(asked.left)
      return turn(
        asked.right,
        Effect.flatMap(monotonic, (now): Effect.Effect<Codec.OperationResponse<K>, E | RecordableError> => {
          const found = find(asked.right, now)
          if (Either.isLeft(found)) return Effect.fail(found.left)
          if (found.right === undefined) return Effect.map(elsewhere(otherwise!), markBeginning(asked.right, true))
          noteSent(request, found.right.answer)
          const answer = statusNow(asked.right, found.right, now)
          return Effect.map(answerWith(endpoint, asked.right, answer), markBeginning(asked.right, false))
        })
      )
    })

  const one = <K extends Codec.AnsweredOperation>(
    endpoint: K,
    request: Codec.OperationRequest<K> & RequestContext
  ): Effect.Effect<Codec.OperationResponse<K>, CallError> =>
    Effect.mapError(
      recordedOr(endpoint, request, (otherwise) => otherwise.request(endpoint, request)),
      withoutOnce({
        operation: request.method,
        question: { endpoint, flow: undefined, version: undefined, input: undefined },
        run: undefined
      })
    )

  /** A recording holds what runs once per key as the run that it was, so that nothing is looked up. */
  const once = <K extends "execute" | "submitJob", E>(
    endpoint: K,
    request: Codec.OperationRequest<K>,
    elsewhere: (otherwise: HttpService) => Effect.Effect<OnceResponse<Codec.OperationResponse<K>>, E>
  ): Effect.Effect<OnceResponse<Codec.OperationResponse<K>>, E | RecordableError> =>
    onResponse(
      request,
      Effect.suspend(() => elsewhere(otherwise!)),
      (response) => recordedOr(endpoint, request, () => response)
    )

  const eventsOf = (asked: ProgramCall, answer: RecordedAnswer): Stream.Stream<WireEvent, CallError> => {
    if ("error" in answer) return Stream.fromEffect(failing(asked, answer.error))
    if (!("events" in answer)) return Stream.fail(spoiled(asked, "it is of another endpoint"))
    const events = Codec.decodeEvents(answer.events)
    if (Either.isLeft(events)) return Stream.fail(spoiled(asked, events.left))
    const recorded = Stream.fromIterable(events.right)
    const { end } = answer
    switch (end) {
      case "done":
        return recorded
      case "left":
      case "unanswered":
        return Stream.concat(
          recorded,
          Stream.suspend(() =>
            Stream.fail(
              end === "left"
                ? matching.unfinished(asked, leftStream, { fix: anew })
                : matching.unfinished(asked, interrupted)
            )
          )
        )
      default:
        return Stream.concat(recorded, Stream.fromEffect(failing(asked, end.error)))
    }
  }

  /** Whether a run that is walked in place of an `execute` was recorded as one, before another that it could take. */
  const isOfExecute = (asked: ProgramCall, request: EventStreams[Codec.StreamedOperation]): boolean => {
    if (!("asExecute" in request) || request.asExecute === undefined || asked.run !== undefined) return false
    const whole = asking("execute", { ...request, body: request.asExecute })
    return Either.isRight(whole) && matching.numberOf(whole.right) < matching.numberOf(asked)
  }

  const many = <K extends Codec.StreamedOperation>(
    endpoint: K,
    request: EventStreams[K]
  ): Stream.Stream<WireEvent, CallError> =>
    Stream.unwrapScoped(Effect.suspend(() => {
      const asked = asking(endpoint, request)
      if (Either.isLeft(asked)) return Effect.fail(asked.left)
      const key = matching.sharedKey(asked.right.question)
      const entered = key === undefined ? Effect.void : Effect.acquireRelease(
        inFlight.enter(key, asked.right.question.flow ?? ""),
        () => inFlight.leave(key)
      )
      const finding = Effect.flatMap(
        monotonic,
        (now) =>
          isOfExecute(asked.right, request) ? Either.left(matching.asExecute(asked.right)) : find(asked.right, now)
      )
      return Effect.map(Effect.zipRight(entered, finding), (found) => {
        if (found === undefined) {
          return Stream.map(otherwise!.stream(endpoint, request), markBeginning(asked.right, true))
        }
        noteSent(request, found.answer)
        return Stream.map(eventsOf(asked.right, found.answer), markBeginning(asked.right, false))
      })
    }))

  const http: HttpService = {
    defaults: options.defaults,
    request: orElse({
      forward: forwardThrough((request) => one("execute", request)),
      executeOnce: (request) => once("execute", request, (live) => live.request("executeOnce", request)),
      submitOnce: (request) => once("submitJob", request, (live) => live.request("submitOnce", request)),
      session: (request) =>
        Effect.mapError(
          one("session", request),
          ofSession({
            operation: request.method,
            question: { endpoint: "session", flow: undefined, version: undefined, input: undefined },
            run: undefined
          })
        )
      // every other operation fails with any `CallError`
    }, one as HttpService["request"]),
    stream: many
  }
  return {
    http,
    verify: verifying((method) => matching.leftover(method))
  }
}

/** The calls in flight, to warn of two that could take each other's recording. */
export class CallsInFlight {
  private readonly running = new Map<string, number>()
  private readonly warned = new Set<string>()

  /** Warns once of each flow whose calls run at once. */
  readonly enter = (key: string, flow: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const count = this.running.get(key) ?? 0
      this.running.set(key, count + 1)
      if (count === 0 || this.warned.has(key)) return Effect.void
      this.warned.add(key)
      return Effect.logWarning(
        `replay: several calls of ${JSON.stringify(flow)} run at once; each takes the next recording as it begins, ` +
          "which need not be the one it had when they were recorded"
      )
    })

  readonly leave = (key: string): Effect.Effect<void> =>
    Effect.sync(() => {
      const count = (this.running.get(key) ?? 1) - 1
      if (count === 0) this.running.delete(key)
      else this.running.set(key, count)
    })
}

/** A replay that was opened. */
export interface OpenReplay {
  readonly http: HttpService
  readonly verify: (method: string) => Effect.Effect<void, ReplayLeftoverError>
}

/** Fails with the leftover recordings, if there are any when it runs. */
export const verifying = (
  leftover: (method: string) => ReplayLeftoverError | undefined
): OpenReplay["verify"] =>
(method) =>
  Effect.suspend(() => {
    const error = leftover(method)
    return error === undefined ? Effect.void : Effect.fail(error)
  })
