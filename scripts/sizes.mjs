/**
 * What programs weigh, Effect included: bundled for Node from the sources, minified, gzipped, without undici.
 * Fails when one is over its budget.
 */
import { build } from "esbuild"
import { gzipSync } from "node:zlib"
import { root } from "./workspace.mjs"

/** kB of 1000 bytes. The target of "execute only" is 95 kB; its budget keeps it from moving away from there. */
const programs = [
  {
    name: "execute only",
    budget: 120,
    code: `
      import * as FlowService from "@effect-noukai/sdk/FlowService"
      import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
      import * as NoukaiHttp from "@effect-noukai/sdk/NoukaiHttp"
      import * as Effect from "effect/Effect"
      import * as Layer from "effect/Layer"
      const live = FlowService.layer.pipe(Layer.provide(NoukaiHttp.layer), Layer.provide(NoukaiConfig.layer()))
      Effect.runPromise(Effect.provide(
        Effect.flatMap(FlowService.FlowService, (flows) => flows.execute("a/b/c", { message: "hi" })), live))`
  },
  {
    name: "streams",
    budget: 129,
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
    budget: 148,
    code: `export * from "@effect-noukai/sdk"`
  }
]

const sizeOf = async ({ code }) => {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: root, sourcefile: "program.mjs" },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["@effect-noukai/source"],
    external: ["undici"],
    logLevel: "error"
  })
  return gzipSync(outputFiles[0].contents, { level: 9 }).length / 1000
}

for (const program of programs) {
  const size = await sizeOf(program)
  const over = size > program.budget
  console.log(
    `${program.name.padEnd(14)} ${size.toFixed(1).padStart(6)} kB of ${program.budget}${over ? "  OVER" : ""}`
  )
  if (over) process.exitCode = 1
}
