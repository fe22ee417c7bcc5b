/** The endpoints of comparisons. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as Effect from "effect/Effect"
import { NotFound } from "../RunsApi.js"
import { StudioApi } from "../StudioApi.js"
import { StudioSource } from "../StudioSource.js"
import { comparisonOf, stepOf } from "./compare.js"
import { historyOf } from "./failureHistory.js"
import { jsonResponse } from "./jsonResponse.js"
import type { Mask } from "./text.js"

interface Pair {
  readonly beforeFlow: string
  readonly before: string
  readonly afterFlow: string
  readonly after: string
}

/** The handlers. */
export const layer = (mask: Mask) =>
  HttpApiBuilder.group(StudioApi, "compare", (handlers) =>
    Effect.map(StudioSource, (source) => {
      const runs = ({ after, afterFlow, before, beforeFlow }: Pair) =>
        Effect.all([source.run(beforeFlow, before), source.run(afterFlow, after)], { concurrency: 2 })
      return handlers
        .handleRaw("diff", ({ urlParams }) =>
          Effect.zipWith(
            source.source,
            runs(urlParams),
            (server, [before, after]) => jsonResponse(comparisonOf(mask, server, before, after))
          ))
        .handleRaw("stepDiff", ({ urlParams: { at, ...pair } }) =>
          Effect.flatMap(runs(pair), ([before, after]) => {
            const step = stepOf(mask, before, after, at)
            return step === undefined
              ? new NotFound({ message: `The comparison has no step at ${at}.` })
              : Effect.succeed(jsonResponse(step))
          }))
        .handle("failure", ({ urlParams: { flow, id } }) => historyOf(source, flow, id))
    }))
