/** The batches that a process takes part in because an engine hands it their lanes. */
import type { JobService, RunService, SessionService } from "@effect-noukai/sdk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as RcMap from "effect/RcMap"
import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import type { BatchStoreError } from "../../BatchError.js"
import { BatchStore } from "../../BatchStore.js"
import * as Batches from "../ledger/batches.js"
import * as Driver from "./driver.js"
import * as JobRuns from "./jobRuns.js"
import { insisting } from "./running.js"

/** A name of this process, that no other one has had. @internal */
export const newOwner = (): string => `${hostname()}/${process.pid}/${randomUUID()}`

/** @internal */
export declare namespace BatchDriver {
  /** @internal */
  export interface Service {
    /**
     * Runs rows of a batch as one of its lanes, until none is pending and the lane has none left, or the batch is stopped
     * or given out anew. All lanes of this process share its slots. Interruption leaves the rows of the lane to whoever
     * runs it next.
     */
    readonly lane: (batch: string, generation: number, lane: number) => Effect.Effect<void, BatchStoreError>
  }
}

/** Runs lanes of batches in this process. @internal */
export class BatchDriver
  extends Context.Tag("@effect-noukai/batch/internal/drive/batchDriver")<BatchDriver, BatchDriver.Service>()
{}

/** @internal */
export const layer: Layer.Layer<BatchDriver, never, BatchStore | JobService | RunService | SessionService> = Layer
  .scoped(
    BatchDriver,
    Effect.gen(function*() {
      const ledger = yield* BatchStore
      const context = yield* Effect.context<JobService | RunService | SessionService>()
      const owner = newOwner()
      const parts = yield* RcMap.make({
        lookup: Effect.fnUntraced(function*(name: string) {
          const found = yield* insisting(Batches.find(ledger, name))
          if (Option.isNone(found) || found.value.operation !== "jobs") return undefined
          const runs = yield* Effect.provide(JobRuns.make(found.value), context)
          const part = yield* Driver.make(ledger, found.value, owner, runs)
          return { part, record: found.value }
        }),
        // lanes come and go together
        idleTimeToLive: "1 second"
      })
      return {
        lane: (batch, generation, lane) =>
          Effect.scoped(
            Effect.flatMap(RcMap.get(parts, batch), (held) => {
              if (held === undefined) return Effect.void
              return Effect.zipRight(
                held.record.generation < generation ? held.part.renew({ ...held.record, generation }) : Effect.void,
                held.part.lane(lane)
              )
            })
          )
      }
    })
  )
