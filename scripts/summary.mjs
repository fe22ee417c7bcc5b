/** Prints the summaries of runs of vitest from their JSON reports, and closes with "N passed, N failed" of all of them. */
import { readFileSync } from "node:fs"
import { basename } from "node:path"

const runs = process.argv.slice(2).map((path) => {
  const { numFailedTests, numPassedTests, numPendingTests, numTotalTests, testResults } = JSON.parse(
    readFileSync(path, "utf8")
  )
  // a file that cannot be loaded has no test to fail
  const broken = testResults.filter(({ assertionResults, status }) =>
    status === "failed" && assertionResults.every((test) => test.status !== "failed")
  )
  const brokenFiles = new Set(testResults.filter(({ status }) => status === "failed").map(({ name }) => name)).size
  console.log(`
 ${basename(path, ".json")}
 Test Files  ${brokenFiles} failed | ${testResults.length - brokenFiles} passed (${testResults.length})
      Tests  ${numFailedTests} failed | ${numPassedTests} passed | ${numPendingTests} skipped (${numTotalTests})`)
  return { passed: numPassedTests, failed: numFailedTests + broken.length }
})

const sum = (key) => runs.reduce((total, run) => total + run[key], 0)

console.log(`\n${sum("passed")} passed, ${sum("failed")} failed`)
