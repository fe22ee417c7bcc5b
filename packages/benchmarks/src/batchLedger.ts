/**
 * The cost of a restart: plans finished rows again, and reads their results in the order of the input. On a file, and on the
 * empty PostgreSQL of `DATABASE_URL` if that is set.
 *
 *     npm run bench:ledger
 *     npm run bench:ledger -- 50000 200    so many rows, of so many bytes
 */
import { build } from "esbuild"
import { execFile } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const counts = process.argv[2] === undefined ? [50_000, 1_000_000] : [Number(process.argv[2])]
const bytes = process.argv[3] ?? "40"

const outfile = fileURLToPath(new URL("../build/batchLedgerProcess.mjs", import.meta.url))

interface Took {
  readonly took: number
  readonly peak: number
}

const main = async () => {
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
    banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);` }
  })
  const folder = await mkdtemp(join(tmpdir(), "noukai-bench-"))
  const url = process.env.DATABASE_URL
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
  await rm(folder, { recursive: true })
}

void main()
