/** Calls of models in a real browser: texts with Markdown, conversations, and payloads as they came. */
import type { Browser } from "playwright-core"
import { afterAll, assert, beforeAll, it } from "vitest"
import type { ScriptedRun } from "../support/scripted.js"
import * as Stories from "../support/stories.js"
import { disposable, launch, openPage, runPath, startStudio, violations } from "./studioPage.js"

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(() => browser?.close())

const markdown = [
  "# An answer",
  "The **order** is late: [the page](https://example.com/order), [no page](javascript:alert(1)).",
  "- one\n- two",
  "| city | celsius |\n| --- | --- |\n| Rome | 30 |",
  "- [x] done",
  "![a cat](https://images.example.com/cat.png)",
  "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>",
  "```\nconst a = 1\n```"
].join("\n\n")

const call = {
  role: "assistant",
  content: "I look.",
  tool_calls: [{ id: "c1", type: "function", function: { name: "weather", arguments: "{\"city\":\"Rome\"}" } }]
}

const run: ScriptedRun = {
  ...Stories.completed,
  id: "run-said",
  conversations: { ask: [call, { role: "tool", tool_call_id: "c1", content: "30 degrees" }] },
  steps: [
    { id: "ask", at: 0, ms: 900, model: "large-1", input: { message: "Is it *hot*?", level: 3 }, output: markdown },
    { id: "long", at: 900, ms: 100, input: { level: 3 }, output: "many words ".repeat(1_000) },
    { id: "fail", at: 1_000, ms: 100, error: { code: "BAD_JSON", message: "No JSON.", line: 7 }, input: "Go." }
  ]
}

it("a text is read with its Markdown, and neither HTML nor an image of another server is", async () => {
  await using studio = disposable(await startStudio({ runs: [run] }))
  await using opened = await openPage(browser, studio, runPath(run, "?step=ask"))
  const { page } = opened
  const output = page.getByRole("region", { name: "Output of ask" })
  await output.getByRole("table").waitFor()
  assert.strictEqual(await output.locator("strong").innerText(), "order")
  assert.deepStrictEqual(await output.getByRole("listitem").allInnerTexts().then((all) => all.slice(1)), [
    "one",
    "two",
    "☑ done"
  ])
  const links = output.getByRole("link")
  assert.deepStrictEqual(await links.allInnerTexts(), ["the page"])
  assert.include(await links.first().getAttribute("rel"), "noreferrer")
  const text = await output.innerText()
  assert.include(text, "[image: a cat]")
  assert.include(text, "<script>document.title='owned'</script>")
  assert.strictEqual(await page.locator("img, script:not([src])").count(), 0)
  assert.notInclude(await page.title(), "owned")
  const input = page.getByRole("region", { name: "Input of ask" })
  assert.strictEqual(await input.locator("em").innerText(), "hot")
  await input.getByText("level").waitFor()
  assert.deepStrictEqual(await violations(page), [])
})

it("a call of a tool stands beside its answer, and a message can be copied", async () => {
  await using studio = disposable(await startStudio({ runs: [run] }))
  await using opened = await openPage(browser, studio, runPath(run, "?step=ask"))
  const { page } = opened
  const called = page.getByRole("region", { name: "Tool conversation" }).getByRole("group", { name: "Call of weather" })
  assert.match(await called.innerText(), /weather \{"city":"Rome"\}\s+answer\s+30 degrees/)
  await page.getByRole("button", { name: "Copy the message in input of ask" }).click()
  assert.strictEqual(await page.evaluate(() => navigator.clipboard.readText()), "Is it *hot*?")
})

it("payloads are shown as they came where the reader wants that, also after a reload", async () => {
  await using studio = disposable(await startStudio({ runs: [run] }))
  await using opened = await openPage(browser, studio, runPath(run, "?step=ask"))
  const { page } = opened
  const raw = page.getByRole("button", { name: "Raw" })
  const input = page.getByRole("group", { name: "input of ask", exact: true })
  await raw.waitFor()
  assert.strictEqual(await input.count(), 0)
  await raw.click()
  await input.getByText("\"Is it *hot*?\"").waitFor()
  await page.reload()
  await input.getByText("\"Is it *hot*?\"").waitFor()
  assert.strictEqual(await raw.getAttribute("aria-pressed"), "true")
  await raw.click()
  await page.locator(".message em").waitFor()
})

it("a long text is folded", async () => {
  await using studio = disposable(await startStudio({ runs: [run] }))
  await using opened = await openPage(browser, studio, runPath(run, "?step=long"))
  const { page } = opened
  const output = page.getByRole("region", { name: "Output of long" })
  const unfold = output.getByRole("button", { name: "Show all 11,000 characters" })
  await unfold.waitFor()
  assert.isBelow((await output.innerText()).length, 2_000)
  await unfold.click()
  await output.getByRole("button", { name: "Show less" }).waitFor()
  assert.isAbove((await output.innerText()).length, 10_000)
})

it("the code and the message of an error stand above everything, once", async () => {
  await using studio = disposable(await startStudio({ runs: [run] }))
  await using opened = await openPage(browser, studio, runPath(run, "?step=fail"))
  const { page } = opened
  const problem = page.getByText("BAD_JSON: No JSON.")
  await problem.waitFor()
  const panel = page.getByRole("region", { name: "Step fail" })
  assert.strictEqual((await panel.innerText()).split("No JSON.").length, 2)
  const top = (await problem.boundingBox())!.y
  for (const other of [panel.getByText("Duration"), panel.getByText("line")]) {
    assert.isAbove((await other.boundingBox())!.y, top)
  }
})

it("the border between the steps and their payloads is moved by keys and by the pointer, and stays where it is", async () => {
  await using studio = disposable(await startStudio({ runs: [run] }))
  await using opened = await openPage(browser, studio, runPath(run), { viewport: { width: 1440, height: 900 } })
  const { page } = opened
  const border = page.getByRole("separator", { name: "Width of the steps" })
  const widthOf = async () => (await page.locator(".run-steps").boundingBox())!.width
  await border.focus()
  await page.keyboard.press("ArrowRight")
  await page.locator("[role=separator][aria-valuenow='52']").waitFor()
  assert.closeTo(await widthOf(), 0.52 * 1440, 3)
  const { height, x, y } = (await border.boundingBox())!
  await page.mouse.move(x + 4, y + height / 2)
  await page.mouse.down()
  await page.mouse.move(500, y + height / 2)
  await page.mouse.up()
  assert.closeTo(await widthOf(), 500, 15)
  await page.keyboard.press("Home")
  await page.reload()
  await page.locator("[role=separator][aria-valuenow='25']").waitFor()
  assert.deepStrictEqual(await violations(page), [])
})

it("rare actions are behind one button, and Escape closes them and not the run", async () => {
  await using studio = disposable(await startStudio({ runs: [run] }))
  await using opened = await openPage(browser, studio, runPath(run))
  const { page } = opened
  const more = page.getByText("More", { exact: true })
  await more.click()
  await page.getByRole("link", { name: "OTLP" }).waitFor()
  assert.deepStrictEqual(await violations(page), [])
  await page.keyboard.press("Escape")
  assert.isFalse(await page.getByRole("link", { name: "OTLP" }).isVisible())
  assert.include(page.url(), run.id)
  assert.strictEqual(await page.locator(".run-actions .button-primary").count(), 1)
})
