import * as Context from "effect/Context"

/** Returns the reason of the abort that ends the current call, or nothing. */
export class AbortReason extends Context.Reference<AbortReason>()("@effect-noukai/promise/AbortReason", {
  defaultValue: (): () => unknown => () => undefined
}) {}
