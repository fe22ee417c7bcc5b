/** The sums of the runs that the list has, beside their number. */
import type { ReactNode } from "react"
import type { RunFilter } from "./api.js"
import { costText, exactCost, millis, percent } from "./format.js"
import "./numbers.css"
import { Link } from "./parts.js"
import { useRead, useRefresh, useWhenChanged } from "./reads.js"
import { numbersRoute } from "./route.js"

/** The times between two reads, in milliseconds: costs of listed runs may come later. */
const every = { change: 2_000, refresh: 10_000 }

export const ListSums = ({ filter, runs }: {
  readonly filter: RunFilter
  /** The number of listed runs. */
  readonly runs: number
}): ReactNode => {
  const { data, isOld, reload } = useRead("numbers.numbers", { ...filter, only: "sums" })
  useWhenChanged(runs, every.change, reload)
  useRefresh(reload, every.refresh)
  if (data === undefined || data.all.runs === 0) return null
  const { ended, failed, p50Ms, p95Ms } = data.all
  const cost = costText(data.all)
  return (
    <span className={`list-sums muted${isOld ? " is-old" : ""}`}>
      {ended > 0 && <span>{percent(failed / ended)} failed</span>}
      {p50Ms !== undefined && p95Ms !== undefined && (
        <span>
          <abbr title="Half of the runs took no longer">p50</abbr> {millis(p50Ms)},{" "}
          <abbr title="95 % of the runs took no longer">p95</abbr> {millis(p95Ms)}
        </span>
      )}
      {cost !== undefined && <span title={costText(data.all, exactCost)}>{cost}</span>}
      <Link to={numbersRoute(filter)}>Numbers</Link>
    </span>
  )
}
