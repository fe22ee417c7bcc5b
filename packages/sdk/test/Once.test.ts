/** Runs once per key, on the emulator: what is sent, what is found, what is told. */
import { Emulator } from "@effect-noukai/emulator"
import { Flow, FlowService, JobService, Noukai } from "@effect-noukai/sdk"
import { onceSession } from "@effect-noukai/sdk/FlowService"
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Fiber, Layer, Option, Redacted, Schedule, Schema, Stream, TestClock } from "effect"
import { make as makeOnce } from "../src/internal/run/once.js"
import { servicesFor } from "./support/client.js"
import { echo, executeOnce, failures, posts, runs, sessionOf, setup } from "./support/once.js"
import { body, execution } from "./support/sessions.js"
import { json, serve } from "./support/WireServer.js"

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

  it.effect("has a session that any program can look up", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* onceSession("row 1", echo), yield* sessionOf(echo, "row 1"))
      assert.strictEqual(yield* onceSession("row 1", Flow.make(echo), 3), yield* sessionOf(echo, "row 1", 1, "3"))
      assert.strictEqual((yield* Effect.flip(onceSession("row 1", "echo")))._tag, "InvalidRequestError")
    }))

  it.scoped("a key has at most 65,536 characters, and nothing is sent for a longer one", () =>
    Effect.gen(function*() {
      assert.isString(yield* onceSession("k".repeat(65_536), echo))
      const long = "k".repeat(65_537)
      const errors = [
        yield* Effect.flip(onceSession(long, echo)),
        yield* Effect.flip(executeOnce(long, echo, { message: "hi" }))
      ]
      for (const error of errors) {
        assert.deepInclude(error, { _tag: "InvalidRequestError", field: "key" })
        assert.include(error.message, "has 65537 characters, and may have 65536: use a shorter one, or a hash of it")
      }
      assert.deepStrictEqual([yield* posts, yield* runs], [[], []])
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
          pollJob: () => Effect.dieMessage("no job"),
          trace: () => Effect.dieMessage("no trace")
        },
        { origin: "http://127.0.0.1:1", attemptTimeout: Duration.minutes(5) },
        () => Effect.succeed(true),
        () => Stream.dieMessage("no trace")
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
        Effect.flatMap(
          FlowService,
          (service) => service.execute("acme/test/slow", { sessionId: session, snapshots: true })
        )
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
      ["acme/test/secretive", { snapshots: false }, "capture"],
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
      for (const error of errors) {
        assert.strictEqual("sent" in error ? error.sent : "no", "no")
        assert.deepInclude({ ...error }, { flow: echo })
        assert.include(error.message, echo)
      }
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
      yield* emulator.addFaults({ match: { endpoint: "submitJob" }, script: ["reset:late"] })
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
    yield* service.execute(echo, { message: "hi", sessionId: yield* sessionOf(echo, "row 1"), snapshots: true })
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
      assert.strictEqual(one.executionId, other.executionId)
      assert.sameMembers([one.reused, other.reused], [false, true])
      assert.lengthOf(yield* runs, 1)
    }).pipe(Effect.provide(setup())))
})

describe("submitOnce", () => {
  for (const executionId of ["", ".."]) {
    it.scopedLive(`fails if the listed job has the id ${JSON.stringify(executionId)}, since no path can carry it`, () =>
      Effect.gen(function*() {
        const server = yield* serve((response, { path }) =>
          json(200, { ...body(execution("echo", "job", 1, { executionId })), sessionId: path.split("/").at(-1) })(
            response,
            { method: "GET", path, headers: {}, body: "" }
          )
        )
        const jobs = yield* Effect.map(servicesFor(server), (context) => Context.get(context, JobService))
        const error = yield* Effect.flip(jobs.submitOnce("k", echo, { message: "hi" }))
        assert.strictEqual(error._tag, "UnexpectedResponseError")
        assert.include(error.message, "executionId")
        assert.lengthOf(server.requests, 1)
      }))
  }
})
