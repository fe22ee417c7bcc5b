/** A report for terminals and for the page of a job in CI. */
import { directions, masked, withoutCommands } from "@effect-noukai/sdk/SafeText"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { CaseVerdict, EvalReport } from "../../EvalReport.js"
import { checkTable, ending, facts, heading, listedAs, notable, verdicts } from "./words.js"

/** The number of cases of each verdict that are listed. */
const [maxLines, maxRows] = [20, 50]

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
const oneLine = (text: string): string =>
  withoutCommands(masked(text).replace(/\s+/g, " ").replace(/\p{Cc}/gu, "\ufffd").replace(directions, "\ufffd"))

/** Aligns all columns but the first to the right. */
const aligned = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    `${
      row.map((text, column) => column === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[column]!)).join("  ")
        .trimEnd()
    }\n`
  ).join("")
}

const caseLines = (report: EvalReport) => (one: CaseVerdict): string => {
  const lines = notable(report, one).flatMap(([check, reasons]) =>
    reasons.map((reason) => `    ${check}: ${oneLine(reason)}\n`)
  )
  return `  ${oneLine(one.key)}\n${lines.join("")}`
}

export const text = <E, R>(report: EvalReport, cases: Stream.Stream<CaseVerdict, E, R>): Stream.Stream<string, E, R> =>
  Stream.fromEffect(Effect.map(listed(cases, maxLines, caseLines(report)), (lists) => {
    const parts = lists.map(({ count, shown, verdict }) =>
      `\n${verdict} (${count})\n${shown.join("")}${count > shown.length ? `  and ${count - shown.length} more\n` : ""}`
    )
    const width = Math.max(...facts(report).map(([name]) => name.length))
    const told = facts(report).map(([name, text]) => `${name.padEnd(width)}  ${oneLine(text)}\n`)
    const table = aligned(checkTable(report).map((cells) => cells.map(oneLine)))
    return `${oneLine(heading(report))}\n\n${table}\n${told.join("")}${parts.join("")}\n${oneLine(ending(report))}\n`
  }))

/** The names, numbers and addresses that GitHub makes links of: it notifies people, and mentions issues. */
const links = /@(?=\w)|[#!](?=\d)|\bGH(?=-\d)|:(?=\/\/)|\bwww(?=\.)|\b(?:mailto|xmpp)(?=:)/gi

/** A text in Markdown. An invisible space breaks its links. */
const escaped = (text: string): string =>
  oneLine(text).replace(links, "$&\u200b").replace(
    /[&<>]/g,
    (found) => found === "&" ? "&amp;" : found === "<" ? "&lt;" : "&gt;"
  )
    .replace(/[\\`*_[\]|~$]/g, "\\$&")

const row = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |\n`

const marks = { passed: "✅", failed: "❌", incomplete: "⚠️" } as const

export const markdown = <E, R>(
  report: EvalReport,
  cases: Stream.Stream<CaseVerdict, E, R>
): Stream.Stream<string, E, R> =>
  Stream.fromEffect(Effect.map(
    listed(cases, maxRows, (one) =>
      row([
        escaped(one.key),
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
        ...lists.length === 0 ? [] : [`\n${row(["case", "verdict", "checks"])}${row(["---", "---", "---"])}`],
        ...lists.flatMap(({ shown }) => shown),
        ...more.length === 0 ? [] : [`\n${more.join(", ")}\n`]
      ].join("")
    }
  ))
