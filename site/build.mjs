/**
 * Builds the site into `site/dist`, and fails if a link or an anchor leads nowhere, or the search does not find a page.
 *
 *     npm run site                  all of it
 *     SITE_DRAFT=1 npm run site     without types on hover, in a fraction of the time
 */
import { join } from "node:path"
import { build } from "vitepress"
import { root } from "../scripts/workspace.mjs"
import { searchProblems } from "./findings.mjs"
import { deadLinks } from "./links.mjs"
import { writeReference } from "./reference.mjs"
import { pages, stage } from "./stage.mjs"

const dist = join(root, "site/dist")

stage()
await writeReference(join(pages, "api"))
await build(join(root, "site"))

const { count, dead, pages: built } = deadLinks(dist)
const problems = [...dead, ...await searchProblems(dist)]
for (const problem of problems) console.error(problem)
console.log(`site/dist/index.html: ${built.length} pages, ${count} links checked`)
if (problems.length > 0) process.exitCode = 1
