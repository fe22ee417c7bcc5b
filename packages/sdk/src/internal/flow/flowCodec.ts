/**
 * Encodes parameters and decodes results by the schemas of a `Flow`. Where a schema needs no effects the outcome is an
 * `Either`, with which `mapNow` and `flatMapNow` go on without one.
 */
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { type InvalidRequestError, UnexpectedResponseError } from "../../NoukaiError.js"
import { invalid, known, unchecked } from "../errors/makeError.js"
import { checkJson } from "../input/json.js"
import { guarded } from "../input/take.js"
import { issueText } from "../schema/mismatch.js"
import { flatMapNow, mapErrorNow, type ParseIssue, readEffect, writeEffect } from "../schema/schemaReader.js"
import { checkParameters } from "./executeInput.js"
import { type FlowRef, isFlow } from "./flow.js"

interface Codec {
  readonly encode: ((parameters: unknown) => Effect.Effect<unknown, ParseIssue>) | undefined
  readonly decode: ((result: unknown) => Effect.Effect<unknown, ParseIssue>) | undefined
}

const none: Codec = { encode: undefined, decode: undefined }

const codecs = new WeakMap<object, Codec>()

const codecOf = (flow: FlowRef<never>): Codec => {
  if (!isFlow(flow) || (flow.parameters === undefined && flow.result === undefined)) return none
  const known = codecs.get(flow)
  if (known !== undefined) return known
  const codec: Codec = {
    encode: flow.parameters === undefined ? undefined : writeEffect(flow.parameters),
    decode: flow.result === undefined ? undefined : readEffect(flow.result)
  }
  codecs.set(flow, codec)
  return codec
}

/** Checks that the schemas of a flow are schemas, before a run is billed whose result could not be read. */
export const checkSchemas = (
  method: string,
  address: string,
  flow: FlowRef<never>
): Either.Either<void, InvalidRequestError> => {
  if (!isFlow(flow) || codecs.has(flow)) return Either.void
  for (const name of ["parameters", "result"] as const) {
    if (flow[name] !== undefined && !Schema.isSchema(flow[name])) {
      return Either.left(invalid(method, `flow.${name}`, "must be a schema", { flow: address }))
    }
  }
  return guarded(method, "flow", () => {
    codecOf(flow)
    return Either.void
  }, { flow: address })
}

/** Checks that parameters are JSON, which a request can carry. */
const written = (
  method: string,
  address: string,
  parameters: unknown
): Either.Either<unknown, InvalidRequestError> =>
  guarded(method, "parameters", () => {
    const found = checkParameters(parameters) ?? checkJson("parameters", parameters)
    return found === undefined
      ? Either.right(parameters)
      : Either.left(invalid(method, found.field, found.reason, { flow: address }))
  }, { flow: address })

/** Encodes parameters. Fails before anything is sent. */
export const encodeParameters = (
  method: string,
  address: string,
  flow: FlowRef<never>,
  parameters: unknown
): Effect.Effect<unknown, InvalidRequestError> => {
  const { encode } = codecOf(flow)
  if (encode === undefined) return parameters === undefined ? noParameters : written(method, address, parameters)
  const encoding = guarded(method, "parameters", () => Either.right(encode(parameters ?? {})), { flow: address })
  if (Either.isLeft(encoding)) return encoding
  return flatMapNow(
    mapErrorNow(
      encoding.right,
      (issue) => invalid(method, "parameters", issueText(issue), { flow: address })
    ),
    (encoded) => parameters === undefined && isEmpty(encoded) ? noParameters : written(method, address, encoded)
  )
}

const noParameters: Either.Either<undefined> = Either.right(undefined)

const isEmpty = (u: unknown): boolean => typeof u === "object" && u !== null && Object.keys(u).length === 0

/** Whether the results of a flow are decoded by a schema. */
export const hasResultSchema = (flow: FlowRef<never>): boolean => codecOf(flow).decode !== undefined

/** The facts of the run whose result is decoded. */
export interface ResultFacts {
  readonly method: string
  readonly address: string
  readonly executionId: string | undefined
  readonly requestId: string | undefined
}

/** Decodes a result. One that does not fit fails with the raw value. */
export const decodeResult = (
  flow: FlowRef<never>,
  facts: ResultFacts,
  result: unknown
): Effect.Effect<unknown, UnexpectedResponseError> => {
  const { decode } = codecOf(flow)
  if (decode === undefined) return Either.right(result)
  return mapErrorNow(decode(result), (issue) =>
    new UnexpectedResponseError(
      known({
        method: facts.method,
        flow: facts.address,
        executionId: facts.executionId,
        requestId: facts.requestId,
        reason: `the result does not fit the schema of the flow: ${issueText(issue)}`,
        value: result,
        result,
        isRetryable: false
      }),
      unchecked
    ))
}
