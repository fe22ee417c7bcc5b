import { build } from "esbuild"
import { execFile } from "node:child_process"
import { mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { weighAll } from "../../../../scripts/sizes.mjs"
import { apiKey } from "../Fixtures.js"
import { official } from "../OfficialClient.js"
import type { ProcessCost, Row, Suite } from "../Suite.js"

const execute = promisify(execFile)

/** Inside the package, where its dependencies are found. */
const folder = new URL("../../build/start/", import.meta.url)

/** Each builds its client, without a call, and ends. */
const programs = {
  effect: `
    import * as Effect from "effect/Effect"
    import * as Schema from "effect/Schema"
    import * as Stream from "effect/Stream"
    const decode = Schema.decodeUnknown(Schema.Struct({ status: Schema.String }))
    await Effect.runPromise(Stream.runDrain(Stream.fromEffect(decode({ status: "completed" }))))`,
  sdk: `
    import { FlowService, NoukaiLive } from "@effect-noukai/sdk"
    import * as Effect from "effect/Effect"
    await Effect.runPromise(Effect.provide(FlowService, NoukaiLive))`,
  promiseImport: `import "@effect-noukai/promise"`,
  promise: `
    import { Noukai } from "@effect-noukai/promise"
    await new Noukai({ apiKey: process.env.NOUKAI_API_KEY }).close()`,
  official: `
    import { Noukai } from "@noukai/sdk"
    new Noukai({ apiKey: process.env.NOUKAI_API_KEY })`
}

/** The rows that have targets. */
export const startRows = {
  group: "from start to end of a process",
  node: "node alone",
  effect: "what NoukaiLive loads of Effect and undici",
  imports: "the import of the Promise client",
  promiseEffect: "what the Promise client loads of Effect",
  promise: "import \"@effect-noukai/promise\"",
  live: "NoukaiLive",
  bundled: "NoukaiLive, bundled"
}

/** A file, not a pipe: a pipe that is full for a moment takes nothing from a writer that does not wait. */
const list = fileURLToPath(new URL("loaded", folder))

/** Writes the module that is loaded, each in a line. */
const lister = `data:text/javascript,${
  encodeURIComponent(`
    import { register } from "node:module"
    register("data:text/javascript," + encodeURIComponent(${
    JSON.stringify(`
      import { appendFileSync } from "node:fs"
      export const load = (url, context, next) => {
        appendFileSync(${JSON.stringify(list)}, url + "\\n")
        return next(url, context)
      }`)
  }))`)
}`

/** A program that imports the modules of packages that another one loads, in the same order. */
const whatLoads = async (file: URL, ofPackages: RegExp): Promise<string> => {
  await rm(list, { force: true })
  await execute(process.execPath, ["--import", lister, fileURLToPath(file)], { env })
  const theirs = (await readFile(list, "utf8")).split("\n").filter((url) => ofPackages.test(url))
  return theirs.map((url) => `import ${JSON.stringify(url)}`).join("\n")
}

/** Says on stderr what the process took, when it ends. */
const reporter = `data:text/javascript,${
  encodeURIComponent(`
    import { writeSync } from "node:fs"
    process.on("exit", () => {
      const { maxRSS, systemCPUTime, userCPUTime } = process.resourceUsage()
      writeSync(2, JSON.stringify({ cpu: userCPUTime + systemCPUTime, peak: maxRSS / 1024 }))
    })`)
}`

const env = { ...process.env, NOUKAI_API_KEY: apiKey }

/** A row whose operation is a process that runs a program. */
export const row = (name: string, file: URL): Row => ({
  name,
  run: async () => {
    const { stderr } = await execute(process.execPath, ["--import", reporter, fileURLToPath(file)], { env })
    return JSON.parse(stderr) as ProcessCost
  }
})

/** Writes a program where the packages are found. */
export const plain = async (name: string, program: string): Promise<URL> => {
  await mkdir(folder, { recursive: true })
  const file = new URL(`${name}.mjs`, folder)
  await writeFile(file, program)
  return file
}

/** How long a process takes from its start to its end, with nothing to do but to build a client. */
export const start: Suite = {
  name: "start",
  prepare: async () => {
    await mkdir(folder, { recursive: true })
    const bundled = async (name: string, program: string): Promise<URL> => {
      const file = new URL(`${name}.bundle.mjs`, folder)
      await build({
        stdin: { contents: program, resolveDir: fileURLToPath(folder), sourcefile: "program.mjs" },
        outfile: fileURLToPath(file),
        bundle: true,
        minify: true,
        format: "esm",
        platform: "node",
        target: "node20",
        logLevel: "error",
        // undici requires Node's modules
        banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);` }
      })
      return file
    }
    const live = await plain("sdk", programs.sdk)
    const promise = await plain("promise-import", programs.promiseImport)
    const promiseEffect = await whatLoads(promise, /\/node_modules\/(?:@effect\/|effect\/)/)
    return {
      groups: [{
        name: startRows.group,
        baselines: [startRows.node, startRows.effect],
        rows: [
          row(startRows.node, await plain("nothing", "")),
          row(official, await plain("official", programs.official)),
          row(
            startRows.effect,
            await plain("modules", await whatLoads(live, /\/node_modules\/(?:@effect\/|effect\/|undici\/)/))
          ),
          row("Effect, Schema and Stream", await plain("effect", programs.effect)),
          row("the same, bundled", await bundled("effect", programs.effect)),
          row(startRows.live, live),
          row(startRows.bundled, await bundled("sdk", programs.sdk)),
          row("new Noukai() of promise", await plain("promise", programs.promise)),
          row("new Noukai() of promise, bundled", await bundled("promise", programs.promise))
        ]
      }, {
        name: startRows.imports,
        baselines: [startRows.promiseEffect],
        rows: [
          row(startRows.promiseEffect, await plain("promise-effect", promiseEffect)),
          row(startRows.promise, promise)
        ]
      }],
      sizes: await weighAll(),
      close: () => rm(folder, { recursive: true })
    }
  }
}
