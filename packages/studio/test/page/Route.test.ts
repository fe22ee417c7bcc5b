/** The addresses of the views. */
import { assert, it } from "@effect/vitest"
import {
  againRoute,
  batchesRoute,
  batchRoute,
  compareRoute,
  emulatorRoute,
  evalRoute,
  evalsRoute,
  hrefOf,
  keepRoute,
  numbersRoute,
  parseRoute,
  reconcileRoute,
  type Route,
  runRoute,
  runsRoute,
  sessionRoute
} from "../../page/src/route.js"

const hostile = "a/b ?#%&=\u202e<img>\u0000é"

const batch = batchRoute({ ledger: "2026/june/shop.ledger", batch: "orders" })
const run = evalRoute({ ledger: "a.ledger", eval: "grades", run: "2026-06-07T09-30" })

const before = { flow: "acme/spelling/grade-3", id: "run-1" }
const pair = compareRoute({ before, after: { flow: "acme/spelling/grade-4", id: "run-2" } })

const routes: { readonly [address: string]: Route } = {
  "/runs": runsRoute(),
  "/runs?flow=acme&status=failed": runsRoute({ flow: "acme", status: "failed" }),
  "/runs/acme/spelling/grade-3/run-1": runRoute({ flow: "acme/spelling/grade-3", id: "run-1" }),
  "/sessions/5e55": sessionRoute("5e55"),
  "/batches": batchesRoute,
  "/batches/2026/june/shop.ledger/orders": batch,
  "/batches/2026/june/shop.ledger/orders?state=failed&key=a*&after=50&row=a-7": {
    ...batch,
    filter: { state: "failed", key: "a*" },
    page: { after: 50 },
    row: "a-7"
  },
  "/batches/2026/june/shop.ledger/orders?error=Refused+VALIDATION&before=51": {
    ...batch,
    filter: { error: "Refused VALIDATION" },
    page: { before: 51 }
  },
  "/batches/2026/june/shop.ledger/orders?page=last": { ...batch, page: "last" },
  "/evals": evalsRoute,
  "/evals/a.ledger/grades/2026-06-07T09-30": run,
  "/evals/a.ledger/grades/2026-06-07T09-30?verdict=fixed&check=tone&offset=50&case=c": {
    ...run,
    filter: { check: "tone", verdict: "fixed" },
    offset: 50,
    case: "c"
  },
  "/numbers": numbersRoute({}),
  "/numbers/bill?flow=answer&from=1000": numbersRoute({ flow: "answer", from: 1_000 }, "bill"),
  "/again?flow=acme%2Fspelling%2Fgrade-3&id=run-1&at=grade": {
    ...againRoute({ flow: "acme/spelling/grade-3", id: "run-1" }),
    at: "grade"
  },
  "/again?flow=acme%2Fspelling%2Fgrade-3": againRoute({ flow: "acme/spelling/grade-3", id: undefined }),
  "/again?flow=acme%2Fspelling%2Fgrade-3&id=run-1&started=5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01": {
    ...againRoute(before),
    started: "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
  },
  "/keep?session=5e55": keepRoute("5e55"),
  "/keep?session=5e55&paths=**.email&patterns=a%2Bb&format=csv&fields=message%3Dtext&header=id%2Ctext": {
    ...keepRoute("5e55"),
    paths: "**.email",
    patterns: "a+b",
    format: "csv",
    fields: "message=text",
    header: "id,text"
  },
  "/compare": compareRoute({}),
  "/compare?beforeFlow=acme%2Fspelling%2Fgrade-3&before=run-1&show=all": { ...compareRoute({ before }), show: "all" },
  "/compare?beforeFlow=acme%2Fspelling%2Fgrade-3&before=run-1&afterFlow=acme%2Fspelling%2Fgrade-4&after=run-2": pair,
  "/compare?beforeFlow=acme%2Fspelling%2Fgrade-3&before=run-1&afterFlow=acme%2Fspelling%2Fgrade-4&after=run-2&show=moved&find=an&step=12":
    { ...pair, show: "moved", find: "an", step: { at: 12 } },
  "/compare?beforeFlow=acme%2Fspelling%2Fgrade-3&before=run-1&afterFlow=acme%2Fspelling%2Fgrade-4&after=run-2&was=3": {
    ...pair,
    step: { was: 3 }
  },
  "/compare?beforeFlow=acme%2Fspelling%2Fgrade-3&before=run-1&afterFlow=acme%2Fspelling%2Fgrade-4&after=run-2&step=none":
    { ...pair, step: "none" },
  "/reconcile/2026/june/shop.ledger/orders?show=paid-twice": {
    ...reconcileRoute({ ledger: "2026/june/shop.ledger", batch: "orders" }),
    show: "paid-twice"
  },
  "/emulator": emulatorRoute
}

const parsed = (address: string): Route => parseRoute(new URL(address, "http://127.0.0.1"))

it("every state has one address, and every address one state", () => {
  for (const [address, route] of Object.entries(routes)) {
    assert.strictEqual(hrefOf(route), address)
    assert.deepStrictEqual(parsed(address), route)
  }
})

it("names may have any characters", () => {
  for (
    const route of [
      batchRoute({ ledger: "a b/ü.ledger", batch: hostile }),
      { ...batchRoute({ ledger: "a.ledger", batch: hostile }), filter: { error: hostile }, row: hostile },
      { ...evalRoute({ ledger: "a.ledger", eval: hostile, run: hostile }), case: hostile },
      sessionRoute(hostile),
      runRoute({ flow: "acme/shop/answer", id: hostile }),
      againRoute({ flow: hostile, id: hostile }),
      { ...keepRoute(hostile), paths: "**.a\nb", patterns: hostile, fields: "message=a=b", header: "id\tü" }
    ]
  ) assert.deepStrictEqual(parsed(hrefOf(route)), route)
})

it("addresses that are cut or wrong lead to the nearest view", () => {
  const nearest = (address: string) => hrefOf(parsed(address))
  assert.strictEqual(nearest("/"), "/runs")
  assert.strictEqual(nearest("/nothing"), "/runs")
  assert.strictEqual(nearest("/sessions"), "/runs")
  assert.strictEqual(nearest("/again?id=run-1"), "/runs")
  assert.strictEqual(nearest("/again?flow=a&started=no+id"), "/again?flow=a")
  assert.strictEqual(nearest("/keep"), "/runs")
  assert.strictEqual(nearest("/batches/a.ledger"), "/batches")
  assert.strictEqual(nearest("/evals/a.ledger/grades"), "/evals")
  assert.strictEqual(nearest("/batches/a.ledger/b?after=x&page=7&state="), "/batches/a.ledger/b")
  assert.strictEqual(nearest("/evals/a/b/c?offset=-1"), "/evals/a/b/c")
})
