/** A flow as a tool, listed by a request of an agent. */
import { McpConfigError, mcpServer } from "@effect-noukai/mcp"
import { Noukai } from "@effect-noukai/promise"
import { createMcpHandler } from "@modelcontextprotocol/server"
import { match, strictEqual, throws } from "node:assert"

const noukai = new Noukai({ apiKey: "nk_consumer", env: "dev", port: 1 })
const grade = { flow: "acme/spelling/grade-3", description: "Grades", maxCostUsd: "0.02", timeout: "5 minutes" }
throws(() => mcpServer(noukai, { tools: { grade: { ...grade, timeout: "soon" } } }), McpConfigError)

const server = mcpServer(noukai, { tools: { grade } })
const response = await createMcpHandler(server).fetch(
  new Request("http://127.0.0.1/mcp", {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} })
  })
)
strictEqual(response.status, 200)
match(await response.text(), /"name":"grade"/)
await server.close()
await noukai.close()
