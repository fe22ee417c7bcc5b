/** The batch that the flags of a command define. */
import * as Batch from "@effect-noukai/batch/Batch"
import * as Flow from "@effect-noukai/sdk/Flow"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type simpleFlags, simpleOf } from "../../arguments/runInput.js"
import * as Values from "../../arguments/values.js"
import { type UsageError, wrong } from "../../exit/CommandError.js"
import { Settings } from "../../settings/Settings.js"
import type { DefinedFlags } from "./flags.js"

/** The flags that map a row to its run. */
export type Mapping = Pick<
  DefinedFlags,
  "key" | "messageField" | "messageTemplate" | "parameter" | keyof typeof simpleFlags
>

type Fields = { readonly [field: string]: unknown }

const fieldsOf = (row: unknown): Fields => {
  if (typeof row !== "object" || row === null || Array.isArray(row)) throw new Error("it is not an object with fields")
  return row as Fields
}

const valueOf = (row: unknown, field: string): unknown => {
  const fields = fieldsOf(row)
  if (!Object.hasOwn(fields, field)) {
    const names = Object.keys(fields).slice(0, 20).map((name) => JSON.stringify(name)).join(", ")
    throw new Error(`it has no field ${JSON.stringify(field)}${names === "" ? "" : `; its fields are ${names}`}`)
  }
  const problem = Values.rounded(fields[field])
  if (problem !== undefined) throw new Error(`its field ${JSON.stringify(field)} ${problem}`)
  return fields[field]
}

/** Returns a field as text. Other values become JSON. */
const textOf = (row: unknown, field: string): string => {
  const value = valueOf(row, field)
  if (value === null) throw new Error(`its field ${JSON.stringify(field)} is null`)
  return typeof value === "string" ? value : JSON.stringify(value)
}

const place = /(?<!\{)\{\{(?!\{)\s*(?!\s)((?:(?!\{\{|\}\}).)+?)\s*\}\}/g

/** Checks a template. An unclosed field would be sent, and paid for, as text. */
const template = (flag: string, text: string): Effect.Effect<string, UsageError> =>
  text.replace(place, "").includes("{{")
    ? wrong(`${flag} has an unclosed or empty {{: ${JSON.stringify(text)}; write {{field}}`)
    : Effect.succeed(text)

const filled = (template: string) => (row: unknown): string =>
  // values are not templates
  template.replace(place, (_, field: string) => textOf(row, field))

/** Returns a parameter: the value of a field, or text with fields in it. */
const parameterOf = (template: string): (row: unknown) => unknown => {
  const [[whole, field] = []] = template.matchAll(place)
  return whole === template && field !== undefined ? (row) => valueOf(row, field) : filled(template)
}

/**
 * Returns functions for the key and the input of a row. They throw if the row lacks a field: then the row is refused
 * (key) or invalid (input).
 */
export const rowInput = Effect.fnUntraced(function*(flags: Mapping) {
  if (Option.isSome(flags.messageField) && Option.isSome(flags.messageTemplate)) {
    return yield* wrong("give --message-field or --message-template, not both")
  }
  const message = Option.match(flags.messageField, {
    onNone: () => Option.getOrUndefined(Option.map(flags.messageTemplate, filled)),
    onSome: (field) => (row: unknown) => textOf(row, field)
  })
  if (Option.isSome(flags.messageTemplate)) yield* template("--message-template", flags.messageTemplate.value)
  const given = yield* Values.assignments(flags.parameter)
  for (const one of given) if ("text" in one) yield* template(`-p ${one.key}`, one.text)
  // the message would replace the parameter
  if (message !== undefined && given.some(({ key }) => key === "message")) {
    return yield* wrong("give the message once: the parameter \"message\" sets it too")
  }
  const parameters = given.map((one) => [one.key, "text" in one ? parameterOf(one.text) : () => one.json] as const)
  const isWhole = message === undefined && parameters.length === 0
  return {
    key: (row: unknown): string => {
      const key = valueOf(row, flags.key)
      if (typeof key !== "string" && typeof key !== "number") {
        throw new Error(`its field ${JSON.stringify(flags.key)} is neither a text nor a number`)
      }
      return String(key)
    },
    input: (row: unknown): Batch.JobInput => ({
      ...simpleOf(flags),
      ...message !== undefined && { message: message(row) },
      ...isWhole
        ? { parameters: Object.fromEntries(Object.keys(fieldsOf(row)).map((field) => [field, valueOf(row, field)])) }
        : parameters.length > 0 && {
          parameters: Object.fromEntries(parameters.map(([name, value]) => [name, value(row)]))
        }
    })
  }
})

/** Creates the batch, with the full address of its flow. */
export const definition = Effect.fnUntraced(function*(flags: DefinedFlags) {
  const { options: { org, project } } = yield* Settings
  const { input, key } = yield* rowInput(flags)
  const version = yield* Values.when(flags.version, Values.flowVersion)
  const flow = Flow.format(yield* Flow.resolve(flags.flow, { org, project }))
  const common = { id: flags.id, flow, version, key, input }
  return flags.operation === "execute"
    ? Batch.make({ ...common, operation: "execute" })
    : Batch.make({ ...common, operation: "jobs" })
})
