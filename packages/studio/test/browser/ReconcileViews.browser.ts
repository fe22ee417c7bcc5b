/** Pictures and checks of the comparison of a batch with the runs of the server. */
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll } from "vitest"
import * as Ledgers from "../support/ledgers.js"
import { findings, make } from "../support/reconcilers.js"
import { describeViews, type Views } from "./pictures.js"
import { launch, type RunningStudio, startStudio } from "./studioPage.js"

const scripted = make()

const path = "/reconcile/orders.ledger/orders"

const begin = (page: Page) => page.getByRole("button", { name: "Read 1,200 rows" })

/** Begins to read, and waits until it is read as far as that. */
const reads = (rows: number, isEnd: boolean) => async (page: Page) => {
  const before = scripted.rates.length
  await begin(page).click()
  while (scripted.rates.length === before || scripted.readers() === 0) await page.waitForTimeout(20)
  await scripted.push(...findings(1, rows))
  if (isEnd) await scripted.end()
  await page.locator(".lrows-findings .row-link").first().waitFor()
  if (isEnd) await page.getByText("All rows were read.").waitFor()
}

const views: Views = {
  "reconcile-begin": { path, ready: (page) => begin(page).waitFor() },
  "reconcile-reading": { path, ready: reads(420, false) },
  reconcile: { path, ready: reads(1_200, true) },
  "reconcile-kind": { path: `${path}?show=paid-twice`, ready: reads(1_200, true) },
  "reconcile-failed": {
    path,
    ready: async (page) => {
      await reads(60, false)(page)
      await scripted.fail("The server limits the rate: it answered 429.", "Read again with fewer requests a second.")
      await page.getByText("The reading broke off").waitFor()
    }
  },
  "reconcile-missing": {
    path: "/reconcile/orders.ledger/nothing",
    ready: (page) => page.getByRole("heading", { name: "There is no such batch" }).waitFor()
  }
}

let browser: Browser
let studio: RunningStudio

beforeAll(async () => {
  browser = await launch()
  studio = await startStudio({
    ledgers: Ledgers.make({
      batches: [{ ...Ledgers.batchOf(), expected: findings(1, 1_200).map(({ expected }) => expected) }]
    }).service,
    source: (source) => ({ ...source, reconciler: scripted.reconciler })
  })
})

afterAll(async () => {
  await browser?.close()
  await studio?.stop()
})

describeViews(() => browser, () => studio, views)
