// a rejected promise has no type, so errors are anything at this edge
// @effect-diagnostics anyUnknownInErrorContext:off
/**
 * Cassettes for tests: the calls of a test are recorded into a file once, and replayed from it without a key and without
 * cost. For every test runner that takes a promise: vitest, `node:test`, Jest.
 *
 * @since 0.1.0
 */
import { ReplayCassette } from "@effect-noukai/sdk/Cassette"
import { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import * as NoukaiRecord from "@effect-noukai/sdk/NoukaiRecord"
import * as NoukaiReplay from "@effect-noukai/sdk/NoukaiReplay"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Client } from "./internal/client/client.js"
import { Lifetime, type Services } from "./internal/client/lifetime.js"
import { clientOptions, liveServices, runtimeOf } from "./internal/client/openClient.js"
import { valueOrThrow } from "./internal/errors/promiseError.js"
import { isRecord } from "./internal/json.js"
import { fieldsOf, reading, refusal } from "./internal/options/reading.js"
import { type Names, refuseUnknown } from "./internal/options/unknown.js"
import { Noukai, type NoukaiOptions } from "./Noukai.js"
import type { ClientOptions } from "./NoukaiOptions.js"

/**
 * When calls are recorded, and when they are replayed. A recorded call is sent and billed.
 *
 * - `once`: records if the file is absent, else replays it. It also records the calls that an interrupted recording has
 *   not.
 * - `new`: replays the calls of the file, and records other calls.
 * - `all`: records everything again.
 * - `none`: replays, and records nothing.
 *
 * @since 0.1.0
 * @category models
 */
export type RecordMode = "once" | "new" | "all" | "none"

/**
 * The options of {@link replay}.
 *
 * @since 0.1.0
 * @category options
 */
export interface ReplayOptions {
  /**
   * The rule that finds the recording of a call: `"input"` compares flow, version and input, `"position"` takes the n-th
   * recording of the flow, `"strict"` is `"input"` in the recorded order. Default: `"input"`.
   */
  match?: "position" | "input" | "strict" | undefined
  /**
   * The values that the recording has as `[redacted]`, beside the client's key and well-known forms of secrets: paths
   * such as `**.email`, and patterns of text. Default: none.
   */
  redact?: { paths?: ReadonlyArray<string> | undefined; patterns?: ReadonlyArray<RegExp> | undefined } | undefined
  /** Whether a recording that no call used is ignored, and not a `ReplayLeftoverError`. Default: false. */
  allowUnused?: boolean | undefined
}

/**
 * The options of {@link record}.
 *
 * @since 0.1.0
 * @category options
 */
export interface RecordOptions extends ReplayOptions {
  /** Default: `"once"`; `"none"` if the variable `CI` is set. */
  mode?: RecordMode | undefined
  /** The options of the client that records. A replay needs none of them. Default: those of `new Noukai()`. */
  client?: NoukaiOptions | undefined
}

type Recorded = Services | ReplayCassette | NoukaiRecord.Recording

const redactNames: Names<NonNullable<ReplayOptions["redact"]>> = { paths: true, patterns: true }

const replayNames: Names<ReplayOptions> = { match: true, redact: true, allowUnused: true }

const recordNames: Names<RecordOptions> = { ...replayNames, mode: true, client: true }

const optionsOf = <A extends ReplayOptions>(
  operation: string,
  test: unknown,
  given: A | undefined,
  names: Names<A>
): Partial<A> =>
  reading(operation, "options", () => {
    if (typeof test !== "function") throw refusal(operation, "test", "must be a function that takes the client")
    const options = fieldsOf(operation, given)
    refuseUnknown(operation, options, names)
    // a misspelled one would leave secrets in the file
    if (isRecord(options.redact)) refuseUnknown(`${operation}: redact`, options.redact, redactNames)
    const { allowUnused } = options
    if (allowUnused !== undefined && typeof allowUnused !== "boolean") {
      throw refusal(operation, "allowUnused", "must be true or false")
    }
    return { ...options }
  })

/** Runs a test with a client over services, and releases them. An error of the test comes before one of the release. */
const withClient = async <T>(
  services: Layer.Layer<Recorded, unknown>,
  { allowUnused }: ReplayOptions,
  test: (noukai: Noukai) => Promise<T> | T,
  client: ClientOptions = {}
): Promise<T> => {
  const { runner, runtime, signal } = runtimeOf(services, client)
  const run = async <A>(effect: Effect.Effect<A, unknown, Recorded>) =>
    valueOrThrow(await runtime.runPromiseExit(effect))
  try {
    const { defaults: { org, project, sessionId } } = await run(NoukaiHttp)
    const lifetime = new Lifetime<Services>(runner, async () => {})
    const noukai = new Noukai(new Client(lifetime, { org, project, sessionId, signal }))
    const value = await Promise.resolve(noukai).then(test).finally(() => noukai.close())
    await run(NoukaiRecord.save)
    if (allowUnused !== true) await run(Effect.flatMap(ReplayCassette, ({ verify }) => verify))
    await runtime.dispose()
    return value
  } catch (error) {
    // writes the calls of a test that failed
    await runtime.dispose().catch(() => {})
    throw error
  }
}

/**
 * Runs a test with a client that records its calls into a file, or replays them from it. The file has no headers and no
 * key. Calls that are in flight when the test ends are aborted. The calls of a test that fails are written too.
 *
 * Resolves with the value of the test, and rejects with its error. A call that the file does not have rejects with a
 * `ReplayMissError`, which names the difference. Rejects with a `ReplayLeftoverError` if a replay did not use some
 * recordings, and with a `CassetteError` if the file cannot be read or written, or is missing in the mode `none`.
 *
 * @example
 * ```ts
 * import { record } from "@effect-noukai/promise/testing"
 *
 * const graded = () =>
 *   record("test/cassettes/grade.json", async (noukai) => {
 *     const run = await noukai.flow("acme/spelling/grade-3").execute({ message: "The cat sat." })
 *     return run.status === "completed" ? run.result : undefined
 *   })
 * ```
 *
 * @since 0.1.0
 * @category operations
 */
export const record = async <T>(
  path: string,
  test: (noukai: Noukai) => Promise<T> | T,
  options?: RecordOptions
): Promise<T> => {
  const given = optionsOf("record", test, options, recordNames)
  const { match, mode, redact } = given
  const [client, live] = reading("record", "client", () => {
    const client = clientOptions(given.client)
    return [client, liveServices(client)] as const
  })
  const services = NoukaiRecord.toFile(path, { match, mode, redact, live })
  return await withClient(services, given, test, client)
}

/**
 * Runs a test with a client that replays a file: a recording, or a session that was saved. Nothing is sent. Resolves and
 * rejects as {@link record} does.
 *
 * @since 0.1.0
 * @category operations
 */
export const replay = async <T>(
  path: string,
  test: (noukai: Noukai) => Promise<T> | T,
  options?: ReplayOptions
): Promise<T> => {
  const given = optionsOf("replay", test, options, replayNames)
  const { match, redact } = given
  const recording = Layer.succeed(NoukaiRecord.Recording, { isRecording: false, save: Effect.void })
  const replayed = NoukaiReplay.fromFile(path, { match, redact })
  return await withClient(Layer.merge(replayed, recording), given, test)
}
