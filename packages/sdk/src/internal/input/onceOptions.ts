/** Checks of what runs once per key. */
import type { OnceOptions } from "../../ExecuteInput.js"
import { type Problem, problem } from "../errors/makeError.js"
import { toMillis } from "../time/duration.js"
import { checkFlag } from "./checks.js"

interface Given extends OnceOptions {
  readonly sessionId?: unknown
}

export const checkKey = (key: unknown): Problem | undefined =>
  typeof key === "string" && key !== "" ? undefined : problem("key", "must be text that is not empty")

const checkSettle = (settle: unknown): Problem | undefined => {
  if (settle === undefined) return undefined
  const ms = toMillis(settle)
  return ms === undefined || !Number.isFinite(ms)
    ? problem("settle", "must be a duration, at least 0 and with an end")
    : undefined
}

export const checkOnce = (given: Given): Problem | undefined =>
  checkFlag("rerunFailed", given.rerunFailed) ??
    checkSettle(given.settle) ??
    (given.sessionId === undefined
      ? undefined
      : problem("sessionId", "is made of the key here: leave it out"))
