/**
 * Marks what a module calls while it loads as free of side effects, so that bundlers leave out what a program does not
 * use.
 *
 *     node scripts/pure.mjs    marks what the compiler made
 */
import { transformAsync } from "@babel/core"
import { transform } from "esbuild"
import { readFileSync, writeFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { pathToFileURL } from "node:url"
import { compiled, libraries, modulesIn, root } from "./workspace.mjs"

const mark = "/*#__PURE__*/"

/** The code with its marks, and its source map, which starts from the one that is given. */
export const pure = async (code, map) => {
  const result = await transformAsync(code, {
    babelrc: false,
    configFile: false,
    cwd: root,
    compact: false,
    plugins: ["annotate-pure-calls"],
    sourceMaps: map !== undefined,
    ...(map === undefined ? undefined : { inputSourceMap: map })
  })
  return { code: result.code, map: result.map }
}

/** A plugin of esbuild that marks our sources as the build does. */
export const marked = {
  name: "marked",
  setup: ({ onLoad }) => {
    onLoad({ filter: /packages[\\/][a-z]+[\\/]src[\\/].*\.ts$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), { loader: "ts", target: "es2022" })
      return { contents: (await pure(code)).code, loader: "js" }
    })
  }
}

const markFile = async (path) => {
  const code = readFileSync(path, "utf8")
  // the compiler leaves alone what has not changed
  if (code.includes(mark)) return
  const marked = await pure(code, JSON.parse(readFileSync(`${path}.map`, "utf8")))
  if (!marked.code.includes(mark)) return
  writeFileSync(`${path}.map`, JSON.stringify(marked.map))
  writeFileSync(path, marked.code)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const { folder } of libraries()) {
    for (const path of modulesIn(compiled(folder))) await markFile(path)
  }
}
