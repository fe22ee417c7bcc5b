/** Opens the replay of a cassette of either kind. */
import * as Effect from "effect/Effect"
import type { ReplayNoSnapshotsError } from "../../NoukaiError.js"
import type { Match } from "../core/replayReport.js"
import type { CallDefaults, HttpService } from "../operations/operations.js"
import { restore } from "./layout.js"
import type { RecordedCassette, SessionCassette } from "./RecordedCassette.js"
import * as RecordedHttp from "./recordedHttp.js"
import type { OpenReplay } from "./recordedHttp.js"
import type { Redaction } from "./redaction.js"
import * as SessionHttp from "./sessionHttp.js"

export interface Options {
  readonly method: string
  /** The name of the replayed cassette, for people. */
  readonly source: string
  readonly match: Match
  readonly redact: Redaction
  readonly defaults: CallDefaults
  /** The service for calls that were not recorded; absent: they fail. */
  readonly otherwise: HttpService | undefined
  /** A function that is given the place of each recording that a call takes. */
  readonly reach?: ((place: number) => void) | undefined
}

export const open = (
  cassette: SessionCassette | RecordedCassette,
  options: Options
): Effect.Effect<OpenReplay, ReplayNoSnapshotsError> => {
  const { defaults, match, method, otherwise, reach, redact, source } = options
  return cassette.kind === "session"
    ? SessionHttp.open(cassette.session, { method, fetch: undefined, defaults, redact: redact.text })
    : Effect.succeed(RecordedHttp.open(restore(cassette), { source, match, redact, defaults, otherwise, reach }))
}
