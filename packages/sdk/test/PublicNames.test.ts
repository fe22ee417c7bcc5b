/** The names that the public modules export. */
import { assert, it } from "@effect/vitest"
import manifest from "../package.json" with { type: "json" }

it("schemas of the wire are not public, and one layer is scripted", async () => {
  const subpaths = Object.keys(manifest.exports).filter((subpath) => !["./package.json", "./kit/*"].includes(subpath))
  const names = await Promise.all(subpaths.map(async (subpath) => {
    const module: object = await import(`@effect-noukai/sdk${subpath.slice(1)}`)
    return Object.keys(module).map((name) => `${subpath} ${name}`)
  }))
  assert.deepStrictEqual(names.flat().filter((name) => /Wire/.test(name)), [])
  assert.deepStrictEqual(names.flat().filter((name) => /layerScripted/.test(name)), ["./Noukai layerScripted"])
})
