/**
 * Recordings to replay, as a value and as a file: a session of the server, or the calls that a program recorded.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Function from "effect/Function"
import * as CassetteFile from "./internal/cassette/cassetteFile.js"
import { Cassette, RecordedCassette, SessionCassette } from "./internal/cassette/recording.js"
import { type Redact, redactionOf, redactSession } from "./internal/cassette/redaction.js"
import { maskSecrets as mask } from "./internal/cassette/secretForms.js"
import { checkSnapshots } from "./internal/cassette/sessionRecordings.js"
import { known } from "./internal/core/makeError.js"
import type { CassetteError, InvalidRequestError, ReplayLeftoverError, ReplayOpenError } from "./NoukaiError.js"
import { NoukaiHttp } from "./NoukaiHttp.js"

export type { Redact } from "./internal/cassette/redaction.js"
export { Change, Difference, Match, RecordedCall, ReplayedCall, ReplayReport } from "./internal/core/replayReport.js"

export {
  /**
   * The content of a cassette file: a session as the server gave it, or a recording.
   *
   * @since 0.1.0
   * @category schemas
   */
  Cassette,
  /**
   * @since 0.1.0
   * @category schemas
   */
  RecordedCassette,
  /**
   * @since 0.1.0
   * @category schemas
   */
  SessionCassette
}

/**
 * The limit of a cassette file, in bytes: 64 MiB. A larger one is neither read nor written.
 *
 * @since 0.1.0
 * @category constants
 */
export const maxBytes: number = CassetteFile.maxBytes

/**
 * A cassette of the runs that were recorded under a session id, to replay now or to save as a file.
 *
 * Fails as fetching a session does, and with `ReplayNoSnapshotsError` if an execution was captured without payloads.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromSession: (
  sessionId: string
) => Effect.Effect<SessionCassette, ReplayOpenError, NoukaiHttp> = Effect.fnUntraced(function*(sessionId: string) {
  const method = "Cassette.fromSession"
  const http = yield* NoukaiHttp
  const session = yield* http.request("session", { method, options: {}, progress: { sent: "no" }, sessionId })
  yield* checkSnapshots(method, session)
  const { org, project } = http.defaults
  return {
    format: "noukai-cassette/1" as const,
    kind: "session" as const,
    client: known({ org, project }),
    session
  }
})

/**
 * Removes from a session the values that must not be committed. Paths are matched against each snapshot: `**.email`,
 * `message`. Patterns are also matched against the names of flows and steps; a replay then requires the same
 * patterns. A recording is redacted while it is recorded.
 *
 * Fails with `InvalidRequestError` if a path cannot be read, or for an unknown option.
 *
 * @since 0.1.0
 * @category combinators
 */
export const redact: {
  (what: Redact): (cassette: SessionCassette) => Either.Either<SessionCassette, InvalidRequestError>
  (cassette: SessionCassette, what: Redact): Either.Either<SessionCassette, InvalidRequestError>
} = Function.dual(
  2,
  (cassette: SessionCassette, what: Redact): Either.Either<SessionCassette, InvalidRequestError> =>
    Either.map(redactionOf("Cassette.redact", what), (redact) => redactSession(cassette, redact))
)

/**
 * Reads a JSON value, such as an imported JSON file, as a cassette. Fails with `CassetteError` if it is not a cassette, or
 * one of a newer format.
 *
 * @since 0.1.0
 * @category constructors
 */
export const decode = (value: unknown): Either.Either<Cassette, CassetteError> =>
  CassetteFile.decode("Cassette.decode", undefined, value)

/**
 * The text of a cassette as it is saved: pretty JSON, equal for equal cassettes.
 *
 * @since 0.1.0
 * @category combinators
 */
export const encode = (cassette: Cassette): string => CassetteFile.encode(cassette)

/**
 * Writes a cassette to a file, as a whole or not at all. A missing folder is made.
 *
 * Secrets of well-known forms are replaced by `[redacted]`, as in {@link encode}: PEM private keys, JSON Web Tokens, keys
 * of AWS, GitHub, OpenAI, Anthropic, Stripe, Slack, Google and Noukai. Remove all other secrets with {@link redact}.
 *
 * Fails with `CassetteError`: `TooLarge`, `Invalid`, or `Files` if it could not be written.
 *
 * @example
 * ```ts
 * import { Cassette } from "@effect-noukai/sdk"
 * import { Effect } from "effect"
 *
 * const keep = (sessionId: string) =>
 *   Cassette.fromSession(sessionId).pipe(Effect.flatMap(Cassette.save("test/cassettes/checkout.json")))
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const save: {
  (path: string): (cassette: Cassette) => Effect.Effect<void, CassetteError>
  (cassette: Cassette, path: string): Effect.Effect<void, CassetteError>
} = Function.dual(
  2,
  (cassette: Cassette, path: string): Effect.Effect<void, CassetteError> =>
    CassetteFile.write("Cassette.save", path, cassette)
)

/**
 * Reads a cassette from a file.
 *
 * Fails with `CassetteError`: `NotFound`, `Invalid`, `NewerFormat`, `TooLarge`, or `Files` if it could not be read.
 *
 * @since 0.1.0
 * @category constructors
 */
export const load = (path: string): Effect.Effect<Cassette, CassetteError> => CassetteFile.read("Cassette.load", path)

/**
 * Returns the text with `[redacted]` in place of secrets of well-known forms: PEM private keys, JSON Web Tokens, keys of
 * AWS, GitHub, OpenAI, Anthropic, Stripe, Slack, Google and Noukai. Cassettes are written without these. Other secrets are
 * not found.
 *
 * @since 0.1.0
 * @category combinators
 */
export const maskSecrets = (text: string): string => mask(text)

/**
 * The types of {@link ReplayCassette}.
 *
 * @since 0.1.0
 * @category models
 */
export declare namespace ReplayCassette {
  /**
   * The operations on the replay of a program.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Fails with `ReplayLeftoverError` if there are recordings that no call has taken; its `report` lists them.
     * Recordings that no call can take do not count.
     */
    readonly verify: Effect.Effect<void, ReplayLeftoverError>
  }
}

/**
 * The replay that a program runs in.
 *
 * @since 0.1.0
 * @category tags
 */
export class ReplayCassette extends Context.Tag("@effect-noukai/sdk/Cassette/ReplayCassette")<
  ReplayCassette,
  ReplayCassette.Service
>() {
  /**
   * Fails with `ReplayLeftoverError` if there are recordings that no call has taken: the last line of a test.
   *
   * @example
   * ```ts
   * import { FlowService, NoukaiReplay, ReplayCassette } from "@effect-noukai/sdk"
   * import { Effect } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const flows = yield* FlowService
   *   return yield* flows.execute("acme/spelling/grade-3", { message: "The cat sat." })
   * })
   *
   * const test = program.pipe(
   *   Effect.zipLeft(ReplayCassette.verify),
   *   Effect.provide(NoukaiReplay.fromFile("test/cassettes/grade.json"))
   * )
   * ```
   *
   * @since 0.1.0
   */
  static readonly verify: Effect.Effect<void, ReplayLeftoverError, ReplayCassette> = Effect.suspend(() =>
    Effect.flatMap(ReplayCassette, (cassette) => cassette.verify)
  )
}
