// Eval.ts has the types of the errors and requirements
// @effect-diagnostics anyUnknownInErrorContext:off
/** The rows of an eval run: case by case, trial by trial, the baseline before the candidate. */
import * as Batch from "@effect-noukai/batch/Batch"
import type { LedgerError } from "@effect-noukai/batch/BatchError"
import type { RowResult } from "@effect-noukai/batch/BatchRow"
import type { BatchSource, SourceRow } from "@effect-noukai/batch/BatchSource"
import type { BatchStore } from "@effect-noukai/batch/BatchStore"
import type { FlowRef, FlowVersion } from "@effect-noukai/sdk/Flow"
import { digitsOf, withDigits } from "@effect-noukai/sdk/kit/plainJson"
import * as Arr from "effect/Array"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Record from "effect/Record"
import * as Stream from "effect/Stream"
import * as Struct from "effect/Struct"
import type { SideName } from "../../EvalReport.js"
import type { EvalRun } from "../../EvalRun.js"
import { casesOf, type Checked, type Definition, type EvalCase } from "../definition.js"
import { canonical, shortHash } from "../values.js"
import * as Facts from "./facts.js"
import { selecting } from "./selection.js"

/** An eval run with its definition. */
export interface Session {
  readonly definition: Definition
  readonly checked: Checked
  readonly facts: Facts.Facts
  /** The eval runs whose results it may use, the newest first. */
  readonly earlier: ReadonlyArray<Facts.Facts>
}

/** The cases that are read at once: their runs may have large results. */
const most = 25

interface EvalRow {
  readonly key: string
  readonly flow: string
  readonly version: FlowVersion
  readonly input: object
}

export const versionOf = (version: string): FlowVersion =>
  version === "production" || version === "draft" ? version : Number(version)

/** The rule that a value breaks which is not a version. */
export const versionForms = "must be \"production\", \"draft\" or the number of a version"

/** Whether a version never changes. */
export const isFixed = ({ version }: { readonly version: FlowVersion | string }): boolean =>
  version !== "production" && version !== "draft"

const isSameSide = (one: SideName, other: SideName): boolean => one.flow === other.flow && one.version === other.version

const sidesOf = ({ baseline, candidate, others = [] }: Facts.Facts): ReadonlyArray<SideName> => [
  ...baseline === undefined ? [] : [baseline],
  candidate,
  ...others
]

/** The comparisons of an eval run: each candidate with the baseline, as if it had run alone. */
export const pairsOf = ({ facts: { candidate, others = [], ...facts }, ...session }: Session) =>
  Arr.map(Arr.prepend(others, candidate), (candidate): Session => ({ ...session, facts: { ...facts, candidate } }))

/** The input of the runs of a side on a case. */
const inputOf = ({ blockOverrides }: SideName, { input }: EvalCase): EvalCase["input"] =>
  blockOverrides === undefined
    ? input
    : {
      ...input,
      blockOverrides: Record.union(
        blockOverrides,
        input.blockOverrides ?? {},
        (ofSide, ofCase) => ({ ...ofCase, ...ofSide })
      )
    }

/** The steps whose outputs the checks need. */
export const stepsOf = ({ checks }: Definition): ReadonlyArray<string> =>
  [...new Set(Object.values(checks).flatMap(({ needs }) => needs.steps))].sort()

/** The hash of everything but the case, the flow, its version and the server that results depend on. */
export const commonOf = (definition: Definition, { hashes }: Checked): string => {
  const { operation, tools } = definition
  return shortHash(canonical([operation, hashes.parameters, tools?.declarations, stepsOf(definition)]))
}

/** One run that an eval run needs. */
interface Trial {
  readonly key: string
  readonly input: EvalCase["input"]
  readonly side: SideName
  readonly trial: number
}

/** The runs that cases need, each side with its trials. */
const trialsOf = (session: Session): (one: EvalCase) => ReadonlyArray<Trial> => {
  const { facts } = session
  const sides = sidesOf(facts)
  return (one) => {
    const all = sides.map((side) => {
      const input = inputOf(side, one)
      // a side may change what the case has already changed
      const changed = side.blockOverrides === undefined ? "" : canonical(side.blockOverrides)
      return { side, input, hash: shortHash(facts.common + canonical(input) + changed) }
    })
    return Array.from({ length: facts.repeat }, (_, n) => n + 1).flatMap((trial) =>
      all.map(({ hash, input, side }) => ({
        key: JSON.stringify([one.key, side.flow, side.version, trial, hash]),
        input,
        side,
        trial
      }))
    )
  }
}

/** The rows of some keys in a batch. A batch that is missing has no rows. */
export const rowsOf = (
  batch: string | ReturnType<typeof batchOf>,
  keys: ReadonlyArray<string>
): Effect.Effect<ReadonlyMap<string, RowResult>, LedgerError, BatchStore> =>
  (typeof batch === "string" ? Batch.resultsOf(batch, keys) : Batch.resultsOf(batch, keys)).pipe(
    Effect.catchTag("BatchNotFoundError", () => Effect.succeed(new Map<string, RowResult>()))
  )

/** Whether a row has not run here, so that an earlier run of it counts. */
export const isOpen = (row: RowResult | undefined): boolean => row === undefined || row.state === "pending"

/** The batch of an eval run. */
export const batchOf = ({ definition, facts }: Session) => {
  const { candidate } = facts
  return Batch.make({
    id: Facts.batchId(facts),
    flow: definition.flow as FlowRef,
    version: versionOf(candidate.version),
    operation: definition.operation as "execute",
    tools: definition.tools,
    note: Facts.noteOf(facts),
    key: (row: EvalRow) => row.key,
    target: ({ flow, version }) => ({ flow, version }),
    input: ({ input }) => input
  })
}

/** The rows that are done in earlier eval runs, by their keys. */
export const doneBefore = Effect.fnUntraced(function*(
  { earlier }: Session,
  keysIn: (facts: Facts.Facts) => ReadonlyArray<string>,
  batchIn: (facts: Facts.Facts) => Parameters<typeof rowsOf>[0]
) {
  const found = new Map<string, RowResult>()
  for (const facts of earlier) {
    const keys = keysIn(facts).filter((key) => !found.has(key))
    if (keys.length === 0) continue
    for (const [key, row] of yield* rowsOf(batchIn(facts), keys)) if (row.state === "done") found.set(key, row)
  }
  return found
})

/** The rows of trials that are done in earlier eval runs. A result of a version that moves, or with tools, is not used. */
const reusable = (session: Session, trials: ReadonlyArray<Trial>) => {
  // handlers may have changed
  const fixed = session.definition.tools === undefined ? trials.filter(({ side }) => isFixed(side)) : []
  const keysIn = (facts: Facts.Facts) =>
    fixed.filter(({ side }) => sidesOf(facts).some((one) => isSameSide(one, side))).map(({ key }) => key)
  return doneBefore(session, keysIn, (facts) => batchOf({ ...session, facts }))
}

/** The cases and rows that a pass over the cases found. */
export interface Counts {
  /** All cases of the definition. */
  of: number
  cases: number
  hash: string
  rows: number
  reused: number
  /** Whether the input of a case refuses the snapshots that a check needs. */
  isUncaptured: boolean
}

/** The cases of an eval run, in the order of the source. */
export const casesIn = ({ definition, facts }: Session, counts?: Counts): Stream.Stream<EvalCase, unknown, unknown> =>
  Stream.suspend(() => {
    const isSelected = selecting(facts)
    return Stream.filter(casesOf(definition), (one) => {
      if (counts !== undefined) counts.of++
      return isSelected(one)
    })
  })

/** The rows of an eval run that have no result yet in an earlier one. Counts them. */
export const sourceOf = (session: Session, counts: Counts): BatchSource<EvalRow, unknown, unknown> => {
  const trialsOfCase = trialsOf(session)
  const snapshots = stepsOf(session.definition).length > 0 ? { snapshots: true } : {}
  const rowsOfCases = Effect.fnUntraced(function*(cases: Chunk.Chunk<EvalCase>) {
    const all = Chunk.toReadonlyArray(cases).map((one) => [one, trialsOfCase(one)] as const)
    const reused = yield* reusable(session, all.flatMap(([, trials]) => trials))
    for (const [{ hash, input }, trials] of all) {
      counts.isUncaptured ||= "snapshots" in input && input.snapshots === false
      counts.cases++
      counts.hash = shortHash(counts.hash + hash)
      counts.rows += trials.length
    }
    counts.reused += reused.size
    return Chunk.unsafeFromArray(
      all.flatMap(([{ at }, trials]) =>
        trials.filter(({ key }) => !reused.has(key)).map((
          { input, key, side: { flow, version } }
        ): SourceRow<EvalRow> => ({
          _tag: "Row",
          at,
          value: { key, flow, version: versionOf(version), input: { ...snapshots, ...input } }
        }))
      )
    )
  })
  return { rows: Stream.mapChunksEffect(Stream.rechunk(casesIn(session, counts), most), rowsOfCases) as never }
}

/** A case with its runs. */
export interface CaseRuns extends EvalCase {
  readonly candidate: ReadonlyArray<EvalRun>
  readonly baseline?: ReadonlyArray<EvalRun>
}

const costFields = ["costUsd", "attemptsCostUsd", "isAttemptsCostUnknown"] as const

/** The fields of a row that a run and a trial of a report have. */
export const rowFields = ["state", "result", "error", "executionId", ...costFields, "durationMs"] as const

const runOf = ({ key }: EvalCase, { side, trial }: Trial, row: RowResult | undefined): EvalRun =>
  withDigits<EvalRun>({
    key,
    flow: side.flow,
    version: side.version,
    trial,
    ...(row === undefined ? { state: "pending" } : Struct.pick(row, ...rowFields, "tokens", "steps", "calls"))
  }, digitsOf(row))

/** The cases of an eval run with their runs, read from the ledger in parts. */
export const caseRuns = (session: Session): Stream.Stream<Chunk.Chunk<CaseRuns>, unknown, unknown> => {
  const trialsOfCase = trialsOf(session)
  const batch = batchOf(session)
  const runsOfCases = Effect.fnUntraced(function*(cases: Chunk.Chunk<EvalCase>) {
    const all = Chunk.toReadonlyArray(cases).map((one) => [one, trialsOfCase(one)] as const)
    const trials = all.flatMap(([, trials]) => trials)
    const own = yield* rowsOf(batch, trials.map(({ key }) => key))
    const earlier = yield* reusable(session, trials.filter(({ key }) => isOpen(own.get(key))))
    return Chunk.unsafeFromArray(all.map(([one, trials]): CaseRuns => {
      const runs = (side: SideName) =>
        trials.filter((trial) => trial.side === side).map((trial) =>
          runOf(one, trial, earlier.get(trial.key) ?? own.get(trial.key))
        )
      const { baseline, candidate } = session.facts
      return { ...one, candidate: runs(candidate), ...(baseline !== undefined && { baseline: runs(baseline) }) }
    }))
  })
  return Stream.mapEffect(Stream.chunks(Stream.rechunk(casesIn(session), most)), runsOfCases)
}
