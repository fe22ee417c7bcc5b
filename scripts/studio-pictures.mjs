/**
 * Takes the pictures of `docs/guides/studio.md`, of runs that are scripted, in Chromium.
 *
 *     npm run pictures
 */
import { join } from "node:path"
import { launch, openPage, runPath, startStudio } from "../packages/studio/test/browser/studioPage.js"
import * as Ledgers from "../packages/studio/test/support/ledgers.js"
import * as ScriptedEmulator from "../packages/studio/test/support/scriptedEmulator.js"
import * as Stories from "../packages/studio/test/support/stories.js"
import { root } from "./workspace.mjs"

const views = [
  {
    name: "studio-runs",
    path: "/runs",
    ready: async (page) => {
      await page.locator(".row-link").first().waitFor()
      await page.locator("canvas").first().waitFor()
    }
  },
  {
    name: "studio-run",
    path: runPath(Stories.failed),
    ready: (page) => page.locator(".payload-input .json").first().waitFor()
  },
  {
    name: "studio-zoom",
    path: runPath(Stories.chain, "?from=4000&to=12000&path=critical"),
    ready: (page) => page.locator(".payload-output .json").first().waitFor(),
    height: 600
  },
  {
    name: "studio-session",
    path: `/sessions/${Stories.conversationId}?idle=folded`,
    ready: (page) => page.locator(".axis-fold").first().waitFor({ state: "attached" })
  },
  {
    name: "studio-faults",
    path: "/emulator/faults",
    ready: async (page) => {
      await page.getByRole("checkbox", { name: /^503/ }).check()
      await page.getByRole("checkbox", { name: /^reset:late/ }).check()
      await page.getByRole("button", { name: "Switch on" }).click()
      await page.getByRole("heading", { name: "Faults are on" }).waitFor()
      await page.getByRole("status").filter({ hasText: "Faults are on." }).first().waitFor()
      // the confirmation leaves
      await page.locator(".notice.is-shown").waitFor({ state: "detached" })
    },
    height: 760
  },
  {
    name: "studio-batch",
    path: "/batches/2026/june/shop.ledger/orders",
    ready: (page) => page.locator(".lrows .row-link").first().waitFor()
  },
  {
    name: "studio-eval",
    path: "/evals/evals/grade.ledger/grades/2026-06-07T09-30",
    ready: (page) => page.locator(".lrows .row-link").first().waitFor()
  },
  {
    name: "studio-case",
    path: "/evals/evals/grade.ledger/grades/2026-06-07T09-30?case=case-007",
    ready: (page) => page.getByRole("group", { name: "Output of draft" }).waitFor(),
    height: 560
  }
]

const ledgers = Ledgers.make({
  batches: [Ledgers.batchOf({ ledger: "2026/june/shop.ledger", settled: 700 })],
  evals: [Ledgers.evalOf({ repeat: 1 })]
})
const studio = await startStudio({
  runs: [...Stories.spread, ...Stories.conversation, Stories.chain, Stories.failed],
  emulator: ScriptedEmulator.make().service,
  ledgers: ledgers.service
})
const browser = await launch()
for (const { height = 720, name, path, ready } of views) {
  const opened = await openPage(browser, studio, path, { viewport: { width: 1280, height } })
  await ready(opened.page)
  await opened.page.screenshot({ path: join(root, "docs/guides", `${name}.png`) })
  await opened[Symbol.asyncDispose]()
}
await browser.close()
await studio.stop()
