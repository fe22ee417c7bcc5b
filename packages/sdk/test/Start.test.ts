import { assert, describe, it } from "@effect/vitest"
import { build } from "esbuild"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { marked } from "../../../scripts/pure.mjs"

const here = fileURLToPath(new URL(".", import.meta.url))
const ofSource = process.env.TEST_DIST === undefined

/** The modules of which a bundle of a program has code. */
const bundled = async (program: string): Promise<ReadonlyArray<string>> => {
  const { metafile } = await build({
    stdin: { contents: program, resolveDir: here, sourcefile: "program.ts" },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "node",
    plugins: [marked],
    conditions: ofSource ? ["@effect-noukai/source", "module"] : ["module"],
    logLevel: "error"
  })
  return Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path)
  )
}

/** By its subpath: esbuild keeps all of a namespace that the root exports. */
const run = (layer: string) => `
  import { FlowService } from "@effect-noukai/sdk"
  import * as Noukai from "@effect-noukai/sdk/Noukai"
  import * as Effect from "effect/Effect"
  Effect.runPromise(Effect.provide(FlowService, ${layer}))`

/** The modules that a process has loaded when it has run a program, of CommonJS too. */
const loaded = async (program: string): Promise<ReadonlyArray<string>> => {
  const hook = `
    import { register } from "node:module"
    register("data:text/javascript," + encodeURIComponent(\`
      import { writeSync } from "node:fs"
      export const load = (url, context, next) => {
        writeSync(1, url + "\\\\n")
        return next(url, context)
      }\`))`
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...ofSource ? ["--conditions=@effect-noukai/source", "--import", "tsx"] : [],
    "--import",
    `data:text/javascript,${encodeURIComponent(hook)}`,
    "--input-type=module",
    "--eval",
    `
      import { createRequire } from "node:module"
      ${program}
      console.log(Object.keys(createRequire(import.meta.url).cache).join("\\n"))`
  ], { cwd: here, env: { ...process.env, NOUKAI_API_KEY: "nk_test" }, maxBuffer: 2 ** 24 })
  return stdout.split("\n")
}

const matching = (paths: ReadonlyArray<string>, pattern: RegExp): ReadonlyArray<string> =>
  paths.filter((path) => pattern.test(path))

const platform = /node_modules\/@effect\/platform\//
/** The parts of undici that its index loads and a connection does not need. */
const restOfUndici =
  /node_modules\/undici\/(?:index\.js|lib\/(?:web\/(?:fetch\/index|websocket|cache)|api|mock|interceptor|dispatcher\/agent))/

describe("a bundle of a program with Noukai.layer", () => {
  const paths = bundled(run("Noukai.layer()"))

  it("has nothing of the other layers", async () => {
    assert.deepStrictEqual(matching(await paths, platform), [])
    assert.deepStrictEqual(
      matching(
        await paths,
        /\/(?:fakeHttp|scripted|httpClient|lateHttpClient|RelayHttp|recordings|others)\.(?:ts|js)$/
      ),
      []
    )
    assert.deepStrictEqual(matching(await paths, /\/internal\/(?:testing|cassette|record|replay|relay)\//), [])
  })

  it("has of undici what a connection needs", async () => {
    assert.isNotEmpty(matching(await paths, /node_modules\/undici\/lib\/dispatcher\/client\.js$/))
    assert.deepStrictEqual(matching(await paths, restOfUndici), [])
  })

  it("has the platform's client with the layer that is made of it", async () => {
    const paths = await bundled(run("Noukai.layerHttpClient"))
    assert.isNotEmpty(matching(paths, platform))
  })
})

describe("a process", () => {
  it("loads no client of the platform, and not all of undici, for the live layer", async () => {
    const paths = await loaded(`
      import { FlowService, Noukai, NoukaiLive } from "@effect-noukai/sdk"
      import * as Effect from "effect/Effect"
      if (Noukai.layerHttpClient === undefined) throw new Error("not named")
      await Effect.runPromise(Effect.provide(FlowService, NoukaiLive))`)
    assert.isNotEmpty(
      matching(paths, /packages\/sdk\/(?:src|dist)\/NoukaiHttp|packages\/sdk\/dist\/internal\/joined\/services/)
    )
    assert.deepStrictEqual(matching(paths, platform), [])
    assert.isNotEmpty(matching(paths, /node_modules\/undici\/lib\/dispatcher\/client\.js/))
    assert.deepStrictEqual(matching(paths, restOfUndici), [])
  })

  it("loads the platform's client when a layer over one is built", async () => {
    const paths = await loaded(`
      import { FlowService, Noukai } from "@effect-noukai/sdk"
      import * as HttpClient from "@effect/platform/HttpClient"
      import * as Effect from "effect/Effect"
      import * as Layer from "effect/Layer"
      const client = Layer.succeed(HttpClient.HttpClient, HttpClient.make(() => Effect.die("not called")))
      await Effect.runPromise(Effect.provide(
        FlowService,
        Layer.provide(Noukai.layerHttpClient, [Noukai.layerOptions(), client])
      ))`)
    assert.isNotEmpty(matching(paths, /packages\/sdk\/(?:src|dist)\/internal\/transport\/httpClient/))
  })
})
