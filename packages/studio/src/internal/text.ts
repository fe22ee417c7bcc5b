/** Text that leaves the studio. */
import { digitsWithin, parseJson, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import type { Source } from "../RunsApi.js"

const backslash = String.raw`(?:\\|%5[Cc])`

/** An escape of JSON, of a program or of an address, which may end in a letter. */
const escape = String.raw`${backslash}(?:[bfnrt]|x[\dA-Fa-f]{2}|u[\dA-Fa-f]{4})|%[\dA-Fa-f]{2}`

/** A colour of a terminal, which ends in a letter. */
const colour = String.raw`(?:\x1b|${backslash}(?:x1[Bb]|u001[Bb]|033|e)|%1[Bb])(?:\[|%5[Bb])(?:[\d;]|%3[Bb])*[A-Za-z]`

/** Text that looks like a key of Noukai or a user token. Its start is found fast, so what is before it is read then. */
const keys = new RegExp(
  String.raw`(?=nk_|eyJ)(?<=^|[^A-Za-z\d]|${escape}|${colour})` +
    String.raw`(?:(nk_(?:live_|test_)?)[A-Za-z\d_-]{4,}|(eyJ)[\w-]{8,}\.[\w.-]+)`,
  "g"
)

/** Returns a text in which keys are masked. */
export const masked = (text: string): string =>
  text.includes("nk_") || text.includes("eyJ")
    ? text.replace(keys, (_, key: string | undefined, token: string | undefined) => `${key ?? token}…`)
    : text

/** Returns a text without some secrets. */
export type Mask = (text: string) => string

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1)

/** The forms that a text has in JSON, in JSON that is text of JSON, and in an address. */
const formsOf = (text: string): ReadonlyArray<string> => [
  text,
  inJson(text),
  inJson(inJson(text)),
  encodeURIComponent(text)
]

/** Masks these secrets, and what looks like a key. */
export const maskOf = (secrets: ReadonlyArray<string>): Mask => {
  const forms = [...new Set(secrets.filter((secret) => secret.length >= 8).flatMap(formsOf))]
    // a longer one may contain a shorter one
    .sort((one, other) => other.length - one.length)
  return (text) =>
    masked(forms.reduce((safe, form) => safe.includes(form) ? safe.replaceAll(form, "nk_…") : safe, text))
}

/** JSON with the digits of its numbers. Of a value that is a number itself, they are given. */
export const exactJson = (value: unknown, digits: unknown = digitsWithin(value), indent = 0): string | undefined =>
  stringifyJson(value, digits, indent)

/** Masks the texts of a value, which is JSON. */
export const maskedValue = <A>(mask: Mask, value: A): A => {
  const text = stringifyJson(value, digitsWithin(value))
  const safe = mask(text)
  return safe === text ? value : parseJson(safe) as A
}

/** Returns a text of at most so many characters. */
export const cut = (text: string, most: number): string => text.length <= most ? text : `${text.slice(0, most - 1)}…`

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** The octal escapes of a character, as `printf %b` reads them. */
const octal = (character: string): string =>
  [...new TextEncoder().encode(character)].map((byte) => `\\0${byte.toString(8).padStart(3, "0")}`).join("")

/** Quotes a word if a shell would change it, or if a terminal would act on its control characters when it is pasted. */
export const shellWord = (text: string): string => {
  if (/^[\w./:@%+,-][\w./:@%+,=-]*$/.test(text)) return text
  const control = /(?![\t\n])\p{Cc}/gu
  if (!control.test(text)) return quoted(text)
  // a substitution leaves out the line ends at its end
  const [end] = /\n*$/.exec(text)!
  const escaped = text.slice(0, text.length - end.length).replaceAll("\\", "\\\\").replace(control, octal)
  return `"$(printf %b ${quoted(escaped)})"${end === "" ? "" : quoted(end)}`
}

/** The words of a flag whose value may begin with `-`. */
export const flag = (name: string) => (value: string): ReadonlyArray<string> =>
  value.startsWith("-") ? [`${name}=${value}`] : [name, value]

/** The flags that name an emulator. */
export const serverFlags = ({ address, kind }: Pick<Source, "address" | "kind">): ReadonlyArray<string> => {
  const port = URL.canParse(address) ? new URL(address).port : ""
  return kind === "emulator" ? ["--env", "dev", ...port === "" || port === "8080" ? [] : ["--port", port]] : []
}
