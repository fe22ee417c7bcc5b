/**
 * The checks on what a caller gives as tools, made before anything is sent.
 *
 * @internal
 */
import type { ExecuteOptions } from "../../ExecuteInput.js"
import type { ToolDeclaration } from "../../Tool.js"
import { isHandled } from "../../Tools.js"
import * as Checks from "../execute/executeInput.js"
import type { Resolved } from "./toolkit.js"

/** @internal */
export const declarationsOf = (
  tools: Resolved<unknown, unknown> | undefined
): ReadonlyArray<ToolDeclaration> | undefined => isHandled(tools) ? tools.declarations : tools

/** @internal */
export const checkTools = (tools: Resolved<unknown, unknown> | undefined): Checks.Problem | undefined =>
  (isHandled(tools) ? tools.problem : undefined) ?? Checks.checkTools(declarationsOf(tools))

/** @internal */
export const checkCounts = (
  input: Pick<ExecuteOptions, "maxToolRounds" | "toolConcurrency">
): Checks.Problem | undefined =>
  Checks.checkCount("maxToolRounds", input.maxToolRounds, 0) ??
    Checks.checkCount("toolConcurrency", input.toolConcurrency, 1)
