import { build } from "esbuild"
import { execFile } from "node:child_process"
import { mkdir, rm, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
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
    import * as FlowService from "@effect-noukai/sdk/FlowService"
    import * as Noukai from "@effect-noukai/sdk/Noukai"
    import * as Effect from "effect/Effect"
    await Effect.runPromise(Effect.provide(FlowService.FlowService, Noukai.NoukaiLive))`,
  promise: `
    import { Noukai } from "@effect-noukai/promise"
    await new Noukai({ apiKey: process.env.NOUKAI_API_KEY }).close()`,
  official: `
    import { Noukai } from "@noukai/sdk"
    new Noukai({ apiKey: process.env.NOUKAI_API_KEY })`
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

/** How long a process takes from its start to its end, with nothing to do but to build a client. */
export const start: Suite = {
  name: "start",
  prepare: async () => {
    await mkdir(folder, { recursive: true })
    const row = (name: string, file: URL): Row => ({
      name,
      run: async () => {
        const { stderr } = await execute(process.execPath, ["--import", reporter, fileURLToPath(file)], { env })
        return JSON.parse(stderr) as ProcessCost
      }
    })
    const plain = async (name: string, program: string): Promise<URL> => {
      const file = new URL(`${name}.mjs`, folder)
      await writeFile(file, program)
      return file
    }
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
        external: ["undici"],
        logLevel: "error"
      })
      return file
    }
    return {
      groups: [{
        name: "from start to end of a process",
        baselines: ["node alone"],
        rows: [
          row("node alone", await plain("nothing", "")),
          row(official, await plain("official", programs.official)),
          row("Effect, Schema and Stream", await plain("effect", programs.effect)),
          row("the same, bundled", await bundled("effect", programs.effect)),
          row("NoukaiLive", await plain("sdk", programs.sdk)),
          row("NoukaiLive, bundled", await bundled("sdk", programs.sdk)),
          row("new Noukai() of promise", await plain("promise", programs.promise)),
          row("new Noukai() of promise, bundled", await bundled("promise", programs.promise))
        ]
      }],
      close: () => rm(folder, { recursive: true })
    }
  }
}
