/** Compares the rows of two batches, key by key. */
import * as ValueDiff from "@effect-noukai/sdk/ValueDiff"
import * as BigDecimal from "effect/BigDecimal"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Struct from "effect/Struct"
import { type BatchStoreError, InvalidBatchError, type LedgerError } from "../BatchError.js"
import type { ComparedRow, RowComparison, RowResult } from "../BatchRow.js"
import type { DiffSide } from "../BatchStatus.js"
import { BatchStore } from "../BatchStore.js"
import * as Batches from "./ledger/batches.js"
import type { Ledger } from "./ledger/ledger.js"
import * as Planning from "./ledger/planning.js"
import * as Reading from "./ledger/reading.js"
import { existing } from "./manage.js"
import * as Money from "./money.js"
import { fitting, named, sideNames } from "./names.js"

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

const sideOf = <E, R>(side: DiffSide<E, R>): Effect.Effect<Side, LedgerError | E, R | Scope.Scope> =>
  Effect.gen(function*() {
    yield* fitting(method, "ledger", () => Layer.isLayer(side?.ledger), "must be a layer of BatchStore")
    const { batch, ledger } = side
    const store = Context.get(yield* Layer.build(ledger), BatchStore)
    const id = batch ?? (yield* only(store))
    const [, record] = yield* Effect.provideService(existing(method, id), BatchStore, store)
    return { ledger: store, batch: record }
  })

const shown = (row: RowResult): ComparedRow =>
  Struct.pick(row, "state", "attempt", "result", "error", "executionId", "costUsd", "isCostUnknown", "durationMs")

const alone = (kind: "added" | "removed", row: RowResult): RowComparison => ({
  key: row.key,
  kind,
  differs: [],
  [kind === "added" ? "after" : "before"]: shown(row)
})

/** The number of changes of an output. */
const maxChanges = 100

const compared = (before: RowResult, after: RowResult): RowComparison => {
  const differs: Array<RowComparison["differs"][number]> = []
  const isOther = before.state !== after.state || before.error?.kind !== after.error?.kind ||
    before.error?.code !== after.error?.code
  const changes = isOther ? [] : ValueDiff.changes(before.result, after.result, { limit: maxChanges })
  if (isOther) differs.push("outcome")
  else if (changes.length > 0) differs.push("output")
  const [cost, costAfter] = [before.costUsd, after.costUsd]
  if (cost !== undefined && costAfter !== undefined && !BigDecimal.equals(Money.parse(cost), Money.parse(costAfter))) {
    differs.push("cost")
  }
  return {
    key: before.key,
    kind: differs.length === 0 ? "same" : "changed",
    differs,
    ...changes.length > 0 && { changes },
    before: shown(before),
    after: shown(after)
  }
}

/** The rows of the first batch that are compared at once: those of the second one may have large documents. */
const most = 50

const keysOf = (rows: Chunk.Chunk<RowResult>) => Chunk.toReadonlyArray(rows).map(({ key }) => key)

export const diff = <E, R, E2, R2>(
  one: DiffSide<E, R>,
  other: DiffSide<E2, R2>
): Stream.Stream<RowComparison, LedgerError | E | E2, R | R2> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    yield* named(method, one, sideNames)
    yield* named(method, other, sideNames)
    const [before, after] = [yield* sideOf(one), yield* sideOf(other)]
    const known = Stream.mapChunksEffect(Stream.rechunk(Reading.inOrder(before.ledger, before.batch), most), (rows) =>
      Effect.map(
        Reading.ofKeys(after.ledger, after.batch, keysOf(rows)),
        (found) =>
          Chunk.map(rows, (row) => {
            const other = found.get(row.key)
            return other === undefined ? alone("removed", row) : compared(row, other)
          })
      ))
    const added = Stream.mapChunksEffect(Reading.inOrder(after.ledger, after.batch), (rows) =>
      Effect.map(
        Planning.knownRows(before.ledger, before.batch.id, keysOf(rows).map((key) => ({ key, input: "" }))),
        (found) =>
          Chunk.filterMap(rows, (row) =>
            found.has(row.key) ? Option.none() : Option.some(alone("added", row)))
      ))
    return Stream.concat(known, added)
  }))
