/** Types of the functions of `Flow`. */
import { Flow } from "@effect-noukai/sdk"
import { type ParseResult, Schema } from "effect"
import { expectTypeOf } from "vitest"

expectTypeOf(Flow.formatMismatch).toEqualTypeOf<(error: ParseResult.ParseError) => string>()

// Standard Schema: the input of the parameters, the output of the result
declare const Level: Flow.StandardSchema<{ level?: number }, { level: number }>
declare const Score: Flow.StandardSchema<unknown, { score: number }>
expectTypeOf(Flow.make("a/b/c", { parameters: Level, result: Score })).toEqualTypeOf<
  Flow.Flow<{ level?: number }, { score: number }>
>()
// with a schema of Effect beside it
expectTypeOf(Flow.make("a/b/c", { parameters: Schema.Struct({ level: Schema.NumberFromString }), result: Score }))
  .toEqualTypeOf<Flow.Flow<{ readonly level: number }, { score: number }>>()
expectTypeOf(Flow.fromStandardSchema(Level)).toEqualTypeOf<Schema.Schema<{ level: number }, { level?: number }>>()
// @ts-expect-error not a schema
Flow.make("a/b/c", { result: { score: "number" } })
