/** The batches that a process takes part in because an engine hands it their lanes. */
import type { FlowService, JobService, RunService, SessionService } from "@effect-noukai/sdk"
import type { CallbackOption } from "@effect-noukai/sdk/JobService"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as RcMap from "effect/RcMap"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import { BatchStoreError } from "../../BatchError.js"
import { BatchStore } from "../../BatchStore.js"
import * as Batches from "../ledger/batches.js"
import type { Ledger } from "../ledger/ledger.js"
import * as Driver from "./driver.js"
import * as ExecuteRuns from "./executeRuns.js"
import * as JobRuns from "./jobRuns.js"
import { insisting } from "./running.js"

/** A unique name of this process. */
const newOwner = (): string => `${hostname()}/${process.pid}/${randomUUID()}`

export declare namespace BatchDriver {
  export interface Service {
    /**
     * Runs rows of a batch as one of its lanes, until no row is pending and the lane has none left, or the batch is
     * stopped or handed out again. All lanes of this process share its slots. After an interruption, the next process
     * with the lane takes over its rows.
     */
    readonly lane: (batch: string, generation: number, lane: number) => Effect.Effect<void, BatchStoreError>
  }
}

/** Runs lanes of batches in this process. */
export class BatchDriver
  extends Context.Tag("@effect-noukai/batch/internal/drive/batchDriver")<BatchDriver, BatchDriver.Service>()
{}

/** The services that run rows, beside the ledger. */
export type Clients = FlowService | JobService | RunService | SessionService

/** The parts of a definition that the ledger does not have. */
interface Defined {
  readonly tools?: ExecuteRuns.BatchTools | undefined
  readonly callback?: CallbackOption | undefined
}

/** Takes part in a batch, as an owner of its own. */
export const join = (
  ledger: Ledger,
  record: Batches.BatchRecord,
  { callback, tools }: Defined = {}
): Effect.Effect<Driver.Part, never, Clients | Scope.Scope> =>
  Effect.gen(function*() {
    const runs = record.operation === "jobs"
      ? yield* JobRuns.make(record, callback)
      : yield* ExecuteRuns.make(ledger, record, tools)
    return yield* Driver.make(ledger, record, newOwner(), runs)
  })

class PartKey extends Data.Class<{ readonly batch: string; readonly generation: number }> {}

/**
 * Takes part in each batch once, however many of its lanes are here, while it has any. Each new part is a new owner,
 * because requests of an earlier part may have left.
 */
export const layer = (
  definitionOf: (batch: string) => Defined | undefined
): Layer.Layer<BatchDriver, never, BatchStore | Clients> =>
  Layer.scoped(
    BatchDriver,
    Effect.gen(function*() {
      const ledger = yield* BatchStore
      const clients = yield* Effect.context<Clients>()
      const parts = yield* RcMap.make({
        lookup: Effect.fnUntraced(function*({ batch, generation }: PartKey) {
          const found = yield* insisting(Batches.find(ledger, batch))
          // forgotten, or handed out again: nothing to do here
          if (Option.isNone(found) || found.value.generation !== generation) return Option.none<Driver.Part>()
          const record = found.value
          const definition = definitionOf(batch)
          if (record.operation === "execute" && definition === undefined) {
            // without its tools a row would have another result
            const name = JSON.stringify(batch)
            return yield* new BatchStoreError({
              operation: "ran rows in requests",
              detail: `this runner does not know the tools of ${name}: name the batch in its \`batches\``
            })
          }
          return Option.some(yield* join(ledger, record, definition))
        }, Effect.provide(clients))
      })
      return {
        lane: (batch, generation, lane) =>
          Effect.scoped(Effect.flatMap(
            RcMap.get(parts, new PartKey({ batch, generation })),
            Option.match({ onNone: () => Effect.void, onSome: (part) => part.lane(lane) })
          ))
      }
    })
  )
