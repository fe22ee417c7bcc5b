/**
 * From the options of the client to a checked configuration.
 *
 * @internal
 */
import type * as SdkLog from "@effect-noukai/sdk/LogHook"
import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import type { LogEvent } from "../LogEvent.js"
import { bodyOf } from "./json.js"
import { promiseError } from "./promiseError.js"

/** @internal */
export interface ConfigOptions {
  readonly apiKey?: string | undefined
  readonly env?: "dev" | "production" | undefined
  readonly port?: number | undefined
  readonly org?: string | undefined
  readonly project?: string | undefined
  readonly timeout?: number | undefined
  readonly maxRetries?: number | undefined
  readonly onLog?: ((event: LogEvent) => void) | undefined
  readonly logPayloads?: boolean | undefined
  readonly sessionId?: string | undefined
  readonly dispatcher?: unknown
}

const logEvent = (event: SdkLog.LogEvent): LogEvent => {
  if ("mode" in event) {
    const { mode, phase, sessionId } = event
    return { phase, mode: mode === "replay" ? "replay" : "capture", sessionId }
  }
  return {
    ...event,
    ...("requestBody" in event ? { requestBody: bodyOf(event.requestBody) } : undefined),
    ...("responseBody" in event ? { responseBody: bodyOf(event.responseBody) } : undefined)
  }
}

/** @internal */
export const logHook = (onLog: ((event: LogEvent) => void) | undefined): SdkLog.LogHook | undefined =>
  onLog === undefined ? undefined : (event) => onLog(logEvent(event))

const sdkOptions = (options: ConfigOptions): NoukaiConfig.Options => ({
  apiKey: options.apiKey === undefined ? undefined : Redacted.make(options.apiKey),
  env: options.env,
  port: options.port,
  org: options.org,
  project: options.project,
  sessionId: options.sessionId,
  attemptTimeout: options.timeout,
  firstByteTimeout: options.timeout,
  idleTimeout: options.timeout,
  maxRetries: options.maxRetries,
  log: logHook(options.onLog),
  logPayloads: options.logPayloads,
  dispatcher: options.dispatcher
})

/**
 * Throws what is wrong with the options.
 *
 * @internal
 */
export const clientConfig = (options: ConfigOptions): NoukaiConfig.NoukaiConfig.Service => {
  const exit = Effect.runSyncExit(
    Effect.provide(NoukaiConfig.NoukaiConfig, NoukaiConfig.layer(sdkOptions(options)))
  )
  if (Exit.isSuccess(exit)) return exit.value
  throw promiseError(Cause.squash(exit.cause))
}
