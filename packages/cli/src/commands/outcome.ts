/** Runs that ended without a result. */
import type { StepError } from "@effect-noukai/sdk/FlowEvent"
import type { ToolCall } from "@effect-noukai/sdk/Tools"
import { CommandError, failed } from "../exit/CommandError.js"
import { exitCodes } from "../exit/exitCode.js"
import { inMessage } from "../terminal/json.js"

/** The failure of a run that is paused for tool calls. A command has no tools. */
export const paused = (executionId: string, toolCalls: ReadonlyArray<ToolCall>) =>
  new CommandError({
    code: exitCodes.paused,
    message: `run ${executionId} is paused for tool calls: ${
      toolCalls.map(({ arguments: given, name }) =>
        `${name}(${typeof given === "string" ? given : JSON.stringify(given)})`
      ).join(", ")
    }`,
    advice: ["to answer tool calls, run the flow from a program: this command only declares tools"]
  })

/** The failure of a run whose step failed. */
export const failedStep = (event: StepError) =>
  failed(
    `step ${JSON.stringify(event.name ?? event.stepId)} failed: ${
      event.message === undefined
        ? inMessage(event.error)
        : `${event.message}${event.code === undefined ? "" : ` (code ${event.code})`}`
    }`
  )
