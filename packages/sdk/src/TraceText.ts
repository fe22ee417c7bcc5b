/**
 * A stored run as text: the waterfall of its steps, for terminals and logs.
 *
 * @since 0.1.0
 */
import {
  cutText,
  dollars,
  factsOf,
  failureOf,
  failuresIn,
  formatMillis,
  joined,
  kindOf,
  lasting,
  loopsIn,
  rowsOf,
  safeText,
  tickStep,
  type TraceRow,
  type TraceStep,
  widest,
  widthOf
} from "./internal/trace/rows.js"
import {
  fieldsOf,
  type GivenTrace,
  givenTrace,
  millisOf,
  numberOf,
  textOf,
  timelineOf
} from "./internal/trace/timeline.js"
import type { Trace } from "./Trace.js"

/**
 * The options of {@link render}.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** The heading. Default: `Run` and the id of the run. */
  readonly title?: string | undefined
  /** The width in columns, 40 to 1,000. No line is longer. Default: 80. */
  readonly width?: number | undefined
  /** Whether the text has colours, as the control sequences of a terminal. Nothing is told by them alone. Default: false. */
  readonly colours?: boolean | undefined
  /** Whether a failed step has its error and its input below it, where they were captured. Default: true. */
  readonly payloads?: boolean | undefined
  /** The number of rows from which on the attempts and iterations of one step share a row. Default: 200. */
  readonly maxRows?: number | undefined
}

type Kind = "plain" | "heading" | "soft" | "completed" | "failed" | "running" | "other"

const codes: { readonly [K in Exclude<Kind, "plain">]: number } = {
  heading: 1,
  soft: 2,
  completed: 34,
  failed: 31,
  running: 33,
  other: 2
}

type Paint = (kind: Kind, text: string) => string

const coloured: Paint = (kind, text) =>
  kind === "plain" || text.trim() === "" ? text : `\u001b[${codes[kind]}m${text}\u001b[0m`

const uncoloured: Paint = (_, text) => text

/** A text in one line, which controls no terminal. */
const inLine = (text: string): string => safeText(text).replace(/[\t\n\r\u0080-\u009f\u2028\u2029]/g, "\ufffd")

const kindOfBar = (placed: TraceStep): Kind => {
  const kind = kindOf(placed.step.status)
  return kind === "completed" || kind === "failed" || kind === "running" ? kind : "other"
}

const marks: { readonly [K in Kind]?: string } = { failed: "✕", running: "…", other: "-" }

/** The part of a bar in which a step was at work, waited for tools, or had its iterations below it. */
const [working, waiting, around] = ["█", "░", "▒"]

interface Cell {
  readonly kind: Kind
  readonly character: string
}

const empty: Cell = { kind: "plain", character: " " }

const right = (text: string, columns: number): string => " ".repeat(Math.max(0, columns - widthOf(text))) + text

const left = (text: string, columns: number): string => {
  const cut = widthOf(text) > columns ? cutText(text, columns) : text
  return cut + " ".repeat(Math.max(0, columns - widthOf(cut)))
}

/** Cells of one kind painted together. */
const painted = (cells: ReadonlyArray<Cell>, paint: Paint): string => {
  let out = ""
  for (let from = 0; from < cells.length;) {
    const { kind } = cells[from]!
    let until = from
    let text = ""
    while (until < cells.length && cells[until]!.kind === kind) text += cells[until++]!.character
    out += paint(kind, text)
    from = until
  }
  return out
}

/** A row's kind: that of what is worst in it. */
const kindOfRow = ({ bars }: TraceRow): Kind =>
  failuresIn(bars) > 0
    ? "failed"
    : bars.map(kindOfBar).find((kind) => kind !== "completed") ?? "completed"

const labelOfRow = ({ bars, depth, label }: TraceRow): string => {
  const failed = bars.length === 1 ? 0 : failuresIn(bars)
  return inLine(`${"  ".repeat(depth)}${label}${failed === 0 ? "" : ` (${failed} failed)`}`)
}

const tokensOf = ({ bars }: TraceRow): string => {
  const total = bars.reduce((sum, { step }) => sum + (step.tokens?.total ?? 0), 0)
  return total === 0 ? "" : String(total)
}

/** Room for the bars that is worth drawing them in. */
const leastPlot = 12

interface Column {
  readonly title: string
  readonly values: ReadonlyArray<string>
  readonly width: number
}

const column = (title: string, values: ReadonlyArray<string>): Column => ({
  title,
  values,
  width: widest(values, widthOf(title))
})

const widthsOf = (columns: ReadonlyArray<Column>): number => columns.reduce((sum, { width }) => sum + width + 2, 0)

/** Marks on the axis and their times. What would touch the one before, or go over the end, is left out. */
const axisOf = (totalMs: number, plot: number): string => {
  const step = tickStep(totalMs, Math.max(1, Math.floor(plot / 12)))
  let axis = ""
  for (let at = 0; at <= totalMs; at += step) {
    const place = totalMs === 0 ? 0 : Math.floor(at / totalMs * plot)
    const text = `|${formatMillis(at)}`
    if ((axis === "" || place > axis.length) && place + text.length <= plot) axis = axis.padEnd(place) + text
    if (step <= 0 || totalMs === 0) break
  }
  return axis.padEnd(plot)
}

/**
 * Draws a stored run as lines of text that are no longer than `width` columns: a row for every attempt at every step, with
 * iterations below their loop, its bar where its time was, `░` as far as it waited for tools (for how long, not when: a
 * trace does not say that), its time, tokens and cost. `✕` marks a failed step. Its error and its input are below it, one
 * line each, where they were captured.
 *
 * A run of more than `maxRows` attempts has one row for each step, with all its bars. Where the width does not do for
 * all columns, cost and tokens are left out, then names cut. Names control no terminal, whatever is in them, and what
 * looks like a key of Noukai is masked. Pure.
 *
 * A field that is missing or has another type than it should counts as absent, and a value that is not a trace has no
 * steps: nothing is thrown.
 *
 * @example
 * ```ts
 * import { RunService } from "@effect-noukai/sdk"
 * import * as TraceText from "@effect-noukai/sdk/TraceText"
 * import { Console, Effect } from "effect"
 *
 * const show = (executionId: string) =>
 *   Effect.gen(function*() {
 *     const runs = yield* RunService
 *     const trace = yield* runs.trace("acme/spelling/grade-3", executionId)
 *     yield* Console.log(TraceText.render(trace, { width: 120 }))
 *   })
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const render = (trace: Trace, options: Options = {}): string => draw(givenTrace(trace), fieldsOf(options))

const draw = (trace: GivenTrace, options: { readonly [K in keyof Options]?: unknown }): string => {
  const maxRows = numberOf(options.maxRows) ?? 200
  const width = Math.min(1_000, Math.max(40, Math.floor(numberOf(options.width) ?? 80) || 80))
  const paint = options.colours === true ? coloured : uncoloured
  const timeline = timelineOf(trace)
  const rows = rowsOf(timeline.steps, maxRows)
  const loops = loopsIn(timeline)
  const heading = [
    paint("heading", cutText(inLine(textOf(options.title) ?? `Run ${trace.flowRun.id}`), width)),
    paint("soft", cutText(inLine(factsOf(trace, timeline)), width))
  ]
  if (rows.length === 0) return [...heading, "No steps are stored of this run.", ""].join("\n")

  const labels = rows.map(labelOfRow)
  const amounts = [
    column("time", rows.map(({ bars }) => formatMillis(millisOf(lasting(bars))))),
    column("tokens", rows.map(tokensOf)),
    column("cost", rows.map(({ bars }) => dollars(bars.map(({ step }) => step)) ?? ""))
  ].filter(({ values }) => values.some((value) => value !== ""))
  // two columns before a name are of its mark, and two after it
  const rest = (labelWidth: number) => width - 4 - labelWidth - widthsOf(amounts)
  const longest = widest(labels, 4)
  let labelWidth = Math.min(longest, Math.max(12, Math.floor(width * 0.3)))
  while (rest(labelWidth) < leastPlot && amounts.length > 1) amounts.pop()
  if (rest(labelWidth) < leastPlot) labelWidth = Math.max(4, labelWidth + rest(labelWidth) - leastPlot)
  const plot = Math.max(1, rest(labelWidth))

  const total = timeline.end - timeline.start
  const scale = (at: bigint): number => total === 0n ? 0 : Number(at - timeline.start) / Number(total) * plot
  const cellsOf = (row: TraceRow): ReadonlyArray<Cell> => {
    const cells = Array.from({ length: plot }, () => empty)
    for (const placed of row.bars) {
      const from = Math.min(plot - 1, Math.floor(scale(placed.start) + 1e-9))
      const until = Math.min(plot, Math.max(from + 1, Math.round(scale(placed.end))))
      const wait = Math.min(until, Math.max(from, Math.round(scale(placed.end - placed.waiting))))
      const kind = kindOfBar(placed)
      for (let at = from; at < until; at++) {
        cells[at] = {
          kind,
          character: at >= wait && placed.waiting > 0n ? waiting : loops.has(placed) ? around : working
        }
      }
    }
    return cells
  }

  const head = `  ${left("step", labelWidth)}  ${axisOf(millisOf(total), plot)}${
    amounts.map(({ title, width }) => `  ${right(title, width)}`).join("")
  }`
  const below = (row: TraceRow): ReadonlyArray<string> => {
    if (options.payloads === false) return []
    const indent = "  ".repeat(row.depth + 2)
    return failureOf(row.bars).map((text) => paint("failed", cutText(inLine(indent + text), width)))
  }
  const lines = rows.flatMap((row, index) => {
    const kind = kindOfRow(row)
    const mark = marks[kind] ?? " "
    const line = `${paint(kind, mark)} ${
      paint(kind === "failed" ? kind : "plain", left(labels[index]!, labelWidth))
    }  ${painted(cellsOf(row), paint)}${
      amounts.map(({ values, width }) => `  ${right(values[index]!, width)}`).join("")
    }`
    return [line.trimEnd(), ...below(row)]
  })
  const kinds = new Set(rows.map(kindOfRow))
  const legend = joined(
    kinds.has("failed") ? "✕ failed" : undefined,
    kinds.has("running") ? "… running" : undefined,
    kinds.has("other") ? "- skipped or other" : undefined,
    timeline.waiting > 0n ? `${waiting} waiting for tools` : undefined,
    rows.some(({ bars }) => bars.some((bar) => loops.has(bar))) ? `${around} loop` : undefined
  )
  return [
    ...heading,
    "",
    paint("soft", head.trimEnd()),
    ...lines,
    ...(legend === "" ? [] : ["", paint("soft", cutText(legend, width))]),
    ""
  ].join("\n")
}
