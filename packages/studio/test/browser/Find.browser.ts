/** The search over all runs, in a real browser. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Browser } from "playwright-core"
import { afterAll, assert, beforeAll, it } from "vitest"
import * as Stories from "../support/stories.js"
import { tooWide } from "./pictures.js"
import { disposable, launch, openByMenu, openPage, startStudio, violations } from "./studioPage.js"

let browser: Browser
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "noukai-find-"))
  browser = await launch()
})

afterAll(async () => {
  await browser?.close()
  rmSync(folder, { recursive: true, force: true })
})

it("is asked for once, finds errors and payloads, and leads to the step", async () => {
  const now = Date.now()
  const runs = [Stories.completed, Stories.failed, { ...Stories.hostile, flow: "acme/spelling/hostile" }].map((
    run,
    nth
  ) => ({
    ...run,
    startedAt: now - 60_000 + nth
  }))
  await using studio = disposable(await startStudio({ runs, search: join(folder, "search.db") }))
  for (const colorScheme of ["light", "dark"] as const) {
    await using opened = await openPage(browser, studio, "/runs", { colorScheme })
    const { page } = opened
    await page.locator(".row-link").first().waitFor()
    await openByMenu(page, "Search all payloads…")
    if (colorScheme === "light") {
      await page.getByRole("heading", { name: "Search errors and payloads of all runs?" }).waitFor()
      assert.deepStrictEqual(await violations(page), [])
      await page.getByRole("button", { name: "Keep texts and search" }).click()
    }
    await page.getByRole("searchbox", { name: "Text" }).fill("did not RETURN")
    const found = page.getByRole("link", { name: /run run-failed, failed/ })
    await found.waitFor()
    assert.strictEqual(await page.locator(".lrows-find mark").innerText(), "did not return")
    assert.deepStrictEqual(await violations(page), [])
    for (const width of [1_920, 1_000, 390, 360]) {
      await page.setViewportSize({ width, height: 800 })
      assert.deepStrictEqual(await tooWide(page), [], String(width))
    }
    await page.setViewportSize({ width: 1_280, height: 800 })
    await page.keyboard.press("Escape")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.getByRole("tree", { name: "Steps" }).waitFor()
    assert.strictEqual(new URL(page.url()).searchParams.get("find"), "did not RETURN")
    assert.strictEqual(new URL(page.url()).searchParams.get("step"), "grade")
  }
})

it("bars tell the error, the models, the tokens and the costs of steps", async () => {
  const steps = Stories.completed.steps!.map((step, nth) => nth === 1 ? { ...step, error: { code: "BUSY" } } : step)
  const run = { ...Stories.completed, status: "failed", steps }
  await using studio = disposable(await startStudio({ runs: [run] }))
  await using opened = await openPage(browser, studio, "/runs", { viewport: { width: 1_440, height: 900 } })
  const { page } = opened
  await page.locator(".row-link").click()
  const step = (name: RegExp) => page.getByRole("treeitem", { name })
  await step(/^read/).waitFor()
  const facts = (name: RegExp) => step(name).locator(".bar-facts")
  assert.strictEqual(await facts(/^read/).getAttribute("data-amounts"), "small, 120 tokens, $0.00015")
  assert.strictEqual(await facts(/^grade/).getAttribute("data-amounts"), "large, 900 tokens, $0.003")
  assert.strictEqual(await facts(/^grade/).getAttribute("data-error"), "BUSY")
  assert.isAbove((await facts(/^read/).boundingBox())!.width, 100)
  await step(/^grade .*large, 900 tokens.*BUSY/).waitFor()
  assert.deepStrictEqual(await violations(page), [])
})
