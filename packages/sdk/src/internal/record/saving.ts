/** The file of a recording: read if it exists, and written if the recording has changed. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { CassetteError } from "../../NoukaiError.js"
import * as CassetteFile from "../cassette/cassetteFile.js"
import { isSameRecording, layout } from "../cassette/layout.js"
import type { RecordedCassette } from "../cassette/RecordedCassette.js"
import type { Match } from "../errors/replayReport.js"
import type { Recorder } from "./recorder.js"

const method = "NoukaiRecord.toFile"

/** The cassette of the file, if it exists; in the mode `none` it must. */
export const existing = (path: string, mode: "once" | "new" | "all" | "none") => {
  const read = Effect.asSome(CassetteFile.read(method, path))
  return mode === "none" ? read : Effect.catchIf(
    read,
    (error) => error.reason === "NotFound",
    () => Effect.succeedNone
  )
}

const notJson = (path: string, cause?: unknown): CassetteError =>
  CassetteFile.cassetteError(method, "Invalid", {
    path,
    detail: "something was recorded that cannot be written as JSON",
    cause
  })

/** Writes the cassette, unless only ids, times and costs have changed. */
export const saving = (
  path: string,
  match: Match,
  recorder: Recorder,
  old: RecordedCassette | undefined,
  client: () => RecordedCassette["client"]
): Effect.Effect<void, CassetteError> => {
  /** The file as it is now. */
  let written = old
  return Effect.suspend(() => {
    if (recorder.overflowed) {
      return Effect.fail(
        CassetteFile.tooLarge(method, path, `what was recorded is over the limit of ${CassetteFile.maxBytes} bytes`)
      )
    }
    if (recorder.broken) return Effect.fail(notJson(path))
    if (!recorder.changed) return Effect.void
    const { isIncomplete, recorded } = recorder
    // an absent file, or the old one, is worth more than an empty one
    if (recorded.length === 0) return Effect.void
    const laidOut = Effect.try({
      try: () => {
        const cassette = layout(recorded, client())
        return isIncomplete ? { ...cassette, incomplete: true as const } : cassette
      },
      catch: (cause) => notJson(path, cause)
    })
    return Effect.flatMap(laidOut, (cassette) =>
      Effect.map(
        written !== undefined && isSameRecording(written, cassette, match)
          ? Effect.void
          : CassetteFile.write(method, path, cassette),
        () => {
          written = cassette
          recorder.written()
        }
      ))
  })
}

/** Saves at the end of the scope, however the program ends, since its calls were billed. */
export const savedAtTheEnd = (
  recorder: Recorder,
  save: Effect.Effect<void, CassetteError>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.addFinalizer((exit) =>
    Effect.suspend(() => {
      if (Exit.isInterrupted(exit)) recorder.interrupted()
      // a finalizer has no error channel, and a cassette that was not written must not pass for one that was
      return Effect.catchAll(save, (error) => Effect.die(error))
    })
  )
