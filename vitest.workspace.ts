import { configDefaults, defineProject, mergeConfig } from "vitest/config"
import shared from "./vitest.shared.js"

// a fleet needs a PostgreSQL: `npm run test:fleet`
const exclude = [...configDefaults.exclude, "packages/batch/test/fleet/**"]

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
