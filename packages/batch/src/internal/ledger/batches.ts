/** The row of a batch: its definition, its state, and the reason if it stopped. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { BatchConflictError, BatchNotFoundError, type BatchStoreError } from "../../BatchError.js"
import { change, doing, greatest, indexed, type Ledger, sameText } from "./ledger.js"

/** How rows are run: through the queue, or each in a request that waits for it. */
export type Operation = "jobs" | "execute"

/**
 * The settings of every process that runs the rows of a batch. Times are in milliseconds, money in US dollars as
 * decimal text.
 */
export const Settings = Schema.Struct({
  concurrency: Schema.Number,
  fleetConcurrency: Schema.optional(Schema.Number),
  lanes: Schema.Number,
  rate: Schema.optional(Schema.Number),
  maxFailures: Schema.optional(Schema.Number),
  budgetUsd: Schema.optional(Schema.BigDecimal),
  maxCostUsd: Schema.optional(Schema.BigDecimal),
  cost: Schema.Boolean,
  /** The steps whose outputs are kept. */
  steps: Schema.optional(Schema.Array(Schema.String)),
  grace: Schema.Number,
  rowTimeout: Schema.optional(Schema.Number),
  pendingTimeout: Schema.optional(Schema.Number),
  /** The waits before the attempts that follow the first one. */
  attemptsAfter: Schema.optional(Schema.Array(Schema.Number)),
  adopt: Schema.Boolean
})

export interface Settings extends Schema.Schema.Type<typeof Settings> {}

const encodeSettings = Schema.encodeSync(Schema.parseJson(Settings))

/** Why a batch stopped before its rows were settled. */
export const Stop = Schema.Struct({
  reason: Schema.Literal(
    "budget",
    "failures",
    "refused",
    "unreachable",
    "timeout",
    "unselected",
    "interrupted",
    "paused",
    "cancelled"
  ),
  message: Schema.String,
  /** The part of the message that says what to do. */
  advice: Schema.optionalWith(Schema.String, { exact: true }),
  statusCode: Schema.optionalWith(Schema.Number, { exact: true })
})

export interface Stop extends Schema.Schema.Type<typeof Stop> {}

/** A driver gives 64-bit integers as numbers, another one as text. */
const Integer = Schema.Union(Schema.Number, Schema.NumberFromString)

const BatchRecord = Schema.Struct({
  id: Integer,
  name: Schema.String,
  flow: Schema.String,
  version: Schema.String,
  operation: Schema.Literal("jobs", "execute"),
  settings: Schema.parseJson(Settings),
  state: Schema.Literal("planned", "running", "stopped", "ended"),
  stop: Schema.NullOr(Schema.parseJson(Stop)),
  generation: Integer,
  pass: Integer,
  canary: Schema.Literal("unknown", "proven"),
  paused_until: Integer,
  reserved_usd: Schema.BigDecimal,
  spent_usd: Schema.BigDecimal,
  definition: Schema.NullOr(Schema.String),
  definition_at: Schema.NullOr(Integer),
  note: Schema.NullOr(Schema.String),
  created_at: Integer,
  started_at: Integer,
  ended_at: Integer
})

export interface BatchRecord extends Schema.Schema.Type<typeof BatchRecord> {}

const decode = Schema.decodeUnknownSync(BatchRecord)

const one = (rows: ReadonlyArray<object>): Option.Option<BatchRecord> =>
  Option.map(Option.fromNullable(rows[0]), decode)

/** The batch of a name, if there is one. */
export const find = ({ sql }: Ledger, name: string): Effect.Effect<Option.Option<BatchRecord>, BatchStoreError> =>
  Effect.map(
    doing("read a batch")(sql`select * from noukai_batch where ${sameText(sql, sql`name`, sql`${name}`)}`),
    one
  )

/** The batch of a name. */
export const get = (ledger: Ledger, name: string): Effect.Effect<BatchRecord, BatchNotFoundError | BatchStoreError> =>
  Effect.flatMap(find(ledger, name), Effect.mapError(() => new BatchNotFoundError({ batch: name })))

/** The names of the first batches of a ledger. */
export const names = ({ sql }: Ledger): Effect.Effect<ReadonlyArray<string>, BatchStoreError> =>
  Effect.map(
    doing("read its batches")(sql<{ readonly name: string }>`select name from noukai_batch order by id limit 20`),
    (rows) => rows.map(({ name }) => name)
  )

/** The batches whose names begin with a text, in the order in which they were made. */
export const beginning = ({ sql }: Ledger, prefix: string) =>
  Effect.map(
    doing("read its batches")(sql<object>`
      select * from noukai_batch where substr(name, 1, ${[...prefix].length}) = ${prefix} order by id`),
    (rows) => rows.map((row) => decode(row))
  )

/** The parts of a definition that the ledger keeps. */
export interface BatchIdentity {
  readonly name: string
  readonly flow: string
  readonly version: string
  readonly operation: Operation
  /** A text that is kept with the batch, once it is made. */
  readonly note?: string | undefined
}

/** Whether no request of a batch can have left: its flow may then be another one. */
const isUnsent = ({ sql }: Ledger) =>
  sql.literal(`state <> 'running' and not exists (
    select 1 from noukai_batch_row as r where r.batch = noukai_batch.id and (r.sent = 1 or r.state = 'intent'))`)

/** Fails if a batch has another flow, version or operation. */
export const isOf = (stored: BatchRecord, given: BatchIdentity): Effect.Effect<void, BatchConflictError> => {
  const field = (["flow", "version", "operation"] as const).find((one) => stored[one] !== given[one])
  return field === undefined
    ? Effect.void
    : new BatchConflictError({ batch: given.name, field, stored: stored[field], given: given[field] })
}

/** Fails if the ledger has a different batch under the name, unless no request of it can have left. */
export const agrees = (ledger: Ledger, stored: BatchRecord, given: BatchIdentity) =>
  Effect.catchAll(isOf(stored, given), (conflict) =>
    Effect.flatMap(
      doing("read a batch")(ledger.sql`select id from noukai_batch where id = ${stored.id} and ${isUnsent(ledger)}`),
      (unsent) => unsent.length > 0 ? Effect.void : conflict
    ))

/** The batch of a definition, made if it is new, at the beginning of a pass over its source. */
export const planned = Effect.fnUntraced(
  function*(ledger: Ledger, given: BatchIdentity, settings: Settings, now: number) {
    const { sql } = ledger
    const text = encodeSettings(settings)
    const { flow, name, note = null, operation, version } = given
    yield* doing("began to plan a batch")(sql`
      update noukai_batch set flow = ${flow}, version = ${version}, operation = ${operation}
      where ${sameText(sql, sql`name`, sql`${name}`)} and ${isUnsent(ledger)}
        and (flow <> ${flow} or version <> ${version} or operation <> ${operation})`)
    const stored = yield* find(ledger, name)
    if (Option.isSome(stored)) yield* agrees(ledger, stored.value, given)
    const rows = yield* doing("began to plan a batch")(sql`
      insert into noukai_batch (name, flow, version, operation, settings, state, pass, created_at, note)
      values (${name}, ${flow}, ${version}, ${operation}, ${text}, 'planned', 1, ${now}, ${note})
      on conflict (${indexed(sql, sql`name`)}) do update set settings = ${text}, pass = noukai_batch.pass + 1
      returning *`)
    const record = decode(rows[0]!)
    yield* agrees(ledger, record, given)
    return record
  }
)

/** Stores the hash of the last source of a batch, and the time of its last change. */
export const definedAs = ({ sql }: Ledger, id: number, hash: string, now: number) =>
  change("kept the definition of a batch")(sql`
    update noukai_batch set definition = ${hash},
      definition_at = case when definition is null or definition = ${hash} then definition_at else ${now} end
    where id = ${id}`)

const cancellation = JSON.stringify({ reason: "cancelled", message: "it was cancelled" } satisfies Stop)

/** A stop whose message ends with advice. */
export const advising = (reason: Stop["reason"], what: string, advice: string): Stop => ({
  reason,
  message: what + advice,
  advice
})

const pausing = JSON.stringify(advising("paused", "it is paused; ", "resume it, and run it again"))

/**
 * Starts a batch. Returns nothing if the batch is paused, or was cancelled or planned with another flow since it `was`
 * planned. A running batch continues unchanged.
 */
export const started = ({ sql }: Ledger, was: BatchRecord, now: number) =>
  Effect.map(
    doing("started a batch")(sql`
      update noukai_batch
      set generation = case when state = 'running' then generation else generation + 1 end,
        started_at = case when state = 'running' then started_at else ${now} end,
        state = 'running', stop = null
      where id = ${was.id} and flow = ${was.flow} and version = ${was.version} and operation = ${was.operation}
        and (stop is null or (stop <> ${pausing} and (stop <> ${cancellation} or ended_at = ${was.ended_at})))
      returning *`),
    one
  )

/** Gives the rows of a running batch out anew. */
export const renewed = ({ sql }: Ledger, id: number): Effect.Effect<BatchRecord, BatchStoreError> =>
  Effect.map(
    doing("gave the rows of a batch out anew")(
      sql`update noukai_batch set generation = generation + 1 where id = ${id} returning *`
    ),
    (rows) => decode(rows[0]!)
  )

/** Stops a batch that runs; the first reason stays. */
export const stopped = ({ sql }: Ledger, id: number, stop: Stop, now: number): Effect.Effect<void, BatchStoreError> =>
  change("stopped a batch")(sql`
    update noukai_batch set state = 'stopped', stop = ${JSON.stringify(stop)}, ended_at = ${now}
    where id = ${id} and state in ('running', 'planned')`)

/** Stops a batch for good. */
export const cancelled = ({ sql }: Ledger, id: number, now: number): Effect.Effect<void, BatchStoreError> =>
  change("cancelled a batch")(sql`
    update noukai_batch set state = 'stopped', stop = ${cancellation}, ended_at = ${now} where id = ${id}`)

/** Stops a batch that is not cancelled until it is resumed. */
export const paused = ({ sql }: Ledger, id: number, now: number): Effect.Effect<void, BatchStoreError> =>
  change("paused a batch")(sql`
    update noukai_batch set state = 'stopped', stop = ${pausing}, ended_at = ${now}
    where id = ${id} and (stop is null or stop <> ${cancellation})`)

/** Lets a batch run that was paused. */
export const resumed = ({ sql }: Ledger, id: number): Effect.Effect<void, BatchStoreError> =>
  change("resumed a batch")(sql`update noukai_batch set stop = null where id = ${id} and stop = ${pausing}`)

/** Ends a batch whose rows are settled. A pause of it is over. */
export const ended = ({ sql }: Ledger, id: number, now: number): Effect.Effect<void, BatchStoreError> =>
  change("ended a batch")(sql`
    update noukai_batch set state = 'ended', stop = null, ended_at = ${now}
    where id = ${id} and (state = 'running' or stop = ${pausing})`)

/** The batch as it is now. */
export const reread = ({ sql }: Ledger, id: number): Effect.Effect<Option.Option<BatchRecord>, BatchStoreError> =>
  Effect.map(doing("read a batch")(sql`select * from noukai_batch where id = ${id}`), one)

/** Keeps that a run of this batch was found through its session. */
export const canaryProven = ({ sql }: Ledger, id: number): Effect.Effect<void, BatchStoreError> =>
  change("kept that sessions can be looked up")(sql`update noukai_batch set canary = 'proven' where id = ${id}`)

/** Keeps every process from sending until a time. */
export const heldUntil = ({ sql }: Ledger, id: number, until: number): Effect.Effect<void, BatchStoreError> =>
  change("held a batch")(sql`
    update noukai_batch set paused_until = ${greatest(sql)}(paused_until, ${until}) where id = ${id}`)
