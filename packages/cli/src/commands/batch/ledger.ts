/** The ledger of a command. */
import * as Batch from "@effect-noukai/batch/Batch"
import type { BatchStoreError, LedgerError } from "@effect-noukai/batch/BatchError"
import { BatchStore } from "@effect-noukai/batch/BatchStore"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { UsageError } from "../../exit/CommandError.js"
import { hint } from "../../terminal/shell.js"
import type { StandingFlags } from "./flags.js"

/** The bytes of the longest id that is the name of a file: its longest extension is `.ledger-journal`. */
const longestId = 240

/** How each file of a database begins. */
const signature = "SQLite format 3\0"

/** Whether nothing, or what may be a ledger, stands at a path. What cannot be read is told when it is opened. */
export const isLedgerOrNone = (path: string): boolean => {
  try {
    const stats = statSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return true
    if (!stats.isFile()) return false
    const file = openSync(path, "r")
    try {
      const start = Buffer.alloc(signature.length)
      // another process may just begin it
      return ["", signature].includes(start.toString("latin1", 0, readSync(file, start)))
    } finally {
      closeSync(file)
    }
  } catch {
    return true
  }
}

/** The path of the ledger, whether there is one or not. */
export const path = ({ id, ledger }: StandingFlags): Effect.Effect<string, UsageError> =>
  Effect.suspend(() => {
    // an id may be any text, but a file is not made of any, nor is its name of any length
    if (
      Option.isNone(ledger) && (!/^[\p{L}\p{N}_][\p{L}\p{N}_. -]*$/u.test(id) || Buffer.byteLength(id) > longestId)
    ) {
      return Effect.fail(
        new UsageError({ message: "the id is not a file name: name the ledger file with --ledger" })
      )
    }
    const file = Option.getOrElse(ledger, () => `${id}.ledger`)
    if (!existsSync(dirname(resolve(file)))) {
      return Effect.fail(new UsageError({ message: `--ledger ${file}: there is no such folder` }))
    }
    return isLedgerOrNone(file)
      ? Effect.succeed(file)
      : Effect.fail(new UsageError({ message: `${file} is not a ledger: name the ledger file with --ledger` }))
  })

/** A command to paste, about the same batch. It reads the ledger alone, and asks no server. */
export const about = (
  { id, ledger }: StandingFlags,
  command: string,
  flags: ReadonlyArray<readonly [name: string, value: string]> = []
): string =>
  hint({}, command, [id], [
    ...flags,
    ...Option.match(ledger, { onNone: () => [], onSome: (path) => [["--ledger", path] as const] })
  ])

/** A ledger that is there. */
export const existing = (flags: StandingFlags): Layer.Layer<BatchStore, UsageError | BatchStoreError> =>
  Layer.unwrapEffect(Effect.flatMap(path(flags), (file) =>
    existsSync(file)
      ? Effect.succeed(BatchStore.layerFile(file))
      : Effect.fail(new UsageError({ message: `there is no ledger ${file}: name the ledger file with --ledger` }))))

/** The rows of a batch that are in flight in its ledger. */
export const live = (id: string): Effect.Effect<number, LedgerError, BatchStore> =>
  Batch.status(id).pipe(
    Effect.map(({ states: { intent, submitted, uncertain } }) => intent + uncertain + submitted),
    Effect.catchTag("BatchNotFoundError", () => Effect.succeed(0))
  )
