/**
 * From the log events of the sdk to those of this package.
 *
 * @internal
 */
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

/** @internal */
export const logHook = (onLog: ((event: LogEvent) => void) | undefined): Sdk.LogHook | undefined =>
  onLog === undefined ? undefined : (event) => onLog(logEvent(event))
