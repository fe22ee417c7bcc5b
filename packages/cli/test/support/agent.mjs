/** An agent in a process of its own: it starts the command, calls a tool, and says the id of the process of the command. */
import { Client } from "@modelcontextprotocol/client"
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio"

const [bin, config] = process.argv.slice(2)
const transport = new StdioClientTransport({
  command: process.execPath,
  args: [bin, "mcp", "--config", config],
  env: process.env,
  stderr: "inherit"
})
const agent = new Client({ name: "agent", version: "1.0.0" })
await agent.connect(transport)
process.stdout.write(`${transport.pid}\n`)
await agent.callTool({ name: "say", arguments: { message: "hold" } })
