/** Compiles the benchmarks into `dist`, so that they run in plain Node against the built packages. */
import { build } from "esbuild"
import { readdirSync, readFileSync } from "node:fs"

await build({
  entryPoints: readdirSync("src", { recursive: true }).filter((path) => path.endsWith(".ts")).map((path) =>
    `src/${path}`
  ),
  outdir: "dist",
  outbase: "src",
  platform: "node",
  plugins: [{
    name: "built",
    setup: ({ onLoad }) =>
      onLoad({ filter: /\.ts$/ }, ({ path }) => ({
        contents: readFileSync(path, "utf8").replace(/(\/(?:sdk|emulator))\/src\/internal\//g, "$1/dist/internal/"),
        loader: "ts"
      }))
  }]
})
