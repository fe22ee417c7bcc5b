/** Results as text. */
import { safeJson } from "@effect-noukai/sdk/SafeText"
import { masked } from "./text.js"

/** Returns text unchanged, and any other value as indented JSON. */
export const readable = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value, undefined, 2) ?? "null"

/** Returns text unchanged, and any other value as JSON in one line. */
export const inMessage = (value: unknown): string => typeof value === "string" ? value : JSON.stringify(value) ?? "null"

/** Returns a value as a line of JSON. */
export const jsonLine = (value: unknown): string => `${safeJson(JSON.stringify(value) ?? "null")}\n`

/** Adds a newline to the end of a text that has none. */
const ended = (text: string): string => text.endsWith("\n") ? text : `${text}\n`

/** Returns a result as a command prints it. Keys are masked in text, and JSON is exact. */
export const printed = (isJson: boolean, result: unknown): string =>
  isJson ? jsonLine(result) : ended(masked(readable(result)))
