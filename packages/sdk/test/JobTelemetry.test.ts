/** Spans of jobs and of reading runs and sessions (docs/wire.md#spans): one each, with the keys of executions, and none unless traced. */
import { FlowService, JobService, NoukaiReplay, RunService, SessionService } from "@effect-noukai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Schedule, Stream } from "effect"
import { config, plantedKey, servicesFor } from "./support/client.js"
import { sessionId } from "./support/sessions.js"
import { collecting, type Opened } from "./support/tracer.js"
import * as Wire from "./support/WireServer.js"

const traced = <A, E>(
  answers: ReadonlyArray<Wire.Answer>,
  use: (services: { readonly jobs: JobService.Service; readonly runs: RunService.Service }) => Effect.Effect<A, E>
) =>
  Effect.gen(function*() {
    const { opened, tracer } = collecting()
    const server = yield* Wire.serve(...answers)
    const context = yield* servicesFor(server, { maxRetries: 0 })
    const services = { jobs: Context.get(context, JobService), runs: Context.get(context, RunService) }
    const exit = yield* Effect.exit(Effect.withTracer(use(services), tracer))
    return { opened, exit, requests: server.requests }
  })

const summary = ({ attributes, exit, span }: Opened) => ({
  name: span.name,
  kind: span.kind,
  attributes: Object.fromEntries(attributes),
  ok: exit !== undefined && Exit.isSuccess(exit)
})

const address = { "noukai.org": "acme", "noukai.project": "support", "noukai.flow.slug": "greet" }

const flow = "acme/support/greet"

const accepted = Wire.json(202, { executionId: "ex-1" })

const flowRun = { id: "ex-1", flowId: "fl", status: "completed" }

describe("jobs", () => {
  it.scopedLive("noukai.flow.execute_async: as an execution, without a status", () =>
    Effect.gen(function*() {
      const { opened, requests } = yield* traced([accepted], ({ jobs }) => jobs.submit(flow, { version: 3 }))
      assert.deepStrictEqual(opened.map(summary), [{
        name: "noukai.flow.execute_async",
        kind: "client",
        attributes: {
          ...address,
          "noukai.flow.version": "3",
          "noukai.execution_id": "ex-1",
          "gen_ai.operation.name": "invoke_agent",
          "gen_ai.provider.name": "noukai",
          "gen_ai.agent.name": flow,
          "gen_ai.agent.version": "3",
          "server.address": "127.0.0.1",
          "server.port": Number(requests[0]!.headers.host?.split(":")[1])
        },
        ok: true
      }])
      const { spanId, traceId } = opened[0]!.span
      assert.strictEqual(requests[0]!.headers["traceparent"], `00-${traceId}-${spanId}-01`)
    }))

  it.scopedLive("a submission that failed is an error, and nothing in its span shows the key or a payload", () =>
    Effect.gen(function*() {
      const { exit, opened } = yield* traced(
        [Wire.json(403, { detail: { code: "FORBIDDEN", message: `no ${plantedKey}` } })],
        ({ jobs }) => jobs.submit(flow, { message: "a secret message" })
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.isFalse(summary(opened[0]!).ok)
      const shown = JSON.stringify(opened.map(({ attributes, exit }) => [[...attributes], exit]))
      assert.notInclude(shown, plantedKey)
      assert.notInclude(shown, "secret message")
    }))

  it.scopedLive("noukai.job.poll, and one noukai.job.wait however many polls it takes", () =>
    Effect.gen(function*() {
      const running = Wire.json(200, { status: "running" })
      const { opened } = yield* traced(
        [running, running, running, Wire.json(200, { status: "failed", error: "x" })],
        ({ jobs }) =>
          Effect.gen(function*() {
            const job = yield* jobs.attach(flow, "ex-1")
            yield* job.poll()
            yield* job.wait({ schedule: Schedule.spaced("1 millis") })
          })
      )
      const about = { ...address, "noukai.execution_id": "ex-1" }
      assert.deepStrictEqual(opened.map(summary), [
        {
          name: "noukai.job.poll",
          kind: "client",
          attributes: { ...about, "noukai.flow.status": "running" },
          ok: true
        },
        {
          name: "noukai.job.wait",
          kind: "client",
          attributes: { ...about, "noukai.flow.status": "failed" },
          ok: true
        }
      ])
    }))

  it.scopedLive("noukai.job.updates, and its traceparent on its polls", () =>
    Effect.gen(function*() {
      const { opened, requests } = yield* traced(
        [Wire.json(200, { status: "completed", result: 1 })],
        ({ jobs }) => Effect.flatMap(jobs.attach(flow, "ex-1"), (job) => Stream.runDrain(job.updates))
      )
      assert.deepStrictEqual(opened.map(summary), [{
        name: "noukai.job.updates",
        kind: "client",
        attributes: { ...address, "noukai.execution_id": "ex-1" },
        ok: true
      }])
      const { spanId, traceId } = opened[0]!.span
      assert.strictEqual(requests[0]!.headers["traceparent"], `00-${traceId}-${spanId}-01`)
    }))
})

describe("sessions", () => {
  it.scopedLive("noukai.session: what fetches the recordings of a replay", () =>
    Effect.gen(function*() {
      const { opened, tracer } = collecting()
      const server = yield* Wire.serve(Wire.json(200, { sessionId, executions: [] }))
      const replay = NoukaiReplay.fromSession(sessionId).pipe(Layer.provide(config({ baseUrl: server.baseUrl })))
      yield* Effect.withTracer(Layer.build(replay), tracer)
      assert.deepStrictEqual(opened.map(summary), [{
        name: "noukai.session",
        kind: "client",
        attributes: { "session.id": sessionId },
        ok: true
      }])
      const { spanId, traceId } = opened[0]!.span
      assert.strictEqual(server.requests[0]!.headers["traceparent"], `00-${traceId}-${spanId}-01`)
    }))
})

describe("runs per key", () => {
  const read = (opened: ReadonlyArray<Opened>) =>
    opened.filter(({ span }) => span.name === "noukai.session").map((one) => summary(one).ok)
  const asked = (answers: ReadonlyArray<Wire.Answer>) =>
    Effect.gen(function*() {
      const { opened, tracer } = collecting()
      const server = yield* Wire.serve(...answers)
      const flows = Context.get(yield* servicesFor(server, { maxRetries: 0 }), FlowService)
      const exit = yield* Effect.exit(Effect.withTracer(flows.executeOnce("key", flow, { message: "hi" }), tracer))
      return [Exit.isSuccess(exit), read(opened)]
    })
  const absent = Wire.json(404, { detail: { code: "SESSION_NOT_FOUND", message: "no such session" } })
  const completed = Wire.json(200, { status: "completed", result: 1, flowId: "f", blockCount: 1, executionId: "ex-1" })

  it.scopedLive("noukai.session: a session that does not exist yet is not an error of the look-up", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* asked([absent, completed]), [true, [true]])
      // a 404 that may be of a gateway is one, and so is a refusal
      assert.deepStrictEqual(yield* asked([Wire.json(404, {})]), [false, [false]])
      assert.deepStrictEqual(yield* asked([Wire.json(403, {})]), [false, [false]])
    }))

  it.scopedLive("noukai.session: it is an error of a read that needs it", () =>
    Effect.gen(function*() {
      const { opened, tracer } = collecting()
      const server = yield* Wire.serve(absent)
      const sessions = Context.get(yield* servicesFor(server, { maxRetries: 0 }), SessionService)
      yield* Effect.flip(Effect.withTracer(sessions.get(sessionId), tracer))
      assert.deepStrictEqual(read(opened), [false])
    }))
})

describe("runs", () => {
  it.scopedLive("noukai.run.trace, .step_trace, .summary, .list, .live_trace", () =>
    Effect.gen(function*() {
      const { opened } = yield* traced([
        Wire.json(200, { flowRun, steps: [] }),
        Wire.json(200, { stepId: "s", attempt: 1, status: "completed", outputContext: { secret: "payload" } }),
        Wire.json(200, flowRun),
        Wire.json(200, { runs: [flowRun] }),
        Wire.text(200, "event: flow_completed\ndata: {\"result\":1}\n\n", { "content-type": "text/event-stream" })
      ], ({ runs }) =>
        Effect.gen(function*() {
          yield* runs.trace(flow, "ex-1")
          yield* runs.stepTrace(flow, "ex-1", "s")
          yield* runs.summary(flow, "ex-1")
          yield* Stream.runDrain(runs.list({ flowId: "fl" }))
          yield* Stream.runDrain(runs.liveTrace(flow, "ex-1"))
        }))
      const about = { ...address, "noukai.execution_id": "ex-1" }
      const completed = { ...about, "noukai.flow.status": "completed" }
      assert.deepStrictEqual(opened.map(summary), [
        { name: "noukai.run.trace", kind: "client", attributes: completed, ok: true },
        { name: "noukai.run.step_trace", kind: "client", attributes: { ...about, "noukai.step.id": "s" }, ok: true },
        { name: "noukai.run.summary", kind: "client", attributes: completed, ok: true },
        { name: "noukai.run.list", kind: "client", attributes: {}, ok: true },
        { name: "noukai.run.live_trace", kind: "client", attributes: about, ok: true }
      ])
    }))
})
