/** The newest runs of an eval: three small charts, and a table of the same numbers. */
import type { ReactNode } from "react"
import type { EvalSummary } from "./api.js"
import { sides, statusOf } from "./evalWords.js"
import { cost, count, instant, moment, percent, plural } from "./format.js"
import { Link, Status, Text, Unknown } from "./parts.js"
import { useRead } from "./reads.js"
import { type EvalRoute, evalRoute } from "./route.js"

interface Measure {
  readonly title: string
  readonly of: (run: EvalSummary) => number | undefined
  readonly text: (amount: number) => string
  /** The amount of a bar of full height. Default: the largest amount. */
  readonly most?: number
  readonly tone?: "bad"
}

const measures: ReadonlyArray<Measure> = [
  { title: "Pass rate", of: ({ counts }) => counts === undefined || counts.of === 0 ? undefined : counts.passed / counts.of, text: percent, most: 1 },
  { title: "Regressed", of: ({ counts }) => counts?.regressed, text: count, tone: "bad" },
  { title: "Cost", of: ({ counts }) => counts && Number(counts.usd), text: (usd) => cost(String(usd)) }
]

/** The width of a bar with its gap, and the height of a chart. */
const [step, height] = [12, 48]

const casesOf = ({ cases, of }: EvalSummary): string => of === undefined ? plural(cases, "case") : `${count(cases)} of ${plural(of, "case")}`

const Bars = ({ current, measure: { most, of, text, title, tone }, runs }: {
  readonly current: string
  readonly measure: Measure
  readonly runs: ReadonlyArray<EvalSummary>
}): ReactNode => {
  const amounts = runs.map(of)
  const full = most ?? Math.max(...amounts.map((amount) => amount ?? 0))
  const told = runs.map((run, nth) =>
    `${moment(run.startedAt)}: ${amounts[nth] === undefined ? "not known" : text(amounts[nth])}${run.of === undefined ? "" : ` (${casesOf(run)})`}`
  )
  const last = amounts.at(-1)
  return (
    <figure className="trend">
      <figcaption><span className="small-head">{title}</span> {last !== undefined && <small>{text(last)} in the newest</small>}</figcaption>
      <svg role="img" aria-label={`${title}, oldest first: ${told.join("; ")}`} viewBox={`0 0 ${runs.length * step} ${height}`} width={runs.length * step} height={height}>
        {runs.map((run, nth) => {
          const size = full === 0 ? 0 : (amounts[nth] ?? 0) / full * height
          return (
            <rect
              key={run.run}
              className={[tone, run.of !== undefined && "is-part", run.run === current && "is-current"].filter(Boolean).join(" ") || undefined}
              x={nth * step}
              y={height - Math.max(1, size)}
              width={step - 2}
              height={Math.max(1, size)}
            >
              <title>{told[nth]}</title>
            </rect>
          )
        })}
      </svg>
    </figure>
  )
}

/** Shows nothing for an eval with one run. */
export const EvalTrend = ({ route }: { readonly route: EvalRoute }): ReactNode => {
  const { data } = useRead("evals.trend", { ledger: route.ledger, eval: route.eval })
  const runs = data?.runs.filter(({ counts }) => counts !== undefined) ?? []
  if (runs.length < 2) return null
  return (
    <details className="trends">
      <summary>
        The last {plural(runs.length, "run")} <span aria-hidden="true"><Bars current={route.run} measure={measures[0]!} runs={runs} /></span>
      </summary>
      <div className="trend-charts">
        {measures.filter(({ of }) => runs.some((run) => of(run) !== undefined)).map((measure) => (
          <Bars key={measure.title} current={route.run} measure={measure} runs={runs} />
        ))}
      </div>
      <details>
        <summary>As a table</summary>
        <section className="scrolled" data-keys="own" tabIndex={0} aria-label="The last runs">
          <table className="plain">
            <thead>
              <tr>
                <th scope="col">Started</th>
                <th scope="col">Candidate</th>
                <th scope="col">Gate</th>
                <th scope="col" className="number">Cases</th>
                {measures.map(({ title }) => <th key={title} scope="col" className="number">{title}</th>)}
              </tr>
            </thead>
            <tbody>
              {runs.toReversed().map((run) => (
                <tr key={run.run} aria-current={run.run === route.run ? "true" : undefined}>
                  <th scope="row"><Link to={evalRoute(run)} title={instant(run.startedAt)}>{moment(run.startedAt)}</Link></th>
                  <td><Text value={sides(run).candidate} /></td>
                  <td><Status status={statusOf(run)} /></td>
                  <td className="number">{casesOf(run)}</td>
                  {measures.map(({ of, text, title }) => {
                    const amount = of(run)
                    return <td key={title} className="number">{amount === undefined ? <Unknown /> : text(amount)}</td>
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </details>
    </details>
  )
}
