/** A run: what its steps did, and when. */
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react"
import { addressOf, type RunDetail, type Snippets } from "./api.js"
import { FailureFacts } from "./FailureFacts.js"
import { costText, count, exactCost, instant, millis, moment, oneLine, percent, plural, shortId } from "./format.js"
import { useClock, useKeys } from "./keys.js"
import { Button, Fact, Failure, Icon, Link, Main, Menu, Notes, RunStatus, Text, Unknown, Wait } from "./parts.js"
import { Panes } from "./Panes.js"
import { againRoute, compareRoute, hrefOf, keepRoute, type RunRoute, runsRoute, sessionRoute } from "./route.js"
import { StepPanel } from "./StepPanel.js"
import { StoppedRun } from "./StoppedRun.js"
import { copy, isEnded, isSameBar, lastList, navigate, readSnippets, type RunState, set, useApp } from "./store.js"
import { sharesOf } from "./timeline.js"
import { noStep, Waterfall } from "./Waterfall.js"

const performanceNow = (): number => performance.now()

const clocks = { server: "server's clock", watcher: "watcher's clock" } as const

const clockTitles = {
  server: "Measured by the server that ran it",
  watcher: "Measured by this studio, which saw the events later than they happened"
} as const

/** The facts of the run as a whole. */
const Facts = ({ detail, receivedAt }: { readonly detail: RunDetail; readonly receivedAt: number }): ReactNode => {
  const { run, tokens, totalMs, ageMs = totalMs, waitingMs, watched } = detail
  const isLive = !isEnded(run)
  const now = useClock(performanceNow, 1_000, isLive)
  const lasted = run.durationMs !== undefined && !isLive
    ? run.durationMs
    : isLive
    ? Math.floor((ageMs + Math.max(0, now - receivedAt)) / 1_000) * 1_000
    : totalMs
  const paused = watched?.pauses.reduce((sum, { durationMs = 0 }) => sum + durationMs, 0) ?? 0
  return (
    <dl className="facts run-facts">
      <Fact name="Duration">{isLive ? millis(lasted).replace(".00", "") : millis(lasted)}</Fact>
      <Fact name="Cost">
        {costText(run, exactCost) ?? <Unknown />}
      </Fact>
      <Fact name="Tokens">{count(tokens)}</Fact>
      <Fact name="Started">
        {run.startedAt === undefined
          ? <Unknown />
          : <span title={instant(run.startedAt)}>{moment(run.startedAt)}</span>}
      </Fact>
      <Fact name="Trigger">{run.trigger === undefined ? <Unknown /> : <Text value={run.trigger} />}</Fact>
      {run.version !== undefined && <Fact name="Version"><Text value={run.version} /></Fact>}
      {run.sessionId !== undefined && (
        <Fact name="Session">
          <Link to={sessionRoute(run.sessionId)} title={oneLine(`Session ${run.sessionId}`)}><Text value={shortId(run.sessionId)} /></Link>
        </Fact>
      )}
      {isLive && run.waitsSince !== undefined && (
        <Fact name="Waits for its caller"><span title={instant(run.waitsSince)}>since {moment(run.waitsSince)}</span></Fact>
      )}
      {waitingMs > 0 && <Fact name="Waited for tools">{millis(waitingMs)}</Fact>}
      {watched?.firstOutputMs !== undefined && (
        <Fact name="First output" note={clocks[watched.clock]}>
          <span title={clockTitles[watched.clock]}>{millis(watched.firstOutputMs)}</span>
        </Fact>
      )}
      {watched !== undefined && watched.pauses.length > 0 && (
        <Fact name="Paused" note={clocks[watched.clock]}>
          <span title={clockTitles[watched.clock]}>
            {watched.pauses.some(({ durationMs }) => durationMs === undefined)
              ? `waits now${watched.pauses.length > 1 ? `, ${plural(watched.pauses.length, "pause")}` : ""}`
              : `${millis(paused)}, ${plural(watched.pauses.length, "pause")}`}
          </span>
        </Fact>
      )}
    </dl>
  )
}

/** A dialog of the browser's own: it keeps the focus, and gives it back. */
export const Dialog = ({ children, title }: { readonly children: ReactNode; readonly title: string }): ReactNode => {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog
      ref={dialog}
      aria-labelledby="dialog-title"
      onClose={() => set({ dialog: undefined })}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      <div className="dialog-body">
        <header>
          <h2 id="dialog-title">{title}</h2>
          <Button kind="icon" label="Close" onClick={() => dialog.current?.close()}><Icon name="close" /></Button>
        </header>
        {children}
      </div>
    </dialog>
  )
}

const snippetNames = [["command", "Command"], ["typescript", "TypeScript"], ["curl", "curl"]] as const

/** The run as text to run again. */
const CopyDialog = ({ route }: { readonly route: RunRoute }): ReactNode => {
  const [snippets, setSnippets] = useState<Snippets>()
  const [problem, setProblem] = useState<string>()
  const { flow, id } = route
  useEffect(() => {
    const ending = new AbortController()
    readSnippets({ flow, id }, ending.signal).then(
      setSnippets,
      (error: Error) => !ending.signal.aborted && setProblem(error.message)
    )
    return () => ending.abort()
  }, [flow, id])
  return (
    <Dialog title="The run as code">
      <p className="muted">The same flow with the same input. Each run may be billed. No text holds a key.</p>
      {problem !== undefined && <p role="alert"><Text value={problem} /></p>}
      {snippets !== undefined && <Notes notes={snippets.notes} />}
      {snippets !== undefined && snippetNames.map(([name, title]) => (
        <section key={name} className="snippet" aria-label={title}>
          <header>
            <h3>{title}</h3>
            <Button kind="quiet" label={`Copy ${title}`} onClick={() => void copy(snippets[name], title)}>Copy</Button>
          </header>
          <pre tabIndex={0}><code><Text value={snippets[name]} /></code></pre>
        </section>
      ))}
    </Dialog>
  )
}

/** The number of steps that the totals show at once. */
const manySteps = 200

/** The time and cost of each step. */
const Totals = ({ detail, route, shown }: {
  readonly detail: RunDetail
  readonly route: RunRoute
  readonly shown: string | undefined
}): ReactNode => {
  const shares = useMemo(() => sharesOf(detail), [detail])
  const [most, setMost] = useState(manySteps)
  if (detail.steps.length === 0) return <p className="muted waterfall-blank">{noStep(detail)}</p>
  return (
    <div className="totals" tabIndex={0} role="group" aria-label="Totals by step">
      <table>
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col" className="number">Attempts</th>
            <th scope="col" className="number">Time</th>
            <th scope="col" className="share-head">Share of time</th>
            <th scope="col" className="number">Tokens</th>
            <th scope="col" className="number">Cost</th>
            <th scope="col" className="share-head">Share of cost</th>
          </tr>
        </thead>
        <tbody>
          {detail.steps.slice(0, most).map((step, nth) => (
            <tr key={step.stepId} aria-current={step.stepId === shown ? "true" : undefined}>
              <th scope="row">
                <Link to={{ ...route, step: step.stepId, loop: undefined, attempt: undefined }}><Text value={step.stepId} /></Link>
              </th>
              <td className="number">{count(step.attempts)}</td>
              <td className="number">
                {millis(step.busyMs)}
                {step.waitingMs > 0 && <small>+ {millis(step.waitingMs)} waited</small>}
              </td>
              <td><Share share={shares[nth]!.time} /></td>
              <td className="number">{count(step.tokens)}</td>
              <td className="number" title={costText(step, exactCost)}>{costText(step) ?? <Unknown />}</td>
              <td><Share share={shares[nth]!.cost} /></td>
            </tr>
          ))}
        </tbody>
      </table>
      {detail.steps.length > most && (
        <Button kind="quiet" onClick={() => setMost(most + manySteps)}>
          Show {count(Math.min(manySteps, detail.steps.length - most))} more of {count(detail.steps.length)}
        </Button>
      )}
    </div>
  )
}

const Share = ({ share }: { readonly share: number }): ReactNode => (
  <span className="share">
    <span className="share-track" aria-hidden="true"><span style={{ width: `${100 * share}%` }} /></span>
    <span className="share-text">{percent(share)}</span>
  </span>
)

/** The bar that the address names; a step without more is its first bar, and a failed one comes first. */
const selectedBar = ({ bars }: RunDetail, route: RunRoute, focus: RunState["focus"]): number | undefined => {
  if (route.step === undefined) {
    const index = focus === undefined ? -1 : bars.findIndex((bar) => isSameBar(bar, focus))
    return index === -1 ? undefined : index
  }
  const attempt = route.attempt ?? 1
  const exact = bars.findIndex((bar) =>
    bar.stepId === route.step && bar.loopIndex === route.loop && bar.attempt === attempt
  )
  if (exact !== -1) return exact
  const first = bars.findIndex(({ stepId }) => stepId === route.step)
  return first === -1 ? undefined : first
}

const back = (): void => navigate(lastList())

const RunBody = ({ detail, route, run }: {
  readonly detail: RunDetail
  readonly route: RunRoute
  readonly run: RunState
}): ReactNode => {
  const dialog = useApp(({ dialog }) => dialog)
  const isLive = !isEnded(detail.run)
  const wasLive = useRef(isLive)
  const { status } = detail.run
  useEffect(() => {
    if (wasLive.current && !isLive) set({ notice: `The run has ended: ${oneLine(status)}.` })
    wasLive.current = isLive
  }, [isLive, status])
  const selected = selectedBar(detail, route, run.focus)
  const bar = selected === undefined ? undefined : detail.bars[selected]
  const tabs = [["timeline", "Timeline"], ["totals", "Totals"]] as const
  const file = (format: "otlp" | "html"): string => addressOf("runs.export", { flow: route.flow, id: route.id, format })
  return (
    <Main className="run">
      <div className="run-head">
        <div className="run-title">
          <nav aria-label="Breadcrumb" className="crumb"><Link to={lastList()}><Icon name="left" /> Runs</Link></nav>
          <h1><Text value={detail.run.flow} /></h1>
          <RunStatus run={detail.run} />
        </div>
        <p className="run-id">
          <code><Text value={detail.run.id} /></code>
          <Button kind="icon" label="Copy the id of the run" onClick={() => void copy(detail.run.id, "Id")}><Icon name="copy" /></Button>
        </p>
        <Facts detail={detail} receivedAt={run.receivedAt} />
        <div className="run-actions">
          <Link className="button button-primary" to={againRoute({ flow: detail.run.flow, id: detail.run.id })}>Run again…</Link>
          <Link className="button button-plain" to={compareRoute({ before: route })}>Compare…</Link>
          {detail.run.sessionId !== undefined && (
            <Link className="button button-plain" to={keepRoute(detail.run.sessionId)}>Keep as test…</Link>
          )}
          <Menu name="More">
            <Button kind="quiet" label="Copy as code…" onClick={() => set({ dialog: "copy" })}><Icon name="copy" /> Copy as code…</Button>
            <a className="button button-quiet" href={file("otlp")} download title="Export as OTLP JSON"><Icon name="download" /> OTLP</a>
            <a className="button button-quiet" href={file("html")} download title="Export as one HTML file"><Icon name="download" /> HTML</a>
          </Menu>
        </div>
        {run.error !== undefined && <p className="stale" role="alert"><Text value={run.error.message} /></p>}
        <StoppedRun run={detail.run} />
        {status === "failed" && <FailureFacts run={detail.run} />}
        <Notes notes={detail.notes} />
      </div>
      <Panes>
        <section className="run-steps" aria-label="Steps of the run">
          <nav className="tabs" aria-label="Views of the steps">
            {tabs.map(([tab, name]) => (
              <a
                key={tab}
                href={hrefOf({ ...route, tab })}
                aria-current={route.tab === tab ? "page" : undefined}
                onClick={(event) => {
                  event.preventDefault()
                  navigate({ ...route, tab })
                }}
              >
                {name}
              </a>
            ))}
          </nav>
          {route.tab === "totals"
            ? <Totals detail={detail} route={route} shown={bar?.stepId} />
            : <Waterfall detail={detail} receivedAt={run.receivedAt} route={route} selected={selected} />}
        </section>
        {bar === undefined
          ? (
            <section className="panel panel-blank" aria-label="Step">
              <p className="muted">{isEnded(detail.run) ? "No step to show." : "The first step appears here when it begins."}</p>
            </section>
          )
          : <StepPanel bar={bar} detail={detail} route={route} />}
      </Panes>
      {dialog === "copy" && <CopyDialog route={route} />}
    </Main>
  )
}

export const RunView = ({ route }: { readonly route: RunRoute }): ReactNode => {
  const run = useApp(({ run }) => run)
  const isEmulator = useApp(({ source }) => source?.kind === "emulator")
  useKeys({ Escape: back, r: () => navigate(againRoute({ flow: route.flow, id: route.id })) })
  const isOfRoute = run?.key === JSON.stringify([route.flow, route.id])
  if (!isOfRoute || (run.detail === undefined && run.error === undefined)) {
    return <Main className="run"><Wait what="the run" /></Main>
  }
  if (run.detail === undefined || (run.error !== undefined && run.error.status === 404)) {
    return (
      <Main className="run">
        <h1 className="offscreen">Run <Text value={route.id} /></h1>
        <Failure
          title={run.error?.status === 404 ? "There is no such run" : "The run could not be read"}
          error={run.error!}
        >
          {isEmulator && run.error?.status === 404 && (
            <p className="muted blank-note">An emulator forgets its runs when it stops.</p>
          )}
          <Link className="button button-plain" to={runsRoute()}>Show all runs</Link>
        </Failure>
      </Main>
    )
  }
  return <RunBody key={run.key} detail={run.detail} route={route} run={run} />
}

export const titleOf = (route: RunRoute): string => oneLine(`${route.id} – ${route.flow}`)

