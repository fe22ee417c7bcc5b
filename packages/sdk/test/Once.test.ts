/** Runs once per key, on the emulator. */
import { Emulator } from "@effect-noukai/emulator"
import type { EmulatorOptions, Flow as EmulatedFlow } from "@effect-noukai/emulator"
import {
  Flow,
  FlowService,
  JobService,
  Noukai,
  NoukaiRecord,
  NoukaiReplay,
  ReplayCassette,
  SessionService,
  Tools
} from "@effect-noukai/sdk"
import { completed, layerScripted } from "@effect-noukai/sdk/testing"
import { assert, describe, it } from "@effect/vitest"
import {
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  Redacted,
  Schedule,
  Schema,
  Scope,
  TestClock
} from "effect"
import { join } from "node:path"
import { make as makeOnce } from "../src/internal/once/once.js"
import { folder } from "./support/folder.js"

const echo = "acme/test/echo"

const flows: ReadonlyArray<EmulatedFlow> = [
  { ref: echo, steps: [{ kind: "template", id: "a", output: { said: "{{message}}" } }] },
  { ref: "acme/test/secretive", capture: "metadata_only", steps: [{ kind: "template", id: "a", output: 1 }] },
  { ref: "acme/test/redacted", capture: "redacted", steps: [{ kind: "template", id: "a", output: { token: "x" } }] },
  { ref: "acme/test/untraced", capture: "off", steps: [{ kind: "template", id: "a", output: 1 }] },
  { ref: "acme/test/long", steps: [{ kind: "template", id: "a", output: "x".repeat(2_000_000) }] },
  {
    ref: "acme/test/failing",
    steps: [
      { kind: "template", id: "a", output: 1 },
      { kind: "fail", id: "b", code: "X", message: "it broke" }
    ]
  },
  { ref: "acme/test/slow", steps: [{ kind: "template", id: "a", output: { late: true }, duration: "1 minute" }] }
]

const setup = (options: EmulatorOptions = {}) =>
  Layer.provideMerge(
    Noukai.layerServices,
    Emulator.layer({ flows, organisations: { acme: { capture: "full" } }, ...options })
  )

const posts = Effect.flatMap(
  Emulator,
  (emulator) => Effect.map(emulator.ledger, ({ requests }) => requests.filter(({ method }) => method === "POST"))
)

const runs = Effect.flatMap(Emulator, (emulator) => Effect.map(emulator.ledger, (ledger) => ledger.runs))

/** UUID v5 over the JSON of what names an attempt, as any other program can make it. */
const sessionOf = (ref: string, key: string, attempt = 1, version = "production") =>
  Effect.promise(async () => {
    const namespace = Uint8Array.from(Buffer.from("3b1f6a0e58c44b0c9f0e7d2a94c1b6e5", "hex"))
    const name = new TextEncoder().encode(JSON.stringify([...ref.split("/"), version, key, attempt]))
    const hash = Buffer.from(
      await crypto.subtle.digest("SHA-1", new Uint8Array([...namespace, ...name]))
    ).subarray(0, 16)
    hash[6] = (hash[6]! & 0x0f) | 0x50
    hash[8] = (hash[8]! & 0x3f) | 0x80
    return hash.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")
  })

const executeOnce = (key: string, ref: string, input: object = {}) =>
  Effect.flatMap(FlowService, (service) => service.executeOnce(key, ref, { message: "hi", ...input }))

/** The errors of both operations. */
const failures = (key: string, ref: string, input: object = {}) =>
  Effect.gen(function*() {
    const jobs = yield* JobService
    return [
      yield* Effect.flip(executeOnce(key, ref, input)),
      yield* Effect.flip(jobs.submitOnce(key, ref, { message: "hi", ...input }))
    ]
  })

describe("executeOnce", () => {
  it.scoped("runs what is absent, and gives what ran", () =>
    Effect.gen(function*() {
      const first = yield* executeOnce("row 1", echo, { message: "hi" })
      const second = yield* executeOnce("row 1", echo, { message: "hi" })
      const session = yield* sessionOf(echo, "row 1")
      assert.deepStrictEqual([first.status, first.reused, first.sessionId], ["completed", false, session])
      assert.deepStrictEqual([second.status, second.reused, second.sessionId], ["completed", true, session])
      assert(first.status === "completed" && second.status === "completed")
      assert.deepStrictEqual(first.result, { said: "hi" })
      assert.deepStrictEqual(second.result, first.result)
      assert.strictEqual(second.executionId, first.executionId)
      assert.strictEqual(second.flowId, first.flowId)
      assert.isUndefined(second.raw)
      const [run, ...rest] = yield* runs
      assert.deepStrictEqual([run!.sessionId, rest], [session, []])
      const [sent] = yield* posts
      assert.strictEqual(JSON.parse(sent!.body!).trace, true)
      // another key, flow or version is another run
      assert.isFalse((yield* executeOnce("row 2", echo)).reused)
      assert.isFalse((yield* executeOnce("row 1", "acme/test/secretive")).reused)
      assert.lengthOf(yield* runs, 3)
    }).pipe(Effect.provide(setup())))

  it.scoped("a found result fits the flow's own schema, or is no result", () =>
    Effect.gen(function*() {
      yield* executeOnce("row 1", echo, { message: "hi" })
      const service = yield* FlowService
      const Echo = Flow.make(echo, { result: Schema.Struct({ said: Schema.String }) })
      const Other = Flow.make(echo, { result: Schema.Struct({ heard: Schema.String }) })
      const found = yield* service.executeOnce("row 1", Echo, { message: "hi" })
      assert.strictEqual(found.result.said, "hi")
      const error = yield* Effect.flip(service.executeOnce("row 1", Other, { message: "hi" }))
      assert.strictEqual(error._tag, "UnexpectedResponseError")
      assert.strictEqual(error.executionId, found.executionId)
    }).pipe(Effect.provide(setup())))

  it.scoped("a failed run is the failure that it was, and runs again only when asked to", () =>
    Effect.gen(function*() {
      const live = yield* Effect.flip(executeOnce("row 1", "acme/test/failing"))
      const found = yield* Effect.flip(executeOnce("row 1", "acme/test/failing"))
      assert(live._tag === "FlowExecutionError" && found._tag === "FlowExecutionError")
      assert.deepStrictEqual(
        [found.status, found.code, found.detail, found.executionId, found.sessionId],
        [live.status, live.code, live.detail, live.executionId, live.sessionId]
      )
      assert.lengthOf(yield* runs, 1)

      const again = yield* Effect.flip(executeOnce("row 1", "acme/test/failing", { rerunFailed: true }))
      assert.notStrictEqual(again.executionId, live.executionId)
      const [, second, ...rest] = yield* runs
      assert.deepStrictEqual(
        [second!.sessionId, rest],
        [yield* sessionOf("acme/test/failing", "row 1", 2), []]
      )
      // the last attempt is the outcome
      const latest = yield* Effect.flip(executeOnce("row 1", "acme/test/failing"))
      assert.strictEqual(latest.executionId, again.executionId)
      assert.lengthOf(yield* runs, 2)
    }).pipe(Effect.provide(setup())))

  it.effect("a run that completed with a failed step is a failure, and runs again when asked to", () =>
    Effect.gen(function*() {
      const step = { stepId: "a", attempt: 1, status: "failed", errorSnapshot: { code: "X", message: "it broke" } }
      const execution = {
        executionId: "ex-1",
        slug: "echo",
        triggerType: "execute",
        status: "completed",
        errorAtStep: "a",
        snapshotsAvailable: true,
        steps: [{ ...step, truncated: false }]
      }
      const sent: Array<string> = []
      const { executeOnce: once } = makeOnce(
        {
          session: ({ sessionId }) =>
            sent.length === 0 && sessionId === first
              ? Effect.succeed({ sessionId, executions: [execution] })
              : Effect.succeed({ sessionId, executions: [] }),
          execute: ({ sessionId }) =>
            Effect.sync(() => {
              sent.push(sessionId!)
              return { status: "completed", result: 1, executionId: "ex-2" } as const
            }),
          submitJob: () => Effect.dieMessage("no job"),
          pollJob: () => Effect.dieMessage("no job")
        },
        "http://127.0.0.1:1",
        () => Effect.succeed(true)
      )
      const first = yield* sessionOf(echo, "k")
      const request = {
        method: "FlowService.executeOnce",
        options: {},
        progress: { sent: "no" as const },
        flow: { org: "acme", project: "test", slug: "echo" },
        version: "production" as const,
        sessionId: undefined,
        body: { trace: true },
        key: "k",
        settle: 0
      }
      const found = yield* once({ ...request, rerunFailed: false })
      assert.deepInclude(found.response, { status: "failed", executionId: "ex-1" })
      assert.isTrue(found.reused)
      const again = yield* once({ ...request, rerunFailed: true })
      assert.deepInclude(again.response, { status: "completed", executionId: "ex-2" })
      assert.deepStrictEqual(sent, [yield* sessionOf(echo, "k", 2)])
    }))

  it.scoped("a run that succeeded in a later attempt is found", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const ref = "acme/test/failing"
      yield* Effect.flip(executeOnce("row 1", ref))
      yield* emulator.putFlows({ ref, steps: [{ kind: "template", id: "a", output: "mended" }] })
      const rerun = yield* executeOnce("row 1", ref, { rerunFailed: true })
      const found = yield* executeOnce("row 1", ref)
      const more = yield* executeOnce("row 1", ref, { rerunFailed: true })
      assert.deepStrictEqual([rerun, found, more].map(({ reused }) => reused), [false, true, true])
      assert.strictEqual(more.executionId, rerun.executionId)
      assert.lengthOf(yield* runs, 2)
    }).pipe(Effect.provide(setup())))

  it.scoped("a run that has not ended is one in progress, for whoever comes from elsewhere", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const session = yield* sessionOf("acme/test/slow", "row 1")
      // as another process would have begun it
      yield* Effect.fork(
        Effect.flatMap(FlowService, (service) => service.execute("acme/test/slow", { sessionId: session, trace: true }))
      )
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      const error = yield* Effect.flip(executeOnce("row 1", "acme/test/slow"))
      assert(error._tag === "RunInProgressError")
      const [run] = yield* runs
      assert.deepStrictEqual([error.executionId, error.sessionId, error.isRetryable], [run!.executionId, session, true])
      assert.include(error.message, "acme/test/slow")
      yield* TestClock.adjust("1 minute")
      yield* emulator.awaitEvent((event) => event.type === "RunEnded")
      assert.deepInclude(yield* executeOnce("row 1", "acme/test/slow"), { result: { late: true }, reused: true })
      assert.lengthOf(yield* runs, 1)
    }).pipe(Effect.provide(setup())))

  it.scoped.each(
    [
      ["acme/test/secretive", { trace: false }, "capture"],
      ["acme/test/untraced", {}, "capture"],
      ["acme/test/redacted", {}, "redacted"],
      ["acme/test/long", {}, "truncated"]
    ] as const
  )("a result that is not stored whole is not made up: %s", ([ref, input, reason]) =>
    Effect.gen(function*() {
      const first = yield* executeOnce("row 1", ref, input)
      const error = yield* Effect.flip(executeOnce("row 1", ref, input))
      assert(error._tag === "ResultNotStoredError")
      assert.deepStrictEqual([error.reason, error.executionId], [reason, first.executionId])
      yield* Effect.flip(executeOnce("row 1", ref, { ...input, rerunFailed: true }))
      assert.lengthOf(yield* posts, 1)
    }).pipe(Effect.provide(setup())))

  it.scoped("an expired session never runs again by itself", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* executeOnce("row 1", echo)
      yield* emulator.expireSession(yield* sessionOf(echo, "row 1"))
      for (const error of yield* failures("row 1", echo, { rerunFailed: true })) {
        assert(error._tag === "ResultNotStoredError")
        assert.deepStrictEqual([error.reason, error.statusCode], ["expired", 410])
      }
      assert.lengthOf(yield* posts, 1)
    }).pipe(Effect.provide(setup())))

  it.scoped("an evicted run is not an absent one", () =>
    Effect.gen(function*() {
      yield* executeOnce("row 1", echo)
      yield* executeOnce("row 2", echo)
      const error = yield* Effect.flip(executeOnce("row 1", echo))
      assert.deepInclude({ ...error }, { reason: "expired" })
      assert.lengthOf(yield* posts, 2)
    }).pipe(Effect.provide(setup({ limits: { runs: 1 } }))))

  it.scoped("two runs under one key are told, and nothing is sent", () =>
    Effect.gen(function*() {
      const service = yield* FlowService
      const sessionId = yield* sessionOf(echo, "row 1")
      const ids = [
        (yield* service.execute(echo, { message: "hi", sessionId })).executionId!,
        (yield* service.execute(echo, { message: "hi", sessionId })).executionId!
      ]
      for (const error of yield* failures("row 1", echo)) {
        assert(error._tag === "AmbiguousRunError")
        assert.deepStrictEqual(error.executionIds, ids)
        assert.include(error.message, ids[0]!)
      }
      assert.lengthOf(yield* posts, 2)
    }).pipe(Effect.provide(setup())))

  it.scoped("wrong input is refused before anything is looked up", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const service = yield* FlowService
      const wrong: ReadonlyArray<readonly [string, unknown, object]> = [
        ["key", "", {}],
        ["key", 7, {}],
        ["key", undefined, {}],
        ["sessionId", "k", { sessionId: yield* sessionOf(echo, "k") }],
        ["rerunFailed", "k", { rerunFailed: "yes" }],
        ["settle", "k", { settle: "-1 seconds" }],
        ["settle", "k", { settle: Duration.infinity }],
        ["message", "k", { message: 7 }],
        ["parameters", "k", { parameters: [] }]
      ]
      for (const [field, key, input] of wrong) {
        for (const error of yield* failures(key as string, echo, input)) {
          assert(error._tag === "InvalidRequestError")
          assert.strictEqual(error.field, field)
        }
      }
      const onPause = yield* Effect.flip(service.executeOnce("k", echo, { onPause: 7 as never }))
      assert.deepInclude({ ...onPause }, { field: "onPause" })
      assert.deepStrictEqual((yield* emulator.ledger).requests, [])
    }).pipe(Effect.provide(setup())))

  it.scoped.each([
    ["401", "AuthenticationError"],
    ["403", "ReplayForbiddenError"],
    ["503", "FlowExecutionError"],
    ["429:retry=100", "RateLimitError"],
    ["reset", "APIConnectionError"],
    ["html", "UnexpectedResponseError"],
    // pages of proxies and gateways, which know no session
    ["404:html", "UnexpectedResponseError"],
    ["404:empty", "UnexpectedResponseError"]
  ])("a look-up that fails with %s sends nothing", ([fault, tag]) =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "session" }, script: [fault!], repeat: true })
      const errors = yield* failures("row 1", echo, { retry: Schedule.stop })
      assert.deepStrictEqual(errors.map(({ _tag }) => _tag), [tag, tag])
      // `sent` is said of the run
      for (const error of errors) assert.strictEqual("sent" in error ? error.sent : "no", "no")
      assert.lengthOf(yield* posts, 0)
    }).pipe(Effect.provide(setup())))

  it.scoped("a key of another project is refused on the look-up", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* executeOnce("row 1", echo)
      const other = Layer.orDie(
        Noukai.layer({ apiKey: Redacted.make("nk_other_0123456789"), baseUrl: emulator.baseUrl })
      )
      const error = yield* Effect.flip(executeOnce("row 1", echo).pipe(Effect.provide(other)))
      assert.strictEqual(error._tag, "ReplayForbiddenError")
      assert.lengthOf(yield* posts, 1)
    }).pipe(Effect.provide(setup({
      keys: [{ key: "nk_mine_0123456789", org: "acme", project: "test" }, {
        key: "nk_other_0123456789",
        org: "other",
        project: "test"
      }]
    }))))

  it.scoped("a reset after the run gives the run to the next call", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "execute" }, script: ["reset:late"] })
      const error = yield* Effect.flip(executeOnce("row 1", echo, { message: "hi" }))
      assert.deepInclude({ ...error }, { _tag: "APIConnectionError", sent: "unknown", isRetryable: false })
      const found = yield* executeOnce("row 1", echo, { message: "hi" })
      assert.deepInclude(found, { result: { said: "hi" }, reused: true })
      assert.lengthOf(yield* runs, 1)
    }).pipe(Effect.provide(setup())))

  it.scoped("retryPost sends no second run of a key", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const jobs = yield* JobService
      yield* emulator.addFaults({ match: { endpoint: "execute" }, script: ["reset:late"] })
      yield* emulator.addFaults({ match: { endpoint: "jobs" }, script: ["reset:late"] })
      const retry = Schedule.recurs(2)
      const executed = yield* Effect.flip(executeOnce("row 1", echo, { retryPost: true, retry }))
      assert.deepInclude({ ...executed }, { _tag: "APIConnectionError", sent: "unknown" })
      const submitted = yield* Effect.flip(jobs.submitOnce("row 2", echo, { message: "hi", retryPost: true, retry }))
      assert.deepInclude({ ...submitted }, { _tag: "APIConnectionError", sent: "unknown" })
      assert.lengthOf(yield* runs, 2)
      assert.isTrue((yield* executeOnce("row 1", echo)).reused)
    }).pipe(Effect.provide(setup())))

  it.scoped("the total timeout covers the look-up, which starts nothing", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "session" }, script: ["delay:60000"], repeat: true })
      const call = yield* Effect.fork(Effect.flip(executeOnce("row 1", echo, { timeout: "10 seconds" })))
      yield* emulator.awaitEvent((event) => event.type === "Waiting")
      yield* TestClock.adjust("10 seconds")
      assert.deepInclude({ ...(yield* Fiber.join(call)) }, {
        _tag: "APITimeoutError",
        clock: "total",
        sent: "no",
        isRetryable: true
      })
      assert.lengthOf(yield* posts, 0)
    }).pipe(Effect.provide(setup())))
})

describe("a list of runs that lags", () => {
  const crashed = Effect.gen(function*() {
    const service = yield* FlowService
    yield* service.execute(echo, { message: "hi", sessionId: yield* sessionOf(echo, "row 1"), trace: true })
  })

  it.scoped("settle looks again before anything is sent", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* crashed
      const call = yield* Effect.fork(executeOnce("row 1", echo, { settle: "3 seconds" }))
      yield* emulator.awaitEvent((event) => event.type === "RequestEnded" && event.endpoint === "session")
      yield* TestClock.adjust("2999 millis")
      assert.isTrue(Option.isNone(yield* Fiber.poll(call)))
      yield* TestClock.adjust("1 millis")
      assert.deepInclude(yield* Fiber.join(call), { result: { said: "hi" }, reused: true })
      assert.lengthOf(yield* runs, 1)
    }).pipe(Effect.provide(setup({ sessions: { lag: "2 seconds" } }))))

  it.scoped("without it an absence is believed, and the run is doubled", () =>
    Effect.gen(function*() {
      yield* crashed
      assert.isFalse((yield* executeOnce("row 1", echo)).reused)
      assert.lengthOf(yield* runs, 2)
    }).pipe(Effect.provide(setup({ sessions: { lag: "2 seconds" } }))))

  it.scoped("what is found waits for nothing", () =>
    Effect.gen(function*() {
      yield* crashed
      yield* TestClock.adjust("2 seconds")
      assert.isTrue((yield* executeOnce("row 1", echo, { settle: "1 hour" })).reused)
    }).pipe(Effect.provide(setup({ sessions: { lag: "2 seconds" } }))))
})

/** By then the sessions of the calls before it are made, in the order of the calls. */
const sessionsMade = Effect.forEach(Array.from({ length: 20 }, (_, n) => `${n}`), (key) => sessionOf(echo, key))

describe("one process", () => {
  it.scoped("calls of one key at one time run once, through whichever client", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const own = executeOnce("row 1", "acme/test/slow")
      const another = own.pipe(Effect.provide(Layer.fresh(Noukai.layerServices)))
      const calls = yield* Effect.fork(Effect.all([own, another, own, own], { concurrency: "unbounded" }))
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      yield* TestClock.adjust("1 minute")
      const results = yield* Fiber.join(calls)
      assert.deepStrictEqual(results.map(({ reused }) => reused), [false, true, true, true])
      for (const result of results) assert.deepInclude(result, { result: { late: true } })
      assert.lengthOf(yield* runs, 1)
      const { requests } = yield* emulator.ledger
      assert.lengthOf(requests, 2)
    }).pipe(Effect.provide(setup())))

  it.scoped("each reads the result by its own schema", () =>
    Effect.gen(function*() {
      const service = yield* FlowService
      const Upper = Flow.make(echo, {
        result: Schema.Struct({
          said: Schema.transform(Schema.String, Schema.String, {
            decode: (text) => text.toUpperCase(),
            encode: (text) => text.toLowerCase()
          })
        })
      })
      const Other = Flow.make(echo, { result: Schema.Number })
      const [plain, upper, other] = yield* Effect.all([
        service.executeOnce("k", echo, { message: "hi" }),
        service.executeOnce("k", Upper, { message: "hi" }),
        Effect.flip(service.executeOnce("k", Other, { message: "hi" }))
      ], { concurrency: "unbounded" })
      assert.deepStrictEqual([plain.result, upper.result.said, other._tag], [
        { said: "hi" },
        "HI",
        "UnexpectedResponseError"
      ])
      assert.lengthOf(yield* runs, 1)
    }).pipe(Effect.provide(setup())))

  it.scoped("a failure is shared, and a refused input is not", () =>
    Effect.gen(function*() {
      const service = yield* FlowService
      const outcomes = yield* Effect.all([
        Effect.flip(executeOnce("k", "acme/test/failing")),
        Effect.flip(executeOnce("k", "acme/test/failing")),
        Effect.flip(service.executeOnce("k", "acme/test/failing", { message: 1 as never }))
      ], { concurrency: "unbounded" })
      assert.deepStrictEqual(outcomes.map(({ _tag }) => _tag), [
        "FlowExecutionError",
        "FlowExecutionError",
        "InvalidRequestError"
      ])
      assert.lengthOf(yield* runs, 1)
    }).pipe(Effect.provide(setup())))

  it.scoped("whoever follows a call that was given up sees its run, and sends no other", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const leader = yield* Effect.fork(executeOnce("k", "acme/test/slow"))
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      const follower = yield* Effect.fork(Effect.flip(executeOnce("k", "acme/test/slow")))
      yield* sessionsMade
      yield* Fiber.interrupt(leader)
      const error = yield* Fiber.join(follower)
      assert.strictEqual(error._tag, "RunInProgressError")
      assert.lengthOf(yield* posts, 1)
    }).pipe(Effect.provide(setup())))

  it.scoped("whoever follows a call that was given up sends nothing where its run is not seen yet", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const leader = yield* Effect.fork(executeOnce("k", "acme/test/slow"))
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      const follower = yield* Effect.fork(Effect.flip(executeOnce("k", "acme/test/slow")))
      yield* sessionsMade
      yield* Fiber.interrupt(leader)
      assert.deepInclude({ ...(yield* Fiber.join(follower)) }, { _tag: "APIConnectionError", sent: "unknown" })
      assert.lengthOf(yield* posts, 1)
    }).pipe(Effect.provide(setup({ sessions: { lag: "2 seconds" } }))))

  it.scoped("whoever follows a call that was given up before it sent runs in its place", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "session", nth: 1 }, script: ["delay:60000"] })
      const leader = yield* Effect.fork(executeOnce("k", echo))
      yield* emulator.awaitEvent((event) => event.type === "Waiting")
      const follower = yield* Effect.fork(executeOnce("k", echo))
      yield* sessionsMade
      yield* Fiber.interrupt(leader)
      assert.isFalse((yield* Fiber.join(follower)).reused)
      assert.lengthOf(yield* posts, 1)
    }).pipe(Effect.provide(setup())))

  it.scoped("what a call may have sent is known to all that follow, though one of them is given up too", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const leader = yield* Effect.fork(executeOnce("k", "acme/test/slow"))
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      yield* emulator.addFaults({ match: { endpoint: "session" }, script: ["delay:50000"] })
      const next = yield* Effect.fork(executeOnce("k", "acme/test/slow"))
      const last = yield* Effect.fork(Effect.flip(executeOnce("k", "acme/test/slow")))
      yield* sessionsMade
      yield* Fiber.interrupt(leader)
      yield* emulator.awaitEvent((event) => event.type === "Waiting" && event.ms === 50_000)
      yield* sessionsMade
      yield* Fiber.interrupt(next)
      assert.deepInclude({ ...(yield* Fiber.join(last)) }, { _tag: "APIConnectionError", sent: "unknown" })
      assert.lengthOf(yield* posts, 1)
    }).pipe(Effect.provide(setup({ sessions: { lag: "1 hour" } }))))

  it.scoped("whoever follows a call of the other operation sends nothing where its run is not seen yet", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const [, executed] = yield* Effect.all([
        jobs.submitOnce("a", echo, { message: "hi" }),
        Effect.flip(executeOnce("a", echo))
      ], { concurrency: "unbounded" })
      const [, submitted] = yield* Effect.all([
        executeOnce("b", echo),
        Effect.flip(jobs.submitOnce("b", echo, { message: "hi" }))
      ], { concurrency: "unbounded" })
      for (const error of [executed, submitted]) {
        assert.deepInclude({ ...error }, { _tag: "APIConnectionError", sent: "unknown" })
      }
      assert.lengthOf(yield* posts, 2)
    }).pipe(Effect.provide(setup({ sessions: { lag: "2 seconds" } }))))

  it.scoped("whoever wants a failed run to run again is not given the failure that another call found", () =>
    Effect.gen(function*() {
      const first = yield* Effect.flip(executeOnce("k", "acme/test/failing"))
      const [found, again, shared] = yield* Effect.all([
        Effect.flip(executeOnce("k", "acme/test/failing")),
        Effect.flip(executeOnce("k", "acme/test/failing", { rerunFailed: true })),
        Effect.flip(executeOnce("k", "acme/test/failing", { rerunFailed: true }))
      ], { concurrency: "unbounded" })
      assert.strictEqual(found.executionId, first.executionId)
      assert.notStrictEqual(again.executionId, first.executionId)
      assert.strictEqual(shared.executionId, again.executionId)
      assert.lengthOf(yield* runs, 2)
    }).pipe(Effect.provide(setup())))

  it.scoped("whoever follows a call whose client is closed goes on with its own", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const scope = yield* Scope.make()
      const closing = yield* Layer.buildWithScope(Layer.fresh(Noukai.layerServices), scope)
      yield* emulator.addFaults({ match: { endpoint: "session", nth: 1 }, script: ["delay:60000"] })
      const leader = yield* Effect.fork(Effect.flip(executeOnce("k", echo).pipe(Effect.provide(closing))))
      yield* emulator.awaitEvent((event) => event.type === "Waiting")
      const follower = yield* Effect.fork(executeOnce("k", echo))
      yield* sessionsMade
      yield* Scope.close(scope, Exit.void)
      assert.deepInclude({ ...(yield* Fiber.join(leader)) }, { _tag: "APIConnectionError", sent: "no" })
      assert.isFalse((yield* Fiber.join(follower)).reused)
      assert.lengthOf(yield* posts, 1)
    }).pipe(Effect.provide(setup())))

  it.scoped("whoever follows a call whose client is closed sends nothing where its run is not seen yet", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const scope = yield* Scope.make()
      const closing = yield* Layer.buildWithScope(Layer.fresh(Noukai.layerServices), scope)
      const leader = yield* Effect.fork(Effect.flip(executeOnce("k", "acme/test/slow").pipe(Effect.provide(closing))))
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      const follower = yield* Effect.fork(Effect.flip(executeOnce("k", "acme/test/slow")))
      yield* sessionsMade
      yield* Scope.close(scope, Exit.void)
      assert.deepInclude({ ...(yield* Fiber.join(leader)) }, { _tag: "APIConnectionError", sent: "unknown" })
      const error = yield* Fiber.join(follower)
      assert.strictEqual(error._tag, "RunInProgressError")
      assert.lengthOf(yield* posts, 1)
    }).pipe(Effect.provide(setup())))

  it.scoped("a key that is refused is not that of another client", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "session" }, script: ["delay:1000"] })
      const other = Noukai.layer({ apiKey: Redacted.make("nk_other_0123456789"), baseUrl: emulator.baseUrl })
      const leader = yield* Effect.fork(Effect.flip(Effect.provide(executeOnce("k", echo), other)))
      yield* emulator.awaitEvent((event) => event.type === "Waiting")
      const follower = yield* Effect.fork(executeOnce("k", echo))
      yield* sessionsMade
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(leader))._tag, "AuthenticationError")
      assert.isFalse((yield* Fiber.join(follower)).reused)
      assert.lengthOf(yield* runs, 1)
    }).pipe(Effect.provide(setup({ keys: [{ key: "nk_mine_0123456789", org: "acme", project: "test" }] }))))

  it.scoped("a follower that is given up leaves the others alone", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const leader = yield* Effect.fork(executeOnce("k", "acme/test/slow"))
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      const follower = yield* Effect.fork(executeOnce("k", "acme/test/slow"))
      const other = yield* Effect.fork(executeOnce("k", "acme/test/slow"))
      yield* sessionsMade
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(follower)))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([(yield* Fiber.join(leader)).reused, (yield* Fiber.join(other)).reused], [false, true])
    }).pipe(Effect.provide(setup())))
})

const asking: EmulatedFlow = {
  ref: "acme/test/asking",
  steps: [{ kind: "tool", id: "ask", rounds: [[{ name: "weather", arguments: { city: "Lisbon" } }]], output: "sunny" }]
}

const declaration = { type: "function", function: { name: "weather" } } as const

describe("a run that pauses", () => {
  const withTools = setup({ flows: [...flows, asking] })

  it.scoped("onPause is given the state before a handler is called, and what it stores resumes elsewhere", () =>
    Effect.gen(function*() {
      const service = yield* FlowService
      const seen: Array<string> = []
      const died = yield* Deferred.make<string>()
      const call = yield* Effect.fork(service.executeOnce("k", asking.ref, {
        onPause: (state) =>
          Effect.sync(() => {
            seen.push("stored")
            return JSON.stringify(state)
          }).pipe(Effect.flatMap((text) => Deferred.succeed(died, text)), Effect.asVoid),
        tools: Tools.handle([declaration], () => {
          seen.push("handled")
          return Effect.never
        })
      }))
      const text = yield* Deferred.await(died)
      while (seen.length < 2) yield* Effect.yieldNow()
      yield* Fiber.interrupt(call)
      assert.deepStrictEqual(seen, ["stored", "handled"])
      // another process: the run is found, and cannot go on by itself
      assert.strictEqual((yield* Effect.flip(executeOnce("k", asking.ref)))._tag, "RunInProgressError")
      const state = JSON.parse(text)
      const done = yield* service.resume(asking.ref, state, [{ toolCallId: state.toolCalls[0].id, content: "warm" }])
      assert.deepInclude(done, { status: "completed", result: "sunny", executionId: state.executionId })
      assert.deepInclude(yield* executeOnce("k", asking.ref), { result: "sunny", reused: true })
      assert.lengthOf(yield* runs, 1)
    }).pipe(Effect.provide(withTools)))

  it.scoped("its failure fails the call, and no tool runs", () =>
    Effect.gen(function*() {
      const service = yield* FlowService
      let handled = 0
      const tools = Tools.handle([declaration], (calls) => {
        handled++
        return Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: "warm" })))
      })
      const onPause = () => Effect.fail("disk full" as const)
      const error = yield* Effect.flip(service.execute(asking.ref, { tools, onPause }))
      assert.strictEqual(error, "disk full")
      assert.strictEqual(handled, 0)
      assert.lengthOf(yield* posts, 1)
    }).pipe(Effect.provide(withTools)))

  it.scoped("it is called for pauses that are answered by hand, and by resume", () =>
    Effect.gen(function*() {
      const service = yield* FlowService
      const seen: Array<string> = []
      const onPause = ({ executionId }: { readonly executionId: string }) =>
        Effect.sync(() => void seen.push(executionId))
      const twice: EmulatedFlow = {
        ref: "acme/test/twice",
        steps: [{
          kind: "tool",
          id: "ask",
          rounds: [[{ name: "weather", arguments: {} }], [{ name: "weather", arguments: {} }]],
          output: "done"
        }]
      }
      yield* Effect.flatMap(Emulator, (emulator) => emulator.putFlows(twice))
      const paused = yield* service.executeOnce("k", twice.ref, { tools: [declaration], onPause })
      assert(paused.status === "tool_calls_required")
      assert.isFalse(paused.reused)
      const answer = (calls: ReadonlyArray<Tools.ToolCall>) =>
        calls.map(({ id }) => ({ toolCallId: id, content: "warm" }))
      const again = yield* service.resume(twice.ref, paused.state, answer(paused.toolCalls), { onPause })
      assert(again.status === "tool_calls_required")
      const done = yield* again.resume(answer(again.toolCalls))
      assert.strictEqual(done.status, "completed")
      assert.deepStrictEqual(seen, [paused.executionId, paused.executionId])
    }).pipe(Effect.provide(withTools)))

  it.scoped("a call that comes while another one answers is told so", () =>
    Effect.gen(function*() {
      const service = yield* FlowService
      const errors: Array<string> = []
      const done = yield* service.executeOnce("k", asking.ref, {
        tools: Tools.handle([declaration], (calls) =>
          Effect.gen(function*() {
            errors.push((yield* Effect.flip(executeOnce("k", asking.ref)).pipe(Effect.orDie))._tag)
            return calls.map(({ id }) => ({ toolCallId: id, content: "warm" }))
          }))
      })
      assert.deepStrictEqual([done.status, errors], ["completed", ["RunInProgressError"]])
    }).pipe(Effect.provide(withTools)))
})

describe("submitOnce", () => {
  it.scoped("submits what is absent, and attaches to what was", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const first = yield* jobs.submitOnce("row 1", "acme/test/secretive", {})
      const second = yield* jobs.submitOnce("row 1", "acme/test/secretive", {})
      assert.deepStrictEqual([first.reused, second.reused], [false, true])
      assert.strictEqual(second.executionId, first.executionId)
      assert.strictEqual(second.sessionId, yield* sessionOf("acme/test/secretive", "row 1"))
      // the queue keeps the result, though no payload is captured
      assert.strictEqual(yield* second.result({ schedule: Schedule.spaced(0) }), 1)
      const [sent, ...rest] = yield* posts
      assert.strictEqual(JSON.parse(sent!.body!).trace, false)
      assert.deepStrictEqual(rest, [])
    }).pipe(Effect.provide(setup())))

  it.scoped("a failed or cancelled job is given, and followed by another when asked to", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const jobs = yield* JobService
      const failed = yield* jobs.submitOnce("k", "acme/test/failing", {})
      yield* failed.wait({ schedule: Schedule.spaced(0) })
      const found = yield* jobs.submitOnce("k", "acme/test/failing", {})
      assert.deepStrictEqual([found.reused, found.executionId], [true, failed.executionId])
      assert.strictEqual((yield* Effect.flip(found.result()))._tag, "FlowExecutionError")
      const again = yield* jobs.submitOnce("k", "acme/test/failing", { rerunFailed: true })
      assert.deepStrictEqual([again.reused, (yield* runs).length], [false, 2])

      const slow = yield* jobs.submitOnce("k", "acme/test/slow", {})
      yield* emulator.cancelJob(slow.executionId)
      const other = yield* jobs.submitOnce("k", "acme/test/slow", { rerunFailed: true })
      assert.deepStrictEqual([other.reused, (yield* runs).length], [false, 4])
    }).pipe(Effect.provide(setup())))

  it.scoped("a key is one run, whichever operation asks", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const job = yield* jobs.submitOnce("a", "acme/test/secretive", {})
      yield* job.wait({ schedule: Schedule.spaced(0) })
      const executed = yield* executeOnce("a", "acme/test/secretive")
      assert.deepInclude(executed, { result: 1, reused: true, executionId: job.executionId })

      yield* executeOnce("b", "acme/test/secretive")
      const error = yield* Effect.flip(jobs.submitOnce("b", "acme/test/secretive", {}))
      assert.deepInclude({ ...error }, { _tag: "InvalidRequestError", field: "key" })

      const both = yield* Effect.all([
        jobs.submitOnce("c", echo, { message: "hi" }),
        Effect.either(executeOnce("c", echo))
      ], {
        concurrency: "unbounded"
      })
      assert.isFalse(both[0].reused)
      assert.lengthOf(yield* runs, 3)
    }).pipe(Effect.provide(setup())))

  it.scoped("two at one time are one job", () =>
    Effect.gen(function*() {
      const jobs = yield* JobService
      const [one, other] = yield* Effect.all([
        jobs.submitOnce("k", echo, { message: "hi" }),
        jobs.submitOnce("k", echo, { message: "hi" })
      ], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual([one.reused, other.reused, one.executionId], [false, true, other.executionId])
      assert.lengthOf(yield* runs, 1)
    }).pipe(Effect.provide(setup())))
})

describe("replays and fakes", () => {
  const program = Effect.gen(function*() {
    const jobs = yield* JobService
    const done = yield* executeOnce("row 1", echo, { message: "hi" })
    const job = yield* jobs.submitOnce("row 2", echo, { message: "ho" })
    return [done.status === "completed" ? done.result : undefined, yield* job.result({ schedule: Schedule.spaced(0) })]
  })

  it.scoped("a recording holds the runs and no look-up, also of runs that were found", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "cassette.json")
      const emulator = yield* Emulator
      yield* executeOnce("row 1", echo, { message: "hi" })
      const record = NoukaiRecord.toFile(path, { mode: "all", live: Noukai.layerServices })
      const live = yield* Effect.provide(program, record)
      assert.deepStrictEqual(live, [{ said: "hi" }, { said: "ho" }])
      assert.lengthOf(yield* runs, 2)
      const before = (yield* emulator.ledger).requests.length
      const replayed = yield* program.pipe(
        Effect.zipLeft(ReplayCassette.verify),
        Effect.provide(NoukaiReplay.fromFile(path))
      )
      assert.deepStrictEqual(replayed, live)
      assert.lengthOf((yield* emulator.ledger).requests, before)
    }).pipe(Effect.provide(setup())))

  it.scoped("a failure to run once is recorded, and replayed", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "cassette.json")
      yield* executeOnce("row 1", "acme/test/redacted")
      const record = NoukaiRecord.toFile(path, { mode: "all", live: Noukai.layerServices })
      const call = Effect.flip(executeOnce("row 1", "acme/test/redacted"))
      const live = yield* Effect.provide(call, record)
      const replayed = yield* Effect.provide(call, NoukaiReplay.fromFile(path))
      assert.strictEqual(live._tag, "ResultNotStoredError")
      assert.strictEqual(replayed.message, live.message)
      assert.deepInclude({ ...replayed }, { _tag: "ResultNotStoredError", reason: "redacted" })
    }).pipe(Effect.provide(setup())))

  it.scoped("a recording that lacks a run asks the server, which looks it up", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "cassette.json")
      const record = NoukaiRecord.toFile(path, { mode: "new", live: Noukai.layerServices })
      const one = executeOnce("row 1", echo, { message: "hi" })
      const two = executeOnce("row 2", echo, { message: "ho" })
      const first = yield* Effect.provide(one, record)
      const both = yield* Effect.provide(Effect.all([one, two]), record)
      const all = yield* Effect.provide(Effect.all([one, two]), record)
      assert.deepStrictEqual(
        [first, ...both, ...all].map(({ reused }) => reused),
        [false, false, false, false, false]
      )
      assert.lengthOf(yield* runs, 2)
    }).pipe(Effect.provide(setup())))

  it.scoped("the replay of a session matches it as execute does", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const done = yield* executeOnce("row 1", echo, { message: "hi" })
      const before = (yield* emulator.ledger).requests.length
      const replay = Layer.fresh(NoukaiReplay.fromSession(done.sessionId!).pipe(Layer.provide(Noukai.layerServices)))
      const replayed = yield* executeOnce("any other key", echo, { message: "hi" }).pipe(
        Effect.zipLeft(ReplayCassette.verify),
        Effect.provide(replay)
      )
      assert.deepInclude(replayed, { result: { said: "hi" }, reused: false, sessionId: done.sessionId })
      assert.lengthOf((yield* emulator.ledger).requests, before + 1)
    }).pipe(Effect.provide(setup())))

  it.effect("a fake and a script answer it as they answer execute", () =>
    Effect.gen(function*() {
      const fake = Noukai.layerTest((slug) => Effect.succeed(`from ${slug}`))
      const call = executeOnce("k", echo, { message: "hi" })
      assert.deepInclude(yield* Effect.provide(call, fake), { result: "from echo", reused: false })
      const script = Layer.provideMerge(Noukai.layerOverHttp, layerScripted({ execute: [completed(7)] }))
      assert.deepInclude(yield* Effect.provide(call, script), { result: 7, reused: false })
    }))
})

describe("SessionService", () => {
  it.scoped("gives what ran under an id", () =>
    Effect.gen(function*() {
      const sessions = yield* SessionService
      const jobs = yield* JobService
      const service = yield* FlowService
      const sessionId = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
      const done = yield* service.execute(echo, { message: "hi", sessionId, trace: true })
      const job = yield* jobs.submit("acme/test/secretive", { sessionId })
      yield* job.wait({ schedule: Schedule.spaced(0) })
      const session = yield* sessions.get(sessionId.toUpperCase())
      assert.deepStrictEqual(
        session.executions.map(({ executionId, slug, snapshotsAvailable, status, traceCaptureMode, triggerType }) => [
          executionId,
          slug,
          triggerType,
          status,
          traceCaptureMode,
          snapshotsAvailable
        ]),
        [
          [done.executionId, "echo", "execute", "completed", "full", true],
          [job.executionId, "secretive", "job", "completed", "metadata_only", false]
        ]
      )
      assert.isString(session.executions[0]!.startedAt)
      assert.isString(session.executions[0]!.completedAt)
      assert.isDefined(session.raw)
    }).pipe(Effect.provide(setup())))

  it.scoped("fails with what is wrong with a session", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const sessions = yield* SessionService
      const id = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
      assert.strictEqual((yield* Effect.flip(sessions.get("nothing")))._tag, "ReplayInvalidSessionError")
      assert.strictEqual((yield* Effect.flip(sessions.get(7 as never)))._tag, "ReplayInvalidSessionError")
      assert.strictEqual(
        (yield* Effect.flip(sessions.get(id, { timeout: "never" as never })))._tag,
        "InvalidRequestError"
      )
      assert.deepStrictEqual((yield* emulator.ledger).requests, [])
      assert.strictEqual((yield* Effect.flip(sessions.get(id)))._tag, "ReplaySessionNotFoundError")
      yield* emulator.expireSession(id)
      assert.strictEqual((yield* Effect.flip(sessions.get(id)))._tag, "ReplaySessionExpiredError")
      yield* emulator.addFaults({ match: { endpoint: "session" }, script: ["403"] })
      assert.strictEqual((yield* Effect.flip(sessions.get(id)))._tag, "ReplayForbiddenError")
    }).pipe(Effect.provide(setup())))
})
