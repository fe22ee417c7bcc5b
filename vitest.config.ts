import { defineConfig } from "vitest/config"
import shared from "./vitest.shared.js"
import projects from "./vitest.workspace.js"

const { isolate, pool } = shared.test!

/** A worker for each core, and for each worker all files in turn. */
export default defineConfig({ test: { projects, isolate, pool, maxWorkers: "100%" } })
