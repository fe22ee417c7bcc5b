/** Reads the eval runs of ledgers. */
import type { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Eval from "@effect-noukai/eval/Eval"
import type { EvalError } from "@effect-noukai/eval/EvalError"
import * as EvalFile from "@effect-noukai/eval/EvalFile"
import type { EvalRunInfo } from "@effect-noukai/eval/EvalOptions"
import type { CaseVerdict, EvalReport, Trial, Verdict } from "@effect-noukai/eval/EvalReport"
import { formatCost, parseCost } from "@effect-noukai/sdk/Trace"
import * as BigDecimal from "effect/BigDecimal"
import * as Cache from "effect/Cache"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { EvalCase, EvalDetail, EvalSummary } from "../EvalsApi.js"
import { NotFound, Unavailable } from "../RunsApi.js"
import type { EvalAddress, StudioLedgers } from "../StudioLedgers.js"
import { caseDetail } from "./caseDetail.js"
import * as LedgerFiles from "./ledgerFiles.js"
import { type Ledger, reasonOf, type Stores, unavailable } from "./ledgerStores.js"
import { sharedSuccess } from "./shared.js"
import { cut } from "./text.js"

/** The definition of an eval, with the file that has it. */
export interface Definition {
  readonly file: string
  readonly eval: Eval.Eval<unknown>
}

/** The eval runs whose cases are kept, the cases of each, and the characters of their JSON. */
const [keptRuns, mostCases, mostText] = [4, 100_000, 32_000_000]

const [standardCases, most] = [50, 500]

/** The newest runs whose gates are listed: each is a report. */
const mostGates = 50
const mostReason = 500

/** Verdicts in the order of the list. */
const order: ReadonlyArray<Verdict> = ["regressed", "error", "fail", "not comparable", "fixed", "pass"]

const rankOf = (verdict: Verdict): number => order.indexOf(verdict)

/** Whether a case is listed among the regressions: also where another check fails on both sides. */
const rankOfCase = ({ checks, verdict }: CaseVerdict): number =>
  Math.min(rankOf(verdict), ...Object.values(checks).map((check) => check.verdict === "regressed" ? 0 : order.length))

const summaryOf = (ledger: string, info: EvalRunInfo, definition: string | undefined): EvalSummary => ({
  ledger,
  eval: info.eval,
  run: info.run,
  startedAt: info.startedAt,
  candidate: info.candidate,
  ...info.baseline !== undefined && { baseline: info.baseline },
  cases: info.cases,
  repeat: info.repeat,
  isComplete: info.isComplete,
  ...definition !== undefined && { definition },
  batch: Eval.batchIds(info)[0]
})

/** The sum of the costs of trials; none if one of them is not known. */
const costOf = (trials: ReadonlyArray<Trial>): BigDecimal.BigDecimal | undefined => {
  const costs = trials.map(({ attemptsCostUsd, isAttemptsCostUnknown }) =>
    isAttemptsCostUnknown ? Option.none() : parseCost(attemptsCostUsd)
  )
  return costs.length > 0 && costs.every(Option.isSome)
    ? BigDecimal.sumAll(costs.map(({ value }) => value))
    : undefined
}

/** The median time of the runs that completed, as in reports. */
const medianOf = (trials: ReadonlyArray<Trial>): number | undefined => {
  const times = trials
    .flatMap(({ durationMs, state }) => durationMs === undefined || state !== "done" ? [] : [durationMs])
    .sort((one, other) => one - other)
  const middle = times.length >> 1
  return times.length === 0
    ? undefined
    : times.length % 2 === 1
    ? times[middle]!
    : (times[middle - 1]! + times[middle]!) / 2
}

/** A case as a row of the list. */
export const caseOf = ({ at, baseline = [], candidate, checks, key, no, verdict }: CaseVerdict): EvalCase => {
  const all = Object.entries(checks)
  const [worst] = [...all].sort(([, one], [, other]) => rankOf(one.verdict) - rankOf(other.verdict))
  const outcomes = worst === undefined
    ? []
    : [worst[1].candidate, ...worst[1].baseline === undefined ? [] : [worst[1].baseline]]
  const outcome = (worst?.[1].verdict === "error" ? outcomes.find(({ verdict }) => verdict === "error") : undefined) ??
    outcomes[0]
  const [cost, costBefore] = [costOf(candidate), costOf(baseline)]
  const [time, timeBefore] = [medianOf(candidate), medianOf(baseline)]
  return {
    no,
    key,
    at,
    verdict,
    checks: all.map(([check, { verdict }]) => ({ check, verdict })),
    ...outcome !== undefined && { reason: cut(outcome.reason, mostReason) },
    ...cost !== undefined && costBefore !== undefined && {
      costDifferenceUsd: formatCost(BigDecimal.subtract(cost, costBefore))
    },
    ...time !== undefined && timeBefore !== undefined && { timeDifferenceMs: time - timeBefore }
  }
}

/** The cases of an eval run: all as rows of the list, in the order of the list, and as many whole as fit. */
interface Index {
  readonly cases: ReadonlyArray<EvalCase>
  readonly whole: ReadonlyMap<string, CaseVerdict>
  readonly isCut: boolean
}

const failure = (error: unknown): NotFound | Unavailable => {
  if (Schema.is(NotFound)(error) || Schema.is(Unavailable)(error)) return error
  const known = error as { readonly _tag: string; readonly message: string }
  return known._tag === "EvalNotFoundError" ? new NotFound({ message: known.message }) : unavailable(known)
}

/** How near two paths are: the number of folders in which both are, and less for a file farther below. */
const nearness = (one: string, other: string): number => {
  const [folders, others] = [one, other].map((path) => path.split("/").slice(0, -1)) as [Array<string>, Array<string>]
  const differs = folders.findIndex((name, index) => name !== others[index])
  return differs === -1 ? folders.length : differs - 0.1 * (folders.length - differs)
}

const noDefinition = (name: string): string =>
  `The definition of the eval ${name} was not found, so that no verdicts are known: put ${name}.eval.json or .yaml into the ` +
  "folder of the ledgers, or name the module that exports it with --eval."

/** The eval runs of the ledgers. */
export const make = Effect.fnUntraced(function*(stores: Stores, given: ReadonlyArray<Definition>) {
  const loaded = yield* Cache.makeWith({
    capacity: 200,
    lookup: ([path]: readonly [path: string, signature: string]) => EvalFile.load(path),
    timeToLive: Exit.match({ onFailure: () => Duration.seconds(1), onSuccess: () => Duration.infinity })
  })
  const lists = new Map<string, { readonly signature: string; readonly runs: ReadonlyArray<EvalRunInfo> }>()

  /** The definitions by the names of their evals, with a text that changes when a file changes; and files that are wrong. */
  const definitions = Effect.gen(function*() {
    const all = new Map(given.map((one) => [one.eval.name, [{ ...one, version: "" }]]))
    const isGiven = new Set(all.keys())
    const problems: Array<{ readonly ledger: string; readonly message: string }> = []
    for (const [file, path] of (yield* stores.found).definitions) {
      const version = yield* LedgerFiles.signature(path)
      const read = yield* Effect.either(loaded.get(Data.tuple(path, version)))
      if (read._tag === "Left") problems.push({ ledger: file, message: read.left.message })
      else if (!isGiven.has(read.right.name)) {
        all.set(read.right.name, [...all.get(read.right.name) ?? [], { file, eval: read.right, version }])
      }
    }
    /** The definition of an eval of a ledger: the one nearest to it, of several with that name. */
    const of = (name: string, ledger: string) => {
      const [first, ...others] = all.get(name) ?? []
      return first &&
        others.reduce((best, one) => nearness(one.file, ledger) > nearness(best.file, ledger) ? one : best, first)
    }
    return { of, problems }
  })

  const runsOf = Effect.fnUntraced(function*(ledger: Ledger) {
    const before = lists.get(ledger.name)
    if (before !== undefined && before.signature === ledger.signature) return before.runs
    const runs = yield* Eval.runs()
    // a run may come to its end without a change of the file
    if (ledger.signature === undefined || runs.some(({ isComplete }) => !isComplete)) lists.delete(ledger.name)
    else lists.set(ledger.name, { signature: ledger.signature, runs })
    return runs
  })

  /** The ledger, the run and the definition of an address, if there is one. */
  const found = Effect.fnUntraced(function*({ eval: name, ledger: ledgerName, run }: EvalAddress) {
    const ledger = yield* stores.named(ledgerName)
    const runs = yield* stores.reading(ledger, runsOf(ledger))
    const info = runs.find((one) => one.eval === name && one.run === run)
    if (info === undefined) {
      return yield* new NotFound({ message: `The ledger has no run ${run} of the eval ${name}.` })
    }
    return { ledger, info, definition: (yield* definitions).of(name, ledgerName) }
  })

  type Place = readonly [ledger: string, name: string, run: string, ledgerVersion: string, definitionVersion: string]

  /** Reads of a run stay true until its ledger or its definition changes. */
  const cachedBy = <A>(
    capacity: number,
    read: (definition: Eval.Eval<unknown>, run: string) => Effect.Effect<A, EvalError, BatchStore>
  ) =>
    Effect.map(
      Cache.make({
        capacity,
        // a database does not tell whether it has changed
        timeToLive: "1 minute",
        lookup: ([ledgerName, name, run]: Place): Effect.Effect<A, NotFound | Unavailable> =>
          Effect.gen(function*() {
            const { definition, ledger } = yield* found({ ledger: ledgerName, eval: name, run })
            if (definition === undefined) return yield* new NotFound({ message: noDefinition(name) })
            return yield* stores.reading(ledger, read(definition.eval, run))
          }).pipe(Effect.mapError(failure))
      }),
      sharedSuccess
    )

  const reports = yield* cachedBy(
    mostGates + 4 * keptRuns,
    (definition, run): Effect.Effect<EvalReport, EvalError, BatchStore> => Eval.report(definition, { run })
  )

  const indexes = yield* cachedBy(
    keptRuns,
    Effect.fnUntraced(function*(definition, run) {
      const ranked: Array<readonly [rank: number, one: EvalCase]> = []
      const whole = new Map<string, CaseVerdict>()
      let text = 0
      yield* Stream.runForEach(Stream.take(Eval.cases(definition, { run }), mostCases), (one) =>
        Effect.sync(() => {
          ranked.push([rankOfCase(one), caseOf(one)])
          text += JSON.stringify(one).length
          if (text <= mostText) whole.set(one.key, one)
        }))
      const index: Index = {
        cases: ranked.sort(([one, { no }], [other, { no: otherNo }]) => one - other || no - otherNo)
          .map(([, one]) => one),
        whole,
        isCut: ranked.length === mostCases
      }
      return index
    })
  )

  const placeOf = (address: EvalAddress) =>
    Effect.map(found(address), ({ definition, info, ledger }) => ({
      ledger,
      info,
      definition,
      place: Data.tuple(address.ledger, address.eval, address.run, ledger.signature ?? "", definition?.version ?? "")
    })).pipe(Effect.mapError(failure))

  /** A run with its gate, if it can be judged. */
  const gated = (summary: EvalSummary): Effect.Effect<EvalSummary> =>
    Effect.flatMap(placeOf(summary), ({ place }) => reports(place)).pipe(
      Effect.map(({ gate }): EvalSummary => ({ ...summary, gate })),
      Effect.orElseSucceed(() => summary)
    )

  const evals: StudioLedgers.Service["evals"] = Effect.gen(function*() {
    const { of, problems } = yield* definitions
    const read = yield* Effect.forEach(
      yield* stores.all,
      (ledger) =>
        Effect.either(Effect.mapBoth(stores.reading(ledger, runsOf(ledger)), {
          onFailure: (error) => ({ ledger: ledger.name, message: reasonOf(error) }),
          onSuccess: (runs) => runs.map((info) => summaryOf(ledger.name, info, of(info.eval, ledger.name)?.file))
        }))
    )
    const runs = read.flatMap((one) => one._tag === "Right" ? one.right : [])
      .sort((one, other) => other.startedAt - one.startedAt)
    return {
      searched: stores.searched,
      runs: yield* Effect.forEach(
        runs,
        (one, nth) =>
          nth < mostGates && one.isComplete && one.definition !== undefined ? gated(one) : Effect.succeed(one),
        { concurrency: 4 }
      ),
      problems: [
        ...problems,
        ...(yield* stores.found).problems.map((message) => ({ ledger: "", message })),
        ...read.flatMap((one) => one._tag === "Left" ? [one.left] : [])
      ]
    }
  })

  const one: StudioLedgers.Service["eval"] = Effect.fnUntraced(function*(address) {
    const { definition, info, place } = yield* placeOf(address)
    const summary = summaryOf(address.ledger, info, definition?.file)
    if (definition === undefined) return { summary, notes: [noDefinition(address.eval)] }
    const read = yield* Effect.either(reports(place))
    const detail: EvalDetail = read._tag === "Left"
      ? { summary, notes: [`The run cannot be judged by ${definition.file}: ${read.left.message}`] }
      : {
        summary: { ...summary, ...info.isComplete && { gate: read.right.gate } },
        report: read.right,
        notes: info.isComplete
          ? []
          : [`The run is not complete: ${read.right.stop ?? "some of its runs have not ended"}.`]
      }
    return detail
  })

  const cases: StudioLedgers.Service["cases"] = Effect.fnUntraced(
    function*(address, { check, limit = standardCases, offset = 0, text, verdict }) {
      const { place } = yield* placeOf(address)
      const { cases } = yield* indexes(place)
      const verdictOf = (one: EvalCase): string | undefined =>
        check === undefined ? one.verdict : one.checks.find((other) => other.check === check)?.verdict
      const part = text?.toLowerCase()
      const matching = cases.filter((one) =>
        (verdict === undefined || verdictOf(one) === verdict) &&
        (check === undefined || verdictOf(one) !== undefined) &&
        (part === undefined || `${one.key}\n${one.reason ?? ""}`.toLowerCase().includes(part))
      )
      if (check !== undefined) {
        matching.sort((one, other) =>
          rankOf(verdictOf(one) as Verdict) - rankOf(verdictOf(other) as Verdict) || one.no - other.no
        )
      }
      return { cases: matching.slice(offset, offset + Math.min(Math.max(1, limit), most)), total: matching.length }
    }
  )

  const ofKey: StudioLedgers.Service["case"] = Effect.fnUntraced(function*(address, key) {
    const { definition, ledger, place } = yield* placeOf(address)
    const { whole } = yield* indexes(place)
    const kept = whole.get(key)
    if (kept !== undefined) return caseDetail(kept)
    const all = Eval.cases(definition!.eval, { run: address.run })
    const read = yield* Effect.mapError(
      stores.reading(ledger, Stream.runHead(Stream.filter(all, (one) => one.key === key))),
      failure
    )
    return caseDetail(yield* Effect.mapError(read, () => new NotFound({ message: `The run has no case ${key}.` })))
  })

  return { evals, eval: one, cases, case: ofKey }
})
