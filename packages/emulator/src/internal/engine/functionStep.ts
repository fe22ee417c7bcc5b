/** Runs the code of a `function` step. */
import * as Effect from "effect/Effect"
import type { FunctionInput, FunctionStep, Json, StepFailure } from "../../Flow.js"
import { errorText } from "../errorText.js"

const internalError = (cause: unknown): StepFailure => ({
  code: "INTERNAL_ERROR",
  message: errorText(cause),
  status: 500
})

const isStepFailure = (value: unknown): value is StepFailure =>
  typeof value === "object" && value !== null && "code" in value && typeof value.code === "string"

const isThenable = (value: unknown): value is PromiseLike<Json> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function"

/** The output, or the failure of the code; a thrown error or an output that is no JSON is `INTERNAL_ERROR`. */
export const runFunction = (step: FunctionStep, input: FunctionInput): Effect.Effect<Json, StepFailure> =>
  Effect.try({ try: () => step.run(input), catch: internalError }).pipe(
    Effect.flatMap((result): Effect.Effect<Json, StepFailure> => {
      if (Effect.isEffect(result)) {
        return Effect.mapError(result, (failure) => isStepFailure(failure) ? failure : internalError(failure))
      }
      return isThenable(result)
        ? Effect.tryPromise({ try: () => Promise.resolve(result), catch: internalError })
        : Effect.succeed(result)
    }),
    Effect.catchAllDefect((defect) => Effect.fail(internalError(defect))),
    // a value that is no JSON could not be sent
    Effect.flatMap((output) =>
      Effect.try({
        try: (): Json => output === undefined ? null : JSON.parse(JSON.stringify(output)) as Json,
        catch: internalError
      })
    )
  )
