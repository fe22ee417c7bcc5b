import { existsSync, readdirSync } from "node:fs"
import { basename, join } from "node:path"
import { configDefaults, defineProject, mergeConfig } from "vitest/config"
import { parseCLI } from "vitest/node"
import shared from "./vitest.shared.js"

const tests = "{packages/*,scratchpad}/test/**"

/**
 * The mark in the name of a test file says where it runs; a file can have two.
 *
 * | mark | `npm test` | `npm run test:whole` | `npm run test:faults` |
 * | --- | --- | --- | --- |
 * | none | yes | | |
 * | `.whole` | a part of it | all of it | |
 * | `.slow` | | all of it | |
 * | `.faults` | a part of it | | all of it |
 */
const marked: Record<string, string> = {
  whole: `${tests}/*.{slow,whole}.*test.ts`,
  faults: `${tests}/*.faults.*test.ts`
}

const wanted = process.env.TESTS

if (wanted !== undefined && marked[wanted] === undefined) {
  throw new Error(`TESTS is "${wanted}": set it to ${Object.keys(marked).join(" or ")}, or to nothing`)
}

/** The files that the command line names, as parts of their paths. With `TESTS` they need no mark. */
const { filter: filters } = parseCLI(["vitest", ...process.argv.slice(2)], { allowUnknownOptions: true })

const include = wanted === undefined || filters.length > 0 ? `${tests}/*.test.ts` : marked[wanted]!

/** The slow files that the command line names, and this run leaves out. */
const leftOut = (): ReadonlyArray<string> =>
  ["scratchpad", ...readdirSync("packages").map((name) => join("packages", name))]
    .map((folder) => join(folder, "test"))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: "utf8" }).map((path) => join(folder, path)))
    .filter((path) => /\.slow\..*test\.ts$/.test(path) && filters.some((filter) => path.includes(filter)))

if (wanted === undefined && filters.length > 0) {
  const names = leftOut().map((path) => basename(path))
  const more = names.length > 3 ? ` and ${names.length - 3} more` : ""
  if (names.length > 0) {
    process.once("exit", () =>
      console.error(
        `Left out, because only CI runs slow files: ${names.slice(0, 3).join(", ")}${more}. To run them, too:\n` +
          `  TESTS=whole npx vitest run ${filters.join(" ")}`
      ))
  }
}

const exclude = [
  ...configDefaults.exclude,
  // a fleet needs a PostgreSQL: `npm run test:fleet`
  "packages/batch/test/fleet/**",
  ...wanted === undefined ? [`${tests}/*.slow.*test.ts`] : []
]

/**
 * The projects of vitest: one, of all packages and the programs of the guides. A worker loads Effect and the sources
 * once for all files it takes; between two projects vitest ends the workers and waits for the last of them.
 */
export default [
  mergeConfig(
    shared,
    defineProject({
      test: {
        name: "noukai",
        include: [include],
        exclude,
        globalSetup: ["packages/cli/test/support/bundle.ts", "packages/sdk/test/support/bundledProgram.ts"],
        expect: { poll: { timeout: 15_000, interval: 5 } }
      }
    })
  )
]
