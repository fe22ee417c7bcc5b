/** The inputs that this machine has used with keys of `--once`. Only hashes are stored. */
import type { NoukaiError } from "@effect-noukai/sdk/NoukaiError"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { type UsageError, wrong } from "../exit/CommandError.js"
import { exitCodeOf, exitCodes } from "../exit/exitCode.js"
import { append, History, records } from "./History.js"

const Used = Schema.Struct({
  /** A hash of the server, the flow and the key. */
  once: Schema.String,
  /** A hash of the input. Empty if nothing ran. */
  input: Schema.String
})

/** Returns a hash of JSON that ignores the order of keys. */
const hash = (value: unknown): string =>
  createHash("sha256").update(
    JSON.stringify(value, (_, each: unknown) =>
      typeof each === "object" && each !== null && !Array.isArray(each)
        ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => a < b ? -1 : 1))
        : each)
  ).digest("hex")

/** Exit codes after which the key has no result. */
const nothing: ReadonlyArray<number> = [exitCodes.failed, exitCodes.usage, exitCodes.refused, exitCodes.notAllowed]

/**
 * Runs a call once for a key. Fails with a `UsageError` before anything is sent if this machine used the key with
 * another input, because the call would return the result of that input.
 */
export const once = <A extends { readonly reused: boolean }, E extends NoukaiError, R>(
  key: string,
  flow: string,
  input: object,
  call: Effect.Effect<A, E, R>
): Effect.Effect<A, E | UsageError, R | History> =>
  Effect.gen(function*() {
    const { address, isKept, server } = yield* History
    if (!isKept) return yield* call
    const used = { once: hash([server, address(flow), key]), input: hash([key, input]) }
    const known = (yield* records("once", Used)).findLast((each) => each.once === used.once)?.input ?? ""
    if (known !== "" && known !== used.input) {
      return yield* wrong(
        `--once ${JSON.stringify(key)} was used before with another input, and would return that result: ` +
          "use another key, the same input, or --no-history"
      )
    }
    if (known !== "") return yield* call
    yield* append("once", used)
    const forgotten = append("once", { ...used, input: "" })
    return yield* call.pipe(
      Effect.tapError((error) => nothing.includes(exitCodeOf(error, "begins")) ? forgotten : Effect.void),
      // another machine may have used another input
      Effect.tap(({ reused }) => reused ? forgotten : Effect.void)
    )
  })
