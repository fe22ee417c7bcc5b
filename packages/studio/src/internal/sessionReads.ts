/** The reads of sessions over the services of the SDK. */
import * as Cassette from "@effect-noukai/sdk/Cassette"
import { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import { SessionService } from "@effect-noukai/sdk/SessionService"
import * as Effect from "effect/Effect"
import { NotFound, type Unavailable } from "../RunsApi.js"
import type { StoredSession, StudioSource } from "../StudioSource.js"
import { messageOf, toUnavailable } from "./failures.js"
import { howToCapture } from "./sessions.js"
import { cut } from "./text.js"

type SessionFailure = Effect.Effect.Error<ReturnType<typeof Cassette.fromSession>>

const toFailure = (id: string) => (error: SessionFailure): NotFound | Unavailable => {
  switch (error._tag) {
    case "ReplayInvalidSessionError":
      return new NotFound({
        message: `${JSON.stringify(cut(id, 100))} is not the id of a session.`,
        advice: "The id of a session is a UUID. A run shows the session that it belongs to."
      })
    case "ReplaySessionNotFoundError":
      return error.isAbsent === false ? toUnavailable(error) : new NotFound({
        message: `There is no session ${id}.`,
        advice: "Check the id, and whether the key belongs to the project that ran it."
      })
    case "ReplaySessionExpiredError":
      return new NotFound({
        message: `The session ${id} has expired.`,
        advice: "Its runs cannot be read any more. Save a session as a cassette while it can be read."
      })
    case "ReplayForbiddenError":
      return new NotFound({
        message: `The session ${id} belongs to another project.`,
        advice: "Use a key of the project that ran it: `noukai doctor` shows which key is used."
      })
    case "ReplayNoSnapshotsError":
      return new NotFound({ message: messageOf(error), advice: howToCapture })
    default:
      return toUnavailable(error)
  }
}

export type SessionReads = Pick<StudioSource.Service, "cassette"> & {
  readonly read: (id: string) => Effect.Effect<StoredSession["session"], NotFound | Unavailable>
}

/** Makes the reads of sessions over the services of the SDK. */
export const make: Effect.Effect<SessionReads, never, SessionService | NoukaiHttp> = Effect.gen(function*() {
  const sessions = yield* SessionService
  const http = yield* NoukaiHttp
  return {
    read: (id) => Effect.mapError(sessions.get(id), toFailure(id)),
    cassette: (id) =>
      Cassette.fromSession(id).pipe(
        Effect.provideService(NoukaiHttp, http),
        Effect.mapBoth({ onFailure: toFailure(id), onSuccess: Cassette.encode })
      )
  }
})
