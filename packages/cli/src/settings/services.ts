/** The services of the SDK, with the settings of a command. */
import * as Noukai from "@effect-noukai/sdk/Noukai"
import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
import type { AuthenticationError, InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import type { LogHook } from "@effect-noukai/sdk/Telemetry"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { ConnectionFlags } from "../arguments/flags.js"
import { duration } from "../arguments/values.js"
import { CommandError, wrong } from "../exit/CommandError.js"
import { exitCodes } from "../exit/exitCode.js"
import { withoutMethod } from "../exit/failing.js"
import { time } from "../terminal/amounts.js"
import { Terminal } from "../terminal/Terminal.js"
import * as History from "./History.js"
import * as Proxy from "./proxy.js"
import * as Settings from "./Settings.js"

/** Flags of a command that uses the services. */
export interface ServiceFlags extends ConnectionFlags {
  readonly noHistory?: boolean
  /** The most requests in a second. */
  readonly perSecond?: number
}

/**
 * Returns how long a command retries an unreachable server, as text. Returns `undefined` for a request that is not
 * retried. `hasAnswered`: the server has answered before.
 */
export type Patience = (hasAnswered: boolean, method: "GET" | "POST") => string | undefined

/** The time in milliseconds after which the SDK gives up on a job whose polls all fail. */
const givenUp = 300_000

/** The retries of a wait for jobs. Without `--timeout`, the wait begins only if the server answers. */
export const waiting = (timeout: Option.Option<string>): Patience => {
  const limit = Option.flatMap(timeout, (text) => Effect.runSync(Effect.option(duration("--timeout", text))))
  return (hasAnswered, method) => {
    if (method === "POST") return undefined
    if (Option.isNone(limit) && !hasAnswered) return "a few times, for about a second"
    const millis = Option.match(limit, { onNone: () => givenUp, onSome: Duration.toMillis })
    return `for up to ${millis < givenUp ? time(millis) : "5 minutes"}`
  }
}

/** The time in milliseconds that a server which has answered may be silent before that is printed. */
const unsaid = 5000

/** Prints once for each outage that the server cannot be reached. */
export const outages = (
  terminal: Pick<Terminal.Service, "note">,
  patience: Patience,
  now: () => number
): LogHook => {
  let hasAnswered = false
  let isLost = false
  let lostAt: number | undefined
  return (event) => {
    if (event.phase === "response") {
      if (isLost) Effect.runSync(terminal.note("the server answers again"))
      hasAnswered = true
      isLost = false
      lostAt = undefined
    } else if (event.phase === "error" && event.error === "APIConnectionError" && !isLost) {
      const how = patience(hasAnswered, event.method)
      lostAt ??= now()
      // one reset among many requests is not an outage
      if (how === undefined || (hasAnswered && now() - lostAt < unsaid)) return
      isLost = true
      Effect.runSync(
        terminal.note(`the server cannot be reached (${event.message.replace(/^.*?: /, "")}); retrying ${how}`)
      )
    }
  }
}

/** The key of a command that sends nothing. */
export const noKey = Redacted.make("nk_none")

const wrongOption =
  (settings: Settings.Settings.Service, input: ConnectionFlags) => (error: AuthenticationError | InvalidRequestError) =>
    error._tag === "InvalidRequestError"
      ? wrong(Settings.wrongSetting(settings, error))
      : settings.keyFrom !== undefined
      ? error
      : new CommandError({
        kind: error._tag,
        code: exitCodes.notAllowed,
        message: withoutMethod(error),
        advice: [`store a key: ${Settings.storing(input)}`, Settings.free]
      })

/**
 * The configuration of a command that sends nothing and needs no key: the server, and the organisation and the project of
 * flows named without them. Fails for mistakes in flags, the environment or `noukai.json`.
 */
export const withoutKey = (input: ConnectionFlags) =>
  Layer.unwrapEffect(
    Effect.map(Settings.Settings, (settings) =>
      Layer.mapError(NoukaiConfig.layer({ ...settings.options, apiKey: noKey }), wrongOption(settings, input)))
  ).pipe(
    Layer.provide(Settings.layer(input, "server"))
  )

/**
 * The services, the history and the settings. Fails for mistakes in flags, the environment or `noukai.json`. A command that
 * `isReplayed` sends nothing and needs no key.
 */
export const services = (input: ServiceFlags, patience?: Patience, isReplayed = false) =>
  History.layer(input.noHistory !== true).pipe(
    Layer.provideMerge(Layer.unwrapScoped(Effect.gen(function*() {
      const settings = yield* Settings.Settings
      const { options, proxy } = settings
      const terminal = yield* Terminal
      const clock = yield* Effect.clock
      if (settings.found !== undefined && !isReplayed) yield* terminal.note(settings.found)
      return Noukai.layer({
        ...options,
        ...isReplayed ? { apiKey: noKey } : {},
        ...input.perSecond === undefined ? {} : { rate: input.perSecond },
        ...patience === undefined ? {} : { log: outages(terminal, patience, () => clock.unsafeCurrentTimeMillis()) },
        ...proxy === undefined ? {} : { dispatcher: yield* Proxy.dispatcher(proxy) }
      }).pipe(Layer.mapError(wrongOption(settings, input)))
    }))),
    Layer.provideMerge(Settings.layer(input))
  )
