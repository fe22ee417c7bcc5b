/** A pass over a source: finds new, known and wrong rows. */
import * as Effect from "effect/Effect"
import * as Struct from "effect/Struct"
import type { BatchStoreError } from "../../BatchError.js"
import { isSettled, type RefusedRow, type RowError, type RowState } from "../../BatchRow.js"
import type { IsSelected } from "../selection.js"
import { change, doing, each, hasKey, type Ledger } from "./ledger.js"
import { byId, stateShown, type StoredState } from "./rows.js"

/** A row of a source with its key. */
export interface PlannedRow {
  readonly key: string
  readonly at: string
  /** The flow of the row, where it differs from the flow of the batch. */
  readonly flow?: string | undefined
  /** The version of the row, where it differs from the version of the batch. */
  readonly version?: string | undefined
  /** The input of its run as JSON; empty if it has none. */
  readonly input: string
  /** The reason if it cannot be run. */
  readonly error: RowError | undefined
}

const nothingFound = (known: { [state in RowState]?: number } = {}) => ({
  /** Rows that were not in the ledger. */
  added: 0,
  /** Rows that were in the ledger with the same input, by state. */
  known,
  /** Rows, added or known, that cannot be run. */
  invalid: 0,
  /** Rows that were invalid and are valid now. */
  mended: 0,
  /** Rows that were never sent, and have another input now. */
  updated: 0,
  /** Rows of the ledger that are not run yet, and that the source still has. */
  met: 0,
  /** Rows, added or mended, that can be run. */
  ready: 0,
  /** The first rows that cannot be run, with their reasons. */
  invalidRows: new Array<RefusedRow>(),
  /** Rows that could be run, and are not selected. */
  unselected: 0,
  /** The first refused rows, with their reasons. */
  refused: new Array<RefusedRow>(),
  refusedCount: 0
})

/** The findings of a pass over a source. */
export type Found = ReturnType<typeof nothingFound>

/** The number of refused rows that a report shows, and of invalid ones. */
const shown = 100

/** The places of the rows of a part of a source, in their order. */
export type Places = ReadonlyMap<string, number>

/** Sorts rows of a part of a source by their places. */
export const inPlace = <A extends { readonly at: string }>(places: Places, rows: ReadonlyArray<A>): ReadonlyArray<A> =>
  rows.toSorted((one, other) => (places.get(one.at) ?? 0) - (places.get(other.at) ?? 0))

/** Counts refused rows. */
export const refuse = (found: Found, refused: ReadonlyArray<RefusedRow>): void => {
  found.refusedCount += refused.length
  found.refused.push(...refused.slice(0, shown - found.refused.length))
}

const duplicate = (row: PlannedRow, first: string): RefusedRow => ({
  at: row.at,
  key: row.key,
  error: { kind: "DuplicateKey", message: `the key ${JSON.stringify(row.key)} is already used by ${first}` }
})

const inputChanged = ({ at, key }: PlannedRow, { differs, place }: Known): RefusedRow => {
  // a row that is wrong in the source may have no difference
  const fields = differs.length === 0 ? "input" : differs.join(" and ")
  const message = `the key ${JSON.stringify(key)} was sent with another ${fields} (${place}): use a new key`
  return { at, key, error: { kind: "InputChanged", message } }
}

/** A row of the ledger under the key of a row of a source. */
export interface Known {
  readonly id: number
  readonly no: number
  readonly key: string
  readonly place: string
  readonly state: StoredState
  /** Which of `input`, `flow` and `version` differ from those of the source. */
  readonly differs: ReadonlyArray<string>
  /** Whether a request of it may have left. */
  readonly isSent: boolean
}

type StoredKnown =
  & { readonly [field in "id" | "no" | "sent"]: number | string }
  & Pick<Known, "key" | "place" | "state">
  & { readonly differs: string }

/** The rows of the ledger under the keys of some rows. */
export const knownRows = (
  { sql }: Ledger,
  batch: number,
  rows: ReadonlyArray<Pick<PlannedRow, "flow" | "input" | "key" | "version">>
): Effect.Effect<ReadonlyMap<string, Known>, BatchStoreError> => {
  // the first row of each key: all others are refused
  const firsts = new Map(rows.toReversed().map((row) => [row.key, row])).values()
  const listed = each(sql, Array.from(firsts, ({ flow, input, key, version }) => ({ key, input, flow, version })))
  const ifDiffers = (field: "flow" | "input" | "version") =>
    sql.literal(`case when coalesce(r.${field}, '') = coalesce(j.value->>'${field}', '') then '' else '${field} ' end`)
  // the list first: SQLite would walk the batch for each of its items
  return Effect.map(
    doing("compared rows")(sql<StoredKnown>`
      select r.id, r.no, r.key, r.place, r.state, r.sent,
        ${ifDiffers("input")} || ${ifDiffers("flow")} || ${ifDiffers("version")} as differs
      from ${listed} cross join noukai_batch_row as r
      where ${hasKey(sql, batch, sql`j.value->>'key'`)}`),
    (found) =>
      new Map(found.map(({ differs, id, key, no, place, sent, state }) => [
        key,
        {
          id: Number(id),
          no: Number(no),
          key,
          place,
          state,
          differs: differs.split(" ").slice(0, -1),
          isSent: Number(sent) === 1 || !unsent.has(state)
        }
      ]))
  )
}

/** The states of settled rows that may never have been sent: cancelled before it, or refused. */
const unsentEnds = ["cancelled", "failed"] as const

/** The states of rows that may never have been sent. An intent may be on its way. */
const unsentStates = ["pending", "absent", "unselected", "invalid", ...unsentEnds] as const

const unsent: ReadonlySet<StoredState> = new Set(unsentStates)

/** The states of rows that a run begins, if the source has them. */
const open: ReadonlySet<StoredState> = new Set(["pending", "absent", "unselected", "waiting"])

/** The fate of a row of a source beside the row of the ledger under its key. */
const compare = (row: PlannedRow, known: Known): "keep" | "leave" | "replace" | "refuse" => {
  const { differs, isSent, state } = known
  if (state === "invalid") return "replace"
  const isChanged = row.error === undefined && differs.length > 0
  if (!isSent && (isChanged || (row.error !== undefined && open.has(state)))) return "replace"
  if (isChanged) return "refuse"
  // a row that is wrong in the source is not run again
  return row.error !== undefined || isSettled(stateShown(state)) ? "leave" : "keep"
}

/** Stores refused rows. */
export const keepRefused = ({ sql }: Ledger, batch: number, pass: number, refused: ReadonlyArray<RefusedRow>) =>
  refused.length === 0
    ? Effect.void
    : change("kept refused rows")(sql`
      insert into noukai_batch_refused (batch, pass, place, key, error)
      select ${batch}, ${pass}, j.value->>'at', j.value->>'key', j.value->>'error'
      from ${each(sql, refused.map((row) => ({ ...row, error: JSON.stringify(row.error) })))}`)

/** Deletes the refused rows of earlier passes. */
export const forgetRefused = ({ sql }: Ledger, batch: number, pass: number): Effect.Effect<void, BatchStoreError> =>
  change("forgot refused rows")(sql`delete from noukai_batch_refused where batch = ${batch} and pass < ${pass}`)

/** A pass over a source, which has one process at a time. */
export interface Pass {
  readonly batch: number
  readonly no: number
  /** The number of the next row that is new. */
  nextNo: number
  readonly found: Found
  /** Notes that the source has a row, by its number; whether it had it before. */
  readonly meets: (no: number) => boolean
  readonly isSelected: IsSelected
}

/** A bit for each number: a million of them take 125 KB. */
const numbers = (): (no: number) => boolean => {
  let bits = new Uint8Array(1024)
  return (no) => {
    const at = no >> 3
    if (at >= bits.length) {
      const longer = new Uint8Array(Math.max(at + 1, bits.length * 2))
      longer.set(bits)
      bits = longer
    }
    const bit = 1 << (no & 7)
    const isMet = (bits[at]! & bit) !== 0
    bits[at]! |= bit
    return isMet
  }
}

/** Begins a pass over the source of a batch. */
export const begun = ({ sql }: Ledger, batch: number, no: number, isSelected: IsSelected = () => true) =>
  Effect.map(
    doing("counted rows")(sql<{ readonly no: number | string | null }>`
      select max(no) as no from noukai_batch_row where batch = ${batch}`),
    (rows) => ({
      batch,
      no,
      nextNo: Number(rows[0]?.no ?? 0) + 1,
      found: nothingFound(),
      meets: numbers(),
      isSelected
    })
  )

const openState = ({ isSelected }: Pass, { key }: { readonly key: string }) =>
  isSelected({ key, state: "pending" }) ? "pending" : "unselected"

const stateOf = (pass: Pass, row: PlannedRow) => row.error === undefined ? openState(pass, row) : "invalid"

const errorOf = ({ error }: PlannedRow) => error === undefined ? null : JSON.stringify(error)

/** The rows of a source, sorted by the next step. */
export interface SortResult {
  readonly added: ReadonlyArray<PlannedRow>
  /** Rows that were never sent, as they stood in the ledger and as the source has them now. */
  readonly replaced: ReadonlyArray<readonly [Known, PlannedRow]>
  /** Rows that are yet to be run, or are being run. */
  readonly unsettled: ReadonlyArray<Known>
  readonly refused: ReadonlyArray<RefusedRow>
}

/** Sorts rows of a source by the rows of the ledger under their keys, and counts them. */
export const sort = (
  pass: Pass,
  rows: ReadonlyArray<PlannedRow>,
  known: ReadonlyMap<string, Known>
): SortResult => {
  const { found, meets } = pass
  const refused: Array<RefusedRow> = []
  const added = new Map<string, PlannedRow>()
  const replaced: Array<readonly [Known, PlannedRow]> = []
  const unsettled: Array<Known> = []
  for (const row of rows) {
    const stored = known.get(row.key)
    const first = stored === undefined ? added.get(row.key)?.at : meets(stored.no) ? stored.place : undefined
    if (first !== undefined) {
      refused.push(duplicate(row, first))
      continue
    }
    if (row.error !== undefined) {
      found.invalid++
      if (found.invalidRows.length < shown) found.invalidRows.push({ at: row.at, key: row.key, error: row.error })
    }
    const isSelected = stateOf(pass, row) !== "unselected"
    if (stored === undefined) {
      added.set(row.key, row)
      found.added++
      if (!isSelected) found.unselected++
      else if (row.error === undefined) found.ready++
      continue
    }
    const { state } = stored
    const verdict = compare(row, stored)
    if (verdict === "refuse") {
      refused.push(inputChanged(row, stored))
      continue
    }
    if (verdict === "keep") unsettled.push(stored)
    if (verdict === "replace") replaced.push([stored, row])
    const isOpen = open.has(state)
    if (isOpen && verdict !== "leave") found.met++
    if (isOpen && !isSelected) found.unselected++
    else if (!isOpen || verdict !== "leave") {
      const counted = isOpen && row.error !== undefined ? "invalid" : stateShown(state)
      found.known[counted] = (found.known[counted] ?? 0) + 1
    }
    if (row.error !== undefined || verdict !== "replace") continue
    if (state === "invalid") {
      found.mended++
      if (isSelected) found.ready++
      else found.unselected++
    } else found.updated++
  }
  return { added: [...added.values()], replaced, unsettled, refused }
}

/** Adds rows to a batch, each key once, and counts those that it had, and those that have no key. */
export const add = (
  ledger: Ledger,
  pass: Pass,
  rows: ReadonlyArray<PlannedRow>,
  keyless: ReadonlyArray<RefusedRow> = [],
  places: Places = new Map()
): Effect.Effect<void, BatchStoreError> =>
  Effect.gen(function*() {
    const { batch } = pass
    const { added, refused, replaced, unsettled } = sort(pass, rows, yield* knownRows(ledger, batch, rows))
    yield* insert(ledger, batch, pass, added)
    const taken = yield* replace(ledger, pass, replaced)
    // another process has claimed them meanwhile, with the input that they had
    const missed = replaced.filter(([{ id }]) => !taken.has(id)).map(([known, row]) => inputChanged(row, known))
    pass.found.updated -= missed.length
    const all = inPlace(places, [...keyless, ...refused, ...missed])
    refuse(pass.found, all)
    yield* keep(ledger, pass, unsettled)
    yield* keepRefused(ledger, batch, pass.no, all)
  })

/** The columns of a row of a source. */
const columnsOf = (pass: Pass, row: PlannedRow) => ({
  state: stateOf(pass, row),
  error: errorOf(row),
  ...Struct.pick(row, "key", "at", "input", "flow", "version")
})

/** Adds rows that are new, and numbers them. */
export const insert = ({ sql }: Ledger, batch: number, pass: Pass, rows: ReadonlyArray<PlannedRow>) => {
  if (rows.length === 0) return Effect.void
  const first = pass.nextNo
  const items = rows.map((row, index) => ({ no: first + index, ...columnsOf(pass, row) }))
  return Effect.map(
    doing("planned rows")(sql`
      insert into noukai_batch_row (batch, no, key, place, input, pass, state, error, flow, version)
      select ${batch}, cast(j.value->>'no' as bigint), j.value->>'key', j.value->>'at', j.value->>'input', ${pass.no},
        j.value->>'state', j.value->>'error', j.value->>'flow', j.value->>'version'
      from ${each(sql, items)}`),
    () => {
      pass.nextNo = first + rows.length
      for (const { no } of items) pass.meets(no)
    }
  )
}

const ends: ReadonlySet<StoredState> = new Set(unsentEnds)

/** Rows that were never sent are as their source has them now. A settled one stays so until it is retried; one that another process has claimed meanwhile keeps its input. */
const replace = ({ sql }: Ledger, pass: Pass, rows: ReadonlyArray<readonly [Known, PlannedRow]>) => {
  const items = rows.map(([{ id, state }, row]) => ({
    id,
    ...columnsOf(pass, row),
    ...ends.has(state) && { state }
  })).sort(byId)
  const isSettled = sql.in("r.state", unsentEnds)
  return items.length === 0 ? Effect.succeed(new Set()) : Effect.map(
    doing("planned rows")(sql<{ readonly id: number | string }>`
      update noukai_batch_row as r set pass = ${pass.no}, place = j.value->>'at', input = j.value->>'input',
        flow = j.value->>'flow', version = j.value->>'version',
        error = case when ${isSettled} then r.error else j.value->>'error' end, state = j.value->>'state',
        settled_at = case when ${isSettled} then r.settled_at end,
        settled_no = case when ${isSettled} then r.settled_no end
      from ${each(sql, items)}
      where r.id = cast(j.value->>'id' as bigint) and r.sent = 0
        and ${sql.in("r.state", unsentStates)}
      returning id`),
    (taken) => new Set(taken.map(({ id }) => Number(id)))
  )
}

/** Keeps that the source has rows that are yet to be run. In the order in which processes that run them lock them. */
const keep = ({ sql }: Ledger, pass: Pass, rows: ReadonlyArray<Known>): Effect.Effect<void, BatchStoreError> =>
  rows.length === 0 ? Effect.void : change("planned rows")(sql`
      update noukai_batch_row as r set pass = ${pass.no},
        state = case when r.state in ('pending', 'absent', 'unselected') or (r.state = 'waiting' and j.value->>'state' <> 'pending')
          then j.value->>'state' else r.state end
      from ${
    each(sql, rows.map((row) => ({ id: row.id, state: openState(pass, row) })).sort(byId))
  } where r.id = cast(j.value->>'id' as bigint)`)

/** The rows that one statement looks at. */
const part = 5000

/** Makes rows absent that are to be run, and that the source of a pass does not have. */
export const leaveAbsent = ({ sql }: Ledger, { batch, no }: Pass): Effect.Effect<void, BatchStoreError> =>
  Effect.gen(function*() {
    for (const state of ["pending", "waiting", "unselected"] satisfies ReadonlyArray<StoredState>) {
      for (let last = 0, count = part; count === part;) {
        const rows = yield* doing("looked for absent rows")(
          sql<{ readonly id: number | string; readonly pass: number | string }>`
          select id, pass from noukai_batch_row
          where batch = ${batch} and state = ${state} and id > ${last} order by id limit ${part}`
        )
        count = rows.length
        last = Number(rows[count - 1]?.id ?? 0)
        const absent = rows.filter(({ pass }) => Number(pass) < no).map(({ id }) => ({ id: Number(id) }))
        if (absent.length > 0) {
          yield* doing("kept absent rows")(sql`
            update noukai_batch_row as r set state = 'absent' from ${each(sql, absent)}
            where r.id = cast(j.value->>'id' as bigint) and r.state = ${state} and r.pass < ${no}`)
        }
      }
    }
  })
