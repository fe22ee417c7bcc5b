/**
 * The file of a recording: read if it exists, and written if the recording has changed.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { CassetteError } from "../../NoukaiError.js"
import * as CassetteFile from "../cassette/cassetteFile.js"
import { isSameRecording, layout } from "../cassette/layout.js"
import type { RecordedCassette } from "../cassette/RecordedCassette.js"
import type { Match } from "../errors/replayReport.js"
import type { Recorder } from "./recorder.js"

const method = "NoukaiRecord.toFile"

/**
 * The cassette of the file, if it exists; in the mode `none` it must.
 *
 * @internal
 */
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

/**
 * Writes the cassette, unless only ids, times and costs have changed.
 *
 * @internal
 */
export const saving = (
  path: string,
  match: Match,
  recorder: Recorder,
  old: RecordedCassette | undefined,
  client: () => RecordedCassette["client"],
  holdsKey: () => ((text: string) => boolean) | undefined
): Effect.Effect<void, CassetteError> =>
  Effect.suspend(() => {
    if (recorder.overflowed) {
      return Effect.fail(
        CassetteFile.tooLarge(method, path, `what was recorded is over the limit of ${CassetteFile.maxBytes} bytes`)
      )
    }
    if (!recorder.changed && !recorder.broken) return Effect.void
    // only now is it known whether the calls in flight can be written
    const { recorded } = recorder
    if (recorder.broken) return Effect.fail(notJson(path))
    const laidOut = Effect.try({
      try: () => {
        const cassette = layout(recorded, client())
        return old !== undefined && isSameRecording(old, cassette, match) ? undefined : cassette
      },
      catch: (cause) => notJson(path, cause)
    })
    return laidOut.pipe(
      Effect.flatMap((cassette) =>
        cassette === undefined ? Effect.void : CassetteFile.write(method, path, cassette, holdsKey())
      ),
      Effect.map(() => recorder.written())
    )
  })

/**
 * Saves at the end of the scope, however the program ends, since its calls were billed.
 *
 * @internal
 */
export const savedAtTheEnd = (save: Effect.Effect<void, CassetteError>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.addFinalizer(() =>
    // a finalizer has no error channel, and a cassette that was not written must not pass for one that was
    Effect.catchAll(save, (error) => Effect.die(error))
  )
