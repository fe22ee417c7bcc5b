import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { Stats } from "node:fs"
import { chmod, mkdir, readFile, readlink, realpath, rename, rm, stat, writeFile } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import { newSessionId } from "../operations/scope.js"
import { FileFailure, type Files } from "./noFiles.js"

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

/** Refuses all but plain files: reading a device or a pipe may wait for ever, or never end. */
const checkPlain = (stats: Stats): void => {
  if (!stats.isFile()) throw new FileFailure("Files", `it is ${kindOf(stats)}, and no plain file`)
}

const readWhole = async (path: string, maxBytes: number): Promise<string> => {
  const stats = await stat(path)
  checkPlain(stats)
  // some files say that they are empty, and are not
  const bytes = stats.size > maxBytes ? undefined : await readFile(path)
  if (bytes === undefined || bytes.length > maxBytes) {
    throw new FileFailure("TooLarge", `it has ${bytes?.length ?? stats.size} bytes, and the limit is ${maxBytes}`)
  }
  return bytes.toString("utf8")
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
    await writeFile(next, text, { flag: "wx", mode, flush: true })
    if (old !== undefined) await chmod(next, mode)
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
