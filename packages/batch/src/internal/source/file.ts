import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { constants } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { BatchSourceError } from "../../BatchError.js"
import { codeOf, kindOf } from "../node/fileKind.js"

const pieceBytes = 64 * 1024

const reasons: Readonly<Record<string, string>> = {
  EACCES: "this process may not read it",
  EPERM: "this process may not read it",
  EISDIR: "it is a folder, not a file",
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file"
}

const failure = (path: string) => (cause: unknown): BatchSourceError => {
  const code = codeOf(cause)
  return new BatchSourceError({ source: path, reason: reasons[code ?? ""] ?? `it cannot be read: ${code}`, cause })
}

const attempt: <A>(path: string, run: () => Promise<A>) => Effect.Effect<A, BatchSourceError> = (path, run) =>
  Effect.tryPromise({ try: run, catch: failure(path) })

// opened without waiting: a pipe without a writer would block forever
const openFlags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

const openFile = (path: string) =>
  Effect.acquireRelease(
    attempt(path, () => open(path, openFlags)),
    (file) => Effect.promise(() => file.close().catch(() => {}))
  )

const checkPlain = Effect.fnUntraced(function*(path: string, file: FileHandle) {
  const stats = yield* attempt(path, () => file.stat())
  if (stats.isFile()) return
  const kind = kindOf(stats)
  const hint = stats.isDirectory() ? "" : ": give its bytes to fromJsonlBytes or fromCsvBytes"
  return yield* new BatchSourceError({ source: path, reason: `it is ${kind}, not a plain file${hint}` })
})

/**
 * The bytes of a file, read on demand into one buffer: a piece is valid until the next. The file is closed when the
 * stream ends, fails or is interrupted.
 */
export const fileBytes = (path: string): Stream.Stream<Uint8Array, BatchSourceError> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const file = yield* openFile(path)
    yield* checkPlain(path, file)
    // reused for each piece: readers keep no part of it
    const memory = Buffer.allocUnsafeSlow(pieceBytes)
    const read = attempt(path, () => file.read(memory, 0, pieceBytes, null))
    return Stream.repeatEffectChunkOption(Effect.flatMap(
      Effect.mapError(read, Option.some),
      ({ bytesRead }) =>
        bytesRead === 0 ? Effect.fail(Option.none()) : Effect.succeed(Chunk.of(memory.subarray(0, bytesRead)))
    ))
  }))
