/** Programs that tests run in a process of their own: as bundles, which start much faster than their sources do. */
import { build, type BuildOptions } from "esbuild"
import { rm } from "node:fs/promises"
import { join, relative, sep } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../../..", import.meta.url))

const folder = join(root, "packages/sdk/build/programs")

const options: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  conditions: [...process.env.TEST_DIST === undefined ? ["@effect-noukai/source"] : [], "node"],
  // there is less to read when a process starts
  minify: true,
  // the packages that find their binary beside themselves
  external: ["pg-native", "libsql"],
  logLevel: "silent",
  // for what is CommonJS
  banner: {
    js: `import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);`
  }
}

/** The programs of most tests. One build makes all of them in a fifth of the time that a build of each takes. */
const programs: ReadonlyArray<string> = [
  ...["approvalProcess", "eventsOnceProcess", "jobProcess", "oncePausesProcess", "onceProcess", "saveProcess"].map((
    name
  ) => `packages/sdk/test/support/${name}.ts`),
  ...["batchProcess", "batchPromise", "batchReader", "ledgerBeginner"].map((name) =>
    `packages/batch/test/support/${name}.ts`
  ),
  "packages/emulator/test/support/commandProcess.ts",
  "packages/eval/test/support/evalProcess.ts",
  "scratchpad/batchProcess.ts",
  "scratchpad/recipes/main.ts"
]

/** Bundles `programs`, before all tests. */
export default async (): Promise<void> => {
  await rm(folder, { recursive: true, force: true })
  await build({
    ...options,
    entryPoints: [...programs],
    outdir: folder,
    outbase: root,
    outExtension: { ".js": ".mjs" },
    splitting: true,
    chunkNames: "chunks/[name]-[hash]"
  })
}

const bundles = new Map<string, Promise<string>>()

/** The path of a program's bundle. One that is not among `programs` is bundled alone, as one file. */
export const bundledProgram = (entry: URL): Promise<string> => {
  const path = relative(root, fileURLToPath(entry)).split(sep).join("/")
  const bundle = bundles.get(path) ?? bundled(path)
  bundles.set(path, bundle)
  return bundle
}

const bundled = async (path: string): Promise<string> => {
  const name = path.replace(/\.ts$/, ".mjs")
  if (programs.includes(path)) return join(folder, name)
  const outfile = join(folder, name.replaceAll("/", "-"))
  await build({ ...options, entryPoints: [path], outfile })
  return outfile
}
