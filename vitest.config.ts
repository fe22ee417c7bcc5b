import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"
import shared from "./vitest.shared.js"
import projects from "./vitest.workspace.js"

const { isolate, pool } = shared.test!

/** What takes seconds, the longest first: begun last it would keep one core from sharing the work with the others. */
const long = [
  "adapters/test/UnreadBodies",
  "adapters/test/Trace",
  "adapters/test/Relay",
  "sdk/test/fuzz/Inputs",
  "sdk/test/CutEverywhere",
  "sdk/test/RecordMatching",
  "sdk/test/Builders",
  "sdk/test/internal/transport/undici",
  "sdk/test/RecordEmulator",
  "sdk/test/ErrorBodies",
  "sdk/test/JobService",
  "sdk/test/RetryBudget",
  "promise/test/Behaviour",
  "promise/test/fuzz/Inputs",
  "promise/test/ReadmePrograms",
  "promise/test/Bundle",
  "emulator/test/Loops",
  "emulator/test/Command",
  "emulator/test/Concurrency",
  "emulator/test/internal/runs"
]

const rank = ({ moduleId }: TestSpecification): number => {
  const place = long.findIndex((file) => moduleId.endsWith(`/packages/${file}.test.ts`))
  return place === -1 ? long.length : place
}

class LongestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other))
  }
}

/** More workers than cores: tests wait for servers and clocks, too. Each worker takes files in turn. */
const maxWorkers = Math.ceil(availableParallelism() * 1.5)

export default defineConfig({
  test: {
    projects,
    isolate,
    pool,
    // a tenth of the time went into collecting what had just been made
    poolOptions: { forks: { execArgv: ["--max-semi-space-size=64"] } },
    maxWorkers,
    // the pool cannot stop idle workers between two projects
    minWorkers: maxWorkers,
    sequence: { sequencer: LongestFirst }
  }
})
