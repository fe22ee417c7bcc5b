/** Types of the layers, and of the schedule that goes around calls. */
import {
  type AuthenticationError,
  type CallError,
  type ExecuteResult,
  type FlowEvent,
  type FlowService,
  type InvalidRequestError,
  Noukai,
  type NoukaiConfig,
  type NoukaiError,
  type NoukaiHttp
} from "@effect-noukai/sdk"
import * as Relay from "@effect-noukai/sdk/Relay"
import type { ScriptedHttp } from "@effect-noukai/sdk/testing"
import type { HttpClient } from "@effect/platform"
import { Config, Effect, type Layer, type Schedule, Stream } from "effect"
import { expectTypeOf } from "vitest"

declare const flows: FlowService.Service

// it takes errors of any kind, adds none and needs nothing
expectTypeOf<typeof Noukai.retryable>().toExtend<Schedule.Schedule<unknown, NoukaiError>>()
expectTypeOf<typeof Noukai.retryable>().toExtend<Schedule.Schedule<unknown, Error | string>>()
expectTypeOf(Effect.retry(flows.execute("a/b/c", {}), Noukai.retryable))
  .toEqualTypeOf<Effect.Effect<ExecuteResult<unknown>, CallError>>()
expectTypeOf(Effect.retry(flows.execute("a/b/c", {}), { schedule: Noukai.retryable, times: 8 }))
  .toEqualTypeOf<Effect.Effect<ExecuteResult<unknown>, CallError>>()
expectTypeOf(Stream.retry(flows.events("a/b/c", {}), Noukai.retryable))
  .toEqualTypeOf<Stream.Stream<FlowEvent.RunEvent, CallError>>()

// the layers: what they provide, what they need, and what they fail with
expectTypeOf(Noukai.layer()).toEqualTypeOf<
  Layer.Layer<Noukai.Services | NoukaiConfig, AuthenticationError | InvalidRequestError>
>()
expectTypeOf(Noukai.layerOptions({ org: "acme" })).toEqualTypeOf<
  Layer.Layer<NoukaiConfig, AuthenticationError | InvalidRequestError>
>()
expectTypeOf(Noukai.layerServices).toEqualTypeOf<Layer.Layer<Noukai.Services, never, NoukaiConfig>>()
expectTypeOf(Noukai.layerFetch(fetch)).toEqualTypeOf<Layer.Layer<Noukai.Services, never, NoukaiConfig>>()
expectTypeOf(Noukai.layerHttpClient).toEqualTypeOf<
  Layer.Layer<Noukai.Services, never, NoukaiConfig | HttpClient.HttpClient>
>()
expectTypeOf(Noukai.layerTest(() => Effect.succeed(1))).toEqualTypeOf<
  Layer.Layer<FlowService | NoukaiHttp>
>()
expectTypeOf(Noukai.layerScripted()).toEqualTypeOf<Layer.Layer<Noukai.Services | ScriptedHttp>>()
expectTypeOf(Relay.layerFetch({ url: "/agent/execute" }, fetch)).toEqualTypeOf<
  Layer.Layer<FlowService, InvalidRequestError>
>()

// limits: a number per second, or a limit and an interval
expectTypeOf(Noukai.layer({ maxConcurrency: 8, rate: 200 })).toEqualTypeOf<
  Layer.Layer<Noukai.Services | NoukaiConfig, AuthenticationError | InvalidRequestError>
>()
Noukai.layer({ rate: { limit: 200, interval: "1 minute" } })
Noukai.layerConfig({
  maxConcurrency: Config.integer("MOST"),
  rate: Config.withDefault(Config.integer("PER_SECOND"), undefined)
})
Relay.layer({ url: "/agent/execute", maxConcurrency: 8, rate: { limit: 1, interval: 5 } })
// @ts-expect-error a limit has an interval
Noukai.layer({ rate: { limit: 200 } })
// @ts-expect-error a limit is a number
Noukai.layer({ maxConcurrency: "unbounded" })

// @ts-expect-error a fake fails with errors of calls
Noukai.layerTest(() => Effect.fail("no"))
