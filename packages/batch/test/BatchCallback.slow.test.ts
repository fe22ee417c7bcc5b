/** Webhooks of batches that are late, doubled, lost, out of order or forged, and processes that are killed. */
import { Batch, BatchEngine, BatchStore } from "@effect-noukai/batch"
import { runBatch } from "@effect-noukai/batch/promise"
import { Emulator, startEmulator } from "@effect-noukai/emulator"
import * as Emulators from "@effect-noukai/emulator/Emulator"
import { NoukaiHttp, NoukaiRecord, NoukaiReplay } from "@effect-noukai/sdk"
import * as Webhook from "@effect-noukai/sdk/Webhook"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Redacted } from "effect"
import { join } from "node:path"
import { receiver } from "../../emulator/test/support/receiver.js"
import { folder } from "../../sdk/test/support/folder.js"
import { freePort } from "./fleet/support/freePort.js"
import * as Programs from "./fleet/support/programs.js"
import { collect, flows, ledgerFile, numbered, requestsTo, type Row } from "./support/batches.js"
import { handling, hooked, Hooks, layerHooked, long, secret } from "./support/webhooks.js"

const said = (count: number) =>
  Array.from({ length: count }, (_, n) => [`row ${n + 1}`, "done", { said: `row ${n + 1}` }] as const)

/** Fails unless each row of the batch has one run, and its result. */
const isWhole = (id: string, count: number) =>
  Effect.gen(function*() {
    const rows = yield* collect(Batch.results(id))
    assert.deepStrictEqual(rows.map(({ key, result, state }) => [key, state, result] as const), said(count))
    const emulator = yield* Emulator
    const { runs } = yield* emulator.ledger
    assert.deepStrictEqual(
      [runs.length, new Set(runs.map(({ sessionId }) => sessionId)).size],
      [count, count]
    )
    assert.sameMembers(rows.map(({ executionId }) => executionId), runs.map(({ executionId }) => executionId))
  })

const polls = Effect.map(requestsTo("pollJob"), (all) => all.length)

/** Rules of faults for so many webhooks. */
const webhook = (fault: (n: number) => string, count: number) => [{
  match: { endpoint: "webhook" as const },
  script: Array.from({ length: count }, (_, n) => fault(n)) as [string, ...Array<string>]
}]

describe("a batch loses nothing where its webhooks are", () => {
  for (
    const [fault, each] of [
      ["late:400", 1],
      ["twice", 1],
      ["reorder", 1],
      ["drop", 1],
      ["signature", 1],
      ["old", 1],
      ["changed", 1]
    ] as const
  ) {
    it.live(fault, () =>
      Effect.gen(function*() {
        const { nudges, refused, url } = yield* Hooks
        const summary = yield* Batch.run(hooked("faults", { url, nudges }), numbered(12))
        assert.deepStrictEqual([summary.status, summary.states.done], ["completed", 12])
        yield* isWhole("faults", 12)
        assert.strictEqual(yield* polls, 12 * each)
        const code = { signature: "WRONG_SIGNATURE", changed: "WRONG_SIGNATURE", old: "TOO_OLD" }[fault as string]
        if (code === undefined) assert.deepStrictEqual(refused, [])
        else assert.deepStrictEqual([...new Set(refused)], [code])
      }).pipe(Effect.provide(layerHooked({ faults: webhook(() => fault, 12) }))))
  }
})

describe("a batch of many jobs", () => {
  // 10,000 take 150 seconds
  const count = Number(process.env.BATCH_ROWS ?? "1000")

  it.live(
    "with every fourth webhook lost does each row once, with about a poll for each",
    () =>
      Effect.gen(function*() {
        const { nudges, url } = yield* Hooks
        const summary = yield* Batch.run(hooked("many", { url, nudges }), numbered(count), {
          concurrency: 200,
          adopt: false
        })
        assert.deepStrictEqual([summary.status, summary.states.done], ["completed", count])
        const emulator = yield* Emulator
        const lost = (yield* emulator.webhooks).filter(({ status }) => status === "not_sent").length
        assert.strictEqual(lost, count / 4)
        yield* isWhole("many", count)
        const { requestsReceived, runsStarted } = yield* emulator.totals
        assert.strictEqual(runsStarted, count)
        // the others are the submissions, and one look at the session of the first row
        const made = requestsReceived - count - 1
        assert.isAtLeast(made, count)
        assert.isAtMost(made, count * 1.3)
      }).pipe(Effect.provide(layerHooked({
        faults: webhook((n) => n % 4 === 3 ? "drop" : "ok", count),
        limits: { runs: 1_000_000, runBytes: 2 ** 31 }
      }))),
    600_000
  )
})

it.live("a process that hears of no webhook of 20 jobs says so once, and polls as before", () => {
  const warnings: Array<string> = []
  const logger = Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ logLevel, message }) => {
      if (logLevel.label === "WARN") warnings.push(String(message))
    })
  )
  return Effect.gen(function*() {
    const { nudges, url } = yield* Hooks
    const batch = hooked("deaf", { url: `${url}?token=t`, nudges }, long.ref)
    const summary = yield* Batch.run(batch, numbered(45), { concurrency: 20 })
    assert.strictEqual(summary.states.done, 45)
    yield* isWhole("deaf", 45)
    assert.deepStrictEqual(warnings, [
      `no webhook reaches ${url}: 20 jobs have ended without one, so jobs are polled from now on`
    ])
    // the last 5 begin after the 20th has ended, and have several each
    assert.isAtLeast(yield* polls, 40 + 5 * 3)
  }).pipe(Effect.provide([layerHooked({ faults: webhook(() => "drop", 45) }), logger]))
})

it.live("a replay waits for no webhook", () =>
  Effect.gen(function*() {
    const { nudges, url } = yield* Hooks
    let waits = 0
    const counted: Webhook.Nudges = {
      ...nudges,
      wait: (job, signal) => {
        waits++
        return nudges.wait(job, signal)
      }
    }
    const ledger = () =>
      Layer.merge(
        Layer.unwrapScoped(Effect.map(ledgerFile, (path) => BatchStore.layerFile(path))),
        BatchEngine.layerLocal
      )
    const path = join(yield* folder, "batch.json")
    const http = yield* NoukaiHttp
    const run = Effect.gen(function*() {
      const { states } = yield* Batch.run(hooked("taped", { url, nudges: counted }), numbered(8))
      return { states, rows: (yield* collect(Batch.results("taped"))).map(({ key, result }) => ({ key, result })) }
    })
    const recorded = yield* Effect.provide(run, [
      ledger(),
      NoukaiRecord.toFile(path, { mode: "all", live: Layer.succeed(NoukaiHttp, http) })
    ])
    assert.isAtLeast(waits, 8)
    waits = 0
    assert.deepStrictEqual(yield* Effect.provide(run, [ledger(), NoukaiReplay.fromFile(path)]), recorded)
    assert.strictEqual(waits, 0)
  }).pipe(Effect.scoped, Effect.provide(layerHooked())))

it.scopedLive("a batch of Promises waits for webhooks, and refuses a wrong one", () =>
  Effect.gen(function*() {
    const inbox = Webhook.nudges()
    const to = yield* receiver(handling(inbox))
    const emulator = yield* Effect.acquireRelease(
      Effect.promise(() => startEmulator({ flows: [long], webhooks: { secret, allow: [to.origin] } })),
      (emulator) => Effect.promise(() => emulator.close())
    )
    const options = {
      id: "promises",
      flow: long.ref,
      ledger: yield* ledgerFile,
      apiKey: emulator.apiKey,
      env: "dev" as const,
      port: emulator.port,
      source: [{ id: "1" }, { id: "2" }],
      key: (row: Row) => row.id,
      input: (row: Row) => ({ message: row.id })
    }
    const run = (more: object) => Effect.tryPromise(() => runBatch({ ...options, ...more }))
    for (
      const [more, field] of [
        [{ callback: { url: "hooks" } }, "callback.url"],
        [{ callback: { url: to.origin, nudge: inbox } }, "callback.nudge"],
        [{ callback: { url: to.origin }, operation: "execute" }, "callback"]
      ] as const
    ) assert.deepInclude((yield* Effect.flip(run(more))).cause, { _tag: "InvalidBatchError", field })
    const { states } = yield* run({ callback: { url: `${to.origin}/hooks`, nudges: inbox } })
    assert.strictEqual(states.done, 2)
    assert.strictEqual(emulator.ledger().requests.filter(({ endpoint }) => endpoint === "pollJob").length, 2)
  }))

it.scopedLive(
  "a process that is killed between a delivery and its poll leaves its rows to the next one",
  () =>
    Effect.gen(function*() {
      const port = yield* freePort
      const rows = 12
      return yield* Effect.gen(function*() {
        const { apiKey, baseUrl } = yield* Emulator
        const program = yield* Programs.bundled(new URL("./support/batchHooked.ts", import.meta.url))
        const ledger = yield* ledgerFile
        const start = (mode: "deaf" | "hears") =>
          Programs.start(program, [baseUrl, ledger, `${rows}`, `${port}`, mode], {
            NOUKAI_API_KEY: Redacted.value(apiKey)
          })
        const first = yield* start("deaf")
        yield* first.awaitOutput(`delivered ${rows / 2}`)
        yield* first.signal("SIGKILL")
        yield* first.ended
        const emulator = yield* Emulator
        const taken = (yield* emulator.webhooks).filter(({ status }) => status === "delivered").length
        assert.isAtLeast(taken, rows / 2)
        const second = yield* start("hears")
        yield* second.awaitOutput("summary ")
        yield* Effect.provide(isWhole("hooked", rows), BatchStore.layerFileReadOnly(ledger))
      }).pipe(Effect.provide(
        Emulators.layer({
          flows: flows!,
          jobs: { workers: 4 },
          webhooks: { secret, allow: [`http://127.0.0.1:${port}`] }
        })
      ))
    }),
  120_000
)
