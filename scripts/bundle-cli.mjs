/**
 * Bundles the command `noukai` with all that it imports: a chunk for what every command needs, and one for each command.
 * Two dependencies stay packages: libsql, whose parts are native, and secretlint, which `cassette check` alone loads.
 *
 *     node scripts/bundle-cli.mjs            into packages/cli/dist, from what `npm run build` made
 *     node scripts/bundle-cli.mjs --sizes    says how large each file is
 */
import { build } from "esbuild"
import { rmSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

const folder = fileURLToPath(new URL("../packages/cli", import.meta.url))

/** The command has undici in itself: the SDK would require it where it is installed, and start later. */
const undici = {
  name: "undici",
  setup: ({ onResolve, resolve }) =>
    onResolve(
      { filter: /^#undici$/ },
      ({ importer, kind, path, resolveDir }) =>
        kind === "require-call" ? undefined : resolve(path, { importer, resolveDir, kind: "require-call" })
    )
}

/** Bundles into a folder, with the grammar of all commands beside it. */
export const bundle = async (outdir, conditions = []) => {
  const { metafile } = await build({
    absWorkingDir: folder,
    entryPoints: ["src/main.ts", "src/commands/grammar.ts"],
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    conditions,
    minify: true,
    metafile: true,
    legalComments: "none",
    logLevel: "error",
    external: ["libsql", "@secretlint/*"],
    plugins: [undici],
    chunkNames: "chunks/[name]-[hash]",
    // what is bundled and was written for CommonJS requires Node's modules
    banner: { js: "import { createRequire as ñ } from \"node:module\"; const require = ñ(import.meta.url);" }
  })
  const built = resolve(folder, outdir)
  const { grammar } = await import(pathToFileURL(`${built}/commands/grammar.js`).href)
  writeFileSync(`${built}/grammar.json`, JSON.stringify(grammar))
  return { metafile }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  rmSync(`${folder}/dist`, { recursive: true, force: true })
  const { metafile } = await bundle("dist")
  if (process.argv.includes("--sizes")) {
    for (const [path, { bytes }] of Object.entries(metafile.outputs)) process.stdout.write(`${bytes}\t${path}\n`)
  }
}
