// tools, hooks and schemas of the caller have any errors and services; the public types derive them
// @effect-diagnostics anyUnknownInErrorContext:off
// @effect-diagnostics unsafeEffectTypeAssertion:off
/** Translates inputs for the Promise client, which checks them. */
import type { Delays, RuntimeError, RuntimeInput, RuntimeJobStatus } from "@effect-noukai/promise/runtime"
import { defineTool } from "@effect-noukai/promise/TypedTool"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Errors from "../NoukaiError.js"
import { type Tool, type ToolCall, type ToolDeclaration, type ToolResult, type ToolSet, TypeId } from "../Tools.js"
import type { Code } from "./call.js"

const durations = [
  "connectTimeout",
  "attemptTimeout",
  "firstByteTimeout",
  "idleTimeout",
  "timeout",
  "settle",
  "silence",
  "grace"
] as const

/** Returns fields with durations as milliseconds. A value that is not a duration stays, and is refused. */
export const withMillis = <A extends object>(input: A): A => {
  const fields = Object.assign<{ [name: string]: unknown }, object>({}, input)
  for (const name of durations) {
    const value = fields[name]
    if (value === undefined) continue
    const duration = Duration.fromInput(value as Duration.Input)
    if (Option.isSome(duration)) fields[name] = Duration.toMillis(duration.value)
  }
  return fields as A
}

/** Returns the delays of a schedule, which runs on the caller's clock and randomness. */
const delaysOf = <In, Given, R>(
  schedule: Schedule.Schedule<unknown, In>,
  code: Code<R>,
  translate: (given: Given) => In
): Delays<Given> => {
  const delays: Delays<Given> = () => {
    const begun = code.run(Schedule.toStep(schedule))
    return async (given) => {
      const step = await begun
      const next = Effect.flatMap(
        Effect.clockWith((clock) => clock.currentTimeMillis),
        (now) =>
          Pull.matchEffect(step(now, translate(given)), {
            onSuccess: ([, delay]) => Effect.succeed(Duration.toMillis(delay)),
            onFailure: Effect.failCause,
            onDone: () => Effect.sync((): undefined => undefined)
          })
      )
      return await code.run(next)
    }
  }
  return delays
}

const errorOf = (error: RuntimeError): Errors.NoukaiError =>
  // the client retries its own errors alone
  Errors.fromRejection(error)!

const messageOf = (error: unknown): string =>
  error instanceof Error && error.message !== "" ? error.message : typeof error === "string" ? error : "the tool failed"

const jsonSchemaOf = (schema: Schema.Top): Record<string, unknown> => {
  const { definitions, schema: root } = Schema.toJsonSchemaDocument(schema)
  return Object.keys(definitions).length === 0 ? root : { ...root, $defs: definitions }
}

const defined = <R>({ description, handler, name, parameters }: Tool<unknown, R>, report: boolean, code: Code<R>) =>
  defineTool({
    name,
    description,
    parameters: Schema.toStandardSchemaV1(parameters),
    jsonSchema: jsonSchemaOf(parameters),
    run: (args, { signal, toolCall }) => {
      const call: ToolCall = { id: toolCall.id, name, arguments: toolCall.function.arguments }
      const answer = Effect.suspend(() => handler(args as never, call))
      return code.run(
        report ? Effect.catch(answer, (error) => Effect.succeed({ error: messageOf(error) })) : answer,
        signal
      )
    }
  })

const isMade = (tools: unknown, as: string): boolean =>
  typeof tools === "object" && tools !== null && TypeId in tools && tools[TypeId] === as

/** The types of a call say which failures and services its tools have. */
const isTool = <R>(tool: unknown): tool is Tool<unknown, R> => isMade(tool, "tool")

const isToolSet = <R>(tools: unknown): tools is ToolSet<unknown, R> => isMade(tools, "set")

type ToolFields = Pick<RuntimeInput, "tools" | "toolHandler">

/** Returns the options of tools for the Promise client. */
const toolFields = <R>(tools: unknown, report: boolean, code: Code<R>): ToolFields => {
  if (isToolSet<R>(tools)) {
    const { declarations, handler } = tools
    if (handler === undefined) return { tools: tools.tools.map((tool) => defined(tool, report, code)) }
    return {
      tools: declarations as ReadonlyArray<ToolDeclaration & Record<string, unknown>>,
      toolHandler: async (calls, { signal }) => {
        const plain = calls.map(({ function: { arguments: args, name }, id }) => ({ id, name, arguments: args }))
        const answers = Effect.suspend(() => handler(plain))
        const results = await code.run(
          report
            ? Effect.catch(
              answers,
              (error) =>
                Effect.succeed(
                  plain.map(({ id }): ToolResult => ({ toolCallId: id, content: { error: messageOf(error) } }))
                )
            )
            : answers,
          signal
        )
        return results.map(({ content, toolCallId }) => ({ tool_call_id: toolCallId, content }))
      }
    }
  }
  const given: ReadonlyArray<unknown> = Array.isArray(tools) ? tools : []
  return given.length > 0 && given.every((tool) => isTool<R>(tool))
    ? { tools: given.map((tool) => defined(tool, report, code)) }
    : { tools: tools as ReadonlyArray<Record<string, unknown>> }
}

/** The fields that the Promise client has in another form. */
interface Given {
  readonly tools?: unknown
  readonly onToolFailure?: "fail" | "report" | undefined
  readonly retry?: Schedule.Schedule<unknown, Errors.NoukaiError> | undefined
  readonly heal?: Schedule.Schedule<unknown, Errors.NoukaiError> | undefined
  readonly schedule?: Schedule.Schedule<unknown, never> | undefined
  readonly onPause?: ((state: never) => Effect.Effect<void, unknown, unknown>) | undefined
}

/** Returns an input for the Promise client. Its durations are milliseconds, and its code runs as code of the call. */
export const inputOf = <R>(given: object, code: Code<R>): RuntimeInput => {
  const { heal, onPause, onToolFailure, retry, schedule, tools }: Given = given
  const input: { -readonly [Name in keyof RuntimeInput]: RuntimeInput[Name] } = withMillis(given)
  if (heal !== undefined) input.heal = delaysOf(heal, code, errorOf)
  if (retry !== undefined) input.retry = delaysOf(retry, code, errorOf)
  if (schedule !== undefined) input.schedule = delaysOf(schedule, code, (status: RuntimeJobStatus) => status as never)
  if (typeof onPause === "function") {
    input.onPause = (state) =>
      code.run(Effect.suspend(() => onPause(state as never)) as Effect.Effect<void, unknown, R>)
  }
  return tools === undefined ? input : Object.assign(input, toolFields(tools, onToolFailure === "report", code))
}
