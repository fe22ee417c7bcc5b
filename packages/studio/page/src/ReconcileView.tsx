/** A batch beside the runs of the server: what it believes it ran and paid, and what the server has. */
import type { Finding, Kind } from "@effect-noukai/report/Reconcile"
import { memo, type ReactNode, useEffect, useMemo, useRef, useState } from "react"
import { type ReconcilePlan, type ReconcileProgress, streamOnce } from "./api.js"
import { signedCost } from "./compareWords.js"
import { costText, count, exactCost, millis, oneLine, plural, shortId } from "./format.js"
import { useKeys } from "./keys.js"
import { Breakdown, type BreakdownPart, Command, ListFailure, Stale } from "./ledgerParts.js"
import { Button, Fact, Failure, Icon, Link, Main, Shape, Status, Text, Unknown, Wait, Words } from "./parts.js"
import { presence, useRead, useStream } from "./reads.js"
import "./reconcile.css"
import { batchRoute, type ReconcileRoute, reconcileRoute, runRoute } from "./route.js"
import { navigate } from "./store.js"
import { WindowedTable } from "./WindowedTable.js"

/** The kinds of findings, those that may have cost money twice first. */
const kinds: ReadonlyArray<readonly [Kind, BreakdownPart["tone"]]> = [
  ["paid-twice", "bad"],
  ["missing-here", "poor"],
  ["missing-there", "off"],
  ["differs", "better"],
  ["uncertain", "doubt"],
  ["unknown", "open"],
  ["agrees", "good"]
]

/** The meaning of each kind. */
const meanings: { readonly [kind in Kind]: string } = {
  "paid-twice": "several runs may have been paid for one row",
  "missing-here": "the server has a run that the ledger does not know",
  "missing-there": "the server lists the session, and does not know the run",
  differs: "the server has the run with another end or another cost",
  uncertain: "the ledger does not know whether it ran, or how it ended",
  unknown: "the server cannot tell: the session expired or was evicted, or it could not be read",
  agrees: "the server has the run, with this end and this cost"
}

/** The findings that are kept to be listed. All of them are counted. */
const mostKept = 50_000

interface Reading {
  readonly state: "running" | "ended" | "stopped" | "failed"
  readonly progress: ReconcileProgress | undefined
  readonly problem: { readonly message: string; readonly advice?: string } | undefined
}

interface Findings extends Reading {
  readonly findings: ReadonlyArray<Finding>
}

/** The findings of a reading that began by a click. It ends with the view, and is never begun again by itself. */
const useFindings = (address: { readonly ledger: string; readonly batch: string }): {
  readonly reading: Findings | undefined
  readonly start: (rate: number) => void
  readonly stop: () => void
} => {
  const [reading, setReading] = useState<Findings>()
  const ending = useRef(new AbortController())
  useEffect(() => () => ending.current.abort(), [])
  const change = (next: Partial<Findings>): void => setReading((reading) => reading && { ...reading, ...next })
  const end = (next: Partial<Findings>): void => {
    ending.current.abort()
    change(next)
  }
  return {
    reading,
    start: (rate) => {
      ending.current.abort()
      ending.current = new AbortController()
      setReading({ state: "running", progress: undefined, problem: undefined, findings: [] })
      streamOnce("reconcile.reconcile", { ...address, rate }, {
        events: {
          findings: (progress: ReconcileProgress) =>
            setReading((reading) =>
              reading && {
                ...reading,
                progress,
                findings: reading.findings.length >= mostKept ? reading.findings : [...reading.findings, ...progress.findings]
              }
            ),
          end: () => end({ state: "ended" }),
          problem: (problem: NonNullable<Reading["problem"]>) => end({ state: "failed", problem })
        },
        lost: () =>
          end({ state: "failed", problem: { message: "The connection to the studio broke.", advice: "Nothing was changed. Read again to begin anew." } })
      }, ending.current.signal)
    },
    stop: () => end({ state: "stopped" })
  }
}

const kindsOf = (summary: ReconcileProgress["summary"], route: ReconcileRoute): ReadonlyArray<BreakdownPart> =>
  kinds.map(([kind, tone]) => ({
    name: kind,
    count: summary.counts[kind],
    tone,
    isCurrent: route.show === kind,
    to: { ...route, show: route.show === kind ? undefined : kind }
  }))

/** A sum of costs of which some are not known. */
const Sum = ({ name, unknown, usd }: {
  readonly name: string
  readonly unknown: number
  readonly usd: string
}): ReactNode => (
  <Fact name={name} note={unknown > 0 ? `not known of ${plural(unknown, "run")}` : undefined}>
    {costText({ costUsd: usd, unknownCosts: unknown }, exactCost) ?? <Unknown />}
  </Fact>
)

const Facts = ({ progress }: { readonly progress: ReconcileProgress }): ReactNode => {
  const { differenceUsd, done, rows, summary: { believedUsd, seenUsd, unknownBelieved, unknownSeen } } = progress
  return (
    <dl className="facts run-facts">
      <Fact name="Findings" note={`of ${plural(rows, "row")}`}>{count(done)}</Fact>
      <Sum name="In the ledger" unknown={unknownBelieved} usd={believedUsd} />
      <Sum name="At the server" unknown={unknownSeen} usd={seenUsd} />
      <Fact name="Difference" note={unknownBelieved + unknownSeen > 0 ? "without the unknown costs" : undefined}>
        {differenceUsd === undefined ? <Unknown /> : <strong>{signedCost(differenceUsd)}</strong>}
      </Fact>
    </dl>
  )
}

const head = ["Finding", "Row", "Reason", "Run", "In the ledger", "At the server"].map((name) => (
  <span key={name} role="columnheader">{name}</span>
))

const FindingRow = memo(function FindingRow({ finding, place, route, tabIndex }: {
  readonly finding: Finding
  readonly place: number
  readonly route: ReconcileRoute
  readonly tabIndex: 0 | -1
}): ReactNode {
  const { expected, kind, reason, seen } = finding
  const { attempt = 1, executionId, flow, key } = expected
  const runs = seen.length > 0 ? seen : executionId === undefined ? [] : [{ executionId, status: "unknown" }]
  const name = oneLine(key.slice(0, 300))
  return (
    <div role="row" aria-rowindex={place + 2} className="lrow">
      <span role="cell" className="c-status" title={meanings[kind]}><Status status={kind} /></span>
      <span role="cell" className="c-main">
        <Link
          className="row-link mono"
          label={`Row ${name}, ${kind}`}
          tabIndex={tabIndex}
          title={name}
          to={{ ...batchRoute(route), row: key }}
        >
          {name}
        </Link>
        {attempt !== 1 && <span className="tag">attempt {count(attempt)}</span>}
      </span>
      <span role="cell" className="c-reason"><Text value={reason.slice(0, 1_000)} /></span>
      <span role="cell" className="c-run mono">
        {runs.length === 0
          ? <Unknown />
          : runs.slice(0, 5).map((run) => (
            <Link key={run.executionId} to={runRoute({ flow, id: run.executionId })} title={oneLine(`Run ${run.executionId}, ${run.status}`)}>
              <Text value={shortId(run.executionId)} />
            </Link>
          ))}
        {runs.length > 5 && <span className="muted">and {count(runs.length - 5)} more</span>}
      </span>
      <span role="cell" className="c-believed"><i>Ledger </i>{costText(expected, exactCost) ?? <Unknown />}</span>
      <span role="cell" className="c-seen">
        <i>Server </i>
        {seen.length === 0 ? <Unknown /> : seen.slice(0, 5).map((run) => (
          <span key={run.executionId}>{costText(run, exactCost) ?? <Unknown />}</span>
        ))}
      </span>
    </div>
  )
})

/** A time in whole seconds. */
const timeOf = (seconds: number): string => millis(1_000 * Math.max(1, Math.ceil(seconds))).replace(".00", "")

/** The form before the reads: what they cost the server. */
const Begin = ({ isAgain, onStart, plan }: {
  readonly isAgain: boolean
  readonly onStart: (rate: number) => void
  readonly plan: ReconcilePlan
}): ReactNode => {
  const [text, setText] = useState(String(plan.rate))
  const rate = Number(text)
  const isRight = /^\d+$/.test(text) && rate >= 1 && rate <= 100
  const isFree = plan.requests === 0
  if (plan.whyNot !== undefined) return <p className="doubt-line"><Shape status="doubt" /><span><Words value={plan.whyNot} /></span></p>
  return (
    <form
      className="begin"
      aria-label="Read the server"
      onSubmit={(event) => {
        event.preventDefault()
        if (isRight) onStart(rate)
      }}
    >
      {!isFree && (
        <label className="field">
          <span>Requests a second</span>
          <input
            inputMode="numeric"
            value={text}
            aria-invalid={!isRight}
            aria-describedby="rate-problem"
            onChange={({ target }) => setText(target.value.trim())}
          />
        </label>
      )}
      <button type="submit" className="button button-primary">{isAgain ? "Read again" : `Read ${plural(plan.rows, "row")}`}</button>
      <p className="muted">
        {isFree
          ? "The runs are in this process: no request is sent."
          : `About ${plural(plan.requests, "request")} to the server${isRight ? `, in ${timeOf(plan.requests / rate)}` : ""}.`}
        {" "}
        It only reads: no run is started, and nothing is settled.
      </p>
      <p id="rate-problem" role="alert" className="form-problem">{isRight ? "" : "Enter a number from 1 to 100."}</p>
    </form>
  )
}

const states = {
  running: "Reading the server…",
  ended: "All rows were read.",
  stopped: "Stopped. The other rows were not read.",
  failed: "The reading broke off. The other rows were not read."
} as const

const isListed = ({ kind }: Finding, show: string | undefined): boolean => show === undefined ? kind !== "agrees" : kind === show

const Body = ({ plan, reading, route, start, stop }: {
  readonly plan: ReconcilePlan
  readonly reading: Findings | undefined
  readonly route: ReconcileRoute
  readonly start: (rate: number) => void
  readonly stop: () => void
}): ReactNode => {
  const findings = reading?.findings ?? []
  const listed = useMemo(
    () => findings.flatMap((finding, nth) => isListed(finding, route.show) ? [nth] : []),
    [findings, route.show]
  )
  const progress = reading?.progress
  const isRunning = reading?.state === "running"
  return (
    <>
      <div className="run-head">
        <div className="run-title">
          <nav aria-label="Breadcrumb" className="crumb"><Link to={batchRoute(route)}><Icon name="left" /> Batch</Link></nav>
          <h1>Reconcile <Text value={route.batch} /></h1>
        </div>
        <p className="run-id"><span className="muted">in <Text value={route.ledger} /></span></p>
        <p>Compares what the ledger believes it ran and paid with the runs of the server.</p>
        {isRunning
          ? (
            <div className="begin">
              <progress aria-label="Rows that were read" max={Math.max(1, progress?.rows ?? plan.rows)} value={progress?.done ?? 0} />
              <Button onClick={stop}>Stop</Button>
            </div>
          )
          : <Begin isAgain={reading !== undefined} onStart={start} plan={plan} />}
        {reading !== undefined && <p role="status" className="sentence">{states[reading.state]}</p>}
        {reading?.problem !== undefined && (
          <p role="alert" className="error-message">
            <Text value={reading.problem.message} />{reading.problem.advice !== undefined && <>{" "}<Words value={reading.problem.advice} /></>}
          </p>
        )}
        {progress !== undefined && (
          <>
            <Facts progress={progress} />
            <Breakdown label="Findings by kind" parts={kindsOf(progress.summary, route)} />
          </>
        )}
        {plan.command !== undefined && (
          <details className="commands">
            <summary>Commands</summary>
            <Command command={plan.command} does="Compare it" />
            {plan.settle !== undefined && <Command command={plan.settle} does="Settle uncertain rows, too" />}
          </details>
        )}
      </div>
      {reading === undefined && plan.whyNot === undefined && (
        <section aria-label="What it finds">
          <dl className="meanings">
            {kinds.map(([kind]) => <div key={kind}><dt><Status status={kind} /></dt><dd>{meanings[kind]}</dd></div>)}
          </dl>
        </section>
      )}
      {progress !== undefined && (
        <section className="lbody" aria-label="Findings">
          <h2 className="offscreen">Findings</h2>
          {listed.length === 0
            ? (
              <section className="blank">
                <h3>{route.show !== undefined ? "No such finding" : isRunning ? "All agree so far" : progress.done === 0 ? "No rows" : "All agree"}</h3>
                <p className="muted">
                  {route.show === undefined
                    ? "Findings that do not agree are listed here."
                    : <>No finding is <Text value={route.show} />{isRunning ? " so far" : ""}.</>}
                </p>
                {route.show !== undefined
                  ? <div className="blank-actions"><Button kind="primary" onClick={() => navigate(reconcileRoute(route), { replace: true })}>Show what does not agree</Button></div>
                  : progress.summary.counts.agrees > 0 && <div className="blank-actions"><Button onClick={() => navigate({ ...route, show: "agrees" }, { replace: true })}>Show what agrees</Button></div>}
              </section>
            )
            : (
              <>
                {route.show !== undefined && Object.hasOwn(meanings, route.show) && <p className="meaning muted"><Text value={route.show} />: {meanings[route.show as Kind]}.</p>}
                <WindowedTable
                  className="lrows-findings"
                  head={head}
                  ids={listed}
                  label="Findings in the order of the rows"
                  row={(nth, place, tabIndex) => <FindingRow finding={findings[nth]!} place={place} route={route} tabIndex={tabIndex} />}
                />
              </>
            )}
          {findings.length >= mostKept && <p className="more muted">The first {count(findings.length)} findings are listed. All of them are counted.</p>}
        </section>
      )}
    </>
  )
}

const ReconcileView = ({ route }: { readonly route: ReconcileRoute }): ReactNode => {
  const address = { ledger: route.ledger, batch: route.batch }
  const { data, error, reload } = useRead("reconcile.reconcilePlan", address)
  const { reading, start, stop } = useFindings(address)
  useStream(presence.name, presence.params, {})
  useKeys({
    Escape: () => navigate(route.show === undefined ? batchRoute(route) : reconcileRoute(route))
  })
  return (
    <Main className="ledger reconcile">
      {data === undefined
        ? error === undefined
          ? <Wait what="the batch" />
          : (
            <>
              <h1 className="offscreen">Reconcile <Text value={route.batch} /></h1>
              {error.status === 404
                ? (
                  <Failure title="There is no such batch" error={error} onRetry={reload}>
                    <Link className="button button-plain" to={{ view: "batches" }}>Show all batches</Link>
                  </Failure>
                )
                : <ListFailure error={error} onRetry={reload} what="batch" />}
            </>
          )
        : (
          <>
            <Stale error={reading === undefined ? error : undefined} onRetry={reload} />
            <Body plan={data} reading={reading} route={route} start={start} stop={stop} />
          </>
        )}
    </Main>
  )
}

export default ReconcileView
