/**
 * The memory of a process, for runs that fail when it grows.
 */

/** A full collection. Throws without `--expose-gc`. */
export const collectGarbage = (): void => {
  const gc: unknown = Reflect.get(globalThis, "gc")
  if (typeof gc !== "function") throw new Error("needs --expose-gc")
  gc()
}

export const mib = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`
