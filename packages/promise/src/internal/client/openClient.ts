/** Creates a client with its own runtime. */
import * as Sdk from "@effect-noukai/sdk/Noukai"
import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
import * as NoukaiHttp from "@effect-noukai/sdk/NoukaiHttp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import type { NoukaiOptions } from "../../NoukaiOptions.js"
import { valueOrThrow } from "../errors/promiseError.js"
import { consoleLogger, logHook } from "../logging.js"
import { fieldsOf, reading, signalOf } from "../options/reading.js"
import { schedulerOfNow } from "../scope/asyncContext.js"
import { Client } from "./client.js"
import { type FetchInUse, fetchInUse } from "./fetchInUse.js"
import { Lifetime, type Runner, type Services } from "./lifetime.js"

declare const globalThis: { readonly window?: unknown }

const inBrowser = Effect.logWarning(
  "this API key gives anyone who reads it full access to your flows and credits: run the client on a server, and a relay flow in the browser"
)

const operation = "new Noukai"

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
  isSessionNotFound: options.isSessionNotFound,
  log: logHook(options.onLog),
  logPayloads: options.logPayloads,
  dispatcher: options.dispatcher
})

/** Returns the checked configuration. Throws an error of this package for a wrong option. */
const clientConfig = (options: NoukaiOptions, retries: boolean): NoukaiConfig.NoukaiConfig.Service =>
  valueOrThrow(
    Effect.runSyncExit(Effect.provide(NoukaiConfig.NoukaiConfig, NoukaiConfig.layer(sdkOptions(options, retries))))
  )

const servicesOver = (given: FetchInUse | undefined) =>
  given === undefined
    ? Sdk.layerServices
    : Layer.provideMerge(Sdk.layerOverHttp, NoukaiHttp.layerFetch(given.fetch))

const open = (options: NoukaiOptions, signal: AbortSignal | undefined): Client => {
  const replaced = fetchInUse(operation, options)
  const config = clientConfig(options, replaced === undefined)
  const runtime = ManagedRuntime.make(
    servicesOver(replaced).pipe(
      Layer.provide(Layer.succeed(NoukaiConfig.NoukaiConfig, config)),
      Layer.provideMerge(consoleLogger)
    )
  )
  if (replaced !== undefined) runtime.runSync(replaced.announce)
  if (globalThis.window !== undefined) runtime.runSync(inBrowser)
  // the caller's hook runs in the asynchronous context of the call
  const runner: Runner<Services> = options.onLog === undefined
    ? runtime
    : { runFork: (effect) => runtime.runFork(effect, { scheduler: schedulerOfNow() }) }
  const { org, project, sessionId } = config
  return new Client(
    new Lifetime(runner, () => runtime.dispose()),
    { org, project, sessionId, signal, replayEnabled: NoukaiConfig.replayEnabled }
  )
}

/** Creates a client. Throws an error of this package for a wrong option. */
export const openClient = (given: NoukaiOptions | undefined): Client =>
  reading(operation, "options", () => {
    const options = fieldsOf(operation, given)
    return open(options, signalOf(operation, options.signal))
  })
