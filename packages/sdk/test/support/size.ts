/**
 * How much tests do. `npm run test:whole` and `npm run test:faults` set `TESTS`, and tests do all of it. `npm test` has two
 * minutes: there they do a part, which finds the same mistakes less surely. A file that uses this module has a mark in
 * its name (`vitest.workspace.ts`), so that CI runs it whole.
 */
export const isWhole = process.env.TESTS !== undefined

/** A count that is smaller in `npm test`. */
export const size = (whole: number, part: number): number => isWhole ? whole : part

/**
 * The rows that one of several of a kind tries, `at` of `count`: in `npm test` they deal them out, so that between them
 * they try all of them.
 */
export const share = <A>(rows: ReadonlyArray<A>, at: number, count: number): ReadonlyArray<A> =>
  isWhole ? rows : rows.filter((_, n) => n % count === at % count)

/**
 * Whether one of several of a kind, `at` of `count`, tries the next rule, asked once for each: in `npm test` they deal
 * the rules out, so that `each` of them try each.
 */
export const deal = (at: number, count: number, each: number): () => boolean => {
  let rule = 0
  return () => isWhole || (at + rule++) % count < each
}
