/**
 * How fast the page is, in Chromium: prints a table, and exits with 1 if a figure is over its limit.
 *
 *     npm run bench:studio
 */
import { Effect, Fiber } from "effect"
import type { Browser, Page } from "playwright-core"
import * as Stories from "../support/stories.js"
import { setup } from "./builtPage.js"
import { launch, openPage, runPath, startStudio } from "./studioPage.js"

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
  readonly pid: number
  readonly tid: number
  readonly ph: string
  readonly dur?: number
  readonly tdur?: number
  readonly args?: { readonly name?: string }
}

/** The tasks of the page's main thread of at least 1 ms, from a trace of Chromium: wall time and processor time in ms. */
const tasksWhile = async (
  browser: Browser,
  studio: Parameters<typeof openPage>[1],
  path: string,
  work: (page: Page) => Promise<void>
) => {
  const opened = await openPage(browser, studio)
  const { page } = opened
  await page.locator(".row-link").first().waitFor()
  await browser.startTracing(page, {
    categories: ["toplevel", "__metadata", "disabled-by-default-devtools.timeline", "devtools.timeline"]
  })
  if (path !== "/runs") await page.goto(studio.origin + path)
  await work(page)
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as {
    readonly traceEvents: ReadonlyArray<Event>
  }
  await opened[Symbol.asyncDispose]()
  const threads = traceEvents.filter(({ args, name }) => name === "thread_name" && args?.name === "CrRendererMain")
  return traceEvents.filter((event) =>
    event.ph === "X" && event.name === "RunTask" && (event.dur ?? 0) >= 1_000 &&
    threads.some(({ pid, tid }) => pid === event.pid && tid === event.tid)
  ).map(({ dur, tdur }) => ({ wall: dur! / 1_000, processor: (tdur ?? 0) / 1_000 }))
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
const many = await startStudio({ runs: Stories.many(10_000) })
figures.push({
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
figures.push({
  what: `tasks in ${secondsOfArrivals} s with 100 new runs a second, 95th percentile`,
  ms: quantile(tasks.map(({ wall }) => wall), 0.95),
  limit: 50,
  note: noteOf(tasks)
})
await many.stop()

const large = Stories.loop(10_000)
// a server has the trace of a run: making it of the script takes longer than all the rest
const one = await startStudio({
  runs: [large],
  source: (scripted) => {
    const run = Effect.runSync(Effect.cached(scripted.run(large.flow!, large.id)))
    return { ...scripted, run: () => run }
  }
})
figures.push({
  what: "a run of 10,000 steps",
  ...await untilShown(browser, one, runPath(large), ".step.is-selected .bar", "/api/run?"),
  limit: 1_000
})
await one.stop()

const huge = Stories.huge(10_000_000)
const heavy = await startStudio({ runs: [huge] })
const heavyTasks = await tasksWhile(browser, heavy, runPath(huge), async (page) => {
  const output = page.getByRole("region", { name: "Output of read" })
  await output.getByRole("button", { name: "Search output of read" }).click()
  await output.getByRole("searchbox").fill("\"row\":99998")
  await output.getByRole("button", { name: /^row 99998$/ }).waitFor()
})
figures.push({
  what: "longest task while 10 MB of JSON open and are searched",
  ms: quantile(heavyTasks.map(({ wall }) => wall), 1),
  limit: 250,
  note: noteOf(heavyTasks)
})
await heavy.stop()
await browser.close()

for (const { limit, ms, note, what } of figures) {
  console.log(
    `${ms <= limit ? "ok  " : "over"} ${what}: ${ms.toFixed(1)} ms (limit ${limit} ms)${
      note === undefined ? "" : `; ${note}`
    }`
  )
}
process.exitCode = figures.every(({ limit, ms }) => ms <= limit) ? 0 : 1
