/**
 * Suites, and what they give to the runner.
 */

import type { Weighed } from "../../../scripts/sizes.mjs"

/** The cost of a process of its own: µs of CPU time, and MiB at most. */
export interface ProcessCost {
  readonly cpu: number
  readonly peak: number
  /** The operations of which the CPU time was; the process itself is one. */
  readonly operations?: number | undefined
}

/** One thing that is measured. */
export interface Row {
  readonly name: string
  /**
   * Does a batch of operations and says how many it did, or what the process took that was the operation. It must fail
   * when an operation went wrong.
   */
  readonly run: () => Promise<number | ProcessCost>
}

/** Rows that do the same work and are compared in the same rounds. */
export interface Group {
  readonly name: string
  /** The rows that the ratios are against. */
  readonly baselines: ReadonlyArray<string>
  readonly rows: ReadonlyArray<Row>
}

/** A suite with everything it needs running. */
export interface Prepared {
  readonly groups: ReadonlyArray<Group>
  /** kB of programs, where the suite weighs some. */
  readonly sizes?: ReadonlyArray<Weighed> | undefined
  readonly close: () => Promise<void>
}

export interface Suite {
  readonly name: string
  readonly prepare: () => Promise<Prepared>
}
