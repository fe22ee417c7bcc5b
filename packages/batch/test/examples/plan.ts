import { Batch, BatchSource } from "@effect-noukai/batch"
import { Console, Effect } from "effect"
import { grading } from "./gradeEssays.js"

/** The plan of a run. Nothing is sent, and nothing is written. */
export const dryRun = (path: string) =>
  Effect.gen(function*() {
    const { added, invalid, known, refused, refusedCount } = yield* Batch.plan(grading, BatchSource.fromJsonl(path))
    yield* Console.log(`${added} new, ${known.done ?? 0} done, ${invalid} invalid, ${refusedCount} refused`)
    for (const { at, error } of refused) yield* Console.log(`${at}: ${error.message}`)
  })
