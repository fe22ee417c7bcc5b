/**
 * The batches and eval runs of a studio.
 *
 * @since 0.1.0
 */
import type { Mark } from "@effect-noukai/eval/Marks"
import type { Expected } from "@effect-noukai/report/Reconcile"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { BatchDetail, BatchList, BatchRowDetail, BatchRowFilter, BatchRowPage } from "./BatchesApi.js"
import type {
  EvalCaseDetail,
  EvalCaseFilter,
  EvalCasePage,
  EvalDetail,
  EvalList,
  EvalTrend,
  NewMark
} from "./EvalsApi.js"
import type { NotFound, Unavailable } from "./RunsApi.js"

/**
 * A batch by the name of its ledger and its id.
 *
 * @since 0.1.0
 * @category models
 */
export interface BatchAddress {
  readonly ledger: string
  readonly batch: string
}

/**
 * An eval run by the name of its ledger, the name of its eval and its id, and the place of its candidate, from 0.
 *
 * @since 0.1.0
 * @category models
 */
export interface EvalAddress {
  readonly ledger: string
  readonly eval: string
  readonly run: string
  readonly candidate?: number | undefined
}

/**
 * The runs that a batch believes it ran.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExpectedRuns {
  /** The file of the ledger, as a command of this process names it. Absent in a database. */
  readonly file?: string | undefined
  readonly rows: number
  /** The number of sessions and of runs that a comparison reads, about. */
  readonly sessions: number
  readonly runs: number
  /** The runs, in the order of the rows, attempt by attempt. */
  readonly all: Stream.Stream<Expected, Unavailable>
}

/**
 * The types of {@link StudioLedgers}.
 *
 * @since 0.1.0
 * @category models
 */
export declare namespace StudioLedgers {
  /**
   * The reads of ledgers, and the marks of people. None of them changes a ledger or sends anything.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    readonly batches: Effect.Effect<BatchList>
    readonly batch: (address: BatchAddress) => Effect.Effect<BatchDetail, NotFound | Unavailable>
    /** The batch, and then again whenever it has changed, until it does not run and its rows are counted. */
    readonly watch: (address: BatchAddress) => Stream.Stream<BatchDetail, NotFound | Unavailable>
    readonly rows: (
      address: BatchAddress,
      filter: BatchRowFilter
    ) => Effect.Effect<BatchRowPage, NotFound | Unavailable>
    readonly row: (address: BatchAddress, key: string) => Effect.Effect<BatchRowDetail, NotFound | Unavailable>
    readonly expected: (address: BatchAddress) => Effect.Effect<ExpectedRuns, NotFound | Unavailable>
    readonly evals: Effect.Effect<EvalList>
    readonly trend: (address: Omit<EvalAddress, "run">) => Effect.Effect<EvalTrend, NotFound | Unavailable>
    readonly eval: (address: EvalAddress) => Effect.Effect<EvalDetail, NotFound | Unavailable>
    readonly cases: (
      address: EvalAddress,
      filter: EvalCaseFilter
    ) => Effect.Effect<EvalCasePage, NotFound | Unavailable>
    readonly case: (address: EvalAddress, key: string) => Effect.Effect<EvalCaseDetail, NotFound | Unavailable>
    /** Adds a mark to the file beside the definition. */
    readonly mark: (mark: NewMark) => Effect.Effect<Mark, NotFound | Unavailable>
  }
}

/**
 * The batches and eval runs of a studio. A studio without them has no views of them.
 *
 * @since 0.1.0
 * @category tags
 */
export class StudioLedgers
  extends Context.Tag("@effect-noukai/studio/StudioLedgers")<StudioLedgers, StudioLedgers.Service>()
{}
