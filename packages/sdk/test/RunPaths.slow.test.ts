/** Reads of runs where a deployment serves one path and refuses the other (docs/wire.md#runs), over real sockets. */
import { Emulator } from "@effect-noukai/emulator"
import { type CallError, FlowService, Noukai, NoukaiRecord, RunService } from "@effect-noukai/sdk"
import type { Options } from "@effect-noukai/sdk/NoukaiConfig"
import type { Mode } from "@effect-noukai/sdk/NoukaiRecord"
import type { LogEvent } from "@effect-noukai/sdk/Telemetry"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Metric, Schedule, Stream, TestClock } from "effect"
import { join } from "node:path"
import { servicesFor } from "./support/client.js"
import { folder } from "./support/folder.js"
import { share } from "./support/size.js"
import * as Wire from "./support/WireServer.js"

type Path = "seq" | "flow-runs"

const flowRun = { id: "ex-1", flowId: "fl_1", status: "completed" }
const step = { stepId: "a", attempt: 1, status: "completed" }

const refusal = (status: number, code?: string) =>
  Wire.json(status, code === undefined ? { detail: "no" } : { detail: { code, message: "no" } })

const missing = refusal(404, "RUN_NOT_FOUND")

const events = Wire.text(
  200,
  [["run_started", { executionId: "ex-1" }], ["flow_completed", { result: 1 }]]
    .map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`).join(""),
  { "content-type": "text/event-stream" }
)

/** A run as every read of it wants it. */
const serves: Wire.Answer = (response, request) => {
  const answer = request.path.endsWith("/trace/stream")
    ? events
    : /\/steps\/[^/]+\/trace/.test(request.path)
    ? Wire.json(200, step)
    : request.path.endsWith("/trace")
    ? Wire.json(200, { flowRun, steps: [] })
    : Wire.json(200, flowRun)
  answer(response, request)
}

const pathOf = (path: string): Path => path.includes("/flow-runs/") ? "flow-runs" : "seq"

/** A deployment: the answers of each path one after the other, of which the last one is repeated. */
const deployment = (
  answers: { readonly [P in Path]: Wire.Answer | ReadonlyArray<Wire.Answer> },
  options: Options = {}
) =>
  Effect.gen(function*() {
    const given = { seq: 0, "flow-runs": 0 }
    const server = yield* Wire.serve(...Array.from({ length: 200 }, (): Wire.Answer => (response, request) => {
      const path = pathOf(request.path)
      const list = [answers[path]].flat()
      list[Math.min(given[path]++, list.length - 1)]!(response, request)
    }))
    const context = yield* servicesFor(server, options)
    const asked = () => server.requests.map(({ path }) => pathOf(path))
    return { runs: Context.get(context, RunService), server, asked }
  })

const reads: {
  readonly [name: string]: (runs: RunService.Service) => Effect.Effect<unknown, CallError>
} = {
  trace: (runs) => runs.trace("a/b/c", "ex-1"),
  cost: (runs) => runs.cost("a/b/c", "ex-1"),
  stepTrace: (runs) => runs.stepTrace("a/b/c", "ex-1", "a", { attempt: 2, loopIndex: 0 }),
  summary: (runs) => runs.summary("a/b/c", "ex-1"),
  liveTrace: (runs) => Stream.runCollect(runs.liveTrace("a/b/c", "ex-1"))
}

describe("a read that the first path refuses", () => {
  for (const [name, read] of Object.entries(reads)) {
    for (const status of [401, 403, 404]) {
      it.scoped(`${name}: after ${status} the other path is asked once, and remembered`, () =>
        Effect.gen(function*() {
          const { asked, runs, server } = yield* deployment({ seq: refusal(status), "flow-runs": serves })
          yield* read(runs)
          assert.deepStrictEqual(asked(), ["seq", "flow-runs"])
          assert.strictEqual(
            server.requests[1]!.path.replace("/flow-runs/", "/seq/a/b/c/runs/"),
            server.requests[0]!.path
          )
          for (const again of Object.values(reads)) yield* again(runs)
          assert.deepStrictEqual(asked(), ["seq", ...Array.from({ length: 6 }, () => "flow-runs" as const)])
        }))
    }
  }

  it.scoped("is asked of the first one alone where that answers", () =>
    Effect.gen(function*() {
      const { asked, runs } = yield* deployment({ seq: serves, "flow-runs": serves })
      for (const read of Object.values(reads)) yield* read(runs)
      assert.deepStrictEqual(asked(), ["seq", "seq", "seq", "seq", "seq"])
    }))

  it.scoped("a path that answered is not left, whatever it says later", () =>
    Effect.gen(function*() {
      const { asked, runs } = yield* deployment({
        seq: [serves, refusal(403), refusal(404), missing, refusal(401)],
        "flow-runs": serves
      })
      yield* runs.trace("a/b/c", "ex-1")
      const tags = yield* Effect.forEach([1, 2, 3, 4], () => Effect.flip(runs.trace("a/b/c", "ex-1")))
      assert.deepStrictEqual(tags.map(({ _tag }) => _tag), [
        "PermissionDeniedError",
        "FlowNotFoundError",
        "FlowNotFoundError",
        "AuthenticationError"
      ])
      assert.deepStrictEqual(asked(), ["seq", "seq", "seq", "seq", "seq"])
    }))

  for (const status of [400, 402, 410, 422, 429, 500]) {
    it.scoped(`${status} is no refusal: the other path is not asked`, () =>
      Effect.gen(function*() {
        const { asked, runs } = yield* deployment({ seq: refusal(status), "flow-runs": serves }, { maxRetries: 0 })
        assert.strictEqual((yield* Effect.flip(runs.trace("a/b/c", "ex-1"))).statusCode, status)
        yield* Effect.flip(Stream.runDrain(runs.liveTrace("a/b/c", "ex-1")))
        assert.deepStrictEqual(asked(), ["seq", "seq"])
      }))
  }

  for (const runPaths of ["seq", "flow-runs"] as const) {
    it.scoped(`runPaths ${runPaths} asks that path alone`, () =>
      Effect.gen(function*() {
        const { asked, runs } = yield* deployment({ seq: refusal(403), "flow-runs": refusal(403) }, { runPaths })
        for (const read of Object.values(reads)) yield* Effect.flip(read(runs))
        assert.deepStrictEqual(asked(), Object.values(reads).map(() => runPaths))
      }))
  }

  it.scoped("the list of runs and other clients are not concerned", () =>
    Effect.gen(function*() {
      const { asked, runs, server } = yield* deployment({ seq: refusal(403), "flow-runs": serves })
      yield* runs.trace("a/b/c", "ex-1")
      const other = Context.get(yield* servicesFor(server), RunService)
      yield* other.trace("a/b/c", "ex-1")
      assert.deepStrictEqual(asked(), ["seq", "flow-runs", "seq", "flow-runs"])
    }))
})

describe("a read that both paths refuse", () => {
  const kinds = {
    401: [refusal(401), "AuthenticationError", undefined],
    run: [missing, "FlowNotFoundError", "RUN_NOT_FOUND"],
    403: [refusal(403), "PermissionDeniedError", undefined],
    404: [refusal(404), "FlowNotFoundError", undefined],
    "404 of a flow": [refusal(404, "FLOW_NOT_FOUND"), "FlowNotFoundError", "FLOW_NOT_FOUND"]
  } as const
  const order = ["401", "run", "403", "404"] as const

  for (const [strength, strong] of order.entries()) {
    for (const weak of order.slice(strength)) {
      for (const [seq, flowRuns] of [[strong, weak], [weak, strong]] as const) {
        it.scoped(`${seq} and ${flowRuns} is ${strong}`, () =>
          Effect.gen(function*() {
            for (const read of share(Object.values(reads), order.indexOf(weak), order.length)) {
              const { asked, runs } = yield* deployment({ seq: kinds[seq][0], "flow-runs": kinds[flowRuns][0] })
              const error = yield* Effect.flip(read(runs))
              assert.deepStrictEqual([error._tag, error.code], [kinds[strong][1], kinds[strong][2]])
              assert.deepStrictEqual(asked(), ["seq", "flow-runs"])
            }
          }))
      }
    }
  }

  for (
    const [seq, flowRuns, later] of [
      ["401", "403", ["seq", "flow-runs"]],
      ["404", "404 of a flow", ["seq", "flow-runs"]],
      ["404 of a flow", "403", ["seq", "flow-runs"]],
      ["403", "run", ["flow-runs"]],
      ["run", "403", ["seq"]],
      ["run", "run", ["seq"]]
    ] as const
  ) {
    it.scoped(`${seq} and ${flowRuns}: the next read asks ${later.join(" and ")}`, () =>
      Effect.gen(function*() {
        const { asked, runs } = yield* deployment({ seq: kinds[seq][0], "flow-runs": kinds[flowRuns][0] })
        yield* Effect.flip(runs.summary("a/b/c", "ex-1"))
        yield* Effect.flip(runs.trace("a/b/c", "ex-1"))
        assert.deepStrictEqual(asked(), ["seq", "flow-runs", ...later])
      }))
  }

  it.scoped("a run that the first path misses and the second one has is read, and the second one remembered", () =>
    Effect.gen(function*() {
      const { asked, runs } = yield* deployment({ seq: missing, "flow-runs": serves })
      yield* runs.trace("a/b/c", "ex-1")
      yield* runs.trace("a/b/c", "ex-1")
      assert.deepStrictEqual(asked(), ["seq", "flow-runs", "flow-runs"])
    }))

  for (
    const [name, answer, tag] of [
      ["no JSON", Wire.text(200, "<html>"), "PermissionDeniedError"],
      ["405", refusal(405), "PermissionDeniedError"],
      ["410", refusal(410), "FlowExecutionError"],
      ["503", refusal(503), "FlowExecutionError"],
      ["429", refusal(429), "RateLimitError"],
      ["a reset", Wire.reset, "APIConnectionError"]
    ] as const
  ) {
    it.scoped(`403 and ${name} is ${tag}, and nothing is remembered`, () =>
      Effect.gen(function*() {
        const { asked, runs } = yield* deployment({ seq: refusal(403), "flow-runs": answer }, { maxRetries: 0 })
        assert.strictEqual((yield* Effect.flip(runs.trace("a/b/c", "ex-1")))._tag, tag)
        yield* Effect.flip(runs.trace("a/b/c", "ex-1"))
        assert.deepStrictEqual(asked(), ["seq", "flow-runs", "seq", "flow-runs"])
      }))
  }

  it.scoped("a run that the first path misses is missing, although the second one fails in passing", () =>
    Effect.gen(function*() {
      const { asked, runs } = yield* deployment({ seq: missing, "flow-runs": refusal(503) })
      assert.strictEqual((yield* Effect.flip(runs.trace("a/b/c", "ex-1"))).code, "RUN_NOT_FOUND")
      assert.deepStrictEqual(asked(), ["seq", "flow-runs"])
    }))
})

describe("retries and clocks hold for both paths together", () => {
  const soon = Schedule.intersect(Schedule.spaced("1 seconds"), Schedule.recurs(2))

  it.scoped("a retry asks again only the path that did not refuse", () =>
    Effect.gen(function*() {
      const { asked, runs, server } = yield* deployment(
        { seq: [refusal(503), refusal(403)], "flow-runs": [refusal(503), serves] },
        { retry: soon }
      )
      const fiber = yield* Effect.fork(runs.trace("a/b/c", "ex-1"))
      for (const n of [1, 3]) {
        yield* server.arrived(n)
        while (fiber.unsafePoll() === null && server.requests.length === n) yield* TestClock.adjust("1 seconds")
      }
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(asked(), ["seq", "seq", "flow-runs", "flow-runs"])
    }))

  it.scoped("there are as many retries as the schedule has, not for each path", () =>
    Effect.gen(function*() {
      const seen: Array<LogEvent> = []
      const { asked, runs } = yield* deployment(
        { seq: [refusal(503), refusal(403)], "flow-runs": refusal(503) },
        { retry: soon, log: (event) => seen.push(event) }
      )
      const fiber = yield* Effect.fork(Effect.flip(runs.trace("a/b/c", "ex-1")))
      while (fiber.unsafePoll() === null) yield* TestClock.adjust("1 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).statusCode, 503)
      assert.deepStrictEqual(asked(), ["seq", "seq", "flow-runs", "flow-runs"])
      assert.lengthOf(seen.filter(({ phase }) => phase === "retry"), 2)
      assert.deepStrictEqual(
        seen.flatMap((event) => event.phase === "request" ? [pathOf(event.path)] : []),
        asked()
      )
    }))

  it.scoped("the total clock of the call covers both", () =>
    Effect.gen(function*() {
      const { runs, server } = yield* deployment({ seq: refusal(403), "flow-runs": Wire.silence })
      const fiber = yield* Effect.fork(Effect.flip(runs.trace("a/b/c", "ex-1", { timeout: "4 seconds" })))
      yield* server.arrived(2)
      yield* TestClock.adjust("4 seconds")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag === "APITimeoutError" && error.clock, "total")
      yield* server.allEnded
    }))
})

describe("many reads at once by a new client", () => {
  it.scoped("all succeed, each with two requests at most, and later ones need one", () =>
    Effect.gen(function*() {
      const { asked, runs } = yield* deployment({ seq: refusal(404), "flow-runs": serves })
      const reading = Effect.forEach(
        Array.from({ length: 8 }, () => Object.values(reads)).flat(),
        (read) => read(runs),
        {
          concurrency: "unbounded"
        }
      )
      yield* reading
      const first = asked().length
      assert.isAtMost(first, 80)
      assert.strictEqual(asked().filter((path) => path === "flow-runs").length, 40)
      yield* reading
      assert.strictEqual(asked().length, first + 40)
    }))

  it.scoped("one that misses a run does not mislead the others", () =>
    Effect.gen(function*() {
      const seq: Wire.Answer = missing
      const { runs } = yield* deployment({
        seq,
        "flow-runs": (response, request) => (request.path.includes("ex-1") ? serves : missing)(response, request)
      })
      const outcomes = yield* Effect.forEach(
        ["ex-9", "ex-1", "ex-9", "ex-1"],
        (id) => Effect.either(runs.trace("a/b/c", id)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(outcomes.map(({ _tag }) => _tag), ["Left", "Right", "Left", "Right"])
    }))
})

describe("a live trace under either path", () => {
  it.scoped("closes what it opened, and counts no stream as open afterwards", () =>
    Effect.gen(function*() {
      const open = Metric.gauge("noukai_open_streams")
      const before = yield* Metric.value(open)
      const { runs } = yield* deployment({ seq: refusal(404), "flow-runs": events })
      const collected = yield* Stream.runCollect(runs.liveTrace("a/b/c", "ex-1"))
      assert.deepStrictEqual([...collected].map(({ type }) => type), ["run_started", "flow_completed"])
      assert.deepStrictEqual(yield* Metric.value(open), before)
    }))

  it.scoped("of an id of flow runs may name the execution", () =>
    Effect.gen(function*() {
      const { runs } = yield* deployment({ seq: missing, "flow-runs": events })
      assert.lengthOf(yield* Stream.runCollect(runs.liveTrace("a/b/c", "fr_1")), 2)
      const error = yield* Effect.flip(Stream.runDrain(runs.liveTrace("a/b/c", "ex-2")))
      assert.strictEqual(error._tag, "UnexpectedResponseError")
    }))
})

describe("a cassette", () => {
  const flow = "noukai/samples/two-step"

  const program = Effect.gen(function*() {
    const flows = yield* FlowService
    const runs = yield* RunService
    const { executionId = "" } = yield* flows.execute(flow, { message: "hi" })
    const trace = yield* runs.trace(flow, executionId)
    const { costUsd } = yield* runs.cost(flow, executionId)
    const { status } = yield* runs.summary(flow, executionId)
    const step = yield* runs.stepTrace(flow, executionId, "answer")
    const types = [...yield* Stream.runCollect(runs.liveTrace(flow, executionId))].map(({ type }) => type)
    return { steps: trace.steps.map(({ stepId }) => stepId), costUsd, status, step: step.stepId, types }
  })

  it.scopedLive("recorded under one path replays where the other one was recorded", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "runs.json")
      const recorded = yield* Effect.forEach(["seq", "flow-runs", "both"] as const, (runPaths) =>
        Effect.gen(function*() {
          const file = `${path}-${runPaths}`
          const recording = (mode: Mode) =>
            Effect.provide(
              program,
              NoukaiRecord.toFile(file, {
                mode,
                live: Layer.provide(Noukai.layerServices, Layer.orDie(Emulator.layer({ runPaths })))
              })
            )
          const live = yield* recording("once")
          const replayed = yield* recording("none")
          assert.deepStrictEqual(replayed, live)
          return live
        }))
      assert.deepStrictEqual(recorded[1], recorded[0])
      assert.deepStrictEqual(recorded[2], recorded[0])
    }))
})
