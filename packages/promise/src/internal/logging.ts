/** The log of a client: its hook and its console. */
import type * as Sdk from "@effect-noukai/sdk/Telemetry"
import type * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type { LogEvent } from "../LogEvent.js"
import { jsonOrText } from "./json.js"

const logEvent = (event: Sdk.LogEvent): LogEvent => {
  if ("mode" in event) {
    const { mode, phase, sessionId } = event
    return { phase, mode: mode === "replay" ? "replay" : "capture", sessionId }
  }
  return {
    ...event,
    ...("requestBody" in event ? { requestBody: jsonOrText(event.requestBody) } : undefined),
    ...("responseBody" in event ? { responseBody: jsonOrText(event.responseBody) } : undefined)
  }
}

/** Returns the hook for the SDK, which refuses a value that is not a function. */
export const logHook = (onLog: ((event: LogEvent) => void) | undefined): Sdk.LogHook | undefined =>
  typeof onLog === "function" ? (event) => onLog(logEvent(event)) : onLog

/** Logs one line with the console method of the level. */
export const consoleLogger: Layer.Layer<never> = Logger.replace(
  Logger.defaultLogger,
  Logger.withLeveledConsole(
    Logger.make(({ message }) => ["noukai:", ...(Array.isArray(message) ? message : [message])].map(String).join(" "))
  )
)
