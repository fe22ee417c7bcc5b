// a rejected promise has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/** Opens the services of a client for other runtimes. */
import { ReplayCassette } from "@effect-noukai/sdk/Cassette"
import * as Sdk from "@effect-noukai/sdk/Noukai"
import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
import { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import * as NoukaiRecord from "@effect-noukai/sdk/NoukaiRecord"
import * as NoukaiReplay from "@effect-noukai/sdk/NoukaiReplay"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import type { Runtime, RuntimeOptions, RuntimeSettings, RuntimeSource } from "../../RuntimeModels.js"
import { Client } from "../client/client.js"
import { fetchInUse } from "../client/fetchInUse.js"
import { Lifetime, type Services } from "../client/lifetime.js"
import { servicesOver } from "../client/openClient.js"
import { valueOrThrow } from "../errors/promiseError.js"
import { Thrown } from "../errors/thrown.js"
import { isRecord } from "../json.js"
import { consoleLogger, logHook } from "../logging.js"
import { refusal } from "../options/reading.js"
import { runtimeError } from "./runtimeError.js"
import { type Opened, runtimeOver } from "./runtimeOver.js"

const cassette = Layer.mergeAll(
  Layer.succeed(ReplayCassette, { verify: Effect.void }),
  Layer.succeed(NoukaiRecord.Recording, { isRecording: false, save: Effect.void })
)

const configOf = ({ apiKey, fetch, ...options }: RuntimeOptions): NoukaiConfig.Options => ({
  ...options,
  apiKey: apiKey === undefined ? undefined : Redacted.make(apiKey),
  maxRetries: fetch === undefined ? options.maxRetries : 0,
  log: logHook(options.log)
})

/** Returns the services of a source. */
const servicesOf = (source: RuntimeSource, options: RuntimeOptions): Layer.Layer<Opened, unknown> => {
  const replaced = fetchInUse("open", options)
  const config = NoukaiConfig.layer(configOf(options))
  const live = Layer.provide(servicesOver(replaced), config)
  switch (source.type) {
    case "live":
      return Layer.provideMerge(live, cassette)
    case "session":
      return Layer.provideMerge(Layer.provide(NoukaiReplay.fromSession(source.sessionId), config), cassette)
    case "file": {
      const { match, path, redact } = source
      return Layer.provideMerge(NoukaiReplay.fromFile(path, { match, redact }), cassette)
    }
    case "record": {
      const { match, mode, path, redact } = source
      return NoukaiRecord.toFile(path, { mode, match, redact, live })
    }
    case "test": {
      const { answer } = source
      const answered = (slug: string, input: object) =>
        // the call rejects with the error of the function
        Effect.tryPromise({ try: async () => await answer(slug, input), catch: (reason) => new Thrown({ reason }) })
      const fake = Sdk.layerTest(answered as (slug: string, input: object) => Effect.Effect<unknown>)
      return Layer.provideMerge(Layer.provideMerge(Sdk.layerOverHttp, fake), cassette)
    }
  }
}

/** Sends each warning to the caller. */
const loggerOf = (warn: RuntimeSettings["warn"]): Layer.Layer<never> =>
  warn === undefined ? consoleLogger : Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ message }) => warn((Array.isArray(message) ? message : [message]).map(String).join(" ")))
  )

type Variables = NonNullable<RuntimeSettings["variables"]>

/** Reads the variables of the caller, and not those of the process. */
const providerOf = (variables: Variables): ConfigProvider.ConfigProvider =>
  ConfigProvider.fromMap(
    new Map(Object.entries(variables).flatMap(([name, value]) => value === undefined ? [] : [[name, value]]))
  )

/** Opens the services of a client. Rejects with a plain error. */
export const openRuntime = async (
  options: RuntimeOptions,
  { source = { type: "live" }, variables, warn }: RuntimeSettings
): Promise<Runtime> => {
  try {
    if (!isRecord(options)) throw refusal("open", "options", "must be an object")
    const provider = variables === undefined ? undefined : providerOf(variables)
    const variablesGiven = provider === undefined ? Layer.empty : Layer.setConfigProvider(provider)
    const around = Layer.merge(loggerOf(warn), variablesGiven)
    const runtime = ManagedRuntime.make(Layer.provideMerge(servicesOf(source, options), around))
    const http = valueOrThrow(await runtime.runPromiseExit(NoukaiHttp))
    const { org, project, sessionId } = http.defaults
    const replayEnabled = source.type === "live" && options.replayEnabled === undefined
      ? NoukaiConfig.replayEnabled
      : undefined
    const lifetime = new Lifetime<Services>({ runFork: (effect) => runtime.runFork(effect) }, () => runtime.dispose())
    const client = new Client(lifetime, { org, project, sessionId, signal: undefined, replayEnabled })
    return runtimeOver(client, async (effect) => valueOrThrow(await runtime.runPromiseExit(effect)))
  } catch (error) {
    throw runtimeError(error)
  }
}
