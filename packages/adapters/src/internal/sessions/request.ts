/** The parts of a request that decide its scope. */
import type { SessionsOptions } from "../../SessionsOptions.js"

/**
 * The session that a request wants to replay. Takes the first value of a repeated header, in any form of repetition. A
 * blank value counts as absent.
 */
export const requestedSession = (header: string | ReadonlyArray<string> | null | undefined): string | undefined => {
  const value = typeof header === "string" ? header : header?.[0]
  const first = value?.split(",", 1)[0]?.trim()
  return first === "" ? undefined : first
}

/** The path of a target: `/a/b` for `/a/b?c` and `http://host/a/b`. */
export const pathOf = (target: string): string => {
  const path = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "").replace(/[?#].*$/s, "")
  return path === "" ? "/" : path
}

const isBelow = (path: string, prefix: string): boolean =>
  path === prefix || path.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`)

export const isExcluded = (exclude: SessionsOptions["exclude"], target: string): boolean => {
  if (exclude === undefined) return false
  const path = pathOf(target)
  return typeof exclude === "function"
    ? exclude(path)
    : exclude.some((one) => typeof one === "string" ? isBelow(path, one) : path.search(one) !== -1)
}
