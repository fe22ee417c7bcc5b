/** A flow without a key, through a relay (13.3). */
import type { RunningEmulator } from "@effect-noukai/emulator"
import {
  APIConnectionError,
  APITimeoutError,
  Budget,
  createRelayFlow,
  type CreateRelayFlowOptions,
  type ExecuteTransport,
  FlowExecutionError,
  FlowNotFoundError,
  InsufficientCreditsError,
  InvalidRequestError,
  Noukai,
  RelayExecuteTransport,
  RelayFlow,
  ReplayMissError,
  ToolCallLimitError,
  traceScope
} from "@effect-noukai/promise"
import * as root from "@effect-noukai/promise"
import * as Small from "@effect-noukai/promise/relay"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, afterEach, assert, beforeAll, describe, it, vi } from "vitest"
import { type Relay, startRelay } from "./support/relay.js"
import { answers, hello, rejection, startWorldEmulator, tools, weather } from "./support/world.js"

let emulator: RunningEmulator
const relays: Array<Relay> = []

beforeAll(async () => {
  emulator = await startWorldEmulator()
})

afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.close()))
  await emulator.reset()
  vi.unstubAllEnvs()
})

afterAll(() => emulator.close())

const relayed = async (flow: string, options: Partial<CreateRelayFlowOptions> = {}) => {
  const relay = await startRelay(emulator, flow)
  relays.push(relay)
  return { relay, flow: createRelayFlow({ url: relay.url, ...options }) }
}

describe("createRelayFlow", () => {
  it("runs the flow of the relay, without a key and without a header of ours", async () => {
    const { flow, relay } = await relayed(hello)
    const result = await flow.execute({ message: "hi" })
    assert.deepStrictEqual(result.requiresToolCalls ? undefined : result.result, { text: "Hello! You said: hi" })
    const names = Object.keys(relay.received[0]!).filter((name) => /authorization|noukai|session/.test(name))
    assert.deepStrictEqual(names, [])
  })

  it("sends the headers that fetch adds", async () => {
    const { flow, relay } = await relayed(hello, {
      fetch: (url, init) => {
        const headers = new Headers(init?.headers)
        headers.set("authorization", "Bearer mine")
        return fetch(url, { ...init, headers })
      }
    })
    await flow.execute({ message: "hi" })
    assert.strictEqual(relay.received[0]!.authorization, "Bearer mine")
  })

  it("tool-results: a handler answers, a pause by hand too", async () => {
    const { flow } = await relayed(weather)
    const handled = await flow.execute({ message: "hi", tools, toolHandler: answers })
    assert.strictEqual(handled.status, "completed")
    const paused = await flow.execute({ message: "hi", tools })
    assert.isTrue(paused.requiresToolCalls)
    if (paused.requiresToolCalls) {
      const unknown = { toolResults: answers(paused.toolCalls), singal: 1 } as never
      assert.match(String(await rejection(paused.resume(unknown))), /invalid singal: is not an option of resume/)
      assert.strictEqual((await paused.resume({ toolResults: answers(paused.toolCalls) })).status, "completed")
    }
    assert.strictEqual(emulator.ledger().runsStarted, 2)
  })

  it("relays: stops after 10 rounds", async () => {
    const { flow } = await relayed("noukai/tests/forever")
    let rounds = 0
    const error = await rejection(flow.execute({
      message: "hi",
      tools,
      toolHandler: (calls) => {
        rounds++
        return answers(calls)
      }
    }))
    assert.instanceOf(error, ToolCallLimitError)
    assert.strictEqual(rounds, 10)
  })

  it("a run that failed is a result, an error of the upstream is of its class", async () => {
    const failing = await relayed("noukai/tests/failing")
    assert.strictEqual((await failing.flow.execute({ message: "hi" })).status, "failed")
    const { flow } = await relayed(hello)
    emulator.addFaults({ script: ["402"] })
    assert.instanceOf(await rejection(flow.execute({ message: "hi" })), InsufficientCreditsError)
  })

  it("relays: a code of the relay is the code of the error", async () => {
    const server = createServer((_, response) => {
      response.writeHead(413, { "content-type": "application/json" })
      response.end(`{"detail":"BODY_TOO_LARGE"}`)
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const flow = createRelayFlow({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` })
    const error = await rejection(flow.execute({ message: "hi" }))
    assert.instanceOf(error, FlowExecutionError)
    assert.deepStrictEqual(
      [(error as FlowExecutionError).code, (error as FlowExecutionError).message],
      ["BODY_TOO_LARGE", "BODY_TOO_LARGE"]
    )
    server.close()
  })

  it("a relay that is not there is an APIConnectionError, and nobody knows what was sent", async () => {
    const { flow, relay } = await relayed(hello)
    await relay.close()
    const error = await rejection(flow.execute({ message: "hi" }))
    assert.instanceOf(error, APIConnectionError)
    assert.strictEqual((error as APIConnectionError).sent, "unknown")
    assert.match((error as Error).message, /^flow\.execute: .* may be billed$/)
  })

  it("a response that breaks off is an APIConnectionError, and it was sent", async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { "content-length": "100" })
      response.write("{", () => response.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const flow = createRelayFlow({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` })
    const error = await rejection(flow.execute({ message: "hi" }))
    assert.instanceOf(error, APIConnectionError)
    assert.strictEqual((error as APIConnectionError).sent, "yes")
    server.close()
  })

  it("an abort rejects with its reason, a timeout with an APITimeoutError", async () => {
    const { flow } = await relayed("noukai/tests/slow")
    const controller = new AbortController()
    const call = rejection(flow.execute({ message: "hi", signal: controller.signal }))
    while (emulator.ledger().runsStarted === 0) await new Promise((resolve) => setImmediate(resolve))
    controller.abort("left")
    assert.strictEqual(await call, "left")
    const error = await rejection(flow.execute({ message: "hi", timeout: "20 millis" }))
    assert.instanceOf(error, APITimeoutError)
    assert.deepStrictEqual([(error as APITimeoutError).clock, (error as APITimeoutError).sent], ["attempt", "unknown"])
    const begun = emulator.ledger().runsStarted
    assert.strictEqual(await rejection(flow.execute({ signal: AbortSignal.abort("early") })), "early")
    assert.strictEqual(emulator.ledger().runsStarted, begun)
  })

  it("an abort ends a handler, and its signal is that of the call", async () => {
    const { flow } = await relayed(weather)
    const controller = new AbortController()
    let given: AbortSignal | undefined
    const error = await rejection(flow.execute({
      message: "hi",
      tools,
      signal: controller.signal,
      toolHandler: (_, { signal }) => {
        given = signal
        controller.abort("enough")
        return new Promise(() => {})
      }
    }))
    assert.deepStrictEqual([error, given?.aborted], ["enough", true])
  })

  it("the error of a handler is the error of the call", async () => {
    const { flow } = await relayed(weather)
    const boom = new Error("boom")
    const toolHandler = () => {
      throw boom
    }
    assert.strictEqual(await rejection(flow.execute({ message: "hi", tools, toolHandler })), boom)
  })

  it("takes no wrong URL", () => {
    for (const url of ["/agent/execute", "ftp://example.com/", "https://a:b@example.com/"]) {
      assert.throws(() => createRelayFlow({ url }), InvalidRequestError, /createRelayFlow/)
    }
  })

  it("serves a relative URL with a fetch of its own, which is looked up for each request otherwise", async () => {
    const urls: Array<unknown> = []
    const answer: typeof globalThis.fetch = (url) => {
      urls.push(url)
      return Promise.resolve(Response.json({ status: "completed", result: 1 }))
    }
    await createRelayFlow({ url: "/agent/execute", fetch: answer }).execute()
    const flow = createRelayFlow({ url: "http://127.0.0.1:1/agent" })
    vi.stubGlobal("fetch", answer)
    await flow.execute().finally(() => vi.unstubAllGlobals())
    assert.deepStrictEqual(urls, ["/agent/execute", "http://127.0.0.1:1/agent"])
  })

  it("goes live neither in a replay nor in a budget, and sends no session id in a capture", async () => {
    const { flow, relay } = await relayed(hello)
    const noukai = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port })
    await traceScope(() => flow.execute({ message: "hi" }))
    assert.isUndefined(relay.received[0]!["x-session-id"])
    const { sessionId } = await traceScope(() => noukai.flow(hello).execute({ message: "hi" }))
    vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
    const replayed = (call: () => Promise<unknown>) =>
      rejection(traceScope(call, { replaySessionId: sessionId!, client: noukai }))
    assert.instanceOf(await replayed(() => flow.execute({ message: "hi" })), ReplayMissError)
    const transport = new RelayExecuteTransport({ url: relay.url })
    assert.instanceOf(await replayed(() => transport.send({ message: "hi" })), ReplayMissError)
    const budget = new Budget({ limitUsd: 1, perRun: "0.1" })
    const error = await rejection(budget.run(() => flow.execute({ message: "hi" })))
    assert.deepInclude(error, { name: "InvalidRequestError", field: "budget" })
    assert.strictEqual(relay.received.length, 1)
    await noukai.close()
  })
})

/** The field and the reason of a refusal. */
const refusalOf = (make: () => unknown): readonly [string | undefined, string | undefined] => {
  try {
    make()
  } catch (error) {
    assert.instanceOf(error, InvalidRequestError)
    return [(error as InvalidRequestError).field, (error as InvalidRequestError).reason]
  }
  return assert.fail("it was accepted")
}

describe("the options of a relay flow", () => {
  const url = "http://127.0.0.1:1/agent/execute"

  /** The error of a flow whose `fetch` never answers, as if its time had passed. */
  const lateError = async (timeout: unknown, call?: unknown): Promise<unknown> => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    try {
      const flow = createRelayFlow({ url, fetch: () => new Promise(() => {}), timeout: timeout as never })
      const error = rejection(flow.execute({ timeout: call as never }))
      await vi.advanceTimersToNextTimerAsync()
      return await error
    } finally {
      vi.useRealTimers()
    }
  }

  it("takes seconds as a number, and durations as text", async () => {
    const times: Array<readonly [unknown, unknown, string]> = [
      [undefined, undefined, "300 s"],
      [30, undefined, "30 s"],
      [0.5, undefined, "0.5 s"],
      ["30 seconds", undefined, "30 s"],
      ["1 second", undefined, "1 s"],
      ["250 millis", undefined, "0.25 s"],
      ["2 minutes", undefined, "120 s"],
      [30, "5 seconds", "5 s"]
    ]
    for (const [timeout, call, shown] of times) {
      const error = await lateError(timeout, call)
      assert.instanceOf(error, APITimeoutError)
      assert.include((error as Error).message, `within ${shown};`)
    }
  })

  it("refuses other timeouts, and a number per call with the hint", async () => {
    for (const timeout of [0, -1, NaN, "30", "soon", "30 lightyears", "-1 seconds", {}]) {
      assert.deepStrictEqual(refusalOf(() => createRelayFlow({ url, timeout: timeout as never }))[0], "timeout")
    }
    const flow = createRelayFlow({ url, fetch: () => assert.fail("sent") })
    const error = await rejection(flow.execute({ timeout: 30 as never }))
    assert.instanceOf(error, InvalidRequestError)
    assert.strictEqual((error as InvalidRequestError).field, "timeout")
    assert.include((error as InvalidRequestError).reason, "write \"30 seconds\"")
    assert.deepInclude(await rejection(flow.execute({ timeout: "30" as never })), { field: "timeout" })
  })

  it("refuses options that it does not have, and says where headers go", async () => {
    const given = (more: object) => () => createRelayFlow({ url, ...more })
    assert.deepStrictEqual(refusalOf(given({ headers: { a: "b" } })), [
      "headers",
      "is not an option of a relay flow: set headers in fetch"
    ])
    for (const name of ["signal", "rate", "maxConcurrency", "onLog", "dispatcher", "timout"]) {
      assert.strictEqual(refusalOf(given({ [name]: 1 }))[0], name)
    }
    assert.strictEqual(refusalOf(given({ headers: undefined, fetch: null, url: undefined }))[0], "url")
    const flow = createRelayFlow({ url, fetch: () => assert.fail("sent") })
    for (const name of ["version", "sessionId", "maxCostUsd", "mesage"]) {
      assert.deepInclude(await rejection(flow.execute({ [name]: 1 })), { name: "InvalidRequestError", field: name })
    }
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    assert.deepInclude(await rejection(flow.execute({ parameters: cycle })), { name: "InvalidRequestError" })
  })
})

describe("RelayFlow", () => {
  it("is a class, of one subpath and the root", () => {
    const flow = createRelayFlow({ url: "http://127.0.0.1:1/x" })
    assert.instanceOf(flow, RelayFlow)
    assert.instanceOf(new Small.RelayFlow({ url: "http://127.0.0.1:1/x" }), RelayFlow)
    class Mine extends RelayFlow {}
    assert.instanceOf(new Mine({ url: "http://127.0.0.1:1/x" }), RelayFlow)
    assert.strictEqual(Small.createRelayFlow, createRelayFlow)
    assert.strictEqual(Small.RelayExecuteTransport, RelayExecuteTransport)
    assert.isFunction(RelayFlow.prototype.execute)
  })
})

describe("the errors of the subpath", () => {
  it("are the classes of the root", async () => {
    const flow = Small.createRelayFlow({
      url: "/agent/execute",
      fetch: () => Promise.resolve(Response.json({ detail: "no such flow" }, { status: 404 }))
    })
    const error = await rejection(flow.execute())
    assert.instanceOf(error, FlowNotFoundError)
    assert.instanceOf(error, Small.NoukaiError)
    const classes = Object.entries(Small).filter(([name]) => name.endsWith("Error"))
    assert.isAtLeast(classes.length, 13)
    for (const [name, ofSubpath] of classes) assert.strictEqual(ofSubpath, Reflect.get(root, name), name)
  })
})

describe("RelayExecuteTransport", () => {
  const answered = (body: string, status = 200) =>
    new RelayExecuteTransport({
      url: "/agent/execute",
      fetch: () => Promise.resolve(new Response(body, { status }))
    })

  it("sends one body, and resolves for any status", async () => {
    const { relay } = await relayed(hello)
    const transport: ExecuteTransport = new RelayExecuteTransport({ url: relay.url, timeout: 30 })
    const { body, status } = await transport.send({ message: "hi" })
    assert.deepStrictEqual([status, body.status], [200, "completed"])
    assert.strictEqual(emulator.ledger().runsStarted, 1)
    assert.deepStrictEqual(await answered("{\"detail\":\"FORBIDDEN\"}", 403).send({}), {
      status: 403,
      body: { detail: "FORBIDDEN" }
    })
    for (const body of ["", "<p>", "[1]", "7"]) assert.deepStrictEqual((await answered(body, 502).send({})).body, {})
  })

  it("rejects where there is no whole response", async () => {
    const signal = AbortSignal.abort("left")
    const never = () => new Promise<never>(() => {})
    const url = "/agent/execute"
    assert.strictEqual(await rejection(new RelayExecuteTransport({ url, fetch: never, signal }).send({})), "left")
    const late = new RelayExecuteTransport({ url, fetch: never, timeout: 0.001 })
    assert.instanceOf(await rejection(late.send({})), APITimeoutError)
    const failing = new RelayExecuteTransport({ url, fetch: () => Promise.reject(new TypeError("no")) })
    assert.instanceOf(await rejection(failing.send({})), APIConnectionError)
    const odd = new RelayExecuteTransport({ url, fetch: (() => Promise.resolve(7)) as never })
    assert.include((await rejection(odd.send({})) as Error).message, "fetch did not return a Response")
    assert.strictEqual(
      refusalOf(() => new RelayExecuteTransport({ url: "http://127.0.0.1:1/", rate: 1 } as never))[0],
      "rate"
    )
  })
})
