/** Checks of the tools of a caller, made before anything is sent. */
import type { ExecuteOptions } from "../../ExecuteInput.js"
import { isHandled } from "../../Tools.js"
import { type Problem, problem } from "../errors/makeError.js"
import * as Checks from "../flow/executeInput.js"
import { checkCount, checkOneOf } from "../input/checks.js"
import type { ToolDeclaration } from "./tool.js"
import { isUnresolved, type ResolvedTools, type ToolsOption } from "./toolkit.js"

export const declarationsOf = (
  tools: ResolvedTools<unknown, unknown> | undefined
): ReadonlyArray<ToolDeclaration> | undefined => isHandled(tools) ? tools.declarations : tools

const checkHandler = (tools: ResolvedTools<unknown, unknown> | undefined): Problem | undefined => {
  if (!isHandled(tools)) return undefined
  return typeof tools.run === "function" ? tools.problem : problem("tools", "have no handler that is a function")
}

export const checkTools = (tools: ResolvedTools<unknown, unknown> | undefined): Problem | undefined =>
  checkHandler(tools) ?? Checks.checkDeclarations(declarationsOf(tools))

const failures = ["fail", "report"]

export const checkAnswering = (
  input: Pick<ExecuteOptions, "maxToolRounds" | "toolConcurrency" | "onToolFailure">
): Problem | undefined =>
  checkCount("maxToolRounds", input.maxToolRounds, 0) ??
    checkCount("toolConcurrency", input.toolConcurrency, 1) ??
    checkOneOf("onToolFailure", input.onToolFailure, failures)

/** Checks the tools of a run; a toolkit that is still to be provided is checked later. */
export const checkToolsInput = (
  input: Pick<ExecuteOptions, "maxToolRounds" | "toolConcurrency" | "onToolFailure" | "toolChoice"> & {
    readonly tools?: ToolsOption<unknown, unknown> | undefined
  }
): Problem | undefined => {
  const { toolChoice, tools } = input
  const found = isUnresolved(tools)
    ? undefined
    : checkTools(tools) ?? Checks.checkToolChoice(toolChoice, declarationsOf(tools))
  return found ?? checkAnswering(input)
}
