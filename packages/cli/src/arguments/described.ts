/** Derives the grammar of a command from its declaration. */
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import type * as Span from "@effect/cli/HelpDoc/Span"
import type * as Usage from "@effect/cli/Usage"
import * as Option from "effect/Option"
import { stripVTControlCharacters } from "node:util"
import type { Argument, Flag, Grammar } from "./grammar.js"

/** A flag or an argument in a usage. Names of arguments are in angle brackets. */
interface UsageName {
  readonly names: ReadonlyArray<string>
  readonly acceptedValues: Option.Option<string>
  readonly isOptional: boolean
  readonly isRepeated: boolean
}

/** Returns all names of a usage, in order. */
const namedIn = (usage: Usage.Usage, isOptional = false, isRepeated = false): ReadonlyArray<UsageName> => {
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

const text = (span: Span.Span): string => stripVTControlCharacters(HelpDoc.toAnsiText(HelpDoc.p(span))).trim()

/** Returns the parts of a document, in order. */
const parts = (doc: HelpDoc.HelpDoc): ReadonlyArray<HelpDoc.HelpDoc> =>
  doc._tag === "Sequence" ? [...parts(doc.left), ...parts(doc.right)] : doc._tag === "Empty" ? [] : [doc]

/** Returns the parts of a document under a title. */
const section = (doc: HelpDoc.HelpDoc, title: string): ReadonlyArray<HelpDoc.HelpDoc> => {
  let at = ""
  return parts(doc).filter((part) => {
    if (part._tag === "Header") at = text(part.value)
    return part._tag !== "Header" && at === title
  })
}

/** The parser's text for a kind of flag. The name of the value says the same. */
const said =
  /^(A user-defined piece of text\.|A true or false value\.|An integer\.|A floating point number\.|One of the following: .*|This setting is optional\.|This (option|argument) may be repeated .*|.*must be repeated at least.*)$/

/** Returns the description of a flag or an argument. */
const does = (doc: HelpDoc.HelpDoc): string =>
  parts(doc).flatMap((part) => part._tag === "Paragraph" ? [text(part.value)] : []).filter((line) => !said.test(line))
    .join(" ")

/** Returns the names and descriptions in a section. */
const definitions = (
  doc: HelpDoc.HelpDoc,
  title: string
): ReadonlyArray<{ readonly shown: string; readonly does: string }> =>
  section(doc, title).flatMap((doc) =>
    doc._tag === "DescriptionList"
      // the parser puts several names in brackets, and adds 1+ to repeated arguments
      ? doc.definitions.map(([name, what]) => ({
        shown: text(name).replace(/^\((.*)\)/, "$1").replace(/ 1\+$/, "..."),
        does: does(what)
      }))
      : []
  )

/** Returns the grammar of a command. */
export const described = <Name extends string, R, E, A>(
  command: Command.Command<Name, R, E, A>,
  commands?: Grammar["commands"]
): Grammar => {
  const doc = Command.getHelp(command, { ...CliConfig.defaultConfig, showBuiltIns: false })
  const rows = [...definitions(doc, "OPTIONS"), ...definitions(doc, "ARGUMENTS")]
  const rowOf = (name: string) =>
    rows.find(({ shown }) => shown.split(/[\s,]+|\.\.\.$/).includes(name)) ?? { shown: name, does: "" }
  const named = namedIn(Command.getUsage(command))
  const isFlag = ({ names }: UsageName) => names[0]?.startsWith("-") === true
  const flags = named.filter(isFlag).map(({ acceptedValues, isRepeated, names }): Flag => ({
    ...rowOf(names[0]!),
    names,
    // the parser has a --version of its own
    name: names.find((name) => name.startsWith("--") && name !== "--version") ?? names[0]!,
    values: Option.getOrNull(acceptedValues),
    isRepeated
  }))
  return {
    does: section(doc, "DESCRIPTION").map(does).join(" "),
    // jq reads only JSON
    flags: flags.filter(({ name }) => name !== "--jq" || flags.some(({ name }) => name === "--json")),
    arguments: named.filter(({ names: [name] }) => name?.startsWith("<") === true).map(
      ({ isOptional, isRepeated, names }): Argument => ({
        ...rowOf(names[0]!),
        name: names[0]!,
        isOptional,
        isRepeated
      })
    ),
    ...commands !== undefined && { commands }
  }
}
