import { FlowService, isReplayError, type NoukaiError, type ReplayError } from "@effect-noukai/sdk"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { Effect, Schema } from "effect"

/** The status that each error has for a caller of this server. An error that is new here does not compile. */
const statuses: Record<Exclude<NoukaiError, ReplayError>["_tag"], number> = {
  InvalidRequestError: 400,
  FlowNotFoundError: 404,
  RateLimitError: 429,
  AuthenticationError: 500, // the key is this server's, not the caller's
  PermissionDeniedError: 500,
  FlowExecutionError: 502,
  UnexpectedResponseError: 502,
  APIConnectionError: 502,
  BudgetExceededError: 502,
  CostLimitError: 502,
  ToolCallLimitError: 502,
  ResultNotStoredError: 502, // as the next two, of a call that runs once per key
  AmbiguousRunError: 502,
  RunInProgressError: 503,
  CassetteError: 500, // a recording of this server
  InsufficientCreditsError: 503,
  APITimeoutError: 504
}

export const toResponse = (error: NoukaiError) =>
  HttpServerResponse.json({ error: error._tag, executionId: error.executionId, isRetryable: error.isRetryable }, {
    status: isReplayError(error) ? 500 : statuses[error._tag],
    headers: error._tag === "RateLimitError" && error.retryAfter !== undefined
      ? { "retry-after": String(Math.ceil(error.retryAfter)) }
      : {}
  })

const ask = Effect.gen(function*() {
  const { message } = yield* HttpServerRequest.schemaBodyJson(Schema.Struct({ message: Schema.String }))
  const flows = yield* FlowService
  return yield* Effect.matchEffect(flows.execute("noukai/samples/hello-world", { message }), {
    onSuccess: ({ result }) => HttpServerResponse.json({ result }),
    onFailure: toResponse
  })
})

/** Needs the services of `NoukaiLive`. */
export const router = HttpRouter.empty.pipe(HttpRouter.post("/ask", ask))
