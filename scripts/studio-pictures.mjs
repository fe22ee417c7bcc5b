/**
 * Takes the pictures of `docs/guides/studio.md`, of runs that are scripted, in Chromium.
 *
 *     npm run pictures
 */
import { Effect, Option } from "effect"
import { join } from "node:path"
import { comparePath, launch, openPage, runPath, startStudio } from "../packages/studio/test/browser/studioPage.js"
import * as Forms from "../packages/studio/test/support/forms.js"
import * as Ledgers from "../packages/studio/test/support/ledgers.js"
import * as Pairs from "../packages/studio/test/support/pairs.js"
import * as Reconcilers from "../packages/studio/test/support/reconcilers.js"
import * as ScriptedEmulator from "../packages/studio/test/support/scriptedEmulator.js"
import * as Stories from "../packages/studio/test/support/stories.js"
import { root } from "./workspace.mjs"

const server = Reconcilers.make()
const findings = Reconcilers.findings(1, 1_200)

const views = [
  {
    name: "studio-runs",
    path: "/runs",
    ready: async (page) => {
      await page.locator(".row-link").first().waitFor()
      await page.locator("canvas").first().waitFor()
    }
  },
  {
    name: "studio-run",
    path: runPath(Stories.failed),
    ready: (page) => page.locator(".payload-input .json").first().waitFor()
  },
  {
    name: "studio-zoom",
    path: runPath(Stories.chain, "?from=4000&to=12000&path=critical"),
    ready: (page) => page.locator(".payload-output .json").first().waitFor(),
    height: 600
  },
  {
    name: "studio-session",
    path: `/sessions/${Stories.conversationId}?idle=folded`,
    ready: (page) => page.locator(".axis-fold").first().waitFor({ state: "attached" })
  },
  {
    name: "studio-batch",
    path: "/batches/2026/june/shop.ledger/orders",
    ready: (page) => page.locator(".lrows .row-link").first().waitFor()
  },
  {
    name: "studio-eval",
    path: "/evals/evals/grade.ledger/grades/2026-06-07T09-30",
    ready: (page) => page.locator(".lrows .row-link").first().waitFor()
  },
  {
    name: "studio-case",
    path: "/evals/evals/grade.ledger/grades/2026-06-07T09-30?case=case-007",
    ready: async (page) => {
      await page.getByRole("group", { name: "Output of draft" }).waitFor()
      await page.getByRole("region", { name: "Outcomes of the checks" }).evaluate((element) => element.scrollIntoView())
    },
    height: 560
  },
  {
    name: "studio-compare",
    path: comparePath(Pairs.before, Pairs.after),
    ready: (page) => page.locator(".marked").first().waitFor(),
    height: 1_000
  },
  {
    name: "studio-again",
    path: `/again?flow=acme/spelling/grade-3&id=${Stories.completed.id}`,
    ready: (page) => page.getByRole("region", { name: "Command" }).waitFor()
  },
  {
    name: "studio-keep",
    path: `/keep?session=${Forms.keptId}&paths=**.email`,
    ready: (page) => page.getByText("Names of the fields").waitFor()
  },
  {
    name: "studio-reconcile",
    path: "/reconcile/2026/june/shop.ledger/orders-may",
    ready: async (page) => {
      await page.getByRole("button", { name: "Read 1,200 rows" }).click()
      while (server.readers() === 0) await page.waitForTimeout(20)
      await server.push(...findings)
      await server.end()
      await page.getByText("All rows were read.").waitFor()
    }
  },
  {
    name: "studio-numbers",
    path: "/numbers",
    ready: (page) => page.getByRole("group", { name: "Numbers by version and day" }).waitFor(),
    height: 560
  },
  // the last one: faults are on for all views that follow
  {
    name: "studio-faults",
    path: "/emulator/faults",
    ready: async (page) => {
      await page.getByRole("checkbox", { name: /^503/ }).check()
      await page.getByRole("checkbox", { name: /^reset:late/ }).check()
      await page.getByRole("button", { name: "Switch on" }).click()
      await page.getByRole("heading", { name: "Faults are on" }).waitFor()
      await page.getByRole("status").filter({ hasText: "Faults are on." }).first().waitFor()
      // the confirmation leaves
      await page.locator(".notice.is-shown").waitFor({ state: "detached" })
    },
    height: 760
  }
]

const ledgers = Ledgers.make({
  batches: [
    Ledgers.batchOf({ ledger: "2026/june/shop.ledger", settled: 700 }),
    {
      ...Ledgers.batchOf({ ledger: "2026/june/shop.ledger", batch: "orders-may" }),
      expected: findings.map(({ expected }) => expected)
    }
  ],
  evals: [Ledgers.evalOf({ repeat: 1 })]
})
const studio = await startStudio({
  // no picture begins a run
  runner: { run: () => Effect.never },
  runs: [
    Stories.completed,
    ...Forms.kept,
    Pairs.before,
    Pairs.after,
    ...Stories.spread,
    ...Stories.conversation,
    Stories.chain,
    Stories.failed
  ],
  source: (source) => ({
    ...source,
    flow: () => Effect.succeed(Option.some(Forms.facts)),
    reconciler: server.reconciler
  }),
  emulator: ScriptedEmulator.make().service,
  ledgers: ledgers.service
})
const browser = await launch()
for (const { height = 720, name, path, ready } of views) {
  const opened = await openPage(browser, studio, path, { viewport: { width: 1280, height } })
  await ready(opened.page)
  await opened.page.screenshot({ path: join(root, "docs/guides", `${name}.png`) })
  await opened[Symbol.asyncDispose]()
}
await browser.close()
await studio.stop()
