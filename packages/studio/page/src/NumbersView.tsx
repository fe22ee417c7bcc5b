/** The numbers of a list of runs: by version and day, and its bill by month, flow and model. */
import { type ReactNode, useEffect, useRef, useState } from "react"
import {
  addressOf,
  type Answer,
  type Bill,
  type FlowBill,
  type Numbers,
  read,
  type ReadError,
  type RunFilter,
  type RunNumbers,
  type VersionNumbers
} from "./api.js"
import { costText, count, exactCost, instant, millis, oneLine, percent, plural } from "./format.js"
import { useKeys } from "./keys.js"
import "./numbers.css"
import { Button, Failure, Icon, Link, Main, Text, Unknown, Wait } from "./parts.js"
import { presence, useRead, useRefresh, useStream } from "./reads.js"
import { hrefOf, type NumbersRoute, numbersRoute, reconcileRoute, runsRoute } from "./route.js"
import { navigate, readErrorOf, useApp } from "./store.js"

type Costs = Bill["all"]

const Cost = ({ costs }: { readonly costs: Costs }): ReactNode => {
  const { runs, unknownCosts = 0 } = costs
  return (
    <td className="number">
      {costText(costs, exactCost) ?? <Unknown />}
      {unknownCosts > 0 && <small className="muted">{count(unknownCosts)} of {plural(runs, "cost")} not known</small>}
    </td>
  )
}

// --- versions ------------------------------------------------------------------

const FailureRate = ({ ended, failed }: Pick<RunNumbers, "ended" | "failed">): ReactNode => (
  <td>
    {ended === 0
      ? <Unknown />
      : (
        <span className="share">
          <span className="share-track" aria-hidden="true"><span style={{ width: `${100 * failed / ended}%` }} /></span>
          <span className="share-text" title={`${count(failed)} of ${plural(ended, "ended run")}`}>{percent(failed / ended)}</span>
        </span>
      )}
  </td>
)

const Time = ({ ms }: { readonly ms: number | undefined }): ReactNode => <td className="number">{ms === undefined ? <Unknown /> : millis(ms)}</td>

const Cells = ({ of }: { readonly of: RunNumbers }): ReactNode => (
  <>
    <td className="number">{count(of.runs)}</td>
    <FailureRate ended={of.ended} failed={of.failed} />
    <Time ms={of.p50Ms} />
    <Time ms={of.p95Ms} />
    <Cost costs={of} />
  </>
)

/** The runs of a day in UTC. */
const ofDay = (filter: RunFilter, flow: string, day: string): RunFilter => {
  const from = Date.parse(day)
  return { ...filter, flow, from: Math.max(from, filter.from ?? from), to: Math.min(from + 86_399_999, filter.to ?? Infinity) }
}

const Version = ({ filter, isFirst, of }: {
  readonly filter: RunFilter
  readonly isFirst: boolean
  readonly of: VersionNumbers
}): ReactNode => {
  const [isOpen, setOpen] = useState(isFirst)
  const { days, flow, version } = of
  const name = version ?? "not known"
  return (
    <tbody>
      <tr>
        <th scope="row" title={oneLine(flow)}><Link to={runsRoute({ ...filter, flow })}><Text value={flow} /></Link></th>
        <td>
          <button
            type="button"
            className="button button-quiet"
            aria-expanded={isOpen}
            aria-label={oneLine(`Version ${name} of ${flow} by day`)}
            onClick={() => setOpen(!isOpen)}
          >
            <Icon name={isOpen ? "down" : "right"} /> <Text value={name} />
          </button>
        </td>
        <Cells of={of} />
      </tr>
      {isOpen && days.map(({ day, ...numbers }) => (
        <tr key={day ?? ""} className="day">
          <th scope="row" colSpan={2}>
            {day === undefined ? "Start not known" : <Link to={runsRoute(ofDay(filter, flow, day))}>{day}</Link>}
          </th>
          <Cells of={numbers} />
        </tr>
      ))}
    </tbody>
  )
}

const Versions = ({ filter, numbers: { all, total, versions } }: {
  readonly filter: RunFilter
  readonly numbers: Numbers
}): ReactNode => (
  <div className="totals" tabIndex={0} role="group" aria-label="Numbers by version and day">
    <table>
      <thead>
        <tr>
          <th scope="col">Flow</th>
          <th scope="col">Version</th>
          <th scope="col" className="number">Runs</th>
          <th scope="col" className="share-head">Failure rate</th>
          <th scope="col" className="number">p50</th>
          <th scope="col" className="number">p95</th>
          <th scope="col" className="number">Cost</th>
        </tr>
      </thead>
      <tbody>
        <tr className="month">
          <th scope="row">All of the list</th>
          <td />
          <Cells of={all} />
        </tr>
      </tbody>
      {versions.map((of, nth) => (
        <Version key={JSON.stringify([of.flow, of.version ?? null])} of={of} filter={filter} isFirst={nth === 0} />
      ))}
    </table>
    {total > versions.length && <p className="muted">The first {count(versions.length)} of {plural(total, "version")}. The CSV file has all of them.</p>}
  </div>
)

const VersionsTab = ({ filter }: { readonly filter: RunFilter }): ReactNode => {
  const { data, error, reload } = useRead("numbers.numbers", filter)
  useRefresh(reload, 5_000)
  return <Shown what="the numbers" error={error} reload={reload} data={data} show={(numbers) => <Versions filter={filter} numbers={numbers} />} />
}

// --- the bill --------------------------------------------------------------------

const FlowLines = ({ filter, of: { flow, models, unread, ...costs } }: {
  readonly filter: RunFilter
  readonly of: FlowBill
}): ReactNode => (
  <>
    <tr className="flow">
      <th scope="row" title={oneLine(flow)}><Link to={runsRoute({ ...filter, flow })}><Text value={flow} /></Link></th>
      <td className="number">{count(costs.runs)}</td>
      <Cost costs={costs} />
    </tr>
    {models.map(({ model, ...costs }) => (
      <tr key={JSON.stringify(model ?? null)} className="model">
        <th scope="row">{model === undefined ? "Model not told" : <Text value={model} />}</th>
        <td className="number">{count(costs.runs)}</td>
        <Cost costs={costs} />
      </tr>
    ))}
    {unread !== undefined && (
      <tr className="model">
        <th scope="row">Model not read</th>
        <td className="number">{count(unread.runs)}</td>
        <Cost costs={unread} />
      </tr>
    )}
  </>
)

const BillTable = ({ bill: { all, months }, filter }: { readonly bill: Bill; readonly filter: RunFilter }): ReactNode => (
  <div className="totals" tabIndex={0} role="group" aria-label="Costs by month, flow and model">
    <table>
      <thead>
        <tr>
          <th scope="col">Month in UTC, flow and model</th>
          <th scope="col" className="number">Runs</th>
          <th scope="col" className="number">Cost</th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row">All of the list</th>
          <td className="number">{count(all.runs)}</td>
          <Cost costs={all} />
        </tr>
      </tbody>
      {months.map(({ flows, month, ...costs }) => (
        <tbody key={month ?? ""}>
          <tr className="month">
            <th scope="rowgroup">{month ?? "Start not known"}</th>
            <td className="number">{count(costs.runs)}</td>
            <Cost costs={costs} />
          </tr>
          {flows.map((of) => <FlowLines key={of.flow} of={of} filter={filter} />)}
        </tbody>
      ))}
    </table>
  </div>
)

/** The batches whose ledgers can be compared with the runs of the server. */
const Ledgers = (): ReactNode => {
  const hasLedgers = useApp(({ source }) => source?.views.includes("batches") === true)
  const { data } = useRead("batches.batches", hasLedgers ? {} : undefined)
  if (data === undefined || data.batches.length === 0) return null
  return (
    <section className="numbers-ledgers" aria-labelledby="ledgers">
      <h2 id="ledgers" className="small-head">Ledgers</h2>
      <p className="muted">A ledger has the costs of its rows. Compare them with the runs of the server.</p>
      <ul>
        {data.batches.slice(0, 20).map((batch) => (
          <li key={JSON.stringify([batch.ledger, batch.batch])}>
            <Link to={reconcileRoute(batch)}>Reconcile <Text value={batch.batch} />…</Link>{" "}
            <span className="muted"><Text value={batch.ledger} />, {costText(batch, exactCost) ?? "cost not known"}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}

/** The most runs whose models are read at once. */
const atOnce = 500

const Unread = ({ filter, put, unread }: {
  readonly filter: RunFilter
  readonly put: (bill: Answer<"numbers.bill">) => void
  readonly unread: number
}): ReactNode => {
  const [isReading, setReading] = useState(false)
  const [error, setError] = useState<ReadError>()
  const ending = useRef<AbortController>(undefined)
  useEffect(() => () => ending.current?.abort(), [])
  const more = (): void => {
    const { signal } = ending.current = new AbortController()
    setReading(true)
    setError(undefined)
    read("numbers.bill", { ...filter, read: atOnce }, signal).then(put, (error: unknown) => !signal.aborted && setError(readErrorOf(error)))
      .finally(() => !signal.aborted && setReading(false))
  }
  if (unread === 0) return null
  return (
    <p>
      The models of {plural(unread, "run")} were not read.{" "}
      <Button disabled={isReading} onClick={more}>{isReading ? "Reading…" : `Read ${count(Math.min(unread, atOnce))} of them`}</Button>{" "}
      {error !== undefined && <span role="alert"><Text value={error.message} /></span>}
    </p>
  )
}

const BillTab = ({ filter }: { readonly filter: RunFilter }): ReactNode => {
  const isEmulator = useApp(({ source }) => source?.kind === "emulator")
  const isKnown = useApp(({ source }) => source !== undefined)
  const { data, error, put, reload } = useRead("numbers.bill", isKnown ? { ...filter, read: isEmulator ? atOnce : 0 } : undefined)
  return (
    <Shown
      what="the bill"
      error={error}
      reload={reload}
      data={data}
      show={(bill) => (
        <>
          <div className="numbers-actions waterfall-tools">
            <p className="muted">
              {isEmulator
                ? "This server is an emulator: its costs are simulated."
                : "These are the runs that the list knows. The service may have billed others: it lists the newest 100 of each flow."}
            </p>
            <Unread filter={filter} put={put} unread={bill.unread} />
          </div>
          <BillTable bill={bill} filter={filter} />
          <Ledgers />
        </>
      )}
    />
  )
}

// --- the view --------------------------------------------------------------------

const Shown = <A,>({ data, error, reload, show, what }: {
  readonly data: A | undefined
  readonly error: ReadError | undefined
  readonly reload: () => void
  readonly show: (data: A) => ReactNode
  readonly what: string
}): ReactNode =>
  data !== undefined
    ? show(data)
    : error === undefined
    ? <Wait what={what} />
    : <Failure title="The runs could not be added up" error={error} onRetry={reload} />

const tabs = [["versions", "Versions"], ["bill", "Bill"]] as const

const NumbersView = ({ route }: { readonly route: NumbersRoute }): ReactNode => {
  const { filter, tab } = route
  useStream(presence.name, presence.params, {})
  useKeys({ Escape: () => navigate(runsRoute(filter)) })
  const conditions = Object.entries(filter)
  return (
    <Main className="run numbers">
      <div className="run-head">
        <div className="run-title">
          <nav aria-label="Breadcrumb" className="crumb"><Link to={runsRoute(filter)}><Icon name="left" /> Runs</Link></nav>
          <h1>{tab === "bill" ? "Bill" : "Numbers"}</h1>
        </div>
        <div className="numbers-actions">
          {conditions.length > 0 && (
            <span>
              Of the list with <Text value={oneLine(conditions.map(([name, value]) => `${name} ${typeof value === "number" ? instant(value) : value}`).join(", "))} />.{" "}
              <Link to={numbersRoute({}, tab)}>Of all runs</Link>
            </span>
          )}
          <a className="button button-plain" href={addressOf("numbers.table", { ...filter, of: tab })} download>
            <Icon name="download" /> {tab === "bill" ? "Bill as CSV" : "Numbers as CSV"}
          </a>
          <a className="button button-plain" href={addressOf("numbers.table", { ...filter, of: "runs" })} download>
            <Icon name="download" /> Runs as CSV
          </a>
        </div>
      </div>
      <nav className="tabs" aria-label="Numbers of the list">
        {tabs.map(([one, name]) => (
          <a
            key={one}
            href={hrefOf(numbersRoute(filter, one))}
            aria-current={one === tab ? "page" : undefined}
            onClick={(event) => {
              event.preventDefault()
              navigate(numbersRoute(filter, one))
            }}
          >
            {name}
          </a>
        ))}
      </nav>
      {tab === "bill" ? <BillTab filter={filter} /> : <VersionsTab filter={filter} />}
    </Main>
  )
}

export default NumbersView
