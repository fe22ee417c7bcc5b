import { isReplayError, TraceScope } from "@effect-noukai/sdk"
import { Effect } from "effect"
import { handler } from "../answering.js"

/** One guard for the eight errors of a replay; the errors of the flows pass on, typed. */
export const replayed = (question: string, sessionId: string) =>
  handler(question).pipe(
    TraceScope.replay(sessionId),
    Effect.map(({ answer }) => JSON.stringify(answer)),
    Effect.catchIf(isReplayError, (error) =>
      Effect.succeed(
        error._tag === "ReplayMissError" || error._tag === "ReplayLeftoverError"
          ? `the program is another one now: ${error.message}`
          : `there is nothing to replay: ${error._tag}`
      ))
  )
