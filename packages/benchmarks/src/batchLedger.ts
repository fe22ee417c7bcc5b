/**
 * The cost of a restart: plans finished rows again, and reads their results in the order of the input. On a file, and on a
 * PostgreSQL of the benchmark's own, if the machine has one.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { build } from "esbuild"
import { execFile } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { startPostgres } from "../../batch/test/fleet/support/postgres.js"

/** The size of a row's text, in bytes. */
const bytes = "40"

const outfile = fileURLToPath(new URL("../build/batchLedgerProcess.mjs", import.meta.url))

interface Took {
  readonly took: number
  readonly peak: number
}

/** Prints a line for each number of rows and each database. */
export const restarts = async (counts: ReadonlyArray<number>): Promise<void> => {
  await build({
    entryPoints: [fileURLToPath(new URL("batchLedgerProcess.ts", import.meta.url))],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    conditions: ["@effect-noukai/source", "node"],
    external: ["libsql", "pg-native"],
    logLevel: "error",
    banner: {
      js: `import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);`
    }
  })
  const folder = await mkdtemp(join(tmpdir(), "noukai-bench-"))
  const scope = Effect.runSync(Scope.make())
  const postgres = await Effect.runPromiseExit(Scope.extend(startPostgres, scope))
  if (Exit.isFailure(postgres)) console.log("without PostgreSQL: install Debian's package \"postgresql\"")
  const url = Exit.isSuccess(postgres) ? postgres.value.url : undefined
  for (const rows of counts) {
    for (const [name, ledger] of [["a file", join(folder, `${rows}.ledger`)], ["PostgreSQL", url]] as const) {
      if (ledger === undefined) continue
      const act = async (act: string): Promise<string> => {
        const args = [outfile, act, ledger, String(rows), bytes]
        const { peak, took } = JSON.parse((await promisify(execFile)(process.execPath, args)).stdout) as Took
        return `${act} ${(took / 1000).toFixed(1)} s, ${peak.toFixed(0)} MiB`
      }
      const took = [await act("finish"), await act("plan"), await act("results"), await act("forget")]
      console.log(`${rows.toLocaleString("en")} rows of ${bytes} bytes in ${name}: ${took.join("; ")}`)
    }
  }
  await Effect.runPromise(Scope.close(scope, Exit.void))
  await rm(folder, { recursive: true })
}
