/** The places of a text in the names and payloads of a run. */
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react"
import type { Hit, Hits as Answer, RunDetail } from "./api.js"
import { count, oneLine, plural, visible } from "./format.js"
import { Button, Link, Skeleton, Text } from "./parts.js"
import { type Reading, useRead, useWhenChanged } from "./reads.js"
import type { RunRoute } from "./route.js"
import { barKey } from "./timeline.js"

/** The time after the last key until payloads are searched, in milliseconds. */
const typing = 250

/** Shorter texts are found in names alone. */
const shortest = 2

const often = 1_000

/** Searches the payloads of a run for the text of its address. `undefined`: there is nothing to search for. */
export const useHits = ({ find, flow, id }: RunRoute, detail: RunDetail): Reading<Answer> | undefined => {
  const [text, setText] = useState(find)
  useEffect(() => {
    const timer = window.setTimeout(() => setText(find), typing)
    return () => window.clearTimeout(timer)
  }, [find])
  const isSought = text.trim().length >= shortest && find.trim().length >= shortest
  const reading = useRead("runs.search", isSought ? { flow, id, text: text.trim() } : undefined)
  useWhenChanged(detail, often, () => isSought && reading.reload())
  return isSought ? reading : undefined
}

const noKeys: ReadonlySet<string> = new Set()

/** The bars in which something was found. */
export const useFound = (reading: Reading<Answer> | undefined): ReadonlySet<string> => {
  const hits = reading?.isOld === false ? reading.data?.hits : undefined
  return useMemo(() => hits === undefined ? noKeys : new Set(hits.map(barKey)), [hits])
}

/** The text around the place, in which the sought text is marked. */
export const Excerpt = ({ excerpt, find }: { readonly excerpt: string; readonly find: string }): ReactNode => {
  const at = excerpt.toLowerCase().indexOf(find.trim().toLowerCase())
  if (at === -1) return <bdi>{oneLine(excerpt)}</bdi>
  const end = at + find.trim().length
  return <bdi>{visible(excerpt.slice(0, at))}<mark>{visible(excerpt.slice(at, end))}</mark>{visible(excerpt.slice(end))}</bdi>
}

const nameOf = ({ attempt, loopIndex, stepId }: Hit): string =>
  `${stepId}${loopIndex === undefined ? "" : ` [${loopIndex}]`}${attempt === 1 ? "" : ` attempt ${attempt}`}`

export const Hits = ({ reading, route, selected }: {
  readonly reading: Reading<Answer>
  readonly route: RunRoute
  /** The bar that is shown. */
  readonly selected: string | undefined
}): ReactNode => {
  const list = useRef<HTMLUListElement>(null)
  const { data, error, isOld, reload } = reading
  if (error !== undefined) {
    return (
      <p className="hits-line" role="alert">
        <Text value={`The payloads could not be searched: ${error.message}`} /> <Button kind="quiet" onClick={reload}>Try again</Button>
      </p>
    )
  }
  if (data === undefined || isOld) return <div className="hits-line"><Skeleton kind="line" name="Searching names and payloads…" /></div>
  const { hits, total } = data
  const move = (event: React.KeyboardEvent): void => {
    const links = [...list.current?.querySelectorAll("a") ?? []]
    const at = links.indexOf(document.activeElement as HTMLAnchorElement)
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key]
    if (next === undefined) return
    event.preventDefault()
    if (next < 0) document.querySelector<HTMLElement>("[data-search]")?.focus()
    else links[next]?.focus()
  }
  return (
    <section className="hits" aria-label="Found places">
      <p className="hits-line muted" role="status">
        {total === 0
          ? "Not found in names and payloads."
          : total > hits.length
          ? `${count(total)} places, the first ${count(hits.length)}`
          : plural(total, "place")}
      </p>
      {hits.length > 0 && (
        <ul ref={list} data-keys="own" onKeyDown={move}>
          {hits.map((hit, nth) => (
            <li key={nth}>
              <Link
                className={`hit${barKey(hit) === selected ? " is-selected" : ""}`}
                tabIndex={nth === 0 ? 0 : -1}
                replace
                to={{
                  ...route,
                  step: hit.stepId,
                  loop: hit.loopIndex,
                  attempt: hit.attempt === 1 ? undefined : hit.attempt
                }}
              >
                <span className="hit-name"><Text value={nameOf(hit)} /></span>
                <span className="tag">{hit.where}</span>
                <span className="hit-excerpt"><Excerpt excerpt={hit.excerpt} find={route.find} /></span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
