import { misnamed, type Table } from "@effect-noukai/sdk/kit/names"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { createHash } from "node:crypto"
import { constants, type Stats } from "node:fs"
import { type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { BatchReportError } from "../../BatchError.js"
import { codeOf, kindOf } from "../node/fileKind.js"
import { removedAtExit } from "../node/leftovers.js"

/** The content of a file of a report. */
export interface ReportFile {
  readonly lines: number
  readonly bytes: number
  /** In hexadecimal digits. */
  readonly sha256: string
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: "this process may not write it",
  EDQUOT: "the disk quota is used up",
  EISDIR: "it is a folder, not a plain file",
  ENOENT: "its folder does not exist",
  ENOSPC: "the disk is full",
  ENOTDIR: "its path leads through a file that is not a folder",
  EPERM: "this process may not write it",
  EROFS: "this process may not write it"
}

/** Fails if the options of a report are not an object, or have an unknown option. */
export const optionsNamed = (path: string, given: unknown, names: Table): Effect.Effect<void, BatchReportError> =>
  Effect.suspend(() => {
    const found = misnamed("options", given, names)
    return found === undefined
      ? Effect.void
      : new BatchReportError({ path, reason: `${found.field} ${found.reason}` })
  })

/** Runs an operation on a file to its end: an interruption waits, so that nothing is written after the file was closed. */
export const attempt: <A>(path: string, run: () => Promise<A>) => Effect.Effect<A, BatchReportError> = (path, run) =>
  Effect.uninterruptible(Effect.tryPromise({
    try: run,
    catch: (cause) => {
      const code = codeOf(cause)
      return new BatchReportError({ path, reason: reasons[code ?? ""] ?? `it cannot be written: ${code}`, cause })
    }
  }))

/** The length of text that is encoded and written at once. */
export const pieceLength = 1024 * 1024

const close = (file: FileHandle): Effect.Effect<void> => Effect.promise(() => file.close().catch(() => {}))

export const checkPlain = (path: string, stats: Stats): Effect.Effect<void, BatchReportError> =>
  stats.isFile()
    ? Effect.void
    : Effect.fail(new BatchReportError({ path, reason: `it is ${kindOf(stats)}, not a plain file` }))

/** Makes new and renamed files of a folder durable, on systems that support it. */
const syncFolder = (folder: string): Effect.Effect<void> =>
  Effect.promise(() =>
    open(folder, constants.O_RDONLY).then(async (file) => {
      await file.sync().finally(() => file.close())
    }).catch(() => {})
  )

// opened without waiting: a pipe without a reader would block forever
const appendFlags = constants.O_RDWR | constants.O_CREAT | (constants.O_NONBLOCK ?? 0)

/** Opens a file to append to it, or creates it for its owner alone. */
export const openToGoOn = Effect.fnUntraced(function*(path: string) {
  const file = yield* Effect.acquireRelease(attempt(path, () => open(path, appendFlags, 0o600)), close)
  const stats = yield* attempt(path, () => file.stat())
  yield* checkPlain(path, stats)
  if (stats.size === 0) yield* syncFolder(dirname(path))
  return { file, size: stats.size }
})

export const writeAt = async (file: FileHandle, bytes: Uint8Array, position: number): Promise<void> => {
  let done = 0
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

/** A file that replaces another when it is complete. */
export interface NewFile {
  /** Writes a whole line, with others of its kind. */
  readonly write: (line: string) => Effect.Effect<void, BatchReportError>
  /** Writes the last lines and syncs the file. */
  readonly finish: Effect.Effect<ReportFile, BatchReportError>
  /** Replaces the old file. */
  readonly publish: Effect.Effect<void, BatchReportError>
}

/** The target of a path, after links. Fails unless it is a plain file or does not exist. */
const target = Effect.fnUntraced(function*(path: string) {
  const stats = yield* attempt(path, () =>
    stat(path).catch((cause: unknown) => {
      if (codeOf(cause) === "ENOENT") return undefined
      throw cause
    }))
  if (stats === undefined) return path
  yield* checkPlain(path, stats)
  return yield* attempt(path, () => realpath(path))
})

/**
 * Creates a file beside the one that it will replace, for its owner alone. Unless it is published, it is removed with
 * the scope.
 */
export const newFile: (path: string) => Effect.Effect<NewFile, BatchReportError, Scope.Scope> = Effect.fnUntraced(
  function*(path) {
    const place = yield* target(path)
    const suffix = (yield* Random.nextIntBetween(0, 2 ** 48)).toString(36)
    const temporary = join(dirname(place), `.${basename(place)}.${suffix}.tmp`)
    yield* removedAtExit(temporary)
    const file = yield* Effect.acquireRelease(
      attempt(path, () => open(temporary, "wx", 0o600)),
      (made) => Effect.zipRight(close(made), Effect.promise(() => rm(temporary, { force: true }).catch(() => {})))
    )
    const hash = createHash("sha256")
    let lines = 0
    let bytes = 0
    let text = ""
    const flush = Effect.suspend(() => {
      const data = Buffer.from(text)
      text = ""
      hash.update(data)
      bytes += data.length
      return attempt(path, () => writeAt(file, data, bytes - data.length))
    })
    return {
      write: (line) =>
        Effect.suspend(() => {
          lines++
          text += line
          return text.length < pieceLength ? Effect.void : flush
        }),
      finish: Effect.map(
        Effect.zipRight(flush, attempt(path, () => file.sync())),
        () => ({ lines, bytes, sha256: hash.digest("hex") })
      ),
      publish: Effect.zipRight(attempt(path, () => rename(temporary, place)), syncFolder(dirname(place)))
    }
  }
)
