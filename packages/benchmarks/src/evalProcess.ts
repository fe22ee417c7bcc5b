/**
 * A program of the benchmark of evals, which prints what it took as JSON: `<what> <cases> <ledger> <baseUrl>`. `batch` and
 * `costs` run a batch of as many rows as `eval` has runs, `costs` with the cost of each; `stored` makes a ledger with the
 * runs of so many cases, and `score` judges them.
 */
import { Batch, BatchEngine, BatchSource, BatchStore } from "@effect-noukai/batch"
import { Check, Eval } from "@effect-noukai/eval"
import { Noukai } from "@effect-noukai/sdk"
import { Effect, Layer } from "effect"

const [what, count, ledger, baseUrl] = process.argv.slice(2)

interface Case {
  readonly no: number
  readonly text: string
}

const cases: Iterable<Case> = {
  *[Symbol.iterator]() {
    for (let no = 1; no <= Number(count); no++) yield { no, text: `Grade the text of row ${no}, please.` }
  }
}

const flow = "noukai/samples/echo"

const echoes = Eval.make("bench", {
  flow,
  cases,
  key: ({ no }) => `case-${no}`,
  input: ({ text }) => ({ message: text })
}, {
  equals: Check.equals((one: Case) => one.text, { at: "said" }),
  contains: Check.contains("please", { at: "said" }),
  matches: Check.matches(/row \d+/, { at: "said" }),
  cheap: Check.maxCostUsd("1")
})

const rows = BatchSource.fromIterable<Case>({
  *[Symbol.iterator]() {
    for (const one of cases) for (const side of [1, 2]) yield { ...one, no: one.no * 2 + side }
  }
})

const batch = Batch.make({
  id: "bench",
  flow,
  key: ({ no }: Case) => `row-${no}`,
  input: ({ text }) => ({ message: text })
})

/** Plans the rows of an eval run and stores their results, as if they had run. */
const stored = Effect.gen(function*() {
  yield* Eval.run(echoes, { candidate: "draft", budgetUsd: 0, maxCostPerRow: 1 })
  const { sql } = yield* BatchStore
  yield* sql`
    update noukai_batch_row set state = 'done', result = json_object('said', json_extract(input, '$.message')), cost_usd = '0.001', sent = 1, execution_id = 'run-' || no, duration_ms = 12,
      settled_at = no, settled_no = no`
  yield* sql`update noukai_batch set state = 'ended', stop = null`
  return 0
})

const failing = (message: string) => Effect.dieMessage(message)

const program = Effect.gen(function*() {
  switch (what) {
    case "batch":
    case "costs":
      return (yield* Batch.run(batch, rows, { cost: what === "costs" })).states.done
    case "eval": {
      const { cases, errors } = yield* Eval.run(echoes, { candidate: "draft", baseline: "production" })
      return errors === 0 ? cases : yield* failing(`${errors} errors`)
    }
    case "stored":
      return yield* stored
    default: {
      const { cases, errors, stop } = yield* Eval.score(echoes)
      return errors === 0 && stop === undefined ? cases : yield* failing(`${errors} errors, ${stop}`)
    }
  }
})

const before = process.cpuUsage()
const began = performance.now()
const done = await Effect.runPromise(Effect.provide(
  program,
  Layer.mergeAll(BatchStore.layerFile(ledger!), BatchEngine.layerLocal, Noukai.layer({ baseUrl: baseUrl! }))
))
const { system, user } = process.cpuUsage(before)
process.stdout.write(JSON.stringify({
  done,
  seconds: (performance.now() - began) / 1000,
  cpu: (system + user) / 1_000_000,
  peak: process.resourceUsage().maxRSS / 1024
}))
