/**
 * Layers that answer all calls from recordings. Nothing goes live.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Layer from "effect/Layer"
import { type Failures, failures } from "./internal/failures.js"
import { connection, layerOf, servicesOver } from "./internal/layers.js"
import type { CassetteError, InvalidRequestError, ReplayNoSnapshotsError, ReplayOpenError } from "./NoukaiError.js"
import type { Options as ClientOptions, Services } from "./NoukaiOptions.js"
import * as ReplayCassette from "./ReplayCassette.js"

/**
 * The options of {@link fromFile}.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** The rule that finds the recording of a call. Default: `"input"`. */
  readonly match?: "position" | "input" | "strict" | undefined
  /** The values that are `[redacted]`: paths such as `**.email`, and patterns of text. Default: none. */
  readonly redact?: {
    readonly paths?: ReadonlyArray<string> | undefined
    readonly patterns?: ReadonlyArray<RegExp> | undefined
  } | undefined
}

const replayed = <E>(
  tags: Failures<E>,
  options: ClientOptions,
  source: Parameters<typeof connection>[2]
): Layer.Layer<Services | ReplayCassette.ReplayCassette, E | InvalidRequestError> =>
  layerOf(
    connection(tags, options, source),
    (http) => Context.add(servicesOver(http), ReplayCassette.ReplayCassette, ReplayCassette.make(http))
  )

/**
 * Replays a file: a recording, or a session that was saved.
 *
 * @since 0.1.0
 * @category layers
 */
export const fromFile = (
  path: string,
  options: Options = {}
): Layer.Layer<
  Services | ReplayCassette.ReplayCassette,
  CassetteError | InvalidRequestError | ReplayNoSnapshotsError
> =>
  replayed<CassetteError | InvalidRequestError | ReplayNoSnapshotsError>(failures.replayFile, {}, {
    ...options,
    type: "file",
    path
  })

/**
 * Replays a session of the server. The session is fetched once; the options are those of the client that fetches it.
 *
 * @since 0.1.0
 * @category layers
 */
export const fromSession = (
  sessionId: string,
  options: ClientOptions = {}
): Layer.Layer<Services | ReplayCassette.ReplayCassette, ReplayOpenError> =>
  replayed<ReplayOpenError>(failures.replaySession, options, { type: "session", sessionId })
