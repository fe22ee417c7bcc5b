/** Small parts that every view uses. */
import { type ReactNode, type RefObject, useEffect, useRef, useState } from "react"
import type { ReadError, Run } from "./api.js"
import { count, visible } from "./format.js"
import { useClock } from "./keys.js"
import { hrefOf, type Route, type RunRoute, type SessionRoute } from "./route.js"
import { copy, hasMoved, navigate, retry, useApp } from "./store.js"

const icons = {
  right: "M6 4l4 4-4 4",
  down: "M4 6l4 4 4-4",
  up: "M4 10l4-4 4 4",
  left: "M10 4L6 8l4 4",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.5 10.5L14 14",
  close: "M4 4l8 8M12 4l-8 8",
  download: "M8 2.5v7M5 7l3 3 3-3M3 13h10",
  copy: "M5.5 5.5h7v8h-7zM3.5 10.5v-8h7",
  first: "M11 4L7 8l4 4M4.5 4v8",
  last: "M5 4l4 4-4 4M11.5 4v8",
  fault: "M9 1.8L3.5 9H8l-1 5.2L12.5 7H8z",
  keys: "M2 4h12v8H2zM4.5 6.5h.01M7 6.5h.01M9.5 6.5h.01M12 6.5h.01M5 9.5h6"
} as const

export const Icon = ({ name }: { readonly name: keyof typeof icons }): ReactNode => (
  <svg className="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d={icons[name]} /></svg>
)

/** Each status has a shape of its own besides its colour. */
const shapes: { readonly [status: string]: { readonly kind: string; readonly path: string } } = {
  completed: { kind: "completed", path: "M4.2 8.3l2.6 2.6 5-5.6" },
  failed: { kind: "failed", path: "M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6" },
  running: { kind: "running", path: "M8 1.8a6.2 6.2 0 0 1 0 12.4z" },
  pending: { kind: "pending", path: "M8 5v3.2l2 1.3" },
  cancelled: { kind: "cancelled", path: "M4 8h8" },
  skipped: { kind: "skipped", path: "M5 4.5L8.5 8 5 11.5M10.5 4.5v7" },
  paused: { kind: "paused", path: "M6.3 5.5v5M9.7 5.5v5" },
  // outcomes that are not known
  doubt: { kind: "doubt", path: "M6.2 6.4a1.9 1.9 0 1 1 2.9 1.6c-.7.4-1.1.8-1.1 1.5M8 11.5v.1" },
  // steps of two runs
  same: { kind: "same", path: "M5.4 6.6h5.2M5.4 9.4h5.2" },
  changed: { kind: "changed", path: "M5.4 6.6h5.2M5.4 9.4h5.2M9.4 4.8l-2.8 6.4" },
  missing: { kind: "missing", path: "M5 8h6" },
  new: { kind: "new", path: "M8 5v6M5 8h6" },
  moved: { kind: "moved", path: "M8 4.6v6.8M6.2 6.3L8 4.5l1.8 1.8M6.2 9.7L8 11.5l1.8-1.8" },
  // better or worse than before
  regressed: { kind: "failed", path: "M8 4.8v6M5.4 8.4L8 11l2.6-2.6" },
  fixed: { kind: "completed", path: "M8 11.2v-6M5.4 7.6L8 5l2.6 2.6" }
}

/** Statuses of batches, rows and verdicts that look like another status. */
const alike: { readonly [status: string]: string } = {
  intent: "running",
  submitted: "running",
  done: "completed",
  pass: "completed",
  passed: "completed",
  fail: "failed",
  invalid: "failed",
  uncertain: "doubt",
  reported: "doubt",
  error: "doubt",
  incomplete: "doubt",
  // findings about the runs of the server
  agrees: "completed",
  differs: "changed",
  "missing-here": "new",
  "missing-there": "missing",
  "paid-twice": "failed"
}

const shapeOf = (status: string) => shapes[alike[status] ?? status]

export const Shape = ({ status }: { readonly status: string }): ReactNode => {
  const { kind, path } = shapeOf(status) ?? { kind: "other", path: "M8 7.9v.2" }
  return (
    <svg className={`shape shape-${kind}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <circle cx="8" cy="8" r="6.2" />
      <path d={path} />
    </svg>
  )
}

export const Status = ({ status, word = status }: Pick<Run, "status"> & {
  /** The word beside the shape, where it is not the status. */
  readonly word?: string
}): ReactNode => (
  <span className={`status status-${shapeOf(status)?.kind ?? "other"}`}>
    <Shape status={status} />
    <Text value={word} />
  </span>
)

/** A run that waits for a shorter time is between two requests of its caller. */
const shortestPause = 2_000

/** The status of a run to show: one that has not ended, and whose caller has not called for a while, is paused. */
export const useStatus = (run: Pick<Run, "status" | "waitsSince"> | undefined): string => {
  const { status = "", waitsSince } = run ?? {}
  const now = useClock(Date.now, 1_000, waitsSince !== undefined)
  return status === "running" && waitsSince !== undefined && now - waitsSince > shortestPause ? "paused" : status
}

export const RunStatus = ({ run }: { readonly run: Pick<Run, "status" | "waitsSince"> }): ReactNode => (
  <Status status={useStatus(run)} />
)

/** The view of an address. When the reader came here by a link of the page, the focus comes along. */
export const Main = ({ children, className, ref }: {
  readonly children: ReactNode
  readonly className: string
  readonly ref?: RefObject<HTMLElement | null>
}): ReactNode => {
  const own = useRef<HTMLElement>(null)
  const main = ref ?? own
  useEffect(() => {
    if (hasMoved() && document.activeElement === document.body) main.current?.focus({ preventScroll: true })
  }, [main])
  return <main id="main" className={className} ref={main} tabIndex={-1}>{children}</main>
}

/** Text of a flow: its direction is its own, and invisible characters are escaped. */
export const Text = ({ value }: { readonly value: string }): ReactNode => <bdi>{visible(value)}</bdi>

export const Button = ({ children, disabled = false, kind = "plain", label, onClick, pressed }: {
  readonly children: ReactNode
  readonly disabled?: boolean
  readonly kind?: "plain" | "quiet" | "icon" | "primary"
  readonly label?: string
  readonly onClick: () => void
  readonly pressed?: boolean
}): ReactNode => (
  <button
    type="button"
    className={`button button-${kind}`}
    aria-label={label}
    title={kind === "icon" ? label : undefined}
    aria-pressed={pressed}
    disabled={disabled}
    onClick={onClick}
  >
    {children}
  </button>
)

/** Actions that are rarely wanted, behind one button. */
export const Menu = ({ children, name }: { readonly children: ReactNode; readonly name: string }): ReactNode => {
  const menu = useRef<HTMLDetailsElement>(null)
  const close = (): void => {
    if (menu.current !== null) menu.current.open = false
  }
  useEffect(() => {
    const ending = new AbortController()
    document.addEventListener("pointerdown", ({ target }) => {
      if (target instanceof Node && menu.current?.contains(target) !== true) close()
    }, { signal: ending.signal })
    return () => ending.abort()
  }, [])
  return (
    <details
      ref={menu}
      className="menu"
      onBlur={({ relatedTarget }) => relatedTarget !== null && !menu.current?.contains(relatedTarget) && close()}
      onClick={({ target }) => target instanceof Element && target.closest("a, button") !== null && close()}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || menu.current?.open !== true) return
        // the view is not left
        event.preventDefault()
        close()
        menu.current.querySelector("summary")?.focus()
      }}
    >
      <summary className="button button-plain">{name} <Icon name="down" /></summary>
      <div className="menu-items">{children}</div>
    </details>
  )
}

/** A link within the page. The browser's own ways to open it elsewhere go on to work. */
export const Link = ({ children, className, current, expanded, label, onKeyDown, ref, replace = false, selected, tabIndex, title, to }: {
  readonly children: ReactNode
  readonly className?: string
  /** Whether it leads to the view that is shown. */
  readonly current?: boolean
  /** Whether the part that it opens is open. */
  readonly expanded?: boolean
  readonly label?: string
  readonly onKeyDown?: (event: React.KeyboardEvent) => void
  readonly ref?: React.Ref<HTMLAnchorElement>
  /** Leaves no entry in the history: for moves within a view. */
  readonly replace?: boolean
  /** Whether it is a choice that is made. */
  readonly selected?: boolean
  readonly tabIndex?: number
  readonly title?: string
  readonly to: Route
}): ReactNode => (
  <a
    ref={ref}
    className={className}
    href={hrefOf(to)}
    aria-current={current === true ? "page" : selected === true ? "true" : undefined}
    aria-expanded={expanded}
    aria-label={label}
    title={title}
    tabIndex={tabIndex}
    onKeyDown={onKeyDown}
    onClick={(event) => {
      if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
      event.preventDefault()
      navigate(to, { replace })
    }}
  >
    {children}
  </a>
)

/** The time after which a read that goes on says what it waits for, in milliseconds. */
const slow = 2_000

/** The shapes of the text or of the rows that are being read. The name is for screen readers. */
export const Skeleton = ({ children, kind = "rows", name }: {
  readonly children?: ReactNode
  readonly kind?: "rows" | "lines" | "line" | undefined
  readonly name: string
}): ReactNode => (
  <div className={`skeleton skeleton-${kind}`} role="status">
    <span className="offscreen">{name}</span>
    {children}
  </div>
)

/** A read that goes on. One that takes long says what it waits for. */
export const Wait = ({ kind, what }: {
  readonly kind?: "rows" | "lines" | "line" | undefined
  /** The subject of the read, such as `the run`. */
  readonly what: string
}): ReactNode => {
  const source = useApp(({ source }) => source)
  const [isSlow, setSlow] = useState(false)
  useEffect(() => {
    const timer = window.setTimeout(() => setSlow(true), slow)
    return () => window.clearTimeout(timer)
  }, [])
  return (
    <Skeleton kind={kind} name={`Reading ${what}…`}>
      {isSlow && (
        <p className="skeleton-note">
          The studio has not answered yet
          {source === undefined ? "." : <>: it waits for <Text value={source.address} />.</>}
          {" "}The page waits for 15 seconds; a reload asks again.
        </p>
      )}
    </Skeleton>
  )
}

/** A fact that is not known. */
/** Shortens the stretches of a timeline in which nothing ran. */
export const FoldIdle = ({ idle, route }: {
  readonly idle: ReadonlyArray<unknown>
  readonly route: RunRoute | SessionRoute
}): ReactNode =>
  (idle.length > 0 || route.isFolded) && (
    <Button
      kind="quiet"
      pressed={route.isFolded}
      onClick={() => navigate({ ...route, isFolded: !route.isFolded }, { replace: true })}
    >
      Fold idle time
    </Button>
  )

export const Unknown = (): ReactNode => <span className="unknown" title="Not known">–<span className="offscreen">not known</span></span>

export const Fact = ({ children, name, note }: {
  readonly children: ReactNode
  readonly name: string
  readonly note?: string | undefined
}): ReactNode => (
  <div className="fact">
    <dt>{name}</dt>
    <dd>{children}{note !== undefined && <small>{note}</small>}</dd>
  </div>
)

/** A sentence of the studio, in which code is between backticks. */
export const Words = ({ value }: { readonly value: string }): ReactNode =>
  value.split("`").map((part, nth) => nth % 2 === 0 ? <Text key={nth} value={part} /> : <code key={nth}><Text value={part} /></code>)

/** Sentences about missing facts, each with the remedy. */
export const Notes = ({ notes }: { readonly notes: ReadonlyArray<string> }): ReactNode =>
  notes.length > 0 && (
    <ul className="notes" aria-label="Notes">
      {notes.map((note) => <li key={note}><Words value={note} /></li>)}
    </ul>
  )

/** The most characters of a text to copy that are shown. */
const mostShown = 20_000

/** A text to copy. */
export const Snippet = ({ name, text }: { readonly name: string; readonly text: string }): ReactNode => (
  <section className="snippet" aria-label={name}>
    <header>
      <h3>{name}</h3>
      <Button kind="quiet" label={`Copy: ${name}`} onClick={() => void copy(text, "Text")}>Copy</Button>
    </header>
    <pre tabIndex={0}>
      <code><Text value={text.slice(0, mostShown)} /></code>
      {text.length > mostShown && <span className="muted"> … The copy has all {count(text.length)} characters.</span>}
    </pre>
  </section>
)

export const Failure = ({ children, error, onRetry = retry, title }: {
  readonly children?: ReactNode
  readonly error: ReadError
  readonly onRetry?: () => void
  readonly title: string
}): ReactNode => (
  <section className="blank" role="alert">
    <Shape status="failed" />
    <h2>{title}</h2>
    <p><Text value={error.message} /></p>
    {error.advice !== undefined && <p className="muted"><Words value={error.advice} /></p>}
    <div className="blank-actions">
      <Button kind="primary" onClick={onRetry}>Try again</Button>
      {children}
    </div>
  </section>
)
