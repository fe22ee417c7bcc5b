/** Runs a turn, or follows one, and writes its chunks for the response. */
import type { FlowEvent, ToolCallsRequired } from "@effect-noukai/sdk/FlowEvent"
import type { CallError, InvalidRequestError, OnceError } from "@effect-noukai/sdk/NoukaiError"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { logged } from "../handledError.js"
import { type Chunks, codeOf, comment, done, frames } from "./chunks.js"
import { Outbox } from "./outbox.js"
import { type PageTools, served, sorted, type SortedCalls } from "./tools.js"

/** The end of a stream with a code. `cause` is for the log. */
export class Stopped extends Data.TaggedError("Stopped")<{ readonly code: string; readonly cause?: unknown }> {}

/** A pause of a run, with its calls by the party that answers. */
export interface Paused {
  readonly pause: ToolCallsRequired
  readonly sorted: SortedCalls
}

/** The writer of one response. */
export interface Writer {
  readonly chunks: Chunks
  readonly outbox: Outbox
  /** Waits for a page that reads slowly. */
  readonly room: Effect.Effect<void>
}

type EventError = CallError | OnceError

/** Writes the chunks of events. Returns the pause that comes last, if one does. */
export const written = <TE, TR, E extends EventError>(
  { chunks, outbox, room }: Writer,
  tools: PageTools<TE, TR>,
  events: Stream.Stream<FlowEvent, E>
): Effect.Effect<Paused | undefined, E | InvalidRequestError> =>
  Effect.gen(function*() {
    let paused: Paused | undefined
    yield* Stream.runForEachChunk(events, (batch) =>
      Effect.gen(function*() {
        for (const event of batch) {
          if (event.type === "tool_calls_required") {
            paused = { pause: event, sorted: yield* sorted(tools, event) }
          } else {
            paused = undefined
          }
          const made = paused === undefined ? chunks.of(event) : chunks.pause(event, paused.sorted.calls)
          if (!outbox.isGone) outbox.push(frames(made))
        }
        if (outbox.isFull) yield* room
      }))
    return paused
  })

/** Writes the chunks of a run to its end, or to a pause for the page. Tools of the server are run. */
export const driven = Effect.fnUntraced(function*<TE, TR>(
  writer: Writer,
  tools: PageTools<TE, TR>,
  maxRounds: number,
  first: Stream.Stream<FlowEvent, EventError>
): Effect.fn.Return<void, EventError | Stopped, TR> {
  const { chunks, outbox } = writer
  let events = first
  for (let rounds = 0;; rounds++) {
    const paused = yield* written(writer, tools, events)
    if (paused === undefined || isForPage(paused.sorted)) return
    if (rounds >= maxRounds) return yield* new Stopped({ code: "TOOL_CALL_LIMIT" })
    const results = yield* ran(tools, paused)
    if (!outbox.isGone) outbox.push(frames(chunks.answered(results, true)))
    events = paused.pause.resume(resultsOf(results))
  }
})

/** Runs the tools of the server for a pause. */
export const ran = <TE, TR>(tools: PageTools<TE, TR>, { pause, sorted }: Paused) =>
  Effect.mapError(
    served(tools, pause.toolCalls, sorted),
    (cause) => new Stopped({ code: "TOOL_FAILED", cause })
  )

/** The results of a pause as its answer has them. */
export const resultsOf = <A>(results: ReadonlyMap<string, A>) =>
  [...results].map(([toolCallId, content]) => ({ toolCallId, content }))

/** Whether a pause waits for the page. */
export const isForPage = ({ calls }: SortedCalls): boolean => [...calls.values()].some(({ by }) => by === "page")

/** The text of a response, as it comes. */
export interface Outgoing {
  /** The text that is there, as soon as there is some; nothing at the end. */
  readonly next: Effect.Effect<Option.Option<string>>
  /** The page has left, or reads no more. */
  readonly leave: Effect.Effect<void>
  /** Ends the stream with `CANCELLED`. */
  readonly cancel: Effect.Effect<void>
}

/** The time for which a run waits, in all, for a page that reads slowly. After it the stream ends, and the run goes on. */
const patience = 5_000

/** Waits for a page for a bounded time in all. */
const impatient = (outbox: Outbox): Effect.Effect<void> => {
  let left = patience
  return Effect.suspend(() =>
    Effect.map(Effect.timed(Effect.timeoutOption(outbox.room, left)), ([spent, waited]) => {
      left = Math.max(0, left - Duration.toMillis(spent))
      if (Option.isNone(waited)) outbox.leave()
    })
  )
}

/** The rules of a stream. */
export interface Rules {
  /** Whether it goes on when the page has left. */
  readonly isContinued: boolean
  readonly heartbeat: Duration.Duration
  readonly timeout: Duration.Duration | undefined
  /** Run at the end, before the page hears of it. */
  readonly release: Effect.Effect<void>
}

const report = (error: unknown): Effect.Effect<void> => {
  if (!(error instanceof Stopped)) return logged(error)
  return error.cause === undefined ? Effect.void : logged(error.cause)
}

/** Starts the program of a response, which writes to it. */
export const started = <E, R>(
  chunks: Chunks,
  { heartbeat, isContinued, release, timeout }: Rules,
  program: (writer: Writer) => Effect.Effect<void, E, R>
): Effect.Effect<Outgoing, never, R> =>
  Effect.gen(function*() {
    const outbox = new Outbox()
    const room = isContinued ? impatient(outbox) : outbox.room
    // a proxy and a page see at once that the stream has begun
    outbox.push(comment)
    const limited = timeout === undefined ? program({ chunks, outbox, room }) : Effect.timeoutFail(
      program({ chunks, outbox, room }),
      { duration: timeout, onTimeout: () => new Stopped({ code: "TIMEOUT" }) }
    )
    const beats = Effect.forever(Effect.delay(
      Effect.sync(() => {
        if (outbox.isEmpty) outbox.push(comment)
      }),
      heartbeat
    ))
    const problemOf = <A>(exit: Exit.Exit<A, E | Stopped>): Effect.Effect<string | undefined> => {
      if (Exit.isSuccess(exit)) return Effect.sync(() => undefined)
      if (Cause.isInterruptedOnly(exit.cause)) return Effect.succeed("CANCELLED")
      const error = Cause.squash(exit.cause)
      return Effect.as(report(error), error instanceof Stopped ? error.code : codeOf(error))
    }
    const fiber = yield* Effect.forkDaemon(Effect.uninterruptible(
      Effect.gen(function*() {
        const beating = yield* Effect.forkDaemon(Effect.interruptible(beats))
        const exit = yield* Effect.exit(Effect.interruptible(limited))
        yield* Fiber.interruptFork(beating)
        const problem = yield* problemOf(exit)
        yield* release
        outbox.push(frames(chunks.end(problem)) + done)
        outbox.end()
      })
    ))
    // at once, so that a run that waited for its page does not go on
    const cancel = Effect.sync(() => fiber.unsafeInterruptAsFork(FiberId.none))
    const left = Effect.sync(() => outbox.leave())
    return { next: outbox.take, leave: isContinued ? left : Effect.zipRight(cancel, left), cancel }
  })
