import { mcpServer } from "@effect-noukai/mcp"
import type { Noukai } from "@effect-noukai/promise"
import { createMcpHandler } from "@modelcontextprotocol/server"

// flows as tools, behind your own login: its callers spend your credits
export const flowTools = (noukai: Noukai, callerOf: (request: Request) => string | undefined) => {
  const server = mcpServer(noukai, {
    tools: {
      grade: {
        flow: "acme/spelling/grade-3",
        description: "Grades a sentence",
        parameters: {
          type: "object",
          properties: { difficulty: { enum: ["easy", "hard"] } },
          required: ["difficulty"]
        },
        maxCostUsd: "0.02",
        timeout: "5 minutes"
      }
    },
    budgetUsd: "5.00"
  })
  const handler = createMcpHandler(server)
  return {
    fetch: async (request: Request): Promise<Response> => {
      const clientId = callerOf(request)
      if (clientId === undefined) return new Response(null, { status: 401 })
      return await handler.fetch(request, { authInfo: { token: "", clientId, scopes: [] } })
    },
    close: server.close // ends the runs
  }
}
