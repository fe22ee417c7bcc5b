/** Commands as a shell reads them. */
import * as Option from "effect/Option"

/** A word of a command, quoted if a shell would read it in another way. */
const word = (text: string): string =>
  /^[\w./:@%+,-][\w./:@%+,=-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`

const serverFlags = ["env", "port", "baseUrl", "org", "project", "keyFile", "profile", "envFile"] as const

/** The flags that chose the server, as a command was given them. */
export type ServerFlags = { readonly [Name in typeof serverFlags[number]]?: Option.Option<string | number> }

/** The flag of an option: `--max-failures` of `maxFailures`. */
export const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** A command to paste. It repeats `given`, the flags that chose the server, so that it asks the same one. */
export const hint = (
  given: ServerFlags,
  command: string,
  args: Iterable<string> = [],
  flags: ReadonlyArray<readonly [name: string, value?: string]> = []
): string => {
  const server = serverFlags.flatMap((name) =>
    Option.toArray(given[name] ?? Option.none()).map((value) => [flagOf(name), String(value)] as const)
  )
  const all = [...flags, ...server].map(([name, value]) =>
    value === undefined ? name : value.startsWith("-") ? word(`${name}=${value}`) : `${name} ${word(value)}`
  )
  const rest = Array.from(args, word)
  const isHidden = rest.some((text) => text.startsWith("-"))
  return ["noukai", command, ...isHidden ? [...all, "--", ...rest] : [...rest, ...all]].join(" ")
}
