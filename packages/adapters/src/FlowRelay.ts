/**
 * The options of relay handlers, and the parts of a relay as Promises: for servers of your own, and for programs of
 * `@noukai/sdk/adapters/relay`. The module `Relay` has the rules for Effects.
 *
 * @since 0.1.0
 */
import type { Noukai } from "@effect-noukai/promise"
import { run } from "@effect-noukai/promise/NoukaiPromise"
import type { FlowRef, FlowVersion } from "@effect-noukai/sdk/Flow"
import type { Names } from "@effect-noukai/sdk/kit/names"
import { digitsWithin, withDigits } from "@effect-noukai/sdk/kit/plainJson"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import { refuseMisnamed, refuseWithoutClient } from "./internal/names.js"
import { limit } from "./internal/relay/answer.js"
import { rejectionOf } from "./internal/relay/authorize.js"
import { isJsonObject, parseBody, parseJson } from "./internal/relay/parseBody.js"
import { looked } from "./internal/untrusted.js"
import * as Relay from "./Relay.js"

/**
 * The usual path of a relay.
 *
 * @since 0.1.0
 * @category models
 */
export const DEFAULT_RELAY_PATH = "/agent/execute" as const

/**
 * The default of `maxBodyBytes`, in bytes.
 *
 * @since 0.1.0
 * @category models
 */
export const DEFAULT_MAX_BODY_BYTES: 262_144 = Relay.defaults.maxBodyBytes

/**
 * The default of `maxMessages`.
 *
 * @since 0.1.0
 * @category models
 */
export const DEFAULT_MAX_MESSAGES: 40 = Relay.defaults.maxMessages

/**
 * The headers of a request that a relay forwards.
 *
 * @since 0.1.0
 * @category models
 */
export const TRACE_CONTEXT_HEADERS: readonly ["traceparent", "tracestate"] = ["traceparent", "tracestate"]

/**
 * The bounds of a request.
 *
 * @since 0.1.0
 * @category options
 */
export interface RelayBounds {
  /** The largest body, in bytes. Default: 262,144. */
  readonly maxBodyBytes?: number
  /** The most entries of `messages` or `toolCallMessages`. Default: 40. */
  readonly maxMessages?: number
}

/**
 * A flow and the client that runs it.
 *
 * @since 0.1.0
 * @category options
 */
export interface FlowRelayConfig {
  /** The client with the key. */
  readonly client: Noukai
  readonly org: string
  readonly project: string
  readonly slug: string
  readonly bounds?: RelayBounds | undefined
  /** Default: `"production"`. */
  readonly version?: FlowVersion | undefined
}

/**
 * The flow of a handler: `flow`, or `org`, `project` and `slug`.
 *
 * @since 0.1.0
 * @category options
 */
export type RelayPlace =
  | { readonly flow: FlowRef<never>; readonly org?: undefined; readonly project?: undefined; readonly slug?: undefined }
  | { readonly flow?: undefined; readonly org: string; readonly project: string; readonly slug: string }

/**
 * The options of a relay handler.
 *
 * @since 0.1.0
 * @category options
 */
export type RelayHandlerOptions<Request> = Omit<Relay.Limits, "flow"> & RelayPlace & {
  /** The client with the key. */
  readonly client: Noukai
  /** The same bounds as `maxBodyBytes` and `maxMessages`, which override them. */
  readonly bounds?: RelayBounds | undefined
  /**
   * You pay for every run, so this function decides who may run the flow and with which body. It gets the whole body
   * that goes to Noukai, with `blockOverrides`. It must not read the request's own body.
   *
   * `true` or an object, such as the user, allows the run. `false`, an error and any other value refuse it with 403
   * `FORBIDDEN`. Another value also logs a warning; `undefined` logs it once. An error with a `status` or `statusCode`
   * from 400 to 599 is answered with that status, and with its `detail` if that is a string. The caller never sees its
   * message.
   */
  readonly authorize: (request: Request, body: Relay.Body) => Relay.Verdict | PromiseLike<Relay.Verdict>
}

/**
 * The response of Noukai.
 *
 * @since 0.1.0
 * @category models
 */
export interface RelayOutcome {
  readonly status: number
  readonly body: unknown
  /**
   * The JSON of `body`, with the numbers as Noukai wrote them: `JSON.stringify` of the body rounds integers over 2^53.
   * Not enumerable.
   */
  readonly text?: string | undefined
}

/**
 * The refusal of a request. Send it as `status` and `{ detail }`.
 *
 * @since 0.1.0
 * @category models
 */
export interface RelayReject {
  readonly status: number
  readonly detail: string
}

/**
 * Completes bounds with their defaults. Throws an `InvalidRequestError` for a bound that is not a whole number of at
 * least 0, or `Infinity`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const resolveBounds = (bounds: RelayBounds = {}): Required<RelayBounds> => resolved("resolveBounds", bounds)

const resolved = (method: string, bounds: RelayBounds, whole?: string): Required<RelayBounds> => {
  refuseMisnamed(method, bounds, boundNames, whole)
  const { maxBodyBytes, maxMessages } = bounds
  return {
    maxBodyBytes: Either.getOrThrowWith(limit("maxBodyBytes", maxBodyBytes, DEFAULT_MAX_BODY_BYTES, method), identity),
    maxMessages: Either.getOrThrowWith(limit("maxMessages", maxMessages, DEFAULT_MAX_MESSAGES, method), identity)
  }
}

const boundNames: Names<RelayBounds> = { maxBodyBytes: true, maxMessages: true }

const configNames: Names<FlowRelayConfig> = {
  client: true,
  org: true,
  project: true,
  slug: true,
  bounds: boundNames,
  version: true
}

/**
 * Parses the text of a request within bounds. Blank text is `{}`. Rejects a larger body with 413 `BODY_TOO_LARGE` before
 * it is parsed, longer lists with 413 `TOO_MANY_MESSAGES`, and text that is not a JSON object, or nests deeper than 64
 * levels, with 400 `INVALID_JSON`. Throws an `InvalidRequestError` for wrong bounds, as {@link resolveBounds} does.
 *
 * @since 0.1.0
 * @category constructors
 */
export const boundAndParseBody = (
  raw: string,
  bounds: Required<RelayBounds>
): { payload: Record<string, unknown> } | { reject: RelayReject } => {
  const { maxBodyBytes, maxMessages } = resolved("boundAndParseBody", bounds)
  const reject = (detail: Relay.Problem) => ({ reject: { status: Relay.statusOf[detail], detail } })
  if (new TextEncoder().encode(raw).length > maxBodyBytes) return reject("BODY_TOO_LARGE")
  const body = parseBody(raw.trim(), "application/json", { maxDepth: Relay.defaults.maxDepth, maxMessages })
  return Either.match(body, { onLeft: reject, onRight: (payload) => ({ payload }) })
}

/**
 * Returns the trace context in the headers of a request, for {@link forwardToFlow}.
 *
 * @since 0.1.0
 * @category constructors
 */
export const extractTraceHeaders = (
  headers: Headers | { readonly [name: string]: string | ReadonlyArray<string> | undefined }
): Record<string, string> => {
  const values = headers instanceof Headers ? Object.fromEntries(headers) : headers
  const valueOf = (name: string) => [values[name]].find((value) => typeof value === "string")
  return Relay.traceContext(valueOf)
}

const outcome = (status: number, body: unknown, text: string): RelayOutcome =>
  Object.defineProperty({ status, body }, "text", { value: text })

/**
 * Sends one POST to the flow, which may start a run that is billed, and resolves with the response of any status. The
 * body is `{ detail: "UPSTREAM_NON_JSON" }` if the response is not a JSON object or list.
 *
 * Rejects with an `APIConnectionError` without a response, and with an `InvalidRequestError` before anything is
 * sent if the flow or the version is wrong. `authorize` the caller first.
 *
 * @since 0.1.0
 * @category combinators
 */
export const forwardToFlow = async (
  config: FlowRelayConfig,
  payload: Record<string, unknown>,
  traceHeaders: Record<string, string> = {}
): Promise<RelayOutcome> => {
  refuseWithoutClient("forwardToFlow", config, configNames)
  const { bounds = {}, client, org, project, slug, version } = config
  resolved("forwardToFlow", bounds, "bounds")
  const { traceparent, tracestate } = traceHeaders
  // a payload that was copied has the digits of its numbers in its fields
  const body = isJsonObject(payload) ? withDigits({ ...payload }, digitsWithin(payload)) : payload
  const forwarded = Effect.flatMap(
    Relay.forward({ org, project, slug }, { version }),
    (forward) => forward({ body, traceparent, tracestate })
  )
  const { status, text } = await run(client, forwarded)
  const json = Either.getOrUndefined(parseJson(text))
  return isJsonObject(json) || Array.isArray(json)
    ? outcome(status, json, text)
    : outcome(status, { detail: "UPSTREAM_NON_JSON" }, "{\"detail\":\"UPSTREAM_NON_JSON\"}")
}

/**
 * Returns the refusal that an error of `authorize` describes: its `status` or `statusCode` from 400 to 599, with its
 * `detail` if that is a string. Any other error is 403 `FORBIDDEN`. It never contains the message of the error.
 *
 * @since 0.1.0
 * @category constructors
 */
export const authRejectionResponse = (error: unknown): RelayReject =>
  looked(() => rejectionOf(error)) ?? { status: 403, detail: "FORBIDDEN" }
