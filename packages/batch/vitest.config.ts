import { configDefaults, defineProject, mergeConfig } from "vitest/config"
import shared from "../../vitest.shared.js"

// a fleet needs a PostgreSQL: `npm run test:fleet`
const exclude = [...configDefaults.exclude, "test/fleet/**"]

export default mergeConfig(shared, defineProject({ test: { name: "batch", exclude } }))
