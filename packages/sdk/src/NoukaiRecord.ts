/**
 * Records every call through `NoukaiHttp` into a cassette that people review and tests replay. Results, typed errors,
 * every event, cuts, tool rounds, jobs and traces are kept. Headers are not recorded. The client's own key, ten well-known
 * forms of secrets and the values that `redact` names are replaced by `[redacted]`.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import { ReplayCassette } from "./Cassette.js"
import * as CassetteFile from "./internal/cassette/cassetteFile.js"
import { type CassetteClient, defaultsOf, restore } from "./internal/cassette/layout.js"
import { Recorder, saving } from "./internal/cassette/recorder.js"
import * as RecordingHttp from "./internal/cassette/recordingHttp.js"
import { type Redact, type Redaction, redactionOf, redactOption } from "./internal/cassette/redaction.js"
import { openCassette } from "./internal/cassette/replay.js"
import { invalid, known, readable } from "./internal/core/makeError.js"
import type { Match } from "./internal/core/replayReport.js"
import { type CallDefaults, type HttpService, lazily } from "./internal/operations/operations.js"
import * as CallOptions from "./internal/options/callOptions.js"
import { NoukaiLive, type Services, servicesOverHttp } from "./Noukai.js"
import * as Errors from "./NoukaiError.js"
import * as NoukaiHttp from "./NoukaiHttp.js"

/**
 * When calls are recorded, and when they are replayed.
 *
 * - `once`: records if the file is absent, else replays it. If the recording was interrupted, it also records the calls
 *   that are missing.
 * - `new`: replays the calls of the file, and records other calls.
 * - `all`: records everything anew.
 * - `none`: replays, and records nothing.
 *
 * @since 0.1.0
 * @category models
 */
export type Mode = "once" | "new" | "all" | "none"

/**
 * The types of {@link Recording}.
 *
 * @since 0.1.0
 * @category models
 */
export declare namespace Recording {
  /**
   * The operations on the recording of a program.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Whether calls are made, and not only replayed. Always true in the modes `new` and `all`, and in the mode `once`
     * while recordings are missing.
     */
    readonly isRecording: boolean
    /**
     * Writes the calls recorded so far. Closing the layer writes them too; a failure is typed here, and a defect there.
     *
     * Fails with `CassetteError`: `TooLarge`, `Invalid` or `Files`.
     */
    readonly save: Effect.Effect<void, Errors.CassetteError>
  }
}

/**
 * The recording that a program writes or replays.
 *
 * @since 0.1.0
 * @category tags
 */
export class Recording extends Context.Tag("@effect-noukai/sdk/NoukaiRecord/Recording")<
  Recording,
  Recording.Service
>() {}

/**
 * The options of a recording: its mode, its matching, its redaction.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** Default: `"once"`; where the variable `CI` is set, `"none"`. */
  readonly mode?: Mode | undefined
  /** The rule that finds the recording of a call in a replay. Default: `"input"`. */
  readonly match?: Match | undefined
  /** More values to remove, beside the client's own key and the well-known forms of secrets. Default: none. */
  readonly redact?: Redact | undefined
  // `live`, the services that calls are recorded from, is an option of `toFile`, whose type depends on it.
}

const method = "NoukaiRecord.toFile"

const decodeOptions = CallOptions.decoder<Options & { readonly live?: unknown }>("options", () => ({
  mode: CallOptions.oneOf("once", "new", "all", "none"),
  match: CallOptions.oneOf("position", "input", "strict"),
  redact: redactOption,
  live: CallOptions.must(Layer.isLayer, "must be a Layer")
}))

type RecordServices = NoukaiHttp.NoukaiHttp | ReplayCassette | Recording

/** The services of a replay, and with `save` of a recording. */
const provided = (
  http: HttpService,
  verify: ReplayCassette.Service["verify"],
  save?: Recording.Service["save"]
): Context.Context<RecordServices> =>
  Context.make(NoukaiHttp.NoukaiHttp, NoukaiHttp.make(http)).pipe(
    Context.add(ReplayCassette, { verify }),
    Context.add(Recording, { isRecording: save !== undefined, save: save ?? Effect.void })
  )

/** The settings of the client that records, as a replay needs them. */
const clientOf = ({ org, project, replayEnabled, timeout }: CallDefaults, { text }: Redaction): CassetteClient =>
  known({
    org: org === undefined ? undefined : text(org),
    project: project === undefined ? undefined : text(project),
    timeout: timeout === undefined || !Duration.isFinite(timeout) ? undefined : Duration.toMillis(timeout),
    replayEnabled: replayEnabled === true ? true : undefined
  })

const switchedOff: ReadonlySet<string> = new Set(["", "0", "false"])

const defaultMode: Effect.Effect<Mode, Errors.InvalidRequestError> = Config.string("CI").pipe(
  Config.withDefault(""),
  Effect.mapError((cause) => invalid(method, "CI", "could not be read", { cause })),
  Effect.map((value) => switchedOff.has(value.trim().toLowerCase()) ? "once" : "none")
)

/** Builds the live services at the first use, and again after a failure. */
const buildOnce = <E, R>(
  live: Layer.Layer<NoukaiHttp.NoukaiHttp, E, R>
): Effect.Effect<Effect.Effect<HttpService, E>, never, Scope.Scope | R> =>
  Effect.map(
    Effect.all([Effect.scope, Effect.context<R>(), Effect.makeSemaphore(1)]),
    ([scope, environment, one]) => {
      let built: HttpService | undefined
      return one.withPermits(1)(Effect.gen(function*() {
        if (built !== undefined) return built
        const context = yield* Effect.provide(Layer.buildWithScope(live, scope), environment)
        return built = Context.get(context, NoukaiHttp.NoukaiHttp)
      }))
    }
  )

/** The failure of a call that finds that the live services cannot be built. */
const cannotBuild = (error: unknown): Errors.AuthenticationError | Errors.InvalidRequestError => {
  if (Errors.isNoukaiError(error) && (error._tag === "AuthenticationError" || error._tag === "InvalidRequestError")) {
    return error
  }
  return invalid(method, "live", "could not be built", { cause: error })
}

const record = <E, R>(
  path: string,
  live: Layer.Layer<NoukaiHttp.NoukaiHttp, E, R>,
  given: Options
): Layer.Layer<
  Services | ReplayCassette | Recording,
  E | Errors.CassetteError | Errors.InvalidRequestError | Errors.ReplayNoSnapshotsError,
  R
> =>
  Layer.provideMerge(
    servicesOverHttp(),
    Layer.scopedContext(Effect.gen(function*() {
      yield* CassetteFile.checkPath(method, path)
      const options = yield* decodeOptions(method, given)
      const mode = options.mode ?? (yield* defaultMode)
      const old = yield* Effect.catchIf(
        CassetteFile.read(method, path),
        (error) => error.reason === "NotFound" && mode !== "none",
        () => Effect.sync((): undefined => undefined)
      )
      let scrub: (text: string) => string = identity
      const redact = yield* redactionOf(method, options.redact, (text) => scrub(text))
      const match = options.match ?? "input"
      const replaying = { method, source: `cassette ${path}`, match, redact }
      const isIncomplete = old?.kind === "recording" && old.incomplete === true
      if (old !== undefined && (mode === "none" || (mode === "once" && !isIncomplete))) {
        const replay = yield* openCassette(old, { ...replaying, defaults: defaultsOf(old.client) })
        return provided(replay.http, replay.verify("ReplayCassette.verify"))
      }
      if (old?.kind === "session") {
        const detail = "it holds a session, and nothing can be added to that"
        return yield* CassetteFile.cassetteError(method, "Invalid", { path, detail })
      }
      const built = Effect.map(yield* buildOnce(live), (http) => {
        scrub = http.defaults.scrub ?? scrub
        return http
      })
      if (old === undefined || mode === "all") {
        const http = yield* built
        const recorder = new Recorder(redact, match, [])
        const save = yield* saving(path, recorder, old, () => clientOf(http.defaults, redact))
        return provided(RecordingHttp.make(recorder, http), Effect.void, save)
      }
      const recorder = new Recorder(redact, match, restore(old))
      const save = yield* saving(path, recorder, old, () => old.client)
      const defaults = RecordingHttp.interruptible(recorder, defaultsOf(old.client))
      const recording = Effect.map(Effect.mapError(built, cannotBuild), (http) => RecordingHttp.make(recorder, http))
      const replay = yield* openCassette(old, {
        ...replaying,
        defaults,
        otherwise: lazily(defaults, recording),
        reach: (place) => recorder.reach(place)
      })
      return provided(replay.http, replay.verify("ReplayCassette.verify"), save)
    }))
  )

/**
 * The services of `NoukaiLive`, recorded into a file, or replayed from it.
 *
 * The file is `noukai-cassette/1`: pretty JSON in an order of its own, with ids, times and costs apart, so that
 * recording the same thing again leaves it as it is. It is written as a whole when the layer is closed, however the
 * program ends; a crash leaves the old one. `live` (`NoukaiLive`) is built only if it is needed.
 *
 * A call that is interrupted before it is answered (a timeout, a race, a signal) is not written, and neither is its run.
 * The file is marked `incomplete`, and the mode `once` makes and bills that call again until it is answered.
 *
 * Fails as `live` does, with `CassetteError` (`NotFound` in the mode `none`, else as reading a file does), and with
 * `InvalidRequestError` if an option is wrong. If the file cannot be written, closing the layer dies with a `CassetteError`,
 * and `save` fails with it.
 *
 * The file contains neither the client's own key nor secrets of these forms: PEM private keys, JSON Web Tokens, keys of
 * AWS, GitHub, OpenAI, Anthropic, Stripe, Slack, Google and Noukai. Remove all other secrets with `redact`.
 *
 * @example
 * ```ts
 * import { FlowService, NoukaiRecord } from "@effect-noukai/sdk"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const flows = yield* FlowService
 *   return yield* flows.execute("acme/spelling/grade-3", { message: "The cat sat." })
 * })
 *
 * // records the first time, replays from then on
 * const test = Effect.provide(program, NoukaiRecord.toFile("test/cassettes/grade.json"))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export function toFile(
  path: string,
  options?: Options & { readonly live?: undefined }
): Layer.Layer<
  Services | ReplayCassette | Recording,
  Errors.AuthenticationError | Errors.InvalidRequestError | Errors.CassetteError | Errors.ReplayNoSnapshotsError
>
export function toFile<E, R>(
  path: string,
  options: Options & { readonly live: Layer.Layer<NoukaiHttp.NoukaiHttp, E, R> }
): Layer.Layer<
  Services | ReplayCassette | Recording,
  E | Errors.InvalidRequestError | Errors.CassetteError | Errors.ReplayNoSnapshotsError,
  R
>
export function toFile<E, R>(
  path: string,
  options: Options & { readonly live?: Layer.Layer<NoukaiHttp.NoukaiHttp, E, R> | undefined } = {}
): Layer.Layer<
  Services | ReplayCassette | Recording,
  E | Errors.AuthenticationError | Errors.InvalidRequestError | Errors.CassetteError | Errors.ReplayNoSnapshotsError,
  R
> {
  const given = readable(
    "NoukaiRecord.toFile",
    "live",
    () => Either.right(Predicate.hasProperty(options, "live") ? options.live : undefined)
  )
  if (Either.isLeft(given)) return Layer.fail(given.left)
  const live = given.right
  // @effect-diagnostics-next-line missingLayerContext:off -- which overload was called decides what is needed
  return live === undefined ? record(path, NoukaiLive, options) : record(path, live, options)
}

/**
 * Writes the calls recorded so far, so that a failure to do so is typed. Does nothing in a replay.
 *
 * @since 0.1.0
 * @category combinators
 */
export const save: Effect.Effect<void, Errors.CassetteError, Recording> = Effect.flatMap(Recording, ({ save }) => save)
