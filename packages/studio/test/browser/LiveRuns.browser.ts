/** A run that goes on, waits or cannot be read, in a real browser. */
import { Effect } from "effect"
import type { Browser } from "playwright-core"
import { afterAll, assert, beforeAll, expect, it } from "vitest"
import type { ScriptedRun } from "../support/scripted.js"
import * as Stories from "../support/stories.js"
import { disposable, launch, openByMenu, openPage, runPath, startStudio } from "./studioPage.js"

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(() => browser?.close())

const began = Date.now() - 600_000

const working: ScriptedRun = { id: "run-working", status: "running", startedAt: began, steps: [{ id: "slow", at: 5 }] }

it("a run that began ten minutes ago says so, at each load, and its end is announced", async () => {
  await using studio = disposable(await startStudio({ runs: [working] }))
  await using opened = await openPage(browser, studio, runPath(working))
  const { page } = opened
  for (let load = 0; load < 2; load++) {
    await page.locator(".fact", { hasText: "Duration" }).getByText(/^10 m/).waitFor()
    await page.getByRole("treeitem", { name: /^slow .*running/ }).getByText(/^10 m/).waitFor()
    await page.reload()
  }
  await page.getByRole("treeitem", { name: /^slow/ }).waitFor()
  await studio.put({
    ...working,
    status: "completed",
    durationMs: 600_000,
    steps: [{ id: "slow", at: 5, ms: 599_000 }]
  })
  await page.getByRole("status").getByText("The run has ended: completed.").waitFor()
})

it("a run between two steps that its caller requests is paused on its page", async () => {
  const paused: ScriptedRun = {
    id: "run-paused",
    status: "running",
    trigger: "step",
    startedAt: began,
    steps: [{ id: "fast", at: 0, ms: 0 }]
  }
  await using studio = disposable(await startStudio({ runs: [paused] }))
  await using opened = await openPage(browser, studio, runPath(paused))
  const { page } = opened
  await page.locator(".run-title .status-paused").waitFor()
  await page.locator(".fact", { hasText: "Duration" }).getByText(/^10 m/).waitFor()
  await page.getByText("Waits for its caller").waitFor()
})

it("a read that hangs says what it waits for, and a reload asks anew", async () => {
  let reads = 0
  await using studio = disposable(
    await startStudio({
      runs: [Stories.completed],
      source: (source) => ({
        ...source,
        run: (flow, id) => Effect.suspend(() => ++reads === 1 ? Effect.never : source.run(flow, id))
      })
    })
  )
  await using opened = await openPage(browser, studio, runPath(Stories.completed), { mayFail: true })
  const { page } = opened
  await page.getByText("The studio has not answered yet: it waits for http://127.0.0.1:8080/api/v1").waitFor()
  await page.reload()
  await page.getByRole("treeitem", { name: /^grade/ }).first().waitFor()
  assert.isAtLeast(reads, 2)
})

it("a read without a byte ends after 15 seconds, and another try asks anew", async () => {
  let hangs = true
  await using studio = disposable(
    await startStudio({
      runs: [Stories.completed],
      source: (source) => ({ ...source, run: (flow, id) => hangs ? Effect.never : source.run(flow, id) })
    })
  )
  await using opened = await openPage(browser, studio, "/runs", { mayFail: true })
  const { page } = opened
  // the clock of the page goes on by itself, and jumps; a click of the mouse waits for frames, which may stop with it
  await page.clock.install()
  await page.getByRole("link", { name: /run-completed, completed/ }).dispatchEvent("click")
  // shapes, and no sentence but for screen readers
  const reading = page.getByRole("status").filter({ hasText: "Reading the run…" })
  await reading.waitFor()
  assert.include(await reading.getAttribute("class"), "skeleton")
  assert.isAtMost((await page.getByText("Reading the run…").boundingBox())!.width, 1)
  await page.clock.fastForward(2_000)
  await page.getByText("The studio has not answered yet").waitFor()
  await page.clock.fastForward(15_000)
  await page.getByText("No answer came for 15 seconds.").waitFor()
  hangs = false
  await page.getByRole("button", { name: "Try again" }).dispatchEvent("click")
  await page.getByRole("treeitem", { name: /^grade/ }).first().waitFor()
})

it("a studio whose server does not answer is not live", async () => {
  const facts = { outage: undefined as string | undefined }
  await using studio = disposable(
    await startStudio({
      runs: [Stories.completed],
      source: (source) => ({ ...source, source: Effect.map(source.source, (one) => ({ ...one, ...facts })) })
    })
  )
  await using opened = await openPage(browser, studio)
  const { page } = opened
  await page.getByRole("status").getByText("Live").waitFor()
  facts.outage = "500 from http://127.0.0.1:8080."
  await page.getByRole("status").getByText("No answer").waitFor()
  await page.getByRole("alert").getByText("The server whose runs are shown does not answer.").waitFor()
  facts.outage = undefined
  await page.getByRole("status").getByText("Live").waitFor()
})

it("a run opens by its id, with its flow where it is not listed", async () => {
  await using studio = disposable(await startStudio({ runs: [Stories.completed] }))
  await using opened = await openPage(browser, studio, "/runs", { mayFail: true })
  const { page } = opened
  await openByMenu(page, "Open a run…")
  const id = page.getByRole("textbox", { name: "Id of the run" })
  await id.fill("run-elsewhere")
  await page.getByRole("button", { name: "Open", exact: true }).click()
  await page.getByText("No listed run has this id. Enter its flow, too").waitFor()
  await id.fill(Stories.completed.id)
  await page.getByRole("button", { name: "Open", exact: true }).click()
  await expect.poll(() => new URL(page.url()).pathname).toBe(runPath(Stories.completed))
  await page.goBack()
  await openByMenu(page, "Open a run…")
  await page.getByRole("textbox", { name: "Id of the run" }).fill("run-elsewhere")
  await page.getByLabel("Flow of the run, if it is not listed").fill("acme/spelling/grade-3")
  await page.getByRole("button", { name: "Open", exact: true }).click()
  await expect.poll(() => new URL(page.url()).pathname).toBe("/runs/acme/spelling/grade-3/run-elsewhere")
})

it("a run opens by its id where the server lists no run", async () => {
  await using studio = disposable(
    await startStudio({
      runs: [Stories.completed],
      source: (source) => ({ ...source, list: () => Effect.succeed({ runs: [], total: 0 }) })
    })
  )
  await using opened = await openPage(browser, studio, "/runs", { mayFail: true })
  const { page } = opened
  await page.getByRole("heading", { name: "No runs yet" }).waitFor()
  await openByMenu(page, "Open a run…")
  await page.getByRole("textbox", { name: "Id of the run" }).fill(Stories.completed.id)
  await page.getByRole("button", { name: "Open", exact: true }).click()
  await page.getByText("No listed run has this id. Enter its flow, too").waitFor()
  await page.getByLabel("Flow of the run, if it is not listed").fill("acme/spelling/grade-3")
  await page.getByRole("button", { name: "Open", exact: true }).click()
  await page.getByRole("treeitem", { name: /^grade/ }).first().waitFor()
  assert.strictEqual(new URL(page.url()).pathname, runPath(Stories.completed))
})

it("the rows of JSON are at least 24 pixels high", async () => {
  await using studio = disposable(await startStudio({ runs: [Stories.completed] }))
  await using opened = await openPage(browser, studio, runPath(Stories.completed))
  const row = opened.page.locator(".json-row")
  await row.first().waitFor()
  const heights = await row.evaluateAll((rows) => rows.map((one) => one.getBoundingClientRect().height))
  assert.isTrue(heights.length > 0 && heights.every((height) => height >= 24), JSON.stringify(heights))
})
