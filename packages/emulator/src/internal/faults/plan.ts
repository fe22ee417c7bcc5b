/** Turns a list of faults into the plan of one response, and into the body of an error. */
import type { Fault, Position } from "../../Fault.js"

/** The early end of a body. */
export interface Break {
  readonly at: Position
  readonly how: "cut" | "reset" | "end"
}

type StatusFault = Extract<Fault, { readonly type: "status" }>

export interface Plan {
  /** The faults as written; `undefined` without faults. */
  readonly text: string | undefined
  readonly status: StatusFault | undefined
  readonly reset: "early" | "late" | undefined
  readonly breaks: ReadonlyArray<Break>
  readonly delayMs: number
  readonly stalls: ReadonlyArray<{ readonly ms: number; readonly at?: Position }>
  readonly pieces: { readonly bytes: number; readonly ms: number } | undefined
  readonly newline: "\n" | "\r\n" | "\r"
  readonly bom: boolean
  readonly unterminated: boolean
  readonly comment: boolean
  readonly unknown: boolean
  readonly malformedFirst: boolean
  readonly malformed: ReadonlySet<number>
  readonly dropped: ReadonlySet<number>
  readonly repeated: ReadonlySet<number>
  /** For a job: the time in ms during which polls do not find it. */
  readonly rowDelayMs: number | undefined
  readonly cancelAfterMs: number | undefined
  readonly body: "html" | "empty" | undefined
}

const of = <T extends Fault["type"]>(
  faults: ReadonlyArray<Fault>,
  type: T
): ReadonlyArray<Extract<Fault, { type: T }>> =>
  faults.filter((fault): fault is Extract<Fault, { type: T }> => fault.type === type)

const has = (faults: ReadonlyArray<Fault>, type: Fault["type"]): boolean => faults.some((fault) => fault.type === type)

export const make = (text: string | undefined, faults: ReadonlyArray<Fault>): Plan => {
  const resets = of(faults, "reset").map((fault) => fault.when)
  const split = of(faults, "split")[0]
  const drip = of(faults, "drip")[0]
  const malformed = of(faults, "malformed")
  return {
    text: faults.length === 0 ? undefined : text,
    status: of(faults, "status")[0],
    reset: resets.find((when) => when === "early" || when === "late"),
    breaks: [
      ...of(faults, "cut").map(({ at }): Break => ({ at, how: "cut" })),
      ...of(faults, "end").map(({ at }): Break => ({ at, how: "end" })),
      ...resets.flatMap((when): Array<Break> => typeof when === "string" ? [] : [{ at: when, how: "reset" }])
    ],
    delayMs: of(faults, "delay").reduce((total, { ms }) => total + ms, 0),
    stalls: of(faults, "stall"),
    pieces: drip ?? (split && { bytes: split.bytes, ms: 0 }),
    newline: of(faults, "newline")[0]?.newline ?? "\n",
    bom: has(faults, "bom"),
    unterminated: has(faults, "unterminated"),
    comment: has(faults, "comment"),
    unknown: has(faults, "unknown"),
    malformedFirst: malformed.some(({ event }) => event === undefined),
    malformed: new Set(malformed.flatMap(({ event }) => event ?? [])),
    dropped: new Set(faults.flatMap((fault) => fault.type === "drop" ? fault.event : [])),
    repeated: new Set(faults.flatMap((fault) => fault.type === "repeat" ? fault.event : [])),
    rowDelayMs: of(faults, "row")[0]?.ms,
    cancelAfterMs: of(faults, "cancel")[0]?.ms,
    body: has(faults, "html") ? "html" : has(faults, "empty") ? "empty" : undefined
  }
}

export const none: Plan = make(undefined, [])

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

/** The headers and text of an error that a fault sends in place of a response. */
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
