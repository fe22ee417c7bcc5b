import { defineConfig } from "vitest/config"
import shared from "../../vitest.shared.js"

/** Needs a Chromium: `npm run test:browser`. Its one file has a process to itself, which what drives the browser changes. */
export default defineConfig({
  ...shared,
  root: import.meta.dirname,
  test: { ...shared.test, name: "browser", include: ["test/browser/**/*.browser.ts"], setupFiles: [] }
})
