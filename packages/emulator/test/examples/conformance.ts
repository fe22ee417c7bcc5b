import { cases, run } from "@effect-noukai/emulator/Conformance"
import { Effect } from "effect"

/** The cases that need nothing but the sample flows, against any server. */
export const check = (baseUrl: string, key: string): Effect.Effect<ReadonlyArray<string>> =>
  Effect.forEach(
    cases.filter(({ needs }) => needs.length === 0),
    (made) =>
      run(made, { baseUrl, keys: { "noukai/samples": key } }).pipe(
        Effect.match({ onFailure: (error) => `FAIL ${error.message}`, onSuccess: () => `ok   ${made.name}` })
      )
  )
