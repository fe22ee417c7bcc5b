/** `noukai batch diff`. */
import * as Batch from "@effect-noukai/batch/Batch"
import type { BatchStoreError } from "@effect-noukai/batch/BatchError"
import type { ComparedRow, RowComparison } from "@effect-noukai/batch/BatchRow"
import { BatchStore } from "@effect-noukai/batch/BatchStore"
import { type CostSum, costText, formatCost } from "@effect-noukai/sdk/Trace"
import * as ValueDiff from "@effect-noukai/sdk/ValueDiff"
import * as BigDecimal from "effect/BigDecimal"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { existsSync } from "node:fs"
import { argument, json, optional } from "../../arguments/flags.js"
import { reported, type UsageError, wrong } from "../../exit/CommandError.js"
import { counted, time } from "../../terminal/amounts.js"
import { jsonLine } from "../../terminal/json.js"
import { Terminal } from "../../terminal/Terminal.js"
import { cell } from "../../terminal/text.js"
import { type InputOf, leaf } from "../leaf.js"
import * as Ledger from "./ledger.js"

const config = {
  before: argument("before", "The ledger file of the first batch."),
  after: argument("after", "The ledger file of the second batch."),
  idBefore: optional("id-before", "Use this batch of the first ledger (its only one)."),
  idAfter: optional("id-after", "Use this batch of the second ledger (its only one)."),
  json
}

type Input = InputOf<typeof config>

/** Opens a ledger by its path or by the id of its batch. */
const ledger = (path: string): Layer.Layer<BatchStore, UsageError | BatchStoreError> => {
  const file = existsSync(path) ? path : `${path}.ledger`
  if (!existsSync(file)) return Layer.fail(wrong(`there is no ledger ${path}`))
  return Ledger.isLedgerOrNone(file) ? BatchStore.layerFile(file) : Layer.fail(wrong(`${path} is not a ledger`))
}

/** The number of changes of an output that are printed. */
const shown = 20

/** Returns a line for each of the first changes of an output. */
const changeLines = (changes: ReadonlyArray<ValueDiff.Change>): string => {
  const lines = changes.slice(0, shown).map((change) => `  ${cell(ValueDiff.toText(change))}\n`)
  return `${lines.join("")}${changes.length > shown ? `  and ${changes.length - shown} more\n` : ""}`
}

const outcome = ({ error, state }: ComparedRow): string => error === undefined ? state : `${state} (${error.kind})`

const arrow = (before: string | undefined, after: string | undefined): ReadonlyArray<string> =>
  before === undefined && after === undefined ? [] : [`${before ?? "unknown"} → ${after ?? "unknown"}`]

interface Amounts extends CostSum, Pick<ComparedRow, "durationMs"> {}

const costOf = ({ costUsd, unknownCosts = 0 }: CostSum) =>
  costUsd === undefined && unknownCosts === 0 ? undefined : costText({ costUsd, unknownCosts })

const costOfRow = ({ costUsd, isCostUnknown }: ComparedRow) =>
  costOf({ costUsd, unknownCosts: isCostUnknown === true ? 1 : 0 })

const timeOf = ({ durationMs }: Pick<ComparedRow, "durationMs">) =>
  durationMs === undefined ? undefined : time(durationMs)

/** Returns a line about a row that differs, and one for each change of its output. */
const line = ({ after, before, changes = [], differs, key, kind }: RowComparison): string => {
  const parts = before !== undefined && after !== undefined
    ? [
      ...differs.includes("outcome") ? [`outcome ${outcome(before)} → ${outcome(after)}`] : [],
      ...differs.includes("output") ? ["output"] : [],
      ...arrow(costOfRow(before), costOfRow(after)),
      ...arrow(timeOf(before), timeOf(after))
    ]
    : [before, after].flatMap((row) => row === undefined ? [] : [outcome(row)])
  return `${kind.padEnd(7)}  ${cell(key)}: ${parts.join("; ")}\n${changeLines(changes)}`
}

/** Sums the costs and times of a batch. */
const makeTotals = () => {
  let [cost, priced, unknownCosts, millis, timed] = [BigDecimal.fromBigInt(0n), 0, 0, 0, 0]
  let areRead = false
  return {
    add: (row: ComparedRow | undefined): void => {
      if (row?.costUsd !== undefined) {
        cost = BigDecimal.sum(cost, BigDecimal.unsafeFromString(row.costUsd))
        priced++
      } // a row that ran before the batch read costs has none
      else if (row?.executionId !== undefined || row?.isCostUnknown === true) unknownCosts++
      areRead ||= row?.costUsd !== undefined || row?.isCostUnknown === true
      if (row?.durationMs !== undefined) {
        millis += row.durationMs
        timed++
      }
    },
    value: (): Amounts => ({
      ...priced > 0 && { costUsd: formatCost(cost) },
      ...areRead && { unknownCosts },
      ...timed > 0 && { durationMs: Math.round(millis / timed) }
    })
  }
}

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const counts = { same: 0, changed: 0, removed: 0, added: 0 }
  const [before, after] = [makeTotals(), makeTotals()]
  const written = (row: RowComparison): string => {
    counts[row.kind]++
    before.add(row.before)
    after.add(row.after)
    return row.kind === "same" ? "" : input.json ? jsonLine(row) : line(row)
  }
  yield* Batch.diff(
    { batch: Option.getOrUndefined(input.idBefore), ledger: ledger(input.before) },
    { batch: Option.getOrUndefined(input.idAfter), ledger: ledger(input.after) }
  ).pipe(
    Stream.chunks,
    Stream.runForEach((rows) => terminal.write(Chunk.toReadonlyArray(rows).map(written).join(""))),
    Effect.raceFirst(terminal.closed),
    Effect.catchTag(
      "InvalidBatchError",
      ({ reason }) => wrong(`--id-before, --id-after: the id of a batch ${reason}`)
    )
  )
  const totals = { before: before.value(), after: after.value() }
  const parts = [
    `${
      counted(counts.same, "row")
    } the same, ${counts.changed} changed, ${counts.removed} removed, ${counts.added} added`,
    ...arrow(costOf(totals.before), costOf(totals.after)),
    ...[totals.before, totals.after].some(({ unknownCosts = 0 }) => unknownCosts > 0)
      ? [
        `cost unknown of ${counted(totals.before.unknownCosts ?? 0, "row")} before, ${
          totals.after.unknownCosts ?? 0
        } after`
      ]
      : [],
    ...arrow(timeOf(totals.before), timeOf(totals.after)).map((times) => `${times} on average`)
  ]
  yield* terminal.write(input.json ? jsonLine({ kind: "summary", ...counts, ...totals }) : `${parts.join("; ")}\n`)
  if (counts.changed + counts.removed + counts.added > 0) {
    return yield* reported()
  }
})

export const command = leaf("diff", "Compare two batches: outcome, output, cost, duration.", config, handle)
