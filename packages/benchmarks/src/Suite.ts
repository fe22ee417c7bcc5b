/**
 * Suites, and what they give to the runner.
 */

import type { Weighed } from "../../../scripts/sizes.mjs"

/** The cost of a process of its own: µs of CPU time, and MiB at most. */
export interface ProcessCost {
  readonly cpu: number
  readonly peak: number
  /** The number of operations that the CPU time was measured for. The process itself counts as one. */
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
  /** Whether its operations are processes, or run in some. */
  readonly isOfProcesses?: boolean | undefined
}

/** A suite with everything it needs running. */
export interface SuiteRun {
  readonly groups: ReadonlyArray<Group>
  /** kB of programs, where the suite weighs some. */
  readonly sizes?: ReadonlyArray<Weighed> | undefined
  /** A table of what the suite has counted itself, with its head. */
  readonly facts?: ReadonlyArray<ReadonlyArray<string>> | undefined
  readonly close: () => Promise<void>
}

export interface Suite {
  readonly name: string
  /**
   * Whether each row has a process of its own, as a program has that uses one client: in one process clients make each
   * other slower, by the types that V8 sees and the memory that they keep.
   */
  readonly apart?: boolean | undefined
  readonly prepare: () => Promise<SuiteRun>
}
