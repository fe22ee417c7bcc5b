/** Reads rows from the ledger: counts, and rows page by page. */
import { digitsOf, parseJson, withDigits } from "@effect-noukai/sdk/kit/plainJson"
import type { SqlClient } from "@effect/sql/SqlClient"
import * as Statement from "@effect/sql/Statement"
import * as Arr from "effect/Array"
import * as BigDecimal from "effect/BigDecimal"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import { flow } from "effect/Function"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { BatchStoreError } from "../../BatchError.js"
import {
  type RefusedRow,
  type RowAttempt,
  RowCall,
  RowError,
  type RowResult,
  type RowState,
  RowTokens,
  type SettledRow
} from "../../BatchRow.js"
import type { PageOptions } from "../../BatchStatus.js"
import * as Money from "../money.js"
import type { BatchRecord } from "./batches.js"
import { doing, each, hasKey, type Ledger, mostBytes, sameText } from "./ledger.js"
import { stateShown, type StoredState } from "./rows.js"

/** How many rows are in each state. */
export type Counts = { readonly [state in StoredState]: number }

const none: Counts = {
  absent: 0,
  unselected: 0,
  waiting: 0,
  timedOut: 0,
  pending: 0,
  intent: 0,
  uncertain: 0,
  submitted: 0,
  done: 0,
  failed: 0,
  cancelled: 0,
  reported: 0,
  invalid: 0
}

/** The states in the ledger that are shown as one, or that one of them. */
const storedAs = (state: RowState | "timedOut"): ReadonlyArray<StoredState> =>
  Record.keys(none).filter((stored) => stored === state || stateShown(stored) === state)

export const counts = ({ sql }: Ledger, batch: number): Effect.Effect<Counts, BatchStoreError> =>
  Effect.map(
    doing("counted rows")(sql<{ readonly state: StoredState; readonly n: number | string }>`
      select state, count(*) as n from noukai_batch_row where batch = ${batch} group by state`),
    (rows) => ({ ...none, ...Object.fromEntries(rows.map(({ n, state }) => [state, Number(n)])) })
  )

/** How many rows of each flow and version are in each state; none if all rows have those of their batch. */
export const targets = Effect.fnUntraced(function*({ sql }: Ledger, { flow, id, version }: Read) {
  const [found] = yield* doing("counted rows")(sql`
      select id from noukai_batch_row where batch = ${id} and (flow is not null or version is not null) limit 1`)
  if (found === undefined) return []
  const rows = yield* doing("counted rows")(
    sql<Pick<StoredResult, "flow" | "state" | "version"> & { readonly n: string }>`
      select flow, version, state, count(*) as n from noukai_batch_row where batch = ${id}
      group by flow, version, state order by min(no)`
  )
  const all = new Map<string, { flow: string; version: string; states: { [state in RowState]?: number } }>()
  for (const row of rows) {
    const of = { flow: row.flow ?? flow, version: row.version ?? version }
    const key = JSON.stringify(of)
    const known = all.get(key) ?? { ...of, states: {} }
    const state = stateShown(row.state)
    known.states[state] = (known.states[state] ?? 0) + Number(row.n)
    all.set(key, known)
  }
  return [...all.values()]
})

/** How many rows are not settled. */
export const unsettled = ({ intent, pending, submitted, uncertain, waiting }: Counts): number =>
  pending + waiting + intent + uncertain + submitted

/** Counts the rows of a table that fit a condition. */
const counted =
  (condition: (sql: SqlClient) => Statement.Fragment) => ({ sql }: Ledger): Effect.Effect<number, BatchStoreError> =>
    Effect.map(
      doing("counted rows")(sql<{ readonly n: number | string }>`select count(*) as n from ${condition(sql)}`),
      (rows) => Number(rows[0]?.n ?? 0)
    )

/** How many rows were found at the server. */
export const adoptedCount = (ledger: Ledger, batch: number): Effect.Effect<number, BatchStoreError> =>
  counted((sql) => sql`noukai_batch_row where batch = ${batch} and adopted = 1`)(ledger)

/** The number of rows with an attempt whose cost could not be read, and the amount that was booked for them. */
export const unknownCosts = Effect.fnUntraced(function*({ sql }: Ledger, batch: number) {
  const unknown = sql`(
      select id as row_id, reserved_usd from noukai_batch_row where batch = ${batch} and cost_usd = 'unknown'
      union all
      select row_id, reserved_usd from noukai_batch_attempt where batch = ${batch} and cost_usd = 'unknown') as u`
  const amounts = yield* doing("counted rows")(sql<{ readonly n: string; readonly reserved_usd: string | null }>`
    select reserved_usd, count(*) as n from ${unknown} group by reserved_usd`)
  const [found] = amounts.length === 0 ? [] : yield* doing("counted rows")(sql<{ readonly n: number | string }>`
    select count(distinct row_id) as n from ${unknown}`)
  return {
    rows: Number(found?.n ?? 0),
    assumed: BigDecimal.sumAll(
      amounts.map(({ n, reserved_usd }) => Money.multiplied(Money.parse(reserved_usd ?? "0"), Number(n)))
    )
  }
})

/** How many attempts were followed by others. */
export const retries = (ledger: Ledger, batch: number): Effect.Effect<number, BatchStoreError> =>
  counted((sql) => sql`noukai_batch_attempt where batch = ${batch}`)(ledger)

/** The number of rows of the last source that were refused. */
export const refusedCount = (ledger: Ledger, batch: number): Effect.Effect<number, BatchStoreError> =>
  counted((sql) => sql`noukai_batch_refused where batch = ${batch}`)(ledger)

/** How many rows failed, or were reported, since a time. */
export const failedSince = (ledger: Ledger, batch: number, since: number): Effect.Effect<number, BatchStoreError> =>
  counted((sql) =>
    sql`noukai_batch_row where batch = ${batch} and state in ('failed', 'reported') and settled_at >= ${since}`
  )(ledger)

type StoredResult =
  & { readonly [field in "adopted" | "attempt" | "no"]: number | string }
  & { readonly [field in "duration_ms" | "settled_at" | "settled_no"]: number | string | null }
  & { readonly [field in "calls" | "cost_usd" | "error" | "execution_id" | "flow"]: string | null }
  & { readonly [field in "earlier_costs" | "evidence" | "result" | "steps" | "tokens" | "version"]: string | null }
  & { readonly key: string; readonly place: string; readonly state: StoredState; readonly input?: string }

type StoredFacts = Omit<SettledRow, "error"> & Pick<StoredResult, "cost_usd" | "earlier_costs" | "error">

const decodeError = Schema.decodeUnknownSync(Schema.parseJson(RowError))

const costOf = (costUsd: string | null): Pick<RowResult, "costUsd" | "isCostUnknown"> =>
  costUsd === null ? {} : costUsd === Money.unknown ? { isCostUnknown: true } : { costUsd }

const sumOf = (cost: string, other: string): string =>
  Money.print(BigDecimal.sum(Money.parse(cost), Money.parse(other)))

/** The cost of all attempts at a row. */
const attemptsCostOf = (
  { cost_usd, earlier_costs }: Pick<StoredResult, "cost_usd" | "earlier_costs">
): Pick<RowResult, "attemptsCostUsd" | "isAttemptsCostUnknown"> => {
  const costs = [...earlier_costs?.split(" ") ?? [], ...cost_usd === null ? [] : [cost_usd]]
  const known = costs.filter((cost) => cost !== Money.unknown)
  return {
    ...(known.length > 0 && { attemptsCostUsd: known.reduce(sumOf) }),
    ...(known.length < costs.length && { isAttemptsCostUnknown: true })
  }
}

const decodeTokens = Schema.decodeUnknownSync(Schema.parseJson(RowTokens))

/** Reads the calls of a row, with the digits of their numbers. */
export const decodeCalls: (text: string) => ReadonlyArray<RowCall> = flow(
  parseJson,
  Schema.decodeUnknownSync(Schema.Array(RowCall))
)

const decodeSteps = Schema.decodeUnknownSync(Schema.Record({ key: Schema.String, value: Schema.Unknown }))

/** A batch whose rows are read. */
export type Read = Pick<BatchRecord, "flow" | "id" | "version">

/** Reads the values of a row, with the digits of their numbers. */
const valuesOf = ({ input = "", result, state, steps }: StoredResult) => {
  const texts = Object.entries({ input, result: state === "done" ? result : null, steps }).flatMap(([name, text]) =>
    // a row that is invalid may have no input
    text === null || text === "" ? [] : [`"${name}":${text}`]
  )
  return parseJson(`{${texts.join(",")}}`) as Pick<RowResult, "input" | "result" | "steps">
}

const rowResult = ({ flow, version }: Read) => (row: StoredResult): RowResult => {
  const values = valuesOf(row)
  const { input, result, steps } = values
  const whole: RowResult = {
    no: Number(row.no),
    key: row.key,
    at: row.place,
    state: stateShown(row.state),
    attempt: Number(row.attempt),
    flow: row.flow ?? flow,
    version: row.version ?? version,
    ...(input !== undefined && { input }),
    ...(result !== undefined && { result }),
    ...(row.error !== null && { error: decodeError(row.error) }),
    ...(row.execution_id !== null && { executionId: row.execution_id }),
    adopted: Number(row.adopted) !== 0,
    ...costOf(row.cost_usd),
    ...attemptsCostOf(row),
    ...(row.duration_ms !== null && { durationMs: Number(row.duration_ms) }),
    ...(row.tokens !== null && { tokens: decodeTokens(row.tokens) }),
    ...(row.calls !== null && { calls: decodeCalls(row.calls) }),
    ...(steps !== undefined && { steps: decodeSteps(steps) }),
    ...(row.evidence !== null && { evidence: row.evidence }),
    ...(row.settled_at !== null && { settledAt: Number(row.settled_at) }),
    ...(row.settled_no !== null && { settledNo: Number(row.settled_no) })
  }
  return withDigits(whole, digitsOf(values))
}

/** The most rows of a page; large ones fill it sooner. */
const mostOfPage = 500

interface PlaceSize {
  readonly place: number | string
  readonly bytes: number | string
}

/** The last of some places whose documents fit into a page; the first one always does. */
const lastOf = (placed: ReadonlyArray<PlaceSize>): number => {
  let bytes = 0
  let last = placed[0]!
  for (const one of placed) {
    bytes += Number(one.bytes)
    if (bytes > mostBytes && one !== placed[0]) break
    last = one
  }
  return Number(last.place)
}

/** Pages of rows from the place after one on: `read` gives those after a place, to another one, of those that `place` finds. */
const paged = <Stored, A>(
  after: number,
  place: (after: number) => Effect.Effect<ReadonlyArray<PlaceSize>, BatchStoreError>,
  read: (after: number, last: number) => Effect.Effect<ReadonlyArray<Stored>, BatchStoreError>,
  decode: (row: Stored) => A
): Stream.Stream<A, BatchStoreError> =>
  Stream.paginateChunkEffect(after, (from) =>
    Effect.flatMap(place(from), (placed) => {
      if (placed.length === 0) return Effect.succeed([Chunk.empty<A>(), Option.none()])
      const last = lastOf(placed)
      const isEnd = placed.length < mostOfPage && last === Number(placed[placed.length - 1]!.place)
      return Effect.map(read(from, last), (rows) => [
        Chunk.unsafeFromArray(rows.map(decode)),
        isEnd ? Option.none() : Option.some(last)
      ])
    }))

/** The columns of a row, with its input and other documents if they are wanted, and the length of its documents in bytes. */
const columnsOf = (
  sql: SqlClient,
  withInput: boolean,
  withDocuments = true
): { readonly all: Statement.Fragment; readonly bytes: Statement.Fragment } => {
  const bytes = sql`coalesce(octet_length(r.result), 0) + coalesce(octet_length(r.error), 0)
    + coalesce(octet_length(r.calls), 0) + coalesce(octet_length(r.steps), 0)`
  const joined = sql.literal(sql.onDialectOrElse({ pg: () => "string_agg", orElse: () => "group_concat" }))
  const documents = sql.literal(
    withDocuments ? "r.result, r.calls, r.steps" : "null as result, null as calls, null as steps"
  )
  const all =
    sql`r.no, r.key, r.place, r.state, r.attempt, r.execution_id, r.adopted, ${documents}, r.error, r.cost_usd,
    r.duration_ms, r.tokens, r.flow, r.version, r.evidence, r.settled_at, r.settled_no,
    case when r.attempt > 1 then (
      select ${joined}(a.cost_usd, ' ') from noukai_batch_attempt as a where a.batch = r.batch and a.row_id = r.id
    ) end as earlier_costs`
  return withInput ? { all: sql`${all}, r.input`, bytes: sql`${bytes} + octet_length(r.input)` } : { all, bytes }
}

/** Rows in the order of one of their numbers, which an index has. */
const numbered = ({ sql }: Ledger, batch: Read, number: "no" | "settled_no", after: number, withInput: boolean) => {
  const place = sql.literal(`r.${number}`)
  const { all, bytes } = columnsOf(sql, withInput)
  return paged(
    after,
    (from) =>
      doing("read rows")(sql<PlaceSize>`
        select ${place} as place, ${bytes} as bytes
        from noukai_batch_row as r where r.batch = ${batch.id} and ${place} > ${from} order by ${place} limit ${mostOfPage}`),
    (from, last) =>
      doing("read rows")(sql<StoredResult>`
        select ${all} from noukai_batch_row as r
        where r.batch = ${batch.id} and ${place} > ${from} and ${place} <= ${last} order by ${place}`),
    rowResult(batch)
  )
}

/** All rows, in the order of the input. */
export const inOrder = (ledger: Ledger, batch: Read, withInput = false): Stream.Stream<RowResult, BatchStoreError> =>
  numbered(ledger, batch, "no", 0, withInput)

/** Settled rows, in the order in which they settled, after one of them. */
export const settledAfter = (ledger: Ledger, batch: Read, settledNo: number, withInput = false) =>
  numbered(ledger, batch, "settled_no", settledNo, withInput)

/** The rows under some keys, by their keys. */
export const ofKeys = ({ sql }: Ledger, batch: Read, keys: ReadonlyArray<string>) =>
  Effect.map(
    doing("read rows")(sql<StoredResult>`
      select ${columnsOf(sql, false).all} from ${
      each(sql, keys.map((key) => ({ key })))
    } cross join noukai_batch_row as r
      where ${hasKey(sql, batch.id, sql`j.value->>'key'`)}`),
    (rows) => new Map(rows.map((row) => [row.key, rowResult(batch)(row)]))
  )

/** The given rows, or so many from a place on, nearest first. The rows of each state are in the order of its index. */
export const page = (
  { sql }: Ledger,
  batch: Read,
  { after = 0, before, limit = 50, numbers, state, withDocuments = false }: PageOptions
): Effect.Effect<ReadonlyArray<RowResult>, BatchStoreError> => {
  const rows = sql`noukai_batch_row where batch = ${batch.id}`
  const [is, direction, from, end] = before === undefined
    ? [">", "asc", sql`<= ${after} order by no desc`, 0] as const
    : ["<", "desc", sql`>= ${before} order by no`, Number.MAX_SAFE_INTEGER] as const
  const nearest = (column: Statement.Fragment, from: Statement.Fragment, condition = sql``) =>
    sql`select id from (select id from ${rows} ${condition} and ${column} ${sql.literal(is)} ${from}
      order by ${column} ${sql.literal(direction)} limit ${limit}) as p`
  const idFrom = sql`coalesce((select id from ${rows} and no ${from} limit 1), ${end})`
  const inState = (stored: StoredState) => nearest(sql`id`, idFrom, sql`and state = ${stored}`)
  const ids = numbers !== undefined
    ? sql`select (select id from ${rows} and no = cast(j.value->>'no' as bigint)) as id
        from ${each(sql, numbers.map((no) => ({ no })))}`
    : sql`select id from (${
      state === undefined
        ? nearest(sql`no`, sql`${before ?? after}`)
        : Statement.join(" union all ", false)(Arr.ensure(state).flatMap(storedAs).map(inState))
    }) as q order by id ${sql.literal(direction)} limit ${limit}`
  return Effect.map(
    doing("read rows")(sql<StoredResult>`
      select ${
      columnsOf(sql, withDocuments, withDocuments).all
    } from noukai_batch_row as r where r.id in (${ids}) order by r.no`),
    (found) => found.map(rowResult(batch))
  )
}

/** The facts of the settled rows after one, at most 2,000. As one text, they take a third of the time. */
export const settled = ({ sql }: Ledger, batch: number, after: number) => {
  const name = sql.onDialectOrElse({ pg: () => ["agg", "build"], orElse: () => ["group_array", ""] })
  const [list, item] = [sql.literal(`json_${name[0]}`), sql.literal(`json_${name[1]}_object`.replace("__", "_"))]
  return Effect.map(
    doing("read rows")(sql<{ readonly facts: string | null }>`
      select cast(${list}(${item}('settledNo', settled_no, 'no', no, 'state', state, 'settledAt', settled_at, 'durationMs',
        duration_ms, 'error', error, 'cost_usd', cost_usd, 'earlier_costs', earlier_costs)) as text) as facts
      from (select ${columnsOf(sql, false, false).all} from noukai_batch_row as r
        where r.batch = ${batch} and r.settled_no > ${after} order by r.settled_no limit 2000) as s`),
    ([row]) =>
      (JSON.parse(row?.facts ?? "[]") as ReadonlyArray<StoredFacts>).map(
        ({ cost_usd, earlier_costs, error, ...facts }): SettledRow => ({
          ...facts,
          ...(error !== null && { error: decodeError(error) }),
          ...attemptsCostOf({ cost_usd, earlier_costs })
        })
      )
  )
}

/** The rows that one statement looks at. */
const stretch = 10_000

/** A pattern of keys in the words of the database, which may match more. */
const likeOf = (pattern: string): string =>
  pattern.replace(
    /\\([^])|[^]/gu,
    (char, escaped: string | undefined) =>
      char === "*" ? "%" : char === "?" ? "_" : (escaped ?? char).replace(/[%\\_]/, "\\$&")
  )

/** The numbers of the rows with a key of a pattern, in the order of the input. */
export const numbers = (
  { sql }: Ledger,
  batch: number,
  key: string,
  isKey: (row: Pick<StoredResult, "key">) => boolean,
  state?: RowState
): Stream.Stream<number, BatchStoreError> => {
  const rows = sql`noukai_batch_row where batch = ${batch}`
  const inStates = state === undefined ? sql`` : sql`and ${sql.in("state", storedAs(state))}`
  const last = doing("looked for rows")(sql<Pick<StoredResult, "no">>`select coalesce(max(no), 0) as no from ${rows}`)
  return Stream.unwrap(Effect.map(last, ([row]) =>
    Stream.paginateChunkEffect(0, (from) =>
      Effect.map(
        doing("looked for rows")(sql<Pick<StoredResult, "key" | "no">>`
          select no, key from ${rows} and no > ${from} and no <= ${from + stretch} ${inStates}
            and key like ${likeOf(key)} escape '\\' order by no`),
        (found) => [
          Chunk.unsafeFromArray(found.filter(isKey).map(({ no }) => Number(no))),
          from + stretch < Number(row?.no) ? Option.some(from + stretch) : Option.none()
        ]
      ))))
}

type StoredAttempt =
  & Pick<StoredResult, "attempt" | "state" | "execution_id" | "error" | "cost_usd" | "settled_at">
  & { readonly started_at: number | string | null }

/** The attempts at the row of a key, the first one first; none where no row has it. */
export const attempts = ({ sql }: Ledger, batch: number, key: string) => {
  const row = sql`noukai_batch_row where batch = ${batch} and ${sameText(sql, sql`key`, sql`${key}`)}`
  const columns = sql.literal("attempt, state, execution_id, error, cost_usd, settled_at")
  return Effect.map(
    doing("read attempts")(sql<StoredAttempt>`
      select ${columns}, started_at from noukai_batch_attempt
      where batch = ${batch} and row_id = (select id from ${row})
      union all select ${columns}, intent_at as started_at from ${row} order by attempt`),
    (rows) =>
      rows.length === 0 ? Option.none() : Option.some(
        rows.filter(({ state }) => stateShown(state) !== "pending").map((one): RowAttempt => ({
          attempt: Number(one.attempt),
          state: stateShown(one.state),
          ...(one.execution_id !== null && { executionId: one.execution_id }),
          ...(one.error !== null && { error: decodeError(one.error) }),
          ...costOf(one.cost_usd),
          ...(one.started_at !== null && { startedAt: Number(one.started_at) }),
          ...(one.settled_at !== null && { settledAt: Number(one.settled_at) })
        }))
      )
  )
}

interface StoredRefused {
  readonly place: string
  readonly key: string | null
  readonly error: string
}

/** The refused rows of the source. */
export const refused = ({ sql }: Ledger, batch: number): Stream.Stream<RefusedRow, BatchStoreError> =>
  paged(
    0,
    (from) =>
      doing("read refused rows")(sql<PlaceSize>`
        select id as place, octet_length(error) as bytes
        from noukai_batch_refused where batch = ${batch} and id > ${from} order by id limit ${mostOfPage}`),
    (from, last) =>
      doing("read refused rows")(sql<StoredRefused>`
        select place, key, error
        from noukai_batch_refused where batch = ${batch} and id > ${from} and id <= ${last} order by id`),
    ({ error, key, place }): RefusedRow => ({
      at: place,
      ...(key !== null && { key }),
      error: decodeError(error)
    })
  )
