/** The first test of an application: its program, with a fake of the service. */
import { Noukai } from "@effect-noukai/sdk"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { grade } from "../grade.js"

it.effect("grades a text", () =>
  Effect.gen(function*() {
    const { score } = yield* grade
    assert.strictEqual(score, 9)
  }).pipe(Effect.provide(
    Noukai.layerTest((slug, input) => Effect.succeed({ score: 9, feedback: `${slug}: ${input.message}` }))
  )))
