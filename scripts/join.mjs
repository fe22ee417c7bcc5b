/**
 * Joins the modules of the SDK into few files, since Node takes longer to find and link a module than to run it: a file
 * for what the root leads to, and others for what is loaded when it is needed. Each module stays where it was, as a list
 * of what it exports from there, so that bundlers, subpaths and tests see what the compiler made.
 *
 *     node scripts/join.mjs    from packages/sdk/build/dist into packages/sdk/dist
 */
import { build } from "esbuild"
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, relative, sep } from "node:path"
import { compiled, modulesIn, read, root } from "./workspace.mjs"

const folder = "packages/sdk"
const from = compiled(folder)
const to = join(root, folder, "dist")
const source = join(root, folder, "src")

/** The modules that `imports` of the manifest leads to: each is a file of its own, or the root would load all of them. */
const byCondition = [
  "internal/transport/undici",
  "internal/transport/fetch",
  "internal/transport/httpClient",
  "internal/transport/lateHttpClient",
  "internal/files/node",
  "internal/files/none"
]

const nameOf = (path) => relative(from, path).split(sep).join("/").replace(/\.js$/, "")

const outside = {
  name: "outside",
  setup: ({ onResolve }) => onResolve({ filter: /^[^./]/ }, ({ path }) => ({ path, external: true }))
}

const options = {
  absWorkingDir: from,
  outdir: to,
  format: "esm",
  platform: "neutral",
  target: "es2022",
  sourcemap: true,
  sourcesContent: false,
  metafile: true,
  logLevel: "error"
}

/** What each module exports, and which it imports before it runs. */
const look = async (names) => {
  const { metafile } = await build({
    ...options,
    entryPoints: names.map((name) => `${name}.js`),
    bundle: true,
    splitting: true,
    write: false,
    plugins: [outside]
  })
  const exports = new Map()
  for (const output of Object.values(metafile.outputs)) {
    if (output.entryPoint !== undefined) exports.set(output.entryPoint.replace(/\.js$/, ""), output.exports)
  }
  const imports = new Map()
  for (const [path, input] of Object.entries(metafile.inputs)) {
    imports.set(
      path.replace(/\.js$/, ""),
      input.imports.filter(({ external, kind }) => external !== true && kind === "import-statement")
        .map(({ path }) => path.replace(/\.js$/, ""))
    )
  }
  return { exports, imports }
}

const closure = (imports, names) => {
  const seen = new Set()
  const visit = (name) => {
    if (seen.has(name)) return
    seen.add(name)
    imports.get(name).forEach(visit)
  }
  names.forEach(visit)
  return seen
}

/** An export under a name that no other module has. */
const uniquely = (module, name) => `${module.replaceAll("/", "_")}$${name}`

const path = (module, target) => {
  const way = relative(dirname(module), target).split(sep).join("/")
  return `${way.startsWith(".") ? way : `./${way}`}.js`
}

/** The root: what it exports by name, straight from the file; namespaces from their modules, as bundlers know them. */
const rootModule = (fileOf) =>
  read(`${folder}/build/dist/index.js`).replace(
    /^export \{ ([^}]+) \} from "\.\/(.+)\.js";$/gm,
    (_, names, module) =>
      `export { ${names.split(", ").map((name) => `${uniquely(module, name)} as ${name}`).join(", ")} } from "${
        path("index", fileOf(module))
      }"`
  ).replace(/^\/\/# sourceMappingURL.*$/m, "")

const write = (name, text) => {
  const file = join(to, `${name}.js`)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

for (const stale of modulesIn(from).filter((file) => !existsSync(join(source, `${nameOf(file)}.ts`)))) rmSync(stale)
for (const file of modulesIn(to)) {
  rmSync(file)
  rmSync(`${file}.map`, { force: true })
}

const names = modulesIn(from).map(nameOf)
const modules = names.filter((name) => name !== "index" && !byCondition.includes(name))
const { exports, imports } = await look(names)
const ofRoot = closure(imports, ["index"])
const ofLayers = closure(imports, ["Noukai"])
/** What only recordings need is a file of its own: bundlers leave out whole files more surely than parts of one. */
const files = {
  "internal/services": modules.filter((name) => ofLayers.has(name)),
  "internal/recordings": modules.filter((name) => ofRoot.has(name) && !ofLayers.has(name)),
  "internal/others": modules.filter((name) => !ofRoot.has(name) && !ofLayers.has(name))
}
const fileOf = (module) => Object.keys(files).find((file) => files[file].includes(module))

await build({
  ...options,
  entryPoints: [...Object.keys(files), ...byCondition].map((out) => ({
    in: out in files ? `joined:${out}` : `${out}.js`,
    out
  })),
  bundle: true,
  splitting: true,
  chunkNames: "internal/chunks/[hash]",
  plugins: [{
    name: "joined",
    setup: ({ onLoad, onResolve }) => {
      onResolve({ filter: /^joined:/ }, ({ path }) => ({ path: path.slice("joined:".length), namespace: "joined" }))
      onLoad({ filter: /.*/, namespace: "joined" }, ({ path }) => ({
        resolveDir: from,
        contents: files[path].flatMap((module) =>
          exports.get(module).map((name) => `export { ${name} as ${uniquely(module, name)} } from "./${module}.js"`)
        ).join("\n")
      }))
    }
  }, outside]
})

for (const module of modules) {
  const list = exports.get(module).map((name) => `${uniquely(module, name)} as ${name}`)
  write(
    module,
    list.length === 0 ? "export {};\n" : `export { ${list.join(", ")} } from "${path(module, fileOf(module))}"\n`
  )
}
write("index", rootModule(fileOf))
