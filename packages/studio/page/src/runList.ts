/**
 * The list of runs, of which parts are known. Rows are held oldest first: new runs are added at the end, so that the
 * place of a known run does not change.
 */
import type { ListChange, ReadError, Run, RunPage } from "./api.js"

export const pageSize = 25

export interface RunList {
  /** The filter it belongs to. */
  readonly key: string
  readonly rows: ReadonlyArray<Run | undefined>
  /** The places of the known runs. */
  readonly places: ReadonlyMap<string, number>
  readonly isLoaded: boolean
  readonly error: ReadError | undefined
}

export const emptyList = (key: string): RunList => ({
  key,
  rows: [],
  places: new Map(),
  isLoaded: false,
  error: undefined
})

const idOf = ({ flow, id }: Run): string => `${flow}/${id}`

/** Whether a run has a known place. */
export const isListed = (list: RunList, run: Run): boolean => list.places.has(idOf(run))

const made = (list: RunList, rows: ReadonlyArray<Run | undefined>): RunList => {
  const places = new Map<string, number>()
  rows.forEach((run, place) => run !== undefined && places.set(idOf(run), place))
  return { ...list, rows, places, isLoaded: true, error: undefined }
}

/** Puts a page in its place. Forgets all others if the list is not the one that was known. */
export const withPage = (list: RunList, { runs, total }: RunPage, offset: number): RunList => {
  const added = total - list.rows.length
  const isKnown = added >= 0 && runs.every((run, nth) => {
    const place = list.places.get(idOf(run))
    return place === undefined || place === total - 1 - offset - nth
  })
  // a list of many runs is copied as a whole
  const rows: Array<Run | undefined> = isKnown
    ? (list.rows as Array<Run | undefined>).concat(new Array<undefined>(added).fill(undefined))
    : new Array<undefined>(total).fill(undefined)
  const places = new Map(isKnown ? list.places : [])
  runs.forEach((run, nth) => {
    const place = total - 1 - offset - nth
    if (place < 0) return
    const before = rows[place]
    if (before !== undefined) places.delete(idOf(before))
    rows[place] = run
    places.set(idOf(run), place)
  })
  return { ...list, rows, places, isLoaded: true, error: undefined }
}

/** Applies a change. The list is in doubt where it does not have as many runs as the server says. */
export const withChange = (
  list: RunList,
  { gone, runs, total }: ListChange
): { readonly list: RunList; readonly isInDoubt: boolean } => {
  let rows = [...list.rows]
  const lost = new Set(gone)
  if (gone.length > 0) {
    const kept = rows.filter((run) => run === undefined || !lost.has(run.id))
    if (kept.length < rows.length) {
      rows = kept
      list = made(list, rows)
    }
  }
  const places = new Map(list.places)
  const fresh: Array<Run> = []
  for (const run of runs) {
    const place = places.get(idOf(run))
    if (place === undefined) fresh.push(run)
    else rows[place] = run
  }
  fresh.sort((one, other) => (one.startedAt ?? Infinity) - (other.startedAt ?? Infinity))
  const newest = rows.findLast((run) => run?.startedAt !== undefined)?.startedAt ?? -Infinity
  const isWhole = rows.length === 0 || !rows.includes(undefined)
  for (const run of fresh) {
    // a run that began earlier is one that has not been loaded, unless all are
    if (!isWhole && (run.startedAt ?? Infinity) < newest) continue
    places.set(idOf(run), rows.length)
    rows.push(run)
  }
  return { list: { ...list, rows, places }, isInDoubt: rows.length !== total }
}

/** The first page that is missing between two rows, counted from the newest. */
export const missingPage = (
  { isLoaded, rows }: RunList,
  first: number,
  last: number
): { readonly offset: number; readonly limit: number } | undefined => {
  if (!isLoaded) return undefined
  for (let row = first; row <= last; row++) {
    const place = rows.length - 1 - row
    if (place < 0) return undefined
    if (rows[place] !== undefined) continue
    const highest = Math.min(rows.length - 1, Math.floor(place / pageSize) * pageSize + pageSize - 1)
    const lowest = Math.floor(place / pageSize) * pageSize
    return { offset: rows.length - 1 - highest, limit: highest - lowest + 1 }
  }
  return undefined
}
