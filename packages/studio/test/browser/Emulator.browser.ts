/** The emulator in a real browser. */
import { once } from "node:events"
import { createServer } from "node:http"
import type { Browser, Page } from "playwright-core"
import { afterAll, assert, beforeAll, expect, it } from "vitest"
import * as ScriptedEmulator from "../support/scriptedEmulator.js"
import { startEmulatorStudio } from "./emulatorStudio.js"
import { disposable, launch, openPage, startStudio } from "./studioPage.js"

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(() => browser?.close())

const rows = (page: Page) => page.getByRole("table", { name: "Requests, newest first" }).locator(".request-target")

const fact = (page: Page, name: string) => page.locator(".run-facts .fact", { hasText: name }).locator("dd").innerText()

it("shows the requests as they arrive, with their headers and bodies, without the key", async () => {
  await using studio = disposable(await startEmulatorStudio())
  await using opened = await openPage(browser, studio, "/emulator")
  const { page } = opened
  await page.getByRole("heading", { name: "No requests yet" }).waitFor()
  await studio.execute("noukai/samples/two-step", { message: "The cat sat." })
  await rows(page).getByText("two-step/execute").first().waitFor()
  await expect.poll(() => fact(page, "Requests")).not.toBe("0")
  await expect.poll(() => fact(page, "Runs")).toBe("1")
  await rows(page).getByRole("link", { name: /two-step\/execute/ }).click()
  await page.getByRole("region", { name: "Headers of the request" }).getByText("content-type").waitFor()
  await page.getByRole("region", { name: "Body of the request" }).getByText("The cat sat.").waitFor()
  assert.match(page.url(), /\/emulator\?request=/)
  for (const text of [await page.content(), await opened.received()]) assert.notInclude(text, studio.apiKey)

  // what the reader looks at stays, and newer requests wait
  await studio.execute("noukai/samples/two-step", { message: "The dog ran." })
  await page.getByRole("button", { name: "Show newer requests" }).click()
  await expect.poll(() => rows(page).getByText("two-step/execute").count()).toBe(2)
  await page.reload()
  await page.getByRole("region", { name: "Body of the request" }).getByText("The cat sat.").waitFor()
  await page.keyboard.press("Escape")
  await page.getByRole("region", { name: "Body of the request" }).waitFor({ state: "detached" })

  await page.keyboard.press("/")
  await page.keyboard.type("nothing of that kind")
  await page.getByRole("heading", { name: "No request matches" }).waitFor()
  assert.include(page.url(), "text=nothing")
  await page.getByRole("button", { name: "Show all requests" }).click()
  await rows(page).first().waitFor()
  // the run of a request
  await rows(page).getByRole("link").first().click()
  await page.locator(".panel .fact", { hasText: "Run" }).getByRole("link").last().click()
  await page.getByRole("tree", { name: "Steps" }).waitFor()
})

it("shows the webhooks of jobs as they are delivered, and leads to their runs", async () => {
  const to = createServer((request, response) => {
    request.resume().on("end", () => response.writeHead(request.url === "/wrong?job=k" ? 500 : 204).end())
  }).listen(0, "127.0.0.1")
  await once(to, "listening")
  const address = to.address()
  const origin = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`
  const secret = "whsec_planted_0123456789abcdef"
  try {
    await using studio = disposable(
      await startEmulatorStudio({ emulator: { webhooks: { allow: [origin], retries: [1, 1], secret } } })
    )
    await using opened = await openPage(browser, studio, "/emulator/webhooks")
    const { page } = opened
    await page.getByRole("heading", { name: "No webhooks yet" }).waitFor()
    const submit = async (callbackUrl: string): Promise<void> => {
      const { status } = await fetch(`${studio.baseUrl}/seq/noukai/samples/hello-world/jobs`, {
        method: "POST",
        headers: { authorization: `Bearer ${studio.apiKey}` },
        body: JSON.stringify({ message: "hi", callbackUrl })
      })
      assert.strictEqual(status, 202)
    }
    const row = (text: string) =>
      page.getByRole("table", { name: "Webhooks, newest first" }).getByRole("row", { name: text })
    await submit(`${origin}/right?job=k&token=hushed`)
    await row("/right").getByText("delivered").waitFor()
    assert.match(await row("/right").innerText(), /flow\.completed[^]*\/right\?job=k[^]*204/)
    await submit(`${origin}/wrong?job=k`)
    await row("/wrong").getByText("dead").waitFor()
    expect(await row("/wrong").getByRole("listitem").count()).toBe(3)
    await submit("https://me.example/hooks")
    await row("me.example").getByText("not sent").waitFor()
    for (const text of [await page.content(), await opened.received()]) {
      for (const hidden of ["planted", "hushed"]) assert.notInclude(text, hidden)
    }
    await row("/right").getByRole("link").click()
    await page.getByRole("tree", { name: "Steps" }).waitFor()
  } finally {
    to.close()
  }
})

it("keys walk the requests, and pages lead to older ones", async () => {
  const emulator = ScriptedEmulator.make(ScriptedEmulator.requestsOf(120))
  await using studio = disposable(await startStudio({ emulator: emulator.service }))
  await using opened = await openPage(browser, studio, "/emulator")
  const { page } = opened
  await rows(page).first().waitFor()
  const shown = () => new URL(page.url()).searchParams.get("request")
  await page.keyboard.press("ArrowDown")
  await expect.poll(shown).toBe("request-120")
  await page.keyboard.press("ArrowDown")
  await expect.poll(shown).toBe("request-119")
  await page.keyboard.press("End")
  await expect.poll(shown).toBe("request-71")
  await page.keyboard.press("ArrowUp")
  await expect.poll(shown).toBe("request-72")
  await page.keyboard.press("Home")
  await expect.poll(shown).toBe("request-120")
  await page.keyboard.press("Escape")
  await expect.poll(shown).toBe(null)
  await page.getByText("1 of 3").waitFor()
  assert.isTrue(await page.getByRole("button", { name: "Newer requests" }).isDisabled())
  await page.getByRole("button", { name: "Older requests" }).click()
  await page.getByText("2 of 3").waitFor()
  await page.getByRole("button", { name: "Older requests" }).click()
  await page.getByText("3 of 3").waitFor()
  assert.isTrue(await page.getByRole("button", { name: "Older requests" }).isDisabled())
  assert.include(page.url(), "offset=100")
  await expect.poll(() => rows(page).count()).toBe(20)
  await page.goBack()
  await page.getByText("2 of 3").waitFor()
})

it("shows flows with their cost, and organisations with their credits", async () => {
  await using studio = disposable(
    await startEmulatorStudio({ emulator: { organisations: { noukai: { credits: "5" } } } })
  )
  await studio.execute("noukai/samples/two-step")
  await using opened = await openPage(browser, studio, "/emulator/flows")
  const { page } = opened
  const flows = page.getByRole("region", { name: "Flows", exact: true })
  const row = flows.getByRole("row", { name: /noukai\/samples\/two-step/ })
  await row.getByRole("cell", { name: "1", exact: true }).waitFor()
  await studio.execute("noukai/samples/two-step")
  await row.getByRole("cell", { name: "2", exact: true }).waitFor()
  await page.getByRole("region", { name: "Organisations" }).getByRole("row", { name: /noukai/ }).waitFor()
  await row.getByRole("link", { name: "noukai/samples/two-step", exact: true }).click()
  await page.locator("[aria-rowcount=\"3\"]").waitFor()
  assert.include(page.url(), "flow=noukai")
})

it("faults are switched on in one page, seen in another, and switched off there", async () => {
  await using studio = disposable(await startEmulatorStudio())
  await using one = await openPage(browser, studio, "/emulator/faults", { mayFail: true })
  await using other = await openPage(browser, studio, "/runs")
  const { page } = one
  await page.getByRole("heading", { name: "Faults are off" }).waitFor()
  const form = page.getByRole("form", { name: "Switch faults on" })
  await form.getByRole("button", { name: "Switch on" }).click()
  await form.getByText("Choose at least one fault.").waitFor()
  await form.getByRole("checkbox", { name: /^503/ }).check()
  await form.getByLabel("Requests with a fault, in %").fill("200")
  await page.keyboard.press("Enter")
  await form.getByText("The rate must be from 0 to 100 %.").waitFor()
  await form.getByLabel("Requests with a fault, in %").fill("100")
  await form.getByLabel("Seed").fill("7.5")
  await page.keyboard.press("Enter")
  await form.getByText("The seed must be a whole number.").waitFor()
  await form.getByLabel("Seed").fill("7")
  // the server says the rest
  await form.getByLabel("Other faults, separated by commas").fill("no such fault")
  await page.keyboard.press("Enter")
  await form.getByRole("alert").filter({ hasText: /no such fault/ }).waitFor()
  await form.getByLabel("Other faults, separated by commas").fill("")
  await form.getByRole("combobox", { name: "Flow" }).fill("acme/no/flow")
  await page.keyboard.press("Enter")
  await form.getByRole("alert").filter({ hasText: /acme\/no\/flow/ }).waitFor()
  await page.getByRole("heading", { name: "Faults are off" }).waitFor()
  await form.getByRole("combobox", { name: "Flow" }).fill("")
  await form.getByLabel("Endpoint").selectOption("execute")
  await form.getByRole("button", { name: "Switch on" }).click()
  await page.getByRole("heading", { name: "Faults are on" }).waitFor()
  await page.getByText(/^100 % of requests to execute take 503, seed 7/).waitFor()

  // the run meets the fault, and the other page says so
  assert.notMatch(await studio.execute("noukai/samples/two-step"), /^[\da-f-]{36}$/)
  const banner = other.page.locator(".faults-banner")
  await banner.getByText("Faults are on.").waitFor()
  await banner.getByText(/503/).waitFor()
  await page.getByRole("link", { name: "Requests" }).click()
  await page.locator(".request-fault").getByText("503").first().waitFor()
  await page.locator(".faults-banner").waitFor()

  await banner.getByRole("button", { name: "Switch off" }).click()
  await banner.waitFor({ state: "detached" })
  await page.locator(".faults-banner").waitFor({ state: "detached" })
  await page.getByRole("link", { name: "Faults", exact: true }).click()
  await page.getByRole("heading", { name: "Faults are off" }).waitFor()
  // the form keeps what was switched on
  assert.isTrue(await form.getByRole("checkbox", { name: /^503/ }).isChecked())
  assert.strictEqual(await form.getByLabel("Seed").inputValue(), "7")
  assert.match(await studio.execute("noukai/samples/two-step"), /^[\da-f-]{36}$/)
  // and both pages list the same runs
  await other.page.locator("[aria-rowcount=\"2\"]").waitFor()
})

it("two pages of the list agree while runs arrive", async () => {
  await using studio = disposable(await startEmulatorStudio())
  await using one = await openPage(browser, studio)
  await using other = await openPage(browser, studio)
  for (let nth = 0; nth < 5; nth++) await studio.execute("noukai/samples/two-step", { message: String(nth) })
  const listed = (page: Page) =>
    page.locator(".row-link").evaluateAll((links) => links.map((link) => link.getAttribute("href")))
  for (const { page } of [one, other]) await page.locator("[aria-rowcount=\"6\"]").waitFor()
  const runs = await listed(one.page)
  assert.strictEqual(runs.length, 5)
  assert.deepStrictEqual(await listed(other.page), runs)
})

it("goes on after a restart of the server, whose faults are off", async () => {
  const first = await startEmulatorStudio()
  await using opened = await openPage(browser, first, "/emulator/faults", { mayFail: true })
  const { page } = opened
  await page.getByRole("checkbox", { name: /^503/ }).check()
  await page.getByRole("button", { name: "Switch on" }).click()
  await page.getByRole("heading", { name: "Faults are on" }).waitFor()
  await first.stop()
  await page.getByText("Not connected").waitFor()
  await page.getByRole("button", { name: "Switch off" }).click()
  await page.getByText("The studio does not answer. Nothing was changed.").waitFor()
  await using second = disposable(await startEmulatorStudio({ port: first.port }))
  await page.getByRole("heading", { name: "Faults are off" }).waitFor()
  await second.execute("noukai/samples/two-step")
  await expect.poll(() => fact(page, "Runs")).toBe("1")
})

it("a studio without an emulator says so, and has no link to it", async () => {
  await using studio = disposable(await startStudio())
  await using opened = await openPage(browser, studio, "/runs", { mayFail: true })
  const { page } = opened
  await page.getByRole("heading", { name: "No runs yet" }).waitFor()
  assert.strictEqual(await page.getByRole("link", { name: "Emulator" }).count(), 0)
  await page.goto(`${studio.origin}/emulator`)
  await page.getByRole("heading", { name: "This studio has no emulator" }).waitFor()
})

it("requests are texts", async () => {
  const [request] = ScriptedEmulator.requestsOf(1)
  const emulator = ScriptedEmulator.make([{
    ...request!,
    id: "<b>1</b>",
    target: "/<img src=x onerror=\"document.title='owned'\">/\u202eevil",
    fault: "\u001b[31m503"
  }])
  await using studio = disposable(await startStudio({ emulator: emulator.service }))
  await using opened = await openPage(browser, studio, `/emulator?request=${encodeURIComponent("<b>1</b>")}`)
  const { page } = opened
  await page.getByRole("region", { name: "Headers of the request" }).waitFor()
  const text = await page.locator("main").innerText()
  assert.include(text, "<img src=x onerror=")
  // eslint-disable-next-line no-control-regex
  assert.notMatch(text, /[\u0000-\u0008\u000e-\u001f\u202a-\u202e\u2066-\u2069]/)
  assert.strictEqual(await page.locator("img, b").count(), 0)
  assert.notInclude(await page.title(), "owned")
})
