/** The client beside what the reference also does: contexts, pauses, jobs by id, streams that stall, warnings. */
import type { RunningEmulator } from "@effect-noukai/emulator"
import {
  type APITimeoutError,
  Budget,
  InvalidRequestError,
  Noukai,
  type NoukaiOptions,
  type ToolCall,
  traceScope,
  VERSION
} from "@effect-noukai/promise"
import { NoukaiPromise } from "@effect-noukai/promise/effect"
import { Effect, Layer, ManagedRuntime } from "effect"
import { AsyncLocalStorage } from "node:async_hooks"
import { readFile } from "node:fs/promises"
import { inspect } from "node:util"
import { Agent, MockAgent } from "undici"
import { afterAll, afterEach, assert, beforeAll, describe, it, vi } from "vitest"
import { answers, collect, hello, rejection, startWorldEmulator, tools, twoStep, weather } from "./support/world.js"

let emulator: RunningEmulator
const clients: Array<Noukai> = []

beforeAll(async () => {
  emulator = await startWorldEmulator()
})

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  await emulator.reset()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

afterAll(() => emulator.close())

const client = (options: NoukaiOptions = {}): Noukai => {
  const made = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port, ...options })
  clients.push(made)
  return made
}

describe("the asynchronous context of the caller", () => {
  const context = new AsyncLocalStorage<string>()

  it("is that of its tool handler, from the first call of a client on", async () => {
    const seen: Array<string | undefined> = []
    const call = (name: string, noukai = client()) =>
      context.run(name, () =>
        noukai.flow(weather).execute({
          message: "hi",
          tools,
          toolHandler: async (calls) => {
            seen.push(context.getStore())
            await null
            seen.push(context.getStore())
            return answers(calls)
          }
        }))
    const noukai = client()
    await call("first", noukai)
    await call("second", noukai)
    assert.deepStrictEqual(seen, ["first", "first", "second", "second"])
  })

  it("is that of each of many handlers at once", async () => {
    const noukai = client()
    const call = (name: string) =>
      context.run(name, () =>
        noukai.flow(weather).execute({
          message: name,
          tools,
          toolHandler: (calls) => {
            assert.strictEqual(context.getStore(), name)
            return answers(calls)
          }
        }))
    await Promise.all(Array.from({ length: 20 }, (_, index) => call(`caller ${index}`)))
  })

  it("is that of the handler of a loop", async () => {
    const noukai = client()
    const seen = await context.run("loop", async () => {
      let inHandler: string | undefined
      for await (
        const event of noukai.flow(weather).events({
          message: "hi",
          tools,
          toolHandler: (calls) => {
            inHandler = context.getStore()
            return answers(calls)
          }
        })
      ) {
        assert.notStrictEqual(event.type, "tool_calls_required")
        assert.strictEqual(context.getStore(), "loop")
      }
      return inHandler
    })
    assert.strictEqual(seen, "loop")
  })
})

describe("a fresh client", () => {
  const all = ["1", "2", "3", "4"]

  for (const options of [{}, { otel: true }, { onLog: () => {} }] as ReadonlyArray<NoukaiOptions>) {
    it(`sends simultaneous calls in their order with ${JSON.stringify(Object.keys(options))}`, async () => {
      const sent: Array<string> = []
      const noukai = client({
        ...options,
        fetch: (input, init) => {
          sent.push(String(JSON.parse(String(init?.body)).message))
          return fetch(input, init)
        }
      })
      await Promise.all(all.map((message) => noukai.flow(hello).execute({ message })))
      assert.deepStrictEqual(sent, all)
    })
  }

  it("sends nothing for a call that is stopped while its tracer is loaded", async () => {
    const controller = new AbortController()
    const noukai = client({ otel: true })
    const call = noukai.flow(hello).execute({ message: "hi", signal: controller.signal })
    controller.abort("enough")
    assert.strictEqual(await rejection(call), "enough")
    const closed = client({ otel: true })
    const other = rejection(closed.flow(hello).execute({ message: "hi" }))
    await closed.close()
    assert.include(String(await other), "the client was closed")
    assert.strictEqual(emulator.ledger().requestsReceived, 0)
  })
})

describe("a pause by hand", () => {
  it("of execute may be answered in any of the accepted forms", async () => {
    for (const key of ["tool_call_id", "toolCallId"]) {
      for (const [contentKey, content] of [["content", "sunny"], ["output", "sunny"], ["content", { sky: "blue" }]]) {
        const paused = await client().flow(weather).execute({ message: "hi", tools })
        assert.isTrue(paused.requiresToolCalls)
        if (!paused.requiresToolCalls) continue
        const toolResults = paused.toolCalls.map(({ id }) => ({ [key]: id, [contentKey as string]: content }))
        const result = await paused.resume({ toolResults })
        assert.strictEqual(result.status, "completed")
      }
    }
  })

  const pauseOf = async (noukai: Noukai) => {
    const loop = noukai.flow(weather).events({ message: "hi", tools })[Symbol.asyncIterator]()
    for (let next = await loop.next(); !next.done; next = await loop.next()) {
      if (next.value.type === "tool_calls_required") return { loop, pause: next.value }
    }
    return assert.fail("the run did not pause")
  }

  it("of a loop goes on although nobody waited for resume", async () => {
    const { loop, pause } = await pauseOf(client())
    void pause.resume({ toolResults: answers(pause.toolCalls) })
    assert.strictEqual((await loop.next()).value?.type, "step_started")
  })

  it("of a loop is answered once", async () => {
    const { loop, pause } = await pauseOf(client())
    await pause.resume({ toolResults: answers(pause.toolCalls) })
    assert.instanceOf(await rejection(pause.resume({ toolResults: answers(pause.toolCalls) })), InvalidRequestError)
    assert.strictEqual((await loop.next()).value?.type, "step_started")
    assert.instanceOf(await rejection(pause.resume({ toolResults: answers(pause.toolCalls) })), InvalidRequestError)
    await loop.return!()
  })

  it("of a loop that was left cannot be answered", async () => {
    const { loop, pause } = await pauseOf(client())
    await loop.return!()
    assert.instanceOf(await rejection(pause.resume({ toolResults: answers(pause.toolCalls) })), InvalidRequestError)
    assert.strictEqual(emulator.ledger().requestsReceived, 1)
  })

  it("refuses wrong answers at once, and can be answered after that, in a loop as after execute", async () => {
    const { loop, pause } = await pauseOf(client())
    const paused = await client().flow(weather).execute({ message: "hi", tools })
    assert(paused.requiresToolCalls)
    const sent = emulator.ledger().requestsReceived
    const wrongOf = (id: string): ReadonlyArray<readonly [field: string, toolResults: unknown]> => {
      const of = (content: unknown) => [{ tool_call_id: id, content }]
      return [
        ["toolResults", "none"],
        ["toolResults", []],
        ["toolResults[0].toolCallId", [{ content: "sunny" }]],
        ["toolResults[0].toolCallId", [{ tool_call_id: "another", content: "sunny" }]],
        ["toolResults[1]", [...of("sunny"), ...of("sunny")]],
        ["toolResults[0].content", of(new Map([[1, 2]]))],
        ["toolResults[0].content", [{ tool_call_id: id, contnet: "sunny" }]],
        ["toolResults[0].content", of(Promise.resolve("sunny"))],
        ["toolResults[0].content", of(() => "sunny")],
        ["toolResults[0].content", of(new Error("no weather"))],
        ["toolResults[0].content.degrees[1]", of({ degrees: [1, Number.NaN] })]
      ]
    }
    for (const [place, one] of [["flow.events", pause], ["FlowService.execute", paused]] as const) {
      for (const [field, toolResults] of wrongOf(one.toolCalls[0]!.id)) {
        const error = await rejection(one.resume({ toolResults: toolResults as never })) as InvalidRequestError
        assert.instanceOf(error, InvalidRequestError)
        assert.deepInclude({ ...error }, { field, executionId: one.executionId }, `${place} ${error.message}`)
      }
    }
    assert.strictEqual(emulator.ledger().requestsReceived, sent)
    await pause.resume({ toolResults: answers(pause.toolCalls) })
    assert.strictEqual((await loop.next()).value?.type, "step_started")
    await loop.return!()
    assert.strictEqual((await paused.resume({ toolResults: answers(paused.toolCalls) })).status, "completed")
  })

  it("has no options of its own, and can be answered after a refusal of one", async () => {
    const paused = await client().flow(weather).execute({ message: "hi", tools })
    assert(paused.requiresToolCalls)
    const toolResults = answers(paused.toolCalls)
    const error = await rejection(paused.resume({ toolResults, timeout: 1000 } as never))
    assert.instanceOf(error, InvalidRequestError)
    const { executionId, message } = error as InvalidRequestError
    assert.match(message, /^flow\.execute: invalid timeout: is not an option of resume: /)
    assert.strictEqual(executionId, paused.executionId)
    assert.strictEqual(emulator.ledger().requestsReceived, 1)
    const none = { toolResults, signal: undefined, timeout: null } as never
    assert.strictEqual((await paused.resume(none)).status, "completed")
    const { loop, pause } = await pauseOf(client())
    const misspelled = await rejection(pause.resume({ toolresults: answers(pause.toolCalls) } as never))
    assert.match((misspelled as Error).message, /^flow\.events: invalid toolresults: is not an option of resume: /)
    await pause.resume({ toolResults: answers(pause.toolCalls) })
    assert.strictEqual((await loop.next()).value?.type, "step_started")
    await loop.return!()
  })

  it("of a live trace is answered by who watches", async () => {
    const { loop: owner, pause: { executionId } } = await pauseOf(client())
    await owner.return!()
    const types: Array<string> = []
    for await (const event of client().flow(weather).run(executionId).liveTrace({ tools, trace: true })) {
      types.push(event.type)
      if (event.type === "tool_calls_required") await event.resume({ toolResults: answers(event.toolCalls) })
    }
    assert.strictEqual(types.at(-1), "flow_completed")
    assert.deepStrictEqual(emulator.ledger().runs.map(({ status }) => status), ["completed"])
  })

  it("keeps the order and the number of calls when a handler answers", async () => {
    const rounds: Array<ReadonlyArray<ToolCall>> = []
    await rejection(
      client().flow("noukai/tests/forever").execute({
        message: "hi",
        tools,
        maxToolRounds: 3,
        toolHandler: (calls) => {
          rounds.push(calls)
          return answers(calls)
        }
      })
    )
    assert.strictEqual(rounds.length, 3)
    assert.strictEqual(new Set(rounds.flat().map(({ id }) => id)).size, 3)
  })
})

describe("flow.executeAsync", () => {
  it("refuses what the queue does not take before anything is sent, and takes null as absent", async () => {
    const flow = client().flow(twoStep)
    const extras: Record<string, unknown> = {
      messages: [],
      attachments: [],
      tools: [],
      toolChoice: "auto",
      toolHandler: () => [],
      maxToolRounds: 1,
      maxCostUsd: 1
    }
    for (const [name, value] of Object.entries(extras)) {
      for (
        const call of [
          flow.executeAsync({ message: "hi", [name]: value } as object),
          flow.executeAsyncOnce("row 1", { message: "hi", [name]: value } as object)
        ]
      ) {
        const error = await rejection(call)
        assert.instanceOf(error, InvalidRequestError)
        assert.strictEqual((error as InvalidRequestError).field, name)
        assert.match((error as InvalidRequestError).message, /^flow\.executeAsync(Once)?: .*queue/)
      }
    }
    assert.strictEqual(emulator.ledger().requestsReceived, 0)
    const none = Object.fromEntries(Object.keys(extras).map((name) => [name, null]))
    await flow.executeAsync({ message: "hi", ...none } as object)
    assert.strictEqual(emulator.ledger().runsStarted, 1)
  })
})

describe("options that do not exist", () => {
  it("are refused by every call before anything is sent, and absent if they are null", async () => {
    const noukai = client()
    const flow = noukai.flow(twoStep)
    const first = (events: AsyncIterable<unknown>) => events[Symbol.asyncIterator]().next()
    const calls: { readonly [name: string]: (options: object) => Promise<unknown> } = {
      "flow.execute": (options) => flow.execute(options),
      "flow.executeOnce": (options) => flow.executeOnce("row 1", options),
      "flow.executeAsync": (options) => flow.executeAsync(options),
      "flow.submitOnce": (options) => flow.submitOnce("row 1", options),
      "flow.steps": (options) => first(flow.steps(options)),
      "flow.events": (options) => first(flow.events(options)),
      "job.poll": (options) => flow.job("ex-1").poll(options),
      "job.wait": (options) => flow.job("ex-1").wait(options),
      "noukai.waitAll": (options) => first(noukai.waitAll([flow.job("ex-1")], options)),
      "run.trace": (options) => flow.run("ex-1").trace(options),
      "run.cost": (options) => flow.run("ex-1").cost(options),
      "run.stepTrace": (options) => flow.run("ex-1").stepTrace("a", options),
      "run.liveTrace": (options) => first(flow.run("ex-1").liveTrace(options)),
      traceScope: (options) => traceScope(() => 1, options),
      fromRuntime: (options) => NoukaiPromise.fromRuntime(ManagedRuntime.make(Layer.empty) as never, options),
      run: (options) => NoukaiPromise.run(noukai, Effect.succeed(1), options)
    }
    for (const [name, call] of Object.entries(calls)) {
      const error = await rejection(call({ attemptTimout: 1000 }))
      assert.instanceOf(error, InvalidRequestError)
      assert.match((error as Error).message, new RegExp(`^${name}: invalid attemptTimout: is not an option: `))
    }
    assert.match(
      (await rejection(flow.execute({ attemptTimeout: 1000 } as object)) as Error).message,
      /is not an option: timeout limits each request$/
    )
    assert.match(
      (await rejection(flow.submitOnce("row 1", { takeOver: true } as object)) as Error).message,
      /invalid takeOver: is not an option/
    )
    assert.throws(() => noukai.flow(twoStep, { results: 1 } as object), /invalid results: .*did you mean result\?/)
    assert.throws(() => new Budget({ limitUsd: 1, perrun: 1 } as never), InvalidRequestError, /perrun/)
    assert.strictEqual(emulator.ledger().requestsReceived, 0)
    await flow.execute({ message: "hi", attemptTimeout: null, verbose: undefined } as object)
    assert.strictEqual(emulator.ledger().runsStarted, 1)
  })
})

describe("noukai.job", () => {
  it("attaches to a job of another client by its id", async () => {
    const { executionId } = await client().flow(twoStep).executeAsync({ message: "hi" })
    const job = client({ org: "noukai", project: "samples" }).job("two-step", executionId)
    assert.strictEqual(job.executionId, executionId)
    assert.strictEqual((await job.wait({ pollInterval: 5 })).status, "completed")
    assert.strictEqual(emulator.ledger().runsStarted, 1)
  })

  it("sends nothing by itself, and a job that is not there is not found", async () => {
    const job = client().job(twoStep, "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01")
    assert.strictEqual(emulator.ledger().requestsReceived, 0)
    assert.strictEqual((await rejection(job.poll()) as Error).name, "FlowNotFoundError")
  })

  it("an id that no path can carry is refused", async () => {
    assert.instanceOf(await rejection(client().job(twoStep, "").poll()), InvalidRequestError)
    assert.throws(() => client().job("a/b", "x"), InvalidRequestError)
    assert.strictEqual(emulator.ledger().requestsReceived, 0)
  })

  it("poll has a timeout of its own", async () => {
    const job = await client().flow("noukai/tests/slow").executeAsync({ message: "hi" })
    emulator.addFaults({ script: ["delay:3600000"] })
    const error = await rejection(job.poll({ timeout: 500 })) as APITimeoutError
    assert.strictEqual(error.name, "APITimeoutError")
    assert.deepInclude(error, { clock: "total", sent: "unknown", executionId: job.executionId, isRetryable: true })
    assert.match(error.message, /^job\.poll/)
  })

  it("a poll whose clock is 0 is not sent, and says so", async () => {
    const job = client().job(twoStep, "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01")
    const error = await rejection(job.poll({ timeout: 0 })) as APITimeoutError
    assert.deepInclude(error, { name: "APITimeoutError", clock: "total", sent: "no" })
    assert.strictEqual(emulator.ledger().requestsReceived, 0)
  })
})

describe("fields of a stream that nobody declared", () => {
  const toolCalls = [{ id: "tc_1", type: "function", function: { name: "get_weather", arguments: "{}" } }]

  const streamed = (...frames: ReadonlyArray<readonly [name: string, data: object]>) => {
    const body = frames.map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`).join("")
    const noukai = client({
      fetch: async () => new Response(body, { headers: { "content-type": "text/event-stream" } })
    })
    return noukai.flow(weather).events({ message: "hi", tools, runRemaining: true })
  }

  const started = ["run_started", { executionId: "ex-1", stepCount: 1 }] as const

  const theirs = { outputFrom: "theirs", resultFrom: "theirs", resume: "theirs", constructor: "theirs", model: "m-1" }

  it("are handed through, but never in place of our own", async () => {
    const events = await collect(streamed(
      started,
      ["step_output", { stepId: "a", outputContext: 1 }],
      ["step_completed", { stepId: "a", ...theirs }],
      ["step_completed", { stepId: "b", output: 2, ...theirs }],
      ["flow_completed", { executionId: "ex-1", result: 3, ...theirs }]
    ))
    const [first, second, last] = events.slice(2) as Array<object>
    const more = { constructor: "theirs", model: "m-1" }
    assert.deepStrictEqual(
      Object.entries(first!).sort(),
      Object.entries({
        type: "step_completed",
        stepId: "a",
        stepIndex: 0,
        output: 1,
        outputFrom: "step_output",
        ...more
      }).sort()
    )
    assert.deepStrictEqual(
      Object.entries(second!).sort(),
      Object.entries({
        type: "step_completed",
        stepId: "b",
        stepIndex: 1,
        output: 2,
        ...more
      }).sort()
    )
    assert.deepStrictEqual(
      Object.entries(last!).sort(),
      Object.entries({
        type: "flow_completed",
        runId: "ex-1",
        executionId: "ex-1",
        result: 3,
        ...more
      }).sort()
    )
  })

  it("leave the resume of a pause as it is", async () => {
    const pause = {
      executionId: "ex-1",
      stepId: "a",
      stepIndex: 0,
      iterationsUsed: 1,
      toolCalls,
      toolCallMessages: [{ role: "assistant", tool_calls: toolCalls }]
    }
    for await (const event of streamed(started, ["step_paused_for_tool_calls", { ...pause, ...theirs }])) {
      if (event.type !== "tool_calls_required") continue
      assert.isFunction(event.resume)
      assert.notProperty({ ...event }, "resume")
      assert.strictEqual((event as { model?: string }).model, "m-1")
      return
    }
    assert.fail("no pause")
  })
})

describe("a stream", () => {
  it("time-limits: that stalls ends with an APITimeoutError", async () => {
    emulator.addFaults({ script: ["stall:3600000:e2"] })
    const types: Array<string> = []
    const error = await rejection((async () => {
      for await (const event of client().flow(twoStep).events({ message: "hi", timeout: 500 })) types.push(event.type)
    })()) as { name: string; message: string; clock: string; executionId: string }
    assert.deepStrictEqual([error.name, error.clock], ["APITimeoutError", "idle"])
    assert.include(error.message, ": timeout passed")
    assert.strictEqual(error.executionId, emulator.ledger().runs[0]!.executionId)
    assert.deepStrictEqual(types, ["run_started", "step_started"])
  })

  it("time-limits: that never begins ends with an APITimeoutError, also by the client's timeout", async () => {
    emulator.addFaults({ script: ["delay:3600000"] })
    const loop = client({ timeout: 50 }).flow(twoStep).events({ message: "hi" })
    const error = await rejection(collect(loop)) as { name: string; clock: string }
    assert.deepStrictEqual([error.name, error.clock], ["APITimeoutError", "firstByte"])
  })

  it("names of the future are left out", async () => {
    const types = async () =>
      (await collect(client().flow(twoStep).events({ message: "hi" }))).map((event) => event.type)
    const known = await types()
    emulator.addFaults({ script: ["unknown", "unknown"] })
    assert.deepStrictEqual(await types(), known)
    assert.deepStrictEqual(emulator.ledger().requests.map(({ fault }) => fault), [
      undefined,
      undefined,
      "unknown",
      "unknown"
    ])
  })

  it("a step that fails with a text has an error with that message", async () => {
    const server = await rawStream(
      `event: run_started\ndata: {"executionId":"ex-1"}\n\n` +
        `event: step_error\ndata: {"stepId":"a","error":"no model"}\n\n`
    )
    const [, failed] = await collect(client({ dispatcher: server }).flow(twoStep).events({ message: "hi" }))
    assert.deepStrictEqual(failed, { type: "step_error", stepId: "a", error: { message: "no model" } })
  })
})

/** A dispatcher that answers every request with these bytes. */
const rawStream = async (body: string): Promise<MockAgent> => {
  const agent = new MockAgent()
  agent.disableNetConnect()
  agent.get(`http://localhost:${emulator.port}`)
    .intercept({ path: () => true, method: () => true })
    .reply(200, body, { headers: { "content-type": "text/event-stream" } })
    .persist()
  return agent
}

describe("options of the client", () => {
  it("dispatcher is what requests go through, and is not closed with the client", async () => {
    const agent = new Agent()
    const dispatched = vi.spyOn(agent, "dispatch")
    const noukai = client({ dispatcher: agent })
    await noukai.flow(hello).execute({ message: "hi" })
    assert.strictEqual(dispatched.mock.calls.length, 1)
    await noukai.close()
    assert.isFalse(agent.closed)
    await agent.close()
  })

  it("port belongs to dev alone", () => {
    assert.throws(() => new Noukai({ apiKey: "nk_1", port: 1 }), InvalidRequestError, /port/)
    assert.throws(() => new Noukai({ apiKey: "nk_1", env: "dev", port: 70_000 }), InvalidRequestError, /port/)
  })

  it("servers-and-keys: there is no other host to choose", async () => {
    vi.stubEnv("NOUKAI_BASE_URL", "http://127.0.0.1:9/api/v1")
    await client().flow(hello).execute({ message: "hi" })
    vi.unstubAllEnvs()
    assert.strictEqual(emulator.ledger().requestsReceived, 1)
  })

  it("what is no number is refused by name", () => {
    const rows = {
      timeout: { timeout: -1 },
      maxRetries: { maxRetries: 1.5 },
      maxConcurrency: { maxConcurrency: 0 },
      rate: { rate: NaN },
      "rate.interval": { rate: { limit: 1, interval: 0 } }
    }
    for (const [field, options] of Object.entries(rows)) {
      try {
        new Noukai({ apiKey: "nk_1", ...options })
        assert.fail(`${field} was accepted`)
      } catch (error) {
        assert.strictEqual((error as InvalidRequestError).field, field)
      }
    }
  })

  it("onLog that throws is reported once, as a warning of one line", async () => {
    const warnings = vi.spyOn(console, "warn").mockImplementation(() => {})
    const noukai = client({
      onLog: () => {
        throw new Error("a bad hook")
      }
    })
    await noukai.flow(hello).execute({ message: "hi" })
    assert.strictEqual(warnings.mock.calls.length, 1)
    assert.match(String(warnings.mock.calls[0]![0]), /^noukai: .*hook.*a bad hook/)
  })

  it("logPayloads shows bodies as values", async () => {
    const bodies: Array<unknown> = []
    const noukai = client({ logPayloads: true, onLog: (event) => bodies.push(event.requestBody ?? event.responseBody) })
    await noukai.flow(hello).execute({ message: "hi" })
    assert.deepStrictEqual(bodies[0], { message: "hi", trace: false })
    assert.strictEqual((bodies[1] as { status: string }).status, "completed")
  })

  it("in a browser it warns about the key", () => {
    const warnings = vi.spyOn(console, "warn").mockImplementation(() => {})
    vi.stubGlobal("window", {})
    client()
    assert.strictEqual(warnings.mock.calls.length, 1)
    assert.notInclude(String(warnings.mock.calls[0]), emulator.apiKey)
  })

  it("the key is nowhere to be seen", async () => {
    const noukai = client({ onLog: () => {} })
    emulator.addFaults({ script: ["401"] })
    const error = await rejection(noukai.flow(hello).execute({ message: "hi" }))
    for (const value of [noukai, noukai.flow(hello), error, noukai._transport]) {
      assert.notInclude(inspect(value, { depth: 20, showHidden: true }), emulator.apiKey)
    }
  })
})

describe("the stack of an error", () => {
  it("names who called, and nothing of the machinery", async () => {
    const whoCalls = async () => {
      await client().flow("noukai/tests/nothing").execute({ message: "hi" })
    }
    const { stack } = await rejection(whoCalls()) as Error
    assert.match(stack!, /at (async )?Flow\.execute[^]*at (async )?whoCalls/)
    assert.notMatch(stack!, /fiberRuntime|FiberRuntime/)
  })
})

describe("nulls", () => {
  it("json: are as good as absent", async () => {
    const options = { message: null, parameters: null, tools: null, toolHandler: null, trace: null, sessionId: null }
    const flow = client().flow("noukai/tests/loop")
    assert.strictEqual((await flow.execute(options as object)).status, "completed")
    assert.strictEqual(emulator.ledger().requests[0]!.body, `{"trace":false}`)
    assert.isAbove((await collect(flow.events(options as object))).length, 2)
  })
})

describe("the version of a stream", () => {
  it("throws at the call if it is the draft or not a version, and nothing is sent", async () => {
    const noukai = client()
    for (const version of ["draft", 0, -1, 1.5, NaN, Infinity, "latest", "2", true, {}]) {
      for (const method of ["steps", "events"] as const) {
        try {
          noukai.flow(hello)[method]({ message: "hi", version: version as never })
          assert.fail(`${String(version)} was accepted`)
        } catch (error) {
          assert.instanceOf(error, InvalidRequestError)
          assert.strictEqual((error as InvalidRequestError).field, "version")
          assert.match((error as Error).message, /^flow\.(steps|events): invalid version: /)
        }
      }
    }
    for (const version of ["production", 1, null, undefined]) {
      noukai.flow(hello).steps({ message: "hi", version: version as never })
      noukai.flow(hello).events({ message: "hi", version: version as never })
    }
    assert.strictEqual(emulator.ledger().requestsReceived, 0)
  })
})

describe("the version", () => {
  it("is that of the package", async () => {
    const manifest = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"))
    assert.strictEqual(VERSION, manifest.version)
  })
})
