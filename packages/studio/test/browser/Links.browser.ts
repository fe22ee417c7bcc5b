/** Links of other sites to the studio, in a real browser. */
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { Browser } from "playwright-core"
import { afterAll, assert, beforeAll, it } from "vitest"
import * as Stories from "../support/stories.js"
import { disposable, launch, startStudio } from "./studioPage.js"

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(() => browser?.close())

/** A page of another site: `localhost` and `127.0.0.1` are two. */
const chat = async (body: string) => {
  const server = createServer((_, response) => response.setHeader("content-type", "text/html").end(body))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve()))
  }
}

it("a link of another site opens a list for a browser that knows the studio, also in a new tab, and no frame", async () => {
  await using studio = disposable(await startStudio({ runs: Stories.all }))
  const list = `${studio.origin}/runs?status=failed`
  await using other = await chat(
    `<a href="${list}">list</a><a href="${list}" target="_blank" rel="opener">tab</a><iframe src="${list}"></iframe>`
  )
  const context = await browser.newContext()
  try {
    const page = await context.newPage()
    // a browser that does not know it
    await page.goto(other.url)
    await page.getByText("list").click()
    await page.getByText("Open that address").waitFor()
    // the printed address as a link of another site
    await page.goto(other.url)
    await page.evaluate((url) => void (document.querySelector("a")!.href = url), studio.url)
    await page.getByText("list").click()
    await page.getByRole("link", { name: /run-failed, failed/ }).waitFor()
    assert.strictEqual(page.url(), `${studio.origin}/runs`)
    await page.goto(other.url)
    await page.getByText("list").click()
    await page.getByRole("link", { name: /run-failed, failed/ }).waitFor()
    assert.strictEqual(page.url(), list)
    await page.goto(other.url)
    const [tab] = await Promise.all([context.waitForEvent("page"), page.getByText("tab").click()])
    await tab.getByRole("link", { name: /run-failed, failed/ }).waitFor()
    await tab.reload()
    await tab.getByRole("link", { name: /run-failed, failed/ }).waitFor()
    assert.isNull(await tab.evaluate(() => window.opener))
    // what is no navigation of a tab has no answer
    assert.isFalse(page.frames().some((frame) => frame !== page.mainFrame() && frame.url().startsWith(studio.origin)))
    const answers = await page.evaluate(
      (origin) =>
        Promise.all([
          fetch(`${origin}/api/runs`, { credentials: "include" }).then(() => "read", () => "refused"),
          fetch(`${origin}/api/again`, { method: "POST", credentials: "include", body: "{}" })
            .then(() => "read", () => "refused")
        ]),
      studio.origin
    )
    assert.deepStrictEqual(answers, ["refused", "refused"])
  } finally {
    await context.close()
  }
})
