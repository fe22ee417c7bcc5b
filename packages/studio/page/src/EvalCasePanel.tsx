/** A case of an eval run: its input, the outcomes of its checks and both outputs. */
import type { CaseVerdict, EvalReport, Trial } from "@effect-noukai/eval/EvalReport"
import { digitsAt, digitsOf, digitsWithin, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import { type ReactNode, useMemo, useState } from "react"
import type { EvalCaseDetail, NewMark, ReadError } from "./api.js"
import { Changes, MarkedText } from "./Diff.js"
import { sides } from "./evalWords.js"
import { costText, exactCost, millis, oneLine, shortId } from "./format.js"
import { JsonTree } from "./JsonTree.js"
import { Button, Failure, Link, Status, Text, Wait } from "./parts.js"
import { useRead } from "./reads.js"
import { type EvalRoute, runRoute } from "./route.js"
import { sent } from "./store.js"

/** The most changes that the server sends. */
const mostChanges = 100

/** The address of a run, with its candidate. */
export const addressOf = ({ eval: name, ledger, run, side }: EvalRoute) => ({
  ledger,
  eval: name,
  run,
  candidate: side === 0 ? undefined : side
})

/** A case with both outputs. `onMark` is called when the reader has marked one of them. */
export const CasePanel = ({ caseKey, onMark, report, route }: {
  readonly caseKey: string
  readonly onMark: () => void
  readonly report: EvalReport
  readonly route: EvalRoute
}): ReactNode => {
  const { data, error, isOld, reload } = useRead("evals.case", { ...addressOf(route), key: caseKey })
  const marked = (): void => {
    reload()
    onMark()
  }
  if (data === undefined || isOld) {
    return error === undefined
      ? <Wait kind="lines" what="the case" />
      : <Failure title={error.status === 404 ? "There is no such case" : "The case could not be read"} error={error} onRetry={reload} />
  }
  return <CaseBody detail={data} onMark={marked} report={report} route={route} />
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

/** The mark of a person on an output, and the buttons that set it and take it back. */
const Marking = ({ onMark, place, trial }: {
  readonly onMark: () => void
  readonly place: Omit<NewMark, "reason" | "trial" | "verdict">
  readonly trial: Trial
}): ReactNode => {
  const of = trial.outcomes["human"]
  const current = of === undefined ? undefined : of.verdict === "pass" ? "good" : "bad"
  const given = of === undefined || of.reason === `a person marked it as ${current}` ? "" : of.reason
  const [reason, setReason] = useState(given)
  const [error, setError] = useState<ReadError>()
  const mark = async (verdict: "good" | "bad"): Promise<void> => {
    const isTaken = verdict === current && reason === given
    const failure = await sent("evals.mark", {
      ...place,
      trial: trial.trial,
      verdict: isTaken ? "none" : verdict,
      ...reason !== "" && { reason }
    })
    setError(failure)
    if (failure === undefined) onMark()
  }
  return (
    <div className="marking">
      <Button pressed={current === "good"} onClick={() => void mark("good")}>Good</Button>
      <Button pressed={current === "bad"} onClick={() => void mark("bad")}>Bad</Button>
      <input aria-label="Reason" maxLength={500} placeholder="Reason" value={reason} onChange={({ target }) => setReason(target.value)} />
      {error !== undefined && <p className="error-message" role="alert"><Text value={error.message} /></p>}
    </div>
  )
}

/** The output of a trial, or why there is none. */
const Output = ({ flow, label, marking, name, parts, side, trial }: {
  readonly flow: string
  readonly label: string
  readonly marking: Omit<Parameters<typeof Marking>[0], "trial">
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
      {trial.state === "done" && <Marking {...marking} trial={trial} />}
    </section>
  )
}

const CaseBody = ({ detail, onMark, report, route }: {
  readonly detail: EvalCaseDetail
  readonly onMark: () => void
  readonly report: EvalReport
  readonly route: EvalRoute
}): ReactNode => {
  const { case: of, differences } = detail
  const names = sides(report)
  const isMany = of.candidate.length > 1
  const marking = (side: NewMark["side"]) => ({ onMark, place: { ...addressOf(route), key: of.key, side } })
  return (
    <div className="case-body">
      <p className="muted case-at">Read from <Text value={of.at} /></p>
      <section className="payload" aria-label="Input">
        <h3>Input</h3>
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
                  marking={marking("baseline")}
                  name={names.baseline}
                  parts={parts}
                  side="before"
                  trial={baseline}
                />
              )}
              <Output
                flow={report.candidate.flow}
                label={oneLine(`Output${title} of ${names.candidate}`)}
                marking={marking("candidate")}
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
