/**
 * A stored run as a picture: one self-contained SVG of the waterfall of its steps.
 *
 * @since 0.1.0
 */
import { formatCost, sumCosts } from "./internal/core/cost.js"
import {
  cutText,
  dollars,
  factsOf,
  failureOf,
  failuresIn,
  formatMillis,
  inOrder,
  joined,
  kindOf,
  labelOf,
  lasting,
  loopsIn,
  rowsOf,
  safeText,
  tickStep,
  type TraceRow,
  type TraceStep,
  widest
} from "./internal/trace/rows.js"
import {
  fieldsOf,
  type GivenStep,
  type GivenTrace,
  givenTrace,
  millisOf,
  numberOf,
  payloadText,
  spanIdOf,
  textOf,
  type Timeline,
  timelineOf
} from "./internal/trace/timeline.js"
import type { Trace } from "./Trace.js"

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "\"": "&quot;",
  "'": "&#39;"
}

/** Any text as the content of an element or an attribute. */
const escapeXml = (text: string): string => safeText(text).replace(/[&<>"']/g, (found) => entities[found]!)

/**
 * The options of {@link render}.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
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

const valueOf = ({ bars }: TraceRow): string => {
  const failed = bars.length === 1 ? 0 : failuresIn(bars)
  return joined(
    failed === 0 ? undefined : `${failed} failed`,
    formatMillis(millisOf(lasting(bars))),
    dollars(bars.map(({ step }) => step))
  )
}

const payloadLimit = 4_096

const payload = (name: string, value: unknown): string | undefined =>
  value === undefined ? undefined : `${name}: ${cutText(payloadText(value), payloadLimit)}`

const tooltipOf = (placed: TraceStep, start: bigint, payloads: boolean | undefined): string => {
  const { step, waiting } = placed
  const tokens = step.tokens === undefined || step.tokens.total === 0
    ? undefined
    : `${step.tokens.total} tokens`
  return [
    joined(labelOf(placed), step.status),
    joined(
      `${formatMillis(millisOf(placed.end - placed.start))} from ${formatMillis(millisOf(placed.start - start))} on`,
      waiting === 0n ? undefined : `${formatMillis(millisOf(waiting))} of it for tools`
    ),
    joined(step.modelUsed, tokens, dollars([step])),
    ...(payloads === undefined ? failureOf([placed]).map((line) => cutText(line, payloadLimit)) : []),
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
const description = (
  trace: GivenTrace,
  timeline: Timeline<GivenStep>,
  heading: string,
  payloads: boolean | undefined
): string => {
  const told = 40
  const lines = inOrder(timeline.steps).slice(0, told).map((placed) =>
    `${labelOf(placed)}: ${placed.step.status}, ${formatMillis(millisOf(placed.end - placed.start))} from ${
      formatMillis(millisOf(placed.start - timeline.start))
    } on${placed.waiting === 0n ? "" : `, ${formatMillis(millisOf(placed.waiting))} of it waiting for tools`}${
      placed.step.costUsd === undefined ? "" : `, $${formatCost(sumCosts([placed.step]))}`
    }.${payloads === false ? "" : failureOf([placed]).map((line) => ` ${cutText(line, 400)}.`).join("")}`
  )
  const rest = trace.steps.length - lines.length
  return [heading, ...lines, ...(rest > 0 ? [`And ${rest} more.`] : [])].join(" ")
}

/** Colours that are told apart by lightness too, with a contrast of at least 3 to 1 on either ground. */
const style = (id: string): string => {
  const light =
    "--ground:#ffffff;--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;--band:#f6f8fa;--completed:#2f6fce;--failed:#cf222e;--running:#9a6700;--other:#6e7781"
  const dark =
    "--ground:#0d1117;--ink:#e6edf3;--soft:#9198a1;--line:#30363d;--band:#151b23;--completed:#6ea8fe;--failed:#ff7b72;--running:#e3b341;--other:#8b949e"
  const rules = [
    [".g", "fill:var(--ground)"],
    ["text", "fill:var(--ink);font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\",monospace"],
    [".h", "font-size:15px;font-weight:600"],
    [".s", "fill:var(--soft)"],
    [".e", "text-anchor:end"],
    [".m", "text-anchor:middle"],
    [".l", "stroke:var(--line);stroke-width:1"],
    [".b", "fill:var(--band)"],
    [".completed", "fill:var(--completed)"],
    [".failed", "fill:var(--failed)"],
    [".running", "fill:var(--running)"],
    [".skipped,.other", "fill:var(--other)"],
    [".loop", "fill-opacity:0.45"],
    [".wait", "fill:url(#HATCH)"],
    [".x", "fill:var(--failed);font-weight:700"],
    [".r", "fill:var(--failed)"]
  ] as const
  const scoped = rules.map(([selector, body]) =>
    `${selector.split(",").map((one) => `#${id} ${one}`).join(",")}{${body.replace("HATCH", `${id}-h`)}}`
  )
  return `#${id}{${light}}@media (prefers-color-scheme:dark){#${id}{${dark}}}${scoped.join("")}`
}

const round = (value: number): string => String(Math.round(value * 100) / 100)

const margin = 16
const gap = 12
const characterWidth = 7.3
const lineHeight = 16

const text = (x: number, y: number, classes: string, content: string): string =>
  `<text x="${round(x)}" y="${round(y)}"${classes === "" ? "" : ` class="${classes}"`}>${escapeXml(content)}</text>`

/**
 * Draws a stored run as one SVG without scripts, fonts or references: a row for every attempt at every step, its bar where
 * its time was, hatched as far as it waited for tools (for how long, not when: a trace does not say that), with its time
 * and cost. It follows the reader's light or dark colours, and has the run in words for screen readers.
 *
 * A run of more than `maxRows` attempts has one row for each step, with all its bars. Names and payloads are text, never
 * markup, and what looks like a key of Noukai is masked. Pure.
 *
 * A field that is missing or has another type than it should counts as absent, and a value that is not a trace has no
 * steps: nothing is thrown.
 *
 * @example
 * ```ts
 * import { RunService } from "@effect-noukai/sdk"
 * import * as TraceSvg from "@effect-noukai/sdk/TraceSvg"
 * import { Effect } from "effect"
 *
 * const picture = (executionId: string) =>
 *   Effect.gen(function*() {
 *     const runs = yield* RunService
 *     return TraceSvg.render(yield* runs.trace("acme/spelling/grade-3", executionId))
 *   })
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const render = (trace: Trace, options: Options = {}): string => draw(givenTrace(trace), fieldsOf(options))

const draw = (trace: GivenTrace, options: { readonly [K in keyof Options]?: unknown }): string => {
  const maxRows = numberOf(options.maxRows) ?? 60
  const payloads = typeof options.payloads === "boolean" ? options.payloads : undefined
  const width = Math.min(4_096, Math.max(480, Math.round(numberOf(options.width) ?? 960) || 960))
  const timeline = timelineOf(trace)
  const heading = safeText(textOf(options.title) ?? `Run ${trace.flowRun.id}`)
  const facts = factsOf(trace, timeline)
  const rows = rowsOf(timeline.steps, maxRows)
  const loops = loopsIn(timeline)
  const id = `noukai-${spanIdOf(trace.flowRun.id, "svg")}`

  const most = Math.floor((width - 2 * margin) / characterWidth)
  const rowHeight = rows.length > 120 ? 16 : 22
  const barHeight = rowHeight - 8
  const values = rows.map(valueOf)
  const columns = widest(rows.map(({ depth, label }) => " ".repeat(depth * 2) + safeText(label)), 0)
  const labelWidth = Math.min(Math.max(80, columns * characterWidth), width * 0.32)
  const valueWidth = Math.max(60, widest(values, 0) * characterWidth)
  const plotX = margin + labelWidth + gap
  const plotWidth = Math.max(120, width - plotX - gap - valueWidth - margin)
  const valueX = width - margin
  const top = 92
  const details = rows.map(({ bars }) => payloads === false ? [] : failureOf(bars))
  const tops: Array<number> = []
  let bottom = top
  for (const lines of details) {
    tops.push(bottom)
    bottom += rowHeight + lines.length * lineHeight
  }
  const height = bottom + (rows.length === 0 ? 48 : 20)

  const total = timeline.end - timeline.start
  const scale = (at: bigint): number => total === 0n ? 0 : Number(at - timeline.start) / Number(total) * plotWidth
  const out: Array<string> = []
  const bands: Array<string> = []

  const totalMs = millisOf(total)
  const step = tickStep(totalMs, Math.max(2, Math.floor(plotWidth / 90)))
  for (let at = 0; rows.length > 0 && at <= totalMs; at += step) {
    const x = plotX + (totalMs === 0 ? 0 : at / totalMs * plotWidth)
    out.push(`<line class="l" x1="${round(x)}" x2="${round(x)}" y1="${top - 6}" y2="${round(bottom)}"/>`)
    out.push(text(x, top - 12, "s m", formatMillis(at)))
    if (step <= 0 || totalMs === 0) break
  }

  rows.forEach((row, index) => {
    const y = tops[index]!
    const lines = details[index]!
    const baseline = y + rowHeight / 2 + 4
    if (index % 2 === 1) {
      bands.push(`<rect class="b" x="0" y="${y}" width="${width}" height="${rowHeight + lines.length * lineHeight}"/>`)
    }
    const indent = row.depth * 2
    const label = cutText(safeText(row.label), Math.floor(labelWidth / characterWidth) - indent)
    out.push(text(margin + indent * characterWidth, baseline, row.depth === 0 ? "" : "s", label))
    for (const placed of row.bars) {
      const x = plotX + scale(placed.start)
      const barWidth = Math.max(2, scale(placed.end) - scale(placed.start))
      const { status, stepId } = placed.step
      out.push(
        `<g class="bar" data-step="${escapeXml(stepId)}" data-attempt="${placed.step.attempt}"${
          placed.step.loopIndex === undefined ? "" : ` data-loop="${placed.step.loopIndex}"`
        }><title>${escapeXml(tooltipOf(placed, timeline.start, payloads))}</title>`,
        `<rect class="${kindOf(status)}${loops.has(placed) ? " loop" : ""}" x="${round(x)}" y="${y + 4}" width="${
          round(barWidth)
        }" height="${barHeight}" rx="2"/>`
      )
      if (placed.waiting > 0n) {
        const waited = Number(placed.waiting) / Number(placed.end - placed.start) * barWidth
        out.push(
          `<rect class="wait" x="${round(x + barWidth - waited)}" y="${y + 4}" width="${
            round(waited)
          }" height="${barHeight}" rx="2"/>`
        )
      }
      if (status === "failed" && row.bars.length === 1) {
        const after = x + barWidth + 4
        out.push(text(after + 8 > plotX + plotWidth ? x - 12 : after, baseline, "x", "✕"))
      }
      out.push("</g>")
    }
    out.push(text(valueX, baseline, "s e", values[index]!))
    for (const [nth, line] of lines.entries()) {
      const columns = most - indent - 2
      out.push(
        text(
          margin + (indent + 2) * characterWidth,
          baseline + (nth + 1) * lineHeight,
          "r",
          cutText(safeText(line), columns)
        )
      )
    }
  })
  if (rows.length === 0) out.push(text(margin, top + 8, "s", "No steps are stored of this run."))

  const legend: Array<string> = []
  let legendX = margin
  const used = new Set(timeline.steps.map(({ step: { status } }) => kindOf(status)))
  const keys: ReadonlyArray<readonly [string, string, boolean]> = [
    ["completed", "completed", used.has("completed")],
    ["failed", "failed", used.has("failed")],
    ["running", "running", used.has("running")],
    ["other", "skipped or other", used.has("skipped") || used.has("other")],
    ["wait", "waiting for tools", timeline.waiting > 0n]
  ]
  for (const [kind, name, isUsed] of keys) {
    if (!isUsed) continue
    legend.push(
      `<rect class="${kind === "wait" ? "completed" : kind}" x="${
        round(legendX)
      }" y="56" width="12" height="10" rx="2"/>`
    )
    if (kind === "wait") {
      legend.push(`<rect class="wait" x="${round(legendX)}" y="56" width="12" height="10" rx="2"/>`)
    }
    legend.push(text(legendX + 18, 65, "s", name))
    legendX += 18 + (name.length + 2) * characterWidth
  }

  return [
    `<svg xmlns="http://www.w3.org/2000/svg" id="${id}" role="img" aria-labelledby="${id}-t ${id}-d" width="${width}" height="${
      Math.ceil(height)
    }" viewBox="0 0 ${width} ${Math.ceil(height)}">`,
    `<title id="${id}-t">${escapeXml(heading)}</title>`,
    `<desc id="${id}-d">${escapeXml(description(trace, timeline, `${heading}: ${facts}.`, payloads))}</desc>`,
    `<style>${style(id)}</style>`,
    `<defs><pattern id="${id}-h" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="3" height="6" style="fill:var(--ground)" fill-opacity="0.65"/></pattern></defs>`,
    `<rect class="g" width="${width}" height="${Math.ceil(height)}"/>`,
    text(margin, 26, "h", cutText(heading, Math.floor(most * 0.78))),
    text(margin, 45, "s", cutText(facts, most)),
    ...legend,
    ...bands,
    ...out,
    "</svg>",
    ""
  ].join("\n")
}
