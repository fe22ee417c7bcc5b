import { accessSync, constants, statfsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { defaultServerConditions } from "vite"
import type { ViteUserConfig } from "vitest/config"

/** `TEST_DIST=1` runs the same tests against what `npm run build` made, relative imports of `src` included. */
const dist = process.env.TEST_DIST !== undefined

const conditions = dist ? [...defaultServerConditions] : ["@effect-noukai/source", ...defaultServerConditions]

/**
 * The folder of temporary files: one in memory, where Linux has one with space. A ledger waits for the disk at each
 * commit, and tests commit some ten thousand times. A process that is killed leaves the same files there as on a disk.
 */
const temporaryFolder = (): { readonly TMPDIR?: string } => {
  const folder = "/dev/shm"
  try {
    accessSync(folder, constants.W_OK)
    const { bavail, bsize } = statfsSync(folder)
    return process.env.TMPDIR === undefined && bavail * bsize >= 2 ** 30 ? { TMPDIR: folder } : {}
  } catch {
    return {}
  }
}

const shared: ViteUserConfig = {
  resolve: {
    conditions,
    alias: [
      ...dist ? [{ find: /^((?:\.\.\/)+)src\//, replacement: "$1dist/" }] : [],
      // the client of the routes of Next.js
      {
        find: "@/lib/noukai",
        replacement: fileURLToPath(new URL("packages/adapters/test/examples/noukai.ts", import.meta.url))
      }
    ]
  },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    isolate: false,
    pool: "forks",
    setupFiles: [fileURLToPath(new URL("packages/sdk/test/support/setup.ts", import.meta.url))],
    // what is written to run at the same time waits, and does not compute
    maxConcurrency: 50,
    sequence: { concurrent: false },
    // CI runs files whole on machines that are not quiet
    testTimeout: process.env.TESTS === undefined ? 60_000 : 180_000,
    hookTimeout: 60_000,
    // the command remembers runs there, and finds keys: those of tests are not the developer's
    env: {
      ...temporaryFolder(),
      XDG_STATE_HOME: fileURLToPath(new URL("node_modules/.cache/test-state", import.meta.url)),
      XDG_CONFIG_HOME: fileURLToPath(new URL("node_modules/.cache/test-config", import.meta.url))
    }
  }
}

export default shared
