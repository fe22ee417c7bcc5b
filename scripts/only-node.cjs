/** Required by every process below `test-nodes.mjs`: none may run on another Node than the one under test. */
const { TEST_NODE } = process.env

if (TEST_NODE !== undefined && process.version !== TEST_NODE) {
  throw new Error(`${process.execPath} is ${process.version}, and the tests are of ${TEST_NODE}`)
}
