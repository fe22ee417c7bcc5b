/**
 * The test suite with the lowest versions of the peers that the packages allow, and with the latest, each in a copy of
 * the repository. Where the latest are what is installed, `npm test` runs with them: nothing is left to do, unless they
 * are asked for by name.
 *
 *     npm run test:peers                               both
 *     npm run test:peers -- lowest -- sdk/test/Retry one of them, and what vitest is to run
 */
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { succeeds, suite, suiteArguments } from "./suite.mjs"
import { files, publishable, root } from "./workspace.mjs"

const { chosen, named, reports, vitest } = suiteArguments(["lowest", "latest"])

const readJson = (folder, path) => JSON.parse(readFileSync(join(folder, path), "utf8"))
const writeJson = (folder, path, value) => writeFileSync(join(folder, path), `${JSON.stringify(value, null, 2)}\n`)

/** The peers that are not ours, each with the lowest versions of its range: one of every major. */
const peers = new Map(
  // the client for Effect 4 has an Effect of its own, whose lowest version test:packages installs
  publishable().filter(({ folder }) => folder !== "packages/effect4")
    .flatMap(({ manifest }) => Object.entries(manifest.peerDependencies ?? {}))
    .filter(([name]) => !name.startsWith("@effect-noukai/"))
    .map(([name, range]) => [name, range.match(/\d+\.\d+\.\d+/g)])
)

/**
 * The peers in the lockfile, aliases of them included, and the packages that go along with them: a package around
 * effect asks for the effect of its day, so beside the lowest effect stands the first release of its minor.
 */
const moved = Object.entries(readJson(root, "package-lock.json").packages).flatMap(([path, entry]) => {
  if (!path.startsWith("node_modules/") || entry.link === true) return []
  const alias = path.slice("node_modules/".length)
  const { name = alias, peerDependencies, version } = entry
  const major = /^\d+/.exec(version)[0]
  const lowest = peers.get(name)?.find((other) => other.startsWith(`${major}.`))
  if (lowest !== undefined) return [{ alias, name, path, version, lowest }]
  // its version is that of React; an alias of it stays, because two majors in the root do not fit together
  if (alias === "react-dom") {
    const react = peers.get("react").find((other) => other.startsWith(`${major}.`))
    return [{ alias, name, path, version, lowest: react }]
  }
  const around = name.startsWith("@effect/") && peerDependencies?.effect !== undefined
  return around ? [{ alias, name, path, version, lowest: version.replace(/\d+$/, "0") }] : []
})

const untested = [...peers].flatMap(([name, all]) =>
  all.filter((lowest) => !moved.some((entry) => entry.name === name && entry.lowest === lowest))
    .map((lowest) => `${name} ${lowest}`)
)
if (untested.length > 0) throw new Error(`no package of that major is installed: ${untested.join(", ")}`)

/** The versions that npm gave `moved` in the lockfile of the copy. */
const versions = (folder) => {
  const { packages } = readJson(folder, "package-lock.json")
  const copies = Object.keys(packages).filter((path) =>
    /(^|\/)node_modules\/effect$/.test(path) && !path.startsWith("packages/effect4/")
  )
  if (copies.length !== 1) throw new Error(`more than one copy of effect: ${copies.join(", ")}`)
  return new Map(moved.map(({ alias, path }) => [alias, packages[path].version]))
}

/** The change that each of the two makes to the copy, before npm resolves the packages of `moved` again. */
const changes = {
  lowest: (folder) => {
    for (const path of files().filter((path) => /^packages\/[^/]+\/package\.json$/.test(path))) {
      const manifest = readJson(folder, path)
      for (const { alias } of moved) delete manifest.devDependencies?.[alias]
      writeJson(folder, path, manifest)
    }
    const manifest = readJson(folder, "package.json")
    for (const { alias, lowest, name } of moved) {
      manifest.devDependencies[alias] = alias === name ? lowest : `npm:${name}@${lowest}`
    }
    writeJson(folder, "package.json", manifest)
  },
  latest: () => {}
}

const npmInstall = (folder, ...options) =>
  succeeds("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", ...options], { cwd: folder })

const prepare = (which, folder) => {
  for (const path of files()) cpSync(join(root, path), join(folder, path))
  const lock = readJson(folder, "package-lock.json")
  for (const { path } of moved) delete lock.packages[path]
  writeJson(folder, "package-lock.json", lock)
  changes[which](folder)
}

const test = async (which, folder) => {
  prepare(which, folder)
  // asks the registry what there is now, not what there was when it was last asked
  if (!await npmInstall(folder, "--package-lock-only")) throw new Error(`the ${which} peers do not fit together`)
  const found = versions(folder)
  console.log(moved.map(({ alias }) => `  ${alias} ${found.get(alias)}`).join("\n"))
  const other = moved.filter(({ alias, lowest }) => which === "lowest" && found.get(alias) !== lowest)
  if (other.length > 0) throw new Error(`not the lowest: ${other.map(({ alias }) => alias).join(", ")}`)
  const known = moved.every(({ alias, version }) => found.get(alias) === version)
  if (known && !named.includes(which)) {
    console.log("as in the lockfile: npm test runs with them")
    return true
  }
  if (!await npmInstall(folder, "--prefer-offline")) throw new Error(`the ${which} peers were not installed`)
  for (const [alias, version] of found) {
    const installed = readJson(folder, `node_modules/${alias}/package.json`).version
    if (installed !== version) throw new Error(`${alias} ${installed} was installed, not ${version}`)
  }
  // tests read in the manifests what the packages ask for
  for (const path of files().filter((path) => /(^|\/)package\.json$/.test(path))) {
    cpSync(join(root, path), join(folder, path))
  }
  return suite(`peers-${which}`, { cwd: folder, reports, vitest })
}

for (const which of chosen) {
  console.log(`\n==> ${which} peers`)
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `noukai-${which}-`)))
  try {
    if (!await test(which, folder)) throw new Error(`failed with the ${which} peers`)
  } catch (error) {
    console.error(`FAIL  ${error.message}`)
    process.exitCode = 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
