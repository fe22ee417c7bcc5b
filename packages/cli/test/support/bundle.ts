/** Bundles the command once for all tests: from source, or from what was built when the suite runs against that. */
import { cp, rm, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { bundle } from "../../../../scripts/bundle-cli.mjs"

const folder = fileURLToPath(new URL("../..", import.meta.url))

const tested = `${folder}/build/tested`

export default async () => {
  await rm(tested, { recursive: true, force: true })
  // ports come again, and with them what was remembered of other servers
  await rm(fileURLToPath(new URL("../../../../node_modules/.cache/test-state", import.meta.url)), {
    recursive: true,
    force: true
  })
  for (const path of ["bin/noukai.cjs", "package.json"]) await cp(`${folder}/${path}`, `${tested}/${path}`)
  const { metafile } = await bundle(
    `${tested}/dist`,
    process.env.TEST_DIST === undefined ? ["@effect-noukai/source"] : []
  )
  await writeFile(`${tested}/metafile.json`, JSON.stringify(metafile))
}
