/**
 * Tools made from schemas, at work: the declaration that is sent, and the way of one call through them.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as ParseResult from "effect/ParseResult"
import type { InvalidRequestError } from "../../NoukaiError.js"
import type { RoundSettings, Tool, ToolCall, ToolDeclaration, ToolOutcome } from "../../Tool.js"
import { invalid } from "../errors/invalid.js"
import { issueText, readEffect } from "../schema/schemaReader.js"
import { declare } from "./toolDeclaration.js"
import { answered, failed, faulty, parseArguments, unknownTool } from "./toolOutcome.js"

/** @internal */
export interface Runner<E, R> {
  readonly name: string
  readonly declaration: ToolDeclaration
  readonly problem: { readonly field: string; readonly reason: string } | undefined
  readonly decode: (u: unknown) => Effect.Effect<unknown, ParseResult.ParseIssue>
  readonly encode: ((u: unknown) => Effect.Effect<unknown, ParseResult.ParseIssue>) | undefined
  readonly handler: (parameters: unknown, call: ToolCall) => Effect.Effect<unknown, E, R>
}

/** @internal */
export const make = <E, R>(tool: Tool<E, R>): Runner<E, R> => {
  const { declaration, problem } = declare(tool, tool.parameters.ast)
  return {
    name: tool.name,
    declaration,
    problem: problem === undefined
      ? undefined
      : { field: `tools.${tool.name}.parameters`, reason: `cannot be a JSON Schema: ${problem}` },
    decode: readEffect(tool.parameters),
    encode: tool.success === undefined ? undefined : ParseResult.encodeUnknown(tool.success, { errors: "all" }),
    // what `decode` gives is what the handler takes: both come from one schema
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

/**
 * The way of one call: tool found, arguments decoded, handler run, value encoded.
 *
 * @internal
 */
export const run = <E, R>(
  runners: ReadonlyArray<Runner<E, R>>,
  settings: RoundSettings,
  call: ToolCall
): Effect.Effect<ToolOutcome, E | InvalidRequestError, R> => {
  const runner = runners.find((candidate) => candidate.name === call.name)
  if (runner === undefined) {
    return Effect.succeed(unknownTool(call, runners.map(({ name }) => name)))
  }
  const args = parseArguments(call)
  if (typeof args === "string") return Effect.succeed(faulty(call, "bad arguments", args))
  return Effect.matchEffect(runner.decode(args.value), {
    onFailure: (issue) => Effect.succeed(faulty(call, "bad arguments", issueText(issue))),
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
