/** Where things are: shared by the scripts of this folder. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { basename, dirname, join, relative, sep } from "node:path"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("..", import.meta.url))

const generated = new Set(["node_modules", "dist", "build", "coverage", ".git"])

/** Written by hand below `docs`; everything else there is generated. */
const written = new Set(["docs/guides", "docs/wire.md"])

const isGenerated = (path) => generated.has(basename(path)) || dirname(path) === "docs" && !written.has(path)

/** The files below `folder`, without what is installed or generated; paths from the root, with "/". */
export const files = (folder = ".") => {
  const absolute = join(root, folder)
  if (!existsSync(absolute)) return []
  return readdirSync(absolute, { withFileTypes: true }).flatMap((entry) => {
    const path = relative(root, join(absolute, entry.name)).split(sep).join("/")
    if (isGenerated(path)) return []
    if (entry.isDirectory()) return files(path)
    return entry.isFile() ? [path] : []
  })
}

export const read = (path) => readFileSync(join(root, path), "utf8")

/** The workspaces that are published, those that others depend on first. */
export const publishable = () => {
  const all = readdirSync(join(root, "packages")).flatMap((folder) => {
    const file = `packages/${folder}/package.json`
    if (!existsSync(join(root, file))) return []
    const manifest = JSON.parse(read(file))
    return manifest.private === true ? [] : [{ folder: `packages/${folder}`, manifest, name: manifest.name }]
  })
  const ordered = []
  const visit = (item) => {
    if (ordered.includes(item)) return
    for (const dependency of workspaceDependencies(item, all)) visit(dependency)
    ordered.push(item)
  }
  all.forEach(visit)
  return ordered
}

/** The exports of a package that programs may import: not the kit for the other packages here. */
export const publicExports = ({ exports }) =>
  Object.fromEntries(
    Object.entries(exports).filter(([name]) => name !== "./package.json" && !name.startsWith("./kit/"))
  )

/** Those of them that programs import; the others are commands. */
export const libraries = () => publishable().filter(({ manifest }) => "." in manifest.exports)

/** Where the compiler puts the modules of a library: those of the SDK are joined before they are published. */
export const compiled = (folder) => join(root, folder, folder === "packages/sdk" ? "build/dist" : "dist")

/** The modules below a folder that is an absolute path. */
export const modulesIn = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return modulesIn(path)
    return entry.name.endsWith(".js") ? [path] : []
  })

/** The workspaces among `all` that `item` declares, as dependency or as peer. */
export const workspaceDependencies = (item, all) => {
  const declared = { ...item.manifest.dependencies, ...item.manifest.peerDependencies }
  return all.filter((other) => other.name in declared)
}

/** The TypeScript files of every `src` that the rules for `src` govern. */
export const sources = () =>
  files("packages").filter((path) => /^packages\/(?!benchmarks\/)[^/]+\/src\/.+\.ts$/.test(path))
