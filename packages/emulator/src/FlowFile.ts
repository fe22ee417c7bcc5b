/**
 * Flows files: flows, keys, organisations and faults in JSON.
 *
 * @since 0.1.0
 */
import { parseJson } from "@effect-noukai/sdk/kit/plainJson"
import * as Either from "effect/Either"
import * as JSONSchema from "effect/JSONSchema"
import * as Schema from "effect/Schema"
import { ApiKey, Organisation, Slug } from "./Account.js"
import { EmulatorError } from "./EmulatorError.js"
import { FaultRule } from "./Fault.js"
import { FileFlow, type Flow } from "./Flow.js"
import { findMistakes, shapeMistakes } from "./internal/flow/flowMistakes.js"
import { errorText, type Mistake, mistakesOf, readSchema } from "./internal/json.js"

/**
 * A flows file.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FlowFile = Schema.Struct({
  /** For the completion in editors. Ignored. */
  $schema: Schema.optional(Schema.String),
  flows: Schema.Array(FileFlow),
  keys: Schema.optional(Schema.Array(ApiKey)),
  organisations: Schema.optional(Schema.Record({ key: Slug("an organisation"), value: Organisation })),
  faults: Schema.optional(Schema.Array(FaultRule))
}).annotations({ identifier: "FlowFile" })

/**
 * @since 0.1.0
 * @category models
 */
export type FlowFile = typeof FlowFile.Type

const decodeFile = readSchema(FlowFile)

const invalid = (source: string, mistakes: ReadonlyArray<Mistake>): EmulatorError =>
  new EmulatorError({
    reason: "InvalidFlow",
    path: mistakes[0]?.path ?? "",
    message: [
      `${source}: ${mistakes.length === 1 ? "a mistake" : `${mistakes.length} mistakes`}`,
      ...mistakes.map((mistake) => `  at ${mistake.path === "" ? "the top" : mistake.path}: ${mistake.message}`)
    ].join("\n")
  })

const checked = (
  flows: ReadonlyArray<Flow>,
  source: string,
  mistakes: ReadonlyArray<Mistake>
): Either.Either<ReadonlyArray<Flow>, EmulatorError> =>
  mistakes.length === 0 ? Either.right(flows) : Either.left(invalid(source, mistakes))

/**
 * Checks the rules that types cannot express: limits, duplicate addresses, steps that refer to later ones, missing
 * versions. Fails with an `EmulatorError` (`InvalidFlow`) that lists every mistake with its place.
 *
 * @since 0.1.0
 * @category combinators
 */
export const validate = (
  flows: ReadonlyArray<Flow>,
  source = "flows"
): Either.Either<ReadonlyArray<Flow>, EmulatorError> =>
  Either.flatMap(checked(flows, source, shapeMistakes(flows)), () => checked(flows, source, findMistakes(flows)))

/**
 * Decodes the parsed JSON of a flows file. Fails with an `EmulatorError` (`InvalidFlow`) that names each wrong place,
 * such as `flows[0].steps[1].costUsd`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const decode = (value: unknown, source = "flows file"): Either.Either<FlowFile, EmulatorError> =>
  Either.flatMap(
    Either.mapLeft(decodeFile(value), (error) => invalid(source, mistakesOf(error))),
    (file) => Either.map(checked(file.flows, source, findMistakes(file.flows)), () => file)
  )

/**
 * Decodes the text of a flows file: {@link decode} after `JSON.parse`, with the digits of numbers that JavaScript cannot
 * hold. Also fails with an `EmulatorError` for text that
 * is not JSON.
 *
 * @since 0.1.0
 * @category combinators
 */
export const decodeText = (text: string, source = "flows file"): Either.Either<FlowFile, EmulatorError> =>
  Either.flatMap(
    Either.try({
      try: () => parseJson(text),
      catch: (cause) =>
        new EmulatorError({
          reason: "InvalidFlow",
          path: "",
          message: `${source}: not JSON: ${errorText(cause)}`,
          cause
        })
    }),
    (value) => decode(value, source)
  )

/**
 * The JSON Schema of the flows file, for editors.
 *
 * @since 0.1.0
 * @category schemas
 */
export const jsonSchema = (): JSONSchema.JsonSchema7Root => JSONSchema.make(FlowFile)
