/** Values of arguments and flags. */
import type { Attachment } from "@effect-noukai/sdk/Execution"
import type { FlowVersion } from "@effect-noukai/sdk/Flow"
import { isUuid } from "@effect-noukai/sdk/kit/names"
import { hasRounded } from "@effect-noukai/sdk/kit/plainJson"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { readFile } from "node:fs/promises"
import { buffer } from "node:stream/consumers"
import { type UsageError, wrong } from "../exit/CommandError.js"

const stdin: Effect.Effect<Uint8Array, UsageError> = Effect.tryPromise({
  try: () => buffer(process.stdin),
  catch: (cause) => wrong(`cannot read stdin: ${reason(cause)}`)
})

/** Returns a port to listen on, or its default. 0 is any free one. */
export const port = (
  flag: string,
  given: Option.Option<number>,
  standard: number
): Effect.Effect<number, UsageError> => {
  const port = Option.getOrElse(given, () => standard)
  return port >= 0 && port <= 65_535
    ? Effect.succeed(port)
    : wrong(`${flag} must be from 0 to 65535, not ${port}`)
}

/** Returns the message of a failure. */
export const reason = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false })

/** Reads the text of a file. `-` is stdin. */
export const textOf = (flag: string, path: string): Effect.Effect<string, UsageError> =>
  Effect.flatMap(
    path === "-" ? stdin : Effect.tryPromise({
      try: (signal) => readFile(path, { signal }),
      catch: (cause) => wrong(`${flag}: cannot read ${path}: ${reason(cause)}`)
    }),
    (bytes) =>
      Effect.try({
        try: () => decoder.decode(bytes),
        catch: () => wrong(`${flag}: ${path === "-" ? "stdin" : path} is not UTF-8 text`)
      })
  )

/** Parses JSON. The error names the flag. */
export const parsed = (flag: string, text: string): Effect.Effect<unknown, UsageError> =>
  Effect.try({
    try: (): unknown => JSON.parse(text),
    catch: (cause) => wrong(`${flag} is not JSON: ${reason(cause)}`)
  })

/** Returns why a parsed value may not be the written one. */
export const rounded = (value: unknown): string | undefined =>
  hasRounded(value)
    ? `${typeof value === "number" ? "is" : "has"} a number with too many digits: make it a text`
    : undefined

/** Parses parameters. Their numbers are the written ones. */
const exact = (flag: string, text: string) =>
  Effect.tap(parsed(flag, text), (value) => {
    const problem = rounded(value)
    return problem === undefined ? Effect.void : wrong(`${flag} ${problem}`)
  })

/** Reads an optional value. */
export const when = <A, E>(
  value: Option.Option<string>,
  read: (text: string) => Effect.Effect<A, E>
): Effect.Effect<A | undefined, E> => Effect.map(Effect.transposeMapOption(value, read), Option.getOrUndefined)

/** A parameter: `key=text` or `key:=JSON`. */
export type Assignment =
  | { readonly key: string; readonly text: string }
  | { readonly key: string; readonly json: unknown }

/** Reads assignments. Fails if a key is given twice. */
export const assignments = Effect.fnUntraced(function*(given: ReadonlyArray<string>, flag = "-p") {
  const found = new Map<string, Assignment>()
  for (const text of given) {
    const equals = text.indexOf("=")
    const isJson = text[equals - 1] === ":"
    const key = text.slice(0, isJson ? equals - 1 : equals)
    // cmd on Windows keeps single quotes
    if (equals === -1 || /^(['"]|$)/.test(key)) {
      return yield* wrong(`${flag} ${text}: write key=text or key:=JSON; in cmd on Windows, between double quotes`)
    }
    if (found.has(key)) return yield* wrong(`${flag} ${key} is given twice`)
    const value = text.slice(equals + 1)
    found.set(key, isJson ? { key, json: yield* exact(`${flag} ${key}`, value) } : { key, text: value })
  }
  return [...found.values()]
})

/** Returns the values of assignments. */
export const assigned = (all: ReadonlyArray<Assignment>): { readonly [key: string]: unknown } =>
  Object.fromEntries(all.map((one) => [one.key, "text" in one ? one.text : one.json]))

/** Reads parameters. They override those of the JSON file. */
export const parameters = Effect.fnUntraced(function*(given: ReadonlyArray<string>, file: Option.Option<string>) {
  if (given.length === 0 && Option.isNone(file)) return undefined
  const all = Option.isNone(file) ? {} : yield* exact("--params", yield* textOf("--params", file.value))
  if (!Predicate.isRecord(all)) return yield* wrong("--params must be a JSON object")
  return { ...all, ...assigned(yield* assignments(given)) }
})

const units: { readonly [unit: string]: number } = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000
}

/** Reads a time: `90` and `90s` (seconds), `500ms`, `2m`, `1h`, `2 minutes`. */
export const duration = (flag: string, text: string): Effect.Effect<Duration.Duration, UsageError> =>
  Effect.suspend(() => {
    const [, count, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim()) ?? []
    const time = count === undefined
      ? Duration.decodeUnknown(text)
      : Option.some(Duration.millis(Number(count) * units[unit ?? "s"]!))
    return Option.isSome(time) && Duration.isFinite(time.value)
      ? Effect.succeed(time.value)
      : wrong(`${flag} takes a time such as 90s, 500ms or "2 minutes", not ${JSON.stringify(text)}`)
  })

/** Reads the time of an optional flag. */
export const durationOf = (flag: string, text: Option.Option<string>) => when(text, (text) => duration(flag, text))

/** Returns the time of a date, with or without a time of day. Without a zone, both are UTC. */
const dateOf = (text: string): number => {
  const [, day = "", time = "00:00", zone = "Z"] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(text) ?? []
  const start = Date.parse(`${day}T00:00Z`)
  // 2026-02-30 is parsed as a day of March
  const isDay = !Number.isNaN(start) && new Date(start).toISOString().startsWith(day)
  return isDay ? Date.parse(`${day}T${time}${zone}`) : NaN
}

const moment = (flag: string, text: string): Effect.Effect<number, UsageError> => {
  const date = dateOf(text.trim())
  if (!Number.isNaN(date)) return Effect.succeed(date)
  const [, count, unit] = /^(\d+(?:\.\d+)?)(s|m|h|d|w)$/.exec(text.trim()) ?? []
  return count === undefined
    ? wrong(`${flag} takes a time such as 12h, 7d or 2w, or a date such as 2026-06-07, not ${JSON.stringify(text)}`)
    : Effect.map(Clock.currentTimeMillis, (now) => now - Number(count) * units[unit ?? "s"]!)
}

/** Reads --since, a time before now or a date. Returns milliseconds since the epoch. */
export const since = (text: string): Effect.Effect<number, UsageError> => moment("--since", text)

/** A time from `since`, without `until`. Both are milliseconds since the epoch. */
export interface Period {
  readonly since: number
  readonly until: number
}

/** Reads --since and --until. Fails unless the end is after the start. */
export const period = Effect.fnUntraced(function*(from: Option.Option<string>, to: Option.Option<string>) {
  const start = yield* when(from, since)
  const end = yield* when(to, (text) => moment("--until", text))
  if (start === undefined) return end === undefined ? undefined : yield* wrong("--until requires --since")
  if (end === undefined || start < end) return { since: start, until: end ?? Infinity }
  return yield* wrong(
    `--since ${Option.getOrElse(from, () => "")} is not before --until ${Option.getOrElse(to, () => "")}: swap them`
  )
})

/** Reads the version of a flow. */
export const flowVersion = (text: string, flag = "--version"): Effect.Effect<FlowVersion, UsageError> =>
  text === "production" || text === "draft"
    ? Effect.succeed(text)
    : text === "0"
    ? Effect.succeed("draft")
    : /^[1-9]\d*$/.test(text) && Number.isSafeInteger(Number(text))
    ? Effect.succeed(Number(text))
    : wrong(`${flag} takes production, draft or a number, not ${JSON.stringify(text)}`)

/** Checks the id of a run. */
export const executionId = (text: string): Effect.Effect<string, UsageError> =>
  // eslint-disable-next-line no-control-regex
  text.length > 255 || /^\.{0,2}$|[\u0000-\u001f\u007f]/.test(text)
    ? wrong(`${JSON.stringify(text)} is not a run id`)
    : Effect.succeed(text)

/** Checks the name of a profile. It is the name of a file. */
export const profileName = (text: string): Effect.Effect<string, UsageError> =>
  /^\w[\w.-]*$/.test(text) ? Effect.succeed(text) : wrong(`--profile takes a name, not ${JSON.stringify(text)}`)

/** Checks the id of a session. */
export const sessionId = (flag: string, text: string): Effect.Effect<string, UsageError> =>
  isUuid(text)
    ? Effect.succeed(text)
    : wrong(`${flag} takes a UUID, not ${JSON.stringify(text)}`)

/** Checks the US dollars of an optional flag. */
export const dollarsOf = (flag: string, given: Option.Option<string>) =>
  when(given, (text) =>
    /^\d+(\.\d+)?$/.test(text)
      ? Effect.succeed(text)
      : wrong(`${flag} takes US dollars such as 0.05, not ${JSON.stringify(text)}`))

const types: { readonly [extension: string]: Attachment["mime_type"] } = {
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  png: "image/png",
  webp: "image/webp",
  gif: "image/gif"
}

/** Reads an image: a URL whose extension names the type, or `image/png=URL`. */
export const attachment = (text: string): Effect.Effect<Attachment, UsageError> =>
  Effect.suspend(() => {
    const [, type, given] = /^(image\/[a-z]+)=(.*)$/.exec(text) ?? []
    const url = given ?? text
    if (!URL.canParse(url) || new URL(url).protocol !== "https:") {
      return wrong(`--attach takes the https URL of an image, not ${JSON.stringify(text)}`)
    }
    const extension = /\.([a-z]+)$/i.exec(new URL(url).pathname)?.[1]?.toLowerCase() ?? ""
    const mime_type = type === undefined
      ? Object.hasOwn(types, extension) ? types[extension] : undefined
      : Object.values(types).find((known) => known === type)
    return mime_type === undefined
      ? wrong(`--attach ${text}: unknown image type; write image/png=${url} (or jpeg, webp, gif)`)
      : Effect.succeed({ kind: "url", url, mime_type })
  })
