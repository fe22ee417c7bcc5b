/** The picture of the list, parts of long runs, sessions, and the emulator: in both themes and two widths. */
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll } from "vitest"
import { epoch, type ScriptedRun } from "../support/scripted.js"
import * as ScriptedEmulator from "../support/scriptedEmulator.js"
import * as Stories from "../support/stories.js"
import { describeViews, type Views } from "./pictures.js"
import { launch, openByMenu, type RunningStudio, runPath, startStudio } from "./studioPage.js"

const loop: ScriptedRun = { ...Stories.loop(500), id: "run-loop" }

const picture = (page: Page): Promise<void> => page.locator(".strip-chart canvas").waitFor()

const views: Views = {
  "list-picture": { path: "/runs", ready: picture },
  "list-named": {
    path: "/runs",
    ready: async (page) => {
      await picture(page)
      await page.getByRole("slider", { name: "Runs in the picture" }).focus()
      for (let nth = 0; nth < 9; nth++) await page.keyboard.press("ArrowLeft")
      await page.locator(".strip-active").waitFor()
    }
  },
  "list-range": { path: `/runs?from=${epoch + 600_000}&to=${epoch + 1_200_000}`, ready: picture },
  "list-no-time": {
    path: "/runs?from=1000&to=2000",
    ready: (page) => page.getByRole("heading", { name: "No run matches" }).waitFor()
  },
  "list-session": {
    path: "/runs",
    ready: async (page) => {
      await picture(page)
      await openByMenu(page, "Open a session…")
      await page.keyboard.type("run-1")
      await page.keyboard.press("Enter")
      await page.getByText("This is not the id of a session").waitFor()
    }
  },
  zoom: {
    path: runPath(loop, "?from=500&to=1200&step=page&loop=41&path=critical"),
    ready: (page) => page.locator(".error-message").waitFor()
  },
  found: {
    path: runPath(loop, "?find=pages&step=plan"),
    ready: async (page) => {
      await page.locator(".hit").first().waitFor()
      await page.locator(".payload-input .json").waitFor()
    }
  },
  "found-none": {
    path: runPath(loop, "?find=nothing"),
    ready: (page) => page.getByText("Not found in names and payloads.").waitFor()
  },
  session: {
    path: `/sessions/${Stories.conversationId}`,
    ready: (page) => page.locator(".session-run").first().waitFor()
  },
  "session-folded": {
    path: `/sessions/${Stories.conversationId}?idle=folded`,
    ready: (page) => page.locator(".axis-fold").first().waitFor({ state: "attached" })
  },
  "session-missing": {
    path: "/sessions/5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c99",
    ready: (page) => page.getByRole("heading", { name: "The session cannot be shown" }).waitFor()
  },
  emulator: { path: "/emulator", ready: (page) => page.locator(".request-target a").first().waitFor() },
  "emulator-request": { path: "/emulator?request=request-117", ready: (page) => page.locator(".headers").waitFor() },
  "emulator-none": {
    path: "/emulator?text=nothing",
    ready: (page) => page.getByRole("heading", { name: "No request matches" }).waitFor()
  },
  "emulator-flows": { path: "/emulator/flows", ready: (page) => page.locator(".accounts table").first().waitFor() },
  "emulator-faults": {
    path: "/emulator/faults",
    ready: async (page) => {
      await page.getByRole("checkbox", { name: /^503/ }).check()
      await page.getByRole("checkbox", { name: /^reset:late/ }).check()
      await page.getByRole("button", { name: /^(Switch on|Change the faults)$/ }).click()
      await page.getByRole("heading", { name: "Faults are on" }).waitFor()
    }
  },
  "emulator-wrong": {
    path: "/emulator/faults",
    ready: async (page) => {
      await page.getByLabel("Other faults, separated by commas").fill("no such fault")
      await page.keyboard.press("Enter")
      await page.getByText("There is no fault no such fault.").waitFor()
    }
  },
  "list-with-faults": {
    path: "/runs",
    ready: async (page) => {
      await page.evaluate(() =>
        fetch("/api/emulator/faults", {
          method: "PUT",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ faults: ["503", "reset:late"], rate: 0.2, seed: 1 })
        })
      )
      await page.locator(".faults-banner").waitFor()
      await picture(page)
    }
  },
  "emulator-off": {
    path: "/emulator",
    ready: async (page) => {
      await page.locator(".faults-banner").getByRole("button", { name: "Switch off" }).click()
      await page.locator(".faults-banner").waitFor({ state: "detached" })
    }
  }
}

let browser: Browser
let studio: RunningStudio

beforeAll(async () => {
  browser = await launch()
  studio = await startStudio({
    emulator: ScriptedEmulator.make().service,
    runs: [...Stories.spread, ...Stories.conversation, loop]
  })
})

afterAll(async () => {
  await browser?.close()
  await studio?.stop()
})

describeViews(() => browser, () => studio, views)
