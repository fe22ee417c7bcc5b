/**
 * The packages as users get them: builds from scratch, packs every package, installs each tarball into an empty project
 * of its own, and there imports every module as ESM and through `require`, type-checks them as a consumer does, and
 * runs the package's program of `scripts/consumers/`. A page is bundled by Vite, a worker by esbuild, and both run
 * without Node's globals. Then the same with the lowest versions of the peers.
 */
import * as esbuild from "esbuild"
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { createContext, Script } from "node:vm"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import ts from "typescript"
import * as vite from "vite"
import { environment, timed } from "./suite.mjs"
import { libraries, publicExports, publishable, read, root, workspaceDependencies } from "./workspace.mjs"

const run = promisify(execFile)
const stopping = new AbortController()

const exec = async (command, args, cwd) => {
  try {
    const { stdout } = await run(command, args, { cwd, env: environment, maxBuffer: 2 ** 26, signal: stopping.signal })
    return stdout
  } catch (error) {
    throw new Error(`${command} ${args.join(" ")}\n${error.stdout ?? ""}${error.stderr ?? error.message}`, {
      cause: error
    })
  }
}

const node = (args, cwd) => exec(process.execPath, args, cwd)

const check = (condition, message) => {
  if (!condition) throw new Error(message)
}

const build = async (packages) => {
  for (const { folder } of packages) {
    rmSync(join(root, folder, "dist"), { recursive: true, force: true })
    rmSync(join(root, folder, "build/dist.tsbuildinfo"), { force: true })
  }
  await exec("npm", ["run", "build"], root)
}

/** Packs, looks at what is in the tarball, and lists its public and its internal modules. */
const pack = async (item, destination) => {
  const stdout = await exec("npm", ["pack", "--json", "--pack-destination", destination], join(root, item.folder))
  const [{ filename, files: packed }] = JSON.parse(stdout)
  const paths = packed.map(({ path }) => path)
  for (
    const required of [
      "LICENSE",
      "README.md",
      "AGENTS.md",
      "llms.txt",
      "dist/index.js",
      "dist/index.d.ts",
      "src/index.ts",
      ...Object.values(item.manifest.bin ?? {})
    ]
  ) {
    check(paths.includes(required.replace(/^\.\//, "")), `${item.name}: no ${required} in the tarball`)
  }
  for (const path of paths) {
    check(!/^(test|typetest|build)\/|\.tsbuildinfo$/.test(path), `${item.name}: ${path} is in the tarball`)
  }
  const built = paths.filter((path) => /^dist\/.+\.js$/.test(path)).map((path) =>
    path.slice("dist/".length, -".js".length)
  )
  return {
    ...item,
    tarball: join(destination, filename),
    modules: Object.keys(publicExports(item.manifest)).map((path) => item.name + path.slice(1)),
    internals: built.filter((path) => path.startsWith("internal/")).map((path) => `${item.name}/${path}`)
      .filter((name) => !Object.hasOwn(item.manifest.exports, `.${name.slice(item.name.length)}`))
  }
}

const lint = async ({ manifest, modules, name, tarball }) => {
  const { messages } = await publint({
    strict: true,
    pack: { tarball: new Uint8Array(readFileSync(tarball)).buffer }
  })
  const texts = messages.map((message) => formatMessage(message, manifest, { color: false }))
  check(texts.length === 0, `publint:\n${texts.join("\n")}`)
  // every module by name, because it does not expand "./*"
  await node([
    "node_modules/@arethetypeswrong/cli/dist/index.js",
    tarball,
    "--profile",
    "esm-only",
    "--no-definitely-typed",
    "--no-emoji",
    "--format",
    "ascii",
    "--entrypoints",
    ...modules.map((module) => module.replace(name, "."))
  ], root).catch((error) => {
    const failed = error.message.split("*".repeat(35)).filter((block) =>
      /^(node16 \(from ESM\)|bundler): (?!OK)/m.test(block)
    )
    throw new Error(`attw:\n${failed.join("\n").trim()}`, { cause: error })
  })
}

/** The file of a module, in the folder of its package. */
const fileOf = (item, module) =>
  join(root, item.folder, item.manifest.exports[`.${module.slice(item.name.length)}`].default)

const optionalPeers = ({ manifest }) =>
  Object.entries(manifest.peerDependenciesMeta ?? {}).filter(([, { optional }]) => optional).map(([name]) => name)

/** The modules that an optional peer is needed for, found by what their files lead to. */
const needingPeers = (item) => {
  const peers = optionalPeers(item)
  const isPeer = (name) => peers.some((peer) => name === peer || name.startsWith(`${peer}/`))
  const needs = (path, seen) => {
    if (seen.has(path) || !existsSync(path)) return false
    seen.add(path)
    const names = [...readFileSync(path, "utf8").matchAll(/^(?:import|export)\b(?:[^"\n]*\bfrom)? *"([^"]+)"/gm)].map((
      [, name]
    ) => name)
    return names.some((name) => name.startsWith(".") ? needs(join(path, "..", name), seen) : isPeer(name))
  }
  return item.modules.filter((name) => needs(fileOf(item, name), new Set()))
}

/**
 * An empty project with the package, with the tarballs of those of ours that it needs, and with `peers`: without any, those
 * that are optional are not there.
 */
const install = async (item, packages, folder, peers = {}) => {
  const closure = new Set()
  const without = Object.keys(peers).length === 0 ? optionalPeers(item) : []
  const visit = (other) => {
    closure.add(other)
    for (const dependency of workspaceDependencies(other, packages)) {
      if (!without.includes(dependency.name)) visit(dependency)
    }
  }
  visit(item)
  mkdirSync(folder)
  // the client for Effect 4 brings the packages that have Effect 3 as a peer
  const isOn4 = item.folder === "packages/effect4"
  const files = (all) => Object.fromEntries(all.map((other) => [other.name, `file:${other.tarball}`]))
  const below = [...closure].filter((other) => other !== item)
  const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  const manifest = {
    name: "consumer",
    private: true,
    type: "module",
    dependencies: {
      ...files(isOn4 ? [item] : [...closure]),
      ...peers
    },
    ...(isOn4 ? { overrides: files(below), pnpm: { overrides: files(below) } } : undefined),
    devDependencies: { "@types/node": devDependencies["@types/node"] }
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest, null, 2))
  await exec("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"], folder)
  for (const [name, version] of Object.entries(peers)) {
    const installed = JSON.parse(readFileSync(join(folder, "node_modules", name, "package.json"), "utf8")).version
    check(installed === version, `${name} ${installed} was installed, not ${version}`)
  }
  const copies = await exec("npm", ["ls", "effect", "--all", "--parseable"], folder)
  // the client for Effect 4 has the Effect of the Promise client below it
  const expected = isOn4 ? 2 : 1
  check(new Set(copies.trim().split("\n")).size === expected, `not ${expected} copies of effect:\n${copies}`)
}

/** Every public module as ESM and through `require`, as one instance; no internal module. */
const importAll = async (item, folder) => {
  const imports = `
const refused = async (name, load) => {
  try {
    await load(name)
  } catch (error) {
    if (error.code === "ERR_PACKAGE_PATH_NOT_EXPORTED") return
    throw error
  }
  throw new Error(name + " can be imported")
}
const main = async () => {
  for (const name of ${JSON.stringify(item.modules)}) {
    const required = require(name)
    const imported = await import(name)
    if (Object.keys(imported).length === 0 && !${JSON.stringify(typesOnly(item))}.includes(name)) {
      throw new Error(name + " exports nothing")
    }
    for (const key of Object.keys(imported)) {
      if (imported[key] !== required[key]) throw new Error(name + "#" + key + " exists twice")
    }
  }
  for (const name of ${JSON.stringify(item.internals)}) {
    await refused(name, (name) => import(name))
    await refused(name, (name) => require(name))
  }
}
main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
`
  writeFileSync(
    join(folder, "esm.mjs"),
    `import { createRequire } from "node:module"\nconst require = createRequire(import.meta.url)\n${imports}`
  )
  writeFileSync(join(folder, "cjs.cjs"), imports)
  await node(["esm.mjs"], folder)
  await node(["cjs.cjs"], folder)
}

/** The modules that hold types alone. */
const typesOnly = (item) =>
  item.modules.filter((name) => /^\s*export \{\};?\s*$/m.test(readFileSync(fileOf(item, name), "utf8")))

/** The targets of the package's `imports`: one file on Node, another everywhere else. */
const subpathImports = async (item, folder) => {
  const installed = realpathSync(join(folder, "node_modules", item.name))
  for (const [name, targets] of Object.entries(item.manifest.imports ?? {})) {
    check(targets.node !== targets.default, `${name} leads to one file on Node and off it`)
    for (const condition of ["node", "browser", "workerd"]) {
      // what is required here and has a form of its own for that is found by no other condition
      const expected = join(installed, targets.require ?? (condition === "node" ? targets.node : targets.default))
      const program = `
        const { createRequire } = require("node:module")
        console.log(createRequire(${JSON.stringify(join(installed, "dist/index.js"))}).resolve(${
        JSON.stringify(name)
      }))`
      const found = (await node([`--conditions=${condition}`, "-e", program], folder)).trim()
      check(found === expected, `${name} leads to ${found} under ${condition}, not to ${expected}`)
    }
  }
}

/**
 * Type-checks the package's program and an import of every module, our own declarations included: they are what
 * `stripInternal` may have left with a name that is not there.
 */
const typeCheck = (item, folder) => {
  const { modules } = item
  if (existsSync(consumer(item))) cpSync(consumer(item), join(folder, "program.ts"))
  for (const { entry } of bundlesOf(item)) cpSync(join(root, "scripts/consumers", entry), join(folder, entry))
  writeFileSync(
    join(folder, "modules.ts"),
    `${modules.map((name, index) => `import * as M${index} from "${name}"`).join("\n")}
export const modules = [${modules.map((_, index) => `M${index}`).join(", ")}]
`
  )
  writeFileSync(
    join(folder, "modules.cts"),
    `${modules.map((name, index) => `import M${index} = require("${name}")`).join("\n")}
export const modules = [${modules.map((_, index) => `M${index}`).join(", ")}]
`
  )
  const resolutions = [
    { name: "nodenext", module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
    { name: "bundler", module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler }
  ]
  for (const { name, ...resolution } of resolutions) {
    const programs = ["modules.ts", "modules.cts", "program.ts", ...bundlesOf(item).map(({ entry }) => entry)]
      .filter((file) => existsSync(join(folder, file)) && !(name === "bundler" && file.endsWith(".cts")))
    const options = {
      ...resolution,
      target: ts.ScriptTarget.ES2022,
      lib: ["lib.es2022.d.ts"],
      types: ["node"],
      typeRoots: [join(folder, "node_modules/@types")],
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      skipLibCheck: false
    }
    const host = ts.createCompilerHost(options)
    host.getCurrentDirectory = () => folder
    const program = ts.createProgram(programs.map((file) => join(folder, file)), options, host)
    const ours = program.getSourceFiles().filter(({ fileName }) =>
      !fileName.includes("/node_modules/") || fileName.includes("/node_modules/@effect-noukai/")
    )
    check(ours.length > programs.length, `${name}: no declarations found`)
    const diagnostics = [
      ...program.getOptionsDiagnostics(),
      ...program.getGlobalDiagnostics(),
      ...ours.flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)])
    ]
    check(
      diagnostics.length === 0,
      `types under ${name}:\n${
        ts.formatDiagnostics(diagnostics, {
          getCanonicalFileName: (fileName) => fileName,
          getCurrentDirectory: () => folder,
          getNewLine: () => "\n"
        })
      }`
    )
  }
}

/** The package's own program, if it has one: type-checked with the rest, then run. */
const consumer = (item) => join(root, "scripts/consumers", `${item.folder.split("/").at(-1)}.ts`)

const runProgram = async (item, folder) => {
  const { outputText } = ts.transpileModule(readFileSync(consumer(item), "utf8"), {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }
  })
  writeFileSync(join(folder, "program.mjs"), outputText)
  await node(["program.mjs"], folder)
}

/** The page as Vite builds it for browsers. */
const bundlePage = async (folder) => {
  const { output } = await vite.build({
    root: folder,
    configFile: false,
    logLevel: "error",
    build: {
      write: false,
      rollupOptions: {
        input: join(folder, "browser.ts"),
        preserveEntrySignatures: "strict",
        output: { format: "iife", name: "bundled" }
      }
    }
  })
  check(output.length === 1, `a page of ${output.length} files`)
  return { code: output[0].code, inputs: Object.keys(output[0].modules) }
}

/** The worker as its tools bundle it: for workerd, and for a worker of which no more is known. */
const bundleWorker = (conditions) => async (folder) => {
  const { metafile, outputFiles } = await esbuild.build({
    absWorkingDir: folder,
    entryPoints: ["worker.ts"],
    bundle: true,
    metafile: true,
    write: false,
    logLevel: "silent",
    target: "es2022",
    platform: "neutral",
    mainFields: ["module", "main"],
    format: "iife",
    globalName: "bundled",
    conditions
  })
  return { code: outputFiles[0].text, inputs: Object.keys(metafile.inputs) }
}

/** The globals that every environment of the web has; none of Node. */
const webGlobals = Object.fromEntries(
  JSON.parse(read("scripts/consumers/webGlobals.json")).map((name) => [name, globalThis[name]])
)

const post = { method: "POST", headers: { "content-type": "application/json" }, body: "{\"message\":\"Hi.\"}" }

/** The bundles, each with its program and the check of its exports where a run is answered on `port`. */
const bundles = [
  {
    name: "page, by Vite",
    folder: "packages/promise",
    entry: "browser.ts",
    bundle: bundlePage,
    use: async ({ main }, port) => check(await main(`http://127.0.0.1:${port}/run`) === "completed", "no answer")
  },
  ...[["workerd", "worker", "browser"], ["worker"]].map((conditions) => ({
    name: `worker, ${conditions[0]}`,
    folder: "packages/adapters",
    entry: "worker.ts",
    bundle: bundleWorker(conditions),
    use: async ({ default: worker }, port) => {
      const request = new Request("http://worker.example/agent/execute", post)
      const response = await worker.fetch(request, { NOUKAI_API_KEY: "nk_consumer", PORT: port })
      check((await response.json()).status === "completed", "no answer")
    }
  }))
]

const bundlesOf = (item) => bundles.filter(({ folder }) => folder === item.folder)

const testBundle = async ({ bundle, use }, folder) => {
  const { code, inputs } = await bundle(folder)
  check(inputs.some((path) => path.includes("/@effect-noukai/")), `none of ${inputs.length} modules is of a package`)
  check(!inputs.some((path) => path.includes("/undici/")), "undici is in the bundle")
  const foreign = /\b(?:require\(|from\s*|import\(?\s*)["'](?:node:[\w/]+|fs|path|http|net)["']|__vite-browser-external/
    .exec(code)
  check(foreign === null, `${foreign?.[0]} is in the bundle`)
  const server = createServer((_, response) => {
    response.setHeader("content-type", "application/json")
    response.end(JSON.stringify({ status: "completed", result: {}, flowId: "f1", blockCount: 1, executionId: "e1" }))
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  try {
    const exported = new Script(`${code}\n;bundled`).runInContext(createContext({ ...webGlobals }))
    await use(exported, server.address().port)
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

/** The companions of a peer need the effect of their day: beside the lowest stands the first release of each one's minor. */
const companions = {
  "@effect/platform-node": [
    "@effect/platform-node-shared",
    ...["cluster", "experimental", "rpc", "sql", "workflow"].map((name) => `@effect/${name}`)
  ]
}

/** The peers that are not ours, and undici, each at the lowest version of its range. */
const lowestPeers = ({ manifest }) => {
  const { undici } = manifest.dependencies ?? {}
  const peers = Object.entries({ ...manifest.peerDependencies, ...(undici === undefined ? undefined : { undici }) })
    .filter(([name]) => !name.startsWith("@effect-noukai/"))
    .map(([name, range]) => [name, /\d+\.\d+\.\d+/.exec(range)[0]])
  const brought = peers.flatMap(([name]) => companions[name] ?? []).map((name) => [
    name,
    JSON.parse(read(`node_modules/${name}/package.json`)).version.replace(/\d+$/, "0")
  ])
  return Object.fromEntries([...peers, ...brought])
}

/** The frameworks among the peers, in a program that is not type-checked: they do not all have types of their own. */
const runFrameworks = async (folder) => {
  cpSync(join(root, "scripts/consumers/frameworks.mjs"), join(folder, "frameworks.mjs"))
  await node(["frameworks.mjs"], folder)
}

/** The Promise client in a program whose own Effect is another major version: npm installs both. */
const besideEffect4 = async (item, packages, folder) => {
  mkdirSync(folder)
  const [sdk, emulator] = ["sdk", "emulator"].map((name) =>
    packages.find(({ folder }) => folder === `packages/${name}`)
  )
  const manifest = {
    name: "consumer",
    private: true,
    type: "module",
    dependencies: {
      [item.name]: `file:${item.tarball}`,
      [emulator.name]: `file:${emulator.tarball}`,
      effect: "^4.1.0"
    },
    // not on the registry yet
    overrides: { [sdk.name]: `file:${sdk.tarball}` }
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest, null, 2))
  await exec("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"], folder)
  cpSync(join(root, "scripts/consumers/effect4"), folder, { recursive: true })
  await exec(process.execPath, [
    join(root, "node_modules/typescript/bin/tsc"),
    ...["flows.ts", "--target", "es2022", "--module", "nodenext", "--strict", "--skipLibCheck"],
    ...["--types", "node", "--typeRoots", join(root, "node_modules/@types")]
  ], folder)
  await node(["program.mjs"], folder)
  await node(["service.mjs"], folder)
}

/** The compiler reads no file of Effect 3 for the declarations of the client for Effect 4. */
const declaresNoEffect3 = (folder) => {
  const program = ts.createProgram([join(folder, "modules.ts")], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: []
  })
  const packages = program.getSourceFiles().flatMap(({ fileName }) =>
    /^.*\/node_modules\/(?:@effect\/[^/]+|effect)(?=\/)/.exec(fileName) ?? []
  )
  check(packages.length > 0, "the compiler found no Effect")
  for (const found of new Set(packages)) {
    const { name, version } = JSON.parse(readFileSync(join(found, "package.json"), "utf8"))
    check(version.startsWith("4."), `the declarations contain types of ${name} ${version}`)
  }
}

/** The client for Effect 4 as pnpm installs it, beside the newest Effect 4. */
const withPnpm = async (item, installed, folder) => {
  mkdirSync(folder)
  for (const name of ["package.json", "program.mjs"]) cpSync(join(installed, name), join(folder, name))
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  manifest.dependencies.effect = "^4.1.0"
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest, null, 2))
  await exec("npx", ["--yes", "pnpm@10", "install", "--ignore-scripts", "--prefer-offline"], folder)
  check(existsSync(join(folder, "node_modules/.pnpm")), "pnpm installed nothing")
  await node(["program.mjs"], folder)
}

/** The Promise client and the emulator in a project whose tests run in Jest, with the settings of the guide to runtimes. */
const underJest = async (packages, folder) => {
  mkdirSync(folder)
  const tarballs = ["sdk", "promise", "emulator"].map((name) => {
    const { tarball } = packages.find(({ folder }) => folder === `packages/${name}`)
    return [`@effect-noukai/${name}`, `file:${tarball}`]
  })
  const manifest = {
    name: "consumer",
    private: true,
    type: "module",
    jest: { transform: {} },
    dependencies: { ...Object.fromEntries(tarballs), jest: "^30.0.0" },
    // not on the registry yet
    overrides: { "@effect-noukai/sdk": "$@effect-noukai/sdk" }
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest, null, 2))
  await exec("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"], folder)
  cpSync(join(root, "scripts/consumers/jest.test.js"), join(folder, "jest.test.js"))
  await node(["--experimental-vm-modules", "node_modules/jest/bin/jest.js"], folder)
}

/** The studio beside the emulator of an installed command: its page, and the run of another process. */
const testStudio = async (noukai, folder) => {
  const dev = spawn(process.execPath, [
    join(folder, "node_modules/@effect-noukai/cli/bin/noukai.cjs"),
    "dev",
    "--port",
    "0"
  ], {
    cwd: folder,
    env: environment,
    stdio: ["ignore", "pipe", "inherit"]
  })
  try {
    let output = ""
    for await (const text of dev.stdout.setEncoding("utf8")) {
      output += text
      if (output.includes("Flows:")) break
    }
    const [url] = /http:\/\/\S+token=\S+/.exec(output)
    const [, port] = /127\.0\.0\.1:(\d+)/.exec(output)
    const cookie = (await fetch(url, { redirect: "manual" })).headers.get("set-cookie").split(";")[0]
    const get = async (path) => (await fetch(new URL(path, url), { headers: { cookie } })).text()
    const page = await get("/")
    const [, script] = /src="(\/assets\/[^"]+\.js)"/.exec(page) ?? []
    check(script !== undefined, `the studio of the command has no page: ${page.slice(0, 200)}`)
    check((await get(script)).length > 10_000, "the page of the studio has no script")
    await noukai("run", "noukai/samples/hello-world", "Hi", "--port", port, "--key-file", "key.txt")
    const { runs: [run] } = JSON.parse(await get("/api/runs"))
    check(run?.status === "completed", "the studio does not show the run")
  } finally {
    dev.kill("SIGINT")
    await once(dev, "close")
  }
}

/**
 * The command as it is installed: with nothing of ours beside it. Its emulator answers it, and its ledger of batches, the
 * one part that is not bundled, is there.
 */
const testCommand = async () => {
  const stdout = await exec("npm", ["pack", "--json", "--pack-destination", temporary], join(root, "packages/cli"))
  const [{ filename, files: packed }] = JSON.parse(stdout)
  const strange = packed.map(({ path }) => path).filter((path) =>
    !/^(bin\/noukai\.cjs|dist\/(.+\.js|assets\/[\w./-]+|grammar\.json|noukai\.1)|LICENSE|(README|AGENTS)\.md|llms\.txt|package\.json)$/
      .test(path)
  )
  check(strange.length === 0, `${strange.join(", ")} in the tarball`)
  const folder = join(temporary, "cli")
  mkdirSync(folder)
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true }))
  await exec("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", join(temporary, filename)], folder)
  const noukai = (...args) => exec(join(folder, "node_modules/.bin/noukai"), args, folder)
  const { version } = JSON.parse(read("packages/cli/package.json"))
  check(await noukai("--version") === `${version}\n`, "noukai --version says something else")
  check((await noukai("--help")).includes("COMMANDS"), "noukai --help says something else")
  writeFileSync(join(folder, "rows.jsonl"), "{\"id\":1,\"text\":\"Hi.\"}\n")
  const said = await noukai(
    "dev",
    "--port",
    "0",
    "--exec",
    `PATH="$PWD/node_modules/.bin:$PATH"
    noukai run noukai/samples/hello-world Hi --json &&
    noukai batch run all noukai/samples/hello-world --input rows.jsonl --key id --message-field text --json >all.json &&
    noukai batch results all | grep -c done`
  )
  check(said === "{\"text\":\"Hello! You said: Hi\"}\n1\n", `noukai says ${said}`)
  writeFileSync(join(folder, "key.txt"), "nk_consumer\n")
  await testStudio(noukai, folder)
}

/** `npm run test:packages -- batch` tests one. */
const only = process.argv.slice(2)

const temporary = realpathSync(mkdtempSync(join(tmpdir(), "noukai-packages-")))
const remove = () => rmSync(temporary, { recursive: true, force: true })
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stopping.abort())

try {
  const workspaces = libraries()
  await timed("build from scratch", () => build(publishable()))
  if (only.length === 0 || only.includes("cli")) await timed("@effect-noukai/cli: npm install, noukai", testCommand)
  const packages = []
  for (const workspace of workspaces) packages.push(await pack(workspace, temporary))
  for (const item of packages.filter(({ folder }) => only.length === 0 || only.includes(folder.split("/").at(-1)))) {
    const folder = join(temporary, item.folder.split("/").at(-1))
    await timed(`${item.name}: publint, attw`, () => lint(item))
    await timed(`${item.name}: npm install, one effect`, () => install(item, packages, folder))
    const needing = needingPeers(item)
    check(!needing.includes(item.name), `${item.name} cannot be imported without ${optionalPeers(item).join(", ")}`)
    const alone = { ...item, modules: item.modules.filter((name) => !needing.includes(name)) }
    await timed(`${item.name}: import, require, internals`, async () => {
      await importAll(alone, folder)
      await subpathImports(item, folder)
    })
    await timed(`${item.name}: types, nodenext and bundler`, async () => typeCheck(alone, folder))
    if (existsSync(consumer(item))) await timed(`${item.name}: program`, () => runProgram(item, folder))
    for (const bundle of bundlesOf(item)) await timed(`${item.name}: ${bundle.name}`, () => testBundle(bundle, folder))
    if (item.name === "@effect-noukai/promise") {
      await timed(`${item.name}: beside Effect 4`, () => besideEffect4(item, packages, `${folder}-effect4`))
      await timed(`${item.name}: under Jest`, () => underJest(packages, `${folder}-jest`))
    }
    if (item.folder === "packages/effect4") {
      await timed(`${item.name}: npm run tarballs, beside Effect 4`, async () => {
        const project = `${folder}-tarballs`
        await node([join(root, "scripts/tarballs.mjs"), "--built", "--into", project, "effect4", "emulator"], temporary)
        await runProgram(item, project)
      })
      await timed(`${item.name}: declarations without Effect 3`, async () => declaresNoEffect3(folder))
      await timed(`${item.name}: pnpm, newest Effect 4`, () => withPnpm(item, folder, `${folder}-pnpm`))
    }
    const peers = lowestPeers(item)
    if (Object.keys(peers).length === 0) continue
    await timed(`${item.name}: lowest peers`, async () => {
      const lowest = `${folder}-lowest`
      await install(item, packages, lowest, peers)
      await importAll(item, lowest)
      typeCheck(item, lowest)
      await runProgram(item, lowest)
      if ("express" in peers) await runFrameworks(lowest)
    })
  }
} catch (error) {
  console.error(`FAIL  ${error.message}`)
  process.exitCode = 1
} finally {
  remove()
}
