/** The 404 of a look-up: an absence, after which a run is sent, or the answer of somebody else, after which none is. */
import { Emulator } from "@effect-noukai/emulator"
import { FlowService, JobService, Noukai } from "@effect-noukai/sdk"
import { type CallError, FlowNotFoundError, type OnceError } from "@effect-noukai/sdk/NoukaiError"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schedule, TestClock } from "effect"
import { noSession } from "../src/internal/core/runProblem.js"
import { echo, executeOnce, posts, runs, sessionOf, setup } from "./support/once.js"
import { share } from "./support/size.js"

const sessionId = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

const json = (value: unknown) => JSON.stringify(value)

const absences = [
  json({ detail: { code: "NOT_FOUND", message: "There is no such session." } }),
  json({ detail: { code: "SESSION_NOT_FOUND" } }),
  ` ${json({ requestId: "req-1", detail: { code: "NOT_FOUND", message: "?", retry: false } })}\n`,
  json({ detail: "Session not found" }),
  json({ detail: "Session not found." }),
  json({ detail: "SESSION_NOT_FOUND" }),
  json({ detail: `Session '${sessionId}' was not found` }),
  json({ detail: `session ${sessionId.toUpperCase()} does not exist` }),
  json({ detail: `There is no session with the id ${sessionId}.` }),
  json({ detail: "No such session" }),
  json({ detail: `Unknown session: ${sessionId}` }),
  json({ detail: `No runs were found in session ${sessionId}` })
]

const others = [
  "",
  "{",
  "{}",
  "[]",
  "null",
  "404",
  "\"Session not found\"",
  "Session not found",
  "<html><body>Session not found</body></html>",
  "{\"detail\":{\"code\":\"NOT_FOUND\"}",
  "{\"detail\":{\"code\":\"NOT_FOUND\"}}}",
  "{\"detail\":{\"code\":\"NOT_FOUND\"}}{",
  json([{ detail: { code: "NOT_FOUND" } }]),
  json({ message: "no Route matched with those values" }),
  json({ message: "Session not found" }),
  json({ error: "Not Found", status: 404, path: `/api/v1/seq/sessions/${sessionId}` }),
  json({ error: { code: "NOT_FOUND" } }),
  json({ code: "NOT_FOUND", message: "Session not found" }),
  json({ code: "SESSION_NOT_FOUND" }),
  json({ detail: null }),
  json({ detail: "" }),
  json({ detail: 404 }),
  json({ detail: [] }),
  json({ detail: ["Session not found"] }),
  json({ detail: [{ loc: ["path", "session_id"], msg: "session not found", type: "value_error" }] }),
  json({ detail: {} }),
  json({ detail: { message: "Session not found" } }),
  json({ detail: { code: "FLOW_NOT_FOUND", message: "Session not found" } }),
  json({ detail: { code: "RUN_NOT_FOUND" } }),
  json({ detail: { code: "JOB_NOT_FOUND" } }),
  json({ detail: { code: "not_found" } }),
  json({ detail: { code: " NOT_FOUND" } }),
  json({ detail: { code: ["NOT_FOUND"] } }),
  json({ detail: { detail: { code: "NOT_FOUND" } } }),
  json({ detail: "Not Found" }),
  json({ detail: "NOT_FOUND" }),
  json({ detail: "FLOW_NOT_FOUND" }),
  json({ detail: "Flow not found" }),
  json({ detail: "session" }),
  json({ detail: `session ${sessionId}` }),
  json({ detail: `/api/v1/seq/sessions/${sessionId} was not found` }),
  json({ detail: "No route to the session service was found" }),
  json({ detail: "session-service not found" }),
  json({ detail: "The session has expired or does not exist" }),
  json({ detail: "Session 00000000-0000-4000-8000-00000000000a not found" }),
  json({ detail: "Not found, or this key may not read the session" })
]

const fault = (body: string) => `404:body=${encodeURIComponent(body)}`

const answering = (body: string) =>
  Effect.flatMap(
    Emulator,
    (emulator) => emulator.addFaults({ match: { endpoint: "session" }, script: [fault(body)], repeat: true })
  )

type Once = (
  key: string,
  ref: string,
  input?: object
) => Effect.Effect<
  { readonly reused: boolean; readonly executionId?: string },
  CallError | OnceError,
  FlowService | JobService
>

const submitOnce: Once = (key, ref, input = {}) =>
  Effect.flatMap(JobService, (jobs) => jobs.submitOnce(key, ref, { message: "hi", ...input }))

const operations: ReadonlyArray<readonly [name: string, once: Once]> = [
  ["executeOnce", executeOnce],
  ["submitOnce", submitOnce]
]

describe("the body of a 404", () => {
  for (const body of absences) {
    it(`is an absence: ${body}`, () => {
      assert.isTrue(noSession(body, sessionId))
    })
  }

  for (const body of others) {
    it(`is none: ${body}`, () => {
      assert.isFalse(noSession(body, sessionId))
    })
  }

  it.each(
    [
      [{ code: "FLOW_NOT_FOUND" }, "flow"],
      [{ code: "FLOW_NOT_FOUND", detail: "acme/a/b has no version v9." }, "version"],
      [{ code: "JOB_NOT_FOUND", executionId: "ex-1" }, "job"],
      [{ code: "RUN_NOT_FOUND", executionId: "ex-1" }, "run"],
      [{ code: "SESSION_NOT_FOUND" }, "session"],
      [{ code: "NOT_FOUND" }, "flow"],
      [{ code: "NOT_FOUND", executionId: "ex-1" }, "job"],
      [{ detail: "Flow not found", responseBody: json({ detail: "Flow not found" }) }, "flow"],
      [{ responseBody: "<html>Not Found</html>" }, undefined],
      [{ detail: "no Route matched", responseBody: json({ message: "no Route matched" }) }, undefined]
    ] as const
  )("tells what was not found: %j is a %s", (props, kind) => {
    const error = new FlowNotFoundError(
      { method: "Job.poll", statusCode: 404, isRetryable: false, ...props }
    )
    assert.strictEqual(error.kind, kind)
    assert.include(error.message, `Job.poll: ${kind === undefined ? "not found" : `${kind} not found`}`)
  })

  it.each(
    [
      [json({ detail: { code: "JOB_NOT_FOUND", message: "There is no job." } }), true],
      [json({ detail: { code: "RUN_NOT_FOUND" } }), true],
      [json({ detail: { code: "NOT_FOUND" } }), true],
      [json({ detail: { code: "FLOW_NOT_FOUND" } }), true],
      [json({ detail: "Job not found" }), true],
      [json({ detail: "JOB_NOT_FOUND" }), true],
      [json({ detail: `Execution ${sessionId} was not found` }), true],
      [json({ detail: "No such run." }), true],
      [json({ detail: { code: "SESSION_NOT_FOUND" } }), false],
      [json({ detail: "Not Found" }), false],
      [json({ detail: "Job queue not found" }), false],
      [json({ code: "JOB_NOT_FOUND" }), false],
      [json({ message: "Job not found" }), false],
      ["{\"detail\":{\"code\":\"JOB_NOT_FOUND\"}", false],
      ["<html>Job not found</html>", false],
      ["{}", false],
      ["", false]
    ] as const
  )("of a job: %s is an absence: %s", (responseBody, isAbsent) => {
    const error = new FlowNotFoundError({
      method: "Job.poll",
      statusCode: 404,
      executionId: sessionId,
      responseBody,
      isRetryable: false
    })
    assert.strictEqual(error.isAbsent, isAbsent)
  })

  it("is none if anything of it is missing, wherever it is cut", () => {
    for (const body of absences.map((text) => text.trim())) {
      for (let length = 0; length < body.length; length++) {
        assert.isFalse(noSession(body.slice(0, length), sessionId), body.slice(0, length))
      }
    }
  })
})

for (const [at, [name, once]] of operations.entries()) {
  describe(`${name}, with a 404 on the look-up`, () => {
    it.scoped("that says of no session that it does not exist, sends nothing", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        for (const body of share(others, at, operations.length)) {
          yield* emulator.clearFaults
          yield* answering(body)
          for (let call = 0; call < 3; call++) {
            const error = yield* Effect.flip(once("k", echo))
            assert(error._tag === "UnexpectedResponseError", body)
            assert.deepInclude({ ...error }, { statusCode: 404, isRetryable: false, responseBody: body })
            assert.include(error.message, "isSessionNotFound")
          }
        }
        assert.lengthOf(yield* posts, 0)
      }).pipe(Effect.provide(setup())))

    it.scoped("that says so, sends one run", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        // those that name no other session
        const bodies = absences.filter((body) => !body.toLowerCase().includes(sessionId))
        for (const key of bodies) {
          yield* emulator.addFaults({ match: { endpoint: "session" }, script: [fault(key)] })
          for (const reused of [false, true, true]) assert.strictEqual((yield* once(key, echo)).reused, reused, key)
        }
        assert.lengthOf(yield* runs, bodies.length)
      }).pipe(Effect.provide(setup())))

    it.scoped("in a later attempt sends nothing", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        const ref = "acme/test/failing"
        const ended = yield* Effect.fork(emulator.awaitEvent(({ type }) => type === "RunEnded"))
        yield* Effect.yieldNow()
        yield* Effect.exit(once("k", ref))
        yield* Fiber.join(ended)
        yield* emulator.addFaults({
          match: { endpoint: "session" },
          script: ["ok", fault(json({ message: "no Route matched" }))]
        })
        const error = yield* Effect.flip(once("k", ref, { rerunFailed: true }))
        assert.strictEqual(error._tag, "UnexpectedResponseError")
        assert.lengthOf(yield* runs, 1)
      }).pipe(Effect.provide(setup())))

    it.scoped("after the time to settle sends nothing", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        yield* emulator.addFaults({ match: { endpoint: "session" }, script: [fault(absences[0]!), fault("{}")] })
        const call = yield* Effect.fork(Effect.flip(once("k", echo, { settle: "3 seconds" })))
        while (call.unsafePoll() === null) {
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
          yield* TestClock.adjust("3 seconds")
        }
        assert.strictEqual((yield* Fiber.join(call))._tag, "UnexpectedResponseError")
        assert.lengthOf(yield* posts, 0)
      }).pipe(Effect.provide(setup())))
  })

  describe(`${name}, with isSessionNotFound`, () => {
    const body = json({ error: "unknown_session" })

    const having = (isSessionNotFound: (body: string) => boolean) => setup({ config: { isSessionNotFound } })

    it.scoped("sends where it says so, of the whole body", () => {
      const seen: Array<string> = []
      return Effect.gen(function*() {
        const emulator = yield* Emulator
        yield* emulator.addFaults({ match: { endpoint: "session" }, script: [fault(body)] })
        assert.isFalse((yield* once("k", echo)).reused)
        assert.deepStrictEqual(seen, [body])
        // it is asked in place of the rule
        yield* answering(absences[0]!)
        assert.strictEqual((yield* Effect.flip(once("other", echo)))._tag, "UnexpectedResponseError")
        assert.lengthOf(yield* runs, 1)
      }).pipe(Effect.provide(having((text) => {
        seen.push(text)
        return text.includes("unknown_session")
      })))
    })

    it.scoped.each(
      [
        ["throws", () => {
          throw new Error("a mistake of its author")
        }],
        ["answers with no boolean", () => "yes" as never],
        ["answers with a promise", (() => Promise.resolve(true)) as never]
      ] as const
    )("sends nothing where it %s", ([, isSessionNotFound]) =>
      Effect.gen(function*() {
        yield* answering(absences[0]!)
        const error = yield* Effect.flip(once("k", echo))
        assert.strictEqual(error._tag, "UnexpectedResponseError")
        assert.lengthOf(yield* posts, 0)
      }).pipe(Effect.provide(having(isSessionNotFound))))
  })
}

for (const [name, once] of operations) {
  describe(`${name}, of a key that this client has run and that is absent now`, () => {
    /** The server has forgotten every session, and says so. */
    const forgets = Effect.flatMap(Emulator, (emulator) => emulator.reset)

    const isMissing = (error: CallError | OnceError, executionId: string | undefined) => {
      assert(error._tag === "ResultNotStoredError")
      assert.deepStrictEqual([error.reason, error.executionId, error.isRetryable], ["missing", executionId, false])
      assert.include(error.message, "this client has run")
    }

    it.scoped("is an error, and nothing is sent", () =>
      Effect.gen(function*() {
        const { executionId } = yield* once("k", echo)
        yield* forgets
        for (let call = 0; call < 3; call++) isMissing(yield* Effect.flip(once("k", echo)), executionId)
        isMissing(yield* Effect.flip(once("k", echo, { rerunFailed: true })), executionId)
        assert.lengthOf(yield* posts, 0)
        // another client has not run it
        assert.isFalse((yield* Effect.provide(once("k", echo), Layer.fresh(Noukai.layerServices))).reused)
      }).pipe(Effect.provide(setup())))

    it.scoped("also if it was found, or another call of this process ran it", () =>
      Effect.gen(function*() {
        const service = yield* FlowService
        const { executionId } = name === "submitOnce"
          ? yield* Effect.flatMap(JobService, (jobs) =>
            Effect.flatMap(sessionOf(echo, "k"), (sessionId) => jobs.submit(echo, { message: "hi", sessionId })))
          : yield* service.execute(echo, { message: "hi", sessionId: yield* sessionOf(echo, "k"), snapshots: true })
        yield* Effect.exit(once("k", echo))
        yield* forgets
        isMissing(yield* Effect.flip(once("k", echo)), executionId)
        const other = Effect.provide(once("l", echo), Layer.fresh(Noukai.layerServices))
        const [, shared] = yield* Effect.all([other, once("l", echo)], { concurrency: 2 })
        yield* forgets
        isMissing(yield* Effect.flip(once("l", echo)), shared.executionId)
        assert.lengthOf(yield* posts, 0)
      }).pipe(Effect.provide(setup())))

    it.scoped("is looked at again after the time to settle, and found then", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        const { executionId } = yield* once("k", echo)
        const before = (yield* posts).length
        isMissing(yield* Effect.flip(once("k", echo)), executionId)
        const call = yield* Effect.fork(once("k", echo, { settle: "3 seconds" }))
        yield* emulator.awaitEvent((event) => event.type === "RequestEnded" && event.endpoint === "session")
        while (call.unsafePoll() === null) {
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
          yield* TestClock.adjust("3 seconds")
        }
        const found = yield* Fiber.join(call)
        assert.deepStrictEqual([found.reused, found.executionId], [true, executionId])
        assert.lengthOf(yield* posts, before)
      }).pipe(Effect.provide(setup({ sessions: { lag: "2 seconds" } }))))

    it.scoped.each(["reset", "429:retry=100", "402", "404", "503", "500"])(
      "but not if it was refused, or may never have begun: %s",
      (refusal) =>
        Effect.gen(function*() {
          const emulator = yield* Emulator
          for (const endpoint of ["execute", "submitJob"]) {
            yield* emulator.addFaults({ match: { endpoint }, script: [refusal] })
          }
          yield* Effect.flip(once("k", echo, { retry: Schedule.stop }))
          assert.isFalse((yield* once("k", echo)).reused)
          assert.lengthOf(yield* runs, 1)
        }).pipe(Effect.provide(setup()))
    )

    it.scoped("and if an answer showed that it had begun", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        for (const endpoint of ["execute", "submitJob"]) {
          yield* emulator.addFaults({ match: { endpoint }, script: ["html"] })
        }
        yield* Effect.flip(once("k", echo))
        yield* forgets
        isMissing(yield* Effect.flip(once("k", echo)), undefined)
        assert.lengthOf(yield* posts, 0)
      }).pipe(Effect.provide(setup())))

    it.scoped("and each attempt for itself", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator
        const ref = "acme/test/failing"
        const ended = emulator.awaitEvent(({ type }) => type === "RunEnded")
        const attempt = Effect.gen(function*() {
          const end = yield* Effect.fork(ended)
          yield* Effect.yieldNow()
          yield* Effect.exit(once("k", ref, { rerunFailed: true }))
          yield* Fiber.join(end)
        })
        yield* attempt
        yield* attempt
        const [first, second] = yield* runs
        const absent = fault(absences[0]!)
        // the first is found, and the second is not
        yield* emulator.addFaults({ match: { endpoint: "session" }, script: ["ok", absent, "ok", absent, absent] })
        isMissing(yield* Effect.flip(once("k", ref, { rerunFailed: true })), second!.executionId)
        isMissing(yield* Effect.flip(once("k", ref)), second!.executionId)
        isMissing(yield* Effect.flip(once("k", ref)), first!.executionId)
        // another client finds both
        const other = yield* Layer.build(Layer.fresh(Noukai.layerServices))
        yield* Effect.exit(Effect.provide(once("k", ref), other))
        yield* emulator.addFaults({ match: { endpoint: "session" }, script: [absent] })
        isMissing(yield* Effect.flip(Effect.provide(once("k", ref), other)), first!.executionId)
        assert.lengthOf(yield* runs, 2)
      }).pipe(Effect.provide(setup())))
  })
}
