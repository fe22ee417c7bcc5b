/** Sessions in a real browser. */
import { NotFound } from "@effect-noukai/studio/RunsApi"
import { readFile } from "node:fs/promises"
import type { Browser, Page } from "playwright-core"
import { afterAll, assert, beforeAll, expect, it } from "vitest"
import { epoch, type ScriptedRun } from "../support/scripted.js"
import * as Stories from "../support/stories.js"
import { flows, startEmulatorStudio } from "./emulatorStudio.js"
import { disposable, launch, openByMenu, openPage, runPath, startStudio } from "./studioPage.js"

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(() => browser?.close())

const session = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

const run = (nth: number, more: Partial<ScriptedRun> = {}): ScriptedRun => ({
  id: `run-${nth}`,
  flow: `acme/support/flow-${nth}`,
  sessionId: session,
  startedAt: epoch + nth * 20_000,
  durationMs: 10_000,
  costUsd: "0.001",
  steps: [
    { id: "read", at: 0, ms: 4_000, output: nth },
    { id: "answer", at: 4_000, ms: 6_000, output: "yes" }
  ],
  ...more
})

const failed = run(2, {
  status: "failed",
  steps: [
    { id: "read", at: 0, ms: 4_000, output: 1 },
    { id: "answer", at: 4_000, ms: 6_000, error: { code: "BAD", message: "The model did not return JSON." } }
  ]
})

const runs = [run(0), run(1), failed, run(3)]

const path = `/sessions/${session}`

/** The ends of an element within its track, as fractions. */
const ends = (page: Page, row: number, selector: string) =>
  page.locator(".session-run").nth(row).evaluate((element, selector) => {
    const track = element.querySelector(".track")!.getBoundingClientRect()
    return [...element.querySelectorAll(selector)].map((bar) => {
      const { left, right } = bar.getBoundingClientRect()
      return [(left - track.left) / track.width, (right - track.left) / track.width] as const
    })
  }, selector)

it("a run and the list lead to its session, whose runs lie on one axis", async () => {
  await using studio = disposable(await startStudio({ runs }))
  await using opened = await openPage(browser, studio)
  const { page } = opened
  await page.getByRole("link", { name: /run run-1/ }).click()
  await page.locator(".run-facts a").click()
  await page.getByRole("heading", { name: "Session", level: 1 }).waitFor()
  assert.strictEqual(new URL(page.url()).pathname, path)
  const facts = await page.locator(".run-facts").innerText()
  assert.match(facts, /Runs\s+4/)
  assert.match(facts, /Failed\s+1/)
  assert.match(facts, /From first to last\s+1 m 10 s/)
  assert.match(facts, /Cost\s+\$0\.004/)
  assert.deepStrictEqual(
    await page.locator(".session-run .strong").allInnerTexts(),
    ["flow-0", "flow-1", "flow-2", "flow-3"]
  )
  // 70 s: each run lasts 10 of them, and begins 20 after the one before
  for (const row of [0, 1, 2, 3]) {
    const [[from, to]] = await ends(page, row, ".session-bar") as [[number, number]]
    assert.closeTo(from, row * 20 / 70, 0.01)
    assert.closeTo(to, (row * 20 + 10) / 70, 0.01)
    const steps = await ends(page, row, ".bar")
    assert.strictEqual(steps.length, 2)
    assert.closeTo(steps[1]![0], (row * 20 + 4) / 70, 0.01)
  }
  await page.getByText("answer: The model did not return JSON.").or(page.getByText(/answer: .*did not return JSON/))
    .first()
    .waitFor()
  assert.strictEqual(await page.locator(".session-run .bar-failed").count(), 1)

  await page.getByRole("link", { name: /flow-2, run run-2, failed/ }).click()
  await page.getByRole("tree", { name: "Steps" }).waitFor()
  await page.goBack()
  await page.getByRole("heading", { name: "Session", level: 1 }).waitFor()
  await page.getByRole("link", { name: "Show in the list" }).click()
  await page.locator("[aria-rowcount=\"5\"]").waitFor()
  assert.strictEqual(new URL(page.url()).search, `?session=${session}`)
  await page.getByText("Columns", { exact: true }).click()
  await page.getByRole("checkbox", { name: "Session" }).check()
  await page.locator(".cell-session a").first().click()
  await page.getByRole("heading", { name: "Session", level: 1 }).waitFor()
})

it("idle time folds on request, and keys walk the runs", async () => {
  await using studio = disposable(await startStudio({ runs: [run(0), run(1), run(40)] }))
  await using opened = await openPage(browser, studio, path)
  const { page } = opened
  await page.locator(".session-run").first().waitFor()
  const [[, before]] = await ends(page, 0, ".session-bar") as [[number, number]]
  await page.getByRole("button", { name: "Fold idle time" }).click()
  await page.locator(".axis-fold").waitFor()
  const [[, after]] = await ends(page, 0, ".session-bar") as [[number, number]]
  assert.isAbove(after, before * 3)
  assert.include(page.url(), "idle=folded")
  await page.reload()
  await page.locator(".axis-fold").waitFor()

  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? "")
  await page.keyboard.press("ArrowDown")
  await expect.poll(focused).toMatch(/run-0/)
  await page.keyboard.press("ArrowDown")
  await expect.poll(focused).toMatch(/run-1/)
  await page.keyboard.press("End")
  await expect.poll(focused).toMatch(/run-40/)
  await page.keyboard.press("ArrowUp")
  await expect.poll(focused).toMatch(/run-1/)
  await page.keyboard.press("Home")
  await expect.poll(focused).toMatch(/run-0/)
  await page.keyboard.press("Enter")
  await page.getByRole("tree", { name: "Steps" }).waitFor()
  await page.goBack()
  await page.locator(".session-run").first().waitFor()
  await page.keyboard.press("Escape")
  await page.getByRole("heading", { name: "Runs" }).waitFor()
})

it("a session is saved as a cassette, and its commands are copied", async () => {
  await using studio = disposable(await startStudio({ runs: [run(0), run(1, { isCaptured: false })] }))
  await using opened = await openPage(browser, studio, path)
  const { page } = opened
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Save as cassette" }).click()
  ])
  assert.isNull(await download.failure())
  assert.match(download.suggestedFilename(), /\.json$/)
  const saved = JSON.parse(await readFile(await download.path(), "utf8")) as { readonly format: string }
  assert.strictEqual(saved.format, "noukai-cassette/1")
  const replay = page.getByRole("region", { name: "Save and replay" })
  for (
    const [name, part] of [
      ["Save it", `noukai session save ${session}`],
      ["Run a program from it", "NoukaiReplay.fromFile"],
      ["Send a request again, answered from it", `X-Noukai-Replay: ${session}`]
    ] as const
  ) {
    await replay.getByRole("button", { name: `Copy: ${name}` }).click()
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toContain(part)
  }
  await replay.getByText("1 of 2 runs kept no payloads").waitFor()
  await page.getByText("not captured").first().waitFor()
})

it("a session is live: runs begin and end in it", async () => {
  await using studio = disposable(await startStudio({ runs: [run(0)] }))
  await using opened = await openPage(browser, studio, path)
  const { page } = opened
  await page.locator(".session-run").first().waitFor()
  const going: ScriptedRun = {
    ...run(1),
    status: "running",
    durationMs: undefined!,
    steps: [{ id: "read", at: 0, ms: 4_000, output: 1 }, { id: "answer", at: 4_000 }]
  }
  const { durationMs: _, ...begun } = going
  await studio.put(begun)
  await page.getByRole("link", { name: /flow-1, run run-1, running/ }).waitFor()
  await page.locator(".run-title .status-running").waitFor()
  await studio.put(run(1, { status: "failed" }))
  await page.getByRole("link", { name: /flow-1, run run-1, failed/ }).waitFor()
  await page.locator(".run-title .status-running").waitFor({ state: "detached" })
})

it("a session on the emulator is live, too", async () => {
  await using studio = disposable(await startEmulatorStudio({ emulator: { flows } }))
  const id = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c02"
  await studio.execute("noukai/samples/two-step", { message: "hi", sessionId: id })
  await using opened = await openPage(browser, studio, `/sessions/${id}`)
  const { page } = opened
  await page.getByRole("link", { name: /two-step, .*completed/ }).waitFor()
  const slow = studio.execute("acme/test/slow", { message: "hi", sessionId: id })
  await page.getByRole("link", { name: /slow, .*running/ }).waitFor()
  await slow
  await page.getByRole("link", { name: /slow, .*completed/ }).waitFor()
})

it("a session is opened by its id, and what is wrong with an id is said", async () => {
  await using studio = disposable(await startStudio({ runs }))
  await using opened = await openPage(browser, studio, "/runs", { mayFail: true })
  const { page } = opened
  await openByMenu(page, "Open a session…")
  const form = page.getByRole("form", { name: "Open a session" })
  assert.strictEqual(await page.evaluate(() => document.activeElement?.getAttribute("aria-label")), "Id of the session")
  await page.keyboard.press("Enter")
  await form.getByText("Enter the id of a session.").waitFor()
  await page.keyboard.type("run-1")
  await page.keyboard.press("Enter")
  await form.getByText("This is not the id of a session").waitFor()
  await form.getByRole("textbox").fill(` ${session} `)
  await form.getByRole("button", { name: "Open", exact: true }).click()
  await page.locator(".session-run").first().waitFor()
  assert.strictEqual(new URL(page.url()).pathname, path)

  await page.goto(`${studio.origin}/sessions/5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c99`)
  await page.getByRole("heading", { name: "The session cannot be shown" }).waitFor()
  await page.getByText("There is no session 5d1c9f44").waitFor()
  await page.getByRole("link", { name: "Show all runs" }).click()
  await page.getByRole("link", { name: /run run-1/ }).waitFor()
})

it("an expired session and one that cannot be read say what to do", async () => {
  let isExpired = true
  await using studio = disposable(
    await startStudio({
      runs,
      source: (scripted) => ({
        ...scripted,
        session: (id) =>
          isExpired
            ? new NotFound({
              message: `The session ${id} has expired.`,
              advice: "Save a session while it can be read."
            })
            : scripted.session(id)
      })
    })
  )
  await using opened = await openPage(browser, studio, path, { mayFail: true })
  const { page } = opened
  await page.getByText(`The session ${session} has expired.`).waitFor()
  await page.getByText("Save a session while it can be read.").waitFor()
  isExpired = false
  await page.getByRole("button", { name: "Try again" }).click()
  await page.locator(".session-run").first().waitFor()
})

it("a session goes on after a restart of the server", async () => {
  const first = await startStudio({ runs: [run(0)] })
  await using opened = await openPage(browser, first, path, { mayFail: true })
  const { page } = opened
  await page.locator(".session-run").first().waitFor()
  await first.stop()
  await page.getByText("Not connected").waitFor()
  assert.isTrue(await page.locator(".session-run").first().isVisible())
  await using second = disposable(await startStudio({ port: first.port, runs: [run(0), run(1)] }))
  await page.getByRole("link", { name: /run run-1/ }).waitFor()
  await second.put(run(2))
  await page.getByRole("link", { name: /run run-2/ }).waitFor()
})

it("names and errors in a session are texts", async () => {
  const hostile: ScriptedRun = { ...Stories.hostile, sessionId: session, status: "failed" }
  await using studio = disposable(await startStudio({ runs: [hostile] }))
  await using opened = await openPage(browser, studio, path)
  const { page } = opened
  await page.locator(".session-run").first().waitFor()
  const text = await page.locator("main").innerText()
  assert.include(text, "javascript:alert(1)")
  // eslint-disable-next-line no-control-regex
  assert.notMatch(text, /[\u0000-\u0008\u000e-\u001f\u202a-\u202e\u2066-\u2069]/)
  assert.strictEqual(await page.locator("img, a[href^=javascript]").count(), 0)
  assert.notInclude(await page.title(), "owned")
  await page.goto(studio.origin + runPath(hostile))
  await page.getByRole("tree").waitFor()
})
