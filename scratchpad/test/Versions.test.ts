/** The table of versions in the guide to runtimes is what the packages declare. Our own packages have one version, which it leaves out. */
import { readFileSync } from "node:fs"
import { assert, it } from "vitest"

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")

interface Manifest {
  readonly dependencies?: Record<string, string>
  readonly peerDependencies?: Record<string, string>
  readonly peerDependenciesMeta?: Record<string, { readonly optional?: boolean }>
  readonly devDependencies?: Record<string, string>
}

const manifest = (path: string) => JSON.parse(read(path)) as Manifest

/** "`effect` ^3.22.0, `hono` ^4.0.0" */
const ranges = (text: string): Record<string, string> =>
  Object.fromEntries(
    [...text.matchAll(/`([^`]+)`\s+((?:\^?\d+(?:\.\d+)*)(?: or \^\d+(?:\.\d+)*)*)/g)]
      .map(([, name, range]) => [name!, range!.replaceAll(" or ", " || ")])
  )

const readme = read("docs/guides/runtimes.md")

it.each(["sdk", "promise", "adapters", "emulator"])("%s", (folder) => {
  const name = `@effect-noukai/${folder}`
  const row = readme.split("\n").find((line) => line.startsWith(`| \`${name}\``))
  const cells = row!.split("|").slice(2)
  const { dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = manifest(
    `packages/${folder}/package.json`
  )
  const isOptional = ([peer]: [string, string]) => peerDependenciesMeta[peer]?.optional === true
  const peers = Object.entries(peerDependencies)
  const columns = [peers.filter((peer) => !isOptional(peer)), Object.entries(dependencies), peers.filter(isOptional)]
  for (const [place, entries] of columns.entries()) {
    const cell = cells[place]!
    const isOwn = ([name]: [string, string]) => name.startsWith("@effect-noukai/")
    assert.deepStrictEqual(ranges(cell), Object.fromEntries(entries.filter((entry) => !isOwn(entry))))
    for (const [name] of entries.filter(isOwn)) assert.include(cell, `\`${name}\``)
  }
})

it("the releases of Effect's other packages", () => {
  const named = ranges(
    readme.slice(readme.indexOf("Use `@effect/platform-node`"), readme.indexOf("Pin the"))
  )
  const { devDependencies } = manifest("package.json")
  assert.lengthOf(Object.keys(named), 3)
  for (const [name, range] of Object.entries(named)) assert.strictEqual(devDependencies![name], range)
})
