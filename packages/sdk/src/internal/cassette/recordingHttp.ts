/** A service over another one that records every call and its outcome. */
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { CallError, OnceError } from "../../NoukaiError.js"
import { canonical, nestsTooDeep } from "../core/json.js"
import { monotonic } from "../core/time.js"
import { forwardThrough, onResponse } from "../operations/fake.js"
import { type CallDefaults, type HttpService, orElse } from "../operations/operations.js"
import type { AnsweredOperation, BegunRun, EventsOnceRequest, OnceResponse, Walk } from "../operations/requests.js"
import { endsResponse, type WireEvent } from "../operations/wireEvent.js"
import type { Progress } from "../options/callOptions.js"
import { foundSession, lookUpOf, runOfSession } from "../run/keyedRun.js"
import {
  decodeValue,
  encodeError,
  encodeValue,
  type OperationRequest,
  type OperationResponse,
  type RecordableError
} from "./codec.js"
import type { Recorder } from "./recorder.js"
import { type Question, questionOf, type RecordedAnswer, type Status } from "./recording.js"

/**
 * Returns a value with its keys in the order of the file. A program that derives text from a response, such as its next
 * message, then derives the same text in a replay. A value that nests too deep stays as it is, and cannot be written.
 */
function inOrder<A>(value: A): A {
  return nestsTooDeep(value) ? value : canonical(value) as A
}

/** An answer with its body in the order of the file, read as the replay will read it. */
const answerInOrder = <K extends AnsweredOperation>(endpoint: K, value: OperationResponse<K>): OperationResponse<K> => {
  const recorded = encodeValue(value)
  if (recorded.received === undefined) return inOrder(value)
  return nestsTooDeep(recorded.value) ? value : Either.getOrElse(decodeValue(endpoint, recorded), () => value)
}

/** Records a call with one response. A call that is interrupted, or dies, is not recorded. */
const recordEffect = <K extends AnsweredOperation, E extends RecordableError>(
  recorder: Recorder,
  endpoint: K,
  question: Question,
  progress: Progress,
  live: Effect.Effect<OperationResponse<K>, E>
): Effect.Effect<OperationResponse<K>, E> =>
  Effect.suspend(() => {
    const call = question.endpoint === "pollJob" ? undefined : recorder.begin(question)
    if (call !== undefined) progress.timedOut = (error) => recorder.end(call, { error: encodeError(error) })
    const note = (status: Status): Effect.Effect<void> =>
      Effect.map(monotonic, (instant) => {
        const now = Math.round(instant)
        if (call === undefined) recorder.polled(question, status, now)
        else recorder.answered(call, status, now)
      })
    // an answer that came is recorded, although its caller is interrupted at that moment: it was billed
    return Effect.onExit(Effect.map(live, (value) => answerInOrder(endpoint, value)), (exit) => {
      if (Exit.isSuccess(exit)) return note(encodeValue(exit.value))
      const failure = Cause.failureOption(exit.cause)
      return Option.isSome(failure) ? note({ error: encodeError(failure.value) }) : Effect.void
    })
  })

/** Records a stream, as far as it was pulled. One that is interrupted before it is over is not recorded. */
const recordStream = (
  recorder: Recorder,
  question: Question,
  progress: Progress,
  live: Stream.Stream<WireEvent, CallError>
): Stream.Stream<WireEvent, CallError> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const events: Array<WireEvent> = []
    /** Absent while the next events are waited for. */
    let end: Extract<RecordedAnswer, { readonly events: unknown }>["end"] | undefined = "left"
    const call = recorder.begin(question)
    progress.timedOut = (error) => {
      end = { error: encodeError(error) }
    }
    yield* Effect.addFinalizer((exit) =>
      Effect.sync(() => {
        const last = events.at(-1)
        const isOver = last !== undefined && endsResponse(last) && typeof end !== "object"
        if (isOver) recorder.end(call, { events, end: "done" })
        // a clock that ran out has interrupted the pull
        else if (typeof end === "object" || (end !== undefined && !Exit.isInterrupted(exit))) {
          recorder.end(call, { events, end })
        }
      })
    )
    const pull = Effect.map(yield* Stream.toPull(live), Chunk.map(inOrder))
    const waiting = Effect.sync(() => {
      end = undefined
    })
    return Stream.repeatEffectChunkOption(Effect.tapBoth(Effect.zipRight(waiting, pull), {
      onSuccess: (chunk) =>
        Effect.sync(() => {
          end = "left"
          events.push(...chunk)
        }),
      onFailure: (failure) =>
        Effect.sync(() => {
          end = Option.match(failure, { onNone: () => "done", onSome: (error) => ({ error: encodeError(error) }) })
        })
    }))
  }))

/** The settings of a client whose calls are recorded: the recorder learns of interruptions that no request shows. */
export const interruptible = (recorder: Recorder, defaults: CallDefaults): CallDefaults => ({
  ...defaults,
  interrupted: (executionId) => recorder.interruptedRun(executionId)
})

export const make = (recorder: Recorder, live: HttpService): HttpService => {
  const one = <K extends AnsweredOperation>(operation: K, input: OperationRequest<K>) =>
    Effect.suspend(() => {
      const question = input.isUnrecorded === true ? undefined : questionOf(operation, input)
      const asked = live.request(operation, input)
      return question === undefined ? asked : recordEffect(recorder, operation, question, input.progress, asked)
    })
  /** Records a run once per key as the run that it is, or found: a replay looks nothing up. */
  const once = <K extends "execute" | "submitJob", E extends RecordableError>(
    operation: K,
    input: OperationRequest<K>,
    asked: Effect.Effect<OnceResponse<OperationResponse<K>>, E>
  ): Effect.Effect<OnceResponse<OperationResponse<K>>, E> =>
    Effect.suspend(() => {
      const question = questionOf(operation, input)
      return question === undefined
        ? asked
        : onResponse(input, asked, (response) => recordEffect(recorder, operation, question, input.progress, response))
    })

  /** Asks with a walk that records itself. `found` records a run that was found in its place. */
  const walked = <A, Q extends { readonly walk: Walk<A> }, E>(
    input: Q,
    ask: (input: Q) => Effect.Effect<OnceResponse<A>, E>,
    found: (ended: Effect.Effect<OnceResponse<A>, E>) => Effect.Effect<OnceResponse<A>, E>
  ): Effect.Effect<OnceResponse<A>, E> =>
    Effect.suspend(() => {
      const { walk } = input
      let hasBegun = false
      const begin: Walk<A>["begin"] = (sessionId) => {
        hasBegun = true
        return walk.begin(sessionId)
      }
      return Effect.flatMap(
        Effect.exit(ask({ ...input, walk: { ...walk, begin } })),
        (exit) => hasBegun ? exit : found(exit)
      )
    })
  /** Records the look-up that found the run of a key. A replay needs none of a run that was begun. */
  const lookedUp = (
    input: EventsOnceRequest,
    ended: Effect.Effect<OnceResponse<BegunRun>, CallError | OnceError>
  ): Effect.Effect<OnceResponse<BegunRun>, CallError | OnceError> =>
    Effect.flatMap(lookUpOf(input), (request) => {
      const question = questionOf("session", request)
      if (question === undefined) return ended
      return onResponse(input, ended, (run) => {
        const session = Effect.map(run, (run) => foundSession(request.sessionId, run))
        return Effect.map(recordEffect(recorder, "session", question, input.progress, session), runOfSession)
      })
    })

  return {
    defaults: interruptible(recorder, live.defaults),
    // every other operation is recorded as it is
    request: orElse({
      forward: forwardThrough((input) => one("execute", input)),
      eventsOnce: (input) =>
        walked(input, (asked) => live.request("eventsOnce", asked), (ended) => lookedUp(input, ended)),
      executeOnce: (input) => {
        const { walk } = input
        return walk === undefined
          ? once("execute", input, live.request("executeOnce", input))
          : walked(
            { ...input, walk },
            (asked) => live.request("executeOnce", asked),
            (ended) => once("execute", input, ended)
          )
      },
      submitOnce: (input) => once("submitJob", input, live.request("submitOnce", input))
    }, one as HttpService["request"]),
    stream: (operation, input) =>
      Stream.suspend(() => {
        const question = questionOf(operation, input)
        const asked = live.stream(operation, input)
        return question === undefined ? asked : recordStream(recorder, question, input.progress, asked)
      })
  }
}
