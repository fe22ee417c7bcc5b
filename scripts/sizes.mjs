/**
 * What programs weigh, Effect included: bundled for Node from the sources as the build marks them, minified, gzipped,
 * without undici. Fails when one is over its budget.
 *
 *     node scripts/sizes.mjs --modules    also what each package and each module of ours adds, minified
 */
import { build } from "esbuild"
import { gzipSync } from "node:zlib"
import { marked } from "./pure.mjs"
import { root } from "./workspace.mjs"

const execute = (suffix) => `
      import * as FlowService from "@effect-noukai/sdk/FlowService"
      import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
      import * as NoukaiHttp from "@effect-noukai/sdk/NoukaiHttp"
      import * as Effect from "effect/Effect"
      import * as Layer from "effect/Layer"
      const live = FlowService.layer${suffix}.pipe(
        Layer.provide(NoukaiHttp.layer${suffix}),
        Layer.provide(NoukaiConfig.layer())
      )
      Effect.runPromise(Effect.provide(
        Effect.flatMap(FlowService.FlowService, (flows) => flows.execute("a/b/c", { message: "hi" })), live))`

/** kB of 1000 bytes. */
const programs = [
  { name: "execute only", budget: 106.5, code: execute("WithoutStreams") },
  {
    name: "through a relay",
    budget: 101,
    code: `
      import * as FlowService from "@effect-noukai/sdk/FlowService"
      import * as RelayHttp from "@effect-noukai/sdk/RelayHttp"
      import * as Effect from "effect/Effect"
      Effect.runPromise(Effect.provide(
        Effect.flatMap(FlowService.FlowService, (flows) => flows.execute("a/b/c", { message: "hi" })),
        RelayHttp.layer({ url: "/agent/execute" })))`
  },
  { name: "execute", budget: 124, code: execute("") },
  {
    name: "streams",
    budget: 138,
    code: `
      import * as FlowService from "@effect-noukai/sdk/FlowService"
      import * as Noukai from "@effect-noukai/sdk/Noukai"
      import * as Effect from "effect/Effect"
      import * as Stream from "effect/Stream"
      Effect.runPromise(Effect.provide(
        Effect.flatMap(FlowService.FlowService, (flows) => Stream.runDrain(flows.events("a/b/c", { message: "hi" }))),
        Noukai.NoukaiLive))`
  },
  {
    name: "everything",
    budget: 174,
    code: `export * from "@effect-noukai/sdk"`
  }
]

const bundle = async ({ code }) => {
  const { metafile, outputFiles } = await build({
    stdin: { contents: code, resolveDir: root, sourcefile: "program.mjs" },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["@effect-noukai/source", "module"],
    external: ["undici"],
    plugins: [marked],
    logLevel: "error"
  })
  const [output] = Object.values(metafile.outputs)
  return {
    size: gzipSync(outputFiles[0].contents, { level: 9 }).length / 1000,
    modules: Object.entries(output.inputs).map(([path, { bytesInOutput }]) => ({ path, kB: bytesInOutput / 1000 }))
  }
}

const packageOf = (path) => /(?:node_modules|packages)\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path

const printModules = (modules) => {
  const packages = new Map()
  for (const { kB, path } of modules) packages.set(packageOf(path), (packages.get(packageOf(path)) ?? 0) + kB)
  const own = modules.filter(({ path }) => path.startsWith("packages/")).map(({ kB, path }) => [path, kB])
  for (const [name, kB] of [...packages, ...own].sort(([, a], [, b]) => b - a)) {
    if (kB >= 0.5) console.log(`    ${kB.toFixed(1).padStart(6)} kB  ${name}`)
  }
}

for (const program of programs) {
  const { modules, size } = await bundle(program)
  const over = size > program.budget
  console.log(
    `${program.name.padEnd(15)} ${size.toFixed(1).padStart(6)} kB of ${program.budget}${over ? "  OVER" : ""}`
  )
  if (over) process.exitCode = 1
  if (process.argv.includes("--modules")) printModules(modules)
}
