/**
 * Translates the options of the client into a checked configuration.
 *
 * @internal
 */
import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { NoukaiOptions } from "../../NoukaiOptions.js"
import { valueOrThrow } from "../errors/promiseError.js"
import { logHook } from "../logging/logHook.js"

const sdkOptions = (options: NoukaiOptions, retries: boolean): NoukaiConfig.Options => ({
  apiKey: options.apiKey === undefined ? undefined : Redacted.make(options.apiKey),
  env: options.env,
  port: options.port,
  org: options.org,
  project: options.project,
  sessionId: options.sessionId,
  attemptTimeout: options.timeout,
  firstByteTimeout: options.timeout,
  idleTimeout: options.timeout,
  maxRetries: retries ? options.maxRetries : 0,
  maxConcurrency: options.maxConcurrency,
  rate: options.rate,
  log: logHook(options.onLog),
  logPayloads: options.logPayloads,
  dispatcher: options.dispatcher
})

/**
 * Throws an error of this package when an option is wrong.
 *
 * @param retries whether anything is retried
 *
 * @internal
 */
export const clientConfig = (options: NoukaiOptions, retries: boolean): NoukaiConfig.NoukaiConfig.Service =>
  valueOrThrow(
    Effect.runSyncExit(Effect.provide(NoukaiConfig.NoukaiConfig, NoukaiConfig.layer(sdkOptions(options, retries))))
  )
