/** The choice of the runs to compare. */
import { type ReactNode, useRef, useState } from "react"
import type { Run } from "./api.js"
import { runNamed } from "./compareWords.js"
import { costText, count, exactCost, instant, millis, moment, oneLine, plural, shortId } from "./format.js"
import { useKeys } from "./keys.js"
import { Stale, Table, TextField, useRows } from "./ledgerParts.js"
import { Button, Failure, Icon, Link, Main, RunStatus, Text, Unknown, Wait } from "./parts.js"
import { useRead, useStream, useWhenChanged } from "./reads.js"
import { type CompareRoute, compareRoute, type RunName, runRoute } from "./route.js"
import { isEnded, lastList, navigate } from "./store.js"

/** The number of runs that are listed at first, and that are added. */
const many = 50

/** The time between two reads while runs change, in milliseconds. */
const often = 500

const columns = ["Status", "Flow", "Run", "Version", "Started", "Duration", "Cost"]

/** The comparison of two runs: the older one is the first. */
const pairOf = (first: RunName & Partial<Run>, second: RunName & Partial<Run>): CompareRoute =>
  first.startedAt !== undefined && second.startedAt !== undefined && second.startedAt < first.startedAt
    ? compareRoute({ before: second, after: first })
    : compareRoute({ before: first, after: second })

const isSame = (one: RunName, other: RunName): boolean => one.flow === other.flow && one.id === other.id

const Candidate = ({ run, to }: { readonly run: Run; readonly to: CompareRoute }): ReactNode => (
  <div data-row="">
    <div role="row" className="lrow">
      <span role="cell" className="c-status"><RunStatus run={run} /></span>
      <span role="cell" className="c-main">
        <Link className="row-link" label={oneLine(`${run.flow}, run ${run.id}, ${run.status}`)} title={oneLine(run.flow)} to={to}>
          <bdi className="strong">{oneLine(run.flow)}</bdi>
        </Link>
      </span>
      <span role="cell" className="c-run mono" title={oneLine(run.id)}><Text value={shortId(run.id)} /></span>
      <span role="cell" className="c-version">{run.version === undefined ? <Unknown /> : <span className="tag"><Text value={run.version} /></span>}</span>
      <span role="cell" className="c-time" title={run.startedAt === undefined ? undefined : instant(run.startedAt)}>
        {run.startedAt === undefined ? <Unknown /> : moment(run.startedAt)}
      </span>
      <span role="cell" className="c-duration">{run.durationMs === undefined || !isEnded(run) ? <Unknown /> : millis(run.durationMs)}</span>
      <span role="cell" className="c-cost" title={costText(run, exactCost)}>
        {costText(run) ?? <Unknown />}
      </span>
    </div>
  </div>
)

/** A run that the reader pastes. */
const Paste = ({ flow, onChoose }: {
  readonly flow: string | undefined
  readonly onChoose: (run: RunName) => void
}): ReactNode => {
  const field = useRef<HTMLInputElement>(null)
  const [problem, setProblem] = useState("")
  return (
    <form
      className="choose-form"
      aria-label="A run by its name"
      onSubmit={(event) => {
        event.preventDefault()
        const run = runNamed(field.current?.value ?? "", flow)
        if (run === undefined) setProblem("Enter a run as org/project/flow/id, or the address of its page.")
        else onChoose(run)
      }}
    >
      <label className="field">
        <span>Or paste a run</span>
        <input
          ref={field}
          className="mono"
          aria-invalid={problem !== ""}
          aria-describedby="choose-problem"
          placeholder="org/project/flow/id"
          spellCheck={false}
          autoComplete="off"
          onChange={() => setProblem("")}
        />
      </label>
      <button type="submit" className="button button-plain">{flow === undefined ? "Choose" : "Compare"}</button>
      <p id="choose-problem" role="alert" className="form-problem">{problem}</p>
    </form>
  )
}

export const Chooser = ({ first, route }: {
  /** The run that is chosen already. */
  readonly first: RunName | undefined
  readonly route: CompareRoute
}): ReactNode => {
  const list = useRef<HTMLDivElement>(null)
  const [limit, setLimit] = useState(many)
  const isAll = first === undefined || route.show === "all"
  const filter = { ofFlow: isAll ? undefined : first.flow, text: route.find === "" ? undefined : route.find }
  const { data, error, isOld, reload } = useRead("runs.list", { ...filter, offset: 0, limit })
  // its start decides which of the two is the first
  const found = useRead("runs.list", first === undefined ? undefined : { text: first.id, offset: 0, limit: 5 }).data?.runs
  const chosen = first && (found?.find((run) => isSame(run, first)) ?? first)
  const [changes, setChanges] = useState(0)
  useStream("runs.changes", filter, { change: () => setChanges((changes) => changes + 1) })
  useWhenChanged(changes, often, reload)
  useRows(list, String(limit), undefined, data !== undefined && !isOld)
  useKeys({ Escape: () => navigate(first === undefined ? lastList() : runRoute(first)) })
  const runs = (data?.runs ?? []).filter((run) => first === undefined || !isSame(run, first))
  const choose = (run: RunName & Partial<Run>): CompareRoute => chosen === undefined ? compareRoute({ before: run }) : pairOf(chosen, run)
  const back = first === undefined ? lastList() : runRoute(first)
  return (
    <Main className="ledger compare">
      <div className="run-head">
        <div className="run-title">
          <nav aria-label="Breadcrumb" className="crumb"><Link to={back}><Icon name="left" /> {first === undefined ? "Runs" : "Run"}</Link></nav>
          <h1>{first === undefined ? "Compare two runs" : "Compare with another run"}</h1>
        </div>
        <p className="muted">
          {first === undefined
            ? "Choose the first run, then the second one."
            : <>Choose the run to compare with <Text value={first.id} /> of <Text value={first.flow} />. The older one is the first.</>}
        </p>
        <div className="choose-form">
          <TextField label="Search" placeholder="Any text of a run" value={route.find} onApply={(find) => navigate({ ...route, find }, { replace: true })} />
          {first !== undefined && (
            <Button pressed={route.show === "all"} onClick={() => navigate({ ...route, show: isAll ? undefined : "all" }, { replace: true })}>All flows</Button>
          )}
          <Paste flow={first?.flow} onChoose={(run) => navigate(choose(run))} />
        </div>
        {data !== undefined && <Stale error={error} onRetry={reload} />}
      </div>
      {data === undefined
        ? error === undefined
          ? <Wait what="the runs" />
          : <Failure title="The runs could not be read" error={error} onRetry={reload} />
        : runs.length === 0
        ? (
          <section className="blank">
            <h2>{route.find !== "" ? "No run matches" : first === undefined ? "No runs yet" : "No other run"}</h2>
            <p className="muted">
              {route.find !== ""
                ? "Search for another text."
                : first === undefined
                ? "Run a flow twice, then compare the runs."
                : isAll ? "Run a flow again, then compare the runs." : "Run the flow again, or choose a run of another flow."}
            </p>
            {!isAll && <div className="blank-actions"><Button kind="primary" onClick={() => navigate({ ...route, show: "all" }, { replace: true })}>Show the runs of all flows</Button></div>}
          </section>
        )
        : (
          <Table columns={columns} isOld={isOld} kind="choose" label="Runs, newest first" list={list} rowCount={data.total + 1}>
            {runs.map((run) => <Candidate key={JSON.stringify([run.flow, run.id])} run={run} to={choose(run)} />)}
          </Table>
        )}
      {data !== undefined && data.total > limit && limit < 500 && (
        <p className="more"><Button kind="quiet" onClick={() => setLimit(limit + many)}>Show more of {plural(data.total, "run")}</Button></p>
      )}
      {data !== undefined && data.total > limit && limit >= 500 && <p className="more muted">{count(data.total - limit)} older runs: search for them.</p>}
    </Main>
  )
}
