/** Checks the options of relay flows. */
import { hint, isCount, kindProblem, misnamed, type Table } from "@effect-noukai/sdk/kit/names"
import {
  type FieldOf,
  fieldOf,
  forNames,
  kindOf,
  plainRepeated,
  type SimpleOption,
  simpleOptions
} from "@effect-noukai/sdk/kit/runOptions"
import type { CreateRelayFlowOptions, RelayExecuteOptions } from "../../FlowOptions.js"
import { attachmentsOf, maxAttachments } from "../execute/attachments.js"
import { isRecord, type Json } from "../json.js"
import { refusal } from "../options/reading.js"
import type { RelayTarget } from "./relayRequest.js"

/** Returns the reason why a value does not fit. */
type Check = (value: unknown, options: Json) => string | undefined

const must = (fits: (value: unknown) => boolean, reason: string): Check => (value) => fits(value) ? undefined : reason

/**
 * Returns the options that are given: `null` and `undefined` count as absent. Throws a refusal of the first option that
 * is unknown or wrong.
 */
const checked = <A extends object>(
  operation: string,
  options: A,
  checks: { readonly [K in keyof A]-?: Check }
): A => {
  const given: Json = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined && value !== null)
  )
  const names = Object.keys(checks)
  for (const [name, value] of Object.entries(given)) {
    const advice = name === "headers" ? "set headers in fetch" : hint(name, names)
    const reason = names.includes(name)
      ? checks[name as keyof A](value, given)
      : `is not an option of a relay flow: ${advice}`
    if (reason !== undefined) throw refusal(operation, name, reason)
  }
  return given as A
}

const millis: { readonly [unit: string]: number } = {
  milli: 1,
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000
}

/** Returns the milliseconds of a text such as `"30 seconds"`. */
const millisOfText = (text: unknown): number | undefined => {
  const [, count, unit = ""] = typeof text === "string" ? /^(\d+(?:\.\d+)?)\s+([a-z]+?)s?$/.exec(text) ?? [] : []
  return Object.hasOwn(millis, unit) && Number(count) > 0 ? Number(count) * millis[unit]! : undefined
}

/** Returns the milliseconds of a text, or of a number of seconds. */
const millisOfSeconds = (value: unknown): number | undefined =>
  typeof value === "number" ? (value > 0 ? value * 1000 : undefined) : millisOfText(value)

const page = (): string | undefined => {
  const { location } = globalThis as { readonly location?: { readonly href?: unknown } }
  return typeof location?.href === "string" ? location.href : undefined
}

const checkUrl: Check = (url, { fetch }) => {
  // a given fetch may serve relative URLs
  const base = page() ?? (fetch === undefined ? undefined : "http://localhost/")
  if (typeof url !== "string" || !URL.canParse(url, base)) {
    return base === undefined ? "must be an absolute URL, because there is no page to start from" : "must be a URL"
  }
  const { hash, password, protocol, username } = new URL(url, base)
  if (protocol !== "http:" && protocol !== "https:") return "must begin with http:// or https://"
  return username + password + hash === "" ? undefined : "must not contain a user, a password or a fragment"
}

const isFunction = (value: unknown): boolean => typeof value === "function"

const targetChecks = {
  url: checkUrl,
  fetch: must(isFunction, "must be a function"),
  timeout: must(
    (value) => millisOfSeconds(value) !== undefined,
    "must be longer than 0: text such as \"30 seconds\", or a number of seconds"
  )
}

/** Checks the options of a relay flow or its transport. Throws a refusal. */
export const relayTarget = (operation: string, given: Partial<CreateRelayFlowOptions>): RelayTarget => {
  const { fetch, timeout, url } = checked(operation, given, targetChecks)
  if (url === undefined) throw refusal(operation, "url", "must be the URL of a relay")
  return { url, fetch, timeout: millisOfSeconds(timeout ?? 300)! }
}

const roles: ReadonlySet<unknown> = new Set(["user", "assistant", "tool"])

const areRecords = (value: unknown): boolean => Array.isArray(value) && value.every(isRecord)

const isMessages = (value: unknown): boolean =>
  Array.isArray(value) && value.every((entry) => isRecord(entry) && roles.has(entry.role))

const isTool = (tool: unknown): boolean =>
  isRecord(tool) && tool.type === "function" && isRecord(tool.function) && typeof tool.function.name === "string"

/** Returns the first unknown name in the entries of a list. */
const misnamedIn = (entries: ReadonlyArray<unknown>, names: Table): string | undefined => {
  for (const [index, entry] of entries.entries()) {
    const found = misnamed("entry", entry, names)
    if (found !== undefined) return `[${index}].${found.field} ${found.reason}`
  }
  return undefined
}

const attachmentNames: Table = { kind: true, url: true, mime_type: true, mimeType: true, filename: "or null" }

const toolNames: Table = { type: true, function: { name: true, description: "or null", parameters: "or null" } }

const checkTimeout: Check = (value) => {
  if (typeof value !== "number") {
    return millisOfText(value) === undefined ? "must be text such as \"30 seconds\"" : undefined
  }
  return `must be text with its unit, because ${value} may mean seconds or milliseconds: write "${value} seconds"`
}

/** The checks of the options whose values have a kind. */
// an entry for each of them
const simpleChecks = Object.fromEntries(
  simpleOptions.map((name): [string, Check] => [fieldOf(name), (value) => kindProblem(kindOf(name), value)])
) as { readonly [F in FieldOf<SimpleOption>]: Check }

const executeChecks = {
  ...simpleChecks,
  messages: ((value, { message }) => {
    if (!isMessages(value)) return "must be a list of objects with a role: \"user\", \"assistant\" or \"tool\""
    const isGiven = (value as ReadonlyArray<unknown>).length > 0
    return isGiven && message !== undefined ? "give either message or messages, not both" : undefined
  }) satisfies Check,
  parameters: must(isRecord, "must be an object"),
  blockOverrides: must(
    (value) => isRecord(value) && Object.values(value).every(isRecord),
    "must be an object of objects, by step id"
  ),
  attachments: ((value) =>
    Array.isArray(value) && areRecords(value) && value.length <= maxAttachments
      ? misnamedIn(value, attachmentNames)
      : `must be a list of at most ${maxAttachments} objects with url and mime_type`) satisfies Check,
  tools: ((value) =>
    Array.isArray(value) && value.every(isTool)
      ? misnamedIn(value, toolNames)
      : "must be a list of { type: \"function\", function: { name, description?, parameters? } }") satisfies Check,
  toolChoice: must(() => true, ""),
  toolHandler: must(isFunction, "must be a function"),
  maxToolRounds: must((value) => isCount(value, 0), "must be an integer of at least 0"),
  timeout: checkTimeout,
  // checked with the other options of all calls
  signal: must(() => true, "")
}

/** The checked options of a run. */
export interface RelayInput extends Pick<RelayExecuteOptions, "toolHandler" | "maxToolRounds"> {
  /** Milliseconds for each request. Absent: the timeout of the flow. */
  readonly timeout: number | undefined
  readonly hasTools: boolean
  readonly message: unknown
  readonly messages: unknown
  /** The fields that every request of the run has. */
  readonly fields: Json
}

/** Checks the options of a run. Throws a refusal. */
export const relayInput = (operation: string, options: Partial<RelayExecuteOptions>): RelayInput => {
  const given = checked(operation, options, executeChecks)
  const { attachments, maxToolRounds, message, parameters, timeout, tools, trace } = given
  const { messages = [], toolHandler } = given
  return {
    toolHandler,
    maxToolRounds,
    timeout: millisOfText(timeout),
    hasTools: tools !== undefined || toolHandler !== undefined,
    message,
    messages: messages.length === 0 ? undefined : messages,
    fields: {
      parameters,
      attachments: attachments?.length === undefined
        ? undefined
        : (attachmentsOf(attachments) as ReadonlyArray<object>).map((attachment) => ({ kind: "url", ...attachment })),
      tools: tools ?? (toolHandler === undefined ? undefined : []),
      trace: trace ?? false,
      ...forNames(plainRepeated, (name) => given[name])
    }
  }
}
