/** How a batch ends: what is told of it, and what stops it at awkward moments. */
import { Batch, BatchSource } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema, Stream } from "effect"
import { collect, echoing, layer, numbered, type Row, runsOf } from "./support/batches.js"

const quick = { grace: 300 } as const

const states = (of: { readonly states: { readonly [state: string]: number } }) =>
  Object.fromEntries(Object.entries(of.states).filter(([, count]) => count > 0))

const priced = {
  flows: [{
    ref: "acme/test/priced",
    steps: [{ kind: "template" as const, id: "a", output: { said: "{{message}}" }, costUsd: "0.01" }]
  }]
}

describe("a batch", () => {
  it.live("whose rows are settled is completed, though its budget allows for no other one", () =>
    Effect.gen(function*() {
      const batch = echoing("spent", "acme/test/priced")
      const options = { ...quick, budgetUsd: 0.055, maxCostPerRow: 0.015 }
      const summary = yield* Batch.run(batch, numbered(5), options)
      assert.deepStrictEqual([summary.status, states(summary), summary.stop], ["completed", { done: 5 }, undefined])
      const again = yield* Batch.run(batch, numbered(5), options)
      assert.deepStrictEqual([again.status, again.stop], ["completed", undefined])
      const more = yield* Batch.run(batch, numbered(6), options)
      assert.deepStrictEqual([more.status, more.stop?.reason, states(more)], [
        "incomplete",
        "budget",
        { done: 5, pending: 1 }
      ])
    }).pipe(Effect.provide(layer(priced))))

  it.live("without rows is completed, with a budget of nothing too", () =>
    Effect.gen(function*() {
      const summary = yield* Batch.run(echoing("empty"), numbered(0), { ...quick, budgetUsd: 0, maxCostPerRow: 1 })
      assert.deepStrictEqual([summary.status, summary.rows], ["completed", 0])
    }).pipe(Effect.provide(layer())))

  it.live("of a file without rows fails, and sends nothing", () =>
    Effect.gen(function*() {
      const bytes = (text: string) => Stream.make(new TextEncoder().encode(text))
      for (
        const source of [
          BatchSource.fromJsonlBytes(bytes("\n \n"), "rows.jsonl"),
          BatchSource.fromCsvBytes(bytes("id,text\n"), "rows.csv")
        ]
      ) {
        const error = yield* Effect.flip(Batch.run(echoing("empty"), source, quick))
        assert.strictEqual(error.message, `${source.name}: it has no rows`)
        assert.strictEqual((yield* Batch.status("empty")).status, "incomplete")
      }
    }).pipe(Effect.provide(layer())))

  it.live("says of its first invalid and refused rows why, in the order of the source and in one line each", () =>
    Effect.gen(function*() {
      const Strict = Schema.Struct({
        id: Schema.String,
        text: Schema.String.pipe(Schema.filter((text) => text !== "" || "it is empty\n  and that is wrong\r\n"))
      })
      const batch = Batch.make({
        id: "reasons",
        flow: "acme/test/echo",
        row: Strict,
        key: (row) => row.id,
        input: ({ text }) =>
          text === "throw" ? Schema.decodeUnknownSync(Strict)({ id: 1, text: 2 }) && {} : { message: text }
      })
      const rows = [
        { id: "a", text: "a" },
        { id: "b", text: "" },
        { id: "a", text: "a" },
        { text: "" },
        { id: "c", text: "throw" },
        { id: "a", text: "a" },
        7
      ]
      const plan = yield* Batch.plan(batch, BatchSource.fromIterable<unknown>(rows))
      const { plan: ran } = yield* Batch.run(batch, BatchSource.fromIterable<unknown>(rows), quick)
      const kept = yield* collect(Batch.refused("reasons"))
      const places = (of: ReadonlyArray<{ readonly at: string }>) => of.map(({ at }) => Number(at.slice(4)))
      for (const { invalidRows, refused } of [plan, ran]) {
        assert.deepStrictEqual([places(invalidRows), places(refused)], [[2, 5], [3, 4, 6, 7]])
        for (const { error } of [...invalidRows, ...refused]) assert.notMatch(error.message, /[\r\n]/)
        assert.include(invalidRows[0]!.error.message, "it is empty and that is wrong")
        assert.include(invalidRows[1]!.error.message, "at id: expected a string, got 1")
      }
      assert.deepStrictEqual(places(kept), [3, 4, 6, 7])
    }).pipe(Effect.provide(layer())))

  it.live("of which no row can be run fails with the reason of the first, and sends nothing", () =>
    Effect.gen(function*() {
      const batch = Batch.make({
        id: "unusable",
        flow: "acme/test/echo",
        key: (row: Row) => row.id,
        input: (row) => {
          if (row.text === undefined) throw new Error("no text")
          return { message: row.text }
        }
      })
      const wrong: ReadonlyArray<readonly [ReadonlyArray<unknown>, string]> = [
        [[{}], "row 1: its key is"],
        [[{ id: "a" }, { id: "b" }], "row 1: it has no input: no text"],
        [[7, null], "row 1: its key is"]
      ]
      for (const [rows, reason] of wrong) {
        const source = BatchSource.fromIterable(rows)
        const error = yield* Effect.flip(Batch.run(batch, source, quick))
        assert(error._tag === "BatchSourceError")
        assert.isTrue(error.message.startsWith(reason), error.message)
        assert.isTrue(error.message.endsWith("; no other row of the source can be run either"), error.message)
        assert.isAbove((yield* Batch.plan(batch, source)).refusedCount + (yield* Batch.status("unusable")).rows, 0)
      }
      assert.strictEqual((yield* runsOf).length, 0)
      // one that can be run is enough
      const rows = [{ id: "a", text: "a" }, {}, { id: "c" }]
      const first = yield* Batch.run(batch, BatchSource.fromIterable<unknown>(rows), quick)
      assert.deepStrictEqual([first.status, first.isClean, first.refused], ["completed", false, 1])
      // and one that is done already
      const again = yield* Batch.run(batch, BatchSource.fromIterable<unknown>([{ id: "a", text: "a" }]), quick)
      assert.deepStrictEqual([again.status, again.refused], ["completed", 0])
    }).pipe(Effect.provide(layer())))

  it.live("is clean when all its rows are done, and none of its source was refused", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.putFlows({ ref: "acme/test/flaky", steps: [{ kind: "fail", id: "a", code: "NO_LUCK" }] })
      const clean = (of: { readonly status: string; readonly isClean: boolean }) => [of.status, of.isClean]
      assert.deepStrictEqual(clean(yield* Batch.run(echoing("all"), numbered(2), quick)), ["completed", true])
      assert.deepStrictEqual(clean(yield* Batch.status("all")), ["completed", true])
      const twice = BatchSource.fromIterable<Row>([{ id: "a" }, { id: "a" }])
      assert.deepStrictEqual(clean(yield* Batch.run(echoing("twice"), twice, quick)), ["completed", false])
      const failing = echoing("failing", "acme/test/flaky")
      assert.deepStrictEqual(clean(yield* Batch.run(failing, numbered(1), quick)), ["completed", false])
      yield* Batch.retry("failing", { only: "failed" })
      assert.deepStrictEqual(clean(yield* Batch.status("failing")), ["incomplete", false])
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["500"] })
      const doubt = yield* Batch.run(echoing("doubt"), numbered(1), quick)
      assert.deepStrictEqual([...clean(doubt), doubt.states.reported, doubt.refused], ["completed", false, 1, 0])
    }).pipe(Effect.provide(layer())))

  it.live("that is interrupted waits no longer than it may", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.putFlows({
        ref: "acme/test/endless",
        steps: [{ kind: "template", id: "a", output: {}, duration: "1 hour" }]
      })
      const batch = echoing("endless", "acme/test/endless")
      const running = yield* Effect.fork(Batch.run(batch, numbered(3), { ...quick, stopWithin: 50 }))
      yield* emulator.awaitEvent((event) => event.type === "RunStarted")
      yield* Fiber.interrupt(running)
      const status = yield* Batch.status("endless")
      assert.deepStrictEqual([status.status, status.stop?.reason], ["incomplete", "interrupted"])
      assert.strictEqual(status.states.submitted + status.states.intent + status.states.pending, 3)
    }).pipe(Effect.provide(layer())))

  it.live("that is cancelled while it is planned runs nothing", () =>
    Effect.gen(function*() {
      const batch = echoing("early")
      const rows = Stream.concat(
        Stream.make<[Row]>({ id: "a" }),
        Stream.fromEffect(Effect.as(Effect.orDie(Batch.cancel("early")), { id: "b" }))
      )
      const summary = yield* Batch.run(batch, BatchSource.fromStream(rows), quick)
      assert.deepStrictEqual([summary.status, states(summary)], ["cancelled", { cancelled: 2 }])
      assert.strictEqual((yield* runsOf).length, 0)
      // wanted once more, it runs what is new
      const next = yield* Batch.run(batch, numbered(1), quick)
      assert.deepStrictEqual([next.status, states(next)], ["completed", { cancelled: 2, done: 1 }])
    }).pipe(Effect.provide(layer())))

  it.live("that is cancelled leaves nothing pending, though a row comes back", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["delay:300,429:retry=1"], repeat: true })
      const batch = echoing("back")
      const running = yield* Effect.fork(Batch.run(batch, numbered(2), { grace: 5000, adopt: false }))
      yield* emulator.awaitEvent((event) => event.type === "RequestReceived")
      yield* Batch.cancel("back")
      const summary = yield* Fiber.join(running)
      assert.deepStrictEqual([summary.status, states(summary)], ["cancelled", { cancelled: 2 }])
    }).pipe(Effect.provide(layer())))

  it.live("takes odd keys, each as it is", () =>
    Effect.gen(function*() {
      const keys = ["__proto__", "constructor", "🙂", "%_'\"\\", "x".repeat(1024), " "]
      const batch = Batch.make({
        id: "__proto__",
        flow: "acme/test/echo",
        key: (key: string) => key,
        input: (key) => ({ message: key.slice(0, 5) })
      })
      const summary = yield* Batch.run(batch, BatchSource.fromIterable([...keys, "y".repeat(1025)]), quick)
      assert.deepStrictEqual([states(summary), summary.refused], [{ done: 6 }, 1])
      assert.strictEqual((yield* runsOf).length, 6)
    }).pipe(Effect.provide(layer())))
})
