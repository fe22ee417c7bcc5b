/** The options of reads: of runs, sessions and jobs. */
import type * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"
import type { WaitOptions } from "../../Job.js"
import type { NoukaiError } from "../../NoukaiError.js"
import type { StepAttempts, StepTrace } from "../../Trace.js"
import { checkSegment } from "./address.js"
import type { ReadOptions, StreamOptions } from "./callOptions.js"
import * as Fields from "./fields.js"

/** The options of reading a run. */
export interface RunOptions extends ReadOptions {
  /** The limit of the whole call with its attempts; of a list, of each page. Default: the client's, none. */
  readonly timeout?: Duration.DurationInput | undefined
}

/** The attempt to read: the latest, every one, or one by its number, from 1. */
export type Attempt = "latest" | "all" | number

/** The options of reading one step: its attempt, and its iteration of a loop. */
export interface StepTraceOptions<out At extends Attempt = Attempt> extends RunOptions {
  /** The attempt. Default: `"latest"`. */
  readonly attempt?: At | undefined
  /** The iteration, from 0, of a step in a loop. */
  readonly loopIndex?: number | undefined
}

/** The value of `stepTrace`: all attempts for `"all"`, one otherwise. */
export type StepTraceOf<At extends Attempt> = At extends "all" ? StepAttempts : StepTrace

/** The options of listing runs. */
export interface ListOptions extends RunOptions {
  /** The server's id of the flow: `flowId` of a result, a job, a trace or a session. */
  readonly flowId: string
  /** The number of runs of a page, which is one request: 1 to 100. Default: the server's, 20. */
  readonly limit?: number | undefined
  /** The status of the runs. Default: any. */
  readonly status?: "running" | "completed" | "failed" | "cancelled" | undefined
}

/** The options of watching a run. There is no timeout for the whole stream. */
export interface LiveTraceOptions extends Omit<StreamOptions, "attemptTimeout" | "retryPost"> {
  /**
   * Reads again after a cut or a refusal that may pass, while the schedule lasts; the schedule begins anew with each new
   * event. Events that were given before are left out: of each kind and step, as many as there were. Default: off.
   */
  readonly heal?: Schedule.Schedule<unknown, NoukaiError> | undefined
}

const ofRead = { ...Fields.ofCall, timeout: Fields.duration }

export const runOptions = Fields.decoder<RunOptions>("options", () => ofRead)

export const stepTraceOptions = Fields.decoder<StepTraceOptions>("options", () => ({
  ...ofRead,
  attempt: Fields.must(
    (value) => value === "latest" || value === "all" || Fields.isCount(value, 1),
    "must be \"latest\", \"all\" or an integer of at least 1"
  ),
  loopIndex: Fields.count(0)
}))

export const listOptions = Fields.decoder<ListOptions>(
  "options",
  () => ({
    ...ofRead,
    flowId: Fields.anything,
    limit: Fields.must((value) => Fields.isCount(value, 1, 100), "must be an integer from 1 to 100"),
    status: Fields.oneOf("running", "completed", "failed", "cancelled")
  }),
  ({ flowId }) => checkSegment("flowId", flowId)
)

export const liveTraceOptions = Fields.decoder<LiveTraceOptions>("options", () => ({
  ...Fields.ofStream,
  heal: Fields.schedule
}))

export const waitOptions = Fields.decoder<WaitOptions>("options", () => ({ ...ofRead, schedule: Fields.schedule }))
