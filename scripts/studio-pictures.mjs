/**
 * Takes the pictures of `docs/guides/studio.md`, of runs that are scripted, in Chromium.
 *
 *     npm run pictures
 */
import { join } from "node:path"
import { launch, openPage, runPath, startStudio } from "../packages/studio/test/browser/studioPage.js"
import * as Stories from "../packages/studio/test/support/stories.js"
import { root } from "./workspace.mjs"

const views = [
  { name: "studio-runs", path: "/runs", ready: (page) => page.locator(".row-link").first().waitFor() },
  {
    name: "studio-run",
    path: runPath(Stories.failed),
    ready: (page) => page.locator(".payload-input .json").first().waitFor()
  }
]

const studio = await startStudio({ runs: [...Stories.many(60), Stories.failed] })
const browser = await launch()
for (const { name, path, ready } of views) {
  const opened = await openPage(browser, studio, path, { viewport: { width: 1280, height: 720 } })
  await ready(opened.page)
  await opened.page.screenshot({ path: join(root, "docs/guides", `${name}.png`) })
  await opened[Symbol.asyncDispose]()
}
await browser.close()
await studio.stop()
