/**
 * Decides which requests a studio answers. Other programs of this machine do not know the token of the printed address. A
 * page of another site can send requests, and can resolve its own name to this machine (DNS rebinding).
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import { createHmac, timingSafeEqual } from "node:crypto"
import { isIP } from "node:net"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse

const securityHeaders = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin"
}

/** Adds the headers of every response. Only files with a hash in their name are stored by browsers. */
export const secured = (response: Response): Response =>
  HttpServerResponse.setHeaders(response, {
    "cache-control": "no-store",
    ...response.headers,
    ...securityHeaders
  })

/** Returns a page of plain text. */
export const plain = (status: number, text: string, headers: { readonly [name: string]: string } = {}): Response =>
  HttpServerResponse.text(`${text}\n`, { status, headers, contentType: "text/plain; charset=utf-8" })

/** Returns a text of 43 characters that nobody can derive without the secret. */
export const derived = (secret: string, purpose: string): string =>
  createHmac("sha256", secret).update(purpose).digest("base64url")

/** Compares texts in a time that does not tell where they differ. */
const isEqual = (one: string, other: string): boolean =>
  timingSafeEqual(
    createHmac("sha256", "compare").update(one).digest(),
    createHmac("sha256", "compare").update(other).digest()
  )

const isWildcard = (host: string): boolean => host === "0.0.0.0" || host === "::"

const loopbackNames = ["127.0.0.1", "localhost", "[::1]"]

export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host)

/** A host as it stands in a URL. */
export const hostInUrl = (host: string): string => host.includes(":") ? `[${host}]` : host

const withoutPort = (authority: string): string => authority.replace(/:\d*$/, "")

/**
 * Returns whether a `Host` header names the listener. A listener on all addresses is named by any address: only names can
 * be rebound.
 */
const isHost = (host: string, port: number): (header: string) => boolean => {
  const names = isLoopback(host) || isWildcard(host)
    ? [...loopbackNames, hostInUrl(host)]
    : [hostInUrl(host)]
  const known = new Set(names.flatMap((name) => port === 80 ? [name, `${name}:80`] : [`${name}:${port}`]))
  return (header) => {
    const authority = header.toLowerCase()
    if (known.has(authority)) return true
    const name = withoutPort(authority)
    return isWildcard(host) && authority === `${name}:${port}` && isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0
  }
}

export interface GuardOptions {
  /** The address that the server listens on, as it was given. */
  readonly host: string
  readonly port: number
  /** The token of the printed address. */
  readonly token: string
  /** The value of the cookie that a token is traded for. */
  readonly cookie: string
}

const otherSites = "This studio does not answer pages of other sites."

/** Whether a page of another site, or of another port of this machine, sends the request. */
const isForeign = ({ "sec-fetch-site": site = "none" }: Request["headers"]): boolean =>
  site !== "same-origin" && site !== "none"

/** Whether a browser sends the request to show its answer in a tab, not in a part of another page. */
const isNavigation = (
  { "sec-fetch-dest": part = "document", "sec-fetch-mode": mode = "navigate" }: Request["headers"]
): boolean => mode === "navigate" && part === "document"

const refuse = (text: string) => plain(403, text)

const unknown = plain(
  401,
  "This page needs the address that `noukai dev` or `noukai studio` printed when it started. Open that address."
)

/**
 * The requests that change something: they switch the faults of an emulator, begin a run, keep texts for the search, or
 * mark an output.
 */
const changes = new Set([
  "PUT /api/emulator/faults",
  "DELETE /api/emulator/faults",
  "POST /api/again",
  "POST /api/find",
  "POST /api/eval/mark"
])

/**
 * Answers requests that are refused, and trades tokens for cookies. The others go to `app`. A link of another site may open
 * the page, so that the cookie is sent with it; nothing else may come from there.
 */
export const guard = (
  { cookie, host, port, token }: GuardOptions
) => {
  // the ports of a host share their cookies
  const name = `noukai-studio-${port}`
  const isOurs = isHost(host, port)

  const trade = (url: URL): Response => {
    url.searchParams.delete("token")
    // two slashes at the start would name another host
    const location = url.pathname.replace(/^\/+/, "/") + url.search
    const response = HttpServerResponse.empty({ status: 303, headers: { location } })
    return HttpServerResponse.unsafeSetCookie(response, name, cookie, {
      httpOnly: true,
      // `strict` would refuse a browser that follows a link in a chat
      sameSite: "lax",
      path: "/"
    })
  }

  /** The response of a request that goes no further. */
  const answered = ({ cookies, headers, method, url: target }: Request): Response | undefined => {
    const { host: named = "", origin } = headers
    if (!isOurs(named)) return refuse("This studio does not answer under this name.")
    if (origin !== undefined && origin !== `http://${named.toLowerCase()}`) {
      return refuse(otherSites)
    }
    // an absolute target, or one that a browser would read as another host
    if (!/^\/(?![/\\])/.test(target)) return plain(404, "There is no such page.")
    const url = new URL(target, `http://${named}`)
    if (isForeign(headers) && (url.pathname.startsWith("/api/") || !isNavigation(headers))) return refuse(otherSites)
    const isKnown = isEqual(cookies[name] ?? "", cookie)
    const isRead = method === "GET" || method === "HEAD"
    if (!isRead && !changes.has(`${method} ${url.pathname}`)) {
      return plain(405, "This studio only answers GET and HEAD here.", { allow: "GET, HEAD" })
    }
    if (!isRead) return isKnown ? undefined : unknown
    const given = url.searchParams.get("token")
    // the address of an earlier start leads on, too, for a browser that has the cookie
    if (given !== null) return isKnown || isEqual(given, token) ? trade(url) : unknown
    return isKnown ? undefined : unknown
  }

  return <E, R>(app: Effect.Effect<Response, E, R>): Effect.Effect<Response, E, R | Request> =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request): Effect.Effect<Response, E, R> => {
      const response = answered(request)
      return response === undefined ? app : Effect.succeed(response)
    })
}
