/** The name of a tool for a flow: MCP allows dots, Noukai does not. */
export const nameOf = (name: string): string => name.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 64)
