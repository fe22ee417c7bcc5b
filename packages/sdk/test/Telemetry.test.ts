/** Spans of executions (docs/wire.md#spans). */
import { assert, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { clientFor } from "./support/client.js"
import { collecting, type Opened } from "./support/tracer.js"
import * as Wire from "./support/WireServer.js"

const ok = Wire.json(200, { status: "completed", result: 1, flowId: "f", blockCount: 1, executionId: "ex-1" })

it.scopedLive("one client span per execution, with its address, outcome and execution id", () =>
  Effect.gen(function*() {
    const { opened, tracer } = collecting()
    const server = yield* Wire.serve(ok)
    const flows = yield* clientFor(server)
    yield* Effect.withTracer(flows.execute("acme/support/greet", { message: "hi", version: 3 }), tracer)
    assert.lengthOf(opened, 1)
    const [{ attributes, exit, span }] = opened as [Opened]
    assert.strictEqual(span.name, "noukai.flow.execute")
    assert.strictEqual(span.kind, "client")
    assert.deepStrictEqual(Object.fromEntries(attributes), {
      "noukai.org": "acme",
      "noukai.project": "support",
      "noukai.flow.slug": "greet",
      "noukai.flow.version": "3",
      "noukai.flow.id": "f",
      "noukai.execution_id": "ex-1",
      "noukai.flow.status": "completed",
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.provider.name": "noukai",
      "gen_ai.agent.name": "acme/support/greet",
      "gen_ai.agent.id": "f",
      "gen_ai.agent.version": "3",
      "server.address": "127.0.0.1",
      "server.port": Number(new URL(server.baseUrl).port)
    })
    assert.isTrue(exit !== undefined && Exit.isSuccess(exit))
    assert.strictEqual(
      server.requests[0]!.headers.traceparent,
      `00-0123456789abcdef0123456789abcdef-${span.spanId}-01`
    )
  }))

it.scopedLive("a failed execution ends its span with the failure and its execution id", () =>
  Effect.gen(function*() {
    const { opened, tracer } = collecting()
    const server = yield* Wire.serve(
      Wire.json(402, { detail: { code: "CREDITS_EXHAUSTED", message: "m", executionId: "ex-2" } })
    )
    const flows = yield* clientFor(server)
    yield* Effect.withTracer(Effect.either(flows.execute("a/b/c", {})), tracer)
    const [{ attributes, exit }] = opened as [Opened]
    assert.isTrue(exit !== undefined && Exit.isFailure(exit))
    assert.strictEqual(attributes.get("noukai.execution_id"), "ex-2")
  }))

it.scopedLive("no span and no traceparent when nobody traces", () =>
  Effect.gen(function*() {
    const server = yield* Wire.serve(ok, ok)
    const flows = yield* clientFor(server)
    yield* flows.execute("a/b/c", {})
    const { opened, tracer } = collecting()
    yield* flows.execute("a/b/c", {}).pipe(Effect.withTracerEnabled(false), Effect.withTracer(tracer))
    assert.lengthOf(opened, 0)
    for (const request of server.requests) assert.notProperty(request.headers, "traceparent")
  }))
