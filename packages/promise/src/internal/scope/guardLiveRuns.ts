import * as Budget from "@effect-noukai/sdk/Budget"
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import { ReplayMissError } from "../../NoukaiError.js"
import { refusal } from "../options/reading.js"
import { liveRuns } from "./liveRuns.js"

/** Refuses live runs of relay flows in a replay, which would be billed, and in a budget, which could not count them. */
export const guardLiveRuns = (): void => {
  liveRuns.refusal = () =>
    TraceScope.ambient()?.http !== undefined
      ? new ReplayMissError("flow.execute: a replay has no recordings of relay flows; call the flow outside the replay")
      : Budget.ambient().length > 0
      ? refusal("flow.execute", "budget", "does not apply to relay flows: call the flow outside the budget")
      : undefined
}
