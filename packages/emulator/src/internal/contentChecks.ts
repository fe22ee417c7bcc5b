/** Checks the keys, organisations and fault rules that a program adds. A file is checked as a whole. */
import { misnamed, type Names, type Table } from "@effect-noukai/sdk/kit/names"
import * as Either from "effect/Either"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { ApiKey, Organisation, type RateLimit, RefusedRunPaths, RunPaths, Slug } from "../Account.js"
import { EmulatorError } from "../EmulatorError.js"
import type { EmulatorOptions } from "../EmulatorOptions.js"
import { FaultRule } from "../Fault.js"
import { CaptureMode } from "../Flow.js"
import { mistakesOf, readSchema } from "./json.js"

type Checked<A> = Either.Either<A, EmulatorError>

const rateLimit: Names<RateLimit> = { requests: true, per: true }

const apiKeyNames: Names<ApiKey> = { key: true, org: true, project: true, revoked: true, rateLimit }

const organisationNames: Names<Organisation> = {
  credits: true,
  capture: true,
  billing: true,
  rateLimit,
  runPaths: true,
  refusedRunPaths: true
}

const ruleNames: Names<FaultRule> = {
  match: { endpoint: true, flow: true, nth: true },
  script: true,
  repeat: true,
  rate: true,
  faults: true,
  seed: true
}

/** Fails for the first entry with an unknown name. */
const named = (
  reason: EmulatorError["reason"],
  entries: ReadonlyArray<readonly [path: string, value: unknown]>,
  names: Table
): Checked<void> => {
  for (const [path, value] of entries) {
    const found = misnamed(path, value, names)
    if (found === undefined) continue
    const at = found.field === path ? path : `${path}.${found.field}`
    return Either.left(new EmulatorError({ reason, path: at, message: `invalid ${at}: ${found.reason}` }))
  }
  return Either.void
}

const decoded = <A>(
  reason: EmulatorError["reason"],
  whole: string,
  decode: (value: unknown) => Either.Either<A, ParseResult.ParseError>,
  value: unknown
): Checked<A> =>
  Either.mapLeft(decode(value), (error) => {
    const [first] = mistakesOf(error)
    const inner = first?.path ?? ""
    const path = inner === "" || whole === "" ? whole + inner : `${whole}${inner.startsWith("[") ? "" : "."}${inner}`
    return new EmulatorError({ reason, path, message: `invalid ${path}: ${first?.message ?? "cannot be read"}` })
  })

const decodeKeys = readSchema(Schema.Array(ApiKey))

const decodeOrganisations = readSchema(Schema.Record({ key: Slug("an organisation"), value: Organisation }))

const decodeRules = readSchema(Schema.Array(FaultRule))

const listed = (whole: string, values: unknown): ReadonlyArray<readonly [path: string, value: unknown]> =>
  Array.isArray(values) ? values.map((value, index) => [`${whole}[${index}]`, value] as const) : []

/** Fails for a wrong key, such as one with a rate limit that is not a whole number. */
export const checkKeys = (keys: unknown): Checked<ReadonlyArray<ApiKey>> =>
  Either.flatMap(
    named("Config", listed("keys", keys), apiKeyNames),
    () => decoded("Config", "keys", decodeKeys, keys)
  )

/** Fails for a wrong organisation, such as one whose credits are not an amount as text. */
export const checkOrganisations = (organisations: unknown): Checked<{ readonly [org: string]: Organisation }> => {
  const entries = typeof organisations === "object" && organisations !== null ? Object.entries(organisations) : []
  return Either.flatMap(
    named("Config", entries.map(([org, value]) => [`organisations.${org}`, value] as const), organisationNames),
    () => decoded("Config", "organisations", decodeOrganisations, organisations)
  )
}

/** Fails for a wrong rule of faults. */
export const checkRules = (rules: unknown): Checked<ReadonlyArray<FaultRule>> =>
  Either.flatMap(
    named("InvalidFlow", listed("faults", rules), ruleNames),
    () => decoded("InvalidFlow", "faults", decodeRules, rules)
  )

/** The options with a few values. */
const decodeModes = readSchema(Schema.partial(Schema.Struct({
  capture: CaptureMode,
  toolMessageCasing: Schema.Literal("snake", "camel"),
  streamOutputs: Schema.Literal("hosted", "documented"),
  runPaths: RunPaths,
  refusedRunPaths: RefusedRunPaths,
  legacyFields: Schema.Boolean,
  control: Schema.Boolean,
  host: Schema.NonEmptyString,
  file: Schema.NonEmptyString
})))

/** Fails for an option that has none of its values. */
export const checkModes = (
  { capture, control, file, host, legacyFields, refusedRunPaths, runPaths, streamOutputs, toolMessageCasing }:
    EmulatorOptions
): Checked<unknown> =>
  decoded("Config", "", decodeModes, {
    capture,
    control,
    file,
    host,
    legacyFields,
    refusedRunPaths,
    runPaths,
    streamOutputs,
    toolMessageCasing
  })
