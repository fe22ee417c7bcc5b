/**
 * Request bodies: their fields and JSON types. A wrong type is a validation failure.
 *
 * @see docs/wire.md#execute
 * @see docs/wire.md#step
 * @see docs/wire.md#jobs
 * @see docs/wire.md#errors
 */
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import type { Json } from "../../Flow.js"
import { type ApiError, invalid } from "../apiError.js"
import { isObject, type JsonObject } from "../json.js"

const isText = (value: unknown): value is string => typeof value === "string"

const isFlag = (value: unknown): value is boolean => typeof value === "boolean"

const isNumber = (value: unknown): value is number => typeof value === "number"

const isObjectOfObjects = (value: unknown): value is { readonly [key: string]: JsonObject } =>
  isObject(value) && Object.values(value).every(isObject)

const isList = (value: unknown): value is ReadonlyArray<Json> => Array.isArray(value)

const isListOfObjects = (value: unknown): value is ReadonlyArray<JsonObject> => isList(value) && value.every(isObject)

const isToolChoice = (value: unknown): value is Json => {
  if (value === "auto" || value === "none" || value === "required") return true
  return isObject(value) && value.type === "function" && isObject(value.function) &&
    typeof value.function.name === "string"
}

const rules = {
  text: ["str type expected", "type_error.str"],
  flag: ["value could not be parsed to a boolean", "type_error.bool"],
  integer: ["value is not a valid integer", "type_error.integer"],
  notNegative: ["ensure this value is greater than or equal to 0", "value_error.number.not_ge"],
  object: ["value is not a valid dict", "type_error.dict"],
  objects: ["every value must be a dict", "type_error.dict"],
  list: ["value is not a valid list", "type_error.list"],
  listOfObjects: ["value is not a valid list of dicts", "type_error.list"],
  toolChoice: ["value is not auto, none, required or a function", "value_error.tool_choice"]
} as const

const types: { readonly [message: string]: string } = Object.fromEntries(Object.values(rules))

function field<A>(is: (value: unknown) => value is A, [message]: readonly [string, string]) {
  return Schema.optionalWith(Schema.declare(is, { message: () => ({ message, override: true }) }), { exact: true })
}

const counter = Schema.optionalWith(
  Schema.declare(isNumber, { message: () => ({ message: rules.integer[0], override: true }) }).pipe(
    Schema.filter((value) =>
      !Number.isSafeInteger(value) ? rules.integer[0] : value < 0 ? rules.notNegative[0] : undefined
    )
  ),
  { exact: true }
)

/** The fields that describe a run. */
const described = {
  message: field(isText, rules.text),
  parameters: field(isObject, rules.object),
  blockOverrides: field(isObjectOfObjects, rules.objects),
  attachments: field(isList, rules.list),
  tools: field(isList, rules.list),
  toolChoice: field(isToolChoice, rules.toolChoice),
  trace: field(isFlag, rules.flag)
}

const shared = {
  ...described,
  executionId: field(isText, rules.text),
  iterationsUsed: counter,
  toolCallMessages: field(isListOfObjects, rules.listOfObjects),
  accumulatedOutputs: field(isObject, rules.object)
}

type Described = Schema.Struct.Type<typeof described>

/** The input of the request that starts a run. */
export interface RunInput extends Omit<Described, "message"> {
  readonly message: string | null
  readonly messages: ReadonlyArray<Json>
  readonly parameters: JsonObject
  readonly blockOverrides: { readonly [stepId: string]: JsonObject }
  readonly trace: boolean
}

/** The text of `message`, or of the last of `messages`. */
const messageOf = (
  message: string | undefined,
  messages: ReadonlyArray<JsonObject>
): string | null => {
  if (message !== undefined) return message
  const content = messages.at(-1)?.content
  return typeof content === "string" ? content : null
}

const descriptionOf = (body: Described): Described => Struct.pick(body, ...Struct.keys(described))

/** The input of a run that a request starts. */
export const runInputOf = (body: Described & { readonly messages?: ReadonlyArray<JsonObject> }): RunInput => {
  const { blockOverrides = {}, message, messages = [], parameters = {}, trace = false, ...others } = body
  return {
    ...descriptionOf(others),
    message: messageOf(message, messages),
    messages,
    parameters,
    blockOverrides,
    trace
  }
}

/** The input of a run after a later request. The run keeps its message, parameters and attachments. */
export const laterInputOf = (known: RunInput, body: Described): RunInput => {
  const { attachments: _, blockOverrides = {}, message: __, parameters: ___, ...others } = body
  return { ...known, ...descriptionOf(others), blockOverrides }
}

export const ExecuteBody = Schema.Struct({
  ...shared,
  messages: field(isListOfObjects, rules.listOfObjects),
  pausedAtStep: field(isText, rules.text)
})

export type ExecuteBody = typeof ExecuteBody.Type

export const StepBody = Schema.Struct({
  ...shared,
  stepIndex: counter,
  inputOverrides: field(isObject, rules.object),
  runRemaining: field(isFlag, rules.flag)
})

export type StepBody = typeof StepBody.Type

export const JobBody = Schema.Struct({
  ...shared,
  callbackUrl: field(isText, rules.text),
  callbackEvents: field(isList, rules.list)
})

export type JobBody = typeof JobBody.Type

/**
 * Removes `null` at the top of a body, which is the same as an absent field. Renames `block_overrides` to
 * `blockOverrides`.
 *
 * @see docs/wire.md#json
 */
const normalise = (body: JsonObject): JsonObject => {
  const entries = Object.entries(body).filter(([, value]) => value !== null)
  const { block_overrides: snake, ...rest } = Object.fromEntries(entries)
  return snake === undefined || rest.blockOverrides !== undefined ? rest : { ...rest, blockOverrides: snake }
}

export const decoder = <A, I>(
  schema: Schema.Schema<A, I>
): (body: JsonObject) => Either.Either<A, ApiError> => {
  const decode = Schema.decodeUnknownEither(schema, { errors: "all" })
  return (body) =>
    Either.mapLeft(decode(normalise(body)), (error) =>
      invalid(
        ParseResult.ArrayFormatter.formatErrorSync(error).map(({ message, path }) => ({
          loc: ["body", ...path.map((key) => typeof key === "symbol" ? key.toString() : key)],
          msg: message,
          type: types[message] ?? "value_error"
        }))
      ))
}
