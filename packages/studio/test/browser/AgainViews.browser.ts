/** A form about a new run, and a session that is kept: in both themes and two widths. */
import { Effect, Option } from "effect"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll } from "vitest"
import { epoch, type ScriptedRun } from "../support/scripted.js"
import * as Stories from "../support/stories.js"
import { describeViews, type Views } from "./pictures.js"
import { launch, type RunningStudio, startStudio } from "./studioPage.js"

const flow = "acme/spelling/grade-3"

const session = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c02"

const again = `/again?flow=${encodeURIComponent(flow)}&id=${Stories.completed.id}`

const message = (page: Page) => page.getByRole("textbox", { name: "Message" })

const kept: ReadonlyArray<ScriptedRun> = [0, 1, 2].map((nth) => ({
  id: `run-kept-${nth}`,
  flow: "acme/support/answer",
  sessionId: session,
  startedAt: epoch + 3_000_000 + nth * 20_000,
  durationMs: 9_000,
  costUsd: "0.0012",
  steps: [
    {
      id: "read",
      at: 0,
      ms: 4_000,
      input: { message: "Where is my parcel?", language: "en", customer: { email: "ada@example.org", id: 7 } },
      output: { kind: "parcel" }
    },
    { id: "answer", at: 4_000, ms: 5_000, output: { text: "It arrives on Friday.", email: "ada@example.org" } }
  ]
}))

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
  "again-empty": {
    path: `/again?flow=${encodeURIComponent("acme/spelling/new")}`,
    ready: (page) => page.getByText("No run of this flow is known").waitFor()
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
    path: `/keep?session=${session}&paths=**.email`,
    ready: (page) => page.getByRole("heading", { name: /removed before anything/ }).waitFor()
  },
  "keep-cases": {
    path: `/keep?session=${session}&format=csv&fields=${encodeURIComponent("message=question")}`,
    ready: async (page) => {
      await page.getByText("id,question").waitFor()
      await page.getByRole("heading", { name: "Names of the fields" }).or(page.getByText("Names of the fields")).first()
        .scrollIntoViewIfNeeded()
    }
  },
  "keep-wrong": {
    path: `/keep?session=${session}&patterns=(`,
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
    runs: [Stories.completed, { ...Stories.failed, costUsd: "0.0012" }, ...kept, ...Stories.conversation],
    runner: { run: () => Effect.never },
    source: (scripted) => ({
      ...scripted,
      flow: (name) =>
        Effect.succeed(
          name === flow
            ? Option.some({
              versions: ["1", "2", "3"],
              needsMessage: true,
              steps: ["read", "grade", "write"],
              parametersSchema: {
                type: "object",
                required: ["grade"],
                properties: {
                  grade: { type: "integer", minimum: 1, maximum: 12, description: "The school year of the pupil" },
                  tone: { enum: ["kind", "dry"], description: "How the answer sounds" },
                  strict: { type: "boolean", default: false },
                  rules: { type: "array", items: { type: "string" }, description: "Names of rules to check" },
                  note: { type: "string", maxLength: 200 }
                }
              }
            })
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
