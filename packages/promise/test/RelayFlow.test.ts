/** A flow without a key, through a relay (13.3). */
import type { RunningEmulator } from "@effect-noukai/emulator"
import type { LogEvent, RelayFlowOptions } from "@effect-noukai/promise"
import {
  APIConnectionError,
  APITimeoutError,
  createRelayFlow,
  FlowExecutionError,
  InsufficientCreditsError,
  InvalidRequestError,
  ReplayMissError,
  ToolCallLimitError,
  traceScope
} from "@effect-noukai/promise"
import { Noukai } from "@effect-noukai/promise"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, afterEach, assert, beforeAll, describe, it, vi } from "vitest"
import type { Relay } from "./support/relay.js"
import { startRelay } from "./support/relay.js"
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

const relayed = async (flow: string, options: Partial<RelayFlowOptions> = {}) => {
  const relay = await startRelay(emulator, flow)
  relays.push(relay)
  return { relay, flow: createRelayFlow({ url: relay.url, ...options }) }
}

describe("createRelayFlow", () => {
  it("runs the flow of the relay, without a key and without a header of ours", async () => {
    const { flow, relay } = await relayed(hello)
    const result = await flow.execute({ message: "hi" })
    assert.deepStrictEqual(result.requiresToolCalls ? undefined : result.result, { text: "Hello! You said: hi" })
    const names = Object.keys(relay.received[0]!).filter((name) => /authorization|noukai|session|user-agent/.test(name))
    assert.deepStrictEqual(names, [])
    await flow.close()
  })

  it("sends the headers of the caller", async () => {
    const { flow, relay } = await relayed(hello, { headers: { Authorization: "Bearer mine", "X-Tenant": "7" } })
    await flow.execute({ message: "hi" })
    assert.deepStrictEqual([relay.received[0]!.authorization, relay.received[0]!["x-tenant"]], ["Bearer mine", "7"])
    await flow.close()
  })

  it("6.3: a handler answers, a pause by hand too", async () => {
    const { flow } = await relayed(weather)
    const handled = await flow.execute({ message: "hi", tools, toolHandler: answers })
    assert.strictEqual(handled.status, "completed")
    const paused = await flow.execute({ message: "hi", tools })
    assert.isTrue(paused.requiresToolCalls)
    if (paused.requiresToolCalls) {
      assert.strictEqual((await paused.resume({ toolResults: answers(paused.toolCalls) })).status, "completed")
    }
    assert.strictEqual(emulator.ledger().runsStarted, 2)
    await flow.close()
  })

  it("13.3: stops after 10 rounds", async () => {
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
    await flow.close()
  })

  it("a run that failed is a result, an error of the upstream is of its class", async () => {
    const failing = await relayed("noukai/tests/failing")
    assert.strictEqual((await failing.flow.execute({ message: "hi" })).status, "failed")
    await failing.flow.close()
    const { flow } = await relayed(hello)
    emulator.addFaults({ script: ["402"] })
    assert.instanceOf(await rejection(flow.execute({ message: "hi" })), InsufficientCreditsError)
    await flow.close()
  })

  it("13.2: a code of the relay is the code of the error", async () => {
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
    await flow.close()
    server.close()
  })

  it("B-TS-25: a relay that is not there is an APIConnectionError, and nothing was sent", async () => {
    const { flow, relay } = await relayed(hello)
    await relay.close()
    const error = await rejection(flow.execute({ message: "hi" }))
    assert.instanceOf(error, APIConnectionError)
    assert.strictEqual((error as APIConnectionError).sent, "no")
    await flow.close()
  })

  it("B-TS-25: an abort rejects with its reason, a timeout with an APITimeoutError", async () => {
    const { flow } = await relayed("noukai/tests/slow")
    const controller = new AbortController()
    const call = rejection(flow.execute({ message: "hi", signal: controller.signal }))
    while (emulator.ledger().runsStarted === 0) await new Promise((resolve) => setImmediate(resolve))
    controller.abort("left")
    assert.strictEqual(await call, "left")
    assert.instanceOf(await rejection(flow.execute({ message: "hi", timeout: 20 })), APITimeoutError)
    const closing = rejection(flow.execute({ message: "hi" }))
    await flow.close()
    assert.instanceOf(await closing, APIConnectionError)
    assert.instanceOf(await rejection(flow.execute({ message: "hi" })), APIConnectionError)
  })

  it("the signal of the flow ends its calls", async () => {
    const { flow } = await relayed(hello, { signal: AbortSignal.abort("enough") })
    assert.strictEqual(await rejection(flow.execute({ message: "hi" })), "enough")
    assert.strictEqual(emulator.ledger().requestsReceived, 0)
    await flow.close()
  })

  it("tells onLog", async () => {
    const events: Array<LogEvent> = []
    const { flow } = await relayed(hello, { onLog: (event) => events.push(event) })
    await flow.execute({ message: "hi" })
    assert.deepStrictEqual(
      events.map(({ method, path, phase }) => [phase, method, path]),
      [["request", "POST", "/agent/execute"], ["response", "POST", "/agent/execute"]]
    )
    await flow.close()
  })

  it("takes no wrong URL", () => {
    for (const url of ["/agent/execute", "ftp://example.com/", "https://a:b@example.com/"]) {
      assert.throws(() => createRelayFlow({ url }), InvalidRequestError, /createRelayFlow/)
    }
  })

  it("sends no session id in a capture, and never goes live in a replay", async () => {
    const { flow, relay } = await relayed(hello)
    const noukai = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port })
    await traceScope(() => flow.execute({ message: "hi" }))
    assert.isUndefined(relay.received[0]!["x-session-id"])
    const { sessionId } = await traceScope(() => noukai.flow(hello).execute({ message: "hi" }))
    vi.stubEnv("NOUKAI_REPLAY_ENABLED", "true")
    const replay = traceScope(() => flow.execute({ message: "hi" }), { replaySessionId: sessionId!, client: noukai })
    assert.instanceOf(await rejection(replay), ReplayMissError)
    assert.strictEqual(relay.received.length, 1)
    await Promise.all([flow.close(), noukai.close()])
  })
})
