/** The eval runs of all ledgers, newest first. */
import type { ReactNode } from "react"
import type { EvalSummary } from "./api.js"
import { sides, statusOf } from "./evalWords.js"
import { instant, moment, oneLine, percent, plural } from "./format.js"
import { LedgerList } from "./ledgerParts.js"
import { Link, Status, Text } from "./parts.js"
import { presence, useRead, useRefresh, useStream } from "./reads.js"
import { evalRoute } from "./route.js"

const columns = ["Status", "Eval", "Flow", "Compared", "Cases", "Definition", "Started"]

const Row = ({ run }: { readonly run: EvalSummary }): ReactNode => {
  const { baseline, candidate } = sides(run)
  return (
    <div role="row" className="lrow" data-row="">
      <span role="cell" className="c-status"><Status status={statusOf(run)} /></span>
      <span role="cell" className="c-main">
        <Link className="row-link strong" to={evalRoute(run)} label={oneLine(`Eval ${run.eval}, run ${run.run} of ${run.ledger}`)}>
          <Text value={run.eval} />
        </Link>
        <small title={oneLine(`${run.run} in ${run.ledger}`)}><Text value={run.run} /> in <Text value={run.ledger} /></small>
      </span>
      <span role="cell" className="c-flow" title={oneLine(run.candidate.flow)}><span className="c-flow-name"><Text value={run.candidate.flow} /></span></span>
      <span role="cell" className="c-sides">
        <span className="tag"><Text value={candidate} /></span>
        {run.baseline === undefined
          ? <small>no baseline</small>
          : <><small>against</small> <span className="tag"><Text value={baseline} /></span></>}
      </span>
      <span role="cell" className="c-cases">{run.of !== undefined && `${run.cases} of `}{plural(run.of ?? run.cases, "case")}{run.repeat > 1 && <small> × {run.repeat}</small>}
        {run.counts !== undefined && run.counts.of > 0 && <small title={`${run.counts.passed} of ${run.counts.of} pass`}> {percent(run.counts.passed / run.counts.of)} pass</small>}
      </span>
      <span role="cell" className="c-definition muted" title={run.definition && oneLine(run.definition)}>
        {run.definition === undefined ? "no definition" : <Text value={run.definition} />}
      </span>
      <span role="cell" className="c-time" title={instant(run.startedAt)}>{moment(run.startedAt)}</span>
    </div>
  )
}

const EvalsView = (): ReactNode => {
  const { data, error, reload } = useRead("evals.evals", {})
  useStream(presence.name, presence.params, {})
  useRefresh(reload, data?.runs.some(({ isComplete }) => !isComplete) === true ? 5_000 : 10_000)
  return (
    <LedgerList
      title="Evals"
      what="eval runs"
      one="an eval run"
      kind="evals"
      columns={columns}
      command="noukai eval run spelling.eval.yaml"
      error={error}
      onRetry={reload}
      problems={data?.problems}
      searched={data?.searched}
      items={data?.runs}
      item={(run) => <Row key={JSON.stringify([run.ledger, run.eval, run.run])} run={run} />}
    />
  )
}

export default EvalsView
