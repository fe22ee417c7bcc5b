/** @internal The row driver of a process. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { BatchStoreError } from "../../BatchError.js"

export declare namespace BatchDriver {
  export interface Service {
    /**
     * Works on the rows of one lane of a batch, and ends when no row of the batch can be claimed and none of the lane is
     * live. Interrupted, it gives the rows of the lane up.
     */
    readonly lane: (batch: string, generation: number, lane: number) => Effect.Effect<void, BatchStoreError>
  }
}

export class BatchDriver extends Context.Tag("@effect-noukai/batch/internal/drive/BatchDriver")<
  BatchDriver,
  BatchDriver.Service
>() {}
