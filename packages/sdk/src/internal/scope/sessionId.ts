import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/**
 * Whether a session can have this id (contract 10.4): any UUID, in any case.
 *
 * @internal
 */
export const isSessionId = (id: unknown): id is string => typeof id === "string" && uuid.test(id)

/** @internal */
export const isSameSession = (a: unknown, b: unknown): boolean =>
  typeof a === "string" && typeof b === "string" && a.toLowerCase() === b.toLowerCase()

const liveRandom: Random.Random = Context.get(DefaultServices.liveServices, Random.Random)

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
 *
 * @internal
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
