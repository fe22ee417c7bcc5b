/** Evals in a real browser. */
import type { Browser, Page } from "playwright-core"
import { afterAll, assert, beforeAll, expect, it } from "vitest"
import * as Ledgers from "../support/ledgers.js"
import { tooWide } from "./pictures.js"
import {
  clickAtEdge,
  disposable,
  launch,
  openPage,
  type RunningStudio,
  startStudio,
  viewOf,
  violations
} from "./studioPage.js"

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(() => browser?.close())

const grades = "/evals/evals/grade.ledger/grades/2026-06-07T09-30"

const start = async (
  options: Parameters<typeof Ledgers.make>[0] = { evals: [Ledgers.evalOf()] }
): Promise<RunningStudio & AsyncDisposable & { readonly ledgers: Ledgers.ScriptedLedgers }> => {
  const ledgers = Ledgers.make(options)
  return { ...disposable(await startStudio({ ledgers: ledgers.service })), ledgers }
}

const one = (page: Page, no: number) =>
  page.getByRole("link", { name: new RegExp(`^Case case-${String(no).padStart(3, "0")},`) })

const keys = (page: Page) => page.locator(".lrows-cases .row-link").allInnerTexts()

it.each([[1_440, 900], [1_280, 800]])(
  "the first case is near the top, beside the numbers, at %i × %i",
  async (width, height) => {
    await using studio = await start()
    await using opened = await openPage(browser, studio, grades, { viewport: { width, height } })
    const { page } = opened
    const first = page.locator(".lrows-cases [data-row]").first()
    await first.waitFor()
    assert.isAtMost((await first.boundingBox())!.y, 300)
    assert.isTrue(await page.getByRole("region", { name: "Checks" }).isVisible())
    assert.deepStrictEqual(await tooWide(page), [])
    assert.deepStrictEqual(await violations(page), [])
  }
)

it("the list leads to a run, whose numbers are those of its reports", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, "/evals")
  const { page } = opened
  await page.getByRole("link", { name: "Eval grades, run 2026-06-07T09-30 of evals/grade.ledger" }).click()
  await one(page, 7).waitFor()
  assert.strictEqual(new URL(page.url()).pathname, grades)
  assert.strictEqual(await page.title(), "grades 2026-06-07T09-30 – evals/grade.ledger – Noukai Studio")
  const text = (await page.locator("main").innerText()).replace(/\s+/g, " ")
  for (
    const part of [
      "failed: draft is worse than production: 4 cases regressed and 6 are fixed (p 0.039)",
      "Broken exact score: 4 cases regressed, at most 2 are allowed",
      "Cost of the candidate $0.744",
      "Cost of the baseline at least $1.056 (2 runs unknown)",
      "Cost of the judges $0.096",
      "382 ms less median of 117 cases; 95 %: -401 ms to -366 ms",
      "106/115, 92 % (81 % to 99 %)",
      "104/115, 90 % (79 % to 97 %) 4 6 0.039 3",
      "0.90, was 0.88",
      "Chance: of 2 checks without a difference, one or more has p < 0.05 in up to 9.8 % of runs."
    ]
  ) assert.include(text, part)
  const counts = page.getByRole("list", { name: "Cases by verdict" })
  assert.deepStrictEqual(
    (await counts.getByRole("listitem").allInnerTexts()).map((text) => text.replace(/\s+/g, " ").trim()),
    ["regressed 4", "error 3", "fail 5", "fixed 6", "not comparable 2", "pass 100"]
  )
  const batch = page.getByRole("link", { name: "eval-grades-2026-06-07T09-30" })
  assert.strictEqual(await batch.getAttribute("href"), "/batches/evals/grade.ledger/eval-grades-2026-06-07T09-30")
})

it("the list has the gate of a run, and a run without one has not passed by its end", async () => {
  const of = (run: string, gate?: string) => {
    const { cases, detail } = Ledgers.evalOf({ run })
    return { cases, detail: { ...detail, summary: { ...detail.summary, ...gate !== undefined && { gate } } } }
  }
  await using studio = await start({ evals: [of("none"), of("good", "passed"), of("bad", "failed")] })
  await using opened = await openPage(browser, studio, "/evals")
  const { page } = opened
  const statuses = page.locator(".lrows-evals .lrow[data-row] .c-status")
  await expect.poll(() => statuses.allInnerTexts()).toEqual(["failed", "passed", "ended"])
  const shapes = await statuses.locator("svg").evaluateAll((all) => all.map((one) => one.getAttribute("class")))
  assert.deepStrictEqual(shapes, ["shape shape-failed", "shape shape-completed", "shape shape-other"])
})

it("regressions are first, and cases are found by verdict, check and text", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, grades)
  const { page } = opened
  await one(page, 7).waitFor()
  assert.deepStrictEqual((await keys(page)).slice(0, 5), ["case-007", "case-037", "case-067", "case-097", "case-005"])
  await page.getByRole("list", { name: "Cases by verdict" }).getByRole("link", { name: "fixed" }).click()
  await expect.poll(() => keys(page)).toHaveLength(6)
  assert.strictEqual(page.url(), `${studio.origin}${grades}?verdict=fixed`)
  await page.getByRole("link", { name: "tone" }).click()
  await page.getByRole("heading", { name: "No case matches" }).waitFor()
  await page.getByRole("combobox", { name: "Verdict" }).selectOption("pass")
  await one(page, 1).waitFor()
  assert.strictEqual(page.url(), `${studio.origin}${grades}?verdict=pass&check=tone`)
  await page.getByRole("list", { name: "Cases by verdict of tone" }).getByText("pass 120").waitFor()
  await page.getByRole("button", { name: "Clear filters" }).click()
  await one(page, 7).waitFor()
  await page.keyboard.press("/")
  await page.keyboard.type("case-11")
  await expect.poll(() => keys(page)).toHaveLength(10)
  await page.goBack()
  await one(page, 7).waitFor()
})

it("a regressed case is shown, counted and found under regressed alone, also where another check fails on both sides", async () => {
  await using studio = await start({ evals: [Ledgers.evalOf({ fails: "short" })] })
  await using opened = await openPage(browser, studio, grades)
  const { page } = opened
  await one(page, 7).waitFor()
  const counts = page.getByRole("list", { name: "Cases by verdict" })
  const shown = async () =>
    (await counts.getByRole("listitem").allInnerTexts()).map((text) => text.replace(/\s+/g, " ").trim())
  assert.deepStrictEqual(await shown(), ["regressed 4", "fail 116"])
  const chips = () => page.locator(".lrows-cases .c-status").allInnerTexts()
  assert.deepStrictEqual((await chips()).slice(0, 5), ["regressed", "regressed", "regressed", "regressed", "fail"])
  await counts.getByRole("link", { name: "regressed" }).click()
  await expect.poll(() => keys(page)).toEqual(["case-007", "case-037", "case-067", "case-097"])
  await page.getByRole("combobox", { name: "Verdict" }).selectOption("fail")
  await page.getByText("1 to 50 of 116 cases").waitFor()
  assert.deepStrictEqual([...new Set(await chips())], ["fail"])
  // the cases of one check have its verdicts
  await page.getByRole("combobox", { name: "Check" }).selectOption("short")
  await page.getByText("1 to 50 of 120 cases").waitFor()
  assert.deepStrictEqual([...new Set(await chips())], ["fail"])
})

it("cases are read a page at a time", async () => {
  await using studio = await start({ evals: [Ledgers.evalOf({ cases: 120 })] })
  await using opened = await openPage(browser, studio, grades)
  const { page } = opened
  await page.getByText("1 to 50 of 120 cases").waitFor()
  await page.getByRole("link", { name: "Next page" }).click()
  await page.getByText("51 to 100 of 120 cases").waitFor()
  assert.strictEqual(page.url(), `${studio.origin}${grades}?offset=50`)
  await page.getByRole("link", { name: "Last page" }).click()
  await page.getByText("101 to 120 of 120 cases").waitFor()
  await expect.poll(() => keys(page)).toHaveLength(20)
  await page.locator("h1").click()
  await page.keyboard.press("ArrowLeft")
  await page.getByText("51 to 100 of 120 cases").waitFor()
  await page.goBack()
  await page.getByText("101 to 120 of 120 cases").waitFor()
  await page.getByRole("link", { name: "First page" }).click()
  await page.getByText("1 to 50 of 120 cases").waitFor()
})

it("a case has both outputs, their words, the outcomes and links to both runs", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, grades)
  const { page } = opened
  await one(page, 7).click()
  const panel = page.getByRole("region", { name: "Case case-007", exact: true })
  const before = panel.getByRole("region", { name: "Output of trial 1 of production" })
  const after = panel.getByRole("region", { name: "Output of trial 1 of draft" })
  await after.waitFor()
  assert.strictEqual(await before.locator("del").first().innerText(), "all ")
  assert.strictEqual(await before.locator("ins").count(), 0)
  assert.strictEqual(await after.locator("ins").first().innerText(), "nine of ")
  assert.strictEqual(await after.locator("del").count(), 0)
  assert.include(await before.locator(".marked").innerText(), "The pupil spelled all ten words correctly. Well done.")
  const runs = await panel.locator(".trial-facts a").evaluateAll((links) =>
    links.map((link) => new URL((link as HTMLAnchorElement).href).pathname)
  )
  assert.deepStrictEqual(runs.slice(0, 2), [
    "/runs/acme/spelling/grade-3/ba5e0000-77b1-4f35-9c11-000000000007",
    "/runs/acme/spelling/grade-3/ca5e0000-77b1-4f35-9c11-000000000007"
  ])
  const outcomes = (await panel.getByRole("region", { name: "Outcomes of the checks" }).innerText()).replace(
    /\s+/g,
    " "
  )
  assert.include(outcomes, "exact score regressed 1 pass equal fail $.score: expected 7, got 8")
  assert.include(outcomes, "pass 0.90 friendly")
  // what has the focus goes with the panel
  await panel.locator("button, a[href]").first().focus()
  await page.keyboard.press("Escape")
  await panel.waitFor({ state: "detached" })
  await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toMatch(
    /^Case case-007,/
  )
  await page.keyboard.press("Escape")
  await page.getByRole("heading", { name: "Evals" }).waitFor()
})

it("a reader marks an output with a reason, and takes the mark back", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, grades, { mayFail: true })
  const { page } = opened
  await one(page, 7).click()
  const output = page.getByRole("region", { name: "Output of trial 1 of draft" })
  const button = (name: string, isPressed: boolean) => output.getByRole("button", { name, pressed: isPressed })
  await output.getByRole("textbox", { name: "Reason" }).fill("It is rude.")
  await button("Bad", false).click()
  await button("Bad", true).waitFor()
  const place = { ledger: "evals/grade.ledger", eval: "grades", run: "2026-06-07T09-30", key: "case-007" }
  const mark = { ...place, side: "candidate", trial: 1 } as const
  assert.deepStrictEqual(studio.ledgers.marks, [{ ...mark, verdict: "bad", reason: "It is rude." }])
  await button("Good", false).click()
  await button("Good", true).waitFor()
  assert.deepStrictEqual(await violations(page), [])
  await button("Good", true).click()
  await button("Good", false).waitFor()
  assert.deepStrictEqual(studio.ledgers.marks.map(({ verdict }) => verdict), ["bad", "good", "none"])
  studio.ledgers.fail("The disk is full.")
  await button("Good", false).click()
  await output.getByRole("alert").getByText("The disk is full.").waitFor()
})

it("a case that is clicked at the edge of the view scrolls into it, with its contents below", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, grades)
  const { page } = opened
  await one(page, 7).waitFor()
  const links = page.locator(".lrows-cases .row-link")
  for (const place of [20, 47]) {
    const key = await links.nth(place).innerText()
    await clickAtEdge(links.nth(place))
    const panel = page.getByRole("region", { name: `Case ${key}`, exact: true })
    await panel.getByText("Trial 1").first().waitFor()
    await expect.poll(() => viewOf(links.nth(place))).toMatchObject({ isInView: true })
    const { view: [, end] } = await viewOf(links.nth(place))
    assert.isBelow((await panel.getByText(/^Read from/).boundingBox())!.y, end!)
  }
})

it("a case of JSON has the paths that differ, and a trial without a result its reason", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, `${grades}?verdict=fixed&case=case-051`)
  const { page } = opened
  const differences = page.getByRole("region", { name: "Differences of trial 1" })
  await differences.waitFor()
  const text = (await differences.innerText()).replace(/\s+/g, " ")
  assert.include(text, "2 differences")
  assert.include(text, "$.score 2 1")
  await page.getByRole("region", { name: "Output of trial 1 of draft" }).getByRole("button", { name: /^score/ })
    .waitFor()
  await page.goto(`${studio.origin}${grades}?case=case-046`)
  await page.getByRole("region", { name: "Output of trial 2 of draft" }).getByText("MODEL_TIMEOUT").waitFor()
})

it("every key does what the list of keys says", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, "/evals")
  const { page } = opened
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label"))
  await page.getByRole("link", { name: /^Eval grades/ }).waitFor()
  await page.keyboard.press("ArrowDown")
  await page.keyboard.press("Enter")
  await one(page, 7).waitFor()
  await page.keyboard.press("ArrowDown")
  await expect.poll(focused).toBe("Case case-007, regressed")
  await page.keyboard.press("ArrowDown")
  await expect.poll(focused).toBe("Case case-037, regressed")
  await page.keyboard.press("Enter")
  await page.getByRole("region", { name: "Case case-037", exact: true }).getByText("Trial 1").first().waitFor()
  await page.keyboard.press("End")
  await expect.poll(focused).toMatch(/^Case case-\d+, pass/)
  await page.keyboard.press("Home")
  await expect.poll(focused).toBe("Case case-007, regressed")
})

it("what is missing, or fails, says so", async () => {
  const { detail } = Ledgers.evalOf({ run: "without" })
  const { report: _, ...rest } = detail
  await using studio = await start({
    evals: [{
      cases: [],
      detail: { ...rest, notes: ["No definition of `grades` is known. Start the studio with `--eval grades.json`."] }
    }],
    problems: [{ ledger: "broken.json", message: "The definition has no checks." }]
  })
  await using opened = await openPage(browser, studio, "/evals/evals/grade.ledger/grades/without", { mayFail: true })
  const { page } = opened
  await page.getByRole("heading", { name: "No verdicts" }).waitFor()
  await page.getByText("--eval grades.json").waitFor()
  assert.strictEqual(
    await page.getByRole("link", { name: "Show the batch" }).getAttribute("href"),
    "/batches/evals/grade.ledger/eval-grades-without"
  )
  await page.goto(`${studio.origin}/evals`)
  await page.getByText("The definition has no checks.").waitFor()
  await page.goto(`${studio.origin}/evals/evals/grade.ledger/grades/nothing`)
  await page.getByRole("heading", { name: "There is no such eval run" }).waitFor()
  studio.ledgers.fail("The ledger is locked by another process.")
  await page.goto(`${studio.origin}${grades}`)
  await page.getByRole("heading", { name: "The eval run could not be read" }).waitFor()
  studio.ledgers.fail(undefined)
  studio.ledgers.putEvals(Ledgers.evalOf())
  await page.getByRole("button", { name: "Try again" }).click()
  await one(page, 7).waitFor()
})

it("a run is there again after a restart of the server", async () => {
  const first = await startStudio({ ledgers: Ledgers.make({ evals: [Ledgers.evalOf({ cases: 60 })] }).service })
  await using opened = await openPage(browser, first, grades, { mayFail: true })
  const { page } = opened
  await page.getByText("1 to 50 of 60 cases").waitFor()
  await first.stop()
  await page.getByText("Not connected").waitFor()
  assert.isTrue(await one(page, 7).isVisible())
  await using _second = disposable(
    await startStudio({ port: first.port, ledgers: Ledgers.make({ evals: [Ledgers.evalOf()] }).service })
  )
  await page.getByText("1 to 50 of 120 cases").waitFor()
  await page.getByText("Live", { exact: true }).waitFor()
})

it("texts are texts, and outputs of 10 MB do not block the page", async () => {
  const scripted = Ledgers.evalOf({ cases: 3, repeat: 1 })
  const hostile = Ledgers.hostileText
  const long = Array.from({ length: 150_000 }, (_, nth) => `line ${nth} of a long output, which has some words\n`).join(
    ""
  )
  const cases = scripted.cases.map((one) => ({
    ...one,
    key: one.no === 1 ? "long" : `${one.no} ${hostile}`,
    at: hostile,
    checks: { [hostile]: one.checks["exact score"]! },
    candidate: one.candidate.map((trial) => ({
      ...trial,
      executionId: hostile,
      result: one.no === 1 ? `${long}the end` : { [hostile]: hostile },
      outcomes: { [hostile]: { verdict: "fail" as const, reason: hostile } }
    })),
    baseline: one.baseline!.map((trial) => ({
      ...trial,
      result: one.no === 1 ? `${long}no end` : { [hostile]: 7 },
      outcomes: {}
    }))
  }))
  await using studio = await start({ evals: [{ ...scripted, cases }] })
  await using opened = await openPage(browser, studio, grades)
  const { page } = opened
  const isSafe = async () => {
    assert.notMatch(await page.title(), /^owned/)
    assert.strictEqual(await page.locator("img, iframe, object, embed, a[href^=javascript]").count(), 0)
    // eslint-disable-next-line no-control-regex
    assert.notMatch(await page.locator("main").innerText(), /[\u0000-\u0008\u000e-\u001f\u202a-\u202e\u2066-\u2069]/)
  }
  await page.getByRole("link", { name: /^Case 2 <img/ }).click()
  await page.getByRole("region", { name: "Differences", exact: true }).waitFor()
  await isSafe()
  await page.getByRole("link", { name: /^Case long/ }).click()
  const after = page.getByRole("group", { name: "Output of draft" })
  await after.getByText("the end").waitFor()
  await page.getByRole("button", { name: "Show the unchanged text" }).first().click()
  await page.getByRole("button", { name: /^Show 50,000 more of/ }).first().click()
  assert.isBelow((await after.innerText()).length, 100_000)
  await isSafe()
  const tasks = await opened.longTasks()
  assert.isBelow(Math.max(0, ...tasks), 1_000, `long tasks: ${tasks.map(Math.round).join(", ")} ms`)
})

it("the last runs of an eval are three charts, each with its numbers in words, and a table", async () => {
  const evals = ["1", "2", "3"].map((run) => {
    const one = Ledgers.evalOf({ run, cases: 30 })
    const counts = { passed: 20 + Number(run), of: 30, regressed: Number(run) - 1, usd: `0.0${run}` }
    const summary = { ...one.detail.summary, counts, startedAt: one.detail.summary.startedAt + Number(run) * 60_000 }
    return { ...one, detail: { ...one.detail, summary: run === "2" ? { ...summary, cases: 10, of: 30 } : summary } }
  })
  await using studio = await start({ evals: [...evals, Ledgers.evalOf({ ledger: "evals/other.ledger" })] })
  await using opened = await openPage(browser, studio, "/evals/evals/grade.ledger/grades/3")
  const { page } = opened
  const chart = (name: string) => page.getByRole("img", { name: new RegExp(`^${name}, oldest first: `) })
  await page.getByText("The last 3 runs").click()
  await chart("Pass rate").waitFor()
  for (
    const [name, words] of [
      ["Pass rate", /70 %; .*: 73.*% \(10 of 30 cases\); .*: 77.*%$/],
      ["Regressed", /: 0; .*: 1 .*: 2$/],
      ["Cost", /\$0\.01; .*: \$0\.02 .*\$0\.03$/]
    ] as const
  ) {
    assert.match((await chart(name).getAttribute("aria-label"))!, words)
    assert.strictEqual(await chart(name).locator("rect").count(), 3)
  }
  const heights = await chart("Regressed").locator("rect").evaluateAll((bars) =>
    bars.map((bar) => Number(bar.getAttribute("height")))
  )
  assert.deepStrictEqual(heights, [1, 24, 48])
  await page.getByText("As a table").click()
  const table = page.getByRole("region", { name: "The last runs" })
  assert.strictEqual(await table.locator("tbody tr").count(), 3)
  assert.deepStrictEqual(await violations(page), [])
  assert.deepStrictEqual(await tooWide(page), [])
  await table.getByRole("link").last().click()
  await page.waitForURL(/\/grades\/1$/)
})

it("an eval with one run has no chart", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, grades)
  await one(opened.page, 7).waitFor()
  assert.strictEqual(await opened.page.locator(".trends").count(), 0)
})
