/** Rows that are being run: how they are claimed, and how they go from one state to the next. */
import type { SqlClient } from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { BatchStoreError } from "../../BatchError.js"
import type { RowState } from "../../BatchRow.js"
import * as Money from "../money.js"
import { change, doing, each, forUpdate, type Ledger, mostBytes, transaction } from "./ledger.js"
import { booked, fundsOf } from "./limits.js"

/** A row that a process works on. */
export interface LiveRow {
  readonly id: number
  readonly no: number
  readonly key: string
  /** The flow of the row, where it differs from the flow of the batch. */
  readonly flow: string | undefined
  /** The version of the row, where it differs from the version of the batch. */
  readonly version: string | undefined
  /** The input of its run, as JSON, unless it is large: see {@link inputOf}. */
  readonly input: string | undefined
  /** The length of its input, in bytes. */
  readonly inputBytes: number
  readonly state: "intent" | "uncertain" | "submitted"
  readonly attempt: number
  readonly lane: number
  /** The last moment at which a request of this attempt may have left, in milliseconds since 1970. */
  readonly intentAt: number
  readonly executionId: string | undefined
  /** Since when its run is known to be running, of a row that timed out, in milliseconds since 1970. */
  readonly runningAt: number | undefined
  readonly adopted: boolean
  /** How many attempts were begun of themselves since it was last made pending. */
  readonly retries: number
  /** The amount reserved for it, in US dollars. */
  readonly reserved: BigDecimal.BigDecimal
}

/**
 * The state of a row in the ledger. An absent row is pending, and is not run: the last source does not have it with its
 * input; an unselected one, since the last run leaves it out. A waiting row is pending from some time on. A row that timed
 * out is submitted, and nobody asks for its run.
 */
export type StoredState = RowState | "absent" | "unselected" | "waiting" | "timedOut"

/** The state of a row as it is shown. */
export const stateShown = (state: StoredState): RowState =>
  state === "timedOut"
    ? "submitted"
    : state === "absent" || state === "unselected" || state === "waiting"
    ? "pending"
    : state

type StoredRow =
  & { readonly [field in "adopted" | "attempt" | "bytes" | "id" | "no" | "retries"]: number | string }
  & { readonly [field in "intent_at" | "lane" | "running_at"]: number | string | null }
  & { readonly [field in "execution_id" | "flow" | "input" | "reserved_usd" | "version"]: string | null }
  & Pick<LiveRow, "key" | "state">

const liveRow = (row: StoredRow): LiveRow => ({
  id: Number(row.id),
  no: Number(row.no),
  key: row.key,
  flow: row.flow ?? undefined,
  version: row.version ?? undefined,
  input: row.input ?? undefined,
  inputBytes: Number(row.bytes),
  state: row.state,
  attempt: Number(row.attempt),
  lane: Number(row.lane ?? 0),
  intentAt: Number(row.intent_at ?? 0),
  executionId: row.execution_id ?? undefined,
  runningAt: row.running_at === null ? undefined : Number(row.running_at),
  adopted: Number(row.adopted) !== 0,
  retries: Number(row.retries),
  reserved: row.reserved_usd === null ? Money.none : Money.parse(row.reserved_usd)
})

/** The bytes from which on an input is large: it is read when its row is sent, and then forgotten. */
const large = 32 * 1024

/** The columns of a live row, with its input up to so many bytes. */
const columns = (sql: SqlClient, bytes: number): Fragment =>
  sql`id, no, key, flow, version, case when octet_length(input) <= ${bytes} then input end as input, octet_length(input) as bytes, state,
    attempt, lane, intent_at, execution_id, running_at, adopted, retries, reserved_usd`

/** The input of a row, as JSON; nothing, if the row was forgotten. */
export const inputOf = ({ sql }: Ledger, id: number): Effect.Effect<string | undefined, BatchStoreError> =>
  Effect.map(
    doing("read an input")(sql<{ readonly input: string }>`select input from noukai_batch_row where id = ${id}`),
    ([row]) => row?.input
  )

/** The calls of the tools of a row that were kept, as JSON. */
export const callsOf = ({ sql }: Ledger, id: number): Effect.Effect<string | undefined, BatchStoreError> =>
  Effect.map(
    doing("read calls")(sql<{ readonly calls: string | null }>`select calls from noukai_batch_row where id = ${id}`),
    ([row]) => row?.calls ?? undefined
  )

/** Keeps the calls of the tools of a row. */
export const keepCalls = ({ sql }: Ledger, { attempt, id }: Pick<LiveRow, "attempt" | "id">, calls: string) =>
  change("kept calls")(sql`update noukai_batch_row set calls = ${calls} where id = ${id} and attempt = ${attempt}`)

/** The `calls` of a row some of whose calls are unknown, in a transition. */
export const unknownCalls = "unknown"

/** The input of a run from its JSON, in which `snapshots` has its name on the wire, `trace`. */
export const runInput = (json: string): object => {
  const { trace: snapshots, ...input } = JSON.parse(json) as { readonly trace?: boolean }
  return { ...input, snapshots }
}

export const byId = (one: { readonly id: number }, other: { readonly id: number }): number => one.id - other.id

/** The live rows that a statement gives, in the order of their ids. */
const live = (operation: string) => <A extends StoredRow, R>(effect: Effect.Effect<ReadonlyArray<A>, SqlError, R>) =>
  Effect.map(doing(operation)(effect), (rows) => rows.map(liveRow).sort(byId))

/** A claim of rows. */
export interface Claim {
  readonly batch: number
  readonly generation: number
  readonly owner: string
  readonly lane: number
  readonly count: number
  readonly now: number
  /** The amount to reserve for each, in US dollars. */
  readonly reserved: BigDecimal.BigDecimal
  /**
   * Only a row that is alone: no other one of the batch has a run, or had its request less than so many milliseconds ago.
   */
  readonly aloneFor?: number
}

/**
 * Makes pending rows intents of a process, in order. Claims none if the batch is stopped, or its rows were handed out
 * again.
 */
export const claim = ({ sql }: Ledger, { aloneFor, batch, count, generation, lane, now, owner, reserved }: Claim) => {
  const unlocked = sql.onDialectOrElse({
    pg: () => sql.literal("for update skip locked"),
    orElse: () => sql.literal("")
  })
  const isAlone = aloneFor === undefined ? sql`` : sql`
      and not exists (select 1 from noukai_batch_row
        where batch = ${batch} and state in ('intent', 'submitted'))
      and not exists (select 1 from noukai_batch_row
        where batch = ${batch} and state = 'uncertain' and intent_at > ${Math.floor(now - aloneFor)})`
  const claimed = live("claimed rows")(sql<StoredRow>`
      with first as materialized (
        select id from noukai_batch_row where batch = ${batch} and state = 'pending' order by id limit ${count} ${unlocked}
      )
      update noukai_batch_row
      set state = 'intent', owner = ${owner}, lane = ${lane}, intent_at = ${now},
        reserved_usd = ${Money.print(reserved)}
      where id in (select id from first)
      and state = 'pending'
      and exists (select 1 from noukai_batch
        where id = ${batch} and state = 'running' and generation = ${generation})${isAlone}
      returning ${columns(sql, Math.min(large, Math.floor(mostBytes / count)))}`)
  // one process after the other: each sees the row of the one before it
  return aloneFor === undefined ? claimed : transaction(sql, "claimed rows")(
    Effect.zipRight(
      doing("claimed rows")(sql`select id from noukai_batch where id = ${batch} ${forUpdate(sql)}`),
      claimed
    )
  )
}

/**
 * Claims rows within a budget, and reserves the amount of each in the same transaction: a claim whose response is lost has
 * its reservation. Claims none if the budget does not allow one.
 */
export const claimWithin = (ledger: Ledger, wanted: Claim, budget: BigDecimal.BigDecimal) =>
  transaction(ledger.sql, "claimed rows")(Effect.gen(function*() {
    const { batch, count, reserved: each } = wanted
    const { reserved, spent } = yield* doing("claimed rows")(fundsOf(ledger, batch))
    const affordable = Money.times(each, BigDecimal.subtract(budget, BigDecimal.sum(reserved, spent)), count)
    if (affordable === 0) return Option.none()
    const rows = yield* claim(ledger, { ...wanted, count: affordable })
    yield* booked(ledger, batch, Money.none, Money.multiplied(each, -rows.length))
    return Option.some(rows)
  }))

/** The bytes of the documents of a transition, about. */
export const sizeOf = ({ calls, error, result, steps }: Transition): number =>
  (error?.length ?? 0) + (result?.length ?? 0) + (calls?.length ?? 0) + (steps?.length ?? 0)

/** A change of one row, made only if its state and attempt still match. A row that stays invalid keeps its error. */
export interface Transition {
  readonly id: number
  readonly attempt: number
  readonly from: ReadonlyArray<StoredState>
  readonly to: StoredState
  /** Whether nothing ran of it: its request was refused, and no earlier one may have left. */
  readonly isRefused?: boolean | undefined
  /** The next attempt, for one that begins. */
  readonly nextAttempt?: number | undefined
  readonly intentAt?: number | undefined
  readonly executionId?: string | undefined
  readonly runningAt?: number | undefined
  readonly adopted?: boolean | undefined
  readonly result?: string | undefined
  readonly error?: string | undefined
  readonly costUsd?: string | undefined
  /** The time of its run in milliseconds. */
  readonly durationMs?: number | undefined
  /** The tokens of its run, as JSON. */
  readonly tokens?: string | undefined
  /** The calls of its tools, as JSON; `unknown` where some are unknown. */
  readonly calls?: string | undefined
  /** The outputs of its steps, as JSON. */
  readonly steps?: string | undefined
  readonly settledAt?: number | undefined
  /** When its next attempt begins, of one that is settled and goes on of itself, in milliseconds since 1970. */
  readonly dueAt?: number | undefined
  /** The cost of its run, known or assumed, in US dollars. */
  readonly spent?: BigDecimal.BigDecimal | undefined
  /** The amount that was reserved for it, in US dollars. */
  readonly released?: BigDecimal.BigDecimal | undefined
}

/**
 * Moves rows from state to state in one statement, and returns the ids of those that changed. A row stays if its state
 * or attempt differs, or another process owns it. A row that another process considers uncertain only moves to a state
 * with a known outcome.
 *
 * Settled rows are numbered in the order in which the statements that settle them become visible.
 */
export const transit = ({ sql }: Ledger, batch: number, owner: string, transitions: ReadonlyArray<Transition>) => {
  const settled = transitions.filter(({ settledAt }) => settledAt !== undefined).length
  const text = (name: string) => sql.literal(`j.value->>'${name}'`)
  const number = (name: string) => sql.literal(`cast(j.value->>'${name}' as bigint)`)
  const captured = transitions.some(({ calls, steps }) => calls !== undefined || steps !== undefined)
    ? sql`
        calls = nullif(coalesce(${text("calls")}, r.calls), ${unknownCalls}), steps = ${text("steps")},`
    : sql``
  // the count of a shared ledger is locked until the rows are visible
  const [counter, settledNo] = sql.onDialectOrElse({
    pg: () =>
      settled > 0
        ? [
          sql`with counter as (
            update noukai_batch set settled = settled + ${transitions.length}
            where id = ${batch} returning settled)`,
          sql`(select settled from counter) - ${transitions.length} + j.ord`
        ] as const
        : [sql``, sql`r.settled_no`] as const,
    orElse: () =>
      [
        sql``,
        // the newest number in use, or one that a row had before it was run again
        sql`max((select coalesce(max(s.settled_no), 0) from noukai_batch_row s
            where s.batch = ${batch} and s.settled_no is not null),
          (select settled from noukai_batch where id = ${batch})) + j.key + 1`
      ] as const
  })
  const written = Effect.map(
    doing("wrote rows")(sql<{ readonly id: number | string }>`
      ${counter}
      update noukai_batch_row as r set
        state = case when ${text("to")} = 'pending'
            and r.pass < (select pass from noukai_batch where id = ${batch}) then 'absent'
          else ${text("to")} end,
        sent = case when ${text("to")} in ('pending', 'intent', 'cancelled', 'invalid') or ${number("isRefused")} = 1
          then r.sent else 1 end,
        attempt = coalesce(${number("nextAttempt")}, r.attempt),
        intent_at = coalesce(${number("intentAt")}, r.intent_at),
        execution_id = case when ${number("nextAttempt")} is not null then null
          else coalesce(${text("executionId")}, r.execution_id) end,
        running_at = ${number("runningAt")},
        adopted = coalesce(${number("adopted")}, r.adopted),
        result = coalesce(${text("result")}, r.result),
        error = case when ${text("to")} = 'invalid' then r.error else ${text("error")} end,
        cost_usd = coalesce(${text("costUsd")}, r.cost_usd),
        duration_ms = ${number("durationMs")},
        tokens = ${text("tokens")},${captured}
        reserved_usd = case when ${text("released")} is null or ${
      text("costUsd")
    } = ${Money.unknown} then r.reserved_usd end,
        settled_at = ${number("settledAt")},
        settled_no = case when ${number("settledAt")} is null then null else ${settledNo} end
      from ${each(sql, transitions.map(toJson).sort(byId))}
      where r.id = ${number("id")}
        and r.attempt = ${number("attempt")}
        and ${text("from")} like '%' || r.state || '%'
        and (r.owner = ${owner} or r.state in ('pending', 'absent', 'unselected', 'waiting', 'invalid')
          or (r.state = 'uncertain' and ${text("to")} not in ('pending', 'uncertain')))
      returning id`),
    (rows) => new Set(rows.map(({ id }) => Number(id)))
  )
  const sum = (taken: ReadonlySet<number>, of: "released" | "spent") =>
    transitions.reduce((total, transition) => {
      const amount = taken.has(transition.id) ? transition[of] : undefined
      return amount === undefined ? total : BigDecimal.sum(total, amount)
    }, Money.none)
  const all = new Set(transitions.map(({ id }) => id))
  const due = transitions.filter(({ dueAt }) => dueAt !== undefined)
  const isBooked = !BigDecimal.isZero(sum(all, "released")) || !BigDecimal.isZero(sum(all, "spent"))
  if (!isBooked && due.length === 0) return written
  // only rows that changed here: another process books the rows that it settles
  return transaction(sql, "wrote rows")(Effect.tap(written, (taken) =>
    Effect.zipRight(
      nextAttempts({ sql }, due.filter(({ id }) => taken.has(id))),
      isBooked ? booked({ sql }, batch, sum(taken, "spent"), sum(taken, "released")) : Effect.void
    )))
}

/**
 * Takes settled rows to their next attempt: at once, or when it is due. The attempt before is kept, if it was sent or refused. Within
 * a transaction alone.
 */
export const nextAttempts = ({ sql }: Ledger, rows: ReadonlyArray<Pick<Transition, "attempt" | "id" | "dueAt">>) => {
  const items = each(sql, rows.map(({ attempt, dueAt, id }) => ({ id, attempt, dueAt })).sort(byId))
  // another process may have taken one there meanwhile
  const isMeant = sql.literal(
    "r.id = cast(j.value->>'id' as bigint) and r.attempt = cast(j.value->>'attempt' as bigint)"
  )
  const dueAt = sql.literal("cast(j.value->>'dueAt' as bigint)")
  return rows.length === 0 ? Effect.void : doing("began attempts")(Effect.asVoid(Effect.all([
    sql`insert into noukai_batch_attempt
        (batch, row_id, attempt, state, execution_id, error, cost_usd, reserved_usd, started_at, settled_at)
      select r.batch, r.id, r.attempt, r.state, r.execution_id, r.error, r.cost_usd, r.reserved_usd, r.intent_at, r.settled_at
      from ${items} cross join noukai_batch_row as r where ${isMeant} and (r.sent = 1 or r.state = 'failed') on conflict do nothing`,
    sql`update noukai_batch_row as r set
        state = case when ${dueAt} is null then 'pending' else 'waiting' end, due_at = ${dueAt},
        retries = case when ${dueAt} is null then 0 else r.retries + 1 end, attempt = r.attempt + 1, adopted = 0,
        execution_id = null, error = null, result = null, cost_usd = null, reserved_usd = null, duration_ms = null, tokens = null,
        calls = null, steps = null, settled_at = null, settled_no = null
      from ${items} where ${isMeant}`
  ])))
}

/** Makes rows pending whose next attempt is due, unless the last source does not have them. */
export const due = ({ sql }: Ledger, batch: number, now: number): Effect.Effect<void, BatchStoreError> =>
  change("took up rows whose next attempt is due")(sql`
    update noukai_batch_row set due_at = null,
      state = case when pass < (select pass from noukai_batch where id = ${batch}) then 'absent' else 'pending' end
    where batch = ${batch} and state = 'waiting' and due_at <= ${Math.floor(now)}`)

const toJson = (transition: Transition) => ({
  ...transition,
  from: transition.from.join(" "),
  released: transition.released && Money.print(transition.released),
  adopted: transition.adopted === undefined ? undefined : Number(transition.adopted),
  isRefused: transition.isRefused === true ? 1 : undefined,
  spent: undefined
})

/**
 * The live rows of a lane, which are this process's from now on. An intent of another process may have been sent: it is
 * uncertain. A request leaves within half the grace of its intent, and is given up within the other half.
 */
export const adopted = ({ sql }: Ledger, batch: number, owner: string, lane: number, grace: number) =>
  live("took over rows")(sql<StoredRow>`
      update noukai_batch_row
      set owner = ${owner}, lane = ${lane}, sent = 1, state = case when state = 'intent' then 'uncertain' else state end,
        intent_at = case when state = 'intent' then intent_at + ${Math.ceil(grace)} else intent_at end
      where batch = ${batch} and state in ('intent', 'uncertain', 'submitted')
        and lane = ${lane} and owner <> ${owner}
      returning ${columns(sql, 0)}`)

/** A row as it stands now, when it is live and of this process. */
export const own = ({ sql }: Ledger, id: number, owner: string) =>
  Effect.map(
    doing("read a row")(sql<StoredRow>`
      select ${columns(sql, 0)} from noukai_batch_row
      where id = ${id} and owner = ${owner} and state in ('intent', 'uncertain', 'submitted')`),
    (rows) => rows[0] === undefined ? undefined : liveRow(rows[0])
  )

/** The evidence that sessions can be looked up: a run that is known, or rows that will have one. */
export interface Evidence {
  readonly run: Pick<LiveRow, "attempt" | "flow" | "id" | "key" | "version"> | undefined
  readonly isOpen: boolean
}

export const evidence = ({ sql }: Ledger, batch: number): Effect.Effect<Evidence, BatchStoreError> => {
  const open = doing("looked for rows")(sql`
    select id from noukai_batch_row
    where batch = ${batch} and state in ('pending', 'waiting', 'intent', 'submitted') limit 1`)
  const known = doing("looked for runs")(sql<Pick<StoredRow, "attempt" | "flow" | "id" | "key" | "version">>`
    select id, key, attempt, flow, version from noukai_batch_row
    where batch = ${batch} and state in ('submitted', 'done', 'failed') and execution_id is not null limit 1`)
  return Effect.zipWith(open, known, (rows, [run]) => ({
    isOpen: rows.length > 0,
    run: run === undefined ? undefined : {
      id: Number(run.id),
      key: run.key,
      attempt: Number(run.attempt),
      flow: run.flow ?? undefined,
      version: run.version ?? undefined
    }
  }))
}

/** Rows that a process owns and does not work on, such as those of a claim whose answer was lost. */
export const strayed = ({ sql }: Ledger, batch: number, owner: string) =>
  live("read its rows")(sql<StoredRow>`
      select ${columns(sql, 0)} from noukai_batch_row
      where batch = ${batch} and state in ('intent', 'uncertain', 'submitted') and owner = ${owner}`)

/** Has rows that timed out polled again. */
export const resumed = ({ sql }: Ledger, batch: number): Effect.Effect<void, BatchStoreError> =>
  change("took up rows that timed out")(sql`
    update noukai_batch_row set state = 'submitted', error = null where batch = ${batch} and state = 'timedOut'`)

/** Moves the live rows of lanes that a batch no longer has to its first one. */
export const folded = ({ sql }: Ledger, batch: number, lanes: number): Effect.Effect<void, BatchStoreError> =>
  change("moved the rows of removed lanes")(sql`
    update noukai_batch_row set lane = 0
    where batch = ${batch} and state in ('intent', 'uncertain', 'submitted') and (lane >= ${lanes} or lane is null)`)

/** Whether rows of a batch are or will be pending, and whether rows are in flight in any process. */
export const left = ({ sql }: Ledger, batch: number) => {
  const has = (...states: ReadonlyArray<StoredState>) =>
    sql`case when exists (select 1 from noukai_batch_row where batch = ${batch} and ${sql.in("state", states)})
      then 1 else 0 end`
  return Effect.map(
    doing("looked for rows")(sql<{ readonly pending: number | string; readonly live: number | string }>`
      select ${has("pending", "waiting")} as pending, ${has("intent", "uncertain", "submitted")} as live`),
    ([row]) => ({ isPending: Number(row?.pending) === 1, isLive: Number(row?.live) === 1 })
  )
}
