/** Parts of the views of batches and evals. */
import type { Rate } from "@effect-noukai/eval/EvalReport"
import { type CSSProperties, type ReactNode, type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react"
import type { Payload, ReadError } from "./api.js"
import { bytes, count, oneLine, percent, plural } from "./format.js"
import { JsonTree } from "./JsonTree.js"
import { useKeys } from "./keys.js"
import "./ledgers.css"
import { Button, Failure, Icon, Link, Main, Shape, Text, Wait } from "./parts.js"
import type { Route } from "./route.js"
import { copy, navigate, useApp } from "./store.js"

/** A command to copy. */
export const Command = ({ command, does }: { readonly command: string; readonly does?: string }): ReactNode => (
  <div className="command">
    {does !== undefined && <span className="command-does"><Text value={does} /></span>}
    <code><Text value={command} /></code>
    <Button kind="icon" label={oneLine(`Copy ${does ?? "command"}`)} onClick={() => void copy(command, "Command")}><Icon name="copy" /></Button>
  </div>
)

/** The command that starts this studio with a folder of ledgers. */
const useStart = (): string => useApp(({ source }) => source?.kind === "hosted" ? "noukai studio" : "noukai dev")

/** A view of ledgers for which the studio was given none. */
export const NoLedgers = ({ what }: { readonly what: string }): ReactNode => {
  const start = useStart()
  return (
    <section className="blank">
      <h2>No ledgers to look at</h2>
      <p className="muted">The {what} are in the ledgers of batches. Start the studio with the folder that has them.</p>
      <Command command={`${start} --ledgers .`} />
    </section>
  )
}

/** The list could not be read at all. */
export const ListFailure = ({ error, onRetry, what }: {
  readonly error: ReadError
  readonly onRetry: () => void
  readonly what: string
}): ReactNode =>
  error.status === 404
    ? <NoLedgers what={what} />
    : <Failure title={`The ${what} could not be read`} error={error} onRetry={onRetry} />

/** The last read failed: an older state is shown. */
export const Stale = ({ error, onRetry }: {
  readonly error: ReadError | undefined
  readonly onRetry: () => void
}): ReactNode =>
  error !== undefined && (
    <p className="stale" role="alert">
      <span>This is not the latest state: <Text value={error.message} /></span>
      <Button kind="quiet" onClick={onRetry}>Try again</Button>
    </p>
  )

/** Ledgers and definitions that cannot be read. The others are shown. */
export const Problems = ({ problems }: {
  readonly problems: ReadonlyArray<{ readonly ledger: string; readonly message: string }>
}): ReactNode =>
  problems.length > 0 && (
    <details className="problems" open={problems.length <= 3}>
      <summary><Shape status="doubt" /> {plural(problems.length, "file")} could not be read</summary>
      <dl>
        {problems.map(({ ledger, message }, nth) => (
          <div key={nth}>
            {ledger !== "" && <dt><Text value={ledger} /></dt>}
            <dd><Text value={message} /></dd>
          </div>
        ))}
      </dl>
    </details>
  )

export interface BreakdownPart {
  readonly name: string
  readonly count: number
  readonly tone: "good" | "better" | "bad" | "poor" | "doubt" | "busy" | "off" | "open"
  /** Where a click on the name leads. */
  readonly to?: Route
  readonly isCurrent?: boolean
}

/** Numbers of one whole, as a bar and as a list. */
export const Breakdown = ({ label, parts }: {
  readonly label: string
  readonly parts: ReadonlyArray<BreakdownPart>
}): ReactNode => {
  const total = parts.reduce((sum, { count }) => sum + count, 0)
  const share = (amount: number): number => total === 0 ? 0 : amount / total
  return (
    <div className="breakdown">
      <div className="breakdown-bar" aria-hidden="true">
        {parts.filter(({ count }) => count > 0).map(({ count, name, tone }) => (
          <span key={name} className={`tone-${tone}`} style={{ flexGrow: share(count) }} title={`${name}: ${percent(share(count))}`} />
        ))}
      </div>
      <ul className="legend" aria-label={label}>
        {parts.filter(({ count, isCurrent }) => count > 0 || isCurrent === true).map((part) => {
          const body = (
            <>
              <span className={`swatch tone-${part.tone}`} aria-hidden="true" />
              {part.name} <strong>{count(part.count)}</strong>
            </>
          )
          return (
            <li key={part.name}>
              {part.to === undefined
                ? <span className="legend-item">{body}</span>
                : <Link className="legend-item" to={part.to} selected={part.isCurrent === true}>{body}</Link>}
            </li>
          )
        })}
      </ul>
    </div>
  )
}

/** A field whose text is applied when the reader pauses. */
export const TextField = ({ label, onApply, placeholder, value }: {
  readonly label: string
  readonly onApply: (text: string) => void
  readonly placeholder: string
  readonly value: string
}): ReactNode => {
  const [text, setText] = useState(value)
  const timer = useRef<number>(undefined)
  const latest = useRef(onApply)
  latest.current = onApply
  useEffect(() => {
    window.clearTimeout(timer.current)
    // the text of the field is ahead of the address by spaces at its ends
    setText((text) => text.trim() === value ? text : value)
  }, [value])
  useEffect(() => () => window.clearTimeout(timer.current), [])
  return (
    <label className="field field-text">
      <span>{label}</span>
      <input
        type="search"
        value={text}
        placeholder={placeholder}
        spellCheck={false}
        autoComplete="off"
        data-search=""
        onChange={({ target }) => {
          setText(target.value)
          window.clearTimeout(timer.current)
          timer.current = window.setTimeout(() => latest.current(target.value.trim()), 200)
        }}
        onKeyDown={({ key }) => {
          if (key !== "Enter") return
          window.clearTimeout(timer.current)
          latest.current(text.trim())
        }}
      />
    </label>
  )
}

export const Choice = ({ label, none, onChoose, options, value }: {
  readonly label: string
  /** The name of no choice. */
  readonly none: string
  readonly onChoose: (value: string) => void
  readonly options: ReadonlyArray<readonly [value: string, name: string]>
  readonly value: string | undefined
}): ReactNode => (
  <label className="field field-choice">
    <span>{label}</span>
    <select value={value ?? ""} onChange={({ target }) => onChoose(target.value)}>
      <option value="">{none}</option>
      {(value === undefined || options.some(([one]) => one === value) ? options : [...options, [value, oneLine(value)] as const])
        .map(([one, name]) => <option key={one} value={one}>{name}</option>)}
    </select>
  </label>
)

/** The part of the pages of a list that is shown, and links to the others. */
export const Pager = ({ children, first, label, last, next, previous }: {
  readonly children: ReactNode
  readonly first: Route | undefined
  readonly label: string
  readonly last: Route | undefined
  readonly next: Route | undefined
  readonly previous: Route | undefined
}): ReactNode => {
  useKeys({
    ArrowLeft: () => previous === undefined ? false : navigate(previous),
    ArrowRight: () => next === undefined ? false : navigate(next)
  })
  const link = (name: string, icon: "first" | "left" | "right" | "last", to: Route | undefined): ReactNode => {
    const isForward = icon === "right" || icon === "last"
    const body = <>{!isForward && <Icon name={icon} />}<span>{name}</span>{isForward && <Icon name={icon} />}</>
    return to === undefined
      ? <button type="button" className="button button-plain" aria-label={`${name} page`} disabled>{body}</button>
      : <Link className="button button-plain" label={`${name} page`} to={to}>{body}</Link>
  }
  return (
    <nav className="pager" aria-label={label}>
      {link("First", "first", first)}
      {link("Previous", "left", previous)}
      <span className="pager-place">{children}</span>
      {link("Next", "right", next)}
      {link("Last", "last", last)}
    </nav>
  )
}

/** The pixels that the contents of an open row need below its upper edge. */
const room = 160

/**
 * Arrows, Home and End walk the links of a list. Where an open row closes above the one that opens, the page scrolls so
 * that the latter stays where it is. `page` is the address of the page of the list, `open` its open row, and `isRead`
 * whether it is shown.
 */
export const useRows = (
  list: RefObject<HTMLElement | null>,
  page: string,
  open: string | undefined,
  isRead: boolean
): void => {
  const links = (): ReadonlyArray<HTMLElement> => [...list.current?.querySelectorAll<HTMLElement>(".row-link") ?? []]
  const focus = (link: HTMLElement | undefined): boolean => {
    if (link === undefined) return false
    link.focus({ preventScroll: true })
    link.closest("[role=row]")?.scrollIntoView({ block: "nearest" })
    return true
  }
  const by = (step: number) => (): boolean => {
    const all = links()
    const row = document.activeElement?.closest("[data-row]")
    const at = all.findIndex((link) => link === document.activeElement || (row != null && row.contains(link)))
    return focus(all[at === -1 ? 0 : Math.max(0, Math.min(all.length - 1, at + step))])
  }
  useKeys({
    ArrowDown: by(1),
    ArrowUp: by(-1),
    Home: () => focus(links()[0]),
    End: () => focus(links().at(-1))
  })
  const anchor = useRef<{ readonly row: Element; readonly top: number }>(undefined)
  useEffect(() => {
    const element = list.current
    if (element === null) return
    const ending = new AbortController()
    element.addEventListener("click", ({ target }) => {
      const row = target instanceof Element ? target.closest("[data-row]") : null
      anchor.current = row === null ? undefined : { row, top: row.getBoundingClientRect().top }
    }, { capture: true, signal: ending.signal })
    return () => ending.abort()
  }, [list, isRead])
  useLayoutEffect(() => {
    const { row, top } = anchor.current ?? {}
    const scroller = row?.closest("main")
    if (row !== undefined && scroller != null) scroller.scrollTop += row.getBoundingClientRect().top - top!
    anchor.current = undefined
  }, [open])
  const shown = useRef<string>(undefined)
  const opened = useRef<Element>(undefined)
  useEffect(() => {
    const row = list.current?.querySelector(".is-open") ?? undefined
    const closed = opened.current
    opened.current = row
    if (row === undefined) {
      // what had the focus may have gone with the contents of the row
      if (document.activeElement === document.body) closed?.querySelector<HTMLElement>(".row-link")?.focus({ preventScroll: true })
      return
    }
    const scroller = row.closest("main")
    if (scroller === null || shown.current === undefined) return
    // a row with room for its contents stays where it is
    const top = row.getBoundingClientRect().top - scroller.getBoundingClientRect().top
    if (top < 0 || top > scroller.clientHeight - room) row.scrollIntoView({ block: "start" })
  }, [list, open])
  useEffect(() => {
    const element = list.current
    const scroller = element?.closest("main")
    if (!isRead || element === null || scroller == null || shown.current === page) return
    if (shown.current === undefined) {
      // an address with an open row begins there
      element.querySelector(".is-open")?.scrollIntoView({ block: "start" })
    } else {
      // another page begins at its first row
      const top = element.getBoundingClientRect().top - scroller.getBoundingClientRect().top
      if (top < 0) scroller.scrollTop += top
    }
    shown.current = page
  }, [list, page, isRead])
}

/** A row that is open, though the page of the list does not have it: an address led to it. */
export const Away = ({ children, name, onClose, what }: {
  readonly children: ReactNode
  readonly name: string
  readonly onClose: () => void
  readonly what: "Row" | "Case"
}): ReactNode => {
  const card = useRef<HTMLElement>(null)
  useEffect(() => {
    card.current?.scrollIntoView({ block: "start" })
  }, [])
  return (
    <section ref={card} className="lcard" aria-label={oneLine(`${what} ${name}`)}>
      <header>
        <h2 className="mono"><Text value={name} /></h2>
        <Button kind="icon" label={`Close the ${what.toLowerCase()}`} onClick={onClose}><Icon name="close" /></Button>
      </header>
      {children}
    </section>
  )
}

/** A payload of a row: JSON as a tree. */
export const PayloadPart = ({ name, none, of, payload }: {
  readonly name: string
  /** Stands where there is none. */
  readonly none: string
  readonly of: string
  readonly payload: Payload
}): ReactNode => {
  const { json, sizeBytes } = payload
  return (
    <section className="payload" aria-label={`${name} of ${of}`}>
      <h3>{name}{json !== undefined && <small>{bytes(sizeBytes ?? json.length)}</small>}</h3>
      {json === undefined
        ? <p className="muted payload-none">{none}</p>
        : <JsonTree text={json} label={`${name.toLowerCase()} of ${of}`} />}
    </section>
  )
}

/** Rows under the names of their columns. `kind` names their styles. */
export const Table = ({ children, columns, isOld = false, kind, label, list, rowCount, style }: {
  readonly children: ReactNode
  readonly columns: ReadonlyArray<string>
  /** Whether they are those of another page or filter, until the right ones are read. */
  readonly isOld?: boolean
  readonly kind: "batches" | "rows" | "evals" | "cases" | "choose"
  readonly label: string
  readonly list: RefObject<HTMLDivElement | null>
  readonly rowCount?: number
  readonly style?: CSSProperties
}): ReactNode => (
  <div ref={list} className={isOld ? "is-old" : undefined}>
    <div className={`lrows lrows-${kind}`} role="table" aria-label={label} aria-busy={isOld} aria-rowcount={rowCount} style={style}>
      <div role="rowgroup" className="lhead">
        <div role="row" className="lrow">
          {columns.map((name) => <span key={name} role="columnheader">{name}</span>)}
        </div>
      </div>
      <div role="rowgroup">{children}</div>
    </div>
  </div>
)

/** How many rows of a list are shown at once. */
const many = 200

/** A list of all ledgers, newest first: `items` are absent until it is read. */
export function LedgerList<Item>({ columns, command, error, item, items, kind, one, onRetry, problems = [], searched = [], title, what }: {
  readonly columns: ReadonlyArray<string>
  /** The command that makes one. */
  readonly command: string
  readonly error: ReadError | undefined
  readonly item: (item: Item) => ReactNode
  readonly items: ReadonlyArray<Item> | undefined
  readonly kind: "batches" | "evals"
  readonly one: string
  readonly onRetry: () => void
  readonly problems: Parameters<typeof Problems>[0]["problems"] | undefined
  readonly searched: ReadonlyArray<string> | undefined
  readonly title: string
  readonly what: string
}): ReactNode {
  const list = useRef<HTMLDivElement>(null)
  const [most, setMost] = useState(many)
  useRows(list, "", undefined, items !== undefined)
  return (
    <Main className="ledger">
      <div className="runs-head">
        <div className="title">
          <h1>{title}</h1>
          <span className="muted">{items === undefined ? "" : count(items.length)}</span>
        </div>
        <Problems problems={problems} />
      </div>
      {items !== undefined && <Stale error={error} onRetry={onRetry} />}
      {items === undefined
        ? error === undefined
          ? <Wait what={`the ${what}`} />
          : <ListFailure error={error} onRetry={onRetry} what={what} />
        : items.length === 0
        ? (
          <section className="blank">
            <h2>No {what} yet</h2>
            <p className="muted">
              No ledger with {one} is in <Text value={searched.join(", ") || "the folder"} />. It appears here when it has begun.
            </p>
            <Command command={command} />
          </section>
        )
        : (
          <>
            <Table columns={columns} kind={kind} label={`${what[0]!.toUpperCase()}${what.slice(1)}, newest first`} list={list} rowCount={items.length + 1}>
              {items.slice(0, most).map(item)}
            </Table>
            {items.length > most && (
              <p className="more">
                <Button kind="quiet" onClick={() => setMost(most + many)}>Show more of {count(items.length)}</Button>
              </p>
            )}
          </>
        )}
    </Main>
  )
}

/** A rate as a mark on a line, with its interval as a band. The text beside it says the same. */
export const RateBand = ({ of, tone }: { readonly of: Rate; readonly tone: "candidate" | "baseline" }): ReactNode => {
  if (of.rate === undefined || of.interval === undefined) return null
  const [from, to] = of.interval
  return (
    <span className={`band band-${tone}`} aria-hidden="true">
      <span className="band-range" style={{ left: `${100 * from}%`, width: `${100 * (to - from)}%` }} />
      <span className="band-mark" style={{ left: `${100 * of.rate}%` }} />
    </span>
  )
}
