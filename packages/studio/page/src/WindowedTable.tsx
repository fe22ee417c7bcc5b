/** A table of which only the rows in view are drawn. Rows are as high as their contents. */
import { useVirtualizer } from "@tanstack/react-virtual"
import { type ReactNode, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react"
import { useKeys } from "./keys.js"

/** The rows that are drawn above and below those in view. */
const overscan = 8

/** The height of the names of the columns, which stay above the rows. */
const headHeight = 44

/**
 * Arrows, Home and End walk the `.row-link` of the rows. The table begins at its open row, and goes to a row that opens
 * elsewhere. The table scrolls with its view.
 */
export const WindowedTable = ({ className, head, ids, label, open, row }: {
  readonly className: string
  /** The cells of the names of the columns. */
  readonly head: ReactNode
  /** The rows that are listed. */
  readonly ids: ReadonlyArray<number>
  readonly label: string
  /** The row that is open. */
  readonly open?: number | undefined
  /** The contents of a row. `tabIndex` is that of its link, `place` its number among all rows. */
  readonly row: (id: number, place: number, tabIndex: 0 | -1) => ReactNode
}): ReactNode => {
  const body = useRef<HTMLDivElement>(null)
  const scroller = (): HTMLElement | null => body.current?.closest("main") ?? null
  const [margin, setMargin] = useState(0)
  /** The row that the keys are on. */
  const [active, setActive] = useState<number>()
  const activeRow = active === undefined ? -1 : ids.indexOf(active)
  const openRow = open === undefined ? -1 : ids.indexOf(open)
  // another function would measure all rows again
  const keyOfRow = useCallback((nth: number) => ids[nth]!, [ids])
  const virtual = useVirtualizer({
    count: ids.length,
    getScrollElement: scroller,
    estimateSize: () => 41,
    overscan,
    scrollMargin: margin,
    scrollPaddingStart: headHeight,
    getItemKey: keyOfRow,
    rangeExtractor: ({ endIndex, startIndex }) => {
      const shown = []
      const last = Math.min(ids.length - 1, endIndex + overscan)
      for (let nth = Math.max(0, startIndex - overscan); nth <= last; nth++) shown.push(nth)
      if (activeRow !== -1 && !shown.includes(activeRow)) shown.push(activeRow)
      return shown
    }
  })
  // the head above the rows has a height of its own
  useLayoutEffect(() => {
    const element = scroller()
    if (body.current === null || element === null) return
    const top = body.current.getBoundingClientRect().top - element.getBoundingClientRect().top + element.scrollTop
    if (Math.abs(top - margin) > 0.5) setMargin(top)
  })
  const shown = useRef<number>(undefined)
  useEffect(() => {
    const element = scroller()
    if (element === null || margin === 0 || shown.current === open) return
    shown.current = open
    if (openRow === -1) return
    const top = (virtual.getOffsetForIndex(openRow, "start")?.[0] ?? 0) + headHeight
    const isInView = top >= element.scrollTop && top < element.scrollTop + element.clientHeight * 0.7
    if (!isInView) virtual.scrollToIndex(openRow, { align: "start" })
  })
  /** The row that gets the focus when it is drawn: a render before the move must not take it. */
  const focusing = useRef<number>(undefined)
  useEffect(() => {
    if (focusing.current === undefined || focusing.current !== active || activeRow === -1) return
    const link = body.current?.querySelector<HTMLElement>(`[data-index="${activeRow}"] .row-link`)
    if (link == null) return
    focusing.current = undefined
    link.focus({ preventScroll: true })
  })
  const opened = useRef<number>(undefined)
  useEffect(() => {
    const closed = opened.current
    opened.current = open
    // what had the focus may have gone with the contents of the row
    if (open === undefined && closed !== undefined && document.activeElement === document.body) move(ids.indexOf(closed))
  }, [open])
  const move = (row: number): void => {
    if (ids.length === 0) return
    const next = Math.max(0, Math.min(ids.length - 1, row))
    focusing.current = ids[next]
    setActive(ids[next])
    virtual.scrollToIndex(next, { align: "auto" })
  }
  const by = (step: number) => (): void => {
    const from = activeRow === -1 ? openRow : activeRow
    move(body.current?.contains(document.activeElement) === true ? from + step : Math.max(0, from))
  }
  useKeys({ ArrowDown: by(1), ArrowUp: by(-1), Home: () => move(0), End: () => move(ids.length - 1) })
  return (
    <div className={`lrows windowed ${className}`} role="table" aria-label={label} aria-rowcount={ids.length + 1}>
      <div role="rowgroup" className="lhead">
        <div role="row" aria-rowindex={1} className="lrow">{head}</div>
      </div>
      <div role="rowgroup" ref={body} className="windowed-rows" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, key, start }) => {
          const id = ids[index]!
          const hasFocus = activeRow === -1 ? index === Math.max(0, openRow) : index === activeRow
          return (
            <div
              key={key}
              className={id === open ? "is-open" : undefined}
              data-row=""
              data-index={index}
              ref={virtual.measureElement}
              style={{ transform: `translateY(${start - margin}px)` }}
              onFocus={() => setActive(id)}
            >
              {row(id, index, hasFocus ? 0 : -1)}
            </div>
          )
        })}
      </div>
    </div>
  )
}
