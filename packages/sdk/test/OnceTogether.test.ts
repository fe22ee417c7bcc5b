/** Calls of one key at one time, in one process. */
import { Emulator, type LedgerEvent } from "@effect-noukai/emulator"
import { Flow, FlowService, JobService, Noukai } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Redacted, Schedule, Schema, Scope, TestClock } from "effect"
import { clientFor } from "./support/client.js"
import { echo, executeOnce, posts, runs, sessionOf, setup } from "./support/once.js"
import { body, execution } from "./support/sessions.js"
import { type Answer, json, serve, silence } from "./support/WireServer.js"

type RunStarted = Extract<LedgerEvent, { readonly type: "RunStarted" }>

/** By then the sessions of the calls before it are made, in the order of the calls. */
const sessionsMade = Effect.forEach(Array.from({ length: 20 }, (_, n) => `${n}`), (key) => sessionOf(echo, key))

/** The failure of a call that follows another one of its key, whose run had begun when it was given up. */
const followedAndGivenUp = Effect.gen(function*() {
  const emulator = yield* Emulator
  const leader = yield* Effect.fork(executeOnce("k", "acme/test/slow"))
  yield* emulator.awaitEvent((event) => event.type === "StepStarted")
  const follower = yield* Effect.fork(Effect.flip(executeOnce("k", "acme/test/slow")))
  yield* sessionsMade
  yield* Fiber.interrupt(leader)
  return yield* Fiber.join(follower)
})

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
      const error = yield* followedAndGivenUp
      assert.strictEqual(error._tag, "RunInProgressError")
      assert.lengthOf(yield* posts, 1)
    }).pipe(Effect.provide(setup())))

  it.scoped("whoever follows a call that was given up sends nothing where its run is not seen yet", () =>
    Effect.gen(function*() {
      assert.deepInclude({ ...(yield* followedAndGivenUp) }, { _tag: "APIConnectionError", sent: "unknown" })
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

  it.scoped("a call whose leader runs out of its own time sees the run of the leader, and sends no other", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const begun = new Set<string>()
      for (const [key, clock] of [["a", "timeout"], ["b", "attemptTimeout"]] as const) {
        const leader = yield* Effect.fork(Effect.flip(executeOnce(key, "acme/test/slow", { [clock]: "1 second" })))
        const { executionId } = yield* emulator.awaitEvent((event): event is RunStarted =>
          event.type === "RunStarted" && !begun.has(event.executionId)
        )
        begun.add(executionId)
        const followers = yield* Effect.fork(Effect.all([
          Effect.flip(executeOnce(key, "acme/test/slow")),
          Effect.flip(executeOnce(key, "acme/test/slow", { attemptTimeout: "2 seconds", timeout: "3 seconds" }))
        ], { concurrency: "unbounded" }))
        yield* sessionsMade
        yield* TestClock.adjust("1 second")
        assert.deepInclude({ ...(yield* Fiber.join(leader)) }, { _tag: "APITimeoutError", sent: "unknown" })
        for (const error of yield* Fiber.join(followers)) {
          assert.deepInclude({ ...error }, { _tag: "RunInProgressError", executionId })
        }
      }
      assert.lengthOf(yield* posts, 2)
    }).pipe(Effect.provide(setup())))

  it.scoped("a call whose leader runs out of its own time sends nothing where the run is not seen yet", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const slow = (input: object) => Effect.fork(Effect.flip(executeOnce("k", "acme/test/slow", input)))
      const leader = yield* slow({ attemptTimeout: "1 second" })
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      const follower = yield* slow({})
      yield* sessionsMade
      yield* TestClock.adjust("1 second")
      assert.deepInclude({ ...(yield* Fiber.join(leader)) }, { _tag: "APITimeoutError", clock: "attempt" })
      assert.deepInclude({ ...(yield* Fiber.join(follower)) }, { _tag: "APIConnectionError", sent: "unknown" })
      assert.lengthOf(yield* posts, 1)
    }).pipe(Effect.provide(setup({ sessions: { lag: "2 seconds" } }))))

  it.scoped("a call whose leader runs out of its own time before it sent runs in its place", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const stopped = { retry: Schedule.stop }
      yield* emulator.addFaults({ match: { endpoint: "session", nth: 1 }, script: ["delay:60000"] })
      const leader = yield* Effect.fork(Effect.flip(executeOnce("k", echo, { ...stopped, attemptTimeout: "1 second" })))
      yield* emulator.awaitEvent((event) => event.type === "Waiting")
      const follower = yield* Effect.fork(executeOnce("k", echo, stopped))
      yield* sessionsMade
      yield* TestClock.adjust("1 second")
      assert.deepInclude({ ...(yield* Fiber.join(leader)) }, { _tag: "APITimeoutError", clock: "attempt", sent: "no" })
      assert.isFalse((yield* Fiber.join(follower)).reused)
      assert.lengthOf(yield* posts, 1)
    }).pipe(Effect.provide(setup())))

  it.scoped("a call that has waited as long as its own attempt may last fails with its leader", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      const input = { attemptTimeout: "1 second" }
      const leader = yield* Effect.fork(Effect.flip(executeOnce("k", "acme/test/slow", input)))
      yield* emulator.awaitEvent((event) => event.type === "StepStarted")
      const follower = yield* Effect.fork(Effect.flip(executeOnce("k", "acme/test/slow", input)))
      yield* sessionsMade
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(follower), yield* Fiber.join(leader))
      assert.lengthOf((yield* emulator.ledger).requests, 2)
    }).pipe(Effect.provide(setup())))

  it.scoped("a defect in the leader's schedule of retries is its own", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator
      yield* emulator.addFaults({ match: { endpoint: "session", nth: 1 }, script: ["delay:1000,503"] })
      const retry = Schedule.forever.pipe(Schedule.tapInput(() => Effect.die("broken")))
      const leader = yield* Effect.fork(Effect.exit(executeOnce("k", echo, { retry })))
      yield* emulator.awaitEvent((event) => event.type === "Waiting")
      const follower = yield* Effect.fork(executeOnce("k", echo))
      yield* sessionsMade
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(leader), Exit.die("broken"))
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
      // both follow the leader, and this one first: digests that are made at the same time end in any order
      yield* sessionsMade
      const last = yield* Effect.fork(Effect.flip(executeOnce("k", "acme/test/slow")))
      yield* sessionsMade
      const looking = yield* Effect.fork(
        emulator.awaitEvent((event) => event.type === "Waiting" && event.ms === 50_000)
      )
      // it listens before the next one is let look
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(leader)
      yield* Fiber.join(looking)
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

  it.scoped.each(["401", "403"])(
    "a run that is refused to one client is begun by another: %s",
    (fault) =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        yield* emulator.addFaults({ match: { endpoint: "session" }, script: ["delay:1000"] })
        yield* emulator.addFaults({ match: { endpoint: "execute" }, script: [fault] })
        const leader = yield* Effect.fork(Effect.flip(executeOnce("k", echo)))
        yield* emulator.awaitEvent((event) => event.type === "Waiting")
        const follower = yield* Effect.fork(executeOnce("k", echo))
        yield* sessionsMade
        yield* TestClock.adjust("1 second")
        assert.propertyVal(yield* Fiber.join(leader), "statusCode", Number(fault))
        assert.isFalse((yield* Fiber.join(follower)).reused)
        assert.lengthOf(yield* runs, 1)
      }).pipe(Effect.provide(setup()))
  )

  it.scopedLive.each([401, 403])(
    "a run that a refusal names is not begun by another: %s",
    (status) =>
      Effect.gen(function*() {
        const absent = json(404, { detail: { code: "SESSION_NOT_FOUND" } })
        let refuse = () => {}
        const server = yield* serve(absent, (response, request) => {
          refuse = () => json(status, { detail: { code: "DENIED", executionId: "ex-1" } })(response, request)
        }, absent)
        const [one, other] = [yield* clientFor(server), yield* clientFor(server)]
        const leader = yield* Effect.fork(Effect.flip(one.executeOnce("k", echo, { message: "?" })))
        yield* server.arrived(2)
        const follower = yield* Effect.fork(Effect.flip(other.executeOnce("k", echo, { message: "?" })))
        yield* sessionsMade
        refuse()
        assert.strictEqual((yield* Fiber.join(leader)).executionId, "ex-1")
        assert.deepInclude({ ...(yield* Fiber.join(follower)) }, { _tag: "APIConnectionError", sent: "unknown" })
        assert.lengthOf(server.requests, 3)
      })
  )

  it.scopedLive("what a call knows to be sent it still knows after another found an earlier run", () =>
    Effect.gen(function*() {
      const failed = execution("echo", "execute", null, { executionId: "ex-1", status: "failed", errorAtStep: "a" })
      const first: Answer = (response, request) =>
        json(200, { ...body(failed), sessionId: request.path.split("/").at(-1) })(response, request)
      const absent = json(404, { detail: { code: "SESSION_NOT_FOUND" } })
      const server = yield* serve(first, absent, silence, first, absent, first, absent)
      const flows = yield* clientFor(server)
      const call = (rerunFailed: boolean) => flows.executeOnce("k", echo, { message: "?", rerunFailed })
      const leader = yield* Effect.fork(call(true))
      yield* server.arrived(3)
      const finding = yield* Effect.fork(Effect.flip(call(false)))
      yield* sessionsMade
      const last = yield* Effect.fork(Effect.flip(call(true)))
      yield* sessionsMade
      yield* Fiber.interrupt(leader)
      assert.strictEqual((yield* Fiber.join(finding)).executionId, "ex-1")
      assert.deepInclude({ ...(yield* Fiber.join(last)) }, { _tag: "APIConnectionError", isRetryable: false })
      assert.lengthOf(server.requests.filter(({ method }) => method === "POST"), 1)
    }))

  it.scopedLive("a call that takes over sends nothing where the run that another found is not seen", () =>
    Effect.gen(function*() {
      let answer = () => {}
      const server = yield* serve((response, request) => {
        const run = execution("echo", "execute", null, { executionId: "ex-1", status: "running", steps: [] })
        answer = () => json(200, { ...body(run), sessionId: request.path.split("/").at(-1) })(response, request)
      }, json(404, { detail: { code: "SESSION_NOT_FOUND" } }))
      const [one, other] = [yield* clientFor(server), yield* clientFor(server)]
      const leader = yield* Effect.fork(Effect.flip(one.executeOnce("k", echo, { message: "?" })))
      yield* server.arrived(1)
      const follower = yield* Effect.fork(Effect.flip(other.executeOnce("k", echo, { message: "?", takeOver: true })))
      yield* sessionsMade
      answer()
      assert.strictEqual((yield* Fiber.join(leader))._tag, "RunInProgressError")
      assert.deepInclude({ ...(yield* Fiber.join(follower)) }, { _tag: "APIConnectionError", sent: "unknown" })
      assert.lengthOf(server.requests, 2)
    }))

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
