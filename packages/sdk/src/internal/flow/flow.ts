/**
 * References to flows, with optional schemas that type their parameters and results.
 */
import { type Pipeable, pipeArguments } from "effect/Pipeable"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"

/** Marks the flows of {@link make}. */
export const TypeId: unique symbol = Symbol.for("@effect-noukai/sdk/Flow")

/** Marks the flows of {@link make}. */
export type TypeId = typeof TypeId

/** The three slugs of a flow. Each becomes one percent-encoded path segment. */
export interface FlowAddress {
  readonly org: string
  readonly project: string
  readonly slug: string
}

/** Named inputs of a flow without a schema. */
export type AnyParameters = { readonly [name: string]: unknown }

/**
 * The version of a flow that runs: `"production"` the published one (the draft while nothing is published), `"draft"`
 * or 0 the live draft, N >= 1 the published version N. Step streams take no draft.
 */
export type FlowVersion = "production" | "draft" | number

/** A flow whose parameters are `P` and whose result is `A`. */
export interface Flow<in P = AnyParameters, out A = unknown> extends Pipeable {
  readonly [TypeId]: { readonly _P: (_: P) => void; readonly _A: () => A }
  readonly ref: string | FlowAddress
  readonly parameters: Schema.Schema.AnyNoContext | undefined
  readonly result: Schema.Schema.AnyNoContext | undefined
}

/**
 * A name of a flow: `"slug"` (with the client's default org and project), `"org/project/slug"`, an address, or a
 * `Flow`.
 */
export type FlowRef<P = AnyParameters, A = unknown> = Flow<P, A> | FlowAddress | string

/** The types of {@link Flow}. */
export declare namespace Flow {
  /** The type {@link FlowRef}, beside the other types of a flow. */
  export type Ref<P = AnyParameters, A = unknown> = FlowRef<P, A>

  /** The parameters of a flow: `Flow.Flow.Parameters<typeof Grade>`. */
  export type Parameters<F> = F extends Flow<infer P, infer _> ? P : never

  /** The result of a flow: `Flow.Flow.Result<typeof Grade>`. */
  export type Result<F> = F extends Flow<infer _, infer A> ? A : never
}

/** The schemas of a flow, both optional. */
export interface Schemas<P, A, PI = unknown, AI = unknown> {
  /** Types and encodes the parameters of every call. Default: any named inputs. */
  readonly parameters?: Schema.Schema<P, PI> | undefined
  /** Decodes the result. Default: the result is `unknown`. */
  readonly result?: Schema.Schema<A, AI> | undefined
}

const variance = { _P: (_: never) => {}, _A: () => undefined as never }

const Proto = {
  [TypeId]: variance,
  pipe() {
    return pipeArguments(this, arguments)
  }
}

/** Reads schemas; of an unreadable object none, and each operation will then refuse the flow. */
const read = (schemas: { readonly parameters?: unknown; readonly result?: unknown } | undefined) => {
  try {
    return { parameters: schemas?.parameters, result: schemas?.result }
  } catch {
    return { parameters: null, result: null }
  }
}

/**
 * Makes a flow reference. Pure: the address is checked by each operation, which fails with `InvalidRequestError`
 * before anything is sent.
 *
 * With `parameters`, the parameters of every call are typed and encoded through that schema; with `result`, the result
 * is decoded, and one that does not fit is an `UnexpectedResponseError` that carries the raw value.
 *
 * @example
 * ```ts
 * import { Flow } from "@effect-noukai/sdk"
 * import { Schema } from "effect"
 *
 * const Grade = Flow.make("acme/spelling/grade-3", {
 *   parameters: Schema.Struct({ difficulty: Schema.Literal("easy", "hard") }),
 *   result: Schema.Struct({ score: Schema.Number, feedback: Schema.String })
 * })
 * ```
 */
export const make = <P = AnyParameters, A = unknown, PI = unknown, AI = unknown>(
  ref: string | FlowAddress,
  schemas?: Schemas<P, A, PI, AI>
): Flow<P, A> => Object.assign(Object.create(Proto), { ref, ...read(schemas) })

/** Whether a value was made by {@link make}. */
export const isFlow = (u: unknown): u is Flow<never, unknown> => Predicate.hasProperty(u, TypeId)
