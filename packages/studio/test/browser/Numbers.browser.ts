/** The sums beside the list, the numbers by version and day, and the bill. */
import { readFile } from "node:fs/promises"
import type { Browser } from "playwright-core"
import { afterAll, assert, beforeAll, it } from "vitest"
import type { ScriptedRun } from "../support/scripted.js"
import * as Stories from "../support/stories.js"
import { describeViews, type Views } from "./pictures.js"
import { launch, openPage, type RunningStudio, startStudio } from "./studioPage.js"

const flow = "acme/support/answer"

const runs: ReadonlyArray<ScriptedRun> = Array.from({ length: 12 }, (_, nth) => ({
  id: `run-${nth}`,
  flow,
  version: nth < 6 ? "7" : "8",
  startedAt: Date.UTC(2026, 9 + (nth % 2), 1 + nth, 12),
  durationMs: 100 * (nth + 1),
  costUsd: "0.1",
  ...nth === 3 && { status: "failed" },
  steps: [{ id: "a", at: 0, ms: 100, model: nth % 3 === 0 ? "small-1" : "large-2", tokens: 9, cost: "0.1" }]
}))

const views: Views = {
  numbers: {
    path: "/numbers",
    ready: (page) => page.getByRole("group", { name: "Numbers by version and day" }).waitFor()
  },
  bill: { path: "/numbers/bill", ready: (page) => page.getByRole("rowheader", { name: "small-1" }).first().waitFor() },
  "numbers-none": {
    path: "/numbers?text=nothing",
    ready: (page) => page.getByText("Of the list with text nothing.").waitFor()
  }
}

let browser: Browser
let studio: RunningStudio

beforeAll(async () => {
  browser = await launch()
  studio = await startStudio({ runs: [...runs, Stories.hostile, Stories.live(2)] })
})

afterAll(async () => {
  await browser?.close()
  await studio?.stop()
})

describeViews(() => browser, () => studio, views)

it("a list leads to its numbers, a day leads to its runs, and both can be saved", async () => {
  await using opened = await openPage(browser, studio, `/runs?flow=${encodeURIComponent(flow)}`)
  const { page } = opened
  const sums = page.locator(".list-sums")
  await sums.getByText("$1.20").waitFor()
  assert.match((await sums.innerText()).replace(/\s+/g, " "), /8 % failed.*p50 600 ms, p95 1\.20 s/)
  await sums.getByRole("link", { name: "Numbers" }).press("Enter")
  await page.getByRole("rowheader", { name: "All of the list" }).waitFor()
  await page.getByRole("button", { name: `Version 7 of ${flow} by day` }).press("Enter")
  assert.strictEqual(await page.locator("tr.day").count(), 12)
  const saving = page.waitForEvent("download")
  await page.getByRole("link", { name: "Numbers as CSV" }).click()
  const saved = await readFile(await (await saving).path(), "utf8")
  assert.strictEqual(saved.trim().split("\r\n").length, 13)
  await page.getByRole("link", { name: "2026-10-03" }).click()
  await page.locator(".row-link").first().waitFor()
  assert.strictEqual(await page.locator(".row-link").count(), 1)
})

it("the bill of the hosted service reads models when it is asked to", async () => {
  await using hosted = {
    ...await startStudio({ runs, facts: { kind: "hosted" } }),
    [Symbol.asyncDispose]: () => hosted.stop()
  }
  await using opened = await openPage(browser, hosted, "/numbers/bill")
  const { page } = opened
  await page.getByRole("button", { name: "Read 12 of them" }).press("Enter")
  await page.getByRole("rowheader", { name: "small-1" }).first().waitFor()
  assert.strictEqual(await page.getByRole("rowheader", { name: "Model not read" }).count(), 0)
})
