/**
 * What is wrong with something that a caller gave.
 *
 * @internal
 */
export interface Problem {
  readonly field: string
  readonly reason: string
}

/** @internal */
export const problem = (field: string, reason: string): Problem => ({ field, reason })
