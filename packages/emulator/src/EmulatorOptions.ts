/**
 * How an emulator is set up.
 *
 * @since 0.1.0
 */
import type { Options as ConfigOptions } from "@effect-noukai/sdk/NoukaiConfig"
import type * as Duration from "effect/Duration"
import type { ApiKey, Organisation } from "./Account.js"
import type { FaultRule } from "./Fault.js"
import type { CaptureMode, Flow } from "./Flow.js"

/**
 * What bounds the server.
 *
 * @since 0.1.0
 * @category options
 */
export interface Limits {
  /** A larger body is 413. Default 16 MiB. */
  readonly bodyBytes?: number | undefined
  /** Larger headers are 431. Default 16 KiB. */
  readonly headerBytes?: number | undefined
  /** More connections are refused. Default 4096. */
  readonly connections?: number | undefined
  /** Until a whole request must have arrived, else it is 408; real time. Default 30 seconds. */
  readonly requestTimeout?: Duration.DurationInput | undefined
  /** How long a connection may be idle between requests; real time. Default 5 seconds. */
  readonly keepAliveTimeout?: Duration.DurationInput | undefined
  /** How long a reader may leave a full connection unread before it is closed; real time. Default 60 seconds. */
  readonly readerTimeout?: Duration.DurationInput | undefined
  /** How much of a request body the ledger keeps. Default 1 MiB. */
  readonly ledgerBodyBytes?: number | undefined
  /** How many runs are kept; the oldest are evicted, and then 410. Default 5,000. */
  readonly runs?: number | undefined
  /** How many bytes all of them may take; the oldest are evicted. Default 256 MiB. */
  readonly runBytes?: number | undefined
  /**
   * How many evicted runs, and the sessions that they were of, are known to be gone. When one more would have to be evicted,
   * new runs are 503 `EVICTED_RUNS_LIMIT`. Default 1,000,000.
   */
  readonly evicted?: number | undefined
}

/**
 * How jobs are queued (contract 8).
 *
 * @since 0.1.0
 * @category options
 */
export interface Jobs {
  /** How long polls do not find a job after its submission. Default 0. */
  readonly rowDelay?: Duration.DurationInput | undefined
  /** How long a worker waits with a job before it runs it; until then it is `pending`. Default 0. */
  readonly queueDelay?: Duration.DurationInput | undefined
  /** How many jobs run at once. Default 8. */
  readonly workers?: number | undefined
  /** How many jobs may wait for a worker; more are 503 `QUEUE_FULL`. Default 1000. */
  readonly capacity?: number | undefined
}

/**
 * How sessions are shown (contract 10.4).
 *
 * @since 0.1.0
 * @category options
 */
export interface Sessions {
  /** How long the list of a session does not show a run after its start, on the emulator's clock. Default 0. */
  readonly lag?: Duration.DurationInput | undefined
}

/**
 * Where a live stream carries outputs (contract 7.8). `"hosted"`: the output of a step on `step_output.outputContext`, its
 * input on `step_input.inputContext`; `step_completed` has no `output`, `flow_completed` no `result`; the server keeps the
 * outputs of each run, so that a later step may leave them out. `"documented"`: `output`, `result`, `inputData`,
 * `outputData`; the request of a later step brings the outputs of those before.
 *
 * @since 0.1.0
 * @category options
 */
export type StreamOutputs = "hosted" | "documented"

/**
 * What an emulator serves, and where it listens.
 *
 * @since 0.1.0
 * @category options
 */
export interface EmulatorOptions {
  /** Default: those of `file`, else the samples. */
  readonly flows?: ReadonlyArray<Flow> | undefined
  /** Path of a flows file: what it holds is there too, before what is given here. Default: none. */
  readonly file?: string | undefined
  /** 0 is any free one. Default 0. */
  readonly port?: number | undefined
  /** Default `127.0.0.1`, so that nobody else can call. */
  readonly host?: string | undefined
  /** When there is any, no other key is let in. Default: those of `file`, else every key that begins with `nk_`. */
  readonly keys?: ReadonlyArray<ApiKey> | undefined
  /** Credits, capture modes and limits by organisation, in place of those of `file`. Default: none. */
  readonly organisations?: { readonly [org: string]: Organisation } | undefined
  /** What is kept of payloads where neither the flow nor its organisation says. Default `"metadata_only"`. */
  readonly capture?: CaptureMode | undefined
  /** Faults from the start. Default: none. */
  readonly faults?: ReadonlyArray<FaultRule> | undefined
  /** What ids and dice are drawn from: the same seed and requests give the same responses. Default 1. */
  readonly seed?: number | undefined
  /** Rounds of tool calls after which a run fails with `TOOL_ITERATION_LIMIT`. Default 25. */
  readonly toolIterationLimit?: number | undefined
  /** Spelling inside `toolCallMessages`: `tool_calls` or `toolCalls` (contract C3). Default `"snake"`. */
  readonly toolMessageCasing?: "snake" | "camel" | undefined
  /** Where a live stream carries outputs (contract 7.8). Default `"hosted"`. */
  readonly streamOutputs?: StreamOutputs | undefined
  /** Also sends what older servers sent: `runId`, `stepId` on `step_paused` (contract 16.1). Default false. */
  readonly legacyFields?: boolean | undefined
  /** How jobs are queued. Default: each option at its own. */
  readonly jobs?: Jobs | undefined
  /** How sessions are shown. Default: at once. */
  readonly sessions?: Sessions | undefined
  /**
   * Serves `/_emulator`, which needs no key. Default: when `host` is a loopback address, and then only to requests
   * that name a loopback host.
   */
  readonly control?: boolean | undefined
  /** What bounds the server. Default: each option at its own. */
  readonly limits?: Limits | undefined
  /** The client configuration that the layer provides, beside key and base URL. Default: the client's defaults. */
  readonly config?: Omit<ConfigOptions, "apiKey" | "env" | "port" | "baseUrl"> | undefined
}
