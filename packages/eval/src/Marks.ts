/**
 * The marks of people: whether an output of a case is good. They are rows of a file beside the definition, and count as a
 * check `human` of each run with the same output.
 *
 * @since 0.1.0
 */
import { canonicalText } from "@effect-noukai/sdk/kit/plainJson"
import { masked } from "@effect-noukai/sdk/SafeText"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { EvalFileError, InvalidEvalError } from "./EvalError.js"
import type { Trial } from "./EvalReport.js"
import { addText, readText } from "./internal/file.js"
import { parseJson } from "./internal/parse.js"
import { outputOf } from "./internal/report/words.js"
import { shortHash } from "./internal/values.js"

/**
 * A mark on the output of a case.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Mark = Schema.Struct({
  key: Schema.String,
  /** The hash of the output. */
  output: Schema.String,
  /** `none` takes an earlier mark back. */
  verdict: Schema.Literal("good", "bad", "none"),
  reason: Schema.optionalWith(Schema.String, { exact: true }),
  /** When it was made: `2026-05-01T12:00:00.000Z`. */
  at: Schema.String
})

/**
 * A mark on the output of a case.
 *
 * @since 0.1.0
 * @category models
 */
export type Mark = typeof Mark.Type

/**
 * The hash of an output. All digits of its numbers count, and the order of keys does not.
 *
 * @since 0.1.0
 * @category conversions
 */
export const hashOf = (trial: Pick<Trial, "state" | "result">): string => shortHash(canonicalText(outputOf(trial)))

/**
 * The marks of a file, the oldest first; none if there is no such file. Of several on one output the last counts.
 *
 * @since 0.1.0
 * @category operations
 */
export const read = (path: string): Effect.Effect<ReadonlyArray<Mark>, EvalFileError | InvalidEvalError> =>
  readText(path).pipe(
    Effect.catchIf(({ cause }) => (cause as { readonly code?: string }).code === "ENOENT", () => Effect.succeed("")),
    Effect.flatMap((text) =>
      Effect.forEach(
        text.split("\n").flatMap((row, nth) => row.trim() === "" ? [] : [[row, `${path}:${nth + 1}`] as const]),
        ([row, place]) => Effect.flatMap(parseJson(place, row), (file) => file.decode(Mark))
      )
    )
  )

/**
 * Adds a mark to a file. Keys of well-known forms in its reason are masked.
 *
 * @since 0.1.0
 * @category operations
 */
export const add = Effect.fnUntraced(function*(
  path: string,
  { reason = "", ...mark }: Pick<Mark, "key" | "output" | "verdict"> & { readonly reason?: string | undefined }
): Effect.fn.Return<Mark, EvalFileError> {
  const at = new Date(yield* Clock.currentTimeMillis).toISOString()
  const added: Mark = { ...mark, ...reason.trim() !== "" && { reason: masked(reason.trim()) }, at }
  yield* addText(path, JSON.stringify(added))
  return added
})
