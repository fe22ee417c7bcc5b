/** A report for terminals and for the page of a job in CI. */
import { directions, masked, withoutCommands } from "@effect-noukai/sdk/SafeText"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { CaseVerdict, EvalReport } from "../../EvalReport.js"
import { checkTable, ending, facts, heading, inputLine, listedAs, moreFacts, notable, verdicts } from "./words.js"

/** The number of cases of each verdict that are listed. */
export const [maxLines, maxRows] = [20, 50]

/** The longest input in a table. */
const maxInput = 100

/** Returns the cases that did not pass, regressions first, at most `most` of each verdict. */
const listed = <E, R>(cases: Stream.Stream<CaseVerdict, E, R>, most: number, show: (one: CaseVerdict) => string) =>
  Effect.suspend(() => {
    const lists = verdicts.filter((verdict) => verdict !== "pass").map((verdict) => ({
      verdict,
      shown: new Array<string>(),
      count: 0
    }))
    return Stream.runForEach(cases, (one) =>
      Effect.sync(() => {
        const verdict = listedAs(one)
        const list = lists.find((list) => list.verdict === verdict)
        if (list !== undefined && list.count++ < most) list.shown.push(show({ ...one, verdict }))
      })).pipe(Effect.map(() => lists.filter(({ count }) => count > 0)))
  })

/** A text in one line, without keys, control characters, and commands to a server of CI. */
export const oneLine = (text: string): string =>
  withoutCommands(masked(text).replace(/\s+/g, " ").replace(/\p{Cc}/gu, "\ufffd").replace(directions, "\ufffd"))

/** The width of a terminal. */
const width = 80

/** Breaks a text at its spaces, after a prefix. The lines after the first begin as far right. A long word is cut. */
export const wrapped = (prefix: string, text: string, indent = " ".repeat(prefix.length)): string => {
  const room = width - indent.length
  const lines = text.match(new RegExp(`.{1,${room}}(?= (?!%)|$)|\\S{${room}}`, "gu")) ?? [""]
  return lines.map((line, index) => `${index === 0 ? prefix : indent}${line.trimStart()}\n`).join("")
}

/** Aligns all columns but the first to the right. A name without room stands on a line of its own. */
export const aligned = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const first = Math.min(widths[0]!, width - widths.slice(1).reduce((sum, each) => sum + each + 2, 0))
  return rows.map(([name = "", ...texts]) => {
    const isLong = name.length > first
    const cells = texts.map((text, column) => `  ${text.padStart(widths[column + 1]!)}`)
    return `${isLong ? wrapped("", name) : ""}${`${(isLong ? "" : name).padEnd(first)}${cells.join("")}`.trimEnd()}\n`
  }).join("")
}

const caseLines = (report: EvalReport) => (one: CaseVerdict): string => {
  const lines = notable(report, one).flatMap(([check, reasons]) =>
    reasons.map((reason) => wrapped("    ", `${oneLine(check)}: ${oneLine(reason)}`, "      "))
  )
  const input = Array.from(oneLine(`input: ${inputLine(one, 2 * width)}`))
  const shown = input.length <= width - 4 ? input : [...input.slice(0, width - 5), "…"]
  return `${wrapped("  ", oneLine(one.key), "    ")}    ${shown.join("").trimEnd()}\n${lines.join("")}`
}

export const text = <E, R>(report: EvalReport, cases: Stream.Stream<CaseVerdict, E, R>): Stream.Stream<string, E, R> =>
  Stream.fromEffect(Effect.map(listed(cases, maxLines, caseLines(report)), (lists) => {
    const parts = lists.map(({ count, shown, verdict }) =>
      `\n${verdict} (${count})\n${shown.join("")}${count > shown.length ? `  and ${count - shown.length} more\n` : ""}`
    )
    const all = [...facts(report), ...moreFacts(report)]
    const longest = Math.max(...all.map(([name]) => name.length))
    const told = all.map(([name, text]) => wrapped(`${name.padEnd(longest)}  `, oneLine(text)))
    const table = aligned(checkTable(report, true).map((cells) => cells.map(oneLine)))
    return `${wrapped("", oneLine(heading(report)))}\n${table}\n${told.join("")}${parts.join("")}\n${
      wrapped("", oneLine(ending(report)))
    }`
  }))

/** The names, numbers and addresses that GitHub makes links of: it notifies people, and mentions issues. */
const links = /@(?=\w)|[#!](?=\d)|\bGH(?=-\d)|:(?=\/\/)|\bwww(?=\.)|\b(?:mailto|xmpp)(?=:)/gi

/** A text in Markdown. An invisible space breaks its links. */
export const escaped = (text: string): string =>
  oneLine(text).replace(links, "$&\u200b").replace(
    /[&<>]/g,
    (found) => found === "&" ? "&amp;" : found === "<" ? "&lt;" : "&gt;"
  )
    .replace(/[\\`*_[\]|~$]/g, "\\$&")

export const row = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |\n`

const marks = { passed: "✅", failed: "❌", incomplete: "⚠️" } as const

export const markdown = <E, R>(
  report: EvalReport,
  cases: Stream.Stream<CaseVerdict, E, R>
): Stream.Stream<string, E, R> =>
  Stream.fromEffect(Effect.map(
    listed(cases, maxRows, (one) =>
      row([
        escaped(one.key),
        escaped(inputLine(one, maxInput)),
        one.verdict,
        notable(report, one).map(([check, reasons]) => `${escaped(check)}: ${reasons.map(escaped).join("; ")}`).join(
          "<br>"
        )
      ])),
    (lists) => {
      const [titles, ...rows] = checkTable(report)
      const more = lists.flatMap(({ count, shown, verdict }) =>
        count > shown.length ? [`${count - shown.length} more: ${verdict}`] : []
      )
      return [
        `## ${marks[report.gate]} ${escaped(heading(report))}\n\n${escaped(report.sentence)}\n\n`,
        row(titles!.map(escaped)),
        row(titles!.map((_, column) => column === 0 ? "---" : "---:")),
        ...rows.map((cells) => row(cells.map(escaped))),
        "\n",
        ...facts(report).map(([name, text]) => `- ${name}: ${escaped(text)}\n`),
        ...lists.length === 0
          ? []
          : [`\n${row(["case", "input", "verdict", "checks"])}${row(["---", "---", "---", "---"])}`],
        ...lists.flatMap(({ shown }) => shown),
        ...more.length === 0 ? [] : [`\n${more.join(", ")}\n`]
      ].join("")
    }
  ))
