/** An area of time in which a reader drags a range, with a mouse, a pen or a finger. */
import { type PointerEvent, type ReactNode, useRef, useState } from "react"

/** A movement shorter than this, in pixels, is a click. */
const shortest = 4

/** A place in the area, as fractions of its width and height. */
export interface BrushPlace {
  readonly x: number
  readonly y: number
  /** The size of the area, in pixels. */
  readonly width: number
  readonly height: number
}

const within = (part: number): number => Math.max(0, Math.min(1, part))

export const Brush = ({ children, onClick, onHover, onSelect }: {
  readonly children?: ReactNode
  readonly onClick?: (place: BrushPlace) => void
  /** The place under the pointer. `undefined`: it has left. */
  readonly onHover?: (place: BrushPlace | undefined) => void
  /** The ends of a range, as fractions of the width. */
  readonly onSelect: (from: number, to: number) => void
}): ReactNode => {
  const start = useRef<{ readonly x: number; readonly isMoved: boolean }>(undefined)
  const [range, setRange] = useState<readonly [number, number]>()
  const placeOf = (event: PointerEvent<HTMLElement>): BrushPlace => {
    const { height, left, top, width } = event.currentTarget.getBoundingClientRect()
    return { x: within((event.clientX - left) / width), y: within((event.clientY - top) / height), width, height }
  }
  const rangeTo = ({ x }: BrushPlace): readonly [number, number] => {
    const from = start.current?.x ?? x
    return [Math.min(from, x), Math.max(from, x)]
  }
  const end = (): void => {
    start.current = undefined
    setRange(undefined)
  }
  return (
    <div
      className="brush"
      onPointerDown={(event) => {
        if (event.button !== 0) return
        event.currentTarget.setPointerCapture(event.pointerId)
        start.current = { x: placeOf(event).x, isMoved: false }
      }}
      onPointerMove={(event) => {
        const place = placeOf(event)
        onHover?.(place)
        if (start.current === undefined) return
        const isMoved = start.current.isMoved || Math.abs(place.x - start.current.x) * place.width >= shortest
        start.current = { ...start.current, isMoved }
        if (isMoved) setRange(rangeTo(place))
      }}
      onPointerUp={(event) => {
        if (start.current === undefined) return
        const place = placeOf(event)
        const { isMoved } = start.current
        const [from, to] = rangeTo(place)
        end()
        if (isMoved) onSelect(from, to)
        else onClick?.(place)
      }}
      onPointerCancel={end}
      onPointerLeave={() => onHover?.(undefined)}
    >
      {children}
      {range !== undefined && (
        <span className="brush-range" style={{ left: `${100 * range[0]}%`, width: `${100 * (range[1] - range[0])}%` }} />
      )}
    </div>
  )
}
