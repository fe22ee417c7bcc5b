/** Undici whole, which is loaded for proxies and checks of servers: its agents are not in the parts that the SDK uses. */

export { EnvHttpProxyAgent, request } from "undici"
