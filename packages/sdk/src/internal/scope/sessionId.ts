import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Fiber from "effect/Fiber"
import type * as Random from "effect/Random"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { isHeaderValue } from "../config/headers.js"
import { invalid, type RefusalFacts } from "../errors/makeError.js"
import * as Address from "../flow/address.js"
import type { FlowRef, FlowVersion } from "../flow/flow.js"
import type { HttpService } from "../operations/operations.js"
import { resolveCall, type ResolvedCall } from "../operations/resolvedCall.js"
import { liveRandom } from "../runtime/fiber.js"
import { scopeOf } from "./currentScope.js"

const sessionIdOf = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  http: HttpService,
  explicit: string | undefined
): string | undefined => {
  if (explicit !== undefined) return explicit
  const scope = scopeOf(fiber)
  return scope === undefined || (scope.mode === "capture" && http.defaults.replayedSessionId !== undefined)
    ? http.defaults.sessionId
    : scope.sessionId
}

/**
 * The session of a run: the call's own, else the scope's, else the client's. In the replay of a session, a capture's
 * session is the recorded one. Ids of scopes may come with a request from outside, so they too are checked here.
 */
export const resolveSession = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  http: HttpService,
  explicit: string | undefined,
  call: { readonly method: string; readonly flow: string }
): Either.Either<string | undefined, InvalidRequestError> => {
  const sessionId = sessionIdOf(fiber, http, explicit)
  return sessionId === undefined || isHeaderValue(sessionId)
    ? Either.right(sessionId)
    : Either.left(invalid(call.method, "sessionId", "must be text that a header can carry", { flow: call.flow }))
}

/** A call that may begin a run. */
export interface ResolvedRun<A> extends ResolvedCall<A> {
  readonly version: FlowVersion
  readonly sessionId: string | undefined
}

interface RunOptions {
  readonly timeout?: Duration.DurationInput | undefined
  readonly version?: FlowVersion | undefined
  readonly sessionId?: string | undefined
}

/** Resolves a call that may begin a run: also its version and its session. */
export const resolveRun = <A extends RunOptions>(
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  http: HttpService,
  method: string,
  flow: FlowRef<never>,
  decode: (method: string, given: A, facts: RefusalFacts) => Either.Either<A, InvalidRequestError>,
  given: A
): Either.Either<ResolvedRun<A>, InvalidRequestError> =>
  Either.gen(function*() {
    const call = yield* resolveCall(http, method, flow, decode, given)
    const { addressText, input } = call
    const sessionId = yield* resolveSession(fiber, http, input.sessionId, { method, flow: addressText })
    return { ...call, version: Address.versionOf(input.version), sessionId }
  })

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/**
 * Whether a value can be the id of a session: any UUID, in any case.
 *
 * @see contract 10.4
 */
export const isSessionId = (id: unknown): id is string => typeof id === "string" && uuid.test(id)

export const isSameSession = (a: unknown, b: unknown): boolean =>
  typeof a === "string" && typeof b === "string" && a.toLowerCase() === b.toLowerCase()

const fromRandom = (random: Random.Random): Effect.Effect<Uint8Array> =>
  Effect.map(
    Effect.all(Array.from({ length: 16 }, () => random.nextIntBetween(0, 256))),
    (bytes) => Uint8Array.from(bytes)
  )

const format = (bytes: Uint8Array): string => {
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")
}

/**
 * A new session id, a UUID of version 4. Effect's own generator begins each process with 32 random bits, too few for
 * ids that must differ between all processes of an application; so it is the platform's unless another was given.
 */
export const newSessionId: Effect.Effect<string> = Effect.flatMap(
  Effect.randomWith(Effect.succeed),
  (random) =>
    Effect.map(
      random === liveRandom
        ? Effect.sync(() => globalThis.crypto.getRandomValues(new Uint8Array(16)))
        : fromRandom(random),
      format
    )
)
