/** Starts the row of a run, and refuses requests about a row that is gone. */
import * as Either from "effect/Either"
import type { CaptureMode } from "../../Flow.js"
import { type ApiError, refuse } from "../apiError.js"
import type { State } from "../state.js"
import type { Caller } from "../store/accounts.js"
import { type NewRun, projectOf, type Run } from "../store/runs.js"

/**
 * The capture mode of one run. `trace: true` keeps payloads, unless capture is `off`.
 *
 * @see docs/wire.md#capture
 */
const captureOf = (configured: CaptureMode, trace: boolean): CaptureMode =>
  trace && configured === "metadata_only" ? "full" : configured

export interface RunStart extends Pick<NewRun, "tree" | "trigger" | "input" | "sessionId" | "size"> {
  /** The time in ms before readers see the row. */
  readonly rowDelay?: number
}

/** Starts a run. Refuses it if the emulator would have to forget an evicted run. */
export const startRun = (
  state: State,
  { input, rowDelay = 0, sessionId, size, tree, trigger }: RunStart
): Either.Either<Run, ApiError> => {
  if (!state.runs.hasRoom()) {
    return refuse(
      503,
      "EVICTED_RUNS_LIMIT",
      `The emulator has evicted ${state.runs.evictedCount()} runs and cannot remember more. Reset it, or raise limits.evicted or limits.runs.`
    )
  }
  const status = trigger === "job" ? "pending" : "running"
  return Either.right(
    state.runs.add(
      {
        tree,
        trigger,
        input,
        sessionId,
        size,
        capture: captureOf(tree.capture ?? state.accounts.capture(tree.org), input.trace),
        rowDelay,
        status
      },
      (executionId) =>
        state.ledger.runStarted({
          executionId,
          flow: tree.ref,
          flowId: tree.flowId,
          trigger,
          status,
          ...(sessionId === undefined ? undefined : { sessionId })
        })
    )
  )
}

/** The refusal of a request about a run that the emulator no longer keeps. */
export const gone = (what: string): Either.Either<never, ApiError> =>
  refuse(410, "GONE", `${what} has been evicted: the emulator only keeps the newest runs (limits.runs).`)

/** Refuses a key of another project. The project of an evicted run is still known. */
export const mayKnow = ({ org, project }: Caller, owner: string): Either.Either<void, ApiError> =>
  org === undefined || project === undefined || projectOf({ org, project }) === owner
    ? Either.void
    : refuse(403, "FORBIDDEN", "The API key is bound to another project.")
