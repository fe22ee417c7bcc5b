/**
 * The tests of batches on many machines: runners in processes of their own, on a PostgreSQL of the tests' own. 5 seeds
 * of random kills by default, in less than 10 minutes.
 *
 *     npm run test:fleet              5 seeds
 *     npm run test:fleet -- --all     50 seeds, and larger batches where times are measured
 *     npm run test:fleet -- Cluster   only this file; what follows goes to vitest
 */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const args = process.argv.slice(2)
const whole = { FLEET_SEEDS: "50", FLEET_ROWS: "2000", TESTS: "whole" }
const some = { FLEET_SEEDS: "5", FLEET_ROWS: "240" }

const { status } = spawnSync(
  process.execPath,
  [
    "node_modules/vitest/vitest.mjs",
    "run",
    "--config",
    "packages/batch/vitest.fleet.config.ts",
    ...args.filter((arg) => arg !== "--all")
  ],
  { cwd: root, stdio: "inherit", env: { ...(args.includes("--all") ? whole : some), ...process.env } }
)
process.exit(status ?? 1)
