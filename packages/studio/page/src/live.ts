/** Reads again what has changed, at most so often. */
import { useEffect, useRef } from "react"

/** Calls a function after a value has changed, at most once per so many milliseconds. */
export const useAfter = (value: unknown, everyMs: number, then: () => void): void => {
  const latest = useRef(then)
  latest.current = then
  const first = useRef(value)
  const timer = useRef<number>(undefined)
  useEffect(() => {
    if (first.current === value) return
    first.current = undefined
    timer.current ??= window.setTimeout(() => {
      timer.current = undefined
      latest.current()
    }, everyMs)
  }, [value, everyMs])
  useEffect(() => () => {
    window.clearTimeout(timer.current)
    timer.current = undefined
  }, [])
}

/** Calls a function every so many milliseconds while it is needed and the page is visible. */
export const useEvery = (everyMs: number, isNeeded: boolean, then: () => void): void => {
  const latest = useRef(then)
  latest.current = then
  useEffect(() => {
    if (!isNeeded) return
    const timer = window.setInterval(() => {
      if (!document.hidden) latest.current()
    }, everyMs)
    return () => window.clearInterval(timer)
  }, [everyMs, isNeeded])
}
