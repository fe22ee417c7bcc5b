/**
 * How long the command `noukai` takes to say its version and its help, and to send a run: whole processes, beside one of
 * `node` that does nothing, by turns.
 *
 *     npm run bench:command -- [rounds, 15 unless given]
 */
import { execFile } from "node:child_process"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import { fileURLToPath } from "node:url"
import { apiKey } from "./Fixtures.js"

const rounds = Number(process.argv[2] ?? 15)

const bin = fileURLToPath(new URL("../../cli/bin/noukai.cjs", import.meta.url))

/** When the last request came. */
let arrived = 0

const server = createServer((request, response) => {
  arrived = performance.now()
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
    execFile(process.execPath, args, { env, cwd: tmpdir() }, (error) => error === null ? resolve() : reject(error))
  })

const programs: ReadonlyArray<{ readonly name: string; readonly most: number; readonly time: () => Promise<number> }> =
  ([
    ["node -e 0", 1, ["-e", "0"], false],
    ["noukai --version", 1.2, [bin, "--version"], false],
    ["noukai --help", 1.5, [bin, "--help"], false],
    ["noukai run, until it sends", 4, [bin, "run", "acme/bench/flow", "Hi."], true]
  ] as const).map(([name, most, args, sends]) => ({
    name,
    most,
    time: async () => {
      const started = performance.now()
      await ended(args)
      return (sends ? arrived : performance.now()) - started
    }
  }))

const times = programs.map((): Array<number> => [])
for (let round = -1; round < rounds; round++) {
  for (const [index, { time }] of programs.entries()) {
    const took = await time()
    // the first round brings files into memory
    if (round >= 0) times[index]!.push(took)
  }
}
server.close()

const median = (values: ReadonlyArray<number>): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

const node = median(times[0]!)
for (const [index, { most, name }] of programs.entries()) {
  const found = median(times[index]!)
  process.stdout.write(
    `${name.padEnd(28)} ${found.toFixed(0).padStart(5)} ms  ${(found / node).toFixed(2)} of node, at most ${most}\n`
  )
}
