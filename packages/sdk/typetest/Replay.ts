/** Types of capture and replay: exact errors, requirements and services. */
import {
  type APIConnectionError,
  type APITimeoutError,
  type AuthenticationError,
  Cassette,
  type CassetteError,
  type FlowExecutionError,
  type InsufficientCreditsError,
  type InvalidRequestError,
  type Noukai,
  type NoukaiConfig,
  type NoukaiHttp,
  NoukaiReplay,
  type RateLimitError,
  ReplayCassette,
  type ReplayDisabledError,
  type ReplayForbiddenError,
  type ReplayInvalidSessionError,
  type ReplayLeftoverError,
  type ReplayMissError,
  type ReplayNoSnapshotsError,
  type ReplayReport,
  type ReplaySessionExpiredError,
  type ReplaySessionNotFoundError,
  TraceScope,
  type UnexpectedResponseError
} from "@effect-noukai/sdk"
import { type Cause, type Context, Effect, type Either, type Layer, type Stream } from "effect"
import { expectTypeOf } from "vitest"

interface A {
  readonly a: 1
}
interface E {
  readonly e: 1
}
interface R {
  readonly r: 1
}

declare const effect: Effect.Effect<A, E, R>
declare const stream: Stream.Stream<A, E, R>

// capture and session scopes add nothing
expectTypeOf(TraceScope.capture(effect)).toEqualTypeOf<Effect.Effect<A, E, R>>()
expectTypeOf(effect.pipe(TraceScope.capture)).toEqualTypeOf<Effect.Effect<A, E, R>>()
expectTypeOf(TraceScope.withSession("id")(effect)).toEqualTypeOf<Effect.Effect<A, E, R>>()
expectTypeOf(TraceScope.current).toEqualTypeOf<Effect.Effect<TraceScope.Scope | undefined>>()
expectTypeOf(TraceScope.within(undefined)(effect)).toEqualTypeOf<Effect.Effect<A, E, R>>()
expectTypeOf(TraceScope.withinStream(undefined)(stream)).toEqualTypeOf<Stream.Stream<A, E, R>>()
expectTypeOf(TraceScope.captureStream(stream)).toEqualTypeOf<Stream.Stream<A, E, R>>()
expectTypeOf(TraceScope.withSessionStream("id")(stream)).toEqualTypeOf<Stream.Stream<A, E, R>>()
expectTypeOf(TraceScope.currentSessionId).toEqualTypeOf<Effect.Effect<string | undefined>>()
expectTypeOf(TraceScope.layerCapture).toEqualTypeOf<Layer.Layer<TraceScope>>()
expectTypeOf(TraceScope.layerSession("id")).toEqualTypeOf<Layer.Layer<TraceScope>>()
expectTypeOf(TraceScope.ambient()).toEqualTypeOf<TraceScope.Scope | undefined>()

type Fetching =
  | AuthenticationError
  | InsufficientCreditsError
  | RateLimitError
  | FlowExecutionError
  | APIConnectionError
  | APITimeoutError
  | InvalidRequestError
  | UnexpectedResponseError
  | ReplayMissError
  | ReplayForbiddenError
  | ReplaySessionNotFoundError
  | ReplaySessionExpiredError
  | ReplayInvalidSessionError

type Opening = Fetching | ReplayNoSnapshotsError

type Replaying = Opening | ReplayDisabledError | ReplayLeftoverError

// a replay adds the errors of opening and leaving it, and requires `NoukaiHttp` for the fetch
expectTypeOf(TraceScope.replay("id")(effect)).toEqualTypeOf<Effect.Effect<A, E | Replaying, R | NoukaiHttp>>()
expectTypeOf(effect.pipe(TraceScope.replay("id"))).toEqualTypeOf<Effect.Effect<A, E | Replaying, R | NoukaiHttp>>()
expectTypeOf(TraceScope.replayOrCapture(undefined)(effect)).toEqualTypeOf<
  Effect.Effect<A, E | Replaying, R | NoukaiHttp>
>()
expectTypeOf(TraceScope.replayStream("id")(stream)).toEqualTypeOf<Stream.Stream<A, E | Replaying, R | NoukaiHttp>>()

// the scope is a reference: reading it needs nothing, providing it removes nothing
expectTypeOf(TraceScope.pipe(Effect.map((scope) => scope))).toEqualTypeOf<
  Effect.Effect<TraceScope.Scope | undefined>
>()
expectTypeOf(
  Effect.provideService(effect, TraceScope, { mode: "session", sessionId: "id", http: undefined })
).toEqualTypeOf<Effect.Effect<A, E, R>>()
expectTypeOf<Context.Tag.Service<typeof TraceScope>>().toEqualTypeOf<TraceScope.Scope | undefined>()

// promises
expectTypeOf(TraceScope.promise(() => Promise.resolve(1))).toEqualTypeOf<
  Effect.Effect<number, Cause.UnknownException>
>()
expectTypeOf(TraceScope.promise({ try: (_signal: AbortSignal) => Promise.resolve(1), catch: () => "no" as const }))
  .toEqualTypeOf<Effect.Effect<number, "no">>()

// layers
type Replayed = Noukai.Services | ReplayCassette
expectTypeOf(NoukaiReplay.fromSession("id")).toEqualTypeOf<Layer.Layer<Replayed, Opening, NoukaiConfig>>()
expectTypeOf(NoukaiReplay.fromFile("path")).toEqualTypeOf<
  Layer.Layer<Replayed, CassetteError | InvalidRequestError | ReplayNoSnapshotsError>
>()
declare const cassette: Cassette.Cassette
expectTypeOf(NoukaiReplay.fromCassette(cassette)).toEqualTypeOf<
  Layer.Layer<Replayed, InvalidRequestError | ReplayNoSnapshotsError>
>()
expectTypeOf(ReplayCassette.verify).toEqualTypeOf<Effect.Effect<void, ReplayLeftoverError, ReplayCassette>>()

// cassettes
expectTypeOf(Cassette.fromSession("id")).toEqualTypeOf<
  Effect.Effect<Cassette.SessionCassette, Opening, NoukaiHttp>
>()
expectTypeOf(Cassette.save("path")).toEqualTypeOf<(self: Cassette.Cassette) => Effect.Effect<void, CassetteError>>()
expectTypeOf(Cassette.save(cassette, "path")).toEqualTypeOf<Effect.Effect<void, CassetteError>>()
expectTypeOf(Cassette.load("path")).toEqualTypeOf<Effect.Effect<Cassette.Cassette, CassetteError>>()
declare const sessionCassette: Cassette.SessionCassette
expectTypeOf(Cassette.redact(sessionCassette, { paths: ["**.email"] })).toEqualTypeOf<
  Either.Either<Cassette.SessionCassette, InvalidRequestError>
>()
expectTypeOf(Cassette.decode({})).toEqualTypeOf<Either.Either<Cassette.Cassette, CassetteError>>()
expectTypeOf<Cassette.SessionCassette>().toMatchTypeOf<Cassette.Cassette>()
expectTypeOf<Cassette.RecordedCassette>().toMatchTypeOf<Cassette.Cassette>()

// reports are data
expectTypeOf<ReplayMissError["report"]>().toEqualTypeOf<ReplayReport | undefined>()
expectTypeOf<ReplayLeftoverError["report"]>().toEqualTypeOf<ReplayReport | undefined>()
expectTypeOf<ReplayLeftoverError["executionIds"]>().toEqualTypeOf<ReadonlyArray<string> | undefined>()
