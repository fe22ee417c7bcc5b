/** Reads the eval runs of ledgers. */
import type { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Eval from "@effect-noukai/eval/Eval"
import type { EvalError } from "@effect-noukai/eval/EvalError"
import type { EvalRunInfo } from "@effect-noukai/eval/EvalOptions"
import type { EvalReport } from "@effect-noukai/eval/EvalReport"
import * as Marks from "@effect-noukai/eval/Marks"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Struct from "effect/Struct"
import type { EvalDetail, EvalList, EvalSummary } from "../EvalsApi.js"
import { NotFound, type Unavailable } from "../RunsApi.js"
import type { EvalAddress, StudioLedgers } from "../StudioLedgers.js"
import { caseDetail } from "./caseDetail.js"
import * as Cases from "./evalCases.js"
import * as Definitions from "./evalDefinitions.js"
import * as Runs from "./evalRuns.js"
import { reasonOf, type Stores } from "./ledgerStores.js"

/** The number of eval runs whose cases are kept. */
const keptRuns = 4

/** The newest runs whose gates are listed: each is a report. */
const mostGates = 50

/** The most runs of a trend. */
const mostTrend = 20

type Cached<A> = (address: EvalAddress, found: Runs.FoundRun) => Effect.Effect<A, NotFound | Unavailable>

const summaryOf = (
  ledger: string,
  info: EvalRunInfo,
  definition: string | undefined,
  candidate = info.candidate
): EvalSummary => ({
  ledger,
  eval: info.eval,
  run: info.run,
  startedAt: info.startedAt,
  candidate,
  ...info.others !== undefined && { candidates: [info.candidate, ...info.others] },
  ...info.baseline !== undefined && { baseline: info.baseline },
  cases: info.cases,
  ...info.selection !== undefined && { of: info.selection.of },
  repeat: info.repeat,
  isComplete: info.isComplete,
  ...definition !== undefined && { definition },
  batch: Eval.batchIds(info)[0]
})

/** A complete run with the gate and the counts of its report. */
const judged = (
  summary: EvalSummary,
  { baseline, cost, gate, overall: { candidate: { of, passed }, verdicts } }: EvalReport
): EvalSummary => ({
  ...summary,
  gate,
  counts: { passed, of, usd: cost.candidate.usd, ...baseline !== undefined && { regressed: verdicts.regressed } }
})

/** A run with its gate, if it can be judged. */
const gated = (runs: Runs.EvalRuns, reports: Cached<EvalReport>, summary: EvalSummary): Effect.Effect<EvalSummary> =>
  Effect.suspend(() => {
    const address = Struct.pick(summary, "ledger", "eval", "run")
    return Effect.flatMap(Runs.find(runs, address), (found) => reports(address, found))
  }).pipe(
    Effect.map((report) => judged(summary, report)),
    Effect.orElseSucceed(() => summary)
  )

/** The runs of all ledgers, the newest first, and the files that cannot be read. */
const listOf = (runs: Runs.EvalRuns, reports: Cached<EvalReport>): Effect.Effect<EvalList> =>
  Effect.gen(function*() {
    const { stores } = runs
    const { of, problems } = yield* runs.definitions
    const read = yield* Effect.forEach(
      yield* stores.all,
      (ledger) =>
        Effect.either(Effect.mapBoth(stores.reading(ledger, Runs.runsOf(runs, ledger)), {
          onFailure: (error) => ({ ledger: ledger.name, message: reasonOf(error) }),
          onSuccess: (runs) => runs.map((info) => summaryOf(ledger.name, info, of(info.eval, ledger.name)?.file))
        }))
    )
    const all = read.flatMap((one) => one._tag === "Right" ? one.right : [])
      .sort((one, other) => other.startedAt - one.startedAt)
    return {
      searched: stores.searched,
      runs: yield* Effect.forEach(
        all,
        (one, nth) =>
          nth < mostGates && one.isComplete && one.definition !== undefined
            ? gated(runs, reports, one)
            : Effect.succeed(one),
        { concurrency: 4 }
      ),
      problems: [
        ...problems,
        ...(yield* stores.found).problems.map((message) => ({ ledger: "", message })),
        ...read.flatMap((one) => one._tag === "Left" ? [one.left] : [])
      ]
    }
  })

/** The eval runs of the ledgers. */
export const make = Effect.fnUntraced(function*(stores: Stores, given: ReadonlyArray<Definitions.Definition>) {
  const runs: Runs.EvalRuns = { stores, definitions: yield* Definitions.make(stores, given), lists: new Map() }
  const reports = yield* Runs.cached(
    runs,
    mostGates + mostTrend * keptRuns,
    (definition, of): Effect.Effect<EvalReport, EvalError, BatchStore> => Eval.report(definition, of)
  )
  const indexes = yield* Runs.cached(runs, keptRuns, Cases.read)

  const trend: StudioLedgers.Service["trend"] = Effect.fnUntraced(function*({ eval: name, ledger }) {
    const found = yield* stores.named(ledger)
    const all = yield* stores.reading(found, Runs.runsOf(runs, found))
    const file = (yield* runs.definitions).of(name, ledger)?.file
    const newest = all.filter((info) => info.eval === name && info.isComplete).slice(-mostTrend)
    const gates = newest.map((info) => gated(runs, reports, summaryOf(ledger, info, file)))
    return { runs: yield* Effect.all(gates, { concurrency: 4 }) }
  }, Effect.mapError(Runs.failure))

  const one: StudioLedgers.Service["eval"] = Effect.fnUntraced(function*(address) {
    const found = yield* Runs.find(runs, address)
    const { candidate, definition, info } = found
    const summary = summaryOf(address.ledger, info, definition?.file, candidate)
    if (definition === undefined) return { summary, notes: [Runs.noDefinition(address.eval)] }
    const read = yield* Effect.either(Effect.all([reports(address, found), indexes(address, found)]))
    if (read._tag === "Left") {
      return { summary, notes: [`The run cannot be judged by ${definition.file}: ${read.left.message}`] }
    }
    const [report, { verdicts }] = read.right
    return {
      summary: info.isComplete ? judged(summary, report) : summary,
      report,
      verdicts,
      notes: info.isComplete ? [] : [`The run is not complete: ${report.stop ?? "some of its runs have not ended"}.`]
    } satisfies EvalDetail
  })

  const cases: StudioLedgers.Service["cases"] = Effect.fnUntraced(function*(address, filter) {
    const found = yield* Runs.find(runs, address)
    return Cases.pageOf(yield* indexes(address, found), filter)
  })

  const ofKey = Effect.fnUntraced(function*(address: EvalAddress, key: string) {
    const found = yield* Runs.find(runs, address)
    const { whole } = yield* indexes(address, found)
    const kept = whole.get(key)
    const definition = found.definition!.eval
    if (kept !== undefined) return { definition, one: kept }
    const all = Eval.cases(definition, { run: address.run, candidate: found.candidate })
    const read = yield* Effect.mapError(
      stores.reading(found.ledger, Stream.runHead(Stream.filter(all, (one) => one.key === key))),
      Runs.failure
    )
    const one = yield* Effect.mapError(read, () => new NotFound({ message: `The run has no case ${key}.` }))
    return { definition, one }
  })

  const mark: StudioLedgers.Service["mark"] = Effect.fnUntraced(
    function*({ key, reason, side, trial, verdict, ...of }) {
      const { definition: { marks }, one } = yield* ofKey(of, key)
      const output = one[side]?.find((other) => other.trial === trial && other.state === "done")
      if (marks === undefined || output === undefined) {
        const missing = marks === undefined ? "The definition has no file of marks." : "This run has no output."
        return yield* new NotFound({ message: missing })
      }
      return yield* Effect.mapError(
        Marks.add(marks, { key, output: Marks.hashOf(output), verdict, reason }),
        Runs.failure
      )
    }
  )

  return {
    evals: listOf(runs, reports),
    trend,
    eval: one,
    cases,
    case: (address, key) => Effect.map(ofKey(address, key), ({ one }) => caseDetail(one)),
    mark
  } satisfies Pick<StudioLedgers.Service, "evals" | "trend" | "eval" | "cases" | "case" | "mark">
})
