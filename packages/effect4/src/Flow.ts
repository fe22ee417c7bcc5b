/**
 * References to flows.
 *
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"

/**
 * The parameters of a flow without a schema.
 *
 * @since 0.1.0
 * @category models
 */
export type AnyParameters = { readonly [name: string]: unknown }

/**
 * The address of a flow.
 *
 * @since 0.1.0
 * @category models
 */
export interface FlowAddress {
  readonly org: string
  readonly project: string
  readonly slug: string
}

/**
 * The identity of a {@link Flow}.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId = "~@effect-noukai/effect4/Flow" as const

/**
 * A flow with schemas. Its parameters are `P` and its result is `A`. The schemas need the services `R`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Flow<in P, out A, out R = never> {
  readonly [TypeId]: {
    readonly parameters: (parameters: P) => void
    readonly result: () => A
    readonly services: () => R
  }
  /** `"org/project/slug"`, `"slug"`, or the three fields. */
  readonly ref: string | FlowAddress
  /** @internal */
  readonly parameters: Schema.Top | undefined
  /** @internal */
  readonly result: Schema.Top | undefined
}

/**
 * A reference to a flow: `"org/project/slug"`, `"slug"` with the client's organisation and project, the three fields, or
 * a flow with schemas.
 *
 * @since 0.1.0
 * @category models
 */
export type FlowRef<P = AnyParameters, A = unknown, R = never> = string | FlowAddress | Flow<P, A, R>

/**
 * Returns a flow with schemas. Parameters are encoded by the first schema, and the result is decoded by the second. A
 * result that does not fit was paid for: the call fails with an `UnexpectedResponseError` that has it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <P extends Schema.Top = Schema.Codec<AnyParameters>, A extends Schema.Top = Schema.Unknown>(
  ref: string | FlowAddress,
  schemas: { readonly parameters?: P | undefined; readonly result?: A | undefined } = {}
): Flow<P["Type"], A["Type"], P["EncodingServices"] | A["DecodingServices"]> => {
  const { parameters, result } = schemas
  // the first field exists for the compiler alone
  return { ref, parameters, result } as Flow<P["Type"], A["Type"], P["EncodingServices"] | A["DecodingServices"]>
}

/** @internal */
export const isFlow = (flow: unknown): flow is Flow<never, unknown, unknown> =>
  typeof flow === "object" && flow !== null && "ref" in flow
