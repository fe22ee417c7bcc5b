/**
 * Whom a server on loopback answers. A page of a browser can post to it without asking, and a name of its own can be
 * made to mean this machine (DNS rebinding).
 *
 * @internal
 */
import { isLoopback } from "./loopback.js"

interface Headers {
  readonly [name: string]: string
}

const withoutBrackets = (host: string): string => host.replace(/^\[(.*)\]$/, "$1")

/** @internal */
export const namesLoopback = ({ host = "" }: Headers): boolean =>
  isLoopback(withoutBrackets(host.replace(/:\d+$/, "").toLowerCase()))

const isLocalOrigin = (origin: string): boolean =>
  URL.canParse(origin) && isLoopback(withoutBrackets(new URL(origin).hostname))

/** No page at all. @internal */
export const isNoPage = (headers: Headers): boolean =>
  headers.origin === undefined && (headers["sec-fetch-site"] ?? "none") === "none"

/** Neither another host's page nor another name of this one. @internal */
export const isLocal = (headers: Headers): boolean =>
  namesLoopback(headers) && headers["sec-fetch-site"] !== "cross-site" &&
  (headers.origin === undefined || isLocalOrigin(headers.origin))
