import { Effect } from "effect"
import * as Fs from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A folder that is gone with the scope. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.promise(async () => Fs.realpath(await Fs.mkdtemp(join(tmpdir(), "noukai-batch-")))),
  (folder) => Effect.promise(() => Fs.rm(folder, { recursive: true, force: true }))
)

/** The files below a folder that this process holds open. */
export const openFiles = (folder: string): Effect.Effect<ReadonlyArray<string>> =>
  Effect.promise(async () => {
    const open = await Fs.readdir("/proc/self/fd")
    const paths = await Promise.all(open.map((fd) => Fs.readlink(`/proc/self/fd/${fd}`).catch(() => "")))
    return paths.filter((path) => path.startsWith(folder))
  })
