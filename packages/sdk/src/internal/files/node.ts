import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { mkdir, open, readFile, readlink, realpath, rename, rm, stat } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import { newSessionId } from "../scope/sessionId.js"
import type { Files } from "./Files.js"
import { FileFailure } from "./Files.js"

const failure = (cause: unknown): FileFailure => {
  if (cause instanceof FileFailure) return cause
  const code = Predicate.isRecord(cause) ? cause.code : undefined
  return new FileFailure(
    code === "ENOENT" || code === "ENOTDIR" ? "NotFound" : "Files",
    typeof code === "string" ? code : "the file system failed",
    cause
  )
}

const readWhole = async (path: string, maxBytes: number): Promise<string> => {
  const { size } = await stat(path)
  if (size > maxBytes) throw new FileFailure("TooLarge", `it has ${size} bytes, and the limit is ${maxBytes}`)
  return readFile(path, "utf8")
}

/** Where a link leads, also to a file that is not there yet. */
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

/** @internal */
export const files: Files = {
  read: (path, maxBytes) => Effect.tryPromise({ try: () => readWhole(path, maxBytes), catch: failure }),
  write: (path, text) =>
    Effect.flatMap(newSessionId, (unique) =>
      Effect.uninterruptible(
        Effect.tryPromise({ try: () => replace(path, text, unique), catch: failure })
      ))
}
