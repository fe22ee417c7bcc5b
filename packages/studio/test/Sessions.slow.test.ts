/** The runs of a session on one axis, and the cassette of it. */
import { make as makeEmulator } from "@effect-noukai/emulator/Emulator"
import { Cassette, FlowService, Noukai, NoukaiHttp, NoukaiReplay, RunService } from "@effect-noukai/sdk"
import * as EmulatorSource from "@effect-noukai/studio/EmulatorSource"
import * as HostedSource from "@effect-noukai/studio/HostedSource"
import { SessionDetail } from "@effect-noukai/studio/RunsApi"
import * as Studio from "@effect-noukai/studio/Studio"
import { StudioSource } from "@effect-noukai/studio/StudioSource"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, identity, Layer, Redacted, Schema, Stream } from "effect"
import { open, until } from "./support/client.js"
import { hello, session, start } from "./support/emulated.js"
import * as Scripted from "./support/scripted.js"

const decode = Schema.decodeUnknown(Schema.parseJson(SessionDetail))

const ids = { session, other: session.replace("5", "6") }

describe("a session of an emulator", () => {
  it.scopedLive("has its runs on one axis, from the first start to the last end, and nothing in the ledger", () =>
    Effect.gen(function*() {
      const { emulator, execute, page } = yield* start()
      yield* execute("noukai/samples/two-step", { sessionId: session })
      yield* Effect.flip(execute("acme/test/fails", { sessionId: session }))
      yield* execute("acme/test/paid", { sessionId: session })
      yield* execute("acme/test/paid", { sessionId: ids.other })
      const { requestsReceived } = yield* emulator.totals
      const { text } = yield* page.get(`/api/session?id=${session}`)
      const shown = yield* decode(text)
      assert.deepStrictEqual(shown.runs.map(({ run }) => [run.flow, run.status, run.costUsd]), [
        ["noukai/samples/two-step", "completed", shown.runs[0]!.run.costUsd],
        ["acme/test/fails", "failed", "0"],
        ["acme/test/paid", "completed", "0.25"]
      ])
      assert.strictEqual(shown.costUsd, String(0.25 + Number(shown.runs[0]!.run.costUsd)))
      assert.deepStrictEqual(shown.runs.map(({ failure }) => failure), [[], ["b: BUSY: try later"], []])
      assert.deepStrictEqual(shown.runs.map(({ steps }) => steps.map(({ kind }) => kind)), [
        ["completed", "completed"],
        ["failed"],
        ["completed"]
      ])
      for (const { run, startMs = Number.NaN, steps } of shown.runs) {
        assert.strictEqual(startMs, run.startedAt! - shown.startedAt!)
        assert.isAtMost(startMs + run.durationMs!, shown.totalMs)
        for (const step of steps) {
          assert.isTrue(step.startMs >= startMs && step.startMs + step.durationMs <= shown.totalMs)
        }
      }
      assert.deepStrictEqual([shown.notes, shown.runs.every(({ isCaptured }) => isCaptured)], [[], true])
      yield* page.get(`/api/cassette?id=${session}`)
      assert.strictEqual((yield* emulator.totals).requestsReceived, requestsReceived)
    }))

  it.scopedLive("says how it is saved and replayed, and the file that it saves is the one that the command writes", () =>
    Effect.gen(function*() {
      const { emulator, execute, http, page } = yield* start()
      // a key in a payload is redacted as the command redacts it
      yield* execute(hello, {
        message: "my key is nk_live_abcdefgh_0123456789abcdef0123456789abcdef",
        sessionId: session
      })
      const { headers, text } = yield* page.get(`/api/cassette?id=${session}`)
      const saved = yield* Cassette.fromSession(session).pipe(
        Effect.flatMap(Cassette.redact({ paths: [], patterns: [] })),
        Effect.provideService(NoukaiHttp, http)
      )
      assert.strictEqual(text, Cassette.encode(saved))
      assert.include(text, "[redacted]")
      assert.strictEqual(headers["content-disposition"], `attachment; filename="session-${session}.json"`)
      const shown = yield* decode((yield* page.get(`/api/session?id=${session}`)).text)
      assert.strictEqual(
        shown.save,
        `noukai session save ${session} session-5d1c9f44.json --env dev --port ${emulator.port}`
      )
      assert.strictEqual(
        shown.test,
        `noukai session save ${session} session-5d1c9f44.json --test --flow noukai/samples/hello-world --env dev --port ${emulator.port}\n` +
          "npx vitest run session-5d1c9f44.test.ts\n"
      )
      assert.include(shown.replay, "NoukaiReplay.fromFile(\"session-5d1c9f44.json\")")
      assert.include(shown.replayRequest, `'X-Noukai-Replay: ${session}'`)
      const cassette = yield* Cassette.decode(JSON.parse(text))
      const again = yield* Effect.flatMap(FlowService, (flows) => flows.execute(hello, { message: "hi" })).pipe(
        Effect.provide(NoukaiReplay.fromCassette(cassette))
      )
      assert.strictEqual(again.status, "completed")
    }))

  it.scopedLive("is kept with the address of each flow, also where two projects have the same name of a flow", () =>
    Effect.gen(function*() {
      const flow = (ref: string) => ({ ref, steps: [{ kind: "template" as const, id: "a", output: "{{message}}" }] })
      const { execute, page } = yield* start({
        capture: "full",
        flows: ["acme/support/orders", "acme/spelling/grade-3", "acme/spelling/orders"].map(flow)
      })
      for (const ref of ["acme/support/orders", "acme/spelling/grade-3"]) {
        yield* execute(ref, { message: ref, sessionId: session })
      }
      const file = yield* page.get(`/api/keep/file?session=${session}&file=test`)
      assert.include(file.text, "flows.execute(\"acme/support/orders\"")
      assert.include(file.text, "flows.execute(\"acme/spelling/grade-3\"")
      const command = Effect.map(
        page.get(`/api/keep?session=${session}`),
        ({ text }): string => JSON.parse(text).command
      )
      assert.include(yield* command, "--test --flow acme/support/orders --flow acme/spelling/grade-3 ")
      yield* execute("acme/spelling/orders", { message: "x", sessionId: session })
      const shown = yield* decode((yield* page.get(`/api/session?id=${session}`)).text)
      const [one, , three] = shown.runs.map(({ run }) => run.id)
      const flags =
        `--flow ${one}=acme/support/orders --flow acme/spelling/grade-3 --flow ${three}=acme/spelling/orders `
      assert.include(yield* command, flags)
      assert.include(shown.test, flags)
    }))

  it.scopedLive("tells what a replay lacks", () =>
    Effect.gen(function*() {
      const { execute, page } = yield* start()
      yield* execute("acme/test/metadata", { sessionId: session })
      yield* execute(hello, { sessionId: session })
      const shown = yield* decode((yield* page.get(`/api/session?id=${session}`)).text)
      assert.deepStrictEqual(shown.runs.map(({ isCaptured }) => isCaptured), [false, true])
      assert.isUndefined(shown.test)
      assert.match(shown.notes[0]!, /^1 of 2 runs kept no payloads, .*`full` or `redacted`/)
      const { status, text } = yield* page.get(`/api/cassette?id=${session}`)
      assert.strictEqual(status, 404)
      assert.include(text, "no payloads")
    }))

  it.scopedLive("has its new runs, and their ends, as they come", () =>
    Effect.gen(function*() {
      const { emulator, execute, page } = yield* start()
      yield* execute(hello, { sessionId: session })
      const seen = yield* page.events(`/api/changes?session=${session}`).pipe(
        Stream.tap(({ event }) =>
          event === "hello"
            ? Effect.forkScoped(Effect.zipRight(execute(hello), execute("acme/test/slow", { sessionId: session })))
            : Effect.void
        ),
        Stream.flatMap(({ data }) =>
          Stream.fromIterable<{ readonly flow: string; readonly status: string }>(data.runs ?? [])
        ),
        Stream.takeUntil(({ status }) => status === "completed"),
        // the start of the run and of its step may come apart
        Stream.changesWith((one, other) => one.status === other.status),
        Stream.runCollect
      )
      assert.deepStrictEqual([...seen].map(({ flow, status }) => [flow, status]), [
        ["acme/test/slow", "running"],
        ["acme/test/slow", "completed"]
      ])
      assert.isAbove((yield* emulator.totals).requestsReceived, 0)
    }))

  it.scopedLive("is told apart: unknown, expired, and no id at all", () =>
    Effect.gen(function*() {
      const { emulator, execute, page } = yield* start()
      yield* execute(hello, { sessionId: session })
      const told = (id: string) =>
        Effect.map(page.get(`/api/session?id=${encodeURIComponent(id)}`), ({ status, text }) => {
          const { advice, message } = JSON.parse(text)
          assert.isString(advice)
          return [status, message]
        })
      assert.deepStrictEqual(yield* told(ids.other), [404, `There is no session ${ids.other}.`])
      assert.deepStrictEqual(yield* told("../x"), [404, "\"../x\" is not the id of a session."])
      yield* emulator.expireSession(session)
      assert.deepStrictEqual(yield* told(session), [404, `The session ${session} has expired.`])
    }))
})

/** A server behind HTTP, a studio of it, and what the machine has seen. */
const hosted = (
  key = "nk_test_acme",
  seen: ReadonlyArray<HostedSource.SeenRun> = [],
  wrap: (runs: RunService["Type"]) => RunService["Type"] = identity
) =>
  Effect.gen(function*() {
    const emulator = yield* makeEmulator({
      flows: [{
        ref: "acme/test/one",
        id: "fl_one",
        steps: [{ kind: "template", id: "a", output: 1, costUsd: "0.5" }]
      }, { ref: "beta/test/one", steps: [{ kind: "template", id: "a", output: 2 }] }],
      keys: [{ key: "nk_test_acme", org: "acme", project: "test" }, {
        key: "nk_test_beta",
        org: "beta",
        project: "test"
      }]
    })
    const of = (text: string) =>
      Layer.build(Noukai.layer({ apiKey: Redacted.make(text), baseUrl: emulator.baseUrl, maxRetries: 0 }))
    const services = yield* of("nk_test_acme")
    const source = HostedSource.layer({ address: "https://noukai.example/api/v1", seen: Effect.succeed(seen) })
    const context = yield* of(key).pipe(
      Effect.map((context) => Context.add(context, RunService, wrap(Context.get(context, RunService)))),
      Effect.flatMap((context) => Effect.provide(Layer.build(source), context))
    )
    const { url } = yield* Effect.provide(Studio.serve({ assets: "/nowhere" }), context)
    return {
      emulator,
      execute: Context.get(services, FlowService).execute("acme/test/one", { sessionId: session }),
      source: Context.get(context, StudioSource),
      page: yield* open(url)
    }
  })

describe("a session of the hosted service", () => {
  it.scopedLive("opens by its id on a machine that has seen nothing", () =>
    Effect.gen(function*() {
      const { execute, page, source } = yield* hosted()
      yield* execute
      const shown = yield* decode((yield* page.get(`/api/session?id=${session}`)).text)
      // the service tells the last part of the name alone
      assert.deepStrictEqual(shown.runs.map(({ run }) => [run.flow, run.status, run.sessionId]), [
        ["one", "completed", session]
      ])
      assert.strictEqual(shown.save, `noukai session save ${session} session-5d1c9f44.json`)
      assert.strictEqual(JSON.parse(yield* source.cassette(session)).session.executions.length, 1)
    }))

  it.scopedLive("has the flows of the history, and puts its runs into the list", () =>
    Effect.gen(function*() {
      const seen: Array<HostedSource.SeenRun> = []
      const { execute, page, source } = yield* hosted("nk_test_acme", seen)
      const first = yield* execute
      seen.push({ flow: "acme/test/one", id: first.executionId! })
      const ids = [first, yield* execute].map(({ executionId }) => executionId)
      const shown = yield* decode((yield* page.get(`/api/session?id=${session}`)).text)
      assert.deepStrictEqual(shown.runs.map(({ run }) => [run.flow, run.id]), ids.map((id) => ["acme/test/one", id]))
      const listed = source.list({ session }, { offset: 0, limit: 9 })
      const { runs } = yield* until(listed, ({ runs }) => runs.every(({ costUsd }) => costUsd !== undefined))
      assert.sameDeepMembers(runs.map(({ costUsd, id }) => [id, costUsd]), ids.map((id) => [id, "0.5"]))
    }))

  it.scopedLive("has the bare name of a flow that a flow of the history has in another project", () =>
    Effect.gen(function*() {
      const { execute, page } = yield* hosted("nk_test_acme", [{ flow: "beta/test/one", id: "other" }])
      const { executionId } = yield* execute
      const { text } = yield* page.get(`/api/session?id=${session}`)
      assert.deepStrictEqual((yield* decode(text)).runs.map(({ run }) => [run.flow, run.id]), [["one", executionId]])
      assert.notInclude(text, "beta/test/one")
    }))

  it.scopedLive("leaves the times of runs in the list as they are, so that reads of both come to rest", () =>
    Effect.gen(function*() {
      const later = (runs: RunService["Type"]): RunService["Type"] => ({
        ...runs,
        list: (filter) => Stream.map(runs.list(filter), (run) => ({ ...run, durationMs: (run.durationMs ?? 0) + 7 }))
      })
      const { execute, source } = yield* hosted("nk_test_acme", [{
        flow: "acme/test/one",
        id: "other",
        flowId: "fl_one"
      }], later)
      yield* execute
      const changes = yield* source.changes
      const listed = Effect.map(source.list({}, { offset: 0, limit: 9 }), ({ runs }) => runs[0]!)
      const before = yield* until(listed, ({ costUsd }) => costUsd !== undefined)
      for (let count = 0; count < 3; count++) {
        yield* source.session(session)
        yield* Effect.sleep("20 millis")
      }
      assert.deepStrictEqual(yield* listed, { ...before, sessionId: session })
      // the run, its cost and its session
      const seen = yield* changes.pipe(Stream.interruptAfter("50 millis"), Stream.runCount)
      assert.isAtMost(seen, 3)
    }))

  it.scopedLive("tells why it cannot be read, and what to do", () =>
    Effect.gen(function*() {
      const { emulator, execute, page } = yield* hosted("nk_test_beta")
      const told = (id: string) =>
        Effect.map(page.get(`/api/session?id=${id}`), ({ status, text }) => {
          const { advice, message } = JSON.parse(text)
          return [status, message, advice] as const
        })
      yield* execute
      const forbidden = yield* told(session)
      assert.deepStrictEqual(forbidden.slice(0, 2), [404, `The session ${session} belongs to another project.`])
      assert.include(forbidden[2], "`noukai doctor`")
      yield* emulator.addFaults({ match: { endpoint: "session" }, script: ["410", "503", "401", "404:html"] })
      assert.deepStrictEqual((yield* told(session)).slice(0, 2), [404, `The session ${session} has expired.`])
      const [status, message] = yield* told(session)
      assert.strictEqual(status, 502)
      assert.notInclude(message, "SessionService")
      const unauthorised = yield* told(session)
      assert.deepStrictEqual([unauthorised[0], unauthorised[2]], [
        502,
        "Check the key and its project: `noukai doctor` shows which key is used."
      ])
      // a gateway's
      assert.strictEqual((yield* told(session))[0], 502)
    }))
})

describe("the sessions of an emulator", () => {
  it.scopedLive("are read although the page that read the first one went away meanwhile", () =>
    Effect.gen(function*() {
      const emulator = yield* makeEmulator()
      const { session: read } = Context.get(yield* Layer.build(EmulatorSource.layer(emulator)), StudioSource)
      const gone = yield* Effect.fork(read(session))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(gone)
      assert.match((yield* Effect.flip(read(session))).message, /There is no session/)
    }))
})

describe("a scripted session", () => {
  it.scopedLive("ends now while a run of it goes on, tells its first 200 steps, and that its cost is at least what is known", () =>
    Effect.gen(function*() {
      const scripted = yield* Scripted.make()
      const startedAt = Date.now() - 60_000
      yield* scripted.put(
        { id: "two", sessionId: session, startedAt: startedAt + 1_000, status: "running" },
        {
          id: "one",
          sessionId: session,
          startedAt,
          durationMs: 500,
          costUsd: "0.5",
          steps: Array.from({ length: 300 }, (_, index) => ({ id: `s${index}`, at: index, ms: 1 }))
        }
      )
      const { url } = yield* Effect.provide(Studio.serve({ assets: "/nowhere" }), scripted.layer)
      const page = yield* open(url)
      const shown = yield* decode((yield* page.get(`/api/session?id=${session}`)).text)
      assert.deepStrictEqual(shown.runs.map(({ run, startMs, steps }) => [run.id, startMs, steps.length]), [
        ["one", 0, 200],
        ["two", 1_000, 0]
      ])
      assert.isAtLeast(shown.totalMs, 60_000)
      assert.isTrue(shown.notes.some((note) => note.includes("goes on")))
      assert.deepStrictEqual([shown.costUsd, shown.unknownCosts], ["0.5", 1])
    }))
})
