/** Compares the rows of two batches, key by key. */
import * as BigDecimal from "effect/BigDecimal"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { isDeepStrictEqual } from "node:util"
import { type BatchStoreError, InvalidBatchError, type LedgerError } from "../BatchError.js"
import type { ComparedRow, RowComparison, RowResult } from "../BatchRow.js"
import type { DiffSide } from "../BatchStatus.js"
import { BatchStore } from "../BatchStore.js"
import * as Batches from "./ledger/batches.js"
import type { Ledger } from "./ledger/ledger.js"
import * as Planning from "./ledger/planning.js"
import * as Reading from "./ledger/reading.js"
import { standing } from "./manage.js"
import * as Money from "./money.js"

const method = "Batch.diff"

/** The only batch of a ledger. */
const only = (ledger: Ledger): Effect.Effect<string, InvalidBatchError | BatchStoreError> =>
  Effect.flatMap(Batches.names(ledger), ([name, ...others]) => {
    if (name !== undefined && others.length === 0) return Effect.succeed(name)
    const reason = name === undefined
      ? "cannot be found: its ledger has no batch"
      : `must be given, since its ledger has several: ${[name, ...others].map((one) => JSON.stringify(one)).join(", ")}`
    return Effect.fail(new InvalidBatchError({ method, field: "batch", reason }))
  })

interface Side {
  readonly ledger: Ledger
  readonly batch: Batches.BatchRecord
}

const sideOf = <E, R>({ batch, ledger }: DiffSide<E, R>): Effect.Effect<Side, LedgerError | E, R | Scope.Scope> =>
  Effect.gen(function*() {
    const store = Context.get(yield* Layer.build(ledger), BatchStore)
    const id = batch ?? (yield* only(store))
    const [, record] = yield* Effect.provideService(standing(method, id), BatchStore, store)
    return { ledger: store, batch: record }
  })

const shown = ({ attempt, costUsd, durationMs, error, executionId, result, state }: RowResult): ComparedRow => ({
  state,
  attempt,
  ...(result !== undefined && { result }),
  ...(error !== undefined && { error }),
  ...(executionId !== undefined && { executionId }),
  ...(costUsd !== undefined && { costUsd }),
  ...(durationMs !== undefined && { durationMs })
})

const alone = (kind: "added" | "removed", row: RowResult): RowComparison => ({
  key: row.key,
  kind,
  differs: [],
  [kind === "added" ? "after" : "before"]: shown(row)
})

const compared = (before: RowResult, after: RowResult): RowComparison => {
  const differs: Array<RowComparison["differs"][number]> = []
  const isOther = before.state !== after.state || before.error?.kind !== after.error?.kind ||
    before.error?.code !== after.error?.code
  if (isOther) differs.push("outcome")
  else if (!isDeepStrictEqual(before.result, after.result)) differs.push("output")
  const [cost, costAfter] = [before.costUsd, after.costUsd]
  if (cost !== undefined && costAfter !== undefined && !BigDecimal.equals(Money.parse(cost), Money.parse(costAfter))) {
    differs.push("cost")
  }
  return {
    key: before.key,
    kind: differs.length === 0 ? "same" : "changed",
    differs,
    before: shown(before),
    after: shown(after)
  }
}

/** Rows of the first batch beside those of the second one, in their order. */
const beside = (rows: ReadonlyArray<RowResult>, after: Side): Stream.Stream<RowComparison, BatchStoreError> => {
  let next = 0
  const removed = (until: string | undefined): Array<RowComparison> => {
    const first = next
    while (next < rows.length && rows[next]!.key !== until) next++
    return rows.slice(first, next).map((row) => alone("removed", row))
  }
  return Stream.concat(
    Stream.mapConcat(
      Reading.ofKeys(after.ledger, after.batch, rows.map(({ key }) => key)),
      (row) => [...removed(row.key), compared(rows[next++]!, row)]
    ),
    Stream.suspend(() => Stream.fromIterable(removed(undefined)))
  )
}

/** @internal */
export const diff = <E, R, E2, R2>(
  one: DiffSide<E, R>,
  other: DiffSide<E2, R2>
): Stream.Stream<RowComparison, LedgerError | E | E2, R | R2> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const [before, after] = [yield* sideOf(one), yield* sideOf(other)]
    const known = Stream.flatMap(
      Stream.chunks(Reading.inOrder(before.ledger, before.batch)),
      (rows) => beside(Chunk.toReadonlyArray(rows), after)
    )
    const added = Stream.mapChunksEffect(Reading.inOrder(after.ledger, after.batch), (rows) =>
      Effect.map(
        Planning.knownRows(
          before.ledger,
          before.batch.id,
          Chunk.toReadonlyArray(rows).map(({ key }) => ({ key, input: "" }))
        ),
        (found) => Chunk.filterMap(rows, (row) => found.has(row.key) ? Option.none() : Option.some(alone("added", row)))
      ))
    return Stream.concat(known, added)
  }))
