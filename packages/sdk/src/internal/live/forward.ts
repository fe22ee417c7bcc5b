import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { AttemptInfo } from "../../LogHook.js"
import * as Address from "../flow/address.js"
import type { ForwardRequest, ForwardResponse } from "../operations/forwardCall.js"
import * as Spans from "../telemetry/spans.js"
import type { Tell } from "../telemetry/tell.js"
import { milliseconds } from "../time/duration.js"
import { isOk } from "../transport/errorBody.js"
import type { Caller } from "./call.js"
import type { LiveError } from "./retrying.js"
import { fromTransport } from "./statusError.js"

/**
 * `POST …/execute` for somebody else (contract 13.2). Sent once: it is never known whether a run that may cost something
 * has begun. The log hook is told that it was sent, and never of what was in it.
 *
 * @internal
 */
export const forward = (caller: Caller) => (request: ForwardRequest): Effect.Effect<ForwardResponse, LiveError> =>
  Effect.withFiberRuntime((fiber) => {
    const { config, scrub } = caller
    const { method, options } = request
    const endpoint = {
      context: request,
      httpMethod: "POST",
      path: `${Address.basePath(request.flow)}${Address.versionPath(request.version)}/execute`,
      flow: request.flow,
      sessionId: request.sessionId,
      body: request.body,
      executionId: undefined
    } as const
    const prepared = caller.prepare(endpoint, "application/json", Spans.traceparent(fiber))
    if (Either.isLeft(prepared)) return Effect.fail(prepared.left)
    const attemptTimeout = milliseconds(method, "attemptTimeout", options.attemptTimeout ?? config.attemptTimeout)
    if (Either.isLeft(attemptTimeout)) return Effect.fail(attemptTimeout.left)
    const sent = caller.transport.send({
      ...prepared.right,
      attemptTimeout: attemptTimeout.right,
      maxBytes: config.maxResponseBytes
    })
    const info: AttemptInfo = { method: "POST", path: endpoint.path, attempt: 0 }
    const tell: Tell = caller.telling(fiber) ?? (() => Effect.void)
    return Effect.zipRight(
      tell({ ...info, phase: "request" }),
      Effect.matchEffect(sent, {
        onFailure: (failure) => {
          const error = fromTransport(caller.facts(endpoint), failure)
          return Effect.zipRight(
            tell({ ...info, phase: "error", error: error._tag, message: error.message }),
            Effect.fail(error)
          )
        },
        onSuccess: ({ header, status, text }) => {
          const requestId = header("x-request-id")
          return Effect.as(
            tell({
              ...info,
              phase: "response",
              statusCode: status,
              ...(requestId === undefined ? undefined : { requestId: scrub(requestId) })
            }),
            { status, text: isOk(status) ? scrub(text) : scrub.cut(text) }
          )
        }
      })
    )
  })
