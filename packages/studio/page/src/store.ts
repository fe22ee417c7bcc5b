/** The state of the page, and the reads that fill it. */
import { useSyncExternalStore } from "react"
import {
  type Bar,
  type EmulatorState,
  type ListChange,
  type Params,
  read,
  ReadError,
  type Run,
  type RunDetail,
  send,
  type Snippets,
  type Source,
  type StepDetail,
  stream,
  type StreamHandlers,
  type TextRead,
  type Write
} from "./api.js"
import {
  againRoute,
  batchRoute,
  compareRoute,
  evalRoute,
  filterOf,
  hrefOf,
  keepRoute,
  parseRoute,
  reconcileRoute,
  type Route,
  type RunRoute,
  type RunsRoute,
  runsRoute,
  sessionRoute
} from "./route.js"
import { emptyList, isListed, missingPage, pageSize, type RunList, withChange, withPage } from "./runList.js"

export interface RunState {
  readonly key: string
  readonly detail: RunDetail | undefined
  /** When the page received it, by the clock of `performance`: bars of a running run grow from there. */
  readonly receivedAt: number
  readonly error: ReadError | undefined
  /** The bar that is shown without a choice of the reader. */
  readonly focus: Bar | undefined
  /** The steps that were read, the latest last. */
  readonly steps: ReadonlyMap<string, StepState>
}

export interface StepState {
  readonly detail: StepDetail | undefined
  readonly error: ReadError | undefined
  readonly isReading: boolean
}

export interface State {
  readonly route: Route
  /** `refused`: the server answers, but does not know the cookie of this browser. */
  readonly connection: "connecting" | "live" | "lost" | "refused"
  /** Grows when what is shown is to be read again: the server was gone and is there again, or the reader asked. */
  readonly reconnects: number
  readonly source: Source | undefined
  /** Why the server whose runs are shown does not answer, while the studio does. */
  readonly outage: string | undefined
  readonly list: RunList
  /** Grows with each change of the list that the server told. */
  readonly listChanges: number
  /** Where the reader left the list. */
  readonly listOffset: number
  readonly run: RunState | undefined
  /** The emulator, as it was last seen. */
  readonly emulator: EmulatorState | undefined
  readonly dialog: "keys" | "copy" | undefined
  /** Whether payloads are shown as they came. Kept by the browser. */
  readonly isRaw: boolean
  /** A sentence that confirms an action, also for screen readers. */
  readonly notice: string
}

type KeptSetting = "raw" | "split" | "columns"

/** A setting that the browser keeps. One may keep nothing: then each page begins with the default. */
export const kept = (name: KeptSetting): string | undefined => {
  try {
    return localStorage.getItem(name) ?? undefined
  } catch {
    return undefined
  }
}

export const keep = (name: KeptSetting, value: string): void => {
  try {
    localStorage.setItem(name, value)
  } catch {
    // as above
  }
}

let state: State = {
  route: parseRoute(location),
  connection: "connecting",
  reconnects: 0,
  source: undefined,
  outage: undefined,
  list: emptyList(""),
  listChanges: 0,
  listOffset: 0,
  run: undefined,
  emulator: undefined,
  dialog: undefined,
  isRaw: kept("raw") === "yes",
  notice: ""
}

const listeners = new Set<() => void>()

const subscribe = (listener: () => void): () => void => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export const set = (change: Partial<State>): void => {
  state = { ...state, ...change }
  for (const listener of listeners) listener()
}

export const get = (): State => state

export const setRaw = (isRaw: boolean): void => {
  set({ isRaw })
  keep("raw", isRaw ? "yes" : "no")
}

/** A part of the state. The selector returns a part as it is, or a plain value. */
export const useApp = <Part>(selector: (state: State) => Part): Part =>
  useSyncExternalStore(subscribe, () => selector(state))

export const readErrorOf = (error: unknown): ReadError =>
  error instanceof ReadError ? error : new ReadError(0, String(error), undefined)

/** Sends a request that changes something, and returns why it failed, if it did. */
export const sent = async <Name extends Write>(
  ...args: Parameters<typeof send<Name>>
): Promise<ReadError | undefined> => {
  try {
    const response = await send<Name>(...args)
    if (response.ok) return undefined
    const { advice, message } = await response.json().catch(() => ({})) as {
      readonly advice?: string
      readonly message?: string
    }
    return new ReadError(response.status, message ?? `The studio answered ${response.status}.`, advice)
  } catch (cause) {
    return readErrorOf(cause)
  }
}

/** Ends the reads of the view that is shown. */
let view = new AbortController()

// --- the list ---------------------------------------------------------------

const loading = new Set<number>()

/** The changes that arrived while pages were read: a page may be older than they are. */
let during: Array<ListChange> = []

const readList = async (route: RunsRoute, offset: number, limit: number, signal: AbortSignal): Promise<void> => {
  if (loading.has(offset)) return
  loading.add(offset)
  const key = hrefOf(route)
  // the rows of the filter before stay until the first page is there
  const ofRoute = (): RunList => state.list.key === key ? state.list : emptyList(key)
  try {
    const page = await read("runs.list", { ...filterOf(route), order: route.order, offset, limit }, signal)
    if (signal.aborted) return
    const list = during.reduce((list, change) => withChange(list, change).list, withPage(ofRoute(), page, offset))
    set({ list, ...(state.list.key !== key && { listOffset: 0 }) })
  } catch (error) {
    if (!signal.aborted) set({ list: { ...ofRoute(), error: readErrorOf(error) } })
  } finally {
    if (!signal.aborted) {
      loading.delete(offset)
      if (loading.size === 0) during = []
    }
  }
}

/** Reads the rows between two places that are not known, a page at a time. */
export const showRows = (first: number, last: number): void => {
  const { list, route } = state
  if (route.view !== "runs" || list.key !== hrefOf(route) || list.error !== undefined) return
  const page = missingPage(list, first, last)
  if (page !== undefined) void readList(route, page.offset, page.limit, view.signal)
}

/** The time after which a list that is in doubt is read again, in milliseconds. */
const doubt = 500

/** The time after which the list of the last hour, day or week is read again, in milliseconds. */
const rangeAge = 60_000

const openList = (route: RunsRoute, signal: AbortSignal): void => {
  const key = hrefOf(route)
  loading.clear()
  during = []
  const isRead = (): boolean => state.list.key === key && state.list.isLoaded
  const readFirst = () => readList(route, 0, pageSize, signal)
  // the rows do not wait for the stream: what changes between the two is read with it
  const begun = readFirst()
  let isFirst = true
  let timer: number | undefined
  const readLater = (): void => {
    timer ??= window.setTimeout(() => {
      timer = undefined
      void readFirst()
    }, doubt)
  }
  const aging = route.range === undefined ? undefined : window.setTimeout(open, rangeAge)
  signal.addEventListener("abort", () => {
    window.clearTimeout(timer)
    window.clearTimeout(aging)
  })
  stream("runs.changes", { ...filterOf(route) }, {
    hello: connected(() => {
      void begun.then(readFirst)
      if (!isFirst) set({ listChanges: state.listChanges + 1 })
      isFirst = false
      if (state.source === undefined) readSource()
    }),
    lost: () => {
      lost(signal)
      if (!isRead()) void readFirst()
    },
    events: {
      problem: () => void readFirst(),
      change: (all: ListChange) => {
        // the place of a new run in another order is the server's to tell
        const change = route.order === undefined
          ? all
          : { ...all, runs: all.runs.filter((run) => isListed(state.list, run)) }
        if (loading.size > 0) during.push(change)
        if (!isRead()) return
        const { isInDoubt, list } = withChange(state.list, change)
        set({ list, listChanges: state.listChanges + 1 })
        if (isInDoubt || route.order !== undefined) readLater()
      }
    }
  }, signal)
}

// --- a run ------------------------------------------------------------------

/** Whether a run goes on no more. One whose status is not known has ended if its duration is known. */
export const isEnded = ({ durationMs, status }: Run): boolean =>
  status !== "pending" && status !== "running" && (durationMs !== undefined || ended.has(status))

const ended = new Set(["completed", "failed", "cancelled"])

export const isSameBar = (one: Bar, other: Bar): boolean =>
  one.stepId === other.stepId && one.loopIndex === other.loopIndex && one.attempt === other.attempt

const sameBar = (bars: ReadonlyArray<Bar>, bar: Bar): Bar | undefined => bars.find((one) => isSameBar(one, bar))

const withDetail = (run: RunState, detail: RunDetail): RunState => {
  const shown = run.focus === undefined ? undefined : sameBar(detail.bars, run.focus)
  const first = detail.focus === undefined ? undefined : detail.bars[detail.focus]
  return {
    ...run,
    detail,
    receivedAt: performance.now(),
    error: undefined,
    // what the reader looks at stays, but for a failure
    focus: shown === undefined || (first?.kind === "failed" && shown.kind !== "failed") ? first : shown
  }
}

const setRun = (change: (run: RunState) => RunState): void => {
  if (state.run !== undefined) set({ run: change(state.run) })
}

const openRun = ({ flow, id }: RunRoute, signal: AbortSignal): void => {
  const key = JSON.stringify([flow, id])
  if (state.run?.key !== key) {
    set({ run: { key, detail: undefined, receivedAt: 0, error: undefined, focus: undefined, steps: new Map() } })
  }
  const take = (detail: RunDetail): void => setRun((run) => withDetail(run, detail))
  const readRun = async (): Promise<void> => {
    try {
      const detail = await read("runs.run", { flow, id }, signal)
      if (!signal.aborted) take(detail)
    } catch (error) {
      if (!signal.aborted) setRun((run) => ({ ...run, error: readErrorOf(error) }))
    }
  }
  /** Tells that the server is gone, and whether a run that has ended, or that is not known, goes on. */
  const follow = (isRead: boolean): void => {
    let isKnown = isRead
    const hello = (): void => {
      if (!isKnown) void readRun()
      isKnown = false
    }
    const change = ({ gone, runs }: ListChange): void => {
      if (gone.includes(id) || runs.some((run) => run.id === id)) void readRun()
    }
    stream(
      "runs.changes",
      { text: id },
      { hello: connected(hello), lost: () => lost(signal), events: { change } },
      signal
    )
  }
  const watch = (): void => {
    const watching = new AbortController()
    signal.addEventListener("abort", () => watching.abort())
    const end = (isRead: boolean) => (): void => {
      watching.abort()
      if (!signal.aborted) follow(isRead)
    }
    stream("runs.watch", { flow, id }, {
      hello: connected(() => undefined),
      lost: () => {
        lost(signal)
        // a server that answers has refused to watch this run
        void readRun().then(() => {
          if (state.run?.error !== undefined && !isSilence(state.run.error)) end(false)()
        })
      },
      events: { run: take, end: end(true), problem: end(false) }
    }, watching.signal)
  }
  void readRun().then(() => {
    if (signal.aborted) return
    const { detail, error } = state.run ?? {}
    if (detail !== undefined && error === undefined && !isEnded(detail.run)) watch()
    else follow(error === undefined || !isSilence(error))
  })
}

/** Whether no answer came, so that the read is worth another try. */
const isSilence = ({ status }: ReadError): boolean => status === 0 || status === 504

/** The most steps whose payloads are kept. */
const mostSteps = 8

export const stepKey = (stepId: string, loop: number | undefined): string => JSON.stringify([stepId, loop ?? null])

const setStep = (key: string, step: StepState): void =>
  setRun((run) => {
    const steps = new Map(run.steps)
    steps.delete(key)
    steps.set(key, step)
    for (const oldest of steps.keys()) if (steps.size > mostSteps) steps.delete(oldest)
    return { ...run, steps }
  })

/** Reads the payloads of a step. Those that were known stay until then. */
export const readStep = async (
  address: { readonly flow: string; readonly id: string },
  step: string,
  loop: number | undefined,
  signal: AbortSignal
): Promise<void> => {
  const key = stepKey(step, loop)
  setStep(key, { detail: state.run?.steps.get(key)?.detail, error: undefined, isReading: true })
  try {
    const detail = await read("runs.step", { ...address, step, loop }, signal)
    if (!signal.aborted) setStep(key, { detail, error: undefined, isReading: false })
  } catch (error) {
    if (!signal.aborted) {
      setStep(key, { detail: state.run?.steps.get(key)?.detail, error: readErrorOf(error), isReading: false })
    }
  }
}

export const readSnippets = (
  address: { readonly flow: string; readonly id: string },
  signal: AbortSignal
): Promise<Snippets> => read("runs.snippets", { ...address }, signal)

// --- the page ---------------------------------------------------------------

/** The time between two questions whether the server of the runs answers, in milliseconds. */
const checks = 2_000

let isChecking = false

/** Reads which server it is, and whether it answers. */
const readSource = (): void => {
  if (isChecking) {
    set({ outage: state.outage ?? "It has not answered yet." })
    return
  }
  isChecking = true
  read("runs.source", {}, new AbortController().signal).then(
    (source) =>
      set({ outage: source.outage, ...JSON.stringify(source) !== JSON.stringify(state.source) && { source } }),
    (error: unknown) => {
      const { message, status } = readErrorOf(error)
      // otherwise the studio itself is gone, as its stream tells
      if (status >= 500) set({ outage: message })
    }
  ).finally(() => {
    isChecking = false
  })
}

const connected = (then: () => void) => (): void => {
  set({ connection: "live", ...(isAway() && { reconnects: state.reconnects + 1 }) })
  then()
}

const isAway = (): boolean => state.connection === "lost" || state.connection === "refused"

/** Tells that a stream broke: the server is gone, or it was started anew and knows no browser. */
const lost = (signal: AbortSignal): void => {
  if (!isAway()) set({ connection: "lost" })
  read("runs.source", {}, signal).then(
    () => undefined,
    (error: unknown) => {
      if (signal.aborted || !isAway()) return
      set({ connection: isRefused(readErrorOf(error)) ? "refused" : "lost" })
    }
  )
}

/** Follows a stream of a view until the signal aborts, and tells by it whether the server is there. */
export const follow = <Name extends TextRead>(
  name: Name,
  params: Params<Name>,
  events: StreamHandlers["events"],
  signal: AbortSignal,
  whenLost: () => void
): void =>
  stream(name, params, {
    hello: connected(() => {
      if (state.source === undefined) readSource()
    }),
    lost: () => {
      lost(signal)
      whenLost()
    },
    events
  }, signal)

const isRefused = ({ status }: ReadError): boolean => status === 401 || status === 403

/** The part of the address that is a subject of its own. Moves within it keep the dialog and the reads of the store. */
const subjectOf = (route: Route): string => {
  switch (route.view) {
    case "run":
      return JSON.stringify([route.flow, route.id])
    case "session":
      return hrefOf(sessionRoute(route.id))
    case "emulator":
    case "find":
      return route.view
    case "batch":
      return hrefOf(batchRoute(route))
    case "eval":
      return hrefOf(evalRoute(route))
    case "compare":
      return hrefOf(compareRoute(route))
    case "reconcile":
      return hrefOf(reconcileRoute(route))
    case "again":
      return hrefOf({ ...againRoute(route), at: route.at })
    case "keep":
      return hrefOf(keepRoute(route.session))
    default:
      return hrefOf(route)
  }
}

/** Opens the reads of the views of runs. The parts of the other views read by themselves, with `useRead`. */
const open = (): void => {
  view.abort()
  view = new AbortController()
  if (state.route.view === "runs") openList(state.route, view.signal)
  if (state.route.view === "run") openRun(state.route, view.signal)
}

const enter = (route: Route): void => {
  const isOther = subjectOf(route) !== subjectOf(state.route)
  set({ route, ...(isOther && { dialog: undefined }) })
  if (!isOther) return
  moves++
  open()
}

/** Reads the view again. */
export const retry = (): void => {
  if (state.list.error !== undefined) set({ list: { ...state.list, error: undefined } })
  setRun((run) => ({ ...run, error: undefined }))
  set({ reconnects: state.reconnects + 1 })
  readSource()
  open()
}

/** Goes to a state of the page. `replace` leaves no entry in the history: for moves within a view. */
export const navigate = (route: Route, { replace = false } = {}): void => {
  const href = hrefOf(route)
  if (href === location.pathname + location.search) return
  history[replace ? "replaceState" : "pushState"](null, "", href)
  enter(route)
}

/** Whether another view was opened than the one that was loaded. */
export const hasMoved = (): boolean => moves > 0

let moves = 0

/** The list that the reader came from. */
export const lastList = (): RunsRoute => shownList

let shownList = runsRoute()

subscribe(() => {
  if (state.route.view === "runs") shownList = state.route
})

export const start = (): void => {
  window.addEventListener("popstate", () => enter(parseRoute(location)))
  // addresses without a view, and those spelt otherwise
  history.replaceState(null, "", hrefOf(state.route) + location.hash)
  set({})
  readSource()
  window.setInterval(() => {
    if (!document.hidden && state.connection === "live") readSource()
  }, checks)
  open()
}

export const copy = async (text: string, what: string): Promise<void> => {
  const isCopied = await navigator.clipboard?.writeText(text).then(() => true, () => false) ?? copyBySelection(text)
  set({ notice: isCopied ? `${what} copied.` : `${what} could not be copied: the browser refused.` })
}

/** Addresses other than this machine's have no clipboard without https. */
const copyBySelection = (text: string): boolean => {
  const area = document.createElement("textarea")
  area.value = text
  area.className = "offscreen"
  const place = document.querySelector("dialog[open]") ?? document.body
  place.append(area)
  area.select()
  const isCopied = document.execCommand("copy")
  area.remove()
  return isCopied
}
