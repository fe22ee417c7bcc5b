/**
 * The cost of a batch on one machine, the emulator in a process of its own, with results of a few bytes: rows in a second,
 * CPU time of a row, and memory; and how many runs the emulator counted. Its rows are short, then 1 MB long. Then the cost
 * of a restart over 50,000 and 1,000,000 finished rows.
 *
 *     npm run bench:batch
 *     npm run bench:batch -- 20000    another number of rows
 */
import { build } from "esbuild"
import { execFile } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { restarts } from "./batchLedger.js"
import { startServerProcess } from "./ServerProcess.js"

const rows = Number(process.argv[2] ?? 10_000)

const outfile = fileURLToPath(new URL("../build/batchProcess.mjs", import.meta.url))

interface Took {
  readonly done: number
  readonly planning: number
  readonly running: number
  readonly cpu: number
  readonly peak: number
}

const main = async () => {
  await build({
    entryPoints: [fileURLToPath(new URL("batchProcess.ts", import.meta.url))],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    // it finds its binary beside itself
    external: ["libsql"],
    logLevel: "error",
    banner: {
      js: `import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);`
    }
  })
  const folder = await mkdtemp(join(tmpdir(), "noukai-bench-"))
  const server = await startServerProcess("batchServerProcess")
  const [baseUrl, key] = server.message.split(" ")
  const begun = async (): Promise<number> => {
    const answer = once(server.process, "message")
    server.process.send("runs")
    return Number((await answer)[0])
  }
  for (const [planned, run, bytes] of [[rows, rows, 40], [1_000_000, rows, 40], [1000, 1000, 1_000_000]] as const) {
    const before = await begun()
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        outfile,
        `${planned}`,
        `${run}`,
        join(folder, `${bytes}-${planned}.ledger`),
        baseUrl!,
        `bench-${bytes}-${planned}`,
        `${bytes}`
      ],
      { env: { ...process.env, NOUKAI_API_KEY: key } }
    )
    const { cpu, done, peak, planning, running } = JSON.parse(stdout) as Took
    const runs = await begun() - before
    console.log(
      [
        `${planned.toLocaleString("en")} rows of ${bytes.toLocaleString("en")} bytes planned at ${
          Math.round(planning).toLocaleString("en")
        } rows/s`,
        `${done.toLocaleString("en")} run at ${running.toFixed(0)} rows/s, ${cpu.toFixed(2)} ms of CPU time a row`,
        `${peak.toFixed(0)} MiB at most`,
        `${runs.toLocaleString("en")} runs at the emulator`
      ].join("; ")
    )
  }
  await server.close()
  await rm(folder, { recursive: true })
  await restarts([50_000, 1_000_000])
}

void main()
