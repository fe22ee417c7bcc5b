/** The package in a bundle: for environments without Node, and in a process of its own. */
import type { RunningEmulator } from "@effect-noukai/emulator"
import type { BuildOptions, Metafile } from "esbuild"
import { build } from "esbuild"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { createContext, Script } from "node:vm"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import type { Relay } from "./support/relay.js"
import { startRelay } from "./support/relay.js"
import { startWorldEmulator } from "./support/world.js"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const source = process.env.TEST_DIST === undefined ? ["@effect-noukai/source"] : []

const bundle = async (options: BuildOptions): Promise<{ readonly code: string; readonly metafile: Metafile }> => {
  const { metafile, outputFiles } = await build({
    bundle: true,
    metafile: true,
    write: false,
    logLevel: "silent",
    target: "es2022",
    ...options,
    conditions: [...source, ...(options.conditions ?? [])]
  })
  return { code: outputFiles![0]!.text, metafile: metafile! }
}

const forBrowsers = (entry: BuildOptions) =>
  bundle({ ...entry, platform: "browser", format: "iife", globalName: "bundled", conditions: ["browser"] })

let emulator: RunningEmulator
let relay: Relay

beforeAll(async () => {
  emulator = await startWorldEmulator()
  relay = await startRelay(emulator, "noukai/samples/tools-enabled")
})

afterAll(async () => {
  await relay.close()
  await emulator.close()
})

/** The globals that every environment of the web has; none of Node. */
const webGlobals = (): { [name: string]: unknown } =>
  Object.fromEntries(
    (JSON.parse(readFileSync(here("../../../scripts/consumers/webGlobals.json"), "utf8")) as ReadonlyArray<string>)
      .map((name) => [name, Reflect.get(globalThis, name)])
  )

/** The exports of a bundle, in an environment like that. */
const evaluate = (code: string, globals: object = webGlobals()): { readonly [name: string]: unknown } => {
  const context = createContext({ ...globals })
  return new Script(`${code}\n;bundled`).runInContext(context)
}

describe("a bundle for environments without Node", () => {
  it("holds no module of Node, and nothing of undici", async () => {
    const { code, metafile } = await forBrowsers({ entryPoints: [here("programs/browser.ts")] })
    const inputs = Object.entries(metafile.inputs)
    assert.isAbove(inputs.length, 50)
    assert.deepStrictEqual(inputs.map(([path]) => path).filter((path) => path.includes("/undici/")), [])
    assert.deepStrictEqual(inputs.flatMap(([, { imports }]) => imports.filter(({ external }) => external)), [])
    assert.notMatch(code, /require\("(node:)?\w+"\)|from "node:/)
  })

  it("runs without process: a relay flow, events, scopes, errors", async () => {
    const { code } = await forBrowsers({ entryPoints: [here("programs/browser.ts")] })
    const { main } = evaluate(code) as { readonly main: (environment: object) => Promise<unknown> }
    const told = await main({ relay: relay.url, port: emulator.port, apiKey: emulator.apiKey })
    const { noKey, relayed, withKey } = JSON.parse(JSON.stringify(told))
    assert.strictEqual(relayed.result.result.text, "The weather, as get_weather says: sunny")
    assert.strictEqual(relayed.aborted, "left")
    assert.deepStrictEqual([withKey.types.at(0), withKey.types.at(-1)], ["run_started", "flow_completed"])
    assert.isString(withKey.scoped[0])
    assert.strictEqual(withKey.scoped[0], withKey.scoped[1])
    assert.deepStrictEqual(withKey.missing, ["FlowNotFoundError", 404])
    assert.strictEqual(noKey, "AuthenticationError")
  })

  it("can be loaded where there is next to nothing, and does nothing then", async () => {
    const { code } = await forBrowsers({
      stdin: {
        contents:
          `export * from "@effect-noukai/promise"; export { NoukaiPromise } from "@effect-noukai/promise/effect"`,
        resolveDir: here(".")
      }
    })
    const touched: Array<string> = []
    const watched = new Proxy({ AbortController, TextDecoder, TextEncoder, URL }, {
      get: (target, key) => {
        if (key === "fetch" || key === "setTimeout" || key === "console") touched.push(String(key))
        return Reflect.get(target, key) as unknown
      }
    })
    const exports = evaluate(code, watched)
    assert.isFunction(exports.Noukai)
    assert.isFunction(exports.createRelayFlow)
    assert.deepStrictEqual(touched, [])
  })

  it("without what is not used is nothing at all", async () => {
    const { code } = await forBrowsers({
      stdin: { contents: `import "@effect-noukai/promise"`, resolveDir: here(".") }
    })
    assert.isBelow(code.length, 200)
  })
})

describe("a process", () => {
  it("ends by itself, with aborted calls, left loops and an open client", async () => {
    const { code } = await bundle({
      entryPoints: [here("programs/exits.ts")],
      platform: "node",
      format: "esm",
      conditions: ["node"],
      external: ["undici"]
    })
    const folder = here("../build/programs")
    await mkdir(folder, { recursive: true })
    await writeFile(`${folder}/exits.mjs`, code)
    const { stderr, stdout } = await promisify(execFile)(process.execPath, [`${folder}/exits.mjs`], {
      env: { NOUKAI_API_KEY: emulator.apiKey, EMULATOR_PORT: String(emulator.port) },
      timeout: 15_000
    })
    assert.strictEqual(stdout, "ended with enough\n")
    assert.strictEqual(stderr, "")
  })
})
