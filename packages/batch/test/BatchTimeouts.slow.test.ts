/** Rows whose runs take too long: they give up their slots, are asked for again by the next run, and never sent again. */
import { Batch, BatchEngine, BatchReport, BatchStore } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import type { FunctionInput } from "@effect-noukai/emulator/Flow"
import {
  APIConnectionError,
  FlowNotFoundError,
  Noukai,
  type NoukaiError,
  UnexpectedResponseError
} from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, HashMap, Layer, Logger, TestClock } from "effect"
import { folder } from "../../sdk/test/support/folder.js"
import { size } from "../../sdk/test/support/size.js"
import * as Driver from "../src/internal/drive/driver.js"
import type { PollResult, Runs } from "../src/internal/drive/runs.js"
import * as Batches from "../src/internal/ledger/batches.js"
import * as Planning from "../src/internal/ledger/planning.js"
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
  type Row,
  runsOf
} from "./support/batches.js"
import { tampering } from "./support/tampering.js"

const quick = { grace: 300, concurrency: 1 } as const

const stateCounts = (of: { readonly states: { readonly [state: string]: number } }) =>
  Object.fromEntries(Object.entries(of.states).filter(([, count]) => count > 0))

const lasting = (duration: string) => ({
  flows: [{ ref: echo, steps: [{ kind: "template" as const, id: "a", output: { said: "{{message}}" }, duration }] }]
})

/** Flows whose runs end once a latch is open. */
const until = (gate: Effect.Latch) => ({
  flows: [{
    ref: echo,
    steps: [{
      kind: "function" as const,
      id: "a",
      run: ({ message }: FunctionInput) => Effect.as(gate.await, { said: message })
    }]
  }]
})

const posts = Effect.map(requestsTo("submitJob"), ({ length }) => length)

const polls = Effect.map(requestsTo("pollJob"), ({ length }) => length)

/** Waits until so many runs have ended. */
const ended = (count: number) =>
  Effect.flatMap(Emulator, (emulator) => {
    let left = count
    return emulator.awaitEvent((event) => event.type === "RunEnded" && --left === 0)
  })

describe("a row that times out", () => {
  it.live("gives up its slot, and is asked for again by the next run, but not sent", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const batch = echoing("late")
      const options = { ...quick, rowTimeout: 200 }
      const summary = yield* Batch.run(batch, numbered(3), options)
      assert.deepStrictEqual([summary.status, summary.stop?.reason, summary.timedOut, stateCounts(summary)], [
        "incomplete",
        "timeout",
        3,
        { submitted: 3 }
      ])
      const rows = yield* collect(Batch.results(batch))
      const runs = yield* runsOf
      assert.deepStrictEqual(rows.map(({ executionId }) => executionId), runs.map(({ executionId }) => executionId))
      for (const { error, executionId, settledNo } of rows) {
        assert.strictEqual(error?.kind, "TimedOut")
        assert.include(error!.message, `${executionId} is still running after 200ms`)
        assert.isUndefined(settledNo)
      }
      assert.strictEqual(yield* posts, 3)
      const before = yield* polls
      const { files } = yield* BatchReport.toFolder(yield* folder, { rows: Batch.results(batch), summary })
      assert.strictEqual(files["failures.jsonl"]!.lines, 3)
      // it counts from the first run
      const again = yield* Batch.run(batch, numbered(3), options)
      assert.deepStrictEqual([again.stop?.reason, again.timedOut, yield* posts, yield* polls], [
        "timeout",
        3,
        3,
        before + 3
      ])
      for (const { executionId } of runs) yield* emulator.cancelJob(executionId)
      const last = yield* Batch.run(batch, numbered(4), options)
      assert.deepStrictEqual([last.status, last.timedOut, stateCounts(last)], ["incomplete", 1, {
        cancelled: 3,
        submitted: 1
      }])
      assert.strictEqual(yield* posts, 4)
    }).pipe(Effect.scoped, Effect.provide(layer(lasting("1 hour")))))

  const gate = Effect.unsafeMakeLatch(true)

  it.live("has its result when its run has ended meanwhile", () =>
    Effect.gen(function*() {
      yield* gate.close
      const batch = echoing("later")
      const first = yield* Batch.run(batch, numbered(2), { ...quick, concurrency: 2, rowTimeout: 100 })
      assert.deepStrictEqual([first.status, first.timedOut], ["incomplete", 2])
      yield* Effect.zipRight(gate.open, ended(2))
      const summary = yield* Batch.run(batch, numbered(2), { ...quick, rowTimeout: 100 })
      assert.deepStrictEqual([summary.status, summary.isClean, summary.timedOut, stateCounts(summary)], [
        "completed",
        true,
        0,
        { done: 2 }
      ])
      assert.deepStrictEqual((yield* collect(Batch.results(batch))).map(({ error, result }) => [result, error]), [
        [{ said: "row 1" }, undefined],
        [{ said: "row 2" }, undefined]
      ])
      assert.strictEqual(yield* posts, 2)
    }).pipe(Effect.provide(layer(until(gate)))))

  it.live("is waited for by the next run when its limit is longer", () =>
    Effect.gen(function*() {
      yield* gate.close
      const batch = echoing("longer")
      assert.strictEqual((yield* Batch.run(batch, numbered(1), { ...quick, rowTimeout: 100 })).timedOut, 1)
      yield* gate.open
      const summary = yield* Batch.run(batch, numbered(1), { ...quick, rowTimeout: "1 minute" })
      assert.deepStrictEqual([summary.status, yield* posts], ["completed", 1])
    }).pipe(Effect.provide(layer(until(gate)))))

  it.live("keeps what was reserved for it", () =>
    Effect.gen(function*() {
      const options = { ...quick, rowTimeout: 100, budgetUsd: 0.02, maxCostPerRow: 0.01 }
      for (let run = 0; run < 2; run++) {
        const summary = yield* Batch.run(echoing("reserved"), numbered(3), options)
        assert.deepStrictEqual([summary.stop?.reason, summary.timedOut, stateCounts(summary)], [
          "budget",
          2,
          { pending: 1, submitted: 2 }
        ])
      }
      assert.strictEqual(yield* posts, 2)
    }).pipe(Effect.provide(layer(lasting("1 hour")))))

  it.live("may be pending for as long as the queue takes, unless that has a limit", () =>
    Effect.gen(function*() {
      const batch = echoing("queued")
      const summary = yield* Batch.run(batch, numbered(2), { ...quick, rowTimeout: 100, pendingTimeout: 300 })
      assert.deepStrictEqual([summary.stop?.reason, summary.timedOut], ["timeout", 2])
      assert.include((yield* collect(Batch.results(batch)))[0]!.error!.message, "is still pending after 300ms")
      const all = yield* Batch.run(batch, numbered(2), { ...quick, rowTimeout: 100 })
      assert.deepStrictEqual([all.status, yield* posts], ["completed", 2])
    }).pipe(Effect.provide(layer({ jobs: { queueDelay: "1 second", workers: 2 } }))))

  it.live("in a request is found by the next run, and not sent again", () =>
    Effect.gen(function*() {
      const batch = Batch.make({
        id: "in progress",
        flow: echo,
        operation: "execute",
        key: (row: Row) => row.id,
        input: (row) => ({ message: row.id })
      })
      const emulator = yield* Emulator
      const file = yield* ledgerFile
      const run = (count: number, options: Batch.RunOptions) =>
        Effect.provide(Batch.run(batch, numbered(count), { ...quick, ...options }), onFile(file))
      // runs are listed
      yield* run(1, {})
      yield* gate.close
      const first = yield* Effect.fork(run(2, { stopWithin: 0 }))
      let started = 0
      yield* emulator.awaitEvent((event) => event.type === "RunStarted" && ++started === 2)
      yield* Fiber.interrupt(first)
      for (let again = 0; again < 2; again++) {
        const { stop, timedOut } = yield* run(2, { rowTimeout: 100 })
        assert.deepStrictEqual([stop?.reason, timedOut], ["timeout", 1])
      }
      yield* Effect.zipRight(gate.open, ended(2))
      const last = yield* run(2, { rowTimeout: 100 })
      assert.deepStrictEqual([last.status, stateCounts(last)], ["completed", { done: 2 }])
      const [, row] = yield* Effect.provide(collect(Batch.results(batch)), onFile(file))
      assert.deepStrictEqual([row!.executionId, row!.result], [(yield* runsOf)[1]!.executionId, { said: "row 2" }])
      assert.strictEqual((yield* requestsTo("execute")).length, 2)
    }).pipe(Effect.scoped, Effect.provide(client({ ...until(gate), capture: "full" }))))

  it.live("has a status that nobody knows, which counts as running and is told once", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const told: Array<string> = []
      const logger = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ annotations: _ = HashMap.empty(), message }) => void told.push(String(message)))
      )
      let status = "limbo"
      const baseUrl = yield* tampering(({ path }, body) =>
        path.includes("/jobs/") ? body.replace(/"status":"[a-z]+"(,"result":.*)?\}$/, `"status":"${status}"}`) : body
      )
      const file = yield* ledgerFile
      const noukai = Noukai.layer({ apiKey: emulator.apiKey, baseUrl })
      const batch = echoing("limbo")
      const run = (layer: typeof noukai | Layer.Layer<never>) =>
        Effect.provide(
          Batch.run(batch, numbered(3), { ...quick, rowTimeout: 200 }),
          Layer.mergeAll(BatchStore.layerFile(file), BatchEngine.layerLocal, layer, logger)
        )
      const first = yield* run(noukai)
      assert.deepStrictEqual([first.stop?.reason, first.timedOut, stateCounts(first)], ["timeout", 3, { submitted: 3 }])
      status = "purgatory"
      yield* run(noukai)
      const statuses = told.map((text) => /unknown status "([a-z]+)"/.exec(text)?.[1]).filter((one) =>
        one !== undefined
      )
      assert.deepStrictEqual(statuses, ["limbo", "purgatory"])
      assert.deepStrictEqual(stateCounts(yield* run(Layer.empty)), { done: 3 })
      assert.strictEqual(yield* posts, 3)
    }).pipe(Effect.scoped, Effect.provide(client())))
})

describe("the limit of a row", () => {
  /** Runs a row whose polls answer so until its lane has ended, and gives its state and how many seconds that took. */
  const lasted = (poll: (seconds: number) => Effect.Effect<PollResult, NoukaiError>) =>
    Effect.gen(function*() {
      const ledger = yield* BatchStore
      const batch = yield* Batches.planned(
        ledger,
        { name: "seconds", flow: echo, version: "production", operation: "jobs" },
        { concurrency: 1, lanes: 1, cost: false, grace: 200, adopt: false, rowTimeout: 60_000 },
        0
      )
      const pass = yield* Planning.begun(ledger, batch.id, 1)
      yield* Planning.add(ledger, pass, [{ key: "1", at: "", input: "{}", error: undefined }])
      yield* Batches.canaryProven(ledger, batch.id)
      const record = yield* Batches.started(ledger, batch, 0)
      assert(record._tag === "Some")
      const seconds = Effect.map(Clock.currentTimeMillis, (now) => now / 1000)
      const runs: Runs = {
        look: () => Effect.succeed({ _tag: "absent" }),
        begin: () => Effect.succeed({ _tag: "submitted", executionId: "x" }),
        follow: () => Effect.succeed(Effect.flatMap(seconds, poll)),
        measure: () => Effect.dieMessage("no cost is asked for")
      }
      const part = yield* Driver.make(ledger, record.value, "one", runs)
      const lane = yield* Effect.fork(part.lane(0))
      while ((yield* Fiber.poll(lane))._tag === "None" && (yield* seconds) < 500) {
        yield* TestClock.adjust(size(1000, 2000))
        // the ledger has no clock
        yield* Effect.promise(() => new Promise((resume) => setTimeout(resume, 5)))
      }
      const [row] = yield* ledger.sql<{ readonly state: string }>`select state from noukai_batch_row`
      return [row!.state, Math.round((yield* seconds) / 10) * 10] as const
    })

  const store = () => Layer.unwrapScoped(Effect.map(ledgerFile, (path) => BatchStore.layerFile(path)))

  const refused = new APIConnectionError({
    method: "JobService.poll",
    detail: "refused",
    sent: "no",
    isRetryable: true
  })

  it.scoped("counts from the first time that the run is said to be running, and not while it is pending", () =>
    Effect.gen(function*() {
      const answer = (at: number): PollResult => ({ _tag: at < 90 ? "pending" : "running" })
      assert.deepStrictEqual(yield* lasted((at) => Effect.succeed(answer(at))), ["timedOut", 150])
    }).pipe(Effect.provide(store())))

  it.scoped("is not reached by a run that ends before", () =>
    Effect.gen(function*() {
      const ending: PollResult = { _tag: "ended", settled: { state: "done", result: "null", executionId: "x" } }
      assert.deepStrictEqual(yield* lasted((at) => Effect.succeed(at < 50 ? { _tag: "running" } : ending)), [
        "done",
        50
      ])
    }).pipe(Effect.provide(store())))

  it.scoped("counts polls that fail as running, though others succeed", () =>
    Effect.gen(function*() {
      const poll = (at: number) =>
        Math.round(at) % 3 === 0 ? Effect.succeed<PollResult>({ _tag: "pending" }) : Effect.fail(refused)
      const [state, seconds] = yield* lasted(poll)
      // the last wait between two polls may have begun before
      assert.isTrue(state === "timedOut" && seconds >= 60 && seconds <= 100, String(seconds))
    }).pipe(Effect.provide(store())))

  const of404 = (responseBody: string, code?: string) =>
    new FlowNotFoundError({
      method: "Job.poll",
      statusCode: 404,
      responseBody,
      ...(code !== undefined && { code }),
      isRetryable: false
    })

  const foreign: ReadonlyArray<NoukaiError> = [
    of404("<html>no route</html>"),
    of404(""),
    of404("{\"detail\":\"Not Found\"}"),
    of404("{\"detail\":{\"code\":\"JOB_NOT_FOUND\""),
    of404("{\"code\":\"JOB_NOT_FOUND\"}", "JOB_NOT_FOUND"),
    new UnexpectedResponseError({ method: "executeOnce", statusCode: 404, reason: "a 404", isRetryable: false })
  ]

  it.scoped("is not reached, nor is a run given up, because of a 404 that does not say that it does not exist", () =>
    Effect.gen(function*() {
      const ending: PollResult = { _tag: "ended", settled: { state: "done", result: "null", executionId: "x" } }
      let asked = 0
      const [state] = yield* lasted(() =>
        asked < foreign.length ? Effect.fail(foreign[asked++]!) : Effect.succeed(ending)
      )
      assert.deepStrictEqual([state, asked], ["done", foreign.length])
    }).pipe(Effect.provide(store())))

  it.scoped("leaves a run whose polls get such a 404 for longer to the next run of the batch", () =>
    Effect.gen(function*() {
      const [state] = yield* lasted(() => Effect.fail(foreign[0]!))
      assert.strictEqual(state, "timedOut")
    }).pipe(Effect.provide(store())))

  it.scoped.each([
    ["JOB_NOT_FOUND", "reported"],
    ["RUN_NOT_FOUND", "reported"],
    // the flow is not there: nothing is said of the run
    ["FLOW_NOT_FOUND", "submitted"]
  ])("does not matter after the 404 %s, which leaves the row %s", ([code, expected]) =>
    Effect.gen(function*() {
      const [state] = yield* lasted(() => Effect.fail(of404(JSON.stringify({ detail: { code } }), code)))
      assert.strictEqual(state, expected)
    }).pipe(Effect.provide(store())))

  it.live("is an hour unless it is given, and may be none", () =>
    Effect.gen(function*() {
      const { sql } = yield* BatchStore
      const stored = Effect.map(
        sql<{ readonly settings: string }>`select settings from noukai_batch`,
        ([row]) => (JSON.parse(row!.settings) as { readonly rowTimeout?: number }).rowTimeout
      )
      yield* Batch.run(echoing("limits"), numbered(1), quick)
      assert.strictEqual(yield* stored, 3_600_000)
      yield* Batch.run(echoing("limits"), numbered(1), { ...quick, rowTimeout: Infinity })
      assert.isUndefined(yield* stored)
      for (const rowTimeout of [0, -1, NaN, "soon" as never]) {
        const error = yield* Effect.flip(Batch.run(echoing("limits"), numbered(1), { ...quick, rowTimeout }))
        assert.deepStrictEqual([error._tag, error._tag === "InvalidBatchError" && error.field], [
          "InvalidBatchError",
          "rowTimeout"
        ])
      }
    }).pipe(Effect.provide(layer())))
})
