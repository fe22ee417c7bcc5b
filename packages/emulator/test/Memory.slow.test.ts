import { make } from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { heap } from "../../sdk/test/support/heap.js"
import { size } from "../../sdk/test/support/size.js"
import type { RequestEntry } from "../src/EmulatorLedger.js"
import * as FaultRules from "../src/internal/faults/faultRules.js"
import * as Flows from "../src/internal/flow/flows.js"
import * as Ledger from "../src/internal/store/ledger.js"
import { clientOf } from "./client.js"
import { receiver } from "./support/receiver.js"

/** So many that what is kept, 10,000 of each, is there after the first third of them. */
const rounds = size(60_000, 30_000)

/** The growth of the heap after the first third of the rounds. */
const growth = (work: (round: number) => void, rounds: number): number => {
  for (let round = 0; round < rounds / 3; round++) work(round)
  const before = heap()
  for (let round = rounds / 3; round < rounds; round++) work(round)
  return heap() - before
}

/** Less than a hundred bytes for each round. */
const slack = (rounds: number) => 50 * rounds + 500_000

const request = (number: number, more: Partial<RequestEntry> = {}): Omit<RequestEntry, "receivedAt"> => ({
  id: `req-${number}`,
  connection: 1,
  method: "GET",
  target: `/api/v1/seq/noukai/samples/hello-world/jobs/${number}`,
  endpoint: "pollJob",
  flow: "noukai/samples/hello-world",
  headers: { authorization: "Bearer ***", host: `127.0.0.1:${number}` },
  body: "",
  bodyBytes: 0,
  status: 404,
  responseBytes: 0,
  responseEvents: 0,
  outcome: "open",
  ...more
})

describe("memory, a slice of npm run test:memory", () => {
  it("the ledger keeps no more of requests without a body, ended or not", () => {
    const ledger = Ledger.make(() => 0)
    const grown = growth((round) => {
      const entry = ledger.requestReceived(request(round))
      if (round % 2 === 0) ledger.requestEnded(entry, "complete")
    }, rounds)
    assert.isBelow(grown, slack(rounds))
    const { requests, requestsReceived } = ledger.snapshot()
    assert.strictEqual(requestsReceived, rounds)
    assert.deepStrictEqual([requests.length, requests.at(0)!.id, requests.at(-1)!.id], [
      10_000,
      `req-${rounds - 10_000}`,
      `req-${rounds - 1}`
    ])
  })

  it("the ledger keeps no more of runs, steps and connections", () => {
    const ledger = Ledger.make(() => 0)
    const grown = growth((round) => {
      const connection = ledger.connectionOpened()
      const run = ledger.runStarted({
        executionId: `run ${round}`,
        flow: "a/b/c",
        flowId: "fl",
        trigger: "execute",
        status: "running"
      })
      const step = ledger.stepStarted(run, {
        executionId: run.executionId,
        stepId: "a",
        stepIndex: 0,
        attempt: 1
      })
      ledger.announceStep(step)
      ledger.runEnded(run, "completed")
      ledger.connectionClosed(connection, "client")
    }, rounds)
    assert.isBelow(grown, slack(rounds))
    const { connections, runs, steps } = ledger.snapshot()
    assert.deepStrictEqual([connections.length, runs.length, steps.length], [10_000, 10_000, 10_000])
  })

  it("the ledger keeps 16 MiB of targets and headers, and 64 MiB of bodies: of the newest", () => {
    const ledger = Ledger.make(() => 0)
    for (let round = 0; round < 5_000; round++) {
      ledger.requestReceived(request(round, { headers: { "x-large": "x".repeat(10_000) } }))
    }
    const heads = ledger.snapshot().requests
    assert.isBelow(heads.length, 1_700)
    assert.isAbove(heads.length, 1_500)
    assert.strictEqual(heads.at(-1)!.id, "req-4999")
    ledger.reset()
    const body = "y".repeat(1024 * 1024)
    for (let round = 0; round < 100; round++) ledger.requestReceived(request(round, { body, bodyBytes: body.length }))
    const { requests } = ledger.snapshot()
    assert.strictEqual(requests.length, 100)
    assert.deepStrictEqual(requests.map((entry) => entry.body === ""), Array.from({ length: 100 }, (_, at) => at < 36))
  })

  it("faults that are used up, and flows that were removed, are not kept", () => {
    const few = size(60_000, 9_000)
    const faults = FaultRules.make([], 1)
    const flows = Flows.make([])
    const grown = growth((round) => {
      faults.add([{ script: ["503"] }, { match: { endpoint: "step", nth: 1 }, script: ["503"] }])
      faults.take(undefined, "step", undefined)
      faults.take(undefined, "step", undefined)
      const ref = `a/b/f${round}`
      flows.put({ ref, steps: [{ kind: "template", id: "a", output: 1 }] })
      flows.resolve({ org: "a", project: "b", slug: `f${round}`, version: undefined })
      flows.remove(ref)
    }, few)
    assert.isBelow(grown, slack(few))
    assert.strictEqual(faults.list().length, 0)
    assert.strictEqual(flows.count(), 0)
  })
})

it.scopedLive("webhooks that wait for their turn hold no more after many turns", () =>
  Effect.gen(function*() {
    const jobs = 600
    let answer = () => {}
    const all = new Promise<void>((resolve) => answer = resolve)
    const heaps: Array<number> = []
    const to = yield* receiver(async () => {
      await all
      if (to.received.length === jobs / 5 || to.received.length === jobs / 2) heaps.push(heap())
      return 204
    })
    const { apiKey, baseUrl } = yield* make({ webhooks: { secret: "whsec_of_this_test", allow: [to.origin] } })
    const client = clientOf(baseUrl, apiKey)
    const body = { message: "hi", callbackUrl: `${to.origin}/hooks` }
    for (let sent = 0; sent < jobs; sent += 100) {
      yield* Effect.promise(() =>
        Promise.all(Array.from({ length: 100 }, () => client.post("/seq/noukai/samples/hello-world/jobs", body)))
      )
    }
    answer()
    yield* to.until(jobs)
    assert.isBelow(heaps.at(-1)! - heaps[0]!, 10_000_000)
  }))
