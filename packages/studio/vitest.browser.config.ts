import { defineConfig } from "vitest/config"
import shared from "../../vitest.shared.js"

/** Needs a Chromium: `npm run test:browser`. Builds the page before the tests. */
export default defineConfig({
  ...shared,
  root: import.meta.dirname,
  test: {
    ...shared.test,
    name: "studio-browser",
    include: ["test/browser/**/*.browser.ts"],
    globalSetup: ["test/browser/builtPage.ts"],
    setupFiles: []
  }
})
