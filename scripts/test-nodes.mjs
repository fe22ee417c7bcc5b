/**
 * The test suite on the other majors of Node, whose binaries come from npm.
 *
 *     npm run test:nodes                           each of them
 *     npm run test:nodes -- 22 -- sdk/test/Retry one of them, and what vitest is to run
 *     npm run test:nodes -- 22 --peers lowest    with the lowest peers, as `npm run test:peers` does
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { environment, succeeds, suite, suiteArguments } from "./suite.mjs"
import { root } from "./workspace.mjs"

const { chosen, peers, reports, vitest } = suiteArguments(["22", "24"])

/** Installs the newest Node of a major, unless one of that major is there. */
const install = async (major) => {
  const folder = join(root, "node_modules/.cache/nodes", major)
  const name = `node-${process.platform}-${process.arch}`
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ private: true, dependencies: { [name]: major } }, null, 2)
  )
  const options = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]
  if (!await succeeds("npm", ["install", ...options], { cwd: folder })) throw new Error(`no ${name}@${major}`)
  const location = join(folder, "node_modules", name)
  const { bin } = JSON.parse(readFileSync(join(location, "package.json"), "utf8"))
  const binary = join(location, bin.node)
  const version = execFileSync(binary, ["--version"], { encoding: "utf8" }).trim()
  if (!version.startsWith(`v${major}.`)) throw new Error(`${name}@${major} is Node ${version}`)
  return { binary, version }
}

/** First on the path for whoever asks for `node`; npm, vitest and its workers do. */
const environmentOf = ({ binary, version }) => ({
  ...environment,
  PATH: `${dirname(binary)}${delimiter}${environment.PATH}`,
  NODE_OPTIONS: `${environment.NODE_OPTIONS ?? ""} --require "${join(root, "scripts/only-node.cjs")}"`.trim(),
  TEST_NODE: version
})

const test = (node) => {
  const env = environmentOf(node)
  if (peers === undefined) return suite(`node-${node.version}`, { env, reports, vitest })
  const args = [
    "scripts/test-peers.mjs",
    peers,
    ...reports === undefined ? [] : ["--reports", reports],
    "--",
    ...vitest
  ]
  return succeeds("node", args, { env })
}

const failed = []
for (const major of chosen) {
  const node = await install(major)
  console.log(`\n==> Node ${node.version}`)
  if (!await test(node)) failed.push(node.version)
}
if (failed.length > 0) {
  console.error(`failed on Node ${failed.join(" and ")}`)
  process.exitCode = 1
}
