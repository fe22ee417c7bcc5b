/**
 * A layer that records all calls into a file, or replays them from it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { call } from "./internal/call.js"
import { failures } from "./internal/failures.js"
import { connection, layerOf, servicesOver } from "./internal/layers.js"
import type { AuthenticationError, CassetteError, InvalidRequestError, ReplayNoSnapshotsError } from "./NoukaiError.js"
import type { NoukaiHttp } from "./NoukaiHttp.js"
import type { Options as ClientOptions, Services } from "./NoukaiOptions.js"
import type * as NoukaiReplay from "./NoukaiReplay.js"
import * as ReplayCassette from "./ReplayCassette.js"

/**
 * The options of {@link toFile}.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options extends NoukaiReplay.Options {
  /**
   * `"once"` records if the file is absent, else replays; `"new"` replays, and records other calls; `"all"` records
   * everything; `"none"` replays. Default: `"once"`; `"none"` if the variable `CI` is set.
   */
  readonly mode?: "once" | "new" | "all" | "none" | undefined
  /** The options of the client that records. */
  readonly client?: ClientOptions | undefined
}

/**
 * @since 0.1.0
 */
export declare namespace Recording {
  /**
   * A recording.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** Writes the file now. Its layer writes it too, when it is released. */
    readonly save: Effect.Effect<void, CassetteError>
  }
}

/**
 * The recording of a layer.
 *
 * @since 0.1.0
 * @category tags
 */
export class Recording extends Context.Service<Recording, Recording.Service>()("@effect-noukai/effect4/Recording") {}

/**
 * Records all calls into a file, or replays them from it. The file has no headers and no key.
 *
 * @since 0.1.0
 * @category layers
 */
export const toFile = (
  path: string,
  { client = {}, ...options }: Options = {}
): Layer.Layer<
  Services | ReplayCassette.ReplayCassette | Recording,
  AuthenticationError | InvalidRequestError | CassetteError | ReplayNoSnapshotsError
> =>
  layerOf(
    connection<AuthenticationError | InvalidRequestError | CassetteError | ReplayNoSnapshotsError>(
      failures.recordFile,
      client,
      { ...options, type: "record", path }
    ),
    (http) =>
      servicesOver(http).pipe(
        Context.add(ReplayCassette.ReplayCassette, ReplayCassette.make(http)),
        Context.add(Recording, recordingOf(http))
      )
  )

const recordingOf = ({ runtime }: NoukaiHttp.Service): Recording.Service => ({
  save: call(failures.cassette, () => runtime.save())
})

/**
 * Writes the file of the recording now.
 *
 * @since 0.1.0
 * @category operations
 */
export const save: Effect.Effect<void, CassetteError, Recording> = Effect.flatMap(Recording, ({ save }) => save)
