/** The picture itself: loaded with the first one that is shown. */
import { type ReactNode, useEffect, useRef } from "react"
import UPlot from "uplot"
import "uplot/dist/uPlot.min.css"
import type { Point } from "./api.js"
import { tick } from "./format.js"
import { useWidth } from "./keys.js"
import { heightOf, shownMs, type StripScale, timeOf } from "./stripScale.js"

/** The room of the axes, in pixels. The brush of the strip lies between them: style.css has the same numbers. */
const room = { left: 60, right: 12, top: 6, bottom: 20 }

const draw = (plot: UPlot, points: ReadonlyArray<Point>, color: (name: string) => string): void => {
  const { ctx } = plot
  const unit = devicePixelRatio
  const paths = { rest: new Path2D(), outliers: new Path2D(), failed: new Path2D() }
  for (const point of points) {
    const x = plot.valToPos(point.startedAt, "x", true)
    const y = plot.valToPos(shownMs(point), "y", true)
    if (point.isOutlier) {
      const size = 5 * unit
      paths.outliers.moveTo(x, y - size)
      for (const [right, down] of [[size, 0], [0, size], [-size, 0]] as const) paths.outliers.lineTo(x + right, y + down)
      paths.outliers.closePath()
    }
    if (point.status === "failed") {
      const size = 3.2 * unit
      paths.failed.moveTo(x - size, y - size)
      paths.failed.lineTo(x + size, y + size)
      paths.failed.moveTo(x - size, y + size)
      paths.failed.lineTo(x + size, y - size)
    } else if (!point.isOutlier) {
      paths.rest.moveTo(x + 2 * unit, y)
      paths.rest.arc(x, y, 2 * unit, 0, 2 * Math.PI)
    }
  }
  ctx.save()
  ctx.fillStyle = color("--bar")
  ctx.globalAlpha = points.length > 400 ? 0.7 : 0.9
  ctx.fill(paths.rest)
  ctx.globalAlpha = 1
  ctx.lineWidth = 1.5 * unit
  ctx.strokeStyle = color("--accent")
  ctx.stroke(paths.outliers)
  ctx.lineWidth = 1.8 * unit
  ctx.strokeStyle = color("--bad-bar")
  ctx.stroke(paths.failed)
  ctx.restore()
}

const dataOf = (points: ReadonlyArray<Point>): UPlot.AlignedData => [
  points.map(({ startedAt }) => startedAt),
  points.map(shownMs)
]

const StripChart = ({ height, points, scale }: {
  readonly height: number
  readonly points: ReadonlyArray<Point>
  readonly scale: StripScale
}): ReactNode => {
  const place = useRef<HTMLDivElement>(null)
  const width = useWidth(place)
  const latest = useRef({ points, scale })
  latest.current = { points, scale }
  const chart = useRef<UPlot>(undefined)
  const { isLog } = scale
  // a low picture has room for one text
  const isLow = height < 80
  useEffect(() => {
    const element = place.current!
    const color = (name: string): string => getComputedStyle(element).getPropertyValue(name).trim()
    const axis: UPlot.Axis = {
      stroke: () => color("--muted"),
      font: "11px system-ui, sans-serif",
      grid: { stroke: () => color("--line"), width: 1 },
      ticks: { show: false },
      gap: 4
    }
    const plot = new UPlot({
      width: Math.max(1, element.clientWidth),
      height,
      ms: 1,
      padding: [room.top, room.right, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: true, range: () => [latest.current.scale.x.min, latest.current.scale.x.max] },
        y: { distr: isLog ? 3 : 1, range: () => [latest.current.scale.y.min, latest.current.scale.y.max] }
      },
      series: [{}, { scale: "y", paths: () => null, points: { show: false } }],
      axes: [
        {
          ...axis,
          size: room.bottom,
          space: 84,
          // a text at the end would be cut
          values: (plot, splits, _, __, step) => {
            const { x } = latest.current.scale
            const last = x.max - 16 * (x.max - x.min) / Math.max(1, plot.width - room.left - room.right)
            return splits.map((ms) => ms > last ? "" : timeOf(ms, step))
          }
        },
        {
          ...axis,
          scale: "y",
          size: room.left,
          splits: () => [...latest.current.scale.marks],
          filter: (_, splits) => splits,
          // a text at the bottom would lie on the times
          values: (_, splits) =>
            splits.map((ms, nth) =>
              heightOf(latest.current.scale, ms) < 0.1 || (isLow && nth < splits.length - 1) ? "" : tick(ms)
            )
        }
      ],
      hooks: { draw: [(plot) => draw(plot, latest.current.points, color)] }
    }, dataOf(latest.current.points), element)
    chart.current = plot
    const ending = new AbortController()
    const again = (): void => plot.redraw(false, true)
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
      matchMedia(query).addEventListener("change", again, { signal: ending.signal })
    }
    return () => {
      ending.abort()
      plot.destroy()
      chart.current = undefined
    }
  }, [isLog, height])
  useEffect(() => {
    if (width > 0) chart.current?.setSize({ width, height })
  }, [width, height, isLog])
  useEffect(() => chart.current?.setData(dataOf(points)), [points, scale])
  return <div className="strip-chart" ref={place} style={{ height }} aria-hidden="true" />
}

export default StripChart
