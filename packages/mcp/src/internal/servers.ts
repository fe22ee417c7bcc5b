/** The MCP servers whose tools flows may call. A server starts with the first run that needs it. */
import { VERSION } from "@effect-noukai/promise/Version"
import type { Client } from "@modelcontextprotocol/client"
import * as Effect from "effect/Effect"
import type { McpTools } from "../client.js"
import type { McpConfig } from "../McpConfig.js"
import { failure, type ToolFailure } from "./failure.js"
import { nameOf } from "./names.js"

interface Connected extends McpTools {
  readonly client: Client
  readonly allow: ReadonlyArray<string>
}

export interface Servers {
  readonly toolsOf: (names: ReadonlyArray<string>) => Effect.Effect<McpTools, ToolFailure>
  readonly close: () => Promise<void>
}

/** The tools of several servers as one value. The config has no two of one name. */
const joined = (all: ReadonlyArray<Connected>): McpTools => {
  const owners = new Map(all.flatMap((one) => one.allow.map((name) => [nameOf(name), one] as const)))
  return {
    tools: all.flatMap(({ tools }) => tools),
    toolHandler: async (calls, context) => {
      const answers = calls.map((call) => (owners.get(call.function.name) ?? all[0]!).toolHandler([call], context))
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
    const client = new Client({ name: "noukai", version: VERSION }, { versionNegotiation: { mode: "auto" } })
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
      return { client, allow, ...await mcpTools(client, { allow }) }
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
        try: async () => joined(await Promise.all(names.map(connected))),
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
