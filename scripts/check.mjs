/**
 * Runs every check, two at a time, prints each with its time and output, and fails at the end if any failed.
 *
 *     npm run check                 all of them
 *     npm run check -- lint arrows  only these
 */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const concurrency = 2

/** The longest first, so that two cores finish together. */
const checks = [
  {
    name: "types",
    what: "TypeScript, all projects",
    command: ["node_modules/typescript/bin/tsc", "-b", "tsconfig.json"]
  },
  { name: "lint", what: "ESLint and formatting", command: ["node_modules/eslint/bin/eslint.js", "."] },
  { name: "effect", what: "Effect diagnostics", command: ["scripts/diagnostics.mjs"] },
  { name: "arrows", what: "imports, arrows and cycles", command: ["scripts/arrows.mjs"] },
  { name: "unused", what: "files and exports without a use", command: ["node_modules/knip/bin/knip.js"] },
  { name: "sizes", what: "bundles, against their budgets", command: ["scripts/sizes.mjs"] },
  {
    name: "modules",
    what: "modules that a call runs through",
    command: ["--conditions=@effect-noukai/source", "--import", "tsx", "scripts/modules.mjs"]
  },
  {
    name: "workflows",
    what: "workflows of GitHub",
    command: ["--import", "tsx", "scripts/workflows.mjs"]
  },
  { name: "docker", what: "the image of the guide", command: ["scripts/docker.mjs"] },
  { name: "hygiene", what: "paths, skipped tests, README", command: ["scripts/hygiene.mjs"] }
]

const run = (check) =>
  new Promise((resolve) => {
    const started = performance.now()
    const child = spawn(process.execPath, check.command, { cwd: root, stdio: ["ignore", "pipe", "pipe"] })
    const output = []
    child.stdout.on("data", (chunk) => output.push(chunk))
    child.stderr.on("data", (chunk) => output.push(chunk))
    const end = (ok) => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      console.log(`${ok ? "ok  " : "FAIL"}  ${check.name.padEnd(9)} ${seconds.padStart(5)} s  ${check.what}`)
      const text = Buffer.concat(output).toString().trim()
      if (text !== "") console.log(text.replace(/^/gm, "      "))
      resolve(ok)
    }
    child.on("error", (error) => {
      output.push(Buffer.from(String(error)))
      end(false)
    })
    child.on("close", (code) => end(code === 0))
  })

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => checks.every((check) => check.name !== name))
if (unknown.length > 0) {
  console.error(`no such check: ${unknown.join(", ")} (there are ${checks.map((check) => check.name).join(", ")})`)
  process.exit(2)
}

const queue = checks.filter((check) => wanted.length === 0 || wanted.includes(check.name))
const failed = []
const worker = async () => {
  for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
    if (!await run(check)) failed.push(check.name)
  }
}

const started = performance.now()
await Promise.all(Array.from({ length: concurrency }, worker))
console.log(`${((performance.now() - started) / 1000).toFixed(1)} s in all`)
if (failed.length > 0) {
  console.error(`failed: ${failed.join(", ")}`)
  process.exit(1)
}
