/** An emulator for the tests of one file, with flows whose steps can be held, and agents that call them. */
import { type Flow, type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import { type McpConfig, mcpServer, type McpServerOptions, type NoukaiMcpServer } from "@effect-noukai/mcp"
import { Noukai } from "@effect-noukai/promise"
import { Client } from "@modelcontextprotocol/client"
import { type CallToolResult, InMemoryTransport } from "@modelcontextprotocol/server"
import { serveStdio } from "@modelcontextprotocol/server/stdio"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll } from "vitest"

/** The clients of both generations of the protocol. */
export const generations = ["2026-07-28", "2025-11-25"] as const

export type Generation = typeof generations[number]

export const agentOf = (generation: Generation): Client =>
  new Client(
    { name: "agent", version: "1.0.0" },
    { versionNegotiation: { mode: generation === "2025-11-25" ? "legacy" : { pin: generation } } }
  )

/** A promise that a test settles. */
export const gate = () => {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}

/** Two steps that cost a cent each. A step waits at its gate when the message has its name. */
export const twoSteps = (gates: { readonly [step: string]: Promise<void> } = {}): Flow => ({
  ref: "acme/test/two",
  needsMessage: false,
  steps: ["first", "second"].map((id) => ({
    kind: "function",
    id,
    name: `the ${id} step`,
    costUsd: "0.01",
    tokens: { prompt: 10, completion: 5 },
    run: async ({ message, parameters }) => {
      if (message?.includes(id) === true) await gates[id]
      return { said: message, parameters }
    }
  }))
})

/** Asks for the weather, and says it. */
export const asksWeather: Flow = {
  ref: "acme/test/weather",
  toolsEnabled: true,
  needsMessage: false,
  steps: [{
    kind: "tool",
    id: "ask",
    costUsd: "0.01",
    rounds: [[{ name: "get_weather", arguments: { city: "{{message}}" } }]],
    output: { weather: "{{tools.get_weather}}" }
  }]
}

export const two = {
  flow: "acme/test/two",
  description: "Says the message twice",
  maxCostUsd: "0.05",
  timeout: "1 minute"
} as const

/** A config of one tool. */
export const configOf = (
  tool: Partial<McpConfig["tools"][string]> = {},
  more: Partial<McpConfig> = {}
): McpConfig => ({ tools: { say: { ...two, ...tool } }, ...more })

export const textOf = ({ content }: CallToolResult): string =>
  content.map((part) => part.type === "text" ? part.text : part.type).join("\n")

export const ownWorld = () => {
  let emulator: RunningEmulator
  const folder = mkdtempSync(join(tmpdir(), "noukai-mcp-"))
  const ends: Array<() => unknown> = []
  let budgets = 0

  beforeAll(async () => {
    emulator = await startEmulator()
    emulator.putFlows(twoSteps(), asksWeather)
  })

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
    await emulator.reset()
    emulator.putFlows(twoSteps(), asksWeather)
  })

  afterAll(async () => {
    await emulator.close()
    rmSync(folder, { recursive: true })
  })

  const noukai = (): Noukai => {
    const made = new Noukai({ apiKey: emulator.apiKey, env: "dev", port: emulator.port })
    ends.push(() => made.close())
    return made
  }

  return {
    folder,
    emulator: () => emulator,
    noukai,
    onEnd: (end: () => unknown) => void ends.push(end),
    /** A path for a budget of its own. */
    budgetPath: () => join(folder, `budget-${budgets++}`),
    server: (config: McpConfig, options?: McpServerOptions): NoukaiMcpServer => {
      const server = mcpServer(noukai(), config, options)
      ends.push(() => server.close())
      return server
    },
    /** Connects an agent in this process. */
    connect: async (server: NoukaiMcpServer, generation: Generation = "2026-07-28"): Promise<Client> => {
      const [there, here] = InMemoryTransport.createLinkedPair()
      serveStdio(server, { transport: there })
      const agent = agentOf(generation)
      await agent.connect(here)
      ends.push(() => agent.close())
      return agent
    },
    /** The cost of all runs, as the emulator has billed it. */
    billed: () => emulator.ledger().runs.map(({ billedUsd }) => billedUsd)
  }
}
