/** The columns of the list of runs: their cells, their order, and those that the reader chose. */
import { type ReactNode, useEffect, useRef, useState } from "react"
import type { Run, RunOrder } from "./api.js"
import { costText, count, exactCost, instant, millis, moment, oneLine, shortId } from "./format.js"
import { useClock } from "./keys.js"
import { Icon, Link, Menu, Status, Text, Unknown } from "./parts.js"
import { runRoute, type RunsRoute, sessionRoute } from "./route.js"
import { keep, kept, navigate } from "./store.js"

/** The columns in their places. `order`: the first order of a click on its name. */
const columns = {
  status: { name: "Status", width: "100px", order: "status" },
  flow: { name: "Flow", width: "minmax(130px, 1.2fr)", order: "flow" },
  run: { name: "Run", width: "minmax(116px, 0.8fr)" },
  trigger: { name: "Trigger", width: "76px" },
  session: { name: "Session", width: "minmax(116px, 0.8fr)" },
  input: { name: "Input", width: "minmax(90px, 1.5fr)" },
  result: { name: "Result", width: "minmax(110px, 1.7fr)", order: "error" },
  model: { name: "Model", width: "minmax(64px, 0.7fr)", order: "model" },
  tokens: { name: "Tokens", width: "68px", order: "-tokens" },
  cost: { name: "Cost", width: "76px", order: "-costUsd" },
  duration: { name: "Duration", width: "80px", order: "-durationMs" },
  started: { name: "Started", width: "124px", order: "startedAt" }
} as const satisfies { readonly [name: string]: { readonly name: string; readonly width: string; readonly order?: RunOrder } }

export type Column = keyof typeof columns

const all = Object.keys(columns) as ReadonlyArray<Column>

/** The columns that always stand there: they have the link of the row. */
const fixed: ReadonlyArray<Column> = ["status", "flow"]

const usual = all.filter((one) => one !== "run" && one !== "trigger" && one !== "session")

/** A narrow page has these, on lines of their own. */
export const narrowColumns: ReadonlyArray<Column> = ["status", "flow", "input", "result", "started", "duration", "cost"]

const chosen = (): ReadonlyArray<Column> => {
  const names = kept("columns")?.split(" ")
  return names === undefined ? usual : all.filter((one) => fixed.includes(one) || names.includes(one))
}

/** The chosen columns, and the function that shows one or hides it. The browser remembers them. */
export const useColumns = () => {
  const [shown, setShown] = useState(chosen)
  const toggle = (column: Column): void => {
    const next = all.filter((one) => shown.includes(one) !== (one === column))
    keep("columns", next.join(" "))
    setShown(next)
  }
  return [shown, toggle] as const
}

export const widthsOf = (shown: ReadonlyArray<Column>): string => shown.map((one) => columns[one].width).join(" ")

export const ColumnMenu = ({ shown, toggle }: {
  readonly shown: ReadonlyArray<Column>
  readonly toggle: (column: Column) => void
}): ReactNode => (
  <Menu name="Columns">
    {all.filter((one) => !fixed.includes(one)).map((one) => (
      <label key={one} className="menu-choice">
        <input type="checkbox" checked={shown.includes(one)} onChange={() => toggle(one)} /> {columns[one].name}
      </label>
    ))}
  </Menu>
)

const reversed = (order: RunOrder): RunOrder =>
  order.startsWith("-") ? order.slice(1) as RunOrder : `-${order}` as RunOrder

/** The column that was sorted by: the rows of the new order are drawn with new names of columns. */
let sortedBy: Column | undefined

/** The name of a column. A click sorts by it, a second one the other way round, and a third one not at all. */
export const ColumnHead = ({ column, route }: { readonly column: Column; readonly route: RunsRoute }): ReactNode => {
  const { name, ...rest } = columns[column]
  const first: RunOrder | undefined = "order" in rest ? rest.order : undefined
  const button = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (sortedBy !== column) return
    sortedBy = undefined
    if (document.activeElement === document.body) button.current?.focus({ preventScroll: true })
  }, [column])
  const numbers = ["tokens", "cost", "duration", "started"]
  const className = numbers.includes(column) ? "head-number" : undefined
  if (first === undefined) return <span role="columnheader">{name}</span>
  const order = route.order ?? "-startedAt"
  const isCurrent = order === first || order === reversed(first)
  const next = order === first ? column === "started" ? undefined : reversed(first) : isCurrent && column !== "started" ? undefined : first
  return (
    <span role="columnheader" className={className} aria-sort={!isCurrent ? undefined : order.startsWith("-") ? "descending" : "ascending"}>
      <button
        ref={button}
        type="button"
        className={`sort${isCurrent ? " is-current" : ""}`}
        onClick={() => {
          sortedBy = column
          navigate({ ...route, order: next }, { replace: true })
        }}
      >
        {name}
        {isCurrent && <Icon name={order.startsWith("-") ? "down" : "up"} />}
      </button>
    </span>
  )
}

/** The words of an order for the name of the table. */
export const orderWords = (order: RunOrder | undefined): string => {
  const column = all.find((one) => {
    const rest = columns[one]
    return order !== undefined && "order" in rest && (rest.order === order || reversed(rest.order) === order)
  })
  if (column === undefined || order === undefined) return "newest first"
  return column === "started" ? "oldest first" : `by ${columns[column].name.toLowerCase()}, ${order.startsWith("-") ? "greatest" : "least"} first`
}

/** The time that a run has lasted. One that goes on is measured with the clock of this page. */
const Duration = ({ run }: { readonly run: Run }): ReactNode => {
  const isRunning = run.status === "running" && run.startedAt !== undefined
  const now = useClock(Date.now, 1_000, isRunning)
  if (isRunning) return <>{millis(Math.max(0, Math.floor((now - run.startedAt!) / 1_000) * 1_000)).replace(".00", "")}</>
  return run.durationMs === undefined ? <Unknown /> : <>{millis(run.durationMs)}</>
}

const Line = ({ value }: { readonly value: string | undefined }): ReactNode =>
  value === undefined ? <Unknown /> : value === "" ? null : <bdi>{oneLine(value)}</bdi>

/** The link of a row, to its run. */
const FlowCell = ({ onMove, run, status, tabIndex }: CellProps): ReactNode => {
  const [org, project, ...slug] = run.flow.split("/")
  return (
    <>
      <Link
        className="row-link"
        to={runRoute(run)}
        tabIndex={tabIndex}
        label={oneLine(`${run.flow}, run ${run.id}, ${status}${run.error === undefined ? "" : `, ${run.error}`}`)}
        title={oneLine(`${run.flow}, run ${run.id}`)}
        onKeyDown={onMove}
      >
        <bdi className="muted">{oneLine(slug.length === 0 ? "" : `${org}/${project}/`)}</bdi>
        <bdi className="strong">{oneLine(slug.length === 0 ? run.flow : slug.join("/"))}</bdi>
      </Link>
      {run.version !== undefined && <span className="tag" title="Version"><Text value={run.version} /></span>}
    </>
  )
}

interface CellProps {
  readonly onMove: () => void
  readonly run: Run
  /** Its status to show. */
  readonly status: string
  readonly tabIndex: 0 | -1
}

/** The contents of a cell, and the text under the pointer. */
const contentOf = (column: Column, props: CellProps): readonly [content: ReactNode, title?: string | undefined] => {
  const { run, status, tabIndex } = props
  const { error, input, model, output, problem, sessionId, startedAt, tokens, trigger } = run
  switch (column) {
    case "status":
      return [<Status status={status} />]
    case "flow":
      return [<FlowCell {...props} />]
    case "run":
      return [<Text value={shortId(run.id)} />, run.id]
    case "trigger":
      return [trigger === undefined ? <Unknown /> : <Text value={trigger} />]
    case "session":
      return [
        sessionId === undefined
          ? <Unknown />
          : (
            <Link to={sessionRoute(sessionId)} tabIndex={tabIndex} title={oneLine(`Session ${sessionId}`)}>
              <Text value={shortId(sessionId)} />
            </Link>
          )
      ]
    case "input":
      return [<Line value={input} />, input]
    case "result":
      return error === undefined
        ? [<Line value={output} />, output]
        : [<><span className="tag tag-failed"><Text value={error} /></span> <Line value={problem ?? ""} /></>, `${error} ${problem ?? ""}`]
    case "model":
      return [<Line value={model} />, model]
    case "tokens":
      return [tokens === undefined ? <Unknown /> : count(tokens)]
    case "cost":
      return [costText(run) ?? <Unknown />, costText(run, exactCost)]
    case "duration":
      return [<Duration run={run} />]
    case "started":
      return [startedAt === undefined ? <Unknown /> : moment(startedAt), startedAt === undefined ? undefined : instant(startedAt)]
  }
}

export const Cell = ({ column, ...props }: CellProps & { readonly column: Column }): ReactNode => {
  const [content, title] = contentOf(column, props)
  const isMono = column === "run" || column === "session"
  return (
    <span role="cell" className={`cell-${column}${isMono ? " mono" : ""}`} title={title === undefined ? undefined : oneLine(title)}>
      {content}
    </span>
  )
}
