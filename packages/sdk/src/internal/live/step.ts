import type * as Stream from "effect/Stream"
import type { WireEvent } from "../../FlowEvent.js"
import * as Address from "../flow/address.js"
import type { StepRequest } from "../operations/stepCall.js"
import type { Caller } from "./call.js"
import { events } from "./eventStream.js"
import type { LiveError } from "./retrying.js"

/**
 * E2, `POST …/step` (contract 7).
 *
 * @internal
 */
export const step = (caller: Caller) => (request: StepRequest): Stream.Stream<WireEvent, LiveError> =>
  events(caller, {
    context: request,
    httpMethod: "POST",
    path: `${Address.basePath(request.flow)}${Address.versionPath(request.version)}/step`,
    flow: request.flow,
    sessionId: request.sessionId,
    body: request.body,
    executionId: request.body.executionId,
    isBilled: true
  })
