import { Effect } from "effect"
import * as Fs from "node:fs/promises"
import { folder } from "../../../sdk/test/support/folder.js"

/** A folder that is gone with the scope, by the name that the system knows it by. */
export const temporaryFolder = Effect.flatMap(folder, (path) => Effect.promise(() => Fs.realpath(path)))

/** The files below a folder that this process holds open. */
export const openFiles = (path: string): Effect.Effect<ReadonlyArray<string>> =>
  Effect.promise(async () => {
    const open = await Fs.readdir("/proc/self/fd")
    const paths = await Promise.all(open.map((fd) => Fs.readlink(`/proc/self/fd/${fd}`).catch(() => "")))
    return paths.filter((open) => open.startsWith(path))
  })
