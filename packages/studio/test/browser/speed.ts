/**
 * How fast the page is, in Chromium: prints a table, and exits with 1 if a figure is over its limit.
 *
 *     node --conditions=@effect-noukai/source --import tsx packages/studio/test/browser/speed.ts
 */
import { Effect, Fiber } from "effect"
import type { Browser } from "playwright-core"
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

/** The time from the navigation until an element is drawn, by the clock of the page. */
const untilShown = async (browser: Browser, studio: Parameters<typeof openPage>[1], path: string, selector: string) => {
  const times: Array<number> = []
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
    await opened[Symbol.asyncDispose]()
  }
  return median(times)
}

/** The durations of the tasks of the page's main thread, from a trace of Chromium. */
const tasksWhile = async (
  browser: Browser,
  studio: Parameters<typeof openPage>[1],
  path: string,
  work: () => Promise<void>
) => {
  const opened = await openPage(browser, studio, path)
  const { page } = opened
  await page.locator(".row-link").first().waitFor()
  await browser.startTracing(page, {
    categories: ["toplevel", "__metadata", "disabled-by-default-devtools.timeline", "devtools.timeline"]
  })
  await work()
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as {
    readonly traceEvents: ReadonlyArray<
      {
        readonly name: string
        readonly pid: number
        readonly tid: number
        readonly ph: string
        readonly dur?: number
        readonly args?: { readonly name?: string }
      }
    >
  }
  await opened[Symbol.asyncDispose]()
  const threads = traceEvents.filter(({ args, name, ph }) =>
    ph === "M" && name === "thread_name" && args?.name === "CrRendererMain"
  )
  const isMain = ({ pid, tid }: { readonly pid: number; readonly tid: number }): boolean =>
    threads.some((thread) => thread.pid === pid && thread.tid === tid)
  return traceEvents.filter((event) =>
    event.ph === "X" && event.name === "RunTask" && isMain(event) && event.dur !== undefined
  )
    .map(({ dur }) => dur! / 1_000)
    .sort((one, other) => one - other)
}

const secondsOfArrivals = 10

await setup()
const browser = await launch()
const figures: Array<Figure> = []
const many = await startStudio({ runs: Stories.many(10_000) })
figures.push({
  what: "first rows of 10,000 runs",
  ms: await untilShown(browser, many, "/runs", ".row-link"),
  limit: 1_000
})

const arriving = Effect.runFork(Stories.arriving(many.scripted, 100))
const tasks = await tasksWhile(browser, many, "/runs", () => Effect.runPromise(Effect.sleep(secondsOfArrivals * 1_000)))
await Effect.runPromise(Fiber.interrupt(arriving))
// idle turns of the loop are tasks, too: those that do something count
const busy = tasks.filter((ms) => ms >= 1)
figures.push({
  what: "tasks with 100 new runs a second, 95th percentile",
  ms: busy[Math.floor(busy.length * 0.95)] ?? 0,
  limit: 50,
  note: `${busy.length} tasks of at least 1 ms in ${secondsOfArrivals} s, longest ${busy.at(-1)?.toFixed(1)} ms`
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
  ms: await untilShown(browser, one, runPath(large), ".step.is-selected .bar"),
  limit: 1_000
})
await one.stop()
await browser.close()

for (const { limit, ms, note, what } of figures) {
  console.log(
    `${ms <= limit ? "ok  " : "over"} ${what}: ${ms.toFixed(1)} ms (limit ${limit} ms)${
      note === undefined ? "" : `; ${note}`
    }`
  )
}
process.exitCode = figures.every(({ limit, ms }) => ms <= limit) ? 0 : 1
