/** Commands that a user can paste into a shell. */
import * as Option from "effect/Option"

/** Quotes a word if a shell would change it. */
const word = (text: string): string =>
  /^[\w./:@%+,-][\w./:@%+,=-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`

const serverFlags = ["env", "port", "baseUrl", "org", "project", "keyFile", "profile", "envFile"] as const

/** The flags that chose the server. */
export type ServerFlags = { readonly [Name in typeof serverFlags[number]]?: Option.Option<string | number> }

/** Returns the flag of an option: `--max-failures` for `maxFailures`. */
export const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** Returns the flags of the options that are set. */
export const flagsOf = <Name extends string>(
  options: { readonly [N in Name]?: Option.Option<string | number> },
  names: ReadonlyArray<Name>
): ReadonlyArray<readonly [name: string, value: string]> =>
  names.flatMap((name) =>
    Option.toArray(options[name] ?? Option.none()).map((value) => [flagOf(name), String(value)] as const)
  )

/** Returns a command to paste. It repeats the flags of `given`, so that it uses the same server. */
export const hint = (
  given: ServerFlags,
  command: string,
  args: Iterable<string> = [],
  flags: ReadonlyArray<readonly [name: string, value?: string]> = []
): string => {
  const all = [...flags, ...flagsOf(given, serverFlags)].map(([name, value]) =>
    value === undefined ? name : value.startsWith("-") ? word(`${name}=${value}`) : `${name} ${word(value)}`
  )
  const rest = Array.from(args, word)
  const isHidden = rest.some((text) => text.startsWith("-"))
  return ["noukai", command, ...isHidden ? [...all, "--", ...rest] : [...rest, ...all]].join(" ")
}
