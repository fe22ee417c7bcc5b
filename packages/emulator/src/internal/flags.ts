/**
 * The flags of the command. Each is an option of the emulator, named by its path in kebab case: `limits.runs` is
 * `--limits-runs`.
 */
import { nearest } from "@effect-noukai/sdk/kit/names"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { Organisation, RefusedRunPaths, RunPaths, Slug } from "../Account.js"
import type { EmulatorOptions, Jobs, Limits, Webhooks } from "../EmulatorOptions.js"
import { CaptureMode } from "../Flow.js"
import * as Defaults from "./defaults.js"
import { errorText, mistakesOf, readSchema } from "./json.js"
import { isTime } from "./time/time.js"

type Read<A> = (name: string, text: string) => Either.Either<A, string>

interface Flag {
  readonly name: string
  /** The name of the value in the usage; absent for a switch. */
  readonly value: string | undefined
  readonly does: string
  /** The default as the usage prints it. */
  readonly default: string
  readonly read: Read<EmulatorOptions>
}

/** The default port of the command, where clients of `NOUKAI_ENV=dev` connect. */
const defaultPort = 8080

const wholeNumber = (least: number, most: number): Read<number> => (name, text) =>
  /^\d+$/.test(text) && Number(text) >= least && Number(text) <= most
    ? Either.right(Number(text))
    : Either.left(`--${name} takes a whole number from ${least} to ${most}, not "${text}"`)

const count = wholeNumber(1, Number.MAX_SAFE_INTEGER)

/** Parses milliseconds, or text such as `"2 seconds"`. */
const duration: Read<Duration.Duration> = (name, text) =>
  Option.some(/^\d+$/.test(text) ? Number(text) : text).pipe(
    Option.filter(isTime),
    Option.flatMap(Duration.decodeUnknown),
    Either.fromOption(() => `--${name} takes milliseconds or a duration such as "2 seconds", not "${text}"`)
  )

const oneOf = <const A extends string | number>(values: ReadonlyArray<A>): Read<A> => (name, text) =>
  Either.fromNullable(
    values.find((value) => String(value) === text),
    () => `--${name} takes ${values.join(", ").replace(/, (?=[^,]*$)/, " or ")}, not "${text}"`
  )

/** Parses a list with commas. */
const listOf = <A>(read: Read<A>): Read<ReadonlyArray<A>> => (name, text) =>
  Either.all(text.split(",").map((part) => read(name, part.trim())))

const anyText: Read<string> = (_, text) => Either.right(text)

const decodeOrganisations = readSchema(
  Schema.Record({ key: Slug("an organisation"), value: Organisation })
)

/** Parses JSON, or reads it from the file at that path. */
const organisations: Read<EmulatorOptions["organisations"]> = (name, text) =>
  Either.try({
    try: (): unknown => JSON.parse(text.trimStart().startsWith("{") ? text : readFileSync(text, "utf8")),
    catch: (cause) => `--${name} takes JSON or the path of a file that holds it: ${errorText(cause)}`
  }).pipe(
    Either.flatMap((json) =>
      Either.mapLeft(
        decodeOrganisations(json),
        (error) => `--${name}: ${mistakesOf(error).map(({ message, path }) => `at ${path}: ${message}`).join("; ")}`
      )
    )
  )

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

function flag<A>(
  name: string,
  value: string,
  does: string,
  read: Read<A>,
  put: (value: A) => EmulatorOptions,
  standard: unknown
): Flag {
  return {
    name: kebab(name),
    value,
    does,
    default: String(standard),
    read: (given, argument) => Either.map(read(given, argument), put)
  }
}

const option = <K extends keyof Defaults.DefaultedOptions>(
  key: K,
  value: string,
  does: string,
  read: Read<EmulatorOptions[K]>
): Flag => flag(key, value, does, read, (given) => ({ [key]: given }), Defaults.options[key])

const job = <K extends keyof Jobs>(key: K, value: string, does: string, read: Read<Jobs[K]>): Flag =>
  flag(`jobs-${key}`, value, does, read, (given) => ({ jobs: { [key]: given } }), Defaults.jobs[key])

const limit = <K extends keyof Limits>(key: K, value: string, does: string, read: Read<Limits[K]>): Flag =>
  flag(`limits-${key}`, value, does, read, (given) => ({ limits: { [key]: given } }), Defaults.limits[key])

const webhook = <K extends keyof Webhooks>(key: K, value: string, does: string, read: Read<Webhooks[K]>): Flag =>
  flag(
    `webhooks-${key}`,
    value,
    does,
    read,
    (given) => ({ webhooks: { [key]: given } }),
    String(Defaults.webhooks[key]) || "none"
  )

const flags: ReadonlyArray<Flag> = [
  flag(
    "port",
    "N",
    "listen on this port; 0 picks a free one",
    wholeNumber(0, 65_535),
    (port) => ({ port }),
    defaultPort
  ),
  flag("flows", "FILE", "serve the flows of this file", anyText, (file) => ({ file }), "the sample flows"),
  option("host", "ADDRESS", "listen on this address", anyText),
  option("seed", "N", "draw ids and dice from this seed", wholeNumber(0, Number.MAX_SAFE_INTEGER)),
  option("streamOutputs", "SHAPE", "send outputs as: hosted, documented", oneOf(["hosted", "documented"])),
  option("runPaths", "PATHS", "serve runs under: both, seq, flow-runs, none", oneOf(RunPaths.literals)),
  option("refusedRunPaths", "STATUS", "answer other run paths with 401, 403 or 404", oneOf(RefusedRunPaths.literals)),
  {
    name: "legacy-fields",
    value: undefined,
    does: "also send the fields of older servers",
    default: "off",
    read: () => Either.right({ legacyFields: true })
  },
  option(
    "capture",
    "MODE",
    `keep payloads: ${CaptureMode.literals.join(", ")}`,
    oneOf(CaptureMode.literals)
  ),
  flag(
    "organisations",
    "JSON|FILE",
    "set credits, capture, billing and limits",
    organisations,
    (given) => ({ organisations: given }),
    "none"
  ),
  option("toolIterationLimit", "N", "allow this many rounds of tool calls per run", count),
  option("toolMessageCasing", "CASING", "write tool_calls (snake) or toolCalls (camel)", oneOf(["snake", "camel"])),
  job("workers", "N", "run this many jobs at once", count),
  job("capacity", "N", "let this many jobs wait; answer 503 to more", count),
  job("rowDelay", "TIME", "hide a new job from polls for this long", duration),
  job("queueDelay", "TIME", "keep a job pending for this long", duration),
  webhook("allow", "ORIGINS", "send webhooks to these, such as http://127.0.0.1:8787", listOf(anyText)),
  webhook("retries", "TIMES", "deliver a webhook again after these times", listOf(duration)),
  webhook("secret", "TEXT", "sign webhooks with this secret", anyText),
  flag(
    "sessions-lag",
    "TIME",
    "hide a new run from its session for this long",
    duration,
    (lag) => ({ sessions: { lag } }),
    Defaults.sessions.lag
  ),
  limit("bodyBytes", "N", "answer 413 to larger bodies", count),
  limit("headerBytes", "N", "answer 431 to larger headers", count),
  limit("connections", "N", "refuse further connections", count),
  limit("requestTimeout", "TIME", "answer 408 to requests that arrive more slowly", duration),
  limit("keepAliveTimeout", "TIME", "close connections that are idle for this long", duration),
  limit("readerTimeout", "TIME", "close connections that are unread for this long", duration),
  limit("ledgerBodyBytes", "N", "keep this much of each request body in the ledger", wholeNumber(0, 2 ** 30)),
  limit("runs", "N", "keep this many runs; evict the oldest", count),
  limit("runBytes", "N", "keep this many bytes of runs; evict the oldest", count),
  limit("evicted", "N", "remember this many evicted runs; then answer 503", wholeNumber(0, 2 ** 31))
]

const usageLine = (name: string, value: string | undefined, does: string): string =>
  `  ${`--${name}${value === undefined ? "" : ` ${value}`}`.padEnd(34)} ${does}`

export const usage = [
  "noukai-emulator [--port N] [--flows FILE] [--host ADDRESS] …",
  "",
  ...flags.map((each) => usageLine(each.name, each.value, `${each.does} (default ${each.default})`)),
  usageLine("schema", undefined, "print the JSON Schema of a flows file"),
  usageLine("help", undefined, "print this text"),
  "",
  "N is a whole number, TIME milliseconds or text such as \"2 seconds\". ORIGINS and TIMES have commas between them.",
  ""
].join("\n")

export interface Arguments {
  readonly help: boolean
  readonly schema: boolean
  readonly options: EmulatorOptions
}

/** Adds the options of one flag. */
const merged = (before: EmulatorOptions, more: EmulatorOptions): EmulatorOptions => ({
  ...before,
  ...more,
  ...(more.jobs && { jobs: { ...before.jobs, ...more.jobs } }),
  ...(more.webhooks && { webhooks: { ...before.webhooks, ...more.webhooks } }),
  ...(more.limits && { limits: { ...before.limits, ...more.limits } })
})

/** Returns the text of a refusal by `parseArgs`, with the flag that a misspelled one probably meant. */
const unknownFlag = (cause: unknown): string => {
  const text = errorText(cause)
  const [, name = ""] = /^Unknown option '--([^']+)'/.exec(text) ?? []
  const meant = nearest(name, [...flags.map((each) => each.name), "schema", "help"], identity)
  return name === "" || meant === undefined ? text : `--${name} is not a flag: did you mean --${meant}?`
}

/** Parses the arguments. Fails with a sentence about the mistake in them. */
export const parseArguments = (args: ReadonlyArray<string>): Either.Either<Arguments, string> =>
  Either.gen(function*() {
    const { values } = yield* Either.try({
      try: () =>
        parseArgs({
          args: [...args],
          options: {
            ...Object.fromEntries(
              flags.map(({ name, value }) => [name, { type: value === undefined ? "boolean" : "string" } as const])
            ),
            schema: { type: "boolean" },
            help: { type: "boolean" }
          }
        }),
      catch: unknownFlag
    })
    const given: { readonly [name: string]: unknown } = values
    let options: EmulatorOptions = { port: defaultPort }
    for (const { name, read } of flags) {
      const value = given[name]
      if (value !== undefined) options = merged(options, yield* read(name, String(value)))
    }
    return { help: given.help === true, schema: given.schema === true, options }
  })
