/** The packages that have tests: the projects of vitest. */
export default ["packages/sdk", "packages/promise", "packages/adapters", "packages/emulator"]
