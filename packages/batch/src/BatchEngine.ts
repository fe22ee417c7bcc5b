/**
 * Hands out the rows of a batch to processes.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { BatchStoreError } from "./BatchError.js"

/**
 * A batch whose rows are to be run.
 *
 * @since 0.1.0
 * @category models
 */
export interface BatchWork {
  /** The id of the batch. */
  readonly batch: string
  /** How often its rows were given out, from 1. */
  readonly generation: number
  /**
   * Takes part in the batch in this process, as one of its lanes: claims rows as slots come free, until none is pending
   * and none of the lane is left, or the batch is stopped. Interruption leaves what is in flight to whoever takes the
   * lane next.
   */
  readonly lane: (lane: number) => Effect.Effect<void, BatchStoreError>
}

/**
 * The types of {@link BatchEngine}.
 *
 * @since 0.1.0
 * @category models
 */
export declare namespace BatchEngine {
  /**
   * An engine. The ledger guards the rows: an engine only decides which processes take part.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** The number of lanes of a batch: rows in flight belong to one, and move with it to another process. */
    readonly lanes: number
    /** Has all lanes of a batch run to their ends. */
    readonly run: (work: BatchWork) => Effect.Effect<void, BatchStoreError>
  }
}

/**
 * Hands out the rows of a batch to processes.
 *
 * @since 0.1.0
 * @category tags
 */
export class BatchEngine extends Context.Tag("@effect-noukai/batch/BatchEngine")<BatchEngine, BatchEngine.Service>() {
  /**
   * This process alone, with nothing but the ledger.
   *
   * @since 0.1.0
   */
  static readonly layerLocal: Layer.Layer<BatchEngine> = Layer.succeed(BatchEngine, {
    lanes: 1,
    run: (work) => work.lane(0)
  })
}
