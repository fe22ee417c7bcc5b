import * as Effect from "effect/Effect"
import type { InvalidRequestError } from "../../NoukaiError.js"
import { invalid } from "../errors/makeError.js"
import type { FlowAddress, FlowVersion } from "../flow/flow.js"

/** The flow and version that run under a key. */
export interface Keyed {
  readonly method: string
  readonly flow: FlowAddress
  readonly version: FlowVersion
  readonly key: string
}

/** The namespace of the sessions of keys, `3b1f6a0e-58c4-4b0c-9f0e-7d2a94c1b6e5`. It must never change. */
const namespace = Uint8Array.from([
  0x3b,
  0x1f,
  0x6a,
  0x0e,
  0x58,
  0xc4,
  0x4b,
  0x0c,
  0x9f,
  0x0e,
  0x7d,
  0x2a,
  0x94,
  0xc1,
  0xb6,
  0xe5
])

/** The name of an attempt, as text that no two of them share. It must never change. */
const nameOf = ({ flow: { org, project, slug }, key, version }: Keyed, attempt: number): string =>
  JSON.stringify([org, project, slug, String(version), key, attempt])

const uuidOf = (hash: Uint8Array): string => {
  hash[6] = (hash[6]! & 0x0f) | 0x50
  hash[8] = (hash[8]! & 0x3f) | 0x80
  const hex = Array.from(hash.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("")
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")
}

/**
 * The session of an attempt at a key, from 1: a UUID of version 5, so that every process finds it.
 *
 * @see RFC 9562, 5.5
 */
export const onceSession = (keyed: Keyed, attempt: number): Effect.Effect<string, InvalidRequestError> =>
  Effect.suspend(() => {
    // pages that are not served securely have none
    const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle
    if (subtle === undefined) {
      return Effect.fail(invalid(keyed.method, "key", "needs the platform's crypto.subtle, which is missing here"))
    }
    const name = new TextEncoder().encode(nameOf(keyed, attempt))
    const bytes = new Uint8Array(namespace.length + name.length)
    bytes.set(namespace)
    bytes.set(name, namespace.length)
    return Effect.map(Effect.promise(() => subtle.digest("SHA-1", bytes)), (hash) => uuidOf(new Uint8Array(hash)))
  })
