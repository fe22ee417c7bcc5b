/** `noukai doctor`. */
import * as Noukai from "@effect-noukai/sdk/Noukai"
import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
import type { NoukaiError } from "@effect-noukai/sdk/NoukaiError"
import { RunService } from "@effect-noukai/sdk/RunService"
import { SessionService } from "@effect-noukai/sdk/SessionService"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { randomUUID } from "node:crypto"
import type { Dispatcher } from "undici"
import { connection, type ConnectionFlags, json, optional } from "../arguments/flags.js"
import * as Values from "../arguments/values.js"
import { type CommandError, reported, type UsageError } from "../exit/CommandError.js"
import { type ExitCode, exitCodeOf, exitCodes, worst } from "../exit/exitCode.js"
import { withoutMethod } from "../exit/failing.js"
import * as Answer from "../settings/answer.js"
import { variable } from "../settings/environment.js"
import * as Proxy from "../settings/proxy.js"
import { noKey } from "../settings/services.js"
import * as Settings from "../settings/Settings.js"
import { time } from "../terminal/amounts.js"
import { jsonLine } from "../terminal/json.js"
import { hint } from "../terminal/shell.js"
import { Terminal } from "../terminal/Terminal.js"
import { masked, plain } from "../terminal/text.js"
import { version } from "../version.js"
import { type InputOf, leaf } from "./leaf.js"

const config = {
  timeout: optional("timeout", "Wait at most this long for the server (10s)."),
  json,
  ...connection
}

type Input = InputOf<typeof config>

/** The result of a check. */
export interface Check {
  readonly name: "versions" | "settings" | "server" | "proxy" | "key" | "reachable" | "clock"
  readonly state: "well" | "wrong" | "unknown"
  readonly message: string
  /** Advice, one line each. */
  readonly advice: ReadonlyArray<string>
  readonly code: ExitCode
}

const well = (name: Check["name"], message: string): Check => ({
  name,
  state: "well",
  message,
  advice: [],
  code: exitCodes.done
})

const wrong = (name: Check["name"], code: ExitCode, message: string, ...advice: ReadonlyArray<string>): Check => ({
  name,
  state: "wrong",
  message,
  advice,
  code
})

/** A check that was skipped, because an earlier one failed. */
const unknown = (name: Check["name"], message: string): Check => ({ ...well(name, message), state: "unknown" })

const versions = (): Check => {
  const message = `noukai ${version}, Node.js ${process.version}, ${process.platform} ${process.arch}`
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
  return major > 20 || (major === 20 && minor >= 19)
    ? well("versions", message)
    : wrong(
      "versions",
      exitCodes.failed,
      message,
      "install Node.js 20.19 or later: noukai does not support this version"
    )
}

/** Returns the command that starts a local server at the URL. */
const dev = (url: string): string => {
  const { port } = new URL(url)
  return hint({}, "dev", [], port === "" || port === "8080" ? [] : [["--port", port]])
}

/** The tolerated difference of the clocks, in milliseconds. */
const tolerance = 30_000

const setKey = `set NOUKAI_API_KEY, pass the path of a key file to --key-file, or store the key: ${hint({}, "auth")}`

const key = ({ keyFrom, options: { apiKey } }: Settings.Settings.Service): Effect.Effect<Check> =>
  keyFrom === undefined || apiKey === undefined
    ? Effect.succeed(wrong("key", exitCodes.notAllowed, "there is no key", setKey, Settings.free))
    : Effect.match(NoukaiConfig.make({ apiKey }), {
      onSuccess: () => well("key", `from ${keyFrom}; it begins with nk_`),
      onFailure: (error) =>
        wrong(
          "key",
          exitCodes.notAllowed,
          `from ${keyFrom}: ${error._tag === "AuthenticationError" ? error.detail ?? error.message : error.message}`,
          "copy the whole key again; it begins with nk_live_ or nk_test_"
        )
    })

/** Requests an unknown session without a key. This begins no run. */
const asked = Effect.fnUntraced(function*(server: string, through: Dispatcher | undefined) {
  const url = new URL(`${server}/seq/sessions/${randomUUID()}`)
  const begun = yield* Clock.currentTimeMillis
  const head = yield* Answer.answer(url, {}, through)
  const ended = yield* Clock.currentTimeMillis
  const date = Date.parse(head.date)
  return {
    status: head.status,
    took: ended - begun,
    // the server's clock minus this machine's: a date has whole seconds, and was set between request and answer
    ahead: Number.isNaN(date) ? undefined : date + 500 - (begun + ended) / 2
  }
})

const isOfThisMachine = (url: string): boolean => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname)

const clock = (ahead: number | undefined, url: string): Check => {
  if (ahead === undefined) {
    return isOfThisMachine(url)
      ? well("clock", "the server has the clock of this machine")
      : unknown("clock", "the server sent no valid date")
  }
  // a date has no fractions of a second
  const off = Math.abs(ahead) < 1000 ? "less than 1 s" : time(Math.abs(ahead))
  return Math.abs(ahead) <= tolerance
    ? well("clock", `${off} from that of the server`)
    : wrong(
      "clock",
      exitCodes.failed,
      `this machine is ${off} ${ahead > 0 ? "behind" : "ahead of"} the server`,
      "synchronise the clock of this machine with a time server"
    )
}

/** Requests an unknown session with the key, and returns whether the server accepts it. */
const accepted = (options: NoukaiConfig.Options, was: Check, timeout: Duration.Duration): Effect.Effect<Check> =>
  Effect.flatMap(SessionService, (sessions) => sessions.get(randomUUID())).pipe(
    Effect.provide(Noukai.layer({ ...options, maxRetries: 0, attemptTimeout: timeout })),
    Effect.match({ onFailure: (error) => answered(error, was), onSuccess: () => taken(was) })
  )

const taken = (was: Check): Check => ({ ...was, message: `${was.message}; the server accepts it` })

const answered = (error: NoukaiError, was: Check): Check => {
  switch (error._tag) {
    case "ReplaySessionNotFoundError":
    case "ReplaySessionExpiredError":
      return taken(was)
    case "AuthenticationError":
    case "PermissionDeniedError":
    case "ReplayForbiddenError":
      return wrong(
        "key",
        exitCodes.notAllowed,
        `${was.message}, but the server refuses it (${error.statusCode ?? error._tag})`,
        "check that the key is not revoked and belongs to this server, or create another one"
      )
    case "InsufficientCreditsError":
      return wrong("key", exitCodes.failed, "the account has no credits", "buy credits, or wait for next month")
    default:
      return wrong(
        "key",
        exitCodeOf(error, "reads"),
        `${was.message}; cannot tell whether the server accepts it: ${withoutMethod(error)}`
      )
  }
}

/** Requests an unknown run under a path. Returns the path if the server serves it, and fails with the reason if not. */
const served = (
  options: NoukaiConfig.Options,
  runPaths: "seq" | "flow-runs",
  timeout: Duration.Duration
): Effect.Effect<string, string> => {
  const { org, project } = options
  const path = runPaths === "seq" ? "/seq/…/runs" : "/flow-runs"
  if (runPaths === "seq" && (org === undefined || project === undefined)) {
    return Effect.fail(`${path} is unknown without --org and --project`)
  }
  return Effect.flatMap(
    RunService,
    (runs) => runs.summary({ org: org ?? "org", project: project ?? "project", slug: "doctor" }, randomUUID())
  ).pipe(
    Effect.provide(Noukai.layer({ ...options, runPaths, maxRetries: 0, attemptTimeout: timeout })),
    Effect.catchAll(({ _tag, code, statusCode }: NoukaiError) =>
      code === "RUN_NOT_FOUND" || statusCode === 410
        ? Effect.void
        : Effect.fail(`${path} answers with ${statusCode ?? _tag}`)
    ),
    Effect.as(path)
  )
}

/** Returns a text with the paths of runs. */
const runPaths = (options: NoukaiConfig.Options, timeout: Duration.Duration): Effect.Effect<string> =>
  Effect.map(
    Effect.partition(["seq", "flow-runs"] as const, (path) => served(options, path, timeout), { concurrency: 2 }),
    ([refused, well]) =>
      [
        well.length === 0 ? "no path for reading runs answers" : `runs are read under ${well.join(" and ")}`,
        ...refused
      ].join("; ")
  )

/** The checks where the settings cannot be read. */
const withoutSettings = (error: CommandError | UsageError): ReadonlyArray<Check> => {
  if (error._tag === "CommandError") {
    return [
      wrong("key", exitCodes.notAllowed, error.message, ...error.advice ?? []),
      unknown("server", "unknown without a key")
    ]
  }
  const isSet = variable("NOUKAI_API_KEY") !== undefined
  return [
    wrong("settings", exitCodes.usage, error.message, fixFirst),
    unknown("key", isSet ? "NOUKAI_API_KEY is set" : "NOUKAI_API_KEY is not set"),
    unknown("server", "unknown until the settings are fixed")
  ]
}

const fixFirst = "fix this first: no command works until then"

/** A server that does not answer. */
const unreachable = (url: string, reason: string, { isHosted, proxy }: Settings.Settings.Service): Check =>
  wrong(
    "reachable",
    exitCodes.refused,
    `${url} cannot be reached: ${reason}`,
    proxy === undefined
      ? isHosted
        ? "check that this machine is online and no firewall blocks the server"
        : `start the server: ${dev(url)}; or name another one with --env or --base-url`
      : reason.includes("(407)")
      ? `the proxy requires a user and a password: set ${proxy.from} to http://user:password@host:port`
      : `check that the proxy of ${proxy.from} is running and allows requests to ${url}`
  )

/** Runs all checks that the settings and the server allow. */
export const checks = Effect.fnUntraced(function*(flags: ConnectionFlags, timeout: Duration.Duration) {
  const read = yield* Effect.either(Effect.provide(Settings.Settings, Settings.layer(flags)))
  if (Either.isLeft(read)) return [versions(), ...withoutSettings(read.left)]
  const settings = read.right
  const { file = "no noukai.json", found, isHosted, proxy, serverFrom } = settings
  const through = proxy === undefined ? undefined : yield* Proxy.dispatcher(proxy)
  const options = { ...settings.options, dispatcher: through }
  const config = yield* Effect.either(NoukaiConfig.make({ ...options, apiKey: noKey }))
  const ofKey = yield* key(settings)
  if (Either.isLeft(config)) {
    const reason = config.left._tag === "InvalidRequestError"
      ? Settings.wrongSetting(settings, config.left)
      : withoutMethod(config.left)
    const settled = wrong("settings", exitCodes.usage, `${file}; ${reason}`, fixFirst)
    return [versions(), settled, ofKey, unknown("server", `named by ${serverFrom}`)]
  }
  const url = `${config.right.origin}${config.right.prefix}`
  const costs = isHosted ? "runs cost money" : "on this machine, where runs cost nothing"
  const before = [
    versions(),
    well("settings", file),
    {
      ...well("server", `${url}, named by ${serverFrom}; ${costs}`),
      advice: found === undefined ? [] : [found]
    },
    ...proxy === undefined ? [] : [well("proxy", `${proxy.shown}, from ${proxy.from}`)]
  ]
  const answer = yield* asked(url, through).pipe(
    Effect.timeoutFail({ duration: timeout, onTimeout: () => "no answer in time; raise --timeout" }),
    Effect.either
  )
  if (Either.isLeft(answer)) return [...before, ofKey, unreachable(url, answer.left, settings)]
  const { ahead, status, took } = answer.right
  const said = `${url} answers with ${status}`
  const refusal = status === 407
    ? wrong(
      "reachable",
      exitCodes.failed,
      `${said}: a proxy on the way requires a user and a password`,
      `set ${proxy?.from ?? "HTTPS_PROXY"} to http://user:password@host:port`
    )
    : status >= 500
    ? wrong("reachable", exitCodes.refused, said, "the server has a problem: retry later")
    : isHosted || [401, 403, 429].includes(status)
    ? undefined
    : wrong(
      "reachable",
      exitCodes.failed,
      `${said}: it is not a Noukai server`,
      "choose the server with --env, --port or --base-url"
    )
  if (refusal !== undefined) return [...before, ofKey, refusal, clock(ahead, url)]
  const asKey = ofKey.state === "well" ? yield* accepted(options, ofKey, timeout) : ofKey
  const runs = asKey.state === "well" ? `; ${yield* runPaths(options, timeout)}` : ""
  return [...before, asKey, well("reachable", `it answers in ${time(took)}${runs}`), clock(ahead, url)]
})

const signs = { well: "✓", wrong: "✗", unknown: "?" } as const

const column = "reachable".length

const text = ({ advice, message, name, state }: Check): string =>
  `${signs[state]} ${name.padEnd(column)}  ${plain(message)}\n${
    advice.map((line) => `${" ".repeat(column + 4)}${plain(line)}\n`).join("")
  }`

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const timeout = yield* Values.durationOf("--timeout", input.timeout)
  yield* terminal.progress("… asking the server")
  const found = yield* Effect.scoped(checks(input, timeout ?? Duration.seconds(10)))
  yield* terminal.progress("")
  const code = worst(found.map(({ code }) => code))
  yield* terminal.write(
    input.json
      ? jsonLine({
        ok: code === exitCodes.done,
        checks: found.map(({ advice, message, name, state }) => ({ name, state, message: masked(message), advice }))
      })
      : found.map(text).join("")
  )
  // the failures are printed already
  if (code !== exitCodes.done) return yield* reported(code)
})

export const command = leaf("doctor", "Check the settings, the key and the server.", config, handle)
