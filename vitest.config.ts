import { existsSync } from "node:fs"
import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"
import shared from "./vitest.shared.js"
import projects from "./vitest.workspace.js"

const { isolate, pool } = shared.test!

/** Seconds of the files that take some, and half of it or more wait: for a server, a clock, or a process to end. */
const waiting: { readonly [file: string]: number } = {
  "adapters/test/Relay": 16,
  "cli/test/Dev": 12,
  "batch/test/BatchKilled": 12,
  "promise/test/Behaviour": 11.5,
  "batch/test/Promise": 7,
  "sdk/test/ErrorBodies": 5,
  "sdk/test/Closing": 5,
  "batch/test/BatchConcurrency": 10,
  "batch/test/BatchTimeouts": 12,
  "batch/test/BatchCanary": 3,
  "batch/test/BatchDoubt": 4.5,
  "batch/test/BatchTakeover": 4.5,
  "sdk/test/JobService": 4.5,
  "cli/test/Job": 4,
  "promise/test/Bundle": 4,
  "sdk/test/JobWire": 4,
  "batch/test/examples/Examples": 3.5,
  "cli/test/Watch": 3.5,
  "sdk/test/FlowEventsHeal": 3,
  "batch/test/BatchLanes": 2,
  "cli/test/RunOutcomes": 2,
  "sdk/test/RetryBudget": 2,
  "batch/test/BatchEnds": 2,
  "emulator/test/Bounds": 1.5,
  "promise/test/RelayFlow": 1.5
}

/** Seconds of the files that take some, and compute, or start processes that do. */
const computing: { readonly [file: string]: number } = {
  // it collects all garbage, which is quick while a worker has loaded little
  "emulator/test/Memory": 2,
  "cli/test/Batch": 13.5,
  "adapters/test/UnreadBodies": 10.5,
  "adapters/test/Trace": 9,
  "sdk/test/internal/transport/undici": 9,
  "batch/test/Batch": 6,
  "batch/test/LedgerPlans": 5.5,
  "batch/test/BatchDocuments": 3,
  "sdk/test/OnceKilled": 5.5,
  "sdk/test/OncePausesKilled": 4,
  "sdk/test/Start": 4.5,
  "sdk/test/TimeLimits": 4,
  "cli/test/Run": 3.5,
  "emulator/test/Command": 3.5,
  "sdk/test/RecordEmulator": 3.5,
  "emulator/test/Conformance": 3,
  "sdk/test/WireLeniency": 3,
  "sdk/test/internal/transport/fetch": 3,
  "sdk/test/internal/transport/httpClient": 3,
  "emulator/test/Loops": 3,
  "sdk/test/Tools": 3
}

const gone = Object.keys({ ...waiting, ...computing }).filter((name) =>
  !existsSync(new URL(`packages/${name}.test.ts`, import.meta.url))
)
if (gone.length > 0) throw new Error(`there is no test ${gone.join(", ")}`)

/** Seconds of the others, of which the larger come first: few take long. */
const secondsOf = (place: number): number => 2.5 * 0.975 ** place

/** More workers than cores: tests wait for servers and clocks, too. Each worker takes files in turn. */
const maxWorkers = Math.ceil(availableParallelism() * 1.5)

/** A tenth of the time went into collecting what had just been made, and a tenth into optimizing what is soon over. */
const execArgv = [
  "--min-semi-space-size=64",
  "--max-semi-space-size=64",
  // later versions have another name for it
  ...process.versions.node.startsWith("20.") ? ["--interrupt-budget=300000"] : []
]

const nameOf = ({ moduleId }: TestSpecification): string => /packages\/(.*)\.test\.ts$/.exec(moduleId)?.[1] ?? ""

/** Files in the order of their seconds, those of few last, and when each would begin if so many workers took them. */
const begun = (
  files: ReadonlyArray<TestSpecification>,
  seconds: { readonly [file: string]: number },
  workers: number
): ReadonlyArray<{ readonly file: TestSpecification; readonly at: number }> => {
  const names = Object.keys(seconds)
  const place = (file: TestSpecification) => nameOf(file) in seconds ? names.indexOf(nameOf(file)) : names.length
  let at = 0
  return files.toSorted((one, other) => place(one) - place(other)).map((file, index) => {
    const begins = { file, at }
    at += (seconds[nameOf(file)] ?? secondsOf(index - names.length)) / workers
    return begins
  })
}

/** Waiting files beside computing ones, the longest first: alone at the end it would leave a core idle. */
class SideBySide extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const all = await super.sort(files)
    const waits = (file: TestSpecification) => nameOf(file) in waiting
    // a little more than a third of them, and none is left for the end
    const waiters = maxWorkers * 0.4
    return [
      ...begun(all.filter(waits), waiting, waiters),
      ...begun(all.filter((file) => !waits(file)), computing, maxWorkers - waiters)
    ].sort((one, other) => one.at - other.at).map(({ file }) => file)
  }
}

export default defineConfig({
  test: {
    projects,
    isolate,
    pool,
    poolOptions: { forks: { execArgv } },
    maxWorkers,
    // the pool cannot stop idle workers between two projects
    minWorkers: maxWorkers,
    sequence: { sequencer: SideBySide }
  }
})
