/**
 * How much tests do: with `TESTS=whole`, as `npm run test:whole` and `npm run test:faults` set it, all of it; in `npm test`,
 * which has two minutes, a part that finds the same mistakes less surely.
 */
export const isWhole = process.env.TESTS === "whole"

/** A count that is smaller in `npm test`. */
export const size = (whole: number, part: number): number => isWhole ? whole : part
