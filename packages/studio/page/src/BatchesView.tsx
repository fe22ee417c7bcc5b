/** The batches of all ledgers, newest first. */
import { type ReactNode, useRef, useState } from "react"
import type { BatchSummary } from "./api.js"
import { cost, count, instant, moment, oneLine, percent } from "./format.js"
import { Command, ListFailure, Problems, Stale, useRows } from "./ledgerParts.js"
import { Button, Link, Main, Status, Text, Unknown } from "./parts.js"
import { presence, useRead, useRefresh, useStream } from "./reads.js"
import { batchRoute } from "./route.js"

const columns = ["Status", "Batch", "Flow", "Settled", "Failed", "In doubt", "Cost", "Created"]

/** How many batches are shown at once. */
const many = 200

const Row = ({ batch }: { readonly batch: BatchSummary }): ReactNode => {
  const { costUsd, createdAt, doubtful, failed, flow, ledger, rows, settled, status, version } = batch
  const share = rows === 0 ? 0 : settled / rows
  return (
    <div role="row" className="lrow" data-row="">
      <span role="cell" className="c-status"><Status status={status} /></span>
      <span role="cell" className="c-main">
        <Link
          className="row-link strong"
          to={batchRoute(batch)}
          label={oneLine(`Batch ${batch.batch} of ${ledger}, ${status}`)}
        >
          <Text value={batch.batch} />
        </Link>
        <small title={oneLine(ledger)}><Text value={ledger} /></small>
      </span>
      <span role="cell" className="c-flow" title={oneLine(flow)}>
        <span className="c-flow-name"><Text value={flow} /></span>
        <span className="tag" title="Version"><Text value={version} /></span>
      </span>
      <span role="cell" className="c-progress">
        <span className="meter" aria-hidden="true"><span className={batch.isClean ? "" : "is-open"} style={{ width: `${100 * share}%` }} /></span>
        <span className="c-progress-text">{count(settled)} of {count(rows)}<span className="offscreen"> rows, {percent(share)}</span></span>
      </span>
      <span role="cell" className={failed > 0 ? "c-failed bad" : "c-failed muted"}><i>Failed </i>{count(failed)}</span>
      <span role="cell" className={doubtful > 0 ? "c-doubt bad" : "c-doubt muted"}><i>In doubt </i>{count(doubtful)}</span>
      <span role="cell" className="c-cost" title={costUsd === undefined ? undefined : `$${costUsd}`}>
        {costUsd === undefined ? <Unknown /> : cost(costUsd)}
      </span>
      <span role="cell" className="c-time" title={instant(createdAt)}>{moment(createdAt)}</span>
    </div>
  )
}

const BatchesView = (): ReactNode => {
  const { data, error, reload } = useRead("batches", {})
  const list = useRef<HTMLDivElement>(null)
  const [most, setMost] = useState(many)
  useStream(presence.path, presence.params, {})
  // a batch that begins is waited for
  const isWaiting = data?.batches.length === 0 || data?.batches.some(({ status }) => status === "running") === true
  useRefresh(reload, isWaiting ? 2_000 : 10_000)
  useRows(list, "", undefined, data !== undefined)
  return (
    <Main className="ledger">
      <div className="runs-head">
        <div className="title">
          <h1>Batches</h1>
          <span className="muted">{data === undefined ? "" : count(data.batches.length)}</span>
        </div>
        {data !== undefined && <Problems problems={data.problems} />}
      </div>
      {data !== undefined && <Stale error={error} onRetry={reload} />}
      {data === undefined
        ? error === undefined
          ? <p className="blank muted" role="status">Reading the batches…</p>
          : <ListFailure error={error} onRetry={reload} what="batches" />
        : data.batches.length === 0
        ? (
          <section className="blank">
            <h2>No batches yet</h2>
            <p className="muted">
              No ledger with a batch is in <Text value={data.searched.join(", ") || "the folder"} />. A batch appears here when it has begun.
            </p>
            <Command command="noukai batch run grades org/project/flow --input essays.jsonl --key id" />
          </section>
        )
        : (
          <div ref={list}>
            <div className="lrows lrows-batches" role="table" aria-label="Batches, newest first" aria-rowcount={data.batches.length + 1}>
              <div role="rowgroup" className="lhead">
                <div role="row" className="lrow">
                  {columns.map((name) => <span key={name} role="columnheader">{name}</span>)}
                </div>
              </div>
              <div role="rowgroup">
                {data.batches.slice(0, most).map((batch) => <Row key={JSON.stringify([batch.ledger, batch.batch])} batch={batch} />)}
              </div>
            </div>
            {data.batches.length > most && (
              <p className="more">
                <Button kind="quiet" onClick={() => setMost(most + many)}>Show more of {count(data.batches.length)}</Button>
              </p>
            )}
          </div>
        )}
    </Main>
  )
}

export default BatchesView
