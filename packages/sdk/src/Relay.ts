/**
 * Flows without a key, through a relay: a handler of yours that adds the key and runs one flow. `layer` is its client, for
 * browsers and for every other place that must not hold a key. `@effect-noukai/adapters` has the handler.
 *
 * @since 0.1.0
 */
import * as Transport from "#transport"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type { FlowAddress, FlowRef } from "./Flow.js"
import * as FlowService from "./FlowService.js"
import { invalid } from "./internal/core/makeError.js"
import * as Call from "./internal/http/call.js"
import * as Execute from "./internal/http/endpoints.js"
import { over as overFetch } from "./internal/http/fetch.js"
import type { MakeTransport } from "./internal/http/HttpTransport.js"
import { type HttpService, orElse } from "./internal/operations/operations.js"
import type { ExecuteRequest } from "./internal/operations/requests.js"
import * as Address from "./internal/options/address.js"
import * as CallOptions from "./internal/options/callOptions.js"
import * as Headers from "./internal/options/headers.js"
import { type ClientOptions, resolveSettings } from "./NoukaiConfig.js"
import type { InvalidRequestError } from "./NoukaiError.js"
import * as NoukaiHttp from "./NoukaiHttp.js"

/**
 * The options of the client of a relay: its address, and the extras of every request.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options extends ClientOptions {
  /** The URL of the relay. In a page it may be relative: `/agent/execute`. */
  readonly url: string
  /**
   * The flow that the relay runs, as `org/project/slug` or a `Flow`. A call of another one is an `InvalidRequestError`,
   * since the relay would run its own in its place. Default: the first flow that is run.
   */
  readonly flow?: FlowRef<never, unknown> | undefined
  /** Headers of every request, such as a login of yours. `Content-Type` is reserved. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/**
 * The address of the relay's flow, where the real one is not known or does not matter.
 *
 * @since 0.1.0
 * @category models
 */
export const pinned: FlowAddress = { org: "relay", project: "pinned", slug: "flow" }

const method = "Relay.layer"

const onlyExecutes = ["relay", "runs flows to their end and nothing else: use execute"] as const

/** The reason why a run cannot go through the relay, if there is one. */
const problemOf = (
  { flow, method, sessionId, version }: ExecuteRequest,
  expected: FlowAddress
): InvalidRequestError | undefined => {
  const address = Address.format(flow)
  const of = Address.format(expected)
  const wrong = (field: string, reason: string) => invalid(method, field, reason, { flow: address })
  if (address !== of) return wrong("flow", `is not the one of the relay, which runs ${of}`)
  if (version !== "production") return wrong("version", "is the relay's to choose")
  return sessionId === undefined ? undefined : wrong("sessionId", "does not go through a relay")
}

/** The base of relative URLs, in a page or a worker. */
const base = (): string | undefined => {
  const page: unknown = Predicate.hasProperty(globalThis, "location") ? globalThis.location : undefined
  return Predicate.hasProperty(page, "href") && typeof page.href === "string" ? page.href : undefined
}

/** The parts of the URL of a relay. Any host is allowed, since no key is sent. */
const relayUrl = (
  url: unknown
): Either.Either<{ readonly origin: string; readonly path: string }, InvalidRequestError> => {
  const wrong = (reason: string) => Either.left(invalid(method, "url", reason))
  const from = base()
  if (typeof url !== "string" || !URL.canParse(url, from)) {
    return wrong(from === undefined ? "must be an absolute URL, as there is no page to start from" : "must be a URL")
  }
  const { hash, origin, password, pathname, protocol, search, username } = new URL(url, from)
  if (protocol !== "http:" && protocol !== "https:") return wrong("must begin with http:// or https://")
  if (username !== "" || password !== "" || hash !== "") return wrong("must hold no user, password or fragment")
  return Either.right({ origin, path: pathname + search })
}

const relayOptions = CallOptions.decoder<Options>("options", () => ({
  ...CallOptions.ofClient,
  headers: CallOptions.anything,
  url: CallOptions.text,
  flow: CallOptions.anything
}))

const makeHttp = (
  given: Options,
  makeTransport: MakeTransport
): Effect.Effect<HttpService, InvalidRequestError, Scope.Scope> =>
  Effect.gen(function*() {
    const { flow, headers = {}, url, ...settings } = yield* relayOptions(method, given)
    const { origin, path } = yield* relayUrl(url)
    let expected = flow === undefined ? undefined : yield* Address.resolve(method, flow, {})
    const config = {
      ...(yield* resolveSettings(settings)),
      headers: yield* Headers.extra(method, headers, Headers.reservedOfRelay),
      apiKey: undefined,
      origin,
      prefix: ""
    }
    const transport = yield* makeTransport({ dispatcher: config.dispatcher })
    const caller = yield* Call.make(config, transport)
    const execute = Execute.reserving(Execute.executeAt(caller, path))
    return NoukaiHttp.makeWithoutStreams({
      defaults: { timeout: config.timeout, log: caller.log, server: caller.server, pause: transport.pause },
      request: orElse({
        execute: (request) =>
          Effect.suspend(() => {
            expected ??= request.flow
            const problem = problemOf(request, expected)
            return problem === undefined ? execute(request) : Effect.fail(problem)
          })
      }, (_, request) => Effect.fail(invalid(request.method, ...onlyExecutes)))
    }, ...onlyExecutes)
  })

const layerOver = (
  options: Options,
  makeTransport: MakeTransport
): Layer.Layer<FlowService.FlowService, InvalidRequestError> =>
  Layer.provide(
    Layer.effect(FlowService.FlowService, FlowService.makeWithoutStreams(...onlyExecutes)),
    Layer.scoped(NoukaiHttp.NoukaiHttp, makeHttp(options, makeTransport))
  )

/**
 * `FlowService` over a relay: `execute` and `resume`, with the same tools and the same errors. The only headers are the
 * content type and your own: no key, no session id. Events and steps, another flow or version, and a session id are an
 * `InvalidRequestError` before anything is sent.
 *
 * A code that the relay answers with (`BODY_TOO_LARGE`, `FORBIDDEN`, `UPSTREAM_UNAVAILABLE`, …) is the `code` of the
 * error.
 *
 * @example
 * ```ts
 * import { FlowService } from "@effect-noukai/sdk"
 * import * as Relay from "@effect-noukai/sdk/Relay"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const flows = yield* FlowService
 *   return yield* flows.execute("acme/support/agent", { message: "Where is order A17?" })
 * })
 *
 * const inTheBrowser = program.pipe(
 *   Effect.provide(Relay.layer({ url: "/agent/execute", flow: "acme/support/agent" }))
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<FlowService.FlowService, InvalidRequestError> =>
  layerOver(options, Transport.make)

/**
 * The same layer as {@link layer}, over a `fetch` of yours, on any platform; see `NoukaiHttp.layerFetch`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFetch = (
  options: Options,
  fetch: typeof globalThis.fetch
): Layer.Layer<FlowService.FlowService, InvalidRequestError> => layerOver(options, () => overFetch(fetch))
