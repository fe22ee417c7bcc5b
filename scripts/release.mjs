/**
 * Releases all packages: version, changelog, commit, build, publication, tag. Publishes to the registry of npm's configuration.
 *
 *     npm run release
 *
 * Run it again if it fails: packages that are on the registry are skipped.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { current } from "./version.mjs"
import { root } from "./workspace.mjs"

const fail = (message) => {
  console.error(message)
  process.exit(1)
}

const run = (command, ...args) => {
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit" })
  if (status !== 0) fail(`failed: ${command} ${args.join(" ")}`)
}

const output = (command, ...args) => execFileSync(command, args, { cwd: root, encoding: "utf8" }).trim()

const isClean = () => output("git", "status", "--porcelain") === ""

if (!isClean()) fail("some changes are not committed: commit or remove them first")
run("npm", "run", "release:version")
const tag = `v${current()}`
if (!isClean()) {
  run("git", "add", "--all")
  run("git", "commit", "--message", `Release ${tag}`)
}
run("npm", "run", "build")
// a tag for all packages, not one for each
run("npx", "changeset", "publish", "--no-git-tag")
if (output("git", "tag", "--list", tag) === "") run("git", "tag", "--annotate", tag, "--message", tag)
console.log(`${tag} is released. Now: git push --follow-tags`)
