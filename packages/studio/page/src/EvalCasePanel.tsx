/** A case of an eval run: its input, the outcomes of its checks and both outputs. */
import type { CaseVerdict, EvalReport, Trial } from "@effect-noukai/eval/EvalReport"
import { digitsAt, digitsOf, digitsWithin, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import { type ReactNode, useMemo } from "react"
import type { EvalCaseDetail } from "./api.js"
import { Changes, MarkedText } from "./Diff.js"
import { sides } from "./evalWords.js"
import { costText, exactCost, millis, oneLine, shortId } from "./format.js"
import { JsonTree } from "./JsonTree.js"
import { Failure, Link, Status, Text, Wait } from "./parts.js"
import { useRead } from "./reads.js"
import { type EvalRoute, runRoute } from "./route.js"

/** The most changes that the server sends. */
const mostChanges = 100

/** A case with both outputs. */
export const CasePanel = ({ caseKey, report, route }: {
  readonly caseKey: string
  readonly report: EvalReport
  readonly route: EvalRoute
}): ReactNode => {
  const { data, error, isOld, reload } = useRead("evals.case", {
    ledger: route.ledger,
    eval: route.eval,
    run: route.run,
    key: caseKey
  })
  if (data === undefined || isOld) {
    return error === undefined
      ? <Wait kind="lines" what="the case" />
      : <Failure title={error.status === 404 ? "There is no such case" : "The case could not be read"} error={error} onRetry={reload} />
  }
  return <CaseBody detail={data} report={report} />
}

/** The outcome of a check in a trial of one side. */
const OutcomeCell = ({ of }: { readonly of: { readonly verdict: string; readonly reason: string; readonly score?: number } | undefined }): ReactNode =>
  of === undefined
    ? <td className="muted">–</td>
    : (
      <td className="wrapped">
        <span className="outcome"><Status status={of.verdict} />{of.score !== undefined && <small>{of.score.toFixed(2)}</small>}</span>
        {of.reason !== "" && <span className="outcome-reason muted"><Text value={of.reason.slice(0, 1_000)} /></span>}
      </td>
    )

/** The outcomes of all checks, by trial if there are several. */
const Outcomes = ({ names, of }: { readonly names: ReturnType<typeof sides>; readonly of: CaseVerdict }): ReactNode => {
  const isMany = of.candidate.length > 1
  const mean = of.mean === undefined ? [] : [["weighted mean", of.mean] as const]
  const rows = [...Object.entries(of.checks), ...mean].flatMap(([check, verdict]) =>
    isMany && verdict !== of.mean
      ? of.candidate.map((trial, nth) => ({
        check,
        verdict: nth === 0 ? verdict : undefined,
        trial: trial.trial,
        candidate: trial.outcomes[check],
        baseline: of.baseline?.[nth]?.outcomes[check]
      }))
      : [{ check, verdict, trial: 1, candidate: verdict.candidate, baseline: verdict.baseline }]
  )
  const hasBaseline = Object.values(of.checks).some(({ baseline }) => baseline !== undefined)
  return (
    <section className="scrolled outcomes" data-keys="own" tabIndex={0} aria-label="Outcomes of the checks">
      <table className="plain">
        <thead>
          <tr>
            <th scope="col">Check</th>
            {isMany && <th scope="col" className="number">Trial</th>}
            {hasBaseline && <th scope="col"><Text value={names.baseline} /> <small>baseline</small></th>}
            <th scope="col"><Text value={names.candidate} /> <small>candidate</small></th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ baseline, candidate, check, trial, verdict }) => (
            <tr key={`${check} ${trial}`}>
              <th scope="row">
                {verdict === undefined
                  ? <span className="offscreen"><Text value={check} /></span>
                  : <><Text value={check} /><Status status={verdict.verdict} /></>}
              </th>
              {isMany && <td className="number">{trial}</td>}
              {hasBaseline && <OutcomeCell of={baseline} />}
              <OutcomeCell of={candidate} />
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

const TrialFacts = ({ flow, trial }: { readonly flow: string; readonly trial: Trial }): ReactNode => (
  <p className="trial-facts muted">
    {trial.executionId !== undefined && (
      <Link className="mono" title={oneLine(`Run ${trial.executionId}`)} to={runRoute({ flow, id: trial.executionId })}><Text value={shortId(trial.executionId)} /></Link>
    )}
    {trial.durationMs !== undefined && <span>{millis(trial.durationMs)}</span>}
    {trial.attemptsCostUsd !== undefined && (
      <span>{costText({ costUsd: trial.attemptsCostUsd, unknownCosts: trial.isAttemptsCostUnknown ? 1 : 0 }, exactCost) ?? "cost unknown"}</span>
    )}
  </p>
)

/** The output of a trial, or why there is none. */
const Output = ({ flow, label, name, parts, side, trial }: {
  readonly flow: string
  readonly label: string
  readonly name: string
  readonly parts: EvalCaseDetail["differences"][number]["parts"]
  readonly side: "before" | "after"
  readonly trial: Trial
}): ReactNode => {
  const { result } = trial
  const text = useMemo(
    () => parts === undefined && result !== undefined ? stringifyJson(result, digitsAt(digitsOf(trial), "result")) : undefined,
    [parts, result, trial]
  )
  return (
    <section className="payload" aria-label={label}>
      <h4><Text value={name} /><small>{side === "before" ? "baseline" : "candidate"}</small></h4>
      <TrialFacts flow={flow} trial={trial} />
      {trial.state !== "done"
        ? (
          <p className="error-message">
            <strong><Text value={trial.error?.code ?? trial.error?.kind ?? trial.state} /></strong> <Text value={(trial.error?.message ?? "It has no result.").slice(0, 2_000)} />
          </p>
        )
        : parts !== undefined
        ? <MarkedText label={label} parts={parts} side={side} />
        : text === undefined
        ? <p className="muted payload-none">None</p>
        : <JsonTree text={text} label={label} />}
    </section>
  )
}

const CaseBody = ({ detail, report }: { readonly detail: EvalCaseDetail; readonly report: EvalReport }): ReactNode => {
  const { case: of, differences } = detail
  const names = sides(report)
  const isMany = of.candidate.length > 1
  return (
    <div className="case-body">
      <p className="muted case-at">Read from <Text value={of.at} /></p>
      <section className="payload" aria-label="Input">
        <h4>Input</h4>
        <JsonTree text={stringifyJson(of.input, digitsWithin(of.input))} label="Input of the case" />
      </section>
      <Outcomes names={names} of={of} />
      {of.candidate.map((candidate, nth) => {
        const baseline = of.baseline?.[nth]
        const difference = differences.find(({ trial }) => trial === candidate.trial)
        const parts = difference?.parts
        const isEqual = difference !== undefined &&
          (parts === undefined ? difference.changes.length === 0 : parts.every(({ kind }) => kind === "same"))
        const title = isMany ? ` of trial ${candidate.trial}` : ""
        return (
          <section key={candidate.trial} className="trial" aria-label={isMany ? `Trial ${candidate.trial}` : "Outputs"}>
            <h3>{isMany ? `Trial ${candidate.trial}` : "Outputs"}{isEqual && <span className="tag">equal</span>}</h3>
            <div className="pair">
              {baseline !== undefined && (
                <Output
                  flow={report.baseline?.flow ?? report.candidate.flow}
                  label={oneLine(`Output${title} of ${names.baseline}`)}
                  name={names.baseline}
                  parts={parts}
                  side="before"
                  trial={baseline}
                />
              )}
              <Output
                flow={report.candidate.flow}
                label={oneLine(`Output${title} of ${names.candidate}`)}
                name={names.candidate}
                parts={parts}
                side="after"
                trial={candidate}
              />
            </div>
            {difference !== undefined && difference.changes.length > 0 && (
              <Changes before={names.baseline} after={names.candidate} changes={difference.changes} label={`Differences${title}`} limit={mostChanges} />
            )}
          </section>
        )
      })}
    </div>
  )
}
