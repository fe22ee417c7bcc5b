/**
 * A stored run as a waterfall of its steps: as text for terminals and logs, and as a self-contained SVG.
 *
 * @since 0.1.0
 */
import * as Kit from "@effect-noukai/sdk/kit/names"
import { type CostSum, costText, formatCost, payloadText, sumCosts } from "@effect-noukai/sdk/kit/runs/report"
import type { Trace } from "@effect-noukai/sdk/Trace"
import * as Arr from "effect/Array"
import * as Stream from "effect/Stream"
import * as HtmlReport from "./HtmlReport.js"
import * as Words from "./internal/words.js"
import * as TraceLayout from "./TraceLayout.js"
import { spanIdOf } from "./TraceSpans.js"

/**
 * The options of {@link toText}.
 *
 * @since 0.1.0
 * @category options
 */
export interface TextOptions {
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

/**
 * The options of {@link toSvg}.
 *
 * @since 0.1.0
 * @category options
 */
export interface SvgOptions {
  /** The heading. Default: `Run` and the id of the run. */
  readonly title?: string | undefined
  /** The width in pixels, 480 to 4,096. Default: 960. */
  readonly width?: number | undefined
  /**
   * The number of rows from which on the attempts and iterations of one step share a row. Default: 60.
   */
  readonly maxRows?: number | undefined
  /**
   * Captured payloads may be private. `true` adds inputs, outputs and errors to the tooltips of all bars, as text, each cut
   * at 4,096 characters; `false` leaves out all of them. Default: the error and the input of failed steps.
   */
  readonly payloads?: boolean | undefined
}

/**
 * The options of {@link toHtml}.
 *
 * @since 0.1.0
 * @category options
 */
export interface HtmlOptions {
  /** The heading. Default: `Run` and the id of the run. */
  readonly title?: string | undefined
  /** Whether the page has inputs, outputs and errors, which may be private. Default: true. */
  readonly payloads?: boolean | undefined
}

const htmlNames: Kit.Names<HtmlOptions> = { title: true, payloads: true }

const svgNames: Kit.Names<SvgOptions> = { ...htmlNames, width: true, maxRows: true }

const textNames: Kit.Names<TextOptions> = { ...svgNames, colours: true }

/** A number of the options within its limits. */
const within = (value: number, least: number, most: number, standard: number): number =>
  Math.min(most, Math.max(least, Math.floor(value) || standard))

const noSteps = "No steps are stored of this run."

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
const inLine = (text: string): string => Words.safeText(text).replace(/[\t\n\r\u0080-\u009f\u2028\u2029]/g, "\ufffd")

const paintOf = ({ kind }: TraceLayout.Bar): Kind => kind === "skipped" ? "other" : kind

/** The run in one line. */
const factsOf = (layout: TraceLayout.TraceLayout): string => {
  const { bars, durationMs, status, tokens, waitingMs } = layout
  return Words.joined(
    status,
    Words.formatMillis(durationMs),
    waitingMs === 0 ? undefined : `${Words.formatMillis(waitingMs)} waiting for tools`,
    `${bars.length} ${bars.length === 1 ? "step" : "steps"}`,
    tokens === 0 ? undefined : `${tokens} tokens`,
    dollars(layout)
  )
}

/** A cost as text. Absent if no step has one, known or not. */
const dollars = (sum: CostSum): string | undefined =>
  sum.costUsd === undefined && sum.unknownCosts === 0 ? undefined : costText(sum)

/** The kind of a row: the worst of its bars. */
const paintOfRow = ({ bars, failed }: TraceLayout.Row): Kind =>
  failed > 0 ? "failed" : bars.map(paintOf).find((kind) => kind !== "completed") ?? "completed"

const marks: { readonly [K in Kind]?: string } = { failed: "✕", running: "…", other: "-" }

/** The part of a bar in which a step was at work, waited for tools, or had its iterations below it. */
const [working, waiting, around] = ["█", "░", "▒"] as const

const right = (text: string, columns: number): string => " ".repeat(Math.max(0, columns - Words.widthOf(text))) + text

const left = (text: string, columns: number): string => {
  const cut = Words.widthOf(text) > columns ? Words.cutText(text, columns) : text
  return cut + " ".repeat(Math.max(0, columns - Words.widthOf(cut)))
}

/** The bars of a row in so many columns. */
const plotted = (row: TraceLayout.Row, plot: number, paint: Paint): string => {
  const cells = Arr.makeBy(plot, (): readonly [Kind, string] => ["plain", " "])
  for (const bar of row.bars) {
    const end = (bar.from + bar.width) * plot
    const from = Math.min(plot - 1, Math.floor(bar.from * plot + 1e-9))
    const until = Math.min(plot, Math.max(from + 1, Math.round(end)))
    const wait = bar.waiting > 0 ? Math.round(end - bar.waiting * bar.width * plot) : until
    const fill = bar.isLoop ? around : working
    for (let at = from; at < until; at++) cells[at] = [paintOf(bar), at >= wait ? waiting : fill]
  }
  return Arr.groupWith(cells, ([a], [b]) => a === b)
    .map((group) => paint(group[0][0], group.map(([, character]) => character).join("")))
    .join("")
}

/** Room for the bars that is worth drawing them in. */
const leastPlot = 12

/** Marks on the axis and their times. What would touch the one before, or go over the end, is left out. */
const axisOf = (totalMs: number, plot: number): string => {
  let axis = ""
  for (const at of Words.ticksOf(totalMs, Math.max(1, Math.floor(plot / 12)))) {
    const place = totalMs === 0 ? 0 : Math.floor(at / totalMs * plot)
    const text = `|${Words.formatMillis(at)}`
    if ((axis === "" || place > axis.length) && place + text.length <= plot) axis = axis.padEnd(place) + text
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
 * all columns, cost and tokens are left out, then names cut. Names control no terminal, and keys of Noukai are masked.
 *
 * @example
 * ```ts
 * import { RunService } from "@effect-noukai/sdk"
 * import * as Waterfall from "@effect-noukai/report/Waterfall"
 * import { Console, Effect } from "effect"
 *
 * const show = (executionId: string) =>
 *   Effect.gen(function*() {
 *     const runs = yield* RunService
 *     const trace = yield* runs.trace("acme/spelling/grade-3", executionId)
 *     yield* Console.log(Waterfall.toText(trace, { width: 120 }))
 *   })
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const toText = (trace: Trace, options: TextOptions = {}): string => {
  const { colours, maxRows = 200, payloads, title = `Run ${trace.flowRun.id}`, width: wide = 80 } = Kit.orThrow(
    "Waterfall.toText",
    options,
    textNames,
    ["maxRows"]
  )
  const width = within(wide, 40, 1_000, 80)
  const paint = colours === true ? coloured : uncoloured
  const layout = TraceLayout.make(trace, { maxRows })
  const { bars: all, rows } = layout
  const heading = [
    paint("heading", Words.cutText(inLine(title), width)),
    paint("soft", Words.cutText(inLine(factsOf(layout)), width))
  ]
  if (rows.length === 0) return [...heading, noSteps, ""].join("\n")

  const labels = rows.map(({ bars, depth, failed, label }) =>
    inLine(`${"  ".repeat(depth)}${label}${failed > 0 && bars.length > 1 ? ` (${failed} failed)` : ""}`)
  )
  const columns = Object.entries({
    time: rows.map(({ durationMs }) => Words.formatMillis(durationMs)),
    tokens: rows.map(({ tokens }) => String(tokens || "")),
    cost: rows.map((row) => dollars(row) ?? "")
  }).flatMap(([name, values]) => {
    const columnWidth = Words.widest(values, Words.widthOf(name))
    return values.some((value) => value !== "")
      ? [[name, ...values].map((text) => `  ${right(text, columnWidth)}`)]
      : []
  })
  // two columns before a name are of its mark, and two after it
  const rest = () => width - 4 - labelWidth - columns.reduce((sum, [name = ""]) => sum + Words.widthOf(name), 0)
  let labelWidth = Math.min(Words.widest(labels, 4), Math.max(12, Math.floor(width * 0.3)))
  while (rest() < leastPlot && columns.length > 1) columns.pop()
  labelWidth = Math.max(4, labelWidth + Math.min(0, rest() - leastPlot))
  const plot = Math.max(1, rest())

  const line = (label: string, bars: string, nth: number) =>
    `${label}  ${bars}${columns.map((column) => column[nth]).join("")}`.trimEnd()
  const lines = rows.flatMap((row, index) => {
    const kind = paintOfRow(row)
    const label = paint(kind === "failed" ? kind : "plain", left(labels[index]!, labelWidth))
    const indent = "  ".repeat(row.depth + 2)
    return [
      line(`${paint(kind, marks[kind] ?? " ")} ${label}`, plotted(row, plot, paint), index + 1),
      ...(payloads === false ? [] : row.failure?.failure ?? []).map((text) =>
        paint("failed", Words.cutText(inLine(indent + text), width))
      )
    ]
  })
  const kinds = new Set(rows.map(paintOfRow))
  const legend = Words.joined(
    kinds.has("failed") ? "✕ failed" : undefined,
    kinds.has("running") ? "… running" : undefined,
    kinds.has("other") ? "- skipped or other" : undefined,
    layout.waitingMs > 0 ? `${waiting} waiting for tools` : undefined,
    all.some(({ isLoop }) => isLoop) ? `${around} loop` : undefined
  )
  return [
    ...heading,
    "",
    paint("soft", line(`  ${left("step", labelWidth)}`, axisOf(layout.totalMs, plot), 0)),
    ...lines,
    ...(legend === "" ? [] : ["", paint("soft", Words.cutText(legend, width))]),
    ""
  ].join("\n")
}

const payloadLimit = 4_096

const costOf = ({ isCostUnknown, step }: TraceLayout.Bar): string | undefined =>
  dollars({
    costUsd: step.costUsd === undefined ? undefined : formatCost(sumCosts([step])),
    unknownCosts: isCostUnknown ? 1 : 0
  })

const payload = (name: string, value: unknown): string | undefined =>
  value === undefined ? undefined : `${name}: ${Words.cutText(payloadText(value), payloadLimit)}`

const tooltipOf = (bar: TraceLayout.Bar, payloads: boolean | undefined): string => {
  const { durationMs, label, startMs, step, waitingMs } = bar
  return [
    Words.joined(label, step.status),
    Words.joined(
      `${Words.formatMillis(durationMs)} from ${Words.formatMillis(startMs)} on`,
      waitingMs === 0 ? undefined : `${Words.formatMillis(waitingMs)} of it for tools`
    ),
    Words.joined(
      step.modelUsed,
      (step.tokens?.total ?? 0) === 0 ? undefined : `${step.tokens!.total} tokens`,
      costOf(bar)
    ),
    ...(payloads === undefined ? bar.failure.map((line) => Words.cutText(line, payloadLimit)) : []),
    ...(payloads === true
      ? [
        payload("input", step.inputContext),
        payload("output", step.outputContext),
        payload("error", step.errorContext)
      ]
      : [])
  ].filter((line) => line !== undefined && line !== "").join("\n")
}

/** The run in words, for those who do not see the picture. */
const describe = (bars: ReadonlyArray<TraceLayout.Bar>, heading: string, payloads: boolean | undefined): string => {
  const told = bars.slice(0, 40)
  const lines = told.map((bar) => {
    const { durationMs, label, startMs, step, waitingMs } = bar
    const wait = waitingMs === 0 ? "" : `, ${Words.formatMillis(waitingMs)} of it waiting for tools`
    const cost = costOf(bar)
    const failure = payloads === false ? [] : bar.failure
    return `${label}: ${step.status}, ${Words.formatMillis(durationMs)} from ${Words.formatMillis(startMs)} on${wait}${
      cost === undefined ? "" : `, ${cost}`
    }.${failure.map((line) => ` ${Words.cutText(line, 400)}.`).join("")}`
  })
  const rest = bars.length - told.length
  return [heading, ...lines, ...(rest > 0 ? [`And ${rest} more.`] : [])].join(" ")
}

/** Colours that are told apart by lightness too, with a contrast of at least 3 to 1 on either ground. */
const style = (id: string): string => {
  const light =
    "--ground:#ffffff;--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;--band:#f6f8fa;--completed:#2f6fce;--failed:#cf222e;--running:#9a6700;--other:#6e7781"
  const dark =
    "--ground:#0d1117;--ink:#e6edf3;--soft:#9198a1;--line:#30363d;--band:#151b23;--completed:#6ea8fe;--failed:#ff7b72;--running:#e3b341;--other:#8b949e"
  const rules: { readonly [selector: string]: string } = {
    ".g": "fill:var(--ground)",
    "text": "fill:var(--ink);font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\",monospace",
    ".h": "font-size:15px;font-weight:600",
    ".s": "fill:var(--soft)",
    ".e": "text-anchor:end",
    ".m": "text-anchor:middle",
    ".l": "stroke:var(--line);stroke-width:1",
    ".b": "fill:var(--band)",
    ".completed": "fill:var(--completed)",
    ".failed": "fill:var(--failed)",
    ".running": "fill:var(--running)",
    ".skipped,.other": "fill:var(--other)",
    ".loop": "fill-opacity:0.45",
    ".wait": `fill:url(#${id}-h)`,
    ".x": "fill:var(--failed);font-weight:700",
    ".r": "fill:var(--failed)"
  }
  const scoped = Object.entries(rules).map(([selector, body]) =>
    `${selector.split(",").map((one) => `#${id} ${one}`).join(",")}{${body}}`
  )
  return `#${id}{${light}}@media (prefers-color-scheme:dark){#${id}{${dark}}}${scoped.join("")}`
}

const margin = 16
const gap = 12
const characterWidth = 7.3
const lineHeight = 16

type Attributes = { readonly [name: string]: string | number | undefined }

/** An element with the attributes that have a value. */
const element = (name: string, attributes: Attributes, content?: string): string => {
  const written = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : ` ${key}="${typeof value === "number" ? round(value) : value}"`
  )
  return `<${name}${written.join("")}${content === undefined ? "/>" : `>${content}</${name}>`}`
}

const round = (value: number): number => Math.round(value * 100) / 100

const text = (x: number, y: number, classes: string, content: string): string =>
  element("text", { x, y, class: classes === "" ? undefined : classes }, HtmlReport.escape(content))

/** The rectangle of a bar, or of a key of the legend. */
const bar = (classes: string, x: number, y: number, width: number, height: number): string =>
  element("rect", { class: classes, x, y, width, height, rx: 2 })

/** The kinds of bars that there are, each with its name. */
const legendOf = ({ bars, waitingMs }: TraceLayout.TraceLayout): string => {
  const used = new Set(bars.map(({ kind }) => kind))
  const entries = [
    ["completed", "completed", used.has("completed")],
    ["failed", "failed", used.has("failed")],
    ["running", "running", used.has("running")],
    ["other", "skipped or other", used.has("skipped") || used.has("other")],
    ["completed", "waiting for tools", waitingMs > 0]
  ] as const
  let x = margin
  return entries.filter(([, , isUsed]) => isUsed).flatMap(([kind, name]) => {
    const at = x
    x += 18 + (name.length + 2) * characterWidth
    const hatch = name === "waiting for tools" ? [bar("wait", at, 56, 12, 10)] : []
    return [bar(kind, at, 56, 12, 10), ...hatch, text(at + 18, 65, "s", name)]
  }).join("\n")
}

/** The measures of a picture, in pixels. */
interface Measures {
  readonly width: number
  readonly rowHeight: number
  readonly labelWidth: number
  /** The left edge and the width of the bars. */
  readonly plotX: number
  readonly plotWidth: number
  /** The top of the first row. */
  readonly top: number
  /** The most characters of a line. */
  readonly columns: number
}

/** The time and cost of a row. */
const valueOf = (row: TraceLayout.Row): string =>
  Words.joined(
    row.failed > 0 && row.bars.length > 1 ? `${row.failed} failed` : undefined,
    Words.formatMillis(row.durationMs),
    dollars(row)
  )

const measuresOf = ({ rows }: TraceLayout.TraceLayout, width: number): Measures => {
  const labels = Words.widest(rows.map(({ depth, label }) => " ".repeat(depth * 2) + Words.safeText(label)), 0)
  const labelWidth = Math.min(Math.max(80, labels * characterWidth), width * 0.32)
  const valueWidth = Math.max(60, Words.widest(rows.map(valueOf), 0) * characterWidth)
  const plotX = margin + labelWidth + gap
  return {
    width,
    rowHeight: rows.length > 120 ? 16 : 22,
    labelWidth,
    plotX,
    plotWidth: Math.max(120, width - plotX - gap - valueWidth - margin),
    top: 92,
    columns: Math.floor((width - 2 * margin) / characterWidth)
  }
}

/** A bar in the row at `y`, with its tooltip. A failed bar that is alone in its row has a cross. */
const drawnBar = (
  { plotWidth, plotX, rowHeight }: Measures,
  placed: TraceLayout.Bar,
  y: number,
  isAlone: boolean,
  payloads: boolean | undefined
): string => {
  const { isLoop, kind, step } = placed
  const x = plotX + placed.from * plotWidth
  const barWidth = Math.max(2, placed.width * plotWidth)
  const waited = placed.waiting * barWidth
  const after = x + barWidth + 4
  return element(
    "g",
    {
      "class": "bar",
      "data-step": HtmlReport.escape(step.stepId),
      "data-attempt": String(step.attempt),
      "data-loop": step.loopIndex === undefined ? undefined : String(step.loopIndex)
    },
    [
      element("title", {}, HtmlReport.escape(tooltipOf(placed, payloads))),
      bar(`${kind}${isLoop ? " loop" : ""}`, x, y + 4, barWidth, rowHeight - 8),
      ...(waited === 0 ? [] : [bar("wait", x + barWidth - waited, y + 4, waited, rowHeight - 8)]),
      ...(kind === "failed" && isAlone
        ? [text(after + 8 > plotX + plotWidth ? x - 12 : after, y + rowHeight / 2 + 4, "x", "✕")]
        : []),
      ""
    ].join("\n")
  )
}

/** The rows with the bands behind them, and the bottom of the last one. */
const drawnRows = (measures: Measures, rows: ReadonlyArray<TraceLayout.Row>, payloads: boolean | undefined) => {
  const { columns, labelWidth, rowHeight, top, width } = measures
  let bottom = top
  const bands: Array<string> = []
  const drawn = rows.flatMap((row, index) => {
    const { bars, depth, failure, label } = row
    const y = bottom
    const baseline = y + rowHeight / 2 + 4
    const indent = depth * 2
    const lines = payloads === false ? [] : failure?.failure ?? []
    const height = rowHeight + lines.length * lineHeight
    bottom += height
    if (index % 2 === 1) bands.push(element("rect", { class: "b", x: 0, y, width, height }))
    const cut = Words.cutText(Words.safeText(label), Math.floor(labelWidth / characterWidth) - indent)
    return [
      text(margin + indent * characterWidth, baseline, depth === 0 ? "" : "s", cut),
      ...bars.map((placed) => drawnBar(measures, placed, y, bars.length === 1, payloads)),
      text(width - margin, baseline, "s e", valueOf(row)),
      ...lines.map((line, nth) =>
        text(
          margin + (indent + 2) * characterWidth,
          baseline + (nth + 1) * lineHeight,
          "r",
          Words.cutText(Words.safeText(line), columns - indent - 2)
        )
      )
    ]
  })
  return { bands, drawn, bottom }
}

/** The lines and labels of the axis of time. */
const svgAxis = ({ plotWidth, plotX, top }: Measures, totalMs: number, bottom: number): ReadonlyArray<string> =>
  Words.ticksOf(totalMs, Math.max(2, Math.floor(plotWidth / 90))).flatMap((at) => {
    const x = plotX + (totalMs === 0 ? 0 : at / totalMs * plotWidth)
    return [
      element("line", { class: "l", x1: x, x2: x, y1: top - 6, y2: bottom }),
      text(x, top - 12, "s m", Words.formatMillis(at))
    ]
  })

/**
 * Draws a stored run as one SVG without scripts, fonts or references: a row for every attempt at every step, its bar where
 * its time was, hatched as far as it waited for tools (for how long, not when: a trace does not say that), with its time
 * and cost. It follows the reader's light or dark colours, and has the run in words for screen readers.
 *
 * A run of more than `maxRows` attempts has one row for each step, with all its bars. Names and payloads are text, never
 * markup, and keys of Noukai are masked.
 *
 * @example
 * ```ts
 * import { RunService } from "@effect-noukai/sdk"
 * import * as Waterfall from "@effect-noukai/report/Waterfall"
 * import { Effect } from "effect"
 *
 * const picture = (executionId: string) =>
 *   Effect.gen(function*() {
 *     const runs = yield* RunService
 *     return Waterfall.toSvg(yield* runs.trace("acme/spelling/grade-3", executionId))
 *   })
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const toSvg = (trace: Trace, options: SvgOptions = {}): string => {
  const { maxRows = 60, payloads, title = `Run ${trace.flowRun.id}`, width: wide = 960 } = Kit.orThrow(
    "Waterfall.toSvg",
    options,
    svgNames,
    ["maxRows"]
  )
  const layout = TraceLayout.make(trace, { maxRows })
  const { rows, totalMs } = layout
  const facts = factsOf(layout)
  const heading = Words.safeText(title)
  const id = `noukai-${spanIdOf(trace.flowRun.id, "svg")}`
  const measures = measuresOf(layout, within(wide, 480, 4_096, 960))
  const { columns, top, width } = measures
  const { bands, bottom, drawn } = drawnRows(measures, rows, payloads)
  const height = Math.ceil(bottom + (rows.length === 0 ? 48 : 20))
  const legend = legendOf(layout)
  return element(
    "svg",
    {
      "xmlns": "http://www.w3.org/2000/svg",
      id,
      "role": "img",
      "aria-labelledby": `${id}-t ${id}-d`,
      width,
      height,
      "viewBox": `0 0 ${width} ${height}`
    },
    [
      "",
      element("title", { id: `${id}-t` }, HtmlReport.escape(heading)),
      element("desc", { id: `${id}-d` }, HtmlReport.escape(describe(layout.bars, `${heading}: ${facts}.`, payloads))),
      element("style", {}, style(id)),
      `<defs><pattern id="${id}-h" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="3" height="6" style="fill:var(--ground)" fill-opacity="0.65"/></pattern></defs>`,
      element("rect", { class: "g", width, height }),
      text(margin, 26, "h", Words.cutText(heading, Math.floor(columns * 0.78))),
      text(margin, 45, "s", Words.cutText(facts, columns)),
      ...(legend === "" ? [] : [legend]),
      ...bands,
      ...(rows.length === 0 ? [] : svgAxis(measures, totalMs, bottom)),
      ...drawn,
      ...(rows.length === 0 ? [text(margin, top + 8, "s", noSteps)] : []),
      ""
    ].join("\n")
  ) + "\n"
}

const { html } = HtmlReport

/** A fraction as a length of a picture, which no style has to set. */
const percent = (fraction: number): string => `${round(fraction * 100)}%`

const barsOf = (bars: ReadonlyArray<TraceLayout.Bar>): HtmlReport.Html =>
  html`<svg class="bars" aria-hidden="true">${
    bars.map(({ from, isLoop, kind, waiting, width }) => [
      html`<rect class="${kind}${isLoop && " loop"}" x="${percent(from)}" width="${percent(width)}" height="100%"/>`,
      waiting > 0 &&
      html`<rect class="wait" x="${percent(from + width * (1 - waiting))}" width="${
        percent(width * waiting)
      }" height="100%"/>`
    ])
  }</svg>`

const shares = (totals: TraceLayout.Totals): ReadonlyArray<string> => [
  Words.formatMillis(totals.durationMs),
  String(totals.tokens || ""),
  dollars(totals) ?? ""
]

/** One attempt: its facts, and its payloads below them. */
const attemptOf = (bar: TraceLayout.Bar, payloads: boolean): HtmlReport.Html => {
  const { errorContext, inputContext, outputContext, truncated } = bar.step
  const captured = Object.entries({ input: inputContext, output: outputContext, error: errorContext })
    .flatMap(([title, value]) => value === undefined ? [] : HtmlReport.shown({ title, value }))
  return html`<section><h3>${bar.label}</h3><p>${tooltipOf(bar, false).split("\n").slice(0, 3).join(" · ")}</p>${
    payloads && truncated && html`<p>The server has cut its payloads.</p>`
  }${payloads && captured}</section>`
}

/**
 * Draws a stored run as one page, in parts: a row for every attempt at every step, with its bar, time, tokens and cost. A
 * row opens to its input, output and error, as far as they were captured; the first failure, otherwise the longest step, is
 * open. The page loads nothing and runs nothing but the script of {@link HtmlReport.page}. Keys of Noukai are masked.
 *
 * @example
 * import { RunService } from "@effect-noukai/sdk"
 * import * as Waterfall from "@effect-noukai/report/Waterfall"
 * import { Effect, Stream } from "effect"
 *
 * const page = (executionId: string) =>
 *   Effect.gen(function*() {
 *     const runs = yield* RunService
 *     const trace = yield* runs.trace("acme/spelling/grade-3", executionId)
 *     return yield* Stream.mkString(Waterfall.toHtml(trace))
 *   })
 *
 * @since 0.1.0
 * @category conversions
 */
export const toHtml = (trace: Trace, options: HtmlOptions = {}): Stream.Stream<string> => {
  const { payloads = true, title = `Run ${trace.flowRun.id}` } = Kit.orThrow("Waterfall.toHtml", options, htmlNames)
  const layout = TraceLayout.make(trace)
  const isCaptured = trace.steps.some(({ inputContext, outputContext }) =>
    inputContext !== undefined || outputContext !== undefined
  )
  const ticks = Words.ticksOf(layout.totalMs, 8).map((at) =>
    html`<text x="${percent(layout.totalMs === 0 ? 0 : at / layout.totalMs)}" y="1em">${Words.formatMillis(at)}</text>`
  )
  const cells = (values: ReadonlyArray<string>) => values.map((value) => html`<span class="number">${value}</span>`)
  return HtmlReport.page(
    title,
    Stream.concat(
      Stream.make(
        html`<h1>${title}</h1><p>${factsOf(layout)}</p>${layout.rows.length === 0 && html`<p>${noSteps}</p>`}${
          payloads && !isCaptured && layout.rows.length > 0 &&
          html`<p>No inputs and outputs were captured. Run the flow with <code>snapshots</code> to keep them.</p>`
        }<div class="waterfall"><div class="head"><span>step</span><svg class="bars">${ticks}</svg>${
          cells(["time", "tokens", "cost"])
        }</div>
`
      ),
      Stream.concat(
        Stream.map(
          Stream.fromIterable(layout.rows.entries()),
          ([index, row]) =>
            html`<details${index === layout.focus && " open"}><summary class="${
              row.depth === 1 && "iteration"
            }">${html`<span>${row.failed > 0 && "✕ "}${row.label}</span>`}${barsOf(row.bars)}${
              cells(shares(row))
            }</summary>${row.bars.map((bar) => attemptOf(bar, payloads))}</details>
`
        ),
        Stream.make(html`</div>
`)
      )
    )
  )
}
