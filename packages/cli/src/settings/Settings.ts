/**
 * The server and the key of a command. They come from flags, then the profile of --profile, then the environment, then
 * the nearest `noukai.json` from the working folder upwards. The key comes from the environment, a file or the keyring,
 * and never from an argument, because other users can see arguments.
 */
import type * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
import type { InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import type { ConnectionFlags } from "../arguments/flags.js"
import { profileName, reason, when } from "../arguments/values.js"
import { CommandError, type UsageError, wrong } from "../exit/CommandError.js"
import { exitCodes } from "../exit/exitCode.js"
import { flagOf, hint } from "../terminal/shell.js"
import { configFolder, setVariables, variable } from "./environment.js"
import type { StoredKey } from "./keys.js"
import { type Proxy, proxyFor } from "./proxy.js"

function field<A>(schema: Schema.Schema<A>, what: string) {
  // the message omits the value: it may be a misplaced key
  return Schema.optionalWith(schema.annotations({ message: () => ({ message: `must be ${what}`, override: true }) }), {
    exact: true
  })
}

const text = field(Schema.String, "a text")

const Profile = Schema.Struct({
  org: text,
  project: text,
  env: field(Schema.Literal("production", "dev", "development"), "production or dev"),
  port: field(Schema.Int, "a whole number"),
  baseUrl: text,
  keyFile: text
})

const File = Schema.Struct({
  ...Profile.fields,
  $schema: text,
  profiles: Schema.optionalWith(Schema.Record({ key: Schema.String, value: Profile }), { exact: true })
})

type File = typeof File.Type

/** Returns the name of a setting in one source. */
type NameOf = (setting: "baseUrl" | "env" | "port") => string

export declare namespace Settings {
  interface Service {
    /** For `Noukai.layer`. */
    readonly options: NoukaiConfig.Options
    /** The source of the key. Absent without a key. */
    readonly keyFrom: string | undefined
    /** The source of the server. */
    readonly serverFrom: string
    /** Returns the name of its setting there. */
    readonly nameOf: NameOf
    /** The `noukai.json` that was read. */
    readonly file: string | undefined
    /** Why a server of `noukai dev`, or its key, is used without a setting. Absent if it is not. */
    readonly found: string | undefined
    /** Whether runs cost money, because the hosted service makes them. */
    readonly isHosted: boolean
    /** The proxy that requests go through. */
    readonly proxy: Proxy | undefined
  }
}

export class Settings extends Context.Tag("@effect-noukai/cli/settings/Settings")<Settings, Settings.Service>() {}

const readText = (path: string): Effect.Effect<string, UsageError> =>
  Effect.try({
    try: () => readFileSync(path, "utf8").replace(/^\ufeff/, ""),
    catch: (cause) => wrong(`cannot read ${path}: ${reason(cause)}`)
  })

/** Reads the key in a file. Any problem with the file counts as a missing key. */
const keyIn = (path: string, from: string): Effect.Effect<StoredKey, CommandError> =>
  Effect.map(readText(path), (text) => ({ key: text.trim(), from })).pipe(
    Effect.filterOrFail(({ key }) => key !== "", () => wrong(`${path} contains no key`)),
    Effect.mapError(({ message }) =>
      new CommandError({
        message,
        code: exitCodes.notAllowed,
        advice: ["pass the path of a key file to --key-file, or set NOUKAI_API_KEY to the key"]
      })
    )
  )

/** Returns the nearest `noukai.json`, upwards from the folder. */
const nearest = (folder: string): string | undefined => {
  const path = join(folder, "noukai.json")
  if (existsSync(path)) return path
  const above = dirname(folder)
  return above === folder ? undefined : nearest(above)
}

/** Returns the working folder, unless it was removed. */
const workingFolder = Option.liftThrowable(() => process.cwd())

const decode = Schema.decodeUnknown(File, { onExcessProperty: "error" })

const readFile = Effect.fnUntraced(function*(path: string) {
  const text = yield* readText(path)
  const json = yield* Effect.try({
    try: (): unknown => JSON.parse(text),
    // the parser's message quotes the text, which may be a key
    catch: () => wrong(`${path} is not JSON`)
  })
  if (!Predicate.isRecord(json)) return yield* wrong(`${path} must be an object`)
  if ("apiKey" in json) {
    return yield* wrong(
      `${path} contains an apiKey: remove it, and set NOUKAI_API_KEY, or keyFile to the path of a key file`
    )
  }
  return yield* Effect.mapError(decode(json), (error) => {
    const issues = ParseResult.ArrayFormatter.formatErrorSync(error)
    return wrong(`${path}: ${issues.map(({ message, path }) => `${path.map(String).join(".")} ${message}`).join("; ")}`)
  })
})

interface Server {
  readonly from: string
  readonly nameOf: NameOf
  readonly options: NoukaiConfig.Options
}

const asVariable: NameOf = (setting) => `NOUKAI_${setting === "baseUrl" ? "BASE_URL" : setting.toUpperCase()}`

const inFile = (file: string): NameOf => (setting) => `${file}: ${setting}`

interface Source {
  readonly baseUrl?: string | undefined
  readonly env?: string | undefined
  readonly port?: number | undefined
}

/** Returns the server that one source names, if it names one. */
const serverOf = Effect.fnUntraced(function*(from: string, nameOf: NameOf, { baseUrl, env, port }: Source) {
  const named = (options: NoukaiConfig.Options): Server => ({ from, nameOf, options })
  if (baseUrl !== undefined) {
    if (env === undefined && port === undefined) return named({ baseUrl })
    return yield* wrong(`${nameOf("baseUrl")} cannot be combined with --env or --port`)
  }
  if (env === undefined && port === undefined) return undefined
  if (env === "dev" || env === "development" || env === undefined) return named({ env: "dev", port })
  if (env !== "production") return yield* wrong(`${nameOf("env")} is production or dev, not ${JSON.stringify(env)}`)
  if (port !== undefined) return yield* wrong(`${nameOf("port")} requires --env dev`)
  return named({ env: "production" })
})

/** Returns the message of an error in settings. It uses the names that they have in their source. */
export const wrongSetting = ({ nameOf }: Settings.Service, { field, reason }: InvalidRequestError): string => {
  const name = field === "baseUrl" || field === "port" ? nameOf(field) : flagOf(field)
  return `invalid ${name}: ${reason}`
}

/** Reads a whole number. Returns `NaN` for any other text. */
const wholeNumber = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : /^\d+$/.test(text) ? Number(text) : NaN

/** Returns the server, unless it is on this machine or its URL is invalid. */
const hosted = ({ baseUrl, env }: NoukaiConfig.Options): URL | undefined => {
  const given = baseUrl ?? (env === "dev" ? "" : "https://api.noukai.xyz")
  const url = URL.canParse(given) ? new URL(given) : undefined
  return url === undefined || /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname) ? undefined : url
}

/** Returns the command that stores a key for the server and the profile of the flags. */
export const storing = (flags: ConnectionFlags): string =>
  hint(Struct.pick(flags, "baseUrl", "env", "envFile", "port", "profile"), "auth")

/** How to do without a key. */
export const free = `or use a free server on this machine: run ${hint({}, "dev")}, and set the two variables that it ` +
  "prints, NOUKAI_ENV=dev and NOUKAI_API_KEY"

const theDefault = "the default"

/** The needs of a command: a server and a key, a server alone, or a server to store a key for. */
export type Needs = "key" | "server" | "new key"

const noServer: Server = { from: theDefault, nameOf: flagOf, options: {} }

/**
 * Returns the server of `noukai dev` to use where there is no key: the newest one, or the one on the port of `--env dev`.
 * Both get the address that has proved itself.
 */
const devServer = Effect.fnUntraced(function*({ from, nameOf, options: { env, port = 8080 } }: Server) {
  const isNamed = env === "dev"
  if (from !== theDefault && !isNamed) return undefined
  const servers = yield* Effect.promise(() => import("./devServers.js"))
  const found = Option.getOrUndefined(yield* servers.newest(isNamed ? port : undefined))
  if (found === undefined) return undefined
  const baseUrl = servers.baseUrlOf(found)
  const dev = hint({}, "dev")
  return {
    server: { from: isNamed ? from : dev, nameOf, options: { baseUrl } },
    key: { key: Redacted.value(found.apiKey), from: dev },
    note: isNamed
      ? `no key is set: using that of ${dev} at ${baseUrl}`
      : `no key and no server are set: using ${dev} at ${baseUrl}; for another server: ${
        hint({}, "auth")
      }, --env or --base-url`
  }
})

const find = (flags: ConnectionFlags, needs: Needs): Effect.Effect<Settings.Service, CommandError | UsageError> =>
  Effect.gen(function*() {
    if (Option.isSome(flags.envFile)) setVariables(yield* readText(flags.envFile.value))
    const folder = Option.getOrUndefined(workingFolder())
    const path = folder === undefined ? undefined : nearest(folder)
    const file: File = path === undefined ? {} : yield* readFile(path)
    const name = yield* when(flags.profile, profileName)
    const own = join(configFolder(), "noukai.json")
    const profileIn = ({ profiles = {} }: File) => name === undefined ? Option.none() : Record.get(profiles, name)
    const shared = profileIn(file)
    const [place, profile] = Option.isSome(shared) || name === undefined || !existsSync(own)
      ? [path, Option.getOrUndefined(shared)]
      : [own, Option.getOrUndefined(profileIn(yield* readFile(own)))]
    const given = {
      baseUrl: Option.getOrUndefined(flags.baseUrl),
      env: Option.getOrUndefined(flags.env),
      port: Option.getOrUndefined(flags.port)
    }
    const baseUrl = variable("NOUKAI_BASE_URL")
    const environment = baseUrl === undefined
      ? { env: variable("NOUKAI_ENV"), port: wholeNumber(variable("NOUKAI_PORT")) }
      : { baseUrl }
    const named = (yield* serverOf("the flags", flagOf, given)) ??
      (yield* serverOf(`the profile ${name}`, inFile(`the profile ${name}`), profile ?? {})) ??
      (yield* serverOf("the environment", asVariable, environment)) ??
      (yield* serverOf(path ?? "", inFile(path ?? ""), file)) ??
      noServer

    const fromEnvironment = variable("NOUKAI_API_KEY")
    const namedIn = (source: string, keyFile: string, by: string) => {
      const path = resolve(dirname(source), keyFile)
      return keyIn(path, `the file ${path}, which ${by} names`)
    }
    const stored = (name: string) => Effect.map(Effect.promise(() => import("./keys.js")), (keys) => keys.stored(name))
    const keyOf = Effect.gen(function*() {
      if (Option.isSome(flags.keyFile)) {
        const given = flags.keyFile.value
        return yield* keyIn(folder === undefined ? given : resolve(folder, given), `the file ${given}`)
      }
      if (name !== undefined) {
        if (profile?.keyFile !== undefined && place !== undefined) {
          return yield* namedIn(place, profile.keyFile, `the profile ${name}`)
        }
        const found = yield* stored(name)
        if (found !== undefined) return found
        if (profile === undefined) {
          return yield* wrong(`there is no profile ${name}: add it to ${own}, or store its key: ${storing(flags)}`)
        }
      }
      if (fromEnvironment !== undefined) return { key: fromEnvironment, from: "NOUKAI_API_KEY" }
      if (file.keyFile !== undefined && path !== undefined) return yield* namedIn(path, file.keyFile, path)
      return yield* stored("default")
    })
    const set = needs === "new key"
      ? undefined
      : needs === "key"
      ? yield* keyOf
      // a key that cannot be read is set, too
      : yield* Effect.orElseSucceed(keyOf, () => ({ key: "", from: "" }))
    const dev = set !== undefined || name !== undefined || needs === "new key" ? undefined : yield* devServer(named)
    const key = dev?.key ?? set
    const server: Server = dev?.server ?? named

    const remote = hosted(server.options)
    return {
      options: {
        ...server.options,
        ...(server.options.baseUrl === undefined && server.options.env === undefined && { env: "production" }),
        apiKey: key === undefined ? undefined : Redacted.make(key.key),
        org: Option.getOrUndefined(flags.org) ?? profile?.org ?? variable("NOUKAI_ORG") ?? file.org,
        project: Option.getOrUndefined(flags.project) ?? profile?.project ?? variable("NOUKAI_PROJECT") ?? file.project
      },
      keyFrom: key?.from,
      serverFrom: server.from,
      nameOf: server.nameOf,
      file: path,
      isHosted: remote !== undefined,
      found: dev?.note,
      proxy: remote === undefined ? undefined : yield* proxyFor(remote)
    }
  })

/**
 * The settings of a command. Fails for a mistake in its flags, the environment or `noukai.json`, and for a key file
 * without a key, if it needs one.
 */
export const layer = (
  flags: ConnectionFlags,
  needs: Needs = "key"
): Layer.Layer<Settings, CommandError | UsageError> => Layer.effect(Settings, find(flags, needs))
