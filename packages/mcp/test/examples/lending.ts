import { mcpTools } from "@effect-noukai/mcp/client"
import type { Noukai } from "@effect-noukai/promise"
import { Client } from "@modelcontextprotocol/client"
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio"

// the flow may call one tool of the server, and no other
export const triage = async (noukai: Noukai, message: string, command: string, args: Array<string>) => {
  const weather = new Client({ name: "triage", version: "1.0.0" })
  await weather.connect(new StdioClientTransport({ command, args }))
  try {
    const tools = await mcpTools(weather, { allow: ["get_weather"] })
    return await noukai.flow("acme/support/triage").execute({ message, ...tools })
  } finally {
    await weather.close()
  }
}
