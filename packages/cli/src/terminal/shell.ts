/** Commands as a shell reads them. */
import * as Option from "effect/Option"

/** A word of a command, quoted if a shell would read it in another way. */
const word = (text: string): string =>
  /^[\w./:@%+,-][\w./:@%+,=-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`

/** The flags that chose the server, as a command was given them. */
export interface ServerFlags {
  readonly env?: Option.Option<string>
  readonly port?: Option.Option<number>
  readonly baseUrl?: Option.Option<string>
  readonly org?: Option.Option<string>
  readonly project?: Option.Option<string>
  readonly keyFile?: Option.Option<string>
  readonly profile?: Option.Option<string>
  readonly envFile?: Option.Option<string>
}

const names = [
  ["env", "--env"],
  ["port", "--port"],
  ["baseUrl", "--base-url"],
  ["org", "--org"],
  ["project", "--project"],
  ["keyFile", "--key-file"],
  ["profile", "--profile"],
  ["envFile", "--env-file"]
] as const

/** A command to paste. It repeats `given`, the flags that chose the server, so that it asks the same one. */
export const hint = (
  given: ServerFlags,
  command: string,
  args: Iterable<string> = [],
  flags: ReadonlyArray<readonly [name: string, value?: string]> = []
): string => {
  const server = names.flatMap(([field, name]) => {
    const value = Option.getOrUndefined<string | number>(given[field] ?? Option.none())
    return value === undefined ? [] : [[name, String(value)] as const]
  })
  const all = [...flags, ...server].map(([name, value]) =>
    value === undefined ? name : value.startsWith("-") ? word(`${name}=${value}`) : `${name} ${word(value)}`
  )
  const rest = Array.from(args, word)
  const isHidden = rest.some((text) => text.startsWith("-"))
  return ["noukai", command, ...isHidden ? [...all, "--", ...rest] : [...rest, ...all]].join(" ")
}
