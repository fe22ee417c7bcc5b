/**
 * Builds the packages, and packs each of them into the root of the clone. `--help` lists the forms.
 *
 *     npm run tarballs
 *     npm run tarballs -- --into <folder> <package> …    then installs these, and what they need, in a project
 *     npm run tarballs -- --global cli                   then installs the command
 *
 * A package has the name of its folder: `sdk`, `promise`, … Packages of ours that the named ones need come with them, and so
 * do their peers. The emulator, evals and the command become development dependencies, as the manuals install them.
 */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { publishable, root, workspaceDependencies } from "./workspace.mjs"

const npm = (args, cwd) => execFileSync("npm", args, { cwd, stdio: ["ignore", "inherit", "inherit"] })

const fail = (message) => {
  console.error(message)
  process.exit(2)
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: "boolean", short: "h", default: false },
    into: { type: "string" },
    global: { type: "boolean", default: false },
    built: { type: "boolean", default: false }
  }
})

const packages = publishable()

if (values.help) {
  console.log(`Builds the packages, and packs each of them into the root of the clone.

  npm run tarballs
  npm run tarballs -- --into <folder> <package> …    also installs these packages, and their peers, in a project
  npm run tarballs -- --global cli                   also installs the command noukai

  --built   packs the last build, and does not build

Packages: ${packages.map(({ folder }) => basename(folder)).join(", ")}.`)
  process.exit(0)
}

const named = positionals.map((name) => {
  const found = packages.find(({ folder }) => basename(folder) === name.replace(/^@effect-noukai\//, ""))
  return found ?? fail(`${name} is not a package. There are ${packages.map((p) => basename(p.folder)).join(", ")}.`)
})

const installs = values.into !== undefined || values.global
if (installs && named.length === 0) {
  fail("Name the packages to install: npm run tarballs -- --into <folder> sdk emulator")
}
if (!installs && named.length > 0) fail("Say where to install them: --into <folder>, or --global for the command")
if (values.global && named.some(({ folder }) => basename(folder) !== "cli")) fail("Only cli is installed with --global")

/** The packages, and those of ours that they need. */
const closure = [...new Set(named)]
const isOptional = ({ manifest }, name) => manifest.peerDependenciesMeta?.[name]?.optional === true
for (const item of closure) {
  for (const other of workspaceDependencies(item, packages)) {
    if (!isOptional(item, other.name) && !closure.includes(other)) closure.push(other)
  }
}

/** The peers of others that a package needs. */
const peersOf = (item) =>
  Object.entries(item.manifest.peerDependencies ?? {}).filter(([name]) =>
    !isOptional(item, name) && packages.every((other) => other.name !== name)
  )

const peersOfNamed = Object.fromEntries(named.flatMap(peersOf))

/** Those that need other peers than the named packages: npm puts them, with their peers, inside of what depends on them. */
const inside = closure.filter((item) =>
  !named.includes(item) && peersOf(item).some(([name, range]) => (peersOfNamed[name] ?? range) !== range)
)

const beside = closure.filter((item) => !inside.includes(item))

const peers = Object.fromEntries(beside.flatMap(peersOf))

const tarball = ({ manifest }) => join(root, `${manifest.name.slice(1).replace("/", "-")}-${manifest.version}.tgz`)

if (!values.built) npm(["run", "build"], root)
npm(["pack", "--silent", ...packages.map(({ folder }) => `--workspace=${folder}`), "--pack-destination", root], root)

if (values.global) {
  npm(["install", "--global", ...beside.map(tarball)], root)
  console.log("installed: noukai --help")
} else if (values.into !== undefined) {
  // npm looks for a package.json above a folder that has none
  const folder = resolve(process.env.INIT_CWD ?? ".", values.into)
  mkdirSync(folder, { recursive: true })
  const manifest = join(folder, "package.json")
  if (!existsSync(manifest)) writeFileSync(manifest, `${JSON.stringify({ private: true, type: "module" }, null, 2)}\n`)
  if (inside.length > 0) {
    const { overrides, ...rest } = JSON.parse(readFileSync(manifest, "utf8"))
    const files = Object.fromEntries(inside.map((item) => [item.manifest.name, `file:${tarball(item)}`]))
    writeFileSync(manifest, `${JSON.stringify({ ...rest, overrides: { ...overrides, ...files } }, null, 2)}\n`)
  }
  const isForDevelopment = ({ folder }) => ["emulator", "eval", "cli"].includes(basename(folder))
  const install = (names, ...flags) => {
    if (names.length > 0) npm(["install", "--no-audit", "--no-fund", ...flags, ...names], folder)
  }
  install([
    ...beside.filter((item) => !isForDevelopment(item)).map(tarball),
    ...Object.entries(peers).map(([name, range]) => `${name}@${range}`)
  ])
  install(beside.filter(isForDevelopment).map(tarball), "--save-dev")
  const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(manifest, "utf8"))
  console.log(`installed in ${folder}: ${Object.keys({ ...dependencies, ...devDependencies }).join(", ")}`)
}
