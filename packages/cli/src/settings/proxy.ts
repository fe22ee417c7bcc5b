/** The proxy for requests to the hosted service, from the environment. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Scope from "effect/Scope"
import type { Dispatcher } from "undici"
import { type UsageError, wrong } from "../exit/CommandError.js"
import { variable } from "./environment.js"

export interface Proxy {
  /** The variable that names the proxy. */
  readonly from: string
  /** The URL, with credentials. */
  readonly url: string
  /** The URL with masked credentials. */
  readonly shown: string
}

/** Whether NO_PROXY excludes a host. */
const isExcluded = ({ hostname, port }: URL): boolean =>
  (variable("no_proxy") ?? variable("NO_PROXY") ?? "").split(/[,\s]+/).some((entry) => {
    const [, name = entry, onPort] = /^(.+):(\d+)$/.exec(entry) ?? []
    const host = name.replace(/^\*?\./, "").toLowerCase()
    return entry === "*" || (host !== "" && `.${hostname}`.endsWith(`.${host}`) &&
      (onPort === undefined || onPort === (port === "" ? "443" : port)))
  })

/** Returns the proxy for a hosted server, if there is one. */
export const proxyFor = (server: URL): Either.Either<Proxy | undefined, UsageError> => {
  const from = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"].find((name) => variable(name) !== undefined)
  if (from === undefined || isExcluded(server)) return Either.right(undefined)
  if (server.protocol !== "https:") {
    return Either.left(
      wrong(`${server.origin} cannot be used with ${from}: the proxy would see the key; use https`)
    )
  }
  return Either.try({
    try: () => {
      const text = variable(from)!
      const { host, hostname, href, password, protocol, username } = new URL(
        text.includes("://") ? text : `http://${text}`
      )
      decodeURIComponent(username + password)
      if (!/^https?:$/.test(protocol) || hostname === "") throw new Error(protocol)
      return { from, url: href, shown: `${protocol}//${username + password === "" ? "" : "***@"}${host}` }
    },
    // the value may contain a password
    catch: () => wrong(`${from} is not the URL of a proxy: set it to http://host:port`)
  })
}

/** Creates a dispatcher through a proxy. The scope destroys it. */
export const dispatcher = ({ url }: Proxy): Effect.Effect<Dispatcher, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const { EnvHttpProxyAgent } = await import("./proxyAgent.js")
      return new EnvHttpProxyAgent({ httpProxy: url, httpsProxy: url, noProxy: "" })
    }),
    (agent) => Effect.promise(() => agent.destroy())
  )
