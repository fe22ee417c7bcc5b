/**
 * The cost of an eval: the CPU time of 1,000 cases on two sides beside the CPU time of batches of 2,000 rows, in turn; and the time
 * and memory of scoring stored runs.
 *
 *     npm run bench:eval
 *     npm run bench:eval -- 5    another number of turns
 */
import { build } from "esbuild"
import { execFile } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { startServerProcess } from "./ServerProcess.js"

const turns = Number(process.argv[2] ?? 3)

const outfile = fileURLToPath(new URL("../build/evalProcess.mjs", import.meta.url))

interface Took {
  readonly done: number
  readonly seconds: number
  readonly cpu: number
  readonly peak: number
}

/** A server that nothing is sent to. */
const nowhere = "http://127.0.0.1:9 nk_test_nowhere"

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

const main = async () => {
  await build({
    entryPoints: [fileURLToPath(new URL("evalProcess.ts", import.meta.url))],
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
  const run = async (server: string, what: string, cases: number, ledger: string): Promise<Took> => {
    const [baseUrl, key] = server.split(" ")
    const args = [outfile, what, String(cases), join(folder, ledger), baseUrl!]
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: { ...process.env, NOUKAI_API_KEY: key }
    })
    return JSON.parse(stdout) as Took
  }
  const cpu: { [what: string]: Array<number> } = { batch: [], costs: [], eval: [] }
  for (let turn = 0; turn < turns; turn++) {
    for (const what of Object.keys(cpu)) {
      // a server of its own: sessions are those of names
      const server = await startServerProcess("batchServerProcess")
      cpu[what]!.push((await run(server.message, what, 1000, `${what}-${turn}.ledger`)).cpu)
      await server.close()
    }
  }
  const [batch, costs, evals] = [median(cpu["batch"]!), median(cpu["costs"]!), median(cpu["eval"]!)]
  console.log(
    `1,000 cases on two sides: ${evals.toFixed(2)} s of CPU time, ${
      (evals / costs).toFixed(2)
    } times that of a batch of ` +
      `2,000 rows with costs (${costs.toFixed(2)} s), ${(evals / batch).toFixed(2)} times without (${
        batch.toFixed(2)
      } s)`
  )
  for (const cases of [10_000, 100_000]) {
    await run(nowhere, "stored", cases, `${cases}.ledger`)
    const { peak, seconds } = await run(nowhere, "score", cases, `${cases}.ledger`)
    console.log(
      `${cases.toLocaleString("en")} stored runs scored in ${seconds.toFixed(1)} s, ${peak.toFixed(0)} MiB at most`
    )
  }
  await rm(folder, { recursive: true })
}

void main()
