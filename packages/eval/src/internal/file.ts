/** Text files: definitions and baselines. */
import * as Effect from "effect/Effect"
import { open, readFile, rename, rm, writeFile } from "node:fs/promises"
import { EvalFileError } from "../EvalError.js"
import { messageOf } from "./values.js"

const reasons: { readonly [code: string]: string } = {
  EACCES: "this process may not open it",
  EISDIR: "it is a folder, not a file",
  ENOENT: "there is no such file or folder",
  ENOSPC: "the disk is full",
  EPERM: "this process may not open it",
  EROFS: "its disk is read-only"
}

const attempt: <A>(path: string, run: () => Promise<A>) => Effect.Effect<A, EvalFileError> = (path, run) =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => {
      const code = (cause as { readonly code?: string }).code ?? ""
      return new EvalFileError({ path, reason: reasons[code] ?? messageOf(cause), cause })
    }
  })

export const readText = (path: string): Effect.Effect<string, EvalFileError> =>
  attempt(path, () => readFile(path, "utf8"))

/** Writes a file as a whole: after a crash there is the old one or the new one. */
export const writeText = (path: string, text: string): Effect.Effect<void, EvalFileError> => {
  const part = `${path}.part`
  return Effect.uninterruptible(attempt(path, async () => {
    await writeFile(part, text)
    await rename(part, path).catch(async (error: unknown) => {
      await rm(part, { force: true })
      throw error
    })
  }))
}

/** Adds a line to a file, on a line of its own also after a part of one. */
export const addText = (path: string, line: string): Effect.Effect<void, EvalFileError> =>
  attempt(path, async () => {
    const file = await open(path, "a+")
    try {
      const { size } = await file.stat()
      const last = await file.read({ buffer: Buffer.alloc(1), position: Math.max(0, size - 1) })
      await file.appendFile(`${size > 0 && last.buffer[0] !== 10 ? "\n" : ""}${line}\n`)
    } finally {
      await file.close()
    }
  })
