/**
 * Support for tests of code that uses flows: a scripted seam that answers from a queue and remembers what it was asked.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import type { ExecuteRequest, ExecuteResponse } from "./ExecuteCall.js"
import type { HttpError } from "./NoukaiError.js"
import * as NoukaiHttp from "./NoukaiHttp.js"

/**
 * A call that the scripted seam received.
 *
 * @since 0.1.0
 * @category models
 */
export type Recorded = { readonly endpoint: "execute"; readonly request: ExecuteRequest }

/**
 * @since 0.1.0
 * @category models
 */
export declare namespace ScriptedHttp {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** The calls so far, in order. */
    readonly calls: Effect.Effect<ReadonlyArray<Recorded>>
    /** Adds answers to `execute`, served in order. */
    readonly queueExecute: (...answers: ReadonlyArray<Effect.Effect<ExecuteResponse, HttpError>>) => Effect.Effect<void>
  }
}

/**
 * The controls of the scripted seam.
 *
 * @since 0.1.0
 * @category tags
 */
export class ScriptedHttp extends Context.Tag("@effect-noukai/sdk/testing/ScriptedHttp")<
  ScriptedHttp,
  ScriptedHttp.Service
>() {}

/**
 * What a script begins with.
 *
 * @since 0.1.0
 * @category models
 */
export interface Script {
  readonly execute?: ReadonlyArray<Effect.Effect<ExecuteResponse, HttpError>> | undefined
  readonly defaults?: NoukaiHttp.NoukaiHttp.Service["defaults"] | undefined
}

/**
 * A seam that answers from a queue. A call beyond the queue is a defect: the test did not expect it.
 *
 * @example
 * ```ts
 * import { completed, layerScripted } from "@effect-noukai/sdk/testing"
 *
 * const http = layerScripted({ execute: [completed({ text: "hi" })] })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerScripted = (script: Script = {}): Layer.Layer<NoukaiHttp.NoukaiHttp | ScriptedHttp> =>
  Layer.effectContext(Effect.gen(function*() {
    const calls = yield* Ref.make<ReadonlyArray<Recorded>>([])
    const answers = yield* Ref.make(script.execute ?? [])
    const http = NoukaiHttp.make({
      defaults: script.defaults ?? {},
      execute: (request) =>
        Ref.update(calls, (all) => [...all, { endpoint: "execute" as const, request }]).pipe(
          Effect.zipRight(Ref.modify(answers, ([next, ...rest]) => [next, rest] as const)),
          Effect.flatMap((answer) =>
            answer ?? Effect.dieMessage(`the script has no answer for execute of ${request.flow.slug}`)
          )
        )
    })
    return Context.make(NoukaiHttp.NoukaiHttp, http).pipe(
      Context.add(ScriptedHttp, {
        calls: Ref.get(calls),
        queueExecute: (...more) => Ref.update(answers, (all) => [...all, ...more])
      })
    )
  }))

/**
 * The answer of a run that completed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const completed = (
  result: unknown,
  facts?: { readonly executionId?: string; readonly flowId?: string; readonly blockCount?: number }
): Effect.Effect<ExecuteResponse> =>
  Effect.succeed({
    status: "completed",
    result,
    flowId: facts?.flowId ?? "fl_test",
    blockCount: facts?.blockCount ?? 1,
    executionId: facts?.executionId ?? "ex_test"
  })
