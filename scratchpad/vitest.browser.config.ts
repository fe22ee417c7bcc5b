import { defineConfig } from "vitest/config"
import shared from "../vitest.shared.js"

/** Needs a Chromium: `npm run test:browser`. */
export default defineConfig({
  ...shared,
  root: import.meta.dirname,
  test: { ...shared.test, name: "page-browser", include: ["test/browser/**/*.browser.ts"], setupFiles: [] }
})
