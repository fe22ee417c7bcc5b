/**
 * Decides which callers a server on loopback answers. A page in a browser can post to it without asking first, and can
 * make a name of its own mean this machine (DNS rebinding).
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

/** Whether a request comes from no page. */
export const isNoPage = (headers: Headers): boolean =>
  headers.origin === undefined && (headers["sec-fetch-site"] ?? "none") === "none"

/** Whether a request comes neither from another host's page nor under another name of this host. */
export const isLocal = (headers: Headers): boolean =>
  namesLoopback(headers) && headers["sec-fetch-site"] !== "cross-site" &&
  (headers.origin === undefined || isLocalOrigin(headers.origin))
