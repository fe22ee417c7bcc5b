import * as Predicate from "effect/Predicate"

/**
 * A JSON value with the keys of its objects in order, so that equal values make equal text. Keys without a value are
 * left out.
 *
 * @internal
 */
export const canonical = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(canonical)
  return Predicate.isRecord(value)
    ? Object.fromEntries(
      Object.keys(value).sort().flatMap((key) => value[key] === undefined ? [] : [[key, canonical(value[key])]])
    )
    : value
}

/** @internal */
export const canonicalText = (value: unknown): string => JSON.stringify(canonical(value)) ?? "null"
