/** Folders of this process, which are not left behind however it ends. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A folder that goes with the scope, or with a process that ends at once. */
export const temporaryFolder = <E>(
  prefix: string,
  failure: (cause: unknown) => E
): Effect.Effect<string, E, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.try({
        try: () => {
          const path = mkdtempSync(join(tmpdir(), prefix))
          const remove = () => rmSync(path, { recursive: true, force: true })
          process.on("exit", remove)
          return { path, remove }
        },
        catch: failure
      }),
      ({ remove }) =>
        Effect.sync(() => {
          process.off("exit", remove)
          remove()
        })
    ),
    ({ path }) => path
  )
