/** The help of a command: what it does, takes and has for flags, a line each where they fit. */
import * as HelpDoc from "@effect/cli/HelpDoc"
import type * as Span from "@effect/cli/HelpDoc/Span"
import { stripVTControlCharacters } from "node:util"
import { type Grammar, namedIn } from "./grammar.js"

const text = (span: Span.Span): string => stripVTControlCharacters(HelpDoc.toAnsiText(HelpDoc.p(span))).trim()

/** The parts of a document, one after the other. */
const parts = (doc: HelpDoc.HelpDoc): ReadonlyArray<HelpDoc.HelpDoc> =>
  doc._tag === "Sequence" ? [...parts(doc.left), ...parts(doc.right)] : doc._tag === "Empty" ? [] : [doc]

interface Section {
  readonly title: string
  readonly docs: Array<HelpDoc.HelpDoc>
}

const sections = (doc: HelpDoc.HelpDoc): ReadonlyArray<Section> => {
  const found: Array<Section> = []
  for (const part of parts(doc)) {
    if (part._tag === "Header") found.push({ title: text(part.value), docs: [] })
    else found.at(-1)?.docs.push(part)
  }
  return found
}

/** The words of the parser for every flag of a kind, which the name of its value says already. */
const said =
  /^(A user-defined piece of text\.|A true or false value\.|An integer\.|A floating point number\.|One of the following: .*|This setting is optional\.|This (option|argument) may be repeated .*|.*must be repeated at least.*)$/

/** The words of a flag's or an argument's declaration. */
const does = (doc: HelpDoc.HelpDoc): string =>
  parts(doc).flatMap((part) => part._tag === "Paragraph" ? [text(part.value)] : []).filter((line) => !said.test(line))
    .join(" ")

/** Lines of two columns, the second one wrapped to the width. */
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

/** The arguments of a command, as they are written. */
const argumentsOf = ({ usage }: Grammar): ReadonlyArray<string> =>
  namedIn(usage).flatMap(({ isOptional, isRepeated, names: [name = ""] }) => {
    if (!name.startsWith("<")) return []
    const shown = isRepeated ? `${name}...` : name
    return [isOptional ? `[${shown}]` : shown]
  })

const description = (grammar: Grammar): string =>
  sections(grammar.help).filter(({ title }) => title === "DESCRIPTION").flatMap(({ docs }) => docs.map(does)).join(" ")

const definitions = (grammar: Grammar, title: string): ReadonlyArray<readonly [string, string]> =>
  sections(grammar.help).filter((section) => section.title === title).flatMap(({ docs }) => docs).flatMap((doc) =>
    doc._tag === "DescriptionList"
      // the parser puts names of one thing in brackets, and says of what may be repeated that it is 1+
      ? doc.definitions.map(([name, what]) =>
        [text(name).replace(/^\((.*)\)/, "$1").replace(/ 1\+$/, "..."), does(what)] as const
      )
      : []
  )

/** The help of the command at a path. */
export const help = (path: ReadonlyArray<string>, grammar: Grammar, width: number): string => {
  const name = ["noukai", ...path].join(" ")
  const commands = Object.entries(grammar.commands ?? {})
  const takes = commands.length > 0 ? ["<command>"] : argumentsOf(grammar)
  const flags = definitions(grammar, "OPTIONS")
  const section = (title: string, rows: ReadonlyArray<readonly [string, string]>) =>
    rows.length === 0 ? "" : `\n${title}\n${columns(rows, width)}\n`
  return `${description(grammar)}\n\nUSAGE\n  ${
    [name, ...flags.length === 0 ? [] : ["[flags]"], ...takes].join(" ")
  }\n` +
    section("COMMANDS", commands.map(([name, below]) => [name, description(below)])) +
    section("ARGUMENTS", definitions(grammar, "ARGUMENTS")) +
    section("FLAGS", flags)
}
