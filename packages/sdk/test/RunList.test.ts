/** The list of a flow's runs: lazily page by page, to its end, and never in circles (docs/wire.md#lists-of-runs). */
import { Emulator, samples } from "@effect-noukai/emulator"
import { layer as emulatorLayer } from "@effect-noukai/emulator/Emulator"
import { FlowService, Noukai, RunService, UnexpectedResponseError } from "@effect-noukai/sdk"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import { ScriptedHttp } from "@effect-noukai/sdk/testing"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, FastCheck as fc, Layer, Stream } from "effect"
import { RunPages } from "../src/internal/run/runRead.js"

const flow = "noukai/samples/hello-world"

const world = Layer.provideMerge(Noukai.layerServices, emulatorLayer({ flows: samples }))

const start = Effect.map(
  Effect.flatMap(FlowService, (flows) => flows.execute(flow, { message: "hi" })),
  ({ executionId = "", flowId = "" }) => ({ executionId, flowId })
)

const pagesAsked = Effect.map(
  Effect.flatMap(Emulator, (emulator) => emulator.ledger),
  ({ requests }) => requests.filter(({ endpoint }) => endpoint === "runList").map(({ target }) => target)
)

const run = (id: string) => ({ id, status: "completed" })

const page = (...ids: ReadonlyArray<string>) => ({ runs: ids.map(run) })

const listed = (limit: number) =>
  Effect.flatMap(
    RunService,
    (runs) => Stream.runCollect(Stream.map(runs.list({ flowId: "fl_1", limit }), ({ id }) => id))
  )

const hundred = Array.from({ length: 100 }, (_, n) => `r${n}`)

describe("the runs of a flow", () => {
  it.scoped("come page by page to the end, each once, though runs begin meanwhile", () =>
    Effect.gen(function*() {
      const started = yield* Effect.forEach(Array.from({ length: 7 }), () => start)
      const runs = yield* RunService
      const { flowId } = started[0]!
      const ids: Array<string> = []
      yield* Stream.runForEach(runs.list({ flowId, limit: 2 }), ({ id }) =>
        Effect.zipRight(start, Effect.sync(() => ids.push(id))))
      assert.deepStrictEqual(
        ids,
        started.map(({ executionId }) =>
          executionId
        ).reverse()
      )
      assert.deepStrictEqual(yield* pagesAsked, [
        `/api/v1/flow-runs?flow_id=${flowId}&limit=2`,
        ...[1, 3, 5].map((n) => `/api/v1/flow-runs?flow_id=${flowId}&limit=2&cursor=${ids[n]}`)
      ])
    }).pipe(Effect.provide(world)))

  it.scoped("are read no further than they are pulled", () =>
    Effect.gen(function*() {
      const [{ flowId }] = yield* Effect.all([start, start, start, start, start])
      const runs = yield* RunService
      const none = runs.list({ flowId, limit: 2 })
      assert.lengthOf(yield* pagesAsked, 0)
      assert.strictEqual(Chunk.size(yield* Stream.runCollect(Stream.take(none, 2))), 2)
      assert.lengthOf(yield* pagesAsked, 1)
      assert.strictEqual(Chunk.size(yield* Stream.runCollect(Stream.take(none, 3))), 3)
      assert.lengthOf(yield* pagesAsked, 3)
    }).pipe(Effect.provide(world)))

  it.effect("of a server that ignores the cursor are all given, up to the longest page", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual([...yield* listed(2)], ["c", "b", "a"])
      const { calls } = yield* ScriptedHttp
      assert.deepStrictEqual(
        (yield* calls).map(({ request }) => {
          const { cursor, limit } = request as { readonly cursor?: string; readonly limit?: number }
          return [cursor, limit]
        }),
        [[undefined, 2], ["b", 2], [undefined, 100]]
      )
    }).pipe(Effect.provide(Layer.provideMerge(
      Noukai.layerOverHttp,
      layerScripted({
        runList: [page("c", "b"), page("c", "b"), page("c", "b", "a")].map((one) => Effect.succeed(one))
      })
    ))))

  it.effect("of a server that ignores the cursor are given up to the longest page, and then the list fails", () =>
    Effect.gen(function*() {
      const runs = yield* RunService
      const ids: Array<string> = []
      const error = yield* Effect.flip(
        Stream.runForEach(runs.list({ flowId: "fl_1", limit: 2 }), ({ id }) => Effect.sync(() => ids.push(id)))
      )
      assert.instanceOf(error, UnexpectedResponseError)
      assert.include(error.message, "it does not page")
      assert.deepStrictEqual(ids, hundred)
      assert.lengthOf(yield* (yield* ScriptedHttp).calls, 4)
    }).pipe(Effect.provide(Layer.provideMerge(
      Noukai.layerOverHttp,
      layerScripted({
        runList: [hundred.slice(0, 2), hundred.slice(0, 2), hundred, hundred].map((ids) => Effect.succeed(page(...ids)))
      })
    ))))

  it.effect("of a shifted page are not given again; a cursor that the server says is taken", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual([...yield* listed(3)], ["f", "e", "d", "c", "b", "a"])
      const { calls } = yield* ScriptedHttp
      assert.deepStrictEqual(
        (yield* calls).map(({ request }) => (request as { readonly cursor?: string }).cursor),
        [undefined, "next", "c"]
      )
    }).pipe(Effect.provide(Layer.provideMerge(
      Noukai.layerOverHttp,
      layerScripted({
        runList: [{ ...page("f", "e"), nextCursor: "next" }, page("e", "d", "c"), page("b", "a")].map((one) =>
          Effect.succeed(one)
        )
      })
    ))))
})

describe("pages", () => {
  it("that are empty are not the end, as long as the server says a cursor", () => {
    const pages = new RunPages(2)
    assert.deepStrictEqual(pages.take({ ...page(), nextCursor: "next" }), { runs: [], next: "next" })
    assert.deepStrictEqual(pages.take({ ...page(), nextCursor: "later" }), { runs: [], next: "later" })
    assert.deepStrictEqual(pages.take(page("a"))?.runs.map(({ id }) => id), ["a"])
    const circle = new RunPages(2)
    circle.take({ ...page(), nextCursor: "next" })
    assert.isUndefined(circle.take({ ...page(), nextCursor: "next" }))
  })

  it("that hold a run twice give it once", () => {
    const idsOf = (pages: RunPages, ...ids: ReadonlyArray<string>) => pages.take(page(...ids))?.runs.map(({ id }) => id)
    assert.deepStrictEqual(idsOf(new RunPages(5), "b", "b", "a"), ["b", "a"])
    const pages = new RunPages(3)
    assert.deepStrictEqual(idsOf(pages, "c", "b", "c"), ["c", "b"])
    assert.deepStrictEqual(idsOf(pages, "b", "a"), ["a"])
  })

  /** The ids that a list gives of pages by cursor, and whether it ended well; at most so many pages. */
  const walk = (pageOf: (cursor: string | undefined) => ReadonlyArray<string>, limit: number, most: number) => {
    const pages = new RunPages(limit)
    const ids: Array<string> = []
    let cursor: string | undefined
    for (let read = 1; read <= most; read++) {
      const taken = pages.take(page(...pageOf(cursor)))
      if (taken === undefined) return { ids, read, ended: "circle" }
      ids.push(...taken.runs.map(({ id }) => id))
      if (taken.next === undefined) return { ids, read, ended: "end" }
      cursor = taken.next
    }
    return { ids, read: most, ended: "never" }
  }

  it("of a list of any length give every run once, in its order", () => {
    fc.assert(fc.property(fc.nat(40), fc.integer({ min: 1, max: 7 }), (length, limit) => {
      const all = Array.from({ length }, (_, n) => `r${n}`)
      const walked = walk(
        (cursor) => {
          const from = cursor === undefined ? 0 : all.indexOf(cursor) + 1
          return all.slice(from, from + limit)
        },
        limit,
        100
      )
      assert.deepStrictEqual(walked.ids, all)
      assert.strictEqual(walked.ended, "end")
    }))
  })

  it("that come again after any number of others end the list, remembered or not", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(30), (round, before) => {
      let asked = 0
      const limit = 100
      const walked = walk(
        () => {
          const n = asked++
          const at = n < before ? n : before + (n - before) % round
          return Array.from({ length: limit }, (_, k) => `r${at}-${k}`)
        },
        limit,
        1000
      )
      assert.strictEqual(walked.ended, "circle")
      assert.isAtMost(walked.read, 4 * (round + before) + 4)
    }))
  })
})
