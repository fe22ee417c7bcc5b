/** Prints the summary of a run of vitest from its JSON report, and closes with "N passed, N failed". */
import { readFileSync } from "node:fs"

const report = JSON.parse(readFileSync(process.argv[2], "utf8"))

// a file that cannot be loaded has no test to fail
const broken = report.testResults.filter(({ assertionResults, status }) =>
  status === "failed" && assertionResults.every((test) => test.status !== "failed")
)
const failed = report.numFailedTests + broken.length
const brokenFiles = new Set(report.testResults.filter(({ status }) => status === "failed").map(({ name }) => name))

console.log(`
 Test Files  ${brokenFiles.size} failed | ${
  report.testResults.length - brokenFiles.size
} passed (${report.testResults.length})
      Tests  ${report.numFailedTests} failed | ${report.numPassedTests} passed | ${report.numPendingTests} skipped (${report.numTotalTests})

${report.numPassedTests} passed, ${failed} failed`)
