import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { build } from "esbuild"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { marked } from "../../../scripts/pure.mjs"
import { folder, read } from "./support/folder.js"

const here = fileURLToPath(new URL(".", import.meta.url))
const ofSource = process.env.TEST_DIST === undefined

/** The modules of which bundles of programs have code, each program in a bundle of its own. */
const bundled = async <Name extends string>(
  programs: { readonly [name in Name]: string }
): Promise<{ readonly [name in Name]: ReadonlyArray<string> }> => {
  const { metafile } = await build({
    entryPoints: Object.keys(programs),
    outdir: here,
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "node",
    plugins: [
      {
        name: "programs",
        setup: ({ onLoad, onResolve }) => {
          onResolve({ filter: /./ }, ({ kind, path }) => kind === "entry-point" ? { path, namespace: "program" } : null)
          onLoad({ filter: /./, namespace: "program" }, ({ path }) => ({
            contents: programs[path as Name],
            loader: "ts",
            resolveDir: here
          }))
        }
      },
      marked
    ],
    conditions: ofSource ? ["@effect-noukai/source", "module"] : ["module"],
    logLevel: "error"
  })
  const modules = Object.values(metafile.outputs).map(({ entryPoint, inputs }) => [
    entryPoint!.replace(/^program:/, ""),
    Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path)
  ])
  return Object.fromEntries(modules)
}

/** By its subpath: esbuild keeps all of a namespace that the root exports. */
const run = (layer: string) => `
  import { FlowService } from "@effect-noukai/sdk"
  import * as Noukai from "@effect-noukai/sdk/Noukai"
  import * as Effect from "effect/Effect"
  Effect.runPromise(Effect.provide(FlowService, ${layer}))`

/** The modules that a process has loaded when it has run each of these parts of a program, of CommonJS too. */
const loaded = (...parts: ReadonlyArray<string>): Promise<ReadonlyArray<ReadonlyArray<string>>> =>
  Effect.gen(function*() {
    // a pipe that is full for a moment takes nothing from whoever does not wait
    const list = join(yield* folder, "loaded")
    const tell = (text: string) => `appendFileSync(${JSON.stringify(list)}, ${text})`
    const hook = `
      import { register } from "node:module"
      register("data:text/javascript," + encodeURIComponent(${
      JSON.stringify(`
        import { appendFileSync } from "node:fs"
        export const load = (url, context, next) => {
          ${tell("url + \"\\n\"")}
          return next(url, context)
        }`)
    }))`
    const program = `
      import { appendFileSync } from "node:fs"
      import { createRequire } from "node:module"
      ${
      parts.map((part) =>
        `${part}
      ${tell("Object.keys(createRequire(import.meta.url).cache).join(\"\\n\") + \"\\n\\n\"")}`
      ).join("\n")
    }`
    const args = [
      ...ofSource ? ["--conditions=@effect-noukai/source", "--import", "tsx"] : [],
      "--import",
      `data:text/javascript,${encodeURIComponent(hook)}`,
      "--input-type=module",
      "--eval",
      program
    ]
    const options = { cwd: here, env: { ...process.env, NOUKAI_API_KEY: "nk_test" } }
    yield* Effect.promise(() => promisify(execFile)(process.execPath, args, options))
    const text = yield* read(list)
    return parts.map((_, at) => text.split("\n\n").slice(0, at + 1).join("\n").split("\n"))
  }).pipe(Effect.scoped, Effect.runPromise)

const matching = (paths: ReadonlyArray<string>, pattern: RegExp): ReadonlyArray<string> =>
  paths.filter((path) => pattern.test(path))

const platform = /node_modules\/@effect\/platform\//
/** The parts of undici that its index loads and a connection does not need. */
const restOfUndici =
  /node_modules\/undici\/(?:index\.js|lib\/(?:web\/(?:fetch\/index|websocket|cache)|api|mock|interceptor|dispatcher\/agent))/

describe("a bundle of a program with Noukai.layer", () => {
  const bundles = bundled({ own: run("Noukai.layer()"), platform: run("Noukai.layerHttpClient") })

  it("has nothing of the other layers", async () => {
    const paths = (await bundles).own
    assert.deepStrictEqual(matching(paths, platform), [])
    assert.deepStrictEqual(
      matching(
        paths,
        /\/(?:fakeHttp|scripted|httpClient|lateHttpClient|Relay|recordings|others)\.(?:ts|js)$/
      ),
      []
    )
    assert.deepStrictEqual(matching(paths, /\/internal\/(?:testing|cassette|record|replay|relay)\//), [])
  })

  it("has nothing of undici, which requires what an ES module cannot", async () => {
    assert.deepStrictEqual(matching((await bundles).own, /node_modules\/undici\//), [])
  })

  it("has the platform's client with the layer that is made of it", async () => {
    assert.isNotEmpty(matching((await bundles).platform, platform))
  })
})

describe("a process", () => {
  const parts = loaded(
    `
      import { FlowService, Noukai, NoukaiLive } from "@effect-noukai/sdk"
      import * as Effect from "effect/Effect"
      import * as Layer from "effect/Layer"
      if (Noukai.layerHttpClient === undefined) throw new Error("not named")
      await Effect.runPromise(Effect.provide(FlowService, NoukaiLive))`,
    `
      const HttpClient = await import("@effect/platform/HttpClient")
      const client = Layer.succeed(HttpClient.HttpClient, HttpClient.make(() => Effect.die("not called")))
      await Effect.runPromise(Effect.provide(
        FlowService,
        Layer.provide(Noukai.layerHttpClient, [Noukai.layerOptions(), client])
      ))`
  )

  it("loads no client of the platform, and not all of undici, for the live layer", async () => {
    const paths = (await parts)[0]!
    assert.isNotEmpty(
      matching(paths, /packages\/sdk\/(?:src|dist)\/NoukaiHttp|packages\/sdk\/dist\/internal\/joined\/services/)
    )
    assert.deepStrictEqual(matching(paths, platform), [])
    assert.isNotEmpty(matching(paths, /node_modules\/undici\/lib\/dispatcher\/client\.js/))
    assert.deepStrictEqual(matching(paths, restOfUndici), [])
  })

  it("loads the platform's client when a layer over one is built", async () => {
    const paths = (await parts)[1]!
    assert.deepStrictEqual(matching((await parts)[0]!, /internal\/http\/httpClient/), [])
    assert.isNotEmpty(matching(paths, /packages\/sdk\/(?:src|dist)\/internal\/http\/httpClient/))
  })
})
