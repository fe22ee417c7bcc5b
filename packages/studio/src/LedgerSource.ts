/**
 * Batches and eval runs of ledgers: files below a folder, and a database. They are read, and never changed.
 *
 * @since 0.1.0
 */
import { BatchStore } from "@effect-noukai/batch/BatchStore"
import type { Eval } from "@effect-noukai/eval/Eval"
import { type Names, orThrow } from "@effect-noukai/sdk/kit/names"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { realpath } from "node:fs/promises"
import { resolve } from "node:path"
import * as BatchReads from "./internal/batchReads.js"
import * as BatchRows from "./internal/batchRows.js"
import * as BatchStatuses from "./internal/batchStatuses.js"
import * as EvalReads from "./internal/evalReads.js"
import * as ExpectedReads from "./internal/expectedReads.js"
import * as Stores from "./internal/ledgerStores.js"
import { StudioLedgers } from "./StudioLedgers.js"

/**
 * An eval of any cases. Its checks have no requirements.
 *
 * @since 0.1.0
 * @category models
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyEval = Eval<any, any>

/**
 * The options of {@link layer}.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /**
   * The folder whose `*.ledger` and `*.eval.json`, `.yaml` and `.yml` files are shown, also those of folders in it. Links are
   * not followed. Default: none.
   */
  readonly folder?: string | undefined
  /** A client of a database with a ledger. Its tables are read only: none is created or changed. Default: none. */
  readonly postgres?: SqlClient.SqlClient | undefined
  /** Evals that are not in files, such as the export of a module, with the name that is shown. Default: none. */
  readonly definitions?: ReadonlyArray<{ readonly file: string; readonly eval: AnyEval }> | undefined
}

const names: Names<Options> = { folder: true, postgres: true, definitions: true }

/**
 * Shows the batches and eval runs of ledgers. The lists name the files that cannot be read as ledgers, such as those of another
 * version of the package. Throws a `TypeError` for an unknown option.
 *
 * @example
 * ```ts
 * import * as LedgerSource from "@effect-noukai/studio/LedgerSource"
 *
 * const ledgers = LedgerSource.layer({ folder: "evals" })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<StudioLedgers> => {
  const { definitions = [], folder, postgres } = orThrow("LedgerSource.layer", options, names)
  for (const definition of definitions) {
    orThrow("LedgerSource.layer: definitions", definition, { file: true, eval: true })
  }
  return Layer.scoped(
    StudioLedgers,
    Effect.gen(function*() {
      const stores = yield* Stores.make({
        folder: folder === undefined
          ? undefined
          : yield* Effect.promise(() => realpath(folder).catch(() => resolve(folder))),
        postgres,
        layerSql: (sql) => Layer.provide(BatchStore.layerSqlReadOnly, Layer.succeed(SqlClient.SqlClient, sql))
      })
      const statuses = BatchStatuses.make(stores)
      const batches = BatchReads.make(stores, statuses)
      return {
        ...batches,
        ...yield* BatchRows.make(statuses),
        expected: ExpectedReads.make(stores, batches.batch),
        ...yield* EvalReads.make(stores, definitions)
      }
    })
  )
}
