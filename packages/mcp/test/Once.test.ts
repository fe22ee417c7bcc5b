import { assert, describe, it } from "@effect/vitest"
import { type CallToolResult, type Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { createMcpHandler } from "@modelcontextprotocol/server"
import { agentOf, configOf, generations, ownWorld, textOf } from "./support/world.js"

const world = ownWorld()

const say = (agent: Client, message: string, key?: unknown): Promise<CallToolResult> =>
  agent.callTool({
    name: "say",
    arguments: { message },
    ...key === undefined ? {} : { _meta: { "xyz.noukai/key": key } }
  })

const idOf = (result: CallToolResult) => {
  assert.notStrictEqual(result.isError, true, textOf(result))
  return result._meta!["xyz.noukai/executionId"]
}

/** An agent over HTTP, with a caller or without one. */
const overHttp = async (config: ReturnType<typeof configOf>, clientIds: ReadonlyArray<string | undefined>) => {
  const handler = createMcpHandler(world.server(config))
  return await Promise.all(clientIds.map(async (clientId) => {
    const agent = agentOf("2026-07-28")
    await agent.connect(
      new StreamableHTTPClientTransport(new URL("http://127.0.0.1/mcp"), {
        fetch: (input, init) =>
          handler.fetch(
            new Request(input, init),
            clientId === undefined ? {} : { authInfo: { token: "", clientId, scopes: [] } }
          )
      })
    )
    world.onEnd(() => agent.close())
    return agent
  }))
}

describe.each(generations)("one run per key, for a client of %s", (generation) => {
  it("by the key of the request, also after a restart", async () => {
    const ids = []
    for (let n = 0; n < 2; n++) {
      const agent = await world.connect(world.server(configOf()), generation)
      ids.push(idOf(await say(agent, "a", "order-1")), idOf(await say(agent, "a", "order-1")))
    }
    assert.lengthOf(new Set(ids), 1)
    assert.deepStrictEqual(world.billed(), ["0.02"])
    const other = await world.connect(world.server(configOf()), generation)
    assert.notStrictEqual(idOf(await say(other, "a", "order-2")), ids[0])
  })

  it("by the arguments, in any order", async () => {
    const parameters = { type: "object", properties: { x: {}, y: {} } }
    const agent = await world.connect(world.server(configOf({ once: "arguments", parameters })), generation)
    const call = (given: { [name: string]: unknown }) => agent.callTool({ name: "say", arguments: given })
    const first = idOf(await call({ message: "a", x: { b: 1, c: 2 }, y: 2 }))
    assert.strictEqual(idOf(await call({ y: 2, x: { c: 2, b: 1 }, message: "a" })), first)
    assert.notStrictEqual(idOf(await call({ message: "a", x: { b: 1, c: 3 }, y: 2 })), first)
    assert.lengthOf(world.emulator().ledger().runs, 2)
  })

  it("of a run that failed, which is not paid again", async () => {
    world.emulator().putFlows({
      ref: "acme/test/two",
      needsMessage: false,
      steps: [{ kind: "fail", id: "broken", code: "NO_LUCK", costUsd: "0.01" }]
    })
    const agent = await world.connect(world.server(configOf()), generation)
    for (let n = 0; n < 2; n++) {
      assert.match(textOf(await say(agent, "a", "order-1")), /^NO_LUCK: the step broken failed/)
    }
    assert.lengthOf(world.emulator().ledger().runs, 1)
  })

  it("without a key, each call is a run", async () => {
    const server = world.server(configOf())
    for (let n = 0; n < 2; n++) {
      const agent = await world.connect(server, generation)
      idOf(await say(agent, "a"))
    }
    assert.deepStrictEqual(world.billed(), ["0.02", "0.02"])
  })
})

describe("over HTTP", () => {
  it("the ids of requests, which two clients count from 0, are no keys", async () => {
    const [one, other] = await overHttp(configOf(), ["ada", "ada"])
    assert.notStrictEqual(idOf(await say(one!, "a")), idOf(await say(other!, "b")))
  })

  it("the same key of two callers is two runs", async () => {
    const [ada, ben] = await overHttp(configOf(), ["ada", "ben"])
    const first = idOf(await say(ada!, "a", "1"))
    assert.notStrictEqual(idOf(await say(ben!, "a", "1")), first)
    assert.strictEqual(idOf(await say(ada!, "a", "1")), first)
  })

  it("the same arguments of two callers are two runs", async () => {
    const [ada, ben] = await overHttp(configOf({ once: "arguments" }), ["ada", "ben"])
    const first = idOf(await say(ada!, "a"))
    assert.notStrictEqual(idOf(await say(ben!, "a")), first)
    assert.strictEqual(idOf(await say(ada!, "a")), first)
  })

  it("a key without a caller, or a wrong key, starts nothing", async () => {
    const [nobody, ada] = await overHttp(configOf(), [undefined, "ada"])
    assert.match(textOf(await say(nobody!, "a", "1")), /^INVALID_KEY: one run per key requires an authorised caller/)
    for (const key of [7, "", { a: 1 }]) {
      assert.match(textOf(await say(ada!, "a", key)), /^INVALID_KEY: _meta\["xyz\.noukai\/key"\] must be a text/)
    }
    const [unknown] = await overHttp(configOf({ once: "arguments" }), [undefined])
    assert.match(textOf(await say(unknown!, "a")), /^INVALID_KEY: /)
    assert.deepStrictEqual(world.emulator().ledger().requests, [])
  })
})
