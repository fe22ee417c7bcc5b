/** How often a number occurs: bars of equal width, and the numbers that matter. */
import type { ReactNode } from "react"
import type { Histogram as Data } from "./api.js"
import { count, plural } from "./format.js"

export const Histogram = ({ data, none, text, title }: {
  readonly data: Data
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
  const facts = ([["Median", median], ["95 %", p95], ["Most", max]] as const).filter(([, amount]) => amount !== undefined)
  return (
    <figure className="histogram">
      <figcaption>
        <h2 className="small-head">{title}</h2>
        <small>{plural(known, "row")}{unknown > 0 && `, not known of ${count(unknown)}`}</small>
      </figcaption>
      {known === 0
        ? <p className="muted histogram-none">{none}</p>
        : (
          <>
            <div className="histogram-bars" role="img" aria-label={`${title}: ${described}`}>
              {buckets.map(({ count, from, to }) => (
                <span key={from} title={`${text(from)} to ${text(to)}: ${plural(count, "row")}`}>
                  <span style={{ height: `${100 * count / most}%` }} />
                </span>
              ))}
            </div>
            <div className="histogram-axis" aria-hidden="true">
              <span>{edge(buckets[0]?.from ?? 0)}</span>
              <span>{edge(buckets.at(-1)?.to ?? 0)}</span>
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
