import { TraceSpans } from "@effect-noukai/report"
import { RunService } from "@effect-noukai/sdk"
import { HttpClient, HttpClientRequest } from "@effect/platform"
import { Effect } from "effect"

// a stored run goes to a collector, when it was; a second export says the same
export const exportRun = (executionId: string, collector: string) =>
  Effect.gen(function*() {
    const runs = yield* RunService
    const http = yield* HttpClient.HttpClient
    const trace = yield* runs.trace("noukai/samples/two-step", executionId)
    const request = yield* HttpClientRequest.bodyJson(
      HttpClientRequest.post(`${collector}/v1/traces`),
      TraceSpans.toSpans(trace, { serviceName: "orders" })
    )
    return (yield* HttpClient.filterStatusOk(http).execute(request)).status
  })
