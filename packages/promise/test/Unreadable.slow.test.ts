/** Values whose reading throws, as each argument of the client: errors of this package, before anything is sent. */
import {
  Budget,
  createRelayFlow,
  defineTool,
  type Job,
  Noukai,
  NoukaiError,
  RelayExecuteTransport,
  trace,
  traceScope
} from "@effect-noukai/promise"
import { NoukaiPromise } from "@effect-noukai/promise/effect"
import { record, replay } from "@effect-noukai/promise/testing"
import { Effect } from "effect"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, assert, beforeAll, describe, it } from "vitest"
import { z } from "zod"
import { unreadableParts, unreadables } from "../../sdk/test/support/unreadable.js"
import { paused } from "./support/pausedRun.js"

const apiKey = "nk_test_planted8_0123456789abcdef0123456789abcdef"

const flow = "acme/support/answer"

let requests = 0
let server: Server
let port = 0
const unhandled: Array<unknown> = []
const note = (reason: unknown) => void unhandled.push(reason)

beforeAll(async () => {
  process.on("unhandledRejection", note)
  server = createServer((request, response) => {
    requests++
    request.resume().on("end", () => response.end(JSON.stringify(paused)))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  port = (server.address() as AddressInfo).port
})

afterEach(() => assert.deepStrictEqual(unhandled, []))

afterAll(async () => {
  process.off("unhandledRejection", note)
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

/** Types are what this is not about. */
const any = (u: unknown): never => u as never

const drained = async (events: AsyncIterable<unknown>): Promise<void> => {
  for await (const _ of events);
}

const tools = [{ type: "function", function: { name: "n", description: "d", parameters: { type: "object" } } }]

const ofCall = { timeout: 1, signal: undefined }

const begun = {
  ...ofCall,
  message: "hi",
  parameters: { a: { b: [1] } },
  blockOverrides: { s: { a: 1 } },
  trace: true,
  version: 1
}

const whole = {
  ...begun,
  attachments: [{ url: "https://a.example/b.png", mime_type: "image/png" }],
  tools,
  toolChoice: { type: "function", function: { name: "n" } },
  maxToolRounds: 1,
  maxCostUsd: 1
}

const messages = { messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }] }

const address = { org: "acme", project: "support", slug: "answer" }

const schemas = { parameters: z.object({ a: z.number().optional() }), result: z.string() }

const relay = { url: "http://127.0.0.1:1/agent" }

const file = join(tmpdir(), "absent", "cassette.json")

interface Row {
  readonly right?: unknown
  readonly call: (noukai: Noukai, wrong: unknown) => unknown
}

const rows: { readonly [argument: string]: Row } = {
  "noukai.flow: flow": { right: address, call: (noukai, wrong) => noukai.flow(any(wrong)).execute() },
  "noukai.flow: schemas": {
    right: schemas,
    call: (noukai, wrong) => noukai.flow(flow, any(wrong)).execute(any({ parameters: {} }))
  },
  "noukai.job: flow": { right: address, call: (noukai, wrong) => noukai.job(any(wrong), "ex-1").poll() },
  "noukai.job: id": { call: (noukai, wrong) => noukai.job(flow, any(wrong)).poll() },
  "flow.execute": { right: whole, call: (noukai, wrong) => noukai.flow(flow).execute(any(wrong)) },
  "flow.execute: messages": { right: messages, call: (noukai, wrong) => noukai.flow(flow).execute(any(wrong)) },
  "a typed flow.execute": {
    right: begun,
    call: (noukai, wrong) => noukai.flow(flow, { result: z.string() }).execute(any(wrong))
  },
  "flow.executeOnce": {
    right: { ...begun, rerunFailed: true, settle: 1, takeOver: true },
    call: (noukai, wrong) => noukai.flow(flow).executeOnce("key", any(wrong))
  },
  "flow.executeOnce: key": { call: (noukai, wrong) => noukai.flow(flow).executeOnce(any(wrong)) },
  "flow.executeAsync": { right: begun, call: (noukai, wrong) => noukai.flow(flow).executeAsync(any(wrong)) },
  "flow.submitOnce": {
    right: { ...begun, rerunFailed: true, settle: 1 },
    call: (noukai, wrong) => noukai.flow(flow).submitOnce("key", any(wrong))
  },
  "flow.executeAsyncOnce: key": { call: (noukai, wrong) => noukai.flow(flow).executeAsyncOnce(any(wrong)) },
  "flow.steps": { right: whole, call: (noukai, wrong) => drained(noukai.flow(flow).steps(any(wrong))) },
  "flow.events": { right: whole, call: (noukai, wrong) => drained(noukai.flow(flow).events(any(wrong))) },
  "flow.job: id": { call: (noukai, wrong) => noukai.flow(flow).job(any(wrong)).poll() },
  "flow.run: id": { call: (noukai, wrong) => noukai.flow(flow).run(any(wrong)).trace() },
  "job.poll": { right: ofCall, call: (noukai, wrong) => noukai.job(flow, "ex-1").poll(any(wrong)) },
  "job.wait": {
    right: { ...ofCall, pollInterval: 1 },
    call: (noukai, wrong) => noukai.job(flow, "ex-1").wait(any(wrong))
  },
  "run.trace": { right: ofCall, call: (noukai, wrong) => noukai.flow(flow).run("ex-1").trace(any(wrong)) },
  "run.cost": { right: ofCall, call: (noukai, wrong) => noukai.flow(flow).run("ex-1").cost(any(wrong)) },
  "run.stepTrace": {
    right: { ...ofCall, attempt: 1, loopIndex: 0 },
    call: (noukai, wrong) => noukai.flow(flow).run("ex-1").stepTrace("s", any(wrong))
  },
  "run.stepTrace: step": { call: (noukai, wrong) => noukai.flow(flow).run("ex-1").stepTrace(any(wrong)) },
  "run.liveTrace": {
    right: ofCall,
    call: (noukai, wrong) => drained(noukai.flow(flow).run("ex-1").liveTrace(any(wrong)))
  },
  "noukai.waitAll: jobs": { right: [{}], call: (noukai, wrong) => drained(noukai.waitAll(any(wrong))) },
  "noukai.waitAll": {
    right: { ...ofCall, pollInterval: 1, concurrency: 1, rate: { limit: 1, interval: 1 } },
    call: (noukai, wrong) => {
      const jobs: ReadonlyArray<Job> = [noukai.job(flow, "ex-1")]
      return drained(noukai.waitAll(jobs, any(wrong)))
    }
  },
  "new Noukai": {
    right: {
      apiKey,
      env: "dev",
      port: 1,
      org: "a",
      project: "b",
      timeout: 1,
      maxRetries: 0,
      rate: { limit: 1, interval: 1 },
      sessionId: "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
    },
    call: (_, wrong) => new Noukai(any(wrong)).flow(flow).execute()
  },
  "new Budget": { right: { limitUsd: 1, perRun: 1 }, call: (_, wrong) => new Budget(any(wrong)) },
  "a tool handler's declarations": {
    right: tools,
    call: (noukai, wrong) => noukai.flow(flow).execute({ tools: any(wrong), toolHandler: async () => [] })
  },
  defineTool: {
    right: { name: "n", description: "d", parameters: z.object({}), handler: async () => 1 },
    call: (_, wrong) => defineTool(any(wrong))
  },
  createRelayFlow: {
    right: { ...relay, headers: { a: "b" }, timeout: 1 },
    call: (_, wrong) => createRelayFlow(any(wrong))
  },
  RelayExecuteTransport: { right: relay, call: (_, wrong) => new RelayExecuteTransport(any(wrong)) },
  "relay.execute": {
    right: { ...whole, version: undefined, maxCostUsd: undefined },
    call: (_, wrong) => createRelayFlow(relay).execute(any(wrong))
  },
  "relay.execute: messages": { right: messages, call: (_, wrong) => createRelayFlow(relay).execute(any(wrong)) },
  traceScope: {
    right: { replaySessionId: undefined, capture: true },
    call: (_, wrong) => traceScope(async () => 1, any(wrong))
  },
  trace: { right: { capture: true }, call: (_, wrong) => trace(async () => 1, any(wrong))() },
  record: {
    right: { match: "input", mode: "none", redact: { paths: ["a"], patterns: [] }, client: {} },
    call: (_, wrong) => record(file, async () => 1, any(wrong))
  },
  replay: {
    right: { match: "input", redact: { paths: ["a"], patterns: [] }, allowUnused: true },
    call: (_, wrong) => replay(file, async () => 1, any(wrong))
  },
  "NoukaiPromise.run: client": { call: (_, wrong) => NoukaiPromise.run(any(wrong), Effect.void) },
  "NoukaiPromise.run: effect": { call: (noukai, wrong) => NoukaiPromise.run(noukai, any(wrong)) },
  "NoukaiPromise.run": {
    right: { signal: undefined },
    call: (noukai, wrong) => NoukaiPromise.run(noukai, Effect.void, any(wrong))
  },
  "NoukaiPromise.fromRuntime": { call: (_, wrong) => NoukaiPromise.fromRuntime(any(wrong)) }
}

const wrongs = (right: unknown): ReadonlyArray<readonly [string, unknown]> => [
  ...Object.entries(unreadables).map(([name, make]) => [name, make()] as const),
  ...unreadableParts(right)
]

/** The error of a call. */
const errorOf = async (noukai: Noukai, { call }: Row, wrong: unknown): Promise<unknown> => {
  try {
    await call(noukai, wrong)
  } catch (error) {
    return error
  }
  return undefined
}

describe("a value whose reading throws", () => {
  for (const [argument, row] of Object.entries(rows)) {
    it(argument, async () => {
      const before = requests
      await using noukai = new Noukai({ apiKey, env: "dev", port, maxRetries: 0 })
      for (const [name, wrong] of wrongs(row.right)) {
        const error = await errorOf(noukai, row, wrong)
        const shown = error instanceof Error ? error.stack : String(typeof error)
        assert.instanceOf(error, NoukaiError, `${name}: ${shown}`)
        assert.strictEqual((error as NoukaiError).name, "InvalidRequestError", `${name}: ${shown}`)
        assert.notInclude((error as NoukaiError).message, "boom", name)
      }
      assert.strictEqual(requests, before)
    })
  }

  it("resume", async () => {
    await using noukai = new Noukai({ apiKey, env: "dev", port, maxRetries: 0 })
    const run = await noukai.flow(flow).execute({ message: "hi", tools })
    if (run.status !== "tool_calls_required") return assert.fail("no pause")
    const before = requests
    for (const [name, wrong] of wrongs({ toolResults: [{ tool_call_id: "t", content: { a: 1 } }] })) {
      const error: unknown = await run.resume(any(wrong)).then(() => undefined, (error: unknown) => error)
      assert.instanceOf(error, NoukaiError, name)
      assert.strictEqual((error as NoukaiError).name, "InvalidRequestError", name)
    }
    assert.strictEqual(requests, before)
  })
})
