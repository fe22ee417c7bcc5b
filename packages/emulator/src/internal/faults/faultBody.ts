/** The bodies that faults send in place of the API's: an error of some shape, or a page. */
import type { StatusFault } from "./plan.js"

/** An HTML page as proxies send it. */
export const page = "<html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>"

const codes: { readonly [status: number]: string } = {
  400: "BAD_REQUEST",
  401: "UNAUTHENTICATED",
  402: "INSUFFICIENT_CREDITS",
  403: "FORBIDDEN",
  404: "NOT_FOUND",
  410: "GONE",
  429: "RATE_LIMIT",
  502: "BYOK_KEY_REJECTED",
  503: "BILLING_UNAVAILABLE"
}

const defaultCode = (status: number): string => codes[status] ?? (status >= 500 ? "INTERNAL_ERROR" : "BAD_REQUEST")

export const faultBody = (
  status: StatusFault
): { readonly headers: { readonly [name: string]: string }; readonly text: string } => {
  const headers: Record<string, string> = {
    ...(status.retryAfter === undefined ? {} : { "Retry-After": status.retryAfter }),
    ...(status.status === 401 ? { "WWW-Authenticate": "Bearer" } : {}),
    ...(status.status >= 300 && status.status < 400 ? { Location: "/api/v1/elsewhere" } : {})
  }
  const message = "A fault that was asked for."
  if (status.body !== undefined) return { headers, text: status.body }
  switch (status.shape) {
    case "empty":
      return { headers, text: "" }
    case "html":
      return { headers: { ...headers, "Content-Type": "text/html" }, text: page }
    case "text":
      return { headers: { ...headers, "Content-Type": "application/json" }, text: JSON.stringify({ detail: message }) }
    case "list":
      return {
        headers: { ...headers, "Content-Type": "application/json" },
        text: JSON.stringify({ detail: [{ loc: ["body"], msg: message, type: "value_error.fault" }] })
      }
    case "coded":
      return {
        headers: { ...headers, "Content-Type": "application/json" },
        text: JSON.stringify({ detail: { code: status.code ?? defaultCode(status.status), message } })
      }
  }
}
