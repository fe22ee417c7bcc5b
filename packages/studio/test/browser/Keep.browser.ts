/** A session that is kept as a test, and as cases of an eval. */
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Browser, Download, Page } from "playwright-core"
import { afterAll, assert, beforeAll, expect, it } from "vitest"
import { epoch, type ScriptedRun } from "../support/scripted.js"
import { disposable, launch, openPage, runPath, startStudio } from "./studioPage.js"

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(() => browser?.close())

const session = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

const path = `/keep?session=${session}`

/** A key of another service, in two parts, so that nobody takes it for one. */
const secret = "gh" + "p_0123456789abcdefghijABCDEFGHIJ012345"

const run = (nth: number, more: Partial<ScriptedRun> = {}): ScriptedRun => ({
  id: `run-${nth}`,
  flow: "acme/support/answer",
  sessionId: session,
  startedAt: epoch + nth * 20_000,
  durationMs: 10_000,
  steps: [
    { id: "read", at: 0, ms: 4_000, input: { message: `Question ${nth}`, level: nth }, output: { key: secret } },
    { id: "answer", at: 4_000, ms: 6_000, output: { text: `Answer, "${nth}"`, email: "ada@example.org" } }
  ],
  ...more
})

/** The packages of the workspace are tested from their sources. */
const conditions = `{ resolve: { conditions: ["@effect-noukai/source", "module", "node", "development|production"] } }`

const config = `export default { ...${conditions}, ssr: ${conditions} }`

const textOf = async (download: Download): Promise<string> => readFile(await download.path(), "utf8")

const downloaded = async (page: Page, link: string): Promise<Download> => {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: link, exact: true }).click()
  ])
  assert.isNull(await download.failure())
  return download
}

const places = (page: Page) => page.locator(".keep-places code").allInnerTexts()

it("what is removed is listed first, and the files are downloads that pass as they are", async () => {
  await using studio = disposable(await startStudio({ runs: [run(0), run(1)] }))
  await using opened = await openPage(browser, studio, runPath(run(0)))
  const { page } = opened
  await page.getByRole("link", { name: "Keep as test…" }).click()
  await page.getByText("2 runs of session").waitFor()
  await page.getByRole("heading", { name: "2 values are removed before anything is written" }).waitFor()
  assert.isTrue((await places(page)).every((place) => place.includes("key")))
  await page.getByLabel("Paths").fill("**.email")
  await page.getByRole("heading", { name: "4 values are removed before anything is written" }).waitFor()
  assert.strictEqual(new URL(page.url()).searchParams.get("paths"), "**.email")
  assert.notInclude(await page.locator("main").innerText(), "ada@example.org")
  await page.getByRole("region", { name: "Write both files from a terminal" })
    .getByText(`noukai session save ${session}`).waitFor()
  const [cassette, test] = [await downloaded(page, "Cassette"), await downloaded(page, "Test")]
  assert.match(test.suggestedFilename(), /\.test\.ts$/)
  for (const text of [await textOf(cassette), await textOf(test), await opened.received()]) {
    assert.notInclude(text, secret)
  }
  assert.notInclude(await textOf(cassette), "ada@example.org")

  // in a folder from which the packages are found
  const root = fileURLToPath(new URL("../../../..", import.meta.url))
  mkdirSync(join(root, "packages/studio/build"), { recursive: true })
  const folder = mkdtempSync(join(root, "packages/studio/build", "kept-"))
  try {
    await cassette.saveAs(join(folder, cassette.suggestedFilename()))
    await test.saveAs(join(folder, test.suggestedFilename()))
    await writeFile(join(folder, "vitest.config.mjs"), config)
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        join(root, "node_modules/vitest/vitest.mjs"),
        "run",
        "--root",
        folder,
        "--config",
        join(folder, "vitest.config.mjs")
      ],
      { cwd: folder, env: { ...process.env, NO_COLOR: "1", NOUKAI_API_KEY: "" } }
    )
    assert.match(stdout, /1 passed/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

it("a path that was typed last is removed from a file that is saved at once", async () => {
  await using studio = disposable(await startStudio({ runs: [run(0)] }))
  await using opened = await openPage(browser, studio, path)
  const { page } = opened
  await page.getByRole("link", { name: "Cassette", exact: true }).waitFor()
  await page.getByLabel("Paths").fill("**.email")
  assert.notInclude(await textOf(await downloaded(page, "Cassette")), "ada@example.org")
})

it("cases get the names and the order of the fields of a file", async () => {
  await using studio = disposable(await startStudio({ runs: [run(0), run(1)] }))
  await using opened = await openPage(browser, studio, path, { mayFail: true })
  const { page } = opened
  const rows = page.getByRole("region", { name: /^The (file|rows)$/ }).locator("code")
  await rows.getByText("\"message\":\"Question 0\"").waitFor()
  await page.getByLabel("Name of message in the file").fill("text")
  await rows.getByText("\"text\":\"Question 0\"").waitFor()
  await page.getByLabel("Format").selectOption("csv")
  await rows.getByText("id,text,level,expected").waitFor()
  await page.getByLabel("First line of your file").fill("level;text;id;expected;more")
  await rows.getByText("1;Question 1;run-1;").waitFor()
  await page.getByRole("region", { name: "Add them from a terminal" }).getByText("--case-field message=text").waitFor()
  await page.getByRole("button", { name: "Copy the rows" }).click()
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toMatch(
    /^0;Question 0;run-0;[^\n]+\n1;Q/
  )
  await page.getByLabel("First line of your file").fill("id,text")
  await page.getByRole("heading", { name: "The cases cannot be made in this way" }).waitFor()
  await page.getByText("it has no column").waitFor()
  // all of it is in the address
  await page.getByLabel("First line of your file").fill("")
  await rows.getByText("id,text,level,expected").waitFor()
  await page.reload()
  await rows.getByText("id,text,level,expected").waitFor()
  assert.strictEqual(await page.getByLabel("Name of message in the file").inputValue(), "text")
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Save as a new file" }).click()
  ])
  assert.strictEqual(download.suggestedFilename(), "cases.csv")
  assert.match(await textOf(download), /^id,text,level,expected\nrun-0,Question 0,0,/)
})

it("a session that cannot be kept says why, and what is wrong with a field is said beside it", async () => {
  const { durationMs: _, ...going } = run(2, { status: "running" })
  await using studio = disposable(await startStudio({ runs: [run(0), going] }))
  await using opened = await openPage(browser, studio, path, { mayFail: true })
  const { page } = opened
  await page.getByRole("heading", { name: "The session cannot be kept in this way" }).waitFor()
  await page.getByText("The run run-2 did not end").waitFor()
  assert.strictEqual(await page.getByRole("link", { name: "Cassette" }).count(), 0)
  await page.getByLabel("Patterns").fill("(")
  await page.getByText("( is not a regular expression.").waitFor()
  await page.goto(`${studio.origin}/keep?session=5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c99`)
  await page.getByRole("heading", { name: "The session cannot be read" }).waitFor()
  await page.getByText("There is no session 5d1c9f44").waitFor()
})

it("a session is kept from its own view, and Escape leads back", async () => {
  await using studio = disposable(await startStudio({ runs: [run(0)] }))
  await using opened = await openPage(browser, studio, `/sessions/${session}`)
  const { page } = opened
  await page.getByRole("link", { name: "Keep as test…" }).click()
  await page.getByRole("heading", { name: "A test", exact: true }).waitFor()
  await page.getByLabel("Paths").focus()
  await page.keyboard.press("Escape")
  await page.keyboard.press("Escape")
  await page.getByRole("heading", { name: "Session", level: 1 }).waitFor()
})

it("hostile names of fields, places and results are texts", async () => {
  const evil = "<img src=x onerror=\"document.title='owned'\">\u202e"
  const hostile = run(0, {
    steps: [{
      id: "read",
      at: 0,
      ms: 1,
      input: { message: evil, [evil]: evil, "a=b": 1, __proto__x: secret },
      output: { [evil]: secret, "__proto__": secret }
    }]
  })
  await using studio = disposable(await startStudio({ runs: [hostile] }))
  await using opened = await openPage(browser, studio, `${path}&paths=${encodeURIComponent(`**.${"x".repeat(5_000)}`)}`)
  const { page } = opened
  await page.getByRole("heading", { name: /removed before anything is written/ }).waitFor()
  await page.getByLabel("Format").selectOption("csv")
  await page.getByRole("region", { name: "The file" }).waitFor()
  const text = await page.locator("main").innerText()
  // eslint-disable-next-line no-control-regex
  assert.notMatch(text, /[\u0000-\u0008\u000e-\u001f\u202a-\u202e\u2066-\u2069]/)
  assert.strictEqual(await page.locator("img").count(), 0)
  assert.notInclude(await page.title(), "owned")
  assert.notInclude(await opened.received(), secret)
})
