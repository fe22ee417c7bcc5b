/** The comparison of two runs in a real browser. */
import type { StepComparison } from "@effect-noukai/studio/CompareApi"
import { Unavailable } from "@effect-noukai/studio/RunsApi"
import type { Browser, Page } from "playwright-core"
import { afterAll, assert, beforeAll, expect, it } from "vitest"
import * as Pairs from "../support/pairs.js"
import * as Stories from "../support/stories.js"
import { startEmulatorStudio } from "./emulatorStudio.js"
import { comparePath, disposable, launch, openByMenu, openPage, runPath, startStudio } from "./studioPage.js"

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(() => browser?.close())

const { after, before } = Pairs

const start = async (runs = [...Stories.all, ...Pairs.all]) => disposable(await startStudio({ runs }))

const steps = (page: Page) => page.getByRole("table", { name: "Steps of both runs" })

const step = (page: Page, name: string | RegExp) =>
  steps(page).getByRole("link", { name: typeof name === "string" ? new RegExp(`^${name},`) : name })

const names = (page: Page) => steps(page).locator(".row-link").allInnerTexts()

const panel = (page: Page, name: string) => page.getByRole("region", { name: `Step ${name}`, exact: true })

const fact = (page: Page, name: string) =>
  page.locator(".run-facts .fact").filter({ has: page.getByText(name, { exact: true }) }).locator("dd")

/** The result of the comparison. */
const polled: typeof expect.poll = (fn, options) => expect.poll(fn, { timeout: 10_000, ...options })

const says = (page: Page, text: string) =>
  polled(async () => (await page.locator(".sentence").innerText()).replace(/\s+/g, " ")).toBe(text)

const part = (page: Page, name: string, of: string) => panel(page, name).getByRole("region", { name: of, exact: true })

const differing = ["classify", "check", "page [2]", "lookup", "lookup", "write", "notify"]

it("a run is compared with another one of its flow, the older one first", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, runPath(after))
  const { page } = opened
  await page.getByRole("link", { name: "Compare…" }).click()
  await page.getByRole("heading", { name: "Compare with another run" }).waitFor()
  const runs = page.locator(".lrows-choose .row-link")
  await runs.first().waitFor()
  assert.deepStrictEqual(
    await page.locator(".lrows-choose .c-run").evaluateAll((cells) => cells.map((cell) => cell.getAttribute("title"))),
    [
      Pairs.again.id,
      before.id
    ]
  )
  await page.getByRole("button", { name: "All flows" }).click()
  await polled(() => runs.count()).toBeGreaterThan(5)
  await page.getByRole("button", { name: "All flows" }).click()
  await page.getByRole("link", { name: new RegExp(before.id) }).click()
  await steps(page).waitFor()
  assert.strictEqual(page.url(), studio.origin + comparePath(before, after))
  assert.match(await page.getByRole("region", { name: "First run" }).innerText(), new RegExp(`${before.id}[^]*\\b7\\b`))
  assert.match(await page.getByRole("region", { name: "Second run" }).innerText(), new RegExp(`${after.id}[^]*\\b8\\b`))
  await page.goBack()
  await page.getByRole("heading", { name: "Compare with another run" }).waitFor()
})

it("two runs are chosen from the list, by search, and by their names", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio)
  const { page } = opened
  await openByMenu(page, "Compare runs…")
  await page.getByRole("searchbox", { name: "Search" }).fill("support/answer")
  await polled(() => page.locator(".lrows-choose .row-link").count()).toBe(3)
  await page.getByRole("link", { name: new RegExp(after.id) }).click()
  await page.getByRole("heading", { name: "Compare with another run" }).waitFor()
  const field = page.getByRole("textbox", { name: "Or paste a run" })
  for (const wrong of ["", "a b", "acme/answer", "http://127.0.0.1/batches/a/b"]) {
    await field.fill(wrong)
    if (wrong === "") await field.press("Enter")
    else await page.getByRole("button", { name: "Compare", exact: true }).click()
    await page.getByText("Enter a run as org/project/flow/id").waitFor()
  }
  await field.fill(`  ${studio.origin}${runPath(before)}?step=read `)
  await field.press("Enter")
  await steps(page).waitFor()
  assert.strictEqual(new URL(page.url()).searchParams.get("after"), before.id)
  await page.getByRole("link", { name: "Swap" }).click()
  await polled(() => page.url()).toBe(studio.origin + comparePath(before, after))
  // another run in the place of one of the two
  await page.getByRole("link", { name: "Change… second run" }).click()
  await field.fill(`${before.flow}/${Pairs.again.id}`)
  await field.press("Enter")
  await page.getByRole("heading", { name: "No step differs" }).waitFor()
  await page.goto(`${studio.origin}/compare?beforeFlow=acme%2Fspelling%2Flive&before=run-live`)
  await page.getByRole("heading", { name: "No other run" }).waitFor()
  await page.getByRole("button", { name: "Show the runs of all flows" }).click()
  await page.locator(".lrows-choose .row-link").first().waitFor()
})

it("the step where the runs part is marked, open and in view", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, comparePath(before, after), {
    viewport: { width: 1280, height: 560 }
  })
  const { page } = opened
  await says(page, "The runs differ in 7 of 9 steps. They part at write.")
  await part(page, "write", "Input").waitFor()
  const row = step(page, /^write, changed, the runs part here$/)
  assert.strictEqual(await row.getAttribute("aria-expanded"), "true")
  const { height, y } = (await row.boundingBox())!
  assert.isAbove(y, 48)
  assert.isBelow(y + height, 560)
  assert.deepStrictEqual(await names(page), differing)
  const input = part(page, "write", "Input")
  assert.deepStrictEqual(await input.locator(".marked del").allInnerTexts(), ["Sunday"])
  assert.deepStrictEqual(await input.locator(".marked ins").allInnerTexts(), ["Monday"])
  assert.deepStrictEqual(await input.locator("tbody th").allInnerTexts(), ["$.examples", "$.topic"])
  await part(page, "write", "Output").waitFor()
  assert.include(await panel(page, "write").locator(".facts").innerText(), "large-2 → small-2")
  // closed, and opened again by the sentence
  await row.click()
  await panel(page, "write").waitFor({ state: "detached" })
  assert.include(page.url(), "step=none")
  await page.locator(".parts-line").getByRole("link", { name: "write" }).click()
  await panel(page, "write").waitFor()
})

it("times and costs differ to the last digit, and add up", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, comparePath(before, after, "&show=all&step=none"))
  const { page } = opened
  await step(page, "write").waitFor()
  assert.deepStrictEqual(await fact(page, "Time").innerText(), "−1.374 s\n6.412 s → 5.038 s")
  assert.deepStrictEqual(await fact(page, "Cost").innerText(), "−$0.012459\n$0.020672 → $0.008213")
  const cells = async (
    name: string | RegExp
  ) => (await step(page, name).locator("xpath=ancestor::*[@role='row']").locator(".c-pair > span:not(.c-arrow)")
    .allInnerTexts())
  assert.deepStrictEqual(await cells("write"), [
    "3.4715 s",
    "2.904 s",
    "−567.5 ms",
    "$0.020052",
    "$0.007483",
    "−$0.012569"
  ])
  assert.deepStrictEqual((await cells(/^page \[2\],/)).filter((text) => text !== ""), [
    "220 ms",
    "+220 ms",
    "$0.00011",
    "+$0.00011"
  ])
  const all = await steps(page).locator(".c-cost > .c-by").allInnerTexts()
  const sum = all.reduce(
    (sum, text) => sum + Math.round(1e6 * Number(/[\d.]+/.exec(text) ?? 0) * (text.startsWith("−") ? -1 : 1)),
    0
  )
  assert.strictEqual(sum, -12_459)
})

it("every choice of steps is an address", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, comparePath(before, after, "&step=none"))
  const { page } = opened
  const shows = async (expected: ReadonlyArray<string>, query: string) => {
    await polled(() => names(page)).toEqual(expected)
    assert.strictEqual(page.url(), studio.origin + comparePath(before, after, query))
    await page.reload()
    await polled(() => names(page)).toEqual(expected)
  }
  await shows(differing, "&step=none")
  await page.getByRole("button", { name: "All steps" }).click()
  await shows(
    ["classify", "check", "page [0]", "page [1]", "page [2]", "lookup", "lookup", "write", "notify"],
    "&show=all&step=none"
  )
  assert.strictEqual(await page.getByRole("button", { name: "All steps" }).getAttribute("aria-pressed"), "true")
  const kinds = page.getByRole("list", { name: "Steps by kind" })
  await kinds.getByRole("link", { name: "missing 2" }).click()
  await shows(["lookup", "notify"], "&show=missing&step=none")
  await kinds.getByRole("link", { name: "same 3" }).click()
  await shows(["page [0]", "page [1]", "check"].sort((a) => a === "check" ? -1 : 1), "&show=same&step=none")
  await page.getByRole("button", { name: "Moved 1" }).click()
  await shows(["check"], "&show=moved&step=none")
  await page.getByRole("button", { name: "Moved 1" }).click()
  await page.keyboard.press("/")
  await page.keyboard.type("LOOK")
  await shows(["lookup", "lookup"], "&find=LOOK&step=none")
  await page.getByRole("searchbox", { name: "Find a step" }).fill("nothing")
  await page.getByRole("heading", { name: "No step matches" }).waitFor()
  await page.getByRole("button", { name: "Show all steps" }).click()
  await polled(() => names(page)).toHaveLength(9)
  // a missing step has its place in the first run
  await step(page, "notify").click()
  await panel(page, "notify").getByText("Only the first run has this step.").waitFor()
  assert.include(page.url(), "was=8")
  await panel(page, "notify").getByRole("link", { name: "Open it in the first run" }).click()
  await page.getByRole("heading", { name: "notify" }).waitFor()
  assert.strictEqual(page.url(), studio.origin + runPath(before, "?step=notify"))
})

it("every key does what the list of keys says", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, comparePath(before, after, "&step=none"))
  const { page } = opened
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label"))
  const press = (key: string) => page.keyboard.press(key)
  await step(page, "classify").waitFor()
  await press("ArrowDown")
  await polled(focused).toMatch(/^classify,/)
  await press("ArrowDown")
  await polled(focused).toMatch(/^check,/)
  await press("Enter")
  await panel(page, "check").waitFor()
  await polled(focused).toMatch(/^check,/)
  await press("Enter")
  await panel(page, "check").waitFor({ state: "detached" })
  await press("Enter")
  await panel(page, "check").waitFor()
  // what has the focus goes with the panel
  await panel(page, "check").locator("button, a[href]").first().focus()
  await press("Escape")
  await panel(page, "check").waitFor({ state: "detached" })
  await polled(focused).toMatch(/^check,/)
  await press("End")
  await polled(focused).toMatch(/^notify,/)
  await press("ArrowUp")
  await polled(focused).toMatch(/^write,/)
  await press("Home")
  await polled(focused).toMatch(/^classify,/)
  await press("d")
  await polled(() => names(page)).toHaveLength(9)
  await press("d")
  await polled(() => names(page)).toHaveLength(7)
  await press("d")
  await press("Escape")
  await polled(() => names(page)).toHaveLength(7)
  await press("?")
  await page.getByText("List all steps of a comparison, or those that differ").waitFor()
  await press("Escape")
  await press("Escape")
  await page.getByRole("heading", { name: "Runs", exact: true }).waitFor()
})

it("a run that goes on is compared live", async () => {
  await using studio = await start([before, Pairs.going(2)])
  await using opened = await openPage(browser, studio, comparePath(before, Pairs.going(2)))
  const { page } = opened
  await says(page, "So far: 1 changed, 0 new, 0 moved.")
  await step(page, /^check, running/).waitFor()
  await step(page, /^write, not yet/).waitFor()
  assert.strictEqual(await page.getByText("missing").count(), 0)
  await studio.put(Pairs.going(5))
  await step(page, /^page \[2\], running/).waitFor()
  await studio.put(Pairs.gone)
  await says(page, "The runs differ in 7 of 9 steps. They part at write.")
  await panel(page, "write").waitFor()
  await page.getByRole("region", { name: "Second run" }).getByText("completed").waitFor()
  await step(page, /^notify, missing/).waitFor()
})

it("differences of another step are never shown as those of the open one", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio)
  const { page } = opened
  // as if a run went on between the two reads
  await page.route("**/api/diff/step?*", async (route) => {
    const response = await route.fetch()
    const body = await response.json() as StepComparison
    await route.fulfill({ response, json: { ...body, step: { ...body.step, stepId: "another" } } })
  })
  await page.goto(studio.origin + comparePath(before, after))
  // the page has the whole answer
  await polled(() =>
    page.evaluate(() => performance.getEntriesByType("resource").some(({ name }) => name.includes("/api/diff/step?")))
  ).toBe(true)
  await panel(page, "write").getByText("Reading the step…").waitFor()
  assert.strictEqual(await panel(page, "write").getByRole("region").count(), 0)
})

it("10,000 steps are compared in a window of rows", async () => {
  const [a, b] = [Pairs.long(10_000, "a", 7_345), Pairs.long(10_000, "b", 7_345)]
  await using studio = await start([a, b])
  await using opened = await openPage(browser, studio)
  const { page } = opened
  await page.getByRole("heading", { name: "Runs", exact: true }).waitFor()
  await page.goto(studio.origin + comparePath(a, b))
  await says(page, "The runs differ in 1,001 of 10,000 steps. They part at step-07345.")
  await panel(page, "step-07345").waitFor()
  const box = await step(page, "step-07345").boundingBox()
  assert.isAbove(box!.y, 48)
  assert.isBelow(box!.y, 800)
  assert.isBelow(await steps(page).locator("[data-row]").count(), 80)
  await page.keyboard.press("d")
  await polled(() => steps(page).getAttribute("aria-rowcount")).toBe("10001")
  await page.keyboard.press("End")
  await step(page, "step-09999").waitFor()
  await page.keyboard.press("Home")
  await step(page, "step-00000").waitFor()
  for (let nth = 0; nth < 40; nth++) await page.mouse.wheel(0, 2_400)
  await page.getByRole("searchbox", { name: "Find a step" }).fill("0734")
  await polled(() => steps(page).getAttribute("aria-rowcount")).toBe("12")
  assert.isBelow(await steps(page).locator("[data-row]").count(), 80)
})

it("texts of runs are texts, and keys are masked", async () => {
  const [first, second] = Pairs.hostile
  await using studio = await start()
  await using opened = await openPage(browser, studio, comparePath(first, second))
  const { page } = opened
  const isSafe = async () => {
    assert.notMatch(await page.title(), /^owned/)
    assert.strictEqual(
      await page.locator("img, iframe, object, embed, main script, main b, main i:not(.lrow i), a[href^=javascript]")
        .count(),
      0
    )
    // eslint-disable-next-line no-control-regex
    assert.notMatch(await page.locator("body").innerText(), /[\u0000-\u0008\u000e-\u001f\u202a-\u202e\u2066-\u2069]/)
  }
  await page.locator(".marked").first().waitFor()
  await isSafe()
  await page.locator(".row-link").nth(1).click()
  await page.getByRole("region", { name: /^Step control/ }).locator(".changes, .marked").first().waitFor()
  await isSafe()
  await page.getByText("Command", { exact: true }).click()
  await isSafe()
  await page.getByRole("link", { name: "Change… first run" }).click()
  await page.locator(".lrows-choose .row-link").first().waitFor()
  await isSafe()
  assert.notInclude(await opened.received(), "0123456789abcdef0123456789abcdef")
})

it("the command is copied", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, comparePath(before, after))
  const { page } = opened
  await page.getByText("Command", { exact: true }).click()
  await page.getByRole("button", { name: "Copy command" }).click()
  await page.getByText("Command copied.").waitFor()
  const text = await page.evaluate(() => navigator.clipboard.readText())
  assert.include(text, `noukai diff ${before.flow}/${before.id} ${after.flow}/${after.id}`)
})

it("failures say what failed, and offer to try again", async () => {
  let isDown = true
  await using studio = disposable(
    await startStudio({
      runs: [before, after],
      source: (source) => ({
        ...source,
        run: (flow, id) =>
          isDown
            ? new Unavailable({ message: "The server limits the rate.", advice: "Wait for a minute." })
            : source.run(flow, id)
      })
    })
  )
  await using opened = await openPage(browser, studio, comparePath(before, after), { mayFail: true })
  const { page } = opened
  await page.getByRole("heading", { name: "The runs could not be compared" }).waitFor()
  await page.getByText("The server limits the rate.").waitFor()
  await page.getByText("Wait for a minute.").waitFor()
  isDown = false
  await page.getByRole("button", { name: "Try again" }).click()
  await part(page, "write", "Input").waitFor()
  isDown = true
  await step(page, "classify").click()
  await page.getByRole("heading", { name: "The step could not be read" }).waitFor()
  isDown = false
  await page.getByRole("button", { name: "Try again" }).click()
  await part(page, "classify", "Output").waitFor()
  await page.goto(studio.origin + comparePath(before, { id: "nothing", flow: before.flow! }))
  await page.getByRole("heading", { name: "A run is not there" }).waitFor()
  await page.getByRole("link", { name: "Choose another run" }).click()
  await page.getByRole("link", { name: new RegExp(after.id) }).click()
  await steps(page).waitFor()
})

it("runs without payloads, and without steps, say so", async () => {
  const none = { id: "run-none", flow: before.flow!, startedAt: 1_780_000_000_000, durationMs: 5 }
  const bare = {
    ...before,
    id: "run-bare",
    steps: before.steps!.map(({ error: _e, input: _i, output: _o, ...step }) => step)
  }
  await using studio = await start([before, bare, none])
  await using opened = await openPage(browser, studio, comparePath(before, bare))
  const { page } = opened
  await page.getByText("kept no payloads").waitFor()
  await page.goto(studio.origin + comparePath(none, { ...none, id: "run-none" }))
  await page.getByRole("heading", { name: "No steps" }).waitFor()
})

it("a comparison goes on after a restart of the server", async () => {
  const first = await startStudio({ runs: [before, after] })
  await using opened = await openPage(browser, first, comparePath(before, after), { mayFail: true })
  const { page } = opened
  await panel(page, "write").waitFor()
  await first.stop()
  await page.getByText("Not connected").waitFor()
  assert.isTrue(await step(page, "write").isVisible())
  await using _second = disposable(await startStudio({ port: first.port, runs: [before, after] }))
  await page.getByText("Live", { exact: true }).waitFor()
  await step(page, "classify").click()
  await part(page, "classify", "Output").waitFor()
})

it("a run of the emulator is compared while it goes on", async () => {
  const ref = "acme/test/two"
  const steps = [
    { kind: "template", id: "first", duration: 100, output: "one" },
    { kind: "template", id: "second", duration: 5_000, output: "two" }
  ] as const
  await using studio = disposable(await startEmulatorStudio({ emulator: { flows: [{ ref, steps }] } }))
  const first = await studio.execute(ref)
  await using opened = await openPage(browser, studio, runPath({ id: first, flow: ref }))
  const { page } = opened
  await page.getByRole("link", { name: "Compare…" }).click()
  await page.getByRole("heading", { name: "No other run" }).waitFor()
  const second = studio.execute(ref)
  await page.getByRole("link", { name: /acme\/test\/two, run .*, running/ }).click()
  await step(page, /^second, (?:running|not yet)/).waitFor()
  assert.strictEqual(new URL(page.url()).searchParams.get("after"), await second)
  await page.getByRole("heading", { name: "No step differs" }).waitFor()
  assert.include(await page.getByRole("region", { name: "Second run" }).innerText(), "completed")
  await page.getByRole("button", { name: "Show all steps" }).click()
  await polled(() => names(page)).toEqual(["first", "second"])
})
