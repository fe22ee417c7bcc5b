/** The modules of the API reference. */
import { libraries, read, sources } from "./workspace.mjs"

const packages = libraries()

/** Returns the name under which programs import a module: `@effect-noukai/sdk/Flow`. */
export const moduleName = (path) => {
  const { folder, name } = packages.find(({ folder }) => path.startsWith(`${folder}/`))
  return path.slice(`${folder}/src/`.length).replace(/\.ts$/, "").replace(/^(?!index$)/, `${name}/`)
    .replace(/^index$/, name)
}

/** The paths of the public modules of all libraries, by name. */
export const modules = new Map(
  sources().filter((path) =>
    packages.some(({ folder }) => path.startsWith(`${folder}/`)) && !path.includes("/src/internal/")
  ).map((path) => [moduleName(path), path])
)

/** Returns the docstring of a module, which is the first of its file, without its tags. */
export const moduleSummary = (name) => {
  const [, text] = /^\/\*\*\n([\s\S]*?)\n \*\//m.exec(read(modules.get(name))) ?? []
  if (text === undefined) return undefined
  const lines = text.split("\n").map((line) => line.replace(/^ \* ?/, "")).filter((line) => !line.startsWith("@"))
  return lines.join("\n").trim()
}

/** The options of typedoc that the API reference and the site share. */
export const options = {
  name: "Effect SDK for Noukai",
  entryPoints: [...modules.values()],
  tsconfig: "tsconfig.docs.json",
  readme: "none",
  excludeInternal: true,
  excludePrivate: true,
  excludeExternals: true,
  gitRevision: "main",
  sourceLinkTemplate: "https://github.com/effect-noukai/effect-noukai/blob/{gitRevision}/{path}#L{line}",
  skipErrorChecking: true, // `npm run check` does it
  validation: { invalidLink: true, notDocumented: false, notExported: false }
}
