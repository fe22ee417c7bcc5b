/**
 * The size of programs, Effect included: bundled for Node from the sources as the build marks them, minified, gzipped,
 * without undici. Beside it the part of Effect: a program that names what this one uses of Effect, and does nothing.
 * Fails when a program is over its budget.
 *
 *     node scripts/sizes.mjs --modules    also what each package and each module of ours adds, minified
 */
import { build } from "esbuild"
import { pathToFileURL } from "node:url"
import { gzipSync } from "node:zlib"
import { marked } from "./pure.mjs"
import { root } from "./workspace.mjs"

const execute = `
      import * as FlowService from "@effect-noukai/sdk/FlowService"
      import * as NoukaiConfig from "@effect-noukai/sdk/NoukaiConfig"
      import * as NoukaiHttp from "@effect-noukai/sdk/NoukaiHttp"
      import * as Effect from "effect/Effect"
      import * as Layer from "effect/Layer"
      const live = FlowService.layer.pipe(
        Layer.provide(NoukaiHttp.layer),
        Layer.provide(NoukaiConfig.layer())
      )
      Effect.runPromise(Effect.provide(
        Effect.flatMap(FlowService.FlowService, (flows) => flows.execute("a/b/c", { message: "hi" })), live))`

/** kB of 1000 bytes: the goal is what it should weigh, the budget what it may. */
const programs = [
  {
    name: "a relay flow",
    goal: 8,
    budget: 12,
    code: `
      import { createRelayFlow } from "@effect-noukai/promise/relay"
      createRelayFlow({ url: "/agent/execute" }).execute({ message: "hi" })`
  },
  {
    name: "a page of React",
    goal: 3,
    budget: 3.1,
    code: `
      import { createFlow } from "@effect-noukai/promise/page"
      import { useFlow } from "@effect-noukai/promise/react"
      console.log(createFlow, useFlow)`
  },
  {
    name: "through a relay",
    goal: 80,
    budget: 108,
    code: `
      import * as FlowService from "@effect-noukai/sdk/FlowService"
      import * as Relay from "@effect-noukai/sdk/Relay"
      import * as Effect from "effect/Effect"
      Effect.runPromise(Effect.provide(
        Effect.flatMap(FlowService.FlowService, (flows) => flows.execute("a/b/c", { message: "hi" })),
        Relay.layer({ url: "/agent/execute" })))`
  },
  { name: "execute", goal: 100, budget: 138.5, code: execute },
  {
    name: "streams",
    goal: 105,
    budget: 148,
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
    goal: 125,
    budget: 185,
    code: `export * from "@effect-noukai/sdk"`
  }
]

const bundle = (code, options) =>
  build({
    stdin: { contents: code, resolveDir: root, sourcefile: "program.mjs" },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["@effect-noukai/source", "module"],
    external: ["undici", "react"],
    plugins: [marked],
    logLevel: "error",
    ...options
  })

const weight = ({ outputFiles }) => gzipSync(outputFiles[0].contents, { level: 9 }).length / 1000

/** The part of Effect that a program uses, as a program. */
const ofEffect = async (code) => {
  const { outputFiles } = await bundle(code, { minify: false, external: ["undici", "effect/*", "@effect/platform/*"] })
  const { text } = outputFiles[0]
  const names = new Map()
  const add = (module, name) => names.set(module, (names.get(module) ?? new Set()).add(name))
  for (const [, local, module] of text.matchAll(/^import \* as (\S+) from "(.+)";$/gm)) {
    for (const [, name] of text.matchAll(new RegExp(`(?<![\\w$.])${local.replaceAll("$", "\\$")}\\.(\\w+)`, "g"))) {
      add(module, name)
    }
  }
  for (const [, list, module] of text.matchAll(/^import \{ (.+) \} from "(.+)";$/gm)) {
    for (const name of list.split(", ")) add(module, name.split(" as ")[0])
  }
  const modules = [...names].filter(([module]) => /^@?effect\//.test(module))
  return [
    ...modules.map(([module], index) => `import * as M${index} from "${module}"`),
    `console.log(${modules.flatMap(([, names], index) => [...names].map((name) => `M${index}.${name}`)).join(", ")})`
  ].join("\n")
}

const weigh = async ({ budget, code, goal, name }) => {
  const bundled = await bundle(code)
  const [output] = Object.values(bundled.metafile.outputs)
  return {
    name,
    budget,
    goal,
    size: weight(bundled),
    ofEffect: weight(await bundle(await ofEffect(code))),
    modules: Object.entries(output.inputs).map(([path, { bytesInOutput }]) => ({ path, kB: bytesInOutput / 1000 }))
  }
}

/** Weighs the programs, one after the other. */
export const weighAll = async () => {
  const all = []
  for (const program of programs) all.push(await weigh(program))
  return all
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

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const { budget, modules, name, ofEffect, size } of await weighAll()) {
    const over = size > budget
    console.log(
      `${name.padEnd(15)} ${size.toFixed(1).padStart(6)} kB of ${budget}, of Effect ${ofEffect.toFixed(1)}${
        over ? "  OVER" : ""
      }`
    )
    if (over) process.exitCode = 1
    if (process.argv.includes("--modules")) printModules(modules)
  }
}
