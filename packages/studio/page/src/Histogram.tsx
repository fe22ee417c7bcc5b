/** How often a number occurs: a bar for each bucket, some of their bounds, and the numbers that matter. */
import type { ReactNode } from "react"
import type { Histogram as Data } from "./api.js"
import { count, plural } from "./format.js"

/** The most bounds that are written below the bars, besides the first one. */
const marks = 4

export const Histogram = ({ data, isCounting, none, text, title }: {
  readonly data: Data
  /** Whether more rows are being counted. */
  readonly isCounting: boolean
  /** Stands where no number is known. */
  readonly none: string
  readonly text: (amount: number) => string
  readonly title: string
}): ReactNode => {
  const { buckets, known, max, median, p95, unknown } = data
  const most = Math.max(1, ...buckets.map(({ count }) => count))
  const described = buckets.filter(({ count }) => count > 0)
    .map(({ count, from, to }) => `${plural(count, "row")} from ${text(from)} to ${text(to)}`).join("; ")
  const edge = (amount: number): string => amount === 0 ? "0" : text(amount)
  const bounds = [...buckets.map(({ from }) => from), ...buckets.slice(-1).map(({ to }) => to)]
  const every = Math.max(1, Math.ceil(buckets.length / marks))
  const facts = ([["Median", median], ["95 %", p95], ["Most", max]] as const).filter(([, amount]) => amount !== undefined)
  return (
    <figure className="histogram">
      <figcaption>
        <h2 className="small-head">{title}</h2>
        <small>
          {isCounting ? `${count(known)} counted so far` : plural(known, "row")}{unknown > 0 && `, not known of ${count(unknown)}`}
        </small>
      </figcaption>
      {known === 0
        ? <p className="muted histogram-none">{none}</p>
        : (
          <>
            <div className="histogram-bars" role="img" aria-label={`${title}: ${described}`}>
              {buckets.map(({ count, from, to }) => (
                <span key={from} title={`${text(from)} to ${text(to)}: ${plural(count, "row")}`}>
                  {count > 0 && <span className="has-rows" style={{ height: `${100 * count / most}%` }} />}
                </span>
              ))}
            </div>
            <div className="histogram-axis" aria-hidden="true">
              {bounds.map((bound, nth) => nth % every === 0 && (
                <span key={nth} className={nth === buckets.length ? "is-end" : undefined} style={{ left: `${100 * nth / buckets.length}%` }}>{edge(bound)}</span>
              ))}
            </div>
            <dl className="facts">
              {facts.map(([name, amount]) => (
                <div key={name} className="fact"><dt>{name}</dt><dd>{text(amount!)}</dd></div>
              ))}
            </dl>
          </>
        )}
    </figure>
  )
}
