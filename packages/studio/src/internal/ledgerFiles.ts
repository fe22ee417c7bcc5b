/** Finds ledgers and definitions of evals below a folder. Links are not followed, so that nothing outside of it is found. */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs/promises"
import { join } from "node:path"

/** The limits of a search. */
const [mostDepth, mostEntries, mostLedgers, mostDefinitions] = [6, 20_000, 1_000, 200]

/** The files below a folder, by their names: paths from the folder, with slashes. */
export interface Found {
  readonly ledgers: ReadonlyMap<string, string>
  readonly definitions: ReadonlyMap<string, string>
  /** Why the search is not complete. */
  readonly problems: ReadonlyArray<string>
}

const compare = (one: string, other: string): number => one < other ? -1 : one > other ? 1 : 0

/** Searches a folder, the files nearest to it first. Hidden folders and `node_modules` are left out. */
export const find = (folder: string): Effect.Effect<Found> =>
  Effect.promise(async () => {
    const ledgers = new Map<string, string>()
    const definitions = new Map<string, string>()
    const problems: Array<string> = []
    let entries = 0
    let folders: ReadonlyArray<string> = [""]
    for (let depth = 0; depth < mostDepth && folders.length > 0; depth++) {
      const inner: Array<string> = []
      for (const name of folders) {
        const found = await Fs.readdir(join(folder, name), { withFileTypes: true }).catch((error: unknown) => {
          problems.push(
            `${join(folder, name)} cannot be read: ${error instanceof Error ? error.message : String(error)}`
          )
          return []
        })
        entries += found.length
        for (const entry of found.sort((one, other) => compare(one.name, other.name))) {
          const path = name === "" ? entry.name : `${name}/${entry.name}`
          if (entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules") inner.push(path)
          else if (!entry.isFile()) continue
          else if (entry.name.endsWith(".ledger") && ledgers.size < mostLedgers) ledgers.set(path, join(folder, path))
          else if (/\.eval\.(json|ya?ml)$/.test(entry.name) && definitions.size < mostDefinitions) {
            definitions.set(path, join(folder, path))
          }
        }
        if (entries > mostEntries) {
          return { ledgers, definitions, problems: [...problems, `Only the first ${mostEntries} files were searched.`] }
        }
      }
      folders = inner
    }
    return { ledgers, definitions, problems }
  })

/** A text that changes whenever a file or the log beside it changes. */
export const signature = (path: string): Effect.Effect<string> =>
  Effect.promise(async () => {
    const parts = await Promise.all([path, `${path}-wal`].map((file) =>
      Fs.stat(file, { bigint: true }).then(
        ({ ino, mtimeNs, size }) => `${ino} ${mtimeNs} ${size}`,
        () => ""
      )
    ))
    return parts.join(",")
  })
