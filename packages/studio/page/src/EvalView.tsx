/** An eval run: the verdict, the checks, and the cases with the outputs of both sides. */
import type { EvalReport } from "@effect-noukai/eval/EvalReport"
import { type ReactNode, useRef } from "react"
import { verdicts } from "../../src/internal/verdicts.js"
import type { EvalCase, EvalDetail, EvalSummary } from "./api.js"
import { addressOf, CasePanel } from "./EvalCasePanel.js"
import { EvalTrend } from "./EvalTrend.js"
import { chance, costOf, ending, hasScores, isAdjusted, nameOf, pValue, rate, score, sides, statusOf, summaries, timeDifference } from "./evalWords.js"
import { cost, count, instant, millis, moment, oneLine, plural, signed } from "./format.js"
import { useKeys } from "./keys.js"
import { Away, Breakdown, type BreakdownPart, Choice, ListFailure, Pager, RateBand, Stale, Table, TextField, useRows } from "./ledgerParts.js"
import { Button, Fact, Failure, Icon, Link, Main, Notes, Shape, Status, Text, Unknown, Wait } from "./parts.js"
import { presence, useRead, useRefresh, useStream, useWhenChanged } from "./reads.js"
import { batchRoute, type CaseFilter, type EvalRoute, evalRoute, evalsRoute, hrefOf, reconcileRoute } from "./route.js"
import { navigate } from "./store.js"

/** The number of cases of a page. */
const pageSize = 50

const tones: { readonly [K in EvalCase["verdict"]]: BreakdownPart["tone"] } = {
  regressed: "bad",
  error: "doubt",
  fail: "poor",
  fixed: "better",
  "not comparable": "off",
  pass: "good"
}

const filtered = (route: EvalRoute, filter: CaseFilter): EvalRoute => ({ ...evalRoute(route), filter })

const withField = (filter: CaseFilter, name: keyof CaseFilter, value: string): CaseFilter => {
  const rest = Object.fromEntries(Object.entries(filter).filter(([other]) => other !== name))
  return value === "" ? rest : { ...rest, [name]: value }
}

/** The number of cases by their verdicts: of the check that the filter names, or of the cases. */
const verdictParts = ({ report, verdicts: ofCases }: EvalDetail, route: EvalRoute): ReadonlyArray<BreakdownPart> => {
  const { check, verdict } = route.filter
  const counts = (check === undefined ? undefined : report?.checks[check]?.verdicts) ?? ofCases
  return verdicts.map((one) => ({
    name: one,
    count: counts?.[one] ?? 0,
    tone: tones[one],
    isCurrent: verdict === one,
    to: filtered(route, withField(route.filter, "verdict", verdict === one ? "" : one))
  }))
}

const Facts = ({ report, summary }: { readonly report: EvalReport | undefined; readonly summary: EvalSummary }): ReactNode => (
  <dl className="facts run-facts">
    <Fact name="Cases" note={summary.repeat > 1 ? `${summary.repeat} trials each` : undefined}>{count(summary.cases)}{summary.of !== undefined && ` of ${count(summary.of)}`}</Fact>
    {report !== undefined && (
      <>
        <Fact name="Cost of the candidate">{costOf(report.cost.candidate, report.cost.baseline)}</Fact>
        {report.cost.baseline !== undefined && <Fact name="Cost of the baseline">{costOf(report.cost.baseline, report.cost.candidate)}</Fact>}
        {report.cost.judges.runs > 0 && <Fact name="Cost of the judges">{costOf(report.cost.judges)}</Fact>}
        {report.time !== undefined && <Fact name="Time" note={timeDifference(report.time)[1]}>{timeDifference(report.time)[0]}</Fact>}
        {report.errors > 0 && <Fact name="Errors">{plural(report.errors, "verdict")}</Fact>}
      </>
    )}
    <Fact name="Started"><span title={instant(summary.startedAt)}>{moment(summary.startedAt)}</span></Fact>
  </dl>
)

/** The numbers of each check, as the reports have them. */
const Checks = ({ report, route }: { readonly report: EvalReport; readonly route: EvalRoute }): ReactNode => {
  const names = sides(report)
  const hasBaseline = report.baseline !== undefined
  const isScored = hasScores(report)
  const hasAdjusted = isAdjusted(report)
  const note = chance(report)
  return (
    <section className="scrolled checks" data-keys="own" tabIndex={0} aria-label="Checks">
      <table className="plain">
        {note !== undefined && <caption className="muted">Chance: {note}.</caption>}
        <thead>
          <tr>
            <th scope="col">Check</th>
            <th scope="col"><Text value={names.candidate} /> <small>candidate</small></th>
            {hasBaseline && (
              <>
                <th scope="col"><Text value={names.baseline} /> <small>baseline</small></th>
                <th scope="col" className="number">Regressed</th>
                <th scope="col" className="number">Fixed</th>
                <th scope="col" className="number">p</th>
                {hasAdjusted && <th scope="col" className="number">Adjusted p</th>}
              </>
            )}
            <th scope="col" className="number">Errors</th>
            {isScored && <th scope="col" className="number">Mean score</th>}
          </tr>
        </thead>
        <tbody>
          {summaries(report).map(([name, summary], nth) => {
            const isCheck = nth < Object.keys(report.checks).length
            const isCurrent = isCheck && route.filter.check === name
            const { adjustedP, baseline, candidate, p = 1, verdicts } = summary
            const number = (amount: number, isBad: boolean): ReactNode => (
              <td className={`number${isBad && amount > 0 ? " bad" : ""}`}>{amount}</td>
            )
            return (
              <tr key={`${isCheck} ${name}`} aria-current={isCurrent ? "true" : undefined}>
                <th scope="row">
                  {isCheck
                    ? (
                      <Link
                        selected={isCurrent}
                        title={isCurrent ? "Show the verdicts of all checks" : "Show the verdicts of this check"}
                        to={filtered(route, withField(route.filter, "check", isCurrent ? "" : name))}
                      >
                        <Text value={name} />
                      </Link>
                    )
                    : name}
                </th>
                <td><RateBand of={candidate} tone="candidate" />{rate(candidate)}</td>
                {hasBaseline && (
                  <>
                    <td>{baseline !== undefined && <><RateBand of={baseline} tone="baseline" />{rate(baseline)}</>}</td>
                    {number(verdicts.regressed, true)}
                    {number(verdicts.fixed, false)}
                    <td className="number">{pValue(p)}</td>
                    {hasAdjusted && <td className="number">{adjustedP === undefined ? "" : pValue(adjustedP)}</td>}
                  </>
                )}
                {number(verdicts.error, true)}
                {isScored && <td className="number">{score(summary)}</td>}
              </tr>
            )
          })}
        </tbody>
      </table>
    </section>
  )
}

/** The reasons why the gate is not passed. */
const Reasons = ({ report }: { readonly report: EvalReport }): ReactNode => {
  const reasons = [
    ...report.stop === undefined ? [] : [["Stopped", report.stop] as const],
    ...report.broken.map(({ message }) => ["Broken", message] as const),
    ...report.stale.map((line) => ["Stale baseline", line] as const)
  ]
  return reasons.length > 0 && (
    <ul className="reasons" aria-label="Reasons">
      {reasons.map(([name, text]) => (
        <li key={`${name} ${text}`}><strong>{name}</strong> <Text value={text} /></li>
      ))}
    </ul>
  )
}

const columns = ["Verdict", "Case", "Checks", "Reason", "Cost change", "Time change"]

const Difference = ({ amount, text }: { readonly amount: number | undefined; readonly text: (amount: number) => string }): ReactNode =>
  amount === undefined || Number.isNaN(amount) ? <Unknown /> : signed(text, amount)

const Row = ({ isOpen, of, onMark, report, route }: {
  readonly isOpen: boolean
  readonly of: EvalCase
  readonly onMark: () => void
  readonly report: EvalReport
  readonly route: EvalRoute
}): ReactNode => {
  const { checks, costDifferenceUsd, key, reason, timeDifferenceMs, verdict } = of
  const notable = checks.filter((check) => check.verdict !== "pass")
  return (
    <div data-row="" className={isOpen ? "is-open" : undefined}>
      <div role="row" className="lrow">
        <span role="cell" className="c-status"><Status status={verdict} /></span>
        <span role="cell" className="c-main">
          <Link
            className="row-link mono"
            expanded={isOpen}
            label={oneLine(`Case ${key.slice(0, 300)}, ${verdict}`)}
            title={oneLine(key)}
            to={{ ...route, case: isOpen ? undefined : key }}
          >
            {oneLine(key.slice(0, 300))}
          </Link>
        </span>
        <span role="cell" className="c-checks">
          {notable.length === 0
            ? <span className="muted">all pass</span>
            : notable.map(({ check, verdict }) => (
              <span key={check} className="check" title={oneLine(`${check}: ${verdict}`)}>
                <Shape status={verdict} /><span className="offscreen">{verdict}: </span><Text value={check} />
              </span>
            ))}
        </span>
        <span role="cell" className="c-error muted" title={reason && oneLine(reason.slice(0, 600))}>{reason === undefined ? "" : <bdi>{oneLine(reason.slice(0, 300))}</bdi>}</span>
        <span role="cell" className="c-cost" title={costDifferenceUsd}>
          <i>Cost </i><Difference amount={costDifferenceUsd === undefined ? undefined : Number(costDifferenceUsd)} text={(usd) => cost(String(usd))} />
        </span>
        <span role="cell" className="c-duration">
          <i>Time </i><Difference amount={timeDifferenceMs} text={millis} />
        </span>
      </div>
      {isOpen && (
        <div role="row" className="lopen">
          <div role="cell" aria-colspan={columns.length}>
            <section aria-label={oneLine(`Case ${key}`)}><CasePanel key={key} caseKey={key} onMark={onMark} report={report} route={route} /></section>
          </div>
        </div>
      )}
    </div>
  )
}

/** A page of the cases, regressions first. */
const Cases = ({ onMark, report, route }: {
  readonly onMark: () => void
  readonly report: EvalReport
  readonly route: EvalRoute
}): ReactNode => {
  const { filter, offset } = route
  const list = useRef<HTMLDivElement>(null)
  const { data, error, isOld, reload } = useRead("evals.cases", {
    ...addressOf(route),
    ...filter,
    offset: offset === 0 ? undefined : offset,
    limit: pageSize
  })
  useWhenChanged(JSON.stringify([report.overall, report.errors, report.cases]), 0, reload)
  useRows(list, hrefOf({ ...route, case: undefined }), route.case, data !== undefined && !isOld)
  const cases = data?.cases ?? []
  const total = data?.total ?? 0
  const to = (offset: number): EvalRoute => ({ ...route, offset: Math.max(0, offset), case: undefined })
  const set = (name: keyof CaseFilter, value: string): void =>
    navigate(filtered(route, withField(filter, name, value)), { replace: name === "text" })
  const isFiltered = Object.keys(filter).length > 0
  const isAway = route.case !== undefined && data !== undefined && !isOld && !cases.some(({ key }) => key === route.case)
  const hasAfter = offset + cases.length < total
  return (
    <section className="lbody" aria-label="Cases">
      <h2 className="offscreen">Cases</h2>
      <form className="filters lfilters" role="search" aria-label="Filter cases" onSubmit={(event) => event.preventDefault()}>
        <TextField label="Search" placeholder="A key, or a part of a reason" value={filter.text ?? ""} onApply={(text) => set("text", text)} />
        <Choice label="Check" none="All checks" options={Object.keys(report.checks).map((check) => [check, oneLine(check)])} value={filter.check} onChoose={(value) => set("check", value)} />
        <Choice label="Verdict" none="Any verdict" options={verdicts.map((one) => [one, one])} value={filter.verdict} onChoose={(value) => set("verdict", value)} />
        {isFiltered && <Button onClick={() => navigate(evalRoute(route))}>Clear filters</Button>}
      </form>
      {isAway && (
        <Away what="Case" name={route.case!} onClose={() => navigate({ ...route, case: undefined })}>
          <CasePanel key={route.case} caseKey={route.case!} onMark={onMark} report={report} route={route} />
        </Away>
      )}
      {data !== undefined && <Stale error={error} onRetry={reload} />}
      {data === undefined
        ? error === undefined
          ? <Wait what="the cases" />
          : <Failure title="The cases could not be read" error={error} onRetry={reload} />
        : cases.length === 0
        ? (
          <section className="blank">
            <h2>{isFiltered ? "No case matches" : "No cases"}</h2>
            <p className="muted">{isFiltered ? "All filters hold for each case that is listed." : "The run has no case with a verdict here."}</p>
            {(isFiltered || offset > 0) && (
              <div className="blank-actions"><Button kind="primary" onClick={() => navigate(evalRoute(route))}>Show all cases</Button></div>
            )}
          </section>
        )
        : (
          <Table columns={columns} isOld={isOld} kind="cases" label="Cases, regressions first" list={list}>
            {cases.map((one) => <Row key={one.key} of={one} onMark={onMark} report={report} route={route} isOpen={one.key === route.case} />)}
          </Table>
        )}
      {cases.length > 0 && (
        <Pager
          label="Pages of cases"
          first={offset > 0 ? to(0) : undefined}
          previous={offset > 0 ? to(offset - pageSize) : undefined}
          next={hasAfter ? to(offset + pageSize) : undefined}
          last={hasAfter ? to(Math.floor((total - 1) / pageSize) * pageSize) : undefined}
        >
          {count(offset + 1)} to {count(offset + cases.length)} of {plural(total, "case")}
        </Pager>
      )}
    </section>
  )
}

const EvalView = ({ route }: { readonly route: EvalRoute }): ReactNode => {
  const { data, error, reload } = useRead("evals.eval", addressOf(route))
  useStream(presence.name, presence.params, {})
  useRefresh(reload, data === undefined || data.summary.isComplete ? undefined : 5_000)
  useKeys({
    Escape: () => {
      if (route.case !== undefined) navigate({ ...route, case: undefined })
      else if (Object.keys(route.filter).length > 0) navigate(evalRoute(route))
      else navigate(evalsRoute)
    }
  })
  if (data === undefined || error?.status === 404) {
    return (
      <Main className="ledger">
        {error === undefined
          ? <Wait what="the eval run" />
          : (
            <>
              <h1 className="offscreen">Eval <Text value={route.eval} /></h1>
              {error.status === 404
                ? (
                  <Failure title="There is no such eval run" error={error} onRetry={reload}>
                    <Link className="button button-plain" to={evalsRoute}>Show all eval runs</Link>
                  </Failure>
                )
                : <ListFailure error={error} onRetry={reload} what="eval run" />}
            </>
          )}
      </Main>
    )
  }
  const { notes, report, summary } = data
  const names = sides(summary)
  return (
    <Main className="ledger eval">
      <div className="run-head">
        <div className="run-title">
          <nav aria-label="Breadcrumb" className="crumb"><Link to={evalsRoute}><Icon name="left" /> Evals</Link></nav>
          <h1><Text value={summary.eval} /></h1>
          <Status status={statusOf({ ...summary, gate: report?.gate ?? summary.gate })} />
        </div>
        <p className="run-id">
          <span><Text value={summary.candidate.flow} /></span>
          <span className="tag"><Text value={names.candidate} /></span>
          {summary.baseline !== undefined && <>against <span className="tag"><Text value={names.baseline} /></span></>}
          <span>run <Text value={summary.run} /></span>
          <span>in <Text value={summary.ledger} />,</span>
          <span>batch <Link to={batchRoute(summary)}><Text value={summary.batch} /></Link>, <Link to={reconcileRoute(summary)}>reconcile</Link></span>
        </p>
        {summary.candidates !== undefined && (
          <nav className="run-id" aria-label="Candidates">
            Candidates
            {summary.candidates.map((candidate, nth) => (
              <Link key={nth} className="tag" selected={nth === route.side} to={evalRoute({ ...route, side: nth })}><Text value={nameOf(candidate)} /></Link>
            ))}
          </nav>
        )}
        {report !== undefined && <p className="sentence"><Text value={ending(report)} /></p>}
        {report !== undefined && <Reasons report={report} />}
        {report === undefined && <Facts report={report} summary={summary} />}
        <Stale error={error} onRetry={reload} />
        <Notes notes={notes} />
      </div>
      {report === undefined
        ? (
          <section className="blank">
            <h2>No verdicts</h2>
            <p className="muted">The outputs are in the batch. Verdicts need the definition, which has the checks.</p>
            <div className="blank-actions"><Link className="button button-primary" to={batchRoute(summary)}>Show the batch</Link></div>
          </section>
        )
        : (
          <>
            <div className="eval-numbers">
              <div className="eval-facts">
                <Facts report={report} summary={summary} />
                <Breakdown label={oneLine(`Cases by verdict${route.filter.check === undefined ? "" : ` of ${route.filter.check}`}`)} parts={verdictParts(data, route)} />
              </div>
              <Checks report={report} route={route} />
            </div>
            <EvalTrend route={route} />
            <Cases onMark={reload} report={report} route={route} />
          </>
        )}
    </Main>
  )
}

export default EvalView
