/**
 * Schemas of any library, for typed flows and tools.
 *
 * @since 0.1.0
 */

/**
 * A schema of a library that implements Standard Schema, version 1: Zod 4, Valibot, ArkType and others.
 *
 * @see https://standardschema.dev
 * @since 0.1.0
 * @category models
 */
export interface StandardSchema {
  readonly "~standard": {
    readonly version: 1
    readonly types?: { readonly input: unknown; readonly output: unknown } | undefined
  }
}

/**
 * A `Schema` of Effect without requirements.
 *
 * @since 0.1.0
 * @category models
 */
export interface EffectSchema {
  readonly Type: unknown
  readonly Context: never
  readonly ast: object
}

/**
 * A schema of any library: a Standard Schema, or a bare `Schema` of Effect.
 *
 * @since 0.1.0
 * @category models
 */
export type AnySchema = StandardSchema | EffectSchema

/**
 * The schema of a flow without parameters in its schemas: any named inputs.
 *
 * @since 0.1.0
 * @category models
 */
export interface AnyParametersSchema extends StandardSchema {
  readonly "~standard": {
    readonly version: 1
    readonly types?: {
      readonly input: Record<string, unknown>
      readonly output: Record<string, unknown>
    } | undefined
  }
}

/**
 * The type that a schema reads. For a schema of Effect, which also encodes, its `Type`.
 *
 * @since 0.1.0
 * @category models
 */
export type SchemaInput<S extends AnySchema> = S extends EffectSchema ? S["Type"]
  : S extends StandardSchema ? NonNullable<S["~standard"]["types"]>["input"]
  : never

/**
 * The type that a schema returns.
 *
 * @since 0.1.0
 * @category models
 */
export type SchemaOutput<S extends AnySchema> = S extends EffectSchema ? S["Type"]
  : S extends StandardSchema ? NonNullable<S["~standard"]["types"]>["output"]
  : never

/**
 * The schemas of a flow, both optional.
 *
 * @since 0.1.0
 * @category options
 */
export interface FlowSchemas<P extends AnySchema, R extends AnySchema> {
  /**
   * Checks the parameters of every call before anything is sent. The output of the schema is sent, with its defaults. A
   * schema of Effect encodes the parameters. Default: any named inputs.
   */
  readonly parameters?: P | undefined
  /** Checks and types the result of every run. Default: the result is `unknown`. */
  readonly result?: R | undefined
}
