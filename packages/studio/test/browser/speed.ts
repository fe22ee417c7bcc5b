/**
 * How fast the page is, in Chromium: prints a table, and exits with 1 if a figure is over its limit.
 *
 *     npm run bench:studio
 */
import { Effect, Fiber } from "effect"
import type { Browser, Page } from "playwright-core"
import * as Pairs from "../support/pairs.js"
import type { ScriptedRun } from "../support/scripted.js"
import * as Stories from "../support/stories.js"
import { setup } from "./builtPage.js"
import { comparePath, launch, openPage, runPath, startStudio } from "./studioPage.js"

interface Figure {
  readonly what: string
  readonly ms: number
  readonly limit: number
  readonly note?: string
}

const repeats = 5

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((one, other) => one - other)[values.length >> 1]!

/**
 * The time from the navigation until an element is drawn, by the clock of the page, and the part of it in which the page
 * waited for a response. Medians.
 */
const untilShown = async (
  browser: Browser,
  studio: Parameters<typeof openPage>[1],
  path: string,
  selector: string,
  response: string
): Promise<{ readonly ms: number; readonly note: string }> => {
  const times: Array<number> = []
  const waits: Array<number> = []
  for (let nth = 0; nth < repeats; nth++) {
    const opened = await openPage(browser, studio, path)
    // as text: the names that esbuild adds to functions are not known in the page
    times.push(
      await opened.page.evaluate<number>(`new Promise((resolve) => {
        requestAnimationFrame(function look() {
          if (document.querySelector(${JSON.stringify(selector)}) === null) requestAnimationFrame(look)
          else requestAnimationFrame(() => resolve(performance.now()))
        })
      })`)
    )
    waits.push(
      await opened.page.evaluate(
        (response) =>
          performance.getEntriesByType("resource").find(({ name }) => name.includes(response))?.duration ?? 0,
        response
      )
    )
    await opened[Symbol.asyncDispose]()
  }
  return { ms: median(times), note: `${median(waits).toFixed(0)} ms of it wait for the server` }
}

interface Event {
  readonly name: string
  readonly ts: number
  readonly pid: number
  readonly tid: number
  readonly ph: string
  readonly dur?: number
  readonly tdur?: number
  readonly args?: { readonly name?: string }
}

/** The events that Chromium traces while a page of the studio works. */
const traced = async (
  browser: Browser,
  studio: Parameters<typeof openPage>[1],
  path: string,
  work: (page: Page) => Promise<void>
): Promise<ReadonlyArray<Event>> => {
  const opened = await openPage(browser, studio)
  const { page } = opened
  await page.locator(".row-link").first().waitFor()
  await browser.startTracing(page, {
    categories: [
      "toplevel",
      "__metadata",
      "blink.user_timing",
      "disabled-by-default-devtools.timeline",
      "devtools.timeline"
    ]
  })
  if (path !== "/runs") await page.goto(studio.origin + path)
  await work(page)
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as {
    readonly traceEvents: ReadonlyArray<Event>
  }
  await opened[Symbol.asyncDispose]()
  return traceEvents
}

/** The tasks of the page's main thread of at least 1 ms: wall time and processor time in ms. */
const tasksOf = (traceEvents: ReadonlyArray<Event>) => {
  const threads = traceEvents.filter(({ args, name }) => name === "thread_name" && args?.name === "CrRendererMain")
  return traceEvents.filter((event) =>
    event.ph === "X" && event.name === "RunTask" && (event.dur ?? 0) >= 1_000 &&
    threads.some(({ pid, tid }) => pid === event.pid && tid === event.tid)
  ).map(({ dur, tdur }) => ({ wall: dur! / 1_000, processor: (tdur ?? 0) / 1_000 }))
}

const tasksWhile = async (...args: Parameters<typeof traced>) => tasksOf(await traced(...args))

/** Acts in the page, and marks in the trace when it acts and when the result is drawn. */
const marked = (page: Page, act: string, selector: string): Promise<void> =>
  page.evaluate(`new Promise((resolve) => {
    const set = (element, value) =>
      Object.getOwnPropertyDescriptor(Object.getPrototypeOf(element), "value").set.call(element, value)
    const press = (element, key) => element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }))
    performance.mark("acts")
    ;${act}
    requestAnimationFrame(function look() {
      if (document.querySelector(${JSON.stringify(selector)}) === null) requestAnimationFrame(look)
      else requestAnimationFrame(() => {
        performance.mark("drawn")
        resolve()
      })
    })
  })`)

/** The times from an act to its drawing, in milliseconds. */
const timesOf = (traceEvents: ReadonlyArray<Event>): ReadonlyArray<number> => {
  const at = (name: string) =>
    traceEvents.filter((event) => event.name === name && event.ph !== "n").map(({ ts }) => ts / 1_000).sort((
      one,
      other
    ) => one - other)
  const drawn = at("drawn")
  return at("acts").map((start, nth) => drawn[nth]! - start)
}

/** Repeats acts of the reader on a list, and takes the slowest kind of them: the median of each. */
const actsOn = async (
  browser: Browser,
  studio: Parameters<typeof openPage>[1],
  acts: ReadonlyArray<{ readonly act: string; readonly selector: string }>
): Promise<{ readonly ms: number; readonly note: string }> => {
  const events = await traced(browser, studio, "/runs", async (page) => {
    for (let nth = 0; nth < repeats; nth++) {
      for (const { act, selector } of acts) {
        await marked(page, act, selector)
        // the next act begins when the page is idle
        await page.waitForTimeout(300)
      }
    }
  })
  const times = timesOf(events)
  const medians = acts.map((_, kind) => median(times.filter((_, nth) => nth % acts.length === kind)))
  return {
    ms: Math.max(...medians),
    note: `medians: ${medians.map((ms) => ms.toFixed(1)).join(", ")} ms; ${noteOf(tasksOf(events))}`
  }
}

const quantile = (values: ReadonlyArray<number>, share: number): number =>
  [...values].sort((one, other) => one - other)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0

const noteOf = (tasks: ReadonlyArray<{ readonly wall: number; readonly processor: number }>): string =>
  `${tasks.length} tasks of at least 1 ms, longest ${
    quantile(tasks.map(({ wall }) => wall), 1).toFixed(1)
  } ms; processor ` +
  `time: 95th percentile ${quantile(tasks.map(({ processor }) => processor), 0.95).toFixed(1)} ms, longest ` +
  `${quantile(tasks.map(({ processor }) => processor), 1).toFixed(1)} ms`

const secondsOfArrivals = 10

await setup()
const browser = await launch()
const figures: Array<Figure> = []
const report = (figure: Figure): void => {
  const { limit, ms, note, what } = figure
  figures.push(figure)
  console.log(
    `${ms <= limit ? "ok  " : "over"} ${what}: ${ms.toFixed(1)} ms (limit ${limit} ms)${
      note === undefined ? "" : `; ${note}`
    }`
  )
}
const many = await startStudio({ runs: Stories.many(10_000) })
report({
  what: "first rows of 10,000 runs",
  ...await untilShown(browser, many, "/runs", ".row-link", "/api/runs"),
  limit: 1_000
})

const arriving = Effect.runFork(Stories.arriving(many.scripted, 100))
const tasks = await tasksWhile(
  browser,
  many,
  "/runs",
  () => Effect.runPromise(Effect.sleep(secondsOfArrivals * 1_000))
)
await Effect.runPromise(Fiber.interrupt(arriving))
report({
  what: `tasks in ${secondsOfArrivals} s with 100 new runs a second, 95th percentile`,
  ms: quantile(tasks.map(({ wall }) => wall), 0.95),
  limit: 50,
  note: noteOf(tasks)
})
await many.stop()

const most = 50_000
const all = await startStudio({ runs: Stories.many(most) })
const rowOf = (row: number) => `[aria-rowindex="${row + 1}"] .row-link`
report({
  what: `to the end and the beginning of ${most.toLocaleString("en")} runs`,
  ...await actsOn(browser, all, [
    { act: "press(document.body, 'End')", selector: rowOf(most) },
    { act: "press(document.body, 'Home')", selector: rowOf(1) },
    { act: "document.querySelector('main').scrollTop = 1_000_000", selector: rowOf(25_000) }
  ]),
  limit: 100
})
const choose = (status: string) => {
  const field = "document.querySelector('.field-status select')"
  return `set(${field}, '${status}'); ${field}.dispatchEvent(new Event('change', { bubbles: true }))`
}
const fill = (name: string, text: string) => {
  const field = `document.querySelector('.field-${name} input')`
  return `set(${field}, '${text}'); ${field}.dispatchEvent(new Event('input', { bubbles: true })); ` +
    `queueMicrotask(() => press(${field}, 'Enter'))`
}
const ofSize = (rows: number) => `.table:not(.is-old)[aria-rowcount="${rows + 1}"]`
const count = (matches: (run: ReturnType<typeof Stories.many>[number]) => boolean) =>
  Stories.many(most).filter(matches).length
report({
  what: `filters of ${most.toLocaleString("en")} runs`,
  ...await actsOn(browser, all, [
    { act: choose("failed"), selector: ofSize(count(({ status }) => status === "failed")) },
    { act: choose(""), selector: ofSize(most) },
    { act: fill("flow", "flow-3"), selector: ofSize(count(({ flow }) => flow!.includes("flow-3"))) },
    { act: fill("flow", ""), selector: ofSize(most) },
    { act: fill("text", "run-0499"), selector: ofSize(count(({ id }) => id.includes("run-0499"))) },
    { act: fill("text", ""), selector: ofSize(most) }
  ]),
  limit: 100
})
await all.stop()

/** A studio of runs of one flow. A server has their traces: making them of the script takes longer than all the rest. */
const startLarge = (...runs: ReadonlyArray<ScriptedRun>) =>
  startStudio({
    runs,
    source: (scripted) => {
      const stored = new Map(
        runs.map(({ flow, id }) => [id, Effect.runSync(Effect.cached(scripted.run(flow!, id)))])
      )
      return { ...scripted, run: (_, id) => stored.get(id)! }
    }
  })

const large = Stories.loop(10_000)
const one = await startLarge(large)
report({
  what: "a run of 10,000 steps",
  ...await untilShown(browser, one, runPath(large), ".step.is-selected .bar", "/api/run?"),
  limit: 1_000
})
await one.stop()

const [before, after] = [Pairs.long(10_000, "a", 7_345), Pairs.long(10_000, "b", 7_345)]
const two = await startLarge(before, after)
report({
  what: "two runs of 10,000 steps, to the place where they part",
  ...await untilShown(
    browser,
    two,
    comparePath(before, after),
    ".lrow.is-parting",
    "/api/diff?"
  ),
  limit: 1_000
})
await two.stop()

const huge = Stories.huge(10_000_000)
const heavy = await startStudio({ runs: [huge] })
const heavyTasks = await tasksWhile(browser, heavy, runPath(huge), async (page) => {
  const output = page.getByRole("region", { name: "Output of read" })
  await output.getByRole("button", { name: "Search output of read" }).click()
  await output.getByRole("searchbox").fill("\"row\":99998")
  await output.getByRole("button", { name: /^row 99998$/ }).waitFor()
})
report({
  what: "longest task while 10 MB of JSON open and are searched",
  ms: quantile(heavyTasks.map(({ wall }) => wall), 1),
  limit: 250,
  note: noteOf(heavyTasks)
})
await heavy.stop()
await browser.close()

process.exitCode = figures.every(({ limit, ms }) => ms <= limit) ? 0 : 1
