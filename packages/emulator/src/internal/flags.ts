/**
 * The flags of the command: each an option of the emulator by its path in kebab case, `limits.runs` as `--limits-runs`.
 */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { Organisation, RefusedRunPaths, RunPaths, Slug } from "../Account.js"
import type { EmulatorOptions, StreamOutputs } from "../EmulatorOptions.js"
import { CaptureMode } from "../Flow.js"
import * as Defaults from "./defaults.js"
import { errorText, mistakesOf, readSchema } from "./json.js"

type Read = (name: string, text: string) => Either.Either<EmulatorOptions, string>

interface Flag {
  readonly name: string
  /** The name of the value in the usage; absent for a switch. */
  readonly value: string | undefined
  readonly does: string
  /** The default as the usage prints it. */
  readonly default: string
  readonly read: Read
}

/** The default port of the command, where clients of `NOUKAI_ENV=dev` connect. */
const defaultPort = 8080

const wholeNumber = (least: number, most: number) => (name: string, text: string): Either.Either<number, string> =>
  /^\d+$/.test(text) && Number(text) >= least && Number(text) <= most
    ? Either.right(Number(text))
    : Either.left(
      least === 0
        ? `--${name} takes a whole number up to ${most}, not "${text}"`
        : `--${name} takes a whole number from ${least} to ${most}, not "${text}"`
    )

const count = wholeNumber(1, Number.MAX_SAFE_INTEGER)

/** Parses milliseconds, or text such as `"2 seconds"`. */
const duration = (name: string, text: string): Either.Either<Duration.Duration, string> =>
  Option.match(Duration.decodeUnknown(/^\d+$/.test(text) ? Number(text) : text), {
    onNone: () => Either.left(`--${name} takes milliseconds or a duration such as "2 seconds", not "${text}"`),
    onSome: Either.right
  })

const oneOf = <A extends string>(values: ReadonlyArray<A>) => (name: string, text: string): Either.Either<A, string> =>
  Either.fromNullable(
    values.find((value) => value === text),
    () => `--${name} takes ${values.join(", ").replace(/, (?=[^,]*$)/, " or ")}, not "${text}"`
  )

const text = (_: string, value: string): Either.Either<string, string> => Either.right(value)

const decodeOrganisations = readSchema(
  Schema.Record({ key: Slug("an organisation"), value: Organisation })
)

/** Parses JSON, or reads it from the file at that path. */
const organisations = (
  name: string,
  value: string
): Either.Either<NonNullable<EmulatorOptions["organisations"]>, string> =>
  Either.try({
    try: (): unknown => JSON.parse(value.trimStart().startsWith("{") ? value : readFileSync(value, "utf8")),
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

const flag = <A>(
  name: string,
  value: string,
  standard: unknown,
  does: string,
  read: (name: string, text: string) => Either.Either<A, string>,
  put: (value: A) => EmulatorOptions
): Flag => ({
  name,
  value,
  does,
  default: String(standard),
  read: (given, argument) => Either.map(read(given, argument), put)
})

const limit = <K extends keyof typeof Defaults.limits>(
  key: K,
  value: string,
  does: string,
  read: (name: string, text: string) => Either.Either<(typeof Defaults.limits)[K], string>
): Flag =>
  flag(`limits-${kebab(key)}`, value, Defaults.limits[key], does, read, (given) => ({ limits: { [key]: given } }))

const job = <K extends keyof typeof Defaults.jobs>(
  key: K,
  value: string,
  does: string,
  read: (name: string, text: string) => Either.Either<(typeof Defaults.jobs)[K], string>
): Flag => flag(`jobs-${kebab(key)}`, value, Defaults.jobs[key], does, read, (given) => ({ jobs: { [key]: given } }))

const session = <K extends keyof typeof Defaults.sessions>(
  key: K,
  value: string,
  does: string,
  read: (name: string, text: string) => Either.Either<(typeof Defaults.sessions)[K], string>
): Flag =>
  flag(`sessions-${kebab(key)}`, value, Defaults.sessions[key], does, read, (given) => ({ sessions: { [key]: given } }))

const { capture, host, refusedRunPaths, runPaths, seed, streamOutputs, toolIterationLimit, toolMessageCasing } =
  Defaults.options

const flags: ReadonlyArray<Flag> = [
  flag("port", "N", defaultPort, "where to listen; 0 is any free port", wholeNumber(0, 65_535), (port) => ({ port })),
  flag("flows", "FILE", "the sample flows", "a flows file", text, (file) => ({ file })),
  flag("host", "ADDRESS", `${host}: nobody else can call`, "the address to listen on", text, (given) => ({
    host: given
  })),
  flag(
    "seed",
    "N",
    seed,
    "what ids and dice are drawn from",
    wholeNumber(0, Number.MAX_SAFE_INTEGER),
    (given) => ({ seed: given })
  ),
  flag(
    "stream-outputs",
    "SHAPE",
    streamOutputs,
    "where streams carry outputs: hosted as the server does, documented as it says",
    oneOf<StreamOutputs>(["hosted", "documented"]),
    (given) => ({ streamOutputs: given })
  ),
  flag(
    "run-paths",
    "PATHS",
    runPaths,
    "where runs are read: both, seq for /seq/…/runs, flow-runs for /flow-runs, none",
    oneOf(RunPaths.literals),
    (given) => ({ runPaths: given })
  ),
  flag(
    "refused-run-paths",
    "STATUS",
    refusedRunPaths,
    "the status of the other path of runs: 401, 403, 404",
    (name, value) =>
      Either.fromNullable(
        RefusedRunPaths.literals.find((status) => String(status) === value),
        () => `--${name} takes 401, 403 or 404, not "${value}"`
      ),
    (given) => ({ refusedRunPaths: given })
  ),
  {
    name: "legacy-fields",
    value: undefined,
    does: "also send what older servers sent",
    default: "off",
    read: () => Either.right({ legacyFields: true })
  },
  flag(
    "capture",
    "MODE",
    capture,
    `what is kept of payloads where nothing else is set: ${CaptureMode.literals.join(", ")}`,
    oneOf(CaptureMode.literals),
    (given) => ({ capture: given })
  ),
  flag(
    "organisations",
    "JSON|FILE",
    "none",
    "credits, capture, billing and limits by organisation",
    organisations,
    (given) => ({ organisations: given })
  ),
  flag("tool-iteration-limit", "N", toolIterationLimit, "rounds of tool calls of a run", count, (given) => ({
    toolIterationLimit: given
  })),
  flag(
    "tool-message-casing",
    "CASING",
    toolMessageCasing,
    "snake: tool_calls, camel: toolCalls",
    oneOf(["snake", "camel"] as const),
    (given) => ({ toolMessageCasing: given })
  ),
  job("workers", "N", "how many jobs run at once", count),
  job("capacity", "N", "how many jobs may wait; more are 503", count),
  job("rowDelay", "TIME", "how long polls do not find a job", duration),
  job("queueDelay", "TIME", "how long a worker waits with a job before it runs it", duration),
  session("lag", "TIME", "how long a session does not show a run", duration),
  limit("bodyBytes", "N", "a larger body is 413", count),
  limit("headerBytes", "N", "larger headers are 431", count),
  limit("connections", "N", "more are refused", count),
  limit("requestTimeout", "TIME", "until a whole request must have arrived, else 408", duration),
  limit("keepAliveTimeout", "TIME", "how long a connection may be idle", duration),
  limit("readerTimeout", "TIME", "how long a reader may leave a full connection unread", duration),
  limit("ledgerBodyBytes", "N", "how much of a request body the ledger keeps", wholeNumber(0, 2 ** 30)),
  limit("runs", "N", "how many runs are kept; the oldest are evicted", count),
  limit("runBytes", "N", "how much of them is kept", count),
  limit("evicted", "N", "how many evicted runs are known to be gone; then new ones are 503", wholeNumber(0, 2 ** 31))
]

const usageLine = (name: string, value: string | undefined, does: string): string =>
  `  ${`--${name}${value === undefined ? "" : ` ${value}`}`.padEnd(34)} ${does}`

export const usage = [
  "noukai-emulator [--port N] [--flows FILE] [--host ADDRESS] …",
  "",
  ...flags.map((each) => usageLine(each.name, each.value, `${each.does} (default ${each.default})`)),
  usageLine("schema", undefined, "print the JSON Schema of a flows file"),
  usageLine("help", undefined, "this text"),
  "",
  "N is a whole number, TIME milliseconds or text such as \"2 seconds\".",
  ""
].join("\n")

export interface Arguments {
  readonly help: boolean
  readonly schema: boolean
  readonly options: EmulatorOptions
}

const groups = ["limits", "jobs", "sessions"] as const

/** Adds the option of one flag, which may belong to a group. */
const merged = (before: EmulatorOptions, more: EmulatorOptions): EmulatorOptions => ({
  ...before,
  ...more,
  ...Object.fromEntries(
    groups.flatMap((group) => more[group] === undefined ? [] : [[group, { ...before[group], ...more[group] }]])
  )
})

/** The parsed arguments, or a sentence about the mistake in them. */
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
      catch: errorText
    })
    const given: { readonly [name: string]: unknown } = values
    let options: EmulatorOptions = { port: defaultPort }
    for (const { name, read } of flags) {
      const value = given[name]
      if (value !== undefined) options = merged(options, yield* read(name, String(value)))
    }
    return { help: given.help === true, schema: given.schema === true, options }
  })
