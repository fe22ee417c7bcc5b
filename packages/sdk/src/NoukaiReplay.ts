/**
 * The services of `NoukaiLive`, answered from a recording: swap the layer, and a program that was billed runs again for
 * nothing. The one request is the fetch of the session, and replay needs no `NOUKAI_REPLAY_ENABLED`.
 *
 * A session replays `execute`, `steps` and `events`. The n-th call of a flow takes its n-th recording: the bodies of
 * requests are not compared, and tool handlers are not called, because a session knows only the end of a conversation.
 * Jobs and traces fail with `ReplayMissError`.
 *
 * A recording (`NoukaiRecord`) replays everything: tool conversations round by round with their handlers, jobs on the
 * clock, errors and cuts as they were.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import type * as Cassette from "./Cassette.js"
import { ReplayCassette } from "./Cassette.js"
import * as CassetteFile from "./internal/cassette/cassetteFile.js"
import { defaultsOf } from "./internal/cassette/layout.js"
import { redactionOf, redactOption } from "./internal/cassette/redaction.js"
import { openCassette, type OpenReplay, openSession } from "./internal/cassette/replay.js"
import { invalid, readable } from "./internal/core/makeError.js"
import type { Match } from "./internal/core/replayReport.js"
import type { Requests } from "./internal/operations/operations.js"
import { currentScope, leavingReplay } from "./internal/operations/scope.js"
import * as CallOptions from "./internal/options/callOptions.js"
import { type Services, servicesOverHttp } from "./Noukai.js"
import type { NoukaiConfig } from "./NoukaiConfig.js"
import type { CassetteError, InvalidRequestError, ReplayNoSnapshotsError, ReplayOpenError } from "./NoukaiError.js"
import * as NoukaiHttp from "./NoukaiHttp.js"

/**
 * The options of a replay.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** Organisation of flows named by a bare slug. Default: the one that was recorded. */
  readonly org?: string | undefined
  /** Project of flows named by a bare slug. Default: the one that was recorded. */
  readonly project?: string | undefined
  /** The rule that finds the recording of a call. A session is always replayed by position. Default: `"input"`. */
  readonly match?: Match | undefined
  /** The values that were removed from the recording, to remove from calls too. Default: the keys of Noukai. */
  readonly redact?: Cassette.Redact | undefined
}

const decodeOptions = CallOptions.decoder<Options>("options", () => ({
  org: CallOptions.text,
  project: CallOptions.text,
  match: CallOptions.oneOf("position", "input", "strict"),
  redact: redactOption
}))

const provide = (replay: OpenReplay): Context.Context<NoukaiHttp.NoukaiHttp | ReplayCassette> =>
  Context.make(NoukaiHttp.NoukaiHttp, NoukaiHttp.make(replay.http)).pipe(
    Context.add(ReplayCassette, ReplayCassette.of({ verify: replay.verify("ReplayCassette.verify") }))
  )

/**
 * Replays a recorded session. It is fetched once, when the layer is built.
 *
 * Fails as fetching a session does, and with `ReplayNoSnapshotsError` if an execution was captured without payloads:
 * capture needs the mode `full` or `redacted`.
 *
 * @example
 * ```ts
 * import { FlowService, Noukai, NoukaiReplay } from "@effect-noukai/sdk"
 * import { Effect, Layer } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const flows = yield* FlowService
 *   return yield* flows.execute("acme/spelling/grade-3", { message: "The cat sat." })
 * })
 *
 * const replayed = (sessionId: string) =>
 *   Effect.provide(program, Layer.provide(NoukaiReplay.fromSession(sessionId), Noukai.layerOptions()))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const fromSession = (sessionId: string): Layer.Layer<Services | ReplayCassette, ReplayOpenError, NoukaiConfig> =>
  Layer.provideMerge(
    servicesOverHttp(),
    Layer.scopedContext(Effect.gen(function*() {
      const method = "NoukaiReplay.fromSession"
      const live = Context.get(yield* Layer.build(NoukaiHttp.layer), NoukaiHttp.NoukaiHttp)
      const enclosing = yield* currentScope
      // the fetch leaves this replay and goes through the one around it
      const fetch: Requests["session"] = (request) => leavingReplay(enclosing, live.request("session", request))
      const session = yield* fetch({ method, options: {}, progress: { sent: "no" }, sessionId })
      const replay = yield* openSession(method, session, { fetch, defaults: live.defaults })
      return provide(replay)
    }))
  )

function open<E>(
  method: string,
  given: Options,
  load: Effect.Effect<readonly [source: string, cassette: Cassette.Cassette], E>
): Layer.Layer<Services | ReplayCassette, E | InvalidRequestError | ReplayNoSnapshotsError> {
  return Layer.provideMerge(
    servicesOverHttp(),
    Layer.effectContext(Effect.gen(function*() {
      const { match = "input", org, project, redact } = yield* decodeOptions(method, given)
      const [source, cassette] = yield* load
      const { client } = cassette
      const defaults = { ...defaultsOf(client), org: org ?? client.org, project: project ?? client.project }
      const redaction = yield* redactionOf(method, redact)
      return provide(yield* openCassette(cassette, { method, source, match, redact: redaction, defaults }))
    }))
  )
}

/**
 * Replays a cassette value. It needs no configuration and opens no socket; a session that a call names and that is not
 * the recorded one is a `ReplayMissError`.
 *
 * Fails with `ReplayNoSnapshotsError` if an execution of a session was captured without payloads, and with
 * `InvalidRequestError` if an option is wrong.
 *
 * @since 0.1.0
 * @category layers
 */
export const fromCassette = (
  cassette: Cassette.Cassette,
  options: Options = {}
): Layer.Layer<Services | ReplayCassette, InvalidRequestError | ReplayNoSnapshotsError> => {
  const method = "NoukaiReplay.fromCassette"
  const loaded = Effect.suspend(() =>
    readable(method, "cassette", () =>
      CassetteFile.isCassette(cassette)
        ? Either.right([`the ${cassette.kind}`, cassette] as const)
        : Either.left(invalid(method, "cassette", "is not a cassette: read it with Cassette.decode or Cassette.load")))
  )
  return open(method, options, loaded)
}

/**
 * Replays a cassette file, as {@link fromCassette} replays its value.
 *
 * Fails with `CassetteError` if the file is missing, no cassette, of a newer format or too large, and as
 * {@link fromCassette} does.
 *
 * @example
 * ```ts
 * import { FlowService, NoukaiReplay } from "@effect-noukai/sdk"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const flows = yield* FlowService
 *   return yield* flows.execute("acme/spelling/grade-3", { message: "The cat sat." })
 * })
 *
 * const test = Effect.provide(program, NoukaiReplay.fromFile("test/cassettes/grade.json"))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const fromFile = (
  path: string,
  options: Options = {}
): Layer.Layer<Services | ReplayCassette, CassetteError | InvalidRequestError | ReplayNoSnapshotsError> => {
  const method = "NoukaiReplay.fromFile"
  const loaded = Effect.zipRight(CassetteFile.checkPath(method, path), CassetteFile.read(method, path))
  return open(method, options, Effect.map(loaded, (cassette) => [`cassette ${path}`, cassette] as const))
}
