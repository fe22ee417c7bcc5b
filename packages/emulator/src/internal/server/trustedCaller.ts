/**
 * Decides which callers a server on loopback answers. A page in a browser can post to it without a preflight request,
 * and can resolve its own name to this machine (DNS rebinding).
 */
/** Whether a host is this machine. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host)

interface Headers {
  readonly [name: string]: string
}

const withoutBrackets = (host: string): string => host.replace(/^\[(.*)\]$/, "$1")

export const namesLoopback = ({ host = "" }: Headers): boolean =>
  isLoopback(withoutBrackets(host.replace(/:\d+$/, "").toLowerCase()))

const isLocalOrigin = (origin: string): boolean =>
  URL.canParse(origin) && isLoopback(withoutBrackets(new URL(origin).hostname))

/** Whether a request does not come from a page. */
export const isNoPage = (headers: Headers): boolean =>
  headers.origin === undefined && (headers["sec-fetch-site"] ?? "none") === "none"

/** Whether a request names this machine and does not come from a page of another host. */
export const isLocal = (headers: Headers): boolean =>
  namesLoopback(headers) && headers["sec-fetch-site"] !== "cross-site" &&
  (headers.origin === undefined || isLocalOrigin(headers.origin))
