/// <reference types="node" />
/** Builds the page into `packages/studio/assets`: hashed files, no inline script or style, no paths of this machine. */
import react from "@vitejs/plugin-react"
import { gzipSync } from "node:zlib"
import { defaultClientConditions, defineConfig, type Plugin } from "vite"

/** The most bytes, compressed, of the files that the first view loads, and of all files. */
const most = { first: 150_000, all: 300_000 }

/** Fails a build whose files are too large. */
const sizes = (): Plugin => ({
  name: "sizes",
  apply: "build",
  writeBundle(_, bundle) {
    const sizeOf = (name: string): number => {
      const file = bundle[name]
      if (file === undefined) return 0
      return gzipSync(file.type === "chunk" ? file.code : file.source).length
    }
    const first = new Set<string>(["index.html"])
    const add = (name: string): void => {
      const file = bundle[name]
      if (first.has(name) || file?.type !== "chunk") return
      first.add(name)
      file.imports.forEach(add)
      file.viteMetadata?.importedCss.forEach((css) => first.add(css))
    }
    for (const file of Object.values(bundle)) if (file.type === "chunk" && file.isEntry) add(file.fileName)
    const sum = (names: Iterable<string>): number => [...names].reduce((bytes, name) => bytes + sizeOf(name), 0)
    const found = { first: sum(first), all: sum(Object.keys(bundle)) }
    for (const part of ["first", "all"] as const) {
      this.info(`${part} view: ${found[part]} bytes with gzip, ${most[part]} allowed`)
      if (found[part] > most[part]) {
        this.error(`the ${part} view has ${found[part]} bytes with gzip, over ${most[part]}`)
      }
    }
  }
})

export default defineConfig({
  root: import.meta.dirname,
  base: "/",
  plugins: [react(), sizes()],
  resolve: { conditions: ["@effect-noukai/source", ...defaultClientConditions] },
  build: {
    outDir: "../assets",
    emptyOutDir: true,
    assetsDir: "assets",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    target: "es2022",
    reportCompressedSize: false
  }
})
