/** Ends of a run that are none of the command. */
import type { StepError } from "@effect-noukai/sdk/FlowEvent"
import type { ToolCall } from "@effect-noukai/sdk/Tools"
import { CommandError } from "../exit/CommandError.js"
import { exitCodes } from "../exit/exitCode.js"
import { inMessage } from "../terminal/json.js"

/** A run that waits for tools: a command has none. */
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

/** A step that failed, and with it its run. */
export const failedStep = (event: StepError) =>
  new CommandError({
    code: exitCodes.failed,
    message: `step ${JSON.stringify(event.name ?? event.stepId)} failed: ${
      event.message === undefined
        ? inMessage(event.error)
        : `${event.message}${event.code === undefined ? "" : ` (code ${event.code})`}`
    }`
  })
