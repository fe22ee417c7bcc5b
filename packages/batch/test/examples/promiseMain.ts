import { readFile } from "node:fs/promises"
import { gradeAll } from "./promises.js"

const lines = (await readFile("essays.jsonl", "utf8")).trim().split("\n")
const stop = new AbortController()

// Ctrl-C ends the rows in flight first, and a second one ends the process at once. Both exit with 130: rows are left
process.once("SIGINT", () => {
  process.exitCode = 130
  stop.abort()
})
await gradeAll(lines.map((line) => JSON.parse(line)), stop.signal).catch((error: unknown) => {
  if (!stop.signal.aborted) throw error
})
