/** Undici whole, which is loaded only where there is a proxy: its agents are not in the parts that the SDK uses. */

export { EnvHttpProxyAgent } from "undici"
