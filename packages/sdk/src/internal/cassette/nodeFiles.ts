import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { constants, type Stats } from "node:fs"
import { type FileHandle, mkdir, open, readlink, realpath, rename, rm, stat } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import { newSessionId } from "../operations/scope.js"
import { FileFailure, type Files } from "./Files.js"

const failure = (cause: unknown): FileFailure => {
  if (cause instanceof FileFailure) return cause
  const code = Predicate.isRecord(cause) ? cause.code : undefined
  return new FileFailure(
    code === "ENOENT" || code === "ENOTDIR" ? "NotFound" : "Files",
    typeof code === "string" ? code : "the file system failed",
    cause
  )
}

const kindOf = (stats: Stats): string =>
  stats.isDirectory() ? "a folder" : stats.isFIFO() ? "a pipe" : stats.isSocket() ? "a socket" : "a device"

/**
 * Refuses all but plain files: reading a device or a pipe may wait for ever, never end, or take data from another
 * reader.
 */
const checkPlain = (stats: Stats): void => {
  if (!stats.isFile()) throw new FileFailure("Files", `it is ${kindOf(stats)}, and no plain file`)
}

const tooLarge = (size: string, maxBytes: number): FileFailure =>
  new FileFailure("TooLarge", `it has ${size} bytes, and the limit is ${maxBytes}`)

const pieceBytes = 1024 * 1024

/** Reads to the end and not to a size, since a file may grow while it is read, and some report a size of 0. */
const readUpTo = async (file: FileHandle, size: number, maxBytes: number): Promise<string> => {
  const pieces: Array<Uint8Array> = []
  let total = 0
  while (true) {
    const piece = new Uint8Array(Math.max(size - total, pieceBytes))
    const { bytesRead } = await file.read(piece, 0, piece.length, null)
    if (bytesRead === 0) break
    total += bytesRead
    if (total > maxBytes) throw tooLarge(`more than ${maxBytes}`, maxBytes)
    pieces.push(piece.subarray(0, bytesRead))
  }
  return Buffer.concat(pieces, total).toString("utf8")
}

const readWhole = async (path: string, maxBytes: number): Promise<string> => {
  checkPlain(await stat(path))
  // the path may have become a pipe since the check, and opening one would wait for a writer
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    const stats = await file.stat()
    checkPlain(stats)
    if (stats.size > maxBytes) throw tooLarge(String(stats.size), maxBytes)
    return await readUpTo(file, stats.size, maxBytes)
  } finally {
    await file.close()
  }
}

/** The target of a link, also one that does not exist yet. */
const targetOf = async (path: string): Promise<string> => {
  const there = await realpath(path).catch(() => undefined)
  if (there !== undefined) return there
  const link = await readlink(path).catch(() => undefined)
  return link === undefined ? path : resolve(dirname(path), link)
}

const replace = async (path: string, text: string, unique: string): Promise<void> => {
  const target = await targetOf(path)
  const folder = dirname(target)
  await mkdir(folder, { recursive: true })
  const old = await stat(target).catch(() => undefined)
  if (old !== undefined) checkPlain(old)
  const next = join(folder, `.${basename(target)}.${unique}.tmp`)
  try {
    const mode = old === undefined ? 0o666 : old.mode & 0o777
    const file = await open(next, "wx", mode)
    try {
      if (old !== undefined) await file.chmod(mode)
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(next, target)
  } catch (cause) {
    await rm(next, { force: true })
    throw cause
  }
}

export const files: Files = {
  read: (path, maxBytes) => Effect.tryPromise({ try: () => readWhole(path, maxBytes), catch: failure }),
  write: (path, text) =>
    Effect.flatMap(newSessionId, (unique) =>
      Effect.uninterruptible(
        Effect.tryPromise({ try: () => replace(path, text, unique), catch: failure })
      ))
}
