/** The package in a bundle: for environments without Node, and in a process of its own. */
import type { RunningEmulator } from "@effect-noukai/emulator"
import type { createRelayFlow as makeRelayFlow } from "@effect-noukai/promise/relay"
import { build, type BuildOptions, type Metafile } from "esbuild"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { createContext, Script } from "node:vm"
import { gzipSync } from "node:zlib"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { isWhole } from "../../sdk/test/support/size.js"
import { type Relay, startRelay } from "./support/relay.js"
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
  const browser = forBrowsers({ entryPoints: [here("programs/browser.ts")] })

  it("holds no module of Node, and nothing of undici", async () => {
    const { code, metafile } = await browser
    const inputs = Object.entries(metafile.inputs)
    assert.isAbove(inputs.length, 50)
    assert.deepStrictEqual(inputs.map(([path]) => path).filter((path) => path.includes("/undici/")), [])
    assert.deepStrictEqual(inputs.flatMap(([, { imports }]) => imports.filter(({ external }) => external)), [])
    assert.notMatch(code, /require\("(node:)?\w+"\)|from "node:/)
  })

  it("runs without process: a relay flow, events, scopes, errors", async () => {
    const { code } = await browser
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

  it("of relay flows alone has no Effect and at most 12 kB, from the subpath and from the root", async () => {
    for (const specifier of ["@effect-noukai/promise/relay", "@effect-noukai/promise"]) {
      const { code, metafile } = await forBrowsers({
        stdin: { contents: `export { createRelayFlow } from "${specifier}"`, resolveDir: here(".") },
        minify: true
      })
      const kept = Object.values(metafile.outputs).flatMap(({ inputs }) =>
        Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path)
      )
      assert.deepStrictEqual(kept.filter((path) => path.includes("node_modules")), [])
      assert.isAtMost(gzipSync(code).length, 12_000)
      const { createRelayFlow } = evaluate(code) as { readonly createRelayFlow: typeof makeRelayFlow }
      const run = await createRelayFlow({ url: relay.url }).execute({
        message: "hi",
        tools: [{ type: "function", function: { name: "get_weather" } }],
        toolHandler: (calls) => calls.map(({ id }) => ({ tool_call_id: id, content: "sunny" }))
      })
      assert.strictEqual(run.status, "completed")
    }
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

/** A port that nobody listens on. */
const freePort = async (): Promise<number> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** The packages beside a bundle. */
const installed = {
  undici: (modules: string) => symlink(here("../../../node_modules/undici"), `${modules}/undici`, "dir"),
  nothing: async () => {},
  "another undici": async (modules: string) => {
    await mkdir(`${modules}/undici`)
    await writeFile(`${modules}/undici/package.json`, `{ "name": "undici", "version": "6.21.0", "main": "index.js" }`)
    await writeFile(`${modules}/undici/index.js`, "throw new Error('not for us')")
  }
}

/** Runs a bundle in a folder of its own. */
const runBeside = async (code: string, extension: string, beside: keyof typeof installed) => {
  const folder = await mkdtemp(`${tmpdir()}/noukai-bundle-`)
  try {
    await mkdir(`${folder}/node_modules`)
    await installed[beside](`${folder}/node_modules`)
    await writeFile(`${folder}/program.${extension}`, code)
    return await promisify(execFile)(process.execPath, [`${folder}/program.${extension}`], {
      cwd: folder,
      env: {
        NOUKAI_API_KEY: emulator.apiKey,
        EMULATOR_PORT: String(emulator.port),
        FREE_PORT: String(await freePort())
      },
      timeout: 60_000
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The last line of a program, and those before it. */
const told = (stdout: string): { readonly [name: string]: unknown; readonly logged: ReadonlyArray<string> } => {
  const lines = stdout.trimEnd().split("\n")
  const said: { readonly [name: string]: unknown } = JSON.parse(lines.at(-1)!)
  return { ...said, logged: lines.slice(0, -1) }
}

describe("a bundle for Node, with all that it imports", () => {
  const results = [{ text: "Hello! You said: hi" }, { text: "Hello! You said: hi" }]

  const formats = [["esm", "mjs"], ["cjs", "cjs"]] as const

  for (const [format, extension] of isWhole ? formats : [formats[0]]) {
    const bundled = bundle({
      entryPoints: [here("programs/bundled.ts")],
      platform: "node",
      format,
      logOverride: { "empty-import-meta": "silent" }
    })

    it.concurrent(`${format}: beside undici it knows that a request was not sent`, async () => {
      const { code, metafile } = await bundled
      assert.deepStrictEqual(Object.keys(metafile.inputs).filter((path) => path.includes("/undici/")), [])
      const { stderr, stdout } = await runBeside(code, extension, "undici")
      assert.deepStrictEqual(told(stdout), { results, sent: ["no", "no", "unknown"], newGlobals: 0, logged: [] })
      assert.strictEqual(stderr, "")
    })

    for (const beside of ["nothing", "another undici"] as const) {
      it.concurrent(`${format}: beside ${beside} it goes through fetch, and says so once`, async () => {
        const { stderr, stdout } = await runBeside((await bundled).code, extension, beside)
        const { logged, ...rest } = told(stdout)
        assert.deepStrictEqual(rest, { results, sent: ["unknown", "unknown", "unknown"], newGlobals: 0 })
        const warnings = [...logged, ...stderr.split("\n")].filter((line) => line.includes("undici"))
        assert.lengthOf(warnings, 1)
        assert.match(warnings[0]!, /connectTimeout has no effect.*install undici@7/)
      })
    }
  }
})
