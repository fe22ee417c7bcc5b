/** A config that was checked, with its schemas compiled. */
import type { Flow, Noukai } from "@effect-noukai/promise"
import { fromJsonSchema, type StandardSchemaWithJSON } from "@modelcontextprotocol/server"
import { Ajv } from "@modelcontextprotocol/server/validators/ajv"
import * as BigDecimal from "effect/BigDecimal"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { McpConfig, type McpTool } from "../McpConfig.js"
import { McpConfigError } from "../McpConfigError.js"
import { nameOf } from "./names.js"

type JsonObject = { readonly [name: string]: unknown }

/** A tool as calls use it. */
export interface PreparedTool {
  readonly name: string
  readonly config: typeof McpTool.Type
  readonly flow: Flow
  /** The JSON Schema behind `input`. */
  readonly inputSchema: JsonObject
  readonly input: StandardSchemaWithJSON
  readonly result: StandardSchemaWithJSON | undefined
  readonly maxCostUsd: BigDecimal.BigDecimal
  readonly timeout: Duration.Duration
}

export interface Prepared {
  readonly config: McpConfig
  readonly tools: ReadonlyArray<PreparedTool>
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

const decode = Schema.decodeUnknownEither(McpConfig, { onExcessProperty: "error", errors: "all" })

const amount = (usd: number | string): BigDecimal.BigDecimal => BigDecimal.unsafeFromString(String(usd))

export const budgetOf = ({ budgetUsd }: McpConfig): BigDecimal.BigDecimal | undefined =>
  budgetUsd === undefined ? undefined : amount(budgetUsd)

export const durationOf = (text: string): Duration.Duration => Duration.decode(text as Duration.DurationInput)

/** The arguments of a tool: the message beside the parameters. */
const inputOf = ({ message = "required", parameters }: typeof McpTool.Type): JsonObject => {
  const { properties, required, ...rest } = parameters ?? { additionalProperties: false }
  const own = message === "none" ? {} : { message: { type: "string", description: "The message to the flow." } }
  return {
    ...rest,
    type: "object",
    properties: { ...own, ...isObject(properties) ? properties : {} },
    required: [...message === "required" ? ["message"] : [], ...Array.isArray(required) ? required : []]
  }
}

/** Compiles a schema of the config. The compiler of MCP does not check the schema itself. */
const compiled = (schema: JsonObject): StandardSchemaWithJSON => {
  const { $schema: _, ...rest } = schema
  const ajv = new Ajv({ strict: false, allErrors: true })
  if (ajv.validateSchema(rest) !== true) throw new Error(ajv.errorsText(ajv.errors, { dataVar: "schema" }))
  return fromJsonSchema({ ...schema })
}

/**
 * Checks a config. Throws an `McpConfigError` with all mistakes. Nothing is sent.
 */
export const prepare = (noukai: Noukai, given: unknown): Prepared => {
  const decoded = decode(given)
  if (Either.isLeft(decoded)) {
    const issues = ParseResult.ArrayFormatter.formatErrorSync(decoded.left)
    throw new McpConfigError(
      issues.map(({ message, path }) => `${path.length === 0 ? "the config" : path.map(String).join(".")} ${message}`)
    )
  }
  const config = decoded.right
  const problems: Array<string> = []
  const attempt = <A>(path: string, make: () => A): A | undefined => {
    try {
      return make()
    } catch (error) {
      problems.push(`${path}: ${messageOf(error).replace(/^noukai\.flow: /, "")}`)
      return undefined
    }
  }
  const schemaOf = (path: string, schema: JsonObject | undefined) => {
    if (schema === undefined) return undefined
    if (schema["type"] !== "object") {
      problems.push(`${path}.type must be "object", because MCP knows no other`)
      return undefined
    }
    return attempt(path, () => compiled(schema))
  }
  const budget = budgetOf(config)
  if (Object.keys(config.tools).length === 0) problems.push("tools must have at least one tool")
  const tools = Object.entries(config.tools).flatMap(([name, tool]): ReadonlyArray<PreparedTool> => {
    const path = `tools.${name}`
    if (!/^[A-Za-z0-9_.-]{1,64}$/.test(name)) {
      problems.push(`${path}: the name of a tool has 1 to 64 letters, digits, "_", "-" and "."`)
    }
    if (isObject(tool.parameters?.["properties"]) && "message" in tool.parameters["properties"]) {
      problems.push(`${path}.parameters: a parameter cannot be named "message", which is the message to the flow`)
    }
    const owned = new Map<string, string>()
    for (const server of new Set(tool.uses)) {
      const { allow } = config.servers?.[server] ?? {}
      if (allow === undefined) problems.push(`${path}.uses: there is no server ${JSON.stringify(server)} in servers`)
      for (const name of new Set(allow)) {
        const [own, other] = [nameOf(name), owned.get(nameOf(name))]
        owned.set(own, name)
        if (other === undefined) continue
        const both = `${JSON.stringify(other)} and ${JSON.stringify(name)}`
        problems.push(`${path}.uses: the tools ${both} would both be named ${own} for the flow: allow one of them`)
      }
    }
    const maxCostUsd = amount(tool.maxCostUsd)
    if (budget !== undefined && BigDecimal.greaterThan(maxCostUsd, budget)) {
      problems.push(`${path}.maxCostUsd is more than budgetUsd, so the tool could never run`)
    }
    const flow = attempt(`${path}.flow ${JSON.stringify(tool.flow)}`, () => noukai.flow(tool.flow))
    const result = schemaOf(`${path}.result`, tool.result)
    const parameters = tool.parameters === undefined || schemaOf(`${path}.parameters`, tool.parameters) !== undefined
    const inputSchema = inputOf(tool)
    const input = parameters ? attempt(`${path}.parameters`, () => fromJsonSchema({ ...inputSchema })) : undefined
    if (flow === undefined || input === undefined) return []
    return [{ name, config: tool, flow, inputSchema, input, result, maxCostUsd, timeout: durationOf(tool.timeout) }]
  })
  if (problems.length > 0) throw new McpConfigError([...new Set(problems)])
  return { config, tools }
}
