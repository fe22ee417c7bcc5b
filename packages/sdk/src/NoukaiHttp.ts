/**
 * The seam: the only code that speaks HTTP to Noukai, and the only thing that is ever swapped.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Transport from "#transport"
import type { ExecuteRequest, ExecuteResponse } from "./ExecuteCall.js"
import * as Call from "./internal/live/call.js"
import * as Execute from "./internal/live/execute.js"
import { fromHttpClient } from "./internal/transport/httpClient.js"
import type { HttpTransport } from "./internal/transport/HttpTransport.js"
import { NoukaiConfig } from "./NoukaiConfig.js"
import type { ApiError, InvalidRequestError, ReplayError, UnexpectedResponseError } from "./NoukaiError.js"

/**
 * What every method of the seam can fail with.
 *
 * @since 0.1.0
 * @category errors
 */
export type HttpError = ApiError | InvalidRequestError | UnexpectedResponseError | ReplayError

/**
 * What a client adds where a call says nothing.
 *
 * @since 0.1.0
 * @category models
 */
export interface Defaults {
  readonly org?: string | undefined
  readonly project?: string | undefined
  readonly sessionId?: string | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export declare namespace NoukaiHttp {
  /**
   * One method per endpoint (contract 4).
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    readonly defaults: Defaults
    /** E1: runs a flow, or resumes a paused run. A run that failed is a value here: `status: "failed"`. */
    readonly execute: (request: ExecuteRequest) => Effect.Effect<ExecuteResponse, HttpError>
  }
}

/**
 * @since 0.1.0
 * @category tags
 */
export class NoukaiHttp extends Context.Tag("@effect-noukai/sdk/NoukaiHttp")<NoukaiHttp, NoukaiHttp.Service>() {}

const fromTransport = (
  config: NoukaiConfig.Service,
  transport: HttpTransport
): Effect.Effect<NoukaiHttp.Service> =>
  Effect.map(Call.make(config, transport), (caller) => ({
    defaults: { org: config.org, project: config.project, sessionId: config.sessionId },
    execute: Execute.execute(caller)
  }))

/**
 * The live seam, over the platform's best transport: undici on Node, `fetch` elsewhere.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<NoukaiHttp, never, NoukaiConfig> = Layer.scoped(
  NoukaiHttp,
  Effect.flatMap(NoukaiConfig, (config) =>
    Effect.flatMap(
      Transport.make({ dispatcher: config.dispatcher }),
      (transport) => fromTransport(config, transport)
    ))
)

/**
 * The live seam over a given `HttpClient`: proxies, custom certificates, fakes. It has no connect clock, and what broke
 * before a response counts as `sent: "unknown"`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerHttpClient: Layer.Layer<NoukaiHttp, never, NoukaiConfig | HttpClient.HttpClient> = Layer.effect(
  NoukaiHttp,
  Effect.flatMap(NoukaiConfig, (config) =>
    Effect.flatMap(HttpClient.HttpClient, (client) => fromTransport(config, fromHttpClient(client))))
)
