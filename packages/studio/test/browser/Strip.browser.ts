/** The list as a picture, in a real browser. */
import type { Browser, Page } from "playwright-core"
import { afterAll, assert, beforeAll, expect, it } from "vitest"
import { epoch, type ScriptedRun } from "../support/scripted.js"
import * as Stories from "../support/stories.js"
import { disposable, launch, openPage, runPath, startStudio } from "./studioPage.js"

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(() => browser?.close())

/** 60 usual runs of one flow, a minute apart: every tenth failed, and one of them lasts very long. */
const usual = (count: number, from = 0): ReadonlyArray<ScriptedRun> =>
  Array.from({ length: count }, (_, offset) => {
    const index = from + offset
    return {
      id: `run-${String(index).padStart(4, "0")}`,
      startedAt: epoch + index * 60_000,
      durationMs: index === 33 ? 95_000 : 900 + 10 * (index % 7),
      status: index % 10 === 5 ? "failed" : "completed",
      steps: [{ id: "read", at: 0, ms: 900, output: index }]
    }
  })

const canvas = (page: Page) => page.locator(".strip-chart canvas")

const slider = (page: Page) => page.getByRole("slider", { name: "Runs in the picture" })

const area = async (page: Page) => {
  await canvas(page).waitFor()
  return (await page.locator(".strip .brush").boundingBox())!
}

/** The colours that are drawn, as text. */
const colours = (page: Page) =>
  canvas(page).evaluate((element) => {
    const { height, width } = element as HTMLCanvasElement
    // a copy, so that the reads do not slow the picture down
    const copy = Object.assign(document.createElement("canvas"), { height, width })
    const context = copy.getContext("2d", { willReadFrequently: true })!
    context.drawImage(element as HTMLCanvasElement, 0, 0)
    const { data } = context.getImageData(0, 0, width, height)
    const found = new Map<string, number>()
    for (let at = 0; at < width * height * 4; at += 4) {
      if (data[at + 3] !== 255) continue
      const colour = `${data[at]},${data[at + 1]},${data[at + 2]}`
      found.set(colour, (found.get(colour) ?? 0) + 1)
    }
    return [...found].filter(([, count]) => count > 20).map(([colour]) => colour)
  })

it("marks failures and outliers, names the run under the pointer, and opens it", async () => {
  await using studio = disposable(await startStudio({ runs: usual(60) }))
  await using opened = await openPage(browser, studio)
  const { page } = opened
  const box = await area(page)
  const strip = page.getByRole("region", { name: "Durations over time" })
  await strip.getByText("60 runs").waitFor()
  await strip.getByText("6 failed").waitFor()
  await strip.getByText("1 longer than usual").waitFor()
  // --bad-bar is drawn
  assert.include(await colours(page), "210,73,63")

  // the long one is at the top
  await slider(page).focus()
  await page.keyboard.press("Home")
  for (let nth = 0; nth < 33; nth++) await page.keyboard.press("ArrowRight")
  await strip.getByText("run run-0033, completed, 1 m 35 s, longer than usual").waitFor()
  const mark = (await page.locator(".strip-active").boundingBox())!
  assert.isBelow(mark.y - box.y, box.height / 3)
  await page.keyboard.press("Escape")
  await strip.getByText("60 runs").waitFor()

  await page.mouse.move(mark.x + mark.width / 2, mark.y + mark.height / 2)
  await strip.getByText("run run-0033").waitFor()
  await page.mouse.down()
  await page.mouse.up()
  await page.getByRole("tree", { name: "Steps" }).waitFor()
  assert.include(page.url(), "/run-0033")
})

it("a brushed range is a filter of the list and of its address, and is cleared", async () => {
  await using studio = disposable(await startStudio({ runs: usual(60) }))
  await using opened = await openPage(browser, studio)
  const { page } = opened
  const box = await area(page)
  await page.mouse.move(box.x + box.width * 0.5, box.y + 20)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.75, box.y + 30, { steps: 5 })
  await page.locator(".brush-range").waitFor()
  await page.mouse.up()
  await expect.poll(() => page.url()).toMatch(/[?&]from=\d+&to=\d+/)
  const query = new URL(page.url()).searchParams
  const [from, to] = [Number(query.get("from")), Number(query.get("to"))]
  const within = usual(60).filter(({ startedAt }) => startedAt! >= from && startedAt! <= to)
  assert.isAbove(within.length, 5)
  assert.isBelow(within.length, 30)
  await page.locator(`[aria-rowcount="${within.length + 1}"]`).waitFor()
  await page.getByRole("region", { name: "Durations over time" }).getByText(`${within.length} runs`).waitFor()

  // a range within it, and the way back
  await page.mouse.move(box.x + 10, box.y + 20)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width / 2, box.y + 20, { steps: 4 })
  await page.mouse.up()
  await expect.poll(() => page.url()).not.toContain(`to=${to}`)
  await page.goBack()
  await page.locator(`[aria-rowcount="${within.length + 1}"]`).waitFor()
  await page.reload()
  await page.locator(`[aria-rowcount="${within.length + 1}"]`).waitFor()

  await page.getByRole("link", { name: "All times" }).click()
  await page.locator("[aria-rowcount=\"61\"]").waitFor()
  assert.strictEqual(new URL(page.url()).search, "")
})

it("the range is two fields, too, and says which of them is wrong", async () => {
  await using studio = disposable(await startStudio({ runs: usual(60) }))
  await using opened = await openPage(browser, studio, "/runs", { timezoneId: "Europe/Berlin" })
  const { page } = opened
  await area(page)
  await page.getByRole("button", { name: "Range…" }).click()
  const form = page.getByRole("form", { name: "Range of starts" })
  await form.getByLabel("From").fill("2026-06-07T12:00:00")
  await form.getByLabel("to", { exact: true }).fill("2026-06-07T11:00:00")
  await form.getByRole("button", { name: "Show" }).click()
  await form.getByText("“From” is later than “to”.").waitFor()
  await form.getByLabel("to", { exact: true }).fill("2026-06-07T12:10:00")
  await page.keyboard.press("Enter")
  await expect.poll(() => page.url()).toContain(
    `from=${Date.UTC(2026, 5, 7, 10)}&to=${Date.UTC(2026, 5, 7, 10, 10)}`
  )
  // 10:00 to 10:10 by the minute
  await page.locator("[aria-rowcount=\"12\"]").waitFor()
  await page.keyboard.press("Escape")
  await page.keyboard.press("Escape")
  await page.locator("[aria-rowcount=\"61\"]").waitFor()
})

it("is live, without moving the list", async () => {
  await using studio = disposable(await startStudio({ runs: usual(60) }))
  await using opened = await openPage(browser, studio)
  const { page } = opened
  const before = await area(page)
  const row = page.getByRole("link", { name: /run run-0059/ })
  const top = (await row.boundingBox())!.y
  await studio.put(...usual(5, 60))
  await page.getByRole("region", { name: "Durations over time" }).getByText("65 runs").waitFor()
  assert.deepStrictEqual(await page.locator(".strip .brush").boundingBox(), before)
  assert.strictEqual((await row.boundingBox())!.y, top + 5 * 40)
})

it("follows the theme, and is loaded with the list alone", async () => {
  await using studio = disposable(await startStudio({ runs: [...usual(60), Stories.failed] }))
  await using opened = await openPage(browser, studio, runPath(Stories.failed), { colorScheme: "light" })
  const { page } = opened
  await page.getByRole("tree", { name: "Steps" }).waitFor()
  const chunks = () =>
    page.evaluate(() =>
      performance.getEntriesByType("resource").filter(({ name }) => name.includes("StripChart")).length
    )
  assert.strictEqual(await chunks(), 0)
  await page.keyboard.press("Escape")
  await area(page)
  assert.isAbove(await chunks(), 0)
  assert.include(await colours(page), "210,73,63")
  await page.emulateMedia({ colorScheme: "dark" })
  await expect.poll(() => colours(page)).toContain("224,87,76")
})

it("a picture that cannot be read says so, and the list is there", async () => {
  await using studio = disposable(await startStudio({ runs: usual(60) }))
  await using opened = await openPage(browser, studio, "/runs", { mayFail: true })
  const { page } = opened
  await area(page)
  await page.route("**/api/points**", (route) => route.fulfill({ status: 502, json: { message: "No." } }))
  await page.reload()
  await page.getByText("The picture could not be read.").waitFor()
  assert.isTrue(await page.getByRole("link", { name: /run run-0059/ }).isVisible())
  await page.unroute("**/api/points**")
  await page.getByRole("button", { name: "Try again" }).click()
  await page.getByText("60 runs").waitFor()
})

it("a time without runs says so, and leads back", async () => {
  await using studio = disposable(await startStudio({ runs: usual(3) }))
  await using opened = await openPage(browser, studio, "/runs?from=1000&to=2000")
  const { page } = opened
  await page.getByText("No run with a known duration began in this time.").waitFor()
  await page.getByRole("heading", { name: "No run matches" }).waitFor()
  await page.getByRole("link", { name: "All times" }).click()
  await page.getByRole("link", { name: /run run-0002/ }).waitFor()
})

it("names of flows are texts in the picture", async () => {
  const hostile: ScriptedRun = {
    ...usual(1)[0]!,
    id: "\u202eevil",
    flow: "acme/<img src=x onerror=\"document.title='owned'\">/\u0007flow"
  }
  await using studio = disposable(await startStudio({ runs: [hostile, ...usual(10, 1)] }))
  await using opened = await openPage(browser, studio)
  const { page } = opened
  await area(page)
  await slider(page).focus()
  await page.keyboard.press("Home")
  await page.locator(".strip-caption").getByText("\\u202eevil").waitFor()
  assert.include(await page.locator(".strip-caption").innerText(), "<img src=x")
  assert.include(await page.locator(".strip-caption").innerText(), "\\u0007flow")
  assert.strictEqual(await page.locator("img").count(), 0)
  assert.notInclude(await page.title(), "owned")
})

it("a list whose picture cannot be loaded is read without it", async () => {
  await using studio = disposable(await startStudio({ runs: usual(60) }))
  for (const part of ["Strip", "StripChart"]) {
    await using opened = await openPage(browser, studio, "/about:blank", { mayFail: true })
    const { page } = opened
    await page.route(new RegExp(`/assets/${part}-[^/]+[.](js|css)$`), (route) => route.abort())
    await page.goto(`${studio.origin}/runs`)
    await page.getByRole("link", { name: /run run-0059/ }).waitFor()
    if (part === "StripChart") await page.getByText("The picture could not be loaded.").waitFor()
    await page.getByRole("link", { name: /run run-0059/ }).click()
    await page.getByRole("tree", { name: "Steps" }).waitFor()
  }
})
