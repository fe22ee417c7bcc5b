/** The ledger of a command. */
import * as Batch from "@effect-noukai/batch/Batch"
import type { BatchStoreError, LedgerError } from "@effect-noukai/batch/BatchError"
import { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { type UsageError, wrong } from "../../exit/CommandError.js"
import { flagsOf, hint } from "../../terminal/shell.js"
import type { BatchFlags } from "./flags.js"

/** The longest id that is a file name, in bytes. The longest extension is `.ledger-journal`. */
const longestId = 240

/** The first bytes of a database file. */
const signature = "SQLite format 3\0"

/** Whether a path is free or may be a ledger. An unreadable file fails later, when it is opened. */
export const isLedgerOrNone = (path: string): boolean => {
  try {
    const stats = statSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return true
    if (!stats.isFile()) return false
    const file = openSync(path, "r")
    try {
      const start = Buffer.alloc(signature.length)
      // another process may be creating the file
      return ["", signature].includes(start.toString("latin1", 0, readSync(file, start)))
    } finally {
      closeSync(file)
    }
  } catch {
    return true
  }
}

/** Returns the path of the ledger, which may not exist. */
export const path = Effect.fnUntraced(function*({ id, ledger }: BatchFlags) {
  // an id may be any text, but a file name has limits
  const isName = /^[\p{L}\p{N}_][\p{L}\p{N}_. -]*$/u.test(id) && Buffer.byteLength(id) <= longestId
  if (Option.isNone(ledger) && !isName) {
    return yield* wrong("the id is not a file name: name the ledger file with --ledger")
  }
  const file = Option.getOrElse(ledger, () => `${id}.ledger`)
  if (!existsSync(dirname(resolve(file)))) return yield* wrong(`--ledger ${file}: there is no such folder`)
  return isLedgerOrNone(file) ? file : yield* wrong(`${file} is not a ledger: name the ledger file with --ledger`)
})

/** Returns a command to paste, about the same batch. It reads only the ledger, so it names no server. */
export const about = (
  { id, ledger }: BatchFlags,
  command: string,
  flags: ReadonlyArray<readonly [name: string, value?: string]> = []
): string => hint({}, command, [id], [...flags, ...flagsOf({ ledger }, ["ledger"])])

/** The store of an existing ledger. */
export const existing = (flags: BatchFlags): Layer.Layer<BatchStore, UsageError | BatchStoreError> =>
  Layer.unwrapEffect(Effect.flatMap(path(flags), (file) =>
    existsSync(file)
      ? Effect.succeed(BatchStore.layerFile(file))
      : wrong(`there is no ledger ${file}: name the ledger file with --ledger`)))

/** Runs a command in its existing ledger. */
export const inLedger = <A, E, R>(
  command: Effect.Effect<A, E, R>,
  flags: BatchFlags
): Effect.Effect<A, E | UsageError | BatchStoreError, Exclude<R, BatchStore>> =>
  Effect.provide(command, existing(flags))

/** Returns the number of rows in flight in the ledger. */
export const live = (id: string): Effect.Effect<number, LedgerError, BatchStore> =>
  Batch.status(id).pipe(
    Effect.map(({ states: { intent, submitted, uncertain } }) => intent + uncertain + submitted),
    Effect.catchTag("BatchNotFoundError", () => Effect.succeed(0))
  )
