/** The page of the studio in a real browser. */
import * as TraceLayout from "@effect-noukai/report/TraceLayout"
import type { Browser, Page } from "playwright-core"
import { afterAll, assert, beforeAll, expect, it } from "vitest"
import { epoch, type ScriptedRun, traceOf } from "../support/scripted.js"
import * as Stories from "../support/stories.js"
import { clickAtEdge, disposable, launch, openPage, runPath, startStudio, viewOf } from "./studioPage.js"

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(() => browser?.close())

/** The left and the right end of each bar in view, as fractions of the width. */
const barsOf = (page: Page) =>
  page.locator(".step").evaluateAll((rows) =>
    rows.map((row) => {
      const track = row.querySelector(".track")!.getBoundingClientRect()
      const bar = row.querySelector(".bar")!.getBoundingClientRect()
      return {
        label: row.querySelector(".step-label")!.textContent!,
        from: (bar.left - track.left) / track.width,
        to: (bar.right - track.left) / track.width
      }
    })
  )

const selected = (page: Page) => page.locator(".step.is-selected .step-label")

it("a run is watched from its start to its end, and its bars lie where its trace says", async () => {
  const steps = (done: number): ScriptedRun => Stories.live(done, done === 6)
  await using studio = disposable(await startStudio({ runs: [steps(1)] }))
  await using opened = await openPage(browser, studio)
  const { page } = opened
  await page.getByRole("link", { name: /run run-live, running/ }).click()
  await page.getByRole("treeitem", { name: /^step-0 .*running/ }).waitFor()
  // the bar of a step that runs grows between two events
  const lasted = () => page.locator(".step-time").innerText()
  const first = await lasted()
  await expect.poll(lasted).not.toBe(first)
  for (let done = 2; done <= 6; done++) {
    await studio.put(steps(done))
    await page.getByRole("treeitem", {
      name: new RegExp(`^step-${done - 1} .*, ${done === 6 ? "completed" : "running"}`)
    }).waitFor()
  }
  await page.locator(".run-title .status-completed").waitFor()
  await page.getByText("180 ms").waitFor()
  assert.include(await page.locator(".run-facts").innerText(), "server's clock")

  const layout = TraceLayout.make(traceOf(steps(6)))
  const bars = await barsOf(page)
  assert.deepStrictEqual(bars.map(({ label }) => label), layout.bars.map(({ label }) => label))
  bars.forEach(({ from, to }, nth) => {
    const expected = layout.bars[nth]!
    assert.closeTo(from, expected.from, 0.01)
    assert.closeTo(to, expected.from + expected.width, 0.01)
  })
  // the reader did not choose another step, and is not moved to one
  assert.strictEqual(await selected(page).textContent(), "step-0")
})

it("a failed run opens at its last attempt, with the error above the input", async () => {
  await using studio = disposable(await startStudio({ runs: [Stories.failed] }))
  await using opened = await openPage(browser, studio, runPath(Stories.failed))
  const { page } = opened
  await page.locator(".error-message").first().waitFor()
  assert.strictEqual(await selected(page).textContent(), "grade attempt 2")
  for (const attempt of [1, 2]) {
    const error = await page.getByRole("article", { name: `Attempt ${attempt}` }).locator(".error-message")
      .boundingBox()
    const input = await page.getByRole("region", { name: `Input of grade attempt ${attempt}` }).boundingBox()
    assert.isTrue(error!.y < input!.y)
  }
  // the attempts are side by side
  const [one, two] = await Promise.all(
    [1, 2].map((nth) => page.getByRole("article", { name: `Attempt ${nth}` }).boundingBox())
  )
  assert.strictEqual(one!.y, two!.y)
  assert.isTrue(two!.x >= one!.x + one!.width)
  assert.isTrue(await page.getByText("PROVIDER_ERROR: The model did not return JSON.", { exact: true }).isVisible())

  const single: ScriptedRun = {
    id: "run-single",
    status: "failed",
    durationMs: 100,
    steps: [{
      id: "read",
      at: 0,
      ms: 100,
      input: { page: 1 },
      error: { message: "No such page." }
    }]
  }
  await studio.put(single)
  await page.goto(studio.origin + runPath(single))
  const error = await page.locator(".error-message").boundingBox()
  const input = await page.getByRole("region", { name: "Input of read" }).boundingBox()
  assert.isBelow(error!.y, input!.y)
})

it("a paused run says so, with the clock that measured it", async () => {
  const paused: ScriptedRun = {
    id: "run-paused",
    status: "running",
    watched: {
      clock: "watcher",
      firstOutputMs: 120,
      pauses: [{ startMs: 400, durationMs: 200, stepId: "ask" }, { startMs: 900 }]
    },
    steps: [{ id: "ask", at: 0, ms: 900, waitingMs: 200, output: 1 }]
  }
  await using studio = disposable(await startStudio({ runs: [paused] }))
  await using opened = await openPage(browser, studio, runPath(paused))
  const { page } = opened
  const facts = page.locator(".run-facts")
  await facts.getByText("waits now, 2 pauses").waitFor()
  assert.strictEqual((await facts.innerText()).split("watcher's clock").length - 1, 2)
  assert.strictEqual(await page.locator(".axis-pause").count(), 2)
  await studio.put({
    ...paused,
    status: "completed",
    durationMs: 2_000,
    watched: {
      clock: "watcher",
      firstOutputMs: 120,
      pauses: [{ startMs: 400, durationMs: 200 }, { startMs: 900, durationMs: 700 }]
    },
    steps: [...paused.steps!, { id: "go", at: 1_600, ms: 400, output: 2 }]
  })
  await facts.getByText("900 ms, 2 pauses").waitFor()
  // the idle stretch folds on request, and back
  const before = await barsOf(page)
  await page.getByRole("button", { name: "Fold idle time" }).click()
  await page.locator(".axis-fold").waitFor()
  const folded = await barsOf(page)
  assert.isTrue(folded[1]!.to - folded[1]!.from > before[1]!.to - before[1]!.from)
  assert.include(page.url(), "idle=folded")
  await page.getByRole("button", { name: "Fold idle time" }).click()
  assert.deepStrictEqual(await barsOf(page), before)
})

it("a loop of 500 is folded with its count, and opens at its failure", async () => {
  const loop = Stories.loop(500)
  await using studio = disposable(await startStudio({ runs: [loop] }))
  await using opened = await openPage(browser, studio, runPath(loop, "?step=plan"))
  const { page } = opened
  const row = page.getByRole("treeitem", { name: /^page ×500/ })
  await row.waitFor()
  assert.strictEqual(await row.getAttribute("aria-expanded"), "false")
  assert.include(await row.innerText(), "×500")
  assert.include(await row.innerText(), "1 failed")
  assert.strictEqual(await page.locator(".step").count(), 2)
  await row.locator(".step-fold").click()
  await page.getByRole("treeitem", { name: /^page \[0\] .*completed/ }).waitFor()
  // a window of the rows
  assert.isBelow(await page.locator(".step").count(), 80)
  await page.keyboard.press("End")
  await page.getByRole("region", { name: "Step page [499]" }).waitFor()
  assert.include(page.url(), "loop=499")

  await page.goto(studio.origin + runPath(loop))
  await page.getByRole("region", { name: "Step page [41]" }).waitFor()
  await page.getByText("Page 41 is empty.", { exact: true }).waitFor()
  assert.isTrue(await selected(page).isVisible())
})

it("a restart of the server is told, and the page goes on by itself", async () => {
  const first = await startStudio({ runs: [Stories.completed] })
  await using opened = await openPage(browser, first, "/runs", { mayFail: true })
  const { page } = opened
  await page.getByRole("link", { name: /run run-completed/ }).waitFor()
  await first.stop()
  await page.getByText("The studio does not answer.").waitFor()
  await page.getByText("Not connected").waitFor()
  // what was known is still there
  assert.isTrue(await page.getByRole("link", { name: /run run-completed/ }).isVisible())
  await using second = disposable(await startStudio({ port: first.port, runs: [Stories.failed] }))
  await page.getByRole("link", { name: /run run-failed/ }).waitFor()
  await page.getByText("The studio does not answer.").waitFor({ state: "detached" })
  assert.strictEqual(await page.getByRole("link", { name: /run run-completed/ }).count(), 0)
  await second.put({ ...Stories.uncaptured, id: "run-later" })
  await page.getByRole("link", { name: /run run-later/ }).waitFor()
})

it("a run that is open goes on after a restart of the server", async () => {
  const first = await startStudio({ runs: [Stories.live(2)] })
  await using opened = await openPage(browser, first, runPath(Stories.live(2)), { mayFail: true })
  const { page } = opened
  await page.getByRole("treeitem", { name: /^step-1 .*running/ }).waitFor()
  await first.stop()
  await page.getByText("Not connected").waitFor()
  await using second = disposable(await startStudio({ port: first.port, runs: [Stories.live(3)] }))
  await page.getByRole("treeitem", { name: /^step-2 .*running/ }).waitFor()
  await second.put(Stories.live(4, true))
  await page.locator(".run-title .status-completed").waitFor()
})

it("texts of flows are texts", async () => {
  const hostile = Stories.hostile
  await using studio = disposable(await startStudio({ runs: [hostile] }))
  await using opened = await openPage(browser, studio)
  const { page } = opened
  await page.getByRole("link", { name: /javascript:alert/ }).click()
  await page.locator(".error-message").waitFor()
  const isSafe = async () => {
    assert.notInclude(await page.title(), "owned")
    assert.strictEqual(await page.locator("img, iframe, object, embed, a[href^=javascript]").count(), 0)
    const text = await page.locator("body").innerText()
    // eslint-disable-next-line no-control-regex
    assert.notMatch(text, /[\u0000-\u0008\u000e-\u001f\u202a-\u202e\u2066-\u2069]/)
  }
  await isSafe()
  assert.include(await page.locator(".panel").innerText(), "\\u202egnp.exe")
  assert.include(await page.locator(".panel h2").innerText(), "\\u0000\\u0007\\u001b[31m \\u202eevil\\u202c")
  await page.keyboard.press("ArrowUp")
  await page.getByRole("region", { name: /^Output of <img src=x onerror/ }).waitFor()
  await isSafe()
  assert.include(await page.locator(".payload-output").innerText(), "<img src=x onerror=\"document.title='owned'\">")
  assert.include(await page.locator(".payload-input").innerText(), "</script><script>document.title='owned'</script>")
  await page.getByRole("link", { name: "Totals" }).click()
  await page.getByRole("table").waitFor()
  await isSafe()
})

it("10 MB of JSON open, are searched and copied without blocking the page", async () => {
  const huge = Stories.huge(10_000_000)
  await using studio = disposable(await startStudio({ runs: [huge] }))
  await using opened = await openPage(browser, studio, runPath(huge))
  const { page } = opened
  const output = page.getByRole("region", { name: "Output of read" })
  await output.getByRole("button", { name: /rows/ }).click()
  await output.getByRole("button", { name: /Show 100 more of/ }).waitFor()
  assert.isBelow(await output.locator("li").count(), 200)
  await output.getByRole("button", { name: "Search output of read" }).click()
  await output.getByRole("searchbox").fill("\"row\":99998")
  await output.getByText("1 of 1").waitFor()
  const found = output.getByRole("button", { name: /^row 99998$/ })
  await found.waitFor()
  await expect.poll(() => output.locator(".json-path").innerText()).toBe(".rows[99998].row")
  await output.getByRole("button", { name: "Copy path in output of read" }).click()
  await page.getByText("Path copied.").waitFor()
  assert.strictEqual(await page.evaluate(() => navigator.clipboard.readText()), ".rows[99998].row")
  await found.click()
  await output.getByRole("button", { name: "Copy value of output of read" }).click()
  await page.getByText("Value copied.").waitFor()
  assert.strictEqual(await page.evaluate(() => navigator.clipboard.readText()), "99998")
  // below 150 ms on a machine that does nothing else: speed.ts measures it
  const tasks = await opened.longTasks()
  assert.isBelow(Math.max(0, ...tasks), 1_000, `long tasks: ${tasks.map(Math.round).join(", ")} ms`)
})

it("every key does what the list of keys says", async () => {
  const loop = Stories.loop(3)
  await using studio = disposable(await startStudio({ runs: [Stories.completed, Stories.failed, loop] }))
  await using opened = await openPage(browser, studio)
  const { page } = opened
  await page.getByRole("link", { name: /run run-loop/ }).waitFor()
  const focused = () =>
    page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.tagName)
  const press = (key: string) => page.keyboard.press(key)

  // newest first: loop, failed, completed
  await press("ArrowDown")
  await expect.poll(focused).toMatch(/run-loop/)
  await press("ArrowDown")
  await expect.poll(focused).toMatch(/run-failed/)
  await press("End")
  await expect.poll(focused).toMatch(/run-completed/)
  await press("ArrowUp")
  await expect.poll(focused).toMatch(/run-failed/)
  await press("Home")
  await expect.poll(focused).toMatch(/run-loop/)

  await press("?")
  const dialog = page.getByRole("dialog", { name: "Keys" })
  await dialog.waitFor()
  await press("Escape")
  await dialog.waitFor({ state: "detached" })

  await press("/")
  assert.strictEqual(await focused(), "INPUT")
  await page.keyboard.type("grade-3")
  await page.getByRole("link", { name: /run run-loop/ }).waitFor({ state: "detached" })
  assert.include(page.url(), "text=grade-3")
  await press("Escape")
  assert.strictEqual(await focused(), "BODY")
  await press("Escape")
  await page.getByRole("link", { name: /run run-loop/ }).waitFor()

  await press("Home")
  await expect.poll(focused).toMatch(/run-loop/)
  await press("Enter")
  await page.getByRole("tree", { name: "Steps" }).waitFor()
  await press("Home")
  await expect.poll(() => selected(page).textContent()).toBe("plan")
  await press("ArrowDown")
  await expect.poll(() => selected(page).textContent()).toBe("page")
  await page.getByRole("region", { name: "Step page", exact: true }).waitFor()
  await press("ArrowRight")
  await page.getByRole("treeitem", { name: /^page \[0\]/ }).waitFor()
  await press("ArrowRight")
  await expect.poll(() => selected(page).textContent()).toBe("page [0]")
  await press("End")
  await expect.poll(() => selected(page).textContent()).toBe("page [2]")
  await press("ArrowUp")
  await expect.poll(() => selected(page).textContent()).toBe("page [1]")
  await press("ArrowLeft")
  await expect.poll(() => selected(page).textContent()).toBe("page")
  await press("ArrowLeft")
  await page.getByRole("treeitem", { name: /^page \[0\]/ }).waitFor({ state: "detached" })
  await page.getByRole("tree").focus()
  await press("Enter")
  await page.getByRole("treeitem", { name: /^page \[0\]/ }).waitFor()

  await press("/")
  assert.strictEqual(await focused(), "Find in names and payloads")
  await page.keyboard.type("plan")
  await expect.poll(() => page.locator(".step").count()).toBe(1)
  assert.include(page.url(), "find=plan")
  await press("Escape")
  await press("Escape")
  await page.getByRole("heading", { name: "Runs" }).waitFor()
  assert.strictEqual(new URL(page.url()).pathname, "/runs")
})

it("every state is an address, and the history works", async () => {
  await using studio = disposable(await startStudio({ runs: [Stories.completed, Stories.failed, ...Stories.many(20)] }))
  await using opened = await openPage(browser, studio, "/")
  const { page } = opened
  await page.getByRole("link", { name: /run run-000019/ }).waitFor()
  assert.strictEqual(page.url(), `${studio.origin}/runs`)
  await page.getByLabel("Status").selectOption("failed")
  await page.getByRole("link", { name: /run run-failed/ }).waitFor()
  await page.getByRole("link", { name: /run run-000019/ }).waitFor({ state: "detached" })
  assert.strictEqual(page.url(), `${studio.origin}/runs?status=failed`)
  await page.getByRole("link", { name: /run run-failed/ }).click()
  await page.getByRole("treeitem", { name: /^read/ }).click()
  await page.getByRole("region", { name: "Step read" }).waitFor()
  const address = page.url()
  assert.include(address, "/runs/acme/spelling/grade-3/run-failed?step=read")
  await page.goBack()
  await page.getByRole("link", { name: /run run-failed/ }).waitFor()
  assert.strictEqual(await page.getByLabel("Status").inputValue(), "failed")
  await page.goForward()
  await page.getByRole("region", { name: "Step read" }).waitFor()
  await page.reload()
  await page.getByRole("region", { name: "Step read" }).waitFor()
  await page.locator(".run-facts a").click()
  await page.getByRole("heading", { name: "Session", level: 1 }).waitFor()
  assert.include(page.url(), "/sessions/0c5b1f7e")
  await page.getByRole("link", { name: "Show in the list" }).click()
  await page.getByRole("link", { name: /run run-completed/ }).waitFor()
  assert.include(page.url(), "/runs?session=0c5b1f7e")
  assert.strictEqual(await page.getByRole("row").count(), 3)
})

it("runs that arrive do not move what the reader looks at", async () => {
  await using studio = disposable(await startStudio({ runs: Stories.many(1_000) }))
  await using opened = await openPage(browser, studio)
  const { page } = opened
  await page.getByRole("link", { name: /run run-000999/ }).waitFor()
  await page.locator("main").evaluate((main) => main.scrollTo({ top: 20_000 }))
  const row = page.getByRole("link", { name: /run run-000500/ })
  await row.waitFor()
  const before = await row.boundingBox()
  for (let index = 1_000; index < 1_050; index += 5) await studio.put(...Stories.many(5, index))
  await page.getByRole("button", { name: "50 new" }).waitFor()
  assert.deepStrictEqual(await row.boundingBox(), before)
  await page.getByRole("button", { name: "50 new" }).click()
  await page.getByRole("link", { name: /run run-001049/ }).waitFor()
  // at the top, they appear
  await studio.put(...Stories.many(1, 1_050))
  await page.getByRole("link", { name: /run run-001050/ }).waitFor()
  assert.strictEqual(await page.getByText("1,051", { exact: true }).count(), 1)
})

it("rows are read wherever the reader scrolls, and only those, though the keys are on another row", async () => {
  await using studio = disposable(await startStudio({ runs: Stories.many(10_000) }))
  await using opened = await openPage(browser, studio)
  const { page } = opened
  await page.getByRole("link", { name: /run run-009999/ }).waitFor()
  const reads = () =>
    page.evaluate(() =>
      performance.getEntriesByType("resource").filter(({ name }) => name.includes("/api/runs")).length
    )
  for (const key of ["Home", "End"]) {
    await page.keyboard.press(key)
    await expect.poll(() => page.evaluate(() => document.activeElement?.className)).toBe("row-link")
    const before = await reads()
    await page.locator("main").evaluate((main, top) => main.scrollTo({ top }), key === "Home" ? 200_000 : 300_000)
    await page.getByRole("link", { name: key === "Home" ? /run run-005000/ : /run run-002500/ }).waitFor()
    assert.isAtMost(await reads() - before, 4)
  }
})

it("the list is where the reader left it, after a look at a run", async () => {
  await using studio = disposable(await startStudio({ runs: Stories.many(1_000) }))
  await using opened = await openPage(browser, studio)
  const { page } = opened
  await page.getByRole("link", { name: /run run-000999/ }).waitFor()
  await page.locator("main").evaluate((main) => main.scrollTo({ top: 20_000 }))
  const row = page.getByRole("link", { name: /run run-000500/ })
  await row.waitFor()
  const before = await row.boundingBox()
  await row.click()
  await page.getByRole("tree", { name: "Steps" }).waitFor()
  await page.goBack()
  await row.waitFor()
  await expect.poll(() => row.boundingBox()).toEqual(before)
})

it("a run that is clicked at the edge of the view opens, and is in view after it", async () => {
  await using studio = disposable(await startStudio({ runs: Stories.many(1_000) }))
  await using opened = await openPage(browser, studio)
  const { page } = opened
  const row = page.getByRole("link", { name: /run run-000500/ })
  await page.getByRole("link", { name: /run run-000999/ }).waitFor()
  await page.locator("main").evaluate((main) => main.scrollTo({ top: 20_000 }))
  await row.waitFor()
  await clickAtEdge(row)
  await page.getByRole("tree", { name: "Steps" }).waitFor()
  await page.goBack()
  await row.waitFor()
  await expect.poll(() => viewOf(row)).toMatchObject({ isInView: true })
})

it("a studio that was started anew says which address to open", async () => {
  const first = await startStudio({ runs: [Stories.completed] })
  await using opened = await openPage(browser, first, "/runs", { mayFail: true })
  const { page } = opened
  await page.getByRole("link", { name: /run run-completed/ }).waitFor()
  // the last that the page loads: the second studio would refuse it
  await page.locator(".strip-chart canvas").waitFor()
  await first.stop()
  await using _second = disposable(await startStudio({ port: first.port, secret: "another secret" }))
  await page.getByText("Open the address that its terminal printed.").waitFor()
  await page.getByText("No access", { exact: true }).waitFor()
})

it("empty and missing things say what to do, and failures offer to try again", async () => {
  await using studio = disposable(
    await startStudio({
      facts: {
        flows: ["acme/spelling/grade-3"],
        missing: [{ what: "versions", why: "The hosted service does not tell them." }]
      }
    })
  )
  await using opened = await openPage(browser, studio, "/runs", { mayFail: true })
  const { page } = opened
  await page.getByRole("heading", { name: "No runs yet" }).waitFor()
  await page.getByText("noukai run acme/spelling/grade-3 \"Hello\" --env dev").waitFor()
  await page.getByText("Not known here: versions").click()
  await page.getByText("The hosted service does not tell them.").waitFor()
  await page.goto(`${studio.origin}/runs?text=nothing`)
  await page.getByRole("heading", { name: "No run matches" }).waitFor()
  await page.goto(studio.origin + runPath(Stories.uncaptured))
  await page.getByRole("heading", { name: "There is no such run" }).waitFor()
  await studio.put(Stories.uncaptured)
  await page.getByRole("button", { name: "Try again" }).or(page.getByRole("treeitem")).first().click()
  await page.getByRole("treeitem", { name: /^read/ }).waitFor()
  await page.getByText("Not captured", { exact: true }).first().waitFor()
  assert.include(await page.getByRole("list", { name: "Notes" }).first().innerText(), "capture")
})

it("a payload that the server cut says so", async () => {
  const run: ScriptedRun = {
    id: "run-cut",
    durationMs: 10,
    steps: [{ id: "read", at: 0, ms: 10, input: "a long te", output: { text: "a long te" }, truncated: true }]
  }
  await using studio = disposable(await startStudio({ runs: [run] }))
  await using opened = await openPage(browser, studio, runPath(run))
  const { page } = opened
  await page.getByRole("region", { name: "Input of read" }).getByText("cut", { exact: true }).waitFor()
  assert.include(await page.getByRole("list", { name: "Notes" }).first().innerText(), "cut")
})

it("the focus goes along with the reader", async () => {
  await using studio = disposable(await startStudio({ runs: [Stories.completed] }))
  await using opened = await openPage(browser, studio)
  const { page } = opened
  await page.getByRole("link", { name: /run run-completed/ }).press("Enter")
  await page.getByRole("tree", { name: "Steps" }).waitFor()
  await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("main")
  await page.keyboard.press("Escape")
  await page.getByRole("link", { name: /run run-completed/ }).waitFor()
  await expect.poll(() => page.evaluate(() => document.activeElement?.className)).toBe("runs")
})

it("a run is copied as text, and exported as files", async () => {
  await using studio = disposable(await startStudio({ runs: [Stories.completed] }))
  await using opened = await openPage(browser, studio, runPath(Stories.completed))
  const { page } = opened
  await page.getByText("More", { exact: true }).click()
  await page.getByRole("button", { name: "Copy as code…" }).click()
  for (
    const [name, part] of [["Command", "noukai run"], ["TypeScript", "acme/spelling/grade-3"], [
      "curl",
      "curl"
    ]] as const
  ) {
    await page.getByRole("button", { name: `Copy ${name}` }).click()
    await page.getByText(`${name} copied.`).waitFor()
    assert.include(await page.evaluate(() => navigator.clipboard.readText()), part)
  }
  await page.getByRole("button", { name: "Close" }).click()
  for (const name of ["OTLP", "HTML"]) {
    await page.getByText("More", { exact: true }).click()
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name }).click()])
    assert.isNull(await download.failure())
    assert.match(download.suggestedFilename(), name === "OTLP" ? /\.json$/ : /\.html$/)
  }
})

it("a key of Noukai is nowhere in the page or its storage", async () => {
  const key = "nk_live_plantedkey_0123456789abcdef0123456789abcdef"
  const run: ScriptedRun = {
    id: "run-key",
    status: "failed",
    startedAt: epoch,
    durationMs: 10,
    request: { message: key },
    steps: [{ id: "ask", at: 0, ms: 10, input: { key }, error: { message: `refused ${key}` }, model: key }]
  }
  await using studio = disposable(await startStudio({ runs: [run] }))
  await using opened = await openPage(browser, studio, runPath(run))
  const { page } = opened
  await page.locator(".error-message").waitFor()
  await page.getByText("More", { exact: true }).click()
  await page.getByRole("button", { name: "Copy as code…" }).click()
  await page.getByRole("button", { name: "Copy curl" }).waitFor()
  const stored = await page.evaluate(() =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, history.state])
  )
  for (const text of [await page.content(), stored, await opened.received(), page.url()]) assert.notInclude(text, key)
  assert.notInclude(page.url(), "token")
  assert.strictEqual(await page.evaluate(() => document.cookie), "")
})
