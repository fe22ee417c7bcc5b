/** A failed run: the last good run before it, and when its error was first seen. */
import type { FailureHistory } from "@effect-noukai/studio/CompareApi"
import type { Run } from "@effect-noukai/studio/RunsApi"
import * as Studio from "@effect-noukai/studio/Studio"
import { StudioSource } from "@effect-noukai/studio/StudioSource"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { open, type Page } from "./support/client.js"
import { start } from "./support/emulated.js"
import * as Scripted from "./support/scripted.js"

const flow = "acme/spelling/grade-3"

const versioned = "acme/test/versioned"

/** `isTold`: whether rows tell the errors of their runs. */
const serve = (isTold: boolean) =>
  Effect.gen(function*() {
    const read = new Set<string>()
    const { put, source } = yield* Scripted.make()
    const untold = ({ error: _, problem: __, ...run }: Run): Run => run
    const served: StudioSource.Service = {
      ...source,
      runs: (filter) => Effect.map(source.runs(filter), (runs) => isTold ? runs : runs.map(untold)),
      run: (flow, id) =>
        Effect.suspend(() => {
          read.add(id)
          return source.run(flow, id)
        })
    }
    const { url } = yield* Effect.provideService(Studio.serve({ assets: "/nowhere" }), StudioSource, served)
    return { put, read, page: yield* open(url) }
  })

const serving = serve(true)

const historyOf = (page: Page, id: string, of = flow) =>
  page.json<FailureHistory>(`/api/failure?${new URLSearchParams({ flow: of, id })}`)

const good = (id: string, minute: number, input: object, more: Partial<Scripted.ScriptedRun> = {}) => ({
  id,
  startedAt: Scripted.epoch + minute * 60_000,
  durationMs: 10,
  steps: [{ id: "a", at: 0, ms: 10, input, output: "x" }],
  ...more
})

const bad = (id: string, minute: number, input: object, error: unknown = { code: "BUSY", message: "later" }) =>
  good(id, minute, {}, {
    status: "failed",
    steps: [
      { id: "a", at: 0, ms: 5, input, output: "x" },
      { id: "b", at: 5, ms: 5, error }
    ]
  })

const input = { message: "hi", grade: 3, tone: "kind" }

describe("a failed run", () => {
  it.scopedLive("has the newest completed run before it with the same input, though a newer one is near", () =>
    Effect.gen(function*() {
      const { page, put } = yield* serving
      yield* put(
        good("old", 1, input),
        good("same", 2, { tone: "kind", grade: 3, message: "hi" }),
        good("near", 3, { ...input, grade: 4 }),
        bad("failed", 4, input),
        good("later", 5, input),
        good("other", 3, input, { flow: "acme/spelling/grade-30" })
      )
      const { good: last, ...history } = yield* historyOf(page, "failed")
      assert.deepStrictEqual([last?.run.id, last?.input, last?.differences], ["same", "same", 0])
      assert.strictEqual(history.completed, 3)
      assert.strictEqual(history.isLater, false)
    }))

  it.scopedLive("has the one whose input differs in the fewest values, the newest of several", () =>
    Effect.gen(function*() {
      const { page, put } = yield* serving
      yield* put(
        good("two", 1, { ...input, grade: 4, tone: "dry" }),
        good("one", 2, { ...input, grade: 5 }),
        good("newest", 3, { ...input, tone: "dry" }),
        good("far", 4, { message: "ho", grade: 7, tone: "dry" }),
        good("unknown", 5, {}, { steps: [{ id: "a", at: 0, ms: 10 }] }),
        bad("failed", 6, input)
      )
      const { compared, good: last } = yield* historyOf(page, "failed")
      assert.deepStrictEqual([last?.run.id, last?.input, last?.differences, compared], ["newest", "near", 1, 5])
    }))

  it.scopedLive("of an emulator has the request of each run, and another version of the flow", () =>
    Effect.gen(function*() {
      const { execute, page } = yield* start({
        more: [{
          ref: versioned,
          steps: [{ kind: "template", id: "a", output: 1 }],
          versions: {
            1: { steps: [{ kind: "template", id: "a", output: 1 }] },
            2: { steps: [{ kind: "fail", id: "a", code: "BUSY", message: "later", status: 500 }] }
          }
        }]
      })
      yield* execute(versioned, { version: 1, parameters: { n: 1 } })
      yield* Effect.ignore(execute(versioned, { version: 2, parameters: { n: 1 } }))
      const { runs: [failed] } = yield* page.json(`/api/runs?flow=${versioned}&status=failed`)
      const { error, good: last } = yield* historyOf(page, failed.id, versioned)
      assert.deepStrictEqual([last?.input, last?.run.version, error?.error], ["same", "1", "BUSY"])
    }))

  it.scopedLive("has a later completed run if none completed before it, and none if none completed", () =>
    Effect.gen(function*() {
      const { page, put } = yield* serving
      yield* put(bad("failed", 1, input))
      const none = yield* historyOf(page, "failed")
      assert.deepStrictEqual([none.good, none.completed, none.compared], [undefined, 0, 0])
      yield* put(good("later", 2, input))
      const { good: last, isLater } = yield* historyOf(page, "failed")
      assert.deepStrictEqual([last?.run.id, isLater], ["later", true])
    }))

  it.scopedLive("says when its error was first seen and how often, by its code", () =>
    Effect.gen(function*() {
      const { page, put } = yield* serving
      yield* put(
        bad("first", 1, input, { error: { code: "BUSY", message: "try later" } }),
        bad("other", 2, input, { code: "EMPTY" }),
        bad("text", 3, input, "It broke."),
        bad("failed", 4, input),
        bad("next", 5, input, { code: "BUSY", message: "now" }),
        bad("elsewhere", 0, input)
      )
      yield* put({ ...bad("elsewhere", 0, input), flow: "acme/spelling/else" })
      const { error, firstSeen, ...history } = yield* historyOf(page, "failed")
      assert.deepStrictEqual(error, { stepId: "b", error: "BUSY", problem: "later" })
      assert.strictEqual(firstSeen?.id, "first")
      assert.deepStrictEqual(history, {
        seen: 3,
        looked: 5,
        failed: 5,
        unread: 0,
        compared: 0,
        completed: 0,
        isLater: false
      })
      // without a code, by its message
      const text = yield* historyOf(page, "text")
      assert.deepStrictEqual([text.error, text.seen], [{ stepId: "b", error: "It broke." }, 1])
    }))

  it.scopedLive("looks at a bounded number of runs, and says how many there are", () =>
    Effect.gen(function*() {
      const { page, put, read } = yield* serve(false)
      yield* put(
        ...Array.from({ length: 60 }, (_, nth) => bad(`bad-${nth}`, 100 + nth, input)),
        ...Array.from({ length: 30 }, (_, nth) => good(`good-${nth}`, nth, { ...input, grade: nth + 10 })),
        good("too-old", -1, input)
      )
      const { firstSeen, good: last, ...history } = yield* historyOf(page, "bad-0")
      assert.deepStrictEqual(history, {
        error: { stepId: "b", error: "BUSY", problem: "later" },
        // the newest 50, and the run itself
        seen: 51,
        looked: 51,
        failed: 60,
        unread: 0,
        compared: 20,
        completed: 31,
        isLater: false
      })
      assert.strictEqual(firstSeen?.id, "bad-0")
      assert.strictEqual(last?.run.id, "good-29")
      assert.strictEqual(read.size, 71)
    }))

  it.scopedLive("reads no failed run whose row tells its error, and counts all of them", () =>
    Effect.gen(function*() {
      const { page, put, read } = yield* serving
      yield* put(...Array.from({ length: 60 }, (_, nth) => bad(`bad-${nth}`, nth, input)))
      const { firstSeen, looked, seen } = yield* historyOf(page, "bad-59")
      assert.deepStrictEqual([seen, looked, firstSeen?.id, [...read]], [60, 60, "bad-0", ["bad-59"]])
    }))

  it.scopedLive("answers 404 for an unknown run, and without an error for one that completed", () =>
    Effect.gen(function*() {
      const { page, put } = yield* serving
      yield* put(good("one", 1, input), good("two", 2, input))
      assert.strictEqual((yield* page.get(`/api/failure?flow=${flow}&id=none`)).status, 404)
      const { error, good: last, seen } = yield* historyOf(page, "two")
      assert.deepStrictEqual([error, seen, last?.run.id], [undefined, 0, "one"])
    }))
})
