/** The layer that answers runs with a function. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as FlowService from "../FlowService.js"
import type { CallError } from "../NoukaiError.js"
import { NoukaiHttp } from "../NoukaiHttp.js"
import { Code, Interruption } from "./call.js"
import { failures } from "./failures.js"
import { connectionWith, layerOf } from "./layers.js"

/** The body of the request of a run, as it would be sent. */
export interface TestInput {
  readonly message?: string
  readonly messages?: ReadonlyArray<unknown>
  readonly parameters?: { readonly [name: string]: unknown }
  readonly [field: string]: unknown
}

export const layerTest = (
  f: (slug: string, input: TestInput) => Effect.Effect<unknown, CallError>
): Layer.Layer<FlowService.FlowService | NoukaiHttp> =>
  layerOf(
    Effect.flatMap(Effect.context<never>(), (context) => {
      const code = new Code(context, undefined, new Interruption())
      return connectionWith({}, failures.none, {}, {
        type: "test",
        answer: (slug, input) => code.run(Effect.suspend(() => f(slug, input as TestInput)))
      })
    }),
    (http) => Context.make(NoukaiHttp, http).pipe(Context.add(FlowService.FlowService, FlowService.make(http)))
  )
