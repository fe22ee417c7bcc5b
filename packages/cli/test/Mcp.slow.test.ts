/** `noukai mcp` in a process of its own, with the real client of MCP. */
import { type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, beforeAll, expect } from "vitest"
import { bin, spawned, started } from "./support/command.js"

const folder = mkdtempSync(join(tmpdir(), "noukai-mcp-cli-"))

let emulator: RunningEmulator

const ends: Array<() => unknown> = []

const putFlow = (held: Promise<void> = Promise.resolve()) =>
  emulator.putFlows({
    ref: "acme/test/say",
    needsMessage: false,
    steps: [{
      kind: "function",
      id: "say",
      costUsd: "0.02",
      tokens: { prompt: 1, completion: 1 },
      run: async ({ message }) => {
        if (message === "hold") await held
        return { said: message }
      }
    }]
  })

beforeAll(async () => {
  emulator = await startEmulator()
})

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
  await emulator.reset()
})

afterAll(async () => {
  await emulator.close()
  rmSync(folder, { recursive: true })
})

let files = 0

const configFile = (more: object = {}) => {
  const path = join(folder, `noukai-${files++}.mcp.json`)
  const say = { flow: "acme/test/say", description: "Says it", maxCostUsd: "0.05", timeout: "5 minutes" }
  writeFileSync(path, JSON.stringify({ tools: { say }, ...more }))
  return path
}

const environment = () => ({
  NOUKAI_BASE_URL: emulator.baseUrl,
  NOUKAI_API_KEY: emulator.apiKey,
  XDG_STATE_HOME: join(folder, "state")
})

/** An agent that has started the command. */
const connected = async (config: string, generation: "2026-07-28" | "2025-11-25" = "2026-07-28") => {
  const env = {
    ...Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value ?? ""])),
    ...environment()
  }
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [bin, "mcp", "--config", config],
    env,
    stderr: "pipe"
  })
  let stderr = ""
  transport.stderr?.on("data", (text) => {
    stderr += String(text)
  })
  const agent = new Client({ name: "agent", version: "1.0.0" }, {
    versionNegotiation: { mode: generation === "2025-11-25" ? "legacy" : { pin: generation } }
  })
  ends.push(() => agent.close())
  await agent.connect(transport)
  return { agent, transport, stderr: () => stderr }
}

const textOf = (result: unknown) => JSON.stringify(result)

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** A flow that holds until the test ends. */
const hold = () => {
  let open = () => {}
  putFlow(
    new Promise((resolve) => {
      open = resolve
    })
  )
  ends.push(() => open())
}

const outcomes = () => emulator.ledger().steps.map(({ outcome }) => outcome)

/** The lines of a session by hand. */
const lines = (...messages: ReadonlyArray<object>) =>
  messages.map((message) => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`).join("")

const handshake = [
  {
    id: 0,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "hand", version: "1" } }
  },
  { method: "notifications/initialized" }
]

describe("noukai mcp", () => {
  it.each(["2026-07-28", "2025-11-25"] as const)("serves a client of %s over stdio", async (generation) => {
    putFlow()
    const { agent } = await connected(configFile(), generation)
    assert.strictEqual(agent.getNegotiatedProtocolVersion(), generation)
    assert.deepStrictEqual((await agent.listTools()).tools.map(({ name }) => name), ["say"])
    const progress: Array<number> = []
    const result = await agent.callTool({ name: "say", arguments: { message: "hello" } }, {
      onprogress: (told) => void progress.push(told.progress)
    })
    assert.include(textOf(result), "hello")
    assert.deepStrictEqual(progress, [1, 2])
    assert.deepStrictEqual(emulator.ledger().runs.map(({ billedUsd }) => billedUsd), ["0.02"])
  })

  it.effect("writes nothing but the protocol to stdout, and the key nowhere", () =>
    Effect.scoped(Effect.gen(function*() {
      putFlow()
      const running = yield* started(["mcp", "--verbose", "--config", configFile()], {
        env: environment(),
        keepsStdin: true
      })
      const { child } = running
      child.stdin!.write(lines(
        ...handshake,
        { id: 1, method: "tools/call", params: { name: "say", arguments: { message: emulator.apiKey.slice(0, 3) } } },
        { id: 2, method: "tools/call", params: { name: "none", arguments: {} } },
        { id: 3, method: "tools/call", params: { name: "say", arguments: {} } }
      ))
      child.stdin!.write("this is not JSON\n")
      yield* running.awaitOutput("\"id\":1")
      child.stdin!.end()
      const { code, stderr, stdout } = yield* running.ended
      assert.strictEqual(code, 0, stderr)
      const messages = stdout.trim().split("\n").map((line) => JSON.parse(line))
      assert.isTrue(messages.every(({ jsonrpc }) => jsonrpc === "2.0"))
      assert.sameMembers(messages.map(({ id }) => id), [0, 1, 2, 3])
      assert.notInclude(stdout + stderr, emulator.apiKey)
    })))

  it.effect("ends its runs and itself when stdin ends", () =>
    Effect.scoped(Effect.gen(function*() {
      hold()
      const running = yield* started(["mcp", "--config", configFile()], { env: environment(), keepsStdin: true })
      running.child.stdin!.write(lines(...handshake, {
        id: 1,
        method: "tools/call",
        params: { name: "say", arguments: { message: "hold" } }
      }))
      yield* Effect.promise(() => expect.poll(outcomes).toEqual(["running"]))
      running.child.stdin!.end()
      assert.strictEqual((yield* running.ended).code, 0)
      yield* Effect.promise(() => expect.poll(outcomes).toEqual(["interrupted"]))
    })))

  it("ends its runs and itself when the agent is killed", async () => {
    hold()
    const script = fileURLToPath(new URL("support/agent.mjs", import.meta.url))
    const agent = spawn(process.execPath, [script, bin, configFile()], { env: { ...process.env, ...environment() } })
    ends.push(() => agent.kill("SIGKILL"))
    const [pid] = await once(agent.stdout, "data")
    await expect.poll(outcomes).toEqual(["running"])
    assert.isTrue(isAlive(Number(pid)))
    agent.kill("SIGKILL")
    await expect.poll(() => isAlive(Number(pid))).toBe(false)
    await expect.poll(outcomes).toEqual(["interrupted"])
    assert.deepStrictEqual(emulator.ledger().runs.map(({ billedUsd }) => billedUsd), ["0"])
  })

  it("keeps the budget of a day over processes, and over one that was killed", async () => {
    hold()
    const config = configFile({ budgetUsd: "0.12" })
    const first = await connected(config)
    const cut = first.agent.callTool({ name: "say", arguments: { message: "hold" } })
    cut.catch(() => {})
    await expect.poll(outcomes).toEqual(["running"])
    const second = await connected(config)
    assert.include(textOf(await second.agent.callTool({ name: "say", arguments: { message: "a" } })), "\"said")
    process.kill(first.transport.pid!, "SIGKILL")
    await expect.poll(() => isAlive(first.transport.pid!)).toBe(false)
    const third = await connected(config)
    assert.include(textOf(await third.agent.callTool({ name: "say", arguments: { message: "b" } })), "\"said")
    // 0.05 are reserved by the process that was killed, and 0.04 were spent
    const refused = await third.agent.callTool({ name: "say", arguments: { message: "c" } })
    assert.include(textOf(refused), "BUDGET_EXCEEDED: the run may cost 0.05 US dollars, and 0.03 of 0.12 are left")
    assert.include(third.stderr(), "BUDGET_EXCEEDED")
    const other = await connected(configFile({ budgetUsd: "0.12" }))
    assert.include(textOf(await other.agent.callTool({ name: "say", arguments: { message: "d" } })), "\"said")
  })

  it.effect("serves HTTP until a signal, with a token in a file of the user", () =>
    Effect.scoped(Effect.gen(function*() {
      putFlow()
      const running = yield* started(["mcp", "--http", "127.0.0.1:0", "--config", configFile()], { env: environment() })
      let stderr = ""
      running.child.stderr!.on("data", (text) => {
        stderr += String(text)
      })
      yield* running.awaitOutput(/MCP is served at \S+ until/)
      const [, path] = /the token in (\S+): /.exec(stderr)!
      const [, url] = /MCP is served at (\S+)/.exec(stderr)!
      assert.strictEqual(statSync(path!).mode & 0o777, 0o600)
      const token = readFileSync(path!, "utf8").trim()
      yield* Effect.promise(async () => {
        const agent = new Client({ name: "agent", version: "1.0.0" }, { versionNegotiation: { mode: "auto" } })
        const headers = { authorization: `Bearer ${token}` }
        await agent.connect(new StreamableHTTPClientTransport(new URL(url!), { requestInit: { headers } }))
        assert.include(textOf(await agent.callTool({ name: "say", arguments: { message: "a" } })), "said")
        await agent.close()
        assert.strictEqual((await fetch(url!, { method: "POST", body: "{}" })).status, 401)
      })
      running.child.kill("SIGTERM")
      const ended = yield* running.ended
      assert.strictEqual(ended.code, 130)
      assert.strictEqual(ended.stdout, "")
      assert.notInclude(ended.stderr, token)
    })))

  it.effect("refuses wrong flags and configs before anything is sent", () =>
    Effect.gen(function*() {
      const config = configFile()
      const env = { ...environment(), EMPTY: "" }
      const cases: ReadonlyArray<readonly [args: ReadonlyArray<string>, problem: RegExp]> = [
        [["--config", configFile({ tools: {} })], /tools must have at least one tool/],
        [["--config", join(folder, "none.json")], /cannot read .*none\.json/],
        [[], /cannot read noukai\.mcp\.json/],
        [["--config", config, "--http", "0.0.0.0:0"], /set --token-env/],
        [["--config", config, "--http", "nowhere"], /--http must be an address/],
        [["--config", config, "--http", "127.0.0.1:0", "--token-env", "EMPTY"], /the variable EMPTY is not set/]
      ]
      for (const [args, problem] of cases) {
        const { code, stderr, stdout } = yield* spawned(["mcp", ...args], { env })
        assert.strictEqual(code, 2, stderr)
        assert.strictEqual(stdout, "")
        assert.match(stderr, problem)
      }
      // as editors of Windows save it
      writeFileSync(config, `\ufeff${readFileSync(config, "utf8")}`)
      const check = yield* spawned(["mcp", "--config", config, "--check"], { env: { NOUKAI_ENV: "dev" } })
      assert.strictEqual(check.code, 0, check.stderr)
      assert.deepStrictEqual(JSON.parse(check.stdout).tools.map(({ name }: { name: string }) => name), ["say"])
      assert.deepStrictEqual(emulator.ledger().requests, [])
    }))
})
