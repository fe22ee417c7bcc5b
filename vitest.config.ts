import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"
import shared from "./vitest.shared.js"
import projects from "./vitest.workspace.js"

const { isolate, pool } = shared.test!

/** What takes seconds, the longest first: begun last it would keep one core from sharing the work with the others. */
const long = [
  // it collects all garbage, which is quick while a worker has loaded little
  "emulator/test/Memory",
  "cli/test/Dev",
  "adapters/test/Relay",
  "adapters/test/UnreadBodies",
  "batch/test/BatchKilled",
  "cli/test/Job",
  "cli/test/Batch",
  "promise/test/Behaviour",
  "adapters/test/Trace",
  "sdk/test/RecordEmulator",
  "batch/test/BatchDoubt",
  "cli/test/Secrets",
  "batch/test/BatchLimits",
  "sdk/test/OnceKilled",
  "promise/test/Surface",
  "cli/test/Watch",
  "batch/test/Promise",
  "sdk/test/ErrorBodies",
  "sdk/test/internal/transport/undici",
  "cli/test/Interrupted",
  "batch/test/BatchTakeover",
  "batch/test/Batch",
  "sdk/test/JobService",
  "sdk/test/EscapedKey",
  "sdk/test/CutEverywhere",
  "sdk/test/internal/transport/httpClient",
  "cli/test/RunOutcomes",
  "batch/test/BatchLanes",
  "sdk/test/JobWire"
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
