/** JSON in which equal values have equal texts: the keys of objects are sorted. */

const sorted = (_: string, value: unknown): unknown => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value
  const keys = Object.keys(value)
  if (keys.every((key, index) => index === 0 || keys[index - 1]! <= key)) return value
  return Object.fromEntries(keys.sort().map((key) => [key, (value as { readonly [key: string]: unknown })[key]]))
}

/** @internal */
export const canonical = (value: unknown): string => JSON.stringify(value, sorted)
