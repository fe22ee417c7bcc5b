import type * as Effect from "effect/Effect"
import * as Address from "../flow/address.js"
import type { ExecuteRequest, ExecuteResponse } from "../operations/executeCall.js"
import { readBody } from "../operations/responseBody.js"
import type { Caller } from "./call.js"
import type { LiveError } from "./retrying.js"

const send =
  (caller: Caller, path: (request: ExecuteRequest) => string) =>
  (request: ExecuteRequest): Effect.Effect<ExecuteResponse, LiveError> =>
    caller.send({
      context: request,
      httpMethod: "POST",
      path: path(request),
      flow: request.flow,
      sessionId: request.sessionId,
      body: request.body,
      executionId: request.body.executionId,
      decode: readBody.execute
    })

/**
 * E1, `POST …/execute` (contract 5).
 *
 * @internal
 */
export const execute = (caller: Caller): (request: ExecuteRequest) => Effect.Effect<ExecuteResponse, LiveError> =>
  send(
    caller,
    ({ flow, version }) => `${Address.basePath(flow)}${Address.versionPath(version)}/execute`
  )

/**
 * R1, an `/execute` whose flow is the server's choice (contract 13.1).
 *
 * @internal
 */
export const executeAt = (
  caller: Caller,
  path: string
): (request: ExecuteRequest) => Effect.Effect<ExecuteResponse, LiveError> => send(caller, () => path)
