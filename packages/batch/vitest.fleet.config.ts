import { defineConfig } from "vitest/config"
import shared from "../../vitest.shared.js"

/** Needs a PostgreSQL: `npm run test:fleet`. One file after the other, since each has processes of its own. */
export default defineConfig({
  ...shared,
  root: import.meta.dirname,
  test: {
    ...shared.test,
    name: "fleet",
    include: ["test/fleet/**/*.test.ts"],
    fileParallelism: false,
    // CI runs other things beside
    testTimeout: 400_000,
    globalSetup: ["../sdk/test/support/bundledProgram.ts"],
    setupFiles: []
  }
})
