/**
 * The CPU that the command `noukai` takes to say its version and its help, and until a run is sent: whole processes, beside
 * one of `node` that does nothing, by turns. Linux says it, in hundredths of a second; other systems have the time alone.
 *
 *     npm run bench:command -- [rounds, 15 unless given]
 */
import { execFile } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import { fileURLToPath } from "node:url"
import { apiKey } from "./Fixtures.js"

const rounds = Number(process.argv[2] ?? 15)

const bin = fileURLToPath(new URL("../../cli/bin/noukai.cjs", import.meta.url))

/** CPU of a process that runs, of all of its threads; of `self`, of the children that ended: in milliseconds. */
const cpuOf = (process: number | "self"): number => {
  const file = `/proc/${process}/stat`
  if (!existsSync(file)) return NaN
  const fields = readFileSync(file, "latin1").replace(/^.*\) /, "").split(" ").map(Number)
  const first = process === "self" ? 13 : 11
  return (fields[first]! + fields[first + 1]!) * 10
}

/** When the last request came, and the CPU that its process had taken. */
let arrived = { at: 0, cpu: 0 }
let running = 0

const server = createServer((request, response) => {
  arrived = { at: performance.now(), cpu: cpuOf(running) }
  request.resume().on("end", () => {
    response.setHeader("content-type", "application/json")
    response.end(JSON.stringify({ status: "completed", result: "done", flowId: "f", blockCount: 1, executionId: "e" }))
  })
})
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))

const env = {
  ...process.env,
  XDG_STATE_HOME: join(tmpdir(), "noukai-bench-state"),
  NOUKAI_API_KEY: apiKey,
  NOUKAI_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const ended = (args: ReadonlyArray<string>): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = execFile(process.execPath, args, { env, cwd: tmpdir() }, (error) =>
      error === null ? resolve() : reject(error))
    running = child.pid!
  })

const programs = [
  { name: "node -e 0", most: 1, args: ["-e", "0"], sends: false },
  { name: "noukai --version", most: 1.2, args: [bin, "--version"], sends: false },
  { name: "noukai --help", most: 1.5, args: [bin, "--help"], sends: false },
  { name: "noukai run, until it sends", most: 4, args: [bin, "run", "acme/bench/flow", "Hi."], sends: true }
].map((program) => ({ ...program, cpu: 0, times: new Array<number>() }))

for (let round = -1; round < rounds; round++) {
  for (const program of programs) {
    const before = cpuOf("self")
    const started = performance.now()
    await ended(program.args)
    const { at, cpu } = program.sends ? arrived : { at: performance.now(), cpu: cpuOf("self") - before }
    // the first round brings files into memory
    if (round < 0) continue
    program.cpu += cpu
    program.times.push(at - started)
  }
}
server.close()

const median = (values: ReadonlyArray<number>): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

const [node] = programs
for (const { cpu, most, name, times } of programs) {
  const wall = `${median(times).toFixed(0).padStart(5)} ms, ${(median(times) / median(node!.times)).toFixed(2)} of node`
  const used = `CPU ${(cpu / rounds).toFixed(0).padStart(4)} ms, ${
    (cpu / node!.cpu).toFixed(2)
  } of node, at most ${most}`
  process.stdout.write(`${name.padEnd(28)} ${used}   ${wall}\n`)
}
