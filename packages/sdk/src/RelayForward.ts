/**
 * Runs the flow of a relay server: the body of a stranger's request goes to `/execute` under the server's key, once,
 * and the response is left as it is. The rules before and after that are the relay's.
 *
 * @since 0.1.0
 */
import * as Headers from "@effect/platform/Headers"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import * as Tracer from "effect/Tracer"
import type { Defaults, FlowRef, FlowVersion } from "./Flow.js"
import { fromStatus } from "./internal/http/statusError.js"
import type { ForwardResponse } from "./internal/operations/requests.js"
import { resolveSession } from "./internal/operations/scope.js"
import * as Address from "./internal/options/address.js"
import * as Fields from "./internal/options/fields.js"
import { options } from "./internal/options/options.js"
import * as Metrics from "./internal/telemetry/metrics.js"
import * as Spans from "./internal/telemetry/spans.js"
import type { CallError, InvalidRequestError } from "./NoukaiError.js"
import { NoukaiHttp } from "./NoukaiHttp.js"
import { spanNames } from "./Telemetry.js"

export type { ForwardResponse } from "./internal/operations/requests.js"

/**
 * The options of forwarded calls.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** Default: `"production"`. */
  readonly version?: FlowVersion | undefined
  /** The limit of the response, its body included. Default: the client's, 300 seconds. */
  readonly attemptTimeout?: Duration.DurationInput | undefined
}

/**
 * A request of somebody else, to forward.
 *
 * @since 0.1.0
 * @category models
 */
export interface Request {
  /** The body of `/execute`, whole. */
  readonly body: { readonly [key: string]: unknown }
  /**
   * The W3C trace context of the request. Where spans are traced, the context of the run's own span is sent in its
   * place, as a child of the open span, or else of this one.
   */
  readonly traceparent?: string | undefined
  readonly tracestate?: string | undefined
}

/**
 * Runs one version of one flow. A response of any status is a success. Fails if there is no response, and as a replay
 * does.
 *
 * @since 0.1.0
 * @category models
 */
export type RelayForward = (request: Request) => Effect.Effect<ForwardResponse, CallError, NoukaiHttp>

const method = "RelayForward"

/** The parent span that a request brings, for use when no span is open. */
const broughtParent = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  traceparent: string | undefined
): Tracer.ExternalSpan | undefined => {
  if (traceparent === undefined || !Spans.isTracing(fiber)) return undefined
  if (Context.getOption(fiber.currentContext, Tracer.ParentSpan)._tag === "Some") return undefined
  const brought = HttpTraceContext.w3c(Headers.fromInput({ traceparent }))
  return brought._tag === "Some" ? brought.value : undefined
}

const isPresent = (u: unknown): boolean => u !== undefined && u !== null

/** A run that goes on stays in the session that it began in. */
const isResume = ({ executionId, pausedAtStep, toolCallMessages }: Request["body"]): boolean =>
  isPresent(executionId) && isPresent(pausedAtStep) && isPresent(toolCallMessages)

/** The outcomes in the metrics, by the status of a run on the wire. */
const outcomes: ReadonlyMap<unknown, string> = new Map([
  ["completed", "completed"],
  ["failed", "failed"],
  ["tool_calls_required", "paused"]
])

interface ForwardOutcome extends Spans.RunOutcome {
  readonly response: ForwardResponse
  /** The outcome in the metrics. */
  readonly outcome: string
}

const unreadable = "UnexpectedResponseError"

const fieldsOf = (text: string): { readonly executionId?: unknown; readonly status?: unknown } => {
  try {
    const json: unknown = JSON.parse(text)
    return Predicate.isRecord(json) ? json : {}
  } catch {
    return {}
  }
}

/** The outcome of a run, from a response that is passed on as it is. */
const outcomeOf = (response: ForwardResponse): ForwardOutcome => {
  const { status: httpStatus, text } = response
  if (httpStatus < 200 || httpStatus > 299) {
    const facts = { method, flow: undefined, isPost: true, executionId: undefined, scrub: (text: string) => text }
    const { _tag, executionId } = fromStatus(facts, { status: httpStatus, header: () => undefined }, text, 0)
    return { response, outcome: _tag, httpStatus, executionId }
  }
  const { executionId, status } = fieldsOf(text)
  const outcome = outcomes.get(status)
  return {
    response,
    outcome: outcome ?? unreadable,
    httpStatus,
    executionId: typeof executionId === "string" ? executionId : undefined,
    status: outcome === undefined ? undefined : String(status)
  }
}

const forwardOptions = options<Options>("options", () => ({
  version: Fields.version,
  attemptTimeout: Fields.duration
}))

const forwardRequest = options<Request>("request", () => ({
  body: Fields.required(Predicate.isRecord, "must be an object"),
  traceparent: Fields.text,
  tracestate: Fields.text
}))

/**
 * Checks the flow and the options once, before any request; nothing in a request can change them. A wrong flow, version
 * or clock is an `InvalidRequestError`.
 *
 * A request belongs to the session of the scope that it is made in; in a replay it is answered from there.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  flow: FlowRef<never>,
  given: Options = {},
  defaults: Defaults = {}
): Either.Either<RelayForward, InvalidRequestError> =>
  Either.gen(function*() {
    const address = yield* Address.resolve(method, flow, defaults)
    const options = yield* forwardOptions(method, given)
    const { attemptTimeout } = options
    const version = Address.versionOf(options.version)

    const answered = (
      http: NoukaiHttp.Service,
      fiber: Fiber.RuntimeFiber<unknown, unknown>,
      { body, traceparent, tracestate }: Request,
      sessionId: string | undefined
    ) =>
      http.request("forward", {
        method,
        options: {
          headers: {
            ...(traceparent === undefined || Spans.isTracing(fiber) ? undefined : { traceparent }),
            ...(tracestate === undefined ? undefined : { tracestate })
          },
          attemptTimeout
        },
        progress: { sent: "no" },
        flow: address,
        version,
        sessionId,
        body
      })

    const facts = { method, flow: Address.format(address) }

    return (given) =>
      Effect.flatMap(NoukaiHttp, (http) =>
        Effect.withFiberRuntime((fiber) => {
          const resolved = Either.gen(function*() {
            const request = yield* forwardRequest(method, given, facts)
            return { request, session: yield* resolveSession(fiber, http, undefined, facts) }
          })
          if (Either.isLeft(resolved)) return Effect.fail(resolved.left)
          const { request, session } = resolved.right
          const sessionId = isResume(request.body) ? undefined : session
          const run = Effect.map(
            answered(http, fiber, request, sessionId),
            outcomeOf
          )
          const spanned = Spans.flowSpan(fiber, spanNames.execute, { address, version, sessionId }, run)
          const parent = broughtParent(fiber, request.traceparent)
          const counted = Metrics.counted(
            fiber,
            "forward",
            address,
            ({ outcome }) => outcome,
            parent === undefined ? spanned : Effect.withParentSpan(spanned, parent)
          )
          return Effect.map(counted, ({ response }) => response)
        }))
  })
