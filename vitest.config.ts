import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"
import shared from "./vitest.shared.js"
import projects from "./vitest.workspace.js"

const { isolate, pool } = shared.test!

/** Two workers more than cores: tests wait for servers and clocks, too. Each worker takes files in turn. */
const maxWorkers = availableParallelism() + 2

/** A tenth of the time went into collecting what had just been made, and a tenth into optimizing what is soon over. */
const execArgv = [
  "--min-semi-space-size=64",
  "--max-semi-space-size=64",
  // later versions have another name for it
  ...process.versions.node.startsWith("20.") ? ["--interrupt-budget=300000"] : []
]

export default defineConfig({
  test: {
    projects,
    isolate,
    pool,
    poolOptions: { forks: { execArgv } },
    maxWorkers,
    // the pool cannot stop idle workers between two projects
    minWorkers: maxWorkers
  }
})
