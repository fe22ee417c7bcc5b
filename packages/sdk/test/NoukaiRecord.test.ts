/** Recording and replaying on this side: modes, matching, what is kept and what is not. */
import * as Testing from "@effect-noukai/report/testing"
import {
  APIConnectionError,
  APITimeoutError,
  AuthenticationError,
  Cassette,
  FlowExecutionError,
  FlowService,
  JobService,
  NoukaiHttp,
  NoukaiRecord,
  NoukaiReplay,
  RateLimitError,
  ReplayCassette,
  type RunService,
  Tools,
  TraceScope,
  UnexpectedResponseError
} from "@effect-noukai/sdk"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import type { CallError } from "@effect-noukai/sdk/NoukaiError"
import { make as makeHttp } from "@effect-noukai/sdk/NoukaiHttp"
import type { Options } from "@effect-noukai/sdk/NoukaiRecord"
import type * as Scripted from "@effect-noukai/sdk/testing"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Deferred, Effect, Exit, Fiber, Layer, Ref, Stream, TestClock } from "effect"
import { join } from "node:path"
import { folder, list, read, write } from "./support/folder.js"
import { httpOf } from "./support/http.js"
import {
  assistant,
  flowCompleted,
  respond,
  runStarted,
  stepCompleted,
  stepStarted,
  toolCall,
  toolPause
} from "./support/scripted.js"
import { cassette, execution } from "./support/sessions.js"

const flow = "acme/test/a"

/** A `NoukaiHttp` that counts its calls, and answers each message with itself. */
const echo = (counts: { calls: number; built: number } = { calls: 0, built: 0 }) => {
  const http = Effect.gen(function*() {
    counts.built++
    const number = yield* Ref.make(0)
    return makeHttp(httpOf(
      {
        execute: (request) =>
          Effect.map(Ref.updateAndGet(number, (n) => n + 1), (n) => {
            counts.calls++
            return {
              status: "completed" as const,
              result: { said: request.body.message, n },
              flowId: "fl_1",
              blockCount: 1,
              executionId: `ex-${counts.built}-${n}`,
              requestId: `req-${counts.built}-${n}`
            }
          })
      },
      {},
      { org: "acme", project: "test" }
    ))
  })
  return { counts, live: Layer.effect(NoukaiHttp, http) }
}

const say = (...messages: ReadonlyArray<string>) =>
  Effect.flatMap(
    FlowService,
    (flows) =>
      Effect.forEach(messages, (message) => Effect.map(flows.execute(flow, { message }), ({ result }) => result))
  )

const noLive = Layer.effect(NoukaiHttp, Effect.dieMessage("live was built"))

const file = Effect.map(folder, (dir) => join(dir, "cassette.json"))

const withCI = (value: string) => Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["CI", value]])))

const noCI = Effect.withConfigProvider(ConfigProvider.fromMap(new Map()))

describe("modes", () => {
  it.scoped("once: records when the file is absent, and from then on replays without building live", () =>
    Effect.gen(function*() {
      const path = yield* file
      const { counts, live } = echo()
      const first = yield* Effect.provide(say("a", "b"), NoukaiRecord.toFile(path, { live }))
      assert.deepStrictEqual(first, [{ said: "a", n: 1 }, { said: "b", n: 2 }])
      const again = yield* Effect.provide(say("b", "a"), NoukaiRecord.toFile(path, { live: noLive }))
      assert.deepStrictEqual(again, [{ said: "b", n: 2 }, { said: "a", n: 1 }])
      const error = yield* Effect.flip(Effect.provide(say("c"), NoukaiRecord.toFile(path, { live: noLive })))
      assert.strictEqual(error._tag, "ReplayMissError")
      assert.deepStrictEqual(counts, { calls: 2, built: 1 })
    }).pipe(noCI))

  it.scoped("none: a missing file is a typed failure that names it, and live is not built", () =>
    Effect.gen(function*() {
      const path = yield* file
      const error = yield* Effect.flip(
        Effect.provide(say("a"), NoukaiRecord.toFile(path, { mode: "none", live: noLive }))
      )
      assert.strictEqual(error._tag === "CassetteError" && error.reason, "NotFound")
      assert.include(error.message, path)
    }))

  for (
    const [value, mode] of [["true", "none"], ["1", "none"], ["false", "once"], ["0", "once"], ["", "once"]] as const
  ) {
    it.scoped(`where CI is ${JSON.stringify(value)} the default is ${mode}`, () =>
      Effect.gen(function*() {
        const path = yield* file
        const exit = yield* Effect.exit(Effect.provide(say("a"), NoukaiRecord.toFile(path, { live: echo().live })))
        assert.strictEqual(Exit.isSuccess(exit), mode === "once")
      }).pipe(withCI(value)))
  }

  it.scoped("in CI no key is needed: NoukaiLive is the default, and is not built", () =>
    Effect.gen(function*() {
      const path = yield* file
      yield* Effect.provide(say("a"), NoukaiRecord.toFile(path, { mode: "all", live: echo().live }))
      const replayed = yield* Effect.provide(say("a"), NoukaiRecord.toFile(path))
      assert.deepStrictEqual(replayed, [{ said: "a", n: 1 }])
      const error = yield* Effect.flip(Effect.provide(say("a"), NoukaiRecord.toFile(path, { mode: "all" })))
      assert.strictEqual(error._tag, "AuthenticationError")
    }).pipe(withCI("true")))

  it.scoped("new: hits are replayed, misses are made and added; live is built for the first of them", () =>
    Effect.gen(function*() {
      const path = yield* file
      yield* Effect.provide(say("a", "b"), NoukaiRecord.toFile(path, { mode: "new", live: echo().live }))
      yield* Effect.provide(say("b", "a"), NoukaiRecord.toFile(path, { mode: "new", live: noLive }))
      const { counts, live } = echo({ calls: 0, built: 7 })
      const mixed = yield* Effect.provide(say("a", "c", "b", "b"), NoukaiRecord.toFile(path, { mode: "new", live }))
      assert.deepStrictEqual(mixed, [{ said: "a", n: 1 }, { said: "c", n: 1 }, { said: "b", n: 2 }, {
        said: "b",
        n: 2
      }])
      assert.deepStrictEqual(counts, { calls: 2, built: 8 })
      const all = Effect.zipLeft(say("b", "b", "c", "a"), ReplayCassette.verify)
      const replayed = yield* Effect.provide(all, NoukaiRecord.toFile(path, { mode: "none", live: noLive }))
      assert.deepStrictEqual(replayed, [{ said: "b", n: 2 }, { said: "b", n: 2 }, { said: "c", n: 1 }, {
        said: "a",
        n: 1
      }])
    }))

  it.scoped("new: live that cannot be built fails the call that needs it", () =>
    Effect.gen(function*() {
      const path = yield* file
      yield* Effect.provide(say("a"), NoukaiRecord.toFile(path, { mode: "all", live: echo().live }))
      const noKey = Layer.fail(new AuthenticationError({ method: "test", isRetryable: false }))
      const program = Effect.zip(say("a"), Effect.flip(say("b")))
      const [hit, error] = yield* Effect.provide(program, NoukaiRecord.toFile(path, { mode: "new", live: noKey }))
      assert.deepStrictEqual(hit, [{ said: "a", n: 1 }])
      assert.strictEqual(error._tag, "AuthenticationError")
      const [, other] = yield* Effect.provide(
        program,
        NoukaiRecord.toFile(path, { mode: "new", live: Layer.fail("broken") })
      )
      assert.strictEqual(other._tag === "InvalidRequestError" && other.field, "live")
    }))

  it.scoped("new: a replayed run that the program takes another way is a miss, not a request", () =>
    Effect.gen(function*() {
      const path = yield* file
      const http = layerScripted({
        execute: [
          Effect.succeed({
            status: "tool_calls_required",
            executionId: "ex-1",
            pausedAtStep: "s",
            iterationsUsed: 1,
            toolCallMessages: [assistant("tc_1")],
            toolCalls: [toolCall("tc_1")]
          }),
          Testing.completed("done", { executionId: "ex-1" })
        ]
      })
      const program = (content: string) =>
        Effect.flatMap(FlowService, (flows) =>
          flows.execute(flow, {
            message: "hi",
            tools: Tools.handle(
              [{ type: "function", function: { name: "lookup_order" } }],
              (calls) => Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content })))
            )
          }))
      yield* Effect.provide(program("shipped"), NoukaiRecord.toFile(path, { mode: "all", live: http }))
      const error = yield* Effect.flip(
        Effect.provide(program("lost"), NoukaiRecord.toFile(path, { mode: "new", live: noLive }))
      )
      assert.strictEqual(error._tag, "ReplayMissError")
      assert.match(error.message, /mode "all"/)
    }))

  it.scoped("new: a live answer about a replayed run does not make that run go on live", () =>
    Effect.gen(function*() {
      const path = yield* file
      const pause = Effect.succeed({
        status: "tool_calls_required" as const,
        executionId: "ex-1",
        pausedAtStep: "s",
        iterationsUsed: 1,
        toolCallMessages: [assistant("tc_1")],
        toolCalls: [toolCall("tc_1")]
      })
      const program = <E>(content: Effect.Effect<string, E, JobService>) =>
        Effect.gen(function*() {
          const flows = yield* FlowService
          const tools = Tools.handle(
            [{ type: "function", function: { name: "lookup_order" } }],
            (calls) => Effect.map(content, (content) => calls.map(({ id }) => ({ toolCallId: id, content })))
          )
          return yield* flows.execute(flow, { message: "hi", tools })
        })
      const recorded = layerScripted({
        execute: [pause, Testing.completed("done", { executionId: "ex-1" })]
      })
      yield* Effect.provide(
        program(Effect.succeed("shipped")),
        NoukaiRecord.toFile(path, { mode: "all", live: recorded })
      )
      // the handler asks Noukai about the run, which was not recorded; a resume of it is not in the script
      const polling = Effect.flatMap(
        JobService,
        (jobs) => Effect.map(Effect.flatMap(jobs.attach(flow, "ex-1"), (job) => job.poll()), ({ status }) => status)
      )
      const live = layerScripted({ pollJob: [Effect.succeed({ executionId: "ex-1", status: "running" })] })
      const error = yield* Effect.flip(
        Effect.provide(program(polling), NoukaiRecord.toFile(path, { mode: "new", live }))
      )
      assert.strictEqual(error._tag, "ReplayMissError")
    }))

  it.scoped("new: what is added has its place among the calls, so that strict replays it", () =>
    Effect.gen(function*() {
      const path = yield* file
      const at = (mode: "all" | "new" | "none", live = echo().live) =>
        NoukaiRecord.toFile(path, { mode, match: "strict", live })
      yield* Effect.provide(say("a", "b"), at("all"))
      const added = yield* Effect.provide(
        say("x", "a", "n", "m", "b", "z"),
        at("new", echo({ calls: 0, built: 7 }).live)
      )
      const replayed = Effect.zipLeft(say("x", "a", "n", "m", "b", "z"), ReplayCassette.verify)
      assert.deepStrictEqual(yield* Effect.provide(replayed, at("none", noLive)), added)
    }))

  it.scoped("all: everything anew, and only that", () =>
    Effect.gen(function*() {
      const path = yield* file
      yield* Effect.provide(say("a", "b"), NoukaiRecord.toFile(path, { mode: "all", live: echo().live }))
      yield* Effect.provide(say("c"), NoukaiRecord.toFile(path, { mode: "all", live: echo().live }))
      const kept = yield* Cassette.load(path)
      assert.deepStrictEqual(kept.kind === "recording" && kept.entries.map(({ input }) => input), [
        { message: "c", trace: false }
      ])
    }))

  it.scoped("a file that is no cassette is never written over", () =>
    Effect.gen(function*() {
      const path = yield* file
      for (
        const text of [
          "{}",
          "precious",
          `{"format":"noukai-cassette/2"}`,
          Cassette.encode(cassette(execution("a", "execute", 1)))
        ]
      ) {
        yield* write(path, text)
        for (const mode of ["new", "all"] as const) {
          const error = yield* Effect.flip(
            Effect.provide(say("a"), NoukaiRecord.toFile(path, { mode, live: echo().live }))
          )
          assert.strictEqual(error._tag, "CassetteError")
          assert.strictEqual(yield* read(path), text)
        }
      }
    }))

  it.scoped("a session in the file is replayed by once and none", () =>
    Effect.gen(function*() {
      const path = yield* file
      yield* Cassette.save(cassette(execution("a", "execute", "recorded")), path)
      for (const mode of ["once", "none"] as const) {
        const replayed = yield* Effect.provide(say("x"), NoukaiRecord.toFile(path, { mode, live: noLive }))
        assert.deepStrictEqual(replayed, ["recorded"])
      }
    }))
})

describe("writing", () => {
  const isRecording = Effect.map(NoukaiRecord.Recording, (recording) => recording.isRecording)

  it.scoped("at the end, whatever the end; by save, before it; and not if nothing was recorded", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const { live } = echo()
      const at = (name: string) => NoukaiRecord.toFile(join(dir, name), { mode: "once", live })
      yield* Effect.exit(Effect.provide(Effect.zipRight(say("a"), Effect.fail("no")), at("failed")))
      yield* Effect.exit(Effect.provide(Effect.zipRight(say("a"), Effect.die("no")), at("died")))
      yield* Effect.exit(Effect.provide(Effect.zipRight(say("a"), Effect.interrupt), at("interrupted")))
      yield* Effect.provide(Effect.void, at("nothing"))
      yield* Effect.provide(
        Effect.gen(function*() {
          assert.isTrue(yield* isRecording)
          yield* say("a")
          assert.notInclude(yield* list(dir), "saved")
          yield* NoukaiRecord.save
          assert.include(yield* list(dir), "saved")
          yield* NoukaiRecord.save
        }),
        at("saved")
      )
      assert.deepStrictEqual(yield* list(dir), ["died", "failed", "interrupted", "saved"])
      yield* Effect.provide(
        Effect.gen(function*() {
          assert.isFalse(yield* isRecording)
          yield* NoukaiRecord.save
        }),
        at("saved")
      )
    }))

  it.scoped("what cannot be written is typed for save, and a defect at the end", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      // a redaction that leaves too little of an answer
      const redact = { paths: ["status"] }
      const layer = NoukaiRecord.toFile(join(dir, "c.json"), { mode: "all", redact, live: echo().live })
      const call = say("a")
      const exit = yield* Effect.exit(Effect.provide(call, layer))
      const defect = Exit.isFailure(exit) && exit.cause._tag === "Die" ? exit.cause.defect : undefined
      assert.deepInclude(defect, { _tag: "CassetteError", reason: "Invalid" })
      const typed = yield* Effect.exit(Effect.provide(Effect.zipRight(call, Effect.flip(NoukaiRecord.save)), layer))
      assert.isTrue(Exit.isFailure(typed))
      assert.deepStrictEqual(yield* list(dir), [])
    }))

  it.scoped("what cannot be written as JSON fails the writing, and not the call", () =>
    Effect.gen(function*() {
      const path = yield* file
      let deep: unknown = 1
      for (let n = 0; n < 100_000; n++) deep = [deep]
      const outcome = yield* Effect.provide(
        Effect.gen(function*() {
          assert.lengthOf(yield* say("a"), 1)
          return (yield* Effect.flip(NoukaiRecord.save)).reason
        }),
        NoukaiRecord.toFile(path, {
          mode: "all",
          live: layerScripted({ execute: [Testing.completed(deep)] })
        })
      ).pipe(Effect.catchAllDefect((defect) => Effect.succeed(defect)))
      assert.deepInclude(outcome, { _tag: "CassetteError", reason: "Invalid" })
    }))

  it.scoped("what could not be read again is not written: redact took away what every answer must have", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const events = Effect.flatMap(
        FlowService,
        (flows) => Stream.runDrain(flows.events(flow, { message: "hi" }))
      )
      for (const redact of [{ paths: ["**.type"] }, { patterns: [/run_started/] }]) {
        const error = yield* Effect.provide(
          Effect.zipRight(events, Effect.flip(NoukaiRecord.save)),
          NoukaiRecord.toFile(join(dir, "c.json"), {
            mode: "all",
            redact,
            live: layerScripted({ step: [respond(runStarted(1), stepCompleted("s", 1), flowCompleted(1))] })
          })
        ).pipe(Effect.catchAllDefect((defect) => Effect.succeed(defect)))
        assert.deepInclude(error, { _tag: "CassetteError", reason: "Invalid", at: ["$.entries[0].answer"] })
      }
      assert.deepStrictEqual(yield* list(dir), [])
    }))
})

/** Records a program over a script, and gives what replays it. */
const recorded = <A, E>(
  script: Scripted.Script,
  program: Effect.Effect<A, E, FlowService | JobService | RunService | NoukaiHttp>,
  options: Options = {}
) =>
  Effect.gen(function*() {
    const path = yield* file
    const value = yield* Effect.provide(
      program,
      NoukaiRecord.toFile(path, { ...options, mode: "all", live: layerScripted(script) })
    )
    return { path, value, replay: NoukaiReplay.fromFile(path, options) }
  })

describe("errors", () => {
  const errors: ReadonlyArray<CallError> = [
    new RateLimitError({
      method: "FlowService.execute",
      statusCode: 429,
      retryAfter: 1.5,
      isRetryable: true,
      requestId: "r"
    }),
    new APIConnectionError({
      method: "FlowService.execute",
      sent: "unknown",
      isRetryable: false,
      cause: new Error("/srv/somebody")
    }),
    new APITimeoutError({ method: "FlowService.execute", clock: "attempt", sent: "yes", isRetryable: false }),
    new FlowExecutionError({
      method: "FlowService.execute",
      code: "X",
      stepId: "s",
      result: { why: null },
      executionId: "ex-1",
      isRetryable: false
    }),
    new UnexpectedResponseError({
      method: "FlowService.execute",
      reason: "empty",
      responseBody: "",
      isRetryable: false
    })
  ]
  for (const error of errors) {
    it.scoped(`${error._tag} replays as what it was`, () =>
      Effect.gen(function*() {
        const program = Effect.flatMap(FlowService, (flows) => Effect.flip(flows.execute(flow, {})))
        const { path, replay, value } = yield* recorded({ execute: [Effect.fail(error)] }, program)
        assert.strictEqual(value, error)
        const replayed = yield* Effect.provide(program, replay)
        assert.strictEqual(replayed._tag, error._tag)
        assert.strictEqual(replayed.message, error.message)
        const fields = (one: object) => JSON.parse(JSON.stringify({ ...one, cause: undefined }))
        assert.deepStrictEqual(fields(replayed), fields(error))
        assert.notInclude(yield* read(path), "somebody")
      }))
  }

  it.scoped("a defect is not recorded", () =>
    Effect.gen(function*() {
      const path = yield* file
      const live = layerScripted({ execute: [Effect.die("defect"), Testing.completed(1)] })
      yield* Effect.provide(
        Effect.zipRight(Effect.exit(say("a")), say("a")),
        NoukaiRecord.toFile(path, { mode: "all", live })
      )
      const kept = yield* Cassette.load(path)
      assert.strictEqual(kept.kind === "recording" && kept.entries.length, 1)
    }))
})

describe("tool rounds", () => {
  const pause = (id: string, n: number) =>
    Effect.succeed({
      status: "tool_calls_required" as const,
      executionId: "ex-1",
      pausedAtStep: "s",
      iterationsUsed: n,
      toolCallMessages: [assistant(id)],
      toolCalls: [toolCall(id)]
    })
  const script = { execute: [pause("tc_1", 1), pause("tc_2", 2), Testing.completed("done", { executionId: "ex-1" })] }

  const program = (answers: ReadonlyArray<string>) => {
    let rounds = 0
    return Effect.flatMap(FlowService, (flows) =>
      flows.execute(flow, {
        message: "hi",
        tools: Tools.handle(
          [{ type: "function", function: { name: "lookup_order" } }],
          (calls) => Effect.sync(() => calls.map(({ id }) => ({ toolCallId: id, content: answers[rounds++]! })))
        )
      })).pipe(Effect.map(({ result }) => ({ result, rounds })))
  }

  it.scoped("replay round by round: the handler runs", () =>
    Effect.gen(function*() {
      const { replay, value } = yield* recorded(script, program(["shipped", "monday"]))
      assert.deepStrictEqual(value, { result: "done", rounds: 2 })
      const verified = Effect.zipLeft(program(["shipped", "monday"]), ReplayCassette.verify)
      assert.deepStrictEqual(yield* Effect.provide(verified, replay), value)
    }))

  it.scoped("what the handler answers is compared", () =>
    Effect.gen(function*() {
      const { replay } = yield* recorded(script, program(["shipped", "monday"]))
      const error = yield* Effect.flip(Effect.provide(program(["shipped", "tuesday"]), replay))
      assert.strictEqual(error._tag, "ReplayMissError")
      assert.deepStrictEqual(
        error._tag === "ReplayMissError" &&
          error.report?.differences.flatMap((d) => d.kind === "changed" ? d.changes : []),
        [{ path: "$.toolCallMessages[1].content", expected: "monday", actual: "tuesday" }]
      )
    }))

  it.scoped("stream rounds too", () =>
    Effect.gen(function*() {
      const events = (answer: string) =>
        Effect.flatMap(FlowService, (flows) =>
          Stream.runCollect(flows.steps(flow, {
            message: "hi",
            tools: Tools.handle([{ type: "function", function: { name: "lookup_order" } }], (calls) =>
              Effect.succeed(calls.map(({ id }) => ({ toolCallId: id, content: answer }))))
          }))).pipe(Effect.map((steps) =>
            [...steps].map(({ output }) => output)
          ))
      const { replay, value } = yield* recorded({
        step: [
          respond(runStarted(1), stepStarted("s"), toolPause("s", "tc_1")),
          respond(stepCompleted("s", "out"), flowCompleted("out"))
        ]
      }, events("shipped"))
      assert.deepStrictEqual(value, ["out"])
      assert.deepStrictEqual(yield* Effect.provide(events("shipped"), replay), value)
      const error = yield* Effect.flip(Effect.provide(events("lost"), replay))
      assert.include(error.message, `$.toolCallMessages[1].content: recorded "shipped", called with "lost"`)
    }))
})

describe("jobs", () => {
  const script = {
    submitJob: [Effect.succeed({ executionId: "ex-1" })],
    pollJob: [
      Effect.succeed({ status: "pending", requestId: "r-1" }),
      Effect.succeed({ status: "pending", requestId: "r-2" }),
      Effect.succeed({ status: "running" }),
      Effect.succeed({ status: "running" }),
      Effect.succeed({ status: "completed", result: "done" })
    ]
  }
  const waited = Effect.flatMap(
    JobService,
    (jobs) => Effect.flatMap(jobs.submit(flow, { message: "hi" }), (job) => job.result())
  )

  /** Two seconds lie between two polls. */
  const onTheClock = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(effect)
      yield* TestClock.adjust("8 seconds")
      return yield* Fiber.join(fiber)
    })

  it.scoped("replay their statuses on the clock, however often they are asked", () =>
    Effect.gen(function*() {
      const { replay, value } = yield* recorded(script, onTheClock(waited))
      assert.strictEqual(value, "done")
      const seen = yield* Effect.provide(
        Effect.gen(function*() {
          const jobs = yield* JobService
          const job = yield* jobs.submit(flow, { message: "hi" })
          const statuses: Array<string> = []
          for (let second = 0; second <= 9; second++) {
            statuses.push((yield* job.poll()).status)
            yield* TestClock.adjust("1 second")
          }
          yield* ReplayCassette.verify
          return statuses
        }),
        replay
      )
      assert.deepStrictEqual(seen, [
        ...Array.from({ length: 4 }, () => "pending"),
        ...Array.from({ length: 4 }, () => "running"),
        "completed",
        "completed"
      ])
      const again = yield* Effect.provide(onTheClock(waited), replay)
      assert.strictEqual(again, "done")
    }))

  it.scoped("statuses that are the same are one, and so is one that was attached to", () =>
    Effect.gen(function*() {
      const attached = Effect.flatMap(JobService, (jobs) =>
        Effect.flatMap(jobs.attach(flow, "ex-1"), (job) => job.result()))
      const { path, replay } = yield* recorded(script, onTheClock(attached))
      const kept = yield* Cassette.load(path)
      assert.deepStrictEqual(
        kept.kind === "recording" && kept.entries.map(({ answer }) =>
          "statuses" in answer && answer.statuses.length
        ),
        [3]
      )
      assert.strictEqual(yield* Effect.provide(onTheClock(attached), replay), "done")
    }))
})

it.scoped("keys come in the order of the file already while it is recorded, so that text made of them is found again", () =>
  Effect.gen(function*() {
    const program = Effect.gen(function*() {
      const flows = yield* FlowService
      const ask = (value: unknown) =>
        Effect.map(flows.execute(flow, { message: JSON.stringify(value) }), ({ result }) => result)
      const first = yield* ask("first")
      const second = yield* ask(first)
      const streamed: Array<unknown> = []
      yield* Stream.runForEach(
        flows.steps(flow, { message: "steps" }),
        ({ output }) => Effect.sync(() => streamed.push(output))
      )
      return JSON.stringify([first, second, yield* ask(streamed)])
    })
    const { replay, value } = yield* recorded({
      execute: [
        Testing.completed({ z: 1, a: { y: 1, b: 2 } }),
        Testing.completed({ z: 2, a: 1 }),
        Testing.completed(3)
      ],
      step: [respond(runStarted(1), stepCompleted("s", { z: 3, a: 1 }), flowCompleted(1))]
    }, program)
    assert.strictEqual(yield* Effect.provide(Effect.zipLeft(program, ReplayCassette.verify), replay), value)
  }))

it.scoped("what lost a race loses it again", () =>
  Effect.gen(function*() {
    const begun = yield* Deferred.make<void>()
    const program = Effect.flatMap(FlowService, (flows) =>
      Effect.race(
        flows.execute(flow, { message: "one" }),
        Effect.zipRight(Deferred.await(begun), flows.execute(flow, { message: "two" }))
      )).pipe(Effect.map(({ result }) => result))
    const { replay, value } = yield* recorded({
      execute: [Effect.zipRight(Deferred.succeed(begun, void 0), Effect.never), Testing.completed("two")]
    }, program)
    assert.strictEqual(value, "two")
    assert.strictEqual(yield* Effect.provide(program, replay), "two")
  }))

it.scoped("a program that captures a session replays whatever its id", () =>
  Effect.gen(function*() {
    const program = TraceScope.capture(say("a"))
    const { path, replay } = yield* recorded({ execute: [Testing.completed(1)] }, program)
    assert.deepStrictEqual(yield* Effect.provide(program, replay), [1])
    assert.notInclude(yield* read(path), "sessionId")
  }))

describe("a session that a program replays", () => {
  const program = Effect.match(TraceScope.replay("5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01")(say("x")), {
    onFailure: ({ _tag }) => _tag,
    onSuccess: (results) => results
  })
  const both = Effect.zip(program, say("made"))
  const script = (replayEnabled: boolean): Scripted.Script => ({
    session: [Effect.succeed(cassette(execution("a", "execute", "recorded")).session)],
    execute: [Testing.completed("made")],
    defaults: { replayEnabled }
  })

  for (
    const [name, isEnabled, expected] of [
      ["is recorded too", true, [["recorded"], ["made"]]],
      ["may not be if it might not then", false, ["ReplayDisabledError", ["made"]]]
    ] as const
  ) {
    it.scoped(name, () =>
      Effect.gen(function*() {
        const { replay, value } = yield* recorded(script(isEnabled), both)
        assert.deepStrictEqual<unknown>(value, expected)
        assert.deepStrictEqual(yield* Effect.provide(Effect.zipLeft(both, ReplayCassette.verify), replay), value)
      }))
  }
})
