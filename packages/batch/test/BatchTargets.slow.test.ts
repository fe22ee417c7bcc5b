/** Rows with a flow or a version of their own. */
import { Batch, BatchSource, BatchStore } from "@effect-noukai/batch"
import { Emulator } from "@effect-noukai/emulator"
import type { Json } from "@effect-noukai/emulator/Flow"
import { Tools } from "@effect-noukai/sdk"
import { parseJson, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { rowSession } from "../src/internal/drive/jobRuns.js"
import { client, collect, layer, ledgerFile, onFile, requestsTo, runsOf } from "./support/batches.js"

const quick = { grace: 300 } as const

const big = "12345678901234567890"

interface Row {
  readonly id: string
  readonly flow?: string
  readonly version?: number | "draft" | "production"
}

const says = (output: string) => ({ steps: [{ kind: "template", id: "a", output }] }) as const

const flows = [
  { ref: "acme/test/says", ...says("draft"), versions: { 1: says("first"), 2: says("second") } },
  { ref: "acme/test/other", ...says("other") }
] as const

const batch = (id: string, operation: "jobs" | "execute" = "jobs") =>
  Batch.make({
    id,
    flow: "acme/test/says",
    version: 2,
    operation: operation as "jobs",
    key: (row: Row) => row.id,
    target: ({ flow, version }) => ({ flow, version }),
    input: () => ({ message: "x" })
  })

const rows: ReadonlyArray<Row> = [
  { id: "a" },
  { id: "b", version: 1 },
  { id: "c", flow: "acme/test/other", version: "production" },
  { id: "d", flow: "acme/test/says", version: 2 }
]

describe("rows with a flow or version of their own", () => {
  for (const operation of ["jobs", "execute"] as const) {
    it.live(`run there, and the others where the batch says, by ${operation}`, () =>
      Effect.gen(function*() {
        const summary = yield* Batch.run(batch("targets", operation), BatchSource.fromIterable(rows), quick)
        assert.strictEqual(summary.isClean, true)
        const results = yield* collect(Batch.results("targets"))
        assert.deepStrictEqual(results.map(({ flow, result, version }) => [flow, version, result]), [
          ["acme/test/says", "2", "second"],
          ["acme/test/says", "1", "first"],
          ["acme/test/other", "production", "other"],
          ["acme/test/says", "2", "second"]
        ])
        assert.deepStrictEqual((yield* Batch.status("targets")).targets, [
          { flow: "acme/test/says", version: "2", states: { done: 2 } },
          { flow: "acme/test/says", version: "1", states: { done: 1 } },
          { flow: "acme/test/other", version: "production", states: { done: 1 } }
        ])
        // it knows them again
        const again = yield* Batch.run(batch("targets", operation), BatchSource.fromIterable(rows), quick)
        assert.deepStrictEqual([again.plan.known, again.plan.added], [{ done: 4 }, 0])
        assert.strictEqual((yield* runsOf).length, 4)
      }).pipe(Effect.provide(layer({ flows }))))
  }

  it.live("have sessions of their flow and version; the sessions of other rows do not change", () =>
    Effect.gen(function*() {
      yield* Batch.run(batch("sessions"), BatchSource.fromIterable(rows), quick)
      const sessions = (yield* runsOf).map(({ sessionId }) => sessionId)
      const name = "sessions"
      const of = (key: string, flow: string, version: string) => rowSession({ name, flow, version }, key, 1)
      assert.sameMembers(sessions, [
        of("a", "acme/test/says", "2"),
        of("b", "acme/test/says", "1"),
        of("c", "acme/test/other", "production"),
        of("d", "acme/test/says", "2")
      ])
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("are refused where their key was sent elsewhere, and changed where it was not sent", () =>
    Effect.gen(function*() {
      const sent = BatchSource.fromIterable<Row>([{ id: "a" }, { id: "b", version: 1 }])
      yield* Batch.run(batch("moved"), sent, quick)
      const moved = BatchSource.fromIterable<Row>([{ id: "a", version: 1 }, { id: "b", version: 2 }, { id: "c" }])
      const { plan } = yield* Batch.run(batch("moved"), moved, { ...quick, select: { key: "none" } })
      assert.deepStrictEqual(plan.refused.map(({ error, key }) => [key, error.kind]), [
        ["a", "InputChanged"],
        ["b", "InputChanged"]
      ])
      const updated = BatchSource.fromIterable<Row>([{ id: "c", version: 1 }])
      assert.strictEqual((yield* Batch.plan(batch("moved"), updated)).updated, 1)
      yield* Batch.run(batch("moved"), updated, quick)
      const [, , row] = yield* collect(Batch.results("moved"))
      assert.deepStrictEqual([row!.version, row!.result], ["1", "first"])
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("are refused with the fields that differ from those that were sent", () =>
    Effect.gen(function*() {
      const batch = Batch.make({
        id: "fields",
        flow: "acme/test/says",
        key: (row: Row & { readonly message?: string }) => row.id,
        target: ({ flow, version }) => ({ flow, version }),
        input: ({ message = "x" }) => ({ message })
      })
      const ids = ["a", "b", "c", "d", "e"]
      yield* Batch.run(batch, BatchSource.fromIterable(ids.map((id) => ({ id }))), quick)
      const changed = BatchSource.fromIterable([
        { id: "a", message: "y" },
        { id: "b", version: 1 },
        { id: "c", flow: "acme/test/other" },
        { id: "d", message: "y", flow: "acme/test/other", version: 1 },
        { id: "e" }
      ])
      const { refused } = yield* Batch.plan(batch, changed)
      const message = (key: string, fields: string, place: string) =>
        `the key "${key}" was sent with another ${fields} (${place}): use a new key`
      assert.deepStrictEqual(refused.map(({ error }) => error.message), [
        message("a", "input", "row 1"),
        message("b", "version", "row 2"),
        message("c", "flow", "row 3"),
        message("d", "input and flow and version", "row 4")
      ])
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("change the definition of the batch", () =>
    Effect.gen(function*() {
      const hashOf = (rows: ReadonlyArray<Row>) =>
        Effect.map(
          Effect.zipRight(
            Batch.run(batch("hash"), BatchSource.fromIterable(rows), { ...quick, select: { key: "none" } }),
            Batch.status("hash")
          ),
          ({ definition }) => definition?.hash
        )
      const hashes = [
        yield* hashOf([{ id: "a" }]),
        yield* hashOf([{ id: "a", version: 2 }]),
        yield* hashOf([{ id: "a", version: 1 }])
      ]
      assert.strictEqual(hashes[0], hashes[1])
      assert.notStrictEqual(hashes[0], hashes[2])
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("with no address or no version are invalid", () =>
    Effect.gen(function*() {
      const wrong = [{ id: "a", flow: "a b" }, { id: "b", version: -1 }, { id: "c", version: "main" as never }, {
        id: "d"
      }]
      const { invalidRows, ready } = yield* Batch.plan(batch("wrong"), BatchSource.fromIterable<Row>(wrong))
      assert.deepStrictEqual(invalidRows.map(({ error, key }) => [key, error.kind]), [
        ["a", "InvalidRow"],
        ["b", "InvalidRow"],
        ["c", "InvalidRow"]
      ])
      assert.include(invalidRows[1]!.error.message, "version")
      assert.strictEqual(ready, 1)
    }).pipe(Effect.provide(layer({ flows }))))

  it.scopedLive("that were sent before a crash are found there", () =>
    Effect.gen(function*() {
      const path = yield* ledgerFile
      const run = Effect.provide(Batch.run(batch("crash"), BatchSource.fromIterable(rows), quick), onFile(path))
      yield* run
      // as a crash leaves them: their runs are not in the ledger
      yield* Effect.provide(
        Effect.flatMap(BatchStore, ({ sql }) =>
          sql`update noukai_batch_row set state = 'uncertain', execution_id = null, result = null, owner = 'gone',
            lane = 0, intent_at = 1, settled_at = null, settled_no = null`),
        BatchStore.layerFile(path)
      )
      const { states } = yield* run
      assert.strictEqual(states.done, 4)
      assert.strictEqual((yield* runsOf).length, 4)
      const results = yield* Effect.provide(collect(Batch.results("crash")), BatchStore.layerFile(path))
      assert.deepStrictEqual(
        results.map(({ result }) =>
          result
        ),
        ["second", "first", "other", "second"]
      )
    }).pipe(Effect.provide(client({ flows }))))
})

const captured = [{
  ref: "acme/test/steps",
  capture: "full",
  steps: [
    { kind: "template", id: "draft", output: { text: "{{message}}" } },
    { kind: "loop", id: "many", times: 2, steps: [{ kind: "template", id: "each", output: { at: "{{loop.index}}" } }] },
    { kind: "template", id: "last", output: "end" }
  ]
}, {
  ref: "acme/test/bare",
  capture: "metadata_only",
  steps: [{ kind: "template", id: "draft", output: "x" }]
}] as const

describe("a wrong definition", () => {
  const wrong = (options: object) =>
    Batch.make({
      id: "wrong",
      flow: "acme/test/says",
      key: (id: string) => id,
      input: () => ({ message: "x" }),
      ...options
    })
  const source = BatchSource.fromIterable(["a"])

  it.live("with a note that is not a text is refused", () =>
    Effect.gen(function*() {
      for (const note of [{ a: 1 }, 1, "a\0b"]) {
        const error = yield* Effect.flip(Batch.plan(wrong({ note }), source))
        assert.strictEqual(error._tag === "InvalidBatchError" && error.field, "note")
      }
    }).pipe(Effect.provide(layer({ flows }))))

  it.live("with a target that is not an object refuses the row", () =>
    Effect.gen(function*() {
      const { invalidRows } = yield* Batch.plan(wrong({ target: () => undefined }), source)
      assert.deepStrictEqual(invalidRows.map(({ error }) => error.message), ["its target is not an object"])
    }).pipe(Effect.provide(layer({ flows }))))
})

describe("the outputs of steps", () => {
  it.live("are kept where they are named, and read once with the cost", () =>
    Effect.gen(function*() {
      const one = Batch.make({
        id: "steps",
        flow: "acme/test/steps",
        key: (id: string) => id,
        target: (id) => id === "bare" ? { flow: "acme/test/bare" } : {},
        input: (id) => ({ message: id })
      })
      const source = BatchSource.fromIterable(["a", "b", "bare"])
      const summary = yield* Batch.run(one, source, { ...quick, steps: ["draft", "each", "absent"] })
      assert.isDefined(summary.costUsd)
      const results = yield* collect(Batch.results(one))
      assert.deepStrictEqual(results.map(({ steps }) => steps), [
        { draft: { text: "a" }, each: [{ at: 0 }, { at: 1 }] },
        { draft: { text: "b" }, each: [{ at: 0 }, { at: 1 }] },
        {}
      ])
      assert.strictEqual((yield* requestsTo("trace")).length, 3)
    }).pipe(Effect.provide(layer({ flows: captured }))))

  it.live("are refused without costs, which come from the same trace", () =>
    Effect.gen(function*() {
      const one = Batch.make({ id: "free", flow: "acme/test/steps", key: (id: string) => id, input: () => ({}) })
      const error = yield* Effect.flip(
        Batch.run(one, BatchSource.fromIterable(["a"]), { ...quick, cost: false, steps: ["draft"] })
      )
      assert.strictEqual(error._tag === "InvalidBatchError" && error.field, "cost")
    }).pipe(Effect.provide(layer({ flows: captured }))))

  it.live("are not kept where none is named", () =>
    Effect.gen(function*() {
      const one = Batch.make({
        id: "none",
        flow: "acme/test/steps",
        key: (id: string) => id,
        input: () => ({ message: "x" })
      })
      yield* Batch.run(one, BatchSource.fromIterable(["a"]), quick)
      const [row] = yield* collect(Batch.results(one))
      assert.notProperty(row, "steps")
      assert.notProperty(row, "calls")
      assert.strictEqual((yield* requestsTo("trace")).length, 0)
    }).pipe(Effect.provide(layer({ flows: captured }))))
})

const withTools = [{
  ref: "acme/test/tools",
  toolsEnabled: true,
  steps: [{
    kind: "tool",
    id: "a",
    rounds: [[{ name: "weather", arguments: { city: "Bonn" } }], [{ name: "weather", arguments: { city: "Kiel" } }]],
    output: "{{tools.weather}}"
  }]
}, {
  ref: "acme/test/long",
  toolsEnabled: true,
  steps: [{
    kind: "tool",
    id: "a",
    rounds: [[{ name: "weather", arguments: parseJson(`{"city":{"id":${big}}}`) as { readonly city: Json } }]],
    output: 1
  }]
}, {
  ref: "acme/test/quiet",
  toolsEnabled: true,
  steps: [{ kind: "template", id: "a", output: "x" }]
}] as const

type Handler = Parameters<typeof Tools.handle<never, never>>[1]

const withHandler = (id: string, handler: Handler, flow = "acme/test/tools") =>
  Batch.make({
    id,
    flow,
    operation: "execute",
    key: (row: string) => row,
    input: (row) => ({ message: row }),
    tools: Tools.handle([{ type: "function", function: { name: "weather" } }], handler)
  })

const asking = (id: string, answer: (city: string) => Effect.Effect<string>, flow?: string) =>
  withHandler(
    id,
    (calls) =>
      Effect.forEach(calls, ({ arguments: text, id }) =>
        Effect.map(answer(JSON.parse(text).city), (content) => ({ toolCallId: id, content }))),
    flow
  )

const content = (of: () => unknown) => (calls: ReadonlyArray<Tools.ToolCall>) =>
  calls.map(({ id }) => ({ toolCallId: id, content: of() }))

const callsOf = (id: string) =>
  Effect.map(
    collect(Batch.results(id)),
    (rows) => rows.map(({ calls }) => calls?.map(({ arguments: of, result, tool }) => [tool, of, result]))
  )

describe("the calls of tools", () => {
  it.live("are kept with their results", () =>
    Effect.gen(function*() {
      yield* Batch.run(
        asking("calls", (city) => Effect.succeed(`rain in ${city}`)),
        BatchSource.fromIterable(["a"]),
        quick
      )
      assert.deepStrictEqual(yield* callsOf("calls"), [[
        ["weather", { city: "Bonn" }, "rain in Bonn"],
        ["weather", { city: "Kiel" }, "rain in Kiel"]
      ]])
    }).pipe(Effect.provide(layer({ flows: withTools }))))

  it.live("keep the digits of their numbers", () =>
    Effect.gen(function*() {
      const batch = asking("long", () => Effect.succeed(parseJson(`{"id":${big}}`) as never), "acme/test/long")
      yield* Batch.run(batch, BatchSource.fromIterable(["a"]), quick)
      const [row] = yield* collect(Batch.results("long"))
      const [call] = row?.calls ?? []
      assert.strictEqual(stringifyJson(call?.arguments), `{"city":{"id":${big}}}`)
      assert.strictEqual(stringifyJson(call?.result), `{"id":${big}}`)
    }).pipe(Effect.provide(layer({ flows: withTools }))))

  for (
    const [name, answer, place] of [
      ["a map", content(() => new Map([["a", 1]])), "tools.weather.result"],
      ["NaN", content(() => ({ max: NaN })), "tools.weather.result.max"],
      ["a forgotten await", content(() => [Promise.resolve(1)]), "tools.weather.result[0]"],
      ["a promise for its result", () => [Promise.resolve({ content: 1 })], "results[0]"],
      ["nothing", () => undefined, "results"],
      ["a hole", () => [null], "results[0].toolCallId"],
      [
        "an unreadable result",
        () => [Object.defineProperty({}, "toolCallId", { get: () => Effect.runSync(Effect.die("no")) })],
        "results[0]"
      ]
    ] satisfies ReadonlyArray<readonly [string, (calls: ReadonlyArray<Tools.ToolCall>) => unknown, string]>
  ) {
    it.live(`are not kept where a tool answers with ${name}, and the row says why`, () =>
      Effect.gen(function*() {
        const batch = withHandler("odd", (calls) => Effect.succeed(answer(calls) as never))
        const { states } = yield* Batch.run(batch, BatchSource.fromIterable(["a"]), quick)
        const [row] = yield* collect(Batch.results("odd"))
        assert.deepStrictEqual([states.failed, row?.error?.kind], [1, "InvalidRequestError"])
        assert.include(row?.error?.message, ` invalid ${place}: `)
        assert.isEmpty(row?.calls ?? [])
        assert.strictEqual((yield* runsOf).length, 1)
      }).pipe(Effect.provide(layer({ flows: withTools }))))
  }

  it.live("are none where the model called no tool", () =>
    Effect.gen(function*() {
      const quiet = asking("quiet", () => Effect.succeed(""), "acme/test/quiet")
      yield* Batch.run(quiet, BatchSource.fromIterable(["a"]), quick)
      assert.deepStrictEqual(yield* callsOf("quiet"), [[]])
    }).pipe(Effect.provide(layer({ flows: withTools }))))

  it.live("of rounds before a crash are kept, each once", () =>
    Effect.gen(function*() {
      const died = yield* Deferred.make<void>()
      let asked = 0
      // the first row shows that runs are found through their sessions
      const dying = asking("killed", (city) =>
        ++asked < 4
          ? Effect.succeed(`sun in ${city}`)
          : Effect.zipRight(Deferred.succeed(died, undefined), Effect.never))
      const source = BatchSource.fromIterable(["a", "b"])
      const first = yield* Effect.fork(Batch.run(dying, source, { ...quick, concurrency: 1, stopWithin: 0 }))
      yield* Deferred.await(died)
      yield* Fiber.interrupt(first)
      yield* Batch.run(
        asking("killed", (city) => Effect.succeed(`rain in ${city}`)),
        source,
        quick
      )
      assert.deepStrictEqual((yield* callsOf("killed"))[1], [
        ["weather", { city: "Bonn" }, "sun in Bonn"],
        ["weather", { city: "Kiel" }, "rain in Kiel"]
      ])
      assert.strictEqual((yield* runsOf).length, 2)
    }).pipe(Effect.provide(layer({ flows: withTools }))))

  it.scopedLive("are unknown where another ledger began the run", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const [one, other] = [yield* ledgerFile, yield* ledgerFile]
      const batch = asking("twice", (city) => Effect.succeed(`rain in ${city}`))
      const run = (path: string) =>
        Effect.zipRight(Batch.run(batch, BatchSource.fromIterable(["a"]), quick), callsOf("twice")).pipe(
          Effect.provide(Layer.fresh(onFile(path)))
        )
      assert.lengthOf((yield* run(one))[0]!, 2)
      assert.deepStrictEqual(yield* run(other), [undefined])
      assert.strictEqual((yield* emulator.ledger).runs.length, 1)
    }).pipe(Effect.provide(client({ flows: withTools }))))
})
