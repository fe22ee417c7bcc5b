/**
 * Our own client, without what `NoukaiLive` would read from the environment.
 */
import { FlowService, Noukai } from "@effect-noukai/sdk"
import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
import type * as NoukaiHttp from "@effect-noukai/sdk/NoukaiHttp"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { apiKey } from "./Fixtures.js"

/** A `FlowService` that calls the server at `origin` over `http`, for the life of the scope. */
export const makeFlowService = (
  origin: string,
  http: typeof NoukaiHttp.layer,
  scope: Scope.Scope
): Promise<FlowService.Service> => {
  const config = Layer.effect(
    NoukaiConfig.NoukaiConfig,
    NoukaiConfig.make({ apiKey: Redacted.make(apiKey), baseUrl: `${origin}/api/v1` })
  )
  const services = Noukai.layerOverHttp.pipe(Layer.provide(http), Layer.provide(config))
  return Effect.runPromise(
    Effect.map(Scope.extend(Layer.build(services), scope), (context) => Context.get(context, FlowService))
  )
}
