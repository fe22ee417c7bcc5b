/** Events of the list and of a run, over sockets. */
import { Unavailable } from "@effect-noukai/studio/RunsApi"
import * as Studio from "@effect-noukai/studio/Studio"
import { StudioSource } from "@effect-noukai/studio/StudioSource"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { type Event, open, type Parsed, send, until } from "./support/client.js"
import * as Scripted from "./support/scripted.js"
import * as Stories from "./support/stories.js"

const start = Effect.gen(function*() {
  const scripted = yield* Scripted.make()
  const studio = yield* Effect.provide(Studio.serve({ assets: "/nowhere" }), scripted.layer)
  return { scripted, ...studio, page: yield* open(studio.url) }
})

const names = (events: Iterable<Event>) => Array.from(events, ({ event }) => event)

const idsOf = (events: Iterable<Event>): ReadonlyArray<string> =>
  Array.from(events).flatMap(({ data, event }) =>
    event === "change" ? data.runs.map(({ id }: { id: string }) => id) : []
  )

/** Runs an effect once the stream has said hello. */
const onHello = <A>(effect: Effect.Effect<A>) => (events: Stream.Stream<Event>): Stream.Stream<Event> => {
  let isFirst = true
  return Stream.tap(events, ({ event }) => {
    if (event !== "hello" || !isFirst) return Effect.void
    isFirst = false
    return effect
  })
}

const live = `flow=${Stories.live(1).flow}&id=run-live`

describe("changes", () => {
  it.scopedLive("come after hello, at most one per 100 ms, with the newest state of each run", () =>
    Effect.gen(function*() {
      const { page, scripted } = yield* start
      const count = 300
      const events = yield* page.events("/api/changes").pipe(
        onHello(Effect.forkDaemon(Effect.gen(function*() {
          for (let index = 0; index < count; index++) {
            yield* scripted.put({ ...Stories.many(1, index)[0]!, status: "running" })
            yield* scripted.put({ ...Stories.many(1, index)[0]!, status: "completed" })
            if (index % 10 === 9) yield* Effect.sleep("15 millis")
          }
        }))),
        Stream.takeUntil(({ data, event }) =>
          event === "change" && data.total === count &&
          data.runs.some(({ id, status }: Parsed) => id === Stories.many(1, count - 1)[0]!.id && status === "completed")
        ),
        Stream.runCollect,
        Effect.map((all) => [...all])
      )
      const changes = events.filter(({ event }) => event === "change")
      assert.deepStrictEqual(new Set(idsOf(changes)).size, count)
      // nothing that changed twice in one event is told twice
      for (const change of changes) assert.strictEqual(new Set(idsOf([change])).size, idsOf([change]).length)
      // a timer may be late, never early by more than its rounding
      const elapsed = changes.at(-1)!.at - changes[0]!.at
      assert.isAtMost(changes.length, elapsed / 95 + 2)
    }))

  it.scopedLive("say which runs leave the list of a filter, and how long it is", () =>
    Effect.gen(function*() {
      const { page, scripted } = yield* start
      yield* scripted.put({ id: "a", status: "running" }, { id: "b", status: "running" }, { id: "c" })
      const next = yield* Deferred.make<void>()
      const events = yield* page.events("/api/changes?status=running").pipe(
        onHello(scripted.put({ id: "a", status: "failed" }, { id: "d", status: "running" })),
        Stream.tap(({ event }) => event === "change" ? Deferred.succeed(next, undefined) : Effect.void),
        Stream.tap(({ data, event }) => event === "change" && data.total === 2 ? scripted.remove("b") : Effect.void),
        Stream.takeUntil(({ data, event }) => event === "change" && data.total === 1),
        Stream.runCollect
      )
      const changes = [...events].slice(1).map(({ data }) => data)
      assert.deepStrictEqual(new Set(changes.flatMap(({ runs }) => runs.map(({ id }: Parsed) => id))), new Set(["d"]))
      assert.deepStrictEqual(new Set(changes.flatMap(({ gone }) => gone)), new Set(["a", "b"]))
      assert.strictEqual(changes.at(-1).total, 1)
    }))

  it.scopedLive("say hello again where the list is to be read again", () =>
    Effect.gen(function*() {
      const { page, scripted } = yield* start
      yield* scripted.put(...Stories.many(5))
      const reset = yield* page.events("/api/changes").pipe(onHello(scripted.reset), Stream.take(2), Stream.runCollect)
      assert.deepStrictEqual(names(reset), ["hello", "hello"])
      let hellos = 0
      const many = yield* page.events("/api/changes").pipe(
        onHello(scripted.put(...Stories.many(2_000))),
        Stream.takeUntil(({ event }) => event === "hello" && ++hellos === 2),
        Stream.runCollect
      )
      // the first change is told at once, and the others are too many for one event
      assert.isAtMost(names(many).length, 4)
    }))

  it.scopedLive("are subscribed before hello, so that no change is lost between the list and them", () =>
    Effect.gen(function*() {
      const { page, scripted } = yield* start
      for (let round = 0; round < 20; round++) {
        const [, change] = yield* page.events("/api/changes").pipe(
          onHello(scripted.put({ id: `round-${round}` })),
          Stream.take(2),
          Stream.runCollect
        )
        assert.deepStrictEqual(idsOf([change!]), [`round-${round}`])
      }
    }))

  it.scopedLive("end when the page leaves", () =>
    Effect.gen(function*() {
      const { page, scripted } = yield* start
      const pages = yield* Effect.forEach([1, 2, 3], () => Effect.fork(Stream.runDrain(page.events("/api/changes"))))
      yield* until(Effect.sync(scripted.readers), (readers) => readers === 3)
      yield* Fiber.interruptAll(pages)
      yield* until(Effect.sync(scripted.readers), (readers) => readers === 0)
    }))

  it.scopedLive("end when the studio stops, which does not wait for pages", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { page, scripted } = yield* Scope.extend(start, scope)
      const watching = yield* Effect.fork(Stream.runCollect(page.events("/api/changes")))
      yield* until(Effect.sync(scripted.readers), (readers) => readers === 1)
      yield* Scope.close(scope, Exit.void).pipe(Effect.timeout("5 seconds"))
      assert.deepStrictEqual(names(yield* Fiber.join(watching)), ["hello"])
      yield* until(Effect.sync(scripted.readers), (readers) => readers === 0)
      const refused = yield* Effect.exit(Effect.catchAllDefect(send(page.port, "/"), (defect) => Effect.fail(defect)))
      assert.isTrue(Exit.isFailure(refused))
    }))

  it.scopedLive("tell another start by another id", () =>
    Effect.gen(function*() {
      const idOf = Effect.scoped(Effect.flatMap(start, ({ page }) =>
        page.events("/api/changes").pipe(
          Stream.take(1),
          Stream.runCollect,
          Effect.map(([hello]) => hello!.data.id)
        )))
      const [one, two] = [yield* idOf, yield* idOf]
      assert.match(one, /^[\w-]{11}$/)
      assert.notStrictEqual(one, two)
    }))
})

describe("watch", () => {
  it.scopedLive("shows a run from its first step to its end", () =>
    Effect.gen(function*() {
      const { page, scripted } = yield* start
      yield* scripted.put(Stories.live(1))
      const events = yield* page.events(`/api/watch?${live}`).pipe(
        Stream.tap(({ data, event }) =>
          event !== "run" || data.run.status !== "running"
            ? Effect.void
            : scripted.put(data.bars.length < 4 ? Stories.live(data.bars.length + 1) : Stories.live(4, true))
        ),
        Stream.runCollect
      )
      const runs = [...events].filter(({ event }) => event === "run").map(({ data }) => data)
      assert.strictEqual(names(events)[0], "hello")
      assert.deepStrictEqual(names(events).slice(-2), ["run", "end"])
      assert.deepStrictEqual([...new Set(runs.map(({ bars }) => bars.length))], [1, 2, 3, 4])
      assert.strictEqual(runs.at(-1).run.status, "completed")
      assert.deepStrictEqual(runs.at(-1).watched, {
        clock: "server",
        firstOutputMs: 180,
        pauses: [{ startMs: 2_000, durationMs: 500, stepId: "step-2" }]
      })
    }))

  it.scopedLive("shows a run that has ended once", () =>
    Effect.gen(function*() {
      const { page, scripted } = yield* start
      yield* scripted.put(Stories.failed)
      const events = yield* Stream.runCollect(page.events(`/api/watch?flow=acme/spelling/grade-3&id=run-failed`))
      assert.include([["hello", "run", "end"].join(), ["hello", "run", "run", "end"].join()], names(events).join())
    }))

  it.scopedLive("is a response without events where there is no such run", () =>
    Effect.gen(function*() {
      const { page } = yield* start
      const { status, text } = yield* page.get("/api/watch?flow=a/b/c&id=none")
      assert.deepStrictEqual([status, JSON.parse(text)], [404, {
        _tag: "NotFound",
        message: "There is no run none of a/b/c."
      }])
    }))

  it.scopedLive("ends with the problem where the run can no longer be read", () =>
    Effect.gen(function*() {
      const scripted = yield* Scripted.make()
      yield* scripted.put(Stories.live(1))
      const problem = new Unavailable({ message: "no answer", advice: "wait" })
      const source = {
        ...scripted.source,
        watch: () => Stream.concat(Stream.make(undefined), Stream.fail(problem))
      }
      const { url } = yield* Effect.provide(Studio.serve({ assets: "/nowhere" }), Layer.succeed(StudioSource, source))
      const page = yield* open(url)
      const events = [...yield* Stream.runCollect(page.events(`/api/watch?${live}`))]
      assert.deepStrictEqual({ ...events.at(-1), at: 0 }, {
        event: "problem",
        data: { _tag: "Unavailable", message: "no answer", advice: "wait" },
        at: 0
      })
    }))

  it.scopedLive("ends when the page leaves", () =>
    Effect.gen(function*() {
      const { page, scripted } = yield* start
      yield* scripted.put(Stories.live(1))
      yield* page.events(`/api/watch?${live}`).pipe(Stream.take(2), Stream.runDrain)
      yield* until(Effect.sync(scripted.readers), (readers) => readers === 0)
    }))
})
