/**
 * The options of an emulator.
 *
 * @since 0.1.0
 */
import type { Options as ConfigOptions } from "@effect-noukai/sdk/NoukaiConfig"
import type * as Duration from "effect/Duration"
import type { ApiKey, Organisation, RefusedRunPaths, RunPaths } from "./Account.js"
import type { RequestEntry } from "./EmulatorLedger.js"
import type { FaultRule } from "./Fault.js"
import type { CaptureMode, Flow } from "./Flow.js"

/**
 * The bounds of the server.
 *
 * @since 0.1.0
 * @category options
 */
export interface Limits {
  /** The largest request body, in bytes. A larger one is a 413. Default 16 MiB. */
  readonly bodyBytes?: number | undefined
  /** The largest headers, in bytes. Larger ones are a 431. Default 16 KiB. */
  readonly headerBytes?: number | undefined
  /** The most connections. Further ones are refused. Default 4096. */
  readonly connections?: number | undefined
  /** The time for a whole request to arrive, in real time. A later one is a 408. Default 30 seconds. */
  readonly requestTimeout?: Duration.DurationInput | undefined
  /** The time that a connection may be idle between requests, in real time. Default 5 seconds. */
  readonly keepAliveTimeout?: Duration.DurationInput | undefined
  /**
   * The time that a reader may leave a full connection unread before it is closed, in real time. Default 60 seconds.
   */
  readonly readerTimeout?: Duration.DurationInput | undefined
  /** The bytes of a request body that the ledger keeps. Default 1 MiB. */
  readonly ledgerBodyBytes?: number | undefined
  /** The number of runs that are kept. The oldest are evicted, and are then a 410. Default 50,000. */
  readonly runs?: number | undefined
  /** The bytes of all kept runs together. The oldest are evicted. Default 256 MiB. */
  readonly runBytes?: number | undefined
  /**
   * The number of evicted runs that are remembered, with their sessions, so that reads of them are a 410. Beyond it new
   * runs are a 503 `EVICTED_RUNS_LIMIT`. Default 1,000,000.
   */
  readonly evicted?: number | undefined
}

/**
 * The queue of jobs.
 *
 * @since 0.1.0
 * @category options
 */
export interface Jobs {
  /** The time after its submission during which polls do not find a job. Default 0. */
  readonly rowDelay?: Duration.DurationInput | undefined
  /** The time that a worker waits before it runs a job, which is `pending` until then. Default 0. */
  readonly queueDelay?: Duration.DurationInput | undefined
  /** The number of jobs that run at once. Default 8. */
  readonly workers?: number | undefined
  /** The number of jobs that may wait for a worker. Further ones are a 503 `QUEUE_FULL`. Default 1000. */
  readonly capacity?: number | undefined
}

/**
 * The lists of sessions.
 *
 * @since 0.1.0
 * @category options
 */
export interface Sessions {
  /** The time after its start during which the list of a session hides a run, on the emulator's clock. Default 0. */
  readonly lag?: Duration.DurationInput | undefined
}

/**
 * The webhooks of jobs. They are sent to the origins of `allow` and nowhere else: a delivery to any other address is
 * listed and not sent.
 *
 * @since 0.1.0
 * @category options
 */
export interface Webhooks {
  /** The secret that signs them. Default `whsec_emulator_00000000000000000000000000000000`. */
  readonly secret?: string | undefined
  /** The time before each further attempt at a delivery, on the emulator's clock. Default 1 second, 10 seconds, 1 minute. */
  readonly retries?: ReadonlyArray<Duration.DurationInput> | undefined
  /**
   * The origins to which webhooks are sent: `scheme://address:port` on a loopback address, such as `http://127.0.0.1:8787`.
   * A `callbackUrl` must begin with exactly this text. Default: none.
   */
  readonly allow?: ReadonlyArray<string> | undefined
}

/**
 * The events that carry outputs on a live stream. `"hosted"`: `step_output.outputContext` has the output of a step and
 * `step_input.inputContext` its input; `step_completed` has no `output` and `flow_completed` no `result`. The server
 * keeps the outputs of each run, so a later step may omit them. `"documented"`: `output`, `result`, `inputData` and
 * `outputData` carry them. The request of a later step has the outputs of earlier ones.
 *
 * @since 0.1.0
 * @category options
 */
export type StreamOutputs = "hosted" | "documented"

/**
 * The options of an emulator.
 *
 * @since 0.1.0
 * @category options
 */
export interface EmulatorOptions {
  /** The flows. Default: those of `file`, else the samples. */
  readonly flows?: ReadonlyArray<Flow> | undefined
  /** The path of a flows file. Its content comes before the options here. Default: none. */
  readonly file?: string | undefined
  /** The port; 0 is any free one. Default 0. */
  readonly port?: number | undefined
  /** The address to listen on. Default `127.0.0.1`, so that no other machine can connect. */
  readonly host?: string | undefined
  /**
   * The accepted keys. With at least one, every other key is refused. Default: the keys of `file`, else every key that
   * begins with `nk_`.
   */
  readonly keys?: ReadonlyArray<ApiKey> | undefined
  /** Credits, capture modes and limits by organisation. They replace those of `file`. Default: none. */
  readonly organisations?: { readonly [org: string]: Organisation } | undefined
  /**
   * The capture mode if neither the flow nor its organisation sets one. Default `"full"`, so that runs can be replayed.
   * The default of the hosted service is `"metadata_only"`, which stores no payloads.
   */
  readonly capture?: CaptureMode | undefined
  /** The faults from the start. Default: none. */
  readonly faults?: ReadonlyArray<FaultRule> | undefined
  /** The seed of ids and dice: the same seed and requests give the same responses. Default 1. */
  readonly seed?: number | undefined
  /** Rounds of tool calls after which a run fails with `TOOL_ITERATION_LIMIT`. Default 25. */
  readonly toolIterationLimit?: number | undefined
  /** The spelling inside `toolCallMessages`: `tool_calls` or `toolCalls`. Default `"snake"`. */
  readonly toolMessageCasing?: "snake" | "camel" | undefined
  /** The events that carry outputs on a live stream. Default `"hosted"`. */
  readonly streamOutputs?: StreamOutputs | undefined
  /**
   * The paths under which runs are read, if the organisation does not set them: `/seq/{org}/{project}/{flow}/runs/{id}`
   * for `"seq"`, `/flow-runs` and `/flow-runs/{id}` for `"flow-runs"`. Default `"both"`.
   */
  readonly runPaths?: RunPaths | undefined
  /** The status of a read under a path that `runPaths` excludes. Default 404. */
  readonly refusedRunPaths?: RefusedRunPaths | undefined
  /** Also sends the fields of older servers: `runId`, and `stepId` on `step_paused`. Default false. */
  readonly legacyFields?: boolean | undefined
  /** The queue of jobs. Default: each option at its own. */
  readonly jobs?: Jobs | undefined
  /** The webhooks of jobs. Default: none is sent. */
  readonly webhooks?: Webhooks | undefined
  /** The lists of sessions. Default: without lag. */
  readonly sessions?: Sessions | undefined
  /**
   * Serves `/_emulator`, which needs no key. Default: true if `host` is a loopback address, and then only for requests
   * that name a loopback host.
   */
  readonly control?: boolean | undefined
  /**
   * The address of a page for people. `GET /` redirects to it, and is a 404 while there is none. Every program of this
   * machine can read it, so that it must contain no secret. Default: none.
   */
  readonly home?: (() => string | undefined) | undefined
  /**
   * A secret by which a program recognises this server: `GET /_emulator/proof?challenge=TEXT` returns the HMAC-SHA256 of
   * the text under it, in hex. Default: none, and the path is a 404.
   */
  readonly nonce?: string | undefined
  /**
   * Called at the end of each API request, for example to log it. Also called for requests that were refused or cut.
   * Must not throw. Default: none, and nothing is printed.
   */
  readonly onRequest?: ((request: RequestEntry) => void) | undefined
  /** The bounds of the server. Default: each option at its own. */
  readonly limits?: Limits | undefined
  /** The client configuration of the layer, besides key and base URL. Default: the client's defaults. */
  readonly config?: Omit<ConfigOptions, "apiKey" | "env" | "port" | "baseUrl"> | undefined
}
