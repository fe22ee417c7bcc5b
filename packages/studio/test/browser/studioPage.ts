/** A studio over scripted runs, and pages of a Chromium that look at it. */
import type { Source } from "@effect-noukai/studio/RunsApi"
import * as Studio from "@effect-noukai/studio/Studio"
import { StudioEmulator } from "@effect-noukai/studio/StudioEmulator"
import { StudioLedgers } from "@effect-noukai/studio/StudioLedgers"
import { StudioRunner } from "@effect-noukai/studio/StudioRunner"
import { StudioSource } from "@effect-noukai/studio/StudioSource"
import axe from "axe-core"
import { Effect, Exit, Layer, Redacted, Scope } from "effect"
import { deepStrictEqual } from "node:assert"
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from "playwright-core"
import * as Scripted from "../support/scripted.js"
import type { ScriptedRun } from "../support/scripted.js"

export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
  })

export interface RunningStudio {
  readonly url: string
  /** The address without its token. */
  readonly origin: string
  readonly port: number
  readonly scripted: Scripted.Scripted
  readonly put: (...runs: ReadonlyArray<ScriptedRun>) => Promise<void>
  readonly stop: () => Promise<void>
}

export const startStudio = async (
  options: {
    readonly port?: number
    /** Browsers that opened a studio of the same secret and port need no new token. */
    readonly secret?: string
    readonly facts?: Partial<Source>
    readonly runs?: ReadonlyArray<ScriptedRun>
    /** The source that is served, made of the scripted one. */
    readonly source?: (scripted: StudioSource.Service) => StudioSource.Service
    readonly emulator?: StudioEmulator.Service
    readonly ledgers?: StudioLedgers.Service
    /** The file of the search over all runs. */
    readonly search?: string
    /** Starts the runs of the studio. Absent: it starts none. */
    readonly runner?: StudioRunner.Service
  } = {}
): Promise<RunningStudio> => {
  const scope = Effect.runSync(Scope.make())
  const scripted = await Effect.runPromise(Scripted.make(options.facts))
  await Effect.runPromise(scripted.put(...options.runs ?? []))
  const { port, url } = await Effect.runPromise(
    Studio.serve({
      port: options.port,
      secret: Redacted.make(options.secret ?? "a secret of the tests"),
      search: options.search
    }).pipe(
      Effect.provide(Layer.mergeAll(
        Layer.succeed(StudioSource, options.source?.(scripted.source) ?? scripted.source),
        options.emulator === undefined ? Layer.empty : Layer.succeed(StudioEmulator, options.emulator),
        options.ledgers === undefined ? Layer.empty : Layer.succeed(StudioLedgers, options.ledgers),
        options.runner === undefined ? Layer.empty : Layer.succeed(StudioRunner, options.runner)
      )),
      Scope.extend(scope)
    )
  )
  return {
    url,
    origin: new URL(url).origin,
    port,
    scripted,
    put: (...runs) => Effect.runPromise(scripted.put(...runs)),
    stop: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

export interface StudioPage extends AsyncDisposable {
  readonly page: Page
  /** Bodies of the responses so far. */
  readonly received: () => Promise<string>
  /** The longest tasks of the page so far, in milliseconds. */
  readonly longTasks: () => Promise<ReadonlyArray<number>>
}

/**
 * Opens a path of a studio. Complaints of the page fail the test when the page is closed: errors, and violations of the
 * content security policy. `mayFail`: responses with an error are expected.
 */
export const openPage = async (
  browser: Browser,
  studio: Pick<RunningStudio, "origin" | "url">,
  path = "/runs",
  { mayFail = false, ...options }: BrowserContextOptions & { readonly mayFail?: boolean } = {}
): Promise<StudioPage> => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: studio.origin })
  const page = await context.newPage()
  const complaints: Array<string> = []
  const bodies: Array<Promise<string>> = []
  page.on("pageerror", (error) => complaints.push(error.message))
  page.on("console", (message) => {
    const isResponse = message.text().startsWith("Failed to load resource")
    if (["error", "warning"].includes(message.type()) && !(mayFail && isResponse)) complaints.push(message.text())
  })
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== studio.origin) complaints.push(`asked another server: ${request.url()}`)
  })
  page.on("response", (response) => {
    const type = response.headers()["content-type"] ?? ""
    if (!type.includes("event-stream")) bodies.push(response.text().catch(() => ""))
  })
  await context.exposeBinding("complain", (_, text: string) => complaints.push(text))
  await page.addInitScript(() => {
    const tasks: Array<number> = []
    Object.assign(globalThis, { longTasks: tasks })
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration)))
      .observe({ type: "longtask", buffered: true })
    document.addEventListener(
      "securitypolicyviolation",
      ({ blockedURI, violatedDirective }) =>
        (globalThis as unknown as { complain: (text: string) => void }).complain(`${violatedDirective}: ${blockedURI}`)
    )
  })
  // the token is traded for a cookie, and leaves the address
  await page.goto(studio.url, { waitUntil: "commit" })
  await page.goto(studio.origin + path)
  return {
    page,
    received: async () => (await Promise.all(bodies)).join("\n"),
    longTasks: () => page.evaluate(() => (globalThis as unknown as { longTasks: ReadonlyArray<number> }).longTasks),
    [Symbol.asyncDispose]: async () => {
      await context.close()
      deepStrictEqual(complaints, [])
    }
  }
}

/** The rules of axe that depend on the theme of a page. */
export const rulesOfColour = ["color-contrast", "link-in-text-block"]

/** The findings of axe on a page, in its present theme: of some rules, or of all. */
export const violations = async (page: Page, rules?: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  await page.evaluate(axe.source)
  return page.evaluate(async (rules) => {
    const { axe } = globalThis as unknown as { axe: typeof import("axe-core") }
    const { violations } = await axe.run(document, {
      resultTypes: ["violations"],
      ...rules && { runOnly: { type: "rule", values: [...rules] } }
    })
    return violations.map(({ help, id, nodes }) =>
      `${id}: ${help}: ${nodes.map(({ html }) => html).slice(0, 3).join(" | ")}`
    )
  }, rules)
}

/** Chooses from the menu of the list that opens other runs. */
export const openByMenu = async (page: Page, name: string): Promise<void> => {
  await page.getByText("Open", { exact: true }).click()
  await page.locator(".menu-items").getByText(name).click()
}

export const runPath = (run: { readonly id: string; readonly flow?: string }, query = ""): string =>
  `/runs/${[...(run.flow ?? "acme/spelling/grade-3").split("/"), run.id].map(encodeURIComponent).join("/")}${query}`

/** Stops a studio at the end of its test. */
export const disposable = <S extends { readonly stop: () => Promise<void> }>(studio: S): S & AsyncDisposable => ({
  ...studio,
  [Symbol.asyncDispose]: studio.stop
})

/** The address of the comparison of two runs. */
export const comparePath = (
  before: { readonly id: string; readonly flow?: string },
  after: { readonly id: string; readonly flow?: string },
  query = ""
): string => {
  const flowOf = ({ flow = "acme/spelling/grade-3" }) => flow
  const address = { beforeFlow: flowOf(before), before: before.id, afterFlow: flowOf(after), after: after.id }
  return `/compare?${new URLSearchParams(address)}${query}`
}

/** Scrolls a link of a list so that the lower edge of the view cuts its row, and clicks it. */
export const clickAtEdge = (link: Locator): Promise<void> =>
  link.evaluate((element: HTMLElement) => {
    const main = element.closest("main")!
    const row = element.closest("[role=row]")!.getBoundingClientRect()
    main.scrollTop += row.top + row.height / 2 - main.getBoundingClientRect().bottom
    element.click()
  })

/** Returns whether the whole row of a link lies in the view, and the upper and the lower edge of both. */
export const viewOf = (
  link: Locator
): Promise<{ readonly isInView: boolean; readonly row: ReadonlyArray<number>; readonly view: ReadonlyArray<number> }> =>
  link.evaluate((element) => {
    const edges = ({ bottom, top }: DOMRect): ReadonlyArray<number> => [top, bottom]
    const row = element.closest("[role=row]")!
    const box = row.getBoundingClientRect()
    const view = element.closest("main")!.getBoundingClientRect()
    // the head of the list may lie on top of it
    const isCovered = [box.top + 2, box.bottom - 2].some((y) =>
      !row.contains(document.elementFromPoint(box.left + box.width / 2, y))
    )
    return {
      isInView: box.top >= view.top && box.bottom <= view.bottom && !isCovered,
      row: edges(box),
      view: edges(view)
    }
  })
