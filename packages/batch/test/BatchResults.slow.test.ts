/** Results of a batch, and the files and comparisons that are made of them. */
import { Batch, BatchReport, BatchSource, BatchStore } from "@effect-noukai/batch"
import { RowComparison } from "@effect-noukai/batch/BatchRow"
import { Emulator } from "@effect-noukai/emulator"
import type { Json } from "@effect-noukai/emulator/Flow"
import { Flow, RunService } from "@effect-noukai/sdk"
import { parseJson, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Layer, Schema, Struct } from "effect"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { folder } from "../../sdk/test/support/folder.js"
import { collect, echo, echoing, layer, numbered, requestsTo, type Row, rowsOf, runsOf } from "./support/batches.js"

const quick = { grace: 300 } as const

const measured = "acme/test/measured"

const big = "12345678901234567890"

const flows = [
  {
    ref: measured,
    steps: [
      { kind: "template" as const, id: "a", output: 1, duration: "30 millis", tokens: { prompt: 7, completion: 2 } },
      { kind: "template" as const, id: "b", output: { said: "{{message}}" }, tokens: { prompt: 5, completion: 1 } }
    ]
  },
  { ref: "acme/test/free", steps: [{ kind: "template" as const, id: "a", output: 1 }] },
  {
    ref: "acme/test/digits",
    steps: [{
      kind: "function" as const,
      id: "a",
      run: () => parseJson(`{"id":${big},"list":[${big},{"deep":-${big}}]}`) as Json
    }]
  }
]

describe("the results of a batch", () => {
  it.scopedLive("fit a strict schema with long numbers, as rows and parameters do", () =>
    Effect.gen(function*() {
      const strict = { parseOptions: { onExcessProperty: "error" } } as const
      const Deep = Schema.Struct({ deep: Schema.Number }).annotations(strict)
      const Value = Schema.Struct({ id: Schema.Number, list: Schema.Array(Schema.Union(Schema.Number, Deep)) })
        .annotations(strict)
      const value = parseJson(`{"id":${big},"list":[${big},{"deep":-${big}}]}`)
      const batch = Batch.make({
        id: "strict",
        flow: Flow.make("acme/test/digits", { parameters: Value, result: Value }),
        row: Value,
        key: (row) => String(row.id),
        input: (row) => ({ parameters: row })
      })
      yield* Batch.run(batch, BatchSource.fromIterable([value]), quick)
      const [row] = yield* collect(Batch.results(batch))
      assert.deepStrictEqual([row?.state, row?.error, row?.result], [
        "done",
        undefined,
        JSON.parse(JSON.stringify(value))
      ])
    }).pipe(Effect.provide(layer({ flows }))))

  it.scopedLive("have the version, the time, and the tokens where costs are read, which take no request more", () =>
    Effect.gen(function*() {
      yield* Batch.run(echoing("timed", measured), rowsOf("one"), quick)
      const [timed] = yield* collect(Batch.results("timed"))
      assert.strictEqual(timed!.version, "production")
      assert.isAtLeast(timed!.durationMs!, 30)
      assert.isFalse("tokens" in timed! || "input" in timed!)
      assert.strictEqual((yield* requestsTo("trace")).length, 0)

      yield* Batch.run(echoing("priced", measured), rowsOf("one", "two"), { ...quick, cost: true })
      const rows = yield* collect(Batch.results("priced"))
      for (const { durationMs, tokens } of rows) {
        assert.deepStrictEqual(tokens, { prompt: 12, completion: 3, total: 15 })
        assert.isAtLeast(durationMs!, 30)
      }
      assert.strictEqual((yield* requestsTo("trace")).length, 2)
      yield* Batch.run(echoing("free", "acme/test/free"), rowsOf("one"), { ...quick, cost: true })
      assert.isFalse("tokens" in (yield* collect(Batch.results("free")))[0]!)
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("have the time of the trace also if it is 0, and their own time if the trace tells none", () =>
    Effect.gen(function*() {
      const timed = (name: string, times: { readonly durationMs?: number }) =>
        Effect.gen(function*() {
          const batch = echoing(name, measured)
          yield* Effect.updateService(
            Batch.run(batch, rowsOf("one"), { ...quick, cost: true }),
            RunService,
            (runs) => ({
              ...runs,
              trace: (flow, id) =>
                Effect.map(runs.trace(flow, id), ({ flowRun, steps, ...trace }) => ({
                  ...trace,
                  flowRun: { ...Struct.omit(flowRun, "startedAt", "completedAt", "durationMs"), ...times },
                  steps: steps.map((step) => ({
                    ...Struct.omit(step, "startedAt", "completedAt", "durationMs"),
                    ...times
                  }))
                }))
            })
          )
          return (yield* collect(Batch.results(batch)))[0]!.durationMs
        })
      assert.strictEqual(yield* timed("zero", { durationMs: 0 }), 0)
      assert.isAbove((yield* timed("untold", {})) ?? 0, 0)
    }).pipe(Effect.provide(layer({ flows }))))

  it.scopedLive("keep numbers that JavaScript cannot hold, in the ledger and in every file", () =>
    Effect.gen(function*() {
      const path = yield* folder
      yield* Batch.run(echoing("digits", "acme/test/digits"), rowsOf("one"), quick)
      const [row] = yield* collect(Batch.results("digits"))
      const result = `{"id":${big},"list":[${big},{"deep":-${big}}]}`
      assert.strictEqual(stringifyJson(row!.result), result)
      const summary = yield* Batch.status("digits")
      yield* BatchReport.toFolder(path, { rows: Batch.results("digits"), summary })
      const lines = yield* Effect.promise(() => readFile(join(path, "results.jsonl"), "utf8"))
      assert.include(lines, `"result":${result}`)
      const table = (yield* collect(BatchReport.csv(Batch.results("digits")))).join("")
      assert.include(table, `,${big},`)
      assert.include(table, `-${big}`)
    }).pipe(Effect.provide(layer({ flows }))))

  it.scopedLive("have the input where it is wanted, in both orders", () =>
    Effect.gen(function*() {
      yield* Batch.run(echoing("b"), numbered(3), quick)
      for (const order of ["input", "done"] as const) {
        const rows = yield* collect(Batch.results("b", { order, withInput: true }))
        assert.deepStrictEqual(rows.map(({ input }) => input).sort(), [
          { message: "row 1" },
          { message: "row 2" },
          { message: "row 3" }
        ])
      }
    }).pipe(Effect.provide(layer())))

  it.scopedLive("in a folder come with a manifest that names the flow, the version and the definition", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const draft = Batch.make({
        id: "b",
        flow: "acme/test/echo",
        version: "draft",
        key: (row: Row) => row.id,
        input: ({ id }) => ({ message: id })
      })
      yield* Batch.run(draft, numbered(1), quick)
      const summary = yield* Batch.status("b")
      yield* BatchReport.toFolder(path, { rows: Batch.results("b"), summary })
      const { definition, flow, version } = JSON.parse(
        yield* Effect.promise(() => readFile(join(path, "manifest.json"), "utf8"))
      )
      assert.deepStrictEqual([flow, version, definition], ["acme/test/echo", "draft", {
        hash: summary.definition!.hash
      }])
    }).pipe(Effect.provide(layer())))
})

describe("two batches", () => {
  const ledger = Effect.map(BatchStore, (store) => Layer.succeed(BatchStore, store))

  it.scopedLive("are compared by outcome, output and cost, in the order of the first one", () =>
    Effect.gen(function*() {
      const store = yield* ledger
      yield* Batch.run(echoing("one"), rowsOf("same", "cost", "gone", "output", "outcome"), { ...quick, cost: true })
      yield* Batch.run(echoing("two"), rowsOf("new", "outcome", "output", "same", "cost"), { ...quick, cost: true })
      const { sql } = yield* BatchStore
      const set = (batch: string, key: string, values: Record<string, string>) =>
        sql`update noukai_batch_row set ${sql.update(values)}
          where key = ${key} and batch = (select id from noukai_batch where name = ${batch})`
      yield* set("one", "same", { result: "{\"a\":1,\"b\":[2]}", cost_usd: "0.10" })
      yield* set("two", "same", { result: "{\"b\":[2],\"a\":1}", cost_usd: "0.1" })
      yield* set("one", "cost", { cost_usd: "0.1" })
      yield* set("two", "cost", { cost_usd: "0.10000000000000000001" })
      yield* set("two", "output", { result: "{\"said\":\"more\"}" })
      yield* set("two", "outcome", { state: "failed", error: "{\"kind\":\"FlowExecutionError\",\"message\":\"no\"}" })
      const found = yield* collect(Batch.diff({ batch: "one", ledger: store }, { batch: "two", ledger: store }))
      assert.deepStrictEqual(found.map(({ differs, key, kind }) => [key, kind, ...differs]), [
        ["same", "same"],
        ["cost", "changed", "cost"],
        ["gone", "removed"],
        ["output", "changed", "output"],
        ["outcome", "changed", "outcome"],
        ["new", "added"]
      ])
      for (const one of found) assert.deepStrictEqual(Schema.decodeUnknownSync(RowComparison)(one), one)
      const { after, before, changes } = found[3]!
      assert.deepStrictEqual(changes, [{ path: "$.said", expected: "output", actual: "more" }])
      assert.deepStrictEqual([before!.result, after!.result], [{ said: "output" }, { said: "more" }])
      assert.isNumber(after!.durationMs)
      const wrong = yield* Effect.flip(collect(Batch.diff({ ledger: store }, { batch: "two", ledger: store })))
      assert.strictEqual(
        wrong.message,
        "Batch.diff: batch must be given, since its ledger has several: \"one\", \"two\""
      )
    }).pipe(Effect.provide(layer())))

  it.scopedLive("of any keys and sizes have each key once, under its kind", () =>
    Effect.gen(function*() {
      const store = yield* ledger
      const { sql } = yield* BatchStore
      const keys = FastCheck.uniqueArray(FastCheck.stringMatching(/^[a-d字]{1,3}$/), { maxLength: 40 })
      for (const [n, [one, two, long]] of FastCheck.sample(FastCheck.tuple(keys, keys, keys), 12).entries()) {
        for (const [id, rows] of [[`one ${n}`, one], [`two ${n}`, two]] as const) {
          yield* Batch.run(echoing(id), rowsOf(...rows), { ...quick, budgetUsd: 0, maxCostPerRow: 1 })
          // documents of several pages
          yield* sql`update noukai_batch_row set error = ${
            JSON.stringify({ kind: "Long", message: id.slice(0, 3).repeat(60_000) })
          } where ${sql.in("key", ["", ...long])} and batch = (select id from noukai_batch where name = ${id})`
        }
        const found = yield* collect(
          Batch.diff({ batch: `one ${n}`, ledger: store }, { batch: `two ${n}`, ledger: store })
        )
        assert.deepStrictEqual(found.map(({ key, kind }) => [key, kind]), [
          ...one.map((key) => [key, two.includes(key) ? "same" : "removed"]),
          ...two.filter((key) => !one.includes(key)).map((key) => [key, "added"])
        ])
      }
    }).pipe(Effect.provide(layer())))
})

describe("the requests of a batch", () => {
  /** How many requests a batch of so many rows takes, by their endpoints. */
  const counted = (id: string, rows: number, options: Batch.RunOptions, operation: "jobs" | "execute" = "jobs") =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const before = (yield* emulator.ledger).requests.length
      const common = { id, flow: echo, key: (row: Row) => row.id, input: (row: Row) => ({ message: row.id }) }
      const batch = operation === "jobs" ? Batch.make(common) : Batch.make({ ...common, operation })
      yield* Batch.run(batch, numbered(rows), { ...quick, ...options })
      const counts: Record<string, number> = {}
      for (const { endpoint = "" } of (yield* emulator.ledger).requests.slice(before)) {
        counts[endpoint] = (counts[endpoint] ?? 0) + 1
      }
      return counts
    })

  it.scopedLive("are as many rows in a second as the rate says, and three times as many requests", () =>
    Effect.gen(function*() {
      const { session, submitJob } = yield* counted("rate", 10, { rate: 50 })
      assert.deepStrictEqual([submitJob, session], [10, 11])
      const times = (yield* runsOf).map(({ startedAt }) => startedAt)
      assert.isAtLeast(Math.max(...times) - Math.min(...times), 9 / 50 * 1000 - 60)
    }).pipe(Effect.provide(layer())))

  it.scopedLive("are three for a row, four with its cost, and one for the whole batch", () =>
    Effect.gen(function*() {
      // a run that takes longer is polled more than once
      const polled = ({ pollJob, ...others }: Record<string, number>) => [others, pollJob! >= 20]
      const looks = { session: 21, submitJob: 20 }
      assert.deepStrictEqual(polled(yield* counted("plain", 20, {})), [looks, true])
      assert.deepStrictEqual(polled(yield* counted("cost", 20, { cost: true })), [{ ...looks, trace: 20 }, true])
      const adopting = polled(yield* counted("new", 20, { adopt: false }))
      assert.deepStrictEqual(adopting, [{ session: 1, submitJob: 20 }, true])
      assert.deepStrictEqual(yield* counted("requests", 20, {}, "execute"), { session: 21, execute: 20 })
    }).pipe(Effect.provide(layer())))
})
