/** Programs that run in a process of their own, and can be killed, stopped and resumed. */
import { Deferred, Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import * as Fs from "node:fs/promises"
import { bundledProgram } from "../../../../sdk/test/support/bundledProgram.js"

/** Bundles a program with all that it imports, but for what is native; the path of the bundle. */
export const bundled = (entry: URL): Effect.Effect<string> => Effect.promise(() => bundledProgram(entry))

/** Bundles a program whose `dev` is at this port: the usual one may be another program's. */
export const bundledAt = (port: number, entry: URL): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function*() {
    const path = yield* bundled(entry)
    const here = path.replace(/\.mjs$/, `-${port}.mjs`)
    yield* Effect.promise(async () =>
      Fs.writeFile(here, (await Fs.readFile(path, "utf8")).replaceAll("8080", `${port}`))
    )
    yield* Effect.addFinalizer(() => Effect.promise(() => Fs.rm(here)))
    return here
  })

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Program {
  /** The text that it has written so far. */
  readonly output: () => string
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
  readonly ended: Effect.Effect<Ended>
  /** Waits until it has written a text. Dies with what it wrote if it ends before, or takes too long. */
  readonly awaitOutput: (text: string) => Effect.Effect<void>
}

/** How long a program may take to write a text: those of a cluster wait for one another. */
const patience = "150 seconds"

/** Starts a program; it is killed with the scope. */
export const start = (
  path: string,
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {}
): Effect.Effect<Program, never, Scope.Scope> =>
  Effect.gen(function*() {
    const end = yield* Deferred.make<Ended>()
    const listeners = new Set<() => void>()
    let output = ""
    let isEnded = false
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const child = spawn(process.execPath, ["--enable-source-maps", path, ...args], {
          env: { ...process.env, ...environment },
          stdio: ["ignore", "pipe", "pipe"]
        })
        const hear = (text: string) => {
          output += text
          for (const listener of listeners) listener()
        }
        child.stdout.setEncoding("utf8").on("data", hear)
        child.stderr.setEncoding("utf8").on("data", hear)
        child.on("close", (code, signal) => {
          isEnded = true
          Deferred.unsafeDone(end, Effect.succeed({ code, signal }))
          for (const listener of listeners) listener()
        })
        return child
      }),
      (child) =>
        Effect.zipRight(
          Effect.sync(() => child.kill("SIGKILL")),
          Deferred.await(end)
        )
    )
    return {
      output: () => output,
      signal: (signal) => Effect.sync(() => void child.kill(signal)),
      ended: Deferred.await(end),
      awaitOutput: (text) => {
        const without = (how: string) => `the program ${how} without ${JSON.stringify(text)}:\n${output}`
        return Effect.async<void>((resume) => {
          const look = () => {
            if (output.includes(text)) return resume(Effect.void)
            if (isEnded) resume(Effect.dieMessage(without("ended")))
          }
          listeners.add(look)
          look()
          return Effect.sync(() => void listeners.delete(look))
        }).pipe(
          Effect.timeoutTo({
            duration: patience,
            onSuccess: Effect.succeed,
            onTimeout: () => Effect.dieMessage(without("runs on"))
          }),
          Effect.flatten
        )
      }
    }
  })
