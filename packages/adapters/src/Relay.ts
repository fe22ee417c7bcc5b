/**
 * The rules of a relay: a browser without a key runs one flow of yours through your server. The modules `platform`,
 * `express` and `web` read the request and write the response.
 *
 * @since 0.1.0
 */
import { readErrorResponse } from "@effect-noukai/sdk/ErrorResponse"
import { type Defaults, type FlowRef, type FlowVersion, resolve } from "@effect-noukai/sdk/Flow"
import { misnamed, type Names } from "@effect-noukai/sdk/kit/names"
import { type InvalidRequestError, isReplayError } from "@effect-noukai/sdk/NoukaiError"
import type { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import type * as Chunk from "effect/Chunk"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Option from "effect/Option"
import { type Answer, answer, clock, invalid, limit, refusal } from "./internal/relay/answer.js"
import { authorized } from "./internal/relay/authorize.js"
import * as Forward from "./internal/relay/forward.js"
import { type BodyProblem, isJsonObject, parseBody, parseJson } from "./internal/relay/parseBody.js"
import { declaresBody, readBody, type ReadProblem } from "./internal/relay/readBody.js"
import * as ReplayAnswer from "./ReplayAnswer.js"

export type { Answer } from "./internal/relay/answer.js"
export { forward } from "./internal/relay/forward.js"
export type { Forward, ForwardOptions, ForwardRequest, ForwardResponse } from "./internal/relay/forward.js"

/**
 * The parsed body of a request: the fields of `/execute`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Body {
  readonly [field: string]: unknown
}

/**
 * An object that identifies a caller, such as its user or its session. Not an array, function, promise or Effect.
 *
 * @since 0.1.0
 * @category models
 */
export type Caller = object & {
  // the keys are symbols, so that the caller's object can have any string key
  readonly [Symbol.toStringTag]?: undefined
  readonly [Symbol.hasInstance]?: undefined
  readonly [Symbol.unscopables]?: undefined
  readonly [Effect.EffectTypeId]?: undefined
}

/**
 * The decision of `authorize`: `true` and an object let the caller pass, `false` does not.
 *
 * @since 0.1.0
 * @category models
 */
export type Verdict = boolean | Caller

/**
 * The flow that a relay runs, and the bounds of its requests.
 *
 * @since 0.1.0
 * @category options
 */
export interface Limits {
  /**
   * The flow that runs. A request cannot choose another one. A bare slug needs a default org and project on the client.
   */
  readonly flow: FlowRef<never>
  /** Default: `"production"`. */
  readonly version?: FlowVersion | undefined
  /** The largest body, in bytes. A larger one is a 413. Default: 262,144. */
  readonly maxBodyBytes?: number | undefined
  /** The most entries of `messages` or `toolCallMessages`. More are a 413. Default: 40. */
  readonly maxMessages?: number | undefined
  /** The deepest nesting of the JSON. Deeper JSON is a 400. Default: 64. */
  readonly maxDepth?: number | undefined
  /** The time for the whole body to arrive. A later one is a 408. Default: 10 seconds. */
  readonly bodyTimeout?: Duration.DurationInput | undefined
  /** The time for `authorize` to decide. After it the caller is refused with 403. Default: 10 seconds. */
  readonly authorizeTimeout?: Duration.DurationInput | undefined
  /** The time for Noukai to answer. After it the caller gets a 502. Default: the client's, 300 seconds. */
  readonly timeout?: Duration.DurationInput | undefined
}

/**
 * The limits of a relay, and its check of the caller.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options<in Request, out E, out R> extends Limits {
  /**
   * You pay for every run, so this function decides who may run the flow and with which body. It gets the whole body
   * that goes to Noukai, with `blockOverrides`.
   *
   * `true` or an object, such as the user, allows the run. `false`, a failure and any other value refuse it with 403
   * `FORBIDDEN`. Another value also logs a warning; `undefined` logs it once. A failure with a `status` or `statusCode`
   * from 400 to 599 is answered with that status, and with its `detail` if that is a string. The caller never sees its
   * message.
   */
  readonly authorize: (request: Request, body: Body) => Effect.Effect<Verdict, E, R>
}

/**
 * The parts of a request that the rules read.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call<Request> {
  /** The request as passed to `authorize`. */
  readonly request: Request
  readonly method: string
  /** The value of a header, by its lower-case name. */
  readonly header: (name: string) => string | undefined
  /** The next bytes of the body; `None` at its end. The relay stops pulling at its limits. */
  readonly pull: Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<unknown>>
}

/**
 * Answers one request. Never fails.
 *
 * @since 0.1.0
 * @category models
 */
export type Relay<in Request, out R> = (call: Call<Request>) => Effect.Effect<Answer, never, R>

/**
 * The default limits of a relay. Sizes are in bytes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const defaults = {
  maxBodyBytes: 262_144,
  maxMessages: 40,
  maxDepth: 64,
  bodyTimeout: "10 seconds",
  authorizeTimeout: "10 seconds"
} as const

/**
 * The codes of requests that a relay cannot read.
 *
 * @since 0.1.0
 * @category models
 */
export type Problem = ReadProblem | BodyProblem

/**
 * The status of each code.
 *
 * @since 0.1.0
 * @category models
 */
export const statusOf: { readonly [P in Problem]: number } = {
  BODY_TOO_LARGE: 413,
  BODY_TOO_SLOW: 408,
  INVALID_JSON: 400,
  UNSUPPORTED_MEDIA_TYPE: 415,
  TOO_MANY_MESSAGES: 413
}

/**
 * A W3C trace context, as headers.
 *
 * @since 0.1.0
 * @category models
 */
export type TraceContext = { readonly traceparent?: string; readonly tracestate?: string }

const traceparentShape = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

const tracestateShape = /^[\u0020-\u007e\t]{1,512}$/

/**
 * Returns the W3C trace context of a request, if it is valid.
 *
 * @since 0.1.0
 * @category constructors
 */
export const traceContext = (header: (name: string) => string | undefined): TraceContext => {
  const traceparent = header("traceparent")
  if (traceparent === undefined || !traceparentShape.test(traceparent)) return {}
  const tracestate = header("tracestate")
  return tracestate === undefined || !tracestateShape.test(tracestate)
    ? { traceparent }
    : { traceparent, tracestate }
}

const withoutBody: ReadonlySet<number> = new Set([204, 205, 304])

/** Noukai's answer unchanged, if it is usable. */
const usable = ({ status, text }: Forward.ForwardResponse): Answer => {
  if (status < 200 || status > 599) return refusal(502, "UPSTREAM_NON_JSON")
  if (withoutBody.has(status)) return answer(status, undefined)
  const json = parseJson(text)
  return Either.isRight(json) && isJsonObject(json.right)
    ? answer(status, text)
    : refusal(status, "UPSTREAM_NON_JSON")
}

const relayed = (response: Forward.ForwardResponse): Answer => {
  const { headers, ...rest } = usable(response)
  const { retryAfter } = response
  return { ...rest, headers: retryAfter === undefined ? headers : { ...headers, "retry-after": retryAfter } }
}

/** Statuses of answers that need no log: the run ended, or the body of the page is wrong. */
const isOrdinary = (status: number): boolean => (status >= 200 && status <= 299) || status === 400 || status === 422

/** Logs an answer of Noukai to the key of this server. Its words may contain the input, so they are not logged. */
const logRefusal = (flow: string, { requestId, status, text }: Forward.ForwardResponse): Effect.Effect<void> => {
  if (isOrdinary(status)) return Effect.void
  const { code } = readErrorResponse({ status, header: () => undefined, body: text }, 0)
  const facts = [
    ...(code === undefined ? [] : [`code ${code}`]),
    ...(requestId === undefined ? [] : [`request ${requestId}`])
  ]
  const more = facts.length === 0 ? "" : ` (${facts.join(", ")})`
  return Effect.logWarning(`relay: ${flow}: Noukai answered with status ${status}${more}`)
}

const forwarded = (
  forward: Forward.Forward,
  flow: string,
  request: Forward.ForwardRequest
): Effect.Effect<Answer, never, NoukaiHttp> =>
  Effect.matchEffect(forward(request), {
    onFailure: (error) => {
      if (!isReplayError(error)) {
        return Effect.as(Effect.logWarning(`relay: ${error.message}`), refusal(502, "UPSTREAM_UNAVAILABLE"))
      }
      const { body, status } = ReplayAnswer.fromOpening(error)
      return Effect.succeed(answer(status, JSON.stringify(body)))
    },
    onSuccess: (response) => Effect.as(logRefusal(flow, response), relayed(response))
  })

const notPost = (isRead: boolean): Answer => {
  const { headers, ...rest } = refusal(405, "METHOD_NOT_ALLOWED", isRead)
  return { ...rest, headers: { ...headers, allow: "POST" } }
}

const names: Names<Options<never, unknown, unknown>> = {
  authorize: true,
  flow: true,
  version: true,
  maxBodyBytes: true,
  maxMessages: true,
  maxDepth: true,
  bodyTimeout: true,
  authorizeTimeout: true,
  timeout: true
}

/**
 * Builds the relay. It reads the body within its bounds, parses it, authorises the caller, forwards the body once, and
 * returns Noukai's answer unchanged, with its `Retry-After`. It forwards only the body and the trace context of a request.
 * An answer outside 2xx is logged with its status and code, unless the body is wrong (400, 422). It logs neither the key nor a body.
 *
 * Fails with an `InvalidRequestError` when an option is unknown, or the flow, the version or a limit is wrong. `defaultsOfClient` completes a
 * flow named by a bare slug.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <Request, E, R>(
  options: Options<Request, E, R>,
  defaultsOfClient: Defaults = {}
): Either.Either<Relay<Request, R | NoukaiHttp>, InvalidRequestError> => {
  return Either.gen(function*() {
    const unknown = misnamed("options", options, names)
    if (unknown !== undefined) return yield* Either.left(invalid(unknown.field, unknown.reason))
    const forward = yield* Forward.forward(
      options.flow,
      {
        version: options.version,
        attemptTimeout: options.timeout === undefined ? undefined : yield* clock("timeout", options.timeout, 0)
      },
      defaultsOfClient
    )
    const { org, project, slug } = yield* resolve(options.flow, defaultsOfClient)
    const flow = `${org}/${project}/${slug}`
    const read = {
      maxBytes: yield* limit("maxBodyBytes", options.maxBodyBytes, defaults.maxBodyBytes),
      timeout: yield* clock("bodyTimeout", options.bodyTimeout, defaults.bodyTimeout)
    }
    const parse = {
      maxDepth: yield* limit("maxDepth", options.maxDepth, defaults.maxDepth),
      maxMessages: yield* limit("maxMessages", options.maxMessages, defaults.maxMessages)
    }
    const authorizeTimeout = yield* clock("authorizeTimeout", options.authorizeTimeout, defaults.authorizeTimeout)
    const judge = authorized(options.authorize, authorizeTimeout)
    const parsed = (
      { header, request }: Call<Request>,
      text: string
    ): Effect.Effect<Answer, never, R | NoukaiHttp> => {
      const body = parseBody(text, header("content-type"), parse)
      if (Either.isLeft(body)) return Effect.succeed(refusal(statusOf[body.left], body.left))
      return Effect.matchEffect(judge(request, body.right), {
        onFailure: ({ detail, status }) => Effect.succeed(refusal(status, detail)),
        onSuccess: () => forwarded(forward, flow, { body: body.right, ...traceContext(header) })
      })
    }
    return (call) =>
      call.method === "POST"
        ? Effect.matchEffect(readBody(call.pull, call.header("content-length"), read), {
          onFailure: (problem) => Effect.succeed(refusal(statusOf[problem], problem, false)),
          onSuccess: (text) => parsed(call, text)
        })
        : Effect.sync(() => notPost(!declaresBody(call.header)))
  })
}
