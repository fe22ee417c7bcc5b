/** The MCP servers whose tools flows may call. A server starts with the first run that needs it. */
import type { Client } from "@modelcontextprotocol/client"
import * as Effect from "effect/Effect"
import type { McpTools } from "../client.js"
import type { McpConfig } from "../McpConfig.js"
import { McpConfigError } from "../McpConfigError.js"
import { failure, type ToolFailure } from "./failure.js"

interface Connected extends McpTools {
  readonly client: Client
}

export interface Servers {
  readonly toolsOf: (names: ReadonlyArray<string>) => Effect.Effect<McpTools, ToolFailure>
  readonly close: () => Promise<void>
}

const nameOf = (tool: Record<string, unknown>): string => {
  const { function: declared } = tool
  return typeof declared === "object" && declared !== null && "name" in declared ? String(declared.name) : ""
}

/** The tools of several servers as one value. */
const joined = (all: ReadonlyArray<readonly [server: string, tools: McpTools]>): McpTools => {
  const owners = new Map<string, readonly [server: string, tools: McpTools]>()
  for (const one of all) {
    for (const name of one[1].tools.map(nameOf)) {
      const other = owners.get(name)
      if (other !== undefined) {
        throw new McpConfigError([
          `the servers ${JSON.stringify(other[0])} and ${
            JSON.stringify(one[0])
          } both have a tool ${name}: allow one of them`
        ])
      }
      owners.set(name, one)
    }
  }
  return {
    tools: all.flatMap(([, { tools }]) => tools),
    toolHandler: async (calls, context) => {
      const toolsOf = (name: string) => (owners.get(name) ?? all[0]!)[1]
      const answers = calls.map((call) => toolsOf(call.function.name).toolHandler([call], context))
      return (await Promise.all(answers)).flat()
    }
  }
}

export const make = (servers: NonNullable<McpConfig["servers"]>): Servers => {
  const connections = new Map<string, Promise<Connected>>()
  const connect = async (name: string): Promise<Connected> => {
    const { allow, args = [], command, cwd, env } = servers[name]!
    const [{ Client }, { getDefaultEnvironment, StdioClientTransport }, { mcpTools }] = await Promise.all([
      import("@modelcontextprotocol/client"),
      import("@modelcontextprotocol/client/stdio"),
      import("../client.js")
    ])
    const client = new Client({ name: "noukai", version: "0.1.0" }, { versionNegotiation: { mode: "auto" } })
    // the server is started again by the next run
    client.onclose = () => void connections.delete(name)
    try {
      await client.connect(
        new StdioClientTransport({
          command,
          args: [...args],
          env: { ...getDefaultEnvironment(), ...env },
          ...cwd === undefined ? {} : { cwd }
        })
      )
      return { client, ...await mcpTools(client, { allow }) }
    } catch (error) {
      connections.delete(name)
      await client.close()
      throw error
    }
  }
  const connected = (name: string): Promise<Connected> => {
    const known = connections.get(name)
    if (known !== undefined) return known
    const connection = connect(name)
    connections.set(name, connection)
    return connection
  }
  return {
    toolsOf: (names) =>
      Effect.tryPromise({
        try: async () => joined(await Promise.all(names.map(async (name) => [name, await connected(name)] as const))),
        catch: (cause) =>
          failure(
            "TOOLS_UNAVAILABLE",
            `a server of the flow's tools cannot be used (${names.join(", ")}); nothing was started`,
            { cause }
          )
      }),
    close: async () => {
      const open = await Promise.allSettled(connections.values())
      await Promise.allSettled(open.flatMap((one) => one.status === "fulfilled" ? [one.value.client.close()] : []))
    }
  }
}
