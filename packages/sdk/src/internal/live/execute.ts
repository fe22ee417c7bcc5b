import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { ExecuteRequest, ExecuteResponse } from "../../ExecuteCall.js"
import * as ExecuteCall from "../../ExecuteCall.js"
import * as Address from "../flow/address.js"
import { compiledCheck } from "../schema/compiledCheck.js"
import { issueText, readEither } from "../schema/schemaReader.js"
import type { TextResponse } from "../transport/HttpTransport.js"
import type { Caller } from "./call.js"
import type { CallError } from "./retrying.js"

const isResponse = compiledCheck(ExecuteCall.ExecuteResponse)

const explain = readEither(ExecuteCall.ExecuteResponse)

const statuses: ReadonlySet<unknown> = new Set(["completed", "failed", "tool_calls_required"])

const statusOf = (json: unknown): unknown =>
  typeof json === "object" && json !== null && "status" in json ? json.status : undefined

const wrong = (json: unknown): string => {
  const status = statusOf(json)
  if (typeof status === "string" && !statuses.has(status)) return `unknown status ${JSON.stringify(status)}`
  const result = explain(json)
  return Either.isLeft(result)
    ? issueText(result.left)
    : "the body does not fit"
}

const decode = (json: unknown, response: TextResponse): Either.Either<ExecuteResponse, string> =>
  isResponse(json)
    ? Either.right({ ...json, requestId: response.header("x-request-id") })
    : Either.left(wrong(json))

const send =
  (caller: Caller, path: (request: ExecuteRequest) => string) =>
  (request: ExecuteRequest): Effect.Effect<ExecuteResponse, CallError> =>
    caller.send({
      context: request,
      httpMethod: "POST",
      path: path(request),
      flow: request.flow,
      sessionId: request.sessionId,
      body: request.body,
      executionId: request.body.executionId,
      decode
    })

/**
 * E1, `POST …/execute` (contract 5).
 *
 * @internal
 */
export const execute = (caller: Caller): (request: ExecuteRequest) => Effect.Effect<ExecuteResponse, CallError> =>
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
): (request: ExecuteRequest) => Effect.Effect<ExecuteResponse, CallError> => send(caller, () => path)
