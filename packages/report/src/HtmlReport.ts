/**
 * Reports as one file of HTML: a page, tables that sort, two values side by side. All text is escaped, and a content
 * security policy admits the style and the script of the page alone.
 *
 * @since 0.1.0
 */
import * as Kit from "@effect-noukai/sdk/kit/names"
import { digitsWithin, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import * as ValueDiff from "@effect-noukai/sdk/ValueDiff"
import * as Stream from "effect/Stream"
import { safeText } from "./internal/words.js"

/**
 * Marks the markup of {@link html}.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("@effect-noukai/report/HtmlReport")

/**
 * Marks the markup of {@link html}.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * Markup. Only {@link html} and the functions of this module make it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Html {
  readonly [TypeId]: TypeId
  readonly text: string
}

/**
 * A value in {@link html}: markup, text, a number, or a list of these. `undefined` and `false` are left out.
 *
 * @since 0.1.0
 * @category models
 */
export type Value = Html | string | number | false | undefined | ReadonlyArray<Value>

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "\"": "&quot;",
  "'": "&#39;",
  "#": "&#35;",
  ":": "&#58;"
}

/** The characters that markup reads, and the beginnings of commands to a server of CI: `##[` and `::error` in a line. */
const special = /[&<>"']|#(?=#)|:(?=:)(?<=^[^\S\n\r]*:)/gm

/**
 * Returns a text as the content of an element or of a quoted attribute. Keys of Noukai, and characters that markup cannot
 * hold, are replaced. A server of CI reads no command in it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const escape = (text: string): string => safeText(text).replace(special, (found) => entities[found]!)

const isHtml = (value: object): value is Html => TypeId in value

const textOf = (value: Value): string => {
  if (value === undefined || value === false) return ""
  if (typeof value === "object") return isHtml(value) ? value.text : value.map(textOf).join("")
  return escape(String(value))
}

const markup = (text: string): Html => ({ [TypeId]: TypeId, text })

/**
 * Makes markup of a template. Its values are escaped, so quote them in attributes.
 *
 * @example
 * import { html } from "@effect-noukai/report/HtmlReport"
 *
 * html`<p title="${"a \"title\""}">${"1 < 2"}</p>`.text
 * // <p title="a &quot;title&quot;">1 &lt; 2</p>
 *
 * @since 0.1.0
 * @category constructors
 */
export const html = (strings: TemplateStringsArray, ...values: ReadonlyArray<Value>): Html =>
  markup(strings.map((string, index) => string + textOf(values[index])).join(""))

/**
 * A cell of a table: its content, or its content and the value by which it is sorted.
 *
 * @since 0.1.0
 * @category models
 */
export type Cell = Value | { readonly content: Value; readonly sort: string | number }

/**
 * A row of a table.
 *
 * @since 0.1.0
 * @category models
 */
export interface Row {
  readonly cells: ReadonlyArray<Cell>
  /** Shown below the row, over all columns. It stays with its row. */
  readonly detail?: Html | undefined
  /** Whether the row is one line high, and a click on the mark before it opens its detail, which is a `details`. */
  readonly isFolded?: boolean | undefined
  /** The filters of the table that show the row. Default: none. */
  readonly filters?: ReadonlyArray<string> | undefined
  /** The colour of the row. */
  readonly tone?: "good" | "bad" | "doubtful" | undefined
}

/**
 * A column of a table.
 *
 * @since 0.1.0
 * @category models
 */
export interface Column {
  readonly title: string
  /** Whether its values are aligned to the right. Default: false. */
  readonly isNumber?: boolean | undefined
  /** Whether its values are cut at the end of a line. Default: false. */
  readonly isCut?: boolean | undefined
}

const isSorted = (cell: Cell): cell is Extract<Cell, { readonly sort: string | number }> =>
  typeof cell === "object" && "sort" in cell && !isHtml(cell) && !Array.isArray(cell)

const classOf = ({ isCut, isNumber }: Pick<Column, "isCut" | "isNumber"> = {}): Html | false =>
  (isNumber === true || isCut === true) && html` class="${isNumber === true ? "number" : "cut"}"`

const cellOf = (cell: Cell, column: Column | undefined): Html => {
  const kind = classOf(column)
  return isSorted(cell)
    ? html`<td${kind} data-sort="${cell.sort}">${cell.content}</td>`
    : html`<td${kind}>${cell}</td>`
}

/**
 * The options of {@link table}.
 *
 * @since 0.1.0
 * @category options
 */
export interface TableOptions {
  /** The index of the column by which the page sorts the rows when it opens. Default: rows stay as they come. */
  readonly sortBy?: number | undefined
  /**
   * The names of filters. The page has a button for each, with the number of its rows, and one for all rows. Without
   * scripts, all rows are shown. Default: none.
   */
  readonly filters?: ReadonlyArray<string> | undefined
}

/**
 * Returns a table whose columns sort by a click or the Enter key, and whose rows can be filtered. Rows are written as they
 * come.
 *
 * @since 0.1.0
 * @category combinators
 */
export const table = <E, R>(
  columns: ReadonlyArray<Column>,
  rows: Stream.Stream<Row, E, R>,
  options: TableOptions = {}
): Stream.Stream<Html, E, R> => {
  Kit.orThrow("HtmlReport.table", options, { sortBy: true, filters: true })
  const { filters = [], sortBy } = options
  const heads = columns.map((column) =>
    html`<th scope="col"${classOf(column)}><button type="button">${column.title}</button></th>`
  )
  const body = Stream.map(
    rows,
    ({ cells, detail, filters: shownBy = [], isFolded, tone }) => {
      const classes = [...tone === undefined ? [] : [tone], ...isFolded === true ? ["folded"] : []].join(" ")
      const indices = shownBy.map((name) => filters.indexOf(name)).join(" ")
      return html`<tbody${classes !== "" && html` class="${classes}"`}${
        indices !== "" && html` data-filters="${indices}"`
      }><tr>${cells.map((cell, index) => cellOf(cell, columns[index]))}</tr>${
        detail !== undefined && html`<tr class="detail"><td colspan="${columns.length}">${detail}</td></tr>`
      }</tbody>
`
    }
  )
  return Stream.concat(
    Stream.make(
      html`<table class="sorts"${sortBy !== undefined && html` data-sort-by="${sortBy}"`}${
        filters.length > 0 && html` data-filters="${JSON.stringify(filters)}"`
      }><thead><tr>${heads}</tr></thead>
`
    ),
    Stream.concat(
      body,
      Stream.make(html`</table>
`)
    )
  )
}

/** The number of characters of a value that {@link compared} shows. */
const maxShown = 20_000

/** A value as text, without keys: a part of it would not be known as one. */
const readable = (value: unknown): string => {
  const text = safeText(typeof value === "string" ? value : stringifyJson(value, digitsWithin(value), 2) ?? "")
  return text.length <= maxShown ? text : `${text.slice(0, maxShown)}\n… ${text.length - maxShown} more characters`
}

const figure = (title: string, content: Value): Html =>
  html`<figure><figcaption>${title}</figcaption><pre>${content}</pre></figure>`

/**
 * A value with a title.
 *
 * @since 0.1.0
 * @category models
 */
export interface Titled {
  readonly title: string
  readonly value: unknown
}

/**
 * Returns a value with its title. A value other than a text is shown as JSON, and at most 20,000 characters are shown.
 *
 * @since 0.1.0
 * @category combinators
 */
export const shown = ({ title, value }: Titled): Html => figure(title, readable(value))

/**
 * Returns two values side by side, with their different words marked. Values other than texts are shown as JSON. Of each
 * value at most 20,000 characters are shown.
 *
 * @since 0.1.0
 * @category combinators
 */
export const compared = (before: Titled, after: Titled): Html => {
  const parts = ValueDiff.words(readable(before.value), readable(after.value))
  const side = (title: string, own: "removed" | "added", tag: Html) =>
    figure(
      title,
      parts.map(({ kind, text }) => kind === "same" ? text : kind === own && html`<${tag}>${text}</${tag}>`)
    )
  return html`<div class="compared">${side(before.title, "removed", html`del`)}${
    side(after.title, "added", html`ins`)
  }</div>`
}

const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #8885 }
th button { font: inherit; font-weight: 600; color: inherit; background: none; border: 0; padding: 0; cursor: pointer }
th[aria-sort=ascending] button::after { content: " ↑" }
th[aria-sort=descending] button::after { content: " ↓" }
.number { text-align: right; font-variant-numeric: tabular-nums }
.cut { max-width: 22rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.folded > tr:first-child > td { white-space: nowrap }
.folded > tr:first-child > td:first-child { padding-left: 1.8rem }
.folded > .detail > td { padding: 0 .6rem; border: 0 }
.folded > .detail > td > details > summary { width: 1rem; overflow: hidden; white-space: nowrap; margin-top: calc(-1.8rem - 1px); margin-bottom: .3rem }
.filters { display: flex; flex-wrap: wrap; gap: .5rem; margin-top: 1.5rem }
.filters button { font: inherit; color: inherit; background: none; border: 1px solid #8888; border-radius: 1rem; padding: .1rem .8rem; cursor: pointer }
.filters button[aria-pressed=true] { background: #48c4; font-weight: 600 }
.bad > tr:first-child > td:first-child { border-left: 4px solid #d33 }
.good > tr:first-child > td:first-child { border-left: 4px solid #2a2 }
.doubtful > tr:first-child > td:first-child { border-left: 4px solid #c80 }
.compared { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem }
figure { margin: 0; min-width: 0 }
figcaption { font-weight: 600 }
pre { margin: .3rem 0; padding: .5rem; background: #8882; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere }
del { background: #d333 }
ins { background: #2a23; text-decoration: none }
.waterfall .head, .waterfall summary { display: grid; grid-template-columns: minmax(6rem, 18rem) 1fr 5rem 4rem 6rem; gap: .6rem }
.waterfall summary { padding: .15rem 0; border-bottom: 1px solid #8885; cursor: pointer }
.waterfall summary.iteration > span:first-child { padding-left: 1rem }
.waterfall span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.waterfall section { padding: 0 1rem 1rem }
.bars { width: 100%; height: 1.2em; fill: currentColor; font-size: .8em; overflow: visible }
.bars rect { fill: #888; min-width: 2px }
.bars .completed { fill: #48c }
.bars .failed { fill: #d33 }
.bars .running { fill: #c80 }
.bars .loop { fill-opacity: .45 }
.bars .wait { fill: Canvas; fill-opacity: .6 }
@media (max-width: 50rem) { .waterfall .head, .waterfall summary { grid-template-columns: 8rem 1fr 4rem } .waterfall span:nth-last-child(-n + 2) { display: none } }
@media (max-width: 50rem) { .compared { grid-template-columns: 1fr } }
`

const script = `
const collator = new Intl.Collator("en", { numeric: true })
const compare = (a, b) => {
  const [x, y] = [Number(a), Number(b)]
  return a !== "" && b !== "" && x - y === x - y ? x - y : collator.compare(a, b)
}
for (const table of document.querySelectorAll("table.sorts")) {
  const heads = [...table.tHead.rows[0].cells]
  heads.forEach((head, column) => head.firstChild.addEventListener("click", () => {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1
    for (const other of heads) other.removeAttribute("aria-sort")
    head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending")
    const rows = [...table.tBodies].map((body) => {
      const cell = body.rows[0].cells[column]
      return [cell.dataset.sort ?? cell.textContent, body]
    })
    for (const [, body] of rows.sort(([a], [b]) => sign * compare(a, b))) table.append(body)
  }))
  heads[table.dataset.sortBy]?.firstChild.click()
  if (table.dataset.filters === undefined) continue
  const bodies = [...table.tBodies]
  const bar = document.createElement("div")
  bar.className = "filters"
  bar.setAttribute("role", "group")
  bar.setAttribute("aria-label", "Filter the rows")
  bar.append(...["all", ...JSON.parse(table.dataset.filters)].map((name, nth) => {
    const shown = new Set(nth === 0 ? bodies : bodies.filter((body) => body.dataset.filters?.split(" ").includes(String(nth - 1))))
    const button = document.createElement("button")
    button.type = "button"
    button.textContent = name + " (" + shown.size + ")"
    button.setAttribute("aria-pressed", String(nth === 0))
    button.addEventListener("click", () => {
      for (const body of bodies) body.hidden = !shown.has(body)
      for (const other of bar.children) other.setAttribute("aria-pressed", String(other === button))
    })
    return button
  }))
  table.before(bar)
}
`

/** The hashes of the style and the script, SHA-256 as Base64. The tests compute them. */
const hashes = {
  style: "DiFeI+qMWwRaw+gFMtGg9c0sRY5wwEb/nyFVjEB7d0o=",
  script: "DjXJjRdF6ffs25viDbg1UOauvzLEKejatB7sKQQq7s4="
}

/** Nothing is loaded, sent or embedded, and no other style or script runs. */
const policy = `default-src 'none'; style-src 'sha256-${hashes.style}'; script-src 'sha256-${hashes.script}'; ` +
  "base-uri 'none'; form-action 'none'"

/**
 * Returns a page, in parts. It loads nothing, and its content security policy admits its own style and script alone:
 * markup in `body` has no effect if it has a style or a script.
 *
 * @example
 * import { html, page, table } from "@effect-noukai/report/HtmlReport"
 * import { Stream } from "effect"
 *
 * const rows = Stream.make({ cells: ["essay 1", 8] }, { cells: ["essay 2", 7] })
 * const grades = page("Grades", Stream.concat(
 *   Stream.make(html`<h1>Grades</h1>`),
 *   table([{ title: "Essay" }, { title: "Score", isNumber: true }], rows)
 * ))
 *
 * @since 0.1.0
 * @category combinators
 */
export const page = <E, R>(title: string, body: Stream.Stream<Html, E, R>): Stream.Stream<string, E, R> =>
  Stream.concat(
    Stream.make(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${style}</style>
</head>
<body>
`),
    Stream.concat(
      Stream.map(body, ({ text }) => text),
      Stream.make(`<script>${script}</script>
</body>
</html>
`)
    )
  )
