/** The steps of a run as bars on one axis of time. */
import { useVirtualizer } from "@tanstack/react-virtual"
import { memo, type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from "react"
import type { Bar, RunDetail } from "./api.js"
import { costText, count, fineTick, millis, oneLine, plural, ticks } from "./format.js"
import { Hits, useFound, useHits } from "./Hits.js"
import { useClock, useKeys, useMedia, useWidth } from "./keys.js"
import "./longRuns.css"
import { Minimap } from "./Minimap.js"
import { Button, FoldIdle, Icon, Shape, Text } from "./parts.js"
import type { RunRoute } from "./route.js"
import { get, isEnded, navigate } from "./store.js"
import {
  barKey,
  criticalBars,
  idleStretches,
  isWithin,
  loopOf,
  rowsOf,
  type Scale,
  scaleOf,
  type Stretch,
  type TimelineRow,
  zoomedScale,
  zoomOf
} from "./timeline.js"

const performanceNow = (): number => performance.now()

const words: { readonly [Kind in Bar["kind"]]: string } = {
  completed: "completed",
  failed: "failed",
  running: "running",
  skipped: "skipped",
  other: "status not known"
}

const percentOf = (share: number): string => `${(100 * share).toFixed(4)}%`

/** The name of a row for screen readers: the visible text, then the rest. */
const summaryOf = ({ bar, failed, iterations }: TimelineRow, lastedMs: number, isCritical: boolean): string =>
  [
    [bar.label, iterations > 0 && `×${count(iterations)}`, failed > 0 && `${count(failed)} failed`, millis(lastedMs)]
      .filter((part) => part !== false).join(" "),
    words[bar.kind],
    isCritical ? "on the critical path" : undefined,
    `from ${millis(bar.startMs)}`,
    bar.waitingMs > 0 ? `waited ${millis(bar.waitingMs)}` : undefined,
    bar.failure[0] === undefined || bar.error !== undefined && !bar.failure[0].includes(bar.error) ? bar.error : undefined,
    bar.model,
    bar.tokens === undefined ? undefined : plural(bar.tokens, "token"),
    costText(bar),
    bar.failure[0]
  ].filter((part) => part !== undefined).map(oneLine).join(", ").slice(0, 600)

/** A part of the width beside a bar that is enough for its facts. */
const enough = 0.3

/** The facts of a step beside its bar: behind it, before it, or on it where both are too small. */
const BarFacts = ({ bar: { costUsd, error, model, tokens, unknownCosts }, from, to }: {
  readonly bar: Bar
  /** The ends of the bar, as fractions of the width. */
  readonly from: number
  readonly to: number
}): ReactNode => {
  const amounts = [model, tokens === undefined ? undefined : plural(tokens, "token"), costText({ costUsd, unknownCosts })]
    .filter((part) => part !== undefined).map(oneLine).join(", ")
  if (amounts === "" && error === undefined) return null
  const [before, after] = [Math.max(0, from), Math.max(0, 1 - to)]
  const [place, style] = after >= before && after >= enough
    ? ["after", { left: percentOf(to), maxWidth: percentOf(after) }]
    : before >= enough
    ? ["before", { right: percentOf(1 - from), maxWidth: percentOf(before) }]
    : ["on", { left: percentOf(before) }]
  return (
    <span
      className={`bar-facts is-${place}`}
      style={style}
      // the name of the row has them for screen readers
      data-error={error === undefined ? undefined : oneLine(error)}
      data-amounts={amounts}
    />
  )
}

const Row = memo(function Row({ height, isCritical, isSelected, isZoomed, nowMs, onSelect, onToggle, row, rows, scale, top, nth }: {
  readonly height: number
  /** Whether it is on the critical path. `undefined`: the path is not marked. */
  readonly isCritical: boolean | undefined
  readonly isSelected: boolean
  readonly isZoomed: boolean
  /** The end of bars that grow. */
  readonly nowMs: number | undefined
  readonly nth: number
  readonly onSelect: (row: TimelineRow) => void
  readonly onToggle: (row: TimelineRow) => void
  readonly row: TimelineRow
  readonly rows: number
  readonly scale: Scale
  readonly top: number
}): ReactNode {
  const { bar } = row
  const endMs = nowMs ?? bar.startMs + bar.durationMs
  const lastedMs = Math.max(0, endMs - bar.startMs)
  const from = scale.at(bar.startMs)
  const waiting = lastedMs === 0 ? 0 : Math.min(1, bar.waitingMs / lastedMs)
  const summary = summaryOf(row, lastedMs, isCritical === true)
  const mark = isCritical === undefined ? "" : isCritical ? " is-critical" : " is-aside"
  return (
    <div
      id={`bar-${row.index}`}
      className={`step depth-${bar.depth}${isSelected ? " is-selected" : ""}${mark}`}
      role="treeitem"
      aria-level={bar.depth + 1}
      aria-posinset={nth + 1}
      aria-setsize={rows}
      aria-selected={isSelected}
      aria-expanded={row.iterations > 0 ? row.isOpen : undefined}
      aria-label={summary}
      style={{ height, transform: `translateY(${top}px)` }}
      onClick={() => onSelect(row)}
    >
      <span className="step-name">
        {row.iterations > 0
          ? (
            <span
              className="step-fold"
              onClick={(event) => {
                event.stopPropagation()
                onToggle(row)
              }}
            >
              <Icon name={row.isOpen ? "down" : "right"} />
            </span>
          )
          : <span className="step-fold" />}
        <Shape status={bar.kind} />
        <span className="step-label" title={summary}><Text value={bar.label} /></span>
        {" "}
        {row.iterations > 0 && <span className="tag">×{count(row.iterations)}</span>}
        {" "}
        {row.failed > 0 && <span className="tag tag-failed">{count(row.failed)} failed</span>}
      </span>
      {" "}
      <span className={isZoomed ? "track is-zoomed" : "track"}>
        <span
          className={`bar bar-${bar.kind}${bar.isLoop ? " bar-loop" : ""}`}
          style={{ left: percentOf(from), width: percentOf(Math.max(0, scale.at(endMs) - from)) }}
        >
          {waiting > 0 && <span className="bar-waiting" style={{ width: percentOf(waiting) }} />}
        </span>
        <BarFacts bar={bar} from={from} to={scale.at(endMs)} />
      </span>
      <span className="step-time">{millis(lastedMs)}</span>
    </div>
  )
})

const Lines = ({ marks, pauses, scale }: {
  readonly marks: ReadonlyArray<number>
  readonly pauses: ReadonlyArray<Stretch>
  readonly scale: Scale
}): ReactNode => (
  <div className="axis-lines" aria-hidden="true">
    {marks.map((ms) => <span key={ms} className="axis-line" style={{ left: percentOf(scale.at(ms)) }} />)}
    {[...scale.folded, ...pauses].map(({ from, to }, nth) => scale.at(to) >= 0 && scale.at(from) <= 1 && (
      <span
        key={`${nth} ${from}`}
        className={nth < scale.folded.length ? "axis-fold" : "axis-pause"}
        title={nth < scale.folded.length ? `Nothing ran for ${millis(to - from)}` : `Waited for its caller for ${millis(to - from)}`}
        style={{ left: percentOf(scale.at(from)), width: percentOf(scale.at(to) - scale.at(from)) }}
      />
    ))}
  </div>
)

/** The room that the text of a mark takes, in pixels. */
const markWidth = 60

/** Marks whose text would lie on another one, or go over the end, have no text. */
const Axis = ({ marks, ref, scale, step, width }: {
  readonly marks: ReadonlyArray<number>
  readonly ref: React.Ref<HTMLDivElement>
  readonly scale: Scale
  /** The time between two marks. */
  readonly step: number
  readonly width: number
}): ReactNode => {
  let last = -Infinity
  const shown = marks.filter((ms) => {
    const at = scale.at(ms) * width
    if (at - last < markWidth || at + markWidth > width) return false
    last = at
    return true
  })
  return (
    <div className="axis" aria-hidden="true">
      <span className="axis-title">Step</span>
      <div className="axis-area" ref={ref}>
        {shown.map((ms) => (
          <span key={ms} className="axis-mark" style={{ left: percentOf(scale.at(ms)) }}>{fineTick(ms, step)}</span>
        ))}
      </div>
      <span className="axis-title axis-end">Time</span>
    </div>
  )
}

/** The height of the axis, which stays above the rows. */
const axisHeight = 28

const noPauses: ReadonlyArray<Stretch> = []

/** From so many bars on, a run has a minimap. A live run has one from the beginning: it moves nothing when it grows. */
const manyBars = 8

/** The text in place of the steps of a run that has none. */
export const noStep = ({ run }: RunDetail): string => isEnded(run) ? "No step is known." : "No step is known yet."

/** The loops that are open, and the function that opens or closes one. */
const useOpened = (bars: ReadonlyArray<Bar>, selected: number | undefined) => {
  const [opened, setOpened] = useState<ReadonlySet<string>>(() => {
    // the step to show first is in view, though its loop would be folded
    const loop = selected === undefined ? undefined : loopOf(bars, selected)
    return new Set(loop === undefined ? [] : [barKey(loop)])
  })
  const toggle = (bar: Bar, isOpen?: boolean): void =>
    setOpened((opened) => {
      const next = new Set(opened)
      const key = barKey(bar)
      if (isOpen ?? !next.has(key)) next.add(key)
      else next.delete(key)
      return next
    })
  return [opened, toggle] as const
}

/** The time of a run: its length, which grows while it goes on, and its scales. */
const useTime = (detail: RunDetail, receivedAt: number, { isFolded, zoom }: RunRoute) => {
  const { bars } = detail
  const isCalm = useMedia("(prefers-reduced-motion: reduce)")
  const isLive = !isEnded(detail.run) && bars.some(({ kind }) => kind === "running")
  const clock = useClock(performanceNow, isCalm ? 1_000 : 100, isLive)
  const totalMs = isLive ? detail.totalMs + Math.max(0, clock - receivedAt) : detail.totalMs
  const idle = useMemo(() => idleStretches(bars, detail.totalMs, detail.totalMs), [bars, detail.totalMs])
  const whole = useMemo(() => scaleOf(totalMs, isFolded ? idle : []), [totalMs, isFolded, idle])
  const scale = useMemo(() => zoomedScale(whole, zoom), [whole, zoom?.from, zoom?.to])
  const pauses = detail.watched?.pauses.map(({ durationMs, startMs }): Stretch => ({
    from: startMs,
    to: durationMs === undefined ? totalMs : startMs + durationMs
  })) ?? noPauses
  return { idle, isLive, pauses, scale, totalMs, whole }
}

/** The marks of an axis, and the time between two of them. */
const marksOf = (scale: Scale, { from, to }: Stretch, width: number) => {
  const [, step = 1] = ticks(to - from, Math.max(3, Math.min(6, Math.floor(width / (markWidth + 20)))))
  const first = Math.ceil(from / step)
  const marks = Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, nth) => (first + nth) * step)
    .filter((ms) => ms <= to && !scale.folded.some(({ from, to }) => ms > from && ms < to))
  return { marks, step }
}

const select = ({ bar }: Pick<TimelineRow, "bar">): void => {
  const { route } = get()
  if (route.view !== "run") return
  navigate(
    { ...route, step: bar.stepId, loop: bar.loopIndex, attempt: bar.attempt === 1 ? undefined : bar.attempt },
    { replace: true }
  )
}

const zoomTo = (next: Stretch | undefined, isNudge = false): void => {
  const { route } = get()
  if (route.view === "run") navigate({ ...route, zoom: next }, { replace: isNudge })
}

const markCritical = (route: RunRoute): void => navigate({ ...route, isCritical: !route.isCritical }, { replace: true })

/** The keys that zoom, and those of a tree. */
const useTreeKeys = ({ detail: { bars }, route, rows, scroller, selected, toggle, totalMs }: {
  readonly detail: RunDetail
  readonly route: RunRoute
  readonly rows: ReadonlyArray<TimelineRow>
  readonly scroller: React.RefObject<HTMLElement | null>
  readonly selected: number | undefined
  readonly toggle: (bar: Bar, isOpen?: boolean) => void
  readonly totalMs: number
}): void => {
  const nth = rows.findIndex(({ index }) => index === selected)
  const row = rows[nth]
  const go = (nth: number): void => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, nth))]
    if (row !== undefined) select(row)
  }
  /** Zooms around the step that is shown. */
  const zoomBy = (factor: number): void => {
    const { from, to } = route.zoom ?? { from: 0, to: totalMs }
    const bar = selected === undefined ? undefined : bars[selected]
    const at = bar !== undefined && isWithin(bar, { from, to }) ? bar.startMs + Math.min(bar.durationMs, totalMs) / 2 : (from + to) / 2
    const half = (to - from) * factor / 2
    zoomTo(zoomOf(at - half, at + half, totalMs))
  }
  useKeys({
    "+": () => zoomBy(0.5),
    "=": () => zoomBy(0.5),
    "-": () => zoomBy(2),
    "0": () => zoomTo(undefined),
    c: () => markCritical(route),
    ArrowDown: () => go(nth + 1),
    ArrowUp: () => go(nth === -1 ? 0 : nth - 1),
    Home: () => go(0),
    End: () => go(rows.length - 1),
    ArrowRight: () => {
      if (row === undefined || row.iterations === 0) return false
      if (row.isOpen) go(nth + 1)
      else toggle(row.bar, true)
    },
    ArrowLeft: () => {
      if (row === undefined || route.find !== "") return false
      if (row.iterations > 0 && row.isOpen) return toggle(row.bar, false)
      const loop = loopOf(bars, row.index)
      if (loop === undefined) return false
      go(rows.findIndex(({ bar }) => bar === loop))
    },
    Enter: () => {
      if (row === undefined || row.iterations === 0 || document.activeElement !== scroller.current) return false
      toggle(row.bar)
    }
  })
}

/** The search and the buttons above the rows. */
const Tools = ({ bars, hasCritical, idle, route, rows, shownMs }: {
  /** The number of all bars, and of the rows that match. */
  readonly bars: number
  readonly hasCritical: boolean
  readonly idle: ReadonlyArray<Stretch>
  readonly route: RunRoute
  readonly rows: number
  readonly shownMs: number
}): ReactNode => {
  const { find, isCritical, zoom } = route
  return (
    <div className="waterfall-tools">
      <input
        type="search"
        data-search=""
        aria-label="Find in names and payloads"
        placeholder="Find in names and payloads"
        spellCheck={false}
        value={find}
        onChange={({ target }) => navigate({ ...route, find: target.value }, { replace: true })}
        onKeyDown={(event) => {
          if (event.key !== "ArrowDown" && event.key !== "Enter") return
          const first = document.querySelector<HTMLElement>(".hit")
          event.preventDefault()
          first?.focus()
          if (event.key === "Enter") first?.click()
        }}
      />
      <span className="muted waterfall-count">{find === "" && zoom === undefined ? plural(bars, "bar") : `${count(rows)} of ${count(bars)}`}</span>
      <span className="waterfall-buttons">
        {zoom !== undefined && (
          <>
            <span className="waterfall-range">{fineTick(zoom.from, shownMs / 100)} – {fineTick(zoom.to, shownMs / 100)}</span>
            <Button kind="quiet" onClick={() => zoomTo(undefined)}>Whole run</Button>
          </>
        )}
        {hasCritical && <Button kind="quiet" pressed={isCritical} onClick={() => markCritical(route)}>Critical path</Button>}
        <FoldIdle idle={idle} route={route} />
      </span>
    </div>
  )
}

export const Waterfall = ({ detail, receivedAt, route, selected }: {
  readonly detail: RunDetail
  readonly receivedAt: number
  readonly route: RunRoute
  readonly selected: number | undefined
}): ReactNode => {
  const { bars } = detail
  const { zoom } = route
  const scroller = useRef<HTMLDivElement>(null)
  const height = useMedia("(max-width: 599px)") ? 36 : 30
  const [opened, toggle] = useOpened(bars, selected)
  const hits = useHits(route, detail)
  const found = useFound(hits)
  const all = useMemo(() => rowsOf(bars, opened, route.find, found), [bars, opened, route.find, found])
  const rows = useMemo(() => zoom === undefined ? all : all.filter(({ bar }) => isWithin(bar, zoom)), [all, zoom?.from, zoom?.to])
  const critical = useMemo(() => criticalBars(detail), [detail])
  const [wasLive] = useState(() => !isEnded(detail.run))
  const { idle, isLive, pauses, scale, totalMs, whole } = useTime(detail, receivedAt, route)
  const axis = useRef<HTMLDivElement>(null)
  const width = useWidth(axis)
  const shown = zoom ?? { from: 0, to: totalMs }
  const { marks, step } = marksOf(scale, shown, width)
  const selectedRow = rows.findIndex(({ index }) => index === selected)
  // another function would measure all rows again
  const keyOfRow = useCallback((nth: number) => rows[nth]!.index, [rows])
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 8,
    scrollMargin: axisHeight,
    scrollPaddingStart: axisHeight,
    getItemKey: keyOfRow
  })
  useEffect(() => virtual.measure(), [height, virtual])
  // follows the keys, and opens at the step to show first; what a live run adds moves nothing
  const isShown = useRef(false)
  useEffect(() => {
    if (selectedRow === -1) return
    virtual.scrollToIndex(selectedRow, { align: isShown.current ? "auto" : "center" })
    isShown.current = true
  }, [selected, virtual])
  // the step that was found stays in view when the search is over, or all of the run is shown again
  const isWhole = route.find === "" && zoom === undefined
  const revealing = useRef(false)
  useEffect(() => {
    if (!isWhole || !isShown.current) return
    const loop = selected === undefined ? undefined : loopOf(bars, selected)
    if (loop !== undefined) toggle(loop, true)
    revealing.current = true
  }, [isWhole])
  useEffect(() => {
    if (!revealing.current || selectedRow === -1) return
    revealing.current = false
    virtual.scrollToIndex(selectedRow, { align: "auto" })
  })
  useTreeKeys({ detail, route, rows, scroller, selected, toggle, totalMs })
  const items = virtual.getVirtualItems()
  const isSelectedInView = items.some(({ index }) => index === selectedRow)
  return (
    <div className="waterfall">
      <Tools bars={bars.length} hasCritical={detail.criticalPath.length > 0} idle={idle} route={route} rows={rows.length} shownMs={shown.to - shown.from} />
      {hits !== undefined && <Hits reading={hits} route={route} selected={selected === undefined ? undefined : barKey(bars[selected]!)} />}
      {(wasLive || bars.length >= manyBars || zoom !== undefined) && bars.length > 0 && (
        <Minimap
          bars={bars}
          critical={route.isCritical ? critical : undefined}
          scale={whole}
          totalMs={totalMs}
          selected={selected === undefined ? undefined : bars[selected]}
          zoom={zoom}
          onZoom={zoomTo}
          onPick={(index) => select({ bar: bars[index]! })}
        />
      )}
      <div
        className="waterfall-rows"
        ref={scroller}
        // a tree has items
        role={rows.length > 0 ? "tree" : undefined}
        tabIndex={rows.length > 0 ? 0 : undefined}
        aria-label={rows.length > 0 ? "Steps" : undefined}
        aria-activedescendant={isSelectedInView ? `bar-${selected}` : undefined}
      >
        <Axis ref={axis} marks={marks} scale={scale} step={step} width={width} />
        <div className="steps" role="none" style={{ height: rows.length * height }}>
          <Lines marks={marks} pauses={pauses} scale={scale} />
          {items.map(({ index, key }) => {
            const row = rows[index]!
            return (
              <Row
                key={key}
                row={row}
                nth={index}
                rows={rows.length}
                top={index * height}
                height={height}
                scale={scale}
                nowMs={isLive && row.bar.kind === "running" ? totalMs : undefined}
                isCritical={route.isCritical ? critical.has(row.bar) : undefined}
                isSelected={row.index === selected}
                isZoomed={zoom !== undefined}
                onSelect={select}
                onToggle={({ bar }) => toggle(bar)}
              />
            )
          })}
        </div>
        {rows.length === 0 && (
          <p className="muted waterfall-blank">
            {route.find !== "" ? "No step matches." : zoom !== undefined ? "No step ran in this part of the run." : noStep(detail)}
          </p>
        )}
      </div>
    </div>
  )
}
