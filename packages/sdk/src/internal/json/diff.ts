import * as Predicate from "effect/Predicate"
import type { Path } from "./jsonPath.js"

/** A place in which two values differ; an absent value is left out. */
export interface Divergence {
  readonly path: Path
  readonly expected?: unknown
  readonly actual?: unknown
}

/** The places in which two JSON values differ, at most so many. */
export const differences = (expected: unknown, actual: unknown, limit: number): ReadonlyArray<Divergence> => {
  const changes: Array<Divergence> = []
  const add = (path: Path, more: Omit<Divergence, "path">): void => {
    if (changes.length < limit) changes.push({ path, ...more })
  }
  const compare = (before: unknown, after: unknown, path: Path): void => {
    if (changes.length >= limit || Object.is(before, after)) return
    if (Array.isArray(before) && Array.isArray(after)) {
      for (let index = 0; index < Math.max(before.length, after.length); index++) {
        const place = [...path, index]
        if (index >= before.length) add(place, { actual: after[index] })
        else if (index >= after.length) add(place, { expected: before[index] })
        else compare(before[index], after[index], place)
      }
      return
    }
    if (Predicate.isRecord(before) && Predicate.isRecord(after)) {
      for (const key of [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()) {
        const place = [...path, key]
        if (!Object.hasOwn(before, key)) add(place, { actual: after[key] })
        else if (!Object.hasOwn(after, key)) add(place, { expected: before[key] })
        else compare(before[key], after[key], place)
      }
      return
    }
    add(path, { expected: before, actual: after })
  }
  compare(expected, actual, [])
  return changes
}
