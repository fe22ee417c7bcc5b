/** Pictures and checks of the comparison of two runs. */
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll } from "vitest"
import * as Pairs from "../support/pairs.js"
import type { ScriptedRun } from "../support/scripted.js"
import * as Stories from "../support/stories.js"
import { describeViews, type Views } from "./pictures.js"
import { comparePath, launch, type RunningStudio, runPath, startStudio } from "./studioPage.js"

const table = (page: Page) => page.getByRole("table", { name: "Steps of both runs" }).waitFor()

const nothing: ScriptedRun = { id: "nothing", flow: "acme/support/answer" }

const views: Views = {
  compare: {
    path: comparePath(Pairs.before, Pairs.after),
    ready: (page) => page.locator(".marked").first().waitFor()
  },
  "compare-step": {
    path: comparePath(Pairs.before, Pairs.after, "&step=7"),
    ready: async (page) => {
      await page.locator(".marked").first().waitFor()
      await page.locator(".is-open").evaluate((row) => row.scrollIntoView())
    }
  },
  "compare-all": { path: comparePath(Pairs.before, Pairs.after, "&show=all&step=none"), ready: table },
  "compare-equal": {
    path: comparePath(Pairs.before, Pairs.again),
    ready: (page) => page.getByRole("heading", { name: "No step differs" }).waitFor()
  },
  "compare-live": { path: comparePath(Pairs.before, Pairs.going(4)), ready: table },
  "compare-hostile": { path: comparePath(Pairs.hostile[0], Pairs.hostile[1]), ready: table },
  "compare-missing": {
    path: comparePath(Pairs.before, nothing),
    ready: (page) => page.getByRole("heading", { name: "A run is not there" }).waitFor()
  },
  "compare-choose": {
    path: "/compare",
    ready: (page) => page.locator(".lrows-choose .row-link").first().waitFor()
  },
  "compare-with": {
    path: `/compare?beforeFlow=${encodeURIComponent(Pairs.before.flow!)}&before=${Pairs.before.id}`,
    ready: (page) => page.locator(".lrows-choose .row-link").first().waitFor()
  },
  "compare-from-run": {
    path: runPath(Pairs.before),
    ready: (page) => page.getByRole("link", { name: "Compare…" }).waitFor()
  }
}

let browser: Browser
let studio: RunningStudio

beforeAll(async () => {
  browser = await launch()
  studio = await startStudio({ runs: [...Stories.all, ...Pairs.all, Pairs.going(4)] })
})

afterAll(async () => {
  await browser?.close()
  await studio?.stop()
})

describeViews(() => browser, () => studio, views)
