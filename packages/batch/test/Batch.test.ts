/** The work of a batch on its rows, in one process. */
import { Batch, BatchSource, BatchStore } from "@effect-noukai/batch"
import type { BatchPlan } from "@effect-noukai/batch/BatchStatus"
import { Emulator } from "@effect-noukai/emulator"
import { Flow } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Fiber, Layer, Schema, Stream } from "effect"
import { execFileSync } from "node:child_process"
import { copyFile, link, stat, symlink, unlink } from "node:fs/promises"
import { dirname, join } from "node:path"
import { folder } from "../../sdk/test/support/folder.js"
import {
  client,
  collect,
  echo,
  echoing,
  layer,
  ledgerFile,
  numbered,
  onFile,
  requestsTo,
  rowsOf,
  runsOf
} from "./support/batches.js"

const quick = { grace: 300 } as const

const states = (of: { readonly states: { readonly [state: string]: number } }) =>
  Object.fromEntries(Object.entries(of.states).filter(([, count]) => count > 0))

describe("a batch", () => {
  it.live("runs each row once, and gives results in the order of the input", () =>
    Effect.gen(function*() {
      const batch = echoing("once")
      const summary = yield* Batch.run(batch, numbered(50), quick)
      assert.deepStrictEqual([summary.status, states(summary)], ["completed", { done: 50 }])
      assert.deepStrictEqual([summary.plan.added, summary.adopted, summary.rows], [50, 0, 50])
      const results = yield* collect(Batch.results(batch))
      assert.deepStrictEqual(results.map(({ key }) => key), Array.from({ length: 50 }, (_, n) => `row ${n + 1}`))
      assert.deepStrictEqual(results.map(({ result }) => result), results.map(({ key }) => ({ said: key })))
      assert.strictEqual((yield* runsOf).length, 50)
    }).pipe(Effect.provide(layer())))

  it.live("that is run again sends nothing, and takes new rows", () =>
    Effect.gen(function*() {
      const batch = echoing("again")
      yield* Batch.run(batch, numbered(5), quick)
      const before = (yield* requestsTo("submitJob")).length
      const same = yield* Batch.run(batch, numbered(5), quick)
      assert.deepStrictEqual([same.plan.added, same.plan.known], [0, { done: 5 }])
      assert.strictEqual((yield* requestsTo("submitJob")).length, before)
      const more = yield* Batch.run(batch, numbered(8), quick)
      assert.deepStrictEqual([more.plan.added, more.states.done], [3, 8])
      assert.strictEqual((yield* runsOf).length, 8)
    }).pipe(Effect.provide(layer())))

  it.live("refuses a key that another row has, and one whose input changed, and keeps their results", () =>
    Effect.gen(function*() {
      const batch = echoing("refused")
      const first = yield* Batch.run(batch, rowsOf("a", "b", "a"), quick)
      assert.deepStrictEqual(
        first.plan.refused.map(({ at, error, key }) => [at, key, error.kind]),
        [["row 3", "a", "DuplicateKey"]]
      )
      assert.include(first.plan.refused[0]!.error.message, "row 1")
      const changed = BatchSource.fromIterable([{ id: "a", text: "another" }, { id: "c" }])
      const plan = yield* Batch.plan(batch, changed)
      const second = yield* Batch.run(batch, changed, quick)
      assert.deepStrictEqual(second.plan, plan)
      assert.deepStrictEqual(second.plan.refused.map(({ error, key }) => [key, error.kind]), [["a", "InputChanged"]])
      assert.deepStrictEqual([second.plan.added, second.refused], [1, 1])
      const results = yield* collect(Batch.results(batch))
      assert.deepStrictEqual(results.map(({ key, result }) => [key, result]), [
        ["a", { said: "a" }],
        ["b", { said: "b" }],
        ["c", { said: "c" }]
      ])
      assert.deepStrictEqual((yield* collect(Batch.refused("refused"))).map(({ at }) => at), ["row 1"])
      assert.strictEqual((yield* runsOf).length, 3)
    }).pipe(Effect.provide(layer())))

  it.live("of two rows with one key runs the first one in every pass, also after a failure", () =>
    Effect.gen(function*() {
      const batch = echoing("twins")
      const rows = BatchSource.fromIterable([{ id: "a", text: "one" }, { id: "a", text: "two" }, { id: "b" }])
      const refused = ({ plan }: { readonly plan: BatchPlan }) => plan.refused.map(({ at, error }) => [at, error.kind])
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "submitJob", nth: 1 }, script: ["422:list"] })
      const first = yield* Batch.run(batch, rows, { ...quick, concurrency: 1 })
      assert.deepStrictEqual([states(first), refused(first)], [{ done: 1, failed: 1 }, [["row 2", "DuplicateKey"]]])
      yield* Batch.retry("twins", { only: "failed" })
      const plan = yield* Batch.plan(batch, rows, { select: { key: "b" } })
      assert.deepStrictEqual([refused({ plan }), plan.updated], [[["row 2", "DuplicateKey"]], 0])
      const second = yield* Batch.run(batch, rows, quick)
      assert.deepStrictEqual([states(second), refused(second)], [{ done: 2 }, [["row 2", "DuplicateKey"]]])
      const [a] = yield* collect(Batch.results(batch))
      assert.deepStrictEqual([a!.key, a!.result], ["a", { said: "one" }])
    }).pipe(Effect.provide(layer())))

  it.live("plans without writing or sending anything", () =>
    Effect.gen(function*() {
      const batch = echoing("dry")
      const plan = yield* Batch.plan(batch, rowsOf("a", "b", "b"))
      assert.deepStrictEqual([plan.added, plan.refusedCount], [2, 1])
      const error = yield* Effect.flip(Batch.status("dry"))
      assert.strictEqual(error._tag, "BatchNotFoundError")
      const emulator = yield* Emulator
      assert.strictEqual((yield* emulator.ledger).requestsReceived, 0)
    }).pipe(Effect.provide(layer())))

  it.live("that does not fit is invalid before anything is sent, and runs once its source is mended", () =>
    Effect.gen(function*() {
      const Grade = Flow.make(echo, {
        parameters: Schema.Struct({ level: Schema.NumberFromString.pipe(Schema.between(1, 3)) }),
        result: Schema.Struct({ said: Schema.String })
      })
      const batch = Batch.make({
        id: "typed",
        flow: Grade,
        row: Schema.Struct({ id: Schema.String, level: Schema.Number }),
        key: (row) => row.id,
        input: (row) => ({ message: row.id, parameters: { level: row.level } })
      })
      const source = (level: unknown) =>
        BatchSource.fromIterable<unknown>([{ id: "a", level: 1 }, { id: "b", level }, { id: "c", level: 9 }, 7])
      const first = yield* Batch.run(batch, source("two"), quick)
      assert.deepStrictEqual(states(first), { done: 1, invalid: 2 })
      assert.deepStrictEqual([first.plan.invalid, first.plan.refusedCount], [2, 1])
      assert.deepStrictEqual(
        (yield* collect(Batch.results("typed"))).map(({ error }) => error?.message),
        [
          undefined,
          "at level: expected a number, got \"two\"",
          "its parameters do not fit the flow: at level: expected a number between 1 and 3, got 9"
        ]
      )
      const plan = yield* Batch.plan(batch, source(2))
      assert.deepStrictEqual([plan.known, plan.mended, plan.ready], [{ done: 1, invalid: 2 }, 1, 1])
      const second = yield* Batch.run(batch, source(2), quick)
      assert.deepStrictEqual(second.plan, plan)
      assert.deepStrictEqual(states(second), { done: 2, invalid: 1 })
      assert.strictEqual(yield* Batch.retry("typed", { only: "invalid" }), 1)
      assert.deepStrictEqual(states(yield* Batch.status("typed")), { done: 2 })
      const sent = yield* requestsTo("submitJob")
      assert.deepStrictEqual(
        sent.filter(({ method }) => method === "POST").map(({ body }) => JSON.parse(body).parameters),
        [{ level: "1" }, { level: "2" }]
      )
    }).pipe(Effect.provide(layer())))

  it.live("whose input is not JSON as it stands is invalid", () =>
    Effect.gen(function*() {
      const inputs: ReadonlyArray<unknown> = [
        { message: "a", parameters: { n: Number.NaN } },
        { message: "b", parameters: { list: [1, undefined] } },
        { message: "c", parameters: { f: () => 1 } },
        { message: "d", parameters: { seen: new Set([1]) } },
        Promise.resolve({ message: "e" }),
        { message: "f", version: undefined, parameters: { at: new Date(0), no: undefined } }
      ]
      const batch = Batch.make({
        id: "no JSON",
        flow: echo,
        key: (at: number) => `${at}`,
        input: (at) => inputs[at] as { readonly message: string }
      })
      const plan = yield* Batch.plan(batch, BatchSource.fromIterable(inputs.keys()))
      assert.deepStrictEqual([plan.added, plan.invalid, plan.ready], [6, 5, 1])
      yield* Batch.run(batch, BatchSource.fromIterable(inputs.keys()), quick)
      const [, , , , promise] = yield* collect(Batch.results(batch))
      assert.deepStrictEqual(promise!.error, {
        kind: "InvalidRow",
        message: "its input must be an object"
      })
      const [sent] = yield* requestsTo("submitJob")
      assert.deepStrictEqual(JSON.parse(sent!.body).parameters, { at: "1970-01-01T00:00:00.000Z" })
    }).pipe(Effect.provide(layer())))

  it.live("whose input has a field of the batch, of another operation, or under its name on the wire is invalid", () =>
    Effect.gen(function*() {
      const inputs: ReadonlyArray<unknown> = [{ sessionId: "s" }, { messages: [] }, { trace: true }, { message: "a" }]
      const batch = Batch.make({
        id: "refused",
        flow: echo,
        key: (at: number) => `${at}`,
        input: (at) => inputs[at] as { readonly message: string }
      })
      const { plan } = yield* Batch.run(batch, BatchSource.fromIterable(inputs.keys()), quick)
      assert.deepStrictEqual([plan.added, plan.invalid, plan.ready], [4, 3, 1])
      assert.deepStrictEqual((yield* collect(Batch.results(batch))).map(({ error }) => error?.message), [
        "its input has sessionId, which is of the batch, not of a row",
        "its input has messages, which the queue does not take: make the batch with operation \"execute\"",
        "its input has trace, which is not an option: did you mean snapshots?",
        undefined
      ])
    }).pipe(Effect.provide(layer())))

  it.live("gives results by the schema of its flow, and says which do not fit", () =>
    Effect.gen(function*() {
      const batch = Batch.make({
        id: "unfitting",
        flow: Flow.make(echo, { result: Schema.Struct({ said: Schema.Literal("a") }) }),
        key: (id: string) => id,
        input: (id) => ({ message: id })
      })
      yield* Batch.run(batch, BatchSource.fromIterable(["a", "b"]), quick)
      const [a, b] = yield* collect(Batch.results(batch))
      assert.deepStrictEqual(a!.result, { said: "a" })
      assert.deepStrictEqual([b!.result, b!.error], [undefined, {
        kind: "UnexpectedResult",
        message: "its result does not fit the flow: at said: expected \"a\", got \"b\""
      }])
    }).pipe(Effect.provide(layer())))

  it.live("keeps failed rows as failed until they are retried", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const batch = echoing("failing", "acme/test/flaky")
      yield* emulator.putFlows({
        ref: "acme/test/flaky",
        steps: [{ kind: "fail", id: "a", code: "NO_LUCK", message: "no luck" }]
      })
      const first = yield* Batch.run(batch, numbered(3), quick)
      assert.deepStrictEqual([first.status, states(first)], ["completed", { failed: 3 }])
      const [row] = yield* collect(Batch.results(batch))
      assert.deepStrictEqual(row!.error, { kind: "FlowExecutionError", message: "no luck", code: "NO_LUCK" })
      yield* emulator.putFlows({
        ref: "acme/test/flaky",
        steps: [{ kind: "template", id: "a", output: { said: "{{message}}" } }]
      })
      assert.deepStrictEqual(states(yield* Batch.run(batch, numbered(3), quick)), { failed: 3 })
      assert.strictEqual(yield* Batch.retry("failing", { only: "failed" }), 3)
      const left = yield* Batch.status("failing")
      assert.deepStrictEqual([left.status, states(left)], ["incomplete", { pending: 3 }])
      assert.deepStrictEqual(states(yield* Batch.run(batch, numbered(3), quick)), { done: 3 })
      assert.deepStrictEqual((yield* collect(Batch.results(batch))).map(({ attempt }) => attempt), [2, 2, 2])
    }).pipe(Effect.provide(layer())))

  it.live("runs done rows again only if double runs are accepted", () =>
    Effect.gen(function*() {
      const batch = echoing("again", "acme/test/echo")
      assert.deepStrictEqual(states(yield* Batch.run(batch, numbered(3), quick)), { done: 3 })
      const refused = yield* Effect.flip(Batch.retry("again", { only: "done" } as never))
      assert.deepStrictEqual([refused._tag, states(yield* Batch.status("again"))], ["InvalidBatchError", { done: 3 }])
      assert.include(refused.message, "done rows have run")
      const [first] = yield* collect(Batch.results(batch))
      const select = { key: first!.key }
      assert.strictEqual(yield* Batch.retry("again", { only: "done", acceptDoubleRuns: true, select }), 1)
      assert.deepStrictEqual(states(yield* Batch.run(batch, numbered(3), quick)), { done: 3 })
      assert.strictEqual((yield* runsOf).length, 4)
      assert.deepStrictEqual((yield* collect(Batch.results(batch))).map(({ attempt }) => attempt), [2, 1, 1])
    }).pipe(Effect.provide(layer())))

  it.live("stops when more rows fail than may, and goes on when it is run again", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.putFlows({
        ref: "acme/test/broken",
        steps: [{ kind: "fail", id: "a", code: "NO_LUCK", message: "no luck" }]
      })
      const batch = echoing("failures", "acme/test/broken")
      const options = { ...quick, maxFailures: 2, concurrency: 1 }
      const summary = yield* Batch.run(batch, numbered(20), options)
      assert.deepStrictEqual([summary.status, summary.stop?.reason, states(summary)], [
        "incomplete",
        "failures",
        { failed: 3, pending: 17 }
      ])
      const next = yield* Batch.run(batch, numbered(20), options)
      assert.deepStrictEqual(states(next), { failed: 6, pending: 14 })
      const all = yield* Batch.run(echoing("all failed", "acme/test/broken"), numbered(3), options)
      assert.deepStrictEqual([all.status, all.stop, states(all)], ["completed", undefined, { failed: 3 }])
    }).pipe(Effect.provide(layer())))

  it.live("is not completed while rows of a source that broke are left", () =>
    Effect.gen(function*() {
      const batch = echoing("breaks")
      yield* Batch.run(batch, numbered(1), quick)
      const breaks = BatchSource.fromStream(
        Stream.concat(Stream.fromIterable([{ id: "row 1" }, { id: "row 2" }]), Stream.fail("no more"))
      )
      assert.strictEqual(yield* Effect.flip(Batch.run(batch, breaks, quick)), "no more")
      const status = yield* Batch.status("breaks")
      assert.deepStrictEqual([status.status, status.states.pending > 0], ["incomplete", true])
    }).pipe(Effect.provide(layer())))

  it.live("adopts what another ledger of the same id has run", () =>
    Effect.gen(function*() {
      const batch = echoing("adopted")
      const [one, other] = [yield* ledgerFile, yield* ledgerFile]
      yield* Effect.provide(Batch.run(batch, numbered(10), quick), onFile(one))
      const summary = yield* Effect.provide(Batch.run(batch, numbered(15), quick), onFile(other))
      assert.deepStrictEqual([summary.adopted, states(summary)], [10, { done: 15 }])
      assert.strictEqual((yield* runsOf).length, 15)
    }).pipe(Effect.scoped, Effect.provide(client())))

  it.live("has another flow until a request of it may have left", () =>
    Effect.gen(function*() {
      const typo = yield* Batch.run(echoing("typo", "acme/test/ehco"), numbered(2), quick)
      assert.deepStrictEqual([typo.status, states(typo)], ["incomplete", { pending: 2 }])
      assert.deepStrictEqual((yield* Batch.plan(echoing("typo"), numbered(3))).added, 1)
      const summary = yield* Batch.run(echoing("typo"), numbered(3), quick)
      assert.deepStrictEqual([summary.flow, states(summary)], [echo, { done: 3 }])
      const { runs } = yield* Effect.flatMap(Emulator, (emulator) => emulator.ledger)
      assert.deepStrictEqual(runs.map(({ flow }) => flow), [echo, echo, echo])
      const error = yield* Effect.flip(Batch.run(echoing("typo", "acme/test/ehco"), numbered(3), quick))
      assert.strictEqual(error._tag, "BatchConflictError")
    }).pipe(Effect.provide(layer())))

  it.live("does not run where another program has planned it with another flow meanwhile", () =>
    Effect.gen(function*() {
      const { sql } = yield* BatchStore
      for (const [field, other] of [["flow", "acme/test/slow"], ["version", "7"], ["operation", "execute"]] as const) {
        const changed = sql`update noukai_batch set ${sql(field)} = ${other} where name = ${field}`
        const rows = Stream.concat(numbered(2).rows, Stream.execute(changed))
        const error = yield* Effect.flip(Batch.run(echoing(field), { rows }, quick))
        assert(error._tag === "BatchConflictError")
        assert.deepStrictEqual([error.field, error.stored], [field, other])
        assert.deepStrictEqual(states(yield* Batch.status(field)), { pending: 2 })
      }
      assert.deepStrictEqual(yield* runsOf, [])
    }).pipe(Effect.provide(layer())))

  it.live("keeps its flow while a process that is gone may have sent a row", () =>
    Effect.gen(function*() {
      const store = yield* BatchStore
      yield* Batch.run(echoing("intent", "acme/test/ehco"), numbered(2), quick)
      yield* store.sql`update noukai_batch_row set state = 'intent' where no = 1`
      const error = yield* Effect.flip(Batch.run(echoing("intent"), numbered(2), quick))
      assert.strictEqual(error._tag, "BatchConflictError")
    }).pipe(Effect.provide(layer())))

  it.live("of one id is of one flow", () =>
    Effect.gen(function*() {
      yield* Batch.run(echoing("one"), numbered(1), quick)
      const error = yield* Effect.flip(Batch.run(echoing("one", "acme/test/slow"), numbered(1), quick))
      assert(error._tag === "BatchConflictError")
      assert.deepStrictEqual([error.field, error.stored, error.given], ["flow", echo, "acme/test/slow"])
      yield* Batch.forget("one")
      assert.strictEqual((yield* Batch.run(echoing("one", "acme/test/slow"), numbered(2), quick)).states.done, 2)
    }).pipe(Effect.provide(layer())))

  it.live("of a process keeps others from its ledger, whose file is its owner's alone", () =>
    Effect.gen(function*() {
      const path = yield* ledgerFile
      const batch = echoing("locked", "acme/test/slow")
      const running = yield* Effect.fork(Effect.provide(Batch.run(batch, numbered(3), quick), onFile(path)))
      const emulator = yield* Emulator
      yield* emulator.awaitEvent((event) => event.type === "RunStarted")
      const error = yield* Effect.flip(Effect.provide(Batch.run(batch, numbered(3), quick), onFile(path)))
      assert(error._tag === "BatchLockedError")
      assert.deepStrictEqual([error.file, error.pid], [path, process.pid])
      assert.strictEqual((yield* Effect.provide(Batch.status("locked"), onFile(path))).status, "running")
      assert.strictEqual((yield* Fiber.join(running)).states.done, 3)
      for (const file of [path, `${path}.lock`]) {
        const { mode } = yield* Effect.promise(() => stat(file))
        assert.strictEqual(mode & 0o777, 0o600)
      }
    }).pipe(Effect.scoped, Effect.provide(client())))

  it.live("keeps others from its ledger by whatever path they reach it", () =>
    Effect.gen(function*() {
      const path = yield* ledgerFile
      const elsewhere = yield* folder
      const links = [join(dirname(path), "linked.ledger"), join(elsewhere, "linked.ledger")]
      // they are there before the ledger
      for (const link of links) yield* Effect.promise(() => symlink(path, link))
      const batch = echoing("linked", "acme/test/slow")
      const running = yield* Effect.fork(Effect.provide(Batch.run(batch, numbered(3), quick), onFile(links[0]!)))
      const emulator = yield* Emulator
      yield* emulator.awaitEvent((event) => event.type === "RunStarted")
      for (const other of [path, links[1]!]) {
        const error = yield* Effect.flip(Effect.provide(Batch.run(batch, numbered(3), quick), onFile(other)))
        assert(error._tag === "BatchLockedError")
        assert.deepStrictEqual([error.file, error.pid], [other, process.pid])
      }
      assert.strictEqual((yield* Fiber.join(running)).states.done, 3)
    }).pipe(Effect.scoped, Effect.provide(client())))

  it.live("has no second lock by a hard link of its ledger, which is refused until it is gone", () =>
    Effect.gen(function*() {
      const path = yield* ledgerFile
      const other = join(yield* folder, "other.ledger")
      const batch = echoing("linked", "acme/test/slow")
      const run = (path: string) => Effect.provide(Batch.run(batch, numbered(3), quick), onFile(path))
      const running = yield* Effect.fork(run(path))
      const emulator = yield* Emulator
      yield* emulator.awaitEvent((event) => event.type === "RunStarted")
      yield* Effect.promise(() => link(path, other))
      const refused = yield* Effect.flip(run(other))
      assert(refused._tag === "BatchStoreError")
      assert.include(refused.message, `opened ${other}: ${other} has 2 hard links`)
      assert.strictEqual((yield* Fiber.join(running)).states.done, 3)
      for (const one of [path, other]) {
        assert.strictEqual((yield* Effect.flip(run(one)))._tag, "BatchStoreError")
        const readOnly = Effect.provide(Batch.status("linked"), Layer.fresh(BatchStore.layerFileReadOnly(one)))
        assert.strictEqual((yield* Effect.flip(readOnly))._tag, "BatchStoreError")
      }
      yield* Effect.promise(() => unlink(other))
      assert.strictEqual((yield* run(path)).states.done, 3)
      assert.lengthOf(yield* runsOf, 3)
    }).pipe(Effect.scoped, Effect.provide(client())))

  it.live("is cancelled: what is pending never runs, and what runs ends", () =>
    Effect.gen(function*() {
      const batch = echoing("cancelled", "acme/test/slow")
      const running = yield* Effect.fork(Batch.run(batch, numbered(20), { ...quick, concurrency: 2 }))
      const emulator = yield* Emulator
      yield* emulator.awaitEvent((event) => event.type === "RunStarted")
      const cancelled = yield* Batch.cancel("cancelled")
      const summary = yield* Fiber.join(running)
      assert.deepStrictEqual([summary.status, summary.states.cancelled], ["cancelled", cancelled])
      assert.strictEqual(summary.states.done, 20 - cancelled)
      assert.strictEqual((yield* runsOf).length, 20 - cancelled)
      yield* Batch.retry("cancelled", { only: "cancelled" })
      assert.strictEqual((yield* Batch.run(batch, numbered(20), quick)).states.done, 20)
    }).pipe(Effect.provide(layer())))

  it.live("that is interrupted finishes what is in flight, and goes on later", () =>
    Effect.gen(function*() {
      const batch = echoing("interrupted", "acme/test/slow")
      const running = yield* Effect.fork(Batch.run(batch, numbered(20), { ...quick, concurrency: 4 }))
      const emulator = yield* Emulator
      yield* emulator.awaitEvent((event) => event.type === "RunStarted")
      yield* Fiber.interrupt(running)
      const status = yield* Batch.status("interrupted")
      assert.deepStrictEqual([status.status, status.stop?.reason], ["incomplete", "interrupted"])
      const { done, pending } = status.states
      assert.deepStrictEqual([done + pending, (yield* runsOf).length], [20, done])
      assert.strictEqual((yield* Batch.run(batch, numbered(20), quick)).states.done, 20)
      assert.strictEqual((yield* runsOf).length, 20)
    }).pipe(Effect.provide(layer())))

  it.live("that is interrupted when all that is left is in flight is completed", () =>
    Effect.gen(function*() {
      const running = yield* Effect.fork(Batch.run(echoing("last", "acme/test/slow"), numbered(1), quick))
      const emulator = yield* Emulator
      yield* emulator.awaitEvent((event) => event.type === "RunStarted")
      yield* Fiber.interrupt(running)
      const status = yield* Batch.status("last")
      assert.deepStrictEqual([status.status, status.stop, states(status)], ["completed", undefined, { done: 1 }])
    }).pipe(Effect.provide(layer())))

  it.live("stops at a key that is refused, with every row still to be run", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["402"], repeat: true })
      const batch = echoing("credits")
      const summary = yield* Batch.run(batch, numbered(10), quick)
      assert.deepStrictEqual([summary.status, summary.stop?.reason, summary.stop?.statusCode, states(summary)], [
        "incomplete",
        "refused",
        402,
        { pending: 10 }
      ])
      yield* emulator.clearFaults
      assert.strictEqual((yield* Batch.run(batch, numbered(10), quick)).states.done, 10)
    }).pipe(Effect.provide(layer())))

  it.live("tells results as they settle, and its progress to the end", () =>
    Effect.gen(function*() {
      const batch = echoing("followed", "acme/test/slow")
      const running = yield* Effect.fork(Batch.run(batch, numbered(12), { ...quick, concurrency: 4 }))
      const emulator = yield* Emulator
      yield* emulator.awaitEvent((event) => event.type === "RunStarted")
      const progress = yield* Effect.fork(collect(Batch.progress("followed")))
      const rows = yield* collect(Batch.results(batch, { order: "done", follow: true }))
      assert.deepStrictEqual(
        rows.map(({ settledNo }) => settledNo),
        rows.map(({ settledNo }) => settledNo).sort((a, b) => a! - b!)
      )
      assert.strictEqual(new Set(rows.map(({ key }) => key)).size, 12)
      yield* Fiber.join(running)
      const seen = yield* Fiber.join(progress)
      const last = seen[seen.length - 1]!
      assert.deepStrictEqual([last.status, last.done, last.rows, last.settled], ["completed", 12, 12, 12])
      const after = rows[4]!.settledNo!
      assert.strictEqual((yield* collect(Batch.results(batch, { order: "done", after }))).length, 7)
    }).pipe(Effect.provide(layer())))

  it.live("is planned and run though its ledger is asked for it without a pause", () =>
    Effect.gen(function*() {
      const asking = yield* Effect.fork(
        Effect.repeat(Effect.either(Batch.status("asked")), {
          while: (found) => Either.isLeft(found) || found.right.status !== "completed"
        })
      )
      assert.strictEqual((yield* Batch.run(echoing("asked"), numbered(5), quick)).states.done, 5)
      yield* Fiber.join(asking)
    }).pipe(Effect.provide(layer())))

  it.live("fails before anything is sent when its source cannot be read", () =>
    Effect.gen(function*() {
      const source = BatchSource.fromStream(Stream.concat(Stream.make({ id: "a" }), Stream.fail("torn" as const)))
      assert.strictEqual(yield* Effect.flip(Batch.run(echoing("torn"), source, quick)), "torn")
      const emulator = yield* Emulator
      assert.strictEqual((yield* emulator.ledger).requestsReceived, 0)
    }).pipe(Effect.provide(layer())))

  it.live("checks its options before it plans", () =>
    Effect.gen(function*() {
      const wrong = [
        { concurrency: 0 },
        { fleetConcurrency: 0 },
        { rate: -1 },
        { maxFailures: 0.5 },
        { budgetUsd: 1 },
        { budgetUsd: 1, maxCostPerRow: 0 },
        { grace: 0 },
        { stopWithin: "soon" as never }
      ]
      for (const options of wrong) {
        const error = yield* Effect.flip(Batch.run(echoing("wrong"), numbered(1), options))
        assert.strictEqual(error._tag, "InvalidBatchError", JSON.stringify(options))
      }
      for (const id of ["", "\0", "x".repeat(2000), 7 as never]) {
        assert.strictEqual((yield* Effect.flip(Batch.run(echoing(id), numbered(1))))._tag, "InvalidBatchError")
      }
      assert.strictEqual((yield* Effect.flip(Batch.status("wrong")))._tag, "BatchNotFoundError")
    }).pipe(Effect.provide(layer())))

  it.live("is not run by a ledger that is no database", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        Effect.provide(Batch.status("any"), Layer.fresh(BatchStore.layerFile("/proc/none/batch.ledger")))
      )
      assert.strictEqual(error._tag, "BatchStoreError")
      const pipe = yield* ledgerFile
      execFileSync("mkfifo", [pipe])
      const opened = yield* Effect.flip(Effect.provide(Batch.status("any"), Layer.fresh(BatchStore.layerFile(pipe))))
      assert.include(opened.message, "it is a pipe, not a plain file")
    }).pipe(Effect.scoped))

  it.live("stands in its file alone once it is closed, so that a copy of it has all", () =>
    Effect.gen(function*() {
      const path = yield* ledgerFile
      yield* Effect.provide(Batch.run(echoing("copied"), numbered(3), quick), onFile(path))
      yield* Effect.promise(() => copyFile(path, `${path}.copy`))
      const copied = yield* Effect.provide(Batch.status("copied"), Layer.fresh(BatchStore.layerFile(`${path}.copy`)))
      assert.deepStrictEqual([copied.status, states(copied)], ["completed", { done: 3 }])
    }).pipe(Effect.scoped, Effect.provide(client())))
})
