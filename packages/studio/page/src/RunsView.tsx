/** The list of runs, newest first, live. */
import { isUuid } from "@effect-noukai/sdk/kit/names"
import { useVirtualizer } from "@tanstack/react-virtual"
import { type CSSProperties, lazy, memo, type ReactNode, Suspense, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react"
import { read, type Run, type RunFilter } from "./api.js"
import { count, oneLine, visible } from "./format.js"
import { useKeys, useMedia } from "./keys.js"
import { ListSums } from "./ListSums.js"
import { Button, Failure, Icon, Link, Main, Menu, Text, useStatus, Wait, Words } from "./parts.js"
import { Ranges } from "./Ranges.js"
import { compareRoute, filterOf, findRoute, hrefOf, runRoute, type RunsRoute, runsRoute, sessionRoute } from "./route.js"
import { Cell, type Column, ColumnHead, ColumnMenu, narrowColumns, orderWords, useColumns, widthsOf } from "./RunColumns.js"
import { copy, get, navigate, readErrorOf, retry, set, showRows, useApp } from "./store.js"

/** A list is read without its picture, too, where that could not be loaded. */
const Strip = lazy<typeof import("./Strip.js").default>(() =>
  import("./Strip.js").catch(() => ({ default: () => null }))
)

const statuses = ["pending", "running", "completed", "failed", "cancelled"]

/** The time after the last key of a text until the list is read, in milliseconds. */
const typing = 200

/** A field whose text becomes a part of the filter when the reader pauses. */
const FilterText = ({ isMain = false, label, list, name, placeholder, route }: {
  readonly isMain?: boolean
  readonly label: string
  readonly list?: string
  readonly name: "flow" | "session" | "text"
  readonly placeholder: string
  readonly route: RunsRoute
}): ReactNode => {
  const known = route.filter[name] ?? ""
  const [text, setText] = useState(known)
  const timer = useRef<number>(undefined)
  useEffect(() => {
    window.clearTimeout(timer.current)
    // the text of the field is ahead of the address by spaces at its ends
    setText((text) => text.trim() === known ? text : known)
  }, [known])
  const apply = (text: string): void => {
    const { route } = get()
    if (route.view === "runs") navigate({ ...route, filter: withFilter(route.filter, name, text) }, { replace: true })
  }
  return (
    <label className={`field field-${name}`}>
      <span>{label}</span>
      <input
        type="search"
        value={text}
        list={list}
        placeholder={placeholder}
        spellCheck={false}
        autoComplete="off"
        data-search={isMain ? "" : undefined}
        onChange={({ target }) => {
          setText(target.value)
          window.clearTimeout(timer.current)
          timer.current = window.setTimeout(apply, typing, target.value)
        }}
        onKeyDown={({ key }) => {
          if (key !== "Enter") return
          window.clearTimeout(timer.current)
          apply(text)
        }}
      />
    </label>
  )
}

const withFilter = (filter: RunFilter, name: keyof RunFilter, value: string): RunFilter => {
  const rest = Object.fromEntries(Object.entries(filter).filter(([other]) => other !== name))
  return value.trim() === "" ? rest : { ...rest, [name]: value.trim() }
}

const isFiltered = ({ filter, range }: RunsRoute): boolean => range !== undefined || Object.keys(filter).length > 0

const clear = ({ order }: RunsRoute): void => navigate(runsRoute({}, { order }))

const Filters = ({ route }: { readonly route: RunsRoute }): ReactNode => {
  const source = useApp(({ source }) => source)
  const { status } = route.filter
  return (
    <form className="filters" role="search" aria-label="Filter runs" onSubmit={(event) => event.preventDefault()}>
      <FilterText route={route} name="text" label="Search" placeholder="Any text of a run" isMain />
      <FilterText route={route} name="flow" label="Flow" placeholder="Any flow" list="flows" />
      <datalist id="flows">
        {source?.flows.map((flow) => <option key={flow} value={flow} />)}
      </datalist>
      <label className="field field-status">
        <span>Status</span>
        <select
          value={status ?? ""}
          onChange={({ target }) => navigate({ ...route, filter: withFilter(route.filter, "status", target.value) })}
        >
          <option value="">Any status</option>
          {(status === undefined || statuses.includes(status) ? statuses : [...statuses, status]).map((one) => (
            <option key={one} value={one}>{visible(one)}</option>
          ))}
        </select>
      </label>
      <FilterText route={route} name="session" label="Session" placeholder="Any session" />
      {isFiltered(route) && <Button onClick={() => clear(route)}>Clear filters</Button>}
    </form>
  )
}

/** A run or a session whose id the reader has. */
const OpenById = (): ReactNode => {
  const [open, setOpen] = useState<"run" | "session">()
  return (
    <>
      <Menu name="Open">
        <Link className="button" to={compareRoute({})}>Compare runs…</Link>
        <Link className="button" to={findRoute()}>Search all payloads…</Link>
        <Button onClick={() => setOpen("run")}>Open a run…</Button>
        <Button onClick={() => setOpen("session")}>Open a session…</Button>
      </Menu>
      {open === "run" && <OpenRun close={() => setOpen(undefined)} />}
      {open === "session" && <OpenSession close={() => setOpen(undefined)} />}
    </>
  )
}

/** A form of one line that leads somewhere. `problem` is about its fields. */
const OpenForm = ({ children, close, label, onSubmit, problem }: {
  readonly children: ReactNode
  readonly close: () => void
  readonly label: string
  readonly onSubmit: () => void
  readonly problem: string
}): ReactNode => {
  const form = useRef<HTMLFormElement>(null)
  useEffect(() => form.current?.querySelector("input")?.focus(), [])
  return (
    <form
      ref={form}
      className="open-session"
      aria-label={label}
      onSubmit={(event) => {
        event.preventDefault()
        onSubmit()
      }}
    >
      {children}
      <button type="submit" className="button button-primary">Open</button>
      <Button kind="icon" label="Close the form" onClick={close}><Icon name="close" /></Button>
      <p id="open-problem" role="alert" className="form-problem">{problem}</p>
    </form>
  )
}

const idField = { "aria-describedby": "open-problem", spellCheck: false, autoComplete: "off", className: "mono" } as const

/** A run by its id. A server that lists runs tells its flow; otherwise the reader names it. */
const OpenRun = ({ close }: { readonly close: () => void }): ReactNode => {
  const flows = useApp(({ source }) => source?.flows)
  const [id, setId] = useState("")
  const [flow, setFlow] = useState("")
  const [problem, setProblem] = useState("")
  const look = async (run: string): Promise<void> => {
    const { runs } = await read("runs.list", { text: run, limit: 500 }, new AbortController().signal)
    const found = runs.find((one) => one.id === run)
    if (found !== undefined) navigate(runRoute(found))
    else setProblem(`No listed run has this id. Enter its flow, too, as organisation/project/flow.`)
  }
  const submit = (): void => {
    const [run, name] = [id.trim(), flow.trim()]
    if (run === "") setProblem("Enter the id of a run.")
    else if (name === "") void look(run).catch((error: unknown) => setProblem(readErrorOf(error).message))
    else if (/^[^/\s]+\/[^/\s]+\/[^/\s]+$/.test(name)) navigate(runRoute({ flow: name, id: run }))
    else setProblem("A flow is written as organisation/project/flow.")
  }
  return (
    <OpenForm close={close} label="Open a run" onSubmit={submit} problem={problem}>
      <input
        {...idField}
        value={id}
        aria-label="Id of the run"
        aria-invalid={problem !== ""}
        placeholder="Id of the run"
        onChange={({ target }) => {
          setId(target.value)
          setProblem("")
        }}
      />
      <input
        {...idField}
        value={flow}
        list="open-flows"
        aria-label="Flow of the run, if it is not listed"
        placeholder="organisation/project/flow"
        onChange={({ target }) => {
          setFlow(target.value)
          setProblem("")
        }}
      />
      <datalist id="open-flows">{flows?.slice(0, 500).map((one) => <option key={one} value={one} />)}</datalist>
    </OpenForm>
  )
}

/** A session by its id. */
const OpenSession = ({ close }: { readonly close: () => void }): ReactNode => {
  const [id, setId] = useState("")
  const [problem, setProblem] = useState("")
  const submit = (): void => {
    const session = id.trim()
    if (isUuid(session)) navigate(sessionRoute(session))
    else setProblem(session === "" ? "Enter the id of a session." : "This is not the id of a session: it is a UUID, such as 0c5b1f7e-5d1f-4a39-9a2e-7f0f6ad1c001.")
  }
  return (
    <OpenForm close={close} label="Open a session" onSubmit={submit} problem={problem}>
      <input
        {...idField}
        value={id}
        aria-label="Id of the session"
        aria-invalid={problem !== ""}
        placeholder="Id of the session"
        onChange={({ target }) => {
          setId(target.value)
          setProblem("")
        }}
      />
    </OpenForm>
  )
}

const hasRange = ({ filter: { from, to }, range }: RunsRoute): boolean =>
  from !== undefined || to !== undefined || range !== undefined

/** Facts that the server does not tell. */
const Missing = (): ReactNode => {
  const missing = useApp(({ source }) => source?.missing)
  if (missing === undefined || missing.length === 0) return null
  const names = missing.map(({ what }) => what).join("; ")
  return (
    <details className="missing">
      <summary title={oneLine(names)}>Not known here: <Text value={names} /></summary>
      <dl>
        {missing.map(({ what, why }) => (
          <div key={what}>
            <dt><Text value={what} /></dt>
            <dd><Words value={why} /></dd>
          </div>
        ))}
      </dl>
    </details>
  )
}

/** The height above the rows of the list that was shown last. */
let lastMargin = 0

/** The rows that are drawn above and below those in view. */
const overscan = 6

const RunRow = memo(function RunRow({ columns, height, isActive, onMove, place, row, run, top }: {
  readonly columns: ReadonlyArray<Column>
  readonly height: number
  readonly isActive: boolean
  readonly onMove: (place: number) => void
  readonly place: number
  readonly row: number
  readonly run: Run | undefined
  readonly top: number
}): ReactNode {
  const style = { height, transform: `translateY(${top}px)` }
  const status = useStatus(run)
  if (run === undefined) {
    return (
      <div className="row row-blank" role="row" aria-rowindex={row + 2} style={style}>
        <span role="cell" aria-colspan={columns.length}><span className="offscreen">Loading</span></span>
      </div>
    )
  }
  return (
    <div className="row" role="row" aria-rowindex={row + 2} style={style}>
      {columns.map((column) => (
        <Cell key={column} column={column} run={run} status={status} tabIndex={isActive ? 0 : -1} onMove={() => onMove(place)} />
      ))}
    </div>
  )
})

/** The rows in view. What the reader looks at does not move when runs are added above it. */
const Rows = ({ columns, isNarrow, isOfRoute, route, scroller }: {
  readonly columns: ReadonlyArray<Column>
  readonly isNarrow: boolean
  /** Otherwise they are those of the filter before, until the first page is read. */
  readonly isOfRoute: boolean
  readonly route: RunsRoute
  readonly scroller: React.RefObject<HTMLElement | null>
}): ReactNode => {
  const list = useApp(({ list }) => list)
  const height = isNarrow ? 96 : 40
  const total = list.rows.length
  const body = useRef<HTMLDivElement>(null)
  const [margin, setMargin] = useState(lastMargin)
  /** The place of the row that the keys are on: it stays with its run. */
  const [active, setActive] = useState<number>()
  const activeRow = active === undefined ? undefined : total - 1 - active
  // another function would measure all rows again
  const keyOfRow = useCallback((row: number) => total - 1 - row, [total])
  const virtual = useVirtualizer({
    count: total,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan,
    scrollMargin: margin,
    scrollPaddingStart: 40,
    getItemKey: keyOfRow,
    initialOffset: () => get().listOffset,
    rangeExtractor: ({ endIndex, overscan, startIndex }) => {
      const rows = []
      const last = Math.min(total - 1, endIndex + overscan)
      for (let row = Math.max(0, startIndex - overscan); row <= last; row++) rows.push(row)
      if (activeRow !== undefined && activeRow >= 0 && activeRow < total && !rows.includes(activeRow)) rows.push(activeRow)
      return rows
    }
  })
  const measured = useRef(height)
  useLayoutEffect(() => {
    if (measured.current !== height) virtual.measure()
    measured.current = height
  }, [height, virtual])
  // the head above the rows has a height of its own
  useLayoutEffect(() => {
    const top = body.current === null || scroller.current === null
      ? 0
      : body.current.getBoundingClientRect().top - scroller.current.getBoundingClientRect().top + scroller.current.scrollTop
    if (Math.abs(top - margin) <= 0.5) return
    lastMargin = top
    setMargin(top)
  })

  const [added, setAdded] = useState(0)
  const before = useRef(total)
  useLayoutEffect(() => {
    const element = scroller.current
    const more = before.current === 0 ? 0 : total - before.current
    before.current = total
    if (element === null || more <= 0) return
    const isReading = element.scrollTop > margin + 4 || body.current?.contains(document.activeElement) === true
    if (!isReading) return
    element.scrollTop += more * height
    setAdded((added) => added + more)
  }, [total, height, margin, scroller])
  const isAtTop = (virtual.scrollOffset ?? 0) < height
  useEffect(() => {
    if (isAtTop) setAdded(0)
  }, [isAtTop])

  const items = virtual.getVirtualItems()
  // the row that the keys are on may be elsewhere
  const { endIndex = 0, startIndex = 0 } = virtual.range ?? {}
  const first = Math.max(0, startIndex - overscan)
  const last = Math.min(total - 1, endIndex + overscan)
  useEffect(() => showRows(first, last), [list, first, last])

  /** The place of the row that gets the focus when it is drawn: a render before the move must not take it. */
  const focusing = useRef<number>(undefined)
  useEffect(() => {
    if (focusing.current === undefined || focusing.current !== active) return
    const link = body.current?.querySelector<HTMLElement>(`[aria-rowindex="${activeRow! + 2}"] .row-link`)
    if (link == null) return
    focusing.current = undefined
    link.focus({ preventScroll: true })
  })
  const move = (row: number): void => {
    if (total === 0) return
    const next = Math.max(0, Math.min(total - 1, row))
    focusing.current = total - 1 - next
    setActive(total - 1 - next)
    virtual.scrollToIndex(next, { align: "auto" })
    if (next === 0) scroller.current?.scrollTo({ top: 0 })
  }
  /** Scrolls a row that is clicked into view: the reader comes back to it. */
  const show = ({ target }: React.MouseEvent): void => {
    const row = target instanceof Element ? target.closest("[aria-rowindex]")?.ariaRowIndex : undefined
    if (row != null) virtual.scrollToIndex(Number(row) - 2, { align: "auto" })
  }
  /** Where the keys begin: at the row that has the focus, otherwise above the first one in view. */
  const focused = (): number | undefined =>
    body.current?.contains(document.activeElement) === true ? activeRow : undefined
  const firstInView = (): number =>
    Math.max(0, Math.ceil(((scroller.current?.scrollTop ?? 0) - margin + 40) / height))
  useKeys({
    ArrowDown: () => move(focused() === undefined ? activeRow ?? firstInView() : focused()! + 1),
    ArrowUp: () => move(focused() === undefined ? activeRow ?? firstInView() : focused()! - 1),
    Home: () => move(0),
    End: () => move(total - 1)
  })
  return (
    <>
      {added > 0 && !isAtTop && (
        <div className="newer">
          <Button kind="primary" onClick={() => scroller.current?.scrollTo({ top: 0 })}>
            <Icon name="up" /> {count(added)} new
          </Button>
        </div>
      )}
      <div className={`table${isOfRoute ? "" : " is-old"}`} role="table" aria-busy={!isOfRoute} aria-label={`Runs, ${orderWords(route.order)}`} aria-rowcount={total + 1} style={{ "--columns": widthsOf(columns) } as CSSProperties}>
        <div role="rowgroup" className="table-head">
          <div role="row" aria-rowindex={1} className="row">
            {columns.map((column) => <ColumnHead key={column} column={column} route={route} />)}
          </div>
        </div>
        <div role="rowgroup" ref={body} className="table-body" style={{ height: total * height }} onClickCapture={show}>
          {items.map(({ index, key }) => (
            <RunRow
              key={key}
              columns={columns}
              run={list.rows[total - 1 - index]}
              row={index}
              place={total - 1 - index}
              top={index * height}
              height={height}
              isActive={activeRow === undefined || activeRow < 0 ? index === first : activeRow === index}
              onMove={setActive}
            />
          ))}
        </div>
      </div>
    </>
  )
}

/** The flag for an emulator that listens on another port than usual. */
const portOf = (address: string): string => {
  const port = /:(\d+)(?:\/|$)/.exec(address)?.[1] ?? "8080"
  return port === "8080" ? "" : ` --port ${port}`
}

const Blank = ({ route }: { readonly route: RunsRoute }): ReactNode => {
  const source = useApp(({ source }) => source)
  const { text } = route.filter
  if (isFiltered(route)) {
    return (
      <section className="blank">
        <h2>No run matches</h2>
        <p className="muted">A run appears here as soon as it matches all filters.</p>
        <div className="blank-actions">
          <Button kind="primary" onClick={() => clear(route)}>Clear filters</Button>
          {text !== undefined && <Link className="button button-plain" to={findRoute(text)}>Search all payloads</Link>}
        </div>
      </section>
    )
  }
  const flow = source?.flows[0] ?? "org/project/flow"
  const command = `noukai run ${flow} "Hello"${source?.kind === "emulator" ? ` --env dev${portOf(source.address)}` : ""}`
  return (
    <section className="blank">
      <h2>No runs yet</h2>
      <p className="muted">Run a flow. It appears here while it runs, without a reload.</p>
      <div className="command">
        <code>{oneLine(command)}</code>
        <Button kind="icon" label="Copy command" onClick={() => void copy(command, "Command")}><Icon name="copy" /></Button>
      </div>
    </section>
  )
}

export const RunsView = ({ route }: { readonly route: RunsRoute }): ReactNode => {
  const scroller = useRef<HTMLElement>(null)
  const list = useApp(({ list }) => list)
  const isOfRoute = list.key === hrefOf(route)
  const isNarrow = useMedia("(max-width: 999px)")
  const [columns, toggle] = useColumns()
  useLayoutEffect(() => {
    const element = scroller.current
    if (element === null) return
    element.scrollTop = get().listOffset
    return () => set({ listOffset: element.scrollTop })
    // a list that was read before is where it was left
  }, [])
  useKeys({
    Escape: () => isFiltered(route) ? clear(route) : false
  })
  return (
    <Main className="runs" ref={scroller}>
      <div className="runs-head">
        <div className="runs-bar">
          <div className="title">
            <h1>Runs</h1>
            <span className="muted" aria-live="off">{list.isLoaded ? count(list.rows.length) : ""}</span>
          </div>
          <Filters route={route} />
          <Ranges route={route} />
          <Missing />
          {!isNarrow && <ColumnMenu shown={columns} toggle={toggle} />}
          <OpenById />
        </div>
        {(list.rows.length > 0 || hasRange(route)) && (
          <div className="runs-picture">
            <Suspense fallback={<div className="strip-wait" />}><Strip route={route} /></Suspense>
            <ListSums filter={filterOf(route)} runs={list.rows.length} />
          </div>
        )}
      </div>
      {list.error !== undefined && list.rows.length > 0 && (
        <p className="stale" role="alert">
          <span>The list could not be read again: <Text value={list.error.message} /></span>
          <Button kind="quiet" onClick={retry}>Try again</Button>
        </p>
      )}
      {list.error !== undefined && list.rows.length === 0
        ? <Failure title="The runs could not be read" error={list.error} />
        : list.isLoaded && isOfRoute && list.rows.length === 0
        ? <Blank route={route} />
        : list.rows.length === 0
        ? <Wait what="the runs" />
        : <Rows key={list.key} columns={isNarrow ? narrowColumns : columns} isNarrow={isNarrow} route={route} scroller={scroller} isOfRoute={isOfRoute} />}
    </Main>
  )
}
