/**
 * What a replay is fed with, as a value and as a file: a recorded session, or what was recorded on this side.
 *
 * @since 0.1.0
 */
import { files } from "#files"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Function from "effect/Function"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { canonical } from "./internal/canonical.js"
import type { FileFailure } from "./internal/files/Files.js"
import { checkSnapshots } from "./internal/replay/sessionHttp.js"
import { CassetteError, type ReplayOpenError } from "./NoukaiError.js"
import { NoukaiHttp } from "./NoukaiHttp.js"
import { SessionResponse } from "./SessionCall.js"

const formatName = "noukai-cassette"

const formatVersion = 1

/**
 * A cassette file of more bytes is neither read nor written: 64 MiB.
 *
 * @since 0.1.0
 * @category constants
 */
export const maxBytes: number = 64 * 1024 * 1024

const common = {
  format: Schema.Literal("noukai-cassette/1"),
  /** Where bare slugs belonged when this was recorded. */
  client: Schema.Struct({ org: Schema.optional(Schema.String), project: Schema.optional(Schema.String) })
}

/**
 * A recorded session (contract 10.4), as the server gave it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SessionCassette = Schema.Struct({
  ...common,
  kind: Schema.Literal("session"),
  session: SessionResponse
})

/**
 * @since 0.1.0
 * @category models
 */
export interface SessionCassette extends Schema.Schema.Type<typeof SessionCassette> {}

/**
 * @since 0.1.0
 * @category schemas
 */
export const Cassette = Schema.Union(SessionCassette)

/**
 * @since 0.1.0
 * @category models
 */
export type Cassette = Schema.Schema.Type<typeof Cassette>

const unchecked = { disableValidation: true }

const problem = (
  method: string,
  reason: CassetteError["reason"],
  facts: { readonly path?: string | undefined; readonly detail?: string; readonly cause?: unknown }
): CassetteError => new CassetteError({ method, reason, ...facts, isRetryable: false }, unchecked)

const ofFile = (method: string, path: string) => (failure: FileFailure): CassetteError =>
  problem(method, failure.reason, { path, detail: failure.detail, cause: failure.cause })

/**
 * A cassette of what was recorded under a session id, to be replayed now or saved as a file.
 *
 * Fails as fetching a session does (contract 10.4), and with `ReplayNoSnapshotsError` if an execution was captured
 * without payloads.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromSession: (
  sessionId: string
) => Effect.Effect<SessionCassette, ReplayOpenError, NoukaiHttp> = Effect.fnUntraced(function*(sessionId: string) {
  const method = "Cassette.fromSession"
  const http = yield* NoukaiHttp
  const session = yield* http.session({ method, options: {}, progress: { sent: "no" }, sessionId })
  yield* checkSnapshots(method, session)
  const { org, project } = http.defaults
  return {
    format: "noukai-cassette/1" as const,
    kind: "session" as const,
    client: { ...(org === undefined ? undefined : { org }), ...(project === undefined ? undefined : { project }) },
    session
  }
})

const decodeCassette = ParseResult.decodeUnknownEither(Cassette, { errors: "first" })

const encodeCassette = Schema.encodeSync(Cassette)

const versionOf = (value: unknown): number | undefined => {
  const format: unknown = typeof value === "object" && value !== null && "format" in value ? value.format : undefined
  const match = typeof format === "string" ? /^noukai-cassette\/(\d{1,9})$/.exec(format) : null
  return match === null ? undefined : Number(match[1])
}

const decodeAt = (method: string, path: string | undefined, value: unknown): Either.Either<Cassette, CassetteError> => {
  const version = versionOf(value)
  if (version === undefined) {
    return Either.left(problem(method, "Invalid", { path, detail: `its format is not ${formatName}/${formatVersion}` }))
  }
  if (version > formatVersion) {
    return Either.left(
      problem(method, "NewerFormat", { path, detail: `its format is ${formatName}/${version}` })
    )
  }
  return Either.mapLeft(
    decodeCassette(value),
    (issue) => problem(method, "Invalid", { path, detail: ParseResult.TreeFormatter.formatIssueSync(issue) })
  )
}

/**
 * Reads a JSON value, such as an imported JSON file, as a cassette. Fails with `CassetteError` if it is none, or one of
 * a newer format.
 *
 * @since 0.1.0
 * @category constructors
 */
export const decode = (value: unknown): Either.Either<Cassette, CassetteError> =>
  decodeAt("Cassette.decode", undefined, value)

/**
 * The text of a cassette as it is saved: pretty JSON, equal for equal cassettes.
 *
 * @since 0.1.0
 * @category combinators
 */
export const encode = (cassette: Cassette): string => {
  const { session, ...envelope } = encodeCassette(cassette)
  const executions = (session.executions ?? []).map(({ steps, ...execution }) => ({
    ...execution,
    steps: (steps ?? []).map((step) => ({
      ...step,
      ...("inputSnapshot" in step ? { inputSnapshot: canonical(step.inputSnapshot) } : undefined),
      ...("outputSnapshot" in step ? { outputSnapshot: canonical(step.outputSnapshot) } : undefined),
      ...("errorSnapshot" in step ? { errorSnapshot: canonical(step.errorSnapshot) } : undefined)
    }))
  }))
  const { client, format, kind } = envelope
  return `${JSON.stringify({ format, kind, client, session: { ...session, executions } }, null, 2)}\n`
}

/**
 * Writes a cassette to a file, as a whole or not at all. The folder is made if need be.
 *
 * Fails with `CassetteError`: `TooLarge`, or `Files` if it could not be written.
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
} = Function.dual(2, (cassette: Cassette, path: string): Effect.Effect<void, CassetteError> =>
  Effect.suspend(() => {
    const method = "Cassette.save"
    const text = encode(cassette)
    const bytes = new TextEncoder().encode(text).length
    return bytes > maxBytes
      ? Effect.fail(
        problem(method, "TooLarge", { path, detail: `it has ${bytes} bytes, and the limit is ${maxBytes}` })
      )
      : Effect.mapError(files.write(path, text), ofFile(method, path))
  }))

/**
 * Reads a cassette from a file.
 *
 * Fails with `CassetteError`: `NotFound`, `Invalid`, `NewerFormat`, `TooLarge`, or `Files` if it could not be read.
 *
 * @since 0.1.0
 * @category constructors
 */
export const load = (path: string): Effect.Effect<Cassette, CassetteError> => {
  const method = "Cassette.load"
  return Effect.flatMap(
    Effect.mapError(files.read(path, maxBytes), ofFile(method, path)),
    (text) =>
      Either.flatMap(
        Either.try({
          try: (): unknown => JSON.parse(text),
          catch: () => problem(method, "Invalid", { path, detail: "it is not JSON" })
        }),
        (value) => decodeAt(method, path, value)
      )
  )
}
