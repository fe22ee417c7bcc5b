/** The live services over each transport; what is given to a layer stays open when the layer is closed. */
import type { NoukaiConfig } from "@effect-noukai/sdk"
import { layerOverHttp, type Services } from "@effect-noukai/sdk/Noukai"
import type { Options } from "@effect-noukai/sdk/NoukaiConfig"
import * as NoukaiHttp from "@effect-noukai/sdk/NoukaiHttp"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Agent } from "undici"
import * as Fetch from "../../src/internal/http/fetch.js"
import { config } from "./client.js"

type Build = (options: Options) => Effect.Effect<
  Layer.Layer<NoukaiHttp.NoukaiHttp, never, NoukaiConfig>,
  never,
  Scope.Scope
>

export interface Over {
  readonly name: string
  readonly http: Build
  /** More options of the client. */
  readonly options?: Effect.Effect<Options, never, Scope.Scope>
}

const overClient = (name: string, client: Layer.Layer<HttpClient.HttpClient>): Over => ({
  name,
  http: () =>
    Effect.map(
      Layer.build(client),
      (context) => Layer.provide(NoukaiHttp.layerHttpClient, Layer.succeedContext(context))
    )
})

const agent = Effect.acquireRelease(
  Effect.sync(() => new Agent()),
  (agent) => Effect.promise(() => agent.destroy())
)

export const transports: ReadonlyArray<Over> = [
  { name: "undici", http: () => Effect.succeed(NoukaiHttp.layer) },
  {
    name: "a given dispatcher",
    http: () => Effect.succeed(NoukaiHttp.layer),
    options: Effect.map(agent, (dispatcher) => ({ dispatcher }))
  },
  { name: "fetch", http: () => Effect.succeed(NoukaiHttp.layerTransport(Fetch.make)) },
  overClient(
    "HttpClient of node:http",
    Layer.provide(NodeHttpClient.layerWithoutAgent, NodeHttpClient.makeAgentLayer({ keepAlive: true }))
  ),
  overClient("HttpClient of fetch", FetchHttpClient.layer),
  overClient("HttpClient of undici", NodeHttpClient.layerUndici)
]

/** Builds the services of a client in `scope`; what they are over lives as long as the test. */
export const servicesOver = (
  over: Over,
  server: { readonly baseUrl: string },
  options: Options,
  scope: Scope.Scope
): Effect.Effect<Context.Context<Services>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const all = { baseUrl: server.baseUrl, ...options, ...(over.options === undefined ? {} : yield* over.options) }
    const http = yield* over.http(all)
    return yield* Layer.buildWithScope(Layer.provide(Layer.provideMerge(layerOverHttp, http), config(all)), scope)
  })

/** The flows of such a client, for as long as the test lasts. */
export const flowsOver = (over: Over, server: { readonly baseUrl: string }, options: Options = {}) =>
  Effect.flatMap(Effect.scope, (scope) => servicesOver(over, server, options, scope))
