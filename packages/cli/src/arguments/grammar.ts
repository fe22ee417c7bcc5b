/**
 * The arguments of a command, checked against the flags that it has before anything else is done with them: what begins
 * with `-` and is no flag would be taken for a message, and paid for.
 */
import type * as HelpDoc from "@effect/cli/HelpDoc"
import type * as Usage from "@effect/cli/Usage"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { UsageError } from "../exit/CommandError.js"

/** A command, and the commands below it. */
export interface Grammar {
  readonly usage: Usage.Usage
  readonly help: HelpDoc.HelpDoc
  readonly commands?: { readonly [name: string]: Grammar }
}

interface Flag {
  /** The name that is passed on. */
  readonly name: string
  readonly takesValue: boolean
  /** The form of a value: `integer`, `float`, or words with `|` between them; otherwise anything. */
  readonly values: string
  readonly isRepeated: boolean
}

/** The names in a usage: flags, or arguments in angle brackets. */
export interface Named {
  readonly names: ReadonlyArray<string>
  readonly acceptedValues: Option.Option<string>
  readonly isOptional: boolean
  readonly isRepeated: boolean
}

/** All that a usage names, in its order. */
export const namedIn = (usage: Usage.Usage, isOptional = false, isRepeated = false): ReadonlyArray<Named> => {
  switch (usage._tag) {
    case "Named":
      return [{ names: usage.names, acceptedValues: usage.acceptedValues, isOptional, isRepeated }]
    case "Optional":
      return namedIn(usage.usage, true, isRepeated)
    case "Repeated":
      return namedIn(usage.usage, isOptional, true)
    case "Alternation":
    case "Concat":
      return [...namedIn(usage.left, isOptional, isRepeated), ...namedIn(usage.right, isOptional, isRepeated)]
    case "Empty":
    case "Mixed":
      return []
  }
}

/** The flags of a usage, by all their names. */
const flagsOf = (usage: Usage.Usage): Map<string, Flag> =>
  new Map(
    namedIn(usage).flatMap(({ acceptedValues, isRepeated, names }) => {
      // the parser takes --version for its own, wherever it stands
      const name = names.find((name) => name.startsWith("--") && name !== "--version") ?? names[0] ?? ""
      if (!name.startsWith("-")) return []
      const values = Option.getOrElse(acceptedValues, () => "")
      const flag: Flag = { name, takesValue: Option.isSome(acceptedValues), values, isRepeated }
      return names.map((each) => [each, flag] as const)
    })
  )

/** How many letters one word differs from another by. */
const distance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, n) => n)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[to.length]!
}

const suggestion = (given: string, known: Iterable<string>): string => {
  let best: string | undefined
  let least = 3
  for (const name of known) {
    const found = distance(given, name)
    if (found < least) [best, least] = [name, found]
  }
  return best === undefined ? "" : `: did you mean ${best}?`
}

/** The mistake in the value of a flag, which the parser would tell without its name. */
const mistake = ({ values }: Flag, value: string): string | undefined => {
  if (values === "integer") return /^-?\d{1,15}$/.test(value) ? undefined : "takes a whole number"
  if (values === "float") return /^-?\d+(\.\d+)?(e[+-]?\d{1,3})?$/i.test(value) ? undefined : "takes a number"
  const words = values.split(" | ")
  return words.length === 1 || words.includes(value) ? undefined : `takes one of ${words.join(", ")}`
}

const helps: ReadonlySet<string> = new Set(["--help", "-h"])

/** The command that the arguments ask for, or its help. */
export type Asked =
  | { readonly _tag: "command"; readonly args: ReadonlyArray<string> }
  | { readonly _tag: "help"; readonly path: ReadonlyArray<string>; readonly grammar: Grammar }

/**
 * The arguments in the one order that is read without doubt: the command, its flags, `--`, and the rest. Asking for help
 * anywhere before `--` asks for that of the command alone.
 */
export const checked = (grammar: Grammar, args: ReadonlyArray<string>): Either.Either<Asked, UsageError> => {
  const path: Array<string> = []
  const wrong = (message: string) => Either.left(new UsageError({ message, command: ["noukai", ...path].join(" ") }))

  let at = grammar
  let next = 0
  while (at.commands !== undefined) {
    const name = args[next]
    if (name === undefined || helps.has(name)) return Either.right({ _tag: "help", path, grammar: at })
    const below = Object.hasOwn(at.commands, name) ? at.commands[name] : undefined
    if (below === undefined) {
      if (name.startsWith("-")) return wrong(`unknown flag ${name}: flags come after the command`)
      return wrong(`unknown command ${JSON.stringify(name)}${suggestion(name, Object.keys(at.commands))}`)
    }
    path.push(name)
    next++
    at = below
  }

  const known = flagsOf(at.usage)
  const flags: Array<string> = []
  const given = new Set<Flag>()
  const rest: Array<string> = []
  for (; next < args.length; next++) {
    const argument = args[next]!
    if (argument === "--") {
      rest.push(...args.slice(next + 1))
      break
    }
    if (argument === "-" || !argument.startsWith("-")) {
      rest.push(argument)
      continue
    }
    if (helps.has(argument)) return Either.right({ _tag: "help", path, grammar: at })
    const equals = argument.startsWith("--") ? argument.indexOf("=") : -1
    const name = equals === -1 ? argument : argument.slice(0, equals)
    const flag = known.get(name)
    if (flag === undefined) {
      return wrong(
        `unknown flag ${name}${suggestion(name, known.keys())} (what begins with - and is no flag goes after --)`
      )
    }
    if (given.has(flag) && !flag.isRepeated) return wrong(`${name} is given twice`)
    given.add(flag)
    if (!flag.takesValue) {
      if (equals !== -1) return wrong(`${name} takes no value`)
      flags.push(flag.name)
      continue
    }
    const value = equals === -1 ? args[++next] : argument.slice(equals + 1)
    if (value === undefined || value === "") return wrong(`${name} needs a value`)
    if (equals === -1 && value.startsWith("-") && value !== "-") {
      return wrong(`${name} needs a value; one that begins with - is given as ${name}=${value}`)
    }
    const found = mistake(flag, value)
    if (found !== undefined) return wrong(`${name} ${found}, not ${JSON.stringify(value)}`)
    flags.push(flag.name, value)
  }
  return Either.right({ _tag: "command", args: [...path, ...flags, "--", ...rest] })
}
