/** Creates a client with its own runtime. */
import * as Sdk from "@effect-noukai/sdk/Noukai"
import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
import type { AuthenticationError, InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import * as NoukaiHttp from "@effect-noukai/sdk/NoukaiHttp"
import type { Tracer } from "@opentelemetry/api"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import type { ClientOptions } from "../../NoukaiOptions.js"
import { valueOrThrow } from "../errors/promiseError.js"
import type { Thrown } from "../errors/thrown.js"
import { fieldOf } from "../json.js"
import { consoleLogger, logHook } from "../logging.js"
import { fieldsOf, reading, refusal, signalOf } from "../options/reading.js"
import { type Names, refuseUnknown } from "../options/unknown.js"
import { layerTracer } from "../otel/otelTracer.js"
import { schedulerOfNow } from "../scope/asyncContext.js"
import { Client } from "./client.js"
import { type FetchInUse, fetchInUse } from "./fetchInUse.js"
import { Lifetime, type Runner, type Services } from "./lifetime.js"

declare const globalThis: { readonly window?: unknown }

const inBrowser = Effect.logWarning(
  "this API key gives anyone who reads it full access to your flows and credits: run the client on a server, and a relay flow in the browser"
)

const log = (line: Effect.Effect<void>): void => Effect.runSync(Effect.provide(line, consoleLogger))

const operation = "new Noukai"

const sdkOptions = (options: ClientOptions, retries: boolean): NoukaiConfig.Options => ({
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
  stepSpans: options.otelStepPayloads === true ? "payloads" : options.otelSteps ?? undefined,
  dispatcher: options.dispatcher
})

/** Returns the checked configuration. Throws an error of this package for a wrong option. */
const clientConfig = (options: ClientOptions, retries: boolean): NoukaiConfig.NoukaiConfig.Service =>
  valueOrThrow(
    Effect.runSyncExit(Effect.provide(NoukaiConfig.NoukaiConfig, NoukaiConfig.layer(sdkOptions(options, retries))))
  )

/** Returns the live services of a client. Building them fails for a wrong option of the SDK. */
export const liveServices = (
  options: ClientOptions
): Layer.Layer<Services, AuthenticationError | InvalidRequestError> => {
  const replaced = fetchInUse(operation, options)
  return Layer.provide(servicesOver(replaced), NoukaiConfig.layer(sdkOptions(options, replaced === undefined)))
}

/** Returns the services over a `fetch`, or over the platform's transport. */
export const servicesOver = (
  given: FetchInUse | undefined
): Layer.Layer<Services, AuthenticationError | InvalidRequestError, NoukaiConfig.NoukaiConfig> =>
  given === undefined
    ? Sdk.layerServices
    : Layer.provideMerge(Sdk.layerOverHttp, NoukaiHttp.layerFetch(given.fetch))

const names: Names<ClientOptions> = {
  apiKey: true,
  env: true,
  port: true,
  org: true,
  project: true,
  timeout: true,
  maxRetries: true,
  maxConcurrency: true,
  rate: true,
  isSessionNotFound: true,
  onLog: true,
  logPayloads: true,
  sessionId: true,
  signal: true,
  dispatcher: true,
  fetch: true,
  otel: true,
  otelSteps: true,
  otelStepPayloads: true,
  tracer: true
}

/** Returns the tracer of the options, or `undefined` for a client without spans. */
const tracerOf = (
  { otel, otelStepPayloads, otelSteps, tracer }: ClientOptions
): Layer.Layer<never, Thrown> | undefined => {
  const flags = Object.entries({ otel, otelSteps, otelStepPayloads }).filter(([, flag]) =>
    (flag ?? undefined) !== undefined
  )
  const wrong = flags.find(([, flag]) => typeof flag !== "boolean")
  if (wrong !== undefined) throw refusal(operation, wrong[0], "must be true or false")
  const given = tracer ?? undefined
  if (given !== undefined && typeof fieldOf(given, "startSpan") !== "function") {
    throw refusal(operation, "tracer", "must be a Tracer of @opentelemetry/api, such as trace.getTracer(\"my-app\")")
  }
  if (given !== undefined && flags.length === 0) {
    throw refusal(operation, "tracer", "has no effect alone: set otel: true too")
  }
  return flags.some(([, flag]) => flag) ? layerTracer(given as Tracer | undefined) : undefined
}

/** A runtime of services, the runner of the calls of a client, and the signal that ends them. */
interface ClientRuntime<R, E> {
  readonly runtime: ManagedRuntime.ManagedRuntime<R, E | Thrown>
  readonly runner: Runner<R>
  readonly signal: AbortSignal | undefined
}

/**
 * Returns a function that builds a runtime and returns its end, or nothing once it is built. Effect would begin calls
 * that wait for a runtime in the reverse order, and the call that builds it after later calls and outside its context.
 */
const openingOf = <R, E>(runtime: ManagedRuntime.ManagedRuntime<R, E>): () => Promise<void> | undefined => {
  let isOpen = false
  let opening: Promise<void> | undefined
  const opened = () => {
    isOpen = true
  }
  return () => {
    if (opening === undefined) {
      // most layers are built at once
      runtime.runFork(Effect.sync(opened))
      // each call fails with the failure of a layer
      opening = isOpen ? Promise.resolve() : runtime.runtime().then(opened, opened)
    }
    return isOpen ? undefined : opening
  }
}

/** Makes a runtime with the logger and the tracer of a client. */
export const runtimeOf = <R, E>(
  services: Layer.Layer<R, E>,
  options: ClientOptions,
  tracer: Layer.Layer<never, Thrown> | undefined = tracerOf(options)
): ClientRuntime<R, E> => {
  const signal = signalOf(operation, options.signal)
  const runtime = ManagedRuntime.make(
    Layer.provideMerge(services, tracer === undefined ? consoleLogger : Layer.merge(tracer, consoleLogger))
  )
  // the caller's hook and its spans are in the asynchronous context of the call
  const isInContext = options.onLog !== undefined || tracer !== undefined
  const runner: Runner<R> = {
    opening: openingOf(runtime),
    runFork: (effect) => runtime.runFork(effect, isInContext ? { scheduler: schedulerOfNow() } : undefined)
  }
  return { runtime, runner, signal }
}

const open = (options: ClientOptions): Client => {
  const replaced = fetchInUse(operation, options)
  const tracer = tracerOf(options)
  const config = clientConfig(options, replaced === undefined)
  const services = Layer.provide(servicesOver(replaced), Layer.succeed(NoukaiConfig.NoukaiConfig, config))
  const { runner, runtime, signal } = runtimeOf(services, options, tracer)
  if (replaced !== undefined) log(replaced.announce)
  if (globalThis.window !== undefined) log(inBrowser)
  const { org, project, sessionId } = config
  return new Client(
    new Lifetime(runner, () => runtime.dispose()),
    { org, project, sessionId, signal, replayEnabled: NoukaiConfig.replayEnabled }
  )
}

/** Returns the options of a client. Throws a refusal of an unknown one. */
export const clientOptions = (given: ClientOptions | undefined): ClientOptions => {
  const options = fieldsOf(operation, given)
  refuseUnknown(operation, options, names)
  return options
}

/** Creates a client. Throws an error of this package for a wrong option. */
export const openClient = (given: ClientOptions | undefined): Client =>
  reading(operation, "options", () => open(clientOptions(given)))
