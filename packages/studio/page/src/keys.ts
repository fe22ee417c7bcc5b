/** The keys of the page. */
import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react"

export const keyList: ReadonlyArray<{ readonly keys: ReadonlyArray<string>; readonly does: string }> = [
  { keys: ["↑", "↓"], does: "Walk the runs, rows and cases, or the steps of a run" },
  { keys: ["Home", "End"], does: "Go to the first or the last one" },
  { keys: ["Enter"], does: "Open the run, the row or the case" },
  { keys: ["→", "←"], does: "Unfold or fold a loop; next or previous page of rows or cases" },
  { keys: ["+", "−"], does: "Zoom into a run, around its step, or out of it" },
  { keys: ["0"], does: "Show the whole run" },
  { keys: ["C"], does: "Mark the critical path" },
  { keys: ["R"], does: "Open the form that runs a run again" },
  { keys: ["D"], does: "List all steps of a comparison, or those that differ" },
  { keys: ["/"], does: "Search" },
  { keys: ["?"], does: "List the keys" },
  { keys: ["Esc"], does: "Leave a field, close what is open, clear the filters, or go back" }
]

/** A field that takes keys as text, or a part that has keys of its own. */
const hasOwnKeys = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest("input, textarea, select, dialog, [data-keys=own]") !== null

/** Keys of the whole page, by `event.key`. A handler that returns false leaves the key to the browser. */
export const useKeys = (handlers: { readonly [key: string]: () => boolean | void }): void => {
  const latest = useRef(handlers)
  useEffect(() => {
    latest.current = handlers
  })
  useEffect(() => {
    const ending = new AbortController()
    document.addEventListener("keydown", (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
      const isEscape = event.key === "Escape"
      if (document.querySelector("dialog[open]") !== null || (!isEscape && hasOwnKeys(event.target))) return
      if (isEscape && event.target instanceof HTMLElement && event.target.matches("input, select, textarea")) {
        event.target.blur()
        event.preventDefault()
        return
      }
      const handle = latest.current[event.key]
      if (handle !== undefined && handle() !== false) event.preventDefault()
    }, { signal: ending.signal })
    return () => ending.abort()
  }, [])
}

/** Whether a media query holds, as it changes. */
export const useMedia = (query: string): boolean => {
  const [doesHold, setHolds] = useState(() => matchMedia(query).matches)
  useEffect(() => {
    const list = matchMedia(query)
    const ending = new AbortController()
    setHolds(list.matches)
    list.addEventListener("change", ({ matches }) => setHolds(matches), { signal: ending.signal })
    return () => ending.abort()
  }, [query])
  return doesHold
}

/** A clock that ticks while it is needed. Returns the time of a clock such as `Date.now`. */
export const useClock = (clock: () => number, everyMs: number, isTicking: boolean): number => {
  const [now, setNow] = useState(clock)
  useEffect(() => {
    if (!isTicking) return
    const timer = window.setInterval(() => setNow(clock()), everyMs)
    setNow(clock())
    return () => window.clearInterval(timer)
  }, [clock, everyMs, isTicking])
  return now
}

/** The width of an element, in pixels, as it changes. */
export const useWidth = (element: RefObject<HTMLElement | null>): number => {
  const [width, setWidth] = useState(0)
  useLayoutEffect(() => {
    if (element.current === null) return
    const observer = new ResizeObserver(([entry]) => setWidth(entry!.contentRect.width))
    observer.observe(element.current)
    setWidth(element.current.clientWidth)
    return () => observer.disconnect()
  }, [element])
  return width
}
