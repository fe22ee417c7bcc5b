/** The help of a command. */
import type { Argument, Grammar } from "./grammar.js"

/** Formats two columns and wraps the second one. */
const columns = (rows: ReadonlyArray<readonly [string, string]>, width: number): string => {
  const left = Math.min(30, Math.max(...rows.map(([name]) => name.length)))
  const indent = " ".repeat(left + 4)
  return rows.map(([name, what]) => {
    const lines = [""]
    for (const word of what.split(" ")) {
      const line = lines.at(-1)!
      if (line !== "" && line.length + 1 + word.length > Math.max(20, width - left - 4)) lines.push(word)
      else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`
    }
    const first = name.length > left ? `  ${name}\n${indent}` : `  ${name.padEnd(left)}  `
    return first + lines.join(`\n${indent}`)
  }).join("\n")
}

const argument = ({ isOptional, isRepeated, name }: Argument): string => {
  const shown = isRepeated ? `${name}...` : name
  return isOptional ? `[${shown}]` : shown
}

/** Returns the usage of a command: `noukai run [flags] <flow> [<message>]`. */
export const usage = (path: ReadonlyArray<string>, grammar: Grammar): string =>
  [
    "noukai",
    ...path,
    ...grammar.flags.length === 0 ? [] : ["[flags]"],
    ...grammar.commands === undefined ? grammar.arguments.map(argument) : ["<command>"]
  ].join(" ")

/** Returns the help of a command. */
export const help = (path: ReadonlyArray<string>, grammar: Grammar, width: number): string => {
  const section = (title: string, rows: ReadonlyArray<readonly [string, string]>) =>
    rows.length === 0 ? "" : `\n${title}\n${columns(rows, width)}\n`
  return `${grammar.does}\n\nUSAGE\n  ${usage(path, grammar)}\n` +
    section("COMMANDS", Object.entries(grammar.commands ?? {}).map(([name, { does }]) => [name, does])) +
    section("ARGUMENTS", grammar.arguments.map(({ does, shown }) => [shown, does])) +
    section("FLAGS", grammar.flags.map(({ does, shown }) => [shown, does]))
}
