import type { Flow } from "@effect-noukai/emulator"
import { Effect } from "effect"

export const triage: Flow = {
  ref: "acme/support/triage",
  steps: [
    {
      kind: "function",
      id: "classify",
      run: ({ message }) =>
        message === null
          ? Effect.fail({ code: "NOTHING_SAID", message: "There is nothing to classify.", status: 400 })
          : Effect.succeed({ label: /order|parcel/i.test(message) ? "order" : "other" })
    },
    { kind: "template", id: "answer", output: { text: "This is about your {{steps.classify.output.label}}." } }
  ]
}
