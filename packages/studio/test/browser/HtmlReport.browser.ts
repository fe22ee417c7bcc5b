/** The page of an eval run, in a real browser: its filters and its folded rows. */
import * as ReportFormat from "@effect-noukai/eval/ReportFormat"
import { Effect, Stream } from "effect"
import type { Browser } from "playwright-core"
import { afterAll, assert, beforeAll, it } from "vitest"
import * as Ledgers from "../support/ledgers.js"
import { launch } from "./studioPage.js"

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(() => browser?.close())

const { cases, detail: { report } } = Ledgers.evalOf()

const opened = async (javaScriptEnabled: boolean) => {
  const long = cases.map((one) => one.verdict === "pass" ? { ...one, key: one.key.repeat(40) } : one)
  const body = await Effect.runPromise(Stream.mkString(ReportFormat.html(report!, Stream.fromIterable(long))))
  const context = await browser.newContext({ javaScriptEnabled, viewport: { width: 1_200, height: 900 } })
  const tab = await context.newPage()
  const refused: Array<string> = []
  tab.on("console", (message) => refused.push(message.text()))
  await tab.route("http://report.test/", (route) => route.fulfill({ contentType: "text/html", body }))
  await tab.goto("http://report.test/")
  return { refused, rows: tab.locator("table").last().locator("tbody"), tab }
}

it("filters the cases by the keyboard, with the count of each", async () => {
  const { refused, rows, tab } = await opened(true)
  assert.deepStrictEqual(refused, [])
  const buttons = tab.getByRole("group", { name: "Filter the rows" }).getByRole("button")
  const titles = await buttons.allInnerTexts()
  assert.deepStrictEqual(titles.map((title) => title.replace(/ \(\d+\)$/, "")), [
    "all",
    "regressed",
    "failed",
    "errors",
    "changed"
  ])
  await buttons.first().focus()
  for (const [nth, title] of titles.entries()) {
    if (nth > 0) await tab.keyboard.press("Tab")
    await tab.keyboard.press("Enter")
    const pressed = await tab.locator("[aria-pressed=true]").allInnerTexts()
    const count = await rows.filter({ visible: true }).count()
    assert.deepStrictEqual([pressed, `(${count})`], [[title], title.slice(title.lastIndexOf("("))])
    assert.isAbove(count, 0)
  }
})

it("folds passing cases to one line, and opens them by the keyboard", async () => {
  const { rows, tab } = await opened(true)
  const folded = tab.locator("tbody.folded")
  assert.strictEqual(await folded.count(), cases.filter(({ verdict }) => verdict === "pass").length)
  const heights = await folded.evaluateAll((bodies) => bodies.map((body) => body.getBoundingClientRect().height))
  assert.isBelow(Math.max(...heights), 40)
  assert.isAtMost((await rows.first().boundingBox())!.width, 1_200)
  const detail = folded.first().locator("details")
  await detail.locator("summary").press("Enter")
  assert.isTrue(await detail.getByText("Grade essay").first().isVisible())
  // the mark is in the row of its case
  const [row, mark] = [(await folded.nth(1).boundingBox())!, (await folded.nth(1).locator("summary").boundingBox())!]
  assert.isTrue(mark.y >= row.y && mark.y + mark.height <= row.y + row.height + 1, JSON.stringify([row, mark]))
})

it("shows all cases without scripts", async () => {
  const { rows, tab } = await opened(false)
  assert.strictEqual(await rows.filter({ visible: true }).count(), cases.length)
  assert.strictEqual(await tab.locator("[aria-pressed]").count(), 0)
  const detail = tab.locator("tbody.folded details").first()
  await detail.locator("summary").click()
  assert.isTrue(await detail.getByText("Grade essay").first().isVisible())
})
