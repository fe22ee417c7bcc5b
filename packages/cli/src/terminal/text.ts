/** Safe text: control characters are escaped, servers of CI read no command, and messages contain no keys. */
import * as SafeText from "@effect-noukai/sdk/SafeText"

/** Control characters except tab, newline and ESC, and characters that change the direction of text. */
const controls =
  "\\u0000-\\u0008\\u000b-\\u001a\\u001c-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069"

const inLine = new RegExp(`[\\t\\n\\u001b${controls}]`, "g")
export const inText = new RegExp(`[\\u001b${controls}]`, "g")
export const inPicture = new RegExp(`\\u001b(?!\\[\\d*m)|[${controls}]`, "g")

const short: { readonly [character: string]: string } = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

/** Escapes unsafe characters as in JSON: `\u001b`. */
export const escaped = (text: string, unsafe: RegExp): string =>
  text.replace(
    unsafe,
    (character) => short[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

/**
 * Text that looks like a Noukai key or a user token. An escape of JSON or of an address, or a colour, may end in a letter
 * before it.
 */
const keys =
  // eslint-disable-next-line no-control-regex
  /(?=nk_|eyJ)(?<=^|[^A-Za-z\d]|\\(?:[bfnrt]|u[\dA-Fa-f]{4})|%[\dA-Fa-f]{2}|(?:\x1b|\\u001[bB])\[[\d;]*m)(?:(nk_(?:live_|test_)?)[^\s…]{4,}?(?=["'`,.:;)\]}]*(?:\s|$))|(eyJ)[\w-]{8,}\.[\w.-]+)/g

/** Returns a text with masked keys. */
export const masked = (text: string): string =>
  SafeText.masked(text.replace(keys, (_, key: string | undefined, token: string | undefined) => `${key ?? token}…`))

/** Returns a message in one line, without keys and control characters. */
export const plain = (text: string): string => SafeText.withoutCommands(escaped(masked(text), inLine))

/** Returns text of a server for a log: it turns no text around, and a server of CI reads no command in it. */
export const logged = (text: string): string => SafeText.withoutCommands(escaped(text, SafeText.directions))

/** Returns a text in one line. */
export const cell = (text: string): string => plain(text.replace(/\s+/g, " "))
