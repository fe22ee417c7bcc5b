/** The search in the errors and payloads of all runs. */
import { type ReactNode, useRef, useState } from "react"
import type { FindState, FoundRun, ReadError } from "./api.js"
import { bytes, count, instant, moment, oneLine, plural } from "./format.js"
import { Excerpt } from "./Hits.js"
import { useKeys } from "./keys.js"
import { TextField, useRows } from "./ledgerParts.js"
import { Button, Failure, Icon, Link, Main, Status, Text, Wait } from "./parts.js"
import { presence, useRead, useRefresh, useStream } from "./reads.js"
import { type FindRoute, runRoute } from "./route.js"
import { lastList, navigate, sent } from "./store.js"

/** The time between two reads while runs are added, in milliseconds. */
const often = 2_000

/** Asks for the search, which keeps texts from then on. */
const Begin = ({ onBegin, state }: { readonly onBegin: () => void; readonly state: FindState }): ReactNode => {
  const [isSending, setSending] = useState(false)
  const [error, setError] = useState<ReadError>()
  const begin = async (): Promise<void> => {
    setSending(true)
    const failure = await sent("find.begin")
    setError(failure)
    setSending(false)
    if (failure === undefined) onBegin()
  }
  if (error !== undefined) return <Failure title="The search could not be switched on" error={error} onRetry={() => void begin()} />
  return (
    <section className="blank">
      <h2>Search errors and payloads of all runs?</h2>
      <p className="muted">
        The studio then keeps the texts of your runs on this machine, in <code><Text value={state.file} /></code>: without keys, readable by
        you alone, for {state.mostDays} days and up to {bytes(state.mostBytes)}. It reads each listed run once, which costs nothing.{" "}
        <code>noukai studio --forget</code> deletes the file.
      </p>
      <div className="blank-actions">
        <Button kind="primary" disabled={isSending} onClick={() => void begin()}>Keep texts and search</Button>
      </div>
    </section>
  )
}

const Row = ({ find, found: { hit, places, run } }: { readonly find: string; readonly found: FoundRun }): ReactNode => (
  <div data-row="" role="row" className="lrow">
    <span role="cell" className="c-status"><Status status={run.status} /></span>
    <span role="cell" className="c-main">
      <Link
        className="row-link"
        label={oneLine(`${run.flow}, run ${run.id}, ${run.status}`)}
        title={oneLine(`${run.flow}, run ${run.id}`)}
        to={{ ...runRoute(run), find, step: hit.stepId, loop: hit.loopIndex, attempt: hit.attempt === 1 ? undefined : hit.attempt }}
      >
        <Text value={run.flow} />
      </Link>
    </span>
    <span role="cell" className="c-place"><Text value={hit.stepId} /> <span className="tag">{hit.where}</span></span>
    <span role="cell" className="c-excerpt" title={oneLine(hit.excerpt)}><Excerpt excerpt={hit.excerpt} find={find} /></span>
    <span role="cell" className="c-no">{count(places)}</span>
    <span role="cell" className="c-time" title={run.startedAt === undefined ? undefined : instant(run.startedAt)}>
      {run.startedAt === undefined ? "" : moment(run.startedAt)}
    </span>
  </div>
)

const columns = ["Status", "Flow", "Step", "Text", "Places", "Started"]

const kept = ({ runs, sizeBytes, waiting }: FindState): string =>
  `${plural(runs, "run")} kept, ${bytes(sizeBytes)}${waiting === 0 ? "" : `; ${plural(waiting, "run")} to read`}`

const FindView = ({ route }: { readonly route: FindRoute }): ReactNode => {
  const list = useRef<HTMLDivElement>(null)
  const { data, error, isOld, reload } = useRead("find.find", { text: route.text })
  useStream(presence.name, presence.params, {})
  useRefresh(reload, data?.state.isOn === true && data.state.waiting > 0 ? often : undefined)
  useKeys({ Escape: () => navigate(lastList()) })
  useRows(list, route.text, undefined, data !== undefined && !isOld)
  const isSought = [...route.text].length >= 3
  return (
    <Main className="ledger find">
      <div className="runs-head">
        <nav aria-label="Breadcrumb" className="crumb"><Link to={lastList()}><Icon name="left" /> Runs</Link></nav>
        <div className="runs-bar">
          <h1>Search all runs</h1>
          {data?.state.isOn === true && (
            <>
              <TextField
                label="Text"
                placeholder="At least 3 characters of an error or a payload"
                value={route.text}
                onApply={(text) => navigate({ ...route, text }, { replace: true })}
              />
              <span className="muted" role="status">{kept(data.state)}</span>
            </>
          )}
        </div>
      </div>
      {error !== undefined
        ? <Failure title="The runs could not be searched" error={error} onRetry={reload} />
        : data === undefined
        ? <Wait what="the index" />
        : !data.state.isOn
        ? <Begin state={data.state} onBegin={reload} />
        : !isSought
        ? <section className="blank"><p className="muted">Enter at least 3 characters. Upper and lower case are the same.</p></section>
        : data.runs.length === 0
        ? (
          <section className="blank" role="status">
            <h2>{isOld ? "Searching…" : "No run has this text"}</h2>
            {data.state.waiting > 0 && <p className="muted">Runs are still being read. The list grows by itself.</p>}
          </section>
        )
        : (
          <div ref={list} className={isOld ? "is-old" : undefined}>
            <div className="lrows lrows-find" role="table" aria-label="Runs with the text, newest first" aria-busy={isOld}>
              <div role="rowgroup" className="lhead">
                <div role="row" className="lrow">{columns.map((name) => <span key={name} role="columnheader">{name}</span>)}</div>
              </div>
              <div role="rowgroup">{data.runs.map((one) => <Row key={`${one.run.flow} ${one.run.id}`} find={route.text} found={one} />)}</div>
            </div>
            {data.isCut && <p className="more muted">More runs have this text. Enter more of it.</p>}
          </div>
        )}
    </Main>
  )
}

export default FindView
