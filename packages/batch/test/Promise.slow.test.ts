/** Batches by Promises. */
import {
  BatchConflictError,
  BatchLockedError,
  BatchNotFoundError,
  BatchSourceError,
  InvalidBatchError
} from "@effect-noukai/batch"
import type { Progress } from "@effect-noukai/batch/BatchStatus"
import { batchResults, runBatch } from "@effect-noukai/batch/promise"
import { type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import { AuthenticationError } from "@effect-noukai/promise"
import * as Fs from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { echo, flows, type Row } from "./support/batches.js"

let emulator: RunningEmulator
let folder: string

beforeAll(async () => {
  folder = await Fs.mkdtemp(join(tmpdir(), "noukai-batch-"))
  emulator = await startEmulator({ flows: flows!, jobs: { workers: 16 } })
})

beforeEach(() => emulator.reset())

afterAll(async () => {
  await emulator.close()
  await Fs.rm(folder, { recursive: true, force: true })
})

const common = (id: string, flow = echo) => ({
  id,
  flow,
  ledger: join(folder, `${id}.ledger`),
  apiKey: emulator.apiKey,
  env: "dev" as const,
  port: emulator.port,
  grace: 200,
  key: (row: Row) => row.id,
  input: (row: Row) => ({ message: row.text ?? row.id })
})

const rows = (count: number): ReadonlyArray<Row> => Array.from({ length: count }, (_, n) => ({ id: `row ${n + 1}` }))

const collected = async <A>(results: AsyncIterable<A>) => {
  const all: Array<A> = []
  for await (const result of results) all.push(result)
  return all
}

const rejection = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(() => assert.fail("it did not reject"), (error: unknown) => error)

const runsStarted = () => emulator.ledger().runsStarted

it("repeats runs that failed, and reads and runs the rows that are selected", async () => {
  const batch = common("attempts", "acme/test/fails")
  const options = { ...batch, source: rows(2), attempts: 3, backoff: 1, select: { key: "*1" } }
  const { retries, states, unselected } = await runBatch(options)
  assert.deepStrictEqual([states.failed, retries, unselected, runsStarted()], [1, 2, 1, 3])
  const failed = await collected(batchResults({ ...batch, select: { state: "failed" } }))
  assert.deepStrictEqual(failed.map(({ attempt, key }) => [key, attempt]), [["row 1", 3]])
})

const asRow = (value: unknown): Row => {
  if (typeof value !== "object" || value === null || !("id" in value) || typeof value.id !== "string") {
    throw new Error("it has no id")
  }
  return { id: value.id }
}

describe("runBatch", () => {
  it("runs each row once, and goes on with what is new", async () => {
    const options = common("once")
    const summary = await runBatch({ ...options, source: rows(5) })
    assert.deepStrictEqual([summary.status, summary.states.done, runsStarted()], ["completed", 5, 5])
    const more = await runBatch({ ...options, source: rows(7) })
    assert.deepStrictEqual([more.plan.added, more.states.done, runsStarted()], [2, 7, 7])
    const results = await collected(batchResults(options))
    assert.deepStrictEqual(results.map(({ key, result }) => [key, result]), rows(7).map(({ id }) => [id, { said: id }]))
  })

  it("takes rows of an asynchronous iterable, and a bare slug with the client's organisation and project", async () => {
    async function* source() {
      yield* rows(3)
    }
    const summary = await runBatch({ ...common("async", "echo"), org: "acme", project: "test", source: source() })
    assert.deepStrictEqual([summary.states.done, summary.flow], [3, echo])
  })

  it("reads files by their names, and says which of their rows are none", async () => {
    const [jsonl, csv] = [join(folder, "rows.jsonl"), join(folder, "rows.CSV")]
    await Fs.writeFile(jsonl, "{\"id\":\"a\"}\n{\"text\":\"no id\"}\n{\"id\":\"b\"}\n")
    await Fs.writeFile(csv, "id,text\na,one\nb,two\n")
    const lines = await runBatch({ ...common("lines"), source: jsonl, row: asRow })
    assert.deepStrictEqual([lines.states.done, lines.plan.refused.map(({ at }) => at)], [2, ["rows.jsonl:2"]])
    assert.include(lines.plan.refused[0]!.error.message, "it has no id")
    const wordy = (value: unknown) => {
      if (!("id" in (value as object))) throw new Error("no id:\n  two lines\n")
      return asRow(value)
    }
    const { plan } = await runBatch({ ...common("wordy"), source: jsonl, row: wordy })
    assert.match(plan.refused[0]!.error.message, /no id: two lines$/)
    const records = await runBatch({ ...common("records"), source: csv, row: asRow })
    assert.strictEqual(records.states.done, 2)
  })

  it("runs conversations in requests", async () => {
    const summary = await runBatch({
      ...common("requests"),
      source: rows(2),
      operation: "execute",
      input: ({ id }) => ({ messages: [{ role: "user", content: id }] })
    })
    assert.deepStrictEqual([summary.status, summary.states.done], ["completed", 2])
  })

  it("has no more rows in flight than the fleet may have", async () => {
    const options = common("fleet", "acme/test/slow")
    const refused = await rejection(runBatch({ ...options, source: rows(1), fleetConcurrency: 0 }))
    assert(refused instanceof Error)
    assert.include(refused.message, "fleetConcurrency")
    const summary = await runBatch({ ...options, source: rows(4), fleetConcurrency: 1 })
    assert.strictEqual(summary.states.done, 4)
    const { runs } = emulator.ledger()
    for (const [at, { startedAt }] of runs.slice(1).entries()) assert.isAtLeast(startedAt, runs[at]!.endedAt!)
  })

  it("tells how far it is, and at the end that it is there, whatever the listener throws", async () => {
    const told: Array<Progress> = []
    const onProgress = (progress: Progress) => {
      told.push(progress)
      throw new Error("not heard")
    }
    await runBatch({ ...common("told", "acme/test/slow"), source: rows(40), concurrency: 2, onProgress })
    const last = told[told.length - 1]!
    assert.deepStrictEqual([last.status, last.done, last.rows], ["completed", 40, 40])
    assert.include(told.map(({ status }) => status), "running")
  })

  it("that is aborted finishes what is in flight, rejects with the reason, and goes on later", async () => {
    const options = common("aborted", "acme/test/slow")
    const controller = new AbortController()
    const running = runBatch({ ...options, source: rows(12), concurrency: 3, signal: controller.signal })
    const rejected = rejection(running)
    while (runsStarted() === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    const reason = new Error("enough")
    controller.abort(reason)
    assert.strictEqual(await rejected, reason)
    const states = (await collected(batchResults(options))).map(({ state }) => state)
    assert.deepStrictEqual([...new Set(states)].sort(), ["done", "pending"])
    assert.strictEqual(states.filter((state) => state === "done").length, runsStarted())
    const summary = await runBatch({ ...options, source: rows(12) })
    assert.deepStrictEqual([summary.status, summary.states.done, runsStarted()], ["completed", 12, 12])
    assert.strictEqual(await rejection(runBatch({ ...options, source: rows(13), signal: controller.signal })), reason)
    assert.strictEqual(runsStarted(), 12)
  })

  it("that is aborted does not wait for the next row of an iterable", async () => {
    const options = common("waiting")
    const controller = new AbortController()
    let goOn = () => {}
    let isLeft = false
    const source = async function*(): AsyncGenerator<Row> {
      try {
        yield { id: "row 1" }
        setTimeout(() => controller.abort("enough"))
        await new Promise<void>((resolve) => goOn = resolve)
      } finally {
        isLeft = true
      }
    }
    assert.strictEqual(
      await rejection(runBatch({ ...options, source: source(), signal: controller.signal })),
      "enough"
    )
    assert.isFalse(isLeft)
    goOn()
    await expect.poll(() => isLeft).toBe(true)
  })

  it("rejects as the client does, and with the errors of batches", async () => {
    const options = common("errors")
    const of = (more: object) => rejection(runBatch({ ...options, source: rows(1), ...more }))
    assert.instanceOf(await of({ apiKey: "" }), AuthenticationError)
    for (const wrong of [{ concurrency: 0 }, { ledger: "" }, { source: 7 }, { id: "" }, { key: undefined }]) {
      assert.instanceOf(await of(wrong), InvalidBatchError, JSON.stringify(wrong))
    }
    assert.instanceOf(await of({ source: join(folder, "none.jsonl"), row: asRow }), BatchSourceError)
    const torn = new Error("torn")
    const source = {
      *[Symbol.iterator](): Generator<Row> {
        yield { id: "a" }
        throw torn
      }
    }
    assert.strictEqual(await of({ source }), torn)
    const asynchronous = {
      async *[Symbol.asyncIterator](): AsyncGenerator<Row> {
        yield* source
      }
    }
    assert.strictEqual(await of({ source: asynchronous }), torn)
    assert.strictEqual(runsStarted(), 0)
    await runBatch({ ...options, source: rows(1) })
    assert.instanceOf(await of({ flow: "acme/test/slow" }), BatchConflictError)
  })

  it("is the only one on its ledger", async () => {
    const options = { ...common("locked", "acme/test/slow"), source: rows(2) }
    const first = runBatch(options)
    while (runsStarted() === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.instanceOf(await rejection(runBatch(options)), BatchLockedError)
    assert.strictEqual((await first).states.done, 2)
  })

  it("stops at a key that the server refuses, and says so", async () => {
    emulator.revokeKey("nk_revoked")
    const summary = await runBatch({ ...common("refused"), apiKey: "nk_revoked", source: rows(3), concurrency: 1 })
    assert.deepStrictEqual([summary.status, summary.stop?.reason, summary.states.pending], [
      "incomplete",
      "refused",
      3
    ])
  })
})

describe("batchResults", () => {
  it("gives rows as they settle, to the end of the run, and closes when it is left", async () => {
    const options = common("followed", "acme/test/slow")
    await runBatch({ ...options, source: rows(2) })
    const running = runBatch({ ...options, source: rows(8), concurrency: 2 })
    const seen = new Set<string>()
    while (runsStarted() < 3) await new Promise((resolve) => setTimeout(resolve, 5))
    for await (const { key } of batchResults({ ...options, order: "done", follow: true })) {
      seen.add(key)
      if (seen.size === 3) break
    }
    assert.deepStrictEqual([seen.size, (await running).states.done], [3, 8])
  })

  it("rejects where there is no such batch, and with the reason of its signal", async () => {
    const options = common("absent")
    assert.instanceOf(await rejection(collected(batchResults(options))), BatchNotFoundError)
    await runBatch({ ...options, source: rows(2) })
    const reason = new Error("enough")
    const signal = AbortSignal.abort(reason)
    assert.strictEqual(await rejection(collected(batchResults({ ...options, signal }))), reason)
    const results = batchResults(options)
    await collected(results)
    assert.deepStrictEqual(await results.next(), { done: true, value: undefined })
  })
})
