/**
 * The HTTP API of Noukai, as the one service that replays, recordings, relays and tests replace.
 *
 * @since 0.1.0
 */
import * as OverHttpClient from "#httpClient"
import * as Transport from "#transport"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { readFiber, withFiber } from "./internal/core/fiber.js"
import { invalid } from "./internal/core/makeError.js"
import * as StreamPull from "./internal/core/streamPull.js"
import * as Call from "./internal/http/call.js"
import * as Endpoints from "./internal/http/endpoints.js"
import { over as overFetch } from "./internal/http/fetch.js"
import type { HttpTransport, MakeTransport } from "./internal/http/HttpTransport.js"
import { fromTable, type HttpService } from "./internal/operations/operations.js"
import { scopeOf } from "./internal/operations/scope.js"
import * as Once from "./internal/run/once.js"
import { NoukaiConfig } from "./NoukaiConfig.js"

export type { CallDefaults } from "./internal/operations/operations.js"
export type { EventStreams, Operations } from "./internal/operations/requests.js"
export type { Progress, RequestContext } from "./internal/options/callOptions.js"

/**
 * The types of {@link NoukaiHttp}.
 *
 * @since 0.1.0
 * @category models
 */
export declare namespace NoukaiHttp {
  /**
   * Two functions over the table of operations, one row per endpoint, of decoded values.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service extends HttpService {}
}

/**
 * The HTTP API of Noukai, as operations of decoded values. A replay, a recording, a relay or a test replaces this
 * service alone.
 *
 * @since 0.1.0
 * @category tags
 */
export class NoukaiHttp extends Context.Tag("@effect-noukai/sdk/NoukaiHttp")<NoukaiHttp, NoukaiHttp.Service>() {}

type WithoutStreams = Omit<NoukaiHttp.Service, "stream">

/** The requests of an implementation: in a replay, those of the replay. */
const inScope = ({ defaults, request }: WithoutStreams): WithoutStreams => ({
  defaults,
  request: (operation, input) => withFiber((fiber) => (scopeOf(fiber)?.http?.request ?? request)(operation, input))
})

/**
 * Makes the service of an implementation. The one place that looks at the scope of the calling fiber: in a replay the
 * replay answers, so that implementations know nothing of scopes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (implementation: NoukaiHttp.Service): NoukaiHttp.Service => ({
  ...inScope(implementation),
  stream: (operation, input) =>
    StreamPull.readApart(() =>
      StreamPull.deferred(
        readFiber((fiber) => StreamPull.toSource((scopeOf(fiber)?.http ?? implementation).stream(operation, input)))
      )
    )
})

/**
 * Makes the service of an implementation without streams: they fail with the given `InvalidRequestError`.
 *
 * @internal
 */
export const makeWithoutStreams = (
  implementation: WithoutStreams,
  field: string,
  reason: string
): NoukaiHttp.Service => ({
  ...inScope(implementation),
  stream: (_, input) => Stream.fail(invalid(input.method, field, reason))
})

const live = (config: NoukaiConfig.Service, caller: Call.Caller): NoukaiHttp.Service => {
  const { log, scrub, server, transport: { pause } } = caller
  const { org, project, replayEnabled, runPaths, sessionId, stepSpans, timeout } = config
  const { requests, streams } = Endpoints.live(caller)
  const once = Once.make(requests, config, pause, streams.traceStream)
  return make(fromTable(
    { org, project, sessionId, timeout, replayEnabled, runPaths, server, stepSpans, log, scrub, pause },
    { ...requests, ...once },
    streams
  ))
}

function makeOver<R>(
  makeTransport: (config: NoukaiConfig.Service) => Effect.Effect<HttpTransport, never, R>,
  config: NoukaiConfig.Service
): Effect.Effect<NoukaiHttp.Service, never, R | Scope.Scope> {
  return makeTransport(config).pipe(
    Effect.flatMap((transport) => Call.make(config, transport)),
    Effect.map((caller) => live(config, caller))
  )
}

function layerOver<R>(
  makeTransport: (config: NoukaiConfig.Service) => Effect.Effect<HttpTransport, never, R>
): Layer.Layer<NoukaiHttp, never, NoukaiConfig | Exclude<R, Scope.Scope>> {
  return Layer.scoped(NoukaiHttp, Effect.flatMap(NoukaiConfig, (config) => makeOver(makeTransport, config)))
}

/**
 * Makes the service that {@link layer} provides.
 *
 * @internal
 */
export const makeLive = (config: NoukaiConfig.Service): Effect.Effect<NoukaiHttp.Service, never, Scope.Scope> =>
  makeOver(Transport.make, config)

/**
 * The live service over a given transport.
 *
 * @internal
 */
export const layerTransport = (makeTransport: MakeTransport): Layer.Layer<NoukaiHttp, never, NoukaiConfig> =>
  layerOver(makeTransport)

/**
 * The live service, over the platform's best transport: undici on Node, `fetch` elsewhere.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<NoukaiHttp, never, NoukaiConfig> = layerTransport(Transport.make)

/**
 * The live service over a `fetch` of yours, on any platform: an instrumented one, or one that a test has replaced. It
 * is called with the URL as text and a plain `RequestInit`. It has no connect clock, and a failure before a response
 * counts as `sent: "unknown"`.
 *
 * @example
 * ```ts
 * import { layerFetch } from "@effect-noukai/sdk/NoukaiHttp"
 *
 * const http = layerFetch((url, init) => fetch(url, init))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFetch = (fetch: typeof globalThis.fetch): Layer.Layer<NoukaiHttp, never, NoukaiConfig> =>
  layerOver(() => overFetch(fetch))

/**
 * The live service over a given `HttpClient`, for proxies, custom certificates and fakes. It has no connect clock, and
 * a failure before a response counts as `sent: "unknown"`. Closing the layer ends the requests that are under way; the
 * client stays open. The platform's modules are loaded when the layer is built, not before.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { layerHttpClient } from "@effect-noukai/sdk/NoukaiHttp"
 * import { Layer } from "effect"
 *
 * const http = Layer.provide(layerHttpClient, FetchHttpClient.layer)
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerHttpClient: Layer.Layer<NoukaiHttp, never, NoukaiConfig | HttpClient.HttpClient> = layerOver(() =>
  OverHttpClient.make
)
