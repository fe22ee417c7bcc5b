/** A form about a new run, and a session that is kept: in both themes and two widths. */
import { Effect, Option } from "effect"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll } from "vitest"
import * as Forms from "../support/forms.js"
import * as Stories from "../support/stories.js"
import { describeViews, type Views } from "./pictures.js"
import { launch, type RunningStudio, startStudio } from "./studioPage.js"

const flow = "acme/spelling/grade-3"

const again = `/again?flow=${encodeURIComponent(flow)}&id=${Stories.completed.id}`

const message = (page: Page) => page.getByRole("textbox", { name: "Message" })

const views: Views = {
  again: { path: again, ready: (page) => page.getByRole("region", { name: "Command" }).waitFor() },
  "again-wrong": {
    path: again,
    ready: async (page) => {
      await message(page).fill("A text of many words. ".repeat(40))
      await page.getByRole("textbox", { name: /^grade/ }).fill("13")
      await page.getByRole("textbox", { name: /^rules/ }).fill("{\"a\": ")
      await page.getByRole("button", { name: "Add an image" }).click()
      await page.getByRole("button", { name: "Start the run" }).click()
      await page.getByText("fields to mend").waitFor()
    }
  },
  "again-outputs": {
    path: again,
    ready: async (page) => {
      await page.getByRole("button", { name: "Undo all edits" }).click()
      await page.getByRole("button", { name: "Replace its output" }).click()
      await page.getByRole("textbox", { name: /^Output of read/ }).scrollIntoViewIfNeeded()
      await page.getByRole("region", { name: "Command" }).getByText("--input-override").waitFor()
    }
  },
  "again-from-step": {
    path: `${again}&at=grade`,
    ready: async (page) => {
      await page.getByText("The command cannot begin at a later step.").waitFor()
      await page.getByRole("combobox", { name: "Begin at the step" }).scrollIntoViewIfNeeded()
    }
  },
  "again-empty": {
    path: `/again?flow=${encodeURIComponent("acme/spelling/new")}`,
    ready: (page) => page.getByText("No run of this flow is known").waitFor()
  },
  "again-no-flow": {
    path: `/again?flow=${encodeURIComponent("acme/spelling/none")}`,
    ready: (page) => page.getByRole("heading", { name: "There is no such flow" }).waitFor()
  },
  "again-missing": {
    path: `/again?flow=${encodeURIComponent(flow)}&id=no-run`,
    ready: (page) => page.getByRole("heading", { name: "There is no such run" }).waitFor()
  },
  "again-doubt": {
    path: `${again}&started=5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c99`,
    ready: (page) => page.getByRole("heading", { name: "It is not known whether the run began" }).waitFor()
  },
  keep: {
    path: `/keep?session=${Forms.keptId}&paths=**.email`,
    ready: (page) => page.getByRole("heading", { name: /removed before anything/ }).waitFor()
  },
  "keep-cases": {
    path: `/keep?session=${Forms.keptId}&format=csv&fields=${encodeURIComponent("message=question")}`,
    ready: async (page) => {
      await page.getByText("id,question").waitFor()
      await page.getByRole("heading", { name: "Names of the fields" }).or(page.getByText("Names of the fields")).first()
        .scrollIntoViewIfNeeded()
    }
  },
  "keep-wrong": {
    path: `/keep?session=${Forms.keptId}&patterns=(`,
    ready: (page) => page.getByText("is not a regular expression").waitFor()
  },
  "keep-cannot": {
    path: `/keep?session=${Stories.conversationId}`,
    ready: (page) => page.getByRole("heading", { name: "The session cannot be kept in this way" }).waitFor()
  }
}

let browser: Browser
let studio: RunningStudio

beforeAll(async () => {
  browser = await launch()
  studio = await startStudio({
    runs: [Stories.completed, { ...Stories.failed, costUsd: "0.0012" }, ...Forms.kept, ...Stories.conversation],
    runner: { run: () => Effect.never },
    source: (scripted) => ({
      ...scripted,
      flow: (name) =>
        Effect.succeed(
          ["acme/spelling/new", flow].includes(name)
            ? Option.some(Forms.facts)
            : Option.none()
        )
    })
  })
})

afterAll(async () => {
  await browser.close()
  await studio.stop()
})

describeViews(() => browser, () => studio, views)
