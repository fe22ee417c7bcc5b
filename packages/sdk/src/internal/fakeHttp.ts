import * as Effect from "effect/Effect"
import type { ExecuteBody } from "../ExecuteCall.js"
import type { ExecuteError } from "../NoukaiError.js"
import type { HttpService } from "./httpService.js"

/** Nothing but a `FlowService` stands on the fake. */
const notFaked = () => Effect.dieMessage("a fake of FlowService answers flows only")

const unreachable = {
  submitJob: notFaked,
  pollJob: notFaked,
  trace: notFaked,
  stepTrace: notFaked,
  runSummary: notFaked,
  runList: notFaked
}

/**
 * A seam whose runs complete at once with what `f` gives.
 *
 * @internal
 */
export const fakeHttp = (
  f: (slug: string, input: ExecuteBody) => Effect.Effect<unknown, ExecuteError>
): HttpService => ({
  defaults: { org: "test", project: "test" },
  execute: (request) =>
    Effect.map(f(request.flow.slug, request.body), (result) => ({
      status: "completed",
      result,
      flowId: "fl_test",
      blockCount: 1,
      executionId: "ex_test"
    })),
  ...unreachable
})
