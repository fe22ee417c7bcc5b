import { Batch } from "@effect-noukai/batch"
import { layerRunner } from "@effect-noukai/batch/cluster"
import * as Postgres from "@effect-noukai/batch/postgres"
import { Config, Effect, Layer } from "effect"

export const grading = Effect.gen(function*() {
  const callback = { url: yield* Config.string("WEBHOOK_URL"), nudges: yield* Postgres.nudges }
  return Batch.make({
    id: "grades-2026-11",
    flow: "acme/spelling/grade-3",
    callback,
    key: (essay: { readonly id: string; readonly text: string }) => essay.id,
    input: (essay) => ({ message: essay.text })
  })
})

// a runner has the webhooks of the batches that it names
export const Runner = Layer.unwrapScoped(Effect.gen(function*() {
  return layerRunner({ host: "127.0.0.1", port: yield* Config.integer("PORT"), batches: [yield* grading] })
}))

// where webhooks arrive: `webhooks({ secrets, onEvent })` of the adapters is the handler, and needs the database alone
export const onEvent = Effect.map(Postgres.nudges, (nudges) => nudges.onEvent)
