/** The errors have the tags of the SDK's, and the signatures name exact unions. */
import {
  type CallError,
  Flow,
  type FlowService,
  type InvalidRequestError,
  type JobService,
  type Noukai,
  type NoukaiError,
  type NoukaiHttp,
  type NoukaiLive,
  type OnceError,
  type ReplayOpenError,
  type ReplayScopeError,
  type SessionError,
  type SessionService,
  type ToolCallLimitError,
  Tools,
  TraceScope
} from "@effect-noukai/effect4"
import type { NoukaiReplay } from "@effect-noukai/effect4/testing"
import type * as Sdk from "@effect-noukai/sdk"
import type * as SdkErrors from "@effect-noukai/sdk/NoukaiError"
import { Context, Data, Effect, type Layer, Schema, type Stream } from "effect"

type Equals<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

const holds = <A extends true>(): A | undefined => undefined

type Tagged = { readonly _tag: string }

type SameTags<A extends Tagged, B extends Tagged> = Equals<A["_tag"], B["_tag"]>

holds<SameTags<NoukaiError, SdkErrors.NoukaiError>>()
holds<SameTags<CallError, SdkErrors.CallError>>()
holds<SameTags<OnceError, SdkErrors.OnceError>>()
holds<SameTags<SessionError, SdkErrors.SessionError>>()
holds<SameTags<ReplayOpenError, SdkErrors.ReplayOpenError>>()
holds<SameTags<ReplayScopeError, SdkErrors.ReplayScopeError>>()

type ErrorOf<T> = T extends Effect.Effect<infer _A, infer E, infer _R> ? E
  : T extends Stream.Stream<infer _A, infer E, infer _R> ? E
  : T extends Layer.Layer<infer _A, infer E, infer _R> ? E
  : never

type ContextOf<T> = T extends Effect.Effect<infer _A, infer _E, infer R> ? R
  : T extends Stream.Stream<infer _A, infer _E, infer R> ? R
  : never

type ValueOf<T> = T extends Effect.Effect<infer A, infer _E, infer _R> ? A : never

class Mine extends Data.TaggedError("Mine")<{ readonly n: number }> {}

class Weather
  extends Context.Service<Weather, { readonly of: (city: string) => Effect.Effect<string, Mine> }>()("Weather")
{}

class Decoder extends Context.Service<Decoder, { readonly n: number }>()("Decoder") {}

const weather = Tools.tool({
  name: "get_weather",
  parameters: Schema.Struct({ city: Schema.String }),
  handler: ({ city }) => Effect.flatMap(Weather, ({ of }) => of(city))
})

const grade = Flow.make("acme/spelling/grade-3", {
  parameters: Schema.Struct({ difficulty: Schema.Literals(["easy", "hard"]) }),
  result: Schema.Struct({ score: Schema.Number })
})

export declare const decoded: Schema.Codec<{ readonly n: number }, unknown, Decoder, never>

declare const flows: FlowService["Service"]
declare const jobs: JobService["Service"]
export declare const sessions: SessionService["Service"]

export const plain = flows.execute(grade, { parameters: { difficulty: "easy" } })
holds<Equals<ErrorOf<typeof plain>, CallError>>()
holds<Equals<ContextOf<typeof plain>, never>>()
holds<Equals<ValueOf<typeof plain>["result"], { readonly score: number }>>()

export const asked = flows.execute(grade, { parameters: { difficulty: "easy" }, tools: [weather] })
holds<Equals<ErrorOf<typeof asked>, CallError | Mine | ToolCallLimitError>>()
holds<Equals<ContextOf<typeof asked>, Weather>>()

export const set = flows.events(grade, { parameters: { difficulty: "easy" }, tools: Tools.make(weather) })
holds<Equals<ErrorOf<typeof set>, CallError | Mine | ToolCallLimitError>>()
holds<Equals<ContextOf<typeof set>, Weather>>()

export const once = flows.executeOnce("key", "a/b/c", { message: "hi" })
holds<Equals<ErrorOf<typeof once>, CallError | OnceError>>()
holds<Equals<ValueOf<typeof once>["reused"], boolean>>()

export const hooked = flows.execute("a/b/c", { message: "hi", onPause: () => Effect.fail(new Mine({ n: 1 })) })
holds<Equals<ErrorOf<typeof hooked>, CallError | Mine>>()

export const served = flows.execute(Flow.make("a/b/c", { result: decoded }), { message: "hi" })
holds<Equals<ContextOf<typeof served>, Decoder>>()
holds<Equals<ValueOf<typeof served>["result"], { readonly n: number }>>()

export const job = jobs.submitOnce("key", grade, { parameters: { difficulty: "hard" } })
holds<Equals<ErrorOf<typeof job>, CallError | OnceError>>()
holds<Equals<ErrorOf<ReturnType<JobService["Service"]["attach"]>>, InvalidRequestError>>()
holds<Equals<ErrorOf<ReturnType<typeof sessions.get>>, SessionError>>()

export const scoped = TraceScope.replay("id")(plain)
holds<Equals<ErrorOf<typeof scoped>, CallError | ReplayScopeError>>()
holds<Equals<ContextOf<typeof scoped>, NoukaiHttp>>()
holds<Equals<ErrorOf<typeof NoukaiLive>, Sdk.AuthenticationError | InvalidRequestError> extends true ? false : true>()
holds<SameTags<ErrorOf<ReturnType<typeof Noukai.layer>>, Sdk.AuthenticationError | Sdk.InvalidRequestError>>()
holds<SameTags<ErrorOf<ReturnType<typeof NoukaiReplay.fromSession>>, SdkErrors.ReplayOpenError>>()

// @ts-expect-error the flow requires a difficulty
flows.execute(grade, { message: "hi" })
// @ts-expect-error a misspelled option
flows.execute("a/b/c", { mesage: "hi" })
// @ts-expect-error a stream takes no hook of pauses
flows.events("a/b/c", { message: "hi", onPause: () => Effect.void })
// @ts-expect-error the key has its session
flows.executeOnce("key", "a/b/c", { message: "hi", sessionId: "id" })
