/**
 * References to flows, and the addresses that they resolve to.
 *
 * @since 0.1.0
 */
import type * as Either from "effect/Either"
import type * as ParseResult from "effect/ParseResult"
import type * as Schema from "effect/Schema"
import { issueText } from "./internal/core/mismatch.js"
import * as Address from "./internal/options/address.js"
import type { FlowAddress, FlowRef } from "./internal/options/address.js"
import { decoding, type StandardSchema } from "./internal/options/standardSchema.js"
import type { InvalidRequestError } from "./NoukaiError.js"

export { isFlow, make, TypeId } from "./internal/options/address.js"
export type { AnyParameters, Flow, FlowAddress, FlowRef, FlowVersion, Schemas } from "./internal/options/address.js"
export type { StandardIssue, StandardResult, StandardSchema } from "./internal/options/standardSchema.js"

/**
 * The default org and project, for flows named by a bare slug.
 *
 * @since 0.1.0
 * @category models
 */
export interface Defaults {
  readonly org?: string | undefined
  readonly project?: string | undefined
}

/**
 * The address of a reference. Every operation resolves it first, and fails with the `InvalidRequestError` given here if
 * it is wrong.
 *
 * @example
 * ```ts
 * import { Flow } from "@effect-noukai/sdk"
 *
 * const address = Flow.resolve("grade-3", { org: "acme", project: "spelling" })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const resolve = (
  flow: FlowRef<never>,
  defaults: Defaults = {}
): Either.Either<FlowAddress, InvalidRequestError> => Address.resolve("Flow.resolve", flow, defaults)

/**
 * The text `org/project/slug` of an address.
 *
 * @since 0.1.0
 * @category combinators
 */
export const format: (address: FlowAddress) => string = Address.format

/**
 * Returns a schema of Effect that decodes with a schema of Zod, Valibot, ArkType or another library that implements
 * Standard Schema. Validation may be asynchronous. Encoding changes nothing.
 *
 * @example
 * ```ts
 * import { Flow } from "@effect-noukai/sdk"
 * import { Schema } from "effect"
 *
 * declare const Score: Flow.StandardSchema<string, number>
 *
 * const decoded = Schema.decodeUnknown(Flow.fromStandardSchema(Score))("7")
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const fromStandardSchema: <I, A>(schema: StandardSchema<I, A>) => Schema.Schema<A, I> = decoding

/**
 * Returns one line that says where and how a value does not fit a schema: `at score: expected a number, got "7"`. The
 * words are the annotations of the schema where it has some: `message`, `identifier`, `title` or `description`. Errors
 * of this package have the same line. At most five mismatches are listed, and long values are cut.
 *
 * @example
 * ```ts
 * import { Flow } from "@effect-noukai/sdk"
 * import { Either, Schema } from "effect"
 *
 * const Row = Schema.Struct({ score: Schema.Number })
 *
 * const line = Either.match(Schema.decodeUnknownEither(Row)({ score: "7" }), {
 *   onLeft: Flow.formatMismatch,
 *   onRight: ({ score }) => `${score} points`
 * })
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const formatMismatch = (error: ParseResult.ParseError): string => issueText(error.issue)
