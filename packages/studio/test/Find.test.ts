/** The search over all runs: the file that it keeps, its limits, and hostile texts. */
import type { FoundRuns } from "@effect-noukai/studio/FindApi"
import * as Studio from "@effect-noukai/studio/Studio"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { open as openIndex } from "../src/internal/searchIndex.js"
import { open, until } from "./support/client.js"
import * as Scripted from "./support/scripted.js"
import * as Stories from "./support/stories.js"

const recent = Date.now() - 3_600_000

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "noukai-find-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const run = (id: string, said: string, facts: Partial<Scripted.ScriptedRun> = {}): Scripted.ScriptedRun => ({
  id,
  startedAt: recent,
  durationMs: 10,
  steps: [{ id: "ask", at: 0, ms: 10, input: { message: said }, output: "yes" }],
  ...facts
})

const secret = "a-secret-that-no-one-knows"

/** A studio over scripted runs of a hosted service, and the search of its page. */
const start = (place: string, runs: ReadonlyArray<Scripted.ScriptedRun>, kind: "hosted" | "emulator" = "emulator") =>
  Effect.gen(function*() {
    const scripted = yield* Scripted.make({ kind })
    yield* scripted.put(...runs)
    const file = join(place, "state", "search.db")
    const { url } = yield* Effect.provide(
      Studio.serve({ assets: "/nowhere", search: file, hidden: [Redacted.make(secret)] }),
      scripted.layer
    )
    const page = yield* open(url)
    const find = (text: string) => page.json<typeof FoundRuns.Type>(`/api/find?${new URLSearchParams({ text })}`)
    return {
      scripted,
      file,
      page,
      find,
      /** Waits until so many runs are kept. */
      kept: (count: number) => until(find("no such text"), ({ state }) => state.runs >= count && state.waiting === 0),
      begin: page.change("POST", "/api/find")
    }
  })

const idsOf = ({ runs }: typeof FoundRuns.Type) => runs.map(({ run }) => run.id)

describe("the search over all runs", () => {
  it.scopedLive("keeps nothing before it is asked for, and then finds errors and payloads with their places", () =>
    Effect.gen(function*() {
      const place = yield* folder
      const runs = [
        run("run-1", "Where is my order A17?"),
        run("run-2", "Nothing", { startedAt: recent + 1 }),
        { ...Stories.failed, startedAt: recent + 2 },
        run("run-4", "order a17 again", { startedAt: recent + 3, status: "running" })
      ]
      const { begin, file, find, kept, page, scripted } = yield* start(place, runs)
      yield* page.json("/api/runs")
      yield* page.json("/api/run?flow=acme/spelling/grade-3&id=run-1")
      const before = yield* find("order")
      assert.deepStrictEqual([before.state.isOn, before.runs], [false, []])
      assert.isFalse(existsSync(file))

      assert.strictEqual((yield* begin).status, 200)
      yield* kept(3)
      const found = yield* find("ORDER a17")
      assert.deepStrictEqual(found.runs, [{
        run: { id: "run-1", flow: "acme/spelling/grade-3", status: "completed", startedAt: recent },
        hit: { stepId: "ask", attempt: 1, where: "input", excerpt: "message: Where is my order A17?" },
        places: 1
      }])
      assert.deepStrictEqual((yield* find("did not return")).runs.map(({ hit, run }) => [run.id, hit.where]), [
        ["run-failed", "error"]
      ])
      assert.deepStrictEqual(idsOf(yield* find("yes")), ["run-2", "run-1"])
      assert.deepStrictEqual(idsOf(yield* find("ye")), [])
      // a run that ends is kept, too
      yield* scripted.put(run("run-4", "order a17 again", { startedAt: recent + 3 }))
      yield* kept(4)
      assert.deepStrictEqual(idsOf(yield* find("order a17")), ["run-4", "run-1"])
    }))

  it.scopedLive("is a file of this user alone, without keys, which a restart reads and `forget` deletes", () =>
    Effect.gen(function*() {
      const place = yield* folder
      const key = "nk_live_abcdefgh_0123456789abcdef0123456789abcdef"
      const runs = [
        run("run-1", `my key is ${key} and ${secret} indeed`),
        run("run-2", "x", {
          error: undefined,
          steps: [{ id: "ask", at: 0, ms: 1, error: { message: key }, output: secret }]
        })
      ]
      const file = yield* Effect.scoped(Effect.gen(function*() {
        const { begin, file, find, kept } = yield* start(place, runs, "hosted")
        yield* begin
        yield* kept(2)
        assert.match((yield* find("indeed")).runs[0]!.hit.excerpt, /my key is nk_(live_)?…+ and nk_… indeed/)
        return file
      }))
      for (const name of readdirSync(join(place, "state"))) {
        const bytes = readFileSync(join(place, "state", name)).toString("latin1")
        for (const text of [key, key.slice(8), secret]) assert.notInclude(bytes, text)
      }
      assert.deepStrictEqual([statSync(file).mode & 0o777, statSync(join(place, "state")).mode & 0o777], [0o600, 0o700])
      chmodSync(file, 0o644)

      const again = yield* start(place, [], "hosted")
      assert.deepStrictEqual(idsOf(yield* again.find("indeed")), ["run-1"])
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      assert.isTrue(yield* Studio.forget(file))
      assert.isFalse(yield* Studio.forget(file))
      const gone = yield* again.find("indeed")
      assert.deepStrictEqual([gone.state.isOn, gone.state.runs, gone.runs], [false, 0, []])
      assert.deepStrictEqual(readdirSync(join(place, "state")), [])
    }))

  it.scopedLive("takes every text as plain text", () =>
    Effect.gen(function*() {
      const hostile = [
        "\"",
        "\" OR \"",
        "a* NEAR(b c, 2) AND NOT d",
        "text : ^x {y} + -z",
        "'); drop table runs; --",
        "100% _under_ \\ back",
        "ß ЖÜ 漢字かな 🙂🙂🙂",
        "nul \u0000 and after",
        "half \ud83d pair",
        "words ".repeat(2_000)
      ]
      const place = yield* folder
      const runs = hostile.map((text, nth) => run(`run-${nth}`, `before ${text} after`, { startedAt: recent + nth }))
      const { begin, find, kept, page } = yield* start(place, runs)
      yield* begin
      yield* kept(runs.length)
      for (const [nth, text] of hostile.entries()) {
        const found = yield* find(`before ${text} after`)
        assert.deepStrictEqual(idsOf(found), [`run-${nth}`], text.slice(0, 40))
      }
      assert.deepStrictEqual(idsOf(yield* find(`${"words ".repeat(1_900)}sword`)), [])
      const { status } = yield* page.get(`/api/find?${new URLSearchParams({ text: "\"".repeat(10_000) })}`)
      assert.oneOf(status, [200, 431])
    }))

  it.scopedLive("says why a file cannot be searched, and what to do", () =>
    Effect.gen(function*() {
      const place = yield* folder
      const { begin, file, kept, page } = yield* start(place, [run("run-1", "hello")])
      yield* begin
      yield* kept(1)
      const other = yield* start(join(place, "other"), [])
      yield* other.begin
      yield* Studio.forget(other.file)
      writeFileSync(other.file, "not a database ".repeat(500))
      const { status, text } = yield* other.page.get("/api/find?text=hello")
      assert.strictEqual(status, 502)
      assert.include(text, "--forget")
      assert.strictEqual((yield* page.get("/api/find?text=hello")).status, 200)
      assert.isTrue(existsSync(file))
    }))
})

describe("the file of the search", () => {
  const place = (text: string) => ({
    stepId: "ask",
    attempt: 1,
    where: "output" as const,
    text,
    lower: text.toLowerCase()
  })
  const rowOf = (nth: number, startedAt: number) => ({
    id: `run-${nth}`,
    flow: "a/b/c",
    status: "completed",
    startedAt
  })

  it.scopedLive("keeps the newest runs within its size, and none that is too old", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "search.db")
      writeFileSync(path, "", { mode: 0o600 })
      const limits = { bytes: 400_000, ageMs: 1_000_000 }
      const index = openIndex(path, "http://a", limits, { isAnew: false })
      for (let nth = 0; nth < 100; nth++) {
        index.add(rowOf(nth, 1_000 + nth), [
          place(`word-${nth} ${Array.from({ length: 300 }, (_, at) => `${nth}${at * at}`)}`)
        ], 0)
        assert.isAtMost(statSync(path).size, limits.bytes)
      }
      assert.isBelow(index.runs(), 99)
      assert.isAbove(index.runs(), 5)
      assert.deepStrictEqual(index.find("word-99").runs.map(({ run }) => run.id), ["run-99"])
      assert.deepStrictEqual(index.find("word-0 ").runs, [])
      assert.isFalse(index.has("run-0"))
      // another server has runs of its own
      const other = openIndex(path, "http://b", limits, { isAnew: false })
      assert.deepStrictEqual([other.runs(), other.find("word-99").runs], [0, []])
      other.close()
      index.expire(1_001_099)
      assert.deepStrictEqual([index.runs(), index.find("word-99").runs.length], [1, 1])
      index.expire(1_001_100)
      assert.deepStrictEqual([index.runs(), index.find("word-99").runs], [0, []])
      index.close()
      // a deleted text is not left in the file
      assert.notInclude(readFileSync(path).toString("latin1"), "word-99")
    }))
})
