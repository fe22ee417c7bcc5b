/**
 * How much tests do: with `TESTS=whole`, as `npm run test:whole` and `npm run test:faults` set it, all of it; in `npm test`,
 * which has two minutes, a part that finds the same mistakes less surely.
 */
export const isWhole = process.env.TESTS === "whole"

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
