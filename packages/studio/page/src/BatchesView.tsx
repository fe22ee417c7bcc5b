/** The batches of all ledgers, newest first. */
import type { ReactNode } from "react"
import type { BatchSummary } from "./api.js"
import { costText, count, exactCost, instant, moment, oneLine, percent } from "./format.js"
import { LedgerList } from "./ledgerParts.js"
import { Link, Status, Text, Unknown } from "./parts.js"
import { presence, useRead, useRefresh, useStream } from "./reads.js"
import { batchRoute } from "./route.js"

const columns = ["Status", "Batch", "Flow", "Settled", "Failed", "In doubt", "Cost", "Created"]

const Row = ({ batch }: { readonly batch: BatchSummary }): ReactNode => {
  const { createdAt, doubtful, failed, flow, ledger, rows, settled, status, version } = batch
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
      <span role="cell" className="c-cost" title={costText(batch, exactCost)}>
        {costText(batch) ?? <Unknown />}
      </span>
      <span role="cell" className="c-time" title={instant(createdAt)}>{moment(createdAt)}</span>
    </div>
  )
}

const BatchesView = (): ReactNode => {
  const { data, error, reload } = useRead("batches.batches", {})
  useStream(presence.name, presence.params, {})
  // a batch that begins is waited for
  const isWaiting = data?.batches.length === 0 || data?.batches.some(({ status }) => status === "running") === true
  useRefresh(reload, isWaiting ? 2_000 : 10_000)
  return (
    <LedgerList
      title="Batches"
      what="batches"
      one="a batch"
      kind="batches"
      columns={columns}
      command="noukai batch run grades org/project/flow --input essays.jsonl --key id"
      error={error}
      onRetry={reload}
      problems={data?.problems}
      searched={data?.searched}
      items={data?.batches}
      item={(batch) => <Row key={JSON.stringify([batch.ledger, batch.batch])} batch={batch} />}
    />
  )
}

export default BatchesView
