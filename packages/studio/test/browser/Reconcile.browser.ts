/** The comparison of a batch with the runs of the server, in a real browser. */
import { Emulator } from "@effect-noukai/emulator"
import * as HostedSource from "@effect-noukai/studio/HostedSource"
import * as LedgerSource from "@effect-noukai/studio/LedgerSource"
import * as Studio from "@effect-noukai/studio/Studio"
import { Effect, Exit, Layer, Redacted, Scope } from "effect"
import { join } from "node:path"
import type { Browser, Page } from "playwright-core"
import { afterAll, assert, beforeAll, expect, it } from "vitest"
import { client } from "../../../batch/test/support/batches.js"
import { folder } from "../../../sdk/test/support/folder.js"
import * as Ledgers from "../support/ledgers.js"
import * as Real from "../support/realLedgers.js"
import { findingOf, findings, make, type ScriptedReconciler } from "../support/reconcilers.js"
import { disposable, launch, openPage, type RunningStudio, startStudio } from "./studioPage.js"

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(() => browser?.close())

const expected = findings(1, 1_200).map((finding) => finding.expected)

const path = "/reconcile/orders.ledger/orders"

const start = async (
  options: { readonly rows?: number; readonly isFree?: boolean; readonly batch?: Ledgers.ScriptedBatch } = {}
): Promise<RunningStudio & AsyncDisposable & ScriptedReconciler> => {
  const scripted = make(options.isFree)
  const batch = options.batch ?? { ...Ledgers.batchOf({ rows: options.rows ?? 1_200 }), expected }
  const studio = await startStudio({
    ledgers: Ledgers.make({ batches: [batch] }).service,
    source: (source) => ({ ...source, reconciler: scripted.reconciler })
  })
  return { ...scripted, ...disposable(studio) }
}

const polled: typeof expect.poll = (fn, options) => expect.poll(fn, { timeout: 10_000, ...options })

const begin = (page: Page) => page.getByRole("button", { name: /^Read ([\d,]+ rows|again)$/ })

const table = (page: Page) => page.getByRole("table", { name: "Findings in the order of the rows" })

const row = (page: Page, no: number) => table(page).getByRole("link", { name: new RegExp(`^Row order-0*${no},`) })

const kinds = (page: Page) => page.getByRole("list", { name: "Findings by kind" })

const fact = (page: Page, name: string) =>
  page.locator(".run-facts .fact").filter({ has: page.getByText(name, { exact: true }) }).locator("dd")

/** A page that reads, of a studio whose findings the test pushes. */
const reading = async (options: Parameters<typeof start>[0] = {}) => {
  const studio = await start(options)
  const opened = await openPage(browser, studio, path)
  await begin(opened.page).click()
  await polled(() => studio.readers()).toBe(1)
  return {
    ...opened,
    studio,
    [Symbol.asyncDispose]: async () => {
      await opened[Symbol.asyncDispose]()
      await studio.stop()
    }
  }
}

const state = (page: Page, text: string) => page.getByRole("status").getByText(text).waitFor()

it("nothing is read before the button, which says how much it reads", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, "/batches/orders.ledger/orders")
  const { page } = opened
  await page.getByRole("link", { name: "Reconcile…" }).click()
  await begin(page).waitFor()
  assert.strictEqual(page.url(), studio.origin + path)
  await page.getByText(
    "About 2,400 requests to the server, in 4 m 00 s. It only reads: no run is started, and nothing is settled."
  ).waitFor()
  const rate = page.getByRole("textbox", { name: "Requests a second" })
  for (const wrong of ["0", "101", "1.5", "many", ""]) {
    await rate.fill(wrong)
    await page.getByText("Enter a number from 1 to 100.").waitFor()
    await rate.press("Enter")
  }
  assert.deepStrictEqual(studio.rates, [])
  await rate.fill("40")
  await page.getByText("in 1 m 00 s.").waitFor()
  await begin(page).click()
  await state(page, "Reading the server…")
  await polled(() => studio.rates).toEqual([40])
})

it("findings arrive as they are made, with their numbers and exact sums", async () => {
  await using opened = await reading()
  const { page, studio } = opened
  await studio.push(...findings(1, 7))
  await page.getByRole("heading", { name: "All agree so far" }).waitFor()
  await studio.push(...findings(8, 40))
  await row(page, 8).waitFor()
  await polled(() => kinds(page).innerText()).toContain("agrees\n35")
  assert.deepStrictEqual(
    await table(page).locator(".row-link").allInnerTexts(),
    [8, 16, 24, 32, 40].map((no) => `order-${String(no).padStart(7, "0")}`)
  )
  // 40 rows of $0.0021, and at the server 35 of them, one more of $0.0035 or so, and two runs for one row
  const sums = findings(1, 40).reduce(
    (sum, { seen }) => sum + seen.reduce((part, { costUsd }) => part + Number(costUsd ?? 0), 0),
    0
  )
  await polled(() => fact(page, "In the ledger").innerText()).toBe("$0.084")
  const seenUsd = sums.toFixed(4).replace(/0+$/, "")
  // one missing here without a cost, one unknown, one uncertain
  assert.strictEqual(await fact(page, "At the server").innerText(), `at least $${seenUsd}\nnot known of 3 runs`)
  // a second run of one row, and no run of another
  assert.strictEqual(await fact(page, "Difference").innerText(), "$0.00\nwithout the unknown costs")
  await studio.push(...findings(41, 1_200))
  await studio.end()
  await state(page, "All rows were read.")
  // and $0.0014 more of each of 25 rows
  assert.strictEqual(await fact(page, "Difference").innerText(), "+$0.035\nwithout the unknown costs")
  assert.strictEqual(await fact(page, "Findings").innerText(), "1,200\nof 1,200 rows")
  assert.isBelow(await table(page).locator("[data-row]").count(), 60)
  assert.strictEqual(studio.rates.length, 1)
  await polled(() => studio.readers()).toBe(0)
})

it("a difference is not known without a row whose costs are known on both sides", async () => {
  await using opened = await reading()
  const { page, studio } = opened
  await studio.push(findingOf(1, "unknown"), findingOf(2, "missing-here"))
  await row(page, 2).waitFor()
  await polled(() => fact(page, "Difference").innerText()).toMatch(/^–\s*not known\s*without the unknown costs$/)
})

it("findings are listed by kind, and lead to the row and its run", async () => {
  await using opened = await reading()
  const { page, studio } = opened
  await studio.push(...findings(1, 96))
  await studio.end()
  await state(page, "All rows were read.")
  await kinds(page).getByRole("link", { name: "paid-twice 2" }).click()
  await polled(() => table(page).locator(".row-link").allInnerTexts()).toEqual(["order-0000008", "order-0000056"])
  assert.strictEqual(page.url(), `${studio.origin}${path}?show=paid-twice`)
  await page.getByText("paid-twice: several runs may have been paid for one row.").waitFor()
  // an unknown run is not a missing one
  await kinds(page).getByRole("link", { name: "unknown 2" }).click()
  await page.getByText("the session expired or was evicted, or it could not be read").waitFor()
  await kinds(page).getByRole("link", { name: "agrees 84" }).click()
  await row(page, 1).waitFor()
  await page.keyboard.press("Escape")
  await row(page, 8).waitFor()
  await page.keyboard.press("ArrowDown")
  await page.keyboard.press("ArrowDown")
  await polled(() => page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toMatch(
    /^Row order-0000016,/
  )
  assert.strictEqual(
    await row(page, 8).locator("xpath=ancestor::*[@role='row']").locator(".c-run a").first().getAttribute("href"),
    "/runs/acme/shop/answer/5f0c2a9e-77b1-4f35-9c10-000000000008"
  )
  await row(page, 8).click()
  await page.getByRole("region", { name: "Row order-0000008", exact: true }).getByText("Where is my order?").waitFor()
})

it("stopping, leaving and closing the page end the reads, and nothing begins them again", async () => {
  await using opened = await reading()
  const { page, studio } = opened
  await studio.push(...findings(1, 8))
  await row(page, 8).waitFor()
  await page.getByRole("button", { name: "Stop" }).click()
  await state(page, "Stopped. The other rows were not read.")
  await polled(() => studio.readers()).toBe(0)
  assert.isTrue(await row(page, 8).isVisible())
  await begin(page).click()
  await polled(() => studio.readers()).toBe(1)
  await polled(() => table(page).count()).toBe(0)
  await page.getByRole("link", { name: "Batch", exact: true }).click()
  await polled(() => studio.readers()).toBe(0)
  await page.goBack()
  await begin(page).click()
  await polled(() => studio.readers()).toBe(1)
  await page.reload()
  await polled(() => studio.readers()).toBe(0)
  await begin(page).waitFor()
  assert.strictEqual(studio.rates.length, 3)
  await begin(page).click()
  await polled(() => studio.readers()).toBe(1)
  await page.close()
  await polled(() => studio.readers()).toBe(0)
})

it("a failure of the server ends it, and keeps what was found", async () => {
  await using opened = await reading()
  const { page, studio } = opened
  await studio.push(...findings(1, 8))
  await studio.fail("The server refused the key.", "Check the key.")
  await page.getByText("The server refused the key. Check the key.").waitFor()
  await state(page, "The reading broke off. The other rows were not read.")
  assert.isTrue(await row(page, 8).isVisible())
  await begin(page).click()
  await polled(() => studio.rates.length).toBe(2)
})

it("a restart of the studio ends it, and it is not begun again by itself", async () => {
  const scripted = make()
  const options = {
    ledgers: Ledgers.make({ batches: [{ ...Ledgers.batchOf(), expected }] }).service,
    source: (source: Parameters<NonNullable<NonNullable<Parameters<typeof startStudio>[0]>["source"]>>[0]) => ({
      ...source,
      reconciler: scripted.reconciler
    })
  }
  const first = await startStudio(options)
  await using opened = await openPage(browser, first, path, { mayFail: true })
  const { page } = opened
  await begin(page).click()
  await polled(() => scripted.readers()).toBe(1)
  await scripted.push(...findings(1, 8))
  await row(page, 8).waitFor()
  await first.stop()
  await page.getByText("The connection to the studio broke.").waitFor()
  await using _second = disposable(await startStudio({ ...options, port: first.port }))
  await page.getByText("Live", { exact: true }).waitFor()
  assert.isTrue(await row(page, 8).isVisible())
  assert.strictEqual(scripted.rates.length, 1)
})

it("an emulator of the same process costs no requests", async () => {
  await using studio = await start({ isFree: true })
  await using opened = await openPage(browser, studio, path)
  const { page } = opened
  await page.getByText("The runs are in this process: no request is sent.").waitFor()
  assert.strictEqual(await page.getByRole("textbox").count(), 0)
  await page.getByText("Commands", { exact: true }).click()
  await page.getByRole("button", { name: "Copy Settle uncertain rows, too" }).click()
  await page.getByText("Command copied.").waitFor()
  assert.match(
    await page.evaluate(() => navigator.clipboard.readText()),
    /^noukai reconcile orders\.ledger --id orders --settle/
  )
})

it("a source without sessions, a batch that is not there, and no ledgers say so", async () => {
  await using studio = disposable(
    await startStudio({ ledgers: Ledgers.make({ batches: [Ledgers.batchOf()] }).service })
  )
  await using opened = await openPage(browser, studio, path, { mayFail: true })
  const { page } = opened
  await page.getByText("cannot read the sessions of the server").waitFor()
  assert.strictEqual(await begin(page).count(), 0)
  await page.goto(`${studio.origin}/reconcile/orders.ledger/nothing`)
  await page.getByRole("heading", { name: "There is no such batch" }).waitFor()
  await page.getByRole("link", { name: "Show all batches" }).click()
  await page.getByRole("link", { name: /^Batch orders/ }).waitFor()
})

it("texts of findings are texts", async () => {
  await using opened = await reading()
  const { page, studio } = opened
  const text = Ledgers.hostileText
  const { expected } = findingOf(1, "paid-twice")
  await studio.push({
    kind: "paid-twice",
    expected: { ...expected, key: text, flow: "acme/shop/<script>", executionId: `../../${text}`, costUsd: "0.1" },
    seen: Array.from({ length: 9 }, (_, nth) => ({ executionId: `${nth} javascript:${text}`, status: text })),
    reason: `${text} nk_live_abcdefgh_0123456789abcdef0123456789abcdef`
  })
  await studio.end()
  await table(page).locator(".row-link").waitFor()
  assert.notMatch(await page.title(), /^owned/)
  assert.strictEqual(await page.locator("img, iframe, object, embed, main script, a[href^=javascript]").count(), 0)
  // eslint-disable-next-line no-control-regex
  assert.notMatch(await page.locator("body").innerText(), /[\u0000-\u0008\u000e-\u001f\u202a-\u202e\u2066-\u2069]/)
  await table(page).getByText("and 4 more").waitFor()
  assert.notInclude(await page.locator("body").innerText(), "0123456789abcdef0123456789abcdef")
})

it("100,000 findings do not block the page", async () => {
  await using opened = await reading({ rows: 100_000 })
  const { page, studio } = opened
  for (let from = 1; from <= 100_000; from += 2_000) await studio.push(...findings(from, from + 1_999))
  await studio.end()
  await page.getByRole("status").getByText("All rows were read.").waitFor({ timeout: 50_000 })
  await kinds(page).getByRole("link", { name: "agrees 87,500" }).click()
  await row(page, 1).waitFor()
  assert.isBelow(await table(page).locator("[data-row]").count(), 60)
  await page.getByText(/^The first [\d,]+ findings are listed/).waitFor()
  const tasks = await opened.longTasks()
  assert.isBelow(Math.max(0, ...tasks), 800, `long tasks: ${tasks.map(Math.round).join(", ")} ms`)
})

/** A studio over an emulator that it reads by requests, with the ledger of a batch of 30 rows. */
const startReal = async () => {
  const scope = Effect.runSync(Scope.make())
  const made = Effect.gen(function*() {
    const path = yield* folder
    yield* Real.completed(join(path, "done.ledger"), 30)
    const emulator = yield* Emulator
    const source = HostedSource.layer({ address: emulator.baseUrl, kind: "emulator", seen: Effect.succeed([]) })
    const sources = yield* Layer.build(Layer.merge(source, LedgerSource.layer({ folder: path })))
    const { url } = yield* Effect.provide(Studio.serve({ secret: Redacted.make("a secret of the tests") }), sources)
    return {
      url,
      origin: new URL(url).origin,
      totals: () => Effect.runPromise(emulator.totals),
      stop: () => Effect.runPromise(Scope.close(scope, Exit.void))
    }
  })
  const emulator = client({ flows: Real.flows!, jobs: { workers: 64 } })
  return disposable(
    await Effect.runPromise(
      Layer.build(emulator).pipe(
        Effect.flatMap((context) => Effect.provide(made, context)),
        Scope.extend(scope)
      )
    )
  )
}

it("a batch of an emulator is read at the rate of the reader, until the page closes, and no run is started", async () => {
  await using studio = await startReal()
  await using opened = await openPage(browser, studio, "/reconcile/done.ledger/grades-2026-11")
  const { page } = opened
  await begin(page).waitFor()
  const before = await studio.totals()
  await page.getByRole("textbox", { name: "Requests a second" }).fill("20")
  await begin(page).click()
  await polled(async () => (await studio.totals()).requestsReceived).toBeGreaterThan(before.requestsReceived + 4)
  await page.reload()
  await begin(page).waitFor()
  const stopped = await studio.totals()
  assert.isBelow(stopped.requestsReceived - before.requestsReceived, 60)
  await page.getByRole("textbox", { name: "Requests a second" }).fill("100")
  await begin(page).click()
  await state(page, "All rows were read.")
  await page.getByRole("heading", { name: "All agree", exact: true }).waitFor()
  const after = await studio.totals()
  // of the reads that were stopped, one was on its way
  assert.isAtMost(after.requestsReceived - stopped.requestsReceived, 61)
  assert.strictEqual(after.runsStarted, before.runsStarted)
  assert.strictEqual(await fact(page, "Findings").innerText(), "30\nof 30 rows")
  assert.strictEqual(await fact(page, "Difference").innerText(), "$0.00")
  await page.getByRole("button", { name: "Show what agrees" }).click()
  await table(page).locator(".row-link").first().click()
  await page.getByRole("heading", { name: "grades-2026-11" }).waitFor()
})
