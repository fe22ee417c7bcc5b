/** Server-sent events: at most one per 100 ms, however many things happen. */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Mask } from "./text.js"

/** Building an event may take at most a fifth of the time. */
const share = 5

/** The most characters of events per millisecond: a page reads all of them. */
const rate = 2_000

/** Encodes events. JSON has no line ends, so that the data of one is one line. */
export const encoder = (mask: Mask) => (name: string, data: unknown): string =>
  `event: ${name}\ndata: ${mask(JSON.stringify(data))}\n\n`

/**
 * Follows a stream. `take` collects its elements, `flush` makes one event of those that were collected. Elements that come
 * while an event is built, sent or awaited are in the next one. `end` makes the last event.
 * `least` is the least time in milliseconds between two events.
 */
export const coalesced = <A, E, R>(
  source: Stream.Stream<A, E>,
  take: (element: A) => void,
  flush: Effect.Effect<string, never, R>,
  end: (exit: Exit.Exit<void, E>) => Effect.Effect<string, never, R>,
  least = 100
): Effect.Effect<Stream.Stream<string, never, R>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const signals = yield* Queue.sliding<Exit.Exit<void, E> | undefined>(1)
    yield* Stream.runForEach(source, (element) => {
      take(element)
      return Queue.offer(signals, undefined)
    }).pipe(
      Effect.exit,
      Effect.flatMap((exit) => Queue.offer(signals, exit)),
      Effect.forkScoped
    )
    let next = 0
    let isOver = false
    return Stream.repeatEffectOption(Effect.gen(function*() {
      if (isOver) return yield* Effect.fail(Option.none<never>())
      yield* Effect.sleep(Math.max(0, next - (yield* Clock.currentTimeMillis)))
      const exit = yield* Queue.take(signals)
      const began = yield* Clock.currentTimeMillis
      isOver = exit !== undefined
      const text = yield* exit === undefined ? flush : end(exit)
      const now = yield* Clock.currentTimeMillis
      next = now + Math.max(least, (now - began) * share, text.length / rate)
      return text
    }))
  })

/** The time in milliseconds after which a browser connects again. */
const retry = 1_000

/** Comments, so that a connection whose other end is gone is noticed. */
const heartbeats = Stream.as(Stream.repeat(Stream.void, Schedule.spaced("15 seconds")), ": alive\n\n").pipe(
  Stream.drop(1)
)

/** Responds with events. The first one is `hello`, sent after `events` has subscribed to what they are about. */
export const response = (
  hello: string,
  events: Effect.Effect<Stream.Stream<string>, never, Scope.Scope>
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.stream(
    Stream.unwrapScoped(Effect.map(events, (stream) => Stream.concat(Stream.make(`retry: ${retry}\n${hello}`), stream)))
      .pipe(
        Stream.merge(heartbeats, { haltStrategy: "left" }),
        Stream.encodeText
      ),
    { contentType: "text/event-stream; charset=utf-8" }
  )
