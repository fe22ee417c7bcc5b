import { defaultServerConditions } from "vite"
import type { ViteUserConfig } from "vitest/config"

/** `TEST_DIST=1` runs the same tests against what `npm run build` made. */
const conditions = process.env.TEST_DIST === undefined
  ? ["@effect-noukai/source", ...defaultServerConditions]
  : [...defaultServerConditions]

const shared: ViteUserConfig = {
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ["test/**/*.test.ts"],
    sequence: { concurrent: false },
    testTimeout: 20_000
  }
}

export default shared
