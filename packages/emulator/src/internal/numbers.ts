/** Checks the numbers and times among the options of an emulator, before it listens. */
import { isCount } from "@effect-noukai/sdk/kit/names"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { EmulatorError } from "../EmulatorError.js"
import type { EmulatorOptions } from "../EmulatorOptions.js"
import { isTime } from "./time/time.js"

const most = Number.MAX_SAFE_INTEGER

/** The ranges of whole numbers. */
const counts: { readonly [field: string]: readonly [least: number, most: number] } = {
  port: [0, 65_535],
  seed: [-most, most],
  toolIterationLimit: [1, most],
  "limits.bodyBytes": [0, most],
  "limits.headerBytes": [1, most],
  "limits.connections": [1, most],
  "limits.ledgerBodyBytes": [0, most],
  "limits.runs": [1, most],
  "limits.runBytes": [1, most],
  "limits.evicted": [0, most],
  "jobs.workers": [1, most],
  "jobs.capacity": [0, most]
}

const durations = [
  "limits.requestTimeout",
  "limits.keepAliveTimeout",
  "limits.readerTimeout",
  "jobs.rowDelay",
  "jobs.queueDelay",
  "sessions.lag"
]

/** Fails for the first number that is not in its range, and for a time that is negative, endless or not a time. */
export const checkNumbers = (options: EmulatorOptions): Effect.Effect<void, EmulatorError> => {
  const valueOf = (field: string): unknown =>
    field.split(".").reduce<unknown>((value, name) => Predicate.isRecord(value) ? value[name] : undefined, options)
  const wrong = (path: string, rule: string) =>
    new EmulatorError({ reason: "Config", path, message: `${path} must be ${rule}, not ${String(valueOf(path))}` })
  for (const [field, [least, greatest]] of Object.entries(counts)) {
    const value = valueOf(field)
    if (value !== undefined && !isCount(value, least, greatest)) {
      const range = greatest === most ? least === -most ? "" : ` of at least ${least}` : ` from ${least} to ${greatest}`
      return wrong(field, `a whole number${range}`)
    }
  }
  for (const field of durations) {
    const value = valueOf(field)
    if (value !== undefined && !isTime(value)) {
      return wrong(field, "a finite duration of at least 0: milliseconds, or text such as \"30 seconds\"")
    }
  }
  return Effect.void
}
