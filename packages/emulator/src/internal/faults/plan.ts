/** Translates a list of faults into a plan for one response. */
import type { Fault, Position } from "../../Fault.js"

/** The early end of a body. */
export interface Break {
  readonly at: Position
  readonly how: "cut" | "reset" | "end"
}

export type StatusFault = Extract<Fault, { readonly type: "status" }>

export interface Plan {
  /** The faults as written; `undefined` when there are none. */
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
  /** For a job: ms during which polls do not find it. */
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
