/** Pictures and checks of the views of runs. */
import type { Browser } from "playwright-core"
import { afterAll, assert, beforeAll, it } from "vitest"
import { epoch, type ScriptedRun } from "../support/scripted.js"
import * as Stories from "../support/stories.js"
import { describeViews, type Views } from "./pictures.js"
import { launch, openPage, type RunningStudio, runPath, startStudio } from "./studioPage.js"

const paused: ScriptedRun = {
  id: "5f0c2a9e-77b1-4f35-9c11-0d2f8be3a412",
  flow: "acme/support/agent",
  version: "7",
  startedAt: epoch + 9_000_000,
  durationMs: 14_200,
  costUsd: "0.0184",
  sessionId: "0c5b1f7e-5d1f-4a39-9a2e-7f0f6ad1c001",
  watched: { clock: "watcher", firstOutputMs: 640, pauses: [{ startMs: 2_400, durationMs: 8_000, stepId: "lookup" }] },
  conversations: {
    lookup: [
      { role: "user", content: "Where is my order A17?" },
      {
        role: "assistant",
        content: null,
        tool_calls: [{
          id: "call_1",
          type: "function",
          function: { name: "find_order", arguments: "{\"id\":\"A17\"}" }
        }]
      },
      { role: "tool", tool_call_id: "call_1", content: "shipped on Monday" },
      { role: "assistant", content: "Your order was shipped on Monday." }
    ]
  },
  steps: [
    {
      id: "classify",
      at: 0,
      ms: 620,
      model: "small-1",
      tokens: 210,
      cost: "0.0004",
      input: { message: "Where is my order A17?" },
      output: { topic: "order", confidence: 0.97 }
    },
    {
      id: "lookup",
      at: 640,
      ms: 11_160,
      waitingMs: 8_000,
      model: "large-2",
      tokens: 1_840,
      cost: "0.0150",
      input: { topic: "order", tools: ["find_order"] },
      output: { answer: "Your order was shipped on Monday." }
    },
    {
      id: "translate",
      at: 11_820,
      ms: 1_500,
      model: "small-1",
      tokens: 320,
      cost: "0.0020",
      input: { language: "de" },
      output: "Ihre Bestellung wurde am Montag versandt."
    },
    {
      id: "check",
      at: 13_340,
      ms: 860,
      model: "small-1",
      tokens: 150,
      cost: "0.0010",
      input: {},
      output: { ok: true, notes: [] }
    }
  ]
}

const loop: ScriptedRun = { ...Stories.loop(500), id: "run-loop" }

const views: Views = {
  runs: { path: "/runs", ready: (page) => page.locator(".row-link").first().waitFor() },
  "runs-filtered": {
    path: "/runs?status=failed&flow=flow-4",
    ready: (page) => page.locator(".row-link").first().waitFor()
  },
  "runs-none": {
    path: "/runs?text=nothing",
    ready: (page) => page.getByRole("heading", { name: "No run matches" }).waitFor()
  },
  completed: {
    path: runPath(paused, "?step=lookup"),
    ready: (page) => page.locator(".payload-output .said-text p").waitFor()
  },
  "idle-folded": {
    path: runPath(Stories.live(1), "?idle=folded"),
    ready: (page) => page.locator(".payload-input .json").waitFor()
  },
  failed: { path: runPath(Stories.failed), ready: (page) => page.locator(".payload-input .json").first().waitFor() },
  loop: { path: runPath(loop), ready: (page) => page.locator(".payload-input .json").waitFor() },
  totals: { path: runPath(paused, "?tab=totals"), ready: (page) => page.locator(".payload-output .json").waitFor() },
  uncaptured: { path: runPath(Stories.uncaptured), ready: (page) => page.locator(".payload-none").first().waitFor() },
  hostile: { path: runPath(Stories.hostile), ready: (page) => page.locator(".payload-input .said-text p").waitFor() },
  missing: {
    path: runPath({ id: "nothing" }),
    ready: (page) => page.getByRole("heading", { name: "There is no such run" }).waitFor()
  },
  keys: {
    path: "/runs",
    ready: async (page) => {
      await page.locator(".row-link").first().waitFor()
      await page.keyboard.press("?")
      await page.getByRole("dialog").waitFor()
    }
  },
  copy: {
    path: runPath(paused),
    ready: async (page) => {
      await page.getByText("More", { exact: true }).click()
      await page.getByRole("button", { name: "Copy as code…" }).click()
      await page.getByRole("button", { name: "Copy curl" }).waitFor()
    }
  },
  search: {
    path: runPath(paused, "?step=classify"),
    ready: async (page) => {
      const output = page.locator(".payload-output")
      await output.getByRole("button", { name: /^Search/ }).click()
      await output.getByRole("searchbox").fill("order")
      await output.getByText("1 of 1").waitFor()
    }
  }
}

let browser: Browser
let studio: RunningStudio

beforeAll(async () => {
  browser = await launch()
  studio = await startStudio({
    runs: [
      ...Stories.many(60),
      Stories.completed,
      Stories.failed,
      loop,
      Stories.hostile,
      Stories.uncaptured,
      Stories.live(4),
      paused
    ],
    facts: {
      missing: [{ what: "the pauses of runs that nobody watched", why: "Open a run while it goes on to see them." }]
    }
  })
})

afterAll(async () => {
  await browser?.close()
  await studio?.stop()
})

describeViews(() => browser, () => studio, views)

it("a run is read and walked at 360 px", async () => {
  await using opened = await openPage(browser, studio, runPath(paused), { viewport: { width: 360, height: 640 } })
  const { page } = opened
  await page.getByRole("treeitem", { name: /^check/ }).click()
  await page.getByRole("region", { name: "Output of check" }).scrollIntoViewIfNeeded()
  assert.isTrue(await page.getByRole("region", { name: "Output of check" }).isVisible())
})
