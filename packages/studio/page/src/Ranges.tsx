/** The times of the list: the last hour, day or week, all, or from one instant to another. */
import { type ReactNode, useState } from "react"
import { Button, Link } from "./parts.js"
import { rangeNames, rangeTimes, type RunsRoute, runsRoute } from "./route.js"
import { navigate } from "./store.js"

const second = 1_000

/** The same filter with another range of starts. */
export const withRange = (
  { filter, order }: RunsRoute,
  { from, range, to }: { readonly from?: number | undefined; readonly to?: number | undefined; readonly range?: RunsRoute["range"] }
): RunsRoute => {
  const rest = Object.entries(filter).filter(([name]) => name !== "from" && name !== "to")
  return runsRoute(
    { ...Object.fromEntries(rest), ...from !== undefined && { from }, ...to !== undefined && { to } },
    { range, order }
  )
}

/** An instant as fields of a time take it: in the reader's time, to the second. */
const fieldOf = (ms: number | undefined): string => {
  if (ms === undefined) return ""
  const date = new Date(ms)
  return Number.isNaN(date.getTime())
    ? ""
    : new Date(ms - date.getTimezoneOffset() * 60 * second).toISOString().slice(0, 19)
}

const instantOf = (field: FormDataEntryValue | null): number | undefined => {
  const ms = typeof field === "string" && field !== "" ? new Date(field).getTime() : NaN
  return Number.isNaN(ms) ? undefined : ms
}

/** The range as two fields: what the brush does, with keys. */
const RangeForm = ({ route }: { readonly route: RunsRoute }): ReactNode => {
  const { from, to } = route.filter
  const [problem, setProblem] = useState("")
  return (
    <form
      className="strip-range"
      aria-label="Range of starts"
      onSubmit={(event) => {
        event.preventDefault()
        const fields = new FormData(event.currentTarget)
        const [first, last] = [instantOf(fields.get("from")), instantOf(fields.get("to"))]
        if (first !== undefined && last !== undefined && first > last) {
          setProblem("“From” is later than “to”.")
          return
        }
        setProblem("")
        navigate(withRange(route, { from: first, to: last }))
      }}
    >
      <label><span>From</span> <input key={from} name="from" type="datetime-local" step={1} defaultValue={fieldOf(from)} /></label>
      <label><span>to</span> <input key={to} name="to" type="datetime-local" step={1} defaultValue={fieldOf(to)} /></label>
      <button type="submit" className="button button-plain">Show</button>
      <span role="alert" className="strip-problem">{problem}</span>
    </form>
  )
}

export const Ranges = ({ route }: { readonly route: RunsRoute }): ReactNode => {
  const { filter: { from, to }, range } = route
  const [isOpen, setOpen] = useState(false)
  const isCustom = from !== undefined || to !== undefined
  return (
    <>
      <div className="ranges" role="group" aria-label="Time">
        {rangeNames.map((one) => (
          <Link
            key={one}
            to={withRange(route, { range: one })}
            selected={one === range && !isCustom}
            label={`The last ${rangeTimes[one].name}`}
          >
            {rangeTimes[one].name}
          </Link>
        ))}
        <Link to={withRange(route, {})} selected={range === undefined && !isCustom} label="All times">All</Link>
        <Button kind="quiet" pressed={isOpen || isCustom} onClick={() => setOpen(!isOpen)}>Range…</Button>
      </div>
      {isOpen && <RangeForm route={route} />}
    </>
  )
}
