/**
 * Joins the modules of the SDK into few files, since Node takes longer to find and link a module than to run it: a file
 * for what the root leads to, and others for what is loaded when it is needed. Each module stays where it was, as a list
 * of what it exports from there, so that bundlers, subpaths and tests see what the compiler made.
 *
 *     node scripts/join.mjs    from packages/sdk/build/dist into packages/sdk/dist
 */
import { build } from "esbuild"
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, relative, sep } from "node:path"
import { compiled, modulesIn, read, root } from "./workspace.mjs"

const folder = "packages/sdk"
const from = compiled(folder)
const to = join(root, folder, "dist")
const source = join(root, folder, "src")

/** The files that `imports` of the manifest leads to, or the root would load all of them, and what needs no Effect. */
const byCondition = {
  ErrorResponse: ["ErrorResponse"],
  "internal/kit/names": ["internal/kit/names"],
  "internal/http/undici": ["internal/http/undici"],
  "internal/http/undiciRequired": ["internal/http/undiciRequired"],
  "internal/http/undiciIncluded": ["internal/http/undiciIncluded"],
  "internal/http/httpClient": ["internal/http/httpClient"],
  "internal/http/lateHttpClient": ["internal/http/lateHttpClient"],
  "internal/cassette/nodeFiles": ["internal/cassette/nodeFiles"]
}

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

/** The exports of each module, and the modules that it imports before it runs. */
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
const modules = names.filter((name) => name !== "index")
const { exports, imports } = await look(names)
const onNode = Object.values(byCondition).flat()
const ofRoot = closure(imports, ["index"])
const ofLayers = closure(imports, ["Noukai"])
const ofTransports = closure(imports, [...onNode, "internal/http/fetch", "internal/cassette/noFiles"])
/** Code for recordings alone is a file of its own: bundlers leave out whole files more surely than parts of one. */
const joinedIn = (name) =>
  ofTransports.has(name)
    ? "internal/joined/base"
    : ofLayers.has(name)
    ? "internal/joined/services"
    : ofRoot.has(name)
    ? "internal/joined/recordings"
    : "internal/joined/others"
const files = { ...byCondition }
for (const name of modules.filter((name) => !onNode.includes(name))) (files[joinedIn(name)] ??= []).push(name)
const fileOf = (module) => Object.keys(files).find((file) => files[file].includes(module))

/** The exports of a module from a file: under their own names, where the file has the module's name. */
const list = (file, module) =>
  exports.get(module).map((name) => file === module ? name : `${name} as ${uniquely(module, name)}`).join(", ")

const listed = (file, module) =>
  exports.get(module).map((name) => file === module ? name : `${uniquely(module, name)} as ${name}`).join(", ")

/** Joins the modules of a file. It imports what others have from these. */
const joined = (file) => ({
  name: "joined",
  setup: ({ onLoad, onResolve }) => {
    onResolve({ filter: /^joined$/ }, ({ path }) => ({ path, namespace: "joined" }))
    onLoad({ filter: /.*/, namespace: "joined" }, () => ({
      resolveDir: from,
      contents: files[file].map((module) => `export { ${list(file, module)} } from "./${module}.js"`).join("\n")
    }))
    onResolve({ filter: /^\./ }, ({ kind, namespace, path: given, resolveDir }) => {
      if (namespace === "elsewhere") return { path: given, external: true }
      const module = nameOf(join(resolveDir, given))
      if (files[file].includes(module)) return undefined
      return kind === "dynamic-import"
        ? { path: path(file, module), external: true }
        : { path: module, namespace: "elsewhere" }
    })
    onLoad({ filter: /.*/, namespace: "elsewhere" }, ({ path: module }) => {
      const other = fileOf(module)
      return { contents: `export { ${listed(other, module)} } from "${path(file, other)}"` }
    })
  }
})

for (const file of Object.keys(files)) {
  await build({
    ...options,
    entryPoints: [{ in: "joined", out: file }],
    bundle: true,
    plugins: [joined(file), outside]
  })
  const place = join(to, `${file}.js.map`)
  const map = JSON.parse(readFileSync(place, "utf8"))
  // what was made here is no file
  map.sources = map.sources.map((source) => /^(?:joined|elsewhere):/.test(source) ? null : source)
  writeFileSync(place, JSON.stringify(map))
}
for (const module of modules) {
  const file = fileOf(module)
  if (file === module) continue
  write(
    module,
    exports.get(module).length === 0
      ? "export {};\n"
      : `export { ${listed(file, module)} } from "${path(module, file)}"\n`
  )
}
write("index", rootModule(fileOf))
