/**
 * An answer belongs to the run that was asked: one that names another run is nobody's result.
 *
 * @internal
 */

/** Whether an answer that may name a run is of this one. @internal */
export const isOfRun = (executionId: string, named: string | null | undefined): boolean =>
  named === undefined || named === null || named === "" || named === executionId

/** @internal */
export const otherRun = (named: string | null | undefined): string => `the server answered for another run, ${named}`
