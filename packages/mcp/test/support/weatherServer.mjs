/** An MCP server over stdio: a tool that works, one that fails, one that ends the process, and names that become one. */
import { fromJsonSchema, McpServer } from "@modelcontextprotocol/server"
import { serveStdio } from "@modelcontextprotocol/server/stdio"

const text = (text) => ({ content: [{ type: "text", text }] })

const city = fromJsonSchema({ type: "object", properties: { city: { type: "string" } }, required: ["city"] })

serveStdio(() => {
  const server = new McpServer({ name: "weather", version: "1.0.0" }, { capabilities: { tools: {} } })
  const tools = {
    get_weather: ({ city }) =>
      text(`sunny in ${city}, with ${process.env.NOUKAI_API_KEY ?? "no key"} and ${process.env.MOOD ?? "no mood"}`),
    "delete.all": () => text("deleted"),
    delete_all: () => text("deleted, too"),
    fails: () => ({ ...text("no such city"), isError: true }),
    dies: () => process.exit(1)
  }
  for (const [name, call] of Object.entries(tools)) {
    server.registerTool(name, { description: `The tool ${name}`, inputSchema: city }, call)
  }
  return server
})
