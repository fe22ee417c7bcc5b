/** Batches whose jobs call back: a row waits for the webhook of its job, and polls in its place. */
import { Batch, type InvalidBatchError } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import type { CallbackOption } from "@effect-noukai/sdk/JobService"
import { jobKey } from "@effect-noukai/sdk/kit/callback"
import * as Webhook from "@effect-noukai/sdk/Webhook"
import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { rowSession } from "../src/internal/drive/jobRuns.js"
import * as BatchDrive from "../src/internal/drive/running.js"
import { collect, echo, layer, numbered, requestsTo, type Row } from "./support/batches.js"
import { hooked, Hooks, keyOf, layerHooked, long } from "./support/webhooks.js"

const resultsOf = (id: string) =>
  Effect.map(collect(Batch.results(id)), (rows) => rows.map(({ key, result, state }) => ({ key, result, state })))

describe("a batch whose jobs call back", () => {
  it.live("polls each job once, with the results of one that polls", () =>
    Effect.gen(function*() {
      const { nudges, refused, url } = yield* Hooks
      const emulator = yield* Emulator
      const polled = yield* Batch.run(hooked("polled", undefined, long.ref), numbered(30))
      assert.strictEqual(polled.states.done, 30)
      const before = (yield* requestsTo("pollJob")).length
      assert.isAtLeast(before, 60)
      const summary = yield* Batch.run(hooked("hooked", { url, nudges }, long.ref), numbered(30))
      assert.deepStrictEqual([summary.status, summary.states.done], ["completed", 30])
      assert.strictEqual((yield* requestsTo("pollJob")).length - before, 30)
      assert.deepStrictEqual(yield* resultsOf("hooked"), yield* resultsOf("polled"))
      assert.strictEqual((yield* emulator.ledger).runsStarted, 60)
      assert.deepStrictEqual(refused, [])
    }).pipe(Effect.provide(layerHooked())))

  it.live("has the key of a row from its session, so that another process waits for the same one", () =>
    Effect.gen(function*() {
      const { nudges, received, url } = yield* Hooks
      const batch = hooked("keyed", { url: `${url}?token=t`, nudges })
      yield* Batch.run(batch, numbered(3))
      const of = { name: "keyed", flow: echo, version: "production" }
      const keys = yield* Effect.forEach([1, 2, 3], (n) => jobKey(rowSession(of, `row ${n}`, 1)))
      assert.sameMembers(received.map(({ url }) => keyOf(url)), keys)
      assert.isTrue(received.every(({ url }) => url.startsWith("/hooks?token=t&job=")))
    }).pipe(Effect.provide(layerHooked())))

  it.live("polls as usual where this process hears of no webhook", () =>
    Effect.gen(function*() {
      const { received, url } = yield* Hooks
      const summary = yield* Batch.run(hooked("deaf", { url }, long.ref), numbered(4))
      assert.strictEqual(summary.states.done, 4)
      assert.strictEqual(received.length, 4)
      assert.isAtLeast((yield* requestsTo("pollJob")).length, 8)
    }).pipe(Effect.provide(layerHooked())))

  it.live("is the same batch with another address, or none", () =>
    Effect.gen(function*() {
      const { nudges, url } = yield* Hooks
      yield* Batch.run(hooked("same", { url, nudges }), numbered(2))
      for (const callback of [{ url: `${url}/other`, nudges }, undefined]) {
        const { added, known } = yield* Batch.plan(hooked("same", callback), numbered(2))
        assert.deepStrictEqual([added, known], [0, { done: 2 }])
      }
    }).pipe(Effect.provide(layerHooked())))

  it.live("is refused for a webhook that is wrong, before anything is sent", () => {
    const url = "https://me.example/hooks"
    const inbox = Webhook.nudges()
    const cases: ReadonlyArray<readonly [callback: unknown, field: string]> = [
      [url, "callback"],
      [null, "callback"],
      [{}, "callback.url"],
      [{ url: "hooks" }, "callback.url"],
      [{ url: "ftp://me.example/" }, "callback.url"],
      [{ url: "https://user:secret@me.example/" }, "callback.url"],
      [{ url, nudge: inbox }, "callback.nudge"],
      [{ url, nudges: { wait: inbox.wait } }, "callback.nudges"],
      [{ url, nudges: null }, "callback.nudges"],
      [{
        get url() {
          throw new Error("no")
        }
      }, "callback.url"]
    ]
    return Effect.gen(function*() {
      const refused = (batch: Batch.Batch<Row>) => Effect.flip(Batch.run(batch, numbered(1)))
      for (const [callback, field] of cases) {
        const error = yield* refused(hooked("wrong", callback as CallbackOption))
        assert.deepInclude(error, { _tag: "InvalidBatchError", field }, String(error))
        assert.notInclude(error.message, "secret@")
      }
      const inRequests = {
        id: "requests",
        flow: echo,
        operation: "execute" as const,
        callback: { url },
        key: (row: Row) => row.id,
        input: () => ({ message: "hi" })
      }
      const error = yield* refused(Batch.make(inRequests))
      assert.strictEqual((error as InvalidBatchError).field, "callback")
      assert.strictEqual((yield* Effect.flatMap(Emulator, ({ ledger }) => ledger)).requestsReceived, 0)
    }).pipe(Effect.provide(layer()))
  })
})

describe("the wait before a poll", () => {
  const made = BatchDrive.make({} as never, { generation: 1, canary: "unknown", paused_until: 0 } as never, "owner")

  it.scoped("ends at a nudge, but not while the server wants no polls", () =>
    Effect.gen(function*() {
      const running = yield* made
      yield* BatchDrive.untilPoll(running, 5000, Effect.succeed(true))
      running.pollsFrom = 2000
      const nudge = Effect.as(Effect.sleep(100), true)
      const fiber = yield* Effect.fork(BatchDrive.untilPoll(running, 5000, nudge))
      yield* TestClock.adjust(1999)
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust(200)
      assert.isNotNull(fiber.unsafePoll())
    }))
})
