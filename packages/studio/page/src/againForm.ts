/** The form about a new run: its fields, made of a JSON Schema and a known input, and the input that they say. */
import { digitsAt, digitsOf, parseJson, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import type { RunAttachment, RunForm, RunInput } from "./api.js"

export type Kind = "text" | "number" | "integer" | "choice" | "json"

/** A parameter, as a field. */
export interface Field {
  readonly name: string
  /** `json`: any other value, as JSON text. */
  readonly kind: Kind
  /** The values to choose from, as JSON text. */
  readonly choices: ReadonlyArray<string>
  readonly isRequired: boolean
  /** Whether the schema of the flow has it. */
  readonly isDeclared: boolean
  readonly description: string | undefined
  /** A sentence about the values that it takes, such as `From 1 to 10.` */
  readonly takes: string | undefined
  readonly limits: Limits
}

interface Limits {
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
}

/** A field and its text. `undefined`: the parameter is left out. */
export interface Entry {
  readonly field: Field
  readonly text: string | undefined
  /** Whether the text is JSON, whatever the kind of the field. */
  readonly isJson: boolean
  /** Whether the reader names it. */
  readonly isNew?: boolean
}

/** The output of a step that later steps see in place of the real one. */
export interface Output {
  readonly stepId: string
  readonly text: string
  readonly isJson: boolean
}

export interface Start {
  readonly stepId: string
  readonly before: ReadonlyArray<string>
}

export interface Draft {
  readonly message: string | undefined
  readonly entries: ReadonlyArray<Entry>
  readonly attachments: ReadonlyArray<RunAttachment>
  readonly version: string
  readonly limit: string
  readonly outputs: ReadonlyArray<Output>
  /** The step at which the run begins, and the steps before it, which do not run. `undefined`: it begins at the first step. */
  readonly from: Start | undefined
  /** Whether the server keeps the inputs and outputs of its steps. */
  readonly isKept: boolean
}

// --- fields of a schema ------------------------------------------------------

type Schema = { readonly [keyword: string]: unknown }

const isSchema = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const own = (object: unknown, key: string): unknown =>
  isSchema(object) && Object.hasOwn(object, key) ? object[key] : undefined

/** The schema at a reference such as `#/$defs/tone`, as far as it is a part of the same schema. */
const resolved = (root: Schema, schema: unknown): Schema => {
  let found = schema
  for (let nth = 0; nth < 8; nth++) {
    const reference = own(found, "$ref")
    if (typeof reference !== "string" || !reference.startsWith("#/")) break
    found = reference.slice(2).split("/").reduce<unknown>(
      (at, part) => own(at, part.replaceAll("~1", "/").replaceAll("~0", "~")),
      root
    )
  }
  return isSchema(found) ? found : {}
}

/** The most values to choose from, and the most fields that a schema makes. */
const mostChoices = 200
const mostFields = 300

const jsonOf = (value: unknown): string => JSON.stringify(value) ?? "null"

/** The values of a schema that allows only some. */
const choicesOf = (root: Schema, schema: Schema): ReadonlyArray<string> | undefined => {
  if (Object.hasOwn(schema, "const")) return [jsonOf(schema.const)]
  if (Array.isArray(schema.enum)) return schema.enum.map(jsonOf)
  const any = Array.isArray(schema.anyOf) ? schema.anyOf : Array.isArray(schema.oneOf) ? schema.oneOf : undefined
  if (any !== undefined && any.length > 0 && any.length <= mostChoices) {
    const parts = any.map((one) => {
      const part = resolved(root, one)
      return part.type === "null"
        ? ["null"]
        : Object.hasOwn(part, "const")
        ? [jsonOf(part.const)]
        : Array.isArray(part.enum)
        ? part.enum.map(jsonOf)
        : undefined
    })
    return parts.every((part) => part !== undefined) ? parts.flat() : undefined
  }
  return schema.type === "boolean"
    ? ["true", "false"]
    : Array.isArray(schema.type) && schema.type.length > 0 &&
        schema.type.every((type) => type === "boolean" || type === "null")
    ? ["true", "false", "null"]
    : undefined
}

/** The one alternative of a schema beside null. */
const withoutNull = (root: Schema, schema: Schema): Schema => {
  const any = Array.isArray(schema.anyOf) ? schema.anyOf : Array.isArray(schema.oneOf) ? schema.oneOf : []
  const others = any.map((one) => resolved(root, one)).filter(({ type }) => type !== "null")
  if (others.length === 1) return { ...schema, ...others[0] }
  const types = Array.isArray(schema.type) ? schema.type.filter((type) => type !== "null") : []
  return types.length === 1 ? { ...schema, type: types[0] } : schema
}

const kinds: { readonly [type: string]: Kind } = { string: "text", number: "number", integer: "integer" }

const limitsOf = (schema: Schema): Limits => {
  const of = (keyword: keyof Limits): Limits =>
    typeof schema[keyword] === "number" ? { [keyword]: schema[keyword] } : {}
  return { ...of("minimum"), ...of("maximum"), ...of("minLength"), ...of("maxLength") }
}

const range = (least: number | undefined, most: number | undefined, unit: string): string | undefined =>
  least !== undefined && most !== undefined
    ? `${least} to ${most}${unit}`
    : least !== undefined
    ? `at least ${least}${unit}`
    : most !== undefined
    ? `at most ${most}${unit}`
    : undefined

const typeNames: { readonly [type: string]: string } = { array: "a JSON array", object: "a JSON object" }

const takesOf = (schema: Schema, kind: Kind, limits: Limits): string | undefined => {
  const { maxLength, maximum, minLength, minimum } = limits
  const parts = [
    kind === "integer" ? "a whole number" : kind === "number" ? "a number" : kind === "json"
      ? Object.hasOwn(typeNames, String(schema.type)) ? typeNames[String(schema.type)] : "JSON"
      : undefined,
    range(minimum, maximum, ""),
    range(minLength, maxLength, " characters"),
    Object.hasOwn(schema, "default") ? `${jsonOf(schema.default).slice(0, 80)} if left out` : undefined
  ].filter((part) => part !== undefined)
  return parts.length === 0 ? undefined : parts.join(", ")
}

const textAt = (schema: Schema, keyword: string): string | undefined => {
  const text = schema[keyword]
  return typeof text === "string" && text.trim() !== "" ? text.slice(0, 2_000) : undefined
}

const fieldOf = (root: Schema, name: string, given: unknown, isRequired: boolean): Field => {
  const schema = resolved(root, given)
  const choices = choicesOf(root, schema)
  const inner = withoutNull(root, schema)
  const kind = choices !== undefined && choices.length <= mostChoices && choices.length > 0
    ? "choice"
    : typeof inner.type === "string" && Object.hasOwn(kinds, inner.type)
    ? kinds[inner.type]!
    : "json"
  const limits = limitsOf(inner)
  return {
    name,
    kind,
    choices: kind === "choice" ? [...new Set(choices)] : [],
    isRequired,
    isDeclared: true,
    description: [textAt(schema, "title"), textAt(schema, "description")].filter((part) => part !== undefined)
      .join(": ") || undefined,
    takes: takesOf(inner, kind, limits),
    limits
  }
}

/** A field for a parameter that no schema has, of the kind of its value. */
export const looseField = (name: string, kind: Kind): Field => ({
  name,
  kind,
  choices: kind === "choice" ? ["true", "false"] : [],
  isRequired: false,
  isDeclared: false,
  description: undefined,
  takes: undefined,
  limits: {}
})

const kindOf = (value: unknown): Kind =>
  typeof value === "string"
    ? "text"
    : typeof value === "number"
    ? "number"
    : typeof value === "boolean"
    ? "choice"
    : "json"

const fieldsOf = (schema: unknown): ReadonlyArray<Field> => {
  const root = isSchema(schema) ? schema : {}
  const top = resolved(root, root)
  const properties = isSchema(top.properties) ? top.properties : {}
  const required = new Set(Array.isArray(top.required) ? top.required : [])
  return Object.entries(properties)
    .sort(([one], [other]) => Number(required.has(other)) - Number(required.has(one)))
    .slice(0, mostFields)
    .map(([name, property]) => fieldOf(root, name, property, required.has(name)))
}

// --- a draft -----------------------------------------------------------------

const pretty = (value: unknown, digits: unknown): string => stringifyJson(value, digits, 2) ?? "null"

/** The text of a value in a field. A value of another type is JSON. */
const entryOf = (field: Field, value: unknown, digits: unknown): Entry => {
  const { choices, kind } = field
  if (kind === "text" && typeof value === "string") return { field, text: value, isJson: false }
  if ((kind === "number" || kind === "integer") && typeof value === "number") {
    return { field, text: stringifyJson(value, digits), isJson: false }
  }
  if (kind === "choice" && choices.includes(jsonOf(value))) return { field, text: jsonOf(value), isJson: false }
  return { field, text: pretty(value, digits), isJson: true }
}

export const draftOf = ({ input, needsMessage, parametersSchema }: RunForm): Draft => {
  const parameters = new Map(Object.entries(input.parameters ?? {}))
  const digits = digitsOf(input.parameters)
  const declared = fieldsOf(parametersSchema)
  const known = new Set(declared.map(({ name }) => name))
  return {
    message: input.message ?? (needsMessage === true ? "" : undefined),
    entries: [
      ...declared.map((field): Entry =>
        parameters.has(field.name)
          ? entryOf(field, parameters.get(field.name), digitsAt(digits, field.name))
          : { field, text: field.isRequired && field.kind !== "choice" ? "" : undefined, isJson: field.kind === "json" }
      ),
      ...[...parameters].filter(([name]) => !known.has(name)).map(([name, value]) =>
        entryOf(looseField(name, kindOf(value)), value, digitsAt(digits, name))
      )
    ],
    attachments: input.attachments ?? [],
    version: input.version ?? "production",
    limit: input.maxCostUsd ?? "",
    outputs: Object.entries(input.inputOverrides ?? {}).map(([stepId, value]) =>
      outputOf(stepId, value, digitsAt(digitsOf(input.inputOverrides), stepId))
    ),
    from: undefined,
    isKept: input.snapshots === true
  }
}

/** The part of a draft whose run begins at a step, with the outputs of the run for the steps before it. */
export const startingAt = (
  { later, steps }: Pick<RunForm, "later" | "steps">,
  { outputs }: Pick<Draft, "outputs">,
  stepId: string | undefined
): Pick<Draft, "from" | "outputs"> => {
  const index = later.findIndex((step) => step.stepId === stepId)
  if (stepId === undefined || index === -1) return { from: undefined, outputs }
  const known = new Set(outputs.map(({ stepId }) => stepId))
  const before = steps.slice(0, index + 1)
  const added = before.filter(({ stepId }) => !known.has(stepId)).map(({ output, stepId }): Output =>
    output === undefined ? { stepId, text: "", isJson: true } : outputOfJson(stepId, output)
  )
  return { from: { stepId, before: before.map(({ stepId }) => stepId) }, outputs: [...outputs, ...added] }
}

const outputOf = (stepId: string, value: unknown, digits: unknown): Output =>
  typeof value === "string"
    ? { stepId, text: value, isJson: false }
    : { stepId, text: pretty(value, digits), isJson: true }

/** JSON in a list, which has the digits of a number. */
const readJson = (text: string): readonly [value: unknown, digits: unknown] => {
  const value: unknown = JSON.parse(text)
  const list = parseJson(`[${text}]`)
  const digits = digitsAt(digitsOf(list), 0)
  return [typeof digits === "object" ? (list as ReadonlyArray<unknown>)[0] : value, digits]
}

export const outputOfJson = (stepId: string, json: string): Output => outputOf(stepId, ...readJson(json))

// --- its input ----------------------------------------------------------------

/** A field with a problem. */
export type Place =
  | "message"
  | "version"
  | "limit"
  | "outputs"
  | "from"
  | `parameter ${number}`
  | `attachment ${number}`
  | `output ${number}`

export interface Read {
  /** Absent if there are problems. */
  readonly input: RunInput | undefined
  readonly problems: ReadonlyMap<Place, string>
}

/** A value, or what is wrong with its text. */
type Parsed = { readonly value: unknown } | { readonly problem: string }

const tooManyDigits = "This number has more digits than a program in JavaScript keeps."

const parsed = (text: string): Parsed => {
  if (text.trim() === "") return { problem: "Enter JSON, such as [\"a\"] or {\"a\": 1}." }
  try {
    const [value, digits] = readJson(text)
    return digits === undefined ? { value } : { problem: tooManyDigits }
  } catch (cause) {
    return { problem: `This is not JSON: ${(cause as Error).message.replace(/^JSON\.parse: /, "")}.` }
  }
}

const digits = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

const numberOf = (text: string, isWhole: boolean): Parsed => {
  const trimmed = text.trim()
  const value = Number(trimmed)
  if (!digits.test(trimmed) || !Number.isFinite(value)) {
    return { problem: isWhole ? "Enter a whole number." : "Enter a number." }
  }
  if (isWhole && !Number.isInteger(value)) return { problem: "Enter a whole number." }
  if (/^[+-]?\d+$/.test(trimmed) && String(value) !== trimmed && BigInt(trimmed) !== BigInt(value)) {
    return { problem: tooManyDigits }
  }
  return { value }
}

const outside = (value: number, least: number | undefined, most: number | undefined): boolean =>
  (least !== undefined && value < least) || (most !== undefined && value > most)

const valueOf = ({ field, isJson, text = "" }: Entry): Parsed => {
  const { choices, kind, limits: { maxLength, maximum, minLength, minimum } } = field
  if (isJson || kind === "json") return parsed(text)
  if (kind === "choice") return choices.includes(text) ? parsed(text) : { problem: "Choose a value." }
  if (kind === "text") {
    return outside([...text].length, minLength, maxLength)
      ? { problem: `Enter ${range(minLength, maxLength, " characters")}.` }
      : { value: text }
  }
  const read = numberOf(text, kind === "integer")
  return "value" in read && outside(read.value as number, minimum, maximum)
    ? { problem: `Enter a number, ${range(minimum, maximum, "")}.` }
    : read
}

/** An object that has any names, `__proto__` too. */
const objectOf = (entries: ReadonlyArray<readonly [string, unknown]>): { readonly [name: string]: unknown } =>
  Object.fromEntries(entries)

const mostAttachments = 10

const isHttps = (url: string): boolean => URL.canParse(url) && new URL(url).protocol === "https:"

/** Reads a draft. Nothing is sent while it has problems. */
export const inputOf = (flow: string, needsMessage: boolean, draft: Draft): Read => {
  const problems = new Map<Place, string>()
  const parameters: Array<readonly [string, unknown]> = []
  const names = new Set<string>()
  draft.entries.forEach((entry, nth) => {
    const { isRequired, name } = entry.field
    const place = `parameter ${nth}` as const
    if (entry.text === undefined) {
      if (isRequired) problems.set(place, "The flow needs this parameter.")
      return
    }
    if (name.trim() === "") problems.set(place, "Enter the name of the parameter.")
    else if (name === "attachments") problems.set(place, "This name is reserved. Add images below.")
    else if (names.has(name)) problems.set(place, "There is another parameter of this name.")
    names.add(name)
    const read = valueOf(entry)
    if ("value" in read) parameters.push([name, read.value])
    else if (!problems.has(place)) problems.set(place, read.problem)
  })
  if (draft.message !== undefined && names.has("message")) {
    problems.set("message", "The parameter message sets the message, too. Leave out one of them.")
  } else if (needsMessage && (draft.message ?? "") === "" && names.size === 0) {
    problems.set("message", "The flow needs a message.")
  }
  draft.attachments.forEach(({ url }, nth) => {
    if (!isHttps(url)) problems.set(`attachment ${nth}`, "Enter the https URL of an image.")
    else if (nth >= mostAttachments) problems.set(`attachment ${nth}`, `A run takes ${mostAttachments} images at most.`)
  })
  const version = draft.version.trim()
  if (!/^(production|draft|[1-9]\d{0,5})?$/.test(version)) {
    problems.set("version", "Enter production, draft or the number of a version.")
  }
  const limit = draft.limit.trim()
  if (limit !== "" && !(/^(\d{1,20}(\.\d{1,20})?|\.\d{1,20})$/.test(limit) && Number(limit) > 0)) {
    problems.set("limit", "Enter US dollars above 0, such as 0.05.")
  }
  const outputs: Array<readonly [string, unknown]> = []
  draft.outputs.forEach(({ isJson, stepId, text }, nth) => {
    const read = isJson ? parsed(text) : { value: text }
    if ("value" in read) outputs.push([stepId, read.value])
    else problems.set(`output ${nth}`, read.problem)
  })
  if (version === "draft") {
    const why = "A draft runs in one request, in which nothing can be"
    if (limit !== "" && !problems.has("limit")) problems.set("limit", `${why} stopped. Leave out the limit.`)
    if (draft.outputs.length > 0) problems.set("outputs", `${why} replaced. Leave out the outputs.`)
    if (draft.from !== undefined) problems.set("from", "A draft runs from its first step.")
  }
  const before = new Set(draft.from?.before)
  const given = new Set(draft.outputs.map(({ stepId }) => stepId))
  const missing = [...before].filter((stepId) => !given.has(stepId))
  if (missing.length > 0) {
    problems.set("outputs", `The run needs the outputs of the steps before it begins: ${missing.join(", ")}.`)
  }
  const earlier = outputs.filter(([stepId]) => before.has(stepId))
  const replaced = outputs.filter(([stepId]) => !before.has(stepId))
  return {
    problems,
    input: problems.size > 0 ? undefined : {
      flow,
      ...draft.message !== undefined && { message: draft.message },
      ...parameters.length > 0 && { parameters: objectOf(parameters) },
      ...draft.attachments.length > 0 && { attachments: draft.attachments },
      ...version !== "" && version !== "production" && { version },
      ...limit !== "" && { maxCostUsd: limit.replace(/^\./, "0.") },
      ...replaced.length > 0 && { inputOverrides: objectOf(replaced) },
      ...before.size > 0 && { startAt: { stepIndex: before.size, outputs: objectOf(earlier) } },
      ...draft.isKept && { snapshots: true }
    }
  }
}
