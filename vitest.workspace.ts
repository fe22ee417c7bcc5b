import { configDefaults, defineProject, mergeConfig } from "vitest/config"
import shared from "./vitest.shared.js"

/** Slow tests of parts that seldom change: `npm run test:whole` runs them, and CI. */
const slow = [
  "packages/adapters/test/{Trace,UnreadBodies}.test.ts",
  "packages/batch/test/{BatchCanary,BatchReport,BatchTimeouts,LedgerFile,LedgerPlans}.test.ts",
  "packages/batch/test/examples/**",
  "packages/cli/test/{Auth,Batch,Completions,Dev,Doctor,Eval,Habits,Hints,History,Interrupted,Job,KeptSession,NoServer,Proxy}.test.ts",
  "packages/cli/test/{RunSteps,RunTexts,Runs,Settings,Studio,StudioKeep,TerminalText,Types}.test.ts",
  "packages/emulator/test/{Command,Memory}.test.ts",
  "packages/promise/test/{Bundle,PublishedTypes}.test.ts",
  "packages/sdk/test/internal/transport/httpClient.test.ts",
  "packages/sdk/test/{Builders,EscapedKey,OnceAbsence,OncePausesKilled,RecordMatching,ReplayUnfinished}.test.ts",
  "packages/sdk/test/{RunPaths,Start,TimeLimits,WireLeniency,WrongValues}.test.ts",
  "packages/studio/test/{Batches,Evals,HostedSource,Reconcile}.test.ts",
  "scratchpad/test/Eval.test.ts"
]

const exclude = [
  ...configDefaults.exclude,
  // a fleet needs a PostgreSQL: `npm run test:fleet`
  "packages/batch/test/fleet/**",
  ...process.env.TESTS === "whole" ? [] : slow
]

/**
 * The projects of vitest: one, of all packages and the programs of the guides. A worker loads Effect and the sources
 * once for whatever files it takes; between two projects vitest ends the workers and waits for the last of them.
 */
export default [
  mergeConfig(
    shared,
    defineProject({
      test: {
        name: "noukai",
        include: ["packages/*/test/**/*.test.ts", "scratchpad/test/**/*.test.ts"],
        exclude,
        globalSetup: ["packages/cli/test/support/bundle.ts", "packages/sdk/test/support/bundledProgram.ts"],
        expect: { poll: { timeout: 15_000, interval: 5 } }
      }
    })
  )
]
