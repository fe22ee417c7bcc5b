/** Rows whose runs failed for reasons that may pass: their attempts, and the history of them. */
import { Batch, BatchStore } from "@effect-noukai/batch"
import type { RowResult } from "@effect-noukai/batch/BatchRow"
import { Emulator } from "@effect-noukai/emulator"
import type { FunctionInput, Json, StepFailure } from "@effect-noukai/emulator/Flow"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import * as Driver from "../src/internal/drive/driver.js"
import type { Runs } from "../src/internal/drive/runs.js"
import { isPassingFailure } from "../src/internal/drive/verdict.js"
import * as Batches from "../src/internal/ledger/batches.js"
import * as Planning from "../src/internal/ledger/planning.js"
import { client, collect, echoing, layer, ledgerFile, numbered, onFile, type Row, runsOf } from "./support/batches.js"

const quick = { grace: 200, backoff: 10 } as const

const flow = "acme/test/passing"

const states = (of: { readonly states: { readonly [state: string]: number } }) =>
  Object.fromEntries(Object.entries(of.states).filter(([, count]) => count > 0))

/** A flow that fails so many times for each message, and then says it. Each of its runs costs a cent. */
const failing = (times: number, code = "PROVIDER_ERROR") => {
  const asked = new Map<string, number>()
  return {
    flows: [{
      ref: flow,
      steps: [{ kind: "template" as const, id: "a", output: "x", costUsd: "0.01" }, {
        kind: "function" as const,
        id: "b",
        run: ({ message }: FunctionInput): Effect.Effect<Json, StepFailure> => {
          const said = String(message)
          const count = (asked.get(said) ?? 0) + 1
          asked.set(said, count)
          return count > times ? Effect.succeed({ said }) : Effect.fail({ code, message: "no luck" })
        }
      }]
    }]
  }
}

const inRequests = (id: string) =>
  Batch.make({ id, flow, operation: "execute", key: (row: Row) => row.id, input: (row) => ({ message: row.id }) })

const summaries = (attempts: ReadonlyArray<{ readonly attempt: number; readonly state: string }>) =>
  attempts.map(({ attempt, state }) => [attempt, state])

describe.concurrent("the attempts at a row", () => {
  for (const [name, batch] of [["the queue", echoing("again", flow)], ["a request", inRequests("again")]] as const) {
    it.live(`through ${name} are runs of their own, until one is done`, () =>
      Effect.gen(function*() {
        const summary = yield* Batch.run(batch, numbered(3), { ...quick, attempts: 3, cost: true })
        assert.deepStrictEqual([summary.status, states(summary), summary.retries], ["completed", { done: 3 }, 6])
        const runs = yield* runsOf
        assert.strictEqual(new Set(runs.map(({ sessionId }) => sessionId)).size, 9)
        assert.strictEqual(summary.costUsd, (yield* (yield* Emulator).ledger).billedUsd)
        const rows = yield* collect(Batch.results(batch))
        assert.deepStrictEqual(rows.map(({ attempt }) => attempt), [3, 3, 3])
        assert.deepStrictEqual(rows.map((row) => [row.costUsd, row.attemptsCostUsd]), Array(3).fill(["0.01", "0.03"]))
        const attempts = yield* Batch.attempts("again", "row 2")
        assert.deepStrictEqual(summaries(attempts), [[1, "failed"], [2, "failed"], [3, "done"]])
        const ids = attempts.map(({ executionId }) => executionId)
        assert.strictEqual(new Set(ids).size, 3)
        assert.includeMembers(runs.map(({ executionId }) => executionId as string | undefined), ids)
        for (const { costUsd, settledAt, startedAt } of attempts) {
          assert.strictEqual(costUsd, "0.01")
          assert.isTrue(startedAt! <= settledAt!)
        }
        assert.deepInclude(attempts[0]!.error, { kind: "FlowExecutionError", code: "PROVIDER_ERROR" })
      }).pipe(Effect.provide(layer(failing(2)))))
  }

  it.live("end with a failure, which counts once", () =>
    Effect.gen(function*() {
      const options = { ...quick, attempts: 2, maxFailures: 2, concurrency: 1 }
      const summary = yield* Batch.run(echoing("failed", flow), numbered(2), options)
      assert.deepStrictEqual([summary.status, states(summary), summary.retries], ["completed", { failed: 2 }, 2])
      assert.strictEqual((yield* runsOf).length, 4)
      // asked for by hand, they have their attempts again
      assert.strictEqual(yield* Batch.retry("failed", { only: "failed", select: { key: "*1" } }), 1)
      assert.deepStrictEqual(states(yield* Batch.status("failed")), { failed: 1, pending: 1 })
      yield* Batch.run(echoing("failed", flow), numbered(2), options)
      const attempts = yield* Batch.attempts("failed", "row 1")
      assert.deepStrictEqual(summaries(attempts), [[1, "failed"], [2, "failed"], [3, "failed"], [4, "failed"]])
      assert.strictEqual((yield* runsOf).length, 6)
      const error = yield* Effect.flip(Batch.attempts("failed", "row 3"))
      assert.strictEqual(error.message, "Batch.attempts: key \"row 3\" is not that of a row of the batch")
    }).pipe(Effect.provide(layer(failing(9)))))

  it.live("have a cost together, also where the cost of some is unknown", () =>
    Effect.gen(function*() {
      const batch = echoing("sum", flow)
      const options = { ...quick, cost: true }
      const costs = (row: RowResult | undefined) => [
        row?.costUsd,
        row?.isCostUnknown,
        row?.attemptsCostUsd,
        row?.isAttemptsCostUnknown
      ]
      const all = Effect.map(collect(Batch.results(batch)), (rows) => rows.map(costs))
      const ofAttempt = (attempt: number, cost: string | null) =>
        Effect.flatMap(BatchStore, ({ sql }) =>
          sql`update noukai_batch_attempt set cost_usd = ${cost} where attempt = ${attempt}`)
      yield* Batch.run(batch, numbered(2), options)
      assert.deepStrictEqual(yield* all, Array(2).fill(["0.01", undefined, "0.01", undefined]))
      // a request for another attempt at one of them
      yield* Batch.retry("sum", { only: "failed", select: { key: "*1" } })
      assert.deepStrictEqual(yield* all, [
        [undefined, undefined, "0.01", undefined],
        ["0.01", undefined, "0.01", undefined]
      ])
      yield* Batch.run(batch, numbered(2), options)
      yield* Batch.retry("sum", { only: "failed", select: { key: "*1" } })
      yield* Batch.run(batch, numbered(2), options)
      assert.deepStrictEqual((yield* all)[0], ["0.01", undefined, "0.03", undefined])
      yield* ofAttempt(1, "unknown")
      assert.deepStrictEqual((yield* all)[0], ["0.01", undefined, "0.02", true])
      yield* ofAttempt(2, "unknown")
      assert.deepStrictEqual((yield* all)[0], ["0.01", undefined, "0.01", true])
      const { sql } = yield* BatchStore
      yield* sql`update noukai_batch_row set cost_usd = 'unknown' where attempt = 3`
      assert.deepStrictEqual((yield* all)[0], [undefined, true, undefined, true])
      // attempts that were never billed, or whose costs were not read
      yield* ofAttempt(1, null)
      yield* ofAttempt(2, null)
      assert.deepStrictEqual((yield* all)[0], [undefined, true, undefined, true])
      yield* sql`update noukai_batch_row set cost_usd = null`
      assert.deepStrictEqual((yield* all)[0], Array(4).fill(undefined))
    }).pipe(Effect.provide(layer(failing(99)))))

  it.live("are one without the option, and follow a schedule to its end", () =>
    Effect.gen(function*() {
      const once = yield* Batch.run(echoing("once", flow), numbered(1), quick)
      assert.deepStrictEqual([states(once), once.retries], [{ failed: 1 }, 0])
      const attempts = Schedule.exponential("1 millis").pipe(Schedule.intersect(Schedule.recurs(2)))
      const summary = yield* Batch.run(echoing("scheduled", flow), numbered(1), { ...quick, attempts })
      assert.deepStrictEqual([states(summary), summary.retries], [{ failed: 1 }, 2])
      const { sql } = yield* BatchStore
      const stored = yield* sql<
        { readonly settings: string }
      >`select settings from noukai_batch where name = 'scheduled'`
      assert.deepInclude(JSON.parse(stored[0]!.settings), { attemptsAfter: [1, 2] })
    }).pipe(Effect.provide(layer(failing(99)))))

  it.live("hold the budget together", () =>
    Effect.gen(function*() {
      const options = { ...quick, attempts: 50, budgetUsd: "0.05", maxCostPerRow: "0.01" }
      const summary = yield* Batch.run(echoing("budget", flow), numbered(2), options)
      assert.deepStrictEqual([summary.stop?.reason, summary.costUsd, states(summary)], ["budget", "0.05", {
        pending: 2
      }])
      assert.strictEqual((yield* (yield* Emulator).ledger).billedUsd, "0.05")
    }).pipe(Effect.provide(layer(failing(99)))))

  it.live("go on after a process that ended between two of them", () =>
    Effect.gen(function*() {
      const path = yield* ledgerFile
      const batch = echoing("between", flow)
      const run = Batch.run(batch, numbered(2), { ...quick, attempts: 2, backoff: "1 hour" })
      const first = yield* Effect.fork(Effect.provide(run, onFile(path)))
      const waiting = Effect.provide(
        Effect.orElseSucceed(Effect.map(Batch.status("between"), (one) => one.waiting), () => 0),
        onFile(path)
      )
      yield* Effect.repeat(waiting, { until: (count) => count === 2, schedule: Schedule.spaced("20 millis") })
      yield* Fiber.interrupt(first)
      yield* Effect.gen(function*() {
        const { sql } = yield* BatchStore
        const left = yield* Batch.status("between")
        assert.deepStrictEqual([left.status, states(left), left.waiting], ["incomplete", { pending: 2 }, 2])
        yield* sql`update noukai_batch_row set due_at = 1 where key = 'row 1'`
        const again = yield* Effect.fork(run)
        const done = Effect.map(Batch.status("between"), ({ states }) => states.done)
        yield* Effect.repeat(done, { until: (count) => count === 1, schedule: Schedule.spaced("20 millis") })
        // the other one still waits
        assert.strictEqual((yield* runsOf).length, 3)
        yield* sql`update noukai_batch_row set due_at = 1 where key = 'row 2'`
        assert.deepStrictEqual(states(yield* Fiber.join(again)), { done: 2 })
        assert.strictEqual((yield* runsOf).length, 4)
        assert.deepStrictEqual(summaries(yield* Batch.attempts("between", "row 2")), [[1, "failed"], [2, "done"]])
      }).pipe(Effect.provide(onFile(path)))
    }).pipe(Effect.scoped, Effect.provide(client(failing(1)))))

  it.live(
    "are not made of a row that the source does not have any more, nor of a batch that was cancelled",
    () =>
      Effect.gen(function*() {
        const path = yield* ledgerFile
        yield* Effect.gen(function*() {
          const batch = echoing("left", flow)
          const options = { ...quick, attempts: 3, backoff: 3_600_000, stopWithin: 0 }
          const first = yield* Effect.fork(Batch.run(batch, numbered(2), options))
          const waiting = Effect.orElseSucceed(Effect.map(Batch.status("left"), (one) => one.waiting), () => 0)
          yield* Effect.repeat(waiting, { until: (count) => count === 2, schedule: Schedule.spaced("20 millis") })
          yield* Fiber.interrupt(first)
          const second = yield* Effect.fork(Batch.run(batch, numbered(1), options))
          const absent = Effect.map(Batch.status("left"), (one) => one.status === "running" ? one.absent : 0)
          yield* Effect.repeat(absent, { until: (count) => count === 1, schedule: Schedule.spaced("20 millis") })
          assert.strictEqual(yield* Batch.cancel("left"), 2)
          assert.deepStrictEqual(states(yield* Fiber.join(second)), { cancelled: 2 })
          assert.strictEqual((yield* runsOf).length, 2)
          yield* Batch.forget("left")
          const { sql } = yield* BatchStore
          assert.deepStrictEqual(yield* sql`select id from noukai_batch_attempt`, [])
        }).pipe(Effect.provide(onFile(path)))
      }).pipe(Effect.scoped, Effect.provide(client(failing(9))))
  )

  it.live(
    "are made by each process of a fleet, whose lanes do not end while rows wait for one",
    () =>
      Effect.gen(function*() {
        const ledger = yield* BatchStore
        const batch = yield* Batches.planned(
          ledger,
          { name: "lanes", flow, version: "production", operation: "jobs" },
          { concurrency: 2, lanes: 2, cost: false, grace: 200, adopt: true, attemptsAfter: [300] },
          Date.now()
        )
        const rows = Array.from({ length: 6 }, (_, n) => ({ key: `${n}`, at: "", input: "{}", error: undefined }))
        yield* Planning.add(ledger, yield* Planning.begun(ledger, batch.id, 1), rows)
        yield* Batches.canaryProven(ledger, batch.id)
        const started = yield* Batches.started(ledger, batch, Date.now())
        assert(started._tag === "Some")
        const begun: Array<string> = []
        const runs: Runs = {
          look: () => Effect.succeed({ _tag: "absent" }),
          begin: ({ attempt, key }) =>
            Effect.sync(() => {
              const executionId = `${key}/${attempt}`
              begun.push(executionId)
              return { _tag: "submitted", executionId }
            }),
          follow: (executionId) =>
            Effect.succeed(Effect.succeed({
              _tag: "ended",
              settled: executionId.endsWith("/1")
                ? { state: "failed", executionId, error: { kind: "FlowExecutionError", message: "no luck" } }
                : { state: "done", executionId, result: "null" }
            })),
          measure: () => Effect.dieMessage("no cost is asked for")
        }
        const [one, other] = yield* Effect.all([
          Driver.make(ledger, started.value, "one", runs),
          Driver.make(ledger, started.value, "other", runs)
        ])
        yield* Effect.all([one.lane(0), other.lane(1)], { concurrency: 2 })
        assert.deepStrictEqual(begun.sort(), rows.flatMap(({ key }) => [`${key}/1`, `${key}/2`]))
        assert.deepStrictEqual(states(yield* Batch.status("lanes")), { done: 6 })
      }).pipe(Effect.scoped, Effect.provide(layer()))
  )

  it.live("are a number from 1 to 100", () =>
    Effect.gen(function*() {
      for (const attempts of [0, 101, 1.5, NaN, "3" as never]) {
        const error = yield* Effect.flip(Batch.run(echoing("wrong"), numbered(1), { attempts }))
        assert.strictEqual(error._tag === "InvalidBatchError" && error.field, "attempts")
      }
      const error = yield* Effect.flip(
        Batch.run(echoing("wrong"), numbered(1), { attempts: 2, backoff: "soon" as never })
      )
      assert.strictEqual(error._tag === "InvalidBatchError" && error.field, "backoff")
    }).pipe(Effect.provide(layer())))
})

describe("a failure", () => {
  const run = (code?: string, statusCode?: number) => ({
    kind: "FlowExecutionError",
    message: "?",
    ...(code !== undefined && { code }),
    ...(statusCode !== undefined && { statusCode })
  })

  it.each([
    [run()],
    [run("PROVIDER_ERROR")],
    [run("MODEL_OVERLOADED")],
    [run("INTERNAL_ERROR", 500)],
    [run("RATE_LIMIT")],
    [run("TIMEOUT", 504)],
    [run("MODEL_REFUSED", 200)]
  ])("may pass: %j", (error) => assert.isTrue(isPassingFailure(error)))

  it.each([
    [run("PARAMETER_NAME_RESERVED", 400)],
    [run(undefined, 422)],
    [run("MODEL_MIME_INCOMPATIBLE")],
    [run("INVALID_TREE")],
    [run("MISSING_MESSAGE")],
    [run("CREDITS_EXHAUSTED")],
    [run("BYOK_KEY_REJECTED", 502)],
    [run("TOOL_ITERATION_LIMIT")],
    [{ kind: "InvalidRequestError", message: "?" }],
    [{ kind: "UnexpectedResult", message: "?" }],
    [{ kind: "UnexpectedResponseError", message: "?", code: "TOOL_CALLS_UNANSWERED_CLIENT" }],
    [{ kind: "Cancelled", message: "?" }],
    [{ kind: "RunNotFound", message: "?" }],
    [{ kind: "TimedOut", message: "?" }]
  ])("stays: %j", (error) => assert.isFalse(isPassingFailure(error)))
})
