/** Batches in a real browser. */
import type { Browser, Page } from "playwright-core"
import { afterAll, assert, beforeAll, expect, it } from "vitest"
import * as Ledgers from "../support/ledgers.js"
import { clickAtEdge, disposable, launch, openPage, type RunningStudio, startStudio, viewOf } from "./studioPage.js"

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(() => browser?.close())

const orders = "/batches/orders.ledger/orders"

const start = async (
  options: Parameters<typeof Ledgers.make>[0] = { batches: [Ledgers.batchOf()] }
): Promise<RunningStudio & AsyncDisposable & { readonly ledgers: Ledgers.ScriptedLedgers }> => {
  const ledgers = Ledgers.make(options)
  return { ...disposable(await startStudio({ ledgers: ledgers.service })), ledgers }
}

/** The requests of a page for an endpoint, from now on. */
const requests = (page: Page, path: string): ReadonlyArray<URL> => {
  const found: Array<URL> = []
  page.on("request", (request) => {
    const url = new URL(request.url())
    if (url.pathname === `/api/${path}`) found.push(url)
  })
  return found
}

const row = (page: Page, no: number | string) => page.getByRole("link", { name: new RegExp(`^Row order-0*${no},`) })

const keys = (page: Page) => page.locator(".lrows-rows .row-link").allInnerTexts()

const facts = (page: Page) => page.locator(".run-facts")

const number = (page: Page) => page.getByRole("textbox", { name: "Go to the row with this number" })

it("the navigation has the views that there are, and leads to a batch and a row", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio)
  const { page } = opened
  const views = page.getByRole("navigation", { name: "Views" })
  await views.waitFor()
  assert.deepStrictEqual(await views.getByRole("link").allInnerTexts(), ["Runs", "Batches", "Evals"])
  await views.getByRole("link", { name: "Batches" }).click()
  await page.getByRole("heading", { name: "Batches" }).waitFor()
  assert.strictEqual(await views.locator("[aria-current=page]").innerText(), "Batches")
  assert.strictEqual(await page.title(), "Batches – Noukai Studio")
  await page.getByRole("link", { name: "Batch orders of orders.ledger, completed" }).click()
  await row(page, 1).click()
  const panel = page.getByRole("region", { name: "Row order-0000001", exact: true })
  await panel.getByText("Where is my order?").waitFor()
  assert.strictEqual(new URL(page.url()).pathname + new URL(page.url()).search, `${orders}?row=order-0000001`)
  await page.getByRole("region", { name: "Result of order-0000001" }).getByText("was shipped on Monday.").waitFor()
  const run = panel.getByRole("link", { name: "5f0c2a9e…000001" }).first()
  assert.strictEqual(
    await run.getAttribute("href"),
    "/runs/acme/shop/answer/5f0c2a9e-77b1-4f35-9c11-000000000001"
  )
  assert.match((await panel.getByRole("link", { name: /^5e551011/ }).getAttribute("href"))!, /^\/sessions\/5e551011-/)
  await page.goBack()
  await panel.waitFor({ state: "detached" })
  await page.goForward()
  await panel.getByText("Where is my order?").waitFor()
  await page.reload()
  await panel.getByText("Where is my order?").waitFor()
  await page.goBack()
  await page.goBack()
  await page.getByRole("heading", { name: "Batches" }).waitFor()
})

it("a studio without ledgers says how to give it some", async () => {
  await using studio = disposable(await startStudio())
  await using opened = await openPage(browser, studio, "/batches", { mayFail: true })
  const { page } = opened
  await page.getByRole("heading", { name: "No ledgers to look at" }).waitFor()
  await page.getByText("noukai dev --ledgers .").waitFor()
  await page.getByText("Live", { exact: true }).waitFor()
  await page.goto(`${studio.origin}/runs`)
  await page.getByRole("heading", { name: "No runs yet" }).waitFor()
  assert.strictEqual(await page.getByRole("navigation", { name: "Views" }).count(), 0)
})

it("a folder without a batch says how to begin one, and names files that cannot be read", async () => {
  await using studio = await start({ problems: [{ ledger: "notes.ledger", message: "The file is not a ledger." }] })
  await using opened = await openPage(browser, studio, "/batches")
  const { page } = opened
  await page.getByRole("heading", { name: "No batches yet" }).waitFor()
  await page.getByText("/data/ledgers").waitFor()
  await page.getByText("noukai batch run").waitFor()
  await page.getByText("The file is not a ledger.").waitFor()
  // one that begins appears by itself
  await studio.ledgers.put(Ledgers.batchOf({ settled: 3 }))
  await page.getByRole("link", { name: /^Batch orders/ }).waitFor({ timeout: 15_000 })
})

it("a batch is followed while it runs, and its page of rows with it", async () => {
  const progress = (settled: number) => Ledgers.batchOf({ rows: 100, settled })
  await using studio = await start({ batches: [progress(10)] })
  await using opened = await openPage(browser, studio, orders)
  const { page } = opened
  await facts(page).getByText("10 of 100").waitFor()
  await page.getByText("24.6 per s").waitFor()
  await page.getByText("Cost so far").waitFor()
  await page.getByRole("link", { name: "Row order-0000020, pending" }).waitFor()
  const before = await row(page, 5).boundingBox()
  for (const settled of [12, 15, 20, 24]) await studio.ledgers.put(progress(settled))
  await facts(page).getByText("24 of 100").waitFor()
  await page.getByRole("link", { name: "Row order-0000020, done" }).waitFor()
  assert.strictEqual((await row(page, 5).boundingBox())?.y, before?.y)
  const legend = page.getByRole("list", { name: "Rows by state" })
  await legend.getByText("done 24").waitFor()
  await studio.ledgers.put(progress(100))
  await page.locator(".run-title .status-completed").waitFor()
  await facts(page).getByText("100 of 100").waitFor()
  await page.getByRole("link", { name: "Row order-0000040, done" }).waitFor()
  // the stream has ended, and the page is connected still
  await page.getByText("Live", { exact: true }).waitFor()
})

it("rows that are filtered by their state stay until the reader asks", async () => {
  const progress = (settled: number) => Ledgers.batchOf({ rows: 100, settled })
  await using studio = await start({ batches: [progress(10)] })
  await using opened = await openPage(browser, studio, `${orders}?state=pending`)
  const { page } = opened
  await row(page, 19).waitFor()
  const known = await keys(page)
  await studio.ledgers.put(progress(40))
  await page.getByRole("button", { name: "Rows have changed. Read again" }).waitFor()
  assert.deepStrictEqual(await keys(page), known)
  await page.getByRole("button", { name: "Rows have changed. Read again" }).click()
  await row(page, 49).waitFor()
  await row(page, 19).waitFor({ state: "detached" })
})

it("a million rows are read a page at a time", async () => {
  await using studio = await start({ batches: [Ledgers.batchOf({ rows: 1_000_000 })] })
  await using opened = await openPage(browser, studio)
  const { page } = opened
  const read = requests(page, "batch/rows")
  const once = async (href: string, first: number): Promise<void> => {
    const before = read.length
    await row(page, first).waitFor()
    await expect.poll(() => page.url()).toBe(studio.origin + href)
    assert.strictEqual(read.length - before, 1)
    assert.strictEqual(await page.locator(".lrows-rows .row-link").count(), 50)
  }
  await page.goto(studio.origin + orders)
  await row(page, 1).waitFor()
  await page.getByText("to 50 of 1,000,000").waitFor()
  assert.strictEqual(await page.getByRole("button", { name: "First page" }).isDisabled(), true)
  assert.strictEqual(await page.getByRole("button", { name: "Previous page" }).isDisabled(), true)
  const link = (name: string) => page.getByRole("link", { name: `${name} page` })
  const go = async (name: string, href: string, first: number) => {
    await Promise.all([once(href, first), link(name).click()])
  }
  await go("Next", `${orders}?after=50`, 51)
  await go("Last", `${orders}?page=last`, 999_951)
  assert.strictEqual(await page.getByRole("button", { name: "Next page" }).isDisabled(), true)
  await go("Previous", `${orders}?before=999951`, 999_901)
  await go("First", orders, 1)
  const field = number(page)
  await field.fill("654321")
  await Promise.all([once(`${orders}?after=654320`, 654_321), field.press("Enter")])
  await page.getByText("to 654,370 of 1,000,000").waitFor()
  // the arrow keys turn pages too
  await page.locator("h1").click()
  await Promise.all([once(`${orders}?after=654370`, 654_371), page.keyboard.press("ArrowRight")])
  await Promise.all([once(`${orders}?before=654371`, 654_321), page.keyboard.press("ArrowLeft")])
  await page.goBack()
  await row(page, 654_371).waitFor()
  for (const url of read) assert.strictEqual(url.searchParams.get("limit"), "50")
})

it("rows are found by key, by state and by error", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, orders)
  const { page } = opened
  await row(page, 1).waitFor()
  await page.keyboard.press("/")
  await page.keyboard.type("order-00001?7")
  await expect.poll(() => keys(page)).toHaveLength(10)
  assert.include(page.url(), "key=order-00001%3F7")
  await page.keyboard.press("Escape")
  await page.keyboard.press("Escape")
  await row(page, 1).waitFor()

  await page.getByRole("link", { name: /OUTPUT_INVALID/ }).click()
  await expect.poll(() => keys(page)).toEqual(
    [165, 330, 495, 660, 825, 990, 1155].map((no) => `order-${String(no).padStart(7, "0")}`)
  )
  assert.strictEqual(await page.getByRole("link", { name: /OUTPUT_INVALID/ }).getAttribute("aria-current"), "true")
  await page.getByRole("button", { name: /^Show rows of all errors/ }).click()
  await row(page, 1).waitFor()

  await page.getByRole("combobox", { name: "State" }).selectOption("failed")
  await row(page, 33).waitFor()
  await page.getByRole("list", { name: "Rows by state" }).getByRole("link", { name: "failed" }).click()
  await row(page, 1).waitFor()

  await page.getByRole("link", { name: "Show them" }).click()
  await expect.poll(() => keys(page)).toEqual(["order-0000047", "order-0000512"])
  await row(page, 47).click()
  await page.getByRole("list", { name: "What is known" }).getByText("A run may exist, and it may be billed.").waitFor()

  await page.goto(`${studio.origin}${orders}?key=nothing`)
  await page.getByRole("heading", { name: "No row matches" }).waitFor()
  await page.getByRole("button", { name: "Show all rows" }).click()
  await row(page, 1).waitFor()
})

it("an address of a row elsewhere shows the row, and leads to its neighbours", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, `${orders}?row=order-0000512`)
  const { page } = opened
  await page.getByRole("link", { name: "Show it among its neighbours" }).click()
  await row(page, 512).waitFor()
  await page.getByRole("region", { name: "Row order-0000512", exact: true }).getByText("Where is my order?").waitFor()
  assert.strictEqual((await keys(page))[0], "order-0000512")
})

it("every key does what the list of keys says", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, "/batches")
  const { page } = opened
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label"))
  const press = (key: string) => page.keyboard.press(key)
  await page.getByRole("link", { name: /^Batch orders/ }).waitFor()
  await press("ArrowDown")
  await expect.poll(focused).toMatch(/^Batch orders/)
  await press("Enter")
  await row(page, 1).waitFor()
  await press("ArrowDown")
  await expect.poll(focused).toMatch(/^Row order-0000001,/)
  await press("ArrowDown")
  await expect.poll(focused).toMatch(/^Row order-0000002,/)
  await press("Enter")
  const panel = page.getByRole("region", { name: "Row order-0000002", exact: true })
  await panel.getByText("Where is my order?").waitFor()
  await expect.poll(focused).toMatch(/^Row order-0000002,/)
  await press("ArrowDown")
  await expect.poll(focused).toMatch(/^Row order-0000003,/)
  await press("End")
  await expect.poll(focused).toMatch(/^Row order-0000050,/)
  await press("Home")
  await expect.poll(focused).toMatch(/^Row order-0000001,/)
  await press("Escape")
  await panel.waitFor({ state: "detached" })
  await press("Escape")
  await page.getByRole("heading", { name: "Batches" }).waitFor()
})

it("Escape closes a row, and the focus stays on it", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, orders)
  const { page } = opened
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label"))
  const panel = page.getByRole("region", { name: "Row order-0000002", exact: true })
  // the focus is on the row, and then in its contents, which go
  for (const focus of [() => row(page, 2).focus(), () => panel.locator("button, a[href]").first().focus()]) {
    await row(page, 2).click()
    await panel.getByText("Where is my order?").waitFor()
    await focus()
    await page.keyboard.press("Escape")
    await panel.waitFor({ state: "detached" })
    await expect.poll(focused).toMatch(/^Row order-0000002,/)
  }
})

it("a row that opens stays where it is, though the one above it closes", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, `${orders}?row=order-0000020`)
  const { page } = opened
  const panel = (no: number) => page.getByRole("region", { name: `Row order-00000${no}`, exact: true })
  await panel(20).getByText("Where is my order?").waitFor()
  // an address with an open row begins there
  const list = await page.locator("main").boundingBox()
  assert.closeTo((await row(page, 20).boundingBox())!.y, list!.y, 80)
  await row(page, 21).focus()
  const before = await row(page, 21).boundingBox()
  await page.keyboard.press("Enter")
  await panel(21).getByText("Where is my order?").waitFor()
  await panel(20).waitFor({ state: "detached" })
  assert.closeTo((await row(page, 21).boundingBox())!.y, before!.y, 1)
})

it("a row that is clicked at the edge of the view scrolls into it, with its contents below", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, orders)
  const { page } = opened
  for (const no of [30, 48]) {
    await row(page, no).waitFor()
    await clickAtEdge(row(page, no))
    const text = page.getByRole("region", { name: `Row order-00000${no}`, exact: true }).getByText("Where is my order?")
    await text.waitFor()
    await expect.poll(() => viewOf(row(page, no))).toMatchObject({ isInView: true })
    const { view: [, end] } = await viewOf(row(page, no))
    assert.isBelow((await text.boundingBox())!.y, end!)
  }
})

it("failures say what failed, and offer to try again", async () => {
  await using studio = await start()
  studio.ledgers.fail("The ledger is locked by another process.")
  await using opened = await openPage(browser, studio, orders, { mayFail: true })
  const { page } = opened
  await page.getByRole("heading", { name: "The batch could not be read" }).waitFor()
  await page.getByText("The ledger is locked by another process.").waitFor()
  studio.ledgers.fail(undefined)
  await page.getByRole("button", { name: "Try again" }).click()
  await row(page, 1).waitFor()
  // what is known stays
  studio.ledgers.fail("The ledger is locked by another process.")
  await row(page, 1).click()
  await page.getByRole("heading", { name: "The row could not be read" }).waitFor()
  studio.ledgers.fail(undefined)
  await page.getByRole("button", { name: "Try again" }).click()
  await page.getByText("Where is my order?").waitFor()
  await page.goto(`${studio.origin}/batches/orders.ledger/nothing`)
  await page.getByRole("heading", { name: "There is no such batch" }).waitFor()
  await page.getByRole("link", { name: "Show all batches" }).click()
  await page.getByRole("link", { name: /^Batch orders/ }).waitFor()
})

it("a batch goes on after a restart of the server", async () => {
  const progress = (settled: number) => Ledgers.batchOf({ rows: 100, settled })
  const first = await startStudio({ ledgers: Ledgers.make({ batches: [progress(10)] }).service })
  await using opened = await openPage(browser, first, orders, { mayFail: true })
  const { page } = opened
  await facts(page).getByText("10 of 100").waitFor()
  await first.stop()
  await page.getByText("Not connected").waitFor()
  assert.isTrue(await row(page, 1).isVisible())
  const ledgers = Ledgers.make({ batches: [progress(30)] })
  await using _second = disposable(await startStudio({ port: first.port, ledgers: ledgers.service }))
  await facts(page).getByText("30 of 100").waitFor()
  await page.getByText("Live", { exact: true }).waitFor()
  await ledgers.put(progress(60))
  await facts(page).getByText("60 of 100").waitFor()
  await ledgers.put(progress(100))
  await page.locator(".run-title .status-completed").waitFor()
})

it("texts of ledgers are texts", async () => {
  await using studio = await start({ batches: [Ledgers.hostile] })
  await using opened = await openPage(browser, studio, "/batches")
  const { page } = opened
  const isSafe = async () => {
    assert.notMatch(await page.title(), /^owned/)
    assert.strictEqual(await page.locator("img, iframe, object, embed, a[href^=javascript]").count(), 0)
    // eslint-disable-next-line no-control-regex
    assert.notMatch(await page.locator("body").innerText(), /[\u0000-\u0008\u000e-\u001f\u202a-\u202e\u2066-\u2069]/)
  }
  await page.locator(".row-link").click()
  await page.getByRole("link", { name: /^Row 1/ }).waitFor()
  await page.getByText("Commands", { exact: true }).click()
  await isSafe()
  await page.getByRole("link", { name: /^Row 1/ }).click()
  await page.getByRole("region", { name: /^Attempts of 1/ }).waitFor()
  await isSafe()
  assert.include(await page.locator(".lopen").innerText(), "\\u202egnp.exe\\u0000\\u0007")
  const hrefs = await page.locator(".lopen a").evaluateAll((links) =>
    links.map((link) => (link as HTMLAnchorElement).href)
  )
  for (const href of hrefs) assert.match(href, /^http:\/\/127\.0\.0\.1:\d+\/(?:runs|sessions)\//)
  await page.getByRole("link", { name: /onerror.*rows/s }).click()
  await page.getByRole("heading", { name: "No row matches" }).or(page.locator(".lrows-rows .row-link").first())
    .waitFor()
  await isSafe()
})

it("a result of 10 MB does not block the page", async () => {
  const small = Ledgers.batchOf({ rows: 3 })
  const rows = Array.from({ length: 100_000 }, (_, nth) => ({ row: nth, text: "x".repeat(70) }))
  const json = JSON.stringify({ rows })
  await using studio = await start({
    batches: [{ ...small, open: (one) => ({ ...small.open(one), result: { isCaptured: true, json } }) }]
  })
  await using opened = await openPage(browser, studio, orders)
  const { page } = opened
  await row(page, 1).click()
  const result = page.getByRole("region", { name: "Result of order-0000001" })
  await result.getByRole("button", { name: /rows/ }).click()
  await result.getByRole("button", { name: /Show 100 more of/ }).waitFor()
  assert.isBelow(await result.locator("li").count(), 200)
  const tasks = await opened.longTasks()
  assert.isBelow(Math.max(0, ...tasks), 1_000, `long tasks: ${tasks.map(Math.round).join(", ")} ms`)
})

it("histograms have a text for those who do not see them", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, orders)
  const { page } = opened
  const bars = page.getByRole("img", { name: /^Duration per row/ })
  await bars.waitFor()
  assert.include((await bars.getAttribute("aria-label"))!, "12 rows from 0 to 313 ms")
  assert.include(await page.locator("figure").first().innerText(), "Median")
})
