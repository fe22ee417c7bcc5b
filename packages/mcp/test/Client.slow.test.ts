import type { Flow } from "@effect-noukai/emulator"
import { McpConfigError } from "@effect-noukai/mcp"
import { mcpTools } from "@effect-noukai/mcp/client"
import { assert, describe, it } from "@effect/vitest"
import { Client } from "@modelcontextprotocol/client"
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio"
import { fileURLToPath } from "node:url"
import { expect } from "vitest"
import { triage } from "./examples/lending.js"
import { asksWeather, configOf, generations, ownWorld, textOf } from "./support/world.js"

const world = ownWorld()

const script = fileURLToPath(new URL("support/weatherServer.mjs", import.meta.url))

const connected = async (): Promise<Client> => {
  const client = new Client({ name: "flow", version: "1.0.0" })
  await client.connect(new StdioClientTransport({ command: process.execPath, args: [script] }))
  world.onEnd(() => client.close())
  return client
}

const refused = async (allow: unknown): Promise<string> => {
  const error = await mcpTools(await connected(), { allow: allow as Array<string> }).then(
    () => undefined,
    (error: unknown) => error
  )
  assert.instanceOf(error, McpConfigError)
  return (error as Error).message
}

const signal = new AbortController().signal

const call = (name: string, args = "{\"city\":\"Lisbon\"}") => ({
  id: "call-1",
  type: "function" as const,
  function: { name, arguments: args }
})

describe("mcpTools", () => {
  it("declares the allowed tools alone, under names that a flow can have", async () => {
    const { tools, toolHandler } = await mcpTools(await connected(), { allow: ["delete.all", "get_weather"] })
    assert.deepStrictEqual(
      tools,
      ["delete_all", "get_weather"].map((name) => ({
        type: "function",
        function: {
          name,
          description: `The tool ${name === "delete_all" ? "delete.all" : name}`,
          parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
        }
      }))
    )
    assert.deepStrictEqual(await toolHandler([call("delete_all")], { signal }), [
      { tool_call_id: "call-1", content: "deleted" }
    ])
  })

  it("tells the model of failures", async () => {
    const { toolHandler } = await mcpTools(await connected(), { allow: ["get_weather", "fails", "dies"] })
    const content = async (name: string, args?: string) =>
      (await toolHandler([call(name, args)], { signal }))[0]!["content"]
    assert.deepStrictEqual(await content("fails"), { error: "no such city" })
    assert.deepStrictEqual(await content("delete_all"), { error: "there is no tool delete_all" })
    assert.match(JSON.stringify(await content("get_weather", "{\"city\":")), /^\{"error":".*JSON/)
    assert.match(JSON.stringify(await content("get_weather", "[]")), /^\{"error":"the arguments must be an object"/)
    assert.match(JSON.stringify(await content("get_weather", "{}")), /^\{"error":".*city/)
    assert.match(JSON.stringify(await content("dies")), /^\{"error":/)
    assert.match(JSON.stringify(await content("get_weather")), /^\{"error":/)
  })

  it("rejects when the call of the flow ends", async () => {
    const { toolHandler } = await mcpTools(await connected(), { allow: ["get_weather"] })
    const reason = new Error("the flow has ended")
    await expect(toolHandler([call("get_weather")], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  it("has no default for allow", async () => {
    for (const allow of [undefined, [], "get_weather", [1]]) {
      assert.match(await refused(allow), /^allow must be a list of tools with at least one: it has no default$/)
    }
  })

  it("refuses tools that are not there, and names that become one", async () => {
    assert.match(
      await refused(["get_wether"]),
      /^the server has no tool "get_wether"; it has get_weather, delete\.all, /
    )
    assert.match(
      await refused(["delete.all", "delete_all"]),
      /^the tools "delete\.all" and "delete_all" would both be named delete_all for the flow: allow one of them$/
    )
  })

  it("answers a flow", async () => {
    world.emulator().putFlows({ ...asksWeather, ref: "acme/support/triage" })
    const run = await triage(world.noukai(), "Lisbon", process.execPath, [script])
    assert.strictEqual(run.status, "completed")
    assert.match(JSON.stringify((run as { result?: unknown }).result), /sunny in Lisbon/)
  })
})

const asks = (name: string): Flow => ({
  ...asksWeather,
  steps: [{
    kind: "tool",
    id: "ask",
    costUsd: "0.01",
    rounds: [[{ name, arguments: { city: "{{message}}" } }]],
    output: { heard: "{{results}}" }
  }]
})

describe.each(generations)("the servers of a config, for a client of %s", (generation) => {
  const config = (allow: readonly [string, ...Array<string>], more: object = {}) =>
    configOf({ flow: "acme/test/weather", uses: ["weather"] }, {
      servers: { weather: { command: process.execPath, args: [script], allow, env: { MOOD: "joy" }, ...more } }
    })

  it("answer the flow, and have no key", async () => {
    const agent = await world.connect(world.server(config(["get_weather"])), generation)
    for (const message of ["Lisbon", "Porto"]) {
      const result = await agent.callTool({ name: "say", arguments: { message } })
      assert.include(textOf(result), `sunny in ${message}, with no key and joy`)
    }
  })

  it("that die in a call are told to the model of the flow, and start again", async () => {
    const agent = await world.connect(world.server(config(["get_weather", "dies"])), generation)
    world.emulator().putFlows(asks("dies"))
    const died = await agent.callTool({ name: "say", arguments: { message: "Lisbon" } })
    assert.notStrictEqual(died.isError, true, textOf(died))
    assert.match(textOf(died), /error/)
    world.emulator().putFlows(asks("get_weather"))
    const result = await agent.callTool({ name: "say", arguments: { message: "Lisbon" } })
    assert.include(textOf(result), "sunny in Lisbon")
  })

  it("that cannot be started, or lack a tool, cost nothing", async () => {
    const lines: Array<string> = []
    const log = (line: string) => void lines.push(line)
    for (const wrong of [config(["get_weather"], { command: "/none/at/all" }), config(["no_tool"])]) {
      const agent = await world.connect(world.server(wrong, { log }), generation)
      const result = await agent.callTool({ name: "say", arguments: { message: "Lisbon" } })
      assert.strictEqual(result.isError, true)
      assert.match(textOf(result), /^TOOLS_UNAVAILABLE: a server of the flow's tools cannot be used \(weather\)/)
    }
    assert.match(lines.join("\n"), /ENOENT[^]*no tool "no_tool"/)
    assert.deepStrictEqual(world.emulator().ledger().runs, [])
  })

  it("are refused by a flow that is not enabled for tools", async () => {
    world.emulator().putFlows({ ref: "acme/test/weather", toolsEnabled: false, needsMessage: false, steps: [] })
    const agent = await world.connect(world.server(config(["get_weather"])), generation)
    const result = await agent.callTool({ name: "say", arguments: { message: "Lisbon" } })
    assert.strictEqual(result.isError, true)
    assert.deepStrictEqual(world.billed().filter((usd) => usd !== "0"), [])
  })
})
