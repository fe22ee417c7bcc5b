/** A pass over a source: what is new, what is known, and what is wrong. */
import * as Effect from "effect/Effect"
import type { BatchStoreError } from "../../BatchError.js"
import type { RefusedRow, RowError, RowState } from "../../BatchRow.js"
import { doing, each, type Ledger } from "./ledger.js"

/** A row of a source with its key. @internal */
export interface PlannedRow {
  readonly key: string
  readonly at: string
  /** The input of its run as JSON; empty where it has none. */
  readonly input: string
  /** Why it cannot be run. */
  readonly error: RowError | undefined
}

/** The findings of a pass over a source. @internal */
export interface Found {
  /** Rows that were not in the ledger. */
  added: number
  /** Rows that were, with the same input, by state. */
  readonly known: { [state in RowState]?: number }
  /** Rows, added or known, that cannot be run. */
  invalid: number
  /** Known rows that could not be run, and can be now. */
  mended: number
  /** Rows, added or mended, that can be run. */
  ready: number
  /** The first of those that are no rows of the batch, and why. */
  readonly refused: Array<RefusedRow>
  refusedCount: number
}

/** @internal */
export const nothingFound = (): Found => ({
  added: 0,
  known: {},
  invalid: 0,
  mended: 0,
  ready: 0,
  refused: [],
  refusedCount: 0
})

/** The number of refused rows that a report shows. */
const shown = 100

/** @internal */
export const refuse = (found: Found, refused: RefusedRow): void => {
  found.refusedCount++
  if (found.refused.length < shown) found.refused.push(refused)
}

/** @internal */
export const duplicate = (row: PlannedRow, first: string): RefusedRow => ({
  at: row.at,
  key: row.key,
  error: { kind: "DuplicateKey", message: `the key ${JSON.stringify(row.key)} is that of ${first} already` }
})

const inputChanged = (row: PlannedRow, first: string): RefusedRow => ({
  at: row.at,
  key: row.key,
  error: {
    kind: "InputChanged",
    message: `the key ${JSON.stringify(row.key)} was planned with another input, at ${first}: it keeps what it has; ` +
      "give the new input a key of its own"
  }
})

interface Known {
  readonly key: string
  readonly input: string
  readonly state: RowState
  readonly place: string
}

/** The rows of the ledger under some keys. @internal */
export const knownRows = (
  { sql }: Ledger,
  batch: number,
  keys: ReadonlyArray<string>
): Effect.Effect<ReadonlyMap<string, Known>, BatchStoreError> => {
  const listed = each(sql, keys.map((key) => ({ key })))
  return Effect.map(
    doing("compared rows")(sql<Known>`
      select r.key as key, r.input as input, r.state as state, r.place as place
      from ${listed} join noukai_batch_row r on r.batch = ${batch} and r.key = j.value->>'key'`),
    (rows) => new Map(rows.map((row) => [row.key, row]))
  )
}

/** Counts rows that are new. @internal */
export const countAdded = (found: Found, rows: Iterable<PlannedRow>): void => {
  for (const { error } of rows) {
    found.added++
    if (error === undefined) found.ready++
  }
}

/** Counts a row of a source beside the one that stands in the ledger, or gives why it is refused. @internal */
export const compare = (found: Found, row: PlannedRow, known: Known): RefusedRow | undefined => {
  if (known.state !== "invalid" && row.error === undefined && row.input !== known.input) {
    return inputChanged(row, known.place)
  }
  found.known[known.state] = (found.known[known.state] ?? 0) + 1
  if (known.state === "invalid" && row.error === undefined) {
    found.mended++
    found.ready++
  }
}

/** Keeps what is no row of the batch. @internal */
export const keepRefused = (
  { sql }: Ledger,
  batch: number,
  pass: number,
  refused: ReadonlyArray<RefusedRow>
): Effect.Effect<void, BatchStoreError> =>
  refused.length === 0
    ? Effect.void
    : Effect.asVoid(
      doing("kept refused rows")(sql`
      insert into noukai_batch_refused (batch, pass, place, key, error)
      select ${batch}, ${pass}, j.value->>'at', j.value->>'key', j.value->>'error'
      from ${each(sql, refused.map((row) => ({ ...row, error: JSON.stringify(row.error) })))}`)
    )

/** Forgets what earlier passes refused. @internal */
export const forgetRefused = ({ sql }: Ledger, batch: number, pass: number): Effect.Effect<void, BatchStoreError> =>
  Effect.asVoid(
    doing("forgot refused rows")(sql`delete from noukai_batch_refused where batch = ${batch} and pass < ${pass}`)
  )

/**
 * Adds rows to a batch, each key once, and tells what was there before. `nextNo` is the number of the first.
 *
 * @internal
 */
export const add = (
  ledger: Ledger,
  batch: number,
  pass: number,
  nextNo: number,
  rows: ReadonlyArray<PlannedRow>,
  found: Found
): Effect.Effect<number, BatchStoreError> =>
  Effect.gen(function*() {
    const { sql } = ledger
    const refused: Array<RefusedRow> = []
    const byKey = new Map<string, PlannedRow>()
    for (const row of rows) {
      const first = byKey.get(row.key)
      if (first === undefined) byKey.set(row.key, row)
      else refused.push(duplicate(row, first.at))
    }
    const items = [...byKey.values()].map(({ at, error, input, key }, index) => ({
      no: nextNo + index,
      key,
      at,
      input,
      state: error === undefined ? "pending" : "invalid",
      error: error === undefined ? null : JSON.stringify(error)
    }))
    const inserted = yield* doing("planned rows")(sql<{ readonly key: string }>`
      insert into noukai_batch_row (batch, no, key, place, input, pass, state, error)
      select ${batch}, cast(j.value->>'no' as bigint), j.value->>'key', j.value->>'at', j.value->>'input', ${pass},
        j.value->>'state', j.value->>'error'
      from ${each(sql, items)} where true
      on conflict (batch, key) do nothing
      returning key`)
    countAdded(found, inserted.map(({ key }) => byKey.get(key)!))
    if (inserted.length < byKey.size) {
      const added = new Set(inserted.map(({ key }) => key))
      const others = [...byKey.values()].filter(({ key }) => !added.has(key))
      refused.push(...yield* meet(ledger, batch, pass, others, found))
    }
    for (const { error } of byKey.values()) if (error !== undefined) found.invalid++
    for (const row of refused) refuse(found, row)
    yield* keepRefused(ledger, batch, pass, refused)
    return nextNo + inserted.length
  })

/** Rows whose keys stand in the ledger: known from an earlier pass, or a second time in this one. */
const meet = (
  ledger: Ledger,
  batch: number,
  pass: number,
  rows: ReadonlyArray<PlannedRow>,
  found: Found
): Effect.Effect<Array<RefusedRow>, BatchStoreError> =>
  Effect.gen(function*() {
    const { sql } = ledger
    const known = yield* knownRows(ledger, batch, rows.map(({ key }) => key))
    // what could not be run stands again as its source has it now
    const items = rows.map(({ at, error, input, key }) => ({
      key,
      at,
      input,
      state: error === undefined ? "pending" : "invalid",
      error: error === undefined ? null : JSON.stringify(error)
    }))
    const met = yield* doing("planned rows")(sql<{ readonly key: string }>`
      update noukai_batch_row as r set pass = ${pass},
        place = case when r.state = 'invalid' then j.value->>'at' else r.place end,
        input = case when r.state = 'invalid' then j.value->>'input' else r.input end,
        error = case when r.state = 'invalid' then j.value->>'error' else r.error end,
        settled_at = case when r.state = 'invalid' then null else r.settled_at end,
        settled_no = case when r.state = 'invalid' then null else r.settled_no end,
        state = case when r.state = 'invalid' then j.value->>'state' else r.state end
      from ${each(sql, items)}
      where r.batch = ${batch} and r.key = j.value->>'key' and r.pass < ${pass}
      returning key`)
    const first = new Set(met.map(({ key }) => key))
    const refused: Array<RefusedRow> = []
    for (const row of rows) {
      const stored = known.get(row.key)
      if (stored === undefined) continue
      const refusal = first.has(row.key) ? compare(found, row, stored) : duplicate(row, stored.place)
      if (refusal !== undefined) refused.push(refusal)
    }
    return refused
  })

/** The number of the row after the last one. @internal */
export const nextNo = ({ sql }: Ledger, batch: number): Effect.Effect<number, BatchStoreError> =>
  Effect.map(
    doing("counted rows")(sql<{ readonly no: number | string | null }>`
      select max(no) as no from noukai_batch_row where batch = ${batch}`),
    (rows) => Number(rows[0]?.no ?? 0) + 1
  )
