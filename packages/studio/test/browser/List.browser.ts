/** The rows of the list, in a real browser: what they tell, their order, columns and times. */
import type { Browser, Page } from "playwright-core"
import { afterAll, assert, beforeAll, expect, it } from "vitest"
import type { ScriptedRun } from "../support/scripted.js"
import * as Stories from "../support/stories.js"
import { disposable, launch, openPage, startStudio, violations } from "./studioPage.js"

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(() => browser?.close())

const missing = [{ what: "Runs before the newest 100 of a flow", why: "The service lists no more." }]

/** The texts of a column, from the top. */
const column = (page: Page, name: string): Promise<ReadonlyArray<string>> =>
  page.locator(`.table-body .cell-${name}`).allInnerTexts().then((all) => all.map((text) => text.replace(/\s+/g, " ")))

const sorted = (page: Page, name: string) => page.getByRole("columnheader", { name }).getByRole("button")

it("a row tells its error, the first lines of its input and output, its models, tokens and cost", async () => {
  await using studio = disposable(await startStudio({ runs: [Stories.completed, Stories.failed, Stories.uncaptured] }))
  await using opened = await openPage(browser, studio, "/runs", { viewport: { width: 1_440, height: 900 } })
  const { page } = opened
  const row = (id: string) => page.getByRole("row").filter({ has: page.getByRole("link", { name: new RegExp(id) }) })
  await row("run-failed").getByText("PROVIDER_ERROR").waitFor()
  assert.match(await row("run-failed").innerText(), /Teh cat\s+PROVIDER_ERROR\s+The model did not return JSON\./)
  assert.match(
    await row("run-completed").innerText(),
    /The cat sat\.\s+Well done\.\s+small, large\s+1,020\s+\$0\.00315/
  )
  // what is not known is not shown as nothing
  assert.match(await row("run-uncaptured").locator(".cell-input").innerText(), /^–\s*not known$/)
  // what the row tells is found
  await page.getByRole("searchbox", { name: "Search" }).fill("provider_err")
  await page.locator("[aria-rowcount=\"2\"]").waitFor()
})

it("the first row is near the top, with facts that the server does not tell and with a long list", async () => {
  await using studio = disposable(await startStudio({ runs: Stories.many(400), facts: { missing } }))
  await using opened = await openPage(browser, studio, "/runs", { viewport: { width: 1_440, height: 900 } })
  const { page } = opened
  await page.locator(".strip-chart canvas").waitFor()
  await page.locator(".strip-legend").getByText("400 runs").waitFor()
  const { y } = (await page.locator(".table-body .row").first().boundingBox())!
  assert.isAtMost(y, 200)
})

it("names of columns sort, and the order is a part of the address", async () => {
  const costs = ["0.5", "10", "0.25", undefined, "1"]
  const runs = costs.map((costUsd, nth): ScriptedRun => ({
    ...Stories.completed,
    id: `run-${nth}`,
    startedAt: Stories.failed.startedAt! + nth,
    ...costUsd === undefined ? { costUsd: undefined } : { costUsd }
  }))
  await using studio = disposable(await startStudio({ runs }))
  await using opened = await openPage(browser, studio)
  const { page } = opened
  await page.getByRole("table", { name: "Runs, newest first" }).waitFor()
  await sorted(page, "Cost").click()
  await page.getByRole("table", { name: "Runs, by cost, greatest first" }).waitFor()
  const greatest = ["$10.00", "$1.00", "$0.50", "$0.25", "– not known"]
  await expect.poll(() => column(page, "cost")).toEqual(greatest)
  assert.strictEqual(new URL(page.url()).search, "?order=-costUsd")
  assert.strictEqual(await page.locator("[aria-sort=descending]").innerText(), "Cost")
  // a run that arrives is in its place
  await studio.put({ ...runs[0]!, id: "run-9", costUsd: "2" })
  await expect.poll(() => column(page, "cost")).toEqual(["$10.00", "$2.00", ...greatest.slice(1)])
  await page.reload()
  await expect.poll(() => column(page, "cost")).toEqual(["$10.00", "$2.00", ...greatest.slice(1)])
  await sorted(page, "Cost").focus()
  await page.keyboard.press("Enter")
  await expect.poll(async () => (await column(page, "cost"))[0]).toBe("$0.25")
  await page.keyboard.press("Enter")
  await page.getByRole("table", { name: "Runs, newest first" }).waitFor()
  assert.strictEqual(new URL(page.url()).search, "")
  // the way back from a run leads to the same order
  await sorted(page, "Tokens").click()
  await page.locator(".row-link").first().click()
  await page.getByRole("tree", { name: "Steps" }).waitFor()
  await page.keyboard.press("Escape")
  await page.getByRole("table", { name: "Runs, by tokens, greatest first" }).waitFor()
})

it("columns are chosen, and remembered", async () => {
  await using studio = disposable(await startStudio({ runs: [Stories.completed] }))
  await using opened = await openPage(browser, studio, "/runs", { viewport: { width: 1_440, height: 900 } })
  const { page } = opened
  await page.locator(".row-link").waitFor()
  assert.strictEqual(await page.getByRole("columnheader", { name: "Session" }).count(), 0)
  await page.getByText("Columns", { exact: true }).click()
  await page.getByRole("checkbox", { name: "Session" }).check()
  await page.getByRole("checkbox", { name: "Model" }).uncheck()
  await page.keyboard.press("Escape")
  const names = ["Status", "Flow", "Session", "Input", "Result", "Tokens", "Cost", "Duration", "Started"]
  assert.deepStrictEqual(await page.getByRole("columnheader").allInnerTexts(), names)
  assert.deepStrictEqual(await violations(page), [])
  await page.reload()
  await page.locator(".cell-session a").waitFor()
  assert.deepStrictEqual(await page.getByRole("columnheader").allInnerTexts(), names)
})

it("the list is that of the last hour, day or week", async () => {
  const now = Date.now()
  const ages = [10, 120, 1_500, 6_000, 20_000]
  const runs = ages.map((minutes): ScriptedRun => ({
    ...Stories.completed,
    id: `run-${minutes}`,
    startedAt: now - minutes * 60_000
  }))
  await using studio = disposable(await startStudio({ runs }))
  await using opened = await openPage(browser, studio)
  const { page } = opened
  for (const [name, count] of [["The last 1 h", 1], ["The last 24 h", 2], ["The last 7 d", 4]] as const) {
    await page.getByRole("link", { name }).click()
    await page.locator(`[aria-rowcount="${count + 1}"]`).waitFor()
    assert.strictEqual(await page.locator(".ranges [aria-current]").getAttribute("aria-label"), name)
  }
  assert.strictEqual(new URL(page.url()).search, "?range=7d")
  await page.reload()
  await page.locator("[aria-rowcount=\"5\"]").waitFor()
  await page.keyboard.press("Escape")
  await page.locator("[aria-rowcount=\"6\"]").waitFor()
})
