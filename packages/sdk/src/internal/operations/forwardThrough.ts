/** Forwarding through a service that decodes: a replay, a recording, a fake. */
import * as Effect from "effect/Effect"
import type { FlowExecutionError } from "../../NoukaiError.js"
import type { Requests } from "./operations.js"
import type { ForwardResponse } from "./runRequests.js"

const json = (value: unknown): ForwardResponse => ({ status: 200, text: JSON.stringify(value) })

/** The response of a failed run: the server's, else one that is made from the error. */
const failed = (error: FlowExecutionError): ForwardResponse =>
  error.statusCode !== undefined && error.responseBody !== undefined
    ? { status: error.statusCode, text: error.responseBody }
    : json({
      status: "failed",
      result: error.result ?? error.detail ?? null,
      flowId: error.flowId ?? "",
      blockCount: error.blockCount ?? 0,
      executionId: error.executionId
    })

/**
 * The operation `forward` by an `execute` that decodes: its response is the received body, or else one encoded again.
 */
export const forwardThrough = (execute: Requests["execute"]): Requests["forward"] => (request) =>
  execute({ ...request, body: { trace: false, ...request.body } }).pipe(
    Effect.map(({ raw, requestId: _, ...response }) => json(raw ?? response)),
    Effect.catchTag("FlowExecutionError", (error) => Effect.succeed(failed(error)))
  )
