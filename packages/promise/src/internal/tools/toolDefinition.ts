/** Makes tools of the SDK from the options of `defineTool`. */
import * as SdkFlow from "@effect-noukai/sdk/Flow"
import type { InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import * as Tools from "@effect-noukai/sdk/Tools"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { AnySchema } from "../../Schemas.js"
import type { ToolContext, ToolOptions } from "../../Tool.js"
import { fieldOf, isRecord, type Json } from "../json.js"
import { fieldsOf, noSchema, reading, refusal } from "../options/reading.js"
import { type Names, refuseUnknown } from "../options/unknown.js"

/** A tool whose parameters have a JSON Schema. */
export interface ToolDefinition {
  readonly name: string
  readonly description: string | undefined
  readonly parameters: Schema.Schema<unknown>
  readonly run: (args: never, context: ToolContext) => unknown
}

/** Returns what a schema implements of Standard Schema. A schema of ArkType is a function. */
const standardOf = (schema: unknown): unknown =>
  Predicate.hasProperty(schema, "~standard") ? schema["~standard"] : undefined

/** Returns the JSON Schema of a schema of another library, or nothing if its library makes none. */
const converted = (schema: unknown): unknown => {
  const jsonSchema = fieldOf(standardOf(schema), "jsonSchema")
  if (!isRecord(jsonSchema) || typeof jsonSchema.input !== "function") return undefined
  return jsonSchema.input({ target: "draft-07" })
}

/** Returns the place of the field that has no JSON Schema, which errors of Zod do not name, and the error. */
const throwingAt = (schema: unknown, path: string): { readonly path: string; readonly cause: unknown } | undefined => {
  try {
    converted(schema)
    return undefined
  } catch (cause) {
    // `shape` has the fields of an object of Zod
    const fields = Object.entries(fieldOf(schema, "shape") ?? {})
    for (const [key, field] of fields) {
      const found = throwingAt(field, `${path}.${key}`)
      if (found !== undefined) return found
    }
    return { path, cause }
  }
}

const wordsAlone: ReadonlySet<string> = new Set(["title", "description", "default", "examples", "deprecated"])

/** Returns the place of a value about which a JSON Schema says nothing, such as a `Date` of ArkType. */
const silentAt = (schema: unknown, path: string): string | undefined => {
  if (schema === true) return path
  if (!isRecord(schema)) return undefined
  if (Object.keys(schema).every((key) => wordsAlone.has(key))) return path
  const parts: ReadonlyArray<readonly [path: string, schema: unknown]> = [
    ...Object.entries(schema.properties ?? {}).map(([key, field]) => [`${path}.${key}`, field] as const),
    ...[schema.items].flat().map((item) => [`${path}[]`, item] as const),
    ...[schema.anyOf, schema.oneOf, schema.allOf].flat().map((member) => [path, member] as const),
    ...[schema.$defs, schema.definitions].flatMap((definitions) => Object.entries(definitions ?? {}))
  ]
  return parts.map(([at, part]) => silentAt(part, at)).find((found) => found !== undefined)
}

const byHand = "give jsonSchema by hand"

/** Returns the way to the JSON Schema of a schema whose library does not make one by itself. */
const hintOf = (schema: unknown): string => {
  if (fieldOf(standardOf(schema), "vendor") !== "zod") return "wrap a schema of Valibot with toStandardJsonSchema"
  // the mark of Zod 4 for libraries
  return Predicate.hasProperty(schema, "_zod")
    ? "for a schema of Zod mini give jsonSchema: z.toJSONSchema(schema), or import z from \"zod\""
    : "a schema of Zod 3 cannot make one: use Zod 4"
}

const messageOf = (cause: unknown): string =>
  (cause instanceof Error ? cause.message : String(cause)).replace(/\s*\n\s*/g, " ")

/** Returns the JSON Schema of a schema of another library. Throws a refusal that names the place without one. */
const jsonSchemaOf = (operation: string, schema: unknown): Json => {
  const thrown = throwingAt(schema, "parameters")
  if (thrown !== undefined) {
    const { cause, path } = thrown
    throw refusal(operation, path, `has no JSON Schema (${messageOf(cause)}): ${byHand}`, { cause })
  }
  const made = converted(schema)
  if (!isRecord(made)) {
    throw refusal(
      operation,
      "parameters",
      `has no ~standard.jsonSchema: ${hintOf(schema)}, or ${byHand}`
    )
  }
  const { $schema: _, ...jsonSchema } = made
  return jsonSchema
}

const withJsonSchema = (operation: string, schema: unknown, jsonSchema: unknown): Schema.Schema<unknown> => {
  if (jsonSchema !== undefined && !isRecord(jsonSchema)) throw refusal(operation, "jsonSchema", "must be an object")
  const isEffect = Schema.isSchema(schema)
  if (isEffect && jsonSchema === undefined) return schema as Schema.Schema<unknown>
  if (!isEffect && typeof fieldOf(standardOf(schema), "validate") !== "function") {
    throw refusal(operation, "parameters", noSchema)
  }
  const decoding = isEffect ? schema : SdkFlow.fromStandardSchema(schema as SdkFlow.StandardSchema)
  return decoding.annotations({ jsonSchema: jsonSchema ?? jsonSchemaOf(operation, schema) }) as Schema.Schema<unknown>
}

/** Runs the code of a tool, which returns its content. */
export type ToolRunner<E> = (
  definition: ToolDefinition,
  args: unknown,
  call: Tools.ToolCall
) => Effect.Effect<Tools.Json, E>

/** Returns the tools of the SDK, which check arguments and report wrong ones to the model. */
export const toolSet = <E>(
  definitions: ReadonlyArray<ToolDefinition>,
  run: ToolRunner<E>
): Tools.ToolSet<E | InvalidRequestError, never> =>
  Tools.make(...definitions.map((definition) =>
    Tools.tool({
      name: definition.name,
      description: definition.description,
      parameters: definition.parameters,
      handler: (args: unknown, call) => run(definition, args, call)
    })
  ))

const nameForm = /^[A-Za-z0-9_-]{1,64}$/

const names: Names<ToolOptions<AnySchema>> = {
  name: true,
  description: true,
  parameters: true,
  jsonSchema: true,
  run: true
}

/** Checks the options of `defineTool`. Throws a refusal that names the tool and the place of what is wrong. */
export const toolDefinition = (options: ToolOptions<AnySchema>): ToolDefinition =>
  reading("defineTool", "options", () => {
    const given = fieldsOf("defineTool", options)
    refuseUnknown("defineTool", given, names)
    const { description, jsonSchema, name, parameters, run } = given
    if (typeof name !== "string" || !nameForm.test(name)) {
      throw refusal("defineTool", "name", "must be 1 to 64 of A-Z a-z 0-9 _ -")
    }
    const operation = `defineTool ${name}`
    if (description !== undefined && typeof description !== "string") {
      throw refusal(operation, "description", "must be a string")
    }
    if (typeof run !== "function") throw refusal(operation, "run", "must be a function")
    const schema = withJsonSchema(operation, parameters, jsonSchema)
    const definition: ToolDefinition = { name, description, parameters: schema, run }
    const { declarations, problem } = toolSet([definition], () => Effect.succeed(null))
    if (problem !== undefined) throw refusal(operation, "parameters", messageOf(problem.reason))
    const silent = jsonSchema === undefined ? silentAt(declarations[0]?.function.parameters, "parameters") : undefined
    if (silent !== undefined) {
      throw refusal(operation, silent, `has a JSON Schema that says nothing: use a type that JSON has, or ${byHand}`)
    }
    return definition
  })
