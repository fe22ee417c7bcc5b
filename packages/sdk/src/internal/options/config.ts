/**
 * The servers that the key may be sent to: the two hosted hosts over https, or loopback. No variable of the environment
 * names another host.
 *
 * @see contract 1.1, C2
 */
import * as Either from "effect/Either"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { invalid } from "../core/makeError.js"

export interface BaseUrl {
  readonly origin: string
  readonly prefix: string
}

const hosted: ReadonlySet<string> = new Set(["api.noukai.xyz", "api.noukai.dev"])

const prefix = "/api/v1"

const allowed =
  "must be https://api.noukai.xyz/api/v1, https://api.noukai.dev/api/v1, or http(s) on a loopback address (localhost, 127.x.x.x, [::1])"

const isLoopback = (hostname: string): boolean =>
  hostname === "localhost" || hostname === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname)

const isAllowed = (url: URL): boolean => {
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") return false
  if (isLoopback(url.hostname)) return url.protocol === "http:" || url.protocol === "https:"
  return url.protocol === "https:" && url.port === "" && hosted.has(url.hostname)
}

/** The base URL that the options name. */
export const baseUrl = (
  method: string,
  options: {
    readonly env?: string | undefined
    readonly port?: number | undefined
    readonly baseUrl?: string | undefined
  }
): Either.Either<BaseUrl, InvalidRequestError> => {
  const refuse = (field: string, reason: string) => Either.left(invalid(method, field, reason))
  const { baseUrl: given, env, port } = options
  if (given !== undefined) {
    if (env !== undefined || port !== undefined) {
      return refuse("baseUrl", "give either baseUrl, or env (with an optional port)")
    }
    const url = typeof given === "string" && URL.canParse(given) ? new URL(given) : undefined
    if (url === undefined || !isAllowed(url)) return refuse("baseUrl", allowed)
    const path = url.pathname.replace(/\/+$/, "")
    return Either.right({ origin: url.origin, prefix: path === "" ? prefix : path })
  }
  if (env === "dev" || env === "development") {
    const dev = port ?? 8080
    return Number.isInteger(dev) && dev > 0 && dev < 65_536
      ? Either.right({ origin: `http://localhost:${dev}`, prefix })
      : refuse("port", "must be an integer from 1 to 65535")
  }
  if (env !== undefined && env !== "production") {
    return refuse("env", "must be \"production\", \"dev\" or \"development\"")
  }
  return port === undefined
    ? Either.right({ origin: "https://api.noukai.xyz", prefix })
    : refuse("port", "goes with env \"dev\" only")
}
