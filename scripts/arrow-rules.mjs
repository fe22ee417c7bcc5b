/**
 * The allowed imports of `src/`. Arrows point up this table only:
 *
 *     sdk       effect, @effect/platform; undici and Node's modules in its Node files only
 *     promise   effect, @effect/platform, sdk; OpenTelemetry, as an optional peer; React in src/react.ts; node:async_hooks
 *     effect4   effect 4, promise
 *     adapters  effect, @effect/platform, sdk, promise; frameworks, as optional peers; node:async_hooks
 *     emulator  effect, @effect/platform, @effect/platform-node, sdk; Node's modules
 *     report    effect, sdk
 *     mcp       effect, @modelcontextprotocol/server, the client as an optional peer, sdk, promise; Node's modules
 *     batch     effect, @effect/sql and drivers, engines as optional peers, sdk, report; promise in src/promise.ts; Node's modules
 *     eval      effect, @effect/sql, ajv, ajv-formats, fastest-levenshtein, re2js, simple-statistics, yaml, sdk, report, batch; promise in src/promise.ts; Node's modules
 *     studio    effect, @effect/platform, @effect/platform-node, @effect/sql, libsql, sdk, report; batch, eval and emulator where their runs are shown;
 *               Node's modules
 *     cli       @effect/cli, @effect/platform-node, secretlint, sdk, promise, report, batch, eval, emulator, studio, mcp; Node's modules
 *
 * Tests, `scratchpad/` and benchmarks import anything.
 */
import { readFileSync } from "node:fs"

const effect = ["effect", "@effect/platform"]
const manifest = (folder) =>
  JSON.parse(readFileSync(new URL(`../packages/${folder}/package.json`, import.meta.url), "utf8"))

const optionalPeers = (folder) =>
  Object.entries(manifest(folder).peerDependenciesMeta ?? {})
    .filter(([, meta]) => meta.optional === true)
    .flatMap(([name]) => [name, `@types/${name.replace(/^@(.+)\//, "$1__")}`])

/** Per package: npm packages, workspaces and Node's modules ("*" for any). */
const table = {
  sdk: { npm: effect, packages: [], node: [] },
  promise: { npm: [...effect, ...optionalPeers("promise")], packages: ["sdk"], node: ["async_hooks"] },
  effect4: { npm: ["effect"], packages: ["promise"], node: [] },
  adapters: { npm: [...effect, ...optionalPeers("adapters")], packages: ["sdk", "promise"], node: ["async_hooks"] },
  emulator: { npm: [...effect, "@effect/platform-node"], packages: ["sdk"], node: "*" },
  report: { npm: ["effect"], packages: ["sdk"], node: [] },
  batch: {
    npm: [...effect, "@effect/experimental", "@effect/sql", "libsql", "csv-parse", ...optionalPeers("batch")],
    packages: ["sdk", "promise", "report"],
    node: "*"
  },
  eval: {
    npm: [...effect, "@effect/sql", "ajv", "ajv-formats", "fastest-levenshtein", "re2js", "simple-statistics", "yaml"],
    packages: ["sdk", "promise", "report", "batch"],
    node: "*"
  },
  mcp: {
    npm: ["effect", "@modelcontextprotocol/server", ...optionalPeers("mcp")],
    packages: ["sdk", "promise"],
    node: "*"
  },
  studio: {
    npm: [...effect, "@effect/platform-node", "@effect/sql", "libsql"],
    packages: ["sdk", "report", "batch", "eval", "emulator"],
    node: "*"
  },
  cli: {
    npm: [
      ...effect,
      "@effect/cli",
      "@effect/platform-node",
      "@effect/sql",
      "@secretlint/core",
      "@secretlint/secretlint-rule-preset-recommend",
      "string-width",
      "undici"
    ],
    packages: ["sdk", "promise", "report", "batch", "eval", "emulator", "studio", "mcp"],
    node: "*"
  }
}

/** The kit of the SDK, which is for the other packages here. */
const sharedInternals = ["^packages/sdk/src/internal/kit/"]

/** The files that run on Node alone, reached through a condition of `imports`. */
const undiciFiles = ["^packages/sdk/src/internal/http/undici(Connections|Included|Required)?[.]ts$"]
const nodeFiles = [
  ...undiciFiles,
  "^packages/sdk/src/internal/node[^/]*[.]ts$",
  "^packages/sdk/src/internal/[^/]+/node[^/]*[.]ts$"
]

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
const modules = (names) => names.map((name) => `(^|/)node_modules/${escape(name)}/`)
const builtin = (names) => names.map((name) => `^(node:)?${escape(name)}$`)

const arrows = Object.entries(table).flatMap(([folder, { node, npm, packages }]) => {
  const from = `^packages/${folder}/src/`
  const own = [folder, ...packages].map((name) => `^packages/${name}/src/`)
  return [
    {
      name: `${folder}-imports`,
      comment: `packages/${folder} may import ${[...npm, ...packages].join(", ")}`,
      severity: "error",
      from: { path: from },
      to: {
        dependencyTypesNot: ["core"],
        pathNot: [...own, ...modules(npm), ...folder === "sdk" ? modules(["undici"]) : []]
      }
    },
    ...node === "*" ? [] : [{
      name: `${folder}-node`,
      comment: `packages/${folder} runs off Node too: Node's modules only in its Node files`,
      severity: "error",
      from: { path: from, pathNot: nodeFiles },
      to: { dependencyTypes: ["core"], pathNot: builtin(node) }
    }]
  ]
})

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    ...arrows,
    {
      name: "undici",
      comment: "undici belongs to the Node transport",
      severity: "error",
      from: { path: "^packages/sdk/src/", pathNot: undiciFiles },
      to: { path: modules(["undici"]) }
    },
    {
      name: "react",
      comment: "React belongs to the subpath react of promise",
      severity: "error",
      from: { path: "^packages/[^/]+/src/", pathNot: "^packages/promise/src/react[.]ts$" },
      to: { path: modules(["react", "@types/react"]) }
    },
    {
      name: "page-alone",
      comment: "a flow in a page loads nothing but itself",
      severity: "error",
      from: { path: "^packages/promise/src/(page|react|internal/page/.+)[.]ts$" },
      to: { pathNot: ["^packages/promise/src/(page|internal/page/.+)[.]ts$", ...modules(["react", "@types/react"])] }
    },
    {
      name: "batch-promise",
      comment:
        "the subpath promise of batch and eval alone needs the Promise client, which is an optional peer of batch",
      severity: "error",
      from: { path: "^packages/(batch|eval)/src/", pathNot: "^packages/(batch|eval)/src/promise[.]ts$" },
      to: { path: "^packages/promise/src/" }
    },
    {
      name: "no-cycle",
      comment: "type-only cycles count: they are modules with two reasons to change",
      severity: "error",
      from: { path: "^packages/[^/]+/src/" },
      to: { circular: true }
    },
    {
      name: "no-foreign-internal",
      comment: "internal/ of another package is private, except what the SDK exports for our packages",
      severity: "error",
      from: { path: "^packages/([^/]+)/src/" },
      to: { path: "^packages/[^/]+/src/internal/", pathNot: ["^packages/$1/", ...sharedInternals] }
    },
    {
      name: "no-relative-arrow",
      comment: "another package is imported by its name",
      severity: "error",
      from: { path: "^packages/([^/]+)/src/" },
      to: { path: "^packages/", pathNot: "^packages/$1/", dependencyTypes: ["local"] }
    },
    {
      name: "no-undeclared",
      comment: "what src imports is a dependency or a peer in the package's own package.json",
      severity: "error",
      from: { path: "^packages/[^/]+/src/", pathNot: "^packages/cli/" },
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown", "npm-dev"], dependencyTypesNot: ["npm-peer"] }
    },
    {
      name: "cli-undeclared",
      comment: "what the command imports is bundled with it: a development dependency in its own package.json",
      severity: "error",
      from: { path: "^packages/cli/src/" },
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"], dependencyTypesNot: ["npm-dev"] }
    },
    {
      name: "no-unresolved",
      comment: "the import leads nowhere",
      severity: "error",
      from: { path: "^packages/[^/]+/src/" },
      to: { couldNotResolve: true }
    }
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      extensions: [".ts", ".js", ".json"],
      mainFields: ["module", "main"]
    }
  }
}
