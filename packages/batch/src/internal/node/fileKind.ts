import * as Predicate from "effect/Predicate"
import type { Stats } from "node:fs"

/** The kind of a path that is not a plain file. */
export const kindOf = (stats: Stats): string =>
  stats.isDirectory() ? "a folder" : stats.isFIFO() ? "a pipe" : stats.isSocket() ? "a socket" : "a device"

/** The code of an error of Node: `ENOENT`. */
export const codeOf = (cause: unknown): string | undefined =>
  Predicate.isRecord(cause) && typeof cause.code === "string" ? cause.code : undefined
