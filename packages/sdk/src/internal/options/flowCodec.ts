/**
 * Encodes parameters and decodes results by the schemas of a `Flow`. Where a schema needs no effects the outcome is an
 * `Either`, with which `mapNow` and `flatMapNow` go on without one.
 */
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { type InvalidRequestError, UnexpectedResponseError } from "../../NoukaiError.js"
import { flatMapNow, mapErrorNow, readEffect, writeEffect } from "../core/json.js"
import { accepted, type Checked, invalid, newError, type Problem, problem, readable } from "../core/makeError.js"
import { issueText } from "../core/mismatch.js"
import { checkJson } from "../kit/jsonProblem.js"
import { digitsLeft, digitsWithin, plainCopy, withDigits } from "../kit/plainJson.js"
import { type Flow, type FlowRef, isFlow } from "./address.js"

const schemasOf = (flow: FlowRef<never>): Partial<Flow<never>> => isFlow(flow) ? flow : {}

/** Checks that the schemas of a flow are schemas, before a run is billed whose result could not be read. */
export const checkSchemas = (method: string, address: string, flow: FlowRef<never>): Checked<void> => {
  for (const name of ["parameters", "result"] as const) {
    const field = `flow.${name}`
    const checked = readable(method, field, () => {
      const schema: unknown = schemasOf(flow)[name]
      return schema === undefined || (Schema.isSchema(schema) && "_tag" in schema.ast)
        ? Either.void
        : Either.left(invalid(method, field, "must be a schema", { flow: address }))
    }, { flow: address })
    if (Either.isLeft(checked)) return checked
  }
  return Either.void
}

export const checkParameters = (path: string, parameters: unknown): Problem | undefined => {
  if (!Predicate.isRecord(parameters)) return problem(path, "must be an object of named inputs")
  return "attachments" in parameters
    ? problem(`${path}.attachments`, "is a reserved name; use the attachments option")
    : undefined
}

/** Checks that parameters are JSON, which a request can carry. */
const written = (method: string, address: string, parameters: unknown): Checked<unknown> => {
  const found = checkParameters("parameters", parameters) ?? checkJson("parameters", parameters)
  return accepted(method, parameters, found, { flow: address })
}

/** Encoded parameters, with the digits of the numbers that the schema has not changed. */
const exact = (encoded: unknown, parameters: unknown): unknown => {
  const digits = digitsWithin(parameters)
  return digits === undefined || !Predicate.isRecord(encoded)
    ? encoded
    : withDigits({ ...encoded }, digitsLeft(encoded, digits))
}

/** Encodes parameters. Fails before anything is sent. */
export const encodeParameters = (
  method: string,
  address: string,
  flow: FlowRef<never>,
  parameters: unknown
): Effect.Effect<unknown, InvalidRequestError> => {
  const schema = schemasOf(flow).parameters
  if (schema === undefined) return parameters === undefined ? noParameters : written(method, address, parameters)
  return flatMapNow(
    mapErrorNow(
      writeEffect(schema)(parameters ?? {}),
      (issue) => invalid(method, "parameters", issueText(issue), { flow: address })
    ),
    (encoded) =>
      parameters === undefined && isEmpty(encoded) ? noParameters : written(method, address, exact(encoded, parameters))
  )
}

const noParameters: Either.Either<undefined> = Either.right(undefined)

const isEmpty = (u: unknown): boolean => typeof u === "object" && u !== null && Object.keys(u).length === 0

/** Whether the results of a flow are decoded by a schema. */
export const hasResultSchema = (flow: FlowRef<never>): boolean => schemasOf(flow).result !== undefined

/** The facts of the run whose result is decoded. */
export interface ResultFacts {
  readonly method: string
  readonly address: string
  readonly executionId: string | undefined
  readonly requestId: string | undefined
}

/**
 * Decodes a result. One that does not fit fails with the value that the server sent: the schema, which may change its
 * input, gets a copy.
 */
export const decodeResult = (
  flow: FlowRef<never>,
  { address, executionId, method, requestId }: ResultFacts,
  result: unknown
): Effect.Effect<unknown, UnexpectedResponseError> => {
  const schema = schemasOf(flow).result
  if (schema === undefined) return Either.right(result)
  return mapErrorNow(readEffect(schema)(plainCopy(result)), (issue) =>
    newError(UnexpectedResponseError, {
      method,
      flow: address,
      executionId,
      requestId,
      reason: `the result does not fit the schema of the flow: ${issueText(issue)}`,
      value: result,
      result
    }))
}
