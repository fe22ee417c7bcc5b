/** Removes files and folders when the process ends, except after SIGKILL. */
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
      // the exit code does not change
    }
  }
  known.clear()
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const

const onSignal = (signal: NodeJS.Signals): void => {
  // another listener decides about the process; if it exits, `exit` runs these
  if (process.listenerCount(signal) > 1) return
  runAll()
  unlisten()
  process.kill(process.pid, signal)
}

const listen = (): void => {
  process.on("exit", runAll)
  // before other listeners, which may remove themselves when they are called
  for (const signal of signals) process.prependListener(signal, onSignal)
}

const unlisten = (): void => {
  process.off("exit", runAll)
  for (const signal of signals) process.off(signal, onSignal)
}

/** Runs a function when the process exits or receives a signal, while the scope is open. */
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

/** Removes a path when the process ends, while the scope is open. */
export const removedAtExit = (path: string): Effect.Effect<void, never, Scope.Scope> => atExit(() => remove(path))

/** A new temporary folder, removed with the scope. */
export function temporaryFolder<E>(failure: (cause: unknown) => E): Effect.Effect<string, E, Scope.Scope> {
  return Effect.acquireRelease(
    Effect.try({ try: () => mkdtempSync(join(tmpdir(), "noukai-batch-")), catch: failure }),
    (path) => Effect.sync(() => remove(path))
  ).pipe(Effect.tap(removedAtExit))
}
