/** Results as text. JSON has the digits of numbers that JavaScript cannot hold. */
import { digitsAt, digitsWithin, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import { safeJson } from "@effect-noukai/sdk/SafeText"
import { masked } from "./text.js"

/** Returns text unchanged, and any other value as indented JSON. */
export const readable = (value: unknown, digits: unknown = digitsWithin(value)): string =>
  typeof value === "string" ? value : stringifyJson(value, digits, 2) ?? "null"

/** Returns text unchanged, and any other value as JSON in one line. */
export const inMessage = (value: unknown, digits: unknown = digitsWithin(value)): string =>
  typeof value === "string" ? value : stringifyJson(value, digits) ?? "null"

/** Returns a value as a line of JSON. */
export const jsonLine = (value: unknown, digits: unknown = digitsWithin(value)): string =>
  `${safeJson(stringifyJson(value, digits) ?? "null")}\n`

/** Adds a newline to the end of a text that has none. */
const ended = (text: string): string => text.endsWith("\n") ? text : `${text}\n`

/** Returns the result of a run as a command prints it. Keys are masked in text, and JSON is exact. */
export const printed = (isJson: boolean, run: { readonly result?: unknown }): string => {
  const digits = digitsAt(digitsWithin(run), "result")
  return isJson ? jsonLine(run.result, digits) : ended(masked(readable(run.result, digits)))
}
