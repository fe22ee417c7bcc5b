/** Jobs by their ids. */
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

/** The time in which an unknown job counts as pending: another command may have just submitted it. */
export const grace = "5 seconds"

/** Returns handles of jobs, without duplicates. An unknown job is pending for the time of `grace`. */
export const attached = (
  flow: string,
  ids: Iterable<string>,
  grace: Duration.DurationInput
): Effect.Effect<ReadonlyArray<Job>, InvalidRequestError, JobService> =>
  Effect.flatMap(JobService, (jobs) => Effect.forEach(new Set(ids), (id) => jobs.attach(flow, id, { grace })))

/**
 * Fails if the server cannot be reached. Without this check, a wait without a timeout would retry for minutes.
 */
export const reached = (job: Job): Effect.Effect<unknown, CallError> =>
  Effect.catchIf(job.poll(), (error) => error._tag !== "APIConnectionError", () => Effect.void)

/** Returns the last status of a job that completed, or fails as its result does. */
export const completed = (job: Job, timeout: Duration.DurationInput) =>
  Effect.flatMap(job.wait({ timeout }), (status) =>
    // the status has the digits of a result that JavaScript cannot hold
    status.status === "completed"
      ? Effect.succeed(status)
      : Effect.map(job.result({ timeout }), (result) => ({ result })))

/** The JSON of a job whose status cannot be read. */
export const unread = (executionId: string, kind: string, message: string): object => ({
  executionId,
  status: "unread",
  error: { kind, message }
})

interface OfJobs extends ServerFlags {
  readonly flow: string
}

/** Returns the command that waits for the jobs. */
export const waiting = (input: OfJobs, ids: Iterable<string>): string => hint(input, "job wait", [input.flow, ...ids])

/** Prints on an interruption that the jobs continue. */
export const goesOn =
  (input: OfJobs, ids: Iterable<string>) =>
  <A, E, R>(wait: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Terminal> =>
    Effect.onInterrupt(wait, () =>
      Effect.flatMap(
        Terminal,
        (terminal) => terminal.note(`interrupted; unfinished jobs continue: ${waiting(input, ids)}`)
      ))
