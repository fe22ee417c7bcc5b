/** Files and folders that are not to be left behind, however the process ends. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const known = new Set<string>()

const remove = (path: string): void => rmSync(path, { recursive: true, force: true })

const removeAll = (): void => {
  for (const path of known) {
    try {
      remove(path)
    } catch {
      // the process ends with the code that it has
    }
  }
}

/** Has a path removed where the process ends, for as long as the scope is open. @internal */
export const removedAtExit = (path: string): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      if (known.size === 0) process.on("exit", removeAll)
      known.add(path)
    }),
    () =>
      Effect.sync(() => {
        if (known.delete(path) && known.size === 0) process.off("exit", removeAll)
      })
  )

/** A folder of its own, which goes with the scope. @internal */
export const temporaryFolder = <E>(failure: (cause: unknown) => E): Effect.Effect<string, E, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({ try: () => mkdtempSync(join(tmpdir(), "noukai-batch-")), catch: failure }),
    (path) => Effect.sync(() => remove(path))
  ).pipe(Effect.tap(removedAtExit))
