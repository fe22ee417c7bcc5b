import { type McpConfig, mcpServer, type NoukaiMcpServer } from "@effect-noukai/mcp"
import { type McpTools, mcpTools } from "@effect-noukai/mcp/client"
import type { Noukai } from "@effect-noukai/promise"
import type { Client } from "@modelcontextprotocol/client"
import { createMcpHandler } from "@modelcontextprotocol/server"
import { serveStdio } from "@modelcontextprotocol/server/stdio"
import { expectTypeOf } from "vitest"

declare const noukai: Noukai
declare const client: Client

const tool = { flow: "a/b/c", description: "Does it", maxCostUsd: 0.02, timeout: "1 minute" }

const server = mcpServer(noukai, { tools: { tool } })
expectTypeOf(server).toEqualTypeOf<NoukaiMcpServer>()
createMcpHandler(server)
serveStdio(server)

const unlimited = { flow: "a/b/c", description: "Does it", timeout: "1 minute" }
// @ts-expect-error: the cost limit has no default
export const withoutLimit: McpConfig = { tools: { unlimited } }

const endless = { flow: "a/b/c", description: "Does it", maxCostUsd: 1 }
// @ts-expect-error: the timeout has no default
export const withoutTimeout: McpConfig = { tools: { endless } }

expectTypeOf(mcpTools(client, { allow: ["a"] })).toEqualTypeOf<Promise<McpTools>>()
// @ts-expect-error: allow has no default
mcpTools(client, {})
noukai.flow("a/b/c").execute({ ...await mcpTools(client, { allow: ["a"] }) })
