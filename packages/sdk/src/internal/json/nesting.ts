/**
 * Deeper than anything that is recorded, and far from what overflows the stack of whoever walks it.
 *
 * @internal
 */
export const maxDepth = 512

/**
 * Whether lists and objects are nested deeper than {@link maxDepth}.
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
    level = inner
  }
  return true
}
