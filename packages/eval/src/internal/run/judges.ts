// Eval.ts has the types of the errors and requirements
// @effect-diagnostics anyUnknownInErrorContext:off
/**
 * The runs of judges: a batch of its own. Within an eval run a judge runs once for each input. Only a judge at a numbered
 * version takes its verdicts from earlier eval runs: `production` and `draft` move.
 */
import * as Batch from "@effect-noukai/batch/Batch"
import type { LedgerError } from "@effect-noukai/batch/BatchError"
import type { RowResult } from "@effect-noukai/batch/BatchRow"
import type { BatchSource, SourceRow } from "@effect-noukai/batch/BatchSource"
import type { BatchStore } from "@effect-noukai/batch/BatchStore"
import type { FlowVersion } from "@effect-noukai/sdk/Flow"
import { isVersion } from "@effect-noukai/sdk/kit/names"
import { formatCost } from "@effect-noukai/sdk/Trace"
import * as BigDecimal from "effect/BigDecimal"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import * as Stream from "effect/Stream"
import type { Judge } from "../../Check.js"
import { InvalidEvalError } from "../../EvalError.js"
import type { Cost } from "../../EvalReport.js"
import type { EvalRun, JudgeRun } from "../../EvalRun.js"
import { addressOf } from "../definition.js"
import { canonical, messageOf, shortHash, show } from "../values.js"
import { checksOfCase, withoutResult } from "../verdict.js"
import * as Facts from "./facts.js"
import {
  type CaseRuns,
  caseRuns,
  doneBefore,
  isFixed,
  isOpen,
  pairsOf,
  rowsOf,
  type Session,
  versionForms,
  versionOf
} from "./trials.js"

/** The judges of an eval, by the names of their checks. */
export type Judges = { readonly [check: string]: Judge<unknown> & { readonly address: string } }

/** The judges of an eval, with the addresses of their flows. */
export const judgesOf = (
  method: string,
  { checks }: Session["definition"]
): Effect.Effect<Judges, InvalidEvalError> => {
  const judges = Record.filterMap(checks, ({ judge }) => Option.fromNullable(judge))
  return Effect.all(Record.map(judges, (judge, check) =>
    isVersion(judge.version)
      ? Effect.map(addressOf(method, `checks.${check}`, judge.flow), (address) => ({ ...judge, address }))
      : new InvalidEvalError({
        at: method,
        field: `checks.${check}`,
        reason: `has the version ${show(judge.version)}: it ${versionForms}`
      })))
}

interface JudgeRow {
  readonly key: string
  readonly flow: string
  readonly version: FlowVersion
  readonly input: object
}

/** The row of a judge of a run, or the reason if there is none. */
const rowOf = (
  { address, input, version }: Judges[string],
  { value }: CaseRuns,
  run: EvalRun
): Either.Either<JudgeRow, string> =>
  Either.try({
    try: () => {
      const given = input(value, run)
      // the version first, for `moving`
      const key = `${version} ${shortHash(canonical([address, version, given]))}`
      return { key, flow: address, version, input: given }
    },
    catch: (error) => `its input cannot be made: ${messageOf(error)}`
  })

/** The keys of judges whose version moves. */
export const moving: ReadonlyArray<string> = ["production *", "draft *"]

/** The rows of the judges of a case, by run and check. Only runs whose verdicts depend on them are judged. */
const rowsOfCase = (judges: Judges, one: CaseRuns) => {
  const own = checksOfCase(judges, one)
  return [...one.candidate, ...one.baseline ?? []].map((run) =>
    [run, withoutResult(run) === undefined ? Record.map(own, (judge) => rowOf(judge, one, run)) : {}] as const
  )
}

/** The rows of some cases by their keys. */
const byKey = (rows: ReadonlyArray<ReturnType<typeof rowsOfCase>>): ReadonlyMap<string, JudgeRow> =>
  new Map(
    rows.flat().flatMap(([, rows]) => Object.values(rows).flatMap((row) => Either.isRight(row) ? [row.right] : []))
      .map((row) => [row.key, row])
  )

/** The runs of judges at numbered versions that are done in earlier eval runs, among some rows. */
const judgedBefore = (session: Session, rows: Iterable<JudgeRow>) => {
  const keys = [...rows].filter(isFixed).map(({ key }) => key)
  return doneBefore(session, () => keys, Facts.judgesId)
}

/** The batch of the judges of an eval run. */
export const batchOf = ({ facts }: Session) =>
  Batch.make({
    id: Facts.judgesId(facts),
    // each row has its own
    flow: facts.candidate.flow,
    version: versionOf(facts.candidate.version),
    key: (row: JudgeRow) => row.key,
    target: ({ flow, version }) => ({ flow, version }),
    input: ({ input }) => input
  })

/** The rows of judges that have not judged their input yet. */
export const sourceOf = (session: Session, judges: Judges): BatchSource<JudgeRow, unknown, unknown> => {
  const seen = new Set<string>()
  const rowsOfCases = Effect.fnUntraced(function*(cases: Chunk.Chunk<CaseRuns>) {
    const all = Chunk.toReadonlyArray(cases).map((one) => [one, rowsOfCase(judges, one)] as const)
    const before = yield* judgedBefore(session, byKey(all.map(([, rows]) => rows)).values())
    return all.flatMap(([{ at }, rows]) =>
      rows.flatMap(([, rows]) => Object.values(rows)).flatMap((row): ReadonlyArray<SourceRow<JudgeRow>> => {
        if (Either.isLeft(row) || before.has(row.right.key) || seen.has(row.right.key)) return []
        seen.add(row.right.key)
        return [{ _tag: "Row", at, value: row.right }]
      })
    )
  })
  const all = Stream.flatMap(Stream.fromIterable(pairsOf(session)), caseRuns)
  return { rows: Stream.flattenIterables(Stream.mapEffect(all, rowsOfCases)) as never }
}

/** A case whose runs have their judges, by the names of the checks. */
export interface JudgedRuns extends CaseRuns {
  readonly judged: ReadonlyMap<EvalRun, { readonly [check: string]: JudgeRun }>
}

/** Cases with the runs of their judges, from the ledger. */
export const judgedRuns = (session: Session, judges: Judges): Stream.Stream<JudgedRuns, unknown, unknown> => {
  const withJudges = Effect.fnUntraced(function*(cases: Chunk.Chunk<CaseRuns>) {
    const all = Chunk.toReadonlyArray(cases).map((one) => [one, rowsOfCase(judges, one)] as const)
    const wanted = byKey(all.map(([, rows]) => rows))
    const own = wanted.size === 0
      ? new Map<string, RowResult>()
      : yield* rowsOf(Facts.judgesId(session.facts), [...wanted.keys()])
    const before = yield* judgedBefore(session, [...wanted.values()].filter(({ key }) => isOpen(own.get(key))))
    const judgeRun = (row: Either.Either<JudgeRow, string>): Option.Option<JudgeRun> =>
      Either.match(row, {
        onLeft: (message) => Option.some({ state: "invalid", error: { kind: "InvalidRow", message } }),
        onRight: ({ key }) => Option.fromNullable(before.get(key) ?? own.get(key))
      })
    return all.map(([one, rows]): JudgedRuns => ({
      ...one,
      judged: new Map(rows.map(([run, rows]) => [run, Record.filterMap(rows, judgeRun)]))
    }))
  })
  return Stream.flattenIterables(Stream.mapEffect(caseRuns(session), withJudges))
}

/** The known and the assumed costs of the judges of an eval run in US dollars. A budget counts both. */
export const spentOf = ({ facts }: Session): Effect.Effect<string, LedgerError, BatchStore> =>
  Batch.status(Facts.judgesId(facts)).pipe(
    Effect.map(({ costUsd = "0" }) => costUsd),
    Effect.catchTag("BatchNotFoundError", () => Effect.succeed("0"))
  )

/** The runs of the judges of an eval run that it paid for, and their known cost, all attempts included. */
export const costOf = ({ facts }: Session): Effect.Effect<Cost, LedgerError, BatchStore> =>
  Batch.status(Facts.judgesId(facts)).pipe(
    Effect.map((
      { assumedUsd = "0", costUsd = "0", retries, states: { done, failed, reported }, unknownCosts = 0 }
    ) => ({
      runs: done + failed + reported + retries,
      usd: formatCost(
        BigDecimal.subtract(BigDecimal.unsafeFromString(costUsd), BigDecimal.unsafeFromString(assumedUsd))
      ),
      unknown: unknownCosts
    })),
    Effect.catchTag("BatchNotFoundError", () => Effect.succeed({ runs: 0, usd: "0", unknown: 0 }))
  )
