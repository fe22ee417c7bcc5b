import { cases, run } from "@effect-noukai/emulator/Conformance"
import type { StreamOutputs } from "@effect-noukai/emulator/EmulatorOptions"
import { Effect } from "effect"

/** The cases that need nothing but the sample flows, against any server whose streams have that shape. */
export const check = (baseUrl: string, key: string, shape: StreamOutputs): Effect.Effect<ReadonlyArray<string>> =>
  Effect.forEach(
    cases.filter(({ needs, streamOutputs = shape }) => streamOutputs === shape && needs.length === 0),
    (made) =>
      run(made, { baseUrl, keys: { "noukai/samples": key } }).pipe(
        Effect.match({ onFailure: (error) => `FAIL ${error.message}`, onSuccess: () => `ok   ${made.name}` })
      )
  )
