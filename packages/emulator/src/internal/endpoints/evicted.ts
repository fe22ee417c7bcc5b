/** Answers for runs that the emulator no longer keeps. */
import * as Either from "effect/Either"
import { refuse } from "../apiError.js"
import type { ApiError } from "../apiError.js"
import type { Caller } from "../store/accounts.js"
import type { EvictedRun } from "../store/runs.js"

export const gone = (what: string): Either.Either<never, ApiError> =>
  refuse(410, "GONE", `${what} has been evicted: the emulator keeps the newest runs only (limits.runs).`)

/** Refuses a key of another project, because the project of an evicted run is still known. */
export const mayKnow = ({ org, project }: Caller, evicted: Pick<EvictedRun, "isIn">): Either.Either<void, ApiError> =>
  org === undefined || project === undefined || evicted.isIn(org, project)
    ? Either.void
    : refuse(403, "FORBIDDEN", "The API key is bound to another project.")
