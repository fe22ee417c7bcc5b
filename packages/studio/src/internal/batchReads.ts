/** Reads the batches of ledgers: the list of them, and one of them, which may run. */
import * as Batch from "@effect-noukai/batch/Batch"
import type { BatchInfo, BatchStatus } from "@effect-noukai/batch/BatchStatus"
import { formatCost } from "@effect-noukai/sdk/Trace"
import * as BigDecimal from "effect/BigDecimal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { BatchDetail, BatchSummary, ErrorGroup } from "../BatchesApi.js"
import type { BatchAddress, StudioLedgers } from "../StudioLedgers.js"
import { type BatchStatuses, share } from "./batchStatuses.js"
import { type BatchTotals, errorGroup } from "./batchTotals.js"
import { fromHere, type Ledger, reasonOf, type Stores } from "./ledgerStores.js"
import { flag, shellWord } from "./text.js"

/** The least time between two looks at a batch that runs, in milliseconds. */
const interval = 1_000

const settledStates = ["done", "failed", "cancelled", "reported", "invalid"] as const

const summaryOf = (ledger: string, { createdAt }: BatchInfo, status: BatchStatus): BatchSummary => {
  const { assumedUsd = "0", batch, costUsd, flow, isClean, rows, states, timedOut, unknownCosts = 0, version } = status
  return {
    ledger,
    batch,
    flow,
    version,
    createdAt,
    status: status.status,
    isClean,
    rows,
    settled: settledStates.reduce((sum, state) => sum + states[state], 0),
    failed: states.failed,
    doubtful: states.uncertain + states.reported + timedOut + (status.status === "running" ? 0 : states.intent),
    ...costUsd !== undefined && {
      costUsd: formatCost(
        BigDecimal.subtract(BigDecimal.unsafeFromString(costUsd), BigDecimal.unsafeFromString(assumedUsd))
      )
    },
    ...unknownCosts > 0 && { unknownCosts }
  }
}

const commandsOf = ({ path }: Ledger, { batch, states }: BatchStatus): BatchDetail["commands"] => {
  if (path === undefined) return []
  const command = (name: string, ...given: ReadonlyArray<string>) => {
    const flags = [...given, ...flag("--ledger")(fromHere(path))]
    const words = batch.startsWith("-") ? [...flags, "--", batch] : [batch, ...flags]
    return ["noukai", "batch", name, ...words].map(shellWord).join(" ")
  }
  return [
    { does: "Show its progress", command: command("status") },
    { does: "Write its results as JSON lines", command: command("results") },
    ...states.failed === 0
      ? []
      : [{ does: "Make its failed rows pending, for the next run", command: command("retry", "--only", "failed") }]
  ]
}

const notesOf = ({ absent, costUsd, refused }: BatchStatus): ReadonlyArray<string> => [
  ...costUsd === undefined ? ["Costs are not known. Run the batch with `cost: true` (`--cost`) to read them."] : [],
  ...refused === 0 ? [] : [`${refused} rows of its source were refused: they are not rows of the batch.`],
  ...absent === 0 ? [] : [`${absent} pending rows are not run, since the last source does not have them.`]
]

/** Makes the reads. */
export const make = (stores: Stores, { about, counted, infoOf, statusOf }: BatchStatuses) => {
  const summaries = new Map<string, { readonly signature: string; readonly batches: ReadonlyArray<BatchSummary> }>()

  /** The groups of errors, with the key of a row of each. */
  const errorsOf = Effect.fnUntraced(function*(batch: string, totals: BatchTotals) {
    const groups = totals.shown()
    const lacking = groups.filter(({ key }) => key === undefined)
    if (lacking.length > 0) {
      const rows = yield* Batch.page(batch, { numbers: lacking.map(({ numbers }) => numbers[0]!) })
      const keys = new Map(rows.map(({ key, no }) => [no, key]))
      for (const group of lacking) group.key = keys.get(group.numbers[0]!) ?? ""
    }
    return groups.map(errorGroup)
  })

  const detailOf = Effect.fnUntraced(function*(ledger: Ledger, address: BatchAddress) {
    const info = yield* infoOf(address.batch)
    const looked = yield* statusOf(ledger, address.batch)
    const { status } = looked
    const totals = yield* counted(address, info, looked)
    const errors: ReadonlyArray<ErrorGroup> = yield* errorsOf(address.batch, totals)
    const now = yield* Clock.currentTimeMillis
    const summary = summaryOf(address.ledger, info, status)
    const rate = status.status === "running" ? totals.rate(now) : undefined
    const left = status.rows - status.absent - status.unselected - summary.settled
    const detail: BatchDetail = {
      ...summary,
      ...status.stop !== undefined && { stop: { reason: status.stop.reason, message: status.stop.message } },
      states: status.states,
      absent: status.absent,
      unselected: status.unselected,
      waiting: status.waiting,
      retries: status.retries,
      timedOut: status.timedOut,
      refused: status.refused,
      adopted: status.adopted,
      ...status.unknownCosts !== undefined && { unknownCosts: status.unknownCosts },
      ...status.definition !== undefined && { definition: status.definition },
      // rows that are planned have no place among the settled ones yet, also if they are invalid
      counted: totals.isWhole ? Math.max(totals.counted, summary.settled) : totals.counted,
      ...rate !== undefined && { rowsPerSecond: rate, etaMs: Math.round(left / rate * 1_000) },
      ...totals.histograms(),
      errors,
      commands: commandsOf(ledger, status),
      notes: notesOf(status)
    }
    return detail
  })

  const batch: StudioLedgers.Service["batch"] = (address) => about(address, (ledger) => detailOf(ledger, address))

  const watch: StudioLedgers.Service["watch"] = (address) =>
    Stream.unfoldEffect(0, (wait) =>
      wait === -1 ? Effect.succeedNone : Effect.gen(function*() {
        yield* Effect.sleep(wait)
        const before = yield* Clock.currentTimeMillis
        const detail = yield* batch(address)
        const took = (yield* Clock.currentTimeMillis) - before
        const isCounting = detail.counted < detail.settled
        const next = isCounting ? 0 : detail.status === "running" ? Math.max(interval, took * share) : -1
        return Option.some([detail, next] as const)
      }))

  const summariesOf = Effect.fnUntraced(function*(ledger: Ledger) {
    const { name, signature } = ledger
    const before = summaries.get(name)
    if (before !== undefined && before.signature === signature) return before.batches
    const batches = yield* Effect.flatMap(
      Batch.list(),
      Effect.forEach((info) => Effect.map(statusOf(ledger, info.batch), ({ status }) => summaryOf(name, info, status)))
    )
    // whether a process is gone does not change a file
    if (signature === undefined || batches.some(({ status }) => status === "running")) summaries.delete(name)
    else summaries.set(name, { signature, batches })
    return batches
  })

  const batches: StudioLedgers.Service["batches"] = Effect.gen(function*() {
    const { problems } = yield* stores.found
    const all = yield* Effect.forEach(
      yield* stores.all,
      (ledger) =>
        Effect.either(Effect.mapError(stores.reading(ledger, summariesOf(ledger)), (error) => ({
          ledger: ledger.name,
          message: reasonOf(error)
        })))
    )
    return {
      searched: stores.searched,
      batches: all.flatMap((one) => one._tag === "Right" ? one.right : []).sort((one, other) =>
        other.createdAt - one.createdAt
      ),
      problems: [
        ...problems.map((message) => ({ ledger: "", message })),
        ...all.flatMap((one) => one._tag === "Left" ? [one.left] : [])
      ]
    }
  })

  return { batches, batch, watch }
}
