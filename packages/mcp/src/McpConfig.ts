/**
 * The config of a server: flows as MCP tools. `mcp.schema.json` of this package is its JSON Schema.
 *
 * @since 0.1.0
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Duration from "effect/Duration"
import * as JSONSchema from "effect/JSONSchema"
import * as Option from "effect/Option"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"

const show = (value: unknown): string => JSON.stringify(value) ?? String(value)

/** A schema whose message says what is expected, and shows a wrong text or number. */
const expecting = <A, I>(schema: Schema.Schema<A, I>, what: string, more: object = {}): Schema.Schema<A, I> =>
  schema.annotations({
    message: ({ actual }: ParseResult.ParseIssue) => ({
      message: `must be ${what}${
        ["string", "number", "boolean"].includes(typeof actual) ? `, not ${show(actual)}` : ""
      }`,
      override: true
    }),
    ...more
  })

const text = (description: string) => expecting(Schema.NonEmptyString, "a text", { description })

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

const isAboveZero = (value: number | string): boolean =>
  Option.exists(
    BigDecimal.fromString(String(value)),
    (amount) => BigDecimal.greaterThan(amount, BigDecimal.unsafeFromNumber(0))
  )

const usd = (description: string) =>
  expecting(
    Schema.Union(
      Schema.JsonNumber.pipe(Schema.filter(isAboveZero, { jsonSchema: { exclusiveMinimum: 0 } })),
      Schema.String.pipe(Schema.pattern(/^\d+(\.\d+)?$/), Schema.filter(isAboveZero, { jsonSchema: {} }))
    ),
    "US dollars above 0, such as \"0.02\"",
    { description }
  )

const durationPattern = "^\\d+(\\.\\d+)? (milli|second|minute|hour)s?$"

/** The longest time of a timer. */
const longest = 2 ** 31 - 1

const span = (description: string) =>
  expecting(
    Schema.String.pipe(Schema.filter(
      (value) => {
        if (!new RegExp(durationPattern).test(value)) return false
        const millis = Duration.toMillis(Duration.decode(value as Duration.DurationInput))
        return millis > 0 && millis <= longest
      },
      { jsonSchema: { pattern: durationPattern } }
    )),
    "a time above 0, such as \"5 minutes\"",
    { description }
  )

const oneOf = <const A extends ReadonlyArray<string>>(description: string, ...values: A) =>
  expecting(Schema.Literal(...values), values.map(show).join(" or "), { description })

const flag = (description: string) => expecting(Schema.Boolean, "true or false", { description })

const list = (what: string, description: string) =>
  expecting(Schema.NonEmptyArray(Schema.NonEmptyString), `a list of ${what} with at least one`, { description })

const jsonSchemaOf = (what: string, description: string) =>
  expecting(Schema.Record({ key: Schema.String, value: Schema.Unknown }), `the JSON Schema of ${what}`, { description })

const texts = (description: string) =>
  Schema.Record({
    key: Schema.String,
    // a value may be a secret
    value: Schema.String.annotations({ message: () => ({ message: "must be a text", override: true }) })
  }).annotations({ description })

/**
 * A tool: a flow, with the limits of one call.
 *
 * @since 0.1.0
 * @category schemas
 */
export const McpTool = Schema.Struct({
  flow: text("The flow: org/project/slug, or slug with an organisation and a project of the client."),
  version: optional(
    expecting(
      Schema.Union(Schema.Literal("production"), Schema.Int.pipe(Schema.positive())),
      "\"production\" or the number of a published version",
      { description: "The version that runs. Default: \"production\"." }
    )
  ),
  title: optional(text("A name for people.")),
  description: text("What the tool does. The model of the agent reads it."),
  message: optional(
    oneOf(
      "Whether the tool has an argument \"message\" for the flow. Default: \"required\".",
      "required",
      "optional",
      "none"
    )
  ),
  parameters: optional(jsonSchemaOf("the parameters", "The JSON Schema of the flow's parameters. Default: none.")),
  result: optional(
    jsonSchemaOf("the result", "The JSON Schema of the flow's result, an object. Default: the result is text.")
  ),
  maxCostUsd: usd("The cost above which a run stops before its next step."),
  timeout: span("The time after which a run is stopped, such as \"5 minutes\"."),
  uses: optional(list("servers", "The servers whose tools the flow may call. Default: none.")),
  once: optional(
    oneOf(
      "\"arguments\": the same arguments of one caller are one run in a day (UTC). Default: each call is a run.",
      "arguments"
    )
  ),
  readOnly: optional(flag("Whether the flow changes nothing, as its tools do. Default: false."))
})

/**
 * An MCP server whose tools a flow may call.
 *
 * @since 0.1.0
 * @category schemas
 */
export const McpToolServer = Schema.Struct({
  command: text("The program of the server, which speaks MCP over stdio."),
  args: optional(expecting(Schema.Array(Schema.String), "a list of texts", { description: "Its arguments." })),
  env: optional(texts("Its variables. It inherits none of Noukai.")),
  cwd: optional(text("Its folder.")),
  allow: list("tools", "The tools that flows may call, by their names at the server. There is no default.")
})

/**
 * The config of a server.
 *
 * @since 0.1.0
 * @category schemas
 */
export const McpConfig = Schema.Struct({
  $schema: optional(Schema.String),
  tools: Schema.Record({ key: Schema.String, value: McpTool }).annotations({ description: "The tools, by name." }),
  budgetUsd: optional(usd("The cost of all runs in a day (UTC), after which calls are refused. Default: no budget.")),
  concurrency: optional(
    expecting(Schema.Int.pipe(Schema.between(1, 100)), "a whole number from 1 to 100", {
      description: "The number of runs at a time. Default: 1."
    })
  ),
  wait: optional(span("The time that a call waits for its turn, before it is refused. Default: \"30 seconds\".")),
  servers: optional(
    Schema.Record({ key: Schema.String, value: McpToolServer }).annotations({
      description: "MCP servers for the tools of flows, by name."
    })
  )
})

/**
 * The config of a server.
 *
 * @since 0.1.0
 * @category models
 */
export type McpConfig = typeof McpConfig.Type

/**
 * The JSON Schema of a config, as `mcp.schema.json` of this package has it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const jsonSchema = (): JSONSchema.JsonSchema7Root => {
  const schema = JSONSchema.make(McpConfig.annotations({ title: "Noukai flows as MCP tools" }))
  // Effect identifies any value by one and the same $id, which validators refuse the second time
  return JSON.parse(JSON.stringify(schema, (name, value: unknown) => name === "$id" ? undefined : value))
}
