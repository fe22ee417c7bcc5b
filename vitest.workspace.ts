/** The packages that have tests, and the programs of the guides: the projects of vitest. */
export default [
  "packages/sdk",
  "packages/promise",
  "packages/adapters",
  "packages/emulator",
  "packages/batch",
  "packages/cli",
  "scratchpad"
]
