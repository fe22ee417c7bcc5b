/** Translates the log events of the sdk into those of this package. */
import type * as Sdk from "@effect-noukai/sdk/LogHook"
import type { LogEvent } from "../../LogEvent.js"
import { jsonOrText } from "../json/jsonOrText.js"

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

/** The hook for the sdk, which refuses a value that is no function. */
export const logHook = (onLog: ((event: LogEvent) => void) | undefined): Sdk.LogHook | undefined =>
  typeof onLog === "function" ? (event) => onLog(logEvent(event)) : onLog
