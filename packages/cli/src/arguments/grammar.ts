/**
 * Checks the arguments against the flags of the command, before anything else is loaded. The parser would take an
 * unknown flag for a message, and a paid run would start. This module loads nothing of Effect.
 */

import { nearest } from "@effect-noukai/sdk/kit/names"

/** A flag. */
export interface Flag {
  /** The names, with dashes. */
  readonly names: ReadonlyArray<string>
  /** The name that the parser gets. */
  readonly name: string
  /** The names and the value in the help. */
  readonly shown: string
  readonly does: string
  /** The value: `integer`, `float`, words with `|` between them, or any other text for a free value. `null`: none. */
  readonly values: string | null
  readonly isRepeated: boolean
}

/** An argument, its name in angle brackets. */
export interface Argument {
  readonly name: string
  readonly shown: string
  readonly does: string
  readonly isOptional: boolean
  readonly isRepeated: boolean
}

/** A command or a group of commands. */
export interface Grammar {
  readonly does: string
  readonly flags: ReadonlyArray<Flag>
  readonly arguments: ReadonlyArray<Argument>
  readonly commands?: { readonly [name: string]: Grammar } | undefined
}

type Flags = ReadonlyMap<string, Flag>

/** Returns the flags of a command or a group, by all their names. */
const flagsOf = ({ commands, flags }: Grammar): Flags =>
  new Map([
    ...Object.values(commands ?? {}).flatMap((below) => [...flagsOf(below)]),
    ...flags.flatMap((flag) => flag.names.map((name) => [name, flag] as const))
  ])

const withoutDashes = (name: string): string => name.replace(/^-+/, "")

const suggestion = (given: string, known: Iterable<string>): string => {
  if (given === "--trace") return ": did you mean --snapshots?"
  // nobody who types a word in full means one letter
  const words = [...known].filter((name) => name.length > 2 || given.length <= 2)
  const best = nearest(withoutDashes(given), words, withoutDashes)
  return best === undefined ? "" : `: did you mean ${best}?`
}

/** Returns the flags of all commands by their names, each with the commands that have it. */
const commandsByFlag = (
  { commands, flags }: Grammar,
  path: string = "noukai",
  found: Map<string, Array<string>> = new Map()
): ReadonlyMap<string, ReadonlyArray<string>> => {
  for (const name of flags.flatMap(({ names }) => names)) found.set(name, [...found.get(name) ?? [], path])
  for (const [name, below] of Object.entries(commands ?? {})) commandsByFlag(below, `${path} ${name}`, found)
  return found
}

/** Names a flag of other commands that was probably meant. One letter may mean any of them. */
const elsewhere = (grammar: Grammar, given: string): string => {
  const all = [...commandsByFlag(grammar)].filter(([name]) => name.startsWith("--"))
  const [name, [command, ...others] = []] =
    (given.startsWith("--") ? nearest(withoutDashes(given), all, ([name]) => withoutDashes(name)) : undefined) ?? []
  if (name === undefined || command === undefined) return ""
  return `: ${name} is a flag of ${command}${others.length === 0 ? "" : ` and ${others.length} more`}`
}

/** Returns the mistake in the value of a flag. The parser's message would not name the flag. */
const mistake = (values: string, value: string): string | undefined => {
  if (values === "integer") return /^-?\d{1,15}$/.test(value) ? undefined : "takes a whole number"
  if (values === "float") return /^-?\d+(\.\d+)?(e[+-]?\d{1,3})?$/i.test(value) ? undefined : "takes a number"
  const words = values.split(" | ")
  return words.length === 1 || words.includes(value) ? undefined : `takes one of ${words.join(", ")}`
}

/** A flag as it was given. */
interface Given {
  readonly name: string
  readonly flag: Flag
  readonly value: string | undefined
  /** Whether the value is the next argument. */
  readonly isNext: boolean
}

/** Reads the flags in one argument and, if needed, the value in the next one. Returns text for a mistake. */
const read = (
  grammar: Grammar,
  known: Flags,
  argument: string,
  next: string | undefined
): ReadonlyArray<Given> | string => {
  const equals = argument.startsWith("--") ? argument.indexOf("=") : -1
  const name = equals === -1 ? argument : argument.slice(0, equals)
  const flag = known.get(name)
  const short = argument.slice(0, 2)
  const first = flag === undefined && /^-[^-]./.test(argument) ? known.get(short) : undefined
  if (first !== undefined) {
    // -pkey=text is one flag with a value, -vq are two flags
    if (first.values !== null) return [{ name: short, flag: first, value: argument.slice(2), isNext: false }]
    const others = read(grammar, known, `-${argument.slice(2)}`, next)
    if (typeof others === "string" && !others.startsWith("unknown")) return others
    if (typeof others !== "string") return [{ name: short, flag: first, value: undefined, isNext: false }, ...others]
  }
  if (flag === undefined) {
    const advice = suggestion(name, known.keys()) || elsewhere(grammar, name)
    return `unknown flag ${name}${advice} (put -- before a message that begins with -)`
  }
  if (flag.values === null) {
    return equals === -1 ? [{ name, flag, value: undefined, isNext: false }] : `${name} takes no value`
  }
  const isNext = equals === -1
  const value = isNext ? next : argument.slice(equals + 1)
  if (value === undefined || value === "") return `${name} needs a value`
  if (isNext && value.startsWith("-") && value !== "-") {
    return `${name} needs a value; write ${name}=${value} if the value begins with -`
  }
  return [{ name, flag, value, isNext }]
}

const helps: ReadonlySet<string> = new Set(["--help", "-h"])

const json: ReadonlySet<string> = new Set(["--json", "--jsonl", "--otlp"])

/** Whether the output, and so errors, are JSON. */
export const wantsJson = (args: ReadonlyArray<string>): boolean => {
  const end = args.indexOf("--")
  return args.slice(0, end === -1 ? args.length : end).some((one) => /^--(json|jsonl|jq)(=|$)/.test(one))
}

/** The meaning of the arguments: a command, its help, the version, or a mistake. */
export type Meaning =
  | { readonly _tag: "command"; readonly args: ReadonlyArray<string> }
  | { readonly _tag: "help"; readonly path: ReadonlyArray<string>; readonly grammar: Grammar }
  | { readonly _tag: "version" }
  | { readonly _tag: "wrong"; readonly message: string; readonly command: string }

/**
 * Checks arguments and sorts them: the command, its flags, `--`, and the rest. Flags may precede the command. `--help`
 * anywhere before `--` prints the help of the command.
 */
export const checked = (grammar: Grammar, args: ReadonlyArray<string>): Meaning => {
  const path: Array<string> = []
  const before: Array<string> = []
  const wrong = (message: string): Meaning => ({ _tag: "wrong", message, command: ["noukai", ...path].join(" ") })

  let at = grammar
  let next = 0
  let isHelp = false
  const asHelp = (): Meaning => ({ _tag: "help", path, grammar: at })
  while (at.commands !== undefined) {
    const name = args[next++]
    if (name === undefined) return before.length === 0 ? asHelp() : wrong(`a command is missing after ${before.at(-1)}`)
    if (helps.has(name)) return asHelp()
    if (name === "help") {
      isHelp = true
      continue
    }
    if (path.length === 0 && (name === "--version" || name === "-V") && args.length === 1) return { _tag: "version" }
    if (/^-./.test(name)) {
      const given = read(grammar, flagsOf(at), name, args[next])
      if (typeof given === "string") return wrong(given)
      before.push(name)
      if (given.at(-1)?.isNext === true) before.push(args[next++]!)
      continue
    }
    const below = Object.hasOwn(at.commands, name) ? at.commands[name] : undefined
    if (below === undefined) {
      const names = [...Object.keys(at.commands), "--help", ...path.length === 0 ? ["--version"] : []]
      return wrong(`unknown command ${JSON.stringify(name)}${suggestion(name, names)}`)
    }
    path.push(name)
    at = below
  }
  if (isHelp) return asHelp()

  const known = flagsOf(at)
  const flags: Array<string> = []
  const seen = new Set<Flag>()
  const rest: Array<string> = []
  const all = [...before, ...args.slice(next)]
  for (let index = 0; index < all.length; index++) {
    const argument = all[index]!
    if (argument === "--") {
      rest.push(...all.slice(index + 1))
      break
    }
    if (argument === "-" || !argument.startsWith("-")) {
      rest.push(argument)
      continue
    }
    if (helps.has(argument)) return asHelp()
    const given = read(grammar, known, argument, all[index + 1])
    if (typeof given === "string") return wrong(given)
    for (const { flag, isNext, name, value } of given) {
      if (seen.has(flag) && !flag.isRepeated) return wrong(`${name} is given twice`)
      seen.add(flag)
      flags.push(flag.name)
      if (value === undefined) continue
      const found = mistake(flag.values ?? "", value)
      if (found !== undefined) return wrong(`${name} ${found}, not ${JSON.stringify(value)}`)
      flags.push(value)
      if (isNext) index++
    }
  }
  // jq reads JSON
  const names = [...seen].map(({ name }) => name)
  if (names.includes("--jq") && !names.some((name) => json.has(name))) flags.push("--json")
  return { _tag: "command", args: [...path, ...flags, "--", ...rest] }
}
