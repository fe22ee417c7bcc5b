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
  /** The number of times that its rows were handed out, from 1. */
  readonly generation: number
  /**
   * Runs rows of the batch in this process, as one of its lanes, until no row is pending and the lane has none left, or
   * the batch is stopped. After an interruption, the next process with the lane takes over the rows in flight.
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
   * An engine picks the processes; the ledger picks the rows.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** The number of lanes of a batch: rows in flight belong to one, and move with it to another process. */
    readonly lanes: number
    /** Runs all lanes of a batch to their end. */
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
   * Runs batches in this process alone.
   *
   * @since 0.1.0
   */
  static readonly layerLocal: Layer.Layer<BatchEngine> = Layer.succeed(BatchEngine, {
    lanes: 1,
    run: (work) => work.lane(0)
  })
}
