/** Reads and streams that last as long as the part of the page that shows them. */
import { useCallback, useEffect, useRef, useState } from "react"
import { addressOf, type Answer, type Params, type Read, read, type ReadError, type TextRead } from "./api.js"
import { follow, get, readErrorOf, useApp } from "./store.js"

export interface Reading<A> {
  /** The answer to these parameters, or to the ones before until it is there. */
  readonly data: A | undefined
  /** Whether `data` answers other parameters. */
  readonly isOld: boolean
  /** The read of these parameters failed. */
  readonly error: ReadError | undefined
  /** Reads again, unless a read goes on. What is known stays until then. */
  readonly reload: () => void
  /** Takes an answer that came by a stream. */
  readonly put: (data: A) => void
}

/** The answers that are kept, so that the way back is immediate. Answers with payloads are not. */
const kept = new Map<string, unknown>()
const mostKept = 24
const large = new Set<Read>([
  "batches.row",
  "compare.diff",
  "compare.stepDiff",
  "evals.case",
  "emulator.request",
  "again.form"
])

const keep = (name: Read, key: string, data: unknown): void => {
  if (large.has(name)) return
  kept.delete(key)
  kept.set(key, data)
  for (const oldest of kept.keys()) if (kept.size > mostKept) kept.delete(oldest)
}

interface Known {
  readonly key: string
  readonly data: unknown
  readonly error: ReadError | undefined
}

/** Reads an endpoint, again when its parameters change or the server was gone. `undefined`: reads nothing. */
export const useRead = <Name extends Read>(name: Name, params: Params<Name> | undefined): Reading<Answer<Name>> => {
  const key = params === undefined ? "" : addressOf(name, params)
  const reconnects = useApp(({ reconnects }) => reconnects)
  const [tries, setTries] = useState(0)
  const [known, setKnown] = useState<Known>(() => ({ key, data: kept.get(key), error: undefined }))
  const latest = useRef(params)
  const isReading = useRef(false)
  latest.current = params
  useEffect(() => {
    if (latest.current === undefined) return
    const ending = new AbortController()
    const { signal } = ending
    isReading.current = true
    const ended = (): boolean => {
      if (!signal.aborted) isReading.current = false
      return signal.aborted
    }
    if (kept.has(key)) setKnown({ key, data: kept.get(key), error: undefined })
    read(name, latest.current, signal).then((data) => {
      if (ended()) return
      keep(name, key, data)
      setKnown({ key, data, error: undefined })
    }, (error: unknown) => {
      if (ended()) return
      setKnown((known) => ({ key, data: known.key === key ? known.data : undefined, error: readErrorOf(error) }))
    })
    return () => ending.abort()
  }, [name, key, reconnects, tries])
  const reload = useCallback(() => {
    if (!isReading.current) setTries((tries) => tries + 1)
  }, [])
  const put = useCallback((data: Answer<Name>) => {
    keep(name, key, data)
    setKnown({ key, data, error: undefined })
  }, [name, key])
  return {
    data: known.data as Answer<Name> | undefined,
    isOld: known.key !== key,
    error: known.key === key ? known.error : undefined,
    reload,
    put
  }
}

type Handlers = { readonly [event: string]: (data: never) => void }

/**
 * Follows a stream of the server, and tells by it whether the server is there. Each view follows one at least and few at
 * most: a browser has six connections to a server.
 */
export const useStream = <Name extends TextRead>(
  name: Name,
  params: Params<Name>,
  events: Handlers,
  whenLost?: () => void
): void => {
  const key = addressOf(name, params)
  const latest = useRef({ events, params, whenLost })
  latest.current = { events, params, whenLost }
  useEffect(() => {
    const ending = new AbortController()
    const names = Object.keys(latest.current.events)
    const handlers = Object.fromEntries(
      names.map((name) => [name, (data: never) => latest.current.events[name]?.(data)])
    )
    follow(name, latest.current.params, handlers, ending.signal, () => latest.current.whenLost?.())
    return () => ending.abort()
  }, [name, key])
}

/** A stream without events, for views whose facts are read and not followed. */
export const presence = { name: "runs.changes", params: { to: 0 } } as const

/** Reads again from time to time, while the page is visible and the server answers. `undefined`: not now. */
export const useRefresh = (reload: () => void, everyMs: number | undefined): void => {
  const latest = useRef(reload)
  latest.current = reload
  useEffect(() => {
    if (everyMs === undefined) return
    const timer = window.setInterval(() => {
      if (!document.hidden && get().connection === "live") latest.current()
    }, everyMs)
    return () => window.clearInterval(timer)
  }, [everyMs])
}

/** Calls back when a value has changed, at most once in a time. `undefined`: it is not known yet, which is no change. */
export const useWhenChanged = (value: unknown, everyMs: number, then: () => void): void => {
  const known = useRef(value)
  const timer = useRef<number>(undefined)
  const latest = useRef(then)
  latest.current = then
  useEffect(() => {
    if (known.current === undefined || value === undefined || known.current === value) {
      known.current ??= value
      return
    }
    known.current = value
    timer.current ??= window.setTimeout(() => {
      timer.current = undefined
      latest.current()
    }, everyMs)
  }, [value, everyMs])
  useEffect(() => () => window.clearTimeout(timer.current), [])
}
