/** The definition of an eval. */
import type { JobInput, RequestInput } from "@effect-noukai/batch/Batch"
import * as BatchSource from "@effect-noukai/batch/BatchSource"
import type { NoukaiError, Tools } from "@effect-noukai/sdk"
import type { FlowRef } from "@effect-noukai/sdk/Flow"
import type * as Schema from "effect/Schema"
import type { Check } from "../Check.js"
import type { Thresholds } from "../EvalOptions.js"

// named by the public types
export const TypeId: unique symbol = Symbol.for("@effect-noukai/eval/Eval")

interface Options {
  readonly flow: FlowRef<never>
  readonly cases: BatchSource.BatchSource<unknown, unknown, unknown> | Iterable<unknown>
  readonly case?: Schema.Schema.AnyNoContext | undefined
  readonly key: (value: unknown) => string
  readonly input: (value: unknown) => JobInput | RequestInput
  readonly operation?: "jobs" | "execute" | undefined
  readonly tools?: Tools.ToolSet<NoukaiError, never> | undefined
  readonly checks: { readonly [name: string]: Check<unknown, unknown, unknown> }
  readonly thresholds?: Thresholds | undefined
}

/** An eval as it was defined. */
export interface Definition extends Options {
  readonly [TypeId]: object
  readonly name: string
  readonly cases: BatchSource.BatchSource<unknown, unknown, unknown>
  readonly operation: "jobs" | "execute"
  readonly thresholds: Thresholds
}

const variance = {}

export const make = (name: string, options: Options): Definition => ({
  ...options,
  [TypeId]: variance,
  name,
  cases: Symbol.iterator in options.cases ? BatchSource.fromIterable(options.cases) : options.cases,
  operation: options.operation ?? "jobs",
  thresholds: options.thresholds ?? {}
})
