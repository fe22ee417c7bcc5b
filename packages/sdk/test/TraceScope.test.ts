/** Scopes (docs/wire.md#scopes): where they reach, what they nest, and what they say. */
import * as Testing from "@effect-noukai/report/testing"
import { FlowService, type NoukaiHttp, TraceScope } from "@effect-noukai/sdk"
import { layer as flowLayer } from "@effect-noukai/sdk/FlowService"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import { type CallError, ReplaySessionNotFoundError } from "@effect-noukai/sdk/NoukaiError"
import type { LogEvent } from "@effect-noukai/sdk/Telemetry"
import * as Scripted from "@effect-noukai/sdk/testing"
import { assert, describe, it } from "@effect/vitest"
import {
  Chunk,
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  ManagedRuntime,
  Queue,
  Random,
  Runtime,
  Stream
} from "effect"
import type { SessionResponse } from "../src/internal/operations/requests.js"
import { execution, otherId, session, sessionId } from "./support/sessions.js"

const version4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

const flow = "acme/test/a"

interface Live {
  readonly answers?: number
  readonly sessions?: ReadonlyArray<SessionResponse>
  readonly defaults?: NoukaiHttp.Service["defaults"]
}

/** A scripted `NoukaiHttp` that answers so many runs live, and these sessions. */
const live = ({ answers = 0, defaults, sessions = [] }: Live = {}) => {
  const events: Array<LogEvent> = []
  const layer = Layer.provideMerge(
    flowLayer,
    layerScripted({
      execute: Array.from({ length: answers }, (_, n) => Testing.completed(`live ${n}`)),
      session: sessions.map((one) => Effect.succeed(one)),
      defaults: { replayEnabled: true, log: (event) => events.push(event), ...defaults }
    })
  )
  return { events, layer }
}

const run = (input: { readonly sessionId?: string } = {}) =>
  Effect.flatMap(FlowService, (flows) => flows.execute(flow, input))

const result = Effect.map(run(), ({ result }) => result)

const recorded = (...results: ReadonlyArray<unknown>) =>
  session(...results.map((value) => execution("a", "execute", value)))

const sent = Effect.map(
  Effect.flatMap(Scripted.ScriptedHttp, (http) => http.requests("execute")),
  (requests) => requests.map((request) => request.sessionId)
)

const phases = (events: ReadonlyArray<LogEvent>) =>
  events.map((event) =>
    event.phase === "scope_open" || event.phase === "scope_close" ? `${event.phase} ${event.mode}` : event.phase
  )

describe("scopes: the session id of a call", () => {
  it.effect("none outside a scope", () => {
    const { layer } = live({ answers: 1 })
    return Effect.gen(function*() {
      assert.isUndefined((yield* run()).sessionId)
      assert.deepStrictEqual(yield* sent, [undefined])
      assert.isUndefined(yield* TraceScope.currentSessionId)
    }).pipe(Effect.provide(layer))
  })

  it.effect("the call's, then the scope's, then the client's", () => {
    const { layer } = live({ answers: 3, defaults: { sessionId: "client" } })
    return Effect.gen(function*() {
      const scoped = TraceScope.withSession(otherId)
      assert.strictEqual((yield* scoped(run({ sessionId: "call" }))).sessionId, "call")
      assert.strictEqual((yield* scoped(run())).sessionId, otherId)
      assert.strictEqual((yield* run()).sessionId, "client")
      assert.deepStrictEqual(yield* sent, ["call", otherId, "client"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("an explicit empty id is an id", () => {
    const { layer } = live({ answers: 1 })
    return Effect.gen(function*() {
      yield* TraceScope.capture(run({ sessionId: "" }))
      assert.deepStrictEqual(yield* sent, [""])
    }).pipe(Effect.provide(layer))
  })
})

describe("capture", () => {
  it.effect("tags every run with one new UUID of version 4, and says which", () => {
    const { layer } = live({ answers: 4 })
    return Effect.gen(function*() {
      const two = Effect.zip(Effect.zip(run(), run()), TraceScope.currentSessionId)
      const [[first, second], current] = yield* TraceScope.capture(two)
      assert.match(first.sessionId!, version4)
      assert.strictEqual(second.sessionId, first.sessionId)
      assert.strictEqual(current, first.sessionId)
      const [[other]] = yield* TraceScope.capture(two)
      assert.notStrictEqual(other.sessionId, first.sessionId)
      assert.deepStrictEqual(yield* sent, [current, current, other.sessionId, other.sessionId])
    }).pipe(Effect.provide(layer))
  })

  it.effect("joins the scope it is in", () => {
    const { events, layer } = live({ answers: 1 })
    return Effect.gen(function*() {
      const inner = TraceScope.capture(Effect.zip(TraceScope.currentSessionId, run()))
      const [outerId, [innerId, done]] = yield* TraceScope.capture(Effect.zip(TraceScope.currentSessionId, inner))
      assert.strictEqual(innerId, outerId)
      assert.strictEqual(done.sessionId, outerId)
      assert.deepStrictEqual(phases(events), ["scope_open capture", "scope_close capture"])
      const joined = yield* TraceScope.withSession(otherId)(TraceScope.capture(TraceScope.currentSessionId))
      assert.strictEqual(joined, otherId)
    }).pipe(Effect.provide(layer))
  })

  it.scoped("resources of the body outlive the capture", () =>
    Effect.gen(function*() {
      let released = 0
      const resource = Effect.acquireRelease(Effect.succeed("open"), () => Effect.sync(() => released++))
      yield* TraceScope.capture(resource)
      yield* TraceScope.withSession("5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01")(resource)
      assert.strictEqual(released, 0)
    }))

  it.effect("ids come from a Random that was given", () =>
    Effect.gen(function*() {
      const id = Effect.withRandom(TraceScope.capture(TraceScope.currentSessionId), Random.make("seed"))
      const [one, two] = [yield* id, yield* id]
      assert.match(one!, version4)
      assert.strictEqual(
        one,
        yield* Effect.withRandom(
          TraceScope.capture(TraceScope.currentSessionId),
          Random.make("seed")
        )
      )
      assert.notStrictEqual(one, two)
    }))

  it.effect("ids differ", () =>
    Effect.gen(function*() {
      const ids = yield* Effect.replicateEffect(TraceScope.capture(TraceScope.currentSessionId), 1000)
      assert.strictEqual(new Set(ids).size, 1000)
    }))

  it.effect("a stream: one session, in which it is pulled wherever that is", () => {
    const { layer } = live({ answers: 5 })
    return Effect.gen(function*() {
      const stream = TraceScope.captureStream(Stream.mapEffect(Stream.range(1, 2), () => run()))
      const ids = Chunk.toReadonlyArray(Chunk.map(yield* Stream.runCollect(stream), (done) => done.sessionId))
      assert.match(ids[0]!, version4)
      assert.strictEqual(ids[1], ids[0])
      const joined = yield* TraceScope.withSession(otherId)(Stream.runCollect(stream))
      assert.deepStrictEqual(Chunk.toReadonlyArray(Chunk.map(joined, (done) => done.sessionId)), [otherId, otherId])
      assert.isUndefined((yield* run()).sessionId)
    }).pipe(Effect.provide(layer))
  })

  it.effect("a stream in the scope where it is pulled", () => {
    const { layer } = live({ answers: 2 })
    return Effect.gen(function*() {
      const stream = Stream.fromEffect(run())
      const [done] = yield* TraceScope.withSession(otherId)(Stream.runCollect(stream))
      assert.strictEqual(done?.sessionId, otherId)
      const leaves = yield* TraceScope.withSession(otherId)(Effect.succeed(stream))
      const [outside] = yield* Stream.runCollect(leaves)
      assert.isUndefined(outside?.sessionId)
    }).pipe(Effect.provide(layer))
  })

  it.effect("layerCapture and layerSession: a whole program", () => {
    const { events, layer } = live({ answers: 3 })
    return Effect.gen(function*() {
      const two = Effect.zip(run(), run())
      const [one, other] = yield* Effect.provide(two, TraceScope.layerCapture)
      assert.match(one.sessionId!, version4)
      assert.strictEqual(other.sessionId, one.sessionId)
      const named = yield* Effect.provide(run(), TraceScope.layerSession(otherId))
      assert.strictEqual(named.sessionId, otherId)
      assert.deepStrictEqual(phases(events), [
        "scope_open capture",
        "scope_close capture",
        "scope_open session",
        "scope_close session"
      ])
    }).pipe(Effect.provide(layer))
  })
})

describe("replay", () => {
  it.effect("answers from the session; nothing is asked but the session, once", () => {
    const { layer } = live({ sessions: [recorded("r1", "r2")] })
    return Effect.gen(function*() {
      const done = yield* TraceScope.replay(sessionId)(Effect.all([run(), run(), TraceScope.currentSessionId]))
      assert.deepStrictEqual(done.slice(0, 2).map((one) => typeof one === "object" && [one.result, one.sessionId]), [
        ["r1", sessionId],
        ["r2", sessionId]
      ])
      assert.strictEqual(done[2], sessionId)
      const calls = yield* Effect.flatMap(Scripted.ScriptedHttp, (http) => http.calls)
      assert.deepStrictEqual(calls.map(({ endpoint }) => endpoint), ["session"])
      assert.deepInclude(calls[0]!.request, { sessionId, method: "TraceScope.replay" })
    }).pipe(Effect.provide(layer))
  })

  it.effect("the gate is off: ReplayDisabledError, before the body and before any request", () => {
    const { events, layer } = live({ defaults: { replayEnabled: false } })
    return Effect.gen(function*() {
      const error = yield* Effect.flip(TraceScope.replay(sessionId)(Effect.dieMessage("the body ran")))
      assert.strictEqual(error._tag, "ReplayDisabledError")
      const stream = TraceScope.replayStream(sessionId)(Stream.die("the stream ran"))
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(stream)))._tag, "ReplayDisabledError")
      assert.deepStrictEqual(yield* Effect.flatMap(Scripted.ScriptedHttp, (http) => http.calls), [])
      assert.deepStrictEqual(events, [])
    }).pipe(Effect.provide(layer))
  })

  it.effect("leftovers fail a body that succeeded, and only that", () => {
    const { layer } = live({ sessions: Array.from({ length: 4 }, () => recorded(1, 2)) })
    return Effect.gen(function*() {
      const replay = TraceScope.replay(sessionId)
      const left = yield* Effect.flip(replay(run()))
      assert.strictEqual(left._tag, "ReplayLeftoverError")
      assert.strictEqual(yield* Effect.flip(replay(Effect.zipRight(run(), Effect.fail("mine")))), "mine")
      const died = yield* Effect.exit(replay(Effect.die("defect")))
      assert.isTrue(Exit.isFailure(died) && died.cause._tag === "Die")
      const fiber = yield* Effect.fork(replay(Effect.never))
      yield* Effect.yieldNow()
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
    }).pipe(Effect.provide(layer))
  })

  it.effect("payloads are checked before the body", () => {
    const { layer } = live({ sessions: [session(execution("a", "execute", 1, { snapshotsAvailable: false }))] })
    return Effect.gen(function*() {
      const error = yield* Effect.flip(TraceScope.replay(sessionId)(Effect.dieMessage("the body ran")))
      assert.strictEqual(error._tag, "ReplayNoSnapshotsError")
    }).pipe(Effect.provide(layer))
  })

  it.effect("a stream: leftovers fail its end, and are not looked for when it was cut short", () => {
    const { layer } = live({ sessions: Array.from({ length: 3 }, () => recorded(1, 2)) })
    return Effect.gen(function*() {
      const replayed = (calls: number) =>
        TraceScope.replayStream(sessionId)(Stream.mapEffect(Stream.range(1, calls), () => result))
      assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(replayed(2))), [1, 2])
      const seen: Array<unknown> = []
      const error = yield* Effect.flip(Stream.runForEach(replayed(1), (value) => Effect.sync(() => seen.push(value))))
      assert.strictEqual(error._tag, "ReplayLeftoverError")
      assert.deepStrictEqual(seen, [1])
      assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(Stream.take(replayed(2), 1))), [1])
    }).pipe(Effect.provide(layer))
  })

  describe("nothing inside goes live, whatever is nested", () => {
    it.effect("capture joins, in effects and in streams", () => {
      const { layer } = live({ sessions: [recorded(1, 2, 3)] })
      return Effect.gen(function*() {
        const body = Effect.all([
          TraceScope.capture(run()),
          Effect.map(
            Stream.runHead(TraceScope.captureStream(Stream.fromEffect(run()))),
            (head) => head._tag === "Some" ? head.value : undefined
          ),
          Effect.provide(run(), TraceScope.layerCapture)
        ])
        const done = yield* TraceScope.replay(sessionId)(body)
        assert.deepStrictEqual(done.map((one) => [one?.result, one?.sessionId]), [
          [1, sessionId],
          [2, sessionId],
          [3, sessionId]
        ])
        assert.deepStrictEqual(yield* sent, [])
      }).pipe(Effect.provide(layer))
    })

    it.effect("a runtime, a context or a layer of a program that captures, in effects and in streams", () => {
      const { layer } = live({ sessions: [recorded(1, 2, 3), recorded(4, 5)], answers: 5 })
      return Effect.gen(function*() {
        const runtime = yield* TraceScope.capture(Effect.runtime<FlowService>())
        const context = yield* Effect.context<FlowService>()
        const captured = Context.add(context, TraceScope, { mode: "capture", sessionId: otherId, http: undefined })
        const capturing = ManagedRuntime.make(TraceScope.layerCapture)
        const bodies = [
          Effect.provide(run(), runtime),
          Effect.mapInputContext(run(), (_: Context.Context<never>) => captured),
          Effect.provide(TraceScope.capture(run()), capturing)
        ]
        const done = yield* TraceScope.replay(sessionId)(Effect.all(bodies))
        assert.deepStrictEqual(done.map((one) => [one.result, one.sessionId]), [1, 2, 3].map((n) => [n, sessionId]))
        const stream = Stream.mapInputContext(
          Stream.mapEffect(Stream.make(Effect.provide(run(), runtime), run()), (call) => call),
          (_: Context.Context<never>) => captured
        )
        const pulled = yield* Stream.runCollect(TraceScope.replayStream(sessionId)(stream))
        assert.deepStrictEqual(Chunk.toReadonlyArray(pulled).map((one) => one.result), [4, 5])
        assert.deepStrictEqual(yield* sent, [])
        yield* capturing.disposeEffect
        assert.deepStrictEqual((yield* run()).result, "live 0")
      }).pipe(Effect.provide(layer))
    })

    it.effect("the replay of the same session joins", () => {
      const { events, layer } = live({ sessions: [recorded(1, 2, 3)] })
      return Effect.gen(function*() {
        const again = TraceScope.replay(sessionId.toUpperCase())(result)
        const stream = Stream.runCollect(TraceScope.replayStream(sessionId)(Stream.fromEffect(result)))
        const [one, two, three] = yield* TraceScope.replay(sessionId)(Effect.all([result, again, stream]))
        assert.deepStrictEqual([one, two, Chunk.toReadonlyArray(three)], [1, 2, [3]])
        assert.deepStrictEqual(phases(events), ["scope_open replay", "scope_close replay"])
      }).pipe(Effect.provide(layer))
    })

    it.effect("withSession: another session is fetched, never run", () => {
      const { layer } = live({ sessions: [recorded(1), recorded("o1", "o2")] })
      return Effect.gen(function*() {
        const body = Effect.all([
          result,
          TraceScope.withSession(otherId)(result),
          Stream.runCollect(TraceScope.withSessionStream(otherId)(Stream.fromEffect(result))),
          TraceScope.withSession(otherId)(TraceScope.capture(TraceScope.currentSessionId))
        ])
        const [own, other, again, current] = yield* TraceScope.replay(sessionId)(body)
        assert.deepStrictEqual([own, other, Chunk.toReadonlyArray(again), current], [1, "o1", ["o2"], otherId])
        assert.deepStrictEqual(
          (yield* Effect.flatMap(Scripted.ScriptedHttp, (http) => http.requests("session"))).map((r) => r.sessionId),
          [sessionId, otherId]
        )
      }).pipe(Effect.provide(layer))
    })

    it.effect("the replay of another session: its own recordings, its own leftovers", () => {
      const { layer } = live({
        sessions: [recorded(1, 2), { ...recorded("o1"), sessionId: otherId }, recorded("o1", "o2")]
      })
      return Effect.gen(function*() {
        const inner = TraceScope.replay(otherId)(Effect.zip(result, TraceScope.currentSessionId))
        const done = yield* TraceScope.replay(sessionId)(Effect.all([result, inner, result]))
        assert.deepStrictEqual(done, [1, ["o1", otherId], 2])
        assert.deepStrictEqual(yield* sent, [])
      }).pipe(Effect.provide(layer))
    })
  })

  it.effect("in a capture it replays, and afterwards the capture goes on", () => {
    const { layer } = live({ answers: 2, sessions: [recorded("replayed")] })
    return Effect.gen(function*() {
      const body = Effect.all([run(), TraceScope.replay(sessionId)(run()), run()])
      const [before, replayed, after] = yield* TraceScope.capture(body)
      assert.deepStrictEqual([before.result, replayed.result, after.result], ["live 0", "replayed", "live 1"])
      assert.strictEqual(after.sessionId, before.sessionId)
      assert.strictEqual(replayed.sessionId, sessionId)
    }).pipe(Effect.provide(layer))
  })

  it.effect("a client-wide session id is ignored", () => {
    const { layer } = live({ sessions: [recorded(1)], defaults: { sessionId: otherId } })
    return Effect.gen(function*() {
      assert.strictEqual((yield* TraceScope.replay(sessionId)(run())).sessionId, sessionId)
    }).pipe(Effect.provide(layer))
  })
})

describe("scopes: what a request from outside may ask for", () => {
  const rows: ReadonlyArray<readonly [name: string, id: string | undefined, enabled: boolean, mode: string]> = [
    ["no id: capture", undefined, true, "capture"],
    ["an empty id is none", "", true, "capture"],
    ["an id, and replay is on: replay", sessionId, true, "replay"],
    ["an id, and replay is off: capture", sessionId, false, "capture"]
  ]
  for (const [name, id, enabled, mode] of rows) {
    it.effect(name, () => {
      const { events, layer } = live({
        answers: 1,
        sessions: [recorded("replayed")],
        defaults: { replayEnabled: enabled }
      })
      const warned: Array<unknown> = []
      return Effect.gen(function*() {
        const done = yield* TraceScope.replayOrCapture(id)(run())
        assert.strictEqual(done.result, mode === "replay" ? "replayed" : "live 0")
        assert.deepStrictEqual(phases(events), [`scope_open ${mode}`, `scope_close ${mode}`])
        assert.lengthOf(warned, enabled ? 0 : 1)
      }).pipe(
        Effect.provide(layer),
        Effect.provide(Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => warned.push(message))))
      )
    })
  }

  it.effect("an id that is wrong is not passed over", () => {
    const { layer } = live()
    return Effect.gen(function*() {
      yield* (yield* Scripted.ScriptedHttp).queue({
        session: [Effect.fail(new ReplaySessionNotFoundError({ method: "test", isRetryable: false }))]
      })
      const error = yield* Effect.flip(TraceScope.replayOrCapture(sessionId)(Effect.dieMessage("the body ran")))
      assert.strictEqual(error._tag, "ReplaySessionNotFoundError")
    }).pipe(Effect.provide(layer))
  })
})

describe("scopes: a scope that is entered by hand", () => {
  it.effect("a capture: joins the scope it is in, and has nothing to verify", () => {
    const { events, layer } = live({ answers: 1 })
    return Effect.gen(function*() {
      const id = yield* Effect.scoped(Effect.gen(function*() {
        const { scope, verify } = yield* TraceScope.open()
        yield* Effect.provideService(run(), TraceScope, scope)
        yield* verify
        const inner = yield* Effect.provideService(TraceScope.open(""), TraceScope, scope)
        assert.strictEqual(inner.scope, scope)
        return scope.sessionId
      }))
      assert.match(id, version4)
      assert.deepStrictEqual(yield* sent, [id])
      assert.deepStrictEqual(phases(events), ["scope_open capture", "scope_close capture"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("a replay: leftovers are there until they are asked for", () => {
    const { events, layer } = live({ sessions: [recorded("a")] })
    return Effect.gen(function*() {
      yield* Effect.scoped(Effect.gen(function*() {
        const { scope, verify } = yield* TraceScope.open(sessionId)
        assert.strictEqual(scope.sessionId, sessionId)
        assert.strictEqual((yield* Effect.flip(verify))._tag, "ReplayLeftoverError")
        assert.strictEqual(yield* Effect.provideService(result, TraceScope, scope), "a")
        yield* verify
        const inner = yield* Effect.provideService(TraceScope.open(sessionId), TraceScope, scope)
        assert.strictEqual(inner.scope, scope)
      }))
      assert.deepStrictEqual(yield* sent, [])
      assert.deepStrictEqual(phases(events), ["scope_open replay", "scope_close replay"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("nothing within a replay leaves it, whatever context it is given", () => {
    const { layer } = live({ sessions: [recorded("a", "b")], answers: 2 })
    return Effect.gen(function*() {
      const runtime = yield* TraceScope.capture(Effect.runtime<FlowService>())
      yield* Effect.scoped(Effect.gen(function*() {
        const { scope, verify } = yield* TraceScope.open(sessionId)
        const call = Effect.provide(result, runtime)
        assert.strictEqual(yield* TraceScope.within(scope)(call), "a")
        const stream = TraceScope.withinStream(scope)(Stream.fromEffect(call))
        assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(stream)), ["b"])
        yield* verify
      }))
      assert.deepStrictEqual(yield* sent, [])
    }).pipe(Effect.provide(layer))
  })

  it.effect("the gate is off: ReplayDisabledError, and nothing is asked", () => {
    const { layer } = live({ defaults: { replayEnabled: false } })
    return Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(TraceScope.open(sessionId)))
      assert.strictEqual(error._tag, "ReplayDisabledError")
      assert.deepStrictEqual(yield* (yield* Scripted.ScriptedHttp).calls, [])
    }).pipe(Effect.provide(layer))
  })
})

describe("log-events: scope_open and scope_close are paired", () => {
  const notFound = Effect.fail(new ReplaySessionNotFoundError({ method: "test", isRetryable: false }))
  const bodies: ReadonlyArray<readonly [name: string, body: Effect.Effect<unknown, unknown>]> = [
    ["success", Effect.void],
    ["failure", Effect.fail("no")],
    ["defect", Effect.die("no")],
    ["interruption", Effect.interrupt]
  ]
  for (const [name, body] of bodies) {
    it.effect(name, () => {
      const { events, layer } = live({ sessions: [session(), session()] })
      const stream = Stream.fromEffect(body)
      return Effect.gen(function*() {
        const all: ReadonlyArray<Effect.Effect<unknown, unknown, NoukaiHttp>> = [
          TraceScope.capture(body),
          TraceScope.withSession(otherId)(body),
          TraceScope.replay(sessionId)(body),
          Stream.runDrain(TraceScope.captureStream(stream)),
          Stream.runDrain(TraceScope.withSessionStream(otherId)(stream)),
          Stream.runDrain(TraceScope.replayStream(sessionId)(stream))
        ]
        for (const one of all) yield* Effect.exit(one)
        const expected = ["capture", "session", "replay", "capture", "session", "replay"]
        assert.deepStrictEqual(
          phases(events),
          expected.flatMap((mode) => [`scope_open ${mode}`, `scope_close ${mode}`])
        )
        for (let n = 0; n < events.length; n += 2) {
          assert.deepStrictEqual(events[n + 1], { ...events[n], phase: "scope_close" })
        }
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("also when the session cannot be fetched", () => {
    const { events, layer } = live()
    return Effect.gen(function*() {
      yield* (yield* Scripted.ScriptedHttp).queue({ session: [notFound, notFound] })
      yield* Effect.flip(TraceScope.replay(sessionId)(Effect.void))
      yield* Effect.flip(Stream.runDrain(TraceScope.replayStream(sessionId)(Stream.empty)))
      assert.deepStrictEqual(phases(events), [
        "scope_open replay",
        "scope_close replay",
        "scope_open replay",
        "scope_close replay"
      ])
    }).pipe(Effect.provide(layer))
  })
})

describe("the scope travels with the fiber", () => {
  it.effect("fork, race, timeout, forEach, finalizers, services and runtimes built before or inside", () => {
    const { layer } = live({ sessions: [recorded(...Array.from({ length: 9 }, (_, n) => n))] })
    return Effect.gen(function*() {
      const inherits = Effect.gen(function*() {
        const results: Array<unknown> = []
        const call = Effect.tap(result, (value) => Effect.sync(() => results.push(value)))
        yield* Fiber.join(yield* Effect.fork(call))
        yield* Fiber.join(yield* Effect.forkDaemon(call))
        yield* Effect.race(call, Effect.never)
        yield* Effect.timeout(call, "1 second")
        yield* Effect.forEach([1, 2], () => call, { concurrency: 2 })
        yield* Effect.scoped(Effect.addFinalizer(() => Effect.ignore(call)))
        const runtime = yield* Effect.runtime<FlowService>()
        yield* Effect.async<void>((resume) => {
          Runtime.runFork(runtime)(call).addObserver(() => resume(Effect.void))
        })
        yield* Stream.runDrain(Stream.buffer(Stream.mapEffect(Stream.make(1), () => call), { capacity: 2 }))
        return results
      })
      const results = yield* TraceScope.replay(sessionId)(inherits)
      assert.sameMembers(results, [0, 1, 2, 3, 4, 5, 6, 7, 8])
      assert.deepStrictEqual(yield* sent, [])
    }).pipe(Effect.provide(layer))
  })

  it.effect("a worker fed by a queue does not have the scope of who fed it", () => {
    const { layer } = live({ answers: 1, sessions: [session()] })
    return Effect.gen(function*() {
      const queue = yield* Queue.bounded<Deferred.Deferred<unknown, CallError>>(1)
      yield* Effect.forkScoped(Effect.flatMap(Queue.take(queue), (done) => Effect.intoDeferred(result, done)))
      const answer = yield* TraceScope.replay(sessionId)(Effect.gen(function*() {
        const done = yield* Deferred.make<unknown, CallError>()
        yield* Queue.offer(queue, done)
        return yield* Deferred.await(done)
      }))
      assert.strictEqual(answer, "live 0")
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.live("a service built at start-up replays in 50 scopes at once, none seeing another's", () => {
    const ids = Array.from({ length: 50 }, (_, n) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`)
    const sessions = new Map(ids.map((id) => [id, { ...recorded(`${id} 1`, `${id} 2`, `${id} 3`), sessionId: id }]))
    const { layer } = live()
    return Effect.gen(function*() {
      const scripted = yield* Scripted.ScriptedHttp
      const flows = yield* FlowService
      // The session of each request is answered when its turn comes: which request asks first does not matter.
      let answered = 0
      yield* scripted.queue({
        session: ids.map(() =>
          Effect.flatMap(scripted.requests("session"), (asked) => {
            const next = asked[answered++]!
            return Effect.as(Effect.yieldNow(), sessions.get(next.sessionId)!)
          })
        )
      })
      const request = (id: string) =>
        TraceScope.replay(id)(Effect.gen(function*() {
          const seen: Array<unknown> = []
          for (let n = 0; n < 3; n++) {
            seen.push((yield* flows.execute(flow, {})).result)
            yield* Effect.sleep(0)
          }
          return [yield* TraceScope.currentSessionId, ...seen]
        }))
      const done = yield* Effect.forEach(ids, request, { concurrency: "unbounded" })
      assert.deepStrictEqual(done, ids.map((id) => [id, `${id} 1`, `${id} 2`, `${id} 3`]))
      assert.deepStrictEqual(yield* sent, [])
    }).pipe(Effect.provide(layer))
  })
})

describe("asynchronous code that is no Effect", () => {
  const here = () => TraceScope.ambient()?.sessionId

  it.effect("has the fiber's scope, also after an await, and none outside", () =>
    Effect.gen(function*() {
      const body = TraceScope.promise(async () => {
        const first = here()
        await Promise.resolve()
        await new Promise((resolve) => setImmediate(resolve))
        return [first, here()]
      })
      const id = yield* TraceScope.capture(Effect.zip(TraceScope.currentSessionId, body))
      assert.deepStrictEqual(id[1], [id[0], id[0]])
      assert.deepStrictEqual(yield* body, [undefined, undefined])
      assert.isUndefined(here())
    }))

  it.effect("50 at once see only their own", () =>
    Effect.gen(function*() {
      const body = TraceScope.promise(async () => {
        const seen: Array<string | undefined> = []
        for (let n = 0; n < 5; n++) {
          seen.push(here())
          await new Promise((resolve) => setImmediate(resolve))
        }
        return seen
      })
      const one = TraceScope.capture(Effect.zip(TraceScope.currentSessionId, body))
      const all = yield* Effect.all(Array.from({ length: 50 }, () => one), { concurrency: "unbounded" })
      assert.strictEqual(new Set(all.map(([id]) => id)).size, 50)
      for (const [id, seen] of all) assert.deepStrictEqual(seen, Array.from({ length: 5 }, () => id))
    }))

  it.effect("a synchronous call from an Effect sees the scope of the fiber that makes it", () =>
    Effect.gen(function*() {
      const call = Effect.sync(here)
      const [id, seen] = yield* TraceScope.capture(Effect.zip(TraceScope.currentSessionId, call))
      assert.strictEqual(seen, id)
      assert.isUndefined(yield* call)
    }))

  it.effect("a scope inside no scope is none: what is outside does not leak in", () =>
    Effect.gen(function*() {
      const runtime = ManagedRuntime.make(Layer.empty)
      const inner = TraceScope.promise(() => Promise.resolve(here()))
      const seen = yield* TraceScope.capture(TraceScope.promise(() => runtime.runPromise(inner)))
      assert.isUndefined(seen)
      yield* runtime.disposeEffect
    }))

  it.effect("runs in a scope that it is given, now and later, and outside it is none", () =>
    Effect.gen(function*() {
      const { scope } = yield* Effect.scoped(TraceScope.open())
      const later = TraceScope.runIn(scope, () => {
        assert.strictEqual(here(), scope.sessionId)
        return Promise.resolve().then(here)
      })
      assert.isUndefined(here())
      assert.strictEqual(yield* Effect.promise(() => later), scope.sessionId)
    }).pipe(Effect.provide(live().layer)))

  it.effect("a rejection is a failure, and interruption aborts", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(TraceScope.promise(() => Promise.reject(new Error("no"))))
      assert.strictEqual(error._tag, "UnknownException")
      const mapped = yield* Effect.flip(
        TraceScope.promise({ try: () => Promise.reject(new Error("no")), catch: (cause) => [cause] as const })
      )
      assert.strictEqual((mapped[0] as Error).message, "no")
      let aborted = false
      const begun = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(TraceScope.promise((signal) => {
        signal.addEventListener("abort", () => {
          aborted = true
        })
        Effect.runSync(Deferred.succeed(begun, void 0))
        return new Promise(() => {})
      }))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(aborted)
    }))
})

it.effect("the reference is read and provided as any other", () =>
  Effect.gen(function*() {
    assert.isUndefined(yield* TraceScope)
    const scope: TraceScope.Scope = { mode: "session", sessionId: "s", http: undefined }
    assert.strictEqual(yield* Effect.provideService(TraceScope, TraceScope, scope), scope)
    assert.strictEqual(Context.get(Context.make(TraceScope, scope), TraceScope), scope)
  }))
