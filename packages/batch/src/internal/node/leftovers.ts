/** Files and folders that are not left behind, however the process ends, but for a kill that cannot be caught. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const known = new Set<() => void>()

const runAll = (): void => {
  for (const run of known) {
    try {
      run()
    } catch {
      // the process ends with the code that it has
    }
  }
  known.clear()
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const

const onSignal = (signal: NodeJS.Signals): void => {
  // what another one hears is that one's: if it ends the process, that is an exit
  if (process.listenerCount(signal) > 1) return
  runAll()
  unlisten()
  process.kill(process.pid, signal)
}

const listen = (): void => {
  process.on("exit", runAll)
  // before the others, which may take themselves away when they are called
  for (const signal of signals) process.prependListener(signal, onSignal)
}

const unlisten = (): void => {
  process.off("exit", runAll)
  for (const signal of signals) process.off(signal, onSignal)
}

/** Has something done where the process ends by itself or by a signal, for as long as the scope is open. */
export const atExit = (run: () => void): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      if (known.size === 0) listen()
      known.add(run)
    }),
    () =>
      Effect.sync(() => {
        if (known.delete(run) && known.size === 0) unlisten()
      })
  )

const remove = (path: string): void => rmSync(path, { recursive: true, force: true })

/** Has a path removed where the process ends, for as long as the scope is open. */
export const removedAtExit = (path: string): Effect.Effect<void, never, Scope.Scope> => atExit(() => remove(path))

/** A folder of its own, which goes with the scope. */
export const temporaryFolder = <E>(failure: (cause: unknown) => E): Effect.Effect<string, E, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({ try: () => mkdtempSync(join(tmpdir(), "noukai-batch-")), catch: failure }),
    (path) => Effect.sync(() => remove(path))
  ).pipe(Effect.tap(removedAtExit))
