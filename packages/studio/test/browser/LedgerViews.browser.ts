/** Pictures and checks of the views of batches and evals. */
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll } from "vitest"
import * as Ledgers from "../support/ledgers.js"
import { describeViews, type Views } from "./pictures.js"
import { launch, type RunningStudio, startStudio } from "./studioPage.js"

const row = (page: Page) => page.locator(".lrows .row-link").first().waitFor()

const orders = "/batches/orders.ledger/orders"
const grades = "/evals/evals/grade.ledger/grades/2026-06-07T09-30"

const views: Views = {
  batches: { path: "/batches", ready: row },
  batch: { path: orders, ready: row },
  "batch-running": { path: "/batches/2026/june/shop.ledger/orders-june", ready: row },
  "batch-row": {
    path: `${orders}?after=25&row=order-0000033`,
    ready: (page) => page.getByRole("region", { name: "Attempts of order-0000033" }).waitFor()
  },
  "batch-doubt": {
    path: `${orders}?state=doubtful&row=order-0000047`,
    ready: (page) => page.getByRole("list", { name: "What is known" }).waitFor()
  },
  "batch-away": {
    path: `${orders}?row=order-0000512`,
    ready: (page) => page.getByRole("link", { name: "Show it among its neighbours" }).waitFor()
  },
  "batch-none": {
    path: `${orders}?key=nothing`,
    ready: (page) => page.getByRole("heading", { name: "No row matches" }).waitFor()
  },
  "batch-large": { path: "/batches/orders.ledger/large?page=last", ready: row },
  "batch-hostile": {
    path: `/batches/hostile.ledger/${encodeURIComponent(Ledgers.hostileText)}`,
    ready: row
  },
  "batch-commands": {
    path: orders,
    ready: async (page) => {
      await row(page)
      await page.getByText("Commands", { exact: true }).click()
    }
  },
  "batch-missing": {
    path: "/batches/orders.ledger/nothing",
    ready: (page) => page.getByRole("heading", { name: "There is no such batch" }).waitFor()
  },
  evals: { path: "/evals", ready: row },
  eval: { path: grades, ready: row },
  "eval-check": { path: `${grades}?check=tone&verdict=pass`, ready: row },
  "eval-text": {
    path: `${grades}?case=case-007`,
    ready: (page) => page.getByRole("group", { name: "Output of trial 1 of draft" }).waitFor()
  },
  "eval-json": {
    path: `${grades}?verdict=fixed&case=case-051`,
    ready: (page) => page.getByRole("region", { name: "Differences of trial 1" }).waitFor()
  },
  "eval-error": {
    path: `${grades}?verdict=error&case=case-046`,
    ready: (page) => page.getByRole("region", { name: "Trial 2", exact: true }).waitFor()
  },
  "eval-undefined": {
    path: "/evals/evals/grade.ledger/grades/without",
    ready: (page) => page.getByRole("heading", { name: "No verdicts" }).waitFor()
  },
  "eval-missing": {
    path: "/evals/evals/grade.ledger/grades/nothing",
    ready: (page) => page.getByRole("heading", { name: "There is no such eval run" }).waitFor()
  }
}

let browser: Browser
let studio: RunningStudio

beforeAll(async () => {
  browser = await launch()
  const { detail } = Ledgers.evalOf({ run: "without" })
  studio = await startStudio({
    ledgers: Ledgers.make({
      batches: [
        Ledgers.batchOf({ batch: "large", rows: 1_000_000, settled: 1_000_000 }),
        Ledgers.hostile,
        Ledgers.batchOf({ ledger: "2026/june/shop.ledger", batch: "orders-june", settled: 700 }),
        Ledgers.batchOf()
      ],
      evals: [
        {
          cases: [],
          detail: {
            summary: { ...detail.summary, definition: undefined },
            notes: ["No definition of `grades` is known. Start the studio with `--eval grades.json`."]
          }
        },
        Ledgers.evalOf()
      ],
      problems: [{ ledger: "notes.ledger", message: "The file is not a ledger." }]
    }).service
  })
})

afterAll(async () => {
  await browser?.close()
  await studio?.stop()
})

describeViews(() => browser, () => studio, views)
