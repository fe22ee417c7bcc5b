/**
 * The receivers of webhooks. A webhook is sent to the exact origins of `webhooks.allow`, which are on this machine, and
 * nowhere else: a server that posts wherever a request says would be a hole.
 */
import { BlockList, isIP } from "node:net"

const privates = new BlockList()
for (
  const [net, prefix] of [
    ["0.0.0.0", 8],
    ["10.0.0.0", 8],
    ["100.64.0.0", 10],
    ["127.0.0.0", 8],
    ["169.254.0.0", 16],
    ["172.16.0.0", 12],
    ["192.168.0.0", 16]
  ] as const
) privates.addSubnet(net, prefix, "ipv4")
for (const [net, prefix] of [["::", 127], ["fc00::", 7], ["fe80::", 10]] as const) {
  privates.addSubnet(net, prefix, "ipv6")
}

const isPrivate = ({ hostname }: URL): boolean => {
  const host = hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "")
  const version = isIP(host)
  return version === 0 ? /(?:^|\.)localhost$/.test(host) : privates.check(host, version === 4 ? "ipv4" : "ipv6")
}

export interface Target {
  readonly url: URL
  /** How the address is shown. A query may contain what only the receiver should know. */
  readonly shown: string
  /** Whether webhooks are sent there, and else how their deliveries end. */
  readonly status: "pending" | "failed_permanent" | "not_sent"
}

/** The receiver of a `callbackUrl`; `undefined` if it is refused. */
export const targetOf = (allow: ReadonlyArray<string>, text: string): Target | undefined => {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  // by the text, so that no other spelling of an origin is one of them
  const isAllowed = allow.some((origin) => text.startsWith(origin) && /^(?:[/?]|$)/.test(text.slice(origin.length)))
  if (!isAllowed && url.protocol !== "https:") return undefined
  const job = url.searchParams.get("job")
  return {
    url,
    shown: url.origin + url.pathname + (job === null ? "" : `?${new URLSearchParams({ job })}`),
    status: isAllowed ? "pending" : isPrivate(url) ? "failed_permanent" : "not_sent"
  }
}
