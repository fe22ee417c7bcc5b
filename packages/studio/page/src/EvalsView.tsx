/** The eval runs of all ledgers, newest first. */
import { type ReactNode, useRef, useState } from "react"
import type { EvalSummary } from "./api.js"
import { sides } from "./evalWords.js"
import { count, instant, moment, oneLine, plural } from "./format.js"
import { Command, ListFailure, Problems, Stale, useRows } from "./ledgerParts.js"
import { Button, Link, Main, Status, Text } from "./parts.js"
import { presence, useRead, useRefresh, useStream } from "./reads.js"
import { evalRoute } from "./route.js"

const columns = ["Status", "Eval", "Flow", "Compared", "Cases", "Definition", "Started"]

/** How many runs are shown at once. */
const many = 200

const Row = ({ run }: { readonly run: EvalSummary }): ReactNode => {
  const { baseline, candidate } = sides(run)
  return (
    <div role="row" className="lrow" data-row="">
      <span role="cell" className="c-status"><Status status={run.isComplete ? "completed" : "incomplete"} /></span>
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
      <span role="cell" className="c-cases">{plural(run.cases, "case")}{run.repeat > 1 && <small> × {run.repeat}</small>}</span>
      <span role="cell" className="c-definition muted" title={run.definition && oneLine(run.definition)}>
        {run.definition === undefined ? "no definition" : <Text value={run.definition} />}
      </span>
      <span role="cell" className="c-time" title={instant(run.startedAt)}>{moment(run.startedAt)}</span>
    </div>
  )
}

const EvalsView = (): ReactNode => {
  const { data, error, reload } = useRead("evals", {})
  const list = useRef<HTMLDivElement>(null)
  const [most, setMost] = useState(many)
  useStream(presence.path, presence.params, {})
  useRefresh(reload, data?.runs.some(({ isComplete }) => !isComplete) === true ? 5_000 : 10_000)
  useRows(list, "", undefined, data !== undefined)
  return (
    <Main className="ledger">
      <div className="runs-head">
        <div className="title">
          <h1>Evals</h1>
          <span className="muted">{data === undefined ? "" : count(data.runs.length)}</span>
        </div>
        {data !== undefined && <Problems problems={data.problems} />}
      </div>
      {data !== undefined && <Stale error={error} onRetry={reload} />}
      {data === undefined
        ? error === undefined
          ? <p className="blank muted" role="status">Reading the eval runs…</p>
          : <ListFailure error={error} onRetry={reload} what="eval runs" />
        : data.runs.length === 0
        ? (
          <section className="blank">
            <h2>No eval runs yet</h2>
            <p className="muted">
              No ledger with an eval run is in <Text value={data.searched.join(", ") || "the folder"} />. A run appears here when it has begun.
            </p>
            <Command command="noukai eval run spelling.eval.yaml" />
          </section>
        )
        : (
          <div ref={list}>
            <div className="lrows lrows-evals" role="table" aria-label="Eval runs, newest first" aria-rowcount={data.runs.length + 1}>
              <div role="rowgroup" className="lhead">
                <div role="row" className="lrow">{columns.map((name) => <span key={name} role="columnheader">{name}</span>)}</div>
              </div>
              <div role="rowgroup">
                {data.runs.slice(0, most).map((run) => <Row key={JSON.stringify([run.ledger, run.eval, run.run])} run={run} />)}
              </div>
            </div>
            {data.runs.length > most && (
              <p className="more">
                <Button kind="quiet" onClick={() => setMost(most + many)}>Show more of {count(data.runs.length)}</Button>
              </p>
            )}
          </div>
        )}
    </Main>
  )
}

export default EvalsView
