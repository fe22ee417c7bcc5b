/** Tools: declarations, calls, results; and the tools that answer their calls one by one. */
import * as Effect from "effect/Effect"
import * as JSONSchema from "effect/JSONSchema"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as AST from "effect/SchemaAST"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { readEffect, writeEffect } from "../core/json.js"
import { invalid, known, type Problem, problem, type RefusalFacts } from "../core/makeError.js"
import { issueText } from "../core/mismatch.js"
import { checkJson } from "../kit/jsonProblem.js"
import { isFields, misnamed, type Names, unreadable } from "../kit/names.js"
import { parseArguments, type ToolCall } from "../kit/pauses.js"
import { errorType } from "../telemetry/attributes.js"
import { toolSpans } from "../telemetry/spans.js"

export { parseArguments, type ToolCall }

/** Any JSON value. */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

/**
 * A tool in its form on the wire: OpenAI's function format. At most 64 of them; names are 1 to 64 of `A-Z a-z 0-9 _ -`.
 */
export interface ToolDeclaration {
  readonly type: "function"
  readonly function: {
    readonly name: string
    readonly description?: string | undefined
    /** A JSON Schema. */
    readonly parameters?: { readonly [key: string]: unknown } | undefined
  }
}

/** The tools that the model may or must call. */
export type ToolChoice =
  | "auto"
  | "none"
  | "required"
  | { readonly type: "function"; readonly function: { readonly name: string } }

/** The result of one call. Content that is not a string is sent as JSON text. */
export interface ToolResult {
  readonly toolCallId: string
  readonly content: string | Json
}

/** The settings of a round, from `toolConcurrency` and `onToolFailure` of the run. */
export interface RoundSettings {
  readonly method: string
  readonly concurrency: number
  readonly onFailure: "fail" | "report"
  /** Whether spans have the arguments and the results of calls. Default: false. */
  readonly payloads?: boolean | undefined
  /** The flow and the run of the calls, for errors. */
  readonly facts?: RefusalFacts | undefined
}

/**
 * The result of one call, with its fault: a call that never reached a handler because the model named an unknown tool
 * or gave arguments that do not fit.
 */
export interface ToolOutcome extends ToolResult {
  readonly fault?: "unknown tool" | "bad arguments" | undefined
  /** The `error.type` of a handler that failed. */
  readonly errorType?: string | undefined
}

/** One typed tool; made by `Tools.tool`, gathered by `Tools.make`. */
export interface Tool<out E, out R> {
  readonly name: string
  readonly description?: string | undefined
  readonly parameters: Schema.Schema.AnyNoContext
  readonly success?: Schema.Schema.AnyNoContext | undefined
  readonly handler: (parameters: never, call: ToolCall) => Effect.Effect<unknown, E, R>
}

/**
 * Marks tools that have a handler.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("@effect-noukai/sdk/Tools")

/**
 * Marks tools that have a handler.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * Declarations together with their handler; made by `Tools.handle` and `Tools.make`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolSet<out E, out R> {
  readonly [TypeId]: TypeId
  readonly declarations: ReadonlyArray<ToolDeclaration>
  /** The reason why a declaration cannot be sent; runs with these tools fail with it as an `InvalidRequestError`. */
  readonly problem: { readonly field: string; readonly reason: string } | undefined
  readonly run: (
    calls: ReadonlyArray<ToolCall>,
    settings: RoundSettings
  ) => Effect.Effect<ReadonlyArray<ToolOutcome>, E | InvalidRequestError, R>
}

/**
 * Whether tools have a handler, as `Tools.handle` and `Tools.make` give them.
 *
 * @since 0.1.0
 * @category guards
 */
export const isHandled = (u: unknown): u is ToolSet<unknown, unknown> => Predicate.hasProperty(u, TypeId)

type JsonObject = { readonly [key: string]: unknown }

/** Removes Effect's own ids, which mean nothing to a model provider. */
const withoutIds = (u: unknown): unknown => {
  if (Array.isArray(u)) return u.map(withoutIds)
  if (!Predicate.isRecord(u)) return u
  return Object.fromEntries(
    Object.entries(u).flatMap(([key, value]) =>
      key === "$id" && typeof value === "string" && value.startsWith("/schemas/") ? [] : [[key, withoutIds(value)]]
    )
  )
}

/**
 * Whether a schema is a struct without fields, which takes any object or array in Effect, and means a tool without
 * parameters here.
 */
const isEmptyStruct = (ast: AST.AST): boolean =>
  ast._tag === "TypeLiteral" && ast.propertySignatures.length === 0 && ast.indexSignatures.length === 0

/** The JSON Schema of a tool's parameters, an object schema; or the reason why there is none. */
const ofParameters = (ast: AST.AST): JsonObject | string => {
  if (isEmptyStruct(ast)) return { type: "object", properties: {}, required: [], additionalProperties: false }
  const definitions = {}
  try {
    const schema = withoutIds(JSONSchema.fromAST(ast, { definitions, topLevelReferenceStrategy: "skip" }))
    if (!Predicate.isRecord(schema) || (schema.type !== "object" && !("anyOf" in schema))) {
      return "parameters must be an object"
    }
    return Object.keys(definitions).length === 0 ? schema : { ...schema, $defs: withoutIds(definitions) }
  } catch (error) {
    return error instanceof Error ? error.message : "it has no JSON Schema"
  }
}

/**
 * The declaration of a tool, and the problem of one whose parameters cannot be sent.
 *
 * @param parameters the schema of its parameters, or why it has none
 */
export const declare = (
  { description, name }: { readonly name: string; readonly description?: string | undefined },
  parameters: AST.AST | string,
  problemOf: (reason: string) => Problem
): Omit<AnsweringTool<never, never>, "answer"> => {
  const schema = typeof parameters === "string" ? parameters : ofParameters(parameters)
  const hasSchema = typeof schema !== "string"
  return {
    name,
    declaration: {
      type: "function",
      function: known({ name, description, parameters: hasSchema ? schema : undefined })
    },
    problem: hasSchema ? undefined : problemOf(schema)
  }
}

const describe = (error: unknown): string =>
  error instanceof Error && error.message !== ""
    ? error.message
    : typeof error === "string" && error !== ""
    ? error
    : "the tool failed"

/** The result of a call from a handler's value; `undefined` is `null`. */
export const answered = (call: ToolCall, content: unknown): ToolOutcome => ({
  toolCallId: call.id,
  content: (content ?? null) as Json
})

/** The result of a call whose handler failed: the message, no stack. */
export const failed = (call: ToolCall, error: unknown): ToolOutcome => ({
  toolCallId: call.id,
  content: { error: describe(error) },
  errorType: errorType(error)
})

/** The result of a call that no handler could take. */
export const faulty = (call: ToolCall, fault: NonNullable<ToolOutcome["fault"]>, reason: string): ToolOutcome => ({
  toolCallId: call.id,
  content: { error: `${fault}: ${reason}` },
  fault
})

/** The result of a call, or the message of its failure where failures are reported to the model. */
const reported = <E, R>(
  call: ToolCall,
  { onFailure }: RoundSettings,
  answer: Effect.Effect<ToolOutcome, E, R>
): Effect.Effect<ToolOutcome, E, R> =>
  onFailure === "report" ? Effect.catchAll(answer, (error) => Effect.succeed(failed(call, error))) : answer

/** The result of a call, unless JSON would drop or replace a part of its content: a map, a promise, a number without end. */
const sendable = (
  call: ToolCall,
  { facts, method }: RoundSettings,
  outcome: ToolOutcome
): Effect.Effect<ToolOutcome, InvalidRequestError> => {
  const found = checkJson(`tools.${call.name}.result`, outcome.content)
  return found === undefined ? Effect.succeed(outcome) : Effect.fail(invalid(method, found.field, found.reason, facts))
}

/**
 * The results of a handler, which are all sendable. Results that answer no call, or cannot be read, are refused later.
 */
export const allSendable = (
  calls: ReadonlyArray<ToolCall>,
  settings: RoundSettings,
  results: ReadonlyArray<ToolOutcome>
): Effect.Effect<ReadonlyArray<ToolOutcome>, InvalidRequestError> => {
  const checked = (result: ToolOutcome) => {
    const call = Predicate.isRecord(result) ? calls.find(({ id }) => id === result.toolCallId) : undefined
    return call === undefined ? Effect.succeed(result) : reported(call, settings, sendable(call, settings, result))
  }
  try {
    return Array.isArray(results) ? Effect.all(Array.from(results, checked)) : Effect.succeed(results)
  } catch {
    return Effect.succeed(results)
  }
}

/** The error of a handler whose value does not fit the schema of its tool. */
export const misfit = (method: string, name: string, reason: string): InvalidRequestError =>
  invalid(method, `tools.${name}.success`, reason)

/** A tool that answers each of its calls by itself. */
export interface AnsweringTool<E, R> {
  readonly name: string
  readonly declaration: ToolDeclaration
  /** The reason why the tool cannot be sent; runs with it are refused. */
  readonly problem: Problem | undefined
  /** Takes the arguments of the call as a value. */
  readonly answer: (args: unknown, call: ToolCall, settings: RoundSettings) => Effect.Effect<ToolOutcome, E, R>
}

const isTool = (u: unknown): boolean =>
  Predicate.isRecord(u) && typeof u.name === "string" &&
  (u.description === undefined || typeof u.description === "string") &&
  Schema.isSchema(u.parameters) && (u.success === undefined || Schema.isSchema(u.success)) &&
  typeof u.handler === "function"

/** Stands for a tool that is refused with its run. */
const refused = (field: string, reason: string): AnsweringTool<never, never> => ({
  name: "",
  declaration: { type: "function", function: { name: "" } },
  problem: problem(field, reason),
  answer: () => Effect.dieMessage("a run with this tool is refused")
})

const toolNames: Names<Tool<never, never>> = {
  name: true,
  description: true,
  parameters: true,
  success: true,
  handler: true
}

/** A tool from schemas: decodes the arguments, runs the handler, encodes the value. */
export const typedTool = <E, R>(tool: Tool<E, R>): AnsweringTool<E | InvalidRequestError, R> => {
  try {
    return readTool(tool)
  } catch {
    return refused("tools", unreadable)
  }
}

const readTool = <E, R>(tool: Tool<E, R>): AnsweringTool<E | InvalidRequestError, R> => {
  const unknown = isFields(tool) ? misnamed("tool", tool, toolNames) : undefined
  if (unknown !== undefined) return refused(`tools.${unknown.field}`, unknown.reason)
  if (!isTool(tool)) {
    return refused(
      "tools",
      "must be made by Tools.tool, with a name, a description or none, a schema of parameters and a handler"
    )
  }
  const { handler, name, parameters, success } = tool
  const decode = readEffect(parameters)
  const encode = success === undefined ? Effect.succeed : writeEffect(success)
  return {
    ...declare(
      tool,
      parameters.ast,
      (reason) => problem(`tools.${name}.parameters`, `cannot be a JSON Schema: ${reason}`)
    ),
    answer: (args, call, { method }) =>
      Effect.matchEffect(decode(args), {
        onFailure: (issue) => Effect.succeed(faulty(call, "bad arguments", issueText(issue))),
        onSuccess: Effect.fnUntraced(function*(decoded) {
          // the decoded value is of the handler's type: both come from one schema
          const value = yield* handler(decoded as never, call)
          const encoded = Effect.mapError(
            encode(value),
            (issue) => misfit(method, name, `the handler's value does not fit: ${issueText(issue)}`)
          )
          return answered(call, yield* encoded)
        })
      })
  }
}

/** Gathers tools. Each runs by itself. */
export const gather = <E, R>(tools: ReadonlyArray<AnsweringTool<E, R>>): ToolSet<E, R> => {
  const declarations = tools.map(({ declaration }) => declaration)
  const answer = (call: ToolCall, settings: RoundSettings): Effect.Effect<ToolOutcome, E | InvalidRequestError, R> => {
    const tool = tools.find(({ name }) => name === call.name)
    if (tool === undefined) {
      const known = tools.map(({ name }) => name).join(", ")
      return Effect.succeed(faulty(call, "unknown tool", `${JSON.stringify(call.name)}; the tools are ${known}`))
    }
    const args = parseArguments(call)
    if (typeof args === "string") return Effect.succeed(faulty(call, "bad arguments", args))
    const outcome = Effect.suspend(() => tool.answer(args.value, call, settings))
    return reported(call, settings, Effect.flatMap(outcome, (outcome) => sendable(call, settings, outcome)))
  }
  return {
    [TypeId]: TypeId,
    declarations,
    problem: tools.find(({ problem }) => problem !== undefined)?.problem,
    run: (calls, settings) =>
      Effect.forEach(calls, (call) => {
        const outcomes = Effect.map(answer(call, settings), (outcome) => [outcome] as const)
        const { payloads } = settings
        return Effect.map(toolSpans({ calls: [call], declarations, payloads }, outcomes), ([outcome]) => outcome)
      }, { concurrency: settings.concurrency })
  }
}
