/** Reads rows from a file or from stdin. */
import { BatchSourceError } from "@effect-noukai/batch/BatchError"
import * as BatchSource from "@effect-noukai/batch/BatchSource"
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createWriteStream, mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pipeline } from "node:stream/promises"
import { reason } from "../../arguments/values.js"
import { wrong } from "../../exit/CommandError.js"
import type { DefinedFlags } from "./flags.js"

/** Creates a folder. The scope, or the end of the process, removes it. */
export function temporaryFolder<E>(
  prefix: string,
  failure: (cause: unknown) => E
): Effect.Effect<string, E, Scope.Scope> {
  return Effect.map(
    Effect.acquireRelease(
      Effect.try({
        try: () => {
          const path = mkdtempSync(join(tmpdir(), prefix))
          const remove = () => rmSync(path, { recursive: true, force: true })
          process.on("exit", remove)
          return { path, remove }
        },
        catch: failure
      }),
      ({ remove }) =>
        Effect.sync(() => {
          process.off("exit", remove)
          remove()
        })
    ),
    ({ path }) => path
  )
}

const unreadable = (cause: unknown) =>
  new BatchSourceError({
    source: "stdin",
    reason: `it cannot be read: ${reason(cause)}`,
    cause
  })

/** The bytes of stdin. They can be read once. */
const stdin = NodeStream.fromReadable<BatchSourceError, Uint8Array>(() => process.stdin, unreadable)

/** Copies stdin into a file that only the user can read. The scope removes it. */
const kept: Effect.Effect<string, BatchSourceError, Scope.Scope> = Effect.gen(function*() {
  const folder = yield* temporaryFolder("noukai-rows-", unreadable)
  const path = join(folder, "stdin")
  yield* Effect.tryPromise({
    try: (signal) => pipeline(process.stdin, createWriteStream(path, { mode: 0o600 }), { signal }),
    catch: unreadable
  })
  return path
})

/** The rows of a file or of stdin. */
export type Rows = BatchSource.BatchSource<unknown, BatchSourceError>

/** Fails if a file has no rows, before anything is written. */
const begun = Effect.fnUntraced(function*(input: string, { rows }: Rows) {
  const stats = statSync(input, { throwIfNoEntry: false })
  if (stats !== undefined && !stats.isFile() && !stats.isDirectory()) {
    return yield* wrong(`--input ${input} is not a regular file: pipe it, with --input -`)
  }
  if (Option.isNone(yield* Stream.runHead(rows))) return yield* wrong(`--input ${input} has no rows`)
})

/** Returns the rows of a command. `isReadTwice`: they are counted before they run. */
export const source = Effect.fnUntraced(function*(
  { delimiter: given, format, input }: Pick<DefinedFlags, "delimiter" | "format" | "input">,
  isReadTwice: boolean
) {
  const known = /\.(csv|jsonl|ndjson)$/i.exec(input)?.[1]?.toLowerCase()
  if (Option.isNone(format) && known === undefined && input !== "-") {
    return yield* wrong(`--input ${input}: unknown format; give --format jsonl or csv`)
  }
  const isCsv = Option.getOrElse(format, () => known) === "csv"
  const delimiter = Option.getOrUndefined(given)
  if (delimiter !== undefined && !isCsv) return yield* wrong("--delimiter requires CSV")
  if (input !== "-" || isReadTwice) {
    const path = input === "-" ? yield* kept : input
    const rows = isCsv ? BatchSource.fromCsv(path, { delimiter }) : BatchSource.fromJsonl(path)
    yield* begun(input, rows)
    return rows
  }
  return isCsv ? BatchSource.fromCsvBytes(stdin, "stdin", { delimiter }) : BatchSource.fromJsonlBytes(stdin, "stdin")
})
