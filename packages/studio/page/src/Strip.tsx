/** The list as a picture: how long its runs lasted, over the time at which they began. */
import { lazy, type ReactNode, Suspense, useEffect, useMemo, useState } from "react"
import type { Point } from "./api.js"
import { Brush } from "./Brush.js"
import { count, millis, moment, oneLine, plural, shortId } from "./format.js"
import { useMedia } from "./keys.js"
import { Button, Text } from "./parts.js"
import { withRange } from "./Ranges.js"
import { useRead, useWhenChanged } from "./reads.js"
import { filterOf, hrefOf, runRoute, type RunsRoute } from "./route.js"
import { navigate, useApp } from "./store.js"
import "./strip.css"
import { nearest, pointPlace, scaleOfPoints } from "./stripScale.js"

/** Stands where the chart could not be loaded: the list is read without it. */
const NoChart = (): ReactNode => (
  <p className="strip-caption">The picture could not be loaded. Load the page again to see it.</p>
)

const StripChart = lazy<typeof import("./StripChart.js").default>(() =>
  import("./StripChart.js").catch(() => ({ default: NoChart }))
)

/** The time between two reads while runs arrive, in milliseconds. */
const often = 1_000

/** A run is named from so far away, in pixels. */
const near = 24

const second = 1_000

const summaryOf = ({ durationMs, flow, id, isOutlier, startedAt, status }: Point): string =>
  [
    oneLine(`${flow}, run ${shortId(id)}`),
    oneLine(status),
    `${millis(durationMs)}${isOutlier ? ", longer than usual" : ""}`,
    moment(startedAt)
  ].join(", ")

const Legend = ({ points, total }: { readonly points: ReadonlyArray<Point>; readonly total: number }): ReactNode => {
  const failed = points.filter(({ status }) => status === "failed").length
  const outliers = points.filter(({ isOutlier }) => isOutlier).length
  return (
    <span className="strip-legend">
      <span><Mark of="rest" /> {total > points.length ? `${count(points.length)} of ${plural(total, "run")}` : plural(total, "run")}</span>
      <span><Mark of="failed" /> {count(failed)} failed</span>
      <span><Mark of="outlier" /> {count(outliers)} longer than usual</span>
    </span>
  )
}

const marks = {
  rest: <circle cx="6" cy="6" r="2.2" />,
  failed: <path d="M2.8 2.8l6.4 6.4M9.2 2.8L2.8 9.2" />,
  outlier: <path d="M6 1l5 5-5 5-5-5z" />
} as const

const Mark = ({ of }: { readonly of: keyof typeof marks }): ReactNode => (
  <svg className={`mark mark-${of}`} viewBox="0 0 12 12" aria-hidden="true" focusable="false">{marks[of]}</svg>
)

const noPoints: ReadonlyArray<Point> = []

const Strip = ({ route }: { readonly route: RunsRoute }): ReactNode => {
  const filter = filterOf(route)
  const { from, to } = filter
  // the rows come first: the picture of a long list takes the server longer
  const isListed = useApp(({ list }) => list.isLoaded && list.key === hrefOf(route))
  const { data, error, isOld, reload } = useRead("runs.points", isListed ? { ...filter } : undefined)
  const changes = useApp(({ listChanges }) => listChanges)
  useWhenChanged(changes, often, reload)
  const isNarrow = useMedia("(max-width: 999px)")
  const [active, setActive] = useState<string>()
  const points = data?.points ?? noPoints
  // until the points of another range are there, those that are known are shown within it
  const shown = useMemo(
    () => isOld ? points.filter(({ startedAt }) => startedAt >= (from ?? -Infinity) && startedAt <= (to ?? Infinity)) : points,
    [points, isOld, from, to]
  )
  const scale = useMemo(() => scaleOfPoints(shown, from, to), [shown, from, to])
  const index = active === undefined ? -1 : shown.findIndex(({ id }) => id === active)
  const point = shown[index]
  const place = point === undefined ? undefined : pointPlace(scale, point)
  const height = isNarrow ? 88 : 56
  useEffect(() => setActive(undefined), [from, to])

  const go = (nth: number): void => setActive(shown[Math.max(0, Math.min(shown.length - 1, nth))]?.id)
  const onKeyDown = (event: React.KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -20, PageUp: 20 }[event.key]
    if (step !== undefined) go(index === -1 ? shown.length - 1 : index + step)
    else if (event.key === "Home") go(0)
    else if (event.key === "End") go(shown.length - 1)
    else if (event.key === "Enter" && point !== undefined) navigate(runRoute(point))
    else if (event.key === "Escape" && active !== undefined) setActive(undefined)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  const select = (first: number, last: number): void => {
    const at = (part: number): number => scale.x.min + part * (scale.x.max - scale.x.min)
    const start = Math.floor(at(first) / second) * second
    navigate(withRange(route, { from: start, to: Math.max(start + second, Math.ceil(at(last) / second) * second) }))
  }
  return (
    <section className="strip" aria-label="Durations over time">
      <div className="strip-head">
        {error !== undefined
          ? (
            <span className="strip-legend" role="alert">
              The picture could not be read. <Button kind="quiet" onClick={reload}>Try again</Button>
            </span>
          )
          : point !== undefined
          ? <span className="strip-caption"><Text value={summaryOf(point)} /></span>
          : data === undefined
          ? <span className="strip-legend" />
          : <Legend points={points} total={data.total} />}
      </div>
      <div
        className="strip-area"
        style={{ height }}
        role="slider"
        tabIndex={0}
        data-keys="own"
        aria-label="Runs in the picture"
        aria-orientation="horizontal"
        aria-valuemin={0}
        aria-valuemax={Math.max(0, shown.length - 1)}
        aria-valuenow={Math.max(0, index)}
        aria-valuetext={point === undefined ? `${plural(shown.length, "run")}. Arrow keys name them.` : summaryOf(point)}
        onKeyDown={onKeyDown}
        onBlur={() => setActive(undefined)}
      >
        {shown.length > 0
          ? (
            <Suspense>
              <StripChart points={shown} scale={scale} height={height} />
            </Suspense>
          )
          : data !== undefined && <p className="muted strip-blank">No run with a known duration began in this time.</p>}
        <Brush
          onSelect={select}
          onHover={(at) => setActive(at === undefined ? undefined : shown[nearest(scale, shown, at, near) ?? -1]?.id)}
          onClick={(at) => {
            const found = shown[nearest(scale, shown, at, near) ?? -1]
            if (found !== undefined) navigate(runRoute(found))
          }}
        >
          {place !== undefined && (
            <span className="strip-active" style={{ left: `${100 * place.x}%`, top: `${100 * place.y}%` }} />
          )}
        </Brush>
      </div>
    </section>
  )
}

export default Strip
