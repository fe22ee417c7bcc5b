/** Programs that tests run in a process of their own: as one file, which starts much faster than its sources do. */
import { build } from "esbuild"
import { join, relative, sep } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../../..", import.meta.url))

const conditions = process.env.TEST_DIST === undefined ? ["@effect-noukai/source"] : []

/** The packages that find their binary beside themselves. */
const native = ["pg-native", "libsql"]

const bundles = new Map<string, Promise<string>>()

/** Bundles a program with all that it imports, but for what is native, once; the path of the bundle. */
export const bundledProgram = (entry: URL): Promise<string> => {
  const known = bundles.get(entry.href)
  if (known !== undefined) return known
  const bundle = bundled(entry)
  bundles.set(entry.href, bundle)
  return bundle
}

const bundled = async (entry: URL): Promise<string> => {
  const name = relative(root, fileURLToPath(entry)).replace(/\.ts$/, "").split(sep).join("-")
  const outfile = join(root, "packages/sdk/build/programs", `${name}.mjs`)
  await build({
    entryPoints: [fileURLToPath(entry)],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    conditions: [...conditions, "node"],
    external: native,
    logLevel: "silent",
    // for what is CommonJS
    banner: {
      js: `import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);`
    }
  })
  return outfile
}
