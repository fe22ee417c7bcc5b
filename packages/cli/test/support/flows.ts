/** A flow that does what it is told. */
import type { EmulatorOptions } from "@effect-noukai/emulator"
import { Effect } from "effect"

export const obeys = "acme/test/obeys"

/** Says its message; `fail` fails, and `hang` waits at a gate first. */
export const obeying = (gate: Effect.Effect<void>): EmulatorOptions["flows"] => [{
  ref: obeys,
  steps: [{
    kind: "function",
    id: "obey",
    run: ({ message, parameters }) =>
      message === "fail"
        ? Effect.fail({ code: "NO_LUCK", message: "no luck" })
        : message === "hang"
        ? Effect.as(gate, "said hang")
        : Object.keys(parameters).length === 0
        ? `said ${message}`
        : { message, parameters }
  }]
}]

export const flows = obeying(Effect.never)
