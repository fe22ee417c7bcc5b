/** Runs the flow of a relay: the body of a request and its response are passed on as they are. */
import { readErrorResponse } from "@effect-noukai/sdk/ErrorResponse"
import type { Defaults, FlowRef, FlowVersion } from "@effect-noukai/sdk/Flow"
import { checkStored } from "@effect-noukai/sdk/kit/jsonProblem"
import * as Kit from "@effect-noukai/sdk/kit/runs/forward"
import type { CallError, InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import * as NoukaiHttp from "@effect-noukai/sdk/NoukaiHttp"
import { spanNames } from "@effect-noukai/sdk/Telemetry"
import * as PlatformHeaders from "@effect/platform/Headers"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Tracer from "effect/Tracer"

/**
 * A response of any status.
 *
 * @since 0.1.0
 * @category models
 */
export type ForwardResponse = NoukaiHttp.Operations["forward"]["response"]

/**
 * The options of forwarded calls.
 *
 * @since 0.1.0
 * @category options
 */
export interface ForwardOptions {
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
export interface ForwardRequest {
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
export type Forward = (request: ForwardRequest) => Effect.Effect<ForwardResponse, CallError, NoukaiHttp.NoukaiHttp>

/** The parent span that a request brings, for use when no span is open. */
const broughtParent = (
  fiber: Kit.AnyFiber,
  traceparent: string | undefined
): Tracer.ExternalSpan | undefined => {
  if (traceparent === undefined || !Kit.isTracing(fiber)) return undefined
  if (Option.isSome(Context.getOption(fiber.currentContext, Tracer.ParentSpan))) return undefined
  return Option.getOrUndefined(HttpTraceContext.w3c(PlatformHeaders.fromInput({ traceparent })))
}

/** A run that goes on stays in the session that it began in. */
const isResume = ({ executionId, pausedAtStep, toolCallMessages }: ForwardRequest["body"]): boolean =>
  [executionId, pausedAtStep, toolCallMessages].every(Predicate.isNotNullable)

/** The outcomes in the metrics, by the status of a run on the wire. */
const outcomes: ReadonlyMap<unknown, string> = new Map([
  ["completed", "completed"],
  ["failed", "failed"],
  ["tool_calls_required", "paused"]
])

interface ForwardOutcome extends Kit.RunOutcome {
  readonly response: ForwardResponse
  /** The outcome in the metrics. */
  readonly outcome: string
}

const fieldsOf = (
  text: string
): { readonly [K in "executionId" | "flowId" | "result" | "status"]?: unknown } => {
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
    const { _tag, code, executionId } = readErrorResponse(
      { status: httpStatus, header: () => undefined, body: text },
      0
    )
    return { response, outcome: _tag, httpStatus, executionId, errorType: Kit.problemType({ code }, _tag) }
  }
  const { executionId, flowId, result, status } = fieldsOf(text)
  const outcome = outcomes.get(status) ?? "UnexpectedResponseError"
  return {
    response,
    outcome,
    httpStatus,
    errorType: outcome === "failed"
      ? Kit.problemType(result, "FlowExecutionError")
      : outcomes.has(status)
      ? undefined
      : outcome,
    flowId: typeof flowId === "string" ? flowId : undefined,
    executionId: typeof executionId === "string" ? executionId : undefined,
    status: outcomes.has(status) ? String(status) : undefined
  }
}

const forwardOptions = Kit.decoder<ForwardOptions>("options", () => ({
  version: Kit.version,
  attemptTimeout: Kit.duration
}))

const forwardRequest = Kit.decoder<ForwardRequest>(
  "request",
  () => ({ body: Kit.checked(checkStored), traceparent: Kit.text, tracestate: Kit.text }),
  ({ body }) => Predicate.isRecord(body) ? undefined : Kit.problem("body", "must be an object")
)

/**
 * Checks the flow and the options once, before any request; nothing in a request can change them. A wrong flow, version
 * or clock is an `InvalidRequestError`.
 *
 * A request belongs to the session of the scope that it is made in; in a replay it is answered from there.
 *
 * @since 0.1.0
 * @category constructors
 */
export const forward = (
  flow: FlowRef<never>,
  given: ForwardOptions = {},
  defaults: Defaults = {}
): Either.Either<Forward, InvalidRequestError> =>
  Either.gen(function*() {
    const method = "Relay.forward"
    const address = yield* Kit.resolve(method, flow, defaults)
    const options = yield* forwardOptions(method, given)
    const version = Kit.versionOf(options.version)
    const facts = { method, flow: Kit.format(address) }

    const run = Effect.fnUntraced(function*(
      http: NoukaiHttp.NoukaiHttp.Service,
      fiber: Kit.AnyFiber,
      given: ForwardRequest
    ) {
      const { body, traceparent, tracestate } = yield* forwardRequest(method, given, facts)
      const session = yield* Kit.resolveSession(fiber, http, undefined, facts)
      const sessionId = isResume(body) ? undefined : session
      const headers = {
        ...(traceparent === undefined || Kit.isTracing(fiber) ? undefined : { traceparent }),
        ...(tracestate === undefined ? undefined : { tracestate })
      }
      const forwarded = http.request("forward", {
        method,
        options: { headers, attemptTimeout: options.attemptTimeout },
        progress: { sent: "no" },
        flow: address,
        version,
        sessionId,
        body
      })
      const outcome = Effect.map(forwarded, outcomeOf)
      const call = Kit.flowCall(
        fiber,
        "forward",
        spanNames.execute,
        { address, http, version, sessionId },
        ({ errorType, outcome }) => [outcome, errorType],
        outcome
      )
      const parent = broughtParent(fiber, traceparent)
      const ended = yield* (parent === undefined ? call : Effect.withParentSpan(call, parent))
      return ended.response
    })

    return (given) => Effect.flatMap(NoukaiHttp.NoukaiHttp, (http) => Kit.withFiber((fiber) => run(http, fiber, given)))
  })
