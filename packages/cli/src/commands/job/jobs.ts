/** Jobs by their ids, and what is said of those that go on. */
import type { Job } from "@effect-noukai/sdk/Job"
import { JobService } from "@effect-noukai/sdk/JobService"
import type { CallError, InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import * as Args from "@effect/cli/Args"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { argument } from "../../arguments/flags.js"
import { hint, type ServerFlags } from "../../terminal/shell.js"
import { Terminal } from "../../terminal/Terminal.js"

export const id = argument("id", "The id of the job, printed by noukai job submit.")

export const ids = Args.atLeast(argument("id", "The ids of the jobs, printed by noukai job submit."), 1)

/** How long the server may take to show a job that was submitted a moment ago, by another command. */
export const grace = "5 seconds"

/** The jobs of some ids, each once. One that the server does not know is pending for the time of grace. */
export const attached = (
  flow: string,
  ids: Iterable<string>,
  grace: Duration.DurationInput
): Effect.Effect<ReadonlyArray<Job>, InvalidRequestError, JobService> =>
  Effect.flatMap(JobService, (jobs) => Effect.forEach(new Set(ids), (id) => jobs.attach(flow, id, { grace })))

/**
 * Fails where the server cannot be reached at all. A wait without a limit would go on for as long: it takes it for one
 * that comes back.
 */
export const reached = (job: Job): Effect.Effect<void, CallError> =>
  Effect.catchAll(
    Effect.asVoid(job.poll),
    (error) => error._tag === "APIConnectionError" ? Effect.fail(error) : Effect.void
  )

interface OfJobs extends ServerFlags {
  readonly flow: string
}

/** The command that waits for what has not ended. */
export const waiting = (input: OfJobs, ids: Iterable<string>): string => hint(input, "job wait", [input.flow, ...ids])

/** Says of a wait that is interrupted that its jobs go on. */
export const goesOn =
  (input: OfJobs, ids: Iterable<string>) =>
  <A, E, R>(wait: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Terminal> =>
    Effect.onInterrupt(wait, () =>
      Effect.flatMap(
        Terminal,
        (terminal) => terminal.note(`interrupted; unfinished jobs continue: ${waiting(input, ids)}`)
      ))
