// tools, hooks and schemas of the caller have any errors and services; the public types derive them
// @effect-diagnostics anyUnknownInErrorContext:off
// @effect-diagnostics unsafeEffectTypeAssertion:off
/** Encodes parameters and decodes results with the schemas of a flow. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Flow, type FlowAddress, isFlow } from "../Flow.js"
import { InvalidRequestError, UnexpectedResponseError } from "../NoukaiError.js"

type AnyFlow = string | FlowAddress | Flow<never, unknown, unknown>

/** The address of a flow. */
export const refOf = (flow: AnyFlow): string | FlowAddress => isFlow(flow) ? flow.ref : flow

const inOneLine = (text: string): string => text.replace(/\s*\n\s*/g, " ")

/** Returns an input with encoded parameters. */
export const encoded = <A extends object, R>(
  method: string,
  flow: AnyFlow,
  input: A & { readonly parameters?: unknown }
): Effect.Effect<A, InvalidRequestError, R> => {
  const schema = isFlow(flow) ? flow.parameters : undefined
  // a cursor has the parameters of its run
  if (schema === undefined || (input.parameters === undefined && "from" in input)) return Effect.succeed(input)
  const encode = Schema.encodeUnknownEffect(schema)(input.parameters) as Effect.Effect<unknown, Schema.SchemaError, R>
  return Effect.mapBoth(encode, {
    onSuccess: (parameters) => ({ ...input, parameters }),
    onFailure: (cause) => {
      const reason = inOneLine(cause.message)
      const message = `${method}: invalid parameters: ${reason}`
      return new InvalidRequestError({ method, isRetryable: false, field: "parameters", reason, message, cause })
    }
  })
}

interface Facts {
  readonly executionId?: string | undefined
  readonly requestId?: string | undefined
}

/** Returns a decoded result. A result that does not fit is in the error, because it was paid for. */
export const decoded = <A, R>(
  method: string,
  flow: AnyFlow,
  facts: Facts,
  result: unknown
): Effect.Effect<A, UnexpectedResponseError, R> => {
  const schema = isFlow(flow) ? flow.result : undefined
  // without a schema, A is unknown
  if (schema === undefined) return Effect.succeed(result as A)
  const decode = Schema.decodeUnknownEffect(schema)(result) as Effect.Effect<A, Schema.SchemaError, R>
  return Effect.mapError(decode, (cause) => {
    const { executionId, requestId } = facts
    const reason = `the result does not fit the schema: ${inOneLine(cause.message)}`
    const message = `${method}: ${reason}${executionId === undefined ? "" : ` (execution ${executionId})`}`
    return new UnexpectedResponseError({
      method,
      isRetryable: false,
      executionId,
      requestId,
      reason,
      result,
      message,
      cause
    })
  })
}

/** Returns an object with other values of some properties. Lazy and hidden properties stay. */
export const withFields = <A extends object, B extends object>(self: A, fields: B): Omit<A, keyof B> & B => {
  const changed: PropertyDescriptorMap = {}
  for (const [name, value] of Object.entries(fields)) changed[name] = { value, enumerable: typeof value !== "function" }
  return Object.create(Object.getPrototypeOf(self), { ...Object.getOwnPropertyDescriptors(self), ...changed })
}

/** Returns an object with its result decoded. */
export const withResult = <A extends Facts & { readonly result?: unknown }>(
  method: string,
  flow: AnyFlow,
  self: A
): Effect.Effect<Omit<A, "result"> & { readonly result?: unknown }, UnexpectedResponseError, unknown> =>
  isFlow(flow) && flow.result !== undefined
    ? Effect.map(decoded(method, flow, self, self.result), (result) => withFields(self, { result }))
    : Effect.succeed(self)
