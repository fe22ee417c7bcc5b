/** A failed run leads to what changed since the last good one. */
import type { Browser } from "playwright-core"
import { afterAll, assert, beforeAll, it } from "vitest"
import * as Stories from "../support/stories.js"
import { comparePath, disposable, launch, openPage, runPath, startStudio, violations } from "./studioPage.js"

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(() => browser?.close())

const runs = [Stories.completed, Stories.failed, {
  ...Stories.failed,
  id: "run-failed-2",
  startedAt: Stories.failed.startedAt! + 1
}]

it("a failed run says when its error was first seen, and one press compares it with the last good run", async () => {
  await using studio = disposable(await startStudio({ runs }))
  await using opened = await openPage(browser, studio, runPath(runs[2]!))
  const { page } = opened
  const facts = page.getByRole("region", { name: "The failure" })
  await facts.getByText("2 of 2 failed runs ended with it.").waitFor()
  assert.match(await facts.innerText(), /PROVIDER_ERROR was first seen in run-failed /)
  assert.match(await facts.innerText(), /version 3, whose input is the nearest: 2 values of it differ\./)
  assert.deepStrictEqual(await violations(page), [])
  await facts.getByRole("link", { name: "What changed since the last good run" }).press("Enter")
  await page.getByRole("table", { name: "Steps of both runs" }).waitFor()
  assert.strictEqual(page.url(), studio.origin + comparePath(Stories.completed, runs[2]!))
})

it("of the hosted service, nothing is read before the press", async () => {
  let reads = 0
  await using studio = disposable(
    await startStudio({
      runs,
      facts: { kind: "hosted" },
      source: (source) => ({
        ...source,
        run: (flow, id) => {
          if (id !== "run-failed-2") reads++
          return source.run(flow, id)
        }
      })
    })
  )
  await using opened = await openPage(browser, studio, runPath(runs[2]!))
  const { page } = opened
  const ask = page.getByRole("button", { name: "What changed since the last good run?" })
  await ask.waitFor()
  assert.strictEqual(reads, 0)
  await ask.press("Enter")
  await page.getByRole("link", { name: "What changed since the last good run" }).waitFor()
  // the row of the other failed run tells its error
  assert.strictEqual(reads, 1)
})
