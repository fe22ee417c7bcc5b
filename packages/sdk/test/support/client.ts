/** The live services against a test server. */
import { FlowService, NoukaiConfig, NoukaiHttp } from "@effect-noukai/sdk"
import { layerServices, type Services } from "@effect-noukai/sdk/Noukai"
import { make, type Options } from "@effect-noukai/sdk/NoukaiConfig"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { Scope } from "effect/Scope"

/** Planted in every client of these tests; nothing may ever show it. */
export const plantedKey = "nk_test_planted8_0123456789abcdef0123456789abcdef"

export const config = (options: Options): Layer.Layer<NoukaiConfig> =>
  Layer.effect(NoukaiConfig, Effect.orDie(make({ apiKey: Redacted.make(plantedKey), ...options })))

export const clientFor = (
  server: { readonly baseUrl: string },
  options: Options = {}
): Effect.Effect<FlowService.Service, never, Scope> =>
  Effect.map(
    Layer.build(Layer.provide(layerServices, config({ baseUrl: server.baseUrl, ...options }))),
    (context) => Context.get(context, FlowService)
  )

export const httpFor = (
  server: { readonly baseUrl: string },
  options: Options = {}
): Effect.Effect<NoukaiHttp.Service, never, Scope> =>
  Effect.map(
    Layer.build(Layer.provide(layerServices, config({ baseUrl: server.baseUrl, ...options }))),
    (context) => Context.get(context, NoukaiHttp)
  )

/** Every service of a client. */
export const servicesFor = (
  server: { readonly baseUrl: string },
  options: Options = {}
): Effect.Effect<Context.Context<Services>, never, Scope> =>
  Layer.build(Layer.provide(layerServices, config({ baseUrl: server.baseUrl, ...options })))
