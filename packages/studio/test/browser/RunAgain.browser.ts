/** A run that begins from its form: once for each intention, whatever happens to the page. */
import { type FlowExecutionError, InvalidRequestError } from "@effect-noukai/sdk"
import type { RunInput } from "@effect-noukai/studio/RunAgainApi"
import type { StudioRunner } from "@effect-noukai/studio/StudioRunner"
import { Deferred, Effect, Option } from "effect"
import type { Browser, Page } from "playwright-core"
import { afterAll, assert, beforeAll, expect, it } from "vitest"
import { facts } from "../support/forms.js"
import { epoch, type ScriptedRun } from "../support/scripted.js"
import * as Stories from "../support/stories.js"
import { startEmulatorStudio } from "./emulatorStudio.js"
import { disposable, launch, openPage, type RunningStudio, runPath, startStudio } from "./studioPage.js"

let browser: Browser

beforeAll(async () => {
  browser = await launch()
})

afterAll(() => browser.close())

const flow = "acme/spelling/grade-3"

interface Call {
  readonly input: RunInput
  readonly sessionId: string
}

interface Runner {
  readonly calls: Array<Call>
  readonly service: StudioRunner.Service
  /** Lets the next run begin. */
  readonly begin: () => Promise<void>
  /** Lets the runs end. */
  readonly end: () => Promise<void>
}

/** A runner whose runs appear in the list. `waits`: a run begins when the test says so. */
const scriptedRunner = (
  put: () => RunningStudio["put"],
  { fails, waits = false }: {
    readonly fails?: ReadonlyArray<FlowExecutionError | InvalidRequestError>
    readonly waits?: boolean
  } = {}
): Runner => {
  const calls: Array<Call> = []
  const failures = [...fails ?? []]
  const begun = Effect.runSync(Deferred.make<void>())
  const ended = Effect.runSync(Deferred.make<void>())
  if (!waits) Effect.runSync(Deferred.succeed(begun, undefined))
  return {
    calls,
    service: {
      run: (input, sessionId, tell) =>
        Effect.gen(function*() {
          calls.push({ input, sessionId })
          const failure = failures.shift()
          if (failure !== undefined) return yield* failure
          yield* Deferred.await(begun)
          const run: ScriptedRun = {
            ...Stories.completed,
            id: `run-again-${calls.length}`,
            startedAt: epoch + 600_000,
            sessionId
          }
          const { durationMs: _, steps, ...begins } = run
          yield* Effect.promise(() =>
            put()({ ...begins, status: "running", steps: [{ ...steps![0]!, at: 0 }, { id: "grade", at: 420 }] })
          )
          yield* tell(run.id)
          yield* Deferred.await(ended)
          yield* Effect.promise(() =>
            put()({
              ...run,
              steps: steps!.map((step) => step.id === "grade" ? { ...step, output: { grade: "B" } } : step)
            })
          )
        })
    },
    begin: () => Effect.runPromise(Effect.asVoid(Deferred.succeed(begun, undefined))),
    end: () => Effect.runPromise(Effect.asVoid(Deferred.succeed(ended, undefined)))
  }
}

/** A studio that starts runs. */
const start = async (
  options: Parameters<typeof scriptedRunner>[1] & {
    readonly port?: number
    readonly runs?: ReadonlyArray<ScriptedRun>
  } = {}
) => {
  let put: RunningStudio["put"] = () => Promise.resolve()
  const runner = scriptedRunner(() => put, options)
  const studio = disposable(
    await startStudio({
      ...options.port !== undefined && { port: options.port },
      runs: options.runs ?? [Stories.completed],
      runner: runner.service,
      source: (scripted) => ({ ...scripted, flow: () => Effect.succeed(Option.some(facts)) })
    })
  )
  put = studio.put
  return { ...studio, runner }
}

const path = `/again?flow=${encodeURIComponent(flow)}&id=${Stories.completed.id}`

const button = (page: Page) => page.getByRole("button", { name: "Start the run" })

/** The requests of the page that begin runs. */
const posts = (page: Page): ReadonlyArray<string> => {
  const bodies: Array<string> = []
  page.on("request", (request) => {
    if (request.method() === "POST") bodies.push(request.postData() ?? "")
  })
  return bodies
}

/** Waits for the comparison, all of whose files were read. */
const isComparison = async (page: Page): Promise<void> => {
  await expect.poll(() => new URL(page.url()).pathname, { timeout: 15_000 }).toBe("/compare")
  await page.locator("main.compare").waitFor()
}

it("a new run goes on from a step, with the edited outputs before it, once", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, runPath(Stories.completed, "?step=grade"))
  const { page } = opened
  await page.getByRole("link", { name: "Go on from here…" }).press("Enter")
  await page.getByText("The new run pays for its steps from grade on. In the run, they cost $0.003.").waitFor()
  await page.getByText("You pay for the steps from grade on: about $0.003, as in the run.").waitFor()
  assert.strictEqual(await page.getByRole("combobox", { name: "Begin at the step" }).inputValue(), "grade")
  await page.getByRole("textbox", { name: /^Output of read/ }).fill("{\"words\": [\"dog\"]}")
  await page.getByText("asNewRun: true").waitFor()
  await page.getByRole("textbox", { name: /^grade/ }).fill("4")
  await page.getByRole("combobox", { name: /^tone/ }).selectOption("dry")
  await page.getByRole("textbox", { name: /^rules/ }).fill("[]")
  await button(page).dblclick()
  await isComparison(page)
  assert.deepStrictEqual(studio.runner.calls.map(({ input }) => input.startAt), [
    { stepIndex: 1, outputs: { read: { words: ["dog"] } } }
  ])
  await studio.runner.end()
})

it("a run's input is edited and runs once, beside the run that it is like", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, runPath(Stories.completed))
  const { page } = opened
  await page.getByRole("link", { name: "Run again…" }).click()
  await page.getByText("A new run pays for all of its steps.").waitFor()
  await page.getByText("One run of version 3 cost $0.00315.").waitFor()
  await page.getByText("about $0.00315, the median of 1 run.").waitFor()
  // another version costs something else
  const version = page.getByLabel("Version", { exact: true })
  await version.fill("draft")
  await page.getByText("What a run of the draft costs is not known").waitFor()
  await page.getByText("You pay for this run. No earlier run tells how much.").waitFor()
  await version.fill("production")
  await page.getByText("One run of the version in production cost $0.00315.").waitFor()
  await version.fill("3")
  assert.strictEqual(await page.getByRole("textbox", { name: "Message" }).inputValue(), "The cat sat.")
  await page.getByRole("textbox", { name: "Message" }).fill("The dog sat.")
  await page.getByRole("textbox", { name: /^grade/ }).fill("4")
  await page.getByRole("combobox", { name: /^tone/ }).selectOption("dry")
  await page.getByRole("textbox", { name: /^rules/ }).fill("[\"a\"")
  await page.getByText("This is not JSON").waitFor()
  await page.getByRole("textbox", { name: /^rules/ }).fill("[\"a\"]")
  await page.getByText("This is not JSON").waitFor({ state: "detached" })
  await page.getByRole("button", { name: "Replace its output" }).click()
  await page.getByRole("textbox", { name: /^Output of read/ }).fill("{\"words\": []}")
  await page.getByRole("button", { name: "Add an image" }).click()
  await page.getByLabel("URL of image 1").fill("https://img.example.com/cat.webp")
  await page.getByLabel("Cost limit in US dollars").fill("0.05")
  await page.getByLabel("Version").fill("3")
  const sent = posts(page)
  await button(page).click()
  await isComparison(page)
  assert.strictEqual(new URL(page.url()).searchParams.get("after"), "run-again-1")
  assert.strictEqual(new URL(page.url()).searchParams.get("before"), Stories.completed.id)
  assert.strictEqual(sent.length, 1)
  const [{ input, sessionId }] = studio.runner.calls as [Call]
  assert.deepStrictEqual(input, {
    flow,
    message: "The dog sat.",
    parameters: { grade: 4, tone: "dry", rules: ["a"] },
    attachments: [{ url: "https://img.example.com/cat.webp", mime_type: "image/webp" }],
    version: "3",
    maxCostUsd: "0.05",
    inputOverrides: { read: { words: [] } },
    snapshots: true
  })
  assert.match(sessionId, /^[\da-f]{8}-/)
  // live: it goes on, and ends
  await page.getByText("running").first().waitFor()
  await studio.runner.end()
  await page.getByText("running").first().waitFor({ state: "detached" })
  assert.strictEqual(studio.runner.calls.length, 1)
})

it("the code follows the fields", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, path)
  const { page } = opened
  const command = page.getByRole("region", { name: "Command" })
  await command.getByText("noukai run acme/spelling/grade-3 'The cat sat.' --param grade:=3").waitFor()
  await page.getByRole("textbox", { name: "Message" }).fill("it's\n\"two\" lines")
  await page.getByRole("region", { name: "TypeScript" }).getByText("it's\\n\\\"two\\\" lines").waitFor()
  await command.getByRole("button", { name: "Copy: Command" }).click()
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toContain("'it'\\''s\n\"two\" lines'")
  await page.getByRole("textbox", { name: /^grade/ }).fill("x")
  await page.getByText("The code appears when the fields have no problems.").waitFor()
  assert.strictEqual(studio.runner.calls.length, 0)
})

it("nothing is sent while a field has a problem, and Enter starts nothing", async () => {
  await using studio = await start({ runs: [{ ...Stories.completed, request: { message: "x" } }] })
  await using opened = await openPage(browser, studio, path)
  const { page } = opened
  const sent = posts(page)
  await page.getByLabel("Version").fill("newest")
  await page.getByLabel("Version").press("Enter")
  await page.getByRole("textbox", { name: /^grade/ }).press("Enter")
  await page.getByText("Enter production, draft or the number of a version.").waitFor()
  // a field that is still empty is no problem before the first try
  assert.isFalse(await page.getByText("Enter a whole number.").isVisible())
  await button(page).click()
  await page.getByText("Enter a whole number.").waitFor()
  await page.getByText("2 fields to mend").waitFor()
  await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute("aria-invalid"))).toBe("true")
  assert.deepStrictEqual([sent.length, studio.runner.calls.length], [0, 0])
})

it("a double click, and keys at the same moment, begin one run", async () => {
  await using studio = await start({ waits: true })
  await using opened = await openPage(browser, studio, path)
  const { page } = opened
  const sent = posts(page)
  await button(page).waitFor()
  await page.evaluate(() => {
    const [start] = [...document.querySelectorAll("button")].filter((one) => one.textContent === "Start the run")
    for (let nth = 0; nth < 5; nth++) start!.click()
  })
  await page.getByRole("button", { name: "The run begins…" }).waitFor()
  await page.getByRole("button", { name: "The run begins…" }).dblclick({ force: true })
  await studio.runner.begin()
  await isComparison(page)
  assert.deepStrictEqual([sent.length, studio.runner.calls.length], [1, 1])
})

it("a page that is loaded again while a run begins waits for it, and sends nothing", async () => {
  await using studio = await start({ waits: true })
  await using opened = await openPage(browser, studio, path)
  const { page } = opened
  const sent = posts(page)
  await button(page).click()
  await expect.poll(() => studio.runner.calls.length).toBe(1)
  await page.reload()
  await page.getByRole("button", { name: "The run begins…" }).waitFor()
  await studio.runner.begin()
  await isComparison(page)
  assert.deepStrictEqual([sent.length, studio.runner.calls.length], [1, 1])

  // the way back leads to what it began, not to a second run
  await page.goBack()
  await page.getByRole("heading", { name: "This form has begun a run" }).waitFor()
  assert.isFalse(await button(page).isVisible())
  await page.getByRole("link", { name: "Compare the runs" }).click()
  await isComparison(page)
  await page.goBack()
  await page.getByRole("button", { name: "Fill in the form for another run" }).click()
  await button(page).click()
  await isComparison(page)
  assert.strictEqual(new URL(page.url()).searchParams.get("after"), "run-again-2")
  assert.deepStrictEqual([sent.length, studio.runner.calls.length], [2, 2])
  assert.notStrictEqual(studio.runner.calls[0]!.sessionId, studio.runner.calls[1]!.sessionId)
})

it("a page that is left while a run begins does not stop it, and says that it began", async () => {
  await using studio = await start({ waits: true })
  await using opened = await openPage(browser, studio, path)
  const { page } = opened
  await button(page).click()
  await expect.poll(() => studio.runner.calls.length).toBe(1)
  await page.getByRole("link", { name: "Runs", exact: true }).first().or(page.locator(".brand")).first().click()
  await page.getByRole("heading", { name: "Runs" }).waitFor()
  await studio.runner.begin()
  await page.getByText("The run began.").waitFor()
  assert.strictEqual(new URL(page.url()).pathname, "/runs")
  await page.getByRole("link", { name: /run run-again-1, / }).waitFor()
})

it("an answer that never came is told, and the request is not sent again", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, path, { mayFail: true })
  const { page } = opened
  const sent = posts(page)
  // the request arrives, and its answer is lost
  await page.route("**/api/again", async (route) => {
    if (route.request().method() !== "POST") return route.continue()
    await route.fetch()
    return route.abort()
  })
  await button(page).click()
  await page.getByRole("heading", { name: "It is not known whether the run began" }).waitFor()
  assert.isFalse(await button(page).isVisible())
  assert.deepStrictEqual([sent.length, studio.runner.calls.length], [1, 1])
  await page.getByRole("link", { name: "Look whether it ran" }).click()
  await page.getByRole("link", { name: /run run-again-1, / }).waitFor()
  assert.strictEqual(new URL(page.url()).searchParams.get("session"), studio.runner.calls[0]!.sessionId)
  await page.goBack()
  // the studio knows it
  await page.getByRole("heading", { name: "This form has begun a run" }).waitFor()
  assert.deepStrictEqual([sent.length, studio.runner.calls.length], [1, 1])
})

it("an answer without a meaning is none, and the studio is asked on request", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, path, { mayFail: true })
  const { page } = opened
  await page.route("**/api/again", async (route) => {
    if (route.request().method() !== "POST") return route.continue()
    await route.fetch()
    return route.fulfill({ status: 200, contentType: "text/html", body: "<script>document.title = 'owned'</script>" })
  })
  await button(page).click()
  await page.getByRole("heading", { name: "It is not known whether the run began" }).waitFor()
  await page.getByRole("button", { name: "Ask the studio again" }).click()
  await isComparison(page)
  assert.strictEqual(studio.runner.calls.length, 1)
  assert.notInclude(await page.title(), "owned")
})

it("a studio that was started again has no outcome, and the page does not guess one", async () => {
  const first = await start({ waits: true })
  await using opened = await openPage(browser, first, path, { mayFail: true })
  const { page } = opened
  const sent = posts(page)
  await button(page).click()
  await expect.poll(() => first.runner.calls.length).toBe(1)
  await first.stop()
  await page.getByRole("heading", { name: "It is not known whether the run began" }).waitFor()
  await using second = await start({ port: first.port })
  await page.getByText("Live").waitFor()
  await page.getByRole("button", { name: "Ask the studio again" }).click()
  await page.getByText("This studio has not begun that run.").waitFor()
  assert.deepStrictEqual([sent.length, second.runner.calls.length], [1, 0])
  await page.reload()
  await page.getByText("This studio has not begun that run.").waitFor()
  assert.deepStrictEqual([sent.length, second.runner.calls.length], [1, 0])
  // the reader decides
  await page.getByRole("button", { name: "Back to the form" }).click()
  await button(page).click()
  await isComparison(page)
  assert.deepStrictEqual([sent.length, second.runner.calls.length], [2, 1])
})

it("a form that outlived its studio is read again, and nothing runs by an old one", async () => {
  const first = await start()
  await using opened = await openPage(browser, first, path, { mayFail: true })
  const { page } = opened
  await page.getByRole("textbox", { name: "Message" }).fill("An edit.")
  await first.stop()
  await page.getByText("Not connected").waitFor()
  assert.isTrue(await button(page).isDisabled())
  await using second = await start({ port: first.port })
  await page.getByText("Live").waitFor()
  assert.strictEqual(await page.getByRole("textbox", { name: "Message" }).inputValue(), "An edit.")
  // whether the form was read before or not: one run at most, and never by itself
  await expect.poll(async () => {
    if (await button(page).isVisible() && await button(page).isEnabled()) await button(page).click().catch(() => {})
    return new URL(page.url()).pathname
  }).toBe("/compare")
  await isComparison(page)
  assert.strictEqual(second.runner.calls.length, 1)
  assert.strictEqual(second.runner.calls[0]!.input.message, "An edit.")
})

it("a refusal says that nothing ran, and the next try is a new one", async () => {
  const refusal = new InvalidRequestError({
    method: "FlowService.events",
    isRetryable: false,
    field: "input.parameters",
    reason: "<img src=x> is not for this flow"
  })
  await using studio = await start({ fails: [refusal] })
  await using opened = await openPage(browser, studio, path)
  const { page } = opened
  const sent = posts(page)
  await button(page).click()
  await page.getByText("Nothing ran:").waitFor()
  assert.strictEqual(await page.locator("img").count(), 0)
  assert.isNull(new URL(page.url()).searchParams.get("started"))
  await button(page).click()
  await isComparison(page)
  assert.deepStrictEqual([sent.length, studio.runner.calls.length], [2, 2])
})

it("an input that is too large for the studio is not sent", async () => {
  const large = { ...Stories.completed, request: { message: "word \n".repeat(800_000), parameters: { grade: 3 } } }
  await using studio = await start({ runs: [large] })
  await using opened = await openPage(browser, studio, path)
  const { page } = opened
  const sent = posts(page)
  await button(page).click()
  await page.getByText("Nothing ran: The input is larger than the 4 MiB that the studio sends.").waitFor()
  assert.deepStrictEqual([sent.length, studio.runner.calls.length], [0, 0])
  await page.getByText("The copy has all").first().waitFor()
  // the others can be edited
  await page.getByRole("textbox", { name: /^note/ }).fill("short")
  await page.getByRole("button", { name: "Leave out note" }).waitFor()
})

it("edits outlive a reload, and are undone on request", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, path)
  const { page } = opened
  await page.getByRole("textbox", { name: "Message" }).fill("An edit.")
  await page.getByRole("button", { name: "Leave out grade" }).or(page.getByRole("textbox", { name: /^note/ })).first()
    .fill("n")
  await page.getByRole("region", { name: "Command" }).getByText("note=n").waitFor()
  await page.reload()
  await expect.poll(() => page.getByRole("textbox", { name: "Message" }).inputValue()).toBe("An edit.")
  await page.getByRole("button", { name: "Leave out note" }).click()
  await page.getByRole("region", { name: "Command" }).getByText("note=n").waitFor({ state: "detached" })
  await page.getByRole("button", { name: "Undo all edits" }).click()
  assert.strictEqual(await page.getByRole("textbox", { name: "Message" }).inputValue(), "The cat sat.")
  await page.keyboard.press("Escape")
  await page.getByRole("tree", { name: "Steps" }).waitFor()
})

it("parameters are added, written as JSON, and left out", async () => {
  await using studio = await start()
  await using opened = await openPage(browser, studio, path)
  const { page } = opened
  await page.getByRole("button", { name: "Add a parameter" }).click()
  await page.keyboard.type("__proto__")
  await page.getByRole("textbox", { name: /^__proto__/ }).fill("text")
  await page.getByRole("button", { name: "Write __proto__ as JSON" }).click()
  assert.strictEqual(await page.getByRole("textbox", { name: /^__proto__/ }).inputValue(), "\"text\"")
  await page.getByRole("textbox", { name: /^__proto__/ }).fill("{\"a\": null}")
  await button(page).click()
  await isComparison(page)
  assert.strictEqual(
    JSON.stringify(studio.runner.calls[0]!.input.parameters),
    "{\"grade\":3,\"__proto__\":{\"a\":null}}"
  )
})

it("a new parameter keeps its name when one above it is removed", async () => {
  const run: ScriptedRun = { ...Stories.completed, request: { message: "hi", parameters: { grade: 3, a: "1" } } }
  await using studio = await start({ runs: [run] })
  await using opened = await openPage(browser, studio, path)
  const { page } = opened
  await page.getByRole("button", { name: "Add a parameter" }).click()
  await page.getByRole("button", { name: "Remove a", exact: true }).click()
  await page.getByRole("textbox", { name: "Name of the parameter" }).fill("b")
  await page.getByRole("textbox", { name: /^b/ }).fill("2")
  await button(page).click()
  await isComparison(page)
  assert.deepStrictEqual(studio.runner.calls[0]!.input.parameters, { grade: 3, b: "2" })
})

it("a studio that only reads has the code, and no button", async () => {
  await using studio = disposable(await startStudio({ runs: [Stories.completed] }))
  await using opened = await openPage(browser, studio, path)
  const { page } = opened
  await page.getByText("This studio starts no runs").waitFor()
  await page.getByRole("region", { name: "Command" }).getByText("noukai run").waitFor()
  assert.strictEqual(await button(page).count(), 0)
  await page.getByText("the server does not tell which the flow takes").or(
    page.getByRole("textbox", { name: /^grade/ })
  )
    .first().waitFor()
})

it("hostile names and inputs are texts", async () => {
  const evil = "<img src=x onerror=\"document.title='owned'\">\u202e\u0000"
  const hostile: ScriptedRun = {
    ...Stories.completed,
    flow: "acme/spelling/javascript:alert(1)",
    request: { message: evil, parameters: { [evil]: evil, constructor: { [evil]: [evil] } }, tools: [evil] }
  }
  await using studio = disposable(await startStudio({ runs: [hostile] }))
  await using opened = await openPage(
    browser,
    studio,
    `/again?flow=${encodeURIComponent(hostile.flow!)}&id=${hostile.id}`
  )
  const { page } = opened
  await page.getByText("Has invisible characters:").first().waitFor()
  const text = await page.locator("main").innerText()
  // eslint-disable-next-line no-control-regex
  assert.notMatch(text, /[\u0000-\u0008\u000e-\u001f\u202a-\u202e\u2066-\u2069]/)
  assert.strictEqual(await page.locator("img, a[href^=javascript]").count(), 0)
  assert.strictEqual(await page.getByRole("textbox", { name: "Message" }).inputValue(), evil)
  assert.notInclude(await page.title(), "owned")
})

it("a key of Noukai is in no form, no code and no storage", async () => {
  const key = "nk_live_plantedkey_0123456789abcdef0123456789abcdef"
  const run: ScriptedRun = {
    ...Stories.completed,
    request: { message: `with ${key}`, parameters: { grade: 3, key } },
    steps: [{ id: "read", at: 0, ms: 1, output: { key } }, { id: "grade", at: 1, ms: 1, output: key }]
  }
  await using studio = await start({ runs: [run] })
  await using opened = await openPage(browser, studio, path)
  const { page } = opened
  await page.getByRole("button", { name: "Replace its output" }).click()
  await page.getByText("The input has a key, which is masked here.").waitFor()
  await page.getByRole("region", { name: "Command" }).waitFor()
  const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.state]))
  const values = await page.locator("textarea, input").evaluateAll((fields) =>
    fields.map((field) => (field as HTMLInputElement).value).join()
  )
  for (const text of [await page.content(), values, stored, await opened.received()]) assert.notInclude(text, key)
})

it("on the emulator, a run begins once and goes on when the page is closed", async () => {
  await using studio = disposable(await startEmulatorStudio())
  const flow = "acme/test/slow"
  const id = await studio.execute(flow, { message: "hi", parameters: { a: 1 } })
  const form = `/again?flow=${encodeURIComponent(flow)}&id=${id}`
  let path = ""
  {
    await using opened = await openPage(browser, studio, form)
    const { page } = opened
    await button(page).click()
    await isComparison(page)
    path = page.url().slice(studio.origin.length)
  }
  assert.strictEqual((await studio.runs()).length, 2)
  await using opened = await openPage(browser, studio, path)
  const { page } = opened
  const after = new URL(page.url()).searchParams.get("after")!
  assert.strictEqual((await studio.runs())[1], after)
  await page.goto(`${studio.origin}${runPath({ id: after, flow })}`)
  await page.locator(".run-title .status-completed").waitFor()
  // the same intention, sent again and again at the same moment, also after it has ended
  const repeated = await page.evaluate(async ([flow, id]) => {
    const { input, studio } = await (await fetch(`/api/again?${new URLSearchParams({ flow: flow!, id: id! })}`)).json()
    const send = async () => {
      const response = await fetch("/api/again", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ studio, input, intention: "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c77" })
      })
      return (await response.json() as { readonly run: string }).run
    }
    const first = await Promise.all(Array.from({ length: 8 }, send))
    return [...first, await send()]
  }, [flow, id])
  assert.strictEqual(new Set(repeated).size, 1)
  assert.strictEqual((await studio.runs()).length, 3)
})

it("a run that its cost limit stopped says so", async () => {
  const ref = "acme/test/priced"
  const steps = ["a", "b", "c"].map((id) => ({ kind: "template" as const, id, output: id, costUsd: "0.25" }))
  await using studio = disposable(await startEmulatorStudio({ emulator: { flows: [{ ref, steps }] } }))
  const id = await studio.execute(ref)
  await using opened = await openPage(browser, studio, `/again?flow=${encodeURIComponent(ref)}&id=${id}`)
  const { page } = opened
  await page.getByText("One run of the version in production cost $0.75.").waitFor()
  await page.getByLabel("Cost limit in US dollars").fill("0.3")
  await button(page).click()
  await isComparison(page)
  await page.getByText("The run stopped before its end.").waitFor()
  assert.strictEqual((await studio.runs()).length, 2)
  await page.reload()
  await page.getByText("The run stopped before its end.").waitFor()
  const after = new URL(page.url()).searchParams.get("after")!
  await page.goto(studio.origin + runPath({ id: after, flow: ref }))
  await page.getByText("The run stopped before its end.").waitFor()
  // it waits for a request that never comes: it does not run on
  await page.locator(".run-title .status-paused").waitFor()
  await page.goto(`${studio.origin}/runs`)
  await page.getByRole("link", { name: new RegExp(`${after}, paused`) }).waitFor()
})

it("a flow of the emulator runs without an earlier run", async () => {
  await using studio = disposable(await startEmulatorStudio())
  await using opened = await openPage(browser, studio, "/emulator/flows")
  const { page } = opened
  await page.getByRole("link", { name: "Run… noukai/samples/hello-world" }).click()
  await page.getByText("No run of this flow is known").waitFor()
  await button(page).click()
  await page.getByText("The flow needs a message.").waitFor()
  assert.strictEqual((await studio.runs()).length, 0)
  await page.getByRole("textbox", { name: "Message" }).fill("hi")
  await button(page).click()
  await page.locator(".run-title .status-completed").waitFor()
  assert.strictEqual((await studio.runs()).length, 1)
  // from the run by a key
  await page.keyboard.press("r")
  await expect.poll(() => page.getByRole("textbox", { name: "Message" }).inputValue()).toBe("hi")
})
