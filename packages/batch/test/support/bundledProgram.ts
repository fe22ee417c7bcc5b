/** Programs that tests run in a process of their own: as one file, which starts much faster than its sources do. */
import { build } from "esbuild"
import { basename } from "node:path"
import { fileURLToPath } from "node:url"

const conditions = process.env.TEST_DIST === undefined ? ["@effect-noukai/source"] : []

/** Bundles a program with all that it imports; the path of the bundle. */
export const bundledProgram = async (entry: URL): Promise<string> => {
  const outfile = fileURLToPath(new URL(`../../build/programs/${basename(entry.pathname, ".ts")}.mjs`, import.meta.url))
  await build({
    entryPoints: [fileURLToPath(entry)],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    conditions: [...conditions, "node"],
    logLevel: "silent",
    // it finds its binary beside itself
    external: ["libsql"],
    // for what is CommonJS
    banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);` }
  })
  return outfile
}
