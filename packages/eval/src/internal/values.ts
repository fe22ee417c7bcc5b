/** Values of cases and runs: paths into them, their texts, their equality and their hashes. */
import type { FlowVersion } from "@effect-noukai/sdk/Flow"
import { misnamed, nameDistance, type Table } from "@effect-noukai/sdk/kit/names"
import { hasRounded } from "@effect-noukai/sdk/kit/plainJson"
import { masked } from "@effect-noukai/sdk/SafeText"
import * as JSONSchema from "effect/JSONSchema"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { hash } from "node:crypto"

/** A version. 0 is the draft, in every call of the SDK. */
export const namedVersion = (version: FlowVersion): FlowVersion => version === 0 ? "draft" : version

/** A path into a value: keys and indices, or `"answers.0.text"`. A key with a dot is in brackets: `row["No."]`. */
export type Path = string | ReadonlyArray<string | number>

/** A key in brackets, or a key without dots. */
const part = /\["((?:[^"\\]|\\.)*)"\]|\['([^']*)'\]|(?:^|\.)((?:(?!\[["'])[^.])*)/gy

export const keysOf = (path: Path): ReadonlyArray<string> => {
  if (typeof path !== "string") return path.map(String)
  if (path === "") return []
  const parts = /\[["']/.test(path) ? [...path.matchAll(part)] : []
  return parts.map(([text]) => text).join("") === path
    ? parts.map(([, double, single, plain = ""]) => double?.replace(/\\(.)/g, "$1") ?? single ?? plain)
    : path.split(".")
}

/** A path as text: `rows.0["No."]`. */
export const pathText = (path: Path): string =>
  !Array.isArray(path) ?
    String(path) :
    keysOf(path).map((key, index) =>
      key === "" || key.includes(".") || /\[["']/.test(key)
        ? `["${key.replace(/["\\]/g, "\\$&")}"]`
        : `${index === 0 ? "" : "."}${key}`
    ).join("")

/** Names that lists and texts have in JavaScript, and that no result has as a field unless its flow says so. */
const builtIn: ReadonlySet<string> = new Set([
  "length",
  ...["concat", "includes", "join", "pop", "push", "reverse", "shift", "slice", "split", "splice", "substr", "trim"],
  ...[Array, String, Object].flatMap(({ prototype }) => Object.getOwnPropertyNames(prototype)).filter((name) =>
    /[A-Z_]/.test(name)
  )
])

const isPath = (path: unknown): path is Path =>
  typeof path === "string" ||
  (Array.isArray(path) && path.every((key) => typeof key === "string" || typeof key === "number"))

/**
 * The reason why a path of a check is refused: it is not a path, or it reads a property of JavaScript. A key in brackets
 * is always a field.
 */
export const pathProblem = (path: Path, option = "at"): string | undefined => {
  if (!isPath(path)) return `has ${option} ${show(path)}: it must be a path such as "answers.0.text", or a list of keys`
  if (typeof path !== "string") return undefined
  const found = path.split(".").find((name) => builtIn.has(name) || /\(.*\)$/.test(name))
  return found === undefined
    ? undefined
    : `has the ${option} ${show(path)}, where ${found} is not a field of a list or a text: check the whole value. ` +
      `For a field of this name write ["${found}"]`
}

/** The value at a path, if there is one. */
export const valueAt = (value: unknown, path: Path): Option.Option<unknown> => {
  let at = value
  for (const key of keysOf(path)) {
    // the length of a list is not a value of it
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key) || (Array.isArray(at) && key === "length")) {
      return Option.none()
    }
    at = (at as { readonly [key: string]: unknown })[key]
  }
  return at === undefined ? Option.none() : Option.some(at)
}

/** The values that a template names. */
interface Sources {
  readonly $case: unknown
  readonly $run?: unknown
}

/** Returns a value. Throws if it has a number that may not be the written one. */
export const exact = (value: unknown): unknown => {
  if (!hasRounded(value)) return value
  throw new Error("a number has too many digits: make it a text")
}

/**
 * A template with its values: `{ "$case": "text" }` is the value at a path of the case, `{ "$run": "result" }` one of
 * the run, and `{ "$text": ["Grade: ", { "$case": "text" }] }` joins texts. Throws if a value is missing.
 */
export const filled = (template: unknown, sources: Sources): unknown => {
  if (Array.isArray(template)) return template.map((part) => filled(part, sources))
  const fields = Predicate.isRecord(template) ? Object.entries(template) : []
  const [name, path] = fields.length === 1 ? fields[0]! : []
  if ((name === "$case" || name === "$run") && (typeof path === "string" || Array.isArray(path))) {
    const missing = () => {
      const hint = typeof path === "string" && Option.isSome(valueAt(sources[name], [path]))
        ? `: write ${pathText([path])}, because its name has a dot`
        : ""
      return new Error(`the ${name.slice(1)} has no ${pathText(path)}${hint}`)
    }
    const value = Option.getOrThrowWith(valueAt(sources[name], path), missing)
    return name === "$case" ? exact(value) : value
  }
  if (name === "$text" && Array.isArray(path)) {
    return path.map((part) => filled(part, sources)).map((part) => typeof part === "string" ? part : canonical(part))
      .join("")
  }
  return Predicate.isRecord(template) && Object.getPrototypeOf(template) === Object.prototype
    ? Object.fromEntries(fields.map(([name, part]) => [name, filled(part, sources)]))
    : template
}

const templates = ["$case", "$run", "$text"]

/** The first mistake in the templates of a value: a misspelt name, a path that is none, or a field beside it. */
export const templateProblem = (value: unknown): string | undefined => {
  if (Array.isArray(value)) return value.map(templateProblem).find((problem) => problem !== undefined)
  if (!Predicate.isRecord(value)) return undefined
  for (const [name, part] of Object.entries(value)) {
    const meant = name.startsWith("$")
      ? templates.find((one) => (nameDistance(name.toLowerCase(), one) ?? 2) < 2)
      : undefined
    const problem = meant === undefined
      ? templateProblem(part)
      : meant !== name
      ? `has ${name}, which is not a template: did you mean ${meant}?`
      : Object.keys(value).length > 1
      ? `has ${name} with other fields: a template is alone in its object`
      : name === "$text"
      ? Array.isArray(part) ? templateProblem(part) : `has $text ${show(part)}: it must be a list of texts`
      : !isPath(part)
      ? `has ${name} ${show(part)}: it must be a path such as "answers.0.text", or a list of keys`
      : undefined
    if (problem !== undefined) return problem
  }
  return undefined
}

const sorted = (_: string, value: unknown): unknown =>
  value instanceof Map || value instanceof Set
    ? [...value]
    : Predicate.isRecord(value)
    ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, value[key]]))
    : typeof value === "bigint"
    ? `${value}n`
    : value

/** JSON in which equal values have equal texts. */
export const canonical = (value: unknown): string => JSON.stringify(value, sorted) ?? "null"

/** The first part of a value that JSON would write as another one, such as NaN as null. */
export const notJson = (value: unknown): string | undefined => {
  const isLost = value === undefined || typeof value === "function" || typeof value === "symbol"
  if (isLost || (typeof value === "number" && !Number.isFinite(value))) return isLost ? typeof value : String(value)
  if (!Array.isArray(value) && !Predicate.isRecord(value)) return undefined
  // a field that is undefined is a field that is absent
  const parts: ReadonlyArray<unknown> = Array.isArray(value)
    ? value
    : Object.values(value).filter((part) => part !== undefined)
  for (const part of parts) {
    const found = notJson(part)
    if (found !== undefined) return found
  }
  return undefined
}

/** Whether two values are equal as JSON, ignoring the order of keys. */
export const isSame = (a: unknown, b: unknown): boolean =>
  Object.is(a, b) || (a !== undefined && b !== undefined && canonical(a) === canonical(b))

/** Whether a value has all that is expected: objects may have more fields. */
export const hasAll = (actual: unknown, wanted: unknown): boolean =>
  Predicate.isRecord(wanted)
    ? Predicate.isRecord(actual) && Object.keys(wanted).every((key) => hasAll(actual[key], wanted[key]))
    : isSame(actual, wanted)

/** A schema as text, with the parts of schemas that have a name. Filters are known by their names alone. */
export const schemaText = (schema: Schema.Schema.AnyNoContext): string =>
  Schema.format(schema) + Option.getOrElse(Option.liftThrowable(() => canonical(JSONSchema.make(schema)))(), () => "")

/** A short hash of a text: enough to see that it has changed. */
export const shortHash = (text: string): string => hash("sha256", text).slice(0, 16)

/** A text in one line of limited length, without keys: a part of one would not be known as one. */
export const line = (text: string, longest = 300): string => {
  const one = masked(text).trim().replace(/\s*[\r\n\u2028\u2029]\s*/g, " ")
  return one.length <= longest ? one : `${one.slice(0, longest - 1).replace(/\p{Surrogate}$/u, "")}…`
}

/** A value in a sentence. */
export const show = (value: unknown): string =>
  typeof value === "function"
    ? "a function"
    : line(typeof value === "number" || value === undefined ? String(value) : canonical(value), 80)

/** The message of something that was thrown. */
export const messageOf = (error: unknown): string => line(error instanceof Error ? error.message : String(error))

/** The rule that a value breaks which is not an amount. */
export const amountForms = "must be an amount of at least 0: a number, or decimal text such as \"0.25\""

/** The reason why the options of a check are refused, if they are. */
export const problemIn = (given: unknown, names: Table): string | undefined => {
  const found = misnamed("its options", given, names)
  return found && `has ${found.field}, which ${found.reason}`
}
