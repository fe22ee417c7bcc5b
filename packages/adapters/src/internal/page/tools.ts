/** The tools of a page: some run on the server, others in the page. */
import { isFields, misnamed, type Table } from "@effect-noukai/sdk/kit/names"
import { parseArguments } from "@effect-noukai/sdk/kit/pauses"
import type { InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import * as Tools from "@effect-noukai/sdk/Tools"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import { invalid } from "../relay/answer.js"
import type { OpenCall } from "./chunks.js"

const method = "flowPage"

/** Tools by the party that runs them. */
export interface PageTools<out E, out R> {
  readonly server: Tools.ToolSet<E, R>
  /** The declarations of the tools of the page. Running them checks arguments, and does nothing. */
  readonly page: Tools.ToolSet<Error, never>
  /** The schemas of their results, by name. */
  readonly results: ReadonlyMap<string, Schema.Schema.AnyNoContext>
}

/** The declarations of all tools; absent if there are none. */
export const declarationsOf = <E, R>(
  { page, server }: PageTools<E, R>
): ReadonlyArray<Tools.ToolDeclaration> | undefined => {
  const all = [...server.declarations, ...page.declarations]
  return all.length === 0 ? undefined : all
}

/** Checks the options of the tools of the page. */
export const checkClientTools = (given: unknown, names: Table): Either.Either<void, InvalidRequestError> => {
  if (!isFields(given)) return Either.left(invalid("clientTools", "must be an object of tools", method))
  for (const [name, tool] of Object.entries(given)) {
    const whole = `clientTools.${name}`
    const found = misnamed(whole, tool, names)
    if (found !== undefined) {
      return Either.left(invalid(found.field === whole ? whole : `${whole}.${found.field}`, found.reason, method))
    }
  }
  return Either.void
}

/** Refuses tools that cannot be declared together. */
export const checkTools = <E, R>(tools: PageTools<E, R>): Either.Either<PageTools<E, R>, InvalidRequestError> => {
  if (!Tools.isHandled(tools.server)) {
    return Either.left(invalid("serverTools", "must be made by Tools.make, Tools.handle or Tools.fromToolkit", method))
  }
  const unnamed = tools.page.declarations.find((one) => !/^[A-Za-z0-9_-]{1,64}$/.test(one.function.name))
  if (unnamed !== undefined) {
    const reason = "has a name that is not 1 to 64 of A-Z a-z 0-9 _ -"
    return Either.left(invalid(`clientTools.${unnamed.function.name}`, reason, method))
  }
  const problem = tools.server.problem ?? tools.page.problem
  if (problem !== undefined) return Either.left(invalid(problem.field, problem.reason, method))
  const names = tools.server.declarations.map((one) => one.function.name)
  const double = tools.page.declarations.find((one) => names.includes(one.function.name))
  return double === undefined
    ? Either.right(tools)
    : Either.left(invalid(`clientTools.${double.function.name}`, "is the name of a server tool, too", method))
}

const settings = { method, concurrency: 4, onFailure: "fail" } as const

/** The calls of a pause, and the answers to those that no party takes, since their arguments do not fit. */
export interface SortedCalls {
  readonly calls: ReadonlyMap<string, Omit<OpenCall, "pageId">>
  readonly faults: ReadonlyMap<string, Tools.ToolOutcome["content"]>
}

/** Sorts the calls of a pause by who answers them. */
export const sorted = <E, R>(
  { page, results, server }: PageTools<E, R>,
  { toolCalls }: { readonly toolCalls: ReadonlyArray<Tools.ToolCall> }
): Effect.Effect<SortedCalls> =>
  Effect.gen(function*() {
    const calls = new Map<string, Omit<OpenCall, "pageId">>()
    const faults = new Map<string, Tools.ToolOutcome["content"]>()
    for (const call of toolCalls) {
      const { id, name } = call
      const isOfServer = server.declarations.some((one) => one.function.name === name)
      // a tool that nobody has is a fault of the page's tools
      const [checked] = isOfServer ? [] : Option.getOrElse(yield* Effect.option(page.run([call], settings)), () => [])
      if (checked?.fault !== undefined) faults.set(id, checked.content)
      const by = isOfServer ? "server" : checked?.fault === undefined && results.has(name) ? "page" : "nobody"
      calls.set(id, { by, name, input: argumentsOf(call) })
    }
    return { calls, faults }
  })

const argumentsOf = (call: Tools.ToolCall): unknown => {
  const parsed = parseArguments(call)
  return typeof parsed === "string" ? null : parsed.value
}

/** Runs the tools of the server for their calls of a pause. Results by the ids of the calls. */
export const served = <E, R>(
  { server }: PageTools<E, R>,
  toolCalls: ReadonlyArray<Tools.ToolCall>,
  { calls, faults }: SortedCalls
): Effect.Effect<Map<string, Tools.ToolOutcome["content"]>, E | InvalidRequestError, R> => {
  const own = toolCalls.filter(({ id }) => calls.get(id)?.by === "server")
  return Effect.map(
    own.length === 0 ? Effect.succeed([]) : server.run(own, settings),
    (outcomes) => new Map([...faults, ...outcomes.map(({ content, toolCallId }) => [toolCallId, content] as const)])
  )
}
