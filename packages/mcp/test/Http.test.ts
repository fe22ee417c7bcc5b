import * as McpCommand from "@effect-noukai/mcp/McpCommand"
import { assert, describe, it } from "@effect/vitest"
import { type Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { Effect, Fiber } from "effect"
import { once } from "node:events"
import { readFileSync, statSync, writeFileSync } from "node:fs"
import { request } from "node:http"
import { join } from "node:path"
import { expect } from "vitest"
import { agentOf, configOf, gate, type Generation, generations, ownWorld, textOf, twoSteps } from "./support/world.js"

const world = ownWorld()

const token = "a-token-of-a-test"

let files = 0

const fileOf = (config: unknown): string => {
  const path = join(world.folder, `config-${files++}.json`)
  writeFileSync(path, typeof config === "string" ? config : JSON.stringify(config))
  return path
}

/** The command over HTTP, with its notes. */
const served = async (options: Partial<McpCommand.McpCommandOptions> = {}) => {
  const notes: Array<string> = []
  const written: Array<string> = []
  let [hear, fail] = [(_: string) => {}, (_: Error) => {}]
  const heard = new Promise<string>((resolve, reject) => {
    hear = resolve
    fail = reject
  })
  heard.catch(() => {})
  const fiber = Effect.runFork(McpCommand.run(world.noukai(), {
    config: fileOf(configOf()),
    check: false,
    http: "127.0.0.1:0",
    token,
    write: (text) => Effect.sync(() => void written.push(text)),
    note: (text) =>
      Effect.sync(() => {
        notes.push(text)
        const [, url] = /^MCP is served at (\S+)/.exec(text) ?? []
        if (url !== undefined) hear(url)
      }),
    ...options
  }))
  fiber.addObserver(() => fail(new Error(`it has ended: ${notes.join("\n")}`)))
  const stop = () => Effect.runPromise(Fiber.interrupt(fiber))
  world.onEnd(stop)
  return { url: new URL(await heard), notes, written, stop }
}

const agentAt = async (url: URL, generation: Generation): Promise<Client> => {
  const agent = agentOf(generation)
  const headers = { authorization: `Bearer ${token}` }
  await agent.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }))
  world.onEnd(() => agent.close())
  return agent
}

const list = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} })

/** The status of a request with any headers. */
const statusOf = async (url: URL, headers: { readonly [name: string]: string }): Promise<number | undefined> => {
  const sent = request(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers }
  })
  sent.end(list)
  const [response] = await once(sent, "response")
  response.resume()
  return response.statusCode
}

describe("over HTTP", () => {
  it.each(generations)("a client of %s calls tools, with progress", async (generation) => {
    const { url } = await served()
    const agent = await agentAt(url, generation)
    assert.strictEqual(agent.getNegotiatedProtocolVersion(), generation)
    const told: Array<number> = []
    const result = await agent.callTool({ name: "say", arguments: { message: "hello" } }, {
      onprogress: ({ progress }) => void told.push(progress)
    })
    assert.include(textOf(result), "\"said\":\"hello\"")
    assert.deepStrictEqual(told, [1, 2, 3, 4])
    assert.deepStrictEqual(world.billed(), ["0.02"])
  })

  it("a cancellation by a client of 2026-07-28 stops the step", async () => {
    const { open, opened } = gate()
    world.emulator().putFlows(twoSteps({ second: opened }))
    const agent = await agentAt((await served()).url, "2026-07-28")
    const cancel = new AbortController()
    const call = agent.callTool({ name: "say", arguments: { message: "second" } }, { signal: cancel.signal })
    call.catch(() => {})
    await expect.poll(() => world.emulator().ledger().steps.length).toBe(2)
    cancel.abort()
    await expect.poll(() => world.emulator().ledger().steps[1]!.outcome).toBe("interrupted")
    open()
    assert.deepStrictEqual(world.billed(), ["0.01"])
  })

  it("a cancellation by a client of 2025-11-25 does not arrive: the run goes on and is paid", async () => {
    const { open, opened } = gate()
    world.emulator().putFlows(twoSteps({ first: opened }))
    const agent = await agentAt((await served()).url, "2025-11-25")
    const cancel = new AbortController()
    const call = agent.callTool({ name: "say", arguments: { message: "first" } }, { signal: cancel.signal })
    call.catch(() => {})
    await expect.poll(() => world.emulator().ledger().steps.length).toBe(1)
    cancel.abort()
    await agent.listTools()
    open()
    await expect.poll(() => world.emulator().ledger().runs[0]!.status).toBe("completed")
    assert.deepStrictEqual(world.billed(), ["0.02"])
  })

  it.each(generations)("a client of %s that is gone stops the step", async (generation) => {
    const { open, opened } = gate()
    world.emulator().putFlows(twoSteps({ second: opened }))
    const agent = await agentAt((await served()).url, generation)
    agent.callTool({ name: "say", arguments: { message: "second" } }).catch(() => {})
    await expect.poll(() => world.emulator().ledger().steps.length).toBe(2)
    await agent.close()
    await expect.poll(() => world.emulator().ledger().steps[1]!.outcome).toBe("interrupted")
    open()
    assert.deepStrictEqual(world.billed(), ["0.01"])
  })

  it("the token is asked of every request, and Host and Origin are checked", async () => {
    const { url } = await served()
    const authorization = `Bearer ${token}`
    assert.strictEqual(await statusOf(url, { authorization }), 200)
    assert.strictEqual(await statusOf(url, {}), 401)
    assert.strictEqual(await statusOf(url, { authorization: "Bearer wrong" }), 401)
    assert.strictEqual(await statusOf(url, { authorization: token }), 401)
    assert.strictEqual(await statusOf(new URL(`${url.origin}/other`), {}), 401)
    assert.strictEqual(await statusOf(url, { authorization, host: "evil.example" }), 403)
    assert.strictEqual(await statusOf(url, { authorization, host: `localhost:${url.port}` }), 200)
    assert.strictEqual(await statusOf(url, { authorization, origin: "https://evil.example" }), 403)
    assert.strictEqual(await statusOf(url, { authorization, origin: "null" }), 403)
    assert.strictEqual(await statusOf(url, { authorization, origin: `http://localhost:${url.port}` }), 200)
    assert.deepStrictEqual(world.emulator().ledger().requests, [])
  })

  it("a new token is in a file that only the user can read, until the end", async () => {
    const { notes, stop, url } = await served({ token: undefined })
    const [, path] = /^requests need the token in (\S+): /.exec(notes[0]!) ?? []
    const made = readFileSync(path!, "utf8").trim()
    assert.match(made, /^[\w-]{43}$/)
    assert.strictEqual(statSync(path!).mode & 0o777, 0o600)
    assert.strictEqual(await statusOf(url, { authorization: `Bearer ${made}` }), 200)
    assert.strictEqual(await statusOf(url, {}), 401)
    assert.notInclude(notes.join("\n"), made)
    await stop()
    assert.isUndefined(statSync(path!, { throwIfNoEntry: false }))
  })

  it("runs stop when it ends", async () => {
    const { open, opened } = gate()
    world.emulator().putFlows(twoSteps({ first: opened }))
    const { stop, url } = await served()
    const agent = await agentAt(url, "2026-07-28")
    const call = agent.callTool({ name: "say", arguments: { message: "first" } })
    call.catch(() => {})
    await expect.poll(() => world.emulator().ledger().steps.length).toBe(1)
    await stop()
    await expect.poll(() => world.emulator().ledger().steps[0]!.outcome).toBe("interrupted")
    open()
  })
})

const refusal = async (options: Partial<McpCommand.McpCommandOptions>): Promise<string> => {
  const error = await Effect.runPromise(Effect.flip(McpCommand.run(world.noukai(), {
    config: fileOf(configOf()),
    check: false,
    write: () => Effect.void,
    note: () => Effect.void,
    ...options
  })))
  return error.message
}

describe("the command", () => {
  it("prints with --check the tools that agents see", async () => {
    const path = fileOf(configOf({
      title: "Say",
      result: { type: "object" },
      parameters: { type: "object", properties: { a: {} } }
    }))
    const written: Array<string> = []
    await Effect.runPromise(McpCommand.run(world.noukai(), {
      config: path,
      check: true,
      write: (text) => Effect.sync(() => void written.push(text)),
      note: () => Effect.void
    }))
    const { url } = await served({ config: path })
    const { tools } = await (await agentAt(url, "2026-07-28")).listTools()
    assert.deepStrictEqual(JSON.parse(written.join("")), { tools })
    assert.deepStrictEqual(world.emulator().ledger().requests, [])
  })

  it("refuses addresses that others can reach without a token, and wrong ones", async () => {
    for (const http of ["0.0.0.0:0", "[::]:0", "192.168.1.1:80", "example.org:80"]) {
      assert.match(await refusal({ http }), /can be reached from other machines: set --token-env/)
    }
    for (const http of ["3700", "localhost", "127.0.0.1:99999", "127.0.0.1:", "::1:80"]) {
      assert.match(await refusal({ http }), /^--http must be an address such as 127\.0\.0\.1:3700, not "/)
    }
    const { url } = await served()
    assert.match(await refusal({ http: url.host }), /^cannot listen on http:.*EADDRINUSE/)
  })

  it("refuses a config that cannot be read, or is wrong", async () => {
    assert.match(await refusal({ config: join(world.folder, "none.json") }), /^cannot read .*none\.json: ENOENT/)
    const planted = await refusal({ config: fileOf("{\"key\": nk_planted") })
    assert.match(planted, /is not JSON$/)
    assert.notInclude(planted, "nk_planted")
    assert.match(await refusal({ config: fileOf({ tools: {} }) }), /^tools must have at least one tool$/)
  })
})
