/**
 * Deeper than anything that is recorded, and far from what overflows the stack of whoever walks it.
 *
 * @internal
 */
export const maxDepth = 512

/**
 * More values than any request or recording can hold. Lists that hold one another a few times each have as many: no
 * text, and no walk, of them comes to an end.
 *
 * @internal
 */
export const maxValues = 10_000_000

/**
 * Whether lists and objects are nested deeper than {@link maxDepth}, or without end.
 *
 * @internal
 */
export const nestsTooDeep = (value: unknown): boolean => {
  let level: ReadonlyArray<unknown> = [value]
  for (let depth = 0; depth <= maxDepth; depth++) {
    const inner: Array<unknown> = []
    for (const one of level) {
      if (typeof one === "object" && one !== null) { for (const item of Object.values(one)) inner.push(item) }
    }
    if (inner.length === 0) return false
    if (inner.length > maxValues) return true
    level = inner
  }
  return true
}
