/**
 * Bundles the command `noukai` with all that it imports: a chunk for what every command needs, and one for each command.
 * Two dependencies stay packages: libsql, whose parts are native, and secretlint, which `cassette check` alone loads.
 *
 *     node scripts/bundle-cli.mjs            into packages/cli/dist, from what `npm run build` made
 *     node scripts/bundle-cli.mjs --sizes    says how large each file is
 */
import { build } from "esbuild"
import { cpSync, existsSync, rmSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

const folder = fileURLToPath(new URL("../packages/cli", import.meta.url))

/** The page of the studio, which Vite has built. */
const page = fileURLToPath(new URL("../packages/studio/assets", import.meta.url))

/** Text for roff. */
const roff = (text) => text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^([.'])/gm, "\\&$1")

/** The manual page of the command. */
const manual = (grammar) => {
  const list = (rows) => rows.map(([name, does]) => `.TP\n.B ${roff(name)}\n${roff(does)}\n`).join("")
  const command = (path, { arguments: args, commands, does, flags }) =>
    commands === undefined
      ? `.SS ${roff(["noukai", ...path, ...args.map(({ shown }) => shown)].join(" "))}\n${roff(does)}\n` +
        list([...args, ...flags].map(({ does, shown }) => [shown, does]))
      : Object.entries(commands).map(([name, below]) => command([...path, name], below)).join("")
  return `.TH NOUKAI 1\n.SH NAME\nnoukai \\- run Noukai flows, jobs and batches from a terminal\n` +
    `.SH SYNOPSIS\n.B noukai\n.I command\n[flags] [arguments]\n.SH DESCRIPTION\n${roff(grammar.does)}\n` +
    `.SH COMMANDS\n${command([], grammar)}.SH EXIT STATUS\n` +
    list([
      ["0", "Done."],
      ["1", "The run failed, or a check does not hold."],
      ["2", "Wrong usage: nothing was sent."],
      ["3", "The key is missing, or the server refused it."],
      ["4", "The run is paused for tools, or an eval is incomplete."],
      ["5", "A run may exist: its request had no answer."],
      ["6", "A batch stopped at its budget or its failures."],
      ["7", "Refused or unreachable: nothing ran."],
      ["124", "Timed out."],
      ["130", "Interrupted."]
    ]) + `.SH ENVIRONMENT\n` + list([
      ["NOUKAI_API_KEY", "The key."],
      ["NOUKAI_ENV, NOUKAI_PORT, NOUKAI_BASE_URL", "The server."],
      ["CI", "If set, commands do not look for a running noukai dev."],
      ["NOUKAI_ORG, NOUKAI_PROJECT", "The organisation and the project of flows without one."],
      ["HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "The proxy for the hosted service."],
      ["XDG_CONFIG_HOME, XDG_STATE_HOME", "The folders of settings, and of the runs that this machine has seen."]
    ])
}

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

/** Bundles into a folder, with the grammar of all commands, the manual page and the page of the studio beside it. */
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
    external: ["libsql", "@secretlint/*", "pg-native"],
    plugins: [undici],
    chunkNames: "chunks/[name]-[hash]",
    // what is bundled and was written for CommonJS requires Node's modules
    banner: { js: "import { createRequire as ñ } from \"node:module\"; const require = ñ(import.meta.url);" }
  })
  const built = resolve(folder, outdir)
  const { grammar } = await import(pathToFileURL(`${built}/commands/grammar.js`).href)
  writeFileSync(`${built}/grammar.json`, JSON.stringify(grammar))
  writeFileSync(`${built}/noukai.1`, manual(grammar))
  // where the studio looks for it: beside the folder of its chunk
  if (existsSync(page)) cpSync(page, `${built}/assets`, { recursive: true })
  return { metafile }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!existsSync(page)) {
    throw new Error("the page of the studio is not built: npm run page --workspace packages/studio")
  }
  rmSync(`${folder}/dist`, { recursive: true, force: true })
  const { metafile } = await bundle("dist")
  if (process.argv.includes("--sizes")) {
    for (const [path, { bytes }] of Object.entries(metafile.outputs)) process.stdout.write(`${bytes}\t${path}\n`)
  }
}
