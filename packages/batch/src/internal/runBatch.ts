/** A run of a batch: its rows are planned and handed out until all are settled or the batch stops. */
import { isCount, isNegativeTime } from "@effect-noukai/sdk/kit/names"
import * as BigDecimal from "effect/BigDecimal"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import { BatchEngine } from "../BatchEngine.js"
import { InvalidBatchError } from "../BatchError.js"
import type { BatchSource } from "../BatchSource.js"
import type { BatchSummary, RunOptions } from "../BatchStatus.js"
import { BatchStore } from "../BatchStore.js"
import { defined, type Definition, isSource } from "./definition.js"
import { join } from "./drive/batchDriver.js"
import type { Part } from "./drive/driver.js"
import { insisting } from "./drive/running.js"
import * as Batches from "./ledger/batches.js"
import type { Ledger } from "./ledger/ledger.js"
import * as Limits from "./ledger/limits.js"
import * as Reading from "./ledger/reading.js"
import * as Rows from "./ledger/rows.js"
import * as Settling from "./ledger/settling.js"
import { statusOf } from "./manage.js"
import * as Money from "./money.js"
import { named, runNames } from "./names.js"
import * as PlanBatch from "./planBatch.js"
import { selecting } from "./selection.js"

const method = "Batch.run"

const invalid = (field: string, reason: string) => new InvalidBatchError({ method, field, reason })

const timeOf = (isAllowed: (duration: Duration.Duration) => boolean, rule: string) =>
(
  field: string,
  input: Duration.DurationInput
): Effect.Effect<number, InvalidBatchError> =>
  Option.match(Option.filter(isNegativeTime(input) ? Option.none() : Duration.decodeUnknown(input), isAllowed), {
    onNone: () => Effect.fail(invalid(field, `must be a ${rule}`)),
    onSome: (duration) => Effect.succeed(Duration.toMillis(duration))
  })

const millis = timeOf(Duration.isFinite, "finite duration: milliseconds, or text such as \"5 seconds\"")

/** A limit of time in milliseconds, which may be infinite. */
const limit = timeOf(
  Duration.greaterThan(0),
  "duration of more than 0: milliseconds, or text such as \"1 hour\""
)

const isNumber = (value: unknown, least: number): boolean => typeof value === "number" && value >= least && value < 1e9

const [million, billion] = [BigDecimal.make(1n, -6), BigDecimal.make(1n, -9)]

/** The numbers that {@link isNumber} takes from 0, without it. */
const range = "more than 0 and less than 1,000,000,000"

/** The most attempts at a row, and the longest wait between two of a number of them, in milliseconds. */
const [mostAttempts, longestWait] = [100, 60_000]

/** The waits before the attempts that follow the first one, in milliseconds. A ledger keeps no schedule. */
const waits = ({ attempts = 1, backoff = 1000 }: RunOptions): Effect.Effect<ReadonlyArray<number>, InvalidBatchError> =>
  Effect.gen(function*() {
    if (Schedule.isSchedule(attempts)) {
      const now = yield* Clock.currentTimeMillis
      const asked = Array.from({ length: mostAttempts + 1 }, () => undefined)
      const found = yield* Schedule.run(Schedule.delays(attempts), now, asked)
      // a schedule that ends says so in one more
      return Chunk.toReadonlyArray(found).slice(0, -1).map(Duration.toMillis)
    }
    if (!Number.isInteger(attempts) || attempts < 1 || attempts > mostAttempts) {
      return yield* invalid("attempts", `must be a whole number from 1 to ${mostAttempts}, or a schedule`)
    }
    const first = yield* millis("backoff", backoff)
    return Array.from({ length: attempts - 1 }, (_, n) => Math.min(first * 2 ** n, Math.max(first, longestWait)))
  })

/** The settings of a run, checked. */
const settingsOf = (options: RunOptions, lanes: number): Effect.Effect<Batches.Settings, InvalidBatchError> =>
  Effect.gen(function*() {
    const { adopt = true, budgetUsd, concurrency = 32, fleetConcurrency, maxCostPerRow, maxFailures, rate, steps } =
      options
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 10_000) {
      return yield* invalid("concurrency", "must be a whole number from 1 to 10,000")
    }
    if (fleetConcurrency !== undefined && !(Number.isSafeInteger(fleetConcurrency) && fleetConcurrency >= 1)) {
      return yield* invalid("fleetConcurrency", "must be a whole number of at least 1")
    }
    if (rate !== undefined && !(isNumber(rate, 0) && rate > 0)) {
      return yield* invalid("rate", `must be a number of rows per second, ${range}`)
    }
    if (maxFailures !== undefined && !isCount(maxFailures, 0)) {
      return yield* invalid("maxFailures", "must be a whole number of at least 0")
    }
    if (steps !== undefined && !(Array.isArray(steps) && steps.every((id) => typeof id === "string" && id !== ""))) {
      return yield* invalid("steps", "must be a list of ids of steps")
    }
    const keepsSteps = steps !== undefined && steps.length > 0
    if (keepsSteps && options.cost === false) {
      return yield* invalid("cost", "must not be false with steps: both are read from the trace of a run")
    }
    const budget = Money.taken(budgetUsd)
    if (budgetUsd !== undefined && !Option.exists(budget, BigDecimal.lessThanOrEqualTo(million))) {
      return yield* invalid("budgetUsd", "must be an amount of US dollars from 0 to 1,000,000, such as 2.5 or \"2.5\"")
    }
    const maxCost = Money.taken(maxCostPerRow)
    if (
      maxCostPerRow !== undefined &&
      !Option.exists(maxCost, (amount) => BigDecimal.isPositive(amount) && BigDecimal.lessThan(amount, billion))
    ) {
      return yield* invalid("maxCostPerRow", `must be an amount of US dollars, ${range}`)
    }
    if (budgetUsd !== undefined && maxCostPerRow === undefined) {
      return yield* invalid(
        "maxCostPerRow",
        "is required with budgetUsd: it is reserved for each row until ten costs are known"
      )
    }
    const grace = yield* millis("grace", options.grace ?? 5000)
    if (grace < 100) return yield* invalid("grace", "must be at least 100 milliseconds")
    const attemptsAfter = yield* waits(options)
    const rowTimeout = yield* limit("rowTimeout", options.rowTimeout ?? 3_600_000)
    const pendingTimeout = yield* limit("pendingTimeout", options.pendingTimeout ?? Infinity)
    return {
      concurrency,
      lanes,
      cost: options.cost ?? (budgetUsd !== undefined || keepsSteps),
      ...(keepsSteps && { steps: [...new Set(steps)] }),
      grace,
      ...(rowTimeout < Infinity && { rowTimeout }),
      ...(pendingTimeout < Infinity && { pendingTimeout }),
      adopt,
      ...(attemptsAfter.length > 0 && { attemptsAfter }),
      ...(fleetConcurrency !== undefined && { fleetConcurrency }),
      ...(rate !== undefined && { rate }),
      ...(maxFailures !== undefined && { maxFailures }),
      ...(Option.isSome(budget) && { budgetUsd: budget.value }),
      ...(Option.isSome(maxCost) && { maxCostUsd: maxCost.value })
    }
  })

const timedOut = (count: number): Batches.Stop => {
  const advice = "Run the batch again to read their results, with a longer rowTimeout to wait longer"
  return Batches.advising("timeout", `${count === 1 ? "1 row" : `${count} rows`} timed out. `, advice)
}

const unselected = (count: number): string =>
  `${count === 1 ? "1 row was" : `${count} rows were`} not selected: run the batch without \`select\` (--select)`

/** Hands out the rows, repeatedly, until none is left or the batch is stopped. */
const given = Effect.fnUntraced(function*(
  ledger: Ledger,
  engine: BatchEngine.Service,
  record: Batches.BatchRecord,
  part: Part
) {
  let current = record
  while (true) {
    yield* engine.run({ batch: current.name, generation: current.generation, lane: part.lane })
    const now = yield* insisting(Batches.reread(ledger, record.id))
    if (Option.isNone(now) || now.value.state !== "running") return
    if (Reading.unsettled(yield* insisting(Reading.counts(ledger, record.id))) === 0) return
    // rows that lanes left, such as a lane that did not run to its end
    current = yield* insisting(Batches.renewed(ledger, record.id))
    yield* part.renew(current)
  }
})

export const run = <E, R>(definition: Definition, source: BatchSource<unknown, E, R>, options: RunOptions = {}) =>
  Effect.scoped(Effect.gen(function*() {
    const engine = yield* BatchEngine
    const ledger = yield* BatchStore
    const identity = yield* defined(method, definition)
    yield* isSource(method, source)
    yield* named(method, options, runNames)
    const settings = yield* settingsOf(options, engine.lanes)
    const stopWithin = yield* millis("stopWithin", options.stopWithin ?? 30_000)
    const isSelected = yield* selecting(method, options.select, true)
    yield* ledger.exclusive
    const [planned, plan] = yield* PlanBatch.kept(ledger, definition, source, identity, settings, isSelected)
    yield* Rows.folded(ledger, planned.id, settings.lanes)
    const isAlone = planned.state !== "running" || settings.lanes === 1
    yield* Limits.recount(ledger, planned.id, settings, isAlone)
    const cancelled = Effect.flatMap(Clock.currentTimeMillis, (now) => Settling.cancelPending(ledger, planned.id, now))
    const ending = Effect.gen(function*() {
      const status = yield* statusOf(ledger, yield* Batches.get(ledger, identity.name))
      return { ...status, plan } as BatchSummary
    })
    const started = yield* Batches.started(ledger, planned, yield* Clock.currentTimeMillis)
    if (Option.isNone(started)) {
      // it is paused; or was cancelled, forgotten, or planned with another flow, while its rows were planned
      const now = yield* Batches.reread(ledger, planned.id)
      if (Option.isSome(now)) yield* Batches.isOf(now.value, identity)
      if (!Option.exists(now, ({ stop }) => stop?.reason === "paused")) yield* cancelled
      return yield* ending
    }
    const record = started.value
    yield* Rows.resumed(ledger, record.id)
    const part = yield* join(ledger, record, definition)

    const stopping = Effect.gen(function*() {
      yield* part.stop
      const now = yield* Clock.currentTimeMillis
      yield* Batches.stopped(ledger, record.id, { reason: "interrupted", message: "it was interrupted" }, now)
    })
    const giving = yield* Effect.forkScoped(given(ledger, engine, record, part))
    yield* Fiber.join(giving).pipe(
      Effect.onInterrupt(() =>
        Effect.ignore(Effect.zipRight(
          stopping,
          // a finalizer is not interruptible, so it would wait without a limit
          Effect.timeoutOption(Effect.interruptible(Fiber.join(giving)), stopWithin)
        ))
      )
    )
    const counts = yield* Reading.counts(ledger, record.id)
    if (Reading.unsettled(counts) === 0) {
      const now = yield* Clock.currentTimeMillis
      yield* counts.timedOut > 0
        ? Batches.stopped(ledger, record.id, timedOut(counts.timedOut), now)
        : counts.unselected > 0
        ? Batches.stopped(ledger, record.id, { reason: "unselected", message: unselected(counts.unselected) }, now)
        : Batches.ended(ledger, record.id, now)
    }
    // rows that were in flight may be pending again
    const last = yield* Batches.reread(ledger, record.id)
    if (Option.exists(last, ({ stop }) => stop?.reason === "cancelled")) yield* cancelled
    return yield* ending
  }))
