/** A whole run in a few pixels: shows which part of it is in view, and takes another one. */
import { type ReactNode, useEffect, useRef, useState } from "react"
import type { Bar } from "./api.js"
import { Brush } from "./Brush.js"
import { millis } from "./format.js"
import { useWidth } from "./keys.js"
import { type Scale, type Stretch, timeAt, zoomOf } from "./timeline.js"

const height = 44
const padding = 4

/** The part of the window that an arrow moves it by. */
const nudge = 0.2

const percentOf = (part: number): string => `${(100 * Math.max(0, Math.min(1, part))).toFixed(3)}%`

const draw = (
  canvas: HTMLCanvasElement,
  { bars, critical, scale, selected, totalMs, width }: {
    readonly bars: ReadonlyArray<Bar>
    readonly critical: ReadonlySet<Bar> | undefined
    readonly scale: Scale
    readonly selected: Bar | undefined
    readonly totalMs: number
    readonly width: number
  }
): void => {
  const unit = devicePixelRatio
  canvas.width = Math.round(width * unit)
  canvas.height = Math.round(height * unit)
  const context = canvas.getContext("2d")
  if (context === null) return
  context.scale(unit, unit)
  const style = getComputedStyle(canvas)
  const color = (name: string): string => style.getPropertyValue(name).trim()
  const lane = (height - 2 * padding) / Math.max(1, bars.length)
  const thick = Math.max(1, Math.min(4, lane - 1))
  const layers = {
    rest: { color: color(critical === undefined ? "--bar" : "--bar-soft"), path: new Path2D() },
    critical: { color: color("--accent"), path: new Path2D() },
    failed: { color: color("--bad-bar"), path: new Path2D() },
    selected: { color: color("--text"), path: new Path2D() }
  }
  bars.forEach((bar, index) => {
    if (bar.isLoop) return
    const from = scale.at(bar.startMs) * width
    const to = scale.at(bar.kind === "running" ? totalMs : bar.startMs + bar.durationMs) * width
    const isFailed = bar.kind === "failed"
    const layer = bar === selected
      ? layers.selected
      : isFailed
      ? layers.failed
      : critical?.has(bar) === true || bar.kind === "running"
      ? layers.critical
      : layers.rest
    const least = isFailed || bar === selected ? 2 : 1
    layer.path.rect(from, padding + index * lane, Math.max(least, to - from), Math.max(isFailed || bar === selected ? 2 : 0, thick))
  })
  for (const { color, path } of Object.values(layers)) {
    context.fillStyle = color
    context.fill(path)
  }
}

export const Minimap = ({ bars, critical, onPick, onZoom, scale, selected, totalMs, zoom }: {
  readonly bars: ReadonlyArray<Bar>
  /** The bars that are marked. `undefined`: none is. */
  readonly critical: ReadonlySet<Bar> | undefined
  /** A bar was clicked. */
  readonly onPick: (index: number) => void
  readonly onZoom: (zoom: Stretch | undefined, isNudge: boolean) => void
  readonly scale: Scale
  readonly selected: Bar | undefined
  readonly totalMs: number
  readonly zoom: Stretch | undefined
}): ReactNode => {
  const area = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const width = useWidth(area)
  const [themes, setThemes] = useState(0)
  useEffect(() => {
    const ending = new AbortController()
    const list = matchMedia("(prefers-color-scheme: dark)")
    list.addEventListener("change", () => setThemes((themes) => themes + 1), { signal: ending.signal })
    return () => ending.abort()
  }, [])
  useEffect(() => {
    if (canvas.current !== null && width > 0) draw(canvas.current, { bars, critical, scale, selected, totalMs, width })
  }, [bars, critical, scale, selected, totalMs, width, themes])
  const timeOf = (part: number): number => timeAt(scale, totalMs, part)
  const shown = zoom ?? { from: 0, to: totalMs }
  const span = shown.to - shown.from
  const move = (byMs: number): void => onZoom(zoomOf(shown.from + byMs, shown.to + byMs, totalMs), true)
  return (
    <div
      className="minimap"
      ref={area}
      role="slider"
      tabIndex={0}
      data-keys="own"
      aria-label="Part of the run in view"
      aria-orientation="horizontal"
      aria-valuemin={0}
      aria-valuemax={Math.round(totalMs)}
      aria-valuenow={Math.round(Math.min(totalMs, (shown.from + shown.to) / 2))}
      aria-valuetext={zoom === undefined ? `all of ${millis(totalMs)}` : `${millis(zoom.from)} to ${millis(zoom.to)} of ${millis(totalMs)}`}
      onKeyDown={(event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return
        const { key } = event
        if (key === "ArrowLeft" || key === "ArrowDown") move(-nudge * span)
        else if (key === "ArrowRight" || key === "ArrowUp") move(nudge * span)
        else if (key === "PageDown") move(-span)
        else if (key === "PageUp") move(span)
        else if (key === "Home") move(-totalMs)
        else if (key === "End") move(totalMs)
        else if (key === "+" || key === "=") onZoom(zoomOf(shown.from + span / 4, shown.to - span / 4, totalMs), false)
        else if (key === "-") onZoom(zoomOf(shown.from - span / 2, shown.to + span / 2, totalMs), false)
        else if (key === "0" || (key === "Escape" && zoom !== undefined)) onZoom(undefined, false)
        else return
        event.preventDefault()
        event.stopPropagation()
      }}
    >
      <canvas ref={canvas} aria-hidden="true" />
      {zoom !== undefined && (
        <>
          <span className="minimap-out" style={{ left: 0, width: percentOf(scale.at(zoom.from)) }} />
          <span className="minimap-out" style={{ left: percentOf(scale.at(zoom.to)), right: 0 }} />
        </>
      )}
      <Brush
        onSelect={(from, to) => onZoom(zoomOf(timeOf(from), timeOf(to), totalMs), false)}
        onClick={({ x, y }) => {
          const at = timeOf(x)
          if (zoom !== undefined) {
            onZoom(zoomOf(at - span / 2, at + span / 2, totalMs), true)
            return
          }
          const lane = Math.max(0, Math.min(bars.length - 1, (y * height - padding) / (height - 2 * padding) * bars.length))
          let [found, distance] = [-1, Infinity]
          bars.forEach((bar, index) => {
            if (bar.isLoop) return
            const [from, to] = [scale.at(bar.startMs), scale.at(bar.startMs + bar.durationMs)]
            const aside = Math.max(0, from - x, x - to) * width
            const away = Math.hypot(aside, Math.abs(index - lane) * height / bars.length)
            if (away < distance) [found, distance] = [index, away]
          })
          if (found !== -1) onPick(found)
        }}
      />
    </div>
  )
}
