import { InsufficientCreditsError, Noukai } from "@effect-noukai/sdk"
import { Effect } from "effect"
import { grade } from "./grade.js"

// gets the slug and what would have been sent; what it gives goes through the flow's schema
const fake = Noukai.layerTest((slug, input) => Effect.succeed({ score: 9, feedback: `${slug}: ${input.message}` }))

export const faked = Effect.provide(grade, fake) // { score: 9, feedback: "grade-3: The cat sat." }

const noCredits = Noukai.layerTest(() =>
  Effect.fail(new InsufficientCreditsError({ method: "FlowService.execute", isRetryable: false }))
)

export const refused = grade.pipe(
  Effect.as("graded"),
  Effect.catchTag("InsufficientCreditsError", () => Effect.succeed("later")),
  Effect.provide(noCredits)
) // "later"
