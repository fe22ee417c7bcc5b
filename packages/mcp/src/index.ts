/**
 * Noukai flows as MCP tools of agents.
 *
 * @since 0.1.0
 */
export { McpConfig } from "./McpConfig.js"
export { McpConfigError } from "./McpConfigError.js"
export { mcpServer } from "./McpServer.js"
export type { McpServerOptions, NoukaiMcpServer } from "./McpServer.js"
