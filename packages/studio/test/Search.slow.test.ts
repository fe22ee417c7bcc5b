/** Search in the names and payloads of a run. */
import { Hits } from "@effect-noukai/studio/RunsApi"
import * as Studio from "@effect-noukai/studio/Studio"
import { StudioSource } from "@effect-noukai/studio/StudioSource"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { open } from "./support/client.js"
import * as Scripted from "./support/scripted.js"

const flow = "acme/spelling/grade-3"

const start = (steps: ReadonlyArray<Scripted.ScriptedStep>) =>
  Effect.gen(function*() {
    const scripted = yield* Scripted.make()
    yield* scripted.put({ id: "run", flow, durationMs: 100_000, steps })
    // sources keep the trace of a run that has ended
    const stored = yield* scripted.source.run(flow, "run")
    const source = { ...scripted.source, run: () => Effect.succeed(stored) }
    const { url } = yield* Studio.serve({ assets: "/nowhere" }).pipe(
      Effect.provideService(StudioSource, source)
    )
    const page = yield* open(url)
    const search = (text: string) =>
      page.get(`/api/search?${new URLSearchParams({ flow, id: "run", text })}`).pipe(
        Effect.flatMap(({ text }) => Schema.decodeUnknown(Schema.parseJson(Hits))(text)),
        Effect.map(({ hits, total }) => ({ hits, total }))
      )
    return { page, search }
  })

describe("search in a run", () => {
  it.scopedLive("finds names once, and payloads by their values and keys, in any case", () =>
    Effect.gen(function*() {
      const { search } = yield* start([
        {
          id: "read",
          at: 0,
          ms: 10,
          input: { message: "Say \"Hello\"\nto ÄNNA" },
          output: { words: ["cat", 12.5, true] }
        },
        { id: "each", at: 10, ms: 40 },
        { id: "grade", at: 10, ms: 10, loop: 0, output: "cat" },
        { id: "grade", at: 20, ms: 10, loop: 1, error: { code: "BUSY" }, output: { CAT: null } }
      ])
      const places = (text: string) =>
        Effect.map(search(text), ({ hits }) =>
          hits.map(({ excerpt, loopIndex, stepId, where }) =>
            `${stepId}${loopIndex ?? ""} ${where}: ${excerpt}`
          ))
      assert.deepStrictEqual(yield* places("cat"), [
        "read output: cat",
        "grade0 output: cat",
        "grade1 output: CAT: null"
      ])
      assert.deepStrictEqual(yield* places("GRADE"), ["grade0 name: grade"])
      assert.deepStrictEqual(yield* places("say \"hello\""), ["read input: message: Say \"Hello\""])
      assert.deepStrictEqual(yield* places("änna"), ["read input: to ÄNNA"])
      assert.deepStrictEqual(yield* places("12.5"), ["read output: 12.5"])
      assert.deepStrictEqual(yield* places("busy"), ["grade1 error: code: BUSY"])
      assert.deepStrictEqual(yield* search(""), { hits: [], total: 0 })
      assert.deepStrictEqual(yield* search("no such text"), { hits: [], total: 0 })
    }))

  it.scopedLive("cuts long lines around the place, and no character", () =>
    Effect.gen(function*() {
      const { search } = yield* start([
        { id: "a", at: 0, ms: 1, output: `${"😀".repeat(100)}needle${"😀".repeat(100)}` }
      ])
      const { hits: [hit] } = yield* search("needle")
      assert.match(hit!.excerpt, /^…(?:😀)+needle(?:😀)+…$/u)
      assert.isBelow(hit!.excerpt.length, 200)
    }))

  it.scopedLive("counts all places of a run of 10,000 steps", () =>
    Effect.gen(function*() {
      const { page, search } = yield* start(
        Array.from({ length: 10_000 }, (_, index) => ({
          id: index === 0 ? "each" : "grade",
          at: index,
          ms: 1,
          ...index > 0 &&
            {
              loop: index - 1,
              input: { message: `Message ${index} `.repeat(20) },
              output: { words: ["a", "b", index] }
            }
        }))
      )
      yield* page.get(`/api/run?${new URLSearchParams({ flow, id: "run" })}`)
      const { hits, total } = yield* search("MESSAGE")
      assert.deepStrictEqual([hits.length, total], [500, 9_999])
      assert.strictEqual((yield* search("message 9998 ")).total, 1)
    }))
})
