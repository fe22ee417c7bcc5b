/** Tools made from schemas: their declaration, and the steps of one call. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { invalid, problem } from "../core/makeError.js"
import { issueText } from "../core/mismatch.js"
import { type ParseIssue, writeEffect } from "../core/wire.js"
import {
  answered,
  argumentsDecoder,
  declare,
  failed,
  faulty,
  type RoundSettings,
  type Tool,
  type ToolCall,
  type ToolDeclaration,
  type ToolOutcome,
  unknownTool
} from "./tool.js"

export interface Runner<E, R> {
  readonly name: string
  readonly declaration: ToolDeclaration
  readonly problem: { readonly field: string; readonly reason: string } | undefined
  readonly decode: (call: ToolCall) => Effect.Effect<unknown, string>
  readonly encode: ((u: unknown) => Effect.Effect<unknown, ParseIssue>) | undefined
  readonly handler: (parameters: unknown, call: ToolCall) => Effect.Effect<unknown, E, R>
}

/** A tool that cannot run, with the reason; runs with it are refused. */
const noTool = (reason: string): Runner<never, never> => ({
  name: "",
  declaration: { type: "function", function: { name: "" } },
  problem: problem("tools", reason),
  decode: Effect.succeed,
  encode: undefined,
  handler: () => Effect.dieMessage(reason)
})

const isSchema = (u: unknown): boolean => u === undefined || Schema.isSchema(u)

/** The reason why a value is no tool, if it is none. */
const checkTool = (tool: unknown): string | undefined => {
  if (!Predicate.isRecord(tool) || typeof tool.name !== "string") return "must be made by Tools.tool, with a name"
  const of = JSON.stringify(tool.name.slice(0, 64))
  if (tool.description !== undefined && typeof tool.description !== "string") {
    return `the description of ${of} is no text`
  }
  if (tool.parameters === undefined || !isSchema(tool.parameters)) return `the parameters of ${of} are no schema`
  if (!isSchema(tool.success)) return `the success of ${of} is no schema`
  return typeof tool.handler === "function" ? undefined : `the handler of ${of} is no function`
}

/** The tool of options that cannot be read: it has no fields, and runs with it are refused. */
export const unreadable: Tool<never, never> = Object.create(null)

export const make = <E, R>(given: Tool<E, R>): Runner<E, R> => {
  try {
    const tool = Predicate.isRecord(given) ? { ...given } : given
    const reason = checkTool(tool)
    return reason === undefined ? runnerOf(tool) : noTool(reason)
  } catch {
    return noTool("hold a tool that cannot be read: reading it throws")
  }
}

const runnerOf = <E, R>(tool: Tool<E, R>): Runner<E, R> => {
  const { declaration, problem } = declare(tool, tool.parameters.ast)
  return {
    name: tool.name,
    declaration,
    problem: problem === undefined
      ? undefined
      : { field: `tools.${tool.name}.parameters`, reason: `cannot be a JSON Schema: ${problem}` },
    decode: argumentsDecoder(tool.parameters),
    encode: tool.success === undefined ? undefined : writeEffect(tool.success),
    // the value of `decode` is of the handler's type: both come from one schema
    handler: (parameters, call) => tool.handler(parameters as never, call)
  }
}

const encoded = (
  runner: Runner<unknown, unknown>,
  settings: RoundSettings,
  value: unknown
): Effect.Effect<unknown, InvalidRequestError> =>
  runner.encode === undefined
    ? Effect.succeed(value)
    : Effect.mapError(runner.encode(value), (issue) =>
      invalid(
        settings.method,
        `tools.${runner.name}.success`,
        `the handler's value does not fit: ${issueText(issue)}`
      ))

/** Answers one call: finds the tool, decodes the arguments, runs the handler, encodes the value. */
export const run = <E, R>(
  runners: ReadonlyArray<Runner<E, R>>,
  settings: RoundSettings,
  call: ToolCall
): Effect.Effect<ToolOutcome, E | InvalidRequestError, R> => {
  const runner = runners.find((candidate) => candidate.name === call.name)
  if (runner === undefined) {
    return Effect.succeed(unknownTool(call, runners.map(({ name }) => name)))
  }
  return Effect.matchEffect(runner.decode(call), {
    onFailure: (reason) => Effect.succeed(faulty(call, "bad arguments", reason)),
    onSuccess: (parameters) => {
      const outcome = Effect.map(
        Effect.flatMap(runner.handler(parameters, call), (value) => encoded(runner, settings, value)),
        (content) => answered(call, content)
      )
      return settings.onFailure === "fail"
        ? outcome
        : Effect.catchAll(outcome, (error) => Effect.succeed(failed(call, error)))
    }
  })
}
