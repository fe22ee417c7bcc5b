/**
 * A program without Effect that runs a batch, and listens for no signals: `<port> <ledger> <rows> <exit>`. With `exit` it ends
 * itself, with the code 3, when the first row is settled. The key comes from the environment.
 */
import { runBatch } from "@effect-noukai/batch/promise"

const [port, ledger, rows, exit] = process.argv.slice(2)

await runBatch({
  env: "dev",
  port: Number(port),
  id: "promised",
  ledger: ledger!,
  flow: "acme/test/echo",
  source: Array.from({ length: Number(rows) }, (_, n) => `row ${n}`),
  key: (row) => row,
  input: (row) => ({ message: row }),
  concurrency: 2,
  onProgress: ({ settled }) => {
    if (exit === "exit" && settled > 0) process.exit(3)
  }
})
