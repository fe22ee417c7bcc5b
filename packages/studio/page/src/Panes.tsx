/** Two panes side by side, with a border that can be moved. Its place is kept by the browser. */
import { type ReactNode, useRef, useState } from "react"
import { keep, kept } from "./store.js"

/** The width of the first pane, in percent: the least, the usual and the most. */
const width = { least: 25, usual: 50, most: 75 }

const within = (percent: number): number =>
  Number.isFinite(percent) ? Math.round(Math.min(width.most, Math.max(width.least, percent))) : width.usual

export const Panes = ({ children: [first, second] }: { readonly children: readonly [ReactNode, ReactNode] }): ReactNode => {
  const panes = useRef<HTMLDivElement>(null)
  const [percent, setPercent] = useState(() => within(Number(kept("split") ?? width.usual)))
  const move = (to: number): void => {
    setPercent(within(to))
    keep("split", String(within(to)))
  }
  return (
    <div className="run-body panes" ref={panes} style={{ "--split": `${percent}%` } as React.CSSProperties}>
      {first}
      <div
        className="pane-border"
        role="separator"
        aria-label="Width of the steps"
        aria-orientation="vertical"
        aria-valuenow={percent}
        aria-valuemin={width.least}
        aria-valuemax={width.most}
        tabIndex={0}
        data-keys="own"
        onKeyDown={(event) => {
          const to = { ArrowLeft: percent - 2, ArrowRight: percent + 2, Home: width.least, End: width.most }[event.key]
          if (to === undefined) return
          event.preventDefault()
          move(to)
        }}
        onDoubleClick={() => move(width.usual)}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={(event) => {
          if (!event.currentTarget.hasPointerCapture(event.pointerId) || panes.current === null) return
          const { left, width: whole } = panes.current.getBoundingClientRect()
          move(100 * (event.clientX - left) / whole)
        }}
      />
      {second}
    </div>
  )
}
