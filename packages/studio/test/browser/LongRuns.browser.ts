/** Long runs in a real browser: the minimap, zoom, the critical path, and search in payloads. */
import type { RunDetail } from "@effect-noukai/studio/RunsApi"
import { Effect } from "effect"
import type { Browser, Page } from "playwright-core"
import { afterAll, assert, beforeAll, expect, it } from "vitest"
import { type ScriptedRun, type ScriptedStep } from "../support/scripted.js"
import * as Stories from "../support/stories.js"
import { disposable, launch, openPage, runPath, startStudio } from "./studioPage.js"

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(() => browser?.close())

/** 40 steps of a second, one after the other. */
const chain: ScriptedRun = {
  id: "run-chain",
  flow: "acme/spelling/chain",
  durationMs: 40_000,
  steps: Array.from({ length: 40 }, (_, nth): ScriptedStep => ({
    id: `step-${String(nth).padStart(2, "0")}`,
    at: nth * 1_000,
    ms: 1_000,
    input: { nth },
    output: nth === 21 ? { note: "The walrus was here." } : { ok: true }
  }))
}

/** Two branches: the slower one decides when the run ends. */
const branches: ScriptedRun = {
  id: "run-branches",
  flow: "acme/spelling/branches",
  durationMs: 4_000,
  steps: [
    { id: "read", at: 0, ms: 1_000, output: 1 },
    { id: "fast", at: 1_000, ms: 300, output: 2 },
    { id: "slow", at: 1_000, ms: 2_000, output: 3 },
    { id: "write", at: 3_000, ms: 1_000, output: 4 }
  ]
}

const minimap = (page: Page) => page.getByRole("slider", { name: "Part of the run in view" })

const labels = (page: Page) => page.locator(".step .step-label").allInnerTexts()

const selected = (page: Page) => page.locator(".step.is-selected .step-label")

/** Drags over a part of the minimap. */
const brush = async (page: Page, from: number, to: number): Promise<void> => {
  const box = (await page.locator(".minimap .brush").boundingBox())!
  await page.mouse.move(box.x + from * box.width, box.y + box.height / 2)
  await page.mouse.down()
  await page.mouse.move(box.x + to * box.width, box.y + box.height / 2, { steps: 5 })
  await page.mouse.up()
}

it("zooms into a part by a brush, which is in the address, and out of it", async () => {
  await using studio = disposable(await startStudio({ runs: [chain] }))
  await using opened = await openPage(browser, studio, runPath(chain))
  const { page } = opened
  await minimap(page).waitFor()
  assert.strictEqual(await minimap(page).getAttribute("aria-valuetext"), "all of 40.00 s")
  await brush(page, 0.25, 0.5)
  await page.getByText(/^1[0-3] of 40$/).waitFor()
  const query = new URL(page.url()).searchParams
  const [from, to] = [Number(query.get("from")), Number(query.get("to"))]
  assert.closeTo(from, 10_000, 300)
  assert.closeTo(to, 20_000, 300)
  const shown = await labels(page)
  assert.include(shown, "step-15")
  assert.notInclude(shown, "step-25")
  // a bar in view lies where its time is in the part
  const [left, width] = await page.getByRole("treeitem", { name: /^step-15/ }).evaluate((row) => {
    const track = row.querySelector(".track")!.getBoundingClientRect()
    const bar = row.querySelector(".bar")!.getBoundingClientRect()
    return [(bar.left - track.left) / track.width, bar.width / track.width]
  })
  assert.closeTo(left!, (15_000 - from) / (to - from), 0.01)
  assert.closeTo(width!, 1_000 / (to - from), 0.01)

  await page.reload()
  await page.getByText(/^1[0-3] of 40$/).waitFor()
  await page.goBack()
  await page.getByText("40 bars").waitFor()
  await page.goForward()
  await page.getByRole("button", { name: "Whole run" }).click()
  await page.getByText("40 bars").waitFor()
  assert.notInclude(page.url(), "from=")
})

it("zooms by keys, and the minimap moves the part by its own", async () => {
  await using studio = disposable(await startStudio({ runs: [chain] }))
  await using opened = await openPage(browser, studio, runPath(chain, "?step=step-20"))
  const { page } = opened
  await minimap(page).waitFor()
  await page.getByRole("region", { name: "Step step-20" }).waitFor()
  await page.keyboard.press("+")
  await page.keyboard.press("+")
  await expect.poll(() => minimap(page).getAttribute("aria-valuetext")).toBe("15.50 s to 25.50 s of 40.00 s")
  await page.keyboard.press("-")
  await expect.poll(() => minimap(page).getAttribute("aria-valuetext")).toBe("10.50 s to 30.50 s of 40.00 s")
  await minimap(page).focus()
  await page.keyboard.press("ArrowRight")
  await expect.poll(() => minimap(page).getAttribute("aria-valuetext")).toBe("14.50 s to 34.50 s of 40.00 s")
  await page.keyboard.press("End")
  await expect.poll(() => minimap(page).getAttribute("aria-valuetext")).toBe("20.00 s to 40.00 s of 40.00 s")
  await page.keyboard.press("Home")
  await expect.poll(() => minimap(page).getAttribute("aria-valuetext")).toBe("0 ms to 20.00 s of 40.00 s")
  await page.keyboard.press("PageUp")
  await expect.poll(() => minimap(page).getAttribute("aria-valuetext")).toBe("20.00 s to 40.00 s of 40.00 s")
  await page.keyboard.press("0")
  await expect.poll(() => minimap(page).getAttribute("aria-valuetext")).toBe("all of 40.00 s")
  // a click on the minimap shows the step at that place
  const box = (await page.locator(".minimap .brush").boundingBox())!
  await page.mouse.click(box.x + box.width * 0.76, box.y + 4 + 30.5 / 40 * (box.height - 8))
  await expect.poll(() => selected(page).textContent()).toMatch(/^step-(29|30|31)$/)
})

it("marks the bars that decided when the run ended", async () => {
  await using studio = disposable(await startStudio({ runs: [branches] }))
  await using opened = await openPage(browser, studio, runPath(branches))
  const { page } = opened
  await page.getByRole("treeitem", { name: /^slow/ }).waitFor()
  const detail = await page.evaluate(
    (query) => fetch(`/api/run?${query}`).then((response) => response.json()),
    new URLSearchParams({ flow: branches.flow!, id: branches.id }).toString()
  ) as RunDetail
  const path = detail.criticalPath.map((index) => detail.bars[index]!.label)
  assert.deepStrictEqual(path, ["read", "slow", "write"])
  assert.strictEqual(await page.locator(".is-critical").count(), 0)
  const button = page.getByRole("button", { name: "Critical path" })
  await button.click()
  assert.strictEqual(await button.getAttribute("aria-pressed"), "true")
  assert.deepStrictEqual(await page.locator(".is-critical .step-label").allInnerTexts(), path)
  assert.deepStrictEqual(await page.locator(".is-aside .step-label").allInnerTexts(), ["fast"])
  await page.getByRole("treeitem", { name: /^slow .*on the critical path/ }).waitFor()
  assert.include(page.url(), "path=critical")
  await page.reload()
  await page.locator(".is-critical").first().waitFor()
  await page.keyboard.press("c")
  await page.locator(".is-critical").first().waitFor({ state: "detached" })
  assert.notInclude(page.url(), "path=")
})

it("finds text in names and payloads, and jumps to the step", async () => {
  const loop = Stories.loop(500)
  await using studio = disposable(await startStudio({ runs: [chain, loop] }))
  await using opened = await openPage(browser, studio, runPath(chain))
  const { page } = opened
  await minimap(page).waitFor()
  await page.keyboard.press("/")
  await page.keyboard.type("walrus")
  const places = page.getByRole("region", { name: "Found places" })
  await places.getByText("1 place").waitFor()
  assert.strictEqual(await places.locator("mark").innerText(), "walrus")
  assert.deepStrictEqual(await labels(page), ["step-21"])
  await page.keyboard.press("ArrowDown")
  await page.keyboard.press("Enter")
  await page.getByRole("region", { name: "Output of step-21" }).waitFor()
  assert.include(page.url(), "step=step-21")
  assert.include(page.url(), "find=walrus")
  await page.reload()
  await places.getByText("1 place").waitFor()
  await page.getByRole("searchbox", { name: "Find in names and payloads" }).fill("nothing of that kind")
  await page.getByText("Not found in names and payloads.").waitFor()
  await page.getByText("No step matches.").waitFor()

  // an iteration of a loop that is folded
  await page.goto(studio.origin + runPath(loop, "?step=plan"))
  await minimap(page).waitFor()
  await page.keyboard.press("/")
  await page.keyboard.type("page 41 is empty")
  await places.getByRole("link", { name: /page \[41\]/ }).click()
  await page.getByRole("region", { name: "Step page [41]" }).waitFor()
  // it stays in view when the search is over
  await page.getByRole("searchbox", { name: "Find in names and payloads" }).fill("")
  await expect.poll(() => selected(page).textContent()).toBe("page [41]")
  await expect.poll(() => selected(page).isVisible()).toBe(true)
})

it("a search that fails says so, with a retry", async () => {
  await using studio = disposable(await startStudio({ runs: [chain] }))
  await using opened = await openPage(browser, studio, runPath(chain), { mayFail: true })
  const { page } = opened
  await minimap(page).waitFor()
  await page.route("**/api/search**", (route) => route.fulfill({ status: 502, json: { message: "It was away." } }))
  await page.keyboard.press("/")
  await page.keyboard.type("walrus")
  await page.getByText("The payloads could not be searched: It was away.").waitFor()
  await page.unroute("**/api/search**")
  await page.getByRole("button", { name: "Try again" }).click()
  await page.getByRole("region", { name: "Found places" }).getByText("1 place").waitFor()
})

it("found texts are texts", async () => {
  await using studio = disposable(await startStudio({ runs: [Stories.hostile] }))
  await using opened = await openPage(browser, studio, runPath(Stories.hostile, "?find=owned"))
  const { page } = opened
  await page.locator(".hit").first().waitFor()
  const text = await page.locator(".hits").innerText()
  assert.include(text, "<img src=x onerror=")
  // eslint-disable-next-line no-control-regex
  assert.notMatch(text, /[\u0000-\u0008\u000e-\u001f\u202a-\u202e\u2066-\u2069]/)
  assert.strictEqual(await page.locator("img, script:not([src])").count(), 0)
  assert.notInclude(await page.title(), "owned")
})

it("a run of 10,000 steps is zoomed, marked, searched and walked without blocking the page", async () => {
  const large = Stories.loop(10_000)
  await using studio = disposable(
    await startStudio({
      runs: [large],
      source: (scripted) => {
        const run = Effect.runSync(Effect.cached(scripted.run(large.flow!, large.id)))
        return { ...scripted, run: () => run }
      }
    })
  )
  await using opened = await openPage(browser, studio, runPath(large))
  const { page } = opened
  await minimap(page).waitFor()
  await page.getByText("10,002 bars").waitFor()
  const before = (await opened.longTasks()).length
  await brush(page, 0.4, 0.41)
  await page.getByText(/^10\d of 10,002$/).waitFor()
  await page.getByRole("button", { name: "Critical path" }).click()
  await page.locator(".is-critical").first().waitFor()
  for (let nth = 0; nth < 10; nth++) await page.keyboard.press("ArrowDown")
  await page.getByRole("button", { name: "Whole run" }).click()
  await page.keyboard.press("/")
  await page.keyboard.type("page: 7777")
  await page.getByRole("link", { name: /page \[7777\] input/ }).click()
  await page.getByRole("region", { name: "Step page [7777]" }).waitFor()
  const tasks = (await opened.longTasks()).slice(before)
  assert.isBelow(Math.max(0, ...tasks), 500, `long tasks: ${tasks.map(Math.round).join(", ")} ms`)
})

it("a live run has its minimap from the beginning", async () => {
  await using studio = disposable(await startStudio({ runs: [Stories.live(2)] }))
  await using opened = await openPage(browser, studio, runPath(Stories.live(2)))
  const { page } = opened
  await minimap(page).waitFor()
  const top = async () => (await page.getByRole("treeitem", { name: /^step-0/ }).boundingBox())!.y
  const before = await top()
  await studio.put(Stories.live(12))
  await page.getByRole("treeitem", { name: /^step-11 .*running/ }).waitFor()
  assert.strictEqual(await top(), before)
})
