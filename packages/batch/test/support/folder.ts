import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"

/** A folder of its own, removed afterwards. */
export const folder: Effect.Effect<string, never, Scope> = Effect.acquireRelease(
  Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "noukai-"))),
  (path) => Effect.promise(() => Fs.rm(path, { recursive: true, force: true }))
)

export const read = (path: string): Effect.Effect<string> => Effect.promise(() => Fs.readFile(path, "utf8"))

export const write = (path: string, text: string): Effect.Effect<void> => Effect.promise(() => Fs.writeFile(path, text))

export const list = (path: string): Effect.Effect<ReadonlyArray<string>> =>
  Effect.promise(async () => (await Fs.readdir(path)).sort())
