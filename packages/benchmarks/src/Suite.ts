/**
 * What a suite gives to the runner.
 */

/** One thing that is measured. */
export interface Row {
  readonly name: string
  /** Does a batch of operations and says how many it did. It must fail when an operation went wrong. */
  readonly run: () => Promise<number>
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
  readonly close: () => Promise<void>
}

export interface Suite {
  readonly name: string
  readonly prepare: () => Promise<Prepared>
}
