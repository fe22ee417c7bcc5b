import { version } from "./version.js"

declare const globalThis: {
  readonly Deno?: { readonly version?: { readonly deno?: string } }
  readonly Bun?: { readonly version?: string }
  readonly EdgeRuntime?: unknown
  readonly navigator?: { readonly userAgent?: string }
  readonly window?: unknown
  readonly process?: { readonly versions?: { readonly node?: string }; readonly platform?: string }
}

const runtime = (): string => {
  const scope = globalThis
  if (scope.Deno !== undefined) return `deno/${scope.Deno.version?.deno ?? "unknown"}`
  if (scope.Bun !== undefined) return `bun/${scope.Bun.version ?? "unknown"}`
  if (scope.navigator?.userAgent === "Cloudflare-Workers") return "workerd"
  if (scope.EdgeRuntime !== undefined) return "edge"
  const node = scope.process?.versions?.node
  if (node !== undefined) return `node/${node}; ${scope.process?.platform ?? "unknown"}`
  return scope.window === undefined ? "unknown" : "browser"
}

/**
 * `effect-noukai/0.1.0 (node/20.19.0; linux)`: product and version, then the runtime (contract 2.1).
 *
 * @internal
 */
export const userAgent = (): string => `effect-noukai/${version} (${runtime()})`
