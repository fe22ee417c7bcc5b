import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { mkdir, open, readFile, realpath, rename, rm, stat } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { newSessionId } from "../sessionId.js"
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

const replace = async (path: string, text: string, unique: string): Promise<void> => {
  const target = await realpath(path).catch(() => path)
  const folder = dirname(target)
  await mkdir(folder, { recursive: true })
  const next = join(folder, `.${basename(target)}.${unique}.tmp`)
  try {
    const file = await open(next, "wx")
    try {
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
