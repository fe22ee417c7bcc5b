/** A session: its runs on one axis of time, and how to keep and replay them. */
import { useVirtualizer } from "@tanstack/react-virtual"
import { memo, type ReactNode, useEffect, useMemo, useRef, useState } from "react"
import { addressOf, type Bar, type ListChange, type SessionDetail, type SessionRun } from "./api.js"
import { costText, exactCost, instant, millis, moment, oneLine, plural, shortId, tick, ticks } from "./format.js"
import { useClock, useKeys, useMedia, useWidth } from "./keys.js"
import { Button, Fact, Failure, FoldIdle, Icon, Link, Main, Notes, Shape, Snippet, Text, Unknown, Wait } from "./parts.js"
import { useRead, useRefresh, useStream, useWhenChanged } from "./reads.js"
import { keepRoute, runRoute, runsRoute, type SessionRoute } from "./route.js"
import "./session.css"
import { copy, isEnded, lastList, navigate } from "./store.js"
import { idleStretches, type Scale, scaleOf, type Stretch } from "./timeline.js"

/** The time between two reads while runs change, and while one goes on, in milliseconds. */
const often = 500
const seldom = 1_500

const performanceNow = (): number => performance.now()

const percentOf = (share: number): string => `${(100 * share).toFixed(4)}%`

/** The time that a run has lasted in its session. */
const lastedOf = ({ run, startMs = 0 }: SessionRun, nowMs: number): number =>
  isEnded(run) ? run.durationMs ?? 0 : Math.max(0, nowMs - startMs)

const summaryOf = (one: SessionRun, lastedMs: number): string =>
  [
    oneLine(`${one.run.flow}, run ${shortId(one.run.id)}`),
    oneLine(one.run.status),
    one.startMs === undefined ? undefined : `from ${millis(one.startMs)}`,
    `lasted ${millis(lastedMs)}`,
    one.steps.length === 0 ? undefined : plural(one.steps.length, "step"),
    costText(one.run),
    one.failure[0] === undefined ? undefined : oneLine(one.failure[0]),
    one.isCaptured || !isEnded(one.run) ? undefined : "outputs not captured"
  ].filter((part) => part !== undefined).join(", ").slice(0, 600)

const Row = memo(function Row({ height, isActive, nowMs, one, onMove, row, scale, top }: {
  readonly height: number
  readonly isActive: boolean
  readonly nowMs: number
  readonly one: SessionRun
  readonly onMove: (row: number) => void
  readonly row: number
  readonly scale: Scale
  readonly top: number
}): ReactNode {
  const { failure, run, startMs, steps } = one
  const lastedMs = lastedOf(one, nowMs)
  const slug = run.flow.split("/").at(-1)!
  const placed = (from: number, ms: number) => ({
    left: percentOf(scale.at(from)),
    width: percentOf(Math.max(0, scale.at(from + ms) - scale.at(from)))
  })
  return (
    <li className="session-run" data-row={row} style={{ height, transform: `translateY(${top}px)` }}>
      <span className="session-name">
        <Shape status={run.status} />
        <span className="session-text">
          <Link
            className="row-link"
            to={runRoute(run)}
            label={summaryOf(one, lastedMs)}
            title={oneLine(run.flow)}
            tabIndex={isActive ? 0 : -1}
            onKeyDown={() => onMove(row)}
          >
            <bdi className="strong">{oneLine(slug)}</bdi>
          </Link>
          <small className={failure.length > 0 ? "session-failure" : "mono"} title={oneLine(failure.join(" ")).slice(0, 600)}>
            <bdi>{failure.length > 0 ? oneLine(failure[0]!).slice(0, 200) : oneLine(shortId(run.id))}</bdi>
            {!one.isCaptured && isEnded(run) && ", not captured"}
          </small>
        </span>
      </span>
      <span className="track" aria-hidden="true">
        {startMs !== undefined && (
          <>
            <span className={`session-bar session-${run.status === "failed" ? "failed" : isEnded(run) ? "ended" : "running"}`} style={placed(startMs, lastedMs)} />
            {steps.map((step, nth) => (
              <span
                key={nth}
                className={`bar bar-${step.kind}`}
                title={oneLine(`${step.stepId}, ${millis(step.durationMs)}`)}
                style={placed(step.startMs, step.kind === "running" ? Math.max(0, nowMs - step.startMs) : step.durationMs)}
              />
            ))}
          </>
        )}
      </span>
      <span className="step-time">{millis(lastedMs)}</span>
      <span className="session-cost" title={costText(run, exactCost)}>
        {costText(run) ?? <Unknown />}
      </span>
    </li>
  )
})

const markWidth = 70

/** Up to so many marks, those of folded stretches included, the marks are as close as the runs allow. */
const mostMarks = 2_000

const axisHeight = 28

/** A run as a bar, to find the stretches in which none ran. */
const barOf = ({ run, startMs }: SessionRun): Bar => ({
  stepId: run.id,
  attempt: 1,
  label: "",
  kind: isEnded(run) ? "completed" : "running",
  isLoop: false,
  depth: 0,
  startMs: startMs!,
  durationMs: run.durationMs ?? 0,
  waitingMs: 0,
  failure: []
})

const Timeline = ({ detail, receivedAt, route }: {
  readonly detail: SessionDetail
  readonly receivedAt: number
  readonly route: SessionRoute
}): ReactNode => {
  const { runs } = detail
  const scroller = useRef<HTMLDivElement>(null)
  const body = useRef<HTMLUListElement>(null)
  const axis = useRef<HTMLDivElement>(null)
  const width = useWidth(axis)
  const isCalm = useMedia("(prefers-reduced-motion: reduce)")
  const isLive = runs.some(({ run }) => !isEnded(run))
  const clock = useClock(performanceNow, isCalm ? 1_000 : 200, isLive)
  const totalMs = detail.totalMs + (isLive ? Math.max(0, clock - receivedAt) : 0)
  const idle = useMemo(
    () => idleStretches(runs.filter(({ startMs }) => startMs !== undefined).map(barOf), detail.totalMs, detail.totalMs),
    [runs, detail.totalMs]
  )
  const scale = useMemo(() => scaleOf(totalMs, route.isFolded ? idle : []), [totalMs, route.isFolded, idle])
  const busyMs = scale.folded.reduce((rest, { from, to }) => rest - to + from, totalMs)
  const [, step = 1] = ticks(busyMs, Math.max(2, Math.min(6, Math.floor(width / (markWidth + 20)))))
  const marks = (totalMs / step < mostMarks ? ticks(totalMs, totalMs / step) : ticks(totalMs, 6))
    .filter((ms) => !scale.folded.some(({ from, to }) => ms > from && ms < to))
  const height = 46
  const [active, setActive] = useState<number>()
  const virtual = useVirtualizer({
    count: runs.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 8,
    scrollMargin: axisHeight,
    scrollPaddingStart: axisHeight,
    getItemKey: (row) => runs[row]!.run.id
  })
  /** The row that gets the focus when it is drawn: a render before the move must not take it. */
  const focusing = useRef<number>(undefined)
  const move = (row: number): void => {
    if (runs.length === 0) return
    const next = Math.max(0, Math.min(runs.length - 1, row))
    focusing.current = next
    setActive(next)
    virtual.scrollToIndex(next, { align: "auto" })
  }
  useEffect(() => {
    if (focusing.current === undefined || focusing.current !== active) return
    const link = body.current?.querySelector<HTMLElement>(`[data-row="${active}"] .row-link`)
    if (link == null) return
    focusing.current = undefined
    link.focus({ preventScroll: true })
  })
  const isFocused = (): boolean => body.current?.contains(document.activeElement) === true
  useKeys({
    ArrowDown: () => move(isFocused() ? (active ?? -1) + 1 : active ?? 0),
    ArrowUp: () => move(isFocused() ? (active ?? 1) - 1 : active ?? 0),
    Home: () => move(0),
    End: () => move(runs.length - 1)
  })
  const items = virtual.getVirtualItems()
  const first = items[0]?.index ?? 0
  let last = -Infinity
  const shownMarks = marks.filter((ms) => {
    const at = scale.at(ms) * width
    if (at - last < markWidth || at + markWidth > width) return false
    last = at
    return true
  })
  return (
    <section className="waterfall session-runs" aria-label="Runs of the session">
      <div className="waterfall-tools">
        <h2>Timeline</h2>
        <span className="session-tools">
          <FoldIdle idle={idle} route={route} />
        </span>
      </div>
      <div className="waterfall-rows" ref={scroller}>
        <div className="axis" aria-hidden="true">
          <span className="axis-title">Run</span>
          <div className="axis-area" ref={axis}>
            {shownMarks.map((ms) => <span key={ms} className="axis-mark" style={{ left: percentOf(scale.at(ms)) }}>{tick(ms)}</span>)}
          </div>
          <span className="axis-title axis-end">Time</span>
          <span className="axis-title axis-end session-cost">Cost</span>
        </div>
        <div className="steps" style={{ height: runs.length * height }}>
          <Lines marks={marks} scale={scale} />
          <ul ref={body}>
            {items.map(({ index, key }) => (
              <Row
                key={key}
                one={runs[index]!}
                row={index}
                top={index * height}
                height={height}
                scale={scale}
                nowMs={totalMs}
                isActive={index === (active ?? first)}
                onMove={setActive}
              />
            ))}
          </ul>
        </div>
      </div>
    </section>
  )
}

const Lines = ({ marks, scale }: { readonly marks: ReadonlyArray<number>; readonly scale: Scale }): ReactNode => (
  <div className="axis-lines" aria-hidden="true">
    {marks.map((ms) => <span key={ms} className="axis-line" style={{ left: percentOf(scale.at(ms)) }} />)}
    {scale.folded.map(({ from, to }: Stretch) => (
      <span
        key={from}
        className="axis-fold"
        title={`Nothing ran for ${millis(to - from)}`}
        style={{ left: percentOf(scale.at(from)), width: percentOf(scale.at(to) - scale.at(from)) }}
      />
    ))}
  </div>
)

/** How to keep the session and to run a program again from it. */
const Replay = ({ detail }: { readonly detail: SessionDetail }): ReactNode => (
  <section className="session-replay" aria-label="Save and replay">
    <h2>Save and replay</h2>
    <p className="muted">
      A cassette holds the answers of the session. A program that runs from it sends nothing and costs nothing.
    </p>
    <Notes notes={detail.notes} />
    <Snippet name="Save it" text={detail.save} />
    {detail.test !== undefined && <Snippet name="Keep it as a test, and replay it" text={detail.test} />}
    <Snippet name="Run a program from it" text={detail.replay} />
    <Snippet name="Send a request again, answered from it" text={detail.replayRequest} />
  </section>
)

const Body = ({ detail, error, receivedAt, route }: {
  readonly detail: SessionDetail
  readonly error: ReactNode
  readonly receivedAt: number
  readonly route: SessionRoute
}): ReactNode => {
  const { id, runs, startedAt, totalMs } = detail
  const failed = runs.filter(({ run }) => run.status === "failed").length
  const isLive = runs.some(({ run }) => !isEnded(run))
  const now = useClock(performanceNow, 1_000, isLive)
  const lasted = isLive ? Math.floor((totalMs + Math.max(0, now - receivedAt)) / 1_000) * 1_000 : totalMs
  return (
    <Main className="run session">
      <div className="run-head">
        <div className="run-title">
          <nav aria-label="Breadcrumb" className="crumb"><Link to={lastList()}><Icon name="left" /> Runs</Link></nav>
          <h1>Session</h1>
          {isLive && <span className="status status-running"><Shape status="running" />running</span>}
        </div>
        <p className="run-id">
          <code><Text value={id} /></code>
          <Button kind="icon" label="Copy the id of the session" onClick={() => void copy(id, "Id")}><Icon name="copy" /></Button>
        </p>
        <dl className="facts run-facts">
          <Fact name="Runs">{runs.length}</Fact>
          <Fact name="Failed">{failed === 0 ? "0" : <span className="is-bad">{failed}</span>}</Fact>
          <Fact name="From first to last">{isLive ? millis(lasted).replace(".00", "") : millis(lasted)}</Fact>
          <Fact name="Cost">{costText(detail, exactCost) ?? <Unknown />}</Fact>
          <Fact name="Started">
            {startedAt === undefined ? <Unknown /> : <span title={instant(startedAt)}>{moment(startedAt)}</span>}
          </Fact>
        </dl>
        <div className="run-actions">
          <a className="button button-plain" href={addressOf("runs.cassette", { id })} download title="Save the session as a cassette">
            <Icon name="download" /> Save as cassette
          </a>
          <Link className="button button-plain" to={keepRoute(id)}>Keep as test…</Link>
          <Link className="button button-plain" to={runsRoute({ session: id })}>Show in the list</Link>
        </div>
        {error}
      </div>
      <div className="run-body session-body">
        {runs.length === 0
          ? <p className="blank muted">The session has no runs yet. They appear here as they begin.</p>
          : <div className="run-steps"><Timeline detail={detail} receivedAt={receivedAt} route={route} /></div>}
        <Replay detail={detail} />
      </div>
    </Main>
  )
}

const SessionView = ({ route }: { readonly route: SessionRoute }): ReactNode => {
  const { id } = route
  const { data, error, reload } = useRead("runs.session", { id })
  const [changes, setChanges] = useState(0)
  useStream("runs.changes", { session: id }, {
    change: (change: ListChange) => {
      if (change.runs.length + change.gone.length > 0) setChanges((changes) => changes + 1)
    }
  })
  useWhenChanged(changes, often, reload)
  useRefresh(reload, data?.runs.some(({ run }) => !isEnded(run)) === true ? seldom : undefined)
  const received = useRef<{ readonly data: SessionDetail | undefined; readonly at: number }>({ data: undefined, at: 0 })
  if (received.current.data !== data) received.current = { data, at: performance.now() }
  useKeys({ Escape: () => navigate(lastList()) })
  if (data === undefined || error?.status === 404) {
    return (
      <Main className="run">
        {error === undefined
          ? <Wait what="the session" />
          : (
            <>
              <h1 className="offscreen">Session <Text value={id} /></h1>
              <Failure
                title={error.status === 404 ? "The session cannot be shown" : "The session could not be read"}
                error={error}
                onRetry={reload}
              >
                <Link className="button button-plain" to={runsRoute()}>Show all runs</Link>
              </Failure>
            </>
          )}
      </Main>
    )
  }
  return (
    <Body
      detail={data}
      receivedAt={received.current.at}
      route={route}
      error={error !== undefined && (
        <p className="stale" role="alert">
          <span>The session could not be read again: <Text value={error.message} /></span>
          <Button kind="quiet" onClick={reload}>Try again</Button>
        </p>
      )}
    />
  )
}

export default SessionView
